/** A relay may be hostile, too: what it can make a client keep is bounded. */
import { describe, expect, test } from 'vitest'
import { CONVERSATION_KINDS, encodeFrame, type Frame, LIMITS } from '../../src/codec/index.ts'
import { JOINED } from './played-relay.ts'
import { World } from './world.ts'

/** Not asked for: a direct conversation that somebody else opened. */
const UNASKED: Frame = { ...JOINED, request: 0, kind: CONVERSATION_KINDS.direct, name: 'x' }

describe('a relay that floods', () => {
  //= PAL-LIM-008
  test('with pings gets no endless queue of pongs', () => {
    const world = new World()
    const { session } = world.connect('alice')
    const pings = Buffer.concat(
      Array.from({ length: 5000 }, (_, nonce) => encodeFrame({ type: 'ping', nonce, conversation: 0 })),
    )
    for (let i = 0; i < 200; i++) session.handleBytes(0, pings, world.now)
    expect(session.queuedBytes).toBeLessThanOrEqual(2 * LIMITS.outboundBytes)
  })

  //= PAL-LIM-008
  test('with conversations that nobody asked for is left', () => {
    const world = new World()
    const { session } = world.connect('alice')
    for (let conversation = 1; conversation <= 70_000; conversation++)
      session.handleBytes(0, encodeFrame({ ...UNASKED, conversation }), world.now)
    expect(session.conversations.size).toBeLessThanOrEqual(65_536)
    expect(session.state).toBe('closed')
  })

  //= PAL-LIM-008
  test('with members of one room is left', () => {
    const world = new World()
    const { session } = world.connect('alice')
    session.handleBytes(0, encodeFrame({ ...UNASKED, kind: CONVERSATION_KINDS.room }), world.now)
    for (let page = 0; page < 500; page++) {
      const members = Array.from({ length: 128 }, (_, i) => {
        return { alias: page * 128 + i + 1, name: 'x', key: new Uint8Array(32), role: 0 }
      })
      const frame: Frame = { type: 'members', request: 9, conversation: 1, members, more: true }
      session.handleBytes(0, encodeFrame(frame), world.now)
    }
    expect(session.conversations.get(1)?.members.size ?? 0).toBeLessThan(10_000)
  })
})
