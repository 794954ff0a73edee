import { type Address, type Instant, instantAfter, NEVER } from '../base/index.ts'
import { fraction, hash32 } from './random.ts'

/** What a simulated datagram link does to what is sent over it. Chances are between 0 and 1. */
export interface LinkConditions {
  readonly delayMs: number
  /** Added to the delay, evenly distributed: datagrams overtake each other. */
  readonly jitterMs: number
  readonly loss: number
  readonly duplication: number
  /** One bit of the datagram is flipped. */
  readonly corruption: number
  /** Chance of a long detour of `detourMs`. */
  readonly detour: number
  readonly detourMs: number
  /** Bottleneck in bytes per millisecond; `Infinity` for none. */
  readonly rate: number
  /** Bytes the bottleneck queues before it drops. */
  readonly queueBytes: number
  /** Longer datagrams are dropped without a word. */
  readonly mtuBytes?: number
}

/** A perfect link without delay. */
export const CLEAR_LINK: LinkConditions = {
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  corruption: 0,
  detour: 0,
  detourMs: 0,
  rate: Infinity,
  queueBytes: Infinity,
}

/** A datagram on its way. */
export interface FlyingDatagram {
  readonly at: Instant
  readonly order: number
  readonly from: Address
  readonly to: Address
  readonly bytes: Uint8Array
}

const FATE = { loss: 1, duplication: 2, corruption: 3, detour: 4, jitter: 5, bit: 6 } as const

/**
 * One direction between two addresses. The fate of datagram k is a hash of seed, direction and k, so that
 * taking one datagram away does not change what happens to the others. Holds no clock: `now` comes with each
 * call.
 */
export class SimLink {
  conditions: LinkConditions
  /** Datagrams dropped so far, by chance or by the bottleneck. */
  droppedCount = 0
  sentCount = 0

  readonly #seed: number
  readonly #direction: number
  #count = 0
  #freeAt: Instant = 0 as Instant

  constructor(seed: number, direction: number, conditions: LinkConditions) {
    this.#seed = seed
    this.#direction = direction
    this.conditions = conditions
  }

  /** Sends a datagram: what arrives, and when, is appended to `into`. The bytes are copied. */
  send(from: Address, to: Address, bytes: Uint8Array, now: Instant, into: FlyingDatagram[]): void {
    const k = this.#count++
    const { conditions } = this
    this.sentCount++
    const leavesAt = this.#passBottleneck(bytes.length, now)
    const isTooLong = bytes.length > (conditions.mtuBytes ?? Infinity)
    if (isTooLong || leavesAt === NEVER || this.#chance(k, FATE.loss) < conditions.loss) {
      this.droppedCount++
      return
    }
    const isCorrupt = this.#chance(k, FATE.corruption) < conditions.corruption
    const arrived = isCorrupt ? this.#corrupt(bytes, k) : new Uint8Array(bytes)
    into.push({ at: this.#arrival(k, 0, leavesAt), order: k, from, to, bytes: arrived })
    if (this.#chance(k, FATE.duplication) < conditions.duplication) {
      into.push({ at: this.#arrival(k, 1, leavesAt), order: k, from, to, bytes: new Uint8Array(arrived) })
    }
  }

  #chance(k: number, fate: number): number {
    return fraction(this.#seed, this.#direction * 16 + fate, k)
  }

  #arrival(k: number, copy: number, leavesAt: Instant): Instant {
    const { delayMs, jitterMs, detour, detourMs } = this.conditions
    const jitter = jitterMs * this.#chance(k, FATE.jitter + 8 * copy)
    const extra = this.#chance(k, FATE.detour + 8 * copy) < detour ? detourMs : 0
    return instantAfter(leavesAt, delayMs + jitter + extra)
  }

  #passBottleneck(size: number, now: Instant): Instant {
    const { rate, queueBytes } = this.conditions
    if (rate === Infinity) return now
    const startsAt = Math.max(this.#freeAt, now)
    if ((startsAt - now) * rate + size > queueBytes) return NEVER
    this.#freeAt = (startsAt + size / rate) as Instant
    return this.#freeAt
  }

  #corrupt(bytes: Uint8Array, k: number): Uint8Array {
    const copy = new Uint8Array(bytes)
    if (copy.length === 0) return copy
    const bit = hash32(this.#seed, this.#direction * 16 + FATE.bit, k) % (copy.length * 8)
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
    return copy
  }
}
