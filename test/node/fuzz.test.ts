/** Every fuzz target over its whole corpus, and over a few thousand changed inputs of a fixed seed. */
import { describe, expect, test } from 'vitest'
import { readCorpus } from '../../fuzz/corpus.ts'
import { mutated } from '../../fuzz/mutate.ts'
import { Random } from '../../fuzz/random.ts'
import { TARGETS } from '../../fuzz/targets.ts'

const corpus = readCorpus()

test('there is a corpus for every family', () => {
  for (const family of Object.values(corpus)) expect(family.length).toBeGreaterThan(3)
  expect(corpus.frames.length).toBeGreaterThan(1000)
})

describe.each(Object.entries(TARGETS))('target %s', (_name, target) => {
  const seeds = corpus[target.corpus]

  test('takes every input of its corpus', () => {
    for (const bytes of seeds) target.run(bytes.slice())
  })

  test('takes changed inputs', () => {
    const random = new Random(20_261_121)
    for (let i = 0; i < 1500; i++) {
      const bytes = mutated(random, seeds)
      try {
        target.run(bytes)
      } catch (error) {
        throw new Error(`input ${Buffer.from(bytes).toString('hex')}`, { cause: error })
      }
    }
  })
})

test('a run is decided by its seed', () => {
  const run = (seed: number): string => {
    const random = new Random(seed)
    return Buffer.concat(Array.from({ length: 50 }, () => mutated(random, corpus.frames))).toString('hex')
  }
  expect(run(5)).toBe(run(5))
  expect(run(5)).not.toBe(run(6))
})
