import { Ajv, type AnySchema } from 'ajv'
import { describe, expect, it } from 'vitest'
import { qlogEvent, qlogHeader } from '../../src/cli/trace-udp.ts'
import type { UdpTraceEvent } from '../../src/reliable/index.ts'
import { at, openPair } from '../reliable/world.ts'

/**
 * What draft-ietf-quic-qlog-main-schema demands of a sequential file: `QlogFileSeq`, `TraceSeq`,
 * `CommonFields`, `ReferenceTime` and `VantagePoint`. Fields that it does not name are allowed.
 */
const HEADER: AnySchema = {
  type: 'object',
  required: ['file_schema', 'serialization_format', 'trace'],
  properties: {
    file_schema: { const: 'urn:ietf:params:qlog:file:sequential' },
    serialization_format: { const: 'application/qlog+json-seq' },
    title: { type: 'string' },
    description: { type: 'string' },
    trace: {
      type: 'object',
      required: ['event_schemas'],
      properties: {
        event_schemas: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^(urn|https?):' } },
        vantage_point: {
          type: 'object',
          required: ['type'],
          properties: { type: { enum: ['client', 'server', 'network', 'unknown'] } },
        },
        common_fields: {
          type: 'object',
          properties: {
            time_format: { enum: ['relative_to_epoch', 'relative_to_previous_event'] },
            reference_time: {
              type: 'object',
              required: ['clock_type', 'epoch'],
              properties: {
                clock_type: { type: 'string' },
                epoch: { type: 'string' },
                wall_clock_time: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z$' },
              },
              // A monotonic clock has no epoch that anybody knows.
              if: { properties: { clock_type: { const: 'monotonic' } } },
              // biome-ignore lint/suspicious/noThenProperty: a key word of JSON Schema
              then: { properties: { epoch: { const: 'unknown' } } },
            },
          },
        },
      },
    },
  },
}

/** `Event`, and of the data of the QUIC events those fields whose names and meanings ours share. */
const EVENT: AnySchema = {
  type: 'object',
  required: ['time', 'name', 'data'],
  properties: {
    time: { type: 'number' },
    name: { type: 'string', pattern: '^[a-z_]+:[a-z_]+$' },
    group_id: { type: 'string' },
    data: {
      type: 'object',
      properties: {
        header: {
          type: 'object',
          properties: { packet_number: { type: 'integer' }, packet_type: { type: 'string' } },
        },
        raw: { type: 'object', required: ['length'], properties: { length: { type: 'integer' } } },
        frames: {
          type: 'array',
          items: {
            type: 'object',
            required: ['frame_type'],
            properties: {
              acked_ranges: {
                type: 'array',
                items: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'integer' } },
              },
              ack_delay: { type: 'number' },
            },
          },
        },
        smoothed_rtt: { type: 'number' },
        min_rtt: { type: 'number' },
        latest_rtt: { type: 'number' },
        congestion_window: { type: 'integer' },
        bytes_in_flight: { type: 'integer' },
      },
    },
  },
}

const ajv = new Ajv({ strict: false })
const isHeader = ajv.compile(HEADER)
const isEvent = ajv.compile(EVENT)

/** As a reader of the file sees it. */
const written = (record: object): Record<string, unknown> => JSON.parse(JSON.stringify(record))

/** Everything that happens to a connection which meets much. */
function eventsOfALife(): UdpTraceEvent[] {
  const conditions = { loss: 0.2, duplication: 0.2, corruption: 0.1, mtuBytes: 1500 }
  const pair = openPair({ trace: true, keyUpdatePackets: 40, conditions })
  for (let i = 0; i < 100; i++) {
    pair.world.at(at(pair.world.now + 20 * i), () => {
      pair.near.write(2, new Uint8Array(300))
      pair.far.write(3, new Uint8Array(300))
    })
  }
  pair.world.run(at(pair.world.now + 5000))
  pair.world.changeLinks({ loss: 1 })
  pair.near.write(2, new Uint8Array(300))
  pair.world.run(at(pair.world.now + 1000))
  pair.world.changeLinks({ loss: 0 })
  pair.near.close(0, 'bye', pair.world.now)
  pair.world.run(at(pair.world.now + 5000))
  const events: UdpTraceEvent[] = []
  for (let one = pair.client.pollTrace(); one; one = pair.client.pollTrace()) events.push(one)
  return events
}

describe('a trace of datagrams', () => {
  it.each(['client', 'server'] as const)('of a %s begins with a header as qlog demands it', (type) => {
    const header = written(qlogHeader(type, new Date(0)))
    expect(isHeader(header), JSON.stringify(isHeader.errors)).toBe(true)
    for (const key of ['file_schema', 'serialization_format', 'trace']) {
      const { [key]: _, ...rest } = header
      expect(isHeader(rest)).toBe(false)
    }
  })

  it('holds events as qlog demands them, each kind at least once, in order of time', () => {
    const events = eventsOfALife()
    const kinds = new Set(events.map(({ kind }) => kind))
    const wanted = ['packet_sent', 'packet_received', 'packet_dropped', 'packet_lost', 'probe_timeout']
    expect([...kinds]).toEqual(
      expect.arrayContaining([...wanted, 'metrics', 'state', 'datagram_bytes', 'key_phase']),
    )
    const records = events.map((event) => written(qlogEvent(event, 0)))
    for (const record of records) expect(isEvent(record), JSON.stringify(isEvent.errors)).toBe(true)
    const times = records.map(({ time }) => time as number)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    const [first = {}] = records
    for (const key of ['time', 'name', 'data']) {
      const { [key]: _, ...rest } = first
      expect(isEvent(rest)).toBe(false)
    }
  })

  it('names events in the space that the header declares', () => {
    const { trace } = qlogHeader('client', new Date(0)) as { trace: { event_schemas: string[] } }
    expect(trace.event_schemas).toEqual(['urn:palaver:qlog:udp'])
    for (const event of eventsOfALife().slice(0, 50)) {
      expect(qlogEvent(event, 0)['name']).toMatch(/^palaver_udp:/u)
    }
  })
})
