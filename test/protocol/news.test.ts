/** What is news to a link, and what its own client has sent and may get a little later. */
import { describe, expect, test } from 'vitest'
import { EVENTS } from '../../src/codec/generated/registry.ts'
import { World } from './world.ts'

describe('entries that wait for a link', () => {
  const world = new World()
  const [alice, bob] = [world.connect('alice'), world.connect('bob')]
  const room = alice.join('room')
  bob.join('room')
  world.settle()
  const body = new TextEncoder().encode('hello')
  const { link: hers } = alice.wire
  const { link: his } = bob.wire

  /** Sends and ends the turn, without handing out what waits. */
  function turn(...senders: readonly (typeof alice)[]): void {
    for (const sender of senders) {
      sender.session.send(room.number, 0, body)
      while (sender.transmit());
    }
    world.relay.flush()
  }

  test('a message is news to everybody but its sender', () => {
    turn(alice)
    expect([hers.hasNews, his.hasNews]).toEqual([false, true])
    world.settle()
    expect([hers.hasNews, his.hasNews]).toEqual([false, false])
  })

  test('messages of two in one turn are news to both', () => {
    turn(alice, bob)
    expect([hers.hasNews, his.hasNews]).toEqual([true, true])
    world.settle()
  })

  test('what comes behind a message of its own is news', () => {
    turn(alice)
    expect(hers.hasNews).toBe(false)
    turn(bob)
    expect(hers.hasNews).toBe(true)
    world.settle()
    turn(alice)
    alice.session.request({ type: 'who', conversation: room.number, after: 0 })
    while (alice.transmit());
    world.relay.flush()
    expect(hers.hasNews).toBe(true)
    world.settle()
  })

  test('an event in the same turn is news', () => {
    const conversation = world.relay.hub.conversations.get(room.number)
    if (!conversation) throw new Error('the room is there')
    alice.session.send(room.number, 0, body)
    while (alice.transmit());
    world.relay.hub.addEvent(conversation, { kind: EVENTS.topic })
    world.relay.flush()
    expect(hers.hasNews).toBe(true)
    world.settle()
  })
})
