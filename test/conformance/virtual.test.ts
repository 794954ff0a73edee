import { describe, expect, test } from 'vitest'
import { castOf, playCase, relayCases } from '../../src/conformance/index.ts'
import * as protocol from '../../src/protocol/index.ts'
import { virtualArena } from './virtual-arena.ts'

/** A case of each chapter, time and several people among them. */
const CHOSEN = ['HSK-033/hello-does-not-help', 'SES-015/left-behind', 'ROM-028/after-leaving']
const chosen = relayCases().filter(({ id }) => CHOSEN.includes(id) || id.startsWith('MSG-003/'))

describe('the kit in a world without sockets', () => {
  test.each(chosen.map((played) => [played.id, played] as const))('%s passes', async (_, played) => {
    const result = await playCase(virtualArena(protocol, 1), castOf('', 1, played), played, true)
    expect(result.detail).toBe('')
    expect(result.outcome).toBe('passed')
  })

  test('one seed gives the same exchange twice', async () => {
    const played = relayCases().find(({ id }) => id === 'ROM-001/three-members')
    if (!played) throw new Error('the case is gone')
    const [first, second] = await Promise.all(
      [1, 2].map(() => playCase(virtualArena(protocol, 3), castOf('', 3, played), played, true)),
    )
    expect(first?.notes).toEqual(second?.notes)
    expect(first?.notes.length).toBeGreaterThan(20)
  })
})
