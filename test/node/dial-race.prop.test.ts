import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../src/base/time.ts'
import { DialRace, HEAD_START_MS } from '../../src/node/dial-race.ts'

const at = (ms: number): Instant => ms as Instant

/** What becomes of an address that is tried: it answers or fails after so long, or stays silent. */
interface Fate {
  readonly what: 'opens' | 'fails' | 'silent'
  readonly afterMs: number
}

interface Course {
  /** When each address was tried. */
  readonly startedAt: readonly number[]
  readonly winner: number | undefined
  readonly state: DialRace['state']
  readonly opened: readonly number[]
}

/** Runs the machine under a virtual clock until nothing more happens. */
function run(fates: readonly Fate[]): Course {
  const race = new DialRace(fates.length, at(0))
  const startedAt: number[] = []
  const opened: number[] = []
  const due: { at: number; index: number; what: Fate['what'] }[] = []
  for (let now = 0; ; ) {
    for (let i = race.pollStart(at(now)); i !== undefined; i = race.pollStart(at(now))) {
      startedAt.push(now)
      const { what, afterMs } = fates[i] as Fate
      if (what !== 'silent') due.push({ at: now + afterMs, index: i, what })
    }
    due.sort((a, b) => a.at - b.at)
    const wake = race.pollTimeout()
    const [next] = due
    if (next === undefined && wake === Infinity)
      return { startedAt, winner: race.winner, state: race.state, opened }
    if (next === undefined || wake < next.at) {
      now = wake
      continue
    }
    due.shift()
    now = next.at
    if (next.what === 'fails') race.handleFailure(at(now))
    else if (race.handleLink(next.index)) opened.push(next.index)
  }
}

const SILENT: Fate = { what: 'silent', afterMs: 0 }

describe('a race between addresses', () => {
  test('gives the first 250 ms before the second is tried', () => {
    //= PAL-STR-017
    expect(run([SILENT, { what: 'opens', afterMs: 30 }])).toEqual({
      startedAt: [0, HEAD_START_MS],
      winner: 1,
      state: 'won',
      opened: [1],
    })
    expect(HEAD_START_MS).toBe(250)
  })

  test('tries no other where the first answers in time', () => {
    expect(run([{ what: 'opens', afterMs: 249 }, SILENT]).startedAt).toEqual([0])
  })

  test('tries the next at once when one fails', () => {
    //= PAL-STR-017
    expect(
      run([
        { what: 'fails', afterMs: 5 },
        { what: 'opens', afterMs: 7 },
      ]).startedAt,
    ).toEqual([0, 5])
  })

  test('is lost when all have failed, and not before', () => {
    const fails: Fate = { what: 'fails', afterMs: 400 }
    expect(run([fails, fails]).state).toBe('lost')
    expect(run([fails, SILENT]).state).toBe('racing')
  })

  const fate = fc.record({
    what: fc.constantFrom<Fate['what'][]>('opens', 'fails', 'silent'),
    afterMs: fc.integer({ min: 0, max: 1000 }),
  })

  test('whatever the addresses do, one link is kept at most, and it is the first that opened', () => {
    //= PAL-STR-018
    fc.assert(
      fc.property(fc.array(fate, { minLength: 1, maxLength: 8 }), (fates) => {
        const { startedAt, winner, state, opened } = run(fates)
        expect(opened).toEqual(winner === undefined ? [] : [winner])
        expect(state === 'won').toBe(winner !== undefined)
        startedAt.forEach((time, i) => {
          if (i > 0) expect(time - (startedAt[i - 1] as number)).toBeLessThanOrEqual(HEAD_START_MS)
        })
        const openings = startedAt.flatMap((time, i) => {
          const { what, afterMs } = fates[i] as Fate
          return what === 'opens' ? [time + afterMs] : []
        })
        if (winner === undefined) expect(openings).toEqual([])
        else
          expect((startedAt[winner] as number) + (fates[winner] as Fate).afterMs).toBe(Math.min(...openings))
      }),
    )
  })
})
