import { encode } from '@msgpack/msgpack'
import { describe, expect, test } from 'vitest'
import { ERRORS, EVENTS, type Frame, ROLES } from '../../src/codec/index.ts'
import { openRaw } from './raw-handshake.ts'
import { type Wire, World } from './world.ts'

const send = (conversation: number, ref: number): Frame => ({
  type: 'send',
  conversation,
  ref,
  kind: 0,
  body: Uint8Array.of(ref),
})

function joined(wire: Wire, room: string): number {
  wire.send({ type: 'join', request: 1, room, options: 0 })
  const [answer] = wire.framesOf('joined')
  wire.received()
  return answer?.conversation ?? 0
}

//= PAL-ROM-033
describe('in one turn, answers keep their place among the entries of their conversation', () => {
  test('who shows the members after the entries before it and before those after it', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const room = joined(alice, 'lobby')
    const bob = openRaw(world, 'bob')
    joined(bob, 'lobby')
    alice.received()
    alice.send(
      { type: 'who', request: 2, conversation: room, after: 0 },
      { type: 'kick', request: 3, conversation: room, name: 'bob', reason: '' },
      { type: 'who', request: 4, conversation: room, after: 0 },
    )
    const frames = alice.received()
    expect(frames.map((frame) => frame.type)).toEqual(['members', 'event', 'ok', 'members'])
    expect(frames[0]).toMatchObject({ request: 2, members: [{ name: 'alice' }, { name: 'bob' }] })
    expect(frames[3]).toMatchObject({ request: 4, members: [{ name: 'alice' }] })
    const last = bob.received().at(-1)
    expect(last).toMatchObject({ type: 'event', kind: EVENTS.kicked, name: 'bob' })
  })

  test('a change by another member shows in who exactly when its entry has come', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const room = joined(alice, 'lobby')
    const bob = openRaw(world, 'bob')
    joined(bob, 'lobby')
    bob.received()
    bob.send({ type: 'who', request: 2, conversation: room, after: 1 })
    alice.send({ type: 'setRole', request: 2, conversation: room, name: 'bob', role: ROLES.operator })
    bob.send({ type: 'who', request: 3, conversation: room, after: 1 })
    const roles = bob
      .received()
      .map((frame) => (frame.type === 'members' ? frame.members.map((member) => member.role) : frame.type))
    expect(roles).toEqual([[ROLES.member], 'event', [ROLES.operator]])
  })

  test('a refused send stands between the messages around it, and pong behind them', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const room = joined(alice, 'lobby')
    alice.send(send(room, 1), send(room, 9), send(room, 2), { type: 'ping', nonce: 9, conversation: room })
    const frames = alice.received()
    expect(frames.map((frame) => frame.type)).toEqual(['message', 'error', 'message', 'pong'])
    expect(frames[1]).toMatchObject({ code: ERRORS.ref_gap, conversation: room, ref: 9 })
  })

  test('a refusal from before a membership does not fall into the next one', () => {
    const world = new World()
    const bob = openRaw(world, 'bob')
    const room = joined(bob, 'lobby')
    const alice = openRaw(world, 'alice')
    joined(alice, 'lobby')
    alice.received()
    alice.send(
      { type: 'leave', request: 2, conversation: room },
      send(room, 1),
      { type: 'join', request: 3, room: 'lobby', options: 0 },
      send(room, 1),
    )
    const types = alice.received().map((frame) => frame.type)
    expect(types).toEqual(['event', 'ok', 'error', 'joined', 'event', 'message'])
  })

  test('others get the batch in one piece of bytes that is the same for all', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const room = joined(alice, 'lobby')
    const bob = openRaw(world, 'bob')
    joined(bob, 'lobby')
    alice.received()
    bob.received()
    alice.send(send(room, 1), { type: 'ping', nonce: 1, conversation: room }, send(room, 2))
    world.settle()
    const entries = (wire: Wire): string[] => wire.raw.filter((hex) => hex.startsWith('9821')).slice(-2)
    expect(entries(alice)).toHaveLength(2)
    expect(entries(alice)).toEqual(entries(bob))
  })
})

//= PAL-HSK-035
describe('a hello of a later edition', () => {
  test.each([
    ['with one field', [1, [2]]],
    ['with other fields', [1, [2, 3], 'future', 0]],
    ['with more versions than this edition allows', [1, [2, 3, 4, 5, 6, 7, 8, 9, 10]]],
  ])('%s is refused for its versions', (_, frame) => {
    const world = new World()
    const wire = world.open()
    const bytes = encode(frame)
    wire.send(Uint8Array.of(0, 0, 0, bytes.length), bytes)
    expect(wire.received()).toMatchObject([{ type: 'close', code: ERRORS.unsupported_version }])
  })
})
