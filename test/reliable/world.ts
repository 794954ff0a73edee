import type { Address, Datagram, Instant, LinkPrimitives } from '../../src/base/index.ts'
import {
  type CongestionControl,
  LIMIT,
  type UdpConnection,
  UdpEndpoint,
  type UdpEvent,
  type UdpLimits,
} from '../../src/reliable/index.ts'
import { DatagramWorld, type LinkConditions, seededEntropy, type WireObserver } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'

export const RELAY: Address = { host: '192.0.2.1', port: 7667 }
export const CLIENT: Address = { host: '198.51.100.7', port: 40000 }
export const at = (ms: number): Instant => ms as Instant

/** What one endpoint's user saw. */
export interface Seen {
  readonly events: UdpEvent[]
  readonly opened: UdpConnection[]
  readonly closed: UdpEvent[]
  /** Bytes received, by lane, over all connections. */
  readonly lanes: Map<number, Uint8Array[]>
}

export interface Pair {
  readonly world: DatagramWorld<UdpEvent>
  readonly relay: UdpEndpoint
  readonly client: UdpEndpoint
  readonly atRelay: Seen
  readonly atClient: Seen
}

export interface PairOptions {
  readonly seed?: number
  readonly conditions?: Partial<LinkConditions>
  readonly primitives?: LinkPrimitives
  readonly observer?: WireObserver
  readonly limits?: Partial<UdpLimits>
  readonly congestionControl?: CongestionControl
  /** At both ends. */
  readonly keyUpdatePackets?: number
  /** At the client. */
  readonly trace?: boolean
}

export function newSeen(): Seen {
  return { events: [], opened: [], closed: [], lanes: new Map() }
}

export function note(seen: Seen): (event: UdpEvent) => void {
  return (event) => {
    seen.events.push(event)
    if (event.kind === 'opened') seen.opened.push(event.connection)
    if (event.kind === 'closed') seen.closed.push(event)
    if (event.kind !== 'lane_bytes') return
    const parts = seen.lanes.get(event.lane)
    if (parts === undefined) seen.lanes.set(event.lane, [event.bytes])
    else parts.push(event.bytes)
  }
}

/** All bytes a lane delivered. */
export function laneBytes(seen: Seen, lane: number): Buffer {
  return Buffer.concat(seen.lanes.get(lane) ?? [])
}

export const STATIC_SECRET = new Uint8Array(32).fill(7)

export function newRelay(seed = 1, options: PairOptions = {}): UdpEndpoint {
  return new UdpEndpoint({
    primitives: options.primitives ?? testPrimitives(),
    entropy: seededEntropy(seed * 2 + 1),
    staticSecret: STATIC_SECRET,
    keyUpdatePackets: options.keyUpdatePackets ?? LIMIT.keyUpdatePackets,
    ...(options.congestionControl === undefined ? {} : { congestionControl: options.congestionControl }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
}

export function newClient(seed = 1, options: PairOptions = {}): UdpEndpoint {
  return new UdpEndpoint({
    primitives: options.primitives ?? testPrimitives(),
    entropy: seededEntropy(seed * 2 + 0x10000),
    trace: options.trace ?? false,
    keyUpdatePackets: options.keyUpdatePackets ?? LIMIT.keyUpdatePackets,
    ...(options.congestionControl === undefined ? {} : { congestionControl: options.congestionControl }),
  })
}

/** A relay and a client in one world, not yet connected. */
export function newPair(options: PairOptions = {}): Pair {
  const seed = options.seed ?? 1
  const conditions: LinkConditions = {
    delayMs: 25,
    jitterMs: 0,
    loss: 0,
    duplication: 0,
    corruption: 0,
    detour: 0,
    detourMs: 0,
    rate: Infinity,
    queueBytes: Infinity,
    ...options.conditions,
  }
  const world = new DatagramWorld<UdpEvent>(seed, conditions, options.observer)
  const relay = newRelay(seed, options)
  const client = newClient(seed, options)
  const atRelay = newSeen()
  const atClient = newSeen()
  world.add(RELAY, relay, note(atRelay))
  world.add(CLIENT, client, note(atClient))
  return { world, relay, client, atRelay, atClient }
}

export interface OpenPair extends Pair {
  readonly near: UdpConnection
  readonly far: UdpConnection
}

/** A pair whose connection is open on both sides. */
export function openPair(options: PairOptions = {}): OpenPair {
  const pair = newPair(options)
  const near = pair.client.connect(RELAY, pair.world.now)
  if (!pair.world.run(at(6000), () => pair.atRelay.opened.length > 0)) throw new Error('did not open')
  return { ...pair, near, far: pair.atRelay.opened[0] as UdpConnection }
}

/** Everything an endpoint wants to send now. */
export function drain(endpoint: UdpEndpoint, now: Instant): Datagram[] {
  const out: Datagram[] = []
  for (let d = endpoint.pollTransmit(now); d !== undefined; d = endpoint.pollTransmit(now)) out.push(d)
  return out
}
