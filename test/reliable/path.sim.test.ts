import { describe, expect, it } from 'vitest'
import type { Address, Instant } from '../../src/base/index.ts'
import { CLOSE, LIMIT, RATIO, TIMER, type UdpEndpoint, type UdpEvent } from '../../src/reliable/index.ts'
import { bytesOf, lane, RawPeer } from './raw-peer.ts'
import { at, CLIENT, drain, laneBytes, newRelay, type OpenPair, openPair, RELAY } from './world.ts'

const ELSEWHERE: Address = { host: '203.0.113.66', port: 666 }
const OTHER_PORT: Address = { ...CLIENT, port: CLIENT.port + 1 }
const CHALLENGE = 6
const RESPONSE = 7

function openedBy(relay: UdpEndpoint): UdpEvent['connection'] {
  for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent()) {
    if (e.kind === 'opened') return e.connection
  }
  throw new Error('not opened')
}

/** A relay and a client made by hand, with nothing on the way. */
function connected() {
  const relay = newRelay()
  const peer = new RawPeer(relay).connect(at(1000), 40)
  const connection = openedBy(relay)
  drain(relay, at(1100))
  let offset = 0
  /** A packet of the client that arrives from `from`; the challenges that the relay sends then. */
  const say = (from: Address, now: Instant, frames?: Uint8Array): Uint8Array[] => {
    relay.handleDatagram(peer.packet(frames ?? lane(2, offset++, Buffer.of(1))), from, now)
    return drain(relay, now).flatMap(({ to, bytes }) => {
      const challenge = peer.framesOf(bytes)
      if (to.host === from.host && to.port === from.port && challenge[0] === CHALLENGE) return [challenge]
      return []
    })
  }
  return { relay, peer, connection, say }
}

describe('a client whose NAT forgets it', () => {
  //= PAL-UDP-094, PAL-UDP-096
  it.each([
    ['port', (n: number): Address => ({ ...CLIENT, port: CLIENT.port + n })],
    ['address', (n: number): Address => ({ host: `198.51.100.${10 + n}`, port: CLIENT.port })],
  ])('every 5 seconds and gives it another %s keeps its connection and loses nothing', (_, placeOf) => {
    const pair = openPair()
    const begin = pair.world.now
    let place = CLIENT
    for (let n = 1; n <= 8; n++) {
      pair.world.at(at(begin + n * 5000), () => {
        pair.world.remove(place)
        place = placeOf(n)
        pair.world.add(place, pair.client, (event) => {
          if (event.kind === 'lane_bytes') pair.atClient.lanes.get(event.lane)?.push(event.bytes)
        })
      })
    }
    let sent = 0
    const talk = (now: Instant): void => {
      if (sent++ === 440) return
      pair.near.write(2, Buffer.alloc(100, sent))
      pair.far.write(3, Buffer.alloc(100, sent))
      pair.world.at(at(now + 100), talk)
    }
    talk(begin)
    pair.world.run(at(begin + 50_000))
    expect(laneBytes(pair.atRelay, 2).length).toBe(44_000)
    expect(laneBytes(pair.atClient, 3).length).toBe(44_000)
    expect(pair.far.remote).toEqual(place)
    expect([pair.near.queuedBytes, pair.far.queuedBytes]).toEqual([0, 0])
  })

  //= PAL-UDP-099
  it('keeps window and RTT where only the port is new, and starts anew where the IP address is', () => {
    for (const [place, isKept] of [
      [OTHER_PORT, true],
      [ELSEWHERE, false],
    ] as const) {
      const { connection, say } = connected()
      const before = connection.stats.rttMsSmoothed
      const [challenge] = say(place, at(2000))
      say(place, at(2040), bytesOf(RESPONSE, challenge?.subarray(1, 9) as Uint8Array))
      expect(connection.remote).toEqual(place)
      expect(connection.stats.rttMsSmoothed).toBe(isKept ? before : TIMER.initialRttMs)
    }
  })
})

describe('an address that repeats the packets of a client', () => {
  //= PAL-UDP-096, PAL-UDP-097, PAL-UDP-098
  it('gets three times what it sends at most, nothing but challenges, and the relay stays', () => {
    const { relay, connection, peer } = connected()
    let received = 0
    let sent = 0
    const sizes = new Set<number>()
    let now: Instant = at(2000)
    for (let i = 0; i < 2000; i++) {
      now = at(now + 7)
      const packet = peer.packet(lane(2, i, Buffer.of(1)))
      connection.write(3, Buffer.alloc(500))
      relay.handleDatagram(packet, ELSEWHERE, now)
      received += packet.length
      // The original comes later, and is a duplicate.
      relay.handleDatagram(packet, CLIENT, now)
      relay.handleTimeout(now)
      for (const { to, bytes } of drain(relay, now)) {
        if (to.host !== ELSEWHERE.host) continue
        sent += bytes.length
        sizes.add(bytes.length)
        expect(peer.framesOf(bytes)[0]).toBe(CHALLENGE)
        expect(sent).toBeLessThanOrEqual(RATIO.amplification * received)
      }
    }
    expect(sent).toBeGreaterThan(0)
    expect([...sizes]).toEqual([LIMIT.resettableBytesMin])
    expect(connection.remote).toEqual(CLIENT)
  })

  //= PAL-UDP-097
  it('once, and then is silent, gets no more than that packet allows', () => {
    const { relay, connection, peer } = connected()
    const packet = peer.packet(lane(2, 0, Buffer.of(1)))
    relay.handleDatagram(packet, ELSEWHERE, at(2000))
    let sent = 0
    for (let now = 2000; now < 12_000; now += 10) {
      relay.handleTimeout(at(now))
      for (const { to, bytes } of drain(relay, at(now))) if (to.port === ELSEWHERE.port) sent += bytes.length
    }
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThanOrEqual(RATIO.amplification * packet.length)
    expect(connection.remote).toEqual(CLIENT)
  })

  it('does not disturb two that talk: the challenge it gets on to the client is not taken from it', () => {
    let open: OpenPair | undefined
    const pair = openPair({
      observer: {
        onSent: (from, { to, bytes }) => {
          const isClient = from.host === CLIENT.host
          if (isClient) open?.world.inject(ELSEWHERE, RELAY, bytes)
          if (to.host === ELSEWHERE.host) open?.world.inject(ELSEWHERE, CLIENT, bytes)
        },
      },
    })
    open = pair
    for (let i = 0; i < 100; i++) {
      pair.near.write(2, Buffer.alloc(100))
      pair.world.run(at(pair.world.now + 50))
    }
    pair.world.run(at(pair.world.now + 1000))
    expect(laneBytes(pair.atRelay, 2).length).toBe(10_000)
    expect(pair.far.remote).toEqual(CLIENT)
    expect(pair.near.queuedBytes).toBe(0)
  })
})

describe('a challenge', () => {
  //= PAL-UDP-094
  it('goes out for the highest packet number only, to one address at a time, once a second', () => {
    const { relay, peer, say } = connected()
    const late = peer.packet(lane(5, 0, Buffer.of(1)))
    say(CLIENT, at(2000))
    relay.handleDatagram(late, ELSEWHERE, at(2001))
    expect(drain(relay, at(2001)).filter(({ to }) => to.port === ELSEWHERE.port)).toEqual([])
    expect(say(ELSEWHERE, at(2010)).length).toBe(1)
    expect(say(OTHER_PORT, at(2020)).length).toBe(0)
    const over = 2010 + TIMER.pathCheckIntervalMs
    expect(say(OTHER_PORT, at(over - 1)).length).toBe(0)
    expect(say(OTHER_PORT, at(over)).length).toBe(1)
  })

  //= PAL-UDP-096, PAL-UDP-098
  it('is answered by its own bytes, from its own address, in time, and by nothing else', () => {
    const { connection, say } = connected()
    const data = (say(ELSEWHERE, at(2000))[0] as Uint8Array).slice(1, 9)
    say(CLIENT, at(2001), bytesOf(RESPONSE, data))
    expect(connection.remote).toEqual(CLIENT)
    say(
      ELSEWHERE,
      at(2002),
      bytesOf(
        RESPONSE,
        data.map((byte) => byte ^ 1),
      ),
    )
    expect(connection.remote).toEqual(CLIENT)
    say(ELSEWHERE, at(2003), bytesOf(RESPONSE, data))
    expect(connection.remote).toEqual(ELSEWHERE)
    const late = (say(CLIENT, at(4000))[0] as Uint8Array).slice(1, 9)
    say(CLIENT, at(9000), bytesOf(RESPONSE, late))
    expect(connection.remote).toEqual(ELSEWHERE)
  })

  //= PAL-UDP-095
  it('is answered at once, and of 10,000 in a packet and its followers four wait', () => {
    const { relay, peer } = connected()
    const storm = bytesOf(...Array.from({ length: 100 }, (_, i) => bytesOf(CHALLENGE, Buffer.alloc(8, i))))
    for (let i = 0; i < 100; i++) peer.send(storm, at(2000))
    const answers = peer.receive(at(2000)).flatMap(({ frames }) => {
      const from = frames.indexOf(RESPONSE)
      return from < 0 ? [] : [frames.subarray(from, from + 4 * 9)]
    })
    expect(answers.length).toBe(1)
    const expected = [0, 1, 2, 3].map((i) => bytesOf(RESPONSE, Buffer.alloc(8, i)))
    expect(Buffer.from(answers[0] as Uint8Array).equals(bytesOf(...expected))).toBe(true)
    relay.handleTimeout(at(9000))
    // It was lost for all the relay knows: the probe does not repeat it.
    for (const { frames } of peer.receive(at(9000))) expect(frames.includes(RESPONSE)).toBe(false)
  })
})

/** The ids that datagrams went to, by the client's address, while a pair talks and the client moves once. */
function idsSeen(move: (pair: OpenPair, place: Address) => void) {
  const seen = new Map<string, Set<string>>()
  const pair = openPair({
    observer: {
      onSent: (from, { to, bytes }) => {
        if (((bytes[0] as number) & 0x80) !== 0) return
        const isClient = to.port === RELAY.port
        const place = isClient ? from : to
        const key = `${place.host} ${isClient ? 'up' : 'down'}`
        const ids = seen.get(key) ?? new Set<string>()
        seen.set(key, ids.add(Buffer.from(bytes.subarray(1, 9)).toString('hex')))
      },
    },
  })
  const talk = (ms: number): void => {
    for (let t = 0; t < ms; t += 20) {
      pair.world.at(at(pair.world.now + t), () => {
        pair.near.write(2, Buffer.of(1))
        pair.far.write(3, Buffer.of(2))
      })
    }
    pair.world.run(at(pair.world.now + ms + 200))
  }
  talk(1000)
  for (const place of [ELSEWHERE, { host: '203.0.113.9', port: 9 }]) {
    pair.world.remove(pair.far.remote)
    pair.world.add(place, pair.client, (event) => {
      if (event.kind === 'lane_bytes') pair.atClient.lanes.get(event.lane)?.push(event.bytes)
    })
    move(pair, place)
    talk(2000)
    expect(pair.far.remote).toEqual(place)
  }
  expect(laneBytes(pair.atRelay, 2).length).toBe(250)
  expect(laneBytes(pair.atClient, 3).length).toBe(250)
  return seen
}

describe('connection ids', () => {
  //= PAL-UDP-127, PAL-UDP-128
  it('of a client that moves on purpose are other ones at each address, both ways', () => {
    const seen = idsSeen((pair) => pair.near.moved(pair.world.now))
    const all = [...seen.values()].flatMap((ids) => [...ids])
    expect(seen.size).toBe(6)
    expect(all.length).toBe(6)
    expect(new Set(all).size).toBe(6)
  })

  it('of a client that a NAT moves are the same at each', () => {
    const seen = idsSeen(() => {})
    expect(new Set([...seen.values()].flatMap((ids) => [...ids])).size).toBe(2)
  })

  //= PAL-UDP-128
  it('do not run out for one that moves again and again', () => {
    const pair = openPair()
    for (let n = 0; n < 40; n++) {
      const place = { host: `198.51.100.${n + 10}`, port: 1000 }
      pair.world.remove(pair.far.remote)
      pair.world.add(place, pair.client)
      pair.near.moved(pair.world.now)
      pair.near.write(2, Buffer.of(1))
      pair.far.write(2, Buffer.of(1))
      pair.world.run(at(pair.world.now + 2000))
      expect(pair.far.remote).toEqual(place)
    }
    expect([pair.relay.cidCount, pair.client.cidCount]).toEqual([LIMIT.cidsMax, LIMIT.cidsMax])
  })

  it('cost what was under way a few round trips, and not the PTO of a path of which nothing is known', () => {
    const pair = openPair()
    let heard = 0
    for (let n = 0; n < 5; n++) {
      const place = { host: `198.51.100.${n + 10}`, port: 1000 }
      pair.world.remove(pair.far.remote)
      pair.world.add(place, pair.client, (event) => {
        if (event.kind === 'lane_bytes') heard += event.bytes.length
      })
      pair.near.moved(pair.world.now)
      pair.near.write(2, Buffer.of(n))
      // Before the other address has answered, so that it goes to where nobody is any more.
      pair.world.at(at(pair.world.now + 40), () => pair.far.write(3, Buffer.of(n)))
      pair.world.run(at(pair.world.now + 400))
      expect([laneBytes(pair.atRelay, 2).length, heard]).toEqual([n + 1, n + 1])
      pair.world.run(at(pair.world.now + 2000))
    }
  })

  //= PAL-UDP-075
  it('and the token of the one in use end the connection by RESET, after a move too', () => {
    const pair = openPair()
    pair.far.write(2, Buffer.of(1))
    pair.world.run(at(pair.world.now + 500))
    pair.near.moved(pair.world.now)
    pair.world.run(at(pair.world.now + 500))
    pair.world.remove(RELAY)
    pair.world.add(RELAY, newRelay(77))
    pair.near.write(2, Buffer.of(1))
    pair.world.run(at(pair.world.now + 1000))
    expect(pair.atClient.closed).toMatchObject([{ reason: { by: 'link', code: CLOSE.reset } }])
  })
})
