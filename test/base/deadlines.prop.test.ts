import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DeadlineHeap, type Timed } from '../../src/base/deadlines.ts'
import type { Instant } from '../../src/base/index.ts'
import { at } from '../reliable/world.ts'

interface Entry extends Timed {
  deadline: Instant
}

it('whatever is armed, moved and removed, every entry comes up by its deadline and none is lost', () => {
  const step = fc.tuple(fc.constantFrom('arm', 'arm', 'remove', 'pop'), fc.nat(19), fc.nat(100))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const heap = new DeadlineHeap<Entry>()
      const entries = Array.from(
        { length: 20 },
        (): Entry => ({ heapIndex: -1, armedAt: at(0), deadline: at(Infinity) }),
      )
      for (const [kind, which, time] of steps) {
        const entry = entries[which] as Entry
        if (kind === 'arm') {
          entry.deadline = at(time)
          heap.arm(entry, entry.deadline)
        } else if (kind === 'remove') {
          heap.remove(entry)
          entry.deadline = at(Infinity)
        } else {
          popAll(heap, entries, at(time))
        }
        for (const one of entries) {
          if (one.deadline === Infinity) expect(one.heapIndex).toBe(-1)
          else expect(heap.earliest).toBeLessThanOrEqual(one.deadline)
        }
      }
    }),
  )
})

/** What an endpoint does: an entry whose deadline has moved on is put back. */
function popAll(heap: DeadlineHeap<Entry>, entries: readonly Entry[], now: Instant): void {
  for (;;) {
    const due = heap.popDue(now)
    if (due === undefined) break
    if (due.deadline <= now) due.deadline = at(Infinity)
    else heap.arm(due, due.deadline)
  }
  for (const entry of entries) expect(entry.deadline).toBeGreaterThan(now)
}
