import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/base/index.ts'
import { Datagrams } from '../../src/reliable/datagrams.ts'
import { LIMIT } from '../../src/reliable/index.ts'
import { at, openPair } from './world.ts'

const seenAt = (seen: ReturnType<typeof openPair>['atRelay']): [number, string][] =>
  seen.events.flatMap((e) => (e.kind === 'datagram' ? [[e.lane, Buffer.from(e.bytes).toString()]] : []))

describe('an unreliable datagram', () => {
  //= PAL-UDP-112
  it('arrives with its lane, beside lane bytes, both ways', () => {
    const pair = openPair()
    pair.near.sendDatagram(5, Buffer.from('typing'), pair.world.now)
    pair.near.write(2, Buffer.from('hello'))
    pair.far.sendDatagram(63, Buffer.from('here'), pair.world.now)
    pair.world.run(at(pair.world.now + 100))
    expect(seenAt(pair.atRelay)).toEqual([[5, 'typing']])
    expect(seenAt(pair.atClient)).toEqual([[63, 'here']])
  })

  //= PAL-UDP-112, PAL-UDP-113
  it('is handed on once or never, and sent once, however the network is', () => {
    const pair = openPair({ conditions: { loss: 0.2, duplication: 0.5, jitterMs: 40 } })
    for (let i = 0; i < 300; i++) {
      pair.world.at(at(pair.world.now + 10 * i), (now) => pair.near.sendDatagram(2, Buffer.from(`${i}`), now))
    }
    pair.world.run(at(pair.world.now + 10_000))
    const texts = seenAt(pair.atRelay).map(([, text]) => text)
    expect(new Set(texts).size).toBe(texts.length)
    expect(texts.length).toBeGreaterThan(200)
    expect(texts.length).toBeLessThan(280)
  })

  //= PAL-UDP-116
  it('that cannot leave within a round trip is given up, and the oldest when 32 wait', () => {
    const queue = new Datagrams()
    for (let i = 0; i < 40; i++) queue.push(2, Buffer.of(i), 50, at(i))
    expect(queue.droppedCount).toBe(40 - LIMIT.datagramsQueuedMax)
    const into = new Uint8Array(1200)
    // The first eight were pushed out; of the others those from before 20 ms are too late at 70.
    const end = queue.write(into, 0, 1200, at(70))
    expect([...into.subarray(0, 4)]).toEqual([0x12, 2, 1, 21])
    expect(end).toBe(4 * 19)
    expect(queue.sentCount).toBe(19)
  })

  it('is refused where it is empty, too long or has no lane, and dropped by a paused reader', () => {
    const pair = openPair()
    const { now } = pair.world
    const send = (lane: number, bytes: number) => () =>
      pair.near.sendDatagram(lane, new Uint8Array(bytes), now)
    expect(send(64, 1)).toThrow(UsageError)
    expect(send(2, 0)).toThrow(UsageError)
    expect(send(2, LIMIT.datagramFrameBytesMax + 1)).toThrow(UsageError)
    send(2, LIMIT.datagramFrameBytesMax)()
    pair.world.run(at(now + 100))
    expect(seenAt(pair.atRelay).length).toBe(1)
    pair.far.pause()
    send(2, 1)()
    pair.world.run(at(now + 200))
    expect(seenAt(pair.atRelay).length).toBe(1)
  })
})
