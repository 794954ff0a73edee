import type { Instant } from '../base/index.ts'

/** A token bucket: `perSecond` on average, at most a second's worth at once. */
export class RateLimiter {
  readonly #perSecond: number
  #tokens: number
  #updatedAt: Instant | undefined

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
  }

  /** Whether one more is allowed now; counts it if so. */
  take(now: Instant): boolean {
    if (this.#updatedAt !== undefined && now > this.#updatedAt) {
      const earned = ((now - this.#updatedAt) * this.#perSecond) / 1000
      this.#tokens = Math.min(this.#perSecond, this.#tokens + earned)
    }
    this.#updatedAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
