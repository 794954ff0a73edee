/**
 * A relay that is against its users: what it does, what it never achieves, and that the watch would notice.
 */
import { describe, expect, test } from 'vitest'
import { utf8Text } from '../../src/base/bytes.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { seededEntropy } from '../../src/sim/random.ts'
import { SealedWorld, type Weakness } from '../../src/sim/sealed-world.ts'
import { seedThatCatches, untilBroken } from './weakness.ts'

const SEEDS = Number(process.env['SEALED_SEEDS'] ?? 4)

function hostileRun(seed: number, weakness?: Weakness, turns = 150): SealedWorld {
  const p = createNodePrimitives(seededEntropy(seed))
  const world = new SealedWorld(p, seed, 3, weakness)
  world.introduceAll()
  const run = (): void => {
    for (let i = 0; i < turns; i++) {
      if (i % 3 === 0) world.say(i % 2, 1 + (i % 2))
      if (i % 7 === 0) world.say(2, i % 2)
      world.turn()
    }
  }
  if (weakness) untilBroken(run)
  else run()
  return world
}

describe('against a hostile relay', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'seed %i: nobody is told anything false',
    (seed) => {
      const world = hostileRun(seed)
      expect(world.violations).toEqual([])
      expect(world.shownCount).toBeGreaterThan(10)
      expect(world.crashCount).toBeGreaterThan(0)
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
      //= PAL-SDC-022
      expect(world.keys.violations).toEqual([])
      expect(world.keys.boxCount).toBeGreaterThan(100)
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

const TRANSCRIPT_BYTES = 236
/** Nothing of who talks to whom goes into keys and messages. */
const boundToNobody = (p: Primitives): Primitives => ({
  ...p,
  sha512: (...parts) => {
    const [first] = parts
    const use = first && utf8Text(first)
    const isBinding = use === 'palaver/e2e/1/ctx' || use === 'palaver/e2e/1/ad'
    if (isBinding) return p.sha512(first as Uint8Array)
    return first?.length === TRANSCRIPT_BYTES ? p.sha512() : p.sha512(...parts)
  },
})

const WEAK: readonly (readonly [string, Weakness])[] = [
  ['shows what comes plainly', { mode: 'off' }],
  ['forgets that a conversation was sealed', { mode: 'prefer', keeps: (name) => !name.startsWith('pin/') }],
  ['does not check the tag of a box', { primitives: boxWithoutTag }],
  ['sends before it has kept its state', { isHasty: true }],
  ['keeps the state before it checked the tag', { keepsUnchecked: true }],
  ['has no associated data', { primitives: boundToNobody }],
  [
    'cannot tell accounts apart and has no pins',
    { isBlindToAccounts: true, keeps: (name) => !name.startsWith('pin/') },
  ],
]

describe('a client that', () => {
  test.each(WEAK)('%s is caught', (_, weakness) => {
    expect(seedThatCatches((seed) => hostileRun(seed, weakness).violations)).toBeGreaterThan(0)
  })

  test('goes on from an old state uses message keys again, which is seen', () => {
    const seed = seedThatCatches((each) => hostileRun(each, { isHasty: true }).keys.violations)
    expect(seed).toBeGreaterThan(0)
  })
})
