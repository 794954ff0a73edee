/** `palaver id`: identities on this machine, and the relays they know. */
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
import { printable } from './printable.ts'

const KEY_SHOWN = 16

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'id',
  summary: 'your identities and the relays you know',
  usage: ['palaver id new|show|list|relays|forget-relay [ARGUMENTS] [OPTIONS]'],
  examples: [
    ['palaver id show', 'your key: give it to an operator who is to admit you'],
    ['palaver id show --nick bot', 'the key that goes with the name bot'],
    ['palaver id new --nick bot', 'make it ahead of time'],
    ['palaver id list', 'all identities on this machine'],
    ['palaver id relays', 'the relays you met, with their fingerprints'],
    ['palaver id forget-relay udp://chat.example', 'accept a new key at the next contact'],
  ],
  options: {
    nick: { value: 'NAME', help: 'the identity that goes by this name (PALAVER_NICK)' },
    identity: { value: 'NAME', help: 'the identity of this file (PALAVER_IDENTITY)' },
  },
  notes: [
    'Identities are files of mode 0600 in $XDG_CONFIG_HOME/palaver/identities. Whoever has one ' +
      'can speak as you: keep a copy in a safe place, and give it to nobody.',
  ],
}

const ACTIONS: Readonly<Record<string, (args: Arguments, words: readonly string[]) => void>> = {
  new: create,
  show,
  list,
  relays,
  'forget-relay': forget,
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
  if (rest.length > (action === 'forget-relay' ? 1 : 0))
    throw usageError(`id ${action} takes no "${rest.at(-1)}"`)
  act(args, rest)
  return 0
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

function show(args: Arguments): void {
  tell(openIdentity(wishOf(args)), args.has('json'))
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

function list(args: Arguments): void {
  const all = listIdentities().map((label) => readIdentity(label) as StoredIdentity)
  if (args.has('json')) {
    for (const stored of all) tell(stored, true)
    return
  }
  const rows = all.map(({ label, nick, identity }) => [
    label,
    nick,
    hexOf(identity.publicKey).slice(0, KEY_SHOWN),
  ])
  for (const line of columns(rows)) writeLine(line)
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
