/** What a case is: data that says what to do and what must be seen. */

/** How much a case weighs: that of the strongest sentence it tests. */
export type Level = 'must' | 'should' | 'may'

/** Which claim a case belongs to (spec/README.md). */
export type Profile = 'core-relay' | 'core-client' | 'datagram-relay' | 'datagram-client'

/** How the relay under test is configured (spec chapter 19). */
export const SETUP_NAMES = [
  'standard',
  'small',
  'token',
  'quick',
  'crowded',
  'full',
  'rates',
  'links',
  'slow',
  'kept',
] as const
export type Setup = (typeof SETUP_NAMES)[number]

/** One case. */
export interface Case {
  /** Permanent, such as `HSK-005/none-in-common`. */
  readonly id: string
  /** Identifiers of the sentences that it tests. */
  readonly requirements: readonly string[]
  readonly profile: Profile
  /** The configuration it needs. */
  readonly setup: Setup
  /** The only transports it makes sense on; all when absent. */
  readonly transports?: readonly ('tcp' | 'udp')[]
  /** One step a line, in the language of spec chapter 19. */
  readonly steps: readonly string[]
  /** Whether it counts what is on the whole relay, and so has to run alone. */
  readonly isAlone?: boolean
  /** Whether its steps are packets of the datagram binding rather than frames. */
  readonly isPackets?: boolean
  /** A code by which an implementation may refuse what the case asks for (PAL-HSK-060). */
  readonly permits?: string
  /** What its links do to datagrams. */
  readonly weather?: Weather
}

/** Faults of the in-kit link, as probabilities for each datagram. */
export interface Weather {
  readonly loss?: number
  readonly duplication?: number
  readonly reordering?: number
  readonly corruption?: number
}

/** One frame that crossed a link, or a word about it. */
export interface Note {
  readonly who: string
  readonly direction: '>' | '<' | '-'
  readonly lane: number
  /** Hexadecimal, without the length prefix. */
  readonly hex: string
  readonly text: string
}

/** How a case ended. */
export interface Result {
  readonly id: string
  readonly transport: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** The step that failed and what was seen, or why it was not run. */
  readonly detail: string
  /** The step that failed. */
  readonly step: string
  /** Sentences that the failure breaks besides those of the case. */
  readonly broken: readonly string[]
  readonly notes: readonly Note[]
  readonly elapsedMs: number
}
