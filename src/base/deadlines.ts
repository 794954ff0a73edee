import { type Instant, NEVER } from './time.ts'

interface Entry<T> {
  at: Instant
  item: T
}

/**
 * Items with a deadline each, earliest first: a binary heap. An item that was pushed twice comes out twice; the
 * owner compares with the deadline it holds now and pushes again when that has moved.
 */
export class Deadlines<T> {
  #heap: Entry<T>[] = []

  get length(): number {
    return this.#heap.length
  }

  /** The earliest deadline, or NEVER. */
  get earliest(): Instant {
    return this.#heap[0]?.at ?? NEVER
  }

  push(at: Instant, item: T): void {
    const heap = this.#heap
    let index = heap.length
    heap.push({ at, item })
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((heap[parent] as Entry<T>).at <= at) break
      swap(heap, index, parent)
      index = parent
    }
  }

  /** Removes and returns an item whose deadline is at or before `now`. */
  popDue(now: Instant): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.at > now) return undefined
    const last = heap.pop() as Entry<T>
    if (heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return first.item
  }

  #sink(): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let least = index
      for (let child = index * 2 + 1; child <= index * 2 + 2 && child < heap.length; child++)
        if ((heap[child] as Entry<T>).at < (heap[least] as Entry<T>).at) least = child
      if (least === index) return
      swap(heap, index, least)
      index = least
    }
  }
}

function swap<T>(heap: T[], a: number, b: number): void {
  const held = heap[a] as T
  heap[a] = heap[b] as T
  heap[b] = held
}
