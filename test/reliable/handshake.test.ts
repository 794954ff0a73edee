import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/base/index.ts'
import { CLOSE, DEFAULT_UDP_LIMITS, UdpEndpoint } from '../../src/reliable/index.ts'
import { encodeRetry } from '../../src/reliable/packet.ts'
import { hash32, seededEntropy } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { RawPeer } from './raw-peer.ts'
import { at, CLIENT, drain, newClient, newPair, newRelay, openPair, RELAY } from './world.ts'

const NOW = at(1000)

describe('an address that has returned no token', () => {
  //= PAL-UDP-014
  it('gets less than a tenth of what it sends, without state or public-key work', () => {
    const counts = { x25519: 0, open: 0 }
    const relay = newRelay(1, { primitives: testPrimitives(counts) })
    const initial = new RawPeer(relay).initial()
    let bytesIn = 0
    let bytesOut = 0
    for (let i = 0; i < 20_000; i++) {
      const from = { host: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 1000 + (i % 5000) }
      relay.handleDatagram(initial, from, at(1000 + i / 20))
      bytesIn += initial.length
      for (const reply of drain(relay, at(1000 + i / 20))) {
        expect(reply.to).toEqual(from)
        bytesOut += reply.bytes.length
      }
    }
    expect(bytesOut).toBeGreaterThan(0)
    expect(bytesOut).toBeLessThanOrEqual(0.1 * bytesIn)
    expect([counts.x25519, relay.connectionCount, relay.acceptedCount]).toEqual([0, 0, 0])
  })

  //= PAL-UDP-077
  it('gets at most 10,000 answers a second and then silence', () => {
    const relay = newRelay()
    const initial = new RawPeer(relay).initial()
    let replies = 0
    for (let i = 0; i < 12_000; i++) {
      relay.handleDatagram(initial, CLIENT, NOW)
      replies += drain(relay, NOW).length
    }
    expect(replies).toBe(10_000)
  })

  //= PAL-UDP-010
  it('gets no answer to an INITIAL of 1199 bytes', () => {
    const relay = newRelay()
    relay.handleDatagram(new RawPeer(relay).initial().subarray(0, 1199), CLIENT, NOW)
    expect(drain(relay, NOW)).toEqual([])
  })

  //= PAL-UDP-011
  it('gets a REFUSE of at most 42 bytes when its version is unknown', () => {
    const relay = newRelay()
    const initial = new RawPeer(relay).initial()
    initial[1] = 0x7f
    relay.handleDatagram(initial, CLIENT, NOW)
    const [reply, ...more] = drain(relay, NOW)
    expect(more).toEqual([])
    expect(reply?.bytes[0]).toBe(0xc3)
    expect(reply?.bytes.length).toBeLessThanOrEqual(42)
  })
})

//= PAL-UDP-015
describe('a token', () => {
  const variants: [string, (peer: RawPeer, token: Uint8Array) => [RawPeer, Uint8Array, number]][] = [
    ['from another address', (p, t) => [moved(p, { host: '198.51.100.8', port: CLIENT.port }), t, 1000]],
    ['from another port', (p, t) => [moved(p, { host: CLIENT.host, port: CLIENT.port + 1 }), t, 1000]],
    ['for another e', (p, t) => [Object.assign(new RawPeer(p.relay, 2), { scid: p.scid }), t, 1000]],
    [
      'for another scid',
      (p, t) => [Object.assign(new RawPeer(p.relay, 1), { scid: Buffer.alloc(8, 3) }), t, 1000],
    ],
    ['of another epoch', (p, t) => [p, flipped(t, 4 * 8), 1000]],
    ['that expired', (p, t) => [p, t, 11_000]],
    ['that is truncated', (p, t) => [p, t.subarray(0, 20), 1000]],
    ['that is longer', (p, t) => [p, Buffer.concat([t, Buffer.of(0)]), 1000]],
    ['with another time', (p, t) => [p, flipped(t, 31), 1000]],
    ['with a flipped bit', (p, t) => [p, flipped(t, 100), 1000]],
  ]
  it.each(variants)('%s is answered with RETRY', (_, change) => {
    const relay = newRelay()
    const peer = new RawPeer(relay)
    const [other, token, time] = change(peer, peer.token(NOW).slice())
    relay.handleDatagram(other.initial(token), other.from, at(time))
    expect(drain(relay, at(time)).map((d) => d.bytes[0])).toEqual([0xc1])
    expect(relay.connectionCount).toBe(0)
  })

  it('that is right is answered with ACCEPT until it expires', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay)
    const token = peer.token(NOW)
    relay.handleDatagram(peer.initial(token), CLIENT, at(10_999))
    expect(drain(relay, at(10_999)).map((d) => d.bytes[0])).toEqual([0xc2])
  })

  it('survives one change of the secret, not two', () => {
    for (const [changes, answer] of [
      [1, 0xc2],
      [2, 0xc1],
    ] as const) {
      const relay = newRelay()
      const peer = new RawPeer(relay)
      new RawPeer(relay, 9).token(at(0))
      let now = 59_999
      const token = peer.token(at(now))
      // The clock stands still for the token's sake: only the secret changes.
      for (let i = 0; i < changes; i++) {
        now += 60_000
        new RawPeer(relay, 10 + i).token(at(now))
      }
      relay.handleDatagram(peer.initial(token), CLIENT, at(60_001))
      expect(drain(relay, at(60_001)).map((d) => d.bytes[0])).toEqual([answer])
    }
  })
})

//= PAL-UDP-017
it('an INITIAL replayed 1,000 times makes one connection and at most 4 ACCEPTs', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  const initial = peer.initial(peer.token(NOW))
  const replies: Uint8Array[] = []
  for (let i = 0; i < 1000; i++) {
    relay.handleDatagram(initial, CLIENT, at(1000 + i))
    replies.push(...drain(relay, at(1000 + i)).map((d) => d.bytes))
  }
  expect(relay.connectionCount).toBe(1)
  expect(replies.length).toBe(4)
  expect(new Set(replies.map((r) => Buffer.from(r).toString('hex'))).size).toBe(1)
})

//= PAL-UDP-023, PAL-UDP-024
it('a handshake that is never confirmed is forgotten after 5 seconds, with everything about it', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  relay.handleDatagram(peer.initial(peer.token(NOW)), CLIENT, NOW)
  drain(relay, NOW)
  expect(relay.pollTimeout()).toBe(6000)
  relay.handleTimeout(at(6000))
  drain(relay, at(6000))
  expect(relay.connectionCount).toBe(0)
  expect(relay.pollEvent()).toBeUndefined()
  relay.handleTimeout(at(11_000))
  expect(relay.acceptedCount).toBe(0)
  expect(relay.pollTimeout()).toBe(Infinity)
})

//= PAL-UDP-032
it('the 65th connection from one neighbourhood is refused', () => {
  for (const host of [(_: number) => '203.0.113.5', (i: number) => `2001:db8:0:${i.toString(16)}::1`]) {
    const relay = newRelay()
    const first: (number | undefined)[] = []
    for (let i = 0; i < 65; i++) {
      const peer = new RawPeer(relay, 100 + i, { host: host(i), port: 1000 + i })
      const initial = peer.initial(peer.token(NOW))
      relay.handleDatagram(initial, peer.from, NOW)
      first.push(drain(relay, NOW)[0]?.bytes[0])
    }
    expect(first.slice(0, 64)).toEqual(Array(64).fill(0xc2))
    expect(first[64]).toBe(0xc3)
  }
})

//= PAL-UDP-034
it('an INITIAL with malformed parameters and a valid token is dropped in silence', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  const token = peer.token(NOW)
  relay.handleDatagram(peer.initial(token, Buffer.of(4, 1, 9, 4, 1, 9)), CLIENT, NOW)
  expect(drain(relay, NOW)).toEqual([])
  expect(relay.connectionCount).toBe(0)
})

//= PAL-UDP-077
it('at most 1,000 handshakes are accepted in a second', () => {
  const relay = newRelay(1, {
    limits: { connectionsPerPrefix: Number.POSITIVE_INFINITY, acceptsPerSecond: 20 },
  })
  let accepts = 0
  for (let i = 0; i < 30; i++) {
    const peer = new RawPeer(relay, 100 + i)
    relay.handleDatagram(peer.initial(peer.token(NOW)), peer.from, NOW)
    accepts += drain(relay, NOW).length
  }
  expect([accepts, DEFAULT_UDP_LIMITS.acceptsPerSecond]).toEqual([20, 1000])
})

//= PAL-UDP-020
it('the client confirms at once even with nothing to say, and only then the relay opens and sends', () => {
  const [relay, client] = [newRelay(), newClient()]
  client.connect(RELAY, NOW)
  client.handleDatagram(acceptFor(relay, client), RELAY, NOW)
  expect([relay.pollEvent(), drain(relay, NOW).length]).toEqual([undefined, 0])
  const confirm = drain(client, NOW)
  expect(confirm.map((d) => d.bytes[0])).toEqual([0x40])
  relay.handleDatagram(confirm[0]?.bytes as Uint8Array, CLIENT, NOW)
  expect(relay.pollEvent()).toMatchObject({ kind: 'opened' })
})

//= PAL-UDP-033
it('a low-order ephemeral key is dropped in silence', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  for (const point of [Buffer.alloc(32), Buffer.concat([Buffer.of(1), Buffer.alloc(31)])]) {
    const plain = peer.initial()
    plain.set(point, 14)
    relay.handleDatagram(plain, CLIENT, NOW)
    const retry = drain(relay, NOW)[0]?.bytes as Uint8Array
    const initial = peer.initial(retry.slice(14))
    initial.set(point, 14 + 21)
    relay.handleDatagram(initial, CLIENT, NOW)
    expect(drain(relay, NOW)).toEqual([])
    expect(relay.connectionCount).toBe(0)
  }
})

describe('a client', () => {
  //= PAL-UDP-016
  it('takes one RETRY, with its own scid, from the relay, before ACCEPT', () => {
    const client = newClient()
    client.connect(RELAY, NOW)
    const initial = drain(client, NOW)[0]?.bytes as Uint8Array
    const scid = initial.slice(5, 13)
    const token = (fill: number): Uint8Array => Buffer.alloc(21, fill)
    client.handleDatagram(encodeRetry(Buffer.alloc(8, 1), token(1)), RELAY, NOW)
    client.handleDatagram(encodeRetry(scid, token(2)), { host: '203.0.113.1', port: 7667 }, NOW)
    expect(drain(client, NOW)).toEqual([])
    client.handleDatagram(encodeRetry(scid, token(3)), RELAY, NOW)
    const second = drain(client, NOW)
    expect(second.map((d) => d.bytes[14])).toEqual([3])
    expect(second[0]?.bytes.length).toBe(1200)
    client.handleDatagram(encodeRetry(scid, token(4)), RELAY, NOW)
    expect(drain(client, NOW)).toEqual([])
  })

  it('ignores RETRY, REFUSE and ACCEPT once it is open', () => {
    const accepts: Uint8Array[] = []
    const pair = openPair({
      observer: { onSent: (_, d) => d.bytes[0] === 0xc2 && accepts.push(d.bytes) },
    })
    const scid = (accepts[0] as Uint8Array).slice(1, 9)
    const before = pair.near.handshakeHash
    pair.client.handleDatagram(encodeRetry(scid, Buffer.alloc(21)), RELAY, pair.world.now)
    pair.client.handleDatagram(Buffer.from([0xc3, ...scid, 1, 0]), RELAY, pair.world.now)
    pair.client.handleDatagram(accepts[0] as Uint8Array, RELAY, pair.world.now)
    pair.world.run(at(pair.world.now + 100))
    expect(pair.atClient.closed).toEqual([])
    expect(pair.atClient.opened.length).toBe(1)
    expect(pair.near.handshakeHash).toEqual(before)
  })

  //= PAL-UDP-013
  it('gives up at a REFUSE that names its scid', () => {
    const client = newClient()
    client.connect(RELAY, NOW)
    const initial = drain(client, NOW)[0]?.bytes as Uint8Array
    const scid = initial.slice(5, 13)
    client.handleDatagram(Buffer.from([0xc3, ...Buffer.alloc(8), 1, 0]), RELAY, NOW)
    expect(client.pollEvent()).toBeUndefined()
    client.handleDatagram(Buffer.from([0xc3, ...scid, 1, 1, 0, 0, 0, 9]), RELAY, NOW)
    expect(client.pollEvent()).toMatchObject({
      kind: 'closed',
      reason: { by: 'peer', code: CLOSE.refusedVersion },
    })
    expect(client.connectionCount).toBe(0)
  })

  //= PAL-UDP-012
  it('repeats INITIAL after 0.3, 0.9 and 2.1 seconds and gives up after 5', () => {
    const times: number[] = []
    const client = newClient()
    client.connect(RELAY, at(0))
    for (let now = at(0); ; now = client.pollTimeout()) {
      client.handleTimeout(now)
      for (const _ of drain(client, now)) times.push(now / 1000)
      if (client.connectionCount === 0) {
        expect(now).toBe(5000)
        break
      }
    }
    const planned = [0, 0.3, 0.9, 2.1, 4.5]
    expect(times.length).toBe(planned.length)
    times.forEach((time, i) => {
      expect(Math.abs(time - (planned[i] as number))).toBeLessThanOrEqual(0.1 * (planned[i] as number))
    })
    expect(client.pollEvent()).toMatchObject({ kind: 'closed', reason: { code: CLOSE.handshakeTimeout } })
  })

  //= PAL-UDP-019
  it('takes no ACCEPT with a flipped bit, of another address or handshake, and then the right one', () => {
    const relay = newRelay()
    const client = newClient()
    const connection = client.connect(RELAY, NOW)
    const accept = acceptFor(relay, client)
    for (let bit = 0; bit < accept.length * 8; bit++) {
      client.handleDatagram(flipped(accept, bit), RELAY, NOW)
      expect(connection.handshakeHash.length).toBe(0)
    }
    client.handleDatagram(accept, { host: '203.0.113.1', port: 7667 }, NOW)
    const other = newClient(3)
    other.connect(RELAY, NOW)
    client.handleDatagram(acceptFor(relay, other), RELAY, NOW)
    expect(client.pollEvent()).toBeUndefined()
    client.handleDatagram(accept, RELAY, NOW)
    expect(client.pollEvent()).toMatchObject({ kind: 'opened' })
    expect(Buffer.from(connection.peerStatic ?? []).equals(relay.staticPublic as Uint8Array)).toBe(true)
    expect(connection.observedAddress).toEqual(CLIENT)
  })

  it('opens whichever of the first six packets are doubled or late, and up to three of them lost', () => {
    // Two bits of fate for each: kept, lost, doubled, or delayed by 400 ms.
    for (let pattern = 0; pattern < 4 ** 6; pattern += 1 + (hash32(1, pattern, 0) % 5)) {
      if (lostIn(pattern) > 3) continue
      const pair = newPair()
      let k = 0
      pair.client.connect(RELAY, at(0))
      for (const [a, b] of [
        [CLIENT, RELAY],
        [RELAY, CLIENT],
      ] as const) {
        const link = pair.world.link(a, b)
        const send = link.send.bind(link)
        link.send = (from, to, bytes, now, into) => {
          const fate = k < 6 ? (pattern >> (2 * k)) & 3 : 0
          k++
          if (fate === 1) return
          send(from, to, bytes, fate === 3 ? at(now + 400) : now, into)
          if (fate === 2) send(from, to, bytes, now, into)
        }
      }
      const isOpen = pair.world.run(
        at(12_000),
        () => pair.atClient.opened.length === 1 && pair.atRelay.opened.length === 1,
      )
      expect(isOpen, `pattern ${pattern}`).toBe(true)
    }
  })
})

it('an endpoint without a static secret answers no INITIAL', () => {
  const endpoint = new UdpEndpoint({ primitives: testPrimitives(), entropy: seededEntropy(3) })
  endpoint.handleDatagram(new RawPeer(endpoint).initial(), CLIENT, NOW)
  expect(drain(endpoint, NOW)).toEqual([])
})

function moved(peer: RawPeer, from: Address): RawPeer {
  return new RawPeer(peer.relay, 1, from)
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

function lostIn(pattern: number): number {
  let lost = 0
  for (let rest = pattern; rest > 0; rest >>= 2) if ((rest & 3) === 1) lost++
  return lost
}

/** Runs the client's handshake up to the ACCEPT, which is returned undelivered. */
function acceptFor(relay: UdpEndpoint, client: UdpEndpoint): Uint8Array {
  relay.handleDatagram(drain(client, NOW)[0]?.bytes as Uint8Array, CLIENT, NOW)
  client.handleDatagram(drain(relay, NOW)[0]?.bytes as Uint8Array, RELAY, NOW)
  relay.handleDatagram(drain(client, NOW)[0]?.bytes as Uint8Array, CLIENT, NOW)
  return drain(relay, NOW)[0]?.bytes as Uint8Array
}

it('nothing kept by either endpoint shares memory with the datagrams handed in', () => {
  const [relay, client] = [newRelay(), newClient()]
  const connection = client.connect(RELAY, NOW)
  // A driver may hand out views of one receive buffer.
  const pass = (bytes: Uint8Array | undefined, to: UdpEndpoint, from: Address): void => {
    const shared = Buffer.from(bytes ?? [])
    to.handleDatagram(shared, from, NOW)
    shared.fill(0xee)
  }
  for (let i = 0; i < 4; i++) {
    for (const d of drain(client, NOW)) pass(d.bytes, relay, CLIENT)
    for (const d of drain(relay, NOW)) pass(d.bytes, client, RELAY)
  }
  connection.write(2, Buffer.from('still together'))
  for (const d of drain(client, NOW)) pass(d.bytes, relay, CLIENT)
  const events: string[] = []
  for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent()) {
    events.push(e.kind === 'lane_bytes' ? Buffer.from(e.bytes).toString() : e.kind)
  }
  expect(events).toEqual(['opened', 'still together'])
})
