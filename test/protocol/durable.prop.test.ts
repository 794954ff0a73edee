/** A durable client and a relay that loses no message, over links that end at any instant. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DurableRig } from './durable-rig.ts'

type Step =
  | { readonly do: 'say' | 'post'; readonly count: number }
  | { readonly do: 'up' | 'down' | 'late'; readonly bytes: number }
  | { readonly do: 'cut' | 'dial' | 'acknowledge' | 'switch' | 'flow' }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'crash'; readonly kept: number }
  | { readonly do: 'reach'; readonly isReachable: boolean }

const bytes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4000 }), fc.constant(1e6))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('say' as const, 'post' as const),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('up' as const, 'down' as const), bytes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('late' as const), bytes }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'acknowledge' as const, 'switch' as const) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('dial' as const, 'flow' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('sleep' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('crash' as const), kept: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reach' as const), isReachable: fc.boolean() }) },
)

function run(rig: DurableRig, steps: readonly Step[]): void {
  let said = 0
  for (const each of steps) {
    if (each.do === 'say') for (let i = 0; i < each.count; i++) rig.say(`mine ${++said}`)
    else if (each.do === 'post')
      for (let i = 0; i < each.count; i++) rig.relay.post(rig.room, `theirs ${++said}`)
    else if (each.do === 'up') rig.up(each.bytes)
    else if (each.do === 'down') rig.down(each.bytes)
    else if (each.do === 'late') rig.oldLinks.at(-1)?.moveUp(each.bytes)
    else if (each.do === 'cut') rig.cut()
    else if (each.do === 'dial') rig.dial()
    else if (each.do === 'flow') rig.flow()
    else if (each.do === 'acknowledge') rig.acknowledge()
    else if (each.do === 'switch') rig.switchLink()
    else if (each.do === 'sleep') rig.sleep(each.ms)
    else if (each.do === 'crash') rig.crash(each.kept)
    else if (each.do === 'reach') rig.isReachable = each.isReachable
  }
}

//= PAL-MSG-024
//= PAL-MSG-025
//= PAL-ROM-051
test.each([true, false])(
  'every message is in the log once and in order, every entry is applied once and in order (prompt: %s)',
  (isPrompt) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer(), (steps, seed) => {
        const rig = new DurableRig({ seed: String(seed), isPrompt })
        rig.heal()
        run(rig, steps)
        rig.heal()
        rig.acknowledge()
        expect(rig.relay.log(rig.room)?.aliceBodies ?? []).toEqual(rig.sentIds)
        // The application begins where it joined for the first time; from there it has every entry.
        const first = rig.effects[0]?.seq ?? 1
        expect(rig.effects.map(({ text }) => text)).toEqual(rig.log.slice(first - 1))
        const told = rig.eventsOf('sent').map(({ id }) => id)
        expect([...new Set(told)].sort()).toEqual([...rig.sentIds].sort())
        for (const { id, at } of rig.eventsOf('sent')) expect(rig.log[at.seq - 1]).toBe(id)
        expect(rig.eventsOf('unsent')).toEqual([])
        expect(rig.client.isOver).toBe(false)
      }),
      { numRuns: 400 },
    )
  },
)
