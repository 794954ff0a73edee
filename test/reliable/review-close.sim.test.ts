import { describe, expect, it } from 'vitest'
import { prologueOf } from '../../src/reliable/client-handshake.ts'
import { CLOSE, LIMIT } from '../../src/reliable/index.ts'
import { respond } from '../../src/reliable/noise.ts'
import { encodeAccept } from '../../src/reliable/packet.ts'
import { DEFAULT_PARAMETERS, encodeParameters } from '../../src/reliable/parameters.ts'
import { PacketProtection } from '../../src/reliable/seal.ts'
import { testPrimitives } from './primitives.ts'
import { at, CLIENT, drain, newClient, openPair, RELAY } from './world.ts'

describe('a CLOSE that is lost', () => {
  //= PAL-UDP-073
  it('is repeated at the first packet of a peer that goes on talking', () => {
    const pair = openPair()
    pair.world.run(at(pair.world.now + 1000))
    const up = pair.world.link(CLIENT, RELAY)
    const before = up.conditions
    up.conditions = { ...before, loss: 1 }
    pair.near.close(0, '', pair.world.now)
    pair.world.run(at(pair.world.now + 1))
    up.conditions = before
    pair.far.write(2, Buffer.from('are you there?'))
    expect(pair.world.run(at(pair.world.now + 100), () => pair.atRelay.closed.length > 0)).toBe(true)
  })
})

describe('an abort', () => {
  it('sends CLOSE at once and nothing of what is queued', () => {
    const pair = openPair()
    pair.near.write(2, Buffer.alloc(500_000))
    pair.world.run(at(pair.world.now + 30))
    const sent = pair.near.stats.packetsSent
    pair.near.abort(CLOSE.internal, 'no more', pair.world.now)
    expect(pair.atClient.closed).toEqual([])
    pair.world.run(at(pair.world.now + 40))
    expect(pair.atClient.closed).toMatchObject([{ reason: { by: 'local', code: CLOSE.internal } }])
    expect(pair.atRelay.closed).toMatchObject([{ reason: { by: 'peer', detail: 'no more' } }])
    // CLOSE, and its repetition for what the relay still sent.
    expect(pair.near.stats.packetsSent - sent).toBeLessThanOrEqual(2)
    expect([pair.near.queuedBytes, pair.near.stats.bytesInFlight]).toEqual([0, 0])
  })

  it('ends a link that lingers, and one that is not open yet', () => {
    const pair = openPair()
    pair.world.link(CLIENT, RELAY).conditions = { ...pair.world.link(CLIENT, RELAY).conditions, loss: 1 }
    pair.near.write(2, Buffer.from('x'))
    pair.near.close(0, '', pair.world.now)
    pair.near.abort(CLOSE.internal, '', pair.world.now)
    pair.world.run(pair.world.now)
    expect(pair.atClient.closed).toMatchObject([{ reason: { by: 'local' } }])
    const early = newClient()
    early.connect(RELAY, at(0)).abort(CLOSE.internal, '', at(0))
    expect([early.pollEvent()?.kind, early.connectionCount]).toEqual(['closed', 0])
  })
})

//= PAL-UDP-070
it('a client pings early enough for a relay that forgets sooner than usual', () => {
  const client = newClient()
  client.connect(RELAY, at(0))
  const initial = drain(client, at(0))[0]?.bytes as Uint8Array
  const scid = initial.slice(5, 13)
  const cid = new Uint8Array(8).fill(9)
  const answer = respond(testPrimitives(), {
    prologue: prologueOf(scid),
    message1: initial.subarray(14),
    staticKeys: testPrimitives().x25519KeyPair(new Uint8Array(32).fill(3)),
    ephemeralSecret: new Uint8Array(32).fill(4),
    payload: encodeParameters({
      ...DEFAULT_PARAMETERS,
      idleTimeoutMs: 9000,
      // Nothing is probed.
      datagramBytesMax: LIMIT.datagramBytes,
      resetToken: new Uint8Array(16),
      connectionId: cid,
    }),
  })
  client.handleDatagram(encodeAccept(scid, cid, answer?.message as Uint8Array), RELAY, at(10))
  expect(drain(client, at(10)).length).toBe(1)
  // One ACK of the confirmation, then silence.
  const seal = new PacketProtection(testPrimitives(), answer?.result.responderSecret as Uint8Array)
  client.handleDatagram(seal.seal(scid, 0, Uint8Array.of(2, 0, 0, 0, 0)), RELAY, at(20))
  drain(client, at(20))
  let pingedAt = 0
  while (pingedAt === 0 && client.pollTimeout() < 9000) {
    const now = client.pollTimeout()
    client.handleTimeout(now)
    if (drain(client, now).length > 0) pingedAt = now
  }
  expect(pingedAt).toBeGreaterThan(2000)
  expect(pingedAt).toBeLessThan(4000)
})
