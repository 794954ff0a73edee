import { describe, expect, it, vi } from 'vitest'
import { bulkSeconds, chatBeside, jain, shares } from './bulk.ts'
import { newPair } from './world.ts'

// Minutes of simulated transfers.
vi.setConfig({ testTimeout: 120_000 })

const MBIT_100 = { rate: 12_500, queueBytes: 625_000 }

describe('2 MiB over 50 ms', () => {
  //= PAL-UDP-101, PAL-UDP-102
  it.each([
    [0, 0.6],
    [0.001, 1],
    [0.01, 1],
    [0.05, 1.5],
  ])('with %f lost by chance take %f s at most', (loss, most) => {
    for (const seed of [1, 2, 3]) {
      expect(bulkSeconds({ seed, conditions: { delayMs: 25, loss } }).seconds).toBeLessThanOrEqual(most)
    }
  })

  //= PAL-UDP-091
  it.each([0.001, 0.01, 0.05])('at %f lost take strict CUBIC no longer than NewReno', (loss) => {
    const seconds = (congestionControl: 'cubic_strict' | 'newreno'): number => {
      let sum = 0
      for (const seed of [1, 2, 3]) {
        sum += bulkSeconds({ seed, congestionControl, conditions: { delayMs: 25, loss } }).seconds
      }
      return sum / 3
    }
    expect(seconds('cubic_strict')).toBeLessThanOrEqual(1.02 * seconds('newreno'))
  })

  //= PAL-UDP-092
  it('are sent with CUBIC unless something else is asked for', () => {
    expect(newPair().client.congestionControl).toBe('cubic')
    expect(newPair({ congestionControl: 'newreno' }).client.congestionControl).toBe('newreno')
  })
})

describe('16 or 32 MiB over 100 Mbit/s and 50 ms', () => {
  //= PAL-UDP-100
  it('fill the path without losing a packet of its first window to a full queue', () => {
    const total = 16 * 1024 * 1024
    const { seconds, stats } = bulkSeconds({ conditions: { delayMs: 25, ...MBIT_100 } }, total)
    expect((total * 8) / 1e6 / seconds).toBeGreaterThan(70)
    expect(stats.packetsLost).toBeLessThan(10)
  })

  //= PAL-UDP-101
  it('go at 60 Mbit/s and more with one packet in a thousand lost by chance', () => {
    const total = 32 * 1024 * 1024
    const conditions = { delayMs: 25, loss: 0.001, ...MBIT_100 }
    let seconds = 0
    for (let seed = 1; seed <= 3; seed++) seconds += bulkSeconds({ seed, conditions }, total).seconds / 3
    expect((total * 8) / 1e6 / seconds).toBeGreaterThan(60)
  })
})

describe('one bottleneck', () => {
  //= PAL-UDP-101
  it.each([
    [0.1, 20, ['cubic', 'cubic_strict']],
    [0.25, 10, ['cubic_strict', 'cubic']],
    [1, 10, ['cubic', 'cubic_strict']],
  ] as const)('with a queue of %f BDP and %i Mbit/s is shared fairly by %s', (bufferBdp, mbit, controls) => {
    const got = shares({ controls, mbit, bufferBdp, seconds: 20 })
    expect(jain(got)).toBeGreaterThanOrEqual(0.95)
    expect(got.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.8 * mbit)
  })

  //= PAL-UDP-052
  it('of 20 Mbit/s carries chat within 80 ms at p99 beside a transfer that takes the rest', () => {
    const { latencies, bulkMbit } = chatBeside({ mbit: 20, bufferBdp: 1, messages: 1000 })
    expect(latencies.length).toBe(1000)
    expect(latencies[990]).toBeLessThanOrEqual(80)
    expect(bulkMbit).toBeGreaterThan(17)
  })
})
