import { describe, expect, it } from 'vitest'
import { Cubic } from '../../src/reliable/cubic.ts'
import { DeliveryRate } from '../../src/reliable/delivery-rate.ts'
import { LIMIT } from '../../src/reliable/index.ts'
import { RttEstimator } from '../../src/reliable/rtt.ts'
import { at } from './world.ts'

const PACKET = LIMIT.datagramBytes

/** A sender that always has something to send: one round trip after the other. */
class Flow {
  readonly cubic = new Cubic({ isStrict: true })
  readonly path = { rtt: new RttEstimator(), rate: new DeliveryRate() }
  now = 0
  readonly #rttMs: number

  constructor(rttMs: number) {
    this.#rttMs = rttMs
    this.path.rtt.sample(rttMs, 0)
  }

  get window(): number {
    return this.cubic.windowBytes / PACKET
  }

  ack(): void {
    this.cubic.onAck({ bytes: PACKET, sentAt: at(this.now) }, 1e9, at(this.now), this.path)
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
    this.cubic.onLoss(at(this.now), at(this.now), this.path)
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

describe('CUBIC that is not strict', () => {
  /** At 100 packets, of which the path delivers `delivered` in 50 ms, with a queue of `queueMs` standing. */
  const reduced = (delivered: number, queueMs: number): number => {
    const cubic = new Cubic({ isStrict: false })
    const path = { rtt: new RttEstimator(), rate: new DeliveryRate() }
    path.rtt.sample(50, 0)
    for (let i = 0; i < LIMIT.rttRecentSamples; i++) path.rtt.sample(50 + queueMs, 0)
    const mark = { sentAt: at(0), delivered: 0, deliveredAt: at(0), firstSentAt: at(0) }
    path.rate.onSent(mark, true, at(0))
    path.rate.onAcked(mark, delivered * PACKET)
    path.rate.onAckEnd(50, at(50))
    for (let i = 0; i < 90; i++) cubic.onAck({ bytes: PACKET, sentAt: at(0) }, 1e9, at(51), path)
    // The end of slow start: so many at once are no chance.
    for (let i = 0; i < 40; i++) cubic.onLoss(at(60), at(60), path)
    return cubic.windowBytes / PACKET
  }

  //= PAL-UDP-101
  it('keeps what the path delivers where no queue stands, and never more than it had', () => {
    expect(reduced(90, 0)).toBeCloseTo(90, 6)
    expect(reduced(90, 3)).toBeCloseTo(90, 6)
    expect(reduced(200, 0)).toBeCloseTo(100, 6)
    expect(reduced(20, 0)).toBeCloseTo(70, 6)
  })

  //= PAL-UDP-101
  it('falls like CUBIC where a queue of a sixteenth of the RTT stands', () => {
    expect(reduced(90, 3.2)).toBeCloseTo(70, 6)
  })
})

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

  // Tables 1 and 2 of RFC 9438 (RTT 0.1 and 0.01 s), column C = 0.4; the model loses one packet in 1/p.
  //= PAL-UDP-091
  it.each([
    [100, 1e2, 12],
    [100, 1e3, 38],
    [100, 1e4, 187],
    [100, 1e5, 1054],
    [10, 1e2, 12],
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
    flow.cubic.onLoss(at(flow.now - 1), at(flow.now), flow.path)
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
      idle.cubic.onAck({ bytes: PACKET, sentAt: at(idle.now) }, PACKET, at(idle.now), idle.path)
    }
    expect(idle.window).toBe(before)
    for (let i = 0; i < 30; i++) {
      used.round()
      idle.round()
    }
    expect(Math.abs(idle.window - used.window)).toBeLessThan(1)
  })
})
