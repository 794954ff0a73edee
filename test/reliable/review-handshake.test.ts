import { describe, expect, it } from 'vitest'
import { RawPeer } from './raw-peer.ts'
import { at, CLIENT, drain, newRelay } from './world.ts'

const NOW = at(1000)

describe('an accepted INITIAL', () => {
  //= PAL-UDP-017
  it('with an ephemeral key that somebody else used first is accepted like any other', () => {
    const relay = newRelay()
    const victim = new RawPeer(relay)
    const token = victim.token(NOW)
    // Somebody who sees the first INITIAL is faster with the same ephemeral key, from an address of its own.
    const thief = Object.assign(new RawPeer(relay, 1, { host: '203.0.113.66', port: 6666 }), {
      scid: Buffer.alloc(8, 6),
    })
    relay.handleDatagram(thief.initial(thief.token(NOW)), thief.from, NOW)
    expect(drain(relay, NOW).map((d) => d.to)).toEqual([thief.from])
    relay.handleDatagram(victim.initial(token), CLIENT, NOW)
    const answers = drain(relay, NOW)
    expect(answers.map((d) => d.to)).toEqual([CLIENT])
    victim.takeAccept(answers[0]?.bytes as Uint8Array)
  })
})

describe('a relay that takes no more connections', () => {
  it('forgets those that are not confirmed yet, and keeps those that are', () => {
    const relay = newRelay()
    new RawPeer(relay, 5).connect(NOW)
    const peer = new RawPeer(relay)
    relay.handleDatagram(peer.initial(peer.token(NOW)), CLIENT, NOW)
    peer.takeAccept(drain(relay, NOW).at(-1)?.bytes as Uint8Array)
    relay.pollEvent()
    relay.stopAccepting(NOW)
    peer.send(Uint8Array.of(1), NOW)
    expect(relay.pollEvent()).toBeUndefined()
    expect(relay.connectionCount).toBe(1)
  })
})
