import { expect, it } from 'vitest'
import type { UdpEvent } from '../../src/reliable/index.ts'
import { RawPeer } from './raw-peer.ts'
import { at, newRelay } from './world.ts'

//= PAL-UDP-065, PAL-UDP-061
it('a sender whose window is full adds no PING to the ACKs it sends', () => {
  const relay = newRelay()
  const peer = new RawPeer(relay).connect(at(0), 40)
  const { connection } = relay.pollEvent() as UdpEvent
  connection.write(2, Buffer.alloc(50_000))
  // The window leaves in bursts; nothing of it is acknowledged.
  for (let now = 40; now < 80; now++) {
    relay.handleTimeout(at(now))
    peer.receive(at(now))
  }
  const { bytesInFlight, windowBytes } = connection.stats
  expect(bytesInFlight + 1200).toBeGreaterThan(windowBytes)
  let acks = 0
  for (let i = 0; i < 100; i++) {
    peer.send(Uint8Array.of(1), at(80))
    acks += peer.receive(at(80)).length
  }
  expect(acks).toBeGreaterThan(40)
  expect(connection.stats.bytesInFlight).toBe(bytesInFlight)
})
