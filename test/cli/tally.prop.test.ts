import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tally } from '../../src/cli/bench/tally.ts'

test('a quantile is within five percent of the value at its place', () => {
  const times = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(times, fc.constantFrom(0.5, 0.9, 0.99, 1), (values, q) => {
      const tally = new Tally()
      for (const value of values) tally.add(value)
      const sorted = values.toSorted((a, b) => a - b)
      const exact = sorted[Math.ceil(q * sorted.length) - 1] as number
      expect(tally.quantile(q) / exact).toBeGreaterThan(0.95)
      expect(tally.quantile(q) / exact).toBeLessThan(1.05)
    }),
  )
})

test('no times have no quantiles', () => {
  expect(new Tally().quantile(0.5)).toBe(0)
})
