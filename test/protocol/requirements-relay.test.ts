/** What the specification asks of a relay. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex, equalSecrets, hexOf, type Instant } from '../../src/base/index.ts'
import {
  decodeFrame,
  ERROR_INFO,
  ERRORS,
  type ErrorName,
  EVENTS,
  encodeFrame,
  FRAME_SPECS,
  FRAME_TYPES,
  type Frame,
  isFault,
  JOIN_OPTIONS,
  LIMITS,
  ROLES,
} from '../../src/codec/index.ts'
import { normalizeName } from '../../src/protocol/index.ts'
import { frameValues } from '../../tools/spec/arbitraries.ts'
import { authenticate, authFor, codeOf, HELLO, openRaw } from './raw-handshake.ts'
import { fakeSignatures, identityOf, type Wire, World, type WorldOptions } from './world.ts'

type FrameOf<Name extends Frame['type']> = Extract<Frame, { type: Name }>
const keyHex = (word: string): string => hexOf(identityOf(word).publicKey)
const operators = new Set([keyHex('boss')])
const CLIENT_FRAMES = FRAME_SPECS.filter(({ from }) => from !== 'relay').map(({ name }) => name)
const REQUESTS = FRAME_SPECS.filter(
  ({ from, fields }) => from === 'client' && fields.some(({ name }) => name === 'request'),
).map(({ name }) => name)

describe('names', () => {
  const LATIN_AND_EAST_ASIAN = ['a\u6f22', 'a\u3042\u30a2', 'a\ud55c', 'a\u3105', '\u6f22\u3042\ud55c\u3105a']

  //= PAL-HSK-024
  test.each([...LATIN_AND_EAST_ASIAN, '\u03b1\u03b2', '\u0430\u0431', '\u05d0\u05d1', '\u0e01\u0e02'])(
    '%s is of scripts that go together, digits and signs with them',
    (name) => {
      expect(normalizeName(name)).toBeDefined()
      expect(normalizeName(`${name}_1.2-3`)).toBeDefined()
    },
  )

  //= PAL-HSK-024
  test.each([
    'a\u0430',
    '\u03b1a',
    '\u6f22\u0430',
    '\u3042\u03b1',
    '\u05d0\u0e01',
    '\u0430\u03b1',
    'a1_\u0561',
  ])('%s mixes scripts', (name) => {
    expect(normalizeName(name)).toBeUndefined()
  })

  //= PAL-HSK-025
  test('are shown in normal form wherever the relay sends them', () => {
    const world = new World()
    const zoe = openRaw(world, 'zoe')
    zoe.send({ type: 'join', request: 1, room: 'cafe\u0301', options: JOIN_OPTIONS.members })
    const odd = openRaw(world, 'Rene\u0301')
    odd.send({ type: 'join', request: 1, room: 'caf\u00e9', options: JOIN_OPTIONS.members })
    odd.send({ type: 'who', request: 2, conversation: 0, after: 0 })
    odd.send({ type: 'direct', request: 3, name: 'zoe' })
    odd.send({ type: 'send', conversation: 2, ref: 1, kind: 0, body: new Uint8Array(1) })
    zoe.send({ type: 'whois', request: 4, name: 'RENE\u0301' })
    zoe.send({ type: 'list', request: 5, after: '' })
    world.settle()
    const ready = world.connect('Ame\u0301lie').session.facts?.name
    expect(ready).toBe('Am\u00e9lie')
    const text = JSON.stringify([...zoe.received(), ...odd.received()])
    expect(text).not.toContain('\u0301')
    expect(text.split('Ren\u00e9').length).toBeGreaterThan(5)
    expect(text).toContain('caf\u00e9')
  })

  //= PAL-HSK-036
  test('are found by their folded form in every request; one that is not well-formed is not bound', () => {
    const world = new World({ operators })
    const boss = openRaw(world, 'boss')
    openRaw(world, 'ali\u0301ce').send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    boss.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    const spelling = 'ALI\u0301CE'
    const about = { conversation: 1, name: spelling }
    boss.send({ type: 'whois', request: 2, name: spelling })
    boss.send({ type: 'direct', request: 3, name: spelling })
    boss.send({ type: 'setRole', request: 4, ...about, role: ROLES.operator })
    boss.send({ type: 'ban', request: 5, ...about, seconds: 0, reason: '' })
    boss.send({ type: 'unban', request: 6, ...about })
    boss.send({ type: 'kick', request: 7, conversation: 0, name: spelling, reason: '' })
    expect(boss.framesOf('error')).toEqual([])
    for (const request of [
      { type: 'whois' },
      { type: 'direct' },
      { type: 'unban', conversation: 0 },
    ] as const)
      boss.send({ ...request, request: 8, name: 'a b' } as Frame)
    expect(boss.framesOf('error').map(({ code }) => code)).toEqual(Array(3).fill(codeOf('no_such_name')))
  })

  //= PAL-ROM-010
  test('a room is found by its folded name and shown in the spelling that made it', () => {
    const world = new World()
    const alice = world.connect('alice')
    const made = alice.join('Caf\u00e9')
    const found = world.connect('bob').join('CAFE\u0301', JOIN_OPTIONS.existing)
    expect([made.name, found.name, found.number]).toEqual(['Caf\u00e9', 'Caf\u00e9', made.number])
    const rooms = alice.ask({ type: 'list', after: '' })
    expect(rooms.kind === 'rooms' && rooms.frame.rooms.map(({ name }) => name)).toEqual(['Caf\u00e9'])
  })
})

//= PAL-ROM-070
test('whois shows a name in the spelling that was bound, whatever the session goes by', () => {
  const world = new World()
  const bob = world.connect('Bob')
  bob.session.close()
  world.settle()
  expect(world.connect('BOB', { identity: 'Bob' }).session.facts?.name).toBe('BOB')
  const answer = world.connect('alice').ask({ type: 'whois', name: 'bOB' })
  expect(answer).toMatchObject({ kind: 'identity', frame: { name: 'Bob', online: true } })
})

describe('secrets and limits', () => {
  //= PAL-HSK-020
  test('tokens are compared whole, by their hashes, whatever is wrong with them', () => {
    const works = ['x', 'secret', 'secreT', 'Xecret', 'secret and more', ''].map((token) => {
      let hashes = 0
      const signatures = {
        ...fakeSignatures,
        sha512: (...parts: readonly Uint8Array[]) => {
          hashes += 1
          return fakeSignatures.sha512(...parts)
        },
      }
      const world = new World({ signatures, admission: { token: 'secret' } })
      const wire = world.open()
      authenticate(wire, 'alice', { token })
      const isIn = wire.closeCode === undefined
      // Whoever is in gets a resume token, which is hashed, too.
      return { isIn, hashes: hashes - (isIn ? 1 : 0) }
    })
    expect(works.map(({ isIn }) => isIn)).toEqual([false, true, false, false, false, false])
    expect(new Set(works.map(({ hashes }) => hashes)).size).toBe(1)
  })

  //= PAL-HSK-020
  test('the comparison reads every byte of both, wherever they differ', () => {
    const readsOf = (at: number): number => {
      let reads = 0
      const watched = new Proxy(new Uint8Array(64), {
        get(target, property) {
          if (typeof property === 'string' && /^\d+$/u.test(property)) reads += 1
          return Reflect.get(target, property, target) as unknown
        },
      })
      const other = new Uint8Array(64)
      if (at < 64) other[at] = 1
      expect(equalSecrets(watched, other)).toBe(at === 64)
      return reads
    }
    expect([0, 1, 31, 63, 64].map(readsOf)).toEqual([64, 64, 64, 64, 64])
  })

  //= PAL-LIM-009
  test('limits hold while many act in one turn: sessions, rooms, members, names', () => {
    const world = new World({ limits: { sessions: 3, rooms: 2, membersPerRoom: 2 } })
    const wires = ['a1', 'b2', 'c3', 'd4', 'e5'].map((name) => ({ name, wire: world.open() }))
    for (const { wire } of wires) wire.send(HELLO)
    world.settle()
    for (const { name, wire } of wires) authenticateAgain(world, wire, name)
    world.settle()
    const open = wires.filter(({ wire }) => wire.link.state === 'open').map(({ wire }) => wire)
    expect(open).toHaveLength(3)
    expect(world.relay.hub.sessions.size).toBe(3)
    for (const wire of open)
      for (const [i, room] of ['x', 'y', 'z'].entries())
        wire.deliver(encodeFrame({ type: 'join', request: i + 1, room, options: 0 }))
    world.settle()
    expect(world.relay.hub.rooms.size).toBe(2)
    for (const room of world.relay.hub.rooms.values()) expect(room.members).toHaveLength(2)
  })

  //= PAL-LIM-009
  test('one name wanted by two identities in one turn goes to one of them', () => {
    const world = new World()
    const wires = ['one', 'two'].map((identity) => ({ identity, wire: world.open().send(HELLO) }))
    world.settle()
    for (const { wire, identity } of wires) authenticateAgain(world, wire, 'same', identity)
    world.settle()
    expect(wires.map(({ wire }) => wire.closeCode)).toEqual([undefined, codeOf('name_taken')])
  })

  /** Auth on a wire that got its challenge already. */
  function authenticateAgain(world: World, wire: Wire, name: string, identity = name): void {
    const hello = world.relay.hub.links.has(wire.link)
    expect(hello).toBe(true)
    const challenge = wire.frames.find((frame) => frame.type === 'challenge') as FrameOf<'challenge'>
    wire.deliver(encodeFrame(authOf(world, challenge, name, identity)))
  }
})

function authOf(world: World, challenge: FrameOf<'challenge'>, name: string, identity: string): Frame {
  return authFor(world, HELLO, challenge, name, { identity: identityOf(identity) })
}

describe('the order of things', () => {
  //= PAL-STR-009
  test('half a frame at the end of a link has no effect', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    wire.deliver(encodeFrame({ type: 'join', request: 1, room: 'lobby', options: 0 }).subarray(0, 9))
    world.relay.endLink(wire.link, (world.now + 1) as Instant)
    wire.cut()
    expect(world.relay.hub.rooms.size).toBe(0)
    expect(world.relay.hub.links.size).toBe(0)
    expect(wire.received()).toEqual([])
  })

  //= PAL-STR-014
  test('the frames of a lane are acted on in their order, whatever other lanes bring between', () => {
    const world = new World()
    const wire = openRaw(world, 'alice', 64)
    for (const [i, room] of ['x', 'y'].entries())
      wire.deliver(encodeFrame({ type: 'join', request: i + 1, room, options: 0 }))
    wire.received()
    const sendOf = (conversation: number, ref: number): Uint8Array =>
      encodeFrame({ type: 'send', conversation, ref, kind: 0, body: new Uint8Array(ref) })
    for (let ref = 1; ref <= 30; ref++) {
      const [first, second] = [sendOf(1, ref), sendOf(2, ref)]
      wire.deliver(first.subarray(0, 6), 3)
      wire.deliver(second, 4)
      wire.deliver(first.subarray(6), 3)
    }
    const messages = wire.framesOf('message')
    for (const conversation of [1, 2])
      expect(messages.filter((each) => each.conversation === conversation).map(({ ref }) => ref)).toEqual(
        Array.from({ length: 30 }, (_, i) => i + 1),
      )
  })

  //= PAL-STR-015
  test('what a client sends on different lanes may come in any order', () => {
    const frames: readonly (readonly [number, Frame])[] = [
      [0, { type: 'ping', nonce: 1, conversation: 0 }],
      [3, { type: 'send', conversation: 1, ref: 1, kind: 0, body: new Uint8Array(1) }],
      [4, { type: 'send', conversation: 2, ref: 1, kind: 0, body: new Uint8Array(2) }],
      [0, { type: 'whois', request: 9, name: 'alice' }],
    ]
    const results = [frames, [...frames].reverse()].map((order) => {
      const world = new World()
      const wire = openRaw(world, 'alice', 64)
      for (const [i, room] of ['x', 'y'].entries())
        wire.deliver(encodeFrame({ type: 'join', request: i + 1, room, options: 0 }))
      wire.received()
      for (const [lane, frame] of order) wire.deliver(encodeFrame(frame), lane)
      return wire
        .received()
        .map((frame) => JSON.stringify(frame))
        .sort()
    })
    expect(results[0]).toEqual(results[1])
    expect(results[0]).toHaveLength(4)
  })

  //= PAL-ROM-032
  test('who shows the members as they are between the entries around its answer', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    alice.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    const others = ['bob', 'carol', 'dave'].map((name) => openRaw(world, name))
    const join = encodeFrame({ type: 'join', request: 1, room: 'lobby', options: 0 })
    const leave = encodeFrame({ type: 'leave', request: 2, conversation: 1 })
    for (const [i, wire] of others.entries()) {
      wire.deliver(join)
      alice.deliver(encodeFrame({ type: 'who', request: 10 + i, conversation: 1, after: 0 }))
      if (i > 0) wire.deliver(leave)
    }
    const present = new Set([1])
    let answers = 0
    for (const frame of alice.received()) {
      if (frame.type === 'event' && frame.kind === EVENTS.joined) present.add(frame.subject)
      else if (frame.type === 'event' && frame.kind === EVENTS.left) present.delete(frame.subject)
      else if (frame.type === 'members') {
        answers += 1
        expect(new Set(frame.members.map(({ alias }) => alias))).toEqual(present)
      }
    }
    expect(answers).toBe(3)
  })

  //= PAL-ROM-035
  test('a direct shows the name of the open session, or else the one it was opened under', () => {
    const world = new World()
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const first = alice.direct('bob')
    expect(first.name).toBe('bob')
    bob.session.close()
    world.settle()
    const robert = world.connect('robert', { identity: 'bob' })
    const shown = (name: string): string[] => {
      const wire = alice.wire
      wire.received()
      alice.session.request({ type: 'direct', name })
      const [joined] = wire.framesOf('joined')
      expect(joined?.peers.map((peer) => peer.role)).toEqual([ROLES.member, ROLES.member])
      return [joined?.name as string, ...(joined?.peers.map((peer) => peer.name) ?? [])].sort()
    }
    expect(shown('bob')).toEqual(['alice', 'robert', 'robert'])
    robert.session.close()
    world.settle()
    expect(shown('bob')).toEqual(['alice', 'bob', 'bob'])
  })

  //= PAL-ROM-036
  test('an event carries the name of the session, or the bound name of one who is not there', () => {
    const world = new World()
    const alice = world.connect('alice')
    const room = alice.join('lobby').number
    world.connect('Bo\u0301b').session.close()
    world.settle()
    const bobby = world.connect('Bobby', { identity: 'Bo\u0301b' })
    bobby.join('lobby')
    const reason = ''
    alice.ask({ type: 'kick', conversation: room, name: 'b\u00f3b', reason })
    alice.ask({ type: 'ban', conversation: room, name: 'B\u00d3B', seconds: 0, reason })
    alice.ask({ type: 'unban', conversation: room, name: 'bobby' })
    bobby.join('lobby')
    alice.ask({ type: 'ban', conversation: room, name: 'b\u00f3b', seconds: 0, reason })
    const names = alice.eventsOf('event').map(({ event }) => [event.kind, event.name])
    expect(names.slice(1)).toEqual([
      [EVENTS.joined, 'Bobby'],
      [EVENTS.kicked, 'Bobby'],
      [EVENTS.banned, 'B\u00f3b'],
      [EVENTS.unbanned, 'Bobby'],
      [EVENTS.joined, 'Bobby'],
      [EVENTS.banned, 'Bobby'],
    ])
  })
})

describe('moderation', () => {
  /** A room whose operator is alice, with boss, bob and many bans. */
  function room(): { readonly world: World; readonly number: number } {
    const world = new World({ operators, limits: { bansPerRoom: 1 } })
    const { number } = world.connect('alice').join('lobby')
    for (const name of ['boss', 'bob', 'carol']) world.connect(name).join('lobby')
    return { world, number }
  }

  function refusal(world: World, request: Parameters<Wire['send']>[0]): string | undefined {
    const client = world.wires.find((wire) => wire.client?.name === 'alice')?.client
    return client?.refusalOf(request as never)
  }

  const reason = ''

  //= PAL-MOD-017
  test('a name nobody has comes first, then whom it names, then what is asked', () => {
    const { world, number: conversation } = room()
    const ask = (type: string, rest: object): string | undefined =>
      refusal(world, { type, conversation, ...rest } as never)
    expect(ask('setRole', { name: 'nobody', role: 9 })).toBe('no_such_name')
    expect(ask('setRole', { name: 'boss', role: 9 })).toBe('not_permitted')
    expect(ask('setRole', { name: 'bob', role: 9 })).toBe('bad_value')
    expect(ask('ban', { name: 'carol', seconds: 0, reason })).toBeUndefined()
    expect(ask('ban', { name: 'nobody', seconds: 0, reason })).toBe('no_such_name')
    expect(ask('ban', { name: 'boss', seconds: 0, reason })).toBe('not_permitted')
    expect(ask('ban', { name: 'bob', seconds: 0, reason })).toBe('bad_value')
    expect(ask('ban', { name: 'alice', seconds: 0, reason })).toBe('bad_value')
  })

  //= PAL-MOD-018
  test('operators may kick themselves and set what is set, and the entry is made', () => {
    const world = new World()
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const conversation = alice.join('lobby').number
    bob.join('lobby')
    const requests = [
      { type: 'setTopic', conversation, topic: '' },
      { type: 'lock', conversation, locked: false },
      { type: 'setLimit', conversation, limit: LIMITS.membersPerRoom },
      { type: 'setRole', conversation, name: 'bob', role: ROLES.member },
      { type: 'setRole', conversation, name: 'alice', role: ROLES.operator },
      { type: 'kick', conversation, name: 'alice', reason },
    ] as const
    for (const request of requests) expect(alice.refusalOf(request)).toBeUndefined()
    const { topic, lock, limit, role, kicked } = EVENTS
    expect(bob.eventsOf('event').map(({ event }) => event.kind)).toEqual([
      EVENTS.joined,
      topic,
      lock,
      limit,
      role,
      role,
      kicked,
    ])
    expect(alice.eventsOf('event').at(-1)).toMatchObject({ endsMembership: true })
  })
})

describe('answers', () => {
  /** What the relay holds, without what changes with every turn. */
  function stateOf(world: World): string {
    const { hub } = world.relay
    const rooms = [...hub.rooms.values(), ...hub.directs.values()].map((each) => [
      each.number,
      each.seq,
      each.topic,
      each.locked,
      each.memberLimit,
      each.members.map(({ participant, role }) => [participant.alias, role, participant.name]),
      [...each.bans.keys()],
    ])
    const sessions = [...hub.sessions.values()].map(({ name, roomCount, directCount }) => [
      name,
      roomCount,
      directCount,
    ])
    return JSON.stringify([rooms, sessions, [...hub.directory.bans], hub.limits.sessions])
  }

  function busyWorld(): { readonly world: World; readonly wires: readonly Wire[] } {
    const limits = { bansPerRoom: 2, roomsPerSession: 2, membersPerRoom: 3, directsPerSession: 1 }
    const world = new World({ operators, limits })
    const wires = ['boss', 'alice', 'bob', 'carol'].map((name) => openRaw(world, name))
    for (const wire of wires.slice(1, 3)) wire.send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    const ban = { type: 'ban', request: 2, conversation: 1, name: 'carol', seconds: 0, reason: '' } as const
    wires[1]?.send(ban)
    world.settle()
    for (const wire of wires) wire.received()
    return { world, wires }
  }

  const NAMES = fc.constantFrom('boss', 'alice', 'bob', 'carol', 'nobody', 'a b')
  const SENT = fc.constantFrom(...CLIENT_FRAMES.filter((name) => name !== 'close')).chain((name) =>
    fc
      .tuple(
        frameValues(name, { bytesMax: 40, countMax: 2 }),
        NAMES,
        fc.constantFrom('lobby', 'den', 'x y', 'attic'),
        fc.constantFrom(0, 1, 1, 1, 2, 3),
        fc.integer({ min: 1, max: 4 }),
      )
      .map(([frame, person, room, conversation, small]) => {
        const fields = frame as unknown as Record<string, unknown>
        if ('name' in fields) fields['name'] = person
        if (name === 'claim') fields['key'] = identityOf(person).publicKey
        if ('room' in fields) fields['room'] = room
        if ('conversation' in fields)
          fields['conversation'] = conversation === 0 && isConversationFrom1(name) ? 1 : conversation
        if ('ref' in fields) fields['ref'] = small
        if ('limit' in fields) fields['limit'] = small
        if ('seq' in fields) fields['seq'] = small * 2
        if ('role' in fields) fields['role'] = small - 1
        return fields as unknown as Frame
      }),
  )
  const isConversationFrom1 = (name: string): boolean => {
    const field = FRAME_SPECS.find((spec) => spec.name === name)?.fields.find(
      (each) => each.name === 'conversation',
    )
    return field?.kind === 'uint' && field.min > 0
  }

  const OPENING: ReadonlySet<string> = new Set(['hello', 'auth', 'resume'])

  const ANSWER_OF: Readonly<Record<string, string>> = {
    join: 'joined',
    direct: 'joined',
    who: 'members',
    list: 'rooms',
    whois: 'identity',
    follow: 'joined',
    fetch: 'history',
    publish: 'stock',
    claim: 'bundle',
  }

  /** Every other follow knows the log. */
  function logOf(world: World, frame: Frame): { readonly log?: Uint8Array } {
    if (frame.type !== 'follow' || frame.seq > 3) return {}
    return { log: world.relay.hub.conversations.get(frame.conversation)?.log ?? new Uint8Array(8) }
  }

  //= PAL-SES-006
  //= PAL-SES-007
  //= PAL-ERR-003
  //= PAL-ERR-006
  test('each request has one answer of the right kind and number; a refused one changes nothing', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), SENT), { minLength: 1, maxLength: 25 }), (steps) => {
        const { world, wires } = busyWorld()
        let request = 100
        for (const [who, frame] of steps) {
          const wire = wires[who] as Wire
          if (wire.link.state !== 'open' || OPENING.has(frame.type)) continue
          request += 1
          const asked = 'request' in frame ? ({ ...frame, ...logOf(world, frame), request } as Frame) : frame
          const before = stateOf(world)
          wire.send(asked)
          const received = wire.received()
          for (const other of wires) if (other !== wire) other.received()
          checkScopes(received)
          if (wire.link.state !== 'open') continue
          const errors = received.filter((each) => each.type === 'error')
          if (errors.length > 0) expect(stateOf(world)).toBe(before)
          for (const error of errors) expect(aboutOf(error)).toEqual(aboutOf(asked))
          if (REQUESTS.includes(asked.type)) {
            const answers = received.filter((each) => 'request' in each && each.request === request)
            const kinds = new Set(answers.map((each) => each.type))
            const isJoin = asked.type === 'join' && kinds.has('joined')
            expect(answers.filter((each) => !isJoin || each.type !== 'members')).toHaveLength(1)
            kinds.delete('error')
            if (isJoin) kinds.delete('members')
            expect([...kinds].every((kind) => kind === (ANSWER_OF[asked.type] ?? 'ok'))).toBe(true)
            seen.add(`${asked.type} ${errors.length}`)
          }
        }
      }),
      { numRuns: 400, seed: 12 },
    )
    // Each request was seen granted and refused, but for those that nothing but a rate can refuse.
    for (const type of REQUESTS)
      for (const refused of type === 'list' || type === 'publish' ? [0] : [0, 1])
        expect(seen).toContain(`${type} ${refused}`)
  })

  function aboutOf(frame: Frame): unknown {
    const { request = 0, conversation = 0, ref = 0 } = frame as Partial<FrameOf<'error'>>
    return { request, conversation, ref }
  }

  function checkScopes(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.type !== 'error' && frame.type !== 'close') continue
      const info = Object.values(ERROR_INFO).find((each) => each.code === frame.code)
      expect(info?.scope === 'session').toBe(frame.type === 'close')
    }
  }

  //= PAL-ERR-001
  test.each(situations())('%s is refused when %s', (code, _when, options, act) => {
    const world = new World(options)
    const wire = openRaw(world, 'alice')
    act(world, wire)
    expect(wire.framesOf('error').at(-1)?.code).toBe(ERRORS[code])
  })

  //= PAL-ERR-001
  test('every code of a refusal has a situation', () => {
    const codes = Object.values(ERROR_INFO).filter(({ scope }) => scope !== 'session')
    expect(new Set(situations().map(([code]) => code))).toEqual(new Set(codes.map(({ name }) => name)))
  })
})

type Situation = readonly [ErrorName, string, WorldOptions, (world: World, wire: Wire) => void]

function situations(): Situation[] {
  const join = (room: string, options = 0): Frame => ({ type: 'join', request: 5, room, options })
  const sendOf = (ref: number, bodyBytes = 1): Frame => ({
    type: 'send',
    conversation: 1,
    ref,
    kind: 0,
    body: new Uint8Array(bodyBytes),
  })
  const meets =
    (change: object): Situation[3] =>
    (world, wire) => {
      const owner = openRaw(world, 'owner').send(join('lobby'))
      owner.send({ request: 6, conversation: 1, ...change } as Frame)
      world.settle()
      wire.send(join('lobby'))
    }
  return [
    ['no_such_room', 'only an existing one is wanted', {}, (_, wire) => wire.send(join('x', 2))],
    ['not_a_member', 'the client is not in it', {}, (_, wire) => wire.send(sendOf(1))],
    ['room_full', 'the limit is reached', {}, meets({ type: 'setLimit', limit: 1 })],
    ['room_locked', 'the room is locked', {}, meets({ type: 'lock', locked: true })],
    [
      'room_banned',
      'the identity is banned',
      {},
      meets({ type: 'ban', name: 'alice', seconds: 0, reason: '' }),
    ],
    [
      'not_permitted',
      'a member sets the topic',
      {},
      (world, wire) => {
        openRaw(world, 'owner').send(join('lobby'))
        world.settle()
        wire.send(join('lobby'), { type: 'setTopic', request: 6, conversation: 1, topic: 'x' })
      },
    ],
    [
      'no_keys',
      'nobody published any',
      {},
      (_, wire) => wire.send({ type: 'claim', request: 5, key: new Uint8Array(32) }),
    ],
    ['no_such_name', 'nobody has it', {}, (_, wire) => wire.send({ type: 'whois', request: 5, name: 'who' })],
    [
      'mailbox_full',
      'enough waits for the other one',
      { limits: { mailboxMessages: 1 } },
      (world, wire) => {
        openRaw(world, 'bob').cut()
        wire.send({ type: 'direct', request: 5, name: 'bob' }, sendOf(1), sendOf(2))
      },
    ],
    [
      'storage_full',
      'the relay keeps all it may',
      { limits: { logBytes: 1 } },
      (_, wire) => wire.send(join('x'), sendOf(1, 2)),
    ],
    [
      'no_such_conversation',
      'nobody has it',
      {},
      (_, wire) => wire.send({ type: 'follow', request: 5, conversation: 7, log: new Uint8Array(8), seq: 0 }),
    ],
    [
      'rate_limited',
      'it goes on for too long',
      { limits: { sendsBurst: 1, sendsPerSecond: 1 } },
      (world, wire) => {
        wire.send(join('x'))
        for (let ref = 1; ref < 12; ref++) wire.send(sendOf(ref))
        world.advance(6000)
      },
    ],
    [
      'too_many_conversations',
      'the session has all it may have',
      { limits: { roomsPerSession: 1 } },
      (_, wire) => wire.send(join('x'), join('y')),
    ],
    ['already_member', 'the client is in it', {}, (_, wire) => wire.send(join('x'), join('x'))],
    ['bad_room_name', 'it is not well-formed', {}, (_, wire) => wire.send(join('x y'))],
    ['ref_gap', 'one is left out', {}, (_, wire) => wire.send(join('x'), sendOf(2))],
    [
      'ref_repeated',
      'it was accepted for another message',
      {},
      (_, wire) => wire.send(join('x'), sendOf(1), sendOf(1, 2)),
    ],
    [
      'body_too_large',
      'it is above what was announced',
      { limits: { bodyBytes: 9 } },
      (_, wire) => wire.send(join('x'), sendOf(1, 10)),
    ],
    ['bad_value', 'it is oneself', {}, (_, wire) => wire.send({ type: 'direct', request: 5, name: 'alice' })],
  ]
}

describe('what goes over the link', () => {
  //= PAL-EXT-001
  //= PAL-FRM-009
  test('is frames of the protocol or grease, and no element beyond the fields', () => {
    const world = new World({ seed: 'over the link', operators })
    const raw: string[] = []
    for (let i = 0; i < 30; i++) {
      const client = world.connect(`user${i}`)
      const room = client.join('lobby', JOIN_OPTIONS.members)
      client.say(room.number, 'hello')
      client.ask({ type: 'who', conversation: 0, after: 0 })
      raw.push(...client.wire.raw)
    }
    let grease = 0
    for (const hex of raw) {
      const bytes = bytesOfHex(hex) as Uint8Array
      const frame = decodeFrame(bytes)
      if (isFault(frame)) throw new Error(frame.fault)
      if (frame.type !== 'ignored') {
        // What is written anew has exactly the fields known: so had what was sent.
        expect(hexOf(encodeFrame(frame).subarray(4))).toBe(hex)
        continue
      }
      grease += 1
      expect(frame.number).toBeGreaterThanOrEqual(112)
    }
    expect(grease).toBeGreaterThan(0)
    expect(grease).toBeLessThanOrEqual(30)
  })

  //= PAL-EXT-002
  test('no number of the protocol range has a meaning that the registry does not give', () => {
    const known: readonly number[] = Object.values(FRAME_TYPES)
    for (let type = 1; type <= 63; type++) {
      if (known.includes(type)) continue
      const frame = decodeFrame(Uint8Array.of(0x92, type, 0xc0))
      expect(isFault(frame) && frame.fault).toBe('unknown_type')
    }
    expect(known.every((type) => type <= 63)).toBe(true)
  })

  //= PAL-EXT-010
  test('what no version may change is as it was', () => {
    expect([FRAME_TYPES.hello, FRAME_TYPES.challenge, FRAME_TYPES.close]).toEqual([1, 2, 6])
    const fieldsOf = (name: string): string[] =>
      FRAME_SPECS.find((spec) => spec.name === name)?.fields.map((field) => `${field.name} ${field.kind}`) ??
      []
    expect(fieldsOf('hello')[0]).toBe('versions list')
    expect(fieldsOf('challenge')[0]).toBe('version uint')
    expect(fieldsOf('close')).toEqual(['code uint', 'text str', 'retryMs uint'])
    const close = encodeFrame({ type: 'close', code: ERRORS.unsupported_version, text: '', retryMs: 0 })
    expect(hexOf(close)).toBe('000000079406cd0105a000')
    // A client of a far future, with fields of its own, is told so by the relay.
    const world = new World()
    const wire = world.open().send(Uint8Array.of(0, 0, 0, 7, 0x94, 1, 0x92, 8, 9, 0xc0, 0xa0))
    expect(wire.closeCode).toBe(ERRORS.unsupported_version)
  })

  //= PAL-LIM-007
  //= PAL-STR-006
  test('no frame of a relay is longer than the default, whatever is at its longest', () => {
    const name = (i: number): string => `${'\u{20000}'.repeat(28)}${String(i).padStart(4, '0')}`
    const world = new World({ operators })
    const boss = world.connect('boss')
    const topic = 'x'.repeat(LIMITS.topicBytes)
    for (let i = 0; i < 90; i++) {
      const room = boss.join(`${'\u{20000}'.repeat(60)}${String(i).padStart(4, '0')}`)
      boss.ask({ type: 'setTopic', conversation: room.number, topic })
    }
    const hall = boss.join('hall')
    for (let i = 0; i < 140; i++) world.connect(name(i)).join('hall')
    boss.ask({ type: 'who', conversation: hall.number, after: 0 })
    boss.ask({ type: 'list', after: '' })
    boss.session.send(hall.number, 0, new Uint8Array(LIMITS.bodyBytes))
    boss.ask({ type: 'announce', text: 'x'.repeat(LIMITS.noticeBytes) })
    const lengths = boss.wire.raw.map((hex) => hex.length / 2)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(LIMITS.frameBytes)
    expect(Math.max(...lengths)).toBeGreaterThan(LIMITS.bodyBytes)
    const types = new Set(boss.wire.frames.map((frame) => frame.type))
    for (const type of ['members', 'rooms', 'message', 'notice'] as const) expect(types).toContain(type)
  })

  //= PAL-SEC-005
  test('a fault costs no signature, no hash and no chance, before and after the handshake', () => {
    let work = 0
    const counted =
      <A extends readonly unknown[], R>(f: (...args: A) => R) =>
      (...args: A): R => {
        work += 1
        return f(...args)
      }
    const signatures = {
      sha512: counted(fakeSignatures.sha512),
      sign: counted(fakeSignatures.sign),
      verify: counted(fakeSignatures.verify),
    }
    const world = new World({ signatures })
    const entropy = world.relay.hub.options.entropy
    Object.assign(world.relay.hub.options, { entropy: counted(entropy) })
    const open = openRaw(world, 'alice')
    const shaking = world.open().send(HELLO)
    const fresh = world.open()
    world.settle()
    work = 0
    const faults = [Uint8Array.of(0, 0, 0, 1, 0xc1), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(255, 0, 0, 0)]
    for (const wire of [open, shaking, fresh]) wire.send(faults[world.wires.indexOf(wire)] as Uint8Array)
    world.settle()
    for (const wire of [open, shaking, fresh]) {
      expect(wire.closeCode).toBeDefined()
      expect(wire.framesOf('close')).toHaveLength(1)
    }
    expect(work).toBe(0)
  })
})
