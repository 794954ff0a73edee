/** Logs that stay: following, history, mailboxes, refs, what waits for a commit, and what is kept. */
import { beforeEach, describe, expect, test } from 'vitest'
import { equalBytes, hexOf } from '../../src/base/index.ts'
import {
  Deframer,
  DURABILITIES,
  decodeFrame,
  ERRORS,
  EVENTS,
  FRAME,
  type Frame,
  GAP_REASONS,
  LEAVE_REASONS,
  LIMITS,
  ROLES,
} from '../../src/codec/index.ts'
import { type LogGap, MemoryStore } from '../../src/protocol/index.ts'
import { ADMINISTRATION, banFromRelay, kickFromRelay } from '../../src/protocol/relay/moderation.ts'
import { codeOf, openRaw } from './raw-handshake.ts'
import { clientIdOf, identityOf, type Wire, World } from './world.ts'

type FrameOf<Name extends Frame['type']> = Extract<Frame, { type: Name }>

const text = new TextEncoder()

function send(conversation: number, ref: number, words = `message ${ref}`): FrameOf<'send'> {
  return { type: 'send', conversation, ref, kind: 0, body: text.encode(words) }
}

function join(wire: Wire, room = 'lobby', request = 1): FrameOf<'joined'> {
  const [joined] = wire.send({ type: 'join', request, room, options: 0 }).framesOf('joined')
  wire.received()
  if (!joined) throw new Error('not joined')
  return joined
}

function follow(joined: FrameOf<'joined'>, seq: number): FrameOf<'follow'> {
  return { type: 'follow', request: 9, conversation: joined.conversation, log: joined.log, seq }
}

/** What is said of entries, in short. */
function entriesOf(frames: readonly Frame[]): string[] {
  return frames.flatMap((frame) => {
    if (frame.type === 'message') return [`${frame.seq} ${new TextDecoder().decode(frame.body)}`]
    return frame.type === 'event' ? [`${frame.seq} event ${frame.kind}`] : []
  })
}

function decodeEntries(bytes: Uint8Array): Frame[] {
  const deframer = new Deframer(LIMITS.frameBytes)
  deframer.push(bytes)
  const frames: Frame[] = []
  while (deframer.next() === FRAME)
    frames.push(decodeFrame(deframer.bytes, deframer.start, deframer.end) as Frame)
  return frames
}

describe('a log', () => {
  let world: World
  let alice: Wire
  let joined: FrameOf<'joined'>

  beforeEach(() => {
    world = new World()
    alice = openRaw(world, 'alice')
    joined = join(alice)
    alice.send(...[1, 2, 3, 4].map((ref) => send(1, ref))).received()
  })

  //= PAL-ROM-037
  //= PAL-ROM-040
  test('has a number of its own, and says what it keeps', () => {
    const other = join(alice, 'garden', 2)
    const again = join(openRaw(world, 'bob'))
    expect(equalBytes(again.log, joined.log)).toBe(true)
    expect(equalBytes(other.log, joined.log)).toBe(false)
    expect(again).toMatchObject({
      seq: 5,
      head: 5,
      first: 1,
      durability: DURABILITIES.memory,
      keepMs: LIMITS.retentionMs,
      keepBytes: LIMITS.retentionBytes,
    })
  })

  //= PAL-ROM-048
  //= PAL-ROM-050
  //= PAL-SES-027
  //= PAL-SES-029
  test('goes on where a lost link left it, without an entry', () => {
    const bob = openRaw(world, 'bob')
    join(bob)
    bob.send(send(1, 1, 'from bob')).received()
    bob.cut()
    alice.send(send(1, 5)).received()
    const back = openRaw(world, 'bob').send(follow(joined, 3))
    const frames = back.received()
    expect(frames[0]).toMatchObject({ type: 'joined', request: 9, seq: 3, head: 8, alias: 2, ref: 1 })
    const named = frames.flatMap((frame) => (frame.type === 'senders' ? frame.senders : []))
    expect(named.map(({ name }) => name)).toEqual(['alice', 'bob'])
    expect(entriesOf(frames)).toEqual([
      '4 message 3',
      '5 message 4',
      '6 event 1',
      '7 from bob',
      '8 message 5',
    ])
    alice.send(send(1, 6))
    expect(entriesOf(back.received())).toEqual(['9 message 6'])
    expect(alice.framesOf('event')).toEqual([])
  })

  test('is followed by a newcomer, too, who then joins at its end', () => {
    const carol = openRaw(world, 'carol').send(follow(joined, 4))
    const frames = carol.received()
    expect(frames[0]).toMatchObject({ type: 'joined', seq: 4, head: 5, alias: 2, ref: 0 })
    expect(entriesOf(frames)).toEqual(['5 message 4', '6 event 1'])
  })

  //= PAL-ROM-049
  test('begins again for a member that asks', () => {
    const again = alice.send(follow(joined, 2)).received()
    expect(again.map(({ type }) => type)).toEqual(['joined', 'senders', 'message', 'message', 'message'])
    expect(entriesOf(again)).toEqual(['3 message 2', '4 message 3', '5 message 4'])
    expect(entriesOf(alice.send(send(1, 5)).received())).toEqual(['6 message 5'])
  })

  //= PAL-ROM-047
  test('is not followed by somebody who may not, or by another number', () => {
    const bob = openRaw(world, 'bob')
    const cases: [Frame, ErrorOf][] = [
      [{ ...follow(joined, 0), conversation: 9 }, 'no_such_conversation'],
      [{ ...follow(joined, 0), log: new Uint8Array(8) }, 'no_such_conversation'],
      [follow(joined, 6), 'no_such_conversation'],
    ]
    for (const [frame, code] of cases)
      expect(bob.send(frame).received()).toMatchObject([{ type: 'error', request: 9, code: ERRORS[code] }])
    alice.send({ type: 'lock', request: 4, conversation: 1, locked: true }).received()
    expect(bob.send(follow(joined, 5)).received()).toMatchObject([{ code: ERRORS.room_locked }])
    const carol = openRaw(world, 'carol')
    const dave = openRaw(world, 'dave')
    const [direct] = carol.send({ type: 'direct', request: 3, name: 'dave' }).framesOf('joined')
    carol.send(send(direct?.conversation ?? 0, 1)).received()
    dave.received()
    const eavesdrop = follow(direct as FrameOf<'joined'>, 0)
    expect(bob.send(eavesdrop).received()).toMatchObject([{ code: ERRORS.no_such_conversation }])
    expect(dave.send(eavesdrop).framesOf('joined')).toHaveLength(1)
  })

  //= PAL-ROM-052
  //= PAL-ROM-053
  //= PAL-ROM-054
  test('is fetched in pages, whose senders are named', () => {
    const fetch = (from: number, count: number): FrameOf<'history'> => {
      const [page] = alice
        .send({ type: 'fetch', request: 7, conversation: 1, from, count })
        .framesOf('history')
      alice.received()
      return page as FrameOf<'history'>
    }
    const whole = fetch(1, 500)
    expect(entriesOf(decodeEntries(whole.entries))).toHaveLength(5)
    expect(whole).toMatchObject({ more: false, senders: [{ alias: 1, name: 'alice' }] })
    expect(entriesOf(decodeEntries(fetch(2, 2).entries))).toEqual(['2 message 1', '3 message 2'])
    expect(fetch(6, 9)).toMatchObject({ entries: new Uint8Array(0), more: false, senders: [] })
    const big = new Uint8Array(LIMITS.bodyBytes)
    for (const ref of [5, 6])
      alice.send({ type: 'send', conversation: 1, ref, kind: 0, body: big }).received()
    const first = fetch(6, 3)
    expect(entriesOf(decodeEntries(first.entries))).toHaveLength(1)
    expect(first.more).toBe(true)
    expect(fetch(6, 1)).toMatchObject({ more: false })
    expect(decodeEntries(fetch(6, 2).entries)).toMatchObject([{ seq: 6, ref: 5 }])
    const refusal = openRaw(world, 'bob').send({
      type: 'fetch',
      request: 1,
      conversation: 1,
      from: 1,
      count: 1,
    })
    expect(refusal.received()).toMatchObject([{ code: ERRORS.not_a_member }])
  })

  //= PAL-MSG-021
  //= PAL-MSG-022
  //= PAL-MSG-023
  //= PAL-MSG-026
  test('acknowledges a message sent again, each time the same, and makes no entry', () => {
    for (let i = 0; i < 3; i++)
      expect(alice.send(send(1, 2)).received()).toMatchObject([{ type: 'ack', ref: 2, seq: 3 }])
    expect(alice.send(send(1, 2, 'another')).received()).toMatchObject([
      { type: 'error', ref: 2, code: ERRORS.ref_repeated },
    ])
    alice.cut()
    const back = openRaw(world, 'alice').send(follow(joined, 5))
    expect(back.received()).toMatchObject([{ type: 'joined', ref: 4 }])
    expect(back.send(send(1, 4)).received()).toMatchObject([{ type: 'ack', ref: 4, seq: 5 }])
    expect(world.relay.hub.rooms.get('lobby')?.seq).toBe(5)
    for (let ref = 5; ref <= 4 + LIMITS.unacknowledgedSends; ref++) back.send(send(1, ref))
    back.received()
    expect(back.send(send(1, 4)).received()).toMatchObject([{ type: 'ack', ref: 4, seq: 0 }])
  })

  //= PAL-ROM-062
  test('tells a member that is thrown out while it is behind what it missed', () => {
    world = new World({ limits: { outboundBytes: 20_000 } })
    alice = openRaw(world, 'alice')
    join(alice)
    const bob = openRaw(world, 'bob')
    join(bob)
    bob.isStuck = true
    const body = new Uint8Array(4000)
    for (let ref = 1; ref <= 9; ref++)
      alice.send({ type: 'send', conversation: 1, ref, kind: 0, body }).received()
    alice.send({ type: 'kick', request: 5, conversation: 1, name: 'bob', reason: '' }).received()
    bob.isStuck = false
    const frames = bob.received()
    const seen = frames.map((frame) => (frame.type === 'gap' ? `gap ${frame.from}-${frame.to}` : frame.type))
    expect(seen.at(-2)).toMatch(/^gap \d-11$/)
    expect(frames.at(-2)).toMatchObject({ reason: GAP_REASONS.skipped })
    expect(frames.at(-1)).toMatchObject({ type: 'event', kind: EVENTS.kicked, seq: 12 })
  })
})

type ErrorOf = keyof typeof ERRORS

/** Entries that go at once. */
const PIECE_BYTES = 4096

describe('what is kept', () => {
  //= PAL-ROM-040
  //= PAL-ROM-042
  test('ends where newer entries fill the space, and a reader is told', () => {
    const world = new World({ limits: { retentionBytes: 4000 } })
    const alice = openRaw(world, 'alice')
    const joined = join(alice)
    for (let ref = 1; ref <= 200; ref++) alice.send(send(1, ref, 'x'.repeat(80))).received()
    const room = world.relay.hub.rooms.get('lobby')
    expect(room?.logBytes).toBeGreaterThan(4000)
    expect(room?.logBytes).toBeLessThanOrEqual(4500 + PIECE_BYTES)
    expect(room?.firstSeq).toBeGreaterThan(100)
    const [answer, gap, ...rest] = alice.send(follow(joined, 10)).received()
    const first = (room?.firstSeq ?? 0) as number
    expect(answer).toMatchObject({ type: 'joined', first })
    expect(gap).toMatchObject({ type: 'gap', from: 11, to: first - 1, reason: GAP_REASONS.retention })
    expect(entriesOf(rest)[0]).toMatch(new RegExp(`^${first} `))
  })

  //= PAL-ROM-063
  test('ends with age, by the time that passed and not by the wall clock', () => {
    const world = new World({ limits: { retentionMs: 60_000, idleMs: 1e9 } })
    const alice = openRaw(world, 'alice')
    join(alice)
    alice.send(send(1, 1)).received()
    world.relay.setWallOffset(1_700_000_000_000 + 10 * 365 * 86_400_000)
    world.advance(50_000)
    expect(world.relay.hub.rooms.get('lobby')?.firstSeq).toBe(1)
    world.advance(40_000)
    expect(world.relay.hub.rooms.get('lobby')?.firstSeq).toBe(3)
  })

  //= PAL-ROM-043
  test('and damaged is told as a gap, and the rest goes on', () => {
    class Damaged extends MemoryStore {
      override read(conversation: number, seq: number) {
        const gap: LogGap = { firstSeq: 3, lastSeq: 3, reason: 'corrupt' }
        return seq === 3 ? gap : super.read(conversation, seq)
      }
    }
    const world = new World({ storage: new Damaged(true) })
    const alice = openRaw(world, 'alice')
    const joined = join(alice)
    for (let ref = 1; ref <= 3; ref++) {
      alice.send(send(1, ref)).received()
      // Not together in one piece.
      world.advance(2000)
    }
    const frames = alice.send(follow(joined, 1)).received()
    expect(frames.map(({ type }) => type)).toEqual(['joined', 'senders', 'message', 'gap', 'message'])
    expect(frames[3]).toMatchObject({ from: 3, to: 3, reason: GAP_REASONS.corrupt })
    expect(frames[0]).toMatchObject({ durability: DURABILITIES.disk })
  })

  //= PAL-ROM-045
  test('of installations is bounded, and the one longest away goes first', () => {
    const world = new World({ limits: { participantsPerRoom: 3 } })
    const alice = world.connect('alice')
    alice.join('lobby')
    const visit = (name: string): number => {
      const client = world.connect(name)
      const room = client.join('lobby')
      const { ref } = room
      client.say(room.number, 'hi')
      client.ask({ type: 'leave', conversation: room.number })
      world.advance(1000)
      return ref
    }
    expect(['bob', 'carol', 'bob'].map(visit)).toEqual([0, 0, 1])
    expect(['dave', 'bob', 'carol'].map(visit)).toEqual([0, 2, 0])
    const full = new World({ limits: { participantsPerRoom: 1 } })
    full.connect('alice').join('lobby')
    expect(full.connect('bob').refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_full')
  })

  //= PAL-ROM-046
  test('of a room are its roles, its bans and its settings', () => {
    const world = new World()
    const alice = world.connect('alice')
    const room = alice.join('lobby')
    alice.say(room.number, 'the room stays for this')
    world.connect('bob')
    alice.ask({ type: 'setTopic', conversation: room.number, topic: 'soup' })
    alice.ask({ type: 'ban', conversation: room.number, name: 'bob', seconds: 0, reason: '' })
    alice.ask({ type: 'leave', conversation: room.number })
    const next = new World({ storage: world.storage })
    expect(next.connect('alice').join('lobby')).toMatchObject({
      role: ROLES.operator,
      topic: 'soup',
      number: 1,
    })
    expect(next.connect('bob').refusalOf({ type: 'join', room: 'lobby', options: 0 })).toBe('room_banned')
    expect(next.connect('bob').join('other').number).toBe(2)
  })
})

describe('a relay that commits', () => {
  function durable(): World {
    return new World({ storage: new MemoryStore(true) })
  }

  //= PAL-ROM-038
  test('shows nobody what is not committed', () => {
    const world = durable()
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    join(alice)
    join(bob)
    alice.received()
    world.isDiskHeld = true
    alice.send(send(1, 1), send(1, 1), { type: 'ping', nonce: 1, conversation: 1 })
    expect([...alice.received(), ...bob.received()]).toEqual([])
    alice.send(send(1, 2))
    expect(alice.received()).toEqual([])
    world.commit()
    expect(alice.received().map(({ type }) => type)).toEqual(['message', 'ack', 'pong', 'message'])
    expect(entriesOf(bob.received())).toEqual(['3 message 1', '4 message 2'])
  })

  //= PAL-ROM-039
  //= PAL-ROM-060
  test('closes every session when the store fails, and sends nothing that waited', () => {
    const world = durable()
    const alice = openRaw(world, 'alice')
    join(alice)
    world.isDiskHeld = true
    alice.send(send(1, 1))
    world.settle()
    world.relay.handleStorageFailed(world.now)
    expect(alice.received()).toMatchObject([{ type: 'close', code: codeOf('storage_failed') }])
  })

  //= PAL-SES-032
  //= PAL-MSG-008
  test('gives members their places back after a restart, and their refs', () => {
    const world = durable()
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    const joined = join(alice)
    join(bob)
    for (let ref = 1; ref <= 3; ref++) alice.send(send(1, ref)).received()
    const next = new World({ storage: (world.storage as MemoryStore).snapshot() })
    const back = openRaw(next, 'alice').send(follow(joined, 2))
    const frames = back.received()
    expect(frames[0]).toMatchObject({ type: 'joined', alias: 1, ref: 3, role: ROLES.operator, count: 2 })
    expect(entriesOf(frames)).toEqual(['3 message 1', '4 message 2', '5 message 3'])
    expect(back.send(send(1, 3)).received()).toMatchObject([{ type: 'ack', seq: 5 }])
    next.advance(LIMITS.detachedMs)
    expect(entriesOf(back.received())).toEqual([`6 event ${EVENTS.left}`])
  })

  test('remembers after a restart how far it had counted, however long the log', () => {
    const world = durable()
    const alice = openRaw(world, 'alice')
    join(alice)
    for (let ref = 1; ref <= 9000; ref++) alice.send(send(1, ref, 'x'))
    alice.received()
    const next = new World({ storage: (world.storage as MemoryStore).snapshot() })
    expect(join(openRaw(next, 'alice'))).toMatchObject({ ref: 9000, head: 9001 })
  })

  //= PAL-ROM-045
  test('remembers past a checkpoint of the second life who only spoke in the first', () => {
    const world = durable()
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    const carol = openRaw(world, 'carol')
    for (const wire of [alice, bob, carol]) join(wire)
    for (let ref = 1; ref <= 3; ref++) bob.send(send(1, ref, 'x'))
    bob.received()
    carol.send({ type: 'leave', request: 2, conversation: 1 }).received()
    const second = new World({ storage: (world.storage as MemoryStore).snapshot() })
    const speaker = openRaw(second, 'alice')
    join(speaker)
    for (let ref = 1; ref <= 9000; ref++) speaker.send(send(1, ref, 'x'))
    speaker.received()
    const third = new World({ storage: (second.storage as MemoryStore).snapshot() })
    expect(join(openRaw(third, 'bob'))).toMatchObject({ ref: 3, count: 2 })
    expect(join(openRaw(third, 'alice'))).toMatchObject({ ref: 9000, count: 2 })
  })

  //= PAL-ROM-045
  test('remembers after a restart the refs of messages that are no longer kept', () => {
    const world = new World({ storage: new MemoryStore(true), limits: { retentionBytes: 4096 } })
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    join(alice)
    join(bob)
    for (let ref = 1; ref <= 3; ref++) bob.send(send(1, ref)).received()
    for (let ref = 1; ref <= 20; ref++) alice.send(send(1, ref, 'x'.repeat(1000))).received()
    const next = new World({ storage: (world.storage as MemoryStore).snapshot() })
    const back = join(openRaw(next, 'bob'))
    expect(back.first).toBeGreaterThan(6)
    expect(back.ref).toBe(3)
  })

  //= PAL-SES-028
  //= PAL-SES-030
  //= PAL-SES-031
  test('keeps the place of a lost client for a time, for that installation only', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    join(alice)
    const lost = (): number[] => alice.framesOf('event').map(({ kind }) => kind)
    const bob = openRaw(world, 'bob')
    join(bob)
    alice.received()
    bob.cut()
    world.advance(LIMITS.detachedMs - 1)
    expect(lost()).toEqual([])
    world.advance(1)
    expect(lost()).toEqual([EVENTS.left])
    const again = openRaw(world, 'bob')
    join(again)
    again.cut()
    world.connect('bob', { clientId: clientIdOf('another') })
    expect(alice.received().at(-1)).toMatchObject({ kind: EVENTS.left, value: 4 })
    const third = openRaw(world, 'bob')
    join(third)
    third.cut()
    alice.received()
    alice.send({ type: 'ban', request: 8, conversation: 1, name: 'bob', seconds: 0, reason: '' })
    expect(alice.received()).toMatchObject([{ type: 'event', kind: EVENTS.banned }, { type: 'ok' }])
    world.advance(LIMITS.detachedMs)
    expect(alice.received()).toEqual([])
  })

  //= PAL-SES-031
  test.each([
    ['kicked', (world: World) => kickFromRelay(world.relay.hub, ADMINISTRATION, { name: 'bob', reason: '' })],
    [
      'banned',
      (world: World) =>
        banFromRelay(world.relay.hub, ADMINISTRATION, { name: 'bob', seconds: 0, reason: '' }),
    ],
  ])('keeps no place for somebody who is %s from the relay meanwhile', (_how, remove) => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    join(alice)
    const bob = openRaw(world, 'bob')
    join(bob)
    bob.cut()
    alice.received()
    expect(remove(world)).toBeUndefined()
    world.settle()
    expect(alice.received()).toMatchObject([{ type: 'event', kind: EVENTS.left, value: 3 }])
    world.advance(LIMITS.detachedMs)
    expect(alice.received()).toEqual([])
  })
})

describe('mailboxes', () => {
  //= PAL-ROM-056
  //= PAL-ROM-057
  //= PAL-ROM-058
  test('announce what waits, from the cursor, newest first, also after a restart', () => {
    const world = new World()
    for (const name of ['alice', 'bob', 'carol']) world.connect(name)
    const bob = openRaw(world, 'bob')
    const direct = (from: string): Wire => {
      const wire = openRaw(world, from)
      wire.send({ type: 'direct', request: 1, name: 'bob' })
      return wire
    }
    const alice = direct('alice')
    const carol = direct('carol')
    alice.send(send(1, 1), send(1, 2)).received()
    world.advance(10)
    carol.send(send(2, 1)).received()
    expect(bob.received().filter(({ type }) => type === 'joined')).toHaveLength(2)
    bob.send({ type: 'cursor', conversation: 1, seq: 1 }, { type: 'cursor', conversation: 77, seq: 1 })
    bob.cut()
    alice.send(send(1, 3)).received()
    const next = new World({ storage: world.storage })
    const { frames } = next.connect('bob').wire
    const joins = frames.filter((frame) => frame.type === 'joined')
    expect(joins.map(({ conversation, request, seq }) => [conversation, request, seq])).toEqual([
      [1, 0, 1],
      [2, 0, 0],
    ])
    expect(entriesOf(frames).sort()).toEqual(['1 message 1', '2 message 2', '3 message 3'])
  })
})

describe('a direct conversation', () => {
  //= PAL-ROM-072
  test('does not wait for whoever wrote its last messages', () => {
    const world = new World()
    world.connect('bob')
    const alice = openRaw(world, 'alice')
    alice.send({ type: 'direct', request: 1, name: 'bob' }, send(1, 1), send(1, 2)).received()
    alice.cut()
    expect(openRaw(world, 'alice').framesOf('joined')).toEqual([])
    world.settle()
    const bob = world.connect('bob').wire
    expect(bob.frames.filter(({ type }) => type === 'joined')).toHaveLength(1)
  })

  //= PAL-ROM-073
  test('shows both identities, the lower key first, with the aliases they have there', () => {
    const world = new World()
    const keys = ['alice', 'bob'].map((name) => hexOf(identityOf(name).publicKey))
    world.connect('bob')
    const alice = openRaw(world, 'alice')
    alice.send({ type: 'direct', request: 1, name: 'bob' })
    const [joined] = alice.framesOf('joined')
    const seen = joined?.peers.map(({ key, alias, role }) => [hexOf(key), alias, role])
    expect(seen).toEqual([...keys].sort().map((key, i) => [key, i + 1, ROLES.member]))
  })
})

describe('a session that the relay ends', () => {
  //= PAL-SES-060
  test('is sent the entries that end its memberships before the close', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    alice.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    alice.deliver(Uint8Array.of(0, 0, 0, 2, 0x91, 63))
    expect(alice.received()).toMatchObject([
      { type: 'event', kind: EVENTS.left, value: LEAVE_REASONS.removed },
      { type: 'close', code: ERRORS.unknown_frame },
    ])
  })
})

describe('much at once', () => {
  //= PAL-SES-033
  test('is never queued for a link beyond half of what may wait for it, and a batch', () => {
    const world = new World({ limits: { outboundBytes: 40_000 } })
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    join(alice)
    join(bob)
    bob.isStuck = true
    let most = 0
    for (let ref = 1; ref <= 60; ref++) {
      alice.send({ type: 'send', conversation: 1, ref, kind: 0, body: new Uint8Array(3000) }).received()
      most = Math.max(most, bob.link.queuedBytes)
    }
    expect(most).toBeGreaterThan(10_000)
    expect(most).toBeLessThan(20_000 + 3100)
    bob.isStuck = false
    expect(bob.framesOf('message').map(({ ref }) => ref)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  })

  //= PAL-SES-035
  test('over all links sheds those for which the most waits', () => {
    const world = new World({ limits: { outboundTotalBytes: 60_000 } })
    const alice = openRaw(world, 'alice')
    join(alice)
    const others = ['bob', 'carol'].map((name) => openRaw(world, name))
    for (const other of others) join(other)
    for (const other of others) other.isStuck = true
    const [bob, carol] = others
    carol?.send(...[1, 2, 3].map((n): Frame => ({ type: 'ping', nonce: n, conversation: 0 })))
    for (let ref = 1; ref <= 11; ref++)
      alice.send({ type: 'send', conversation: 1, ref, kind: 0, body: new Uint8Array(3000) }).received()
    expect([bob?.link.state, carol?.link.state]).toEqual(['open', 'closed'])
    expect(alice.link.state).toBe('open')
  })

  //= PAL-SES-035
  test('counts answers that wait behind entries, until their session is over', () => {
    const world = new World({ limits: { outboundBytes: 40_000, outboundTotalBytes: 50_000 } })
    const alice = openRaw(world, 'alice')
    join(alice)
    const readers = ['bob', 'carol'].map((name, index) => {
      const reader = openRaw(world, name)
      join(reader)
      reader.isStuck = true
      for (let ref = 1; ref <= 10; ref++) {
        const body = new Uint8Array(3000)
        alice.send({ type: 'send', conversation: 1, ref: index * 10 + ref, kind: 0, body }).received()
      }
      for (let request = 1; request <= 4 - 2 * index; request++)
        reader.send({ type: 'fetch', request, conversation: 1, from: 4, count: 3 })
      return reader
    })
    expect(readers.map(({ link }) => link.state)).toEqual(['closed', 'open'])
    expect(readers.map(({ link }) => link.ownBytes + link.answerBytes > 18_000)).toEqual([false, true])
    expect(alice.link.state).toBe('open')
  })
})

describe('rates', () => {
  const limits = { sendsPerSecond: 10, sendsBurst: 5, requestsPerSecond: 10, requestsBurst: 5 }

  //= PAL-SES-036
  test('delay what comes too fast, lose nothing, and stop the reading meanwhile', () => {
    const world = new World({ limits })
    const alice = openRaw(world, 'alice')
    join(alice)
    for (let ref = 1; ref <= 20; ref++) alice.send(send(1, ref))
    expect(alice.framesOf('message')).toHaveLength(5)
    expect(alice.isPaused).toBe(true)
    world.advance(1000)
    expect(alice.framesOf('message')).toHaveLength(15)
    world.advance(1000)
    expect(alice.framesOf('message').map(({ ref }) => ref)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    expect(alice.isPaused).toBe(false)
  })

  test('count bodies, requests and joins, each for itself', () => {
    const world = new World({
      limits: {
        sendBytesPerSecond: 1000,
        sendBytesBurst: 2000,
        joinsPerSecond: 1,
        joinsBurst: 2,
        requestsBurst: 6,
      },
    })
    const alice = openRaw(world, 'alice')
    for (const room of ['a', 'b', 'c']) alice.send({ type: 'join', request: 1, room, options: 0 })
    expect(alice.framesOf('joined')).toHaveLength(2)
    world.advance(1000)
    expect(alice.framesOf('joined')).toHaveLength(3)
    for (let ref = 1; ref <= 2; ref++)
      alice.send({ type: 'send', conversation: 1, ref, kind: 0, body: new Uint8Array(1500) })
    expect(alice.framesOf('message')).toHaveLength(1)
    world.advance(1100)
    expect(alice.framesOf('message')).toHaveLength(2)
  })

  //= PAL-SES-037
  //= PAL-SES-038
  test('refuse and then close a session that goes on', () => {
    const world = new World({ limits: { ...limits, sendBytesBurst: 1e9 } })
    const alice = openRaw(world, 'alice')
    join(alice)
    let ref = 0
    for (let second = 0; second < 12; second++) {
      for (let i = 0; i < 30; i++) if (alice.link.state === 'open') alice.send(send(1, ++ref))
      world.advance(1000)
    }
    const codes = alice.framesOf('error').map(({ code }) => code)
    expect(codes).toContain(ERRORS.rate_limited)
    expect(alice.framesOf('close')).toMatchObject([{ code: codeOf('rate_exceeded') }])
  })

  //= PAL-SES-040
  test('of links of one address are bounded', () => {
    const world = new World({ limits: { linksPerSecond: 1, linksBurst: 3, linksPerAddress: 100 } })
    const open = (): number | undefined => {
      const wire = world.open('192.0.2.1')
      const code = wire.closeCode
      wire.cut()
      return code
    }
    expect([1, 2, 3].map(open)).toEqual([undefined, undefined, undefined])
    expect(open()).toBe(codeOf('too_many_links'))
    expect(world.open('192.0.2.2').closeCode).toBeUndefined()
    world.advance(1000)
    expect([open(), open()]).toEqual([undefined, codeOf('too_many_links')])
  })

  test('change nothing for somebody who keeps to them', () => {
    const world = new World({ limits })
    const alice = openRaw(world, 'alice')
    join(alice)
    for (let ref = 1; ref <= 300; ref++) {
      alice.send(send(1, ref))
      world.advance(101)
    }
    expect(alice.framesOf('message')).toHaveLength(300)
    expect(world.relayEvents.filter(({ kind }) => kind === 'link_paused')).toEqual([])
  })
})

//= PAL-ROM-041
test('a relay that keeps all it may takes no more messages', () => {
  const world = new World({ limits: { logBytes: 2000 } })
  const alice = openRaw(world, 'alice')
  join(alice)
  const answers = Array.from({ length: 100 }, (_, i) => alice.send(send(1, i + 1)).received()[0])
  expect(answers.find((frame) => frame?.type === 'error')).toMatchObject({ code: ERRORS.storage_full })
  const kept = world.relay.hub.rooms.get('lobby')?.logBytes ?? 0
  expect(kept).toBeLessThanOrEqual(2100)
})
