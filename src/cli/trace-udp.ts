/**
 * Writes what happens on links over UDP as JSON text sequences (RFC 7464), with the fields of the qlog main
 * schema, and with those of its QUIC events where ours have the same meaning. What lanes carry is left out.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { monotonicNow } from '../node/clock.ts'
import { fileError } from '../node/private-file.ts'
import type { UdpTraceEvent, UdpTraceFrame } from '../reliable/index.ts'
import { programVersion } from './version.ts'

const RECORD_SEPARATOR = '\x1e'
const EVENT_SCHEMA = 'urn:palaver:qlog:udp'
/** Gathered before a write, so that tracing costs no system call per packet. */
const GATHERED_CHARACTERS = 64 * 1024
const GATHERED_MS = 1000
const FILE_MODE = 0o600

type Fields = Readonly<Record<string, unknown>>

/** A sink that writes to the file until the process ends; undefined when no file is wished. */
export function udpTrace(
  path: string | undefined,
  vantagePoint: 'client' | 'server',
): ((event: UdpTraceEvent) => void) | undefined {
  if (path === undefined) return undefined
  const file = new TraceFile(path)
  const startedAt = monotonicNow()
  file.write(qlogHeader(vantagePoint, new Date()))
  process.once('exit', () => file.close())
  return (event) => file.write(qlogEvent(event, startedAt))
}

class TraceFile {
  readonly #descriptor: number
  #gathered: string[] = []
  #characters = 0
  #flushedAt = monotonicNow()

  constructor(path: string) {
    try {
      this.#descriptor = openSync(path, 'w', FILE_MODE)
    } catch (error) {
      throw fileError(error, `write ${path}`)
    }
  }

  write(record: Fields): void {
    const text = `${RECORD_SEPARATOR}${JSON.stringify(record)}\n`
    this.#gathered.push(text)
    this.#characters += text.length
    const isLate = monotonicNow() - this.#flushedAt > GATHERED_MS
    if (isLate || this.#characters >= GATHERED_CHARACTERS) this.#flush()
  }

  #flush(): void {
    writeSync(this.#descriptor, this.#gathered.join(''))
    this.#gathered = []
    this.#characters = 0
    this.#flushedAt = monotonicNow()
  }

  close(): void {
    this.#flush()
    closeSync(this.#descriptor)
  }
}

/** The first record: what the times of the others count from. */
export function qlogHeader(vantagePoint: 'client' | 'server', startedAt: Date): Fields {
  return {
    file_schema: 'urn:ietf:params:qlog:file:sequential',
    serialization_format: 'application/qlog+json-seq',
    title: `palaver ${programVersion()}`,
    trace: {
      vantage_point: { type: vantagePoint },
      event_schemas: [EVENT_SCHEMA],
      common_fields: {
        time_format: 'relative_to_epoch',
        reference_time: {
          clock_type: 'monotonic',
          epoch: 'unknown',
          wall_clock_time: startedAt.toISOString(),
        },
      },
    },
  }
}

/** A record of one event; times are milliseconds since `startedAt`. */
export function qlogEvent(event: UdpTraceEvent, startedAt: number): Fields {
  const { at, connection: group_id } = event
  const [name, data] = describe(event)
  return { time: round(at - startedAt), name: `palaver_udp:${name}`, group_id, data }
}

function describe(event: UdpTraceEvent): readonly [string, Fields] {
  switch (event.kind) {
    case 'packet_sent':
      return ['packet_sent', { ...packetFields(event), to: event.to }]
    case 'packet_received':
      return ['packet_received', { ...packetFields(event), from: event.from }]
    case 'packet_dropped':
      return ['packet_dropped', { raw: { length: event.bytes }, trigger: event.why }]
    case 'packet_lost':
      return ['packet_lost', { header: { packet_number: event.number }, trigger: event.why }]
    case 'probe_timeout':
      return ['loss_timer_updated', { timer_type: 'pto', event_type: 'expired', pto_count: event.count }]
    case 'metrics':
      return ['recovery_metrics_updated', metricFields(event.metrics)]
    case 'state':
      return ['connection_state_updated', { new: event.state }]
    case 'path':
      return ['path_updated', { address: event.address, state: event.state }]
    case 'datagram_bytes':
      return ['mtu_updated', { new: event.bytes }]
    case 'key_phase':
      return ['key_updated', { direction: event.direction, key_phase: event.phase }]
    case 'events_missing':
      return ['events_missing', { count: event.count }]
    default:
      return event satisfies never
  }
}

function packetFields(event: Extract<UdpTraceEvent, { kind: 'packet_sent' | 'packet_received' }>): Fields {
  const { packet: packet_type, number: packet_number, bytes: length, frames } = event
  return { header: { packet_type, packet_number }, raw: { length }, frames: frames?.map(frameFields) }
}

function frameFields({ type: frame_type, ranges, delayMs, lane, ...rest }: UdpTraceFrame): Fields {
  return { frame_type, lane, ...rest, acked_ranges: ranges, ack_delay: delayMs }
}

type Metrics = Extract<UdpTraceEvent, { kind: 'metrics' }>['metrics']

function metricFields(metrics: Metrics): Fields {
  return {
    latest_rtt: round(metrics.rttMsLatest),
    smoothed_rtt: round(metrics.rttMsSmoothed),
    min_rtt: round(metrics.rttMsMin),
    rtt_variance: round(metrics.rttMsVariation),
    congestion_window: Math.floor(metrics.windowBytes),
    bytes_in_flight: metrics.bytesInFlight,
  }
}

/** To a microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
