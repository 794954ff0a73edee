/** Token buckets: how fast a session may go (spec chapter 6). */
import { type Instant, instantAfter } from '../../base/time.ts'
import type { RelayLimits } from './hub.ts'

const SECOND_MS = 1000
const MINUTE_SECONDS = 60

/** A bucket begins full; it may be overdrawn by one large take, which is paid back first. */
export class TokenBucket {
  #tokens: number
  #filledAt: Instant

  constructor(burst: number, now: Instant) {
    this.#tokens = burst
    this.#filledAt = now
  }

  /** Fills up to `now`, and tells whether a token, or all that the bucket can hold, is there. */
  has(count: number, rate: Rate, now: Instant): boolean {
    const gained = ((now - this.#filledAt) * rate.perSecond) / SECOND_MS
    this.#tokens = Math.min(rate.burst, this.#tokens + gained)
    this.#filledAt = now
    return this.#tokens >= Math.min(count, rate.burst)
  }

  take(count: number): void {
    this.#tokens -= count
  }

  /** When `count` tokens will be there. Call `has` before. */
  readyAt(count: number, rate: Rate): Instant {
    const missing = Math.min(count, rate.burst) - this.#tokens
    return instantAfter(this.#filledAt, Math.max(1, Math.ceil((missing * SECOND_MS) / rate.perSecond)))
  }
}

/** How fast a bucket fills and how much it holds. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** The rates in force on a relay, by what they count. */
export interface Rates {
  readonly sends: Rate
  readonly sendBytes: Rate
  readonly requests: Rate
  readonly joins: Rate
  readonly links: Rate
  /** Of one identity, over all its sessions. */
  readonly keyRequests: Rate
  readonly refusals: Rate
}

export function ratesOf(limits: RelayLimits): Rates {
  return {
    sends: { perSecond: limits.sendsPerSecond, burst: limits.sendsBurst },
    sendBytes: { perSecond: limits.sendBytesPerSecond, burst: limits.sendBytesBurst },
    requests: { perSecond: limits.requestsPerSecond, burst: limits.requestsBurst },
    joins: { perSecond: limits.joinsPerSecond, burst: limits.joinsBurst },
    links: { perSecond: limits.linksPerSecond, burst: limits.linksBurst },
    keyRequests: { perSecond: limits.keyRequestsPerMinute / MINUTE_SECONDS, burst: limits.keyRequestsBurst },
    refusals: { perSecond: limits.refusalsPerMinute / MINUTE_SECONDS, burst: limits.refusalsBurst },
  }
}

/** The buckets of one session, and how long it has been too fast. */
export class SessionRates {
  readonly #sends: TokenBucket
  readonly #sendBytes: TokenBucket
  readonly #requests: TokenBucket
  readonly #joins: TokenBucket
  /** Since when frames had to wait, and when the last one did; undefined when none had to for a second. */
  #excess: { readonly since: Instant; last: Instant } | undefined

  constructor(rates: Rates, now: Instant) {
    this.#sends = new TokenBucket(rates.sends.burst, now)
    this.#sendBytes = new TokenBucket(rates.sendBytes.burst, now)
    this.#requests = new TokenBucket(rates.requests.burst, now)
    this.#joins = new TokenBucket(rates.joins.burst, now)
  }

  /** Takes what a message costs; otherwise when it may be tried again. */
  takeSend(bodyBytes: number, rates: Rates, now: Instant): Instant | undefined {
    const isThere = this.#sends.has(1, rates.sends, now)
    if (!isThere || !this.#sendBytes.has(bodyBytes, rates.sendBytes, now)) {
      const counts = this.#sends.has(1, rates.sends, now) ? now : this.#sends.readyAt(1, rates.sends)
      const bytes = this.#sendBytes.has(bodyBytes, rates.sendBytes, now)
        ? now
        : this.#sendBytes.readyAt(bodyBytes, rates.sendBytes)
      return Math.max(counts, bytes) as Instant
    }
    this.#sends.take(1)
    this.#sendBytes.take(bodyBytes)
    return undefined
  }

  /** Takes what a request costs, with a join where it may be one; otherwise when it may be tried again. */
  takeRequest(isJoin: boolean, rates: Rates, now: Instant): Instant | undefined {
    if (!this.#requests.has(1, rates.requests, now)) return this.#requests.readyAt(1, rates.requests)
    if (isJoin) {
      if (!this.#joins.has(1, rates.joins, now)) return this.#joins.readyAt(1, rates.joins)
      this.#joins.take(1)
    }
    this.#requests.take(1)
    return undefined
  }

  /** A frame has to wait until `until`, or is refused: how long this has gone on without a second's pause. */
  noteExcess(now: Instant, until: Instant): number {
    const excess = this.#excess
    if (excess === undefined || now - excess.last > SECOND_MS) {
      this.#excess = { since: now, last: until }
      return 0
    }
    excess.last = until
    return now - excess.since
  }
}
