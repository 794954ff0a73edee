import { describe, expect, it, vi } from 'vitest'
import { BULK_LANE } from '../../src/base/lanes.ts'
import { Copies } from '../../src/reliable/copies.ts'
import { LIMIT, RATIO } from '../../src/reliable/index.ts'
import { LaneSender } from '../../src/reliable/lane-sender.ts'
import { SentPacket } from '../../src/reliable/recovery.ts'
import { thinFlow } from './thin-flow.ts'
import { at } from './world.ts'

// Minutes of simulated chat.
vi.setConfig({ testTimeout: 120_000 })

const RTT_MS = 50
const FULL = LIMIT.datagramBytes

/** Copies over real lanes; packets are only noted. */
class Bench {
  readonly lanes = new LaneSender()
  readonly copies = new Copies()
  number = 0

  constructor(options: { readonly hasLost: boolean }) {
    this.lanes.open(1e6, 1e6)
    if (options.hasLost) this.copies.onLost(0)
  }

  /** Sends a packet as a transmitter would; returns the copies in it as [lane, offset, length]. */
  send(now: number, lane?: number, bytes = 200): number[][] {
    if (lane !== undefined) this.lanes.write(lane, new Uint8Array(bytes))
    const into = new Uint8Array(FULL)
    const packet = new SentPacket()
    const end = this.lanes.writeFrames(into, 0, FULL, packet)
    const count = packet.pieces.length
    const means = { lanes: this.lanes, rttMs: RTT_MS, now: at(now) }
    if (!this.lanes.isPacketFull) this.copies.write(into, { at: end, end: FULL }, packet, means)
    this.copies.note(packet.pieces, count, this.number++, at(now))
    const copied: number[][] = []
    for (let i = count; i < packet.pieces.length; i += 3) copied.push(packet.pieces.slice(i, i + 3))
    this.last = packet
    return copied
  }

  last = new SentPacket()

  isDue(now: number): boolean {
    return this.copies.isDue(this.lanes, RTT_MS, at(now))
  }
}

describe('a copy', () => {
  //= PAL-UDP-087
  it('is sent only among the 1,024 packets after a loss', () => {
    const calm = new Bench({ hasLost: false })
    expect([calm.send(0, 2), calm.send(10, 3), calm.isDue(100)]).toEqual([[], [], false])
    const lossy = new Bench({ hasLost: true })
    lossy.number = LIMIT.copyPackets - 1
    lossy.send(0, 2)
    expect(lossy.send(10, 3)).toEqual([[2, 0, 200]])
    expect(lossy.send(20, 4)).toEqual([])
  })

  //= PAL-UDP-087
  it('is of at most 400 bytes, and never of the bulk lane', () => {
    const bench = new Bench({ hasLost: true })
    bench.send(0, 2, LIMIT.copyBytesMax + 1)
    bench.send(1, BULK_LANE, 100)
    bench.send(2, 3, LIMIT.copyBytesMax)
    expect(bench.send(10)).toEqual([[3, 0, LIMIT.copyBytesMax]])
  })

  //= PAL-UDP-087
  it('is not sent of what is acknowledged, found lost, or older than a round trip', () => {
    const bench = new Bench({ hasLost: true })
    bench.send(0, 2)
    bench.lanes.onAcked(bench.last)
    bench.send(1, 3)
    bench.copies.forget(bench.last.pieces)
    bench.lanes.onLost(bench.last)
    // What was found lost is sent as new bytes are, with no copy beside it.
    expect(bench.send(2)).toEqual([])
    expect(bench.last.pieces).toEqual([3, 0, 200])
    const old = new Bench({ hasLost: true })
    old.send(0, 2)
    expect([old.isDue(RTT_MS + 1), old.send(RTT_MS + 1)]).toEqual([false, []])
  })

  //= PAL-UDP-089
  it('goes with the next packet, or alone after 5 ms', () => {
    const bench = new Bench({ hasLost: true })
    bench.send(0, 2)
    expect([bench.copies.dueAt, bench.isDue(4), bench.isDue(5)]).toEqual([5, false, true])
    expect(bench.send(5)).toEqual([[2, 0, 200]])
    expect(bench.isDue(1000)).toBe(false)
  })

  //= PAL-UDP-090
  it('is one, and from 3 % of loss on two', () => {
    for (const [losses, copies] of [
      [1, 1],
      [20, LIMIT.copiesMax],
    ] as const) {
      const bench = new Bench({ hasLost: false })
      for (let i = 0; i < losses; i++) bench.copies.onLost(0)
      bench.send(0, 2)
      let count = 0
      for (let i = 1; i < 10; i++) count += bench.send(i).length
      expect(count).toBe(copies)
    }
    expect(RATIO.copyTwiceLoss).toBe(0.03)
  })

  it('waits for nothing once it may not leave, and at most 32 pieces wait', () => {
    const bench = new Bench({ hasLost: true })
    for (let i = 0; i < 100; i++) {
      bench.lanes.write(2 + (i % 60), new Uint8Array(30))
      const packet = new SentPacket()
      bench.lanes.writeFrames(new Uint8Array(FULL), 0, FULL, packet)
      bench.copies.note(packet.pieces, packet.pieces.length, 0, at(i / 100))
    }
    expect(bench.send(2).length).toBe(LIMIT.copyPiecesMax)
    bench.send(3, 2)
    bench.copies.dropDue(at(8))
    expect([bench.copies.isWaiting, bench.isDue(100)]).toEqual([false, false])
  })
})

describe('a thin flow of 100 messages a second over 50 ms', () => {
  it('costs not a byte more where nothing is lost', () => {
    const flow = thinFlow({ loss: 0, messages: 3000, seed: 3 })
    expect(flow.stats.copiesSent).toBe(0)
    expect(flow.bytesPerMessage).toBeLessThanOrEqual(260)
    expect(flow.worst).toBeLessThanOrEqual(26)
  })

  //= PAL-UDP-089
  it.each([
    [0.01, 31, 36, 500],
    [0.02, 31, 36, 510],
    [0.05, 36, 46, 700],
  ])('with %f lost has p99 within %i and p99.9 within %i ms for %i bytes each', (loss, p99, p999, bytes) => {
    for (const seed of [1, 2]) {
      const flow = thinFlow({ loss, messages: 10_000, seed })
      expect(flow.p99).toBeLessThanOrEqual(p99)
      expect(flow.p999).toBeLessThanOrEqual(p999)
      expect(flow.bytesPerMessage).toBeLessThanOrEqual(bytes)
      // One packet for each message, one for each first copy, and what handshake and pure ACKs need.
      expect(flow.stats.packetsSent).toBeLessThan(10_000 * 2.05)
    }
  })

  //= PAL-UDP-088
  it('never lets a copy out beyond the congestion window', () => {
    let copies = 0
    let checked = 0
    thinFlow({
      loss: 0.3,
      messages: 5000,
      seed: 4,
      onSent: ({ near }) => {
        const { stats } = near
        if (stats.copiesSent === copies) return
        copies = stats.copiesSent
        checked++
        expect(stats.bytesInFlight).toBeLessThanOrEqual(stats.windowBytes)
      },
    })
    expect(checked).toBeGreaterThan(500)
  })
})
