import type { Instant } from '../base/index.ts'
import { type AckedPacket, type CongestionController, isWindowUsed, pacingRateOf } from './congestion.ts'
import { LIMIT, RATIO } from './generated/constants.ts'

const PACKET_BYTES = LIMIT.datagramBytes
const FLOOR_PACKETS = LIMIT.lossWindowPacketsMin
/** Growth that makes the estimate of Reno's window as large on average as Reno's (RFC 9438 section 4.3). */
const RENO_GROWTH = (3 * (1 - RATIO.cubicBeta)) / (1 + RATIO.cubicBeta)

/**
 * CUBIC (RFC 9438) with a floor of four packets after an ordinary loss. Windows are in packets and times in
 * seconds, as in the RFC, whose names stand in brackets.
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

  get windowBytes(): number {
    return this.#window * PACKET_BYTES
  }

  pacingRate(rttMsSmoothed: number): number {
    return pacingRateOf(this.windowBytes, rttMsSmoothed)
  }

  onSent(): void {
    // CUBIC keeps nothing per packet.
  }

  onAck(packet: AckedPacket, bytesInFlight: number, now: Instant, rttMsSmoothed: number): void {
    if (packet.sentAt <= this.#recoveryStartedAt) return
    const isSlowStart = this.#window < this.#slowStartThreshold
    //= PAL-UDP-093
    if (!isWindowUsed(this.windowBytes, bytesInFlight, isSlowStart)) {
      this.#idleSince ??= now
      return
    }
    const ackedPackets = packet.bytes / PACKET_BYTES
    if (isSlowStart) this.#window += ackedPackets
    else this.#grow(ackedPackets, now, rttMsSmoothed)
    this.#window = Math.min(this.#window, LIMIT.windowBytesMax / PACKET_BYTES)
    this.#idleSince = undefined
  }

  //= PAL-UDP-091
  onLoss(sentAt: Instant, now: Instant): void {
    if (sentAt <= this.#recoveryStartedAt) return
    this.#recoveryStartedAt = now
    // Fast convergence: who is still below the last plateau makes room for a newcomer.
    const isBelowPlateau = this.#window < this.#plateau
    this.#plateau = isBelowPlateau ? (this.#window * (1 + RATIO.cubicBeta)) / 2 : this.#window
    this.#windowBefore = this.#window
    //= PAL-UDP-066
    const reduced = Math.max(this.#window * RATIO.cubicBeta, FLOOR_PACKETS)
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
