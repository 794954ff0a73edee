/**
 * Sealed direct conversations of one account on one relay: pins, prekeys and sessions joined to one machine.
 * It decides what goes out sealed, plainly or not at all, and what of what comes in is shown. Nothing that it
 * seals or opens comes out before the state after it was kept: `takeSave`, `handleSaved`, then `pollOutput`.
 */
import { concatBytes, equalBytes } from '../../base/bytes.ts'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import { type Bundle, LIVE_NONCE_BYTES, readLiveBundle, readStoredBundle } from '../bundle.ts'
import type { DirectResult } from '../direct/direct.ts'
import { INNER_KINDS, type OpenedInner, ROOM_KINDS, SEALED_BODY_BYTES_MAX } from '../direct/inner.ts'
import type { CryptoFault, Identity, OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { OwnKeyPackage } from '../room/key-package.ts'
import {
  decide,
  isPlainShown,
  isVerified,
  outgoing,
  type Pin,
  type SealingMode,
  sealedOnce,
} from '../trust/pins.ts'
import { KeptOutputs } from './kept-outputs.ts'
import { type Opened, OpenedMessages } from './opened.ts'
import type { Person, Save, SealingOutput, SealRefusal } from './outputs.ts'
import { OwnKeys } from './own-keys.ts'
import { PeerTrust } from './peer-trust.ts'
import { conversationName, type Peer, Peers, type Waiting } from './peers.ts'

const ID_BYTES = 16
const WAITING_MAX = 256
const LIVE_ASK = 0x13
const LIVE_ANSWER = 0x14
const ASKS_PER_MINUTE = 10
const MINUTE_MS = 60_000
const NO_KEYS_MS = 600_000
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

export class Sealing {
  readonly #primitives: Primitives
  readonly #options: SealingOptions
  readonly #ownKeys: OwnKeys
  readonly #peers: Peers
  readonly #trust: PeerTrust
  readonly #opened: OpenedMessages | undefined
  readonly #outputs = new KeptOutputs<SealingOutput>()

  constructor(primitives: Primitives, options: SealingOptions) {
    this.#primitives = primitives
    this.#options = options
    const { own, records = new Map<string, Uint8Array>(), keepsOpened } = options
    const { changes } = this.#outputs
    const put = (output: SealingOutput): void => this.#outputs.put(output)
    this.#ownKeys = new OwnKeys(primitives, { ...options, records, changes, put })
    const { prekeys } = this.#ownKeys
    const peers = new Peers(primitives, { ...options, prekeys, records, changes })
    const tell = (to: Person, body: Uint8Array, nowMs: number): void =>
      this.send(to, { tag: 0, kind: INNER_KINDS.comparison, body }, nowMs)
    this.#trust = new PeerTrust(primitives, { own, peers, put, tell })
    this.#peers = peers
    if (keepsOpened) this.#opened = new OpenedMessages(primitives, changes, records)
  }

  /** The identity that others meet here. */
  get own(): OwnIdentity {
    return this.#options.own
  }

  /** All pins on this relay. */
  pins(): Pin[] {
    return this.#peers.pins()
  }

  /** What is known of somebody. */
  pinOf(person: Person): Pin | undefined {
    return this.#peers.of(person).pin
  }

  /** A session opened: the relay gets the bundle, and all prekeys anew where it may hold others. */
  connected(nowMs: number): void {
    this.#ownKeys.connected(nowMs)
  }

  /** The relay keeps so many one-time prekeys: few are made more. */
  handleStock(count: number, nowMs: number): void {
    this.#ownKeys.handleStock(count, nowMs)
  }

  /**
   * Sends a message, sealed or plain as mode and pin have it. An output with `tag` says what became of it.
   * With `fid` it is for that identity and no other.
   */
  send(to: Person, message: Waiting, nowMs: number): void {
    const peer = this.#peers.of(to)
    if (peer.waiting.length >= WAITING_MAX) return this.#refuse(peer, message.tag, 'too_many')
    peer.waiting.push(message)
    this.#pass(peer, nowMs)
  }

  /** The peer's bundle as the relay gave it, or undefined when it has none. One too old is none. */
  handleBundle(of: Person, bytes: Uint8Array | undefined, nowMs: number): void {
    const peer = this.#peers.of(of)
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
    if (bundle && !this.#trust.meets(peer, bundle.identity, nowMs))
      return this.#refuseAll(peer, 'key_changed')
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
    const peer = this.#peers.of(from)
    const { position, contentKind, body } = message
    if (contentKind !== CONTENT_KINDS.sealed) return this.#plain(peer, message)
    const before = this.#opened?.find(conversationName(from), position, body)
    if (before) return this.#show(peer, position, before)
    if (body[0] === LIVE_ASK) return this.#answer(peer, body.subarray(1), nowMs)
    if (body[0] === LIVE_ANSWER) return this.#answered(peer, body.subarray(1), nowMs)
    const isPeer = (identity: Identity): boolean => this.#trust.meets(peer, identity, nowMs)
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
    this.#peers.gather(peer)
  }

  /**
   * Asks the peer itself for a bundle, through the conversation: what `fetch_bundle` is answered by where the
   * relay keeps none. The answer is taken when it comes.
   */
  askLive(of: Person): void {
    const peer = this.#peers.of(of)
    const nonce = this.#primitives.random(LIVE_NONCE_BYTES)
    peer.liveNonce = nonce
    this.#sendBare(peer, concatBytes([Uint8Array.of(LIVE_ASK), nonce]))
  }

  /** The peer did not give its keys in time. Nothing happens when it did. */
  giveUpKeys(of: Person, nowMs: number): void {
    if (this.#peers.of(of).isFetching) this.handleBundle(of, undefined, nowMs)
  }

  #answer(peer: Peer, nonce: Uint8Array, nowMs: number): void {
    peer.asks = peer.asks.filter((each) => nowMs - each < MINUTE_MS)
    //= PAL-SDC-023
    if (nonce.length !== LIVE_NONCE_BYTES || peer.asks.length >= ASKS_PER_MINUTE) return
    if (this.#options.mode === 'off' && !peer.pin?.isSealed) return
    peer.asks.push(nowMs)
    this.#sendBare(peer, concatBytes([Uint8Array.of(LIVE_ANSWER), this.#ownKeys.live(nonce, nowMs)]))
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
    return this.#ownKeys.prekeys.package(packageId)
  }

  /** Whether nothing plain may go to that person. */
  mustSeal(to: Person): boolean {
    return this.#options.mode === 'require' || this.#peers.of(to).pin?.isSealed === true
  }

  /** Sends what is due by time: a new signed prekey, and a nudge for each peer that needs one. */
  handleTime(nowMs: number): void {
    this.#ownKeys.handleTime(nowMs)
    for (const peer of this.#peers.all())
      if (peer.direct.needsNudge(nowMs))
        this.#seal(peer, { tag: 0, kind: INNER_KINDS.nudge, body: NOTHING }, nowMs)
  }

  /** Tells something to another client, as rooms do. False while there is no session with it. */
  control(to: Person, innerKind: number, body: Uint8Array, nowMs: number): boolean {
    const peer = this.#peers.of(to)
    this.send(to, { tag: 0, kind: innerKind, body }, nowMs)
    return peer.direct.canSeal
  }

  /** Asks a peer to compare a short code. */
  compare(person: Person, nowMs: number): void {
    this.#trust.compare(person, nowMs)
  }

  /** The user says whether the codes are alike. */
  confirm(person: Person, isAlike: boolean, nowMs: number): void {
    this.#trust.confirm(person, isAlike, nowMs)
  }

  /** A QR code that the peer showed. True when it is the right one. */
  scan(person: Person, text: string): boolean {
    return this.#trust.scan(person, text)
  }

  /** The safety number as the peer reads it out. True when it is that of both. */
  compareNumber(person: Person, digits: string): boolean {
    return this.#trust.compareNumber(person, digits)
  }

  /**
   * The user decides for an identity: by its fid, or without one for a changed key that was never verified.
   */
  trust(person: Person, fid: Uint8Array | undefined, nowMs: number): boolean {
    const peer = this.#peers.of(person)
    const { pin } = peer
    const decided = pin && decide(this.#primitives, pin, fid)
    if (!decided) return false
    if (equalBytes(decided.fid, pin.fid)) {
      this.#peers.keepPin(peer, decided)
      return true
    }
    peer.direct.forget()
    this.#peers.keepPin(peer, decided)
    this.#peers.gather(peer)
    this.#pass(peer, nowMs)
    return true
  }

  /** What has to be kept now, if anything. */
  takeSave(): Save | undefined {
    this.#ownKeys.gather()
    for (const peer of this.#peers.all()) this.#peers.gather(peer)
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
    this.#peers.gather(peer)
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
    if (peer.pin && !peer.pin.isSealed) this.#peers.keepPin(peer, sealedOnce(peer.pin))
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
    if (peer.pin && !peer.pin.isSealed) this.#peers.keepPin(peer, sealedOnce(peer.pin))
    switch (inner.kind) {
      case INNER_KINDS.nudge:
        break
      case INNER_KINDS.reset:
        this.#outputs.put({ kind: 'peer_reset', person: from })
        break
      case INNER_KINDS.comparison:
        this.#trust.compared(peer, inner, nowMs)
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
    this.#peers.gather(peer)
  }

  #refuse(peer: Peer, tag: number, why: SealRefusal): void {
    if (tag !== 0) this.#outputs.put({ kind: 'refused', to: peer.person, tag, why })
  }
}
