import type { Instant } from '../base/index.ts'
import {
  type AckedPacket,
  type CongestionController,
  isWindowUsed,
  type PathView,
  pacingRateOf,
} from './congestion.ts'
import { LIMIT, RATIO, TIMER } from './generated/constants.ts'
import { SlowStart } from './slow-start.ts'

const PACKET_BYTES = LIMIT.datagramBytes
const FLOOR_PACKETS = LIMIT.lossWindowPacketsMin
/** Growth that makes the estimate of Reno's window as large on average as Reno's (RFC 9438 section 4.3). */
const RENO_GROWTH = (3 * (1 - RATIO.cubicBeta)) / (1 + RATIO.cubicBeta)

/**
 * CUBIC (RFC 9438) with a floor of four packets after an ordinary loss. Unless it is strict, the floor is
 * higher where the path has just delivered more than that without a queue, so that losses by chance do not
 * starve a transfer. Windows are in packets and times in seconds, as in the RFC, whose names stand in
 * brackets.
 */
export class Cubic implements CongestionController {
  /** [cwnd] */
  #window: number = LIMIT.initialWindowPackets
  /** [ssthresh] */
  #slowStartThreshold = Infinity
  #recoveryStartedAt: Instant = -Infinity as Instant
  /** [epoch_start] Undefined in slow start, and until the first ACK after it. */
  #epochStartedAt: Instant | undefined
  /** [W_max] The window that the curve comes back to. */
  #plateau = 0
  /** [cwnd_prior] The window before the last reduction. */
  #windowBefore = 0
  /** [K] Seconds from the start of the epoch to the plateau. */
  #plateauAfterS = 0
  /** [W_est] */
  #renoWindow = 0
  /** Since when the window has not been what limits the sender: the curve stands still. */
  #idleSince: Instant | undefined
  #isAfterPersistent = false
  readonly #slowStart: SlowStart = new SlowStart()
  readonly #isStrict: boolean

  constructor(options: { readonly isStrict: boolean }) {
    this.#isStrict = options.isStrict
  }

  get windowBytes(): number {
    return this.#window * PACKET_BYTES
  }

  pacingRate(rttMsSmoothed: number): number {
    return pacingRateOf(this.windowBytes, rttMsSmoothed)
  }

  onSent(): void {
    // CUBIC keeps nothing per packet.
  }

  onAck(packet: AckedPacket, bytesInFlight: number, now: Instant, { rtt }: PathView): void {
    if (packet.sentAt <= this.#recoveryStartedAt) return
    const isSlowStart = this.#window < this.#slowStartThreshold
    //= PAL-UDP-093
    if (!isWindowUsed(this.windowBytes, bytesInFlight, isSlowStart)) {
      this.#idleSince ??= now
      return
    }
    const ackedPackets = packet.bytes / PACKET_BYTES
    if (!isSlowStart) this.#grow(ackedPackets, now, rtt.smoothedMs)
    else if (this.#slowStart.onAck({ sentAt: packet.sentAt, rttMs: rtt.latestMs }, now))
      this.#leaveSlowStart()
    else this.#window += this.#slowStart.growth * ackedPackets
    this.#window = Math.min(this.#window, LIMIT.windowBytesMax / PACKET_BYTES)
    this.#idleSince = undefined
  }

  //= PAL-UDP-091
  onLoss(sentAt: Instant, now: Instant, path: PathView): void {
    if (this.#isByChance(path) && this.#window < this.#slowStartThreshold) {
      if (this.#slowStart.onLossByChance()) return
    }
    if (sentAt <= this.#recoveryStartedAt) return
    this.#recoveryStartedAt = now
    // Fast convergence: who is still below the last plateau makes room for a newcomer.
    const isBelowPlateau = this.#window < this.#plateau
    this.#plateau = isBelowPlateau ? (this.#window * (1 + RATIO.cubicBeta)) / 2 : this.#window
    this.#windowBefore = this.#window
    //= PAL-UDP-066
    const reduced = Math.max(this.#window * RATIO.cubicBeta, this.#floor(path))
    this.#slowStartThreshold = reduced
    // After persistent congestion the window is below that floor and stays there.
    this.#window = Math.min(this.#window, reduced)
    this.#epochStartedAt = undefined
    this.#isAfterPersistent = false
  }

  //= PAL-UDP-067
  onPersistent(): void {
    this.#window = LIMIT.minimumWindowPackets
    this.#recoveryStartedAt = -Infinity as Instant
    this.#epochStartedAt = undefined
    this.#isAfterPersistent = true
  }

  /** [ssthresh = cwnd] The curve starts here, as if after a loss that cost nothing. */
  #leaveSlowStart(): void {
    this.#slowStartThreshold = this.#window
    this.#plateau = this.#window
    this.#windowBefore = this.#window
  }

  /** Whether a loss may be by chance: no queue stands that could have overflowed. */
  #isByChance({ rtt }: PathView): boolean {
    if (this.#isStrict || rtt.minMs === Infinity) return false
    return rtt.queueMs < Math.max(TIMER.granularityMs, rtt.minMs / LIMIT.queueDivisor)
  }

  /** Packets that need not be given up on loss: what the path delivers in its smallest RTT. */
  //= PAL-UDP-101
  #floor(path: PathView): number {
    if (!this.#isByChance(path)) return FLOOR_PACKETS
    const { rtt, rate } = path
    const delivered = (rate.largest * rtt.minMs) / PACKET_BYTES
    return Math.max(FLOOR_PACKETS, Math.min(delivered, this.#window))
  }

  /** RFC 9438 sections 4.2 to 4.5. */
  #grow(ackedPackets: number, now: Instant, rttMs: number): void {
    const startedAt = this.#epochAt(now)
    const elapsedS = (now - startedAt) / 1000
    const growth = this.#renoWindow < this.#windowBefore ? RENO_GROWTH : 1
    this.#renoWindow += (growth * ackedPackets) / this.#window
    if (this.#curve(elapsedS) < this.#renoWindow) {
      this.#window = Math.max(this.#window, this.#renoWindow)
      return
    }
    const aim = this.#curve(elapsedS + rttMs / 1000)
    const target = Math.min(Math.max(aim, this.#window), 1.5 * this.#window)
    this.#window += ((target - this.#window) * ackedPackets) / this.#window
  }

  /** The start of the epoch, moved by the time in which the window was not used. */
  #epochAt(now: Instant): Instant {
    if (this.#epochStartedAt === undefined) {
      this.#epochStartedAt = now
      this.#renoWindow = this.#window
      if (this.#isAfterPersistent) this.#plateau = this.#window
      this.#plateauAfterS = Math.cbrt(Math.max(this.#plateau - this.#window, 0) / RATIO.cubicC)
    } else if (this.#idleSince !== undefined) {
      this.#epochStartedAt = (this.#epochStartedAt + (now - this.#idleSince)) as Instant
    }
    return this.#epochStartedAt
  }

  /** [W_cubic] The window `elapsedS` seconds into the epoch. */
  #curve(elapsedS: number): number {
    return RATIO.cubicC * (elapsedS - this.#plateauAfterS) ** 3 + this.#plateau
  }
}
