/**
 * Sealed direct conversations of one account on one relay: pins, prekeys and sessions joined to one machine.
 * It decides what goes out sealed, plainly or not at all, and what of what comes in is shown. Nothing that it
 * seals or opens comes out before the state after it was kept: `takeSave`, `handleSaved`, then `pollOutput`.
 */
import { concatBytes, equalBytes, hexOf } from '../../base/bytes.ts'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import {
  type Bundle,
  createLiveBundle,
  LIVE_NONCE_BYTES,
  type Prekey,
  readLiveBundle,
  readStoredBundle,
} from '../bundle.ts'
import { type DirectResult, SealedDirect } from '../direct/direct.ts'
import {
  contextOf,
  INNER_KINDS,
  type OpenedInner,
  ROOM_KINDS,
  SEALED_BODY_BYTES_MAX,
} from '../direct/inner.ts'
import { OwnPrekeys } from '../direct/prekeys.ts'
import type { CryptoFault, Identity, OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { RecordChange } from '../records.ts'
import type { OwnKeyPackage } from '../room/key-package.ts'
import {
  decide,
  decodePin,
  encodePin,
  isPlainShown,
  isVerified,
  meet,
  outgoing,
  type Pin,
  type SealingMode,
  sealedOnce,
  verifiedBy,
} from '../trust/pins.ts'
import { isQrOf } from '../trust/qr.ts'
import { isSafetyNumber } from '../trust/safety-number.ts'
import {
  askComparison,
  type Comparison,
  type ComparisonStep,
  confirmComparison,
  handleComparison,
} from '../trust/short-code.ts'
import { KeptOutputs } from './kept-outputs.ts'
import { DIRECT, PIN, pinsOf } from './kept-pins.ts'
import { type Opened, OpenedMessages } from './opened.ts'
import type { Person, Save, SealingOutput, SealRefusal } from './outputs.ts'

const ID_BYTES = 16
const WAITING_MAX = 256
const ACCOUNTS_MAX = 8
const LIVE_ASK = 0x13
const LIVE_ANSWER = 0x14
const ASKS_PER_MINUTE = 10
const MINUTE_MS = 60_000
const NO_KEYS_MS = 600_000
const PUBLISHED = 'published'
const NOTHING: Uint8Array = new Uint8Array(0)
export interface SealingOptions {
  readonly own: OwnIdentity
  readonly relayKey: Uint8Array
  /** The identity key that this account signs in with. */
  readonly accountKey: Uint8Array
  readonly mode: SealingMode
  /** What was kept. */
  readonly records?: ReadonlyMap<string, Uint8Array>
  /** Whether the records come from a backup. */
  readonly isRestored?: boolean
  /** Whether what was opened is kept until `applied`, because the relay gives it again until then. */
  readonly keepsOpened?: boolean
}

/** A message where it came. */
interface Placed {
  readonly position: number
  readonly body: Uint8Array
}

/** A message that waits for its peer's keys. */
interface Waiting {
  readonly tag: number
  readonly kind: number
  readonly body: Uint8Array
  /** The only identity that it is for. */
  readonly fid?: Uint8Array | undefined
}

interface Peer {
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

export class Sealing {
  readonly #primitives: Primitives
  readonly #options: SealingOptions
  readonly #prekeys: OwnPrekeys
  readonly #peers = new Map<string, Peer>()
  readonly #opened: OpenedMessages | undefined
  /** Whether the relay is known to keep prekeys of this state, and no others. */
  #isPublished: boolean
  readonly #outputs = new KeptOutputs<SealingOutput>()

  constructor(primitives: Primitives, options: SealingOptions) {
    this.#primitives = primitives
    this.#options = options
    this.#prekeys = new OwnPrekeys(primitives, options.own, this.#recordsOf('prekeys/'))
    const { records = new Map<string, Uint8Array>(), keepsOpened, isRestored } = options
    if (keepsOpened) this.#opened = new OpenedMessages(primitives, this.#outputs.changes, records)
    this.#isPublished = records.has(PUBLISHED) && !isRestored
  }

  /** The identity that others meet here. */
  get own(): OwnIdentity {
    return this.#options.own
  }

  /** All pins on this relay. */
  pins(): Pin[] {
    const found = pinsOf(this.#options.records ?? new Map())
    for (const [folded, { pin }] of this.#peers) if (pin) found.set(folded, pin)
    return [...found.values()]
  }

  /** What is known of somebody. */
  pinOf(person: Person): Pin | undefined {
    return this.#peer(person).pin
  }

  /** A session opened: the relay gets the bundle, and all prekeys anew where it may hold others. */
  connected(nowMs: number): void {
    this.#prekeys.rotate(nowMs)
    this.#publish(this.#isPublished ? [] : this.#prekeys.refill(0))
  }

  /** The relay keeps so many one-time prekeys: few are made more. */
  handleStock(count: number, nowMs: number): void {
    if (!this.#isPublished) this.#outputs.changes.put(PUBLISHED, Uint8Array.of(1))
    this.#isPublished = true
    this.#prekeys.rotate(nowMs)
    const prekeys = this.#prekeys.refill(count)
    //= PAL-SDC-026
    if (prekeys.length > 0) this.#publish(prekeys)
  }

  //= PAL-SDC-025, PAL-SDC-027
  #publish(prekeys: readonly Prekey[]): void {
    const bundle = this.#prekeys.bundle()
    if (bundle) this.#outputs.put({ kind: 'publish', bundle, prekeys, replaces: !this.#isPublished })
  }

  /**
   * Sends a message, sealed or plain as mode and pin have it. An output with `tag` says what became of it.
   * With `fid` it is for that identity and no other.
   */
  send(to: Person, message: Waiting, nowMs: number): void {
    const peer = this.#peer(to)
    if (peer.waiting.length >= WAITING_MAX) return this.#refuse(peer, message.tag, 'too_many')
    peer.waiting.push(message)
    this.#pass(peer, nowMs)
  }

  /** The peer's bundle as the relay gave it, or undefined when it has none. One too old is none. */
  handleBundle(of: Person, bytes: Uint8Array | undefined, nowMs: number): void {
    const peer = this.#peer(of)
    peer.isFetching = false
    //= PAL-SDC-036
    const bundle = bytes && readStoredBundle(this.#primitives, bytes, nowMs)
    this.#take(peer, bundle === 'expired' ? undefined : bundle, nowMs)
  }

  /** A bundle of whatever kind, read. */
  #take(peer: Peer, bundle: Bundle | CryptoFault | undefined, nowMs: number): void {
    const { isResetting } = peer
    peer.isResetting = false
    if (typeof bundle === 'string') return this.#refuseAll(peer, 'bad_keys')
    //= PAL-TRU-010
    if (bundle && !this.#meets(peer, bundle.identity, nowMs)) return this.#refuseAll(peer, 'key_changed')
    if (bundle && peer.direct.start(bundle, nowMs) !== undefined) return this.#refuseAll(peer, 'bad_keys')
    if (!bundle) peer.noKeysUntilMs = nowMs + NO_KEYS_MS
    if (bundle && isResetting) this.#seal(peer, { tag: 0, kind: INNER_KINDS.reset, body: NOTHING }, nowMs)
    this.#pass(peer, nowMs)
    // Where only sealed messages count, nobody waits for keys that may be there with the next one.
    if (peer.pin?.isSealed || this.#options.mode === 'require') peer.noKeysUntilMs = 0
  }

  /** Takes a message of somebody else from a direct conversation. */
  handleMessage(
    from: Person,
    message: { readonly position: number; readonly contentKind: number; readonly body: Uint8Array },
    nowMs: number,
  ): void {
    const peer = this.#peer(from)
    const { position, contentKind, body } = message
    if (contentKind !== CONTENT_KINDS.sealed) return this.#plain(peer, message)
    const before = this.#opened?.find(conversationName(from), position, body)
    if (before) return this.#show(peer, position, before)
    if (body[0] === LIVE_ASK) return this.#answer(peer, body.subarray(1), nowMs)
    if (body[0] === LIVE_ANSWER) return this.#answered(peer, body.subarray(1), nowMs)
    const isPeer = (identity: Identity): boolean => this.#meets(peer, identity, nowMs)
    const opened = peer.direct.open(body, { nowMs, isPeer })
    const isRepeated = opened.result === 'duplicate' && this.#opened?.isNew(conversationName(from), position)
    if (isRepeated) {
      // Its author's program was set back to an older state; or the relay gives old bytes as new.
      const isHealing = this.#heal(peer, true, nowMs)
      this.#outputs.put({ kind: 'unreadable', from: peer.person, position, why: 'repeated', isHealing })
    }
    if (opened.result === 'ok') this.#handleOpened(peer, message, opened, nowMs)
    if (opened.result === 'undecryptable') {
      const isHealing = this.#heal(peer, opened.why === 'no_session' || opened.why === 'prekey', nowMs)
      this.#outputs.put({ kind: 'unreadable', from: peer.person, position, why: opened.why, isHealing })
    }
    this.#gather(peer)
  }

  /**
   * Asks the peer itself for a bundle, through the conversation: what `fetch_bundle` is answered by where the
   * relay keeps none. The answer is taken when it comes.
   */
  askLive(of: Person): void {
    const peer = this.#peer(of)
    const nonce = this.#primitives.random(LIVE_NONCE_BYTES)
    peer.liveNonce = nonce
    this.#sendBare(peer, concatBytes([Uint8Array.of(LIVE_ASK), nonce]))
  }

  /** The peer did not give its keys in time. Nothing happens when it did. */
  giveUpKeys(of: Person, nowMs: number): void {
    if (this.#peer(of).isFetching) this.handleBundle(of, undefined, nowMs)
  }

  #answer(peer: Peer, nonce: Uint8Array, nowMs: number): void {
    peer.asks = peer.asks.filter((each) => nowMs - each < MINUTE_MS)
    //= PAL-SDC-023
    if (nonce.length !== LIVE_NONCE_BYTES || peer.asks.length >= ASKS_PER_MINUTE) return
    if (this.#options.mode === 'off' && !peer.pin?.isSealed) return
    peer.asks.push(nowMs)
    const parts = this.#prekeys.live(nowMs)
    const bundle = createLiveBundle(this.#primitives, this.own, { ...parts, nonce })
    this.#sendBare(peer, concatBytes([Uint8Array.of(LIVE_ANSWER), bundle]))
  }

  #answered(peer: Peer, bytes: Uint8Array, nowMs: number): void {
    const nonce = peer.liveNonce
    //= PAL-SDC-024
    if (!nonce) return
    peer.liveNonce = undefined
    peer.isFetching = false
    this.#take(peer, readLiveBundle(this.#primitives, bytes, nonce), nowMs)
  }

  #sendBare(peer: Peer, body: Uint8Array): void {
    const contentKind = CONTENT_KINDS.sealed
    this.#outputs.put({ kind: 'send', to: peer.person, tag: 0, contentKind, body, isSealed: true })
  }

  /** The program has done with what came of that conversation up to there, but for what it `needs`. */
  applied(from: Person, position: number, needs?: readonly number[]): void {
    this.#opened?.applied(conversationName(from), position, needs)
  }

  /**
   * Whether so much is opened and not applied that a caller whose program is behind does not hand in this
   * message. One that was opened before takes no more room.
   */
  isFullFor(from: Person, { position, body }: Placed): boolean {
    return this.#opened?.isFull === true && !this.#opened.find(conversationName(from), position, body)
  }

  /** The own key package of that number that is at the relay. */
  publishedPackage(packageId: Uint8Array): OwnKeyPackage | undefined {
    return this.#prekeys.package(packageId)
  }

  /** Whether nothing plain may go to that person. */
  mustSeal(to: Person): boolean {
    return this.#options.mode === 'require' || this.#peer(to).pin?.isSealed === true
  }

  /** Sends what is due by time: a new signed prekey, and a nudge for each peer that needs one. */
  handleTime(nowMs: number): void {
    if (this.#isPublished && this.#prekeys.rotate(nowMs)) this.#publish([])
    for (const peer of this.#peers.values())
      if (peer.direct.needsNudge(nowMs))
        this.#seal(peer, { tag: 0, kind: INNER_KINDS.nudge, body: NOTHING }, nowMs)
  }

  /** Tells something to another client, as rooms do. False while there is no session with it. */
  control(to: Person, innerKind: number, body: Uint8Array, nowMs: number): boolean {
    const peer = this.#peer(to)
    this.send(to, { tag: 0, kind: innerKind, body }, nowMs)
    return peer.direct.canSeal
  }

  /** Asks a peer to compare a short code. */
  compare(person: Person, nowMs: number): void {
    this.#step(this.#peer(person), askComparison(this.#primitives, nowMs), nowMs)
  }

  /** The user says whether the codes are alike. */
  confirm(person: Person, isAlike: boolean, nowMs: number): void {
    const peer = this.#peer(person)
    if (peer.comparison) this.#step(peer, confirmComparison(peer.comparison, isAlike), nowMs)
  }

  /** A QR code that the peer showed. True when it is the right one. */
  scan(person: Person, text: string): boolean {
    const peer = this.#peer(person)
    if (!peer.pin || !isQrOf(text, this.own.fid, peer.pin.fid)) return false
    this.#keepPin(peer, verifiedBy(peer.pin, 'qr'))
    return true
  }

  /** The safety number as the peer reads it out. True when it is that of both. */
  compareNumber(person: Person, digits: string): boolean {
    const peer = this.#peer(person)
    if (!peer.pin || !isSafetyNumber(this.#primitives, digits, this.own.id, peer.pin.id)) return false
    this.#keepPin(peer, verifiedBy(peer.pin, 'number'))
    return true
  }

  /**
   * The user decides for an identity: by its fid, or without one for a changed key that was never verified.
   */
  trust(person: Person, fid: Uint8Array | undefined, nowMs: number): boolean {
    const peer = this.#peer(person)
    const { pin } = peer
    const decided = pin && decide(this.#primitives, pin, fid)
    if (!decided) return false
    if (equalBytes(decided.fid, pin.fid)) {
      this.#keepPin(peer, decided)
      return true
    }
    peer.direct.forget()
    this.#keepPin(peer, decided)
    this.#gather(peer)
    this.#pass(peer, nowMs)
    return true
  }

  /** What has to be kept now, if anything. */
  takeSave(): Save | undefined {
    for (const [name, bytes] of this.#prekeys.takeChanges()) this.#note(`prekeys/${name}`, bytes)
    for (const peer of this.#peers.values()) this.#gather(peer)
    return this.#outputs.takeSave()
  }

  /** Everything up to this version is safe. */
  handleSaved(version: number): void {
    this.#outputs.handleSaved(version)
  }

  /** The next output whose state was kept. */
  pollOutput(): SealingOutput | undefined {
    return this.#outputs.poll()
  }

  /** Hands on what waits, as far as that goes. */
  #pass(peer: Peer, nowMs: number): void {
    while (peer.waiting.length > 0) {
      if (peer.pin?.claim) return this.#refuseAll(peer, 'key_changed')
      const isKnown = peer.direct.canSeal || nowMs < peer.noKeysUntilMs || this.#options.mode === 'off'
      if (!isKnown) return this.#fetch(peer)
      const message = peer.waiting.shift() as Waiting
      //= PAL-SRM-030
      if (message.fid && peer.pin && !equalBytes(message.fid, peer.pin.fid)) {
        this.#refuse(peer, message.tag, 'key_changed')
        continue
      }
      const isControl = message.kind >= INNER_KINDS.nudge
      const way = isControl && peer.direct.canSeal ? 'seal' : this.#way(peer)
      if (way === 'seal') this.#seal(peer, message, nowMs)
      else if (way === 'plain' && !isControl) this.#sendPlain(peer, message)
      else this.#refuse(peer, message.tag, this.#options.mode === 'off' ? 'sealed_before' : 'no_keys')
    }
    this.#gather(peer)
  }

  #way(peer: Peer): ReturnType<typeof outgoing> {
    return outgoing(this.#options.mode, peer.pin, peer.direct.canSeal)
  }

  #fetch(peer: Peer): void {
    if (peer.isFetching) return
    peer.isFetching = true
    this.#outputs.put({ kind: 'fetch_bundle', of: peer.person })
  }

  #seal(peer: Peer, message: Waiting, nowMs: number): void {
    if (message.body.length > SEALED_BODY_BYTES_MAX) return this.#refuse(peer, message.tag, 'too_large')
    const id = this.#primitives.random(ID_BYTES)
    const body = peer.direct.seal({ kind: message.kind, id, body: message.body }, nowMs)
    if (peer.pin && !peer.pin.isSealed) this.#keepPin(peer, sealedOnce(peer.pin))
    //= PAL-SDC-021
    const contentKind = CONTENT_KINDS.sealed
    this.#outputs.put({ kind: 'send', to: peer.person, tag: message.tag, contentKind, body, isSealed: true })
  }

  #sendPlain(peer: Peer, { tag, kind, body }: Waiting): void {
    //= PAL-TRU-015
    if (!peer.isPlainTold && this.#options.mode === 'prefer')
      this.#outputs.put({ kind: 'plain', person: peer.person })
    peer.isPlainTold = true
    this.#outputs.put({ kind: 'send', to: peer.person, tag, contentKind: kind, body, isSealed: false })
  }

  #plain(
    peer: Peer,
    { position, contentKind, body }: { position: number; contentKind: number; body: Uint8Array },
  ): void {
    const from = peer.person
    //= PAL-TRU-014
    if (isPlainShown(this.#options.mode, peer.pin)) {
      const flags = { isSealed: false, isVerified: false, isGap: false }
      this.#outputs.put({ kind: 'message', from, position, contentKind, body, ...flags })
    } else this.#outputs.put({ kind: 'unreadable', from, position, why: 'plain', isHealing: false })
  }

  #handleOpened(peer: Peer, message: Placed, opened: DirectResult & { result: 'ok' }, nowMs: number): void {
    const { inner } = opened
    this.#opened?.see(conversationName(peer.person), message.position)
    const from = peer.person
    if (peer.pin && !peer.pin.isSealed) this.#keepPin(peer, sealedOnce(peer.pin))
    switch (inner.kind) {
      case INNER_KINDS.nudge:
        break
      case INNER_KINDS.reset:
        this.#outputs.put({ kind: 'peer_reset', person: from })
        break
      case INNER_KINDS.comparison:
        this.#compared(peer, inner, nowMs)
        break
      default:
        this.#tell(peer, message, inner)
    }
    if (peer.direct.needsNudge(nowMs))
      this.#seal(peer, { tag: 0, kind: INNER_KINDS.nudge, body: NOTHING }, nowMs)
    this.#pass(peer, nowMs)
  }

  #tell(peer: Peer, { position, body: sealed }: Placed, inner: OpenedInner): void {
    const from = peer.person
    const { kind, body, isGap } = inner
    if (ROOM_KINDS.has(kind) && peer.pin)
      return this.#outputs.put({ kind: 'control', from, fid: peer.pin.fid, innerKind: kind, body })
    const opened = { contentKind: kind, body, isGap }
    this.#opened?.keep(conversationName(from), position, sealed, opened)
    this.#show(peer, position, opened)
  }

  #show({ person: from, pin }: Peer, position: number, { contentKind, body, isGap }: Opened): void {
    //= PAL-SDC-005
    if (isGap) this.#outputs.put({ kind: 'missing', person: from })
    const flags = { isSealed: true, isVerified: pin !== undefined && isVerified(pin), isGap }
    this.#outputs.put({ kind: 'message', from, position, contentKind, body, ...flags })
  }

  #compared(peer: Peer, inner: OpenedInner, nowMs: number): void {
    if (!peer.pin) return
    const compared = { own: this.own.id, peer: peer.pin.id }
    this.#step(
      peer,
      handleComparison(this.#primitives, peer.comparison, inner.body, { compared, nowMs }),
      nowMs,
    )
  }

  #step(peer: Peer, { comparison, send }: ComparisonStep, nowMs: number): void {
    const before = peer.comparison
    peer.comparison = comparison
    if (send) this.send(peer.person, { tag: 0, kind: INNER_KINDS.comparison, body: send }, nowMs)
    if (comparison.state === 'verified' && before?.state !== 'verified' && peer.pin)
      this.#keepPin(peer, verifiedBy(peer.pin, 'sas'))
    if (comparison !== before) this.#outputs.put({ kind: 'comparison', person: peer.person, comparison })
  }

  /** Whether an identity is the pinned one; the first one is pinned, another one is told. */
  #meets(peer: Peer, identity: Identity, nowMs: number): boolean {
    const { name } = peer.person
    const meeting = meet(peer.pin, { identity, name, nowMs })
    switch (meeting.kind) {
      case 'first':
        this.#keepPin(peer, meeting.pin)
        this.#outputs.put({ kind: 'met', person: peer.person, pin: meeting.pin })
        return true
      case 'same':
        return true
      case 'suite':
        return false
      case 'changed':
        this.#keepPin(peer, meeting.pin)
        this.#outputs.put({
          kind: 'key_changed',
          person: peer.person,
          pin: meeting.pin,
          wasVerified: meeting.wasVerified,
        })
        return false
      default:
        return meeting satisfies never
    }
  }

  /** Begins a new session when messages of the pinned peer cannot be read. */
  #heal(peer: Peer, isWorthIt: boolean, nowMs: number): boolean {
    if (!isWorthIt || !peer.pin || peer.pin.claim || !peer.direct.mayReset(nowMs)) return false
    peer.direct.askReset(nowMs)
    peer.isResetting = true
    this.#fetch(peer)
    return true
  }

  #refuseAll(peer: Peer, why: SealRefusal): void {
    for (const { tag } of peer.waiting.splice(0)) this.#refuse(peer, tag, why)
    this.#gather(peer)
  }

  #refuse(peer: Peer, tag: number, why: SealRefusal): void {
    if (tag !== 0) this.#outputs.put({ kind: 'refused', to: peer.person, tag, why })
  }

  /** By name, because that is what people trust: another key under a known name meets the same pin. */
  #peer(person: Person): Peer {
    let peer = this.#peers.get(person.folded)
    if (!peer) {
      const pinned = this.#options.records?.get(PIN + person.folded)
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
      this.#peers.set(person.folded, peer)
    } else if (!equalBytes(peer.person.key, person.key)) this.#turnTo(peer, person)
    peer.person = person
    return peer
  }

  #turnTo(peer: Peer, person: Person): void {
    this.#gather(peer)
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
    const records = this.#recordsOf(directPrefix(person))
    const direct = new SealedDirect(this.#primitives, own, { prekeys: this.#prekeys, context, records })
    if (this.#options.isRestored) direct.stopSending()
    return direct
  }

  #keepPin(peer: Peer, pin: Pin): void {
    peer.pin = pin
    this.#outputs.changes.put(PIN + peer.person.folded, encodePin(pin))
  }

  #gather(peer: Peer): void {
    const prefix = directPrefix(peer.person)
    for (const [name, bytes] of peer.direct.takeChanges()) this.#note(prefix + name, bytes)
  }

  #note(name: RecordChange[0], bytes: RecordChange[1]): void {
    if (bytes) this.#outputs.changes.put(name, bytes)
    else this.#outputs.changes.forget(name)
  }

  #recordsOf(prefix: string): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>()
    for (const [name, bytes] of this.#options.records ?? [])
      if (name.startsWith(prefix)) found.set(name.slice(prefix.length), bytes)
    return found
  }
}

function directPrefix(person: Person): string {
  return `${DIRECT}${conversationName(person)}/`
}

function conversationName({ folded, key }: Person): string {
  return `${folded}/${hexOf(key)}`
}
