import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Address, Datagram } from '../../src/base/index.ts'
import { LIMIT, type UdpConnection } from '../../src/reliable/index.ts'
import { hash32 } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { at, CLIENT, laneBytes, newPair, RELAY } from './world.ts'

interface Write {
  readonly side: 'near' | 'far'
  readonly atMs: number
  readonly lane: number
  readonly length: number
}

const write: fc.Arbitrary<Write> = fc.record({
  side: fc.constantFrom('near', 'far'),
  atMs: fc.nat(3000),
  lane: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(63)),
  length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 90_000 })),
})

const conditions = fc.record({
  delayMs: fc.nat(80),
  jitterMs: fc.nat(60),
  loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
  duplication: fc.double({ min: 0, max: 0.5, noNaN: true }),
  corruption: fc.double({ min: 0, max: 0.1, noNaN: true }),
  detour: fc.double({ min: 0, max: 0.1, noNaN: true }),
  detourMs: fc.nat(1000),
})

function contentOf(seed: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => hash32(seed, i, 7)))
}

/**
 * Watches the wire with the eyes of a stranger who knows the keys of nobody: sizes and directions only. The
 * rules that need the content (credit) are watched through the primitives, see `observed`.
 */
class Stranger {
  bytesToRelay = 0
  bytesToClient = 0
  isConfirmed = false
  wire: string[] = []

  readonly onSent = (from: Address, datagram: Datagram): void => {
    expect(datagram.bytes.length).toBeLessThanOrEqual(LIMIT.datagramBytes)
    this.wire.push(Buffer.from(datagram.bytes).toString('base64'))
    if (from === RELAY && !this.isConfirmed) {
      this.bytesToClient += datagram.bytes.length
      expect(this.bytesToClient).toBeLessThanOrEqual(this.bytesToRelay)
    }
  }

  readonly onArrived = (datagram: { readonly to: Address; readonly bytes: Uint8Array }): void => {
    if (datagram.to === RELAY) this.bytesToRelay += datagram.bytes.length
    if (datagram.to === RELAY && datagram.bytes[0] === 0x40) this.isConfirmed = true
  }
}

/** Primitives that let a test read every packet before it is sealed. */
function observed(onPlain: (plain: Uint8Array, key: string) => void) {
  const primitives = testPrimitives()
  return {
    ...primitives,
    aeadSeal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array => {
      if (aad.length === 13) onPlain(plain, Buffer.from(key).toString('hex'))
      return primitives.aeadSeal(key, nonce, aad, plain)
    },
  }
}

/** Follows one direction: no byte is sent beyond the credit that its receiver has advertised. */
class CreditWatch {
  readonly #credit = new Map<string, number>()
  readonly #laneCredit = new Map<string, number>()
  readonly #highest = new Map<string, number>()
  readonly #keys: string[] = []

  readonly onPlain = (plain: Uint8Array, key: string): void => {
    if (!this.#keys.includes(key)) this.#keys.push(key)
    for (const frame of framesOf(plain)) {
      if (frame.type === 4) this.#raise(this.#credit, key, frame.total)
      if (frame.type === 5) this.#raise(this.#laneCredit, `${key}/${frame.lane}`, frame.total)
      if (frame.type === 0x10) this.#onLane(key, frame.lane, frame.end)
    }
  }

  #raise(map: Map<string, number>, key: string, total: number): void {
    map.set(key, Math.max(total, map.get(key) ?? 0))
  }

  #onLane(key: string, lane: number, end: number): void {
    this.#raise(this.#highest, `${key}/${lane}`, end)
    const peer = this.#keys.find((other) => other !== key) ?? ''
    const laneLimit = Math.max(this.#laneCredit.get(`${peer}/${lane}`) ?? 0, LIMIT.laneCreditBytes)
    expect(end).toBeLessThanOrEqual(laneLimit)
    let total = 0
    for (const [name, highest] of this.#highest) if (name.startsWith(key)) total += highest
    expect(total).toBeLessThanOrEqual(Math.max(this.#credit.get(peer) ?? 0, LIMIT.connectionCreditBytes))
  }
}

interface SeenFrame {
  readonly type: number
  readonly lane: number
  readonly total: number
  readonly end: number
}

/** An independent reading of the frames, for the observer. */
function framesOf(plain: Uint8Array): SeenFrame[] {
  const out: SeenFrame[] = []
  let p = 0
  const next = (): number => {
    const size = 1 << ((plain[p] as number) >> 6)
    let value = (plain[p] as number) & 0x3f
    for (let i = 1; i < size; i++) value = value * 256 + (plain[p + i] as number)
    p += size
    return value
  }
  while (p < plain.length) {
    const type = plain[p++] as number
    if (type === 2) {
      next()
      next()
      for (let i = 2 * next() + 1; i > 0; i--) next()
    } else if (type === 3) {
      next()
      p += next()
    } else if (type === 4) {
      out.push({ type, lane: 0, total: next(), end: 0 })
    } else if (type === 5) {
      out.push({ type, lane: next(), total: next(), end: 0 })
    } else if (type === 0x10 || type === 0x11) {
      const lane = next()
      const offset = next()
      const length = type === 0x10 ? next() : plain.length - p
      p += length
      out.push({ type: 0x10, lane, total: 0, end: offset + length })
    }
  }
  return out
}

function run(seed: number, writes: readonly Write[], link: object): { wire: string[]; ok: boolean } {
  const stranger = new Stranger()
  const watch = new CreditWatch()
  const pair = newPair({
    seed,
    conditions: link,
    observer: stranger,
    primitives: observed((plain, key) => watch.onPlain(plain, key)),
  })
  const near = pair.client.connect(RELAY, at(0))
  const expected = { near: new Map<number, Buffer[]>(), far: new Map<number, Buffer[]>() }
  let isOpen = pair.world.run(at(6000), () => pair.atRelay.opened.length > 0)
  if (!isOpen)
    return { wire: stranger.wire, ok: pair.atClient.closed.length > 0 || pair.atClient.opened.length > 0 }
  const far = pair.atRelay.opened[0] as UdpConnection
  const start = pair.world.now
  writes.forEach((one, i) => {
    pair.world.at(at(start + one.atMs), () => {
      const content = contentOf(i, one.length)
      const parts = expected[one.side].get(one.lane) ?? []
      expected[one.side].set(one.lane, [...parts, content])
      ;(one.side === 'near' ? near : far).write(one.lane, content)
    })
  })
  pair.world.run(at(start + 3001))
  isOpen = pair.world.run(at(start + 400_000), () => near.queuedBytes === 0 && far.queuedBytes === 0)
  expect(isOpen).toBe(true)
  expect([...pair.atClient.closed, ...pair.atRelay.closed]).toEqual([])
  for (const [seen, sent] of [
    [pair.atRelay, expected.near],
    [pair.atClient, expected.far],
  ] as const) {
    expect([...seen.lanes.keys()].sort()).toEqual([...sent.keys()].sort())
    for (const [lane, parts] of sent) expect(laneBytes(seen, lane).equals(Buffer.concat(parts))).toBe(true)
  }
  expect(near.stats.heldBytes + far.stats.heldBytes).toBe(0)
  return { wire: stranger.wire, ok: true }
}

//= PAL-UDP-001, PAL-UDP-031, PAL-UDP-050
it('every lane delivers exactly what was written over any network, within credit and amplification', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(write, { maxLength: 25 }), conditions, (seed, writes, link) => {
      expect(run(seed, writes, link).ok).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('equal seeds put equal bytes on the wire, other seeds others', () => {
  const link = { delayMs: 20, jitterMs: 20, loss: 0.1, duplication: 0.1 }
  const writes: Write[] = [
    { side: 'near', atMs: 0, lane: 2, length: 50_000 },
    { side: 'far', atMs: 100, lane: 9, length: 5_000 },
  ]
  const first = run(11, writes, link).wire
  expect(run(11, writes, link).wire).toEqual(first)
  expect(run(12, writes, link).wire).not.toEqual(first)
})

it('a client behind a link that loses everything is told so', () => {
  const pair = newPair({ conditions: { loss: 1 } })
  pair.client.connect(RELAY, at(0))
  pair.world.run(at(6000))
  expect(pair.atClient.closed.length).toBe(1)
  expect(pair.client.connectionCount).toBe(0)
  expect(CLIENT.port).toBe(40000)
})
