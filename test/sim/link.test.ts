import { describe, expect, it } from 'vitest'
import type { Instant } from '../../src/base/index.ts'
import {
  CLEAR_LINK,
  type FlyingDatagram,
  type LinkConditions,
  SimLink,
  seededEntropy,
} from '../../src/sim/index.ts'

const A = { host: '192.0.2.1', port: 1 }
const B = { host: '192.0.2.2', port: 2 }

function sendAll(conditions: Partial<LinkConditions>, count: number, seed = 1): FlyingDatagram[] {
  const link = new SimLink(seed, 0, { ...CLEAR_LINK, ...conditions })
  const out: FlyingDatagram[] = []
  for (let i = 0; i < count; i++) {
    const into: FlyingDatagram[] = []
    link.send(A, B, Uint8Array.of(i >> 8, i), (i * 10) as Instant, into)
    out.push(...into)
  }
  return out
}

describe('a simulated link', () => {
  it('does to equal seeds the same, and to others something else', () => {
    const conditions = { delayMs: 5, jitterMs: 20, loss: 0.3, duplication: 0.3, corruption: 0.3 }
    expect(sendAll(conditions, 200)).toEqual(sendAll(conditions, 200))
    expect(sendAll(conditions, 200)).not.toEqual(sendAll(conditions, 200, 2))
  })

  it('loses, doubles, corrupts and delays as often as it is told', () => {
    expect(sendAll({ loss: 0.25 }, 4000).length / 4000).toBeCloseTo(0.75, 1)
    expect(sendAll({ duplication: 0.25 }, 4000).length / 4000).toBeCloseTo(1.25, 1)
    const corrupt = sendAll({ corruption: 0.25 }, 4000).filter((d) => {
      return (d.bytes[0] as number) * 256 + (d.bytes[1] as number) !== d.order
    })
    expect(corrupt.length / 4000).toBeCloseTo(0.25, 1)
    for (const datagram of sendAll({ delayMs: 5, jitterMs: 20 }, 500)) {
      const delay = datagram.at - datagram.order * 10
      expect(delay).toBeGreaterThanOrEqual(5)
      expect(delay).toBeLessThan(25)
    }
  })

  it('lets a bottleneck pass one datagram after the other and drops what its queue does not hold', () => {
    const link = new SimLink(1, 0, { ...CLEAR_LINK, rate: 1, queueBytes: 250 })
    const out: FlyingDatagram[] = []
    for (let i = 0; i < 4; i++) link.send(A, B, new Uint8Array(100), 0 as Instant, out)
    expect(out.map((d) => d.at)).toEqual([100, 200])
    expect(link.droppedCount).toBe(2)
  })

  it('copies what it carries', () => {
    const link = new SimLink(1, 0, CLEAR_LINK)
    const out: FlyingDatagram[] = []
    const bytes = Uint8Array.of(1)
    link.send(A, B, bytes, 0 as Instant, out)
    bytes[0] = 2
    expect(out[0]?.bytes[0]).toBe(1)
  })
})

it('seeded entropy repeats itself for its seed alone', () => {
  expect(seededEntropy(1)(64)).toEqual(seededEntropy(1)(64))
  expect(seededEntropy(1)(64)).not.toEqual(seededEntropy(2)(64))
  const entropy = seededEntropy(3)
  expect(entropy(8)).not.toEqual(entropy(8))
})
