import { describe, expect, it } from 'vitest'
import { CLOSE, LIMIT } from '../../src/reliable/index.ts'
import { Intake } from '../../src/reliable/intake.ts'
import { PacketProtection } from '../../src/reliable/seal.ts'
import { testPrimitives } from './primitives.ts'
import { RawPeer } from './raw-peer.ts'
import { at, drain, laneBytes, newRelay, openPair } from './world.ts'

const PTO_MS = 60
const SECRET = Uint8Array.from({ length: 64 }, (_, i) => i)
const CID = new Uint8Array(8)
const PING = Uint8Array.of(1)

function parts() {
  const primitives = testPrimitives()
  const intake = new Intake(primitives)
  intake.open(SECRET)
  const phases = [new PacketProtection(primitives, SECRET)]
  for (let i = 0; i < 3; i++) phases.push((phases.at(-1) as PacketProtection).next())
  const take = (phase: number, number: number, now = 0): boolean => {
    const packet = (phases[phase] as PacketProtection).seal(CID, number, PING)
    const frames = intake.take(packet, PTO_MS, at(now))
    if (frames !== undefined) intake.accept(true, at(now))
    return frames !== undefined
  }
  return { intake, take }
}

describe('a change of keys', () => {
  //= PAL-UDP-108, PAL-UDP-111
  it('is followed, and packets from before it are opened for 3 PTO', () => {
    const { intake, take } = parts()
    expect([take(0, 0), intake.isNewPhase]).toEqual([true, false])
    expect([take(1, 5), intake.isNewPhase, intake.phase]).toEqual([true, true, 1])
    expect([take(0, 3, 100), intake.isNewPhase]).toEqual([true, false])
    expect(take(0, 4, 181)).toBe(false)
    expect([take(2, 9), intake.phase]).toEqual([true, 0])
  })

  //= PAL-UDP-111
  it('cannot be undone: keys of two phases ago open nothing, nor do old keys for new numbers', () => {
    const { take } = parts()
    take(0, 0)
    take(1, 5)
    expect(take(0, 6)).toBe(false)
    take(2, 9)
    expect([take(0, 1), take(0, 10)]).toEqual([false, false])
    expect(take(1, 7)).toBe(true)
  })

  it('is made by no forged packet', () => {
    const { intake, take } = parts()
    take(0, 0)
    const packet = new PacketProtection(testPrimitives(), SECRET).seal(CID, 1, PING)
    packet[0] = 0x44
    expect(intake.take(packet, PTO_MS, at(0))).toBeUndefined()
    expect([intake.phase, take(0, 1)]).toEqual([0, true])
  })

  //= PAL-UDP-110
  it('is answered by one, before it is acknowledged, and a second one before that closes', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    relay.handleTimeout(at(10))
    drain(relay, at(10))
    peer.updateKeys(false)
    peer.send(PING, at(20))
    peer.updateKeys(false)
    peer.send(PING, at(21))
    const [first] = drain(relay, at(21))
    expect(first?.bytes[0]).toBe(0x44)
    const closed = relay.pollEvent()?.kind === 'opened' ? relay.pollEvent() : undefined
    expect(closed).toMatchObject({ kind: 'closed', reason: { code: CLOSE.keyUpdate } })
  })

  //= PAL-UDP-110
  it('is followed as often as it is acknowledged', () => {
    const relay = newRelay()
    const peer = new RawPeer(relay).connect(at(0))
    relay.handleTimeout(at(10))
    drain(relay, at(10))
    for (let i = 1; i < 10; i++) {
      peer.updateKeys(true)
      peer.send(PING, at(100 * i))
      relay.handleTimeout(at(100 * i + 10))
      expect(peer.receive(at(100 * i + 10)).length).toBe(1)
    }
    expect(relay.connectionCount).toBe(1)
  })

  //= PAL-UDP-109, PAL-UDP-115
  it('comes after so many packets, each time, and nothing is lost by it', () => {
    const phases: number[] = []
    const pair = openPair({
      keyUpdatePackets: 50,
      conditions: { loss: 0.1, jitterMs: 20 },
      observer: { onSent: (_, { bytes }) => phases.push(((bytes[0] as number) >> 2) & 1) },
    })
    for (let i = 0; i < 1000; i++) {
      pair.world.at(at(pair.world.now + 10 * i), () => pair.near.write(2, Buffer.alloc(200, i)))
    }
    pair.world.run(at(pair.world.now + 15_000))
    expect(laneBytes(pair.atRelay, 2).length).toBe(200_000)
    const changes = phases.filter((phase, i) => i > 0 && phase !== phases[i - 1]).length
    expect(changes).toBeGreaterThan(10)
    expect([...pair.atClient.closed, ...pair.atRelay.closed]).toEqual([])
  })

  it('has a code for a peer that makes it too often, and comes after a million packets', () => {
    expect([CLOSE.keyUpdate, LIMIT.keyUpdatePackets]).toEqual([7, 1_048_576])
  })
})
