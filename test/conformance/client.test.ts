import { describe, expect, test } from 'vitest'
import { clientCases, playClient } from '../../src/conformance/index.ts'
import * as protocol from '../../src/protocol/index.ts'
import { shimOf } from './client-shim.ts'

const SEEDS = [1, 2] as const
const RUN_MS = 240_000

describe('our client', () => {
  test.each(SEEDS)('keeps every sentence that the kit tests, seed %i', { timeout: RUN_MS }, async (seed) => {
    let made = 0
    const client = (): ReturnType<typeof shimOf> => shimOf(protocol, seed * 100_000 + made++)
    const results = await playClient(client, clientCases(), { seed, keepsNotes: false })
    const failed = results.filter(({ outcome }) => outcome !== 'passed')
    expect(failed.map(({ id, step, detail }) => `${id} at "${step}": ${detail}`)).toEqual([])
  })
})
