/**
 * Requests of a few bytes cost little, however large the relay has grown: no sender can buy the whole
 * processor.
 */
import { describe, expect, test } from 'vitest'
import { encodeFrame, type Frame } from '../../src/codec/index.ts'
import { openRaw } from './raw-handshake.ts'
import { type Wire, World } from './world.ts'

/**
 * Milliseconds of this process's own processor time for one chunk in which the frames come again and again.
 */
function costOf(wire: Wire, frames: readonly Frame[], times: number): number {
  const once = Buffer.concat(frames.map((frame) => encodeFrame(frame)))
  const chunk = Buffer.concat(Array(times).fill(once))
  const start = process.cpuUsage()
  wire.deliver(chunk)
  wire.world.flush()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

describe('with two thousand sessions and rooms', () => {
  const world = new World({ limits: { outboundBytes: 100_000_000, roomsPerSession: 3000 } })
  const wires = Array.from({ length: 2000 }, (_, i) => openRaw(world, `user${i}`))
  wires.forEach((wire, i) => {
    if (i < 500) wire.send({ type: 'join', request: 1, room: 'hall', options: 0 })
    wire.send({ type: 'join', request: 2, room: `room${i}`, options: 0 })
    world.flush()
  })
  const [wire] = wires as [Wire]
  const number = world.relay.hub.rooms.get('hall')?.number ?? 0

  test('asking who is there beyond the last one, in a room and on the relay', () => {
    const beyond = 4_000_000_000
    const empty = costOf(wire, [{ type: 'ping', nonce: 1, conversation: 0 }], 5000)
    const room = costOf(wire, [{ type: 'who', request: 1, conversation: number, after: beyond }], 5000)
    const relay = costOf(wire, [{ type: 'who', request: 1, conversation: 0, after: beyond }], 5000)
    console.log(
      `5000: ping ${empty.toFixed(1)}, who in a room ${room.toFixed(1)}, on the relay ${relay.toFixed(1)} ms`,
    )
    expect(room).toBeLessThan(10 * empty + 50)
    expect(relay).toBeLessThan(10 * empty + 50)
  })

  test('making rooms and listing them in turn', () => {
    const frames: Frame[] = [
      { type: 'join', request: 1, room: 'another', options: 0 },
      { type: 'list', request: 2, after: 'zzz' },
    ]
    const once = costOf(wire, frames, 1)
    const left: Frame[] = Array.from({ length: 300 }, (_, i) => [
      { type: 'join', request: 1, room: `more${i}`, options: 0 } satisfies Frame,
      { type: 'list', request: 2, after: 'zzz' } satisfies Frame,
    ]).flat()
    const many = costOf(wire, left, 1)
    console.log(`one join and list ${once.toFixed(2)} ms, 300 of them ${many.toFixed(1)} ms`)
    expect(many).toBeLessThan(150)
  })
})
