/**
 * Those with whom an account has sealed direct conversations: what is pinned of each, the sessions with it,
 * and what waits for its keys.
 */
import { equalBytes, hexOf } from '../../base/bytes.ts'
import { SealedDirect } from '../direct/direct.ts'
import { contextOf } from '../direct/inner.ts'
import type { OwnPrekeys } from '../direct/prekeys.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes, RecordChange } from '../records.ts'
import { decodePin, encodePin, type Pin } from '../trust/pins.ts'
import type { Comparison } from '../trust/short-code.ts'
import { DIRECT, PIN, pinsOf } from './kept-pins.ts'
import type { Person } from './outputs.ts'

const ACCOUNTS_MAX = 8

/** A message that waits for its peer's keys. */
export interface Waiting {
  readonly tag: number
  readonly kind: number
  readonly body: Uint8Array
  /** The only identity that it is for. */
  readonly fid?: Uint8Array | undefined
}

/** Somebody with whom this account speaks, or may speak. */
export interface Peer {
  person: Person
  pin: Pin | undefined
  direct: SealedDirect
  /** By the account that the relay gave the name: a relay may change its word and take it back. */
  readonly directs: Map<string, SealedDirect>
  readonly waiting: Waiting[]
  isFetching: boolean
  /** Which of our questions the peer's live bundle has to answer. */
  liveNonce: Uint8Array | undefined
  /** When the peer asked for a live bundle, within the last minute. */
  asks: number[]
  /** Until when the relay need not be asked again, because it has no keys of this peer. */
  noKeysUntilMs: number
  /** Whether it was told that messages go out plainly. */
  isPlainTold: boolean
  /** Whether the new session that was asked for replaces one that cannot be read. */
  isResetting: boolean
  comparison: Comparison | undefined
}

export interface PeersOptions {
  readonly own: OwnIdentity
  readonly relayKey: Uint8Array
  readonly accountKey: Uint8Array
  readonly prekeys: OwnPrekeys
  readonly records: ReadonlyMap<string, Uint8Array>
  readonly isRestored?: boolean | undefined
  /** Where goes what has to be kept. */
  readonly changes: Changes
}

export class Peers {
  readonly #primitives: Primitives
  readonly #options: PeersOptions
  readonly #records: ReadonlyMap<string, Uint8Array>
  readonly #changes: Changes
  readonly #known = new Map<string, Peer>()

  constructor(primitives: Primitives, options: PeersOptions) {
    this.#primitives = primitives
    this.#options = options
    this.#records = options.records
    this.#changes = options.changes
  }

  /** Those who were met since the program began. */
  all(): Iterable<Peer> {
    return this.#known.values()
  }

  /** All pins on this relay. */
  pins(): Pin[] {
    const found = pinsOf(this.#records)
    for (const [folded, { pin }] of this.#known) if (pin) found.set(folded, pin)
    return [...found.values()]
  }

  /** By name, because that is what people trust: another key under a known name meets the same pin. */
  of(person: Person): Peer {
    let peer = this.#known.get(person.folded)
    if (!peer) {
      const pinned = this.#records.get(PIN + person.folded)
      const direct = this.#directWith(person)
      peer = {
        person,
        pin: pinned && decodePin(pinned),
        direct,
        directs: new Map([[hexOf(person.key), direct]]),
        waiting: [],
        isFetching: false,
        liveNonce: undefined,
        asks: [],
        noKeysUntilMs: 0,
        isPlainTold: false,
        isResetting: false,
        comparison: undefined,
      }
      this.#known.set(person.folded, peer)
    } else if (!equalBytes(peer.person.key, person.key)) this.#turnTo(peer, person)
    peer.person = person
    return peer
  }

  #turnTo(peer: Peer, person: Person): void {
    this.gather(peer)
    const key = hexOf(person.key)
    const known = peer.directs.get(key)
    if (!known && peer.directs.size >= ACCOUNTS_MAX) {
      const [oldest] = peer.directs.keys()
      if (oldest !== undefined) peer.directs.delete(oldest)
    }
    peer.direct = known ?? this.#directWith(person)
    peer.directs.set(key, peer.direct)
  }

  #directWith(person: Person): SealedDirect {
    const { own, relayKey, accountKey } = this.#options
    const context = contextOf(this.#primitives, { relayKey, ownKey: accountKey, peerKey: person.key })
    const records = recordsOf(this.#records, directPrefix(person))
    const direct = new SealedDirect(this.#primitives, own, {
      prekeys: this.#options.prekeys,
      context,
      records,
    })
    if (this.#options.isRestored) direct.stopSending()
    return direct
  }

  keepPin(peer: Peer, pin: Pin): void {
    peer.pin = pin
    this.#changes.put(PIN + peer.person.folded, encodePin(pin))
  }

  /** Notes what has to be kept of the sessions with somebody. */
  gather(peer: Peer): void {
    const prefix = directPrefix(peer.person)
    for (const [name, bytes] of peer.direct.takeChanges()) note(this.#changes, [prefix + name, bytes])
  }
}

/** What is kept under names that begin so, by the rest of their names. */
export function recordsOf(records: ReadonlyMap<string, Uint8Array>, prefix: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const [name, bytes] of records)
    if (name.startsWith(prefix)) found.set(name.slice(prefix.length), bytes)
  return found
}

/** Notes a change to be kept. */
export function note(changes: Changes, [name, bytes]: RecordChange): void {
  if (bytes) changes.put(name, bytes)
  else changes.forget(name)
}

function directPrefix(person: Person): string {
  return `${DIRECT}${conversationName(person)}/`
}

/** The direct conversation with somebody, for records. */
export function conversationName({ folded, key }: Person): string {
  return `${folded}/${hexOf(key)}`
}
