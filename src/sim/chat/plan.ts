/**
 * What a simulated chat goes through: everything is drawn from one seed, each thing by a hash of its own, so
 * that leaving one fault out does not change the others.
 */
import type { DiskConditions } from '../disk.ts'
import type { LinkConditions } from '../link.ts'
import { fraction } from '../random.ts'

/** Kinds of faults; a plan may leave any of them out. */
export const FAULTS = [
  'cut',
  'refuse',
  'relay_crash',
  'client_crash',
  'disk_stall',
  'disk_failure',
  'clock_jump',
  'pause',
  'rebind',
  'blackout',
  'move',
] as const
export type Fault = (typeof FAULTS)[number]

/** What a plan can be made without: a kind of fault, links by datagrams, conversations of two. */
export type Part = Fault | 'datagrams' | 'directs'
export const PARTS: readonly Part[] = [...FAULTS, 'datagrams', 'directs']

export interface ChatPlan {
  readonly seed: number
  readonly people: number
  readonly rooms: number
  /** How many of the others everybody talks to alone. */
  readonly directs: number
  /** How long people talk and things go wrong; then everything heals. */
  readonly busyMs: number
  /** Mean time between two doings of one person. */
  readonly pauseMs: number
  readonly latencyMs: number
  readonly jitterMs: number
  /** Links with lanes, which have no order among them, as a share of all links. */
  readonly laned: number
  /** Links by datagrams, as a share of all links. */
  readonly udp: number
  /** What happens to datagrams. */
  readonly datagrams: Pick<
    LinkConditions,
    'delayMs' | 'jitterMs' | 'loss' | 'duplication' | 'corruption' | 'detour' | 'detourMs'
  >
  /** Bytes that a stream takes before it says no more. */
  readonly linkBytes: number
  /** Mean time between two faults of each kind; Infinity where it does not happen. */
  readonly faultMs: Readonly<Record<Fault, number>>
  readonly disk: DiskConditions
  /** Small limits, that make rare things common. */
  readonly isTight: boolean
}

const PLAN = 0x91a0

/** The plan of a seed. `without` leaves parts out, to find those that matter. */
export function planOf(seed: number, without: ReadonlySet<Part> = new Set()): ChatPlan {
  const draw = (what: number): number => fraction(seed, PLAN, what)
  const pick = <T>(what: number, values: readonly T[]): T =>
    values[Math.floor(draw(what) * values.length)] as T
  const faultMs = Object.fromEntries(
    FAULTS.map((fault, i) => {
      const isOn = !without.has(fault) && draw(100 + i) < 0.6
      return [fault, isOn ? pick(200 + i, [400, 1500, 6000]) : Number.POSITIVE_INFINITY]
    }),
  ) as Record<Fault, number>
  const linkBytes = pick(8, [600, 8_000, 64_000])
  const latencyMs = pick(5, [0, 5, 60])
  const jitterMs = pick(6, [0, 20, 300])
  return {
    seed,
    people: pick(1, [2, 3, 5, 8]),
    rooms: pick(2, [1, 2, 4]),
    directs: without.has('directs') ? 0 : pick(17, [0, 0, 1, 3]),
    busyMs: pick(3, [5_000, 20_000, 40_000]),
    // Nobody says more than a narrow link can carry.
    pauseMs: pick(4, [20, 100, 400]) * (linkBytes === 600 ? 20 : 1),
    latencyMs,
    jitterMs,
    laned: pick(7, [0, 0.5, 1]),
    udp: without.has('datagrams') ? 0 : pick(12, [0, 0.5, 1]),
    datagrams: {
      delayMs: latencyMs,
      jitterMs,
      loss: pick(13, [0, 0.02, 0.1, 0.3]),
      duplication: pick(14, [0, 0.05, 0.5]),
      corruption: pick(15, [0, 0.02]),
      detour: pick(16, [0, 0.02]),
      detourMs: 2000,
    },
    linkBytes,
    faultMs,
    disk: {
      commitMs: pick(9, [0, 1, 20]),
      jitterMs: pick(10, [0, 5, 100]),
      stall: faultMs.disk_stall < Number.POSITIVE_INFINITY ? 0.05 : 0,
      stallMs: 3000,
      failure: faultMs.disk_failure < Number.POSITIVE_INFINITY ? 0.002 : 0,
    },
    isTight: draw(11) < 0.25,
  }
}
