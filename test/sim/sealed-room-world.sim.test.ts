/** A relay that is against the members of sealed rooms: what it never achieves, and what is noticed. */
import { describe, expect, test } from 'vitest'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { seededEntropy } from '../../src/sim/random.ts'
import { type RoomWeakness, SealedRoomWorld } from '../../src/sim/sealed-room-world.ts'

const SEEDS = Number(process.env['SEALED_SEEDS'] ?? 4)
const MEMBERS = 3

function hostileRun(seed: number, weakness?: RoomWeakness, turns = 160): SealedRoomWorld {
  const world = new SealedRoomWorld(createNodePrimitives(seededEntropy(seed)), seed, MEMBERS, weakness)
  for (let i = 0; i < turns; i++) {
    if (i % 3 === 0) world.say((i / 3) % MEMBERS, i % 2 === 0 ? 'one' : 'two')
    if (i % 40 === 20) world.rekey('one')
    world.turn()
  }
  return world
}

describe('against a hostile relay', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'seed %i: no member is told anything false',
    (seed) => {
      const world = hostileRun(seed)
      expect(world.violations).toEqual([])
      expect(world.shownCount).toBeGreaterThan(10)
      world.turnHonest()
      for (let i = 0; i < 2 * MEMBERS; i++) {
        world.say(i % MEMBERS, i % 2 === 0 ? 'one' : 'two')
        world.turnHonest()
        expect(world.wasShownToAll()).toBe(true)
      }
      expect(world.violations).toEqual([])
    },
  )
})

const believingSignatures = (p: Primitives): Primitives => ({ ...p, verify: () => true })

const WEAK: readonly (readonly [string, RoomWeakness])[] = [
  ['believes every signature', { primitives: believingSignatures }],
  ['takes the roster from the relay', { addsWhomTheRelaySays: true }],
  ['tells secrets to whoever goes by the name', { tellsAnybody: true }],
  ['shows what comes plainly', { showsPlain: true }],
  ['forgets that a room is sealed', { keeps: (name) => !name.startsWith('room/') }],
  ['goes on before it has kept its state', { isHasty: true }],
]

describe('a client that', () => {
  test.each(WEAK)('%s is caught', (_, weakness) => {
    const isCaught = [1, 2, 3].some((seed) => {
      try {
        return hostileRun(seed, weakness).violations.length > 0
      } catch {
        // It may also break down: what it keeps does not fit together any more.
        return false
      }
    })
    expect(isCaught).toBe(true)
  })
})
