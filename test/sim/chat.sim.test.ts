/**
 * Simulated chats: seeds that once failed, some more, and mistakes planted to see that the checks find them.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ChatWorld, FAULTS, type Part, PLANTED, planOf } from '../../src/sim/index.ts'

const known = JSON.parse(readFileSync(new URL('../seeds.json', import.meta.url), 'utf8')) as {
  readonly chat: readonly {
    readonly seed: number
    readonly found: string
    readonly without: readonly Part[]
  }[]
}
const SEEDS = Array.from({ length: 60 }, (_, i) => 10_001 + i)
/** Seeds within which a planted mistake must show. */
const PLANTED_SEEDS = 30

describe('a simulated chat', () => {
  test.each(known.chat.map(({ seed, found, without }) => [seed, found, without] as const))(
    'holds at seed %d: %s',
    (seed, _found, without) => {
      expect(new ChatWorld(planOf(seed, new Set(without))).run().messages).toBeGreaterThan(0)
    },
  )

  test('holds at many other seeds, in which every fault happens', () => {
    const counts = new Map(FAULTS.map((fault) => [fault, 0]))
    let heard = 0
    for (const seed of SEEDS) {
      const { faults, signals } = new ChatWorld(planOf(seed)).run()
      heard += signals
      for (const fault of FAULTS) counts.set(fault, (counts.get(fault) ?? 0) + faults[fault])
    }
    for (const [fault, count] of counts) expect(count, fault).toBeGreaterThan(20)
    //= PAL-SIG-005
    expect(heard).toBeGreaterThan(100)
  }, 240_000)

  test('takes the same course again from the same seed', () => {
    for (const seed of [7, 8, 9]) {
      const [one, two] = [1, 2].map(() => new ChatWorld(planOf(seed)).run())
      expect(two).toEqual(one)
    }
  })
})

describe('a planted mistake', () => {
  test.each(PLANTED)(
    'is found: %s',
    (planted) => {
      const isCaught = (seed: number): boolean => {
        try {
          new ChatWorld(planOf(seed), planted).run()
          return false
        } catch {
          return true
        }
      }
      expect(Array.from({ length: PLANTED_SEEDS }, (_, i) => i + 1).some(isCaught)).toBe(true)
    },
    120_000,
  )
})
