import { beforeEach, describe, expect, test } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import { EVENTS, type EventFrame, LIMITS, ROLES } from '../../src/codec/index.ts'
import type { ClientConversation, ClientRequest } from '../../src/protocol/index.ts'
import { codeOf, openRaw } from './raw-handshake.ts'
import { identityOf, type TestClient, World } from './world.ts'

const boss = hexOf(identityOf('boss').publicKey)

describe('in a room', () => {
  let world: World
  let alice: TestClient
  let bob: TestClient
  let carol: TestClient
  let room: ClientConversation
  let conversation: number

  beforeEach(() => {
    world = new World({ operators: new Set([boss]), limits: { bansPerRoom: 2 } })
    ;[alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => world.connect(name)) as [
      TestClient,
      TestClient,
      TestClient,
    ]
    room = alice.join('lobby')
    conversation = room.number
    bob.join('lobby', 1)
    carol.join('lobby')
  })

  const last = (client: TestClient): EventFrame => client.eventsOf('event').at(-1)?.event as EventFrame

  //= PAL-MOD-007
  //= PAL-MOD-009
  test.each<[ClientRequest['type'], Partial<EventFrame>, object]>([
    ['setTopic', { kind: EVENTS.topic, text: 'soup' }, { topic: 'soup' }],
    ['setLimit', { kind: EVENTS.limit, value: 2 }, { limit: 2 }],
    ['lock', { kind: EVENTS.lock, value: 1 }, { locked: true }],
  ])('%s is an entry for all, and all know it', (type, entry, state) => {
    const fields = { setTopic: { topic: 'soup' }, setLimit: { limit: 2 }, lock: { locked: true } }
    const request = { type, conversation, ...fields[type as 'lock'] } as ClientRequest
    expect(alice.ask(request)).toMatchObject({ kind: 'ok' })
    for (const client of [alice, bob, carol]) {
      expect(last(client)).toMatchObject({ ...entry, actor: 1, seq: 4 })
      expect(client.session.conversations.get(conversation)).toMatchObject(state)
    }
  })

  //= PAL-MOD-001
  //= PAL-MOD-006
  test.each<ClientRequest['type']>(['setTopic', 'kick', 'ban', 'unban', 'setRole', 'setLimit', 'lock'])(
    '%s by a member is not permitted, whatever else is wrong with it, and changes nothing',
    (type) => {
      const fields = {
        topic: 'x',
        name: 'nobody',
        reason: '',
        seconds: 1,
        role: 9,
        limit: 4_000_000,
        locked: true,
      }
      const before = bob.eventsOf('event').length
      expect(bob.refusalOf({ type, conversation, ...fields } as ClientRequest)).toBe('not_permitted')
      expect(bob.eventsOf('event')).toHaveLength(before)
    },
  )

  //= PAL-MOD-004
  test('a moderator of a room one is not in is refused', () => {
    const dave = world.connect('dave')
    for (const number of [conversation, 99])
      expect(dave.refusalOf({ type: 'lock', conversation: number, locked: true })).toBe('not_a_member')
  })

  //= PAL-MOD-008
  //= PAL-ROM-018
  test('who is kicked gets that entry as the last one', () => {
    const kick = { type: 'kick', conversation, name: 'BOB', reason: 'enough' } as const
    const before = bob.wire.frames.length
    alice.session.request(kick)
    alice.session.send(conversation, 0, new Uint8Array(1))
    world.settle()
    const seen = bob.wire.frames.slice(before)
    expect(seen).toMatchObject([
      { type: 'event', kind: EVENTS.kicked, actor: 1, subject: 2, name: 'bob', text: 'enough' },
    ])
    expect(bob.eventsOf('event').at(-1)).toMatchObject({ endsMembership: true, actorName: 'alice' })
    expect(bob.session.conversations.size).toBe(0)
    expect(() => bob.session.send(conversation, 0, new Uint8Array(1))).toThrow('[bad_state]')
    bob.join('lobby')
  })

  //= PAL-MOD-011
  test('who is banned stays out by key, under every name, until the ban ends', () => {
    alice.ask({ type: 'ban', conversation, name: 'bob', seconds: 60, reason: 'rude' })
    expect(last(carol)).toMatchObject({
      kind: EVENTS.banned,
      subject: 2,
      name: 'bob',
      value: 60,
      text: 'rude',
    })
    const again = world.connect('robert', { identity: 'bob' })
    expect(again.refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_banned')
    world.advance(59_000)
    expect(again.refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_banned')
    world.advance(1_000)
    again.join('lobby')
  })

  test('an identity that is not there can be banned, and the ban lifted', () => {
    const dave = world.connect('dave')
    alice.ask({ type: 'ban', conversation, name: 'dave', seconds: 0, reason: '' })
    expect(last(carol)).toMatchObject({ kind: EVENTS.banned, subject: 0, name: 'dave', value: 0 })
    expect(dave.refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_banned')
    alice.ask({ type: 'unban', conversation, name: 'dave' })
    expect(last(carol)).toMatchObject({ kind: EVENTS.unbanned, name: 'dave', actor: 1 })
    dave.join('lobby')
  })

  //= PAL-MOD-015
  //= PAL-MOD-016
  test.each<[string, ClientRequest, string]>([
    ['kick of a stranger', { type: 'kick', conversation: 1, name: 'nobody', reason: '' }, 'no_such_name'],
    [
      'ban of a stranger',
      { type: 'ban', conversation: 1, name: 'nobody', seconds: 0, reason: '' },
      'no_such_name',
    ],
    ['unban of somebody not banned', { type: 'unban', conversation: 1, name: 'bob' }, 'no_such_name'],
    ['a role for a stranger', { type: 'setRole', conversation: 1, name: 'nobody', role: 0 }, 'no_such_name'],
    ['a role nobody has', { type: 'setRole', conversation: 1, name: 'bob', role: 7 }, 'bad_value'],
    ['the role of relay operator', { type: 'setRole', conversation: 1, name: 'bob', role: 2 }, 'bad_value'],
    ['a limit above the relay', { type: 'setLimit', conversation: 1, limit: 2001 }, 'bad_value'],
    [
      'a ban of oneself',
      { type: 'ban', conversation: 1, name: 'alice', seconds: 0, reason: '' },
      'bad_value',
    ],
  ])('%s is refused', (_what, request, code) => {
    expect(alice.refusalOf(request)).toBe(code)
  })

  test('bans are bounded, and those that ended make place', () => {
    for (const name of ['dave', 'erin', 'frank']) world.connect(name)
    const ban = (name: string, seconds: number) =>
      alice.refusalOf({ type: 'ban', conversation, name, seconds, reason: '' })
    expect([ban('dave', 10), ban('erin', 0), ban('frank', 0)]).toEqual([undefined, undefined, 'bad_value'])
    expect(ban('dave', 10)).toBeUndefined()
    world.advance(10_000)
    expect(ban('frank', 0)).toBeUndefined()
  })

  test('a member made operator moderates, and no longer when it is taken back', () => {
    const role = (value: number) => alice.ask({ type: 'setRole', conversation, name: 'bob', role: value })
    role(ROLES.operator)
    expect(bob.session.conversations.get(conversation)?.role).toBe(ROLES.operator)
    expect(last(carol)).toMatchObject({ kind: EVENTS.role, actor: 1, subject: 2, value: ROLES.operator })
    expect(bob.ask({ type: 'setTopic', conversation, topic: 'tea' })).toMatchObject({ kind: 'ok' })
    role(ROLES.member)
    expect(bob.refusalOf({ type: 'setTopic', conversation, topic: 'x' })).toBe('not_permitted')
  })

  //= PAL-MOD-013
  test('a limit below the count keeps those who are in, and the next ones out', () => {
    alice.ask({ type: 'setLimit', conversation, limit: 1 })
    expect(world.relay.hub.rooms.get('lobby')?.members).toHaveLength(3)
    bob.ask({ type: 'leave', conversation })
    expect(bob.refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_full')
  })

  test('a locked room lets nobody in but relay operators', () => {
    alice.ask({ type: 'lock', conversation, locked: true })
    expect(world.connect('dave').refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_locked')
    expect(world.connect('boss').join('lobby').role).toBe(ROLES.relay_operator)
  })

  //= PAL-MOD-005
  //= PAL-MOD-014
  test('a relay operator cannot be kicked, banned or demoted by the operator of a room', () => {
    const admin = world.connect('boss')
    admin.join('lobby')
    const attempts = (): (string | undefined)[] => [
      alice.refusalOf({ type: 'kick', conversation, name: 'boss', reason: '' }),
      alice.refusalOf({ type: 'setRole', conversation, name: 'boss', role: 0 }),
      alice.refusalOf({ type: 'ban', conversation, name: 'boss', seconds: 0, reason: '' }),
    ]
    expect(attempts()).toEqual(['not_permitted', 'not_permitted', 'not_permitted'])
    admin.ask({ type: 'leave', conversation })
    expect(attempts()).toEqual(['no_such_name', 'no_such_name', 'not_permitted'])
    admin.wire.cut()
    expect(attempts()).toEqual(['no_such_name', 'no_such_name', 'not_permitted'])
    const back = world.connect('boss')
    back.join('lobby')
    expect(back.ask({ type: 'kick', conversation, name: 'alice', reason: '' })).toMatchObject({ kind: 'ok' })
  })

  //= PAL-MOD-010
  test('somebody is found by every name of theirs', () => {
    world.connect('robert', { identity: 'bob' }).join('lobby')
    expect(alice.ask({ type: 'kick', conversation, name: 'bob', reason: '' })).toMatchObject({ kind: 'ok' })
    expect(last(carol)).toMatchObject({ kind: EVENTS.kicked, name: 'robert' })
  })

  //= PAL-MOD-003
  test('there is nothing to moderate in a direct conversation', () => {
    const direct = alice.direct('bob').number
    expect(alice.refusalOf({ type: 'setTopic', conversation: direct, topic: 'x' })).toBe('not_permitted')
    const admin = world.connect('boss')
    const other = admin.direct('bob').number
    expect(admin.refusalOf({ type: 'kick', conversation: other, name: 'bob', reason: '' })).toBe(
      'not_permitted',
    )
  })

  test('a message that is under way when its sender is kicked is refused and seen by nobody', () => {
    bob.session.send(conversation, 0, new Uint8Array(1))
    alice.session.request({ type: 'kick', conversation, name: 'bob', reason: '' })
    while (alice.transmit());
    world.settle()
    expect(bob.eventsOf('error')).toMatchObject([{ name: 'not_a_member', frame: { ref: 1, conversation } }])
    expect(carol.eventsOf('message')).toEqual([])
  })
})

describe('of the relay', () => {
  let world: World
  let admin: TestClient
  let bob: TestClient

  beforeEach(() => {
    world = new World({ operators: new Set([boss]) })
    admin = world.connect('boss')
    bob = world.connect('bob')
  })

  test('a relay operator is told so', () => {
    expect(admin.session.facts?.role).toBe(ROLES.relay_operator)
    expect(bob.session.facts?.role).toBe(ROLES.member)
  })

  //= PAL-MOD-002
  test.each<ClientRequest>([
    { type: 'announce', text: 'x' },
    { type: 'kick', conversation: 0, name: 'nobody', reason: '' },
    { type: 'ban', conversation: 0, name: 'nobody', seconds: 0, reason: '' },
    { type: 'unban', conversation: 0, name: 'nobody' },
    { type: 'setLimit', conversation: 0, limit: 4_000_000 },
  ])('$type by anybody else is not permitted', (request) => {
    expect(bob.refusalOf(request)).toBe('not_permitted')
  })

  test('an announcement reaches every session, its sender included', () => {
    expect(admin.ask({ type: 'announce', text: 'soup is ready' })).toMatchObject({ kind: 'ok' })
    for (const client of [admin, bob])
      expect(client.eventsOf('notice')).toMatchObject([{ frame: { from: 'boss', text: 'soup is ready' } }])
  })

  test('a kick ends the session, which may come back at once', () => {
    admin.ask({ type: 'kick', conversation: 0, name: 'bob', reason: 'out' })
    expect(bob.eventsOf('closed')).toMatchObject([{ name: 'kicked', text: 'out' }])
    world.connect('bob')
    expect(admin.refusalOf({ type: 'kick', conversation: 0, name: 'nobody', reason: '' })).toBe(
      'no_such_name',
    )
  })

  //= PAL-SES-017
  test('after a relay operator has kicked itself nothing follows the close', () => {
    const wire = openRaw(world, 'boss')
    wire.send({ type: 'kick', request: 1, conversation: 0, name: 'boss', reason: '' })
    wire.send({ type: 'ping', nonce: 1, conversation: 0 })
    expect(wire.received().at(-1)).toMatchObject({ type: 'close', code: codeOf('kicked') })
  })

  //= PAL-MOD-012
  test('a ban keeps the identity out, also of the next relay with the same store', () => {
    admin.ask({ type: 'ban', conversation: 0, name: 'bob', seconds: 0, reason: 'rude' })
    expect(bob.endedBy).toBe('banned')
    const again = world.dial('robert', { identity: 'bob' })
    world.settle()
    expect(again.endedBy).toBe('banned')
    const next = new World({ storage: world.storage, operators: new Set([boss]) })
    const still = next.dial('bob')
    next.settle()
    expect(still.endedBy).toBe('banned')
    next.connect('boss').ask({ type: 'unban', conversation: 0, name: 'bob' })
    next.connect('bob')
  })

  test('a ban for a time ends by itself', () => {
    admin.ask({ type: 'ban', conversation: 0, name: 'bob', seconds: 30, reason: '' })
    world.advance(29_000)
    const early = world.dial('bob')
    world.settle()
    expect(early.endedBy).toBe('banned')
    world.advance(1_000)
    world.connect('bob')
  })

  test('the limit of sessions can be lowered and raised while all stay', () => {
    admin.ask({ type: 'setLimit', conversation: 0, limit: 1 })
    expect(world.relay.hub.sessions.size).toBe(2)
    const carol = world.dial('carol')
    world.settle()
    expect(carol.endedBy).toBe('relay_full')
    admin.ask({ type: 'setLimit', conversation: 0, limit: 3 })
    const late = world.connect('carol')
    expect(late.session.limit('sessions')).toBe(3)
    expect(world.relay.hub.limits.membersPerRoom).toBe(LIMITS.membersPerRoom)
  })
})
