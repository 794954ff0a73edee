/**
 * A set of non-negative integers kept as sorted, disjoint, non-adjacent half-open ranges [start, end).
 * Serves packet numbers received and byte ranges of a lane. The number of ranges is the caller's to bound.
 */
export class RangeSet {
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  /** Number of ranges. */
  get count(): number {
    return this.#starts.length
  }

  /** Start of range `index`, counted from the lowest. */
  startOf(index: number): number {
    return this.#starts[index] as number
  }

  /** End (exclusive) of range `index`. */
  endOf(index: number): number {
    return this.#ends[index] as number
  }

  /** The number of integers in the set. */
  get size(): number {
    let size = 0
    for (let i = 0; i < this.#starts.length; i++) size += this.endOf(i) - this.startOf(i)
    return size
  }

  has(value: number): boolean {
    const index = this.firstEndingAfter(value)
    return index < this.count && this.startOf(index) <= value
  }

  /** The first range whose end is greater than `value`; `count` when there is none. */
  firstEndingAfter(value: number): number {
    let low = 0
    let high = this.#ends.length
    // The newest range is the usual answer.
    if (high > 0 && value >= (this.#ends[high - 1] as number)) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ends[middle] as number) > value) high = middle
      else low = middle + 1
    }
    return low
  }

  /** How many ranges the set would have after `add(start, end)`. */
  countAfterAdd(start: number, end: number): number {
    const first = this.firstEndingAfter(start - 1)
    let last = first
    while (last < this.count && this.startOf(last) <= end) last++
    return this.count - (last - first) + 1
  }

  add(start: number, end: number): void {
    if (start >= end) return
    const first = this.firstEndingAfter(start - 1)
    if (first === this.count || this.startOf(first) > end) {
      this.#starts.splice(first, 0, start)
      this.#ends.splice(first, 0, end)
      return
    }
    let last = first
    while (last + 1 < this.count && this.startOf(last + 1) <= end) last++
    this.#starts[first] = Math.min(start, this.startOf(first))
    this.#ends[first] = Math.max(end, this.endOf(last))
    this.#drop(first + 1, last - first)
  }

  remove(start: number, end: number): void {
    if (start >= end) return
    let index = this.firstEndingAfter(start)
    while (index < this.count && this.startOf(index) < end) {
      const rangeStart = this.startOf(index)
      const rangeEnd = this.endOf(index)
      if (rangeStart < start && rangeEnd > end) {
        this.#ends[index] = start
        this.#starts.splice(index + 1, 0, end)
        this.#ends.splice(index + 1, 0, rangeEnd)
        return
      }
      if (rangeStart < start) {
        this.#ends[index++] = start
      } else if (rangeEnd > end) {
        this.#starts[index] = end
        return
      } else {
        this.#drop(index, 1)
      }
    }
  }

  /** Forgets everything below `value`. */
  removeBelow(value: number): void {
    const keep = this.firstEndingAfter(value - 1)
    const first = keep < this.count && this.endOf(keep) === value ? keep + 1 : keep
    this.#drop(0, first)
    if (this.count > 0 && this.startOf(0) < value) this.#starts[0] = value
  }

  /** Forgets the lowest range. */
  dropLowest(): void {
    this.#drop(0, 1)
  }

  clear(): void {
    this.#drop(0, this.count)
  }

  #drop(index: number, count: number): void {
    if (count <= 0) return
    this.#starts.splice(index, count)
    this.#ends.splice(index, count)
  }
}
