import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Instant } from '../../src/base/time.ts'
import { type Rate, TokenBucket } from '../../src/base/token-bucket.ts'

const at = (ms: number): Instant => ms as Instant

test('over any time no more is taken than the burst and what flowed in, but for one overdraft', () => {
  const rate = fc.record({
    perSecond: fc.integer({ min: 1, max: 1000 }),
    burst: fc.integer({ min: 1, max: 50 }),
  })
  const takes = fc.array(fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 80 })), { maxLength: 80 })
  fc.assert(
    fc.property(rate, takes, (each, wanted) => {
      const bucket = new TokenBucket(each.burst)
      let [now, taken, last] = [1000, 0, 0]
      for (const [laterMs, count] of wanted) {
        now += laterMs
        if (bucket.waitMs(count, each, at(now)) > 0) continue
        bucket.take(count)
        taken += count
        last = Math.max(last, count)
        const flowed = (each.perSecond * (now - 1000)) / 1000
        expect(taken).toBeLessThanOrEqual(each.burst + flowed + Math.max(0, last - each.burst) + 1e-3)
      }
    }),
  )
})

test('after the wait it names the tokens are there, and not before', () => {
  const rate: Rate = { perSecond: 10, burst: 5 }
  const bucket = new TokenBucket(rate.burst)
  expect(bucket.has(5, rate, at(0))).toBe(true)
  bucket.take(5)
  expect(bucket.waitMs(2, rate, at(0))).toBe(200)
  expect(bucket.has(2, rate, at(199))).toBe(false)
  expect(bucket.has(2, rate, at(200))).toBe(true)
})

test('what costs more than it can hold goes when it is full, and is paid back first', () => {
  const rate: Rate = { perSecond: 10, burst: 5 }
  const bucket = new TokenBucket(rate.burst)
  expect(bucket.waitMs(25, rate, at(0))).toBe(0)
  bucket.take(25)
  expect(bucket.waitMs(1, rate, at(0))).toBe(2100)
})
