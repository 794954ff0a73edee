import { describe, expect, test } from 'vitest'
import { parseStep, relayCases } from '../../src/conformance/index.ts'

const cases = relayCases()

describe('the cases are data', () => {
  test('there are at least six hundred, each with a name of its own', () => {
    expect(cases.length).toBeGreaterThanOrEqual(600)
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length)
  })

  test('each survives JSON', () => {
    expect(JSON.parse(JSON.stringify(cases))).toEqual(cases)
  })

  test('each has steps that parse, and cites a sentence', () => {
    for (const { id, steps, requirements } of cases) {
      expect(requirements.length, id).toBeGreaterThan(0)
      expect(steps.length, id).toBeGreaterThan(0)
      for (const step of steps) expect(() => parseStep(step), `${id}: ${step}`).not.toThrow()
    }
  })
})
