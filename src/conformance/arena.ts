import type { Link, LinkHandler } from '../transport/transport.ts'
import type { Setup, Weather } from './case.ts'

/** One socket, connected to the relay: whole datagrams. */
export interface Packets {
  send(bytes: Uint8Array): void
  close(): void
}

/** Where datagrams reach a relay. */
export interface DatagramPlace {
  /** A socket at the kit's first or second IP address; undefined where there is no second. */
  connect(place: number, onBytes: (bytes: Uint8Array) => void): Promise<Packets | undefined>
}

/** Where cases are run: a relay to dial, a way to wait. */
export interface Arena {
  readonly transport: 'tcp' | 'udp'
  /** Whether a relay with that configuration can be reached. */
  offers(setup: Setup): boolean
  /** How it is reached by datagrams; undefined where there are none. */
  datagrams?(setup: Setup): DatagramPlace | undefined
  /** Opens a link to the relay of that configuration. */
  dial(setup: Setup, onLink: (link: Link) => LinkHandler, fate: Fate | undefined): Promise<void>
  /** Waits until the condition holds, asked after each input; false when it takes longer. */
  until(isDone: () => boolean, ms: number): Promise<boolean>
  /** Something arrived: conditions may hold now. */
  poke(): void
  /** Milliseconds from any origin. */
  now(): number
  /** Stops the relay and starts it again with what it keeps. */
  readonly restart?: ((setup: Setup) => Promise<void>) | undefined
}

/** What happens to the datagrams of a link, and by which chance. */
export interface Fate {
  readonly weather: Weather
  readonly random: Random
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
