import { type Instant, NEVER } from './time.ts'

/** Something with a deadline; the fields belong to the heap. */
export interface Timed {
  heapIndex: number
  armedAt: Instant
}

/**
 * A binary heap of deadlines. An entry whose deadline moves later stays where it is and is looked at when its
 * old time comes: most deadlines only ever move later.
 */
export class DeadlineHeap<T extends Timed> {
  readonly #entries: T[] = []

  /** A lower bound of all deadlines. */
  get earliest(): Instant {
    return this.#entries[0]?.armedAt ?? NEVER
  }

  /** Makes sure that `entry` comes up at `at` or before. */
  arm(entry: T, at: Instant): void {
    if (entry.heapIndex >= 0) {
      if (at >= entry.armedAt) return
      entry.armedAt = at
      this.#up(entry.heapIndex)
    } else if (at !== NEVER) {
      entry.armedAt = at
      entry.heapIndex = this.#entries.push(entry) - 1
      this.#up(entry.heapIndex)
    }
  }

  /** Takes out one entry whose time has come. */
  popDue(now: Instant): T | undefined {
    const first = this.#entries[0]
    if (first === undefined || first.armedAt > now) return undefined
    this.remove(first)
    return first
  }

  remove(entry: T): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop() as T
    if (last === entry) return
    this.#entries[index] = last
    last.heapIndex = index
    this.#up(index)
    this.#down(last.heapIndex)
  }

  #up(start: number): void {
    const entries = this.#entries
    const entry = entries[start] as T
    let index = start
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = entries[above] as T
      if (parent.armedAt <= entry.armedAt) break
      entries[index] = parent
      parent.heapIndex = index
      index = above
    }
    entries[index] = entry
    entry.heapIndex = index
  }

  #down(start: number): void {
    const entries = this.#entries
    const entry = entries[start] as T
    let index = start
    for (;;) {
      let below = 2 * index + 1
      if (below >= entries.length) break
      const right = entries[below + 1]
      if (right !== undefined && right.armedAt < (entries[below] as T).armedAt) below++
      const child = entries[below] as T
      if (child.armedAt >= entry.armedAt) break
      entries[index] = child
      child.heapIndex = index
      index = below
    }
    entries[index] = entry
    entry.heapIndex = index
  }
}
