/** The cases as they are played against machines in memory. */
import {
  type Case,
  castOf,
  clientCases,
  type KeyPair,
  keyPairOf,
  playCase,
  playClientCase,
  type Result,
  relayCases,
  seedOf,
} from '../../../src/conformance/index.ts'
import { virtualArena } from '../virtual-arena.ts'
import { virtualPackets } from '../virtual-packets.ts'
import type { Modules } from './modules.ts'

/** Which machine a case is about. */
export type Side = 'relay' | 'client' | 'packets'

/** A case, and how it is played. */
export interface Trial {
  readonly side: Side
  readonly played: Case
}

const SEED = 11

const streams = relayCases().filter(({ transports }) => !transports || transports.includes('tcp'))
const packets = relayCases().filter(({ isPackets }) => isPackets)

/** All that can be played without sockets. */
export const CASES: readonly Trial[] = [
  ...streams.map((played) => ({ side: 'relay' as const, played })),
  ...packets.map((played) => ({ side: 'packets' as const, played })),
  ...clientCases().map((played) => ({ side: 'client' as const, played })),
]

const pairs = new Map<string, KeyPair>()

/** Key pairs are costly, and each world is a new one: the same few serve all. */
function pairOf(party: string): KeyPair {
  const pair = pairs.get(party) ?? keyPairOf(seedOf(`mutants/${party}`))
  pairs.set(party, pair)
  return pair
}

/** Plays one case against these machines. */
export function playTrial(modules: Modules, { side, played }: Trial): Promise<Result> {
  const cast = castOf('', SEED, played, pairOf)
  if (side === 'client') return playClientCase(modules.shimOf(modules, SEED), cast, played, false)
  const arena = side === 'packets' ? virtualPackets(modules, SEED) : virtualArena(modules, SEED)
  return playCase(arena, cast, played, false)
}
