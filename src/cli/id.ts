/** `palaver id`: identities on this machine, the relays they know, and the people they met sealed. */
import { hexOf } from '../base/bytes.ts'
import { groupedFingerprint, parseRelayAddress, relayFingerprint, showRelayAddress } from '../node/address.ts'
import {
  listIdentities,
  newIdentity,
  openIdentity,
  readIdentity,
  type StoredIdentity,
} from '../node/identity-file.ts'
import { forgetRelay, knownRelays } from '../node/known-relays.ts'
import { nearestOf } from '../node/nearest.ts'
import type { Arguments, CommandSpec } from './args.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { columns } from './listing.ts'
import { writeJson, writeLine } from './output.ts'
import { PASSPHRASE_OPTION } from './passphrase.ts'
import { printable } from './printable.ts'

const KEY_SHOWN = 16
/** A safety number in groups. */
const WORDS_MAX = 1 + 12

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'id',
  summary: 'your identities and the relays you know',
  usage: [
    'palaver id new|show|list|relays|forget-relay [ARGUMENTS] [OPTIONS]',
    'palaver id verify NICK [NUMBER] | trust NICK [FINGERPRINT] [OPTIONS]',
    'palaver id export FILE | import FILE [OPTIONS]',
  ],
  examples: [
    ['palaver id show', 'your key: give it to an operator who is to admit you'],
    ['palaver id show --nick bot', 'the key that goes with the name bot'],
    ['palaver id new --nick bot', 'make it ahead of time'],
    ['palaver id list', 'all identities on this machine, and whom they met sealed'],
    ['palaver id verify bob --nick alice', 'what alice and bob compare: a number, and with --qr a code'],
    ['palaver id verify bob "12345 67890 ..." --nick alice', 'the number that bob reads out'],
    ['palaver id trust bob --nick alice', 'take the key that bob shows now'],
    ['palaver id export backup.palaver', 'a copy under a passphrase'],
    ['palaver id relays', 'the relays you met, with their fingerprints'],
    ['palaver id forget-relay udp://chat.example', 'accept a new key at the next contact'],
  ],
  options: {
    nick: { value: 'NAME', help: 'the identity that goes by this name (PALAVER_NICK)' },
    identity: { value: 'NAME', help: 'the identity of this file (PALAVER_IDENTITY)' },
    relay: { value: 'ADDRESS', help: 'only what is known at this relay' },
    qr: { help: 'with verify: the code that the other one scans' },
    ...PASSPHRASE_OPTION,
  },
  notes: [
    'Identities are files of mode 0600 in $XDG_CONFIG_HOME/palaver/identities. Whoever has one ' +
      'can speak as you: keep a copy in a safe place, and give it to nobody.',
    'After import conversations begin new sessions: nothing is sealed twice under one key, whatever the ' +
      'program did after the export. Use an identity in one place only.',
  ],
}

interface Action {
  /** Words it takes at the most. */
  readonly words: number
  readonly run: (args: Arguments, words: readonly string[]) => Promise<void> | void
}

const ACTIONS: Readonly<Record<string, Action>> = {
  new: { words: 0, run: create },
  show: { words: 0, run: show },
  list: { words: 0, run: list },
  relays: { words: 0, run: relays },
  'forget-relay': { words: 1, run: forget },
  verify: { words: WORDS_MAX, run: async (args, words) => (await people()).verify(args, owner(args), words) },
  trust: { words: WORDS_MAX, run: async (args, words) => (await people()).trust(args, owner(args), words) },
  export: {
    words: 1,
    run: async (args, words) => (await backups()).exportIdentity(args, owner(args), words),
  },
  import: { words: 1, run: async (args, words) => (await backups()).importIdentity(args, words) },
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const [action = 'show', ...rest] = args.positionals
  const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (!act) {
    const nearest = nearestOf(action, Object.keys(ACTIONS))
    throw usageError(
      `id cannot ${action}`,
      nearest === undefined ? 'see: palaver id --help' : `did you mean ${nearest}?`,
    )
  }
  if (rest.length > act.words) throw usageError(`id ${action} takes no "${rest.at(-1)}"`)
  await act.run(args, rest)
  return 0
}

// Loaded only where it is needed: cryptography takes time to start.
const people = (): Promise<typeof import('./id-people.ts')> => import('./id-people.ts')
const backups = (): Promise<typeof import('./id-backup.ts')> => import('./id-backup.ts')

/** The identity that exists already. */
function owner(args: Arguments): StoredIdentity {
  const stored = openIdentity(wishOf(args))
  if (!stored.isNew) return stored
  throw new CliError(EXIT.usage, 'unknown_identity', `${stored.label} was made just now and knows nobody`)
}

function wishOf(args: Arguments): { identity: string | undefined; nick: string | undefined } {
  const { env } = process
  return {
    identity: args.text('identity') ?? (env['PALAVER_IDENTITY'] || undefined),
    nick: args.text('nick') ?? (env['PALAVER_NICK'] || undefined),
  }
}

function create(args: Arguments): void {
  tell(newIdentity(wishOf(args)), args.has('json'))
}

async function show(args: Arguments): Promise<void> {
  const stored = openIdentity(wishOf(args))
  tell(stored, args.has('json'))
  if (!stored.isNew) (await people()).tellOwn(args, stored)
}

function tell(stored: StoredIdentity, json: boolean): void {
  const { label, nick, path, identity, isNew } = stored
  const key = hexOf(identity.publicKey)
  if (json) return writeJson('identity', { identity: label, nick, key, path, new: isNew })
  const rows = [
    ['identity', isNew ? `${label} (made now)` : label],
    ['nick', nick],
    ['key', key],
    ['file', path],
  ]
  for (const line of columns(rows)) writeLine(line)
}

async function list(args: Arguments): Promise<void> {
  const all = listIdentities().map((label) => readIdentity(label) as StoredIdentity)
  const { listPeople } = await people()
  const rows = columns(
    all.map(({ label, nick, identity }) => [label, nick, hexOf(identity.publicKey).slice(0, KEY_SHOWN)]),
  )
  for (const [i, stored] of all.entries()) {
    if (args.has('json')) tell(stored, true)
    else writeLine(rows[i] as string)
    listPeople(args, stored)
  }
}

function relays(args: Arguments): void {
  const rows: string[][] = []
  for (const [place, { key, name, since }] of knownRelays()) {
    const fingerprint = relayFingerprint(key)
    if (args.has('json')) writeJson('relay', { place, fingerprint, key: hexOf(key), name, since })
    else rows.push([place, groupedFingerprint(fingerprint), since.slice(0, 10), printable(name)])
  }
  for (const line of columns(rows)) writeLine(line)
}

function forget(args: Arguments, [text]: readonly string[]): void {
  if (text === undefined) throw usageError('which relay?', 'palaver id forget-relay ADDRESS')
  const address = parseRelayAddress(text)
  if (!forgetRelay(address))
    throw new CliError(
      EXIT.usage,
      'unknown_relay',
      `${showRelayAddress(address)} is not among the relays known`,
      'see: palaver id relays',
    )
  if (args.has('json')) writeJson('forgotten', { relay: showRelayAddress(address) })
  else writeLine(`forgot ${showRelayAddress(address)}; its key is taken as new at the next contact`)
}
