import { describe, expect, it } from 'vitest'
import { CLOSE, LIMIT, type UdpEvent } from '../../src/reliable/index.ts'
import { respond } from '../../src/reliable/noise.ts'
import { encodeAccept, initialHeaderBytes } from '../../src/reliable/packet.ts'
import { DEFAULT_PARAMETERS, decodeParameters, encodeParameters } from '../../src/reliable/parameters.ts'
import { testPrimitives } from './primitives.ts'
import { bytesOf, RawPeer, varint } from './raw-peer.ts'
import { at, CLIENT, drain, newClient, newRelay, RELAY, STATIC_SECRET } from './world.ts'

const NOW = at(1000)
const MALFORMED = Buffer.of(4, 1, 9, 4, 1, 9)

/** What the relay answers to `initial`, by first byte. */
function answers(relay: ReturnType<typeof newRelay>, initial: Uint8Array): (number | undefined)[] {
  relay.handleDatagram(initial, CLIENT, NOW)
  return drain(relay, NOW).map((d) => d.bytes[0])
}

function withVersion(initial: Uint8Array, version: number): Uint8Array {
  const changed = Buffer.from(initial)
  changed.writeUInt32BE(version, 1)
  return changed
}

describe('of two things wrong with an INITIAL', () => {
  //= PAL-UDP-079
  it('its length goes before its version', () => {
    const relay = newRelay()
    const initial = withVersion(new RawPeer(relay).initial(), 2)
    expect(answers(relay, initial.subarray(0, LIMIT.initialBytesMin - 1))).toEqual([])
    expect(answers(relay, initial)).toEqual([0xc3])
  })

  //= PAL-UDP-079, PAL-UDP-080
  it('its version goes before its layout, of which nothing is read', () => {
    const relay = newRelay()
    const initial = Buffer.from(new RawPeer(relay).initial())
    initial[13] = 255
    expect(answers(relay, initial)).toEqual([])
    expect(answers(relay, withVersion(initial, 2))).toEqual([0xc3])
    const bare = Buffer.alloc(LIMIT.initialBytesMin, 0xff)
    bare[0] = 0xc0
    expect(answers(relay, withVersion(bare, 2))).toEqual([0xc3])
  })

  //= PAL-UDP-079
  it('its token goes before room, and room before its parameters', () => {
    const relay = newRelay(1, { limits: { connectionsPerPrefix: 1 } })
    const first = new RawPeer(relay)
    const accepted = first.initial(first.token(NOW))
    expect(answers(relay, accepted)).toEqual([0xc2])
    const second = new RawPeer(relay, 2)
    const token = second.token(NOW)
    expect(answers(relay, second.initial(token.slice(1), MALFORMED))).toEqual([0xc1])
    expect(answers(relay, second.initial(token, MALFORMED))).toEqual([0xc3])
    // What was accepted before is answered although there is no room for it now.
    expect(answers(relay, accepted)).toEqual([0xc2])
  })

  //= PAL-UDP-079
  it('its parameters go before the rate of ACCEPT, of which they use nothing', () => {
    const relay = newRelay(1, { limits: { acceptsPerSecond: 1 } })
    const peer = new RawPeer(relay)
    const token = peer.token(NOW)
    for (let i = 0; i < 5; i++) expect(answers(relay, peer.initial(token, MALFORMED))).toEqual([])
    expect(answers(relay, peer.initial(token))).toEqual([0xc2])
  })

  //= PAL-UDP-079
  it('the rate of ACCEPT goes before X25519', () => {
    const counts = { x25519: 0, open: 0 }
    const relay = newRelay(1, { primitives: testPrimitives(counts), limits: { acceptsPerSecond: 0 } })
    const peer = new RawPeer(relay)
    const initial = peer.initial(peer.token(NOW))
    const before = counts.x25519
    expect(answers(relay, initial)).toEqual([])
    expect(counts.x25519).toBe(before)
  })
})

//= PAL-UDP-078
it.each([
  ['are malformed', Buffer.concat([MALFORMED, Buffer.alloc(20)])],
  ['lack connection_id', encodeParameters({ ...DEFAULT_PARAMETERS, resetToken: new Uint8Array(16) })],
  ['lack reset_token', undefined],
])('the attempt ends when the parameters in an ACCEPT that verifies %s', (_, parameters) => {
  const client = newClient()
  client.connect(RELAY, NOW)
  const initial = drain(client, NOW)[0]?.bytes as Uint8Array
  const primitives = testPrimitives()
  const cid = Buffer.alloc(8, 6)
  const scid = initial.slice(5, 13)
  const answer = respond(primitives, {
    prologue: bytesOf(Buffer.from('palaver datagram'), [0, 0, 0, 1], scid),
    message1: initial.slice(initialHeaderBytes(new Uint8Array(0))),
    staticKeys: primitives.x25519KeyPair(STATIC_SECRET),
    ephemeralSecret: new Uint8Array(32).fill(3),
    payload: parameters ?? encodeParameters({ ...DEFAULT_PARAMETERS, connectionId: cid }),
  })
  client.handleDatagram(encodeAccept(scid, cid, answer?.message as Uint8Array), RELAY, NOW)
  expect(client.pollEvent()).toMatchObject({ kind: 'closed', reason: { code: CLOSE.handshakeFailed } })
})

//= PAL-UDP-081
it('unknown feature bits and parameters that only a relay sends change nothing about a client', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  const parameters = bytesOf(
    encodeParameters({ ...DEFAULT_PARAMETERS, resetToken: new Uint8Array(16).fill(9) }),
    [10, 4, 255, 255, 255, 255],
    [9, 8, 1, 1, 1, 1, 1, 1, 1, 1],
  )
  expect(decodeParameters(parameters)).toBeDefined()
  expect(decodeParameters(bytesOf([10, 3, 255, 255, 255]))).toBeUndefined()
  expect(answers(relay, peer.initial(peer.token(NOW), parameters))).toEqual([0xc2])
  expect(relay.connectionCount).toBe(1)
})

//= PAL-UDP-083
it('of a first credit of 4 GiB, no more than 4 MiB is used', () => {
  const all = [255, 255, 255, 255]
  const read = decodeParameters(bytesOf([2, 4], all, [3, 4], all))
  expect(read?.creditBytes).toBe(LIMIT.creditBytesMax)
  expect(read?.laneCreditBytes).toBe(LIMIT.creditBytesMax)
})

//= PAL-UDP-082
it('a repeat uses no connection credit: only the end of the furthest bytes of each lane counts', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay).connect(NOW)
  const far = LIMIT.laneCreditBytes - 1
  const piece = (lane: number): Uint8Array => bytesOf(0x10, lane, varint(far), varint(1), 120)
  for (let repeat = 0; repeat < 20; repeat++) {
    for (let lane = 2; lane < 6; lane++) peer.send(piece(lane), NOW)
  }
  const seen: UdpEvent[] = []
  for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent()) seen.push(e)
  expect(seen.map((event) => event.kind)).toEqual(['opened'])
})

//= PAL-UDP-086
it('answers that wait for a socket are bounded', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay)
  const initial = peer.initial()
  for (let i = 0; i < 3 * LIMIT.repliesQueuedMax; i++) relay.handleDatagram(initial, CLIENT, NOW)
  expect(drain(relay, NOW).length).toBe(LIMIT.repliesQueuedMax)
})
