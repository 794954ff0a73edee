/** A relay that is against the members of sealed rooms: what it never achieves, and what is noticed. */
import { describe, expect, test } from 'vitest'
import { equalBytes, utf8Bytes } from '../../src/base/bytes.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { seededEntropy } from '../../src/sim/random.ts'
import { type RoomWeakness, SealedRoomWorld } from '../../src/sim/sealed-room-world.ts'
import { seedThatCatches, untilBroken } from './weakness.ts'

const SEEDS = Number(process.env['SEALED_SEEDS'] ?? 4)
const MEMBERS = 3

function hostileRun(seed: number, weakness?: RoomWeakness, turns = 160): SealedRoomWorld {
  const world = new SealedRoomWorld(createNodePrimitives(seededEntropy(seed)), seed, MEMBERS, weakness)
  const run = (): void => {
    for (let i = 0; i < turns; i++) {
      if (i % 3 === 0) world.say((i / 3) % MEMBERS, i % 2 === 0 ? 'one' : 'two')
      if (i % 40 === 20) world.rekey('one')
      world.turn()
    }
  }
  if (weakness) untilBroken(run)
  else run()
  return world
}

describe('against a hostile relay', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'seed %i: no member is told anything false',
    (seed) => {
      const world = hostileRun(seed)
      expect(world.violations).toEqual([])
      expect(world.shownCount).toBeGreaterThan(10)
      expect(world.crashCount).toBeGreaterThan(0)
      world.turnHonest()
      for (let i = 0; i < 2 * MEMBERS; i++) {
        world.say(i % MEMBERS, i % 2 === 0 ? 'one' : 'two')
        world.turnHonest()
        expect(world.wasShownToAll()).toBe(true)
      }
      expect(world.violations).toEqual([])
      expect(world.keys.violations).toEqual([])
      expect(world.keys.boxCount).toBeGreaterThan(100)
    },
  )
})

const believingSignatures = (p: Primitives): Primitives => ({ ...p, verify: () => true })

const BOUND = utf8Bytes('palaver/e2e/1/gmsg')
const BOUND_BYTES = BOUND.length + 3 * 32 + 18
const isBound = (bytes: Uint8Array | undefined): bytes is Uint8Array =>
  bytes !== undefined && equalBytes(bytes.subarray(0, BOUND.length), BOUND)
/** Neither keys nor signatures of messages say where a message belongs. */
const boundToNothing = (p: Primitives): Primitives => ({
  ...p,
  hmac512: (key, ...parts) => (isBound(parts[0]) ? p.hmac512(key, BOUND) : p.hmac512(key, ...parts)),
  sign: (key, message) => p.sign(key, isBound(message) ? message.subarray(BOUND_BYTES) : message),
  verify: (key, signature, message) =>
    p.verify(key, signature, isBound(message) ? message.subarray(BOUND_BYTES) : message),
})

const WEAK: readonly (readonly [string, RoomWeakness])[] = [
  ['believes every signature', { primitives: believingSignatures }],
  ['takes the roster from the relay', { addsWhomTheRelaySays: true }],
  ['tells secrets to whoever goes by the name', { tellsAnybody: true }],
  ['shows what comes plainly', { showsPlain: true }],
  ['forgets that a room is sealed', { keeps: (name) => !name.startsWith('room/') }],
  ['goes on before it has kept its state', { isHasty: true }],
  ['has no associated data', { primitives: boundToNothing }],
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
