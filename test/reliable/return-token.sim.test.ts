import { describe, expect, it } from 'vitest'
import { LIMIT, TIMER, type UdpEvent } from '../../src/reliable/index.ts'
import { ReturnMint } from '../../src/reliable/token.ts'
import { seededEntropy } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { RawPeer } from './raw-peer.ts'
import { at, CLIENT, drain, newRelay, openPair, RELAY } from './world.ts'

const MINT = { primitives: testPrimitives(), entropy: seededEntropy(5) }

const eventsOf = (pair: ReturnType<typeof openPair>, kind: UdpEvent['kind']): UdpEvent[] =>
  pair.atClient.events.filter((event) => event.kind === kind)

/** A pair whose client was given a token, with the first words of the relay. */
function pairWithToken() {
  const pair = openPair()
  pair.far.write(2, Buffer.from('welcome'))
  pair.world.run(at(pair.world.now + 500))
  const [event] = eventsOf(pair, 'token')
  if (event?.kind !== 'token') throw new Error('no token')
  return { pair, token: event.token }
}

describe('a token of an earlier connection', () => {
  //= PAL-UDP-105, PAL-UDP-106
  it('comes with the first words of the relay and opens the next connection in one round trip', () => {
    const { pair, token } = pairWithToken()
    expect(eventsOf(pair, 'token').length).toBe(1)
    const begin = pair.world.now
    pair.client.connect(RELAY, begin, token)
    expect(pair.world.run(at(begin + 5000), () => pair.atClient.opened.length === 2)).toBe(true)
    expect(pair.world.now - begin).toBe(50)
  })

  //= PAL-UDP-105, PAL-UDP-106
  it('opens one: used again it is answered with RETRY, which opens a connection too', () => {
    const { pair, token } = pairWithToken()
    for (const [opened, ms] of [
      [2, 50],
      [3, 100],
    ] as const) {
      const begin = pair.world.now
      pair.client.connect(RELAY, begin, token)
      expect(pair.world.run(at(begin + 5000), () => pair.atClient.opened.length === opened)).toBe(true)
      expect(pair.world.now - begin).toBe(ms)
    }
  })

  //= PAL-UDP-017
  it('gets the same ACCEPT again when the first was lost', () => {
    const relay = newRelay()
    const token = new ReturnMint(MINT).issue(CLIENT.host, at(0))
    const stranger = new RawPeer(relay)
    relay.handleDatagram(stranger.initial(token), CLIENT, at(0))
    // A token of another relay's making.
    expect(drain(relay, at(0))[0]?.bytes[0]).toBe(0xc1)
    const { pair, token: own } = pairWithToken()
    const peer = new RawPeer(pair.relay, 9)
    const initial = peer.initial(own)
    const answers = Array.from({ length: 6 }, () => {
      pair.relay.handleDatagram(initial, CLIENT, pair.world.now)
      return drain(pair.relay, pair.world.now).map(({ bytes }) => Buffer.from(bytes).toString('hex'))
    }).flat()
    expect(answers.length).toBe(LIMIT.acceptRepeatsMax)
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]?.slice(0, 2)).toBe('c2')
  })

  //= PAL-UDP-105
  it('is valid for its address, unchanged, for a day, whichever secret it was made under', () => {
    const mint = new ReturnMint(MINT)
    const token = mint.issue('192.0.2.1', at(5000))
    expect(mint.isValid(token, '192.0.2.1', at(5000))).toBe(true)
    expect(mint.isValid(token, '192.0.2.2', at(5000))).toBe(false)
    for (let bit = 0; bit < token.length * 8; bit++) {
      const changed = new Uint8Array(token)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(mint.isValid(changed, '192.0.2.1', at(5000))).toBe(false)
    }
    expect(mint.isValid(token.subarray(1), '192.0.2.1', at(5000))).toBe(false)
    expect(mint.isValid(token, '192.0.2.1', at(TIMER.returnTokenLifetimeMs + 4999))).toBe(true)
    expect(mint.isValid(token, '192.0.2.1', at(TIMER.returnTokenLifetimeMs + 5000))).toBe(false)
  })

  it('that was used is remembered within a bound, beyond which older ones are void', () => {
    const mint = new ReturnMint(MINT)
    const first = mint.issue('192.0.2.1', at(1000))
    const other = mint.issue('192.0.2.1', at(1000))
    mint.spend(first)
    expect([mint.isSpent(first), mint.isSpent(other)]).toEqual([true, false])
    for (let i = 0; i < LIMIT.returnTokensSpentMax; i++) mint.spend(mint.issue('192.0.2.1', at(2000)))
    expect(mint.isSpent(first)).toBe(false)
    expect(mint.isValid(first, '192.0.2.1', at(3000))).toBe(false)
    expect(mint.isValid(mint.issue('192.0.2.1', at(3000)), '192.0.2.1', at(3000))).toBe(true)
  })
})

describe('a neighbourhood whose places are taken', () => {
  const fillUp = (now: number) => {
    const relay = newRelay()
    const peers = Array.from({ length: LIMIT.connectionsPerPrefix }, (_, i) =>
      new RawPeer(relay, 100 + i, { ...CLIENT, port: 1000 + i }).connect(at(now)),
    )
    return { relay, peers }
  }
  const isLetIn = (relay: ReturnType<typeof newRelay>, now: number, token?: Uint8Array): boolean => {
    const peer = new RawPeer(relay, now, { ...CLIENT, port: 60_000 })
    relay.handleDatagram(peer.initial(token ?? peer.token(at(now))), peer.from, at(now))
    return drain(relay, at(now)).some(({ bytes }) => bytes[0] === 0xc2)
  }

  //= PAL-UDP-103
  it('has room for another once one has been silent for 30 seconds, and loses that one', () => {
    const { relay, peers } = fillUp(0)
    for (const [i, peer] of peers.entries()) if (i !== 7) peer.send(Uint8Array.of(1), at(20_000))
    expect(isLetIn(relay, 20_001)).toBe(false)
    expect(isLetIn(relay, 29_999)).toBe(false)
    expect(isLetIn(relay, TIMER.ghostMs + TIMER.ghostCheckMs)).toBe(true)
    expect(relay.connectionCount).toBe(LIMIT.connectionsPerPrefix)
    const closed: string[] = []
    for (let e = relay.pollEvent(); e; e = relay.pollEvent())
      if (e.kind === 'closed') closed.push(e.reason.detail)
    expect(closed).toEqual(['silent while others wait for its place'])
    expect(isLetIn(relay, 32_500)).toBe(false)
  })

  //= PAL-UDP-104
  it('has room for one who was there before, at most 1,024', () => {
    const relay = newRelay(1, { limits: { connectionsPerPrefix: 1, connectionsPerPrefixKnown: 2 } })
    const first = new RawPeer(relay).connect(at(0))
    for (let e = relay.pollEvent(); e; e = relay.pollEvent())
      if (e.kind === 'opened') e.connection.write(2, Buffer.from('x'))
    const sent = first.receive(at(1)).map(({ frames }) => Buffer.from(frames))
    const packet = sent.find((frames) => frames.includes(0x0a)) as Buffer
    const from = packet.indexOf(Buffer.of(0x0a, 29)) + 2
    const token = packet.subarray(from, from + 29)
    expect(isLetIn(relay, 10)).toBe(false)
    expect(isLetIn(relay, 11, token)).toBe(true)
    expect(relay.connectionCount).toBe(2)
    expect(LIMIT.connectionsPerPrefixKnown).toBe(1024)
  })
})
