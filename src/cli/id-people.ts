/** `palaver id`: the people that an identity knows at relays, and how sure it is of their keys. */
import { pinsOf, trustPinned, verifyPinned } from '../crypto/client/kept-pins.ts'
import type { OwnIdentity } from '../crypto/identity.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { fingerprintOf, readFingerprint } from '../crypto/trust/fingerprint.ts'
import { isVerified, type Pin } from '../crypto/trust/pins.ts'
import { qrText } from '../crypto/trust/qr.ts'
import { safetyNumber } from '../crypto/trust/safety-number.ts'
import { hostPort, parseRelayAddress } from '../node/address.ts'
import type { StoredIdentity } from '../node/identity-file.ts'
import { type KnownRelay, knownRelays } from '../node/known-relays.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { peekSealedStore, sealedStorePath } from '../node/sealed-store.ts'
import { foldName } from '../protocol/names.ts'
import type { Arguments } from './args.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { columns } from './listing.ts'
import { writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'
import { qrLines } from './qr-code.ts'
import { sealedStoreOf } from './sealing.ts'
import { pinFields, surenessText } from './sealing-news.ts'

/** What an identity seals with at one relay. */
export interface SealedPlace {
  /** Host and port. */
  readonly place: string
  readonly relay: KnownRelay
  readonly own: OwnIdentity
  readonly records: ReadonlyMap<string, Uint8Array>
}

/** Where the identity seals: at all relays known, or at the one that --relay names. */
export function sealedPlaces(args: Arguments, { identity }: StoredIdentity): SealedPlace[] {
  const primitives = createNodePrimitives()
  const wanted = args.text('relay')
  const address = wanted === undefined ? undefined : parseRelayAddress(wanted)
  const found: SealedPlace[] = []
  for (const [place, relay] of knownRelays()) {
    if (address && place !== hostPort(address.host, address.port)) continue
    if (found.some((each) => each.relay.key.every((byte, i) => byte === relay.key[i]))) continue
    const kept = peekSealedStore(primitives, sealedStorePath(identity.publicKey, relay.key))
    if (kept) found.push({ place, relay, ...kept })
  }
  return found
}

/** The identity as others meet it, relay by relay. */
export function tellOwn(args: Arguments, stored: StoredIdentity): void {
  for (const { place, own } of sealedPlaces(args, stored)) {
    const fingerprint = fingerprintOf(own.fid)
    if (args.has('json')) writeJson('sealing', { relay: place, fingerprint })
    else for (const line of columns([['sealing', `${fingerprint}  at ${place}`]])) writeLine(line)
  }
}

/** Everybody that the identity met sealed. */
export function listPeople(args: Arguments, stored: StoredIdentity): void {
  const rows: string[][] = []
  for (const { place, records } of sealedPlaces(args, stored))
    for (const pin of pinsOf(records).values()) {
      if (args.has('json')) writeJson('person', { relay: place, ...pinFields(pin) })
      else rows.push([`  ${printable(pin.name)}`, place, surenessText(pin)])
    }
  for (const line of columns(rows)) writeLine(line)
}

interface Known {
  readonly at: SealedPlace
  readonly folded: string
  readonly pin: Pin
}

function known(args: Arguments, stored: StoredIdentity, nick: string): Known {
  const folded = foldName(nick)
  const found = sealedPlaces(args, stored).flatMap((at): Known[] => {
    const pin = pinsOf(at.records).get(folded)
    return pin ? [{ at, folded, pin }] : []
  })
  const [first, second] = found
  if (second)
    throw usageError(
      `${nick} is known at ${found.map(({ at }) => at.place).join(' and ')}`,
      'say which: --relay ADDRESS',
    )
  if (first) return first
  throw new CliError(
    EXIT.usage,
    'unknown_person',
    `${stored.label} never met ${nick} sealed`,
    'write to them once with --e2ee prefer; see: palaver id list',
  )
}

/** Shows what two people compare, or takes what the other one shows or reads out. */
export function verify(args: Arguments, stored: StoredIdentity, words: readonly string[]): void {
  const [nick, ...rest] = words
  if (nick === undefined) throw usageError('whom?', 'palaver id verify NICK [NUMBER | QR TEXT]')
  const { at, folded, pin } = known(args, stored, nick)
  const shown = rest.join(' ')
  if (shown === '') return tellPerson(args, at, pin)
  const primitives = createNodePrimitives()
  const decided = change(stored, at, (records) =>
    verifyPinned(primitives, records, folded, { own: at.own, shown }),
  )
  if (!decided)
    throw new CliError(
      EXIT.untrusted,
      'not_alike',
      `that is not what ${nick} and you share: the keys differ`,
      'check each group again; if it stays so, somebody may stand between you',
    )
  tellDecided(args, at, decided.pin)
}

/** Decides for a key by its fingerprint, or for a changed one that was never verified. */
export function trust(args: Arguments, stored: StoredIdentity, words: readonly string[]): void {
  const [nick, ...rest] = words
  if (nick === undefined) throw usageError('whom?', 'palaver id trust NICK [FINGERPRINT]')
  const { at, folded, pin } = known(args, stored, nick)
  const text = rest.join('')
  const fid = text === '' ? undefined : readFingerprint(text)
  if (text !== '' && !fid) throw usageError('a fingerprint has 13 groups of four letters and digits')
  const primitives = createNodePrimitives()
  const decided = change(stored, at, (records) => trustPinned(primitives, records, folded, fid))
  if (!decided) throw notTrusted(nick, pin, fid !== undefined)
  tellDecided(args, at, decided.pin)
}

/** Why a decision for a key does not count. */
export function notTrusted(nick: string, pin: Pin, isTyped: boolean): CliError {
  if (isTyped)
    return new CliError(
      EXIT.untrusted,
      'not_alike',
      `${nick} never showed a key of that fingerprint`,
      'check each group again; if it stays so, somebody may stand between you',
    )
  if (pin.claim && isVerified(pin))
    return new CliError(
      EXIT.untrusted,
      'verified_before',
      `you verified the key of ${nick} that was there before`,
      `only the new fingerprint will do, got from ${nick} in another way`,
    )
  return usageError(
    `${nick} shows the key that is known`,
    'give its FINGERPRINT to say that it is the right one',
  )
}

function change<T extends { readonly changes: Parameters<ReturnType<typeof sealedStoreOf>['write']>[0] }>(
  stored: StoredIdentity,
  { relay }: SealedPlace,
  decide: (records: ReadonlyMap<string, Uint8Array>) => T | undefined,
): T | undefined {
  const store = sealedStoreOf(stored.identity.publicKey, relay.key)
  try {
    const decided = decide(store.records)
    if (decided) store.write(decided.changes)
    return decided
  } finally {
    store.close()
  }
}

function tellDecided(args: Arguments, { place }: SealedPlace, pin: Pin): void {
  if (args.has('json')) return writeJson('person', { relay: place, ...pinFields(pin) })
  writeLine(`${printable(pin.name)}: ${surenessText(pin)}`)
}

function tellPerson(args: Arguments, { place, own }: SealedPlace, pin: Pin): void {
  const primitives = createNodePrimitives()
  const number = safetyNumber(primitives, own.id, pin.id)
  const qr = qrText(own.fid, pin.fid)
  if (args.has('json'))
    return writeJson('person', { relay: place, ...pinFields(pin), safety_number: number, qr })
  for (const line of personLines(primitives, own, pin)) writeLine(line)
  if (args.has('qr')) for (const line of qrLines(qr)) writeLine(line)
  const name = printable(pin.name)
  writeLine(`the same number with ${name}? say so: palaver id verify ${name} NUMBER`)
}

/** What is known of somebody, and what both compare. */
export function personLines(primitives: Primitives, own: OwnIdentity, pin: Pin): string[] {
  const number = safetyNumber(primitives, own.id, pin.id)
  const half = number.length / 2
  return columns([
    [printable(pin.name), surenessText(pin)],
    ['fingerprint', fingerprintOf(pin.fid)],
    ['your own', fingerprintOf(own.fid)],
    ['safety number', number.slice(0, half).trim()],
    ['', number.slice(half).trim()],
  ])
}
