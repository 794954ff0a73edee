/** From a command line to an open session: address, identity, known relays. */
import {
  groupedFingerprint,
  isLoopback,
  parseRelayAddress,
  type RelayAddress,
  relayFingerprint,
  showRelayAddress,
} from '../node/address.ts'
import { ClientConnection, PalaverError, type SessionEvent } from '../node/client-connection.ts'
import type { ClientStore } from '../node/client-store.ts'
import { keepNick, openIdentity, type StoredIdentity } from '../node/identity-file.ts'
import { type KnownRelay, keepRelay, keepWinner, knownRelay } from '../node/known-relays.ts'
import { identityOfSeed, systemEntropy } from '../node/primitives.ts'
import { addressesOf, type Reach, reachOf } from '../node/relay-transport.ts'
import type { SealedConnection, SealingNews } from '../node/sealed-connection.ts'
import type { Arguments } from './args.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { warn } from './output.ts'
import type { Patience } from './patience.ts'
import { sealingMode } from './seals.ts'
import { readToken } from './token.ts'
import { udpTrace } from './trace-udp.ts'
import { parseDuration } from './units.ts'
import { programVersion } from './version.ts'

/** How long opening a session may take unless something else is asked for. */
export const TIMEOUT_DEFAULT = '10s'
const GOODBYE_MS = 1000
const SEED_BYTES = 32
const CLIENT_ID_BYTES = 8

/** Where to connect, and the words of the command line that are left. */
export interface Target {
  readonly address: RelayAddress
  readonly words: readonly string[]
}

/** An open session and who it belongs to. */
export interface Client {
  readonly connection: ClientConnection
  readonly address: RelayAddress
  readonly stored: StoredIdentity
  readonly nick: string
  /** The relay's fingerprint in groups. */
  readonly fingerprint: string
  /** Whether this relay was met for the first time. */
  readonly isFirstContact: boolean
  /** Where sealing is on. */
  readonly sealing: SealedConnection | undefined
}

/** What a program wants whose session outlives its links. */
export interface Lasting {
  readonly patience: Patience
  /** Whether an entry counts as read when it was handed over, or when the program says so. */
  readonly acknowledges: 'auto' | 'manual'
  /** Whether it matters who is typing. */
  readonly takesSignals?: boolean
}

/**
 * The address from the first word, or from PALAVER_URL. With PALAVER_URL set, only a word with `://` counts
 * as an address.
 */
export function targetOf(args: Arguments, words: readonly string[] = args.positionals): Target {
  const transport = transportOption(args)
  const [first, ...rest] = words
  const standard = process.env['PALAVER_URL']
  if (first !== undefined && (!standard || first.includes('://')))
    return { address: parseRelayAddress(first, transport), words: rest }
  if (standard) return { address: parseRelayAddress(standard, transport), words }
  throw usageError(
    'the address of the relay is missing',
    'give one such as tcp://127.0.0.1, or set PALAVER_URL',
  )
}

function transportOption(args: Arguments): 'tcp' | 'udp' | undefined {
  const wish = args.text('transport')
  if (wish === undefined || wish === 'tcp' || wish === 'udp') return wish
  throw usageError(`--transport ${wish} is not in this version`, 'use tcp or udp')
}

/**
 * Dials and shakes hands as the command line says. A session that does not last leaves what it receives
 * unread.
 */
export async function connect(
  args: Arguments,
  target: RelayAddress,
  onEvent: (event: SessionEvent) => void,
  lasting?: Lasting,
  onNews: (news: SealingNews) => void = () => {},
): Promise<Client> {
  const stored = identityOf(args)
  const known = knownAt(target)
  const addresses = permitted(args, addressesOf(target, known?.winner))
  let address = addresses[0] as RelayAddress
  const reach = await reachOf(addresses, {
    onReached({ winner, tried }) {
      address = { ...winner, fingerprint: target.fingerprint, room: target.room }
      if (!args.has('quiet')) warnOfBlocked(winner, tried)
    },
    onTrace: udpTrace(args.text('trace-udp'), 'client'),
  })
  if (address.transport === 'tcp' && addresses.length === 1) warnOfPlain(args, address)
  //= PAL-TRU-016
  const mode = sealingMode(args, 'prefer')
  // What only asks the relay something neither seals nor opens anything.
  const sealingModule = lasting ? await import('./sealing.ts') : undefined
  const sealing = sealingModule?.createSealing(mode, lasting?.acknowledges ?? 'manual', onEvent, onNews)
  const listener = sealing ? (event: SessionEvent): void => sealing.handle(event) : onEvent
  const opening = { address: target, reach, stored, known, onEvent: listener, lasting }
  const connection = await openLasting(args, opening)
  const { relayKey, relayName, name } = connection.facts
  const accountKey = stored.identity.publicKey
  if (sealing && sealingModule) await sealingModule.attachSealing(sealing, mode, connection, accountKey)
  if (addresses.length > 1) warnOfPlain(args, address)
  //= PAL-HSK-017
  if (!known) keepRelay(address, relayKey, relayName, new Date())
  if (addresses.length > 1)
    keepWinner(known ? placeOfKnown(target) : address, showRelayAddress(address), new Date())
  keepNick(stored, name)
  const fingerprint = groupedFingerprint(relayFingerprint(relayKey))
  const isFirstContact = known === undefined
  return { connection, address, stored, nick: name, fingerprint, isFirstContact, sealing }
}

/** What is known of the relay at any of its addresses; throws when it is not one and the same. */
function knownAt(target: RelayAddress): KnownRelay | undefined {
  let found: KnownRelay | undefined
  //= PAL-STR-021
  for (const place of addressesOf(target, undefined)) {
    const known = knownRelay(place)
    const fingerprint = known && relayFingerprint(known.key)
    const expected = target.fingerprint ?? (found && relayFingerprint(found.key))
    if (known && expected !== undefined && fingerprint !== expected)
      throw otherKey(
        place,
        `the ${found ? 'other address' : 'link'} says ${groupedFingerprint(expected)}`,
        known,
      )
    found ??= known
  }
  return found
}

/** The address under which the relay is known. */
function placeOfKnown(target: RelayAddress): RelayAddress {
  return addressesOf(target, undefined).find((place) => knownRelay(place) !== undefined) ?? target
}

/** Where a token may go: not over plain TCP to another machine unless that was allowed. */
function permitted(args: Arguments, addresses: readonly RelayAddress[]): readonly RelayAddress[] {
  if (addresses.length === 1 || args.has('insecure') || tokenOf(args) === undefined) return addresses
  //= PAL-SEC-002
  const sealed = addresses.filter(({ transport, host }) => transport !== 'tcp' || isLoopback(host))
  return sealed.length > 0 ? sealed : addresses.slice(0, 1)
}

function warnOfPlain(args: Arguments, address: RelayAddress): void {
  if (address.transport === 'tcp' && !isLoopback(address.host) && !args.has('quiet'))
    warn(`${showRelayAddress(address)} is not encrypted; udp:// is`)
}

function warnOfBlocked(winner: RelayAddress, tried: readonly RelayAddress[]): void {
  const silent = tried.find(({ transport }) => transport === 'udp')
  if (winner.transport === 'udp' || silent === undefined) return
  warn(
    `no answer at ${showRelayAddress(silent)}, UDP may be blocked: connected by ${showRelayAddress(winner)}`,
  )
}

function identityOf(args: Arguments): StoredIdentity {
  const { env } = process
  const identity = args.text('identity') ?? (env['PALAVER_IDENTITY'] || undefined)
  const nick = args.text('nick') ?? (env['PALAVER_NICK'] || undefined)
  const stored = openIdentity({ identity, nick })
  if (stored.wasExposed) warn(`${stored.path} could be read by other users; it cannot any longer`)
  return stored
}

/** A session of an identity that was made for it and is kept nowhere. */
export async function openStranger(
  args: Arguments,
  target: RelayAddress,
  nick: string,
  onEvent: (event: SessionEvent) => void,
): Promise<ClientConnection> {
  const known = knownAt(target)
  const reach = await reachOf(permitted(args, addressesOf(target, known?.winner)))
  const identity = identityOfSeed(systemEntropy(SEED_BYTES))
  const stored = { nick, identity, clientId: systemEntropy(CLIENT_ID_BYTES) }
  return open(args, { address: target, reach, stored, known, onEvent })
}

/** The state of a client belongs to a relay's key, which is known only then when the relay was met before. */
async function openLasting(args: Arguments, opening: Opening): Promise<ClientConnection> {
  const { stored, known, lasting } = opening
  if (!lasting) return open(args, opening)
  const { hasState, openState } = await import('./client-state.ts')
  if (known) return open(args, { ...opening, store: openState(stored, known.key) })
  const connection = await open(args, opening)
  const { relayKey } = connection.facts
  if (hasState(stored, relayKey)) {
    // The relay is known by another address: the session begins again with what is known.
    await close(connection)
    return open(args, { ...opening, store: openState(stored, relayKey) })
  }
  const store = openState(stored, relayKey)
  if (store) connection.keepIn(store)
  return connection
}

interface Opening {
  readonly address: RelayAddress
  readonly reach: Reach
  readonly stored: Pick<StoredIdentity, 'nick' | 'identity' | 'clientId'>
  readonly known: KnownRelay | undefined
  readonly onEvent: (event: SessionEvent) => void
  readonly lasting?: Lasting | undefined
  readonly store?: ClientStore | undefined
}

async function open(args: Arguments, opening: Opening): Promise<ClientConnection> {
  const { address, reach, stored, known, onEvent, lasting, store } = opening
  const timeout = args.text('timeout') ?? process.env['PALAVER_TIMEOUT'] ?? TIMEOUT_DEFAULT
  try {
    return await ClientConnection.open({
      ...reach,
      name: stored.nick,
      identity: stored.identity,
      clientId: stored.clientId,
      agent: `palaver/${programVersion()}`,
      token: tokenOf(args),
      allowsPlainToken: args.has('insecure'),
      relayKey: known?.key,
      //= PAL-HSK-010
      isRelayKey: (key) => address.fingerprint === undefined || relayFingerprint(key) === address.fingerprint,
      timeoutMs: parseDuration(timeout, '--timeout'),
      store,
      redials: lasting?.patience.redials,
      // Where it lasts the sealed connection says what is applied: an entry is opened and kept before.
      acknowledges: 'manual',
      takesSignals: lasting?.takesSignals,
      holdsSealed: lasting !== undefined,
      onEvent: (event) => {
        lasting?.patience.handle(event)
        onEvent(event)
      },
    })
  } catch (error) {
    const isExpected = known !== undefined || address.fingerprint !== undefined
    const isOtherKey = isExpected && error instanceof PalaverError && error.code === 'bad_signature'
    throw isOtherKey ? otherKey(address, 'it showed another one now', known) : error
  }
}

function otherKey(address: RelayAddress, found: string, known: KnownRelay | undefined): CliError {
  const place = showRelayAddress(address)
  const was = known
    ? ` (since ${known.since.slice(0, 10)} its key is ${groupedFingerprint(relayFingerprint(known.key))})`
    : ''
  const hint = known
    ? `somebody may stand between. If the relay really has a new key: palaver id forget-relay ${place}`
    : 'somebody may stand between, or the link is old: ask whoever gave it to you'
  return new CliError(
    EXIT.untrusted,
    'relay_key_changed',
    `${place} is not the relay expected: ${found}${was}`,
    hint,
  )
}

/** The admission token, which is never a word of the command line: those can be seen by all users. */
export function tokenOf(args: Arguments): string | undefined {
  const { env } = process
  const file = args.text('token-file') ?? (env['PALAVER_TOKEN'] ? undefined : env['PALAVER_TOKEN_FILE'])
  return file ? readToken(file) : env['PALAVER_TOKEN'] || undefined
}

/** Says goodbye and waits a moment for the link to end. */
export async function close(connection: ClientConnection): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((done) => {
    timer = setTimeout(done, GOODBYE_MS)
  })
  await Promise.race([connection.close(), patience])
  clearTimeout(timer)
}

/** Rejects when the session ends before it is meant to, or its link does not come back. */
export async function untilClosed(connection: ClientConnection, patience?: Patience): Promise<never> {
  const event = await (patience ? Promise.race([connection.closed, patience.over]) : connection.closed)
  throw event.by === 'link'
    ? new PalaverError('link_lost', 0, 'the connection to the relay was lost')
    : new PalaverError(event.name ?? 'unknown', event.code, event.text)
}

/** A room's name without its sign. */
export function roomName(text: string): string {
  return text.replace(/^#/u, '')
}

/** The rooms that options, words or PALAVER_ROOM name. */
export function roomNames(given: readonly string[], address: RelayAddress): string[] {
  if (given.length > 0) return given.map(roomName)
  if (address.room !== undefined) return [roomName(address.room)]
  const standard = process.env['PALAVER_ROOM']
  return standard ? standard.split(',').map((each) => roomName(each.trim())) : []
}
