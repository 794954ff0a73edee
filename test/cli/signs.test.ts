/** Who is typing, and who has read, as a chat shows and tells it. */
import { describe, expect, test } from 'vitest'
import { Signs } from '../../src/cli/chat/signs.ts'
import { CONVERSATION_KINDS, LIMITS, SIGNAL_KINDS } from '../../src/codec/index.ts'
import type { ClientConversation, ReceivedMessage, Signal } from '../../src/protocol/index.ts'

function rig() {
  const sent: (readonly [string, number, number])[] = []
  const clock = { now: 0, isOnline: true }
  const signal = ({ name }: ClientConversation, { kind, value }: Signal): boolean => {
    if (clock.isOnline) sent.push([name, kind, value])
    return clock.isOnline
  }
  const signs = new Signs({
    connection: () => ({ signal, position: () => 5 }),
    onChange: () => {},
    now: () => clock.now,
  })
  signs.isTelling = true
  return { signs, sent, clock }
}

function place(name: string, kind: number = CONVERSATION_KINDS.room): ClientConversation {
  return { name, kind, members: new Map() } as unknown as ClientConversation
}

function typing(conversation: ClientConversation, senderName: string, value = 1) {
  const signal = { kind: SIGNAL_KINDS.typing, value, body: new Uint8Array(0) }
  return { kind: 'signal', conversation, sender: senderName.charCodeAt(0), senderName, signal } as const
}

function message(
  conversation: ClientConversation,
  sender: string,
  seq: number,
  own = false,
): ReceivedMessage {
  return { conversation, sender: sender.charCodeAt(0), seq, own } as ReceivedMessage
}

describe('what others do', () => {
  //= PAL-SIG-015
  test('is shown until they say something, stop, or are silent for too long', () => {
    const { signs, clock } = rig()
    const garden = place('garden')
    signs.handle(typing(garden, 'alice'))
    expect(signs.text(garden)).toBe('alice is typing…')
    expect(signs.text(place('other'))).toBe('')
    signs.handle(typing(garden, 'bob'))
    expect(signs.text(garden)).toBe('alice and bob are typing…')
    signs.said(message(garden, 'alice', 3), true)
    expect(signs.text(garden)).toBe('bob is typing…')
    signs.handle(typing(garden, 'bob', 0))
    expect(signs.text(garden)).toBe('')
    signs.handle(typing(garden, 'carol'))
    clock.now += LIMITS.typingShownMs - 1
    expect(signs.text(garden)).toBe('carol is typing…')
    clock.now += 1
    expect(signs.text(garden)).toBe('')
    signs.end()
  })

  test('is told of a few by name and of a crowd as one, and a crowd costs no memory', () => {
    const { signs } = rig()
    const garden = place('garden')
    for (const name of ['a', 'b', 'c', 'd']) signs.handle(typing(garden, name))
    expect(signs.text(garden)).toBe('several people are typing…')
    for (let i = 0; i < 1000; i++) signs.handle({ ...typing(garden, 'x'), sender: 1000 + i })
    for (const name of ['a', 'b', 'c', 'd']) signs.handle(typing(garden, name, 0))
    expect(signs.text(garden)).toBe('several people are typing…')
    signs.end()
  })

  test('is told of the other one of a direct conversation, once they have read our last message', () => {
    const { signs } = rig()
    const direct = place('bob', CONVERSATION_KINDS.direct)
    const bob = { alias: 2, name: 'bob', key: new Uint8Array(32), role: 0, read: 6 }
    ;(direct.members as Map<number, typeof bob>).set(2, bob)
    expect(signs.text(direct)).toBe('')
    signs.said(message(direct, 'me', 7, true), true)
    expect(signs.text(direct)).toBe('')
    bob.read = 7
    expect(signs.text(direct)).toBe('bob has read it')
  })
})

describe('what is done here', () => {
  //= PAL-SIG-014
  test('is told when it begins, every three seconds while it goes on, and when it was given up', () => {
    const { signs, sent, clock } = rig()
    const garden = place('garden')
    for (const line of ['h', 'he', 'hel']) {
      signs.typed(garden, line)
      clock.now += 100
    }
    expect(sent).toEqual([['garden', 1, 1]])
    clock.now += LIMITS.typingMs
    signs.typed(garden, 'hell')
    signs.typed(garden, '')
    signs.typed(garden, '')
    expect(sent.slice(1)).toEqual([
      ['garden', 1, 1],
      ['garden', 1, 0],
    ])
    signs.typed(garden, 'sent')
    signs.sent()
    signs.typed(garden, '')
    expect(sent.length).toBe(4)
  })

  test('is no typing when it is a command, and stops where somebody goes elsewhere', () => {
    const { signs, sent } = rig()
    const [garden, ops] = [place('garden'), place('ops')]
    for (const line of ['/', '/msg bob', '']) signs.typed(garden, line)
    expect(sent).toEqual([])
    signs.typed(garden, '//x')
    signs.typed(ops, '//x')
    expect(sent).toEqual([
      ['garden', 1, 1],
      ['garden', 1, 0],
      ['ops', 1, 1],
    ])
  })

  test('is told of what was read alone with somebody, and in no room', () => {
    const { signs, sent } = rig()
    const direct = place('bob', CONVERSATION_KINDS.direct)
    signs.said(message(direct, 'bob', 3), true)
    signs.said(message(direct, 'bob', 4), false)
    signs.said(message(place('garden'), 'bob', 9), true)
    signs.read(direct)
    expect(sent).toEqual([
      ['bob', 2, 3],
      ['bob', 2, 5],
    ])
  })

  //= PAL-SIG-017
  test('is told to nobody when the person does not want it', () => {
    const { signs, sent, clock } = rig()
    signs.isTelling = false
    const direct = place('bob', CONVERSATION_KINDS.direct)
    signs.typed(direct, 'x')
    signs.said(message(direct, 'bob', 3), true)
    signs.isTelling = true
    clock.isOnline = false
    signs.typed(direct, 'x')
    clock.isOnline = true
    signs.typed(direct, 'xy')
    expect(sent).toEqual([['bob', 1, 1]])
  })
})
