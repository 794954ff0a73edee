import { describe, expect, it } from 'vitest'
import type { Instant } from '../../src/base/index.ts'
import { CLOSE, LIMIT, type UdpEndpoint, type UdpEvent } from '../../src/reliable/index.ts'
import { hash32 } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { bytesOf, lane, RawPeer, varint } from './raw-peer.ts'
import { at, CLIENT, drain, newRelay, openPair, RELAY } from './world.ts'

const NOW = at(1000)
const MAX = 2n ** 53n - 1n

function eventsOf(endpoint: UdpEndpoint): UdpEvent[] {
  const events: UdpEvent[] = []
  for (let e = endpoint.pollEvent(); e !== undefined; e = endpoint.pollEvent()) events.push(e)
  return events
}

function connected(rttMs = 0): {
  relay: UdpEndpoint
  peer: RawPeer
  connection: () => UdpEvent['connection']
} {
  const relay = newRelay()
  const peer = new RawPeer(relay).connect(NOW, rttMs)
  const opened = eventsOf(relay)[0] as UdpEvent
  return { relay, peer, connection: () => opened.connection }
}

/** The code with which the relay closed, or undefined. */
function closeCode(relay: UdpEndpoint): number | undefined {
  const closed = eventsOf(relay).find((event) => event.kind === 'closed')
  return closed?.kind === 'closed' ? closed.reason.code : undefined
}

function ack(largest: number | bigint, first: number | bigint, ...pairs: (number | bigint)[]): Uint8Array {
  return bytesOf(2, varint(largest), varint(0), varint(pairs.length / 2), varint(first), ...pairs.map(varint))
}

describe('packets that do not verify', () => {
  //= PAL-UDP-025
  it('change nothing, whatever their length and whichever bit is flipped', () => {
    const { relay, peer, connection } = connected()
    drain(relay, NOW)
    const packet = peer.packet(lane(5, 0, Buffer.from('this is never delivered')))
    const before = { ...connection().stats, packetsBad: 0, packetsDuplicate: 0 }
    const deadline = relay.pollTimeout()
    for (let length = 0; length < packet.length; length++)
      relay.handleDatagram(packet.subarray(0, length), CLIENT, NOW)
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const changed = packet.slice()
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      relay.handleDatagram(changed, CLIENT, NOW)
    }
    expect(eventsOf(relay)).toEqual([])
    expect({ ...connection().stats, packetsBad: 0, packetsDuplicate: 0 }).toEqual(before)
    expect(relay.pollTimeout()).toBe(deadline)
    relay.handleDatagram(packet, CLIENT, NOW)
    expect(eventsOf(relay)).toMatchObject([{ kind: 'lane_bytes', lane: 5 }])
  })

  it('from off the path with the right cid move only the counter of bad packets', () => {
    const { relay, peer, connection } = connected()
    const packet = peer.packet(lane(2, 0, Buffer.from('x')), 5)
    const before = { ...connection().stats, packetsBad: 0 }
    for (let i = 0; i < 50_000; i++) {
      const forged = packet.slice()
      for (let at = 13; at < forged.length; at++) forged[at] = hash32(i, at, 3)
      relay.handleDatagram(forged, CLIENT, NOW)
    }
    expect({ ...connection().stats, packetsBad: 0 }).toEqual(before)
    expect(connection().stats.packetsBad).toBe(50_000)
    expect(eventsOf(relay)).toEqual([])
  })

  //= PAL-UDP-030
  it('or that reach a client from another address than the relay are dropped', () => {
    const pair = openPair()
    pair.far.write(2, Buffer.from('x'))
    const [packet] = drain(pair.relay, pair.world.now)
    const { packetsReceived } = pair.near.stats
    pair.client.handleDatagram(packet?.bytes as Uint8Array, { ...RELAY, port: 1 }, pair.world.now)
    expect(pair.near.stats.packetsReceived).toBe(packetsReceived)
    expect(drain(pair.client, pair.world.now)).toEqual([])
    pair.client.handleDatagram(packet?.bytes as Uint8Array, RELAY, pair.world.now)
    expect(pair.near.stats.packetsReceived).toBe(packetsReceived + 1)
  })
})

//= PAL-UDP-029
it('replayed packets are dropped before they are opened, however old', () => {
  const counts = { x25519: 0, open: 0 }
  const relay = newRelay(1, { primitives: testPrimitives(counts) })
  const peer = new RawPeer(relay).connect(NOW)
  eventsOf(relay)
  const packets: Uint8Array[] = []
  for (let i = 0; i < 500; i++) packets.push(peer.packet(lane(3, i, Buffer.of(i)), 1 + 2 * i))
  for (const packet of packets) relay.handleDatagram(packet, CLIENT, NOW)
  expect(eventsOf(relay).length).toBe(500)
  const opened = counts.open
  for (const packet of packets) relay.handleDatagram(packet, CLIENT, NOW)
  expect(counts.open).toBe(opened)
  expect(eventsOf(relay)).toEqual([])
})

describe('RESET', () => {
  const dataTo = (cid: Uint8Array, size: number): Uint8Array => bytesOf(0x40, cid, Buffer.alloc(size - 9, 9))

  //= PAL-UDP-074
  it('answers an unknown cid in a packet of 43 bytes or more, 25 bytes, once a second per address', () => {
    const relay = newRelay()
    const unknown = Buffer.alloc(8, 5)
    relay.handleDatagram(dataTo(unknown, 42), CLIENT, NOW)
    expect(drain(relay, NOW)).toEqual([])
    relay.handleDatagram(dataTo(unknown, 43), CLIENT, NOW)
    relay.handleDatagram(dataTo(unknown, 1200), CLIENT, NOW)
    const replies = drain(relay, NOW)
    expect(replies.map((d) => d.bytes.length)).toEqual([25])
    relay.handleDatagram(dataTo(unknown, 43), CLIENT, at(2000))
    expect(drain(relay, at(2000)).length).toBe(1)
  })

  it('leaves at most 100 times a second', () => {
    const relay = newRelay()
    let count = 0
    for (let i = 0; i < 5000; i++) {
      relay.handleDatagram(
        dataTo(Buffer.alloc(8, 5), 60),
        { host: `10.0.${i >> 8}.${i & 255}`, port: 1 },
        NOW,
      )
      count += drain(relay, NOW).length
    }
    expect(count).toBe(100)
  })

  //= PAL-UDP-075
  it('frees a client whose relay restarted, and only with the right token', () => {
    const pair = openPair()
    pair.world.remove(RELAY)
    const restarted = newRelay(77)
    pair.world.add(RELAY, restarted)
    pair.near.write(0, Buffer.from('anybody there?'))
    const wrong = bytesOf(0xc4, (pair.near as unknown as { dcid: Uint8Array }).dcid, Buffer.alloc(16))
    pair.client.handleDatagram(wrong, RELAY, pair.world.now)
    expect(pair.atClient.closed).toEqual([])
    pair.world.run(at(pair.world.now + 200))
    expect(pair.atClient.closed).toMatchObject([{ reason: { by: 'link', code: CLOSE.reset } }])
  })

  it('never answers a RESET: two relays without state do not talk for ever', () => {
    const [a, b] = [newRelay(1), newRelay(2)]
    a.handleDatagram(dataTo(Buffer.alloc(8, 5), 60), RELAY, NOW)
    const reset = drain(a, NOW)[0]?.bytes as Uint8Array
    b.handleDatagram(reset, RELAY, NOW)
    expect(drain(b, NOW)).toEqual([])
  })
})

describe('an ACK', () => {
  //= PAL-UDP-057
  it('of a number never sent closes the connection', () => {
    const { relay, peer } = connected()
    peer.send(ack(500, 0), NOW)
    expect(closeCode(relay)).toBe(CLOSE.falseAck)
  })

  it('of a number skipped on purpose closes the connection', () => {
    const { relay, peer, connection } = connected()
    let highest = -1
    let now: Instant = NOW
    // The peer acknowledges honestly until a number is missing although nothing is lost.
    for (let round = 0; round < 400; round++) {
      now = at(now + 50)
      relay.handleTimeout(now)
      connection().write(2, Buffer.alloc(100))
      for (const packet of peer.receive(now)) {
        if (packet.number > highest + 1) {
          peer.send(ack(packet.number, 1), now)
          expect(closeCode(relay)).toBe(CLOSE.falseAck)
          return
        }
        highest = packet.number
        peer.send(ack(highest, 0), now)
      }
    }
    expect.unreachable('no number was skipped')
  })

  //= PAL-UDP-045
  it.each([
    ['whose first range underflows', ack(0, 1)],
    ['whose second range underflows', ack(3, 1, 0, 5)],
    ['whose gap underflows', ack(3, 1, 9, 0)],
    ['with 33 further ranges', bytesOf(2, varint(200), 0, 33, 0, Buffer.alloc(66))],
    ['that is cut short', bytesOf(2, varint(2), 0, 1, 0)],
    ['with a number above 2^53 - 1', bytesOf(2, varint(MAX + 1n), 0, 0, 0)],
  ])('%s closes the connection', (_, frame) => {
    const { relay, peer } = connected()
    peer.send(frame, NOW)
    expect(closeCode(relay)).toBe(CLOSE.frameEncoding)
  })

  //= PAL-UDP-059
  //= PAL-UDP-039
  it('is never acknowledged: an ACK-only flood is met with silence', () => {
    const { relay, peer } = connected()
    relay.handleTimeout(at(1010))
    const first = peer.receive(at(1010)).length
    for (let i = 0; i < 5000; i++) peer.send(ack(0, 0), at(1010 + i))
    relay.handleTimeout(at(7000))
    expect(first).toBe(1)
    expect(peer.receive(at(7000))).toEqual([])
  })

  it('cannot push the RTT below the smallest seen by lying about its delay', () => {
    const { relay, peer, connection } = connected(40)
    let now: Instant = at(NOW + 40)
    for (let i = 0; i < 50; i++) {
      connection().write(2, Buffer.alloc(100))
      const last = peer.receive(now).at(-1)?.number ?? 0
      now = at(now + 40)
      peer.send(bytesOf(2, varint(last), varint(1_000_000), 0, 0), now)
    }
    expect(eventsOf(relay)).toEqual([])
    expect(connection().stats.rttMsSmoothed).toBeCloseTo(40, 0)
  })

  it('that never comes leaves the memory at its limit', () => {
    const { relay, peer, connection } = connected(40)
    let isFull = false
    for (let i = 0; i < 100_000 && !isFull; i++) isFull = !connection().write(2, Buffer.alloc(1000))
    expect(connection().queuedBytes).toBeLessThanOrEqual(LIMIT.queuedBytesHigh + 1000)
    let sent = 0
    let now: Instant = NOW
    for (let i = 0; i < 200; i++) {
      sent += peer.receive(now).length
      now = relay.pollTimeout()
      if (now > 60_000) break
      relay.handleTimeout(now)
    }
    expect(connection().stats.bytesInFlight).toBeLessThan(300_000)
    // Ten packets and then two probes each time the timer fires.
    expect(sent).toBeLessThan(500)
    expect(() => {
      for (let i = 0; i < 10_000; i++) connection().write(2, Buffer.alloc(1000))
    }).toThrow(/\[bad_state\]/)
  })

  it('of every other packet only still gets everything through', () => {
    const { relay, peer, connection } = connected()
    for (let i = 0; i < 100; i++) connection().write(4, Buffer.alloc(1000, i))
    const got = new Map<number, number>()
    let now: Instant = NOW
    for (let i = 0; i < 3000 && connection().queuedBytes > 0; i++) {
      now = at(now + 5)
      relay.handleTimeout(now)
      for (const packet of peer.receive(now)) {
        if (packet.number % 2 === 0) continue
        got.set(packet.number, packet.frames.length)
        peer.send(ack(packet.number, 0), now)
      }
    }
    expect(connection().queuedBytes).toBe(0)
    expect(closeCode(relay)).toBeUndefined()
  })
})

describe('lane data', () => {
  const x = Buffer.from('x')

  //= PAL-UDP-044, PAL-UDP-107
  it.each([
    ['at the last offset', lane(2, MAX, x), CLOSE.frameEncoding],
    ['just below the last offset', lane(2, MAX - 1n, x), CLOSE.flowControl],
    ['whose length runs past the packet', bytesOf(0x10, 2, 0, varint(50), x), CLOSE.frameEncoding],
    ['of no length', bytesOf(0x10, 2, 0, 0), CLOSE.frameEncoding],
    ['that runs to the end and is empty', bytesOf(0x11, 2, 0), CLOSE.frameEncoding],
    ['in lane 64', lane(64, 0, x), CLOSE.frameEncoding],
    ['one byte beyond the credit of the lane', lane(2, LIMIT.laneCreditBytes, x), CLOSE.flowControl],
    ['in a number that is not in its shortest form', bytesOf(0x10, 0x40, 2, 0, 1, x), CLOSE.frameEncoding],
    ['in a reserved frame', bytesOf(0x0b, 2, 1, x), CLOSE.unknownFrame],
    ['with a token, which only a relay gives', bytesOf(0x0a, 1, x), CLOSE.frameEncoding],
    ['in an unknown frame', bytesOf(0x3f), CLOSE.unknownFrame],
  ])('%s closes the connection', (_, frame, code) => {
    const { relay, peer } = connected()
    peer.send(frame, NOW)
    expect(closeCode(relay)).toBe(code)
  })

  //= PAL-UDP-054
  //= PAL-UDP-082
  it('beyond the credit of the connection closes it', () => {
    const { relay, peer } = connected()
    // Four lanes filled but for their first byte use up the connection's credit.
    for (let i = 2; i < 6; i++) peer.send(lane(i, LIMIT.laneCreditBytes - 1, x), NOW)
    expect(closeCode(relay)).toBeUndefined()
    peer.send(lane(6, 0, x), NOW)
    expect(closeCode(relay)).toBe(CLOSE.flowControl)
  })

  //= PAL-UDP-049
  it('that overlaps with other bytes keeps those that came first', () => {
    const { relay, peer } = connected()
    peer.send(lane(2, 2, Buffer.from('CDE')), NOW)
    peer.send(lane(2, 1, Buffer.from('bcdefg')), NOW)
    peer.send(lane(2, 0, Buffer.from('..........')), NOW)
    const bytes = eventsOf(relay).map((e) => (e.kind === 'lane_bytes' ? Buffer.from(e.bytes).toString() : ''))
    expect(bytes.join('')).toBe('.bCDEfg...')
  })

  //= PAL-UDP-055
  //= PAL-UDP-084
  it('in one-byte pieces at every second offset is held to a limit, and nothing dropped is acked', () => {
    const { relay, peer, connection } = connected()
    const acked = new Set<number>()
    const offsetOf = new Map<number, number>()
    let now: Instant = NOW
    for (let i = 0; i < 2000; i++) {
      offsetOf.set(peer.number, 2 * i + 1)
      peer.send(lane(2, 2 * i + 1, Buffer.of(i)), now)
      for (const { frames } of peer.receive(now)) readAcks(frames, acked)
      now = at(now + 1)
    }
    relay.handleTimeout(at(now + 20))
    for (const { frames } of peer.receive(at(now + 20))) readAcks(frames, acked)
    const held = [...acked].map((n) => offsetOf.get(n)).filter((o) => o !== undefined)
    expect(held.length).toBe(LIMIT.laneGapsMax)
    expect(connection().stats.heldBytes).toBeLessThanOrEqual(8192)
    // What was acknowledged is delivered once the gaps are closed.
    peer.send(lane(2, 0, Buffer.of(0)), now)
    for (let i = 1; i < LIMIT.laneGapsMax; i++) peer.send(lane(2, 2 * i, Buffer.of(0)), now)
    let delivered = 0
    for (const e of eventsOf(relay)) if (e.kind === 'lane_bytes') delivered += e.bytes.length
    expect(delivered).toBe(2 * LIMIT.laneGapsMax)
  })

  //= PAL-UDP-112
  it('whose packet is thrown away, and comes again and again, hands on what else it carried once', () => {
    const { relay, peer } = connected()
    for (let i = 0; i < LIMIT.laneGapsMax; i++) peer.send(lane(2, 2 * i + 1, Buffer.of(i)), NOW)
    const typing = bytesOf(0x12, 2, 6, Buffer.from('typing'))
    const refused = bytesOf(typing, lane(2, 2 * LIMIT.laneGapsMax + 1, Buffer.of(1)))
    const { number } = peer
    const sendAgain = (): void => {
      peer.number = number
      peer.send(refused, NOW)
    }
    const heard = (): number => eventsOf(relay).filter(({ kind }) => kind === 'datagram').length
    for (let i = 0; i < 5; i++) sendAgain()
    expect(heard()).toBe(0)
    for (let i = 0; i < LIMIT.laneGapsMax; i++) peer.send(lane(2, 2 * i, Buffer.of(0)), NOW)
    for (let i = 0; i < 5; i++) sendAgain()
    expect(heard()).toBe(1)
  })

  it('ahead of gaps in all lanes holds at most 1.5 MiB', () => {
    const { relay, peer, connection } = connected()
    for (let i = 0; i < 64; i++) {
      for (let block = 0; block < 4; block++) peer.send(lane(i, 1 + block * 4096, Buffer.alloc(1000)), NOW)
    }
    expect(closeCode(relay)).toBeUndefined()
    expect(connection().stats.heldBytes).toBeGreaterThan(0)
    expect(connection().stats.heldBytes).toBeLessThanOrEqual(1.5 * 1024 * 1024)
  })
})

describe('credit', () => {
  const credit = (total: number | bigint): Uint8Array => bytesOf(4, varint(total))

  //= PAL-UDP-053
  it('that shrinks is ignored', () => {
    const { relay, peer, connection } = connected()
    peer.send(bytesOf(credit(0), [5, 2, 0]), NOW)
    expect(closeCode(relay)).toBeUndefined()
    connection().write(2, Buffer.alloc(5000))
    expect(peer.receive(NOW).length).toBeGreaterThan(4)
  })

  it('of 2^62 - 1 closes the connection, of 2^53 - 1 does not', () => {
    const one = connected()
    one.peer.send(credit(2n ** 62n - 1n), NOW)
    expect(closeCode(one.relay)).toBe(CLOSE.frameEncoding)
    const two = connected()
    two.peer.send(credit(MAX), NOW)
    expect(closeCode(two.relay)).toBeUndefined()
  })

  it('of zero for ever holds the writer at its limit and costs nothing but the queue', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay)
    const token = peer.token(NOW)
    relay.handleDatagram(peer.initial(token, Buffer.of(2, 4, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0)), CLIENT, NOW)
    peer.takeAccept(drain(relay, NOW)[0]?.bytes as Uint8Array)
    peer.send(Uint8Array.of(1), NOW)
    const connection = (eventsOf(relay)[0] as UdpEvent).connection
    let writes = 0
    while (connection.write(2, Buffer.alloc(1000))) writes++
    expect(writes).toBeGreaterThan(1000)
    relay.handleTimeout(at(1010))
    const sent = peer.receive(at(1010))
    expect(sent.length).toBe(1)
    expect(sent[0]?.frames[0]).toBe(2)
    // The deadline of the handshake comes up once more; after it only idleness is left.
    relay.handleTimeout(relay.pollTimeout())
    expect(peer.receive(at(6000))).toEqual([])
    expect(relay.pollTimeout()).toBeGreaterThan(10_000)
  })

  it('in a storm of 100,000 frames, and PINGs as many, queues nothing', () => {
    const { relay, peer } = connected()
    const storm = bytesOf(...Array.from({ length: 300 }, (_, i) => bytesOf(5, 2 + (i % 60), 1, 1)))
    let out = 0
    for (let i = 0; i < 333; i++) {
      peer.send(storm, NOW)
      out += peer.receive(NOW).length
    }
    expect(closeCode(relay)).toBeUndefined()
    expect(out).toBeLessThanOrEqual(333 / 2 + 1)
  })
})

it('a packet without a frame closes the connection with code 2', () => {
  const { relay, peer } = connected()
  peer.send(new Uint8Array(20), NOW)
  expect(closeCode(relay)).toBe(CLOSE.frameEncoding)
})

function readAcks(frames: Uint8Array, into: Set<number>): void {
  if (frames[0] !== 2) return
  let position = 1
  const next = (): number => {
    const first = frames[position] as number
    const size = 1 << (first >> 6)
    let value = first & 0x3f
    for (let i = 1; i < size; i++) value = value * 256 + (frames[position + i] as number)
    position += size
    return value
  }
  let high = next()
  next()
  const pairs = next()
  let low = high - next()
  for (let n = low; n <= high; n++) into.add(n)
  for (let i = 0; i < pairs; i++) {
    high = low - next() - 2
    low = high - next()
    for (let n = low; n <= high; n++) into.add(n)
  }
}
