/**
 * What leaves a client and when (spec chapter 6): frames that the relay counts wait until its rates, as it
 * announced them, allow them; all others leave at once. Each kind keeps its order.
 */
import type { LaneBytes } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import { type Instant, instantAfter, NEVER } from '../../base/time.ts'
import { type Rate, TokenBucket } from '../../base/token-bucket.ts'
import { LIMITS } from '../../codec/generated/registry.ts'

/** A margin for clocks that differ and links that bunch: who goes at the full rate is delayed at times. */
const SHARE = 0.9

type LimitOf = (name: keyof typeof LIMITS) => number

/** What the relay takes for a frame, from the buckets for messages, bytes, requests and joins. */
export interface Cost {
  readonly sends: number
  readonly sendBytes: number
  readonly requests: number
  readonly joins: number
}

/** What a request or a ping costs, and one that may make a new membership. */
export const REQUEST_COST: Cost = { sends: 0, sendBytes: 0, requests: 1, joins: 0 }
export const JOIN_COST: Cost = { sends: 0, sendBytes: 0, requests: 1, joins: 1 }

/** What a message costs. */
export function sendCost(frameBytes: number): Cost {
  return { sends: 1, sendBytes: frameBytes, requests: 0, joins: 0 }
}

interface PacedBytes extends LaneBytes {
  readonly cost: Cost
}

/** What waits on one lane; lanes take turns, so that a full conversation does not hold up another one. */
interface PacedLane {
  readonly lane: number
  readonly queue: Queue<PacedBytes>
}

/** The bytes that a client has to send, in the order in which they may leave. */
export class Outgoing {
  readonly #free = new Queue<LaneBytes>()
  readonly #lanes: PacedLane[] = []
  /** The lane whose turn it is. */
  #turn = 0
  readonly #sends = new PacedBucket(LIMITS.sendsPerSecond, LIMITS.sendsBurst)
  readonly #sendBytes = new PacedBucket(LIMITS.sendBytesPerSecond, LIMITS.sendBytesBurst)
  readonly #requests = new PacedBucket(LIMITS.requestsPerSecond, LIMITS.requestsBurst)
  readonly #joins = new PacedBucket(LIMITS.joinsPerSecond, LIMITS.joinsBurst)
  readonly #signals = new PacedBucket(LIMITS.signalsPerSecond, LIMITS.signalsBurst)
  /** Whether frames that are counted may leave at all. */
  isOpen = false
  #readyAt: Instant = NEVER
  #bytes = 0

  /** Bytes that wait to be polled. */
  get bytes(): number {
    return this.#bytes
  }

  /** When the next frame may leave that has to wait for a token now. */
  get readyAt(): Instant {
    return this.#readyAt
  }

  /** The rates that the relay announced. */
  setRates(limit: LimitOf): void {
    this.#sends.set(limit('sendsPerSecond'), limit('sendsBurst'))
    this.#sendBytes.set(limit('sendBytesPerSecond'), limit('sendBytesBurst'))
    this.#requests.set(limit('requestsPerSecond'), limit('requestsBurst'))
    this.#joins.set(limit('joinsPerSecond'), limit('joinsBurst'))
    this.#signals.set(limit('signalsPerSecond'), limit('signalsBurst'))
  }

  /** Leaves at once, ahead of what waits for a token. */
  push(lane: number, bytes: Uint8Array): void {
    this.#free.push({ lane, bytes })
    this.#bytes += bytes.length
  }

  /** Leaves at once or, where the rate or what waits leaves it no room, never: then it is false. */
  pushEphemeral(lane: number, bytes: Uint8Array, now: Instant): boolean {
    //= PAL-SIG-010
    if (this.#bytes > LIMITS.signalBacklogBytes || this.#signals.waitMs(1, now) > 0) return false
    this.#signals.take(1)
    this.#free.push({ lane, bytes, isEphemeral: true })
    this.#bytes += bytes.length
    return true
  }

  pushPaced(lane: number, bytes: Uint8Array, cost: Cost): void {
    this.#queueOf(lane).push({ lane, bytes, cost })
    this.#bytes += bytes.length
  }

  #queueOf(lane: number): Queue<PacedBytes> {
    const known = this.#lanes.find((each) => each.lane === lane)
    if (known) return known.queue
    const queue = new Queue<PacedBytes>()
    this.#lanes.push({ lane, queue })
    return queue
  }

  /** What may leave now will leave, whatever becomes of the rest. */
  hurry(now: Instant): void {
    for (let item = this.#nextPaced(now); item; item = this.#nextPaced(now)) this.#free.push(item)
  }

  /** Nothing that waits for a token will leave. */
  dropPaced(): void {
    for (const { queue } of this.#lanes)
      for (let item = queue.shift(); item; item = queue.shift()) this.#bytes -= item.bytes.length
    this.#readyAt = NEVER
  }

  poll(now: Instant): LaneBytes | undefined {
    const item = this.#free.shift() ?? this.#nextPaced(now)
    if (item) this.#bytes -= item.bytes.length
    return item
  }

  #nextPaced(now: Instant): LaneBytes | undefined {
    this.#readyAt = NEVER
    const count = this.isOpen ? this.#lanes.length : 0
    let leastMs = Infinity
    for (let i = 0; i < count; i++) {
      const index = (this.#turn + i) % count
      const queue = (this.#lanes[index] as PacedLane).queue
      const next = queue.peek()
      if (!next) continue
      //= PAL-SES-039
      const waitMs = this.#waitMs(next.cost, now)
      if (waitMs === 0) {
        this.#turn = (index + 1) % count
        this.#take(next.cost)
        return queue.shift()
      }
      leastMs = Math.min(leastMs, waitMs)
    }
    if (leastMs < Infinity) this.#readyAt = instantAfter(now, Math.max(1, Math.ceil(leastMs)))
    return undefined
  }

  #take({ sends, sendBytes, requests, joins }: Cost): void {
    this.#sends.take(sends)
    this.#sendBytes.take(sendBytes)
    this.#requests.take(requests)
    this.#joins.take(joins)
  }

  #waitMs(cost: Cost, now: Instant): number {
    return Math.max(
      this.#sends.waitMs(cost.sends, now),
      this.#sendBytes.waitMs(cost.sendBytes, now),
      this.#requests.waitMs(cost.requests, now),
      this.#joins.waitMs(cost.joins, now),
    )
  }
}

/** A bucket whose rate the relay may announce anew. */
class PacedBucket {
  readonly #bucket: TokenBucket
  #rate: Rate

  constructor(perSecond: number, burst: number) {
    this.#bucket = new TokenBucket(burst)
    this.#rate = { perSecond: perSecond * SHARE, burst }
  }

  /** Other rates; what was taken stays taken. */
  set(perSecond: number, burst: number): void {
    this.#bucket.take(this.#rate.burst - burst)
    this.#rate = { perSecond: perSecond * SHARE, burst }
  }

  waitMs(count: number, now: Instant): number {
    return count === 0 ? 0 : this.#bucket.waitMs(count, this.#rate, now)
  }

  take(count: number): void {
    this.#bucket.take(count)
  }
}
