import type { Instant } from '../base/index.ts'
import type { DeliveryRate } from './delivery-rate.ts'
import { LIMIT, RATIO } from './generated/constants.ts'
import type { RttEstimator } from './rtt.ts'

/** One acknowledged packet, as a congestion controller sees it. */
export interface AckedPacket {
  readonly bytes: number
  readonly sentAt: Instant
}

/** What is known of the path, as a congestion controller sees it. */
export interface PathView {
  readonly rtt: RttEstimator
  readonly rate: DeliveryRate
}

/** Decides how much may be in flight and how fast it leaves. Bytes are whole datagrams. */
export interface CongestionController {
  readonly windowBytes: number
  /** Bytes per millisecond. */
  pacingRate(rttMsSmoothed: number): number
  onSent(bytes: number, now: Instant): void
  /** `bytesInFlight` before the ACK: the window grows only while it is what limits the sender. */
  onAck(packet: AckedPacket, bytesInFlight: number, now: Instant, path: PathView): void
  /** A packet sent at `sentAt` was lost. */
  onLoss(sentAt: Instant, now: Instant, path: PathView): void
  onPersistent(): void
}

const PACKET_BYTES = LIMIT.datagramBytes

/**
 * Which controller a sender uses: CUBIC that does not fall below what the path delivers, CUBIC by the letter
 * of RFC 9438, or NewReno.
 */
export type CongestionControl = 'cubic' | 'cubic_strict' | 'newreno'

/** NewReno (RFC 9002 section 7, appendix B) with a floor of four packets after an ordinary loss. */
export class NewReno implements CongestionController {
  #windowBytes: number = LIMIT.initialWindowPackets * PACKET_BYTES
  #slowStartThreshold = Infinity
  #recoveryStartedAt: Instant = -Infinity as Instant

  get windowBytes(): number {
    return this.#windowBytes
  }

  pacingRate(rttMsSmoothed: number): number {
    return pacingRateOf(this.#windowBytes, rttMsSmoothed)
  }

  onSent(): void {
    // NewReno keeps nothing per packet.
  }

  onAck(packet: AckedPacket, bytesInFlight: number): void {
    const isSlowStart = this.#windowBytes < this.#slowStartThreshold
    //= PAL-UDP-093
    if (packet.sentAt <= this.#recoveryStartedAt) return
    if (!isWindowUsed(this.#windowBytes, bytesInFlight, isSlowStart)) return
    if (isSlowStart) this.#windowBytes += packet.bytes
    else this.#windowBytes += (PACKET_BYTES * packet.bytes) / this.#windowBytes
    this.#windowBytes = Math.min(this.#windowBytes, LIMIT.windowBytesMax)
  }

  onLoss(sentAt: Instant, now: Instant): void {
    if (sentAt <= this.#recoveryStartedAt) return
    this.#recoveryStartedAt = now
    //= PAL-UDP-066, PAL-UDP-091
    const halved = Math.max(this.#windowBytes / 2, LIMIT.lossWindowPacketsMin * PACKET_BYTES)
    this.#slowStartThreshold = halved
    // After persistent congestion the window is below that floor and stays there.
    this.#windowBytes = Math.min(this.#windowBytes, halved)
  }

  onPersistent(): void {
    this.#windowBytes = LIMIT.minimumWindowPackets * PACKET_BYTES
    this.#recoveryStartedAt = -Infinity as Instant
  }
}

/** Whether the window is what limits the sender. In slow start half of it may still be being paced out. */
export function isWindowUsed(windowBytes: number, bytesInFlight: number, isSlowStart: boolean): boolean {
  if (bytesInFlight + 3 * PACKET_BYTES >= windowBytes) return true
  return isSlowStart && 2 * bytesInFlight >= windowBytes
}

/** Bytes per millisecond that spread a window over a round trip. */
export function pacingRateOf(windowBytes: number, rttMsSmoothed: number): number {
  return (RATIO.pacingGain * windowBytes) / Math.max(rttMsSmoothed, 0.1)
}

/** A leaky bucket that spreads a window over a round trip and lets ten packets go back to back. */
export class Pacer {
  #allowance: number = LIMIT.pacingBurstPackets * PACKET_BYTES
  #updatedAt: Instant | undefined

  //= PAL-UDP-068
  /** When a datagram of full size may leave: `now` or later. `rate` is in bytes per millisecond. */
  readyAt(rate: number, now: Instant): Instant {
    this.#refill(rate, now)
    if (this.#allowance >= PACKET_BYTES) return now
    return (now + (PACKET_BYTES - this.#allowance) / rate) as Instant
  }

  onSent(bytes: number): void {
    this.#allowance -= bytes
  }

  #refill(rate: number, now: Instant): void {
    if (this.#updatedAt !== undefined && now > this.#updatedAt) {
      const burst = LIMIT.pacingBurstPackets * PACKET_BYTES
      this.#allowance = Math.min(burst, this.#allowance + (now - this.#updatedAt) * rate)
    }
    this.#updatedAt = now
  }
}
