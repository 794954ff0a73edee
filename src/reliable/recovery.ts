import { type Instant, instantAfter, NEVER } from '../base/index.ts'
import type { CongestionController } from './congestion.ts'
import { DeliveryRate } from './delivery-rate.ts'
import type { FrameReader } from './frame.ts'
import { LIMIT, RATIO, TIMER } from './generated/constants.ts'
import { RttEstimator } from './rtt.ts'

/**
 * Loss detection and the probe timeout (RFC 9002, spec/13-datagram.md section 7) over the one packet-number
 * space of a direction. Holds ack-eliciting packets only, oldest first. An ACK touches the packets it newly
 * acknowledges, those it makes lost, and at most the few between them and the threshold.
 */

/** What a packet in flight carried, so that losing it can be repaired. */
export class SentPacket {
  number = 0
  /** Position among the packets kept here: consecutive ones were sent one after the other. */
  order = 0
  sentAt: Instant = 0 as Instant
  bytes = 0
  /** Belongs to `DeliveryRate`. */
  delivered = 0
  deliveredAt: Instant = 0 as Instant
  firstSentAt: Instant = 0 as Instant
  /** Highest number that this packet's ACK acknowledged, or -1. */
  ackedLargest = -1
  hasCredit = false
  hasToken = false
  /** A probe of the path MTU: its loss is no sign of congestion. */
  isMtuProbe = false
  /** Lanes whose credit it carried. */
  readonly laneCredits: number[] = []
  /** Lane pieces as triples: lane, offset, length. */
  readonly pieces: number[] = []
  /** Sequences of NEW_CID and of RETIRE_CID. */
  readonly newCids: number[] = []
  readonly retiredCids: number[] = []

  reset(): void {
    this.ackedLargest = -1
    this.hasCredit = false
    this.hasToken = false
    this.isMtuProbe = false
    this.laneCredits.length = 0
    this.pieces.length = 0
    this.newCids.length = 0
    this.retiredCids.length = 0
  }
}

/** Which of the two thresholds of RFC 9002 section 6.1 made a packet lost. */
export type LossReason = 'packet_threshold' | 'time_threshold'

/** Whom recovery tells what became of a packet. */
export interface RecoveryHost {
  onPacketAcked(packet: SentPacket, now: Instant): void
  onPacketLost(packet: SentPacket, why: LossReason, now: Instant): void
  /** The probe timeout fired: send what `packet` carried once more. */
  onProbe(packet: SentPacket): void
  /** Whether data waits, sent or not, or credit that the peer may wait for: then the backoff has a cap. */
  readonly hasDataWaiting: boolean
}

const POOL_MAX = 64
const SKIPPED_KEPT_MAX = 64

export class Recovery {
  rtt: RttEstimator = new RttEstimator()
  rate: DeliveryRate = new DeliveryRate()
  congestion: CongestionController
  bytesInFlight = 0
  lostCount = 0
  /** Probe timeouts that passed. */
  probeCount = 0
  peerAckDelayMs: number = TIMER.maxAckDelayMs

  readonly #host: RecoveryHost
  #packets: SentPacket[] = []
  #head = 0
  readonly #pool: SentPacket[] = []
  /** Numbers left out on purpose, ascending. */
  readonly #skipped: number[] = []
  #order = 0
  #largestAcked = -1
  #lossAt: Instant = NEVER
  #ptoCount = 0
  #lastSentAt: Instant = 0 as Instant
  #firstSampleAt: Instant = NEVER
  /** The current run of losses without an acknowledged packet in between. */
  #runStartedAt: Instant = NEVER
  #runEndOrder = -2

  constructor(host: RecoveryHost, congestion: CongestionController) {
    this.#host = host
    this.congestion = congestion
  }

  /** Ack-eliciting packets in flight. */
  get inFlightCount(): number {
    return this.#packets.length - this.#head
  }

  /** Whether a packet with credit is in flight. Looks at all: for when no lane bytes are under way. */
  get isCreditInFlight(): boolean {
    for (let i = this.#head; i < this.#packets.length; i++) {
      const { hasCredit, laneCredits } = this.#packets[i] as SentPacket
      if (hasCredit || laneCredits.length > 0) return true
    }
    return false
  }

  /** Probe timeouts since the last acknowledgement. */
  get probeRun(): number {
    return this.#ptoCount
  }

  /** An empty record for the next packet. */
  take(): SentPacket {
    return this.#pool.pop() ?? new SentPacket()
  }

  /** Gives back a record that was not sent. */
  giveBack(packet: SentPacket): void {
    packet.reset()
    if (this.#pool.length < POOL_MAX) this.#pool.push(packet)
  }

  onSent(packet: SentPacket, now: Instant): void {
    packet.sentAt = now
    packet.order = this.#order++
    this.rate.onSent(packet, this.bytesInFlight === 0, now)
    this.#packets.push(packet)
    this.bytesInFlight += packet.bytes
    this.#lastSentAt = now
    this.congestion.onSent(packet.bytes, now)
  }

  /** Takes a round trip measured here or by the handshake. */
  sampleRtt(rttMs: number, ackDelayMs: number, now: Instant): void {
    if (!this.rtt.hasSample) this.#firstSampleAt = now
    this.rtt.sample(rttMs, ackDelayMs)
  }

  /** Remembers that `number` is never sent, so that an ACK of it gives a lying peer away. */
  onSkipped(number: number): void {
    this.#skipped.push(number)
    if (this.#skipped.length > SKIPPED_KEPT_MAX) this.#skipped.shift()
  }

  /** False when the ACK names a number that was never sent; `nextNumber` is the first not yet used. */
  onAck(ack: FrameReader, nextNumber: number, now: Instant): boolean {
    const largest = ack.ranges[1] as number
    //= PAL-UDP-057
    if (largest >= nextNumber || this.#namesSkipped(ack)) return false
    if (largest > this.#largestAcked) this.#largestAcked = largest
    const inFlightBefore = this.bytesInFlight
    this.#lossAt = NEVER
    if (this.#walk(ack, inFlightBefore, now)) this.#ptoCount = 0
    this.rate.onAckEnd(this.rtt.minMs, now)
    this.#forgetSkipped(nextNumber)
    return true
  }

  /** A false ACK below everything in flight gains a peer nothing. */
  #forgetSkipped(nextNumber: number): void {
    const oldest = this.inFlightCount > 0 ? (this.#packets[this.#head] as SentPacket).number : nextNumber
    while (this.#skipped.length > 0 && (this.#skipped[0] as number) < oldest) this.#skipped.shift()
  }

  #namesSkipped(ack: FrameReader): boolean {
    for (const number of this.#skipped) {
      for (let i = 0; i < ack.rangeCount; i++) {
        if (number >= (ack.ranges[2 * i] as number) && number <= (ack.ranges[2 * i + 1] as number))
          return true
      }
    }
    return false
  }

  /**
   * One pass from the oldest packet to the largest acknowledged. True when something was newly acknowledged.
   */
  #walk(ack: FrameReader, inFlightBefore: number, now: Instant): boolean {
    const packets = this.#packets
    const kept = this.#head
    let end = this.#head
    while (end < packets.length && (packets[end] as SentPacket).number <= this.#largestAcked) end++
    this.#sampleRtt(ack, packets, kept, end, now)
    let range = ack.rangeCount - 1
    let isNew = false
    const survivors = this.#survivors
    survivors.length = 0
    for (let i = kept; i < end; i++) {
      const packet = packets[i] as SentPacket
      while (range > 0 && (ack.ranges[2 * range + 1] as number) < packet.number) range--
      const low = ack.ranges[2 * range] as number
      const high = ack.ranges[2 * range + 1] as number
      if (packet.number >= low && packet.number <= high) {
        isNew = true
        this.#acknowledge(packet, inFlightBefore, now)
      } else if (this.#isLost(packet, now)) {
        this.#lose(packet, now)
      } else {
        survivors.push(packet)
      }
    }
    this.#replaceFront(end)
    return isNew
  }

  readonly #survivors: SentPacket[] = []

  /** Puts the survivors in place of everything before `end`. */
  #replaceFront(end: number): void {
    const packets = this.#packets
    const survivors = this.#survivors
    let at = end
    for (let i = survivors.length - 1; i >= 0; i--) packets[--at] = survivors[i] as SentPacket
    this.#head = at
    if (this.#head === packets.length) {
      packets.length = 0
      this.#head = 0
    } else if (this.#head >= 64 && this.#head * 2 >= packets.length) {
      packets.splice(0, this.#head)
      this.#head = 0
    }
  }

  #sampleRtt(
    ack: FrameReader,
    packets: readonly SentPacket[],
    from: number,
    end: number,
    now: Instant,
  ): void {
    const newest = end > from ? packets[end - 1] : undefined
    if (newest === undefined || newest.number !== ack.ranges[1]) return
    const delayMs = Math.min((ack.ackDelay * LIMIT.ackDelayUnitUs) / 1000, this.peerAckDelayMs)
    this.sampleRtt(Math.max(now - newest.sentAt, 0), delayMs, now)
  }

  #acknowledge(packet: SentPacket, inFlightBefore: number, now: Instant): void {
    this.bytesInFlight -= packet.bytes
    this.rate.onAcked(packet, packet.bytes)
    this.congestion.onAck(packet, inFlightBefore, now, this)
    this.#host.onPacketAcked(packet, now)
    this.giveBack(packet)
  }

  /** Lost by count or by time; otherwise notes when time will tell. */
  //= PAL-UDP-060
  #isLost(packet: SentPacket, now: Instant): boolean {
    if (packet.number <= this.#largestAcked - LIMIT.packetThreshold) return true
    const lostAt = instantAfter(packet.sentAt, this.rtt.lossDelayMs())
    if (lostAt <= now) return true
    if (lostAt < this.#lossAt) this.#lossAt = lostAt
    return false
  }

  #lose(packet: SentPacket, now: Instant): void {
    this.bytesInFlight -= packet.bytes
    //= PAL-UDP-120
    if (!packet.isMtuProbe) {
      this.lostCount++
      this.congestion.onLoss(packet.sentAt, now, this)
      this.#extendRun(packet)
    }
    const isByCount = packet.number <= this.#largestAcked - LIMIT.packetThreshold
    this.#host.onPacketLost(packet, isByCount ? 'packet_threshold' : 'time_threshold', now)
    this.giveBack(packet)
  }

  //= PAL-UDP-067
  #extendRun(packet: SentPacket): void {
    if (packet.order !== this.#runEndOrder + 1) this.#runStartedAt = packet.sentAt
    this.#runEndOrder = packet.order
    if (this.#runStartedAt < this.#firstSampleAt) return
    const span = packet.sentAt - this.#runStartedAt
    if (span <= RATIO.persistentCongestion * this.rtt.ptoMs(this.peerAckDelayMs)) return
    this.congestion.onPersistent()
    this.#runStartedAt = packet.sentAt
  }

  /** When `onTimeout` has something to do. */
  get deadline(): Instant {
    if (this.#lossAt !== NEVER) return this.#lossAt
    if (this.inFlightCount === 0) return NEVER
    return instantAfter(this.#lastSentAt, this.#ptoBackedOffMs())
  }

  //= PAL-UDP-063
  #ptoBackedOffMs(): number {
    const ptoMs = this.rtt.ptoMs(this.peerAckDelayMs)
    const doubledMs = ptoMs * 2 ** Math.min(this.#ptoCount, 30)
    if (!this.#host.hasDataWaiting) return doubledMs
    return Math.min(doubledMs, Math.max(RATIO.probeCap * ptoMs, TIMER.probeCapMinMs))
  }

  /** Declares overtaken packets lost, or asks for probes; returns the number of probes owed. */
  onTimeout(now: Instant): number {
    if (now < this.deadline) return 0
    if (this.#lossAt !== NEVER) {
      this.#loseOvertaken(now)
      return 0
    }
    this.#ptoCount++
    this.probeCount++
    //= PAL-UDP-085
    const count = Math.min(LIMIT.probePackets, this.inFlightCount)
    for (let i = 0; i < count; i++) this.#host.onProbe(this.#packets[this.#head + i] as SentPacket)
    return LIMIT.probePackets
  }

  #loseOvertaken(now: Instant): void {
    this.#lossAt = NEVER
    const survivors = this.#survivors
    survivors.length = 0
    let end = this.#head
    for (; end < this.#packets.length; end++) {
      const packet = this.#packets[end] as SentPacket
      if (packet.number > this.#largestAcked) break
      if (this.#isLost(packet, now)) this.#lose(packet, now)
      else survivors.push(packet)
    }
    this.#replaceFront(end)
  }

  /** Nothing is known of the path from here on; what is in flight stays so. */
  changePath(congestion: CongestionController): void {
    this.rtt = new RttEstimator()
    this.rate = new DeliveryRate()
    this.congestion = congestion
    this.#firstSampleAt = NEVER
  }

  /** Forgets everything in flight. */
  clear(): void {
    this.#packets = []
    this.#head = 0
    this.bytesInFlight = 0
    this.#lossAt = NEVER
  }
}
