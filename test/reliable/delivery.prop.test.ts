import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/base/index.ts'
import type { UdpConnection } from '../../src/reliable/index.ts'
import { hash32, type LinkConditions } from '../../src/sim/index.ts'
import { IndependentObserver } from './wire-observer.ts'
import { at, CLIENT, laneBytes, newPair, note, type Pair, RELAY } from './world.ts'

interface Write {
  readonly side: 'near' | 'far'
  readonly atMs: number
  readonly lane: number
  readonly length: number
}

/** What the network does from `atMs` on. `host` and `port` are the client's place in it. */
interface Phase {
  readonly atMs: number
  readonly conditions: Partial<LinkConditions>
  readonly place: Address | undefined
}

const WRITE_MS = 3000
const LOSS_THAT_ALWAYS_PASSES = 0.5

const write: fc.Arbitrary<Write> = fc.record({
  side: fc.constantFrom('near', 'far'),
  atMs: fc.nat(WRITE_MS),
  lane: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(63)),
  length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 90_000 })),
})

const chance = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true })

const conditionsUpTo = (loss: number): fc.Arbitrary<Partial<LinkConditions>> =>
  fc.record({
    delayMs: fc.nat(80),
    jitterMs: fc.nat(60),
    loss: chance(loss),
    duplication: chance(0.5),
    corruption: chance(0.1),
    detour: chance(0.1),
    detourMs: fc.nat(1000),
  })

const place: fc.Arbitrary<Address | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.nat(50).map((n) => ({ ...CLIENT, port: 50_000 + n })) },
  { weight: 1, arbitrary: fc.nat(50).map((n) => ({ host: `203.0.113.${n}`, port: 40_000 })) },
)

const scriptUpTo = (loss: number): fc.Arbitrary<Phase[]> =>
  fc.array(fc.record({ atMs: fc.nat(WRITE_MS), conditions: conditionsUpTo(loss), place }), { maxLength: 4 })

function contentOf(seed: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => hash32(seed, i, 7)))
}

type Sent = Map<number, Buffer[]>

/** One world: what was written at each side, and everything that was on the wire. */
class Run {
  readonly observer = new IndependentObserver(RELAY)
  readonly sent: { readonly near: Sent; readonly far: Sent } = { near: new Map(), far: new Map() }
  readonly pair: Pair
  readonly near: UdpConnection
  far: UdpConnection | undefined
  #place: Address = CLIENT

  constructor(seed: number, first: Partial<LinkConditions>) {
    this.pair = newPair({
      seed,
      conditions: first,
      observer: this.observer,
      primitives: this.observer.primitives,
      // Keys change often enough to matter.
      keyUpdatePackets: 20 + (seed % 100),
    })
    this.near = this.pair.client.connect(RELAY, at(0))
    this.pair.world.run(at(6000), () => this.pair.atRelay.opened.length > 0)
    this.far = this.pair.atRelay.opened[0]
    this.observer.attach(this.near, this.far)
  }

  /** Follows both scripts. True when everything written has been acknowledged. */
  play(writes: readonly Write[], script: readonly Phase[]): boolean {
    const { world } = this.pair
    const start = world.now
    for (const [i, one] of writes.entries()) {
      world.at(at(start + one.atMs), () => this.#write(one, contentOf(i, one.length)))
    }
    for (const phase of script) world.at(at(start + phase.atMs), () => this.#change(phase))
    world.run(at(start + WRITE_MS + 1))
    const isQuiet = (): boolean => this.near.queuedBytes === 0 && this.far?.queuedBytes === 0
    return (
      world.run(at(start + 400_000), () => isQuiet() || this.closed.length > 0) && this.closed.length === 0
    )
  }

  get closed(): unknown[] {
    return [...this.pair.atClient.closed, ...this.pair.atRelay.closed]
  }

  #write(one: Write, content: Buffer): void {
    const lanes = this.sent[one.side]
    lanes.set(one.lane, [...(lanes.get(one.lane) ?? []), content])
    ;(one.side === 'near' ? this.near : this.far)?.write(one.lane, content)
  }

  #change(phase: Phase): void {
    const { world } = this.pair
    world.changeLinks(phase.conditions)
    if (phase.place === undefined) return
    world.remove(this.#place)
    this.#place = phase.place
    world.add(this.#place, this.pair.client, note(this.pair.atClient))
  }

  /** Each lane holds exactly what was written, or where the connection was lost, a beginning of it. */
  check(isWhole: boolean): void {
    for (const [seen, sent] of [
      [this.pair.atRelay, this.sent.near],
      [this.pair.atClient, this.sent.far],
    ] as const) {
      for (const lane of seen.lanes.keys()) expect(sent.has(lane)).toBe(true)
      for (const [lane, parts] of sent) {
        const written = Buffer.concat(parts)
        const delivered = laneBytes(seen, lane)
        if (isWhole) expect(delivered.length).toBe(written.length)
        expect(delivered.equals(written.subarray(0, delivered.length))).toBe(true)
      }
    }
    if (isWhole) expect(this.near.stats.heldBytes + (this.far?.stats.heldBytes ?? 0)).toBe(0)
  }
}

describe('whatever is written and whatever the network does', () => {
  //= PAL-UDP-001, PAL-UDP-031, PAL-UDP-050, PAL-UDP-065
  it('every lane delivers exactly that, within credit, window and the threefold, up to half lost', () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.array(write, { maxLength: 25 }),
        conditionsUpTo(0.3),
        scriptUpTo(LOSS_THAT_ALWAYS_PASSES),
        (seed, writes, first, script) => {
          const run = new Run(seed, first)
          if (run.far === undefined) return
          const isDone = run.play(writes, script)
          expect(run.closed).toEqual([])
          expect(isDone).toBe(true)
          run.check(true)
        },
      ),
      { numRuns: 60, endOnFailure: true },
    )
  })

  //= PAL-UDP-050, PAL-UDP-065, PAL-UDP-097
  it('lanes deliver that or a beginning of it, and the same rules hold, with up to 95 % lost', () => {
    let wholeCount = 0
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.array(write, { maxLength: 8 }),
        scriptUpTo(0.95),
        (seed, writes, script) => {
          const run = new Run(seed, { delayMs: 25 })
          const isDone = run.play(writes, script)
          run.check(isDone)
          if (isDone) wholeCount++
        },
      ),
      { numRuns: 30, endOnFailure: true },
    )
    expect(wholeCount).toBeGreaterThan(15)
  })
})

it('equal seeds put equal bytes on the wire, other seeds others', () => {
  const writes: Write[] = [
    { side: 'near', atMs: 0, lane: 2, length: 50_000 },
    { side: 'far', atMs: 100, lane: 9, length: 5_000 },
  ]
  const script: Phase[] = [{ atMs: 200, conditions: { loss: 0.4 }, place: { ...CLIENT, port: 50_000 } }]
  const wireOf = (seed: number): string[] => {
    const run = new Run(seed, { delayMs: 20, jitterMs: 20, loss: 0.1, duplication: 0.1 })
    run.play(writes, script)
    return run.observer.wire
  }
  const first = wireOf(11)
  expect(wireOf(11)).toEqual(first)
  expect(wireOf(12)).not.toEqual(first)
})

it('a client behind a link that loses everything is told so', () => {
  const pair = newPair({ conditions: { loss: 1 } })
  pair.client.connect(RELAY, at(0))
  pair.world.run(at(6000))
  expect(pair.atClient.closed.length).toBe(1)
  expect(pair.client.connectionCount).toBe(0)
})
