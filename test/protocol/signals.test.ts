/** Signals between clients and a relay (spec chapter 20). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex } from '../../src/base/index.ts'
import {
  CAPABILITIES,
  encodeFrame,
  type Frame,
  isFault,
  LIMITS,
  loneFrame,
  SIGNAL_KINDS,
} from '../../src/codec/index.ts'
import type { ClientEvent } from '../../src/protocol/index.ts'
import { type ClientSettings, type TestClient, World, type WorldOptions } from './world.ts'

const SIGNALS: ClientSettings = { takesSignals: true }
const TYPING = { kind: SIGNAL_KINDS.typing, value: 1 }

type SignalEvent = Extract<ClientEvent, { kind: 'signal' }>

/** The named people in one room. */
function room(names: readonly string[], options: WorldOptions = {}, settings = SIGNALS) {
  const world = new World(options)
  const people = names.map((name) => world.connect(name, settings))
  const numbers = people.map((each) => each.join('garden', 1).number)
  world.settle()
  return { world, people, number: numbers[0] as number }
}

/** What was signalled to a client, as "sender: kind value". */
function heard(client: TestClient): string[] {
  client.wire.world.settle()
  return client
    .eventsOf('signal')
    .map(({ senderName, signal }: SignalEvent) => `${senderName}: ${signal.kind} ${signal.value}`)
}

/** The signalled frames that crossed a client's link. */
function signalled({ wire }: TestClient): Frame[] {
  return wire.framesOf('signalled')
}

describe('a signal', () => {
  //= PAL-SIG-002, PAL-SIG-003, PAL-SIG-007
  test('reaches every other member as it was sent, whatever it says, and not its sender', () => {
    const { world, people, number } = room(['alice', 'bob', 'carol'])
    const [alice, bob, carol] = people as [TestClient, TestClient, TestClient]
    const body = bytesOfHex('c1ff00') as Uint8Array
    expect(alice.session.signal(number, { kind: 250, value: 2 ** 53 - 1, body }, world.now)).toBe(true)
    world.settle()
    for (const each of [bob, carol])
      expect(signalled(each)).toEqual([
        { type: 'signalled', conversation: number, sender: 1, kind: 250, value: 2 ** 53 - 1, body },
      ])
    expect(heard(bob)).toEqual([`alice: 250 ${2 ** 53 - 1}`])
    expect(signalled(alice)).toEqual([])
    expect(world.relay.hub.signals).toEqual({ taken: 1, dropped: 0, withheld: 0 })
  })

  //= PAL-SIG-005
  test('is in no log, and nobody gets it later', () => {
    const { world, people, number } = room(['alice', 'bob'])
    const [alice, bob] = people as [TestClient, TestClient]
    bob.wire.cut()
    world.settle()
    alice.session.signal(number, TYPING, world.now)
    world.settle()
    const carol = world.connect('carol', SIGNALS)
    const again = world.connect('bob', SIGNALS)
    carol.join('garden')
    again.ask({ type: 'follow', conversation: number, log: logOf(alice, number), seq: 0 })
    const history = carol.ask({ type: 'fetch', conversation: number, from: 1, count: 100 })
    expect(history.kind === 'history' && history.entries.map(({ kind }) => kind)).toEqual([
      'event',
      'event',
      'event',
    ])
    expect([heard(carol), heard(again)]).toEqual([[], []])
    expect(world.relay.hub.conversations.get(number)?.seq).toBe(3)
  })

  //= PAL-SIG-001, PAL-SIG-004, PAL-SIG-008, PAL-EXT-004
  test('neither leaves nor reaches a client that did not offer to take any', () => {
    const world = new World()
    const alice = world.connect('alice', SIGNALS)
    const bob = world.connect('bob')
    const { number } = alice.join('garden')
    bob.join('garden')
    expect(bob.session.signal(number, TYPING, world.now)).toBe(false)
    alice.session.signal(number, TYPING, world.now)
    bob.wire.send({ type: 'signal', conversation: number, kind: 1, value: 1, body: new Uint8Array(0) })
    world.settle()
    expect([signalled(alice), signalled(bob)]).toEqual([[], []])
    expect(bob.session.state).toBe('open')
    expect(world.relay.hub.signals.dropped).toBe(1)
  })

  //= PAL-SIG-004
  test('into a conversation that the client is not in is dropped without a word', () => {
    const { world, people, number } = room(['alice', 'bob'])
    const [alice] = people as [TestClient]
    const mallory = world.connect('mallory', SIGNALS)
    mallory.wire.received()
    for (const conversation of [number, 4_000_000])
      mallory.wire.send({ type: 'signal', conversation, kind: 1, value: 1, body: new Uint8Array(0) })
    expect(mallory.wire.received()).toEqual([])
    expect(heard(alice)).toEqual([])
    expect(() => mallory.session.signal(number, TYPING, world.now)).toThrow(/not in conversation/u)
  })

  //= PAL-SIG-006
  test('is withheld from a member who does not read, who costs no memory', () => {
    const limits = { signalsPerSecond: 1e9, signalsBurst: 1e9 }
    const { world, people, number } = room(['alice', 'bob', 'carol'], { limits })
    const [alice, bob, carol] = people as [TestClient, TestClient, TestClient]
    bob.wire.isStuck = true
    const body = new Uint8Array(0)
    for (let i = 0; i < 1000; i++)
      alice.wire.send({ type: 'signal', conversation: number, kind: 1, value: i, body })
    expect(bob.wire.link.queuedBytes).toBeLessThanOrEqual(LIMITS.signalBacklogBytes + 100)
    expect(world.relay.hub.signals.withheld).toBeGreaterThan(500)
    expect(bob.session.state).toBe('open')
    bob.wire.isStuck = false
    expect(heard(carol).at(0)).toBe('alice: 1 0')
    bob.say(number, 'still here')
    expect(carol.texts).toEqual(['bob: still here'])
  })

  test('may come before the entry by which its sender came, and is no fault', () => {
    //= PAL-SIG-009
    const { world, people, number } = room(['alice'])
    const [alice] = people as [TestClient]
    const body = new Uint8Array(0)
    const stranger = { type: 'signalled', conversation: number, sender: 77, kind: 1, value: 1, body } as const
    for (const frame of [stranger, { ...stranger, conversation: 999 }, { ...stranger, kind: 191 }])
      alice.session.handleLoneBytes(encodeFrame(frame))
    alice.take({ lane: 0, bytes: encodeFrame({ ...stranger, sender: 1 }) })
    expect(heard(alice)).toEqual(['undefined: 1 1', 'undefined: 191 1'])
    expect(alice.session.state).toBe('open')
    void world
  })
})

describe('the rate of signals', () => {
  const limits = { signalsPerSecond: 2, signalsBurst: 3 }
  const flood = { type: 'signal', kind: 1, value: 1, body: new Uint8Array(0) } as const

  //= PAL-SIG-004
  test('drops what is beyond it and delays no message', () => {
    const { world, people, number } = room(['alice', 'bob'], { limits })
    const [alice, bob] = people as [TestClient, TestClient]
    for (let i = 0; i < 10; i++) alice.wire.send({ ...flood, conversation: number })
    expect(heard(bob).length).toBe(3)
    alice.say(number, 'at once')
    expect(bob.texts).toEqual(['alice: at once'])
    expect(world.relay.hub.signals).toEqual({ taken: 3, dropped: 7, withheld: 0 })
    world.advance(1000)
    for (let i = 0; i < 10; i++) alice.wire.send({ ...flood, conversation: number })
    expect(heard(bob).length).toBe(5)
  })

  //= PAL-SES-036, PAL-SES-038
  test('is no way to flood the relay: spare signals cost tokens for requests', () => {
    const requests = { requestsPerSecond: 2, requestsBurst: 8, rateExcessMs: 3000 }
    const { world, people, number } = room(['alice', 'bob'], { limits: { ...limits, ...requests } })
    const [alice] = people as [TestClient]
    for (let i = 0; i < 100; i++) alice.wire.send({ ...flood, conversation: number })
    expect(alice.wire.link.delay).toBeDefined()
    expect(world.relay.hub.signals.dropped).toBeLessThan(12)
    for (let i = 0; i < 10 && alice.session.state === 'open'; i++) {
      world.advance(1000)
      alice.wire.send({ ...flood, conversation: number })
    }
    expect(alice.endedBy).toBe('rate_exceeded')
  })

  //= PAL-SIG-010
  test('is kept by the client itself, which drops the rest', () => {
    const { world, people, number } = room(['alice', 'bob'], { limits })
    const [alice, bob] = people as [TestClient, TestClient]
    const left = Array.from({ length: 10 }, () => alice.session.signal(number, TYPING, world.now))
    expect(left.filter(Boolean).length).toBe(3)
    expect(heard(bob).length).toBe(3)
    expect(world.relay.hub.signals.dropped).toBe(0)
  })
})

describe('what was read', () => {
  //= PAL-SIG-016
  test('only goes forward, and not beyond what is known', () => {
    const world = new World()
    const [alice, bob] = ['alice', 'bob'].map((name) => world.connect(name, SIGNALS)) as [
      TestClient,
      TestClient,
    ]
    const direct = alice.direct('bob')
    for (const text of ['1', '2', '3']) alice.say(direct.number, text)
    for (const value of [2, 1, 2, 9, 3, 0])
      bob.session.signal(direct.number, { kind: SIGNAL_KINDS.read, value }, world.now)
    expect(heard(alice)).toEqual(['bob: 2 2', 'bob: 2 3'])
    expect([...direct.members.values()].find(({ name }) => name === 'bob')?.read).toBe(3)
  })
})

describe('outside the lanes', () => {
  //= PAL-SIG-012, PAL-SIG-013
  test('a signal counts as one in a lane does', () => {
    const { world, people, number } = room(['alice', 'bob'])
    const [alice, bob] = people as [TestClient, TestClient]
    const frame = {
      type: 'signal',
      conversation: number,
      kind: 1,
      value: 1,
      body: new Uint8Array(0),
    } as const
    world.relay.handleLoneBytes(alice.wire.link, encodeFrame(frame), world.now)
    expect(heard(bob)).toEqual(['alice: 1 1'])
    const limits = { signalsPerSecond: 1, signalsBurst: 1 }
    const slow = room(['alice', 'bob'], { limits })
    for (let i = 0; i < 9; i++)
      slow.world.relay.handleLoneBytes(
        (slow.people[0] as TestClient).wire.link,
        encodeFrame({ ...frame, conversation: slow.number }),
        slow.world.now,
      )
    expect(heard(slow.people[1] as TestClient).length).toBe(1)
  })

  //= PAL-SIG-012
  test('anything but one whole signal is dropped, by both ends, in every state', () => {
    const { world, people, number } = room(['alice', 'bob'])
    const [alice, bob] = people as [TestClient, TestClient]
    const sound = encodeFrame({
      type: 'signal',
      conversation: number,
      kind: 1,
      value: 1,
      body: new Uint8Array(0),
    })
    const early = world.open(undefined, 64)
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(sound.length - 1).map((length) => sound.slice(0, length)),
      fc.constant(Uint8Array.from([...sound, ...sound])),
      fc.constant(encodeFrame({ type: 'ping', nonce: 1, conversation: 0 })),
      fc.constant(encodeFrame({ type: 'close', code: 256, text: '', retryMs: 0 })),
    )
    alice.wire.received()
    fc.assert(
      fc.property(bytes, (each) => {
        const frame = loneFrame(each)
        fc.pre(frame?.type !== 'signal' && frame?.type !== 'signalled')
        for (const link of [alice.wire.link, early.link]) world.relay.handleLoneBytes(link, each, world.now)
        bob.session.handleLoneBytes(each)
        world.settle()
        expect([alice.session.state, bob.session.state, early.link.state]).toEqual([
          'open',
          'open',
          'expect_hello',
        ])
      }),
    )
    world.relay.handleLoneBytes(early.link, sound, world.now)
    expect(alice.wire.received()).toEqual([])
    expect(heard(bob)).toEqual([])
  })

  test('a frame of its own is what its length says, or nothing', () => {
    const frame = { type: 'ping', nonce: 7, conversation: 3 } as const
    expect(loneFrame(encodeFrame(frame))).toEqual(frame)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const found = loneFrame(bytes)
        expect(found === undefined || !isFault(found)).toBe(true)
      }),
    )
  })
})

test('the capability is offered by who takes signals, and chosen by the relay', () => {
  const world = new World()
  const offered = (client: TestClient): boolean =>
    client.session.facts?.capabilities.includes(CAPABILITIES.signals) === true
  expect([offered(world.connect('alice', SIGNALS)), offered(world.connect('bob'))]).toEqual([true, false])
})

function logOf(alice: TestClient, number: number): Uint8Array {
  return (alice.session.conversations.get(number) as { log: Uint8Array }).log
}
