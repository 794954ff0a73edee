/** How fast a session may go (spec chapter 6). */
import { type Instant, instantAfter } from '../../base/time.ts'
import { type Rate, TokenBucket } from '../../base/token-bucket.ts'
import type { RelayLimits } from './hub.ts'

const SECOND_MS = 1000
const MINUTE_SECONDS = 60

/** The rates in force on a relay, by what they count. */
export interface Rates {
  readonly sends: Rate
  readonly sendBytes: Rate
  readonly requests: Rate
  readonly joins: Rate
  readonly signals: Rate
  readonly links: Rate
  /** Of one identity, over all its sessions. */
  readonly keyRequests: Rate
  readonly prekeysGiven: Rate
  readonly refusals: Rate
}

export function ratesOf(limits: RelayLimits): Rates {
  return {
    sends: { perSecond: limits.sendsPerSecond, burst: limits.sendsBurst },
    sendBytes: { perSecond: limits.sendBytesPerSecond, burst: limits.sendBytesBurst },
    requests: { perSecond: limits.requestsPerSecond, burst: limits.requestsBurst },
    joins: { perSecond: limits.joinsPerSecond, burst: limits.joinsBurst },
    signals: { perSecond: limits.signalsPerSecond, burst: limits.signalsBurst },
    links: { perSecond: limits.linksPerSecond, burst: limits.linksBurst },
    prekeysGiven: {
      perSecond: limits.prekeysGivenPerMinute / MINUTE_SECONDS,
      burst: limits.prekeysGivenBurst,
    },
    keyRequests: { perSecond: limits.keyRequestsPerMinute / MINUTE_SECONDS, burst: limits.keyRequestsBurst },
    refusals: { perSecond: limits.refusalsPerMinute / MINUTE_SECONDS, burst: limits.refusalsBurst },
  }
}

/** The buckets of one session, each made when it is first taken from, and how long it has been too fast. */
export class SessionRates {
  #sends: TokenBucket | undefined
  #sendBytes: TokenBucket | undefined
  #requests: TokenBucket | undefined
  #joins: TokenBucket | undefined
  #signals: TokenBucket | undefined
  /** Since when frames had to wait, and when the last one did; undefined when none had to for a second. */
  #excess: { readonly since: Instant; last: Instant } | undefined

  /** Takes what a message costs; otherwise when it may be tried again. */
  takeSend(frameBytes: number, rates: Rates, now: Instant): Instant | undefined {
    this.#sends ??= new TokenBucket(rates.sends.burst)
    this.#sendBytes ??= new TokenBucket(rates.sendBytes.burst)
    const sendsMs = this.#sends.waitMs(1, rates.sends, now)
    const bytesMs = this.#sendBytes.waitMs(frameBytes, rates.sendBytes, now)
    if (sendsMs > 0 || bytesMs > 0) return retryAt(now, Math.max(sendsMs, bytesMs))
    this.#sends.take(1)
    this.#sendBytes.take(frameBytes)
    return undefined
  }

  /** Takes what a request costs, with a join where it may be one; otherwise when it may be tried again. */
  takeRequest(isJoin: boolean, rates: Rates, now: Instant): Instant | undefined {
    this.#requests ??= new TokenBucket(rates.requests.burst)
    const requestsMs = this.#requests.waitMs(1, rates.requests, now)
    if (requestsMs > 0) return retryAt(now, requestsMs)
    if (isJoin) {
      this.#joins ??= new TokenBucket(rates.joins.burst)
      const joinsMs = this.#joins.waitMs(1, rates.joins, now)
      if (joinsMs > 0) return retryAt(now, joinsMs)
      this.#joins.take(1)
    }
    this.#requests.take(1)
    return undefined
  }

  /** Takes what a signal costs; false when it is not there. */
  takeSignal(rates: Rates, now: Instant): boolean {
    this.#signals ??= new TokenBucket(rates.signals.burst)
    return this.#signals.takeOne(rates.signals, now)
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

function retryAt(now: Instant, waitMs: number): Instant {
  return instantAfter(now, Math.max(1, Math.ceil(waitMs)))
}
