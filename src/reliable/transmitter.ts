import {
  EMPTY_BYTES,
  type Entropy,
  earlierOf,
  type Instant,
  type LinkPrimitives,
  NEVER,
  utf8Bytes,
} from '../base/index.ts'
import type { UdpStats } from './api.ts'
import { type CongestionControl, type CongestionController, NewReno, Pacer } from './congestion.ts'
import type { OwnCids, PeerCids } from './connection-ids.ts'
import { Copies } from './copies.ts'
import { Cubic } from './cubic.ts'
import { Datagrams } from './datagrams.ts'
import { type FrameReader, writeClose, writePath, writeToken } from './frame.ts'
import { FRAME, LIMIT } from './generated/constants.ts'
import type { LaneReceiver } from './lane-receiver.ts'
import { LaneSender } from './lane-sender.ts'
import { NumberSource, type ReceivedNumbers } from './numbers.ts'
import type { Challenge } from './path-check.ts'
import { PathMtu } from './path-mtu.ts'
import { type LossReason, Recovery, type RecoveryHost, type SentPacket } from './recovery.ts'
import { PacketProtection } from './seal.ts'
import type { ConnectionTrace } from './trace.ts'

/** Room for frames in a datagram that every path takes. */
//= PAL-UDP-001
const FRAMES_BYTES_LEAST = LIMIT.datagramBytes - LIMIT.dataOverheadBytes
/** An ACK leaves room for data behind it. */
const ACK_BYTES_MAX = 400
/** Header, tag, the smallest ACK, and heads of a few LANE frames. */
const SMALL_PACKET_BYTES = 150
const ELICITING_FRAMES_BYTES_MIN = LIMIT.resettableBytesMin - LIMIT.dataOverheadBytes

/** What a transmitter is given by the endpoint. */
export interface TransmitterMeans {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
  /** Room for the frames of one packet, used only within a call. */
  readonly scratch: Uint8Array
  readonly congestionControl: CongestionControl
  /** Packets sealed under one key. */
  readonly keyUpdatePackets: number
}

interface TransmitterParts {
  readonly means: TransmitterMeans
  readonly received: ReceivedNumbers
  readonly receiver: LaneReceiver
  readonly ownCids: OwnCids
  readonly peerCids: PeerCids
  readonly trace: ConnectionTrace | undefined
  readonly now: Instant
}

/** The counters of a connection that its sending half keeps. */
type SendStats = Omit<
  UdpStats,
  | 'packetsSent'
  | 'packetsReceived'
  | 'packetsDuplicate'
  | 'packetsBad'
  | 'bytesSent'
  | 'bytesReceived'
  | 'heldBytes'
>

/**
 * The sending half of an open connection: decides when a DATA packet may leave, what goes into it (ACK,
 * credit, lane bytes, copies, PING), seals it, and puts what was lost into another. Knows no states and reads
 * no packets: the connection passes on the ACKs.
 */
export class Transmitter implements RecoveryHost {
  readonly recovery: Recovery
  readonly lanes: LaneSender = new LaneSender()
  readonly copies: Copies = new Copies()
  readonly datagrams: Datagrams = new Datagrams()
  readonly mtu: PathMtu = new PathMtu()
  /** When the last packet that asks for an acknowledgement left. */
  lastElicitingAt: Instant
  /** The number and the frames of the packet sealed last; valid until the next. */
  sealedNumber = -1
  sealedFrames: Uint8Array = EMPTY_BYTES

  readonly #means: TransmitterMeans
  readonly #received: ReceivedNumbers
  readonly #receiver: LaneReceiver
  readonly #ownCids: OwnCids
  readonly #peerCids: PeerCids
  readonly #numbers: NumberSource
  readonly #pacer: Pacer = new Pacer()
  readonly #trace: ConnectionTrace | undefined
  #protection: PacketProtection | undefined
  #pacedUntil: Instant = NEVER
  /** First number under the present keys, and whether one of them has been acknowledged. */
  #phaseStart = 0
  #isPhaseAcked = false
  #token: Uint8Array | undefined
  #isTokenOwed = false
  #probesOwed = 0
  #isPingOwed = false
  readonly #pathAnswers: Uint8Array[] = []
  #ackOnlyRun = 0

  /** Acknowledges what `received` holds and sends the credit that `receiver` owes. */
  constructor({ means, received, receiver, ownCids, peerCids, trace, now }: TransmitterParts) {
    this.#means = means
    this.#trace = trace
    //= PAL-UDP-092
    this.recovery = new Recovery(this, this.#newController())
    this.#received = received
    this.#receiver = receiver
    this.#ownCids = ownCids
    this.#peerCids = peerCids
    this.#numbers = new NumberSource(means.entropy)
    this.lastElicitingAt = now
  }

  get stats(): SendStats {
    const { recovery, copies, lanes } = this
    return {
      packetsLost: recovery.lostCount,
      lossAverage: copies.lossAverage,
      probeTimeouts: recovery.probeCount,
      bytesRepeated: lanes.repeatedBytes,
      copiesSent: copies.sentCount,
      bytesInFlight: recovery.bytesInFlight,
      windowBytes: recovery.congestion.windowBytes,
      rttMsSmoothed: recovery.rtt.smoothedMs,
      rttMsLatest: recovery.rtt.latestMs,
      rttMsMin: recovery.rtt.minMs,
      rttMsVariation: recovery.rtt.variationMs,
      datagramBytes: this.mtu.datagramBytes,
      datagramBytesRefused: this.mtu.refusedBytes,
    }
  }

  /** The first packet number not yet used. */
  get nextNumber(): number {
    return this.#numbers.next
  }

  /** Whether no number is left but the one for CLOSE. */
  //= PAL-UDP-036
  get isUsedUp(): boolean {
    return this.#numbers.next >= LIMIT.numberMax - 1
  }

  /** Whether something that asks for an acknowledgement is under way or about to leave. */
  get isAsking(): boolean {
    return this.#isPingOwed || this.recovery.inFlightCount > 0
  }

  /** When `handleTimeout` or `poll` has something to do. */
  get deadline(): Instant {
    const at = earlierOf(this.recovery.deadline, this.#received.ackAt)
    return earlierOf(earlierOf(at, this.#pacedUntil), this.copies.dueAt)
  }

  /** Packets are sealed under `secret`. */
  open(secret: Uint8Array): void {
    this.#protection = new PacketProtection(this.#means.primitives, secret)
  }

  /** Phase of our keys. */
  get phase(): number {
    return this.#protection?.phase ?? 0
  }

  /** Seals under the next keys from here on. */
  updateKeys(now: Instant): void {
    this.#protection = this.#protection?.next()
    this.#phaseStart = this.#numbers.next
    this.#isPhaseAcked = false
    this.#trace?.note(now, { kind: 'key_phase', direction: 'send', phase: this.phase })
  }

  /** Sends TOKEN with the next packet that asks for an acknowledgement, until one has been acknowledged. */
  oweToken(token: Uint8Array): void {
    this.#token = token
    this.#isTokenOwed = true
  }

  /** Asks for an acknowledgement with the next packet. */
  owePing(): void {
    this.#isPingOwed = true
  }

  /** Answers PATH_CHALLENGE with the next packet. */
  //= PAL-UDP-095
  owePathAnswer(data: Uint8Array): void {
    if (this.#pathAnswers.length < LIMIT.pathAnswersMax) this.#pathAnswers.push(new Uint8Array(data))
  }

  /** A packet that holds PATH_CHALLENGE alone. It is neither repeated nor counted as in flight. */
  sealChallenge({ cid, data }: Challenge): Uint8Array | undefined {
    const end = writePath(this.#means.scratch, 0, FRAME.pathChallenge, data)
    return this.#protection && this.#seal(this.#protection, this.#pad(end), cid)
  }

  handleTimeout(now: Instant): void {
    const { lostCount } = this.recovery
    const count = this.recovery.onTimeout(now)
    this.#probesOwed = Math.max(this.#probesOwed, count)
    if (count > 0) this.#trace?.note(now, { kind: 'probe_timeout', count: this.recovery.probeRun })
    if (this.recovery.lostCount > lostCount) this.#noteMetrics(now)
    this.#checkMtu(now)
  }

  /** Takes an ACK. False when it names a number that was never sent. */
  onAck(ack: FrameReader, now: Instant): boolean {
    if (!this.recovery.onAck(ack, this.#numbers.next, now)) return false
    if ((ack.ranges[1] as number) >= this.#phaseStart) this.#isPhaseAcked = true
    this.#noteMetrics(now)
    this.#checkMtu(now)
    return true
  }

  #checkMtu(now: Instant): void {
    if (this.mtu.hasShrunk(now)) this.#noteMtu(now)
  }

  #noteMtu(now: Instant): void {
    this.#trace?.note(now, { kind: 'datagram_bytes', bytes: this.mtu.datagramBytes })
  }

  #noteMetrics(now: Instant): void {
    const trace = this.#trace
    if (trace === undefined) return
    const { rtt, congestion, bytesInFlight } = this.recovery
    const metrics = {
      rttMsLatest: rtt.latestMs,
      rttMsSmoothed: rtt.smoothedMs,
      rttMsMin: rtt.minMs,
      rttMsVariation: rtt.variationMs,
      windowBytes: congestion.windowBytes,
      bytesInFlight,
    }
    trace.note(now, { kind: 'metrics', metrics })
  }

  /** The next packet to send now. */
  poll(now: Instant): Uint8Array | undefined {
    //= PAL-UDP-109, PAL-UDP-115
    const isWornOut = this.#numbers.next - this.#phaseStart >= this.#means.keyUpdatePackets
    if (isWornOut && this.#isPhaseAcked) this.updateKeys(now)
    const protection = this.#protection
    if (protection === undefined) return undefined
    const probeBytes = this.#mtuProbeBytes(now)
    if (probeBytes > 0) return this.#sendMtuProbe(protection, probeBytes, now)
    const mayElicit = this.#mayElicit(now)
    //= PAL-UDP-039
    if (!mayElicit && this.#received.ackAt > now) return undefined
    const frames = this.#means.scratch
    const packet = this.recovery.take()
    const room = mayElicit ? this.#framesRoom : FRAMES_BYTES_LEAST
    let end = 0
    if (this.#received.hasNews) {
      packet.ackedLargest = this.#received.largest
      end = this.#received.writeAck(frames, 0, Math.min(ACK_BYTES_MAX, Math.max(room, 0) / 2), now)
    }
    const ackEnd = end
    if (mayElicit) {
      for (const data of this.#pathAnswers) end = writePath(frames, end, FRAME.pathResponse, data)
      this.#pathAnswers.length = 0
      end = this.#receiver.writeCredits(frames, end, room, packet)
      end = this.#writeToken(end, room, packet)
      end = this.#ownCids.write(frames, end, room, packet)
      end = this.#peerCids.write(frames, end, room, packet)
      end = this.datagrams.write(frames, end, room, now)
      end = this.lanes.writeFrames(frames, end, room, packet)
      end = this.#writeCopies(end, room, packet, now)
    }
    if (end === ackEnd && this.#needsPing(mayElicit)) frames[end++] = FRAME.ping
    if (end > ackEnd) return this.#sendEliciting(protection, packet, end, now)
    this.recovery.giveBack(packet)
    return this.#seal(protection, end)
  }

  /** Length of a probe of the path MTU that may leave now, or 0. */
  #mtuProbeBytes(now: Instant): number {
    const bytes = this.mtu.probeBytes(now)
    if (bytes === 0 || this.#probesOwed > 0 || this.#windowRoom < bytes) return 0
    const { congestion, rtt } = this.recovery
    return this.#pacer.readyAt(congestion.pacingRate(rtt.smoothedMs), now) <= now ? bytes : 0
  }

  #sendMtuProbe(protection: PacketProtection, bytes: number, now: Instant): Uint8Array {
    const end = bytes - LIMIT.dataOverheadBytes
    this.#means.scratch[0] = FRAME.ping
    this.#means.scratch.fill(FRAME.padding, 1, end)
    const packet = this.recovery.take()
    packet.isMtuProbe = true
    const sent = this.#sendEliciting(protection, packet, end, now)
    this.mtu.onProbeSent(packet.number)
    return sent
  }

  /** A packet that holds CLOSE alone. */
  sealClose(code: number, detail: string): Uint8Array | undefined {
    const reason = utf8Bytes(detail).subarray(0, LIMIT.closeReasonBytesMax)
    const end = writeClose(this.#means.scratch, 0, code, reason)
    return this.#protection && this.#seal(this.#protection, end)
  }

  /** Starts anew on another path, of which nothing is known. */
  //= PAL-UDP-099
  changePath(): void {
    this.mtu.restart()
    this.recovery.changePath(this.#newController())
  }

  /** Forgets everything that is queued or under way. */
  clear(): void {
    this.recovery.clear()
    this.lanes.clear()
    this.copies.clear()
    this.datagrams.clear()
    this.#isTokenOwed = false
  }

  /** Part of `RecoveryHost`. */
  onPacketAcked(packet: SentPacket, now: Instant): void {
    if (packet.isMtuProbe) {
      this.mtu.onProbeAcked(packet.number, packet.bytes)
      this.#noteMtu(now)
      return
    }
    this.mtu.onAcked(packet.number, packet.bytes)
    this.copies.onAcked()
    this.lanes.onAcked(packet)
    this.#peerCids.onAcked(packet)
    if (packet.ackedLargest >= 0) this.#received.onAckAcked(packet.ackedLargest)
  }

  /** Part of `RecoveryHost`. */
  onPacketLost(packet: SentPacket, why: LossReason, now: Instant): void {
    this.#trace?.note(now, { kind: 'packet_lost', number: packet.number, why })
    if (packet.isMtuProbe) {
      this.mtu.onProbeLost(packet.number, now)
      return
    }
    this.mtu.onLost(packet.number, packet.bytes)
    this.copies.onLost(this.#numbers.next)
    this.#repeat(packet)
  }

  /** Part of `RecoveryHost`. */
  onProbe(packet: SentPacket): void {
    this.#repeat(packet)
  }

  /** Part of `RecoveryHost`. */
  get hasDataWaiting(): boolean {
    return this.lanes.queuedBytes > 0 || this.recovery.isCreditInFlight
  }

  #newController(): CongestionController {
    const name = this.#means.congestionControl
    return name === 'newreno' ? new NewReno() : new Cubic({ isStrict: name === 'cubic_strict' })
  }

  /** Whether something that asks for an acknowledgement is to be sent, and may be. */
  #mayElicit(now: Instant): boolean {
    this.#pacedUntil = NEVER
    //= PAL-UDP-064
    if (this.#probesOwed > 0) return true
    const { congestion, rtt } = this.recovery
    // Whoever waits for the answer may be unable to acknowledge anything before it has come.
    //= PAL-UDP-095
    if (this.#pathAnswers.length > 0) return true
    const isCopyDue = this.copies.isDue(this.lanes, rtt.smoothedMs, now)
    const isControlDue = this.#isPingOwed || this.#receiver.hasCreditDue
    const isNewDue = isControlDue || this.lanes.hasSendable || this.datagrams.isDue(now)
    if (!isNewDue && !isCopyDue) return false
    if (!this.#isWindowFull) {
      const readyAt = this.#pacer.readyAt(congestion.pacingRate(rtt.smoothedMs), now)
      if (readyAt <= now) return true
      if (isNewDue) this.#pacedUntil = readyAt
    }
    // A copy that has to wait comes too late to be of use.
    if (isCopyDue) this.copies.dropDue(now)
    return false
  }

  /** Fills what room is left with copies, and notes what else the packet carries as worth one. */
  #writeCopies(at: number, room: number, packet: SentPacket, now: Instant): number {
    const count = packet.pieces.length
    let end = at
    //= PAL-UDP-088 Probes may exceed the window; they carry no copies.
    if (this.copies.isWaiting && this.#probesOwed === 0 && !this.lanes.isPacketFull) {
      const means = { lanes: this.lanes, rttMs: this.recovery.rtt.smoothedMs, now }
      end = this.copies.write(this.#means.scratch, { at, end: room }, packet, means)
    }
    this.copies.note(packet.pieces, count, this.#numbers.next, now)
    return end
  }

  #writeToken(at: number, room: number, packet: SentPacket): number {
    const token = this.#token
    if (!this.#isTokenOwed || token === undefined || at + 2 + token.length > room) return at
    packet.hasToken = true
    this.#isTokenOwed = false
    return writeToken(this.#means.scratch, at, token)
  }

  /** What `packet` carried is to be sent again. */
  #repeat(packet: SentPacket): void {
    this.copies.forget(packet.pieces)
    this.lanes.onLost(packet)
    this.#receiver.onLost(packet)
    this.#ownCids.onLost(packet)
    this.#peerCids.onLost(packet)
    if (packet.hasToken) this.#isTokenOwed = true
  }

  /** A probe, a keepalive, or a receiver's ACKs that have gone unacknowledged for long. */
  #needsPing(mayElicit: boolean): boolean {
    if (mayElicit) return true
    //= PAL-UDP-061
    return ++this.#ackOnlyRun >= LIMIT.ackOnlyRunMax && this.#windowRoom >= LIMIT.datagramBytes
  }

  /** Whether the window has no room: for a full packet, or for a smaller one holding all there is to say. */
  //= PAL-UDP-065
  get #isWindowFull(): boolean {
    const needed = Math.min(this.mtu.datagramBytes, SMALL_PACKET_BYTES + this.lanes.unsentBytes)
    return this.#windowRoom < needed
  }

  get #windowRoom(): number {
    return Math.floor(this.recovery.congestion.windowBytes - this.recovery.bytesInFlight)
  }

  /** Room for frames that the window leaves; a probe may exceed it. */
  get #framesRoom(): number {
    //= PAL-UDP-122
    if (this.#probesOwed > 0) return FRAMES_BYTES_LEAST
    return Math.min(this.mtu.datagramBytes, this.#windowRoom) - LIMIT.dataOverheadBytes
  }

  #sendEliciting(
    protection: PacketProtection,
    packet: SentPacket,
    contentEnd: number,
    now: Instant,
  ): Uint8Array {
    const bytes = this.#seal(protection, this.#pad(contentEnd))
    packet.number = this.#numbers.next - 1
    packet.bytes = bytes.length
    this.recovery.onSent(packet, now)
    this.#pacer.onSent(bytes.length)
    this.lastElicitingAt = now
    this.#isPingOwed = false
    this.#ackOnlyRun = 0
    if (this.#probesOwed > 0) this.#probesOwed = this.lanes.hasSendable ? this.#probesOwed - 1 : 0
    return bytes
  }

  //= PAL-UDP-028
  #pad(contentEnd: number): number {
    let end = contentEnd
    while (end < ELICITING_FRAMES_BYTES_MIN) this.#means.scratch[end++] = FRAME.padding
    return end
  }

  /** Seals the first `end` bytes of the scratch under the next number. */
  #seal(protection: PacketProtection, end: number, cid = this.#peerCids.current.cid): Uint8Array {
    const number = this.#numbers.take(this.recovery.congestion.windowBytes / LIMIT.datagramBytes)
    if (this.#numbers.skipped >= 0) this.recovery.onSkipped(this.#numbers.skipped)
    this.sealedNumber = number
    this.sealedFrames = this.#means.scratch.subarray(0, end)
    return protection.seal(cid, number, this.sealedFrames)
  }
}
