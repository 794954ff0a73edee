import { describe, expect, it } from 'vitest'
import { LIMIT, type UdpTraceEvent } from '../../src/reliable/index.ts'
import { at, type OpenPair, openPair, type PairOptions } from './world.ts'

function traceOf(pair: OpenPair): UdpTraceEvent[] {
  const events: UdpTraceEvent[] = []
  for (let one = pair.client.pollTrace(); one; one = pair.client.pollTrace()) events.push(one)
  return events
}

function talk(options: PairOptions): OpenPair {
  const pair = openPair({ trace: true, ...options })
  for (let i = 0; i < 50; i++) {
    pair.world.at(at(pair.world.now + 10 * i), () => pair.near.write(2, new Uint8Array(200)))
  }
  pair.world.run(at(pair.world.now + 3000), () => false)
  return pair
}

describe('a trace', () => {
  it('is not kept unless it is asked for', () => {
    expect(traceOf(talk({ trace: false }))).toEqual([])
  })

  it('names the connection and follows it from INITIAL to the end, in order of time', () => {
    const pair = talk({})
    pair.near.close(0, '', pair.world.now)
    pair.world.run(at(pair.world.now + 3000))
    const events = traceOf(pair)
    expect(new Set(events.map((e) => e.connection))).toEqual(new Set([pair.near.id]))
    expect(events.slice(0, 5)).toMatchObject([
      { kind: 'packet_sent', packet: 'initial', bytes: 1200 },
      { kind: 'packet_received', packet: 'retry' },
      { kind: 'packet_sent', packet: 'initial', bytes: 1200 },
      { kind: 'packet_received', packet: 'accept' },
      { kind: 'state', state: 'open' },
    ])
    const states = events.filter((e) => e.kind === 'state').map((e) => e.state)
    expect(states).toEqual(['open', 'closing', 'closed'])
    for (let i = 1; i < events.length; i++)
      expect(events[i]?.at).toBeGreaterThanOrEqual(events[i - 1]?.at ?? 0)
  })

  it('counts what the counters count, and tells of each frame what it says', () => {
    const pair = talk({ conditions: { loss: 0.2, duplication: 0.2, corruption: 0.1 } })
    const events = traceOf(pair)
    const count = (kind: string): number => events.filter((e) => e.kind === kind).length
    const { stats } = pair.near
    expect(count('packet_sent')).toBe(stats.packetsSent)
    expect(count('packet_lost')).toBe(stats.packetsLost)
    expect(count('probe_timeout')).toBe(stats.probeTimeouts)
    expect(count('packet_dropped')).toBe(stats.packetsDuplicate + stats.packetsBad)
    expect(stats.packetsLost).toBeGreaterThan(0)
    expect(stats.bytesRepeated).toBeGreaterThan(0)
    const sent = events.flatMap((e) => (e.kind === 'packet_sent' ? (e.frames ?? []) : []))
    expect(sent).toContainEqual({ type: 'lane_sized', lane: 2, offset: 0, length: 200 })
    const told = events.flatMap((e) => (e.kind === 'packet_received' ? (e.frames ?? []) : []))
    expect(told.some((f) => f.type === 'ack' && (f.ranges?.length ?? 0) > 1)).toBe(true)
    const metrics = events.flatMap((e) => (e.kind === 'metrics' ? [e.metrics] : []))
    expect(metrics.at(-1)).toMatchObject({
      rttMsSmoothed: stats.rttMsSmoothed,
      windowBytes: stats.windowBytes,
    })
    expect(structuredClone(events)).toEqual(events)
  })

  it('that nobody reads is bounded, and says what is missing', () => {
    const pair = openPair({ trace: true })
    for (let i = 0; i < LIMIT.traceEventsMax; i++) {
      pair.world.at(at(pair.world.now + i), () => pair.near.write(2, new Uint8Array(10)))
    }
    pair.world.run(at(pair.world.now + LIMIT.traceEventsMax))
    expect(traceOf(pair).length).toBe(LIMIT.traceEventsMax)
    pair.near.write(2, new Uint8Array(10))
    pair.world.run(at(pair.world.now + 1000))
    expect(traceOf(pair)[0]).toMatchObject({ kind: 'events_missing' })
  })
})
