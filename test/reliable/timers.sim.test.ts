import { describe, expect, it } from 'vitest'
import type { Address, Datagram, Instant } from '../../src/base/index.ts'
import { CLOSE, LIMIT, TIMER } from '../../src/reliable/index.ts'
import { DEFAULT_PARAMETERS, encodeParameters } from '../../src/reliable/parameters.ts'
import { PacketProtection } from '../../src/reliable/seal.ts'
import { testPrimitives } from './primitives.ts'
import { bytesOf, lane, RawPeer, varint } from './raw-peer.ts'
import { at, CLIENT, drain, laneBytes, newRelay, type OpenPair, openPair, RELAY } from './world.ts'

/** Cuts links for `ms`. */
function outage(pair: OpenPair, ms: number, directions: readonly (readonly [Address, Address])[]): void {
  for (const [from, to] of directions) {
    const link = pair.world.link(from, to)
    const before = link.conditions
    link.conditions = { ...before, loss: 1 }
    pair.world.at(at(pair.world.now + ms), () => {
      link.conditions = before
    })
  }
}

const UP = [CLIENT, RELAY] as const
const DOWN = [RELAY, CLIENT] as const

describe('an outage', () => {
  //= PAL-UDP-063
  it.each([100, 300, 1000, 2000, 5000, 20_000, 50_000])(
    'of %i ms ends with a first byte within a second',
    (ms) => {
      const pair = openPair()
      pair.near.write(2, Buffer.alloc(300))
      pair.world.run(at(pair.world.now + 500))
      const back = pair.world.now + ms
      outage(pair, ms, [UP, DOWN])
      pair.near.write(3, Buffer.from('after the silence'))
      expect(pair.world.run(at(back + 1000), () => pair.atRelay.lanes.has(3))).toBe(true)
      console.log(`outage ${ms} ms: first byte ${(pair.world.now - back).toFixed(0)} ms after it`)
      expect(pair.world.run(at(back + 2000), () => pair.near.queuedBytes === 0)).toBe(true)
    },
  )

  it.each([
    ['up', UP],
    ['down', DOWN],
  ])('of 3 s %s only ends the same way', (_, direction) => {
    const pair = openPair()
    const back = pair.world.now + 3000
    outage(pair, 3000, [direction])
    pair.near.write(3, Buffer.from('up'))
    pair.far.write(3, Buffer.from('down'))
    const isThere = (): boolean => pair.atRelay.lanes.has(3) && pair.atClient.lanes.has(3)
    expect(pair.world.run(at(back + 1000), isThere)).toBe(true)
  })

  //= PAL-UDP-069
  it('longer than the idle timeout ends the connection on both sides', () => {
    const pair = openPair()
    pair.world.run(at(pair.world.now + 500))
    outage(pair, 100_000, [UP, DOWN])
    pair.world.run(at(pair.world.now + 90_000))
    for (const seen of [pair.atClient, pair.atRelay]) {
      expect(seen.closed).toMatchObject([{ reason: { by: 'link', code: CLOSE.idle } }])
    }
    expect([pair.client.connectionCount, pair.relay.connectionCount]).toEqual([0, 0])
    expect([pair.client.pollTimeout(), pair.relay.pollTimeout()]).toEqual([Infinity, Infinity])
  })
})

//= PAL-UDP-070
it('an idle client pings every 20 seconds, the relay never, and nothing else is sent', () => {
  const sent: [number, string][] = []
  const pair = openPair({
    observer: { onSent: (from, _, now) => sent.push([now, from === CLIENT ? 'client' : 'relay']) },
  })
  // Both have found their path MTU when the silence begins.
  pair.far.write(2, Buffer.of(1))
  pair.world.run(at(pair.world.now + 1000))
  sent.length = 0
  pair.world.run(at(pair.world.now + 600_000))
  const byClient = sent.filter(([, who]) => who === 'client').length
  expect(byClient).toBeGreaterThanOrEqual(29)
  expect(byClient).toBeLessThanOrEqual(31)
  // Each PING is answered by one ACK.
  expect(Math.abs(sent.length - 2 * byClient)).toBeLessThanOrEqual(1)
  expect([...pair.atClient.closed, ...pair.atRelay.closed]).toEqual([])
})

it.each([
  ['reordered by up to a second', { jitterMs: 1000 }],
  ['doubled, all of them', { duplication: 1 }],
  ['delayed by 30 s now and then', { detour: 0.02, detourMs: 30_000 }],
  ['corrupted, one in five', { corruption: 0.2 }],
])('packets %s deliver equal bytes, with few of them sent twice', (_, conditions) => {
  const pair = openPair()
  for (const direction of [UP, DOWN]) {
    const link = pair.world.link(...direction)
    link.conditions = { ...link.conditions, ...conditions }
  }
  const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_unused, i) => i % 251))
  const sentBefore = pair.near.stats.packetsSent
  pair.near.write(2, content)
  expect(pair.world.run(at(400_000), () => pair.near.queuedBytes === 0)).toBe(true)
  pair.world.run(at(pair.world.now + 40_000))
  expect(laneBytes(pair.atRelay, 2).equals(content)).toBe(true)
  const needed = 300_000 / 1150
  expect(pair.near.stats.packetsSent - sentBefore).toBeLessThan(needed * 3)
})

describe('closing', () => {
  //= PAL-UDP-076, PAL-UDP-072, PAL-UDP-073
  it('waits for everything written, then both sides forget the connection', () => {
    const pair = openPair({ conditions: { loss: 0.1 }, seed: 4 })
    pair.near.write(2, Buffer.alloc(30_000, 7))
    pair.near.close(300, 'see you', pair.world.now)
    expect(pair.near.write(2, Buffer.from('too late'))).toBe(false)
    pair.world.run(at(pair.world.now + 10_000))
    expect(laneBytes(pair.atRelay, 2).length).toBe(30_000)
    expect(pair.atRelay.closed).toMatchObject([{ reason: { by: 'peer', code: 300, detail: 'see you' } }])
    expect(pair.atClient.closed).toMatchObject([{ reason: { by: 'local', code: 300 } }])
    expect([pair.client.connectionCount, pair.relay.connectionCount]).toEqual([0, 0])
  })

  it('waits as long as the peer acknowledges more, over a slow path too', () => {
    const pair = openPair({ conditions: { rate: 100, queueBytes: 60_000 } })
    const content = Buffer.alloc(700_000, 7)
    pair.near.write(2, content)
    const start = pair.world.now
    pair.near.close(0, '', start)
    pair.world.run(at(start + 60_000), () => pair.atClient.closed.length > 0)
    expect(pair.world.now - start).toBeGreaterThan(7000)
    expect(laneBytes(pair.atRelay, 2).equals(content)).toBe(true)
  })

  it('waits for the idle timeout at most, however the peer acknowledges', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay)
    const parameters = encodeParameters({ ...DEFAULT_PARAMETERS, laneCreditBytes: 1000 })
    relay.handleDatagram(peer.initial(peer.token(at(0)), parameters), CLIENT, at(0))
    peer.takeAccept(drain(relay, at(0))[0]?.bytes as Uint8Array)
    peer.send(Uint8Array.of(1), at(0))
    const opened = relay.pollEvent()
    opened?.connection.write(2, Buffer.alloc(200_000))
    opened?.connection.close(0, '', at(0))
    let closedAt = 0
    for (let now = 0; closedAt === 0 && now < 100_000; now += 900) {
      relay.handleTimeout(at(now))
      const newest = peer.receive(at(now)).at(-1)?.number ?? 0
      // It takes a thousand bytes more each time.
      peer.send(bytesOf(2, varint(newest), 0, 0, 0, 5, 2, varint(now + 1900)), at(now))
      for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent())
        if (e.kind === 'closed') closedAt = now
    }
    expect(closedAt).toBeGreaterThan(TIMER.idleTimeoutMs - 900)
    expect(closedAt).toBeLessThan(TIMER.idleTimeoutMs + 900)
  })

  it('waits a second for nothing at most', () => {
    const pair = openPair()
    outage(pair, 60_000, [UP])
    pair.near.write(2, Buffer.alloc(10))
    const start = pair.world.now
    pair.near.close(0, '', start)
    pair.world.run(at(start + 60_000), () => pair.atClient.closed.length > 0)
    expect(pair.world.now - start).toBe(TIMER.closeLingerMs)
  })

  //= PAL-UDP-071
  it('because of a fault repeats CLOSE once for 8 packets, then is forgotten', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    peer.send(Uint8Array.of(0x3f), at(0))
    const first = peer.receive(at(0))
    expect(first.map((p) => p.frames[0])).toEqual([3])
    let repeats = 0
    for (let i = 0; i < 80; i++) {
      peer.send(Uint8Array.of(1), at(1))
      repeats += drain(relay, at(1)).length
    }
    expect(repeats).toBe(10)
    relay.handleTimeout(at(5000))
    expect(relay.connectionCount).toBe(0)
  })

  it('received is answered by nothing at all', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    peer.send(bytesOf(lane(2, 0, Buffer.of(1)), [3, 0, 0]), at(0))
    peer.send(Uint8Array.of(1), at(1))
    expect(drain(relay, at(1))).toEqual([])
    const kinds: string[] = []
    for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent()) kinds.push(e.kind)
    expect(kinds).toEqual(['opened', 'lane_bytes', 'closed'])
  })

  //= PAL-UDP-046
  it('with a reason of 129 bytes is malformed, of 128 is not', () => {
    for (const [length, code] of [
      [128, 7],
      [129, CLOSE.frameEncoding],
    ] as const) {
      const relay = newRelay()
      const peer = new RawPeer(relay).connect(at(0))
      peer.send(bytesOf(3, 7, varint(length), Buffer.alloc(length, 65)), at(0))
      relay.pollEvent()
      expect(relay.pollEvent()).toMatchObject({ kind: 'closed', reason: { code } })
    }
  })
})

describe('backpressure', () => {
  it('write says false at the high-water mark, and writable comes once below the low one', () => {
    const pair = openPair()
    while (pair.near.write(2, Buffer.alloc(10_000))) {
      // Until the mark.
    }
    expect(pair.near.queuedBytes).toBeGreaterThanOrEqual(LIMIT.queuedBytesHigh)
    const isWritable = (): boolean => pair.atClient.events.some((e) => e.kind === 'writable')
    expect(pair.world.run(at(60_000), isWritable)).toBe(true)
    expect(pair.near.queuedBytes).toBeLessThanOrEqual(LIMIT.queuedBytesLow)
    pair.world.run(at(pair.world.now + 10_000))
    expect(pair.atClient.events.filter((e) => e.kind === 'writable').length).toBe(1)
  })

  //= PAL-UDP-056
  it('a paused reader gets one credit and no more, and all the rest after it resumes', () => {
    const pair = openPair()
    pair.far.pause()
    for (let i = 0; i < 8; i++) pair.near.write(2 + i, Buffer.alloc(250_000, i))
    pair.world.run(at(pair.world.now + 20_000))
    let received = 0
    for (let i = 0; i < 8; i++) received += laneBytes(pair.atRelay, 2 + i).length
    expect(received).toBe(LIMIT.connectionCreditBytes)
    pair.far.resume(pair.world.now)
    pair.world.run(at(pair.world.now + 20_000), () => pair.near.queuedBytes === 0)
    for (let i = 0; i < 8; i++) expect(laneBytes(pair.atRelay, 2 + i).length).toBe(250_000)
  })

  //= PAL-UDP-052
  it('a full lane holds up no other: lane 0 first, conversations in turn, bulk with what is left', () => {
    const pair = openPair({ conditions: { rate: 500, queueBytes: 60_000 } })
    pair.near.write(1, Buffer.alloc(800_000, 1))
    pair.near.write(2, Buffer.alloc(100_000, 2))
    pair.near.write(3, Buffer.alloc(100_000, 3))
    pair.near.write(0, Buffer.alloc(10_000))
    const lengthOf = (index: number): number => laneBytes(pair.atRelay, index).length
    pair.world.run(at(30_000), () => lengthOf(0) === 10_000)
    expect(lengthOf(1)).toBe(0)
    pair.world.run(at(30_000), () => lengthOf(2) + lengthOf(3) > 100_000)
    expect(Math.abs(lengthOf(2) - lengthOf(3))).toBeLessThan(30_000)
    expect(lengthOf(1)).toBeLessThan(5_000)
    pair.world.run(at(60_000), () => pair.near.queuedBytes === 0)
    expect(lengthOf(1)).toBe(800_000)
  })

  //= PAL-UDP-038, PAL-UDP-037
  it('a lost credit frame is repeated', () => {
    const pair = openPair()
    // Everything the relay sends while the credit is used up is lost.
    pair.near.write(2, Buffer.alloc(700_000))
    pair.world.run(at(pair.world.now + 60))
    outage(pair, 1500, [DOWN])
    expect(pair.world.run(at(60_000), () => laneBytes(pair.atRelay, 2).length === 700_000)).toBe(true)
  })
})

//= PAL-UDP-063
it('credit that was lost in an outage comes soon after it, like lane bytes', () => {
  for (let cutAt = 200; cutAt < 460; cutAt += 10) {
    const pair = openPair()
    pair.near.write(2, Buffer.alloc(700_000))
    pair.world.run(at(pair.world.now + cutAt))
    const back = pair.world.now + 10_000
    outage(pair, 10_000, [DOWN])
    const parts = (): Uint8Array[] => pair.atRelay.lanes.get(2) ?? []
    pair.world.run(at(back + 60_000), () => parts().reduce((sum, part) => sum + part.length, 0) === 700_000)
    expect(pair.world.now - back).toBeLessThan(1000)
  }
})

describe('acknowledging', () => {
  const sends = (relay: ReturnType<typeof newRelay>, now: Instant): number => drain(relay, now).length

  //= PAL-UDP-059
  it('waits 10 ms for one packet, not at all for two or after a gap', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    expect(sends(relay, at(0))).toBe(0)
    expect(relay.pollTimeout()).toBe(10)
    relay.handleTimeout(at(10))
    expect(sends(relay, at(10))).toBe(1)
    peer.send(Uint8Array.of(1), at(20))
    expect(sends(relay, at(20))).toBe(0)
    peer.send(Uint8Array.of(1), at(21))
    expect(sends(relay, at(21))).toBe(1)
    peer.number += 1
    peer.send(Uint8Array.of(1), at(30))
    expect(sends(relay, at(30))).toBe(1)
    peer.send(Uint8Array.of(1), at(40), peer.number - 2)
    expect(sends(relay, at(40))).toBe(1)
  })

  //= PAL-UDP-061
  it('adds a PING to every 16th ACK that goes alone, and none is sent for packets without need', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    let pings = 0
    for (let i = 1; i <= 64; i++) {
      peer.send(Uint8Array.of(1), at(i))
      peer.send(Uint8Array.of(1), at(i))
      for (const packet of peer.receive(at(i))) {
        if (!packet.frames.subarray(2).includes(1)) continue
        pings++
      }
    }
    expect(pings).toBeGreaterThan(0)
    expect(pings).toBeLessThanOrEqual(64)
  })

  //= PAL-UDP-028
  it('every packet that asks for an acknowledgement is long enough to be answered by RESET', () => {
    const sizes: number[] = []
    const pair = openPair({ observer: { onSent: (_: Address, d: Datagram) => sizes.push(d.bytes.length) } })
    pair.world.run(at(100_000))
    expect(pair.near.stats.packetsSent).toBeGreaterThan(4)
    // PING alone is padded; ACK alone is not and gets no answer.
    expect(sizes.filter((size) => size === LIMIT.resettableBytesMin).length).toBeGreaterThanOrEqual(4)
  })

  //= PAL-UDP-036
  it('no packet is sealed beyond the last number', () => {
    const seal = new PacketProtection(testPrimitives(), new Uint8Array(64))
    const last = seal.seal(new Uint8Array(8), LIMIT.numberMax, Uint8Array.of(1))
    expect(seal.open(last, LIMIT.numberMax)).toBeDefined()
    expect(() => seal.seal(new Uint8Array(8), LIMIT.numberMax + 1, Uint8Array.of(1))).toThrow()
  })
})
