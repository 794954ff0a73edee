import { describe, expect, test } from 'vitest'
import { EVENTS, encodeFrame, LEAVE_REASONS, LIMITS, ROLES } from '../../src/codec/index.ts'
import { codeOf, openRaw } from './raw-handshake.ts'
import { type TestClient, World } from './world.ts'

const MEMBERS = 1
const EXISTING = 2

describe('joining', () => {
  //= PAL-ROM-011
  //= PAL-ROM-012
  //= PAL-ROM-013
  test('makes the room, and its maker is operator', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    wire.send({ type: 'join', request: 5, room: 'Kitchen', options: MEMBERS })
    const [joined, members, entry, ...rest] = wire.received()
    expect(joined).toMatchObject({
      type: 'joined',
      request: 5,
      name: 'Kitchen',
      alias: 1,
      role: ROLES.operator,
    })
    expect(joined).toMatchObject({ seq: 0, ref: 0, count: 1, limit: LIMITS.membersPerRoom, locked: false })
    expect(members).toMatchObject({ type: 'members', request: 5, more: false, members: [{ name: 'alice' }] })
    expect(entry).toMatchObject({ type: 'event', seq: 1, kind: EVENTS.joined, subject: 1, name: 'alice' })
    expect(rest).toEqual([])
  })

  //= PAL-ROM-015
  test('is seen by all members, the newcomer included, as the same entry', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.join('lobby')
    const bob = world.connect('bob')
    const room = bob.join('LOBBY', MEMBERS)
    expect(room).toMatchObject({ name: 'lobby', alias: 2, role: ROLES.member, seq: 2, count: 2 })
    expect([...room.members.values()].map((member) => member.name)).toEqual(['alice', 'bob'])
    for (const client of [alice, bob])
      expect(client.eventsOf('event').at(-1)?.event).toMatchObject({
        seq: 2,
        kind: EVENTS.joined,
        name: 'bob',
      })
  })

  //= PAL-ROM-009
  test('is refused with the code of the first check that fails', () => {
    const world = new World({ limits: { rooms: 2, roomsPerSession: 2 } })
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const carol = world.connect('carol')
    alice.join('one')
    expect(alice.refusalOf({ type: 'join', room: ' one', options: 0 })).toBe('bad_room_name')
    expect(alice.refusalOf({ type: 'join', room: 'ONE', options: EXISTING })).toBe('already_member')
    expect(bob.refusalOf({ type: 'join', room: 'two', options: EXISTING })).toBe('no_such_room')
    alice.join('cope')
    expect(bob.refusalOf({ type: 'join', room: '\u0441\u043e\u0440\u0435', options: 0 })).toBe(
      'bad_room_name',
    )
    expect(bob.refusalOf({ type: 'join', room: 'three', options: 0 })).toBe('too_many_conversations')
    const { number } = [...alice.session.conversations.values()][0] as { number: number }
    alice.ask({ type: 'setLimit', conversation: number, limit: 1 })
    expect(bob.refusalOf({ type: 'join', room: 'one', options: 0 })).toBe('room_full')
    alice.ask({ type: 'lock', conversation: number, locked: true })
    expect(bob.refusalOf({ type: 'join', room: 'one', options: 0 })).toBe('room_locked')
    alice.ask({ type: 'ban', conversation: number, name: 'bob', seconds: 0, reason: '' })
    expect(bob.refusalOf({ type: 'join', room: 'one', options: 0 })).toBe('room_banned')
    expect(carol.refusalOf({ type: 'join', room: 'one', options: 0 })).toBe('room_locked')
    expect(world.relay.hub.rooms.size).toBe(2)
  })

  test('more rooms than a session may have is refused, and a room left makes place', () => {
    const world = new World({ limits: { roomsPerSession: 2 } })
    const alice = world.connect('alice')
    const one = alice.join('one')
    alice.join('two')
    expect(alice.refusalOf({ type: 'join', room: 'three', options: 0 })).toBe('too_many_conversations')
    alice.ask({ type: 'leave', conversation: one.number })
    alice.join('three')
  })

  test('a full room lets the next one in as soon as a place is free', () => {
    const world = new World()
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => world.connect(name))
    const room = alice?.join('lobby')
    alice?.ask({ type: 'setLimit', conversation: room?.number ?? 0, limit: 2 })
    bob?.join('lobby')
    expect(carol?.refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_full')
    bob?.session.close()
    world.settle()
    carol?.join('lobby')
  })

  //= PAL-ROM-014
  test('bits of options that nobody knows are ignored', () => {
    const world = new World()
    expect(world.connect('alice').join('lobby', 0xfc).count).toBe(1)
  })

  test('many members come in several frames, each once', () => {
    const world = new World()
    const wires = Array.from({ length: 300 }, (_, i) => openRaw(world, `user${i}`))
    for (const wire of wires) wire.send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    const last = openRaw(world, 'last')
    last.send({ type: 'join', request: 1, room: 'lobby', options: MEMBERS })
    const frames = last.framesOf('members')
    expect(frames.map((frame) => [frame.members.length, frame.more])).toEqual([
      [128, true],
      [128, true],
      [45, false],
    ])
    const aliases = frames.flatMap((frame) => frame.members.map((member) => member.alias))
    expect(aliases).toEqual(Array.from({ length: 301 }, (_, i) => i + 1))
  })
})

describe('leaving', () => {
  //= PAL-ROM-017
  //= PAL-ROM-018
  test('is an entry for all, then ok, and nothing follows', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    for (const wire of [alice, bob])
      wire.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    alice.received()
    const send = { type: 'send', conversation: 1, kind: 0, body: new Uint8Array(1) } as const
    bob.send({ type: 'leave', request: 2, conversation: 1 }, { ...send, ref: 1 })
    alice.send({ ...send, ref: 1 })
    expect(bob.received()).toMatchObject([
      { type: 'event', seq: 3, kind: EVENTS.left, name: 'bob', value: LEAVE_REASONS.left },
      { type: 'ok', request: 2, conversation: 1 },
      { type: 'error', code: codeOf('not_a_member'), conversation: 1, ref: 1 },
    ])
    expect(alice.received()).toMatchObject([
      { type: 'event', seq: 3, kind: EVENTS.left },
      { type: 'message', seq: 4 },
    ])
  })

  test.each([
    ['goodbye', LEAVE_REASONS.closed],
    ['lost', LEAVE_REASONS.lost],
    ['idle', LEAVE_REASONS.lost],
    ['malformed', LEAVE_REASONS.removed],
  ])('by the end of the session (%s) has its reason', (how, reason) => {
    const world = new World()
    const alice = world.connect('alice')
    alice.join('lobby')
    const bob = openRaw(world, 'bob')
    bob.send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    world.settle()
    if (how === 'goodbye') bob.send({ type: 'close', code: codeOf('goodbye'), text: '', retryMs: 0 })
    else if (how === 'lost') bob.cut()
    else if (how === 'malformed') bob.deliver(Uint8Array.of(0, 0, 0, 0))
    else world.advance(LIMITS.idleMs + 1000)
    if (reason === LEAVE_REASONS.lost) world.advance(LIMITS.detachedMs)
    world.settle()
    const left = alice.eventsOf('event').at(-1)?.event
    expect(left).toMatchObject({ kind: EVENTS.left, name: 'bob', value: reason })
    expect(alice.session.conversations.get(1)?.count).toBe(1)
  })

  //= PAL-ROM-016
  //= PAL-ROM-004
  test('the last one ends the room with all that belonged to it', () => {
    const world = new World()
    const alice = world.connect('alice')
    const first = alice.join('lobby')
    alice.ask({ type: 'setTopic', conversation: first.number, topic: 'soup' })
    alice.ask({ type: 'lock', conversation: first.number, locked: true })
    alice.ask({ type: 'leave', conversation: first.number })
    expect(world.relay.hub.rooms.size).toBe(0)
    const bob = world.connect('bob')
    const second = bob.join('lobby')
    expect(second).toMatchObject({ topic: '', locked: false, role: ROLES.operator, seq: 1 })
    expect(second.number).not.toBe(first.number)
  })

  test('a permanent room stays, without operator', () => {
    const world = new World({ rooms: ['Hall'] })
    const alice = world.connect('alice')
    const first = alice.join('hall')
    expect(first).toMatchObject({ name: 'Hall', role: ROLES.member })
    alice.ask({ type: 'leave', conversation: first.number })
    const again = alice.join('hall')
    expect(again).toMatchObject({ number: first.number, alias: 1, ref: 0, seq: 3 })
  })

  //= PAL-ROM-005
  //= PAL-ROM-006
  test('an alias is not given again while the room lives', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.join('lobby')
    const bob = world.connect('bob')
    const aliasOf = (client: TestClient): number => {
      const room = client.join('lobby')
      client.ask({ type: 'leave', conversation: room.number })
      return room.alias
    }
    expect([aliasOf(bob), aliasOf(bob), aliasOf(world.connect('carol'))]).toEqual([2, 2, 3])
    const elsewhere = world.connect('bob', { clientId: new Uint8Array(8) })
    expect([aliasOf(elsewhere), aliasOf(elsewhere), aliasOf(world.connect('bob'))]).toEqual([4, 4, 2])
  })

  //= PAL-ROM-019
  test('of a conversation one is not in is refused', () => {
    const alice = new World().connect('alice')
    expect(alice.refusalOf({ type: 'leave', conversation: 7 })).toBe('not_a_member')
    expect(alice.refusalOf({ type: 'who', conversation: 7, after: 0 })).toBe('not_a_member')
  })
})

describe('asking', () => {
  //= PAL-ROM-020
  test('who is in a room', () => {
    const world = new World()
    const alice = world.connect('alice')
    const { number: conversation } = alice.join('lobby')
    world.connect('bob').join('lobby')
    const all = alice.ask({ type: 'who', conversation, after: 0 })
    expect(all).toMatchObject({
      frame: { members: [{ alias: 1, name: 'alice' }, { alias: 2 }], more: false },
    })
    expect(alice.ask({ type: 'who', conversation, after: 1 })).toMatchObject({
      frame: { members: [{ alias: 2 }] },
    })
  })

  //= PAL-ROM-021
  test('who is on the relay, in pages, in the order of opening', () => {
    const world = new World()
    const wires = Array.from({ length: 200 }, (_, i) => openRaw(world, `user${i}`))
    const [first] = wires
    const names: string[] = []
    for (let after = 0, more = true; more; ) {
      first?.send({ type: 'who', request: 1, conversation: 0, after })
      const [page] = first?.received() ?? []
      if (page?.type !== 'members') throw new Error('no members')
      names.push(...page.members.map((member) => member.name))
      after = page.members.at(-1)?.alias ?? 0
      more = page.more
    }
    expect(names).toEqual(Array.from({ length: 200 }, (_, i) => `user${i}`))
  })

  //= PAL-ROM-022
  test('which rooms there are, in pages, in the order of code points', () => {
    const world = new World()
    const names = Array.from({ length: 90 }, (_, i) => `room${i}`)
    const wire = openRaw(world, 'alice')
    names.forEach((room, i) => void wire.send({ type: 'join', request: i + 1, room, options: 0 }))
    wire.received()
    const seen: string[] = []
    for (let after = '', more = true; more; ) {
      wire.send({ type: 'list', request: 1, after })
      const [page] = wire.received()
      if (page?.type !== 'rooms') throw new Error('no rooms')
      expect(page.rooms.length).toBeLessThanOrEqual(64)
      seen.push(...page.rooms.map((room) => room.name))
      after = page.rooms.at(-1)?.name ?? ''
      more = page.more
    }
    expect(seen).toEqual([...names].sort())
  })

  //= PAL-ROM-023
  test('whose name it is, and whether they are there', () => {
    const world = new World()
    const alice = world.connect('alice')
    const bob = world.connect('Bob')
    expect(alice.ask({ type: 'whois', name: 'BOB' })).toMatchObject({ frame: { name: 'Bob', online: true } })
    bob.wire.cut()
    expect(alice.ask({ type: 'whois', name: 'bob' })).toMatchObject({ frame: { name: 'Bob', online: false } })
    expect(alice.refusalOf({ type: 'whois', name: 'nobody' })).toBe('no_such_name')
    expect(alice.refusalOf({ type: 'whois', name: '\u202e' })).toBe('no_such_name')
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'a name like %s is a name like any',
    (name) => {
      const world = new World()
      const alice = world.connect('alice')
      expect(alice.refusalOf({ type: 'whois', name })).toBe('no_such_name')
      const other = world.connect(name)
      other.join(name)
      expect(alice.ask({ type: 'whois', name })).toMatchObject({ kind: 'identity', frame: { online: true } })
    },
  )
})

describe('sending', () => {
  //= PAL-ROM-001
  //= PAL-ROM-003
  //= PAL-MSG-006
  test('reaches all members as the same bytes, the sender included', () => {
    const world = new World()
    const clients = ['alice', 'bob', 'carol'].map((name) => world.connect(name))
    const rooms = clients.map((client) => client.join('lobby'))
    const before = clients.map((client) => client.wire.raw.length)
    clients.forEach((client, i) => {
      client.session.send(rooms[i]?.number ?? 0, i, Uint8Array.of(i, 255, 0))
    })
    world.settle()
    const got = clients.map((client, i) => client.wire.raw.slice(before[i]))
    expect(got[0]).toHaveLength(3)
    expect(got[1]).toEqual(got[0])
    expect(got[2]).toEqual(got[0])
    const messages = clients[0]?.eventsOf('message').map(({ message }) => message)
    expect(messages).toMatchObject([
      { seq: 4, ref: 1, contentKind: 0, own: true, senderName: 'alice' },
      { seq: 5, ref: 1, contentKind: 1, own: false },
      { seq: 6, ref: 1, contentKind: 2, own: false },
    ])
  })

  //= PAL-MSG-003
  //= PAL-MSG-004
  //= PAL-MSG-005
  test('is refused with the code of the first check that fails, and a refused ref stays free', () => {
    const world = new World({ limits: { bodyBytes: 10 } })
    const wire = openRaw(world, 'alice')
    const send = { type: 'send', conversation: 1, kind: 0, body: new Uint8Array(3) } as const
    wire.send({ ...send, ref: 1 })
    expect(wire.received()).toMatchObject([
      { code: codeOf('not_a_member'), request: 0, conversation: 1, ref: 1 },
    ])
    wire.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    const long = new Uint8Array(11)
    const refs: [number, Uint8Array, unknown][] = [
      [2, send.body, { type: 'error', code: codeOf('ref_gap'), ref: 2 }],
      [1, long, { type: 'error', code: codeOf('body_too_large'), ref: 1 }],
      [1, send.body, { type: 'message', ref: 1, seq: 2 }],
      [1, long, { type: 'error', code: codeOf('ref_repeated'), ref: 1 }],
      [1, send.body, { type: 'ack', ref: 1, seq: 2 }],
      [3, long, { type: 'error', code: codeOf('ref_gap'), ref: 3 }],
      [2, send.body, { type: 'message', ref: 2, seq: 3 }],
    ]
    for (const [ref, body, answer] of refs)
      expect(wire.send({ ...send, ref, body }).received()).toMatchObject([answer])
  })

  //= PAL-MSG-008
  test('goes on with the refs of the last membership', () => {
    const world = new World()
    const bob = world.connect('bob')
    bob.join('lobby')
    const alice = world.connect('alice')
    for (let i = 0; i < 2; i++) {
      const room = alice.join('lobby')
      expect(room.ref).toBe(i)
      expect(alice.say(room.number, 'hello')).toBe(i + 1)
      alice.ask({ type: 'leave', conversation: room.number })
    }
    expect(bob.texts).toEqual(['alice: hello', 'alice: hello'])
  })

  //= PAL-MSG-007
  test('any content of any kind passes as it is', () => {
    const world = new World()
    const alice = world.connect('alice')
    const room = alice.join('lobby')
    for (const kind of [0, 3, 99, 255]) alice.session.send(room.number, kind, Uint8Array.of(0xff, 0xc1, kind))
    alice.session.send(room.number, 0, new Uint8Array(0))
    alice.session.send(room.number, 0, new Uint8Array(LIMITS.bodyBytes).fill(7))
    world.settle()
    const bodies = alice.eventsOf('message').map(({ message }) => [message.contentKind, message.body.length])
    expect(bodies).toEqual([
      [0, 3],
      [3, 3],
      [99, 3],
      [255, 3],
      [0, 0],
      [0, LIMITS.bodyBytes],
    ])
  })

  //= PAL-FRM-008
  test('with fields that nobody knows is taken, too', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    wire.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    const bytes = encodeFrame({
      type: 'send',
      conversation: 1,
      ref: 1,
      kind: 3,
      body: Uint8Array.of(9, 8, 7),
    })
    const longer = Buffer.concat([bytes, Uint8Array.of(0xc0)])
    longer[3] = (longer[3] as number) + 1
    longer[4] = 0x96
    wire.send(longer)
    expect(wire.received()).toMatchObject([{ type: 'message', ref: 1, body: Uint8Array.of(9, 8, 7) }])
  })

  test('a room name of the longest kind works', () => {
    const world = new World()
    const name = '\u{20000}'.repeat(64)
    expect(world.connect('alice').join(name).name).toBe(name)
    const again = world.connect('bob')
    expect(again.refusalOf({ type: 'join', room: `${name.slice(2)}ab`, options: 0 })).toBe('bad_room_name')
  })
})
