import { assert } from '../base/index.ts'
import { RangeSet } from './ranges.ts'

/**
 * The sending half of a lane: what was written and is not yet acknowledged. Holds references to the writer's
 * arrays, which must not change; bytes are copied only into packets.
 */
export class SendLane {
  /** Total bytes the peer allows since the start. */
  credit: number
  /** Deficit round robin: bytes this lane may still send in its turn. */
  deficit = 0
  /** Whether the lane stands in the ring of lanes with something to send. */
  isInRing = false

  readonly #chunks: Uint8Array[] = []
  readonly #starts: number[] = []
  #head = 0
  #acknowledged = 0
  #next = 0
  #written = 0
  readonly #acked: RangeSet = new RangeSet()
  readonly #lost: RangeSet = new RangeSet()

  constructor(credit: number) {
    this.credit = credit
  }

  /** Written arrays still held. */
  get pieceCount(): number {
    return this.#chunks.length - this.#head
  }

  /** Position of the first byte never sent. */
  get next(): number {
    return this.#next
  }

  get hasLost(): boolean {
    return this.#lost.count > 0
  }

  /** Bytes never sent that the lane's credit allows. */
  get newBytes(): number {
    return Math.min(this.#written, this.credit) - this.#next
  }

  /** Bytes never sent, allowed or not. */
  get unsentBytes(): number {
    return this.#written - this.#next
  }

  get lostStart(): number {
    return this.#lost.startOf(0)
  }

  get lostBytes(): number {
    return this.#lost.endOf(0) - this.#lost.startOf(0)
  }

  /** Whether [offset, offset + length) is on its way: neither acknowledged in part nor found lost. */
  isOutstanding(offset: number, length: number): boolean {
    const end = offset + length
    if (offset < this.#acknowledged || end > this.#next) return false
    return !touches(this.#acked, offset, end) && !touches(this.#lost, offset, end)
  }

  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#starts.push(this.#written)
    this.#written += bytes.length
  }

  /** Notes that [offset, offset + length) leaves in a packet: the first lost or the first new bytes. */
  onSent(offset: number, length: number): void {
    if (offset === this.#next) {
      //= PAL-UDP-037
      assert(length <= this.newBytes, 'nothing is sent beyond the credit')
      this.#next += length
    } else {
      this.#lost.remove(offset, offset + length)
    }
  }

  /** Copies [offset, offset + length), which is still held, to `into` at `at`. */
  copy(offset: number, length: number, into: Uint8Array, at: number): void {
    let index = this.#chunkAt(offset)
    let skip = offset - (this.#starts[index] as number)
    let copied = 0
    while (copied < length) {
      const chunk = this.#chunks[index++] as Uint8Array
      const take = Math.min(chunk.length - skip, length - copied)
      if (skip === 0 && take === chunk.length) into.set(chunk, at + copied)
      else into.set(chunk.subarray(skip, skip + take), at + copied)
      copied += take
      skip = 0
    }
  }

  /** Returns how many bytes need not be held any longer. */
  onAcked(offset: number, length: number): number {
    const end = offset + length
    if (end <= this.#acknowledged) return 0
    if (this.#lost.count > 0) this.#lost.remove(offset, end)
    const before = this.#acknowledged
    if (offset > before) {
      this.#acked.add(offset, end)
      return 0
    }
    let acknowledged = end
    // A piece that was cut otherwise when it was sent again may reach over several ranges.
    for (let i = 0; i < this.#acked.count && this.#acked.startOf(i) <= acknowledged; i++) {
      acknowledged = Math.max(acknowledged, this.#acked.endOf(i))
    }
    this.#acknowledged = acknowledged
    if (this.#acked.count > 0) this.#acked.removeBelow(acknowledged)
    this.#release()
    return this.#acknowledged - before
  }

  /** The piece is sent again unless it was acknowledged meanwhile. */
  onLost(offset: number, length: number): void {
    const start = Math.max(offset, this.#acknowledged)
    const end = offset + length
    if (start >= end) return
    this.#lost.add(start, end)
    for (let i = this.#acked.firstEndingAfter(start); i < this.#acked.count; i++) {
      if (this.#acked.startOf(i) >= end) break
      this.#lost.remove(this.#acked.startOf(i), this.#acked.endOf(i))
    }
  }

  #release(): void {
    const chunks = this.#chunks
    while (this.#head < chunks.length) {
      const length = (chunks[this.#head] as Uint8Array).length
      if ((this.#starts[this.#head] as number) + length > this.#acknowledged) break
      this.#head++
    }
    if (this.#head === chunks.length) {
      chunks.length = 0
      this.#starts.length = 0
      this.#head = 0
    } else if (this.#head >= 32 && this.#head * 2 >= chunks.length) {
      chunks.splice(0, this.#head)
      this.#starts.splice(0, this.#head)
      this.#head = 0
    }
  }

  #chunkAt(offset: number): number {
    let low = this.#head
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}

function touches(set: RangeSet, start: number, end: number): boolean {
  const index = set.firstEndingAfter(start)
  return index < set.count && set.startOf(index) < end
}
