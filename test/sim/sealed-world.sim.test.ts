/**
 * A relay that is against its users: what it does, what it never achieves, and that the watch would notice.
 */
import { describe, expect, test } from 'vitest'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { seededEntropy } from '../../src/sim/random.ts'
import { SealedWorld, type Weakness } from '../../src/sim/sealed-world.ts'

const SEEDS = Number(process.env['SEALED_SEEDS'] ?? 4)

function hostileRun(seed: number, weakness?: Weakness, turns = 150): SealedWorld {
  const p = createNodePrimitives(seededEntropy(seed))
  const world = new SealedWorld(p, seed, 3, weakness)
  world.introduceAll()
  for (let i = 0; i < turns; i++) {
    if (i % 3 === 0) world.say(i % 2, 1 + (i % 2))
    if (i % 7 === 0) world.say(2, i % 2)
    world.turn()
  }
  return world
}

describe('against a hostile relay', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'seed %i: nobody is told anything false',
    (seed) => {
      const world = hostileRun(seed)
      expect(world.violations).toEqual([])
      expect(world.shownCount).toBeGreaterThan(10)
      world.reassureAll()
      for (let day = 0; day < 3; day++) {
        world.nextDay()
        for (const [a, b] of [
          [0, 1],
          [1, 0],
          [1, 2],
          [2, 0],
        ] as const)
          world.say(a, b)
        world.deliverAll()
      }
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 1],
      ] as const) {
        world.say(a, b)
        world.deliverAll()
        expect([a, b, world.wasShown(a, b)]).toEqual([a, b, true])
      }
      expect(world.violations).toEqual([])
    },
  )
})

const boxWithoutTag = (p: Primitives): Primitives => ({
  ...p,
  open: (key, nonce, sealed) => {
    const opened = p.open(key, nonce, sealed)
    if (opened || sealed.length < 16) return opened
    // The key stream, by sealing zeros: what a cipher without a tag would do.
    const stream = p.seal(key, nonce, new Uint8Array(sealed.length - 16)).subarray(16)
    return sealed.subarray(16).map((byte, i) => byte ^ (stream[i] ?? 0))
  },
})

const WEAK: readonly (readonly [string, Weakness])[] = [
  ['shows what comes plainly', { mode: 'off' }],
  ['forgets that a conversation was sealed', { mode: 'prefer', keeps: (name) => !name.startsWith('pin/') }],
  ['does not check the tag of a box', { primitives: boxWithoutTag }],
  ['sends before it has kept its state', { isHasty: true }],
  [
    'cannot tell accounts apart and has no pins',
    { isBlindToAccounts: true, keeps: (name) => !name.startsWith('pin/') },
  ],
]

describe('a client that', () => {
  test.each(WEAK)('%s is caught', (_, weakness) => {
    const caught = Array.from({ length: 3 }, (_, i) => {
      try {
        return hostileRun(i + 1, weakness).violations.length
      } catch {
        // It may also break down: what it keeps does not fit together any more.
        return 0
      }
    })
    expect(Math.max(...caught)).toBeGreaterThan(0)
  })
})
