import { describe, expect, it } from 'vitest'
import { Cubic } from '../../src/reliable/cubic.ts'
import { LIMIT } from '../../src/reliable/index.ts'
import { at, newPair, openPair, type PairOptions } from './world.ts'

const PACKET = LIMIT.datagramBytes

/** A sender that always has something to send: one round trip after the other. */
class Flow {
  readonly cubic = new Cubic()
  now = 0
  readonly #rttMs: number

  constructor(rttMs: number) {
    this.#rttMs = rttMs
  }

  get window(): number {
    return this.cubic.windowBytes / PACKET
  }

  ack(): void {
    this.cubic.onAck({ bytes: PACKET, sentAt: at(this.now) }, 1e9, at(this.now), this.#rttMs)
  }

  /** A window of packets and their acknowledgements, one after the other; returns how many. */
  round(): number {
    const count = Math.max(1, Math.floor(this.window))
    const startedAt = this.now
    for (let i = 0; i < count; i++) {
      this.now = startedAt + ((i + 1) * this.#rttMs) / count
      this.ack()
    }
    return count
  }

  lose(): void {
    this.cubic.onLoss(at(this.now), at(this.now))
    this.now += 0.001
  }

  /** Slow start up to `packets`. */
  growTo(packets: number): this {
    while (this.window < packets) this.ack()
    this.now += 1
    return this
  }
}

/** The mean window when one packet in `every` is lost, after the first few losses. */
function meanWindow(rttMs: number, every: number): number {
  const flow = new Flow(rttMs).growTo(20)
  let sum = 0
  let rounds = 0
  let sent = 0
  for (let losses = 0; losses < 40; ) {
    sent += flow.round()
    if (losses >= 15) {
      sum += flow.window
      rounds++
    }
    if (sent < every) continue
    sent -= every
    losses++
    flow.lose()
  }
  return sum / rounds
}

describe('CUBIC', () => {
  //= PAL-UDP-091
  it('falls from 100 packets to 70, is back after K = 4.22 s, and 30 above after another', () => {
    const flow = new Flow(100).growTo(100)
    flow.lose()
    expect(flow.window).toBeCloseTo(70, 6)
    const lostAt = flow.now
    const k = Math.cbrt((100 * 0.3) / 0.4)
    expect(k).toBeCloseTo(4.217, 3)
    while (flow.now < lostAt + 1000 * (k - 1)) flow.round()
    // One second short of K the curve is C below the plateau.
    expect(flow.window).toBeCloseTo(100 - 0.4, 0)
    while (flow.now < lostAt + 1000 * k) flow.round()
    expect(flow.window).toBeCloseTo(100, 0)
    while (flow.now < lostAt + 2000 * k) flow.round()
    expect(Math.abs(flow.window - 130)).toBeLessThan(3)
  })

  // The means of RFC 9438 section 5.1 for C = 0.4, whose model loses one packet in 1/p.
  //= PAL-UDP-091
  it.each([
    [100, 1e2, 12],
    [100, 1e3, 38],
    [100, 1e4, 187],
    [100, 1e5, 1054],
    [10, 1e3, 38],
    [10, 1e4, 120],
    [10, 1e5, 379],
  ])(
    'over %i ms with one packet in %i lost has the mean window of the RFC, %i packets',
    (rtt, every, mean) => {
      const measured = meanWindow(rtt, every)
      expect(measured).toBeGreaterThan(0.85 * mean)
      expect(measured).toBeLessThan(1.15 * mean)
    },
  )

  //= PAL-UDP-091
  it('gives up more than it lost when it was still below the last plateau', () => {
    const flow = new Flow(100).growTo(100)
    flow.lose()
    flow.round()
    const second = flow.window
    flow.lose()
    expect(flow.window).toBeCloseTo(0.7 * second, 6)
    // The new plateau is 0.85 of the window at the loss, so that the curve is flat well below it.
    for (let i = 0; i < 25; i++) flow.round()
    expect(flow.window).toBeLessThan(0.9 * second)
  })

  //= PAL-UDP-066
  it('reduces its window once for the losses of a round trip, not below four packets', () => {
    const flow = new Flow(50)
    expect(flow.window).toBe(10)
    flow.lose()
    flow.cubic.onLoss(at(flow.now - 1), at(flow.now))
    expect(flow.window).toBeCloseTo(7, 6)
    for (let i = 0; i < 10; i++) flow.lose()
    expect(flow.window).toBe(LIMIT.lossWindowPacketsMin)
  })

  //= PAL-UDP-067
  it('falls to two packets in persistent congestion, and grows again from there', () => {
    const flow = new Flow(50).growTo(100)
    flow.lose()
    flow.cubic.onPersistent()
    expect(flow.window).toBe(LIMIT.minimumWindowPackets)
    for (let i = 0; i < 7; i++) flow.round()
    expect(flow.window).toBeGreaterThanOrEqual(70)
  })

  //= PAL-UDP-093
  it('does not grow, and its curve stands still, while the window is not used', () => {
    const used = new Flow(100).growTo(100)
    const idle = new Flow(100).growTo(100)
    for (const flow of [used, idle]) {
      flow.lose()
      flow.round()
    }
    const before = idle.window
    for (let i = 0; i < 100; i++) {
      idle.now += 100
      idle.cubic.onAck({ bytes: PACKET, sentAt: at(idle.now) }, PACKET, at(idle.now), 100)
    }
    expect(idle.window).toBe(before)
    for (let i = 0; i < 30; i++) {
      used.round()
      idle.round()
    }
    expect(Math.abs(idle.window - used.window)).toBeLessThan(1)
  })
})

/** Seconds that 2 MiB take in the bulk lane. */
function bulkSeconds(options: PairOptions): number {
  const pair = openPair(options)
  const begin = pair.world.now
  const total = 2 * 1024 * 1024
  let written = 0
  let received = 0
  let seen = 0
  const write = (): void => {
    while (written < total) {
      written += 16_384
      if (!pair.near.write(1, new Uint8Array(16_384))) return
    }
  }
  write()
  const isDone = (): boolean => {
    for (const event of pair.atClient.events.splice(0)) if (event.kind === 'writable') write()
    for (; seen < pair.atRelay.events.length; seen++) {
      const event = pair.atRelay.events[seen]
      if (event?.kind === 'lane_bytes') received += event.bytes.length
    }
    return received >= total
  }
  expect(pair.world.run(at(begin + 120_000), isDone)).toBe(true)
  return (pair.world.now - begin) / 1000
}

describe('2 MiB over 50 ms', () => {
  it.each([0.001, 0.01, 0.05])('at %f lost take CUBIC no longer than NewReno', (loss) => {
    const seconds = (congestionControl: 'cubic' | 'newreno'): number => {
      let sum = 0
      for (const seed of [1, 2, 3]) {
        sum += bulkSeconds({ seed, congestionControl, conditions: { delayMs: 25, loss } })
      }
      return sum / 3
    }
    expect(seconds('cubic')).toBeLessThanOrEqual(1.02 * seconds('newreno'))
  })

  //= PAL-UDP-092
  it('are sent with CUBIC unless NewReno is asked for', () => {
    expect(newPair().client.congestionControl).toBe('cubic')
    expect(newPair({ congestionControl: 'newreno' }).client.congestionControl).toBe('newreno')
  })
})
