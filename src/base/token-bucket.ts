import type { Instant } from './time.ts'

const SECOND_MS = 1000
/** Less than this is missing because of rounding. */
const ROUNDING = 1e-6

/** How fast a bucket fills and how much it holds. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** A bucket of tokens. Begins full; may be overdrawn by one large take, which is paid back first. */
export class TokenBucket {
  #tokens: number
  #filledAt: Instant = 0 as Instant

  constructor(burst: number) {
    this.#tokens = burst
  }

  /** Milliseconds until `count` tokens, or all that the bucket can hold, are there; fills it up to `now`. */
  waitMs(count: number, rate: Rate, now: Instant): number {
    const gained = ((now - this.#filledAt) * rate.perSecond) / SECOND_MS
    this.#tokens = Math.min(rate.burst, this.#tokens + gained)
    this.#filledAt = now
    const missing = Math.min(count, rate.burst) - this.#tokens
    return missing < ROUNDING ? 0 : (missing * SECOND_MS) / rate.perSecond
  }

  /** Whether `count` tokens, or all that the bucket can hold, are there. */
  has(count: number, rate: Rate, now: Instant): boolean {
    return this.waitMs(count, rate, now) === 0
  }

  /** Takes a token; false when there is none. */
  takeOne(rate: Rate, now: Instant): boolean {
    const isThere = this.has(1, rate, now)
    if (isThere) this.take(1)
    return isThere
  }

  /** Takes tokens, whether they are there or not. */
  take(count: number): void {
    this.#tokens -= count
  }
}
