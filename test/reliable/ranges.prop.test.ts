import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RangeSet } from '../../src/reliable/ranges.ts'

const N = 60
type Step = readonly ['add' | 'remove' | 'removeBelow' | 'dropLowest', number, number]

function rangesOf(model: ReadonlySet<number>): [number, number][] {
  const out: [number, number][] = []
  for (let i = 0; i <= N; i++) {
    if (!model.has(i)) continue
    const last = out.at(-1)
    if (last !== undefined && last[1] === i) last[1] = i + 1
    else out.push([i, i + 1])
  }
  return out
}

it('a range set behaves like a set of integers, in sorted, disjoint, maximal ranges', () => {
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('add', 'add', 'add', 'remove', 'removeBelow', 'dropLowest'),
    fc.nat(N),
    fc.nat(12),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const set = new RangeSet()
      let model = new Set<number>()
      for (const [kind, start, length] of steps) {
        const end = Math.min(start + length, N + 1)
        if (kind === 'add') {
          const isEmpty = end <= start
          if (!isEmpty) {
            const after = new Set(model)
            for (let i = start; i < end; i++) after.add(i)
            expect(set.countAfterAdd(start, end)).toBe(rangesOf(after).length)
          }
          set.add(start, end)
          for (let i = start; i < end; i++) model.add(i)
        } else if (kind === 'remove') {
          set.remove(start, end)
          for (let i = start; i < end; i++) model.delete(i)
        } else if (kind === 'removeBelow') {
          set.removeBelow(start)
          model = new Set([...model].filter((v) => v >= start))
        } else if (set.count > 0) {
          const lowest = rangesOf(model)[0] as [number, number]
          set.dropLowest()
          for (let i = lowest[0]; i < lowest[1]; i++) model.delete(i)
        }
        const ranges = Array.from({ length: set.count }, (_, i) => [set.startOf(i), set.endOf(i)])
        expect(ranges).toEqual(rangesOf(model))
        expect(set.size).toBe(model.size)
        expect(set.has(start)).toBe(model.has(start))
      }
    }),
    { numRuns: 500 },
  )
})
