import type { Instant } from '../base/index.ts'
import { LIMIT } from './generated/constants.ts'

/** What a packet remembers of the moment it left, to measure the rate once it is acknowledged. */
export interface RateMark {
  sentAt: Instant
  delivered: number
  deliveredAt: Instant
  firstSentAt: Instant
}

/**
 * The rate at which a path has delivered lately, in bytes per millisecond: for each ACK the bytes delivered
 * since the acknowledged packet left, over the longer of the times that sending and acknowledging them took
 * (as draft-cheng-iccrg-delivery-rate-estimation), and of these the largest in the last round trips. A burst
 * of ACKs cannot make it too large; a sender with little to say only lets it fall.
 */
export class DeliveryRate {
  #delivered = 0
  #deliveredAt: Instant = 0 as Instant
  #firstSentAt: Instant = 0 as Instant
  /** Largest samples of the current stretch of time and of the one before. */
  #largest = 0
  #largestBefore = 0
  #stretchEndsAt: Instant = 0 as Instant
  #newest: RateMark | undefined

  /** Bytes per millisecond; 0 before the first sample. */
  get largest(): number {
    return Math.max(this.#largest, this.#largestBefore)
  }

  onSent(mark: RateMark, isAlone: boolean, now: Instant): void {
    if (isAlone) {
      this.#firstSentAt = now
      this.#deliveredAt = now
    }
    mark.delivered = this.#delivered
    mark.deliveredAt = this.#deliveredAt
    mark.firstSentAt = this.#firstSentAt
  }

  /** One of the packets that an ACK newly acknowledges. */
  onAcked(mark: RateMark, bytes: number): void {
    this.#delivered += bytes
    const newest = this.#newest
    if (newest !== undefined && newest.sentAt > mark.sentAt) return
    this.#newest = mark
  }

  /** All packets of the ACK have been told. Their records must not have been used again. */
  onAckEnd(rttMsMin: number, now: Instant): void {
    const mark = this.#newest
    if (mark === undefined) return
    this.#newest = undefined
    this.#deliveredAt = now
    this.#firstSentAt = mark.sentAt
    const tookMs = Math.max(mark.sentAt - mark.firstSentAt, now - mark.deliveredAt)
    // Less than a round trip: several ACKs that came as one.
    if (tookMs >= rttMsMin && tookMs > 0)
      this.#sample((this.#delivered - mark.delivered) / tookMs, rttMsMin, now)
  }

  #sample(rate: number, rttMsMin: number, now: Instant): void {
    if (now >= this.#stretchEndsAt) {
      this.#largestBefore = this.#largest
      this.#largest = 0
      this.#stretchEndsAt = (now + LIMIT.rateRounds * rttMsMin) as Instant
    }
    this.#largest = Math.max(this.#largest, rate)
  }
}
