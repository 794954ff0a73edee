import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CLOSE, LIMIT } from '../../src/reliable/index.ts'
import { RawPeer } from './raw-peer.ts'
import { at, CLIENT, laneBytes, newPair, newRelay, note, openPair, RELAY } from './world.ts'

/**
 * What an attacker or a bad network may do to a datagram connection, and the tests of what comes of it:
 * each by a part of its name.
 */
const CASES: readonly (readonly [number, string, readonly string[]])[] = [
  [
    1,
    'a flood of spoofed INITIALs',
    ['gets less than a tenth of what it sends, without state or public-key work'],
  ],
  [2, 'an INITIAL of 1199 bytes', ['gets no answer to an INITIAL of 1199 bytes']],
  [
    3,
    'a token of another, expired, cut or changed',
    ['%s is answered with RETRY', 'until it expires', 'is valid for its address, unchanged'],
  ],
  [
    4,
    'an INITIAL replayed 1,000 times',
    ['makes one connection and at most 4 ACCEPTs', 'opens one: used again'],
  ],
  [5, 'RETRY injected', ['takes one RETRY, with its own scid, from the relay, before ACCEPT']],
  [6, 'ACCEPT replayed, corrupted, from a third', ['takes no ACCEPT with a flipped bit, of another address']],
  [
    7,
    'a low-order point, a wrong static key',
    ['a low-order ephemeral key is dropped', 'message 2 is refused with any byte changed'],
  ],
  [
    8,
    'an unknown version, REFUSE injected',
    ['a REFUSE of at most 42 bytes', 'ignores RETRY, REFUSE and ACCEPT once it is open'],
  ],
  [9, 'every packet cut and flipped', ['change nothing, whatever their length and whichever bit is flipped']],
  [10, 'handshake packets lost, doubled, late', ['opens whichever of the first six packets']],
  [11, 'the right cid and a wrong tag', ['move only the counter of bad packets']],
  [12, 'replayed DATA', ['dropped before they are opened, however old']],
  [
    13,
    'old keys, an update storm',
    ['keys of two phases ago open nothing', 'a second one before that closes'],
  ],
  [
    14,
    'RESET with a wrong token, RESET loops',
    ['only with the right token', 'two relays without state do not talk'],
  ],
  [15, 'ICMP unreachable', ['leaves no socket behind when nobody answers']],
  [
    16,
    'ACK of what was never sent or skipped',
    ['of a number never sent closes', 'skipped on purpose closes'],
  ],
  [
    17,
    'malformed ACKs, a flood of them',
    ['is never acknowledged: an ACK-only flood', 'cut at any byte give fewer frames'],
  ],
  [
    18,
    'a receiver that is silent, partial or lies',
    ['that never comes leaves the memory', 'of every other packet only', 'lying about its delay'],
  ],
  [19, 'numbers across 2^32', ['across the wrap of its 32 bits']],
  [
    20,
    'packets doubled, reordered, 30 s late',
    ['every lane delivers exactly that', 'late by half a minute are repeated a bounded number of times'],
  ],
  [21, 'an outage of 0.1 to 50 s', ['of %i ms ends with a first byte within a second']],
  [22, 'a one-way outage', ['of 3 s %s only ends the same way']],
  [23, 'bursts of loss as far apart as probes', ['that come with every probe do not stop a connection']],
  [24, 'clock jumps, late timers', ['a clock that jumps']],
  [25, 'offsets and lanes out of bounds', ['%s closes the connection']],
  [26, 'overlapping pieces that differ', ['that overlaps with other bytes keeps those that came first']],
  [27, 'a gap bomb', ['in one-byte pieces at every second offset']],
  [
    28,
    'zero, shrinking, huge credit, a storm',
    ['that shrinks is ignored', 'of zero for ever', 'of 2^62 - 1 closes', 'in a storm of 100,000'],
  ],
  [29, 'a slow reader in one lane', ['a full lane holds up no other']],
  [
    30,
    'storms of PATH_CHALLENGE, NEW_CID and PING',
    [
      'in a storm of 100,000 NEW_CID keeps four',
      'of 10,000 in a packet and its followers four wait',
      'in a storm of 100,000 frames, and PINGs',
    ],
  ],
  [
    31,
    'NAT rebinding, in the handshake too',
    ['every 5 seconds and gives it another %s', 'between INITIAL and ACCEPT'],
  ],
  [
    32,
    'spoofed migration',
    ['gets three times what it sends at most', 'gets no more than that packet allows'],
  ],
  [
    33,
    'an MTU black hole, lost MTU probes, an MTU below 1200',
    [
      'of %i bytes goes on with short packets within a second',
      'each for its direction, and no loss',
      'ends the attempt with a clear reason',
    ],
  ],
  [34, 'fairness', ['is shared fairly by %s', 'has p99 within %i and p99.9 within %i ms for %i bytes']],
]

const sources = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
const titles = sources.flatMap((text) => text.match(/'[^'\n]+'/gu) ?? []).map((quoted) => quoted.slice(1, -1))

it('34 cases are numbered', () => {
  expect(CASES.map(([number]) => number)).toEqual(Array.from({ length: 34 }, (_, i) => i + 1))
})

it.each(CASES)('case %i, %s, has its tests', (_number, _name, tests) => {
  expect(tests.length).toBeGreaterThan(0)
  for (const part of tests) {
    // One of the titles found is the table's own.
    expect(titles.filter((title) => title.includes(part)).length, part).toBeGreaterThan(1)
  }
})

describe('packets', () => {
  it('late by half a minute are repeated a bounded number of times, and delivered once', () => {
    const conditions = { jitterMs: 30, detour: 0.05, detourMs: 30_000, duplication: 0.1 }
    const pair = openPair({ conditions })
    const content = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) % 251))
    pair.near.write(2, content)
    pair.world.run(at(pair.world.now + 100_000), () => pair.near.queuedBytes === 0)
    pair.world.run(at(pair.world.now + 31_000))
    expect(laneBytes(pair.atRelay, 2).equals(content)).toBe(true)
    // Reordering looks like loss to a threshold of three packets; that costs, but no more than twice.
    expect(pair.near.stats.bytesSent).toBeLessThan(2 * content.length)
  })

  it('that come with every probe do not stop a connection, nor do losses that last as long as one', () => {
    const pair = openPair()
    const link = pair.world.link(CLIENT, RELAY)
    const clear = link.conditions
    // 60 ms in 120: as long as a probe timeout.
    for (let t = 0; t < 20_000; t += 120) {
      pair.world.at(at(pair.world.now + t), () => {
        link.conditions = { ...clear, loss: 1 }
      })
      pair.world.at(at(pair.world.now + t + 60), () => {
        link.conditions = clear
      })
    }
    const content = Buffer.alloc(50_000, 3)
    pair.near.write(2, content)
    expect(pair.world.run(at(pair.world.now + 20_000), () => pair.near.queuedBytes === 0)).toBe(true)
    expect(laneBytes(pair.atRelay, 2).equals(content)).toBe(true)
  })

  it('survive a clock that jumps: ten seconds late, and back by a second', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(5000), 40)
    const event = relay.pollEvent()
    event?.connection.write(2, Buffer.alloc(100))
    expect(peer.receive(at(5100)).length).toBe(1)
    // Asleep: every timer is late.
    relay.handleTimeout(at(15_100))
    const probes = peer.receive(at(15_100))
    expect(probes.length).toBeGreaterThan(0)
    expect(probes.length).toBeLessThanOrEqual(LIMIT.probePackets + 1)
    // And a clock that goes back throws nothing and keeps the connection.
    peer.send(Uint8Array.of(1), at(14_100))
    relay.handleTimeout(at(14_100))
    peer.receive(at(14_100))
    event?.connection.write(2, Buffer.alloc(100))
    expect(peer.receive(at(14_200)).length).toBeGreaterThan(0)
    expect(relay.connectionCount).toBe(1)
  })
})

describe('a client', () => {
  it('whose address changes between INITIAL and ACCEPT opens with the next attempt', () => {
    const pair = newPair()
    pair.client.connect(RELAY, at(0))
    pair.world.run(at(60))
    pair.world.remove(CLIENT)
    pair.world.add({ ...CLIENT, port: 50_000 }, pair.client, note(pair.atClient))
    // The token names the old port, and of RETRY only one is taken.
    expect(pair.world.run(at(5100), () => pair.atClient.closed.length > 0)).toBe(true)
    const near = pair.client.connect(RELAY, pair.world.now)
    near.write(2, Buffer.from('hello'))
    expect(pair.world.run(at(5500), () => laneBytes(pair.atRelay, 2).length === 5)).toBe(true)
  })

  it('on a path that lets no 1200 bytes through ends the attempt with a clear reason', () => {
    const pair = newPair({ conditions: { mtuBytes: 1199 } })
    pair.client.connect(RELAY, at(0))
    pair.world.run(at(6000))
    expect(pair.atClient.closed).toMatchObject([
      { kind: 'closed', reason: { by: 'link', code: CLOSE.handshakeTimeout } },
    ])
  })

  //= PAL-UDP-114
  it('that moves to another network on purpose goes on within a round trip of the path being checked', () => {
    const pair = openPair()
    pair.near.write(2, Buffer.alloc(3000))
    pair.world.run(at(pair.world.now + 500))
    const place = { host: '203.0.113.5', port: 1234 }
    pair.world.remove(CLIENT)
    pair.world.add(place, pair.client, note(pair.atClient))
    const begin = pair.world.now
    pair.near.moved(begin)
    pair.far.write(3, Buffer.from('still there?'))
    expect(pair.world.run(at(begin + 2000), () => pair.atClient.lanes.has(3))).toBe(true)
    expect(pair.world.now - begin).toBeLessThan(300)
    expect(pair.far.remote).toEqual(place)
  })
})
