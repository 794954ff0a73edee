import type { Timed } from '../base/deadlines.ts'
import {
  type Address,
  assert,
  type Datagram,
  EMPTY_BYTES,
  earlierOf,
  hexOf,
  type Instant,
  instantAfter,
  NEVER,
  UsageError,
} from '../base/index.ts'
import { sameAddress } from '../base/ip-address.ts'
import type { UdpCloseReason, UdpConnection, UdpEvent, UdpStats } from './api.ts'
import { type ArrivalSink, Arrivals } from './arrivals.ts'
import type { ClientHandshake } from './client-handshake.ts'
import { type CidSource, OwnCids, PeerCids } from './connection-ids.ts'
import type { FrameReader } from './frame.ts'
import { CLOSE, LIMIT, RATIO, TIMER } from './generated/constants.ts'
import { Intake } from './intake.ts'
import { LaneReceiver } from './lane-receiver.ts'
import type { Parameters } from './parameters.ts'
import { PathCheck } from './path-check.ts'
import { ConnectionTrace, type Tracer } from './trace.ts'
import { Transmitter, type TransmitterMeans } from './transmitter.ts'

/**
 * One connection (spec/13-datagram.md): opens DATA packets and acts on their frames, and keeps states and the
 * timers of its life; what leaves is the transmitter's. States: expect_accept (client, before ACCEPT) and
 * expect_confirm (relay, before the first DATA packet) lead to open; lingering waits for acknowledgements
 * before CLOSE; closing repeats CLOSE; draining is silent. Knows nothing of sockets, of other connections, or
 * of what the lanes carry.
 */

/** What a connection needs of the endpoint it belongs to. */
export interface ConnectionHost extends TransmitterMeans {
  readonly reader: FrameReader
  /** Absent where nothing is traced. */
  readonly tracer: Tracer | undefined
  emit(event: UdpEvent): void
  /** The connection may have something to send. */
  wake(connection: Connection): void
  /** The connection is over and forgotten. */
  release(connection: Connection): void
  /** The peer has another address. */
  onMoved(connection: Connection): void
  /** A further id for `connection`, under which packets find it. */
  giveCid(connection: Connection): { readonly cid: Uint8Array; readonly token: Uint8Array }
  /** Packets under `cid` are for nobody from here on. */
  dropCid(cid: Uint8Array): void
  /** Packets to the peer go under another id than `before`. */
  onPeerCid(connection: Connection, before: Uint8Array): void
  /** A client has confirmed the handshake. */
  onConfirmed(connection: Connection, now: Instant): void
}

/** The keys and ids that the handshake gave. */
export interface LinkKeys {
  readonly dcid: Uint8Array
  readonly sendSecret: Uint8Array
  readonly receiveSecret: Uint8Array
  readonly handshakeHash: Uint8Array
  readonly parameters: Parameters
}

type State =
  | { readonly kind: 'expect_accept'; readonly handshake: ClientHandshake }
  | { readonly kind: 'expect_confirm'; readonly since: Instant; readonly until: Instant }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'lingering'
      /** Moves on while the peer acknowledges what is queued, as far as the limit. */
      until: Instant
      readonly limit: Instant
      queuedBytes: number
      readonly code: number
      readonly detail: string
    }
  | { readonly kind: 'closing'; readonly until: Instant; readonly packet: Uint8Array }
  | { readonly kind: 'draining'; readonly until: Instant }
  | { readonly kind: 'closed' }

export class Connection implements UdpConnection, Timed, CidSource, ArrivalSink {
  /** Where the peer is; a relay's client may move. */
  remote: Address
  /** Our connection id in the handshake. */
  readonly cid: Uint8Array
  readonly id: string
  handshakeHash: Uint8Array = EMPTY_BYTES
  peerStatic: Uint8Array | undefined
  observedAddress: Address | undefined
  /** Belongs to the endpoint: whether the connection stands in its ready list. */
  isReady = false
  /** Belongs to the endpoint: which neighbourhood a relay counts the connection to. */
  prefix: string | undefined
  heapIndex = -1
  armedAt: Instant = NEVER

  readonly #host: ConnectionHost
  readonly #isClient: boolean
  #state: State
  readonly #trace: ConnectionTrace | undefined
  readonly #intake: Intake
  readonly #receiver: LaneReceiver
  readonly #transmitter: Transmitter
  readonly #ownCids: OwnCids
  readonly #peerCids: PeerCids = new PeerCids()
  readonly #arrivals: Arrivals
  readonly #pathCheck: PathCheck = new PathCheck(this.#peerCids)
  /** Sequence of the id under which the peer's packets come from where it is. */
  #underSequence = 0
  #idleTimeoutMs: number = TIMER.idleTimeoutMs
  #lastHeardAt: Instant
  #isCloseOwed = false
  #heardWhileClosing = 0
  #isWriterWaiting = false
  #packetsSent = 0
  #bytesSent = 0

  constructor(
    host: ConnectionHost,
    peer: { readonly remote: Address; readonly cid: Uint8Array; readonly handshake?: ClientHandshake },
    now: Instant,
  ) {
    this.#host = host
    this.remote = peer.remote
    this.cid = peer.cid
    this.id = hexOf(peer.cid)
    this.#trace = host.tracer && new ConnectionTrace(host.tracer, this.id)
    this.#intake = new Intake(host.primitives)
    this.#isClient = peer.handshake !== undefined
    this.#lastHeardAt = now
    this.#ownCids = new OwnCids(this, peer.cid)
    this.#receiver = new LaneReceiver(this, LIMIT.connectionCreditBytes, LIMIT.laneCreditBytes)
    this.#transmitter = new Transmitter({
      means: host,
      received: this.#intake.numbers,
      receiver: this.#receiver,
      ownCids: this.#ownCids,
      peerCids: this.#peerCids,
      trace: this.#trace,
      now,
    })
    this.#arrivals = new Arrivals(this, {
      reader: host.reader,
      intake: this.#intake,
      receiver: this.#receiver,
      transmitter: this.#transmitter,
      ownCids: this.#ownCids,
      peerCids: this.#peerCids,
    })
    this.#state =
      peer.handshake === undefined
        ? { kind: 'expect_confirm', since: now, until: instantAfter(now, TIMER.handshakeTimeoutMs) }
        : { kind: 'expect_accept', handshake: peer.handshake }
  }

  /** The peer's connection id that packets go to; empty before the handshake is done. */
  get dcid(): Uint8Array {
    return this.#peerCids.current.cid
  }

  /** What a RESET that names it carries; empty at a relay. */
  get resetToken(): Uint8Array {
    return this.#peerCids.current.token
  }

  /** Whether the 8 bytes at `at` are one of our ids. */
  isOwnCid(bytes: Uint8Array, at: number): boolean {
    return this.#ownCids.sequenceAt(bytes, at) >= 0
  }

  /** Part of `CidSource`. */
  giveCid(): { readonly cid: Uint8Array; readonly token: Uint8Array } {
    return this.#host.giveCid(this)
  }

  /** Part of `CidSource`. */
  dropCid(cid: Uint8Array): void {
    this.#host.dropCid(cid)
  }

  get queuedBytes(): number {
    return this.#transmitter.lanes.queuedBytes
  }

  /** Whether the connection is a client's that still waits for ACCEPT. */
  get handshake(): ClientHandshake | undefined {
    return this.#state.kind === 'expect_accept' ? this.#state.handshake : undefined
  }

  get stats(): UdpStats {
    const intake = this.#intake
    return {
      ...this.#transmitter.stats,
      packetsSent: this.#packetsSent,
      packetsReceived: intake.packetCount,
      packetsDuplicate: intake.duplicateCount,
      packetsBad: intake.badCount,
      bytesSent: this.#bytesSent,
      bytesReceived: intake.byteCount,
      heldBytes: this.#receiver.heldBytes,
    }
  }

  write(lane: number, bytes: Uint8Array): boolean {
    const kind = this.#state.kind
    if (kind !== 'open' && kind !== 'expect_accept' && kind !== 'expect_confirm') return false
    this.#transmitter.lanes.write(lane, bytes)
    this.#host.wake(this)
    if (!this.#transmitter.lanes.isAboveHighWater) return true
    this.#isWriterWaiting = true
    return false
  }

  sendDatagram(lane: number, bytes: Uint8Array, now: Instant): void {
    const isLane = Number.isInteger(lane) && lane >= 0 && lane < LIMIT.lanes
    if (!isLane || bytes.length === 0 || bytes.length > LIMIT.datagramFrameBytesMax) {
      throw new UsageError('bad_argument', `no datagram of ${bytes.length} bytes on lane ${lane}`)
    }
    if (this.#state.kind !== 'open') return
    //= PAL-UDP-116
    const lifeMs = Math.max(this.#transmitter.recovery.rtt.smoothedMs, TIMER.datagramLifeMinMs)
    this.#transmitter.datagrams.push(lane, bytes, lifeMs, now)
    this.#host.wake(this)
  }

  pause(): void {
    this.#receiver.pause()
  }

  resume(_now: Instant): void {
    this.#receiver.resume()
    this.#host.wake(this)
  }

  //= PAL-UDP-114
  moved(_now: Instant): void {
    if (!this.#isClient || !this.isUp) return
    const { dcid } = this
    //= PAL-UDP-127
    if (this.#peerCids.advance()) this.#host.onPeerCid(this, dcid)
    this.#transmitter.changePath()
    this.#transmitter.owePing()
    this.#host.wake(this)
  }

  close(code: number, reason: string, now: Instant): void {
    switch (this.#state.kind) {
      case 'expect_accept':
      case 'expect_confirm':
        this.#finish({ by: 'local', code, detail: reason }, now)
        break
      case 'open':
        //= PAL-UDP-076
        if (this.#transmitter.lanes.queuedBytes === 0) {
          this.fail(code, reason, now)
        } else {
          const until = instantAfter(now, TIMER.closeLingerMs)
          const limit = instantAfter(now, this.#idleTimeoutMs)
          const { queuedBytes } = this
          this.#enter({ kind: 'lingering', until, limit, queuedBytes, code, detail: reason }, now)
          this.#host.wake(this)
        }
        break
      default:
    }
  }

  abort(code: number, reason: string, now: Instant): void {
    if (this.isUp) this.fail(code, reason, now)
    else this.close(code, reason, now)
  }

  /**
   * Takes the keys of a handshake that is done. The client is open with it, the relay once it is confirmed.
   */
  install(keys: LinkKeys, now: Instant): void {
    this.#peerCids.open(keys.dcid, keys.parameters.resetToken ?? EMPTY_BYTES)
    this.handshakeHash = keys.handshakeHash
    this.observedAddress = keys.parameters.observedAddress
    this.#transmitter.open(keys.sendSecret)
    this.#intake.open(keys.receiveSecret)
    this.#transmitter.lanes.open(keys.parameters.creditBytes, keys.parameters.laneCreditBytes)
    this.#transmitter.mtu.open(keys.parameters.datagramBytesMax)
    this.#transmitter.recovery.peerAckDelayMs = keys.parameters.maxAckDelayMs
    this.#idleTimeoutMs = Math.min(TIMER.idleTimeoutMs, keys.parameters.idleTimeoutMs)
    this.#lastHeardAt = now
    if (!this.#isClient) return
    //= PAL-UDP-020
    this.#transmitter.owePing()
    this.#open(now)
    this.#host.wake(this)
  }

  /** Gives the client a token for its next connection. */
  giveToken(token: Uint8Array): void {
    this.#transmitter.oweToken(token)
  }

  /** When the peer was heard last. */
  get lastHeardAt(): Instant {
    return this.#lastHeardAt
  }

  isUnanswered(ms: number, now: Instant): boolean {
    return this.#isClient && this.isUp && this.#transmitter.isAsking && now - this.#lastHeardAt >= ms
  }

  /** The round trip of the handshake. */
  sampleRtt(rttMs: number, now: Instant): void {
    this.#transmitter.recovery.sampleRtt(rttMs, 0, now)
  }

  /** Ends the connection without a word to the peer. */
  abandon(reason: UdpCloseReason, now: Instant): void {
    if (this.#state.kind === 'closing' || this.#state.kind === 'draining') return
    this.#finish(reason, now)
  }

  /** Forgets the connection of a relay whose client has not confirmed the handshake. */
  abandonUnconfirmed(now: Instant): void {
    if (this.#state.kind === 'expect_confirm') this.#forget(now)
  }

  /** A handshake packet came that concerns this connection: for the trace only. */
  noteHandshake(packet: string, bytes: number, from: Address, now: Instant): void {
    this.#trace?.note(now, { kind: 'packet_received', packet, from, bytes })
  }

  /** A DATA packet whose header is in order and whose cid is ours. */
  handleData(packet: Uint8Array, from: Address, now: Instant): void {
    const isElsewhere = !sameAddress(from, this.remote)
    //= PAL-UDP-030
    if ((isElsewhere && !this.#mayMove()) || !this.#intake.isOpen) {
      this.#trace?.note(now, { kind: 'packet_dropped', bytes: packet.length, why: 'address' })
      return
    }
    if (this.#state.kind === 'closing') {
      this.#answerWhileClosing()
      return
    }
    if (this.#state.kind === 'draining' || this.#state.kind === 'closed') return
    const intake = this.#intake
    const frames = intake.take(packet, this.#ptoMs(), now)
    if (frames === undefined) {
      this.#trace?.dropped(now, packet.length, intake)
      return
    }
    if (intake.isNewPhase && !this.#takeNewPhase(now)) return
    this.#trace?.received(now, from, { number: intake.number, bytes: packet.length, frames })
    this.#lastHeardAt = now
    if (this.#state.kind === 'expect_confirm') this.#confirm(this.#state.since, now)
    const { isHighest } = intake
    const sequence = this.#ownCids.sequenceAt(packet, 1)
    this.#arrivals.apply({ frames, from, sequence }, now)
    if (isElsewhere && this.isUp && !sameAddress(from, this.remote)) {
      const means = { entropy: this.#host.entropy, ptoMs: this.#ptoMs(), now }
      const isOtherCid = sequence !== this.#underSequence
      this.#pathCheck.onElsewhere(from, { bytes: packet.length, isHighest, isOtherCid }, means)
    } else if (isHighest) {
      this.#underSequence = sequence
    }
    this.#host.wake(this)
  }

  /** Acts on every deadline at or before `now`. */
  handleTimeout(now: Instant): void {
    const state = this.#state
    switch (state.kind) {
      case 'expect_accept':
        if (now >= state.handshake.deadline) this.#giveUp(now)
        break
      case 'expect_confirm':
        //= PAL-UDP-024
        if (now >= state.until) this.#giveUp(now)
        break
      case 'lingering':
        if (now >= state.until) this.fail(state.code, state.detail, now)
        else this.#handleOpenTimeout(now)
        break
      case 'open':
        this.#handleOpenTimeout(now)
        break
      case 'closing':
      case 'draining':
        if (now >= state.until) this.#forget(now)
        break
      case 'closed':
        return
      default:
        state satisfies never
    }
    this.#host.wake(this)
  }

  /** The earliest deadline. */
  get deadline(): Instant {
    const state = this.#state
    switch (state.kind) {
      case 'expect_accept':
        return earlierOf(state.handshake.sendAt, state.handshake.deadline)
      case 'lingering':
        return earlierOf(state.until, this.#openDeadline())
      case 'open':
        return this.#openDeadline()
      case 'expect_confirm':
      case 'closing':
      case 'draining':
        return state.until
      default:
        return NEVER
    }
  }

  /** The next datagram to send now. */
  pollTransmit(now: Instant): Datagram | undefined {
    const challenge = this.isUp ? this.#pathCheck.poll(now) : undefined
    const bytes = challenge ? this.#transmitter.sealChallenge(challenge) : this.#pollPacket(now)
    if (bytes === undefined) return undefined
    this.#packetsSent++
    this.#bytesSent += bytes.length
    const to = challenge?.to ?? this.remote
    if (this.#trace !== undefined) this.#traceSent(this.#trace, to, bytes, now)
    return { to, bytes }
  }

  #traceSent(trace: ConnectionTrace, to: Address, bytes: Uint8Array, now: Instant): void {
    const { sealedNumber: number, sealedFrames: frames } = this.#transmitter
    if (this.#state.kind === 'expect_accept') {
      trace.note(now, { kind: 'packet_sent', packet: 'initial', to, bytes: bytes.length })
    } else {
      trace.sent(now, to, { number, bytes: bytes.length, frames })
    }
  }

  #pollPacket(now: Instant): Uint8Array | undefined {
    switch (this.#state.kind) {
      case 'expect_accept':
        return this.#state.handshake.poll(now)
      case 'open':
      case 'lingering':
        if (!this.#transmitter.isUsedUp) return this.#transmitter.poll(now)
        this.fail(CLOSE.numbersUsedUp, 'packet numbers used up', now)
        return this.#pollPacket(now)
      case 'closing':
        if (!this.#isCloseOwed) return undefined
        this.#isCloseOwed = false
        return this.#state.packet
      default:
        return undefined
    }
  }

  // ---- receiving -------------------------------------------------------------------------------

  /** Part of `ArrivalSink`. */
  onAcked(now: Instant): void {
    const { lanes } = this.#transmitter
    if (this.#isWriterWaiting && lanes.isBelowLowWater) {
      this.#isWriterWaiting = false
      this.#host.emit({ kind: 'writable', connection: this })
    }
    const state = this.#state
    if (state.kind !== 'lingering') return
    if (lanes.queuedBytes === 0) this.fail(state.code, state.detail, now)
    else if (lanes.queuedBytes < state.queuedBytes) {
      state.queuedBytes = lanes.queuedBytes
      state.until = earlierOf(state.limit, instantAfter(now, TIMER.closeLingerMs))
    }
  }

  /** Part of `ArrivalSink`. */
  onPathResponse(data: Uint8Array, from: Address, now: Instant): void {
    if (!this.#pathCheck.isAnswered(data, from, now)) return
    const isOtherHost = from.host !== this.remote.host
    this.remote = from
    if (isOtherHost) {
      // What is under way went to where nobody is any more: the answer tells so sooner than a new path's PTO.
      if (this.#transmitter.isAsking) this.#transmitter.owePing()
      this.#transmitter.changePath()
    }
    this.#trace?.note(now, { kind: 'path', address: from, state: 'validated' })
    this.#host.onMoved(this)
  }

  /** The peer's keys are new; ours follow. False when that came too soon. */
  //= PAL-UDP-110
  #takeNewPhase(now: Instant): boolean {
    const { numbers, phase } = this.#intake
    if (!numbers.hasAcked) {
      this.fail(CLOSE.keyUpdate, 'keys changed again', now)
      return false
    }
    numbers.hasAcked = false
    this.#trace?.note(now, { kind: 'key_phase', direction: 'receive', phase })
    if (this.#transmitter.phase !== phase) this.#transmitter.updateKeys(now)
    return true
  }

  /** Part of `ArrivalSink`. */
  onDatagram(lane: number, bytes: Uint8Array): void {
    if (this.#state.kind !== 'open' || this.#receiver.isPaused) return
    this.#host.emit({ kind: 'datagram', connection: this, lane, bytes })
  }

  /** Part of `ArrivalSink`. */
  //= PAL-UDP-107
  onToken(token: Uint8Array, now: Instant): void {
    if (this.#isClient) this.#host.emit({ kind: 'token', connection: this, token })
    else this.fail(CLOSE.frameEncoding, 'a token to a relay', now)
  }

  /** Part of `ArrivalSink`. */
  //= PAL-UDP-072
  onPeerClose(code: number, detail: string, now: Instant): void {
    this.#emitClosed({ by: 'peer', code, detail })
    this.#stop()
    this.#enter({ kind: 'draining', until: instantAfter(now, this.#drainingMs()) }, now)
  }

  /** Part of `LaneSink`. */
  onLaneBytes(lane: number, bytes: Uint8Array): void {
    if (this.#state.kind === 'lingering') return
    this.#host.emit({ kind: 'lane_bytes', connection: this, lane, bytes })
  }

  // ---- timers ----------------------------------------------------------------------------------

  #openDeadline(): Instant {
    const idleAt = instantAfter(this.#lastHeardAt, this.#idleTimeoutMs)
    const at = earlierOf(earlierOf(this.#transmitter.deadline, idleAt), this.#keepaliveAt())
    return earlierOf(at, this.#pathCheck.deadline)
  }

  //= PAL-UDP-070
  #keepaliveAt(): Instant {
    if (!this.#isClient || this.#transmitter.isAsking) return NEVER
    // Where the relay forgets sooner than usual, two of them may still be lost.
    const silenceMs = Math.min(TIMER.keepaliveMs, this.#idleTimeoutMs / 3)
    return instantAfter(Math.max(this.#lastHeardAt, this.#transmitter.lastElicitingAt) as Instant, silenceMs)
  }

  #handleOpenTimeout(now: Instant): void {
    //= PAL-UDP-069
    if (now >= instantAfter(this.#lastHeardAt, this.#idleTimeoutMs)) {
      this.#finish({ by: 'link', code: CLOSE.idle, detail: 'nothing heard' }, now)
      return
    }
    this.#transmitter.handleTimeout(now)
    this.#pathCheck.giveUp(now)
    if (now >= this.#keepaliveAt()) this.#transmitter.owePing()
  }

  // ---- state -----------------------------------------------------------------------------------

  #enter(state: State, now: Instant): void {
    this.#state = state
    this.#trace?.note(now, { kind: 'state', state: state.kind })
  }

  /** Part of `ArrivalSink`. */
  get isUp(): boolean {
    return this.#state.kind === 'open' || this.#state.kind === 'lingering'
  }

  /** The client has ACCEPT: the relay may send, and knows a round trip that is too long at worst. */
  //= PAL-UDP-023
  #confirm(since: Instant, now: Instant): void {
    this.sampleRtt(Math.max(now - since, TIMER.granularityMs), now)
    this.#open(now)
    this.#host.onConfirmed(this, now)
  }

  #open(now: Instant): void {
    this.#ownCids.open()
    this.#enter({ kind: 'open' }, now)
    this.#host.emit({ kind: 'opened', connection: this })
  }

  #giveUp(now: Instant): void {
    const detail = 'the handshake took too long'
    // A relay's user never heard of a connection that was not confirmed.
    if (this.#isClient) this.#finish({ by: 'link', code: CLOSE.handshakeTimeout, detail }, now)
    else this.#forget(now)
  }

  /** Sends CLOSE now and remembers the connection while late packets may arrive. Part of `ArrivalSink`. */
  //= PAL-UDP-071
  fail(code: number, detail: string, now: Instant): void {
    const packet = this.#transmitter.sealClose(code, detail)
    assert(packet !== undefined, 'only an open connection closes')
    this.#enter({ kind: 'closing', until: instantAfter(now, this.#drainingMs()), packet }, now)
    this.#isCloseOwed = true
    this.#stop()
    this.#emitClosed({ by: 'local', code, detail })
    this.#host.wake(this)
  }

  //= PAL-UDP-073
  #answerWhileClosing(): void {
    // The first packet is answered: a peer that lost the CLOSE and says little would never see it.
    if (this.#heardWhileClosing++ % LIMIT.closeAnswerPackets !== 0) return
    this.#isCloseOwed = true
    this.#host.wake(this)
  }

  #finish(reason: UdpCloseReason, now: Instant): void {
    this.#emitClosed(reason)
    this.#forget(now)
  }

  #forget(now: Instant): void {
    if (this.#state.kind === 'closed') return
    this.#enter({ kind: 'closed' }, now)
    this.#stop()
    this.#ownCids.clear()
    this.#host.release(this)
  }

  #stop(): void {
    this.#transmitter.clear()
    this.#receiver.clear()
    this.#pathCheck.clear()
  }

  #emitClosed(reason: UdpCloseReason): void {
    this.#host.emit({ kind: 'closed', connection: this, reason })
  }

  #drainingMs(): number {
    return RATIO.draining * this.#ptoMs()
  }

  #ptoMs(): number {
    const { rtt, peerAckDelayMs } = this.#transmitter.recovery
    return rtt.ptoMs(peerAckDelayMs)
  }

  /** Only a client that has confirmed its first address may have another. */
  #mayMove(): boolean {
    return !this.#isClient && this.isUp
  }
}
