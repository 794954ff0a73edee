import { beforeEach, describe, expect, test } from 'vitest'
import { CONVERSATION_KINDS, ROLES } from '../../src/codec/index.ts'
import { openRaw } from './raw-handshake.ts'
import { type TestClient, World } from './world.ts'

describe('a direct conversation', () => {
  let world: World
  let alice: TestClient
  let bob: TestClient

  beforeEach(() => {
    world = new World({ limits: { directsPerSession: 2, mailboxMessages: 3 } })
    alice = world.connect('alice')
    bob = world.connect('bob')
  })

  //= PAL-ROM-026
  //= PAL-ROM-027
  test('opens for the one who asks; the other joins with the first message', () => {
    const { number, name, kind, members, count, limit, role } = alice.direct('Bob')
    expect({ name, kind, count, limit, role }).toEqual({
      name: 'bob',
      kind: CONVERSATION_KINDS.direct,
      count: 2,
      limit: 2,
      role: ROLES.member,
    })
    const keys = [...members.values()].map((member) => Buffer.from(member.key).toString('hex'))
    expect(keys).toEqual([...keys].sort())
    expect([...members.keys()]).toEqual([1, 2])
    expect(bob.session.conversations.size).toBe(0)
    alice.say(number, 'psst')
    //= PAL-ROM-028
    expect(bob.eventsOf('joined')).toMatchObject([{ request: 0, conversation: { number, name: 'alice' } }])
    expect(bob.texts).toEqual(['alice: psst'])
    bob.say(number, 'what?')
    expect(alice.texts).toEqual(['alice: psst', 'bob: what?'])
  })

  //= PAL-ROM-025
  test('is the same one from both sides, and when it is asked for again', () => {
    const first = alice.direct('bob')
    const second = bob.direct('alice')
    expect(second.number).toBe(first.number)
    expect(alice.direct('BOB')).toBe(first)
    alice.say(first.number, 'one')
    expect(bob.texts).toEqual(['alice: one'])
    expect(world.relay.hub.directs.size).toBe(1)
  })

  test('asked for again in one breath with a message, says where the log stands', () => {
    const wire = openRaw(world, 'carol')
    wire.send({ type: 'direct', request: 1, name: 'bob' }).received()
    wire.send({ type: 'send', conversation: 1, ref: 1, kind: 0, body: new Uint8Array(1) })
    wire.send({ type: 'direct', request: 2, name: 'bob' })
    const seen = wire.received()
    const at = (type: string): number => seen.findIndex((frame) => frame.type === type)
    const joined = seen[at('joined')] as { seq: number; ref: number }
    expect(joined.ref).toBe(1)
    // The entry counted by the joined has been seen before it.
    expect(joined.seq === 1 ? at('message') < at('joined') : at('message') > at('joined')).toBe(true)
  })

  //= PAL-ROM-024
  test('is refused with the code of the first check that fails', () => {
    world.connect('carol')
    world.connect('dave')
    expect(alice.refusalOf({ type: 'direct', name: 'nobody' })).toBe('no_such_name')
    expect(alice.refusalOf({ type: 'direct', name: '..' })).toBe('no_such_name')
    expect(alice.refusalOf({ type: 'direct', name: 'ALICE' })).toBe('bad_value')
    const first = alice.direct('bob')
    alice.direct('carol')
    expect(alice.refusalOf({ type: 'direct', name: 'dave' })).toBe('too_many_conversations')
    alice.direct('bob')
    alice.ask({ type: 'leave', conversation: first.number })
    alice.direct('dave')
  })

  //= PAL-ROM-029
  test('keeps messages for somebody who is away, until their mailbox is full', () => {
    bob.wire.cut()
    const { number } = alice.direct('bob')
    for (const text of ['one', 'two', 'three']) alice.say(number, text)
    expect(alice.texts).toEqual(['alice: one', 'alice: two', 'alice: three'])
    alice.say(number, 'too much')
    expect(alice.eventsOf('error')).toMatchObject([
      { name: 'mailbox_full', frame: { ref: 4, conversation: number } },
    ])
    const back = world.connect('bob')
    expect(back.texts).toEqual(['alice: one', 'alice: two', 'alice: three'])
    back.session.cursor(number, 2)
    world.settle()
    back.wire.cut()
    alice.say(number, 'again')
    expect(world.connect('bob').texts).toEqual(['alice: three', 'alice: again'])
  })

  test('goes on with a reopened session, whose joined says where it begins', () => {
    const { number } = alice.direct('bob')
    alice.say(number, 'one')
    bob.wire.cut()
    alice.say(number, 'two')
    const back = world.connect('bob')
    alice.say(number, 'three')
    expect(back.eventsOf('joined')[0]?.conversation.number).toBe(number)
    expect(back.texts).toEqual(['alice: one', 'alice: two', 'alice: three'])
    expect(back.say(number, 'hello')).toBe(1)
    expect(alice.texts).toEqual(['alice: one', 'alice: two', 'alice: three', 'bob: hello'])
  })

  //= PAL-ROM-030
  //= PAL-ROM-031
  test('has no joined and left entries, and can be left', () => {
    const { number } = alice.direct('bob')
    alice.say(number, 'hello')
    expect(bob.ask({ type: 'leave', conversation: number })).toMatchObject({ kind: 'ok' })
    expect(alice.eventsOf('event')).toEqual([])
    expect(bob.eventsOf('event')).toEqual([])
    alice.say(number, 'come back')
    expect(bob.eventsOf('joined')).toHaveLength(2)
    expect(bob.texts.at(-1)).toBe('alice: come back')
  })

  test('is forgotten when neither is in it', () => {
    const { number } = alice.direct('bob')
    alice.ask({ type: 'leave', conversation: number })
    expect(world.relay.hub.directs.size).toBe(0)
  })

  test('with somebody who has all they may have waits for them', () => {
    const others = ['carol', 'dave'].map((name) => world.connect(name))
    for (const other of others) other.say(other.direct('bob').number, 'hi')
    const { number } = alice.direct('bob')
    alice.say(number, 'hi')
    expect(bob.texts).toEqual(['carol: hi', 'dave: hi'])
    for (const { number } of [...bob.session.conversations.values()]) {
      bob.session.cursor(number, 1)
      bob.ask({ type: 'leave', conversation: number })
    }
    bob.session.close()
    world.settle()
    expect(world.connect('bob').texts).toEqual(['alice: hi'])
  })

  test('is seen by nobody else', () => {
    const carol = world.connect('carol')
    const before = carol.wire.raw.length
    alice.say(alice.direct('bob').number, 'secret')
    expect(carol.wire.raw).toHaveLength(before)
    expect(carol.refusalOf({ type: 'who', conversation: 1, after: 0 })).toBe('not_a_member')
  })
})

describe('messages under way', () => {
  //= PAL-MSG-001
  //= PAL-MSG-002
  test('are bounded, and refused ones free their refs once all are answered', () => {
    const world = new World({ limits: { mailboxMessages: 1 } })
    const alice = world.connect('alice')
    world.connect('bob').wire.cut()
    const { number } = alice.direct('bob')
    alice.say(number, 'the one that may wait')
    const send = (): number | undefined => alice.session.send(number, 0, new Uint8Array(1))
    const refs = Array.from({ length: 300 }, send)
    expect(refs.filter((ref) => ref !== undefined)).toEqual(Array.from({ length: 256 }, (_, i) => i + 2))
    world.settle()
    const names = alice.eventsOf('error').map(({ name }) => name)
    expect(names).toEqual(['mailbox_full', ...Array(255).fill('ref_gap')])
    world.connect('bob')
    expect(send()).toBe(2)
    world.settle()
    expect(alice.texts).toHaveLength(2)
  })

  test('a refusal in the midst of others never gives one ref to two messages', () => {
    const world = new World({ limits: { mailboxMessages: 1 } })
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const { number } = alice.direct('bob')
    bob.wire.cut()
    for (let i = 0; i < 3; i++) alice.session.send(number, 0, Uint8Array.of(i))
    alice.transmit()
    world.flush()
    const back = world.connect('bob')
    for (let i = 3; i < 9; i++) {
      alice.session.send(number, 0, Uint8Array.of(i))
      alice.transmit()
      world.flush()
    }
    world.settle()
    while (alice.session.send(number, 0, Uint8Array.of(99)) === undefined) world.settle()
    world.settle()
    const own = alice.eventsOf('message').map(({ message }) => message.ref)
    expect(own).toEqual(Array.from({ length: own.length }, (_, i) => i + 1))
    expect(back.eventsOf('message')).toHaveLength(own.length)
    expect(alice.eventsOf('error').every(({ name }) => name !== 'ref_repeated')).toBe(true)
  })
})
