import type { Address } from '../base/machine.ts'
import type { Link, LinkHandler } from '../transport/transport.ts'
import type { Setup, Weather } from './case.ts'

/** Where cases are run: a relay to dial, a way to wait. */
export interface Arena {
  readonly transport: 'tcp' | 'udp'
  /** Whether a relay with that configuration can be reached. */
  offers(setup: Setup): boolean
  /** Where it is reached by datagrams; undefined where there are none. */
  datagramAddress?(setup: Setup): Address | undefined
  /** Opens a link to the relay of that configuration. */
  dial(setup: Setup, onLink: (link: Link) => LinkHandler, weather: Weather | undefined): Promise<void>
  /** Waits until the condition holds, asked after each input; false when it takes longer. */
  until(isDone: () => boolean, ms: number): Promise<boolean>
  /** Something arrived: conditions may hold now. */
  poke(): void
  /** Milliseconds from any origin. */
  now(): number
  /** Stops the relay and starts it again with what it keeps. */
  readonly restart?: ((setup: Setup) => Promise<void>) | undefined
}

/** A seed for the random numbers of a run. */
export type Random = () => number

/** Uniform numbers from 0 to 1 (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
