import { type Entropy, type Instant, instantAfter, NEVER } from '../base/index.ts'
import { writeAck } from './frame.ts'
import { LIMIT, TIMER } from './generated/constants.ts'
import { RangeSet } from './ranges.ts'

/** Gives out packet numbers, leaving some out at random: who acknowledges those has not seen the packets. */
export class NumberSource {
  #next = 0
  #skipIn: number
  readonly #entropy: Entropy

  constructor(entropy: Entropy) {
    this.#entropy = entropy
    this.#skipIn = this.#draw(LIMIT.skipPacketsMin)
  }

  /** The first number not yet used. */
  get next(): number {
    return this.#next
  }

  /** Takes the next number. `onSkipped` is the number to remember as never sent, or -1: see `skipped`. */
  take(windowPackets: number): number {
    this.skipped = -1
    if (--this.#skipIn <= 0) {
      this.skipped = this.#next++
      this.#skipIn = this.#draw(windowPackets)
    }
    return this.#next++
  }

  /** The number that the last `take` left out, or -1. */
  skipped = -1

  //= PAL-UDP-058
  #draw(windowPackets: number): number {
    const min = LIMIT.skipPacketsMin
    const most = Math.min(Math.max(Math.floor(windowPackets), min), LIMIT.skipPacketsMax)
    const random = this.#entropy(2)
    const value = (random[0] as number) * 256 + (random[1] as number)
    return min + (value % (most - min + 1))
  }
}

/** The packet numbers received, and when they have to be acknowledged. */
export class ReceivedNumbers {
  readonly #ranges: RangeSet = new RangeSet()
  /** Everything below counts as received. */
  #floor = 0
  #largest = -1
  #largestAt: Instant = 0 as Instant
  #elicitingCount = 0
  #ackAt: Instant = NEVER
  #hasNews = false
  /** Whether an ACK has been written since this was last set to false. */
  hasAcked = true

  get largest(): number {
    return this.#largest
  }

  /** When an ACK has to leave, at the latest. */
  get ackAt(): Instant {
    return this.#ackAt
  }

  /** Whether an ACK would tell the peer something. */
  get hasNews(): boolean {
    return this.#hasNews
  }

  /** Whether `number` was received, or is too old to tell. */
  //= PAL-UDP-029
  isKnown(number: number): boolean {
    if (number > this.#largest) return false
    return number < this.#floor || this.#ranges.has(number)
  }

  onReceived(number: number, isAckEliciting: boolean, now: Instant): void {
    const isInOrder = number === this.#largest + 1
    this.#ranges.add(number, number + 1)
    if (this.#ranges.count > LIMIT.ackRangesKeptMax) {
      this.#floor = this.#ranges.endOf(0)
      this.#ranges.dropLowest()
    }
    if (number > this.#largest) {
      this.#largest = number
      this.#largestAt = now
    }
    this.#hasNews = true
    if (!isAckEliciting) return
    this.#elicitingCount++
    //= PAL-UDP-059
    if (this.#elicitingCount >= LIMIT.ackEveryPackets || !isInOrder) this.#ackAt = now
    else if (this.#ackAt === NEVER) this.#ackAt = instantAfter(now, TIMER.maxAckDelayMs)
  }

  /** Writes an ACK of everything known; returns the offset after it. */
  writeAck(into: Uint8Array, at: number, end: number, now: Instant): number {
    const delayMs = Math.max(0, now - this.#largestAt)
    const units = Math.min(Math.floor((delayMs * 1000) / LIMIT.ackDelayUnitUs), LIMIT.numberMax)
    this.#ackAt = NEVER
    this.#elicitingCount = 0
    this.#hasNews = false
    this.hasAcked = true
    return writeAck(into, at, end, this.#ranges, units)
  }

  /** The peer has seen an ACK whose largest number was `largest`: older numbers need not be told again. */
  onAckAcked(largest: number): void {
    const below = Math.min(largest, this.#largest)
    if (below <= this.#floor) return
    this.#floor = below
    this.#ranges.removeBelow(below)
  }
}
