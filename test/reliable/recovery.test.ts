import { describe, expect, it } from 'vitest'
import type { Instant } from '../../src/base/index.ts'
import { NewReno, Pacer } from '../../src/reliable/congestion.ts'
import { FrameReader, writeAck } from '../../src/reliable/frame.ts'
import { LIMIT } from '../../src/reliable/index.ts'
import { NumberSource } from '../../src/reliable/numbers.ts'
import { RangeSet } from '../../src/reliable/ranges.ts'
import { Recovery, type SentPacket } from '../../src/reliable/recovery.ts'
import { RttEstimator } from '../../src/reliable/rtt.ts'
import { seededEntropy } from '../../src/sim/index.ts'
import { at } from './world.ts'

const PACKET = LIMIT.datagramBytes

/** Recovery with a host that notes what it is told. */
class Bench {
  readonly acked: number[] = []
  readonly lost: number[] = []
  readonly probed: number[] = []
  hasDataWaiting = true
  readonly congestion = new NewReno()
  readonly recovery = new Recovery(this, this.congestion)
  next = 0

  onPacketAcked(packet: SentPacket): void {
    this.acked.push(packet.number)
  }

  onPacketLost(packet: SentPacket): void {
    this.lost.push(packet.number)
  }

  onProbe(packet: SentPacket): void {
    this.probed.push(packet.number)
  }

  send(now: number, bytes = PACKET): void {
    const packet = this.recovery.take()
    packet.number = this.next++
    packet.bytes = bytes
    this.recovery.onSent(packet, at(now))
  }

  ack(now: number, ...numbers: number[]): boolean {
    const set = new RangeSet()
    for (const number of numbers) set.add(number, number + 1)
    const bytes = new Uint8Array(2000)
    const reader = new FrameReader()
    reader.start(bytes.subarray(0, writeAck(bytes, 0, 2000, set, 0)))
    reader.next()
    return this.recovery.onAck(reader, this.next, at(now))
  }
}

describe('loss', () => {
  //= PAL-UDP-060
  it('is declared when a packet three above is acknowledged', () => {
    const bench = new Bench()
    for (let i = 0; i < 5; i++) bench.send(i)
    bench.ack(50, 2)
    expect(bench.lost).toEqual([])
    bench.ack(50, 3)
    expect(bench.lost).toEqual([0])
    bench.ack(50, 4)
    expect(bench.lost).toEqual([0, 1])
    expect(bench.recovery.bytesInFlight).toBe(0)
  })

  it('is declared 9/8 of the RTT after sending when one above is acknowledged', () => {
    const bench = new Bench()
    bench.send(0)
    bench.send(0)
    bench.ack(80, 1)
    expect(bench.recovery.deadline).toBe(90)
    expect(bench.recovery.onTimeout(at(89))).toBe(0)
    expect(bench.lost).toEqual([])
    expect(bench.recovery.onTimeout(at(90))).toBe(0)
    expect(bench.lost).toEqual([0])
  })

  it('of a packet is told once, and a late ACK of it changes nothing', () => {
    const bench = new Bench()
    for (let i = 0; i < 5; i++) bench.send(i)
    bench.ack(50, 4)
    expect(bench.lost).toEqual([0, 1])
    bench.ack(51, 0, 1)
    expect(bench.acked).toEqual([4])
    bench.ack(52, 2, 3)
    expect(bench.acked).toEqual([4, 2, 3])
    expect(bench.recovery.inFlightCount).toBe(0)
  })

  it('is looked for among newly acknowledged packets only: a long flight costs nothing more', () => {
    const bench = new Bench()
    const count = 20_000
    for (let i = 0; i < count; i++) bench.send(i)
    const time = (): number => {
      const start = performance.now()
      for (let i = 0; i < 2000; i++) bench.ack(count, bench.acked.length)
      return performance.now() - start
    }
    time()
    const long = time()
    while (bench.recovery.inFlightCount > 3000) bench.ack(count, bench.acked.length)
    const short = time()
    expect(long).toBeLessThan(10 * short + 20)
    expect(bench.lost).toEqual([])
  })
})

describe('the probe timeout', () => {
  //= PAL-UDP-062
  it('is srtt + 4 rttvar + max_ack_delay, at least a millisecond for the variation', () => {
    const rtt = new RttEstimator()
    expect(rtt.ptoMs(10)).toBe(300 + 600 + 10)
    rtt.sample(100, 0)
    expect(rtt.ptoMs(10)).toBe(100 + 200 + 10)
    for (let i = 0; i < 100; i++) rtt.sample(100, 0)
    expect(rtt.ptoMs(10)).toBeCloseTo(111, 3)
  })

  //= PAL-UDP-063, PAL-UDP-064, PAL-UDP-085
  it('doubles up to max(4 PTO, 250 ms) while data waits, and without end when none does', () => {
    for (const [hasData, expected] of [
      [true, [160, 320, 640, 640, 640]],
      [false, [160, 320, 640, 1280, 2560]],
    ] as const) {
      const bench = new Bench()
      bench.hasDataWaiting = hasData
      bench.send(0)
      bench.ack(50, 0)
      bench.send(100)
      bench.send(100)
      const waits: number[] = []
      let last = 100
      for (let i = 0; i < 5; i++) {
        const deadline = bench.recovery.deadline
        waits.push(Math.round(deadline - last))
        expect(bench.recovery.onTimeout(deadline)).toBe(2)
        bench.send(deadline)
        last = deadline
      }
      expect(waits).toEqual(expected)
      expect(bench.probed.slice(0, 2)).toEqual([1, 2])
      expect(bench.lost).toEqual([])
    }
  })
})

describe('the congestion window', () => {
  //= PAL-UDP-066, PAL-UDP-065
  it('starts at ten packets, doubles in a round trip, halves once for losses in one, not below four', () => {
    const bench = new Bench()
    expect(bench.congestion.windowBytes).toBe(10 * PACKET)
    for (let i = 0; i < 10; i++) bench.send(0)
    bench.ack(50, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    expect(bench.congestion.windowBytes).toBe(20 * PACKET)
    for (let i = 0; i < 20; i++) bench.send(60)
    bench.ack(110, 15)
    expect(bench.congestion.windowBytes).toBe(10 * PACKET)
    bench.ack(111, 25, 29)
    expect(bench.congestion.windowBytes).toBe(10 * PACKET)
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 4; i++) bench.send(200 + round * 100)
      bench.ack(250 + round * 100, bench.next - 1)
    }
    expect(bench.congestion.windowBytes).toBe(4 * PACKET)
  })

  it('does not grow while it is not what limits the sender', () => {
    const bench = new Bench()
    for (let i = 0; i < 100; i++) {
      bench.send(i * 100)
      bench.ack(i * 100 + 50, i)
    }
    expect(bench.congestion.windowBytes).toBe(10 * PACKET)
  })

  //= PAL-UDP-067
  it('falls to two packets when all of more than 3 PTO was lost, and not when one in between arrived', () => {
    for (const [inBetween, least, most] of [
      [false, 2, 2],
      [true, 4, 10],
    ] as const) {
      const bench = new Bench()
      bench.send(0)
      bench.ack(50, 0)
      for (let i = 0; i < 12; i++) bench.send(100 + i * 100)
      if (inBetween) bench.ack(700, 4)
      bench.ack(1300, 12)
      expect(bench.lost.length).toBeGreaterThan(8)
      expect(bench.congestion.windowBytes).toBeGreaterThanOrEqual(least * PACKET)
      expect(bench.congestion.windowBytes).toBeLessThanOrEqual(most * PACKET)
    }
  })
})

//= PAL-UDP-068
it('ten packets leave back to back, the rest at 1.25 windows per round trip', () => {
  const pacer = new Pacer()
  const rate = 1.25 * (PACKET / 10)
  const times: number[] = []
  let now: Instant = at(0)
  for (let i = 0; i < 30; i++) {
    now = pacer.readyAt(rate, now)
    pacer.onSent(PACKET)
    times.push(now)
  }
  expect(times.slice(0, 10)).toEqual(Array(10).fill(0))
  for (let i = 10; i < 30; i++) {
    expect((times[i] as number) - (times[i - 1] as number)).toBeCloseTo(8, 6)
  }
})

//= PAL-UDP-058
it('numbers rise by one except that one in 64 to 1024, and in each window, is left out', () => {
  for (const [window, most] of [
    [10, 64],
    [200, 200],
    [5000, 1024],
  ] as const) {
    const numbers = new NumberSource(seededEntropy(window))
    let last = numbers.take(window)
    let since = 1
    let skips = 0
    for (let i = 0; i < 20_000; i++) {
      const number = numbers.take(window)
      if (number !== last + 1) {
        expect(number).toBe(last + 2)
        expect(numbers.skipped).toBe(last + 1)
        if (skips++ > 0) expect(since).toBeGreaterThanOrEqual(63)
        expect(since).toBeLessThanOrEqual(most)
        since = 0
      } else {
        expect(numbers.skipped).toBe(-1)
      }
      since++
      last = number
    }
    expect(skips).toBeGreaterThan(10)
  }
})
