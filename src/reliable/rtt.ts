import { LIMIT, RATIO, TIMER } from './generated/constants.ts'

/** Round-trip times of one path (RFC 9002 section 5), in milliseconds. */
export class RttEstimator {
  #hasSample = false
  latestMs: number = TIMER.initialRttMs
  smoothedMs: number = TIMER.initialRttMs
  variationMs: number = TIMER.initialRttMs / 2
  minMs: number = Infinity
  readonly #recent: Float64Array = new Float64Array(LIMIT.rttRecentSamples).fill(Infinity)
  #recentAt = 0

  get hasSample(): boolean {
    return this.#hasSample
  }

  /** `ackDelayMs` is what the peer says it waited, already limited to what it promised. */
  sample(rttMs: number, ackDelayMs: number): void {
    this.latestMs = rttMs
    this.#recent[this.#recentAt] = rttMs
    this.#recentAt = (this.#recentAt + 1) % LIMIT.rttRecentSamples
    if (!this.#hasSample) {
      this.#hasSample = true
      this.minMs = rttMs
      this.smoothedMs = rttMs
      this.variationMs = rttMs / 2
      return
    }
    this.minMs = Math.min(this.minMs, rttMs)
    // A lying peer cannot push the sample below the smallest RTT seen.
    const adjusted = rttMs >= this.minMs + ackDelayMs ? rttMs - ackDelayMs : rttMs
    this.variationMs = 0.75 * this.variationMs + 0.25 * Math.abs(this.smoothedMs - adjusted)
    this.smoothedMs = 0.875 * this.smoothedMs + 0.125 * adjusted
  }

  /** How much longer than the smallest RTT ever the smallest of the last few is: what queues add at least. */
  get queueMs(): number {
    let recent = Infinity
    for (const rttMs of this.#recent) if (rttMs < recent) recent = rttMs
    return recent - this.minMs
  }

  /** Probe timeout without backoff. */
  //= PAL-UDP-062
  ptoMs(peerAckDelayMs: number): number {
    return this.smoothedMs + Math.max(4 * this.variationMs, TIMER.granularityMs) + peerAckDelayMs
  }

  /** How long after the sending of a packet one sent later, once acknowledged, makes it lost. */
  lossDelayMs(): number {
    return Math.max(RATIO.timeThreshold * Math.max(this.latestMs, this.smoothedMs), TIMER.granularityMs)
  }
}
