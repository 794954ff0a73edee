/** How the programs end. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  /** The command line or the configuration is wrong, or names something that is not there. */
  usage: 2,
  /** Nobody answers, a file cannot be read, or the session ended. */
  unreachable: 3,
  /** A key is not the one expected, or a check of what was received failed. */
  untrusted: 4,
  rateLimited: 5,
  /** Not admitted, banned, kicked or not permitted. */
  refused: 6,
  /** The relay or the room is full. */
  full: 7,
  /** What was waited for did not come in time. */
  nothing: 8,
  protocol: 9,
  /** A case of the conformance kit failed. */
  nonconformant: 10,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A failure that the program itself found, with the words for it. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exit: ExitCode
  /** Short and stable, for scripts. */
  readonly code: string
  /** What a person can do, or empty. */
  readonly hint: string

  constructor(exit: ExitCode, code: string, message: string, hint: string = '') {
    super(message)
    this.exit = exit
    this.code = code
    this.hint = hint
  }
}

/** A mistake in the command line. */
export function usageError(message: string, hint: string = ''): CliError {
  return new CliError(EXIT.usage, 'usage', message, hint)
}

/** The program was told to stop by a signal. */
export class Interrupted extends Error {
  override readonly name: string = 'Interrupted'
  readonly exit: number

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(signal)
    this.exit = signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 129
  }
}
