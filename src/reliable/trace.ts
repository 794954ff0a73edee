import { type Address, type Instant, Queue } from '../base/index.ts'
import { FRAMES_END, FRAMES_FAULT, FrameReader } from './frame.ts'
import { FRAME, LIMIT } from './generated/constants.ts'

/** One frame of a traced packet: its name in the registry, and of its fields those that it has. */
export interface UdpTraceFrame {
  readonly type: string
  readonly lane?: number
  readonly offset?: number
  readonly length?: number
  /** CREDIT, LANE_CREDIT. */
  readonly total?: number
  /** ACK: lowest and highest packet numbers, highest range first. */
  readonly ranges?: readonly (readonly [number, number])[]
  readonly delayMs?: number
  /** CLOSE. */
  readonly code?: number
}

/** Path estimates and the congestion window, after an ACK. */
export interface UdpTraceMetrics {
  readonly rttMsLatest: number
  readonly rttMsSmoothed: number
  readonly rttMsMin: number
  readonly rttMsVariation: number
  readonly windowBytes: number
  readonly bytesInFlight: number
}

type What =
  | {
      readonly kind: 'packet_sent'
      readonly packet: string
      readonly to: Address
      readonly bytes: number
      /** DATA only, as `frames`. */
      readonly number?: number
      readonly frames?: readonly UdpTraceFrame[]
    }
  | {
      readonly kind: 'packet_received'
      readonly packet: string
      readonly from: Address
      readonly bytes: number
      readonly number?: number
      readonly frames?: readonly UdpTraceFrame[]
    }
  | {
      readonly kind: 'packet_dropped'
      readonly bytes: number
      readonly why: 'duplicate' | 'unverified' | 'address'
    }
  | {
      readonly kind: 'packet_lost'
      readonly number: number
      readonly why: 'packet_threshold' | 'time_threshold'
    }
  | { readonly kind: 'probe_timeout'; readonly count: number }
  | { readonly kind: 'metrics'; readonly metrics: UdpTraceMetrics }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'path'; readonly address: Address; readonly state: 'asked' | 'validated' }
  | { readonly kind: 'datagram_bytes'; readonly bytes: number }
  | { readonly kind: 'key_phase'; readonly direction: 'send' | 'receive'; readonly phase: number }
  /** The driver was slow to poll: so many events are missing here. */
  | { readonly kind: 'events_missing'; readonly count: number }

/** Something that happened to a connection. A plain object; kept by nobody once it has been polled. */
export type UdpTraceEvent = {
  readonly at: Instant
  /** The `id` of the connection. */
  readonly connection: string
} & What

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(FRAME).map(([name, value]) => [
    value,
    name.replace(/[A-Z]/gu, (c) => `_${c.toLowerCase()}`),
  ]),
)

/** Gathers what is traced at one endpoint, up to a bound, until it is polled. */
export class Tracer {
  readonly #events: Queue<UdpTraceEvent> = new Queue()
  readonly #reader: FrameReader = new FrameReader()
  #missing = 0

  poll(): UdpTraceEvent | undefined {
    return this.#events.shift()
  }

  push(connection: string, at: Instant, what: What): void {
    if (this.#events.length >= LIMIT.traceEventsMax) {
      this.#missing++
      return
    }
    if (this.#missing > 0) {
      this.#events.push({ at, connection, kind: 'events_missing', count: this.#missing })
      this.#missing = 0
    }
    this.#events.push({ at, connection, ...what })
  }

  /** The frames in `bytes`, PADDING left out; those behind a malformed one are left out too. */
  framesOf(bytes: Uint8Array): UdpTraceFrame[] {
    const reader = this.#reader
    const frames: UdpTraceFrame[] = []
    reader.start(bytes)
    for (;;) {
      const type = reader.next()
      if (type === FRAMES_END || type === FRAMES_FAULT) return frames
      frames.push({ type: NAMES.get(type) ?? String(type), ...fieldsOf(type, reader) })
    }
  }
}

/** The tracer as one connection sees it. */
export class ConnectionTrace {
  readonly #tracer: Tracer
  readonly #id: string

  constructor(tracer: Tracer, id: string) {
    this.#tracer = tracer
    this.#id = id
  }

  note(at: Instant, what: What): void {
    this.#tracer.push(this.#id, at, what)
  }

  /** A DATA packet in the clear. */
  sent(at: Instant, to: Address, packet: TracedPacket): void {
    const { number, bytes } = packet
    const frames = this.#tracer.framesOf(packet.frames)
    this.note(at, { kind: 'packet_sent', packet: 'data', to, bytes, number, frames })
  }

  dropped(at: Instant, bytes: number, intake: { readonly wasDuplicate: boolean }): void {
    const why = intake.wasDuplicate ? 'duplicate' : 'unverified'
    this.note(at, { kind: 'packet_dropped', bytes, why })
  }

  received(at: Instant, from: Address, packet: TracedPacket): void {
    const { number, bytes } = packet
    const frames = this.#tracer.framesOf(packet.frames)
    this.note(at, { kind: 'packet_received', packet: 'data', from, bytes, number, frames })
  }
}

interface TracedPacket {
  readonly number: number
  readonly bytes: number
  readonly frames: Uint8Array
}

function fieldsOf(type: number, reader: FrameReader): Omit<UdpTraceFrame, 'type'> {
  const length = reader.dataEnd - reader.dataStart
  switch (type) {
    case FRAME.ack:
      return { ranges: rangesOf(reader), delayMs: (reader.ackDelay * LIMIT.ackDelayUnitUs) / 1000 }
    case FRAME.close:
      return { code: reader.value }
    case FRAME.credit:
      return { total: reader.value }
    case FRAME.laneCredit:
      return { lane: reader.lane, total: reader.value }
    case FRAME.laneSized:
    case FRAME.laneRest:
      return { lane: reader.lane, offset: reader.offset, length }
    default:
      return {}
  }
}

function rangesOf(reader: FrameReader): [number, number][] {
  return Array.from({ length: reader.rangeCount }, (_, i) => [
    reader.ranges[2 * i] as number,
    reader.ranges[2 * i + 1] as number,
  ])
}
