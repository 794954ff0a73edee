import { type Instant, instantAfter, Queue } from '../base/index.ts'
import { writeDatagram } from './frame.ts'
import { LIMIT } from './generated/constants.ts'

interface Waiting {
  readonly lane: number
  readonly bytes: Uint8Array
  readonly until: Instant
}

/** Type, lane and the length in two bytes. */
const HEAD_BYTES_MAX = 4

/** Unreliable bytes on their way out: the newest count, nothing is kept for long or sent twice. */
export class Datagrams {
  sentCount = 0
  /** Given up before they left. */
  droppedCount = 0

  readonly #waiting: Queue<Waiting> = new Queue()

  /** Queues `bytes`, which must not change afterwards, for `lifeMs`. */
  //= PAL-UDP-113, PAL-UDP-116
  push(lane: number, bytes: Uint8Array, lifeMs: number, now: Instant): void {
    if (this.#waiting.length >= LIMIT.datagramsQueuedMax) this.#drop()
    this.#waiting.push({ lane, bytes, until: instantAfter(now, lifeMs) })
  }

  /** Whether one waits that is still of use. */
  isDue(now: Instant): boolean {
    for (let one = this.#waiting.peek(); one !== undefined; one = this.#waiting.peek()) {
      if (one.until > now) return true
      this.#drop()
    }
    return false
  }

  /** Writes what fits; returns the offset after it. */
  write(into: Uint8Array, at: number, end: number, now: Instant): number {
    let offset = at
    while (this.isDue(now)) {
      const { lane, bytes } = this.#waiting.peek() as Waiting
      if (offset + HEAD_BYTES_MAX + bytes.length > end) break
      offset = writeDatagram(into, offset, lane, bytes)
      this.#waiting.shift()
      this.sentCount++
    }
    return offset
  }

  clear(): void {
    this.#waiting.clear()
  }

  #drop(): void {
    this.#waiting.shift()
    this.droppedCount++
  }
}
