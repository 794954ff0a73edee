import type { Instant } from '../base/index.ts'
import { LIMIT, RATIO, TIMER } from './generated/constants.ts'

/** An acknowledged packet's part of what slow start looks at. */
export interface RoundTrip {
  readonly sentAt: Instant
  readonly rttMs: number
}

/**
 * Ends slow start before the queue overflows (HyStart++, RFC 9406): when the smallest RTT of a round is well
 * above that of the round before, the window grows slower for some rounds, and if the RTT has not fallen by
 * then, slow start is over. Packets are paced, so growth needs no other limit.
 */
export class SlowStart {
  #roundStartedAt: Instant = -Infinity as Instant
  #rttMsBefore = Infinity
  #rttMs = Infinity
  #sampleCount = 0
  #sampledAt: Instant = -Infinity as Instant
  /** Smallest RTT of the round in which growth was slowed; undefined while it is not. */
  #baselineMs: number | undefined
  #slowRounds = 0
  /** Growth stays slow: packets are being lost by chance. */
  #isLossy = false
  #ackedCount = 0
  #lostCount = 0

  /** Times the bytes acknowledged by which the window grows now. */
  get growth(): number {
    return this.#baselineMs === undefined && !this.#isLossy ? 1 : RATIO.slowGrowth
  }

  /** True when slow start is over. */
  //= PAL-UDP-100
  onAck({ sentAt, rttMs }: RoundTrip, now: Instant): boolean {
    if (sentAt >= this.#roundStartedAt) this.#startRound(now)
    this.#ackedCount++
    if (this.#slowRounds > LIMIT.slowGrowthRounds) return true
    if (now > this.#sampledAt) {
      this.#sampledAt = now
      this.#sampleCount++
      this.#rttMs = Math.min(this.#rttMs, rttMs)
    }
    if (this.#sampleCount < LIMIT.roundSamplesMin) return false
    if (this.#baselineMs !== undefined) {
      // The delay was no queue of ours.
      if (this.#rttMs < this.#baselineMs) this.#baselineMs = undefined
    } else if (this.#rttMs >= this.#rttMsBefore + this.#thresholdMs()) {
      this.#baselineMs = this.#rttMs
      this.#slowRounds = 0
    }
    return false
  }

  /**
   * A packet was lost and no queue explains it. True when it may be by chance: growth is slow from here on.
   * False when so many of a round are lost that the path must be full.
   */
  //= PAL-UDP-102
  onLossByChance(): boolean {
    this.#lostCount++
    this.#isLossy = true
    if (this.#lostCount < LIMIT.chanceLossesMin) return true
    return this.#lostCount <= RATIO.chanceLoss * (this.#ackedCount + this.#lostCount)
  }

  #startRound(now: Instant): void {
    this.#ackedCount = 0
    this.#lostCount = 0
    this.#roundStartedAt = now
    this.#rttMsBefore = this.#rttMs
    this.#rttMs = Infinity
    this.#sampleCount = 0
    if (this.#baselineMs !== undefined) this.#slowRounds++
  }

  #thresholdMs(): number {
    const part = this.#rttMsBefore / LIMIT.rttRiseDivisor
    return Math.max(TIMER.rttRiseMinMs, Math.min(part, TIMER.rttRiseMaxMs))
  }
}
