/** Command lines: what a command accepts, and what was given. */
import { parseArgs } from 'node:util'
import { nearestOf } from '../node/nearest.ts'
import { usageError } from './exit.ts'

/** One option of a command. */
export interface OptionSpec {
  readonly short?: string
  /** What stands for the value in the help; an option without one is a switch. */
  readonly value?: string
  readonly multiple?: boolean
  readonly help: string
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** What the command line is checked against and the help is made of. */
export interface CommandSpec {
  readonly name: string
  readonly summary: string
  readonly usage: readonly string[]
  /** Command and what it does. */
  readonly examples: readonly (readonly [string, string])[]
  readonly options: OptionSpecs
  /** Paragraphs at the end of the help. */
  readonly notes?: readonly string[]
}

/** A command line after parsing. */
export class Arguments {
  readonly positionals: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals
    this.#values = values
  }

  has(option: string): boolean {
    return this.#values.has(option)
  }

  /** The value given last. */
  text(option: string): string | undefined {
    return this.#values.get(option)?.at(-1)
  }

  all(option: string): readonly string[] {
    return this.#values.get(option) ?? []
  }
}

/** Accepted by every command. */
export const COMMON_OPTIONS: OptionSpecs = {
  json: { help: 'one JSON object per line; errors too' },
  quiet: { short: 'q', help: 'only what was asked for, and errors' },
  verbose: { short: 'v', help: 'say more on standard error' },
  'no-color': { help: 'no colours (also NO_COLOR=1)' },
  help: { short: 'h', help: 'this text' },
  version: { short: 'V', help: 'the version' },
}

/** Accepted by every command that opens a session. */
export const CLIENT_OPTIONS: OptionSpecs = {
  nick: { value: 'NAME', help: 'the name to go by (PALAVER_NICK; default: the last one, or your login)' },
  identity: { value: 'NAME', help: 'the identity to use (PALAVER_IDENTITY; default: one for each nick)' },
  transport: { value: 'tcp|udp', help: 'instead of what the address says' },
  'token-file': { value: 'FILE', help: 'the admission token (also PALAVER_TOKEN_FILE, PALAVER_TOKEN)' },
  insecure: { help: 'let the token cross plain TCP to another machine' },
  'trace-udp': {
    value: 'FILE',
    help: 'write every packet over UDP there, without contents (qlog, JSON-SEQ)',
  },
  timeout: { value: 'DURATION', help: 'for connecting (PALAVER_TIMEOUT; default 10s)' },
}

/** Accepted by commands whose session outlives a lost link. */
export const LASTING_OPTIONS: OptionSpecs = {
  e2ee: {
    value: 'prefer|require|off',
    help: 'seal direct messages end to end (PALAVER_E2EE; default prefer: with all who have keys here)',
  },
  patience: { value: 'DURATION', help: 'how long to try again when the link is lost (default 30s; 0s: not)' },
}

/** Parses the words after the command. Throws a usage error that names the nearest option for a wrong one. */
export function parseCommandLine(spec: CommandSpec, words: readonly string[]): Arguments {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {}
  const specs: OptionSpecs = { ...spec.options, ...COMMON_OPTIONS }
  for (const [name, { short, value }] of Object.entries(specs)) {
    const type = value === undefined ? 'boolean' : 'string'
    options[name] = short === undefined ? { type } : { type, short }
  }
  const { tokens } = parseArgs({
    args: [...words],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  })
  const positionals: string[] = []
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const value = checkedValue(spec, specs, token)
    const before = values.get(token.name)
    if (before) before.push(value)
    else values.set(token.name, [value])
  }
  return new Arguments(positionals, values)
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function checkedValue(spec: CommandSpec, specs: OptionSpecs, token: OptionToken): string {
  const known = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined
  if (!known) {
    const nearest = nearestOf(token.name, Object.keys(specs))
    const hint = nearest === undefined ? `see: palaver ${spec.name} --help` : `did you mean --${nearest}?`
    throw usageError(`${spec.name} has no option ${token.rawName}`, hint)
  }
  if (known.value === undefined) {
    if (token.value !== undefined) throw usageError(`${token.rawName} takes no value`)
    return ''
  }
  const isOption = token.inlineValue !== true && token.value !== '-' && token.value?.startsWith('-')
  if (token.value === undefined || isOption)
    throw usageError(`${token.rawName} needs a value: ${token.rawName} ${known.value}`)
  return token.value
}
