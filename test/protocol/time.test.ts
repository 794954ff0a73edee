import { describe, expect, test } from 'vitest'
import { ERRORS, EVENTS, encodeFrame, type Frame, LEAVE_REASONS, LIMITS } from '../../src/codec/index.ts'
import { authenticate, codeOf, HELLO, openRaw } from './raw-handshake.ts'
import { World } from './world.ts'

const PING: Frame = { type: 'ping', nonce: 1, conversation: 0 }

describe('deadlines', () => {
  //= PAL-HSK-033
  test('a handshake must end in time, whatever has been received', () => {
    const world = new World()
    const silent = world.open()
    const slow = world.open()
    for (let i = 0; i < 4; i++) {
      world.advance(LIMITS.handshakeMs / 4 - 1)
      if (i === 2) slow.send(HELLO)
      else slow.send(Uint8Array.of(0, 0, 0, 3, 0x92, 112, 0xc0))
    }
    expect([silent.closeCode, slow.closeCode]).toEqual([undefined, undefined])
    world.advance(10)
    expect([silent.closeCode, slow.closeCode]).toEqual(Array(2).fill(codeOf('handshake_timeout')))
  })

  //= PAL-SES-018
  test('a closed link has its time to take the last bytes, and is then cut', () => {
    const world = new World()
    const wire = world.open().send(Uint8Array.of(0, 0, 0, 0))
    world.settle()
    expect([wire.isFinished, wire.isExpired]).toEqual([true, false])
    world.advance(LIMITS.lingerMs - 1)
    expect(wire.isExpired).toBe(false)
    world.advance(1)
    expect(wire.isExpired).toBe(true)
  })

  //= PAL-SES-015
  test('a session that says nothing is closed; unfinished frames do not count as saying something', () => {
    const world = new World()
    const wires = ['silent', 'dribbling', 'talking'].map((name) => openRaw(world, name))
    const [silent, dribbling, talking] = wires
    dribbling?.deliver(Uint8Array.of(0, 0, 0, 200))
    for (let passed = 0; passed < LIMITS.idleMs; passed += 5000) {
      world.advance(5000)
      dribbling?.deliver(Uint8Array.of(1))
      talking?.send(PING)
    }
    expect(silent?.closeCode).toBe(codeOf('idle_timeout'))
    expect(dribbling?.closeCode).toBe(codeOf('idle_timeout'))
    expect(talking?.closeCode).toBeUndefined()
  })

  //= PAL-SES-013
  test('two sessions that have nothing to say live on by pings', () => {
    const world = new World()
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    world.advance(3_600_000)
    expect([alice.session.state, bob.session.state]).toEqual(['open', 'open'])
    expect(alice.wire.framesOf('pong').length).toBeGreaterThan(90)
    expect(alice.wire.framesOf('pong').length).toBeLessThan(150)
  })

  //= PAL-SES-041
  test('who only listens in a busy room lives on', () => {
    const world = new World()
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const { number } = alice.join('lobby')
    bob.join('lobby')
    for (let passed = 0; passed < 4 * LIMITS.idleMs; passed += 5000) {
      alice.say(number, 'still here')
      world.advance(5000)
    }
    expect(bob.session.state).toBe('open')
  })

  //= PAL-SES-014
  test('a client notices a relay that vanished', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.wire.isStuck = true
    world.advance(LIMITS.pingMs + LIMITS.pongMs - 1)
    expect(alice.session.state).toBe('open')
    world.advance(1)
    alice.transmit()
    expect(alice.endedBy).toBe('idle_timeout')
  })

  //= PAL-SES-016
  test('a client pings as often as an impatient relay wants', () => {
    const world = new World({ limits: { idleMs: 10_000 } })
    const alice = world.connect('alice')
    world.advance(600_000)
    expect(alice.session.state).toBe('open')
  })

  test('a relay with no open link waits for nothing', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.session.close()
    world.settle()
    for (const wire of world.wires) wire.cut()
    world.advance(200_000)
    expect(world.relay.pollTimeout()).toBe(Number.POSITIVE_INFINITY)
  })

  test('early and repeated calls of the timeout are harmless', () => {
    const world = new World()
    const alice = world.connect('alice')
    for (let i = 0; i < 100; i++) {
      world.relay.handleTimeout(world.now)
      alice.session.handleTimeout(world.now)
    }
    world.settle()
    expect(alice.session.state).toBe('open')
  })
})

describe('the fence', () => {
  //= PAL-SES-009
  //= PAL-SES-010
  test('a pong comes after every effect of what was sent before', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    bob.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    wire.send(
      { type: 'join', request: 1, room: 'lobby', options: 0 },
      { type: 'ping', nonce: 7, conversation: 1 },
      { type: 'send', conversation: 1, ref: 1, kind: 0, body: new Uint8Array(1) },
      { type: 'send', conversation: 1, ref: 9, kind: 0, body: new Uint8Array(1) },
      { type: 'ping', nonce: 8, conversation: 1 },
      { type: 'leave', request: 2, conversation: 1 },
      { type: 'ping', nonce: 9, conversation: 1 },
      { type: 'ping', nonce: 2 ** 53 - 1, conversation: 0 },
    )
    const seen = wire.received()
    const at = (type: Frame['type'], field: object = {}): number =>
      seen.findIndex(
        (frame) => frame.type === type && Object.entries(field).every(([k, v]) => (frame as never)[k] === v),
      )
    expect(at('joined')).toBeLessThan(at('pong', { nonce: 7 }))
    expect(at('message')).toBeLessThan(at('pong', { nonce: 8 }))
    expect(at('error')).toBeLessThan(at('pong', { nonce: 8 }))
    expect(at('event', { kind: EVENTS.left })).toBeLessThan(at('pong', { nonce: 9 }))
    expect(at('ok', { request: 2 })).toBeLessThan(at('pong', { nonce: 9 }))
    expect(at('pong', { nonce: 2 ** 53 - 1 })).toBe(seen.length - 1)
  })

  //= PAL-SES-011
  test('a ping for a conversation one is not in is answered all the same', () => {
    const wire = openRaw(new World(), 'alice')
    wire.send({ type: 'ping', nonce: 3, conversation: 4_294_967_295 })
    expect(wire.received()).toEqual([{ type: 'pong', nonce: 3, conversation: 4_294_967_295 }])
  })

  //= PAL-SES-012
  test('a pong that nobody waits for is ignored', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    wire.send({ type: 'pong', nonce: 3, conversation: 5 })
    expect(wire.received()).toEqual([])
  })

  test('a relay that pings gets its pong', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.session.handleBytes(0, encodeFrame({ type: 'ping', nonce: 5, conversation: 70 }), world.now)
    const item = alice.session.pollTransmit(world.now)
    expect(item?.bytes).toEqual(encodeFrame({ type: 'pong', nonce: 5, conversation: 70 }))
    //= PAL-STR-011
    expect(item?.lane).toBe(2 + (70 % 62))
  })
})

describe('closing', () => {
  //= PAL-SES-020
  //= PAL-SES-021
  test('a relay that shuts down tells everybody when to come back', () => {
    const world = new World()
    const alice = world.connect('alice')
    const shaking = world.open()
    world.relay.shutDown(world.now, 1500)
    world.settle()
    expect(alice.eventsOf('closed')).toMatchObject([{ by: 'peer', name: 'going_away', retryMs: 1500 }])
    expect(shaking.closeCode).toBe(codeOf('going_away'))
  })

  //= PAL-ERR-004
  //= PAL-ERR-005
  test('a close with a code that nobody knows ends the session', () => {
    const world = new World()
    const alice = world.connect('alice')
    const close: Frame = { type: 'close', code: 0x01fd, text: 'new', retryMs: 3 }
    alice.wire.take({ lane: 0, bytes: encodeFrame(close) })
    expect(alice.eventsOf('closed')).toMatchObject([
      { code: 0x01fd, name: undefined, text: 'new', retryMs: 3 },
    ])
  })

  test('a goodbye says nothing more, and its memberships end as closed', () => {
    const world = new World()
    const alice = world.connect('alice')
    alice.join('lobby')
    const bob = world.connect('bob')
    bob.join('lobby')
    alice.session.close()
    alice.session.close()
    world.settle()
    expect(bob.eventsOf('event').at(-1)?.event).toMatchObject({
      kind: EVENTS.left,
      value: LEAVE_REASONS.closed,
    })
    expect(alice.eventsOf('closed')).toMatchObject([{ by: 'local', code: ERRORS.goodbye }])
    expect(() => alice.session.request({ type: 'list', after: '' })).toThrow('[bad_state]')
  })
})

describe('slow readers', () => {
  const outboundBytes = 100_000

  //= PAL-SES-025
  //= PAL-SES-026
  test('wait in the log, the others get everything, and memory stays bounded', () => {
    const world = new World({ limits: { outboundBytes } })
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const stuck = openRaw(world, 'stuck')
    const room = alice.join('lobby')
    bob.join('lobby')
    stuck.send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    stuck.received()
    stuck.isStuck = true
    let heldMax = 0
    for (let i = 0; i < 400; i++) {
      alice.session.send(room.number, 0, new Uint8Array(1000))
      world.settle()
      heldMax = Math.max(heldMax, stuck.link.queuedBytes)
    }
    expect(heldMax).toBeLessThanOrEqual(outboundBytes / 2 + 200)
    expect(heldMax).toBeGreaterThan(outboundBytes / 4)
    expect(bob.eventsOf('message')).toHaveLength(400)
    expect(alice.eventsOf('message')).toHaveLength(400)
    stuck.isStuck = false
    world.settle()
    const seqs = stuck.framesOf('message').map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 400 }, (_, i) => i + 4))
  })

  //= PAL-SES-034
  test('that take nothing for stall_ms are cut off, and may come back', () => {
    const world = new World()
    const alice = world.connect('alice')
    const stuck = openRaw(world, 'stuck')
    const room = alice.join('lobby')
    stuck.send({ type: 'join', request: 1, room: 'lobby', options: 0 })
    stuck.received()
    stuck.isStuck = true
    alice.say(room.number, 'hello')
    world.advance(LIMITS.stallMs / 2)
    stuck.send({ type: 'ping', nonce: 1, conversation: 0 })
    world.advance(LIMITS.stallMs)
    expect(stuck.link.state).toBe('closed')
    expect(alice.eventsOf('event').at(-1)?.event.kind).toBe(EVENTS.joined)
    stuck.isStuck = false
    expect(stuck.closeCode).toBe(codeOf('slow_consumer'))
    world.advance(LIMITS.lingerMs)
    expect(stuck.isExpired).toBe(true)
  })

  test('who asks for much at once is cut off before it costs much memory', () => {
    const world = new World({ limits: { outboundBytes } })
    for (let i = 0; i < 200; i++) openRaw(world, `user${i}`)
    const greedy = openRaw(world, 'greedy')
    const ask = encodeFrame({ type: 'who', request: 1, conversation: 0, after: 0 })
    const many = Buffer.concat(Array(20_000).fill(ask))
    const before = process.memoryUsage().arrayBuffers
    greedy.isStuck = true
    greedy.deliver(many)
    const grown = process.memoryUsage().arrayBuffers - before
    expect(grown).toBeLessThan(20 * outboundBytes)
    greedy.isStuck = false
    expect(greedy.closeCode).toBe(codeOf('slow_consumer'))
  })

  test('a full kilometre of messages in one turn cuts off nobody who reads', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const bob = world.connect('bob')
    bob.join('lobby')
    alice.send({ type: 'join', request: 1, room: 'lobby', options: 0 }).received()
    const body = new Uint8Array(30_000)
    for (let ref = 1; ref <= 30; ref++) alice.send({ type: 'send', conversation: 1, ref, kind: 0, body })
    world.settle()
    expect(bob.eventsOf('message')).toHaveLength(30)
    expect(bob.session.state).toBe('open')
  })
})

describe('grease', () => {
  //= PAL-EXT-005
  //= PAL-EXT-007
  test('is ignored in every state, and both ends send it', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 60; i++) {
      const world = new World({ seed: `grease ${i}` })
      const grease = Uint8Array.of(0, 0, 0, 4, 0x93, 127, 0xc0, 0x90)
      const wire = world.open().send(grease)
      authenticate(wire, 'alice')
      wire.send(grease, PING)
      expect(wire.framesOf('pong')).toHaveLength(1)
      const { length } = wire.received()
      if (wire.raw.length > length) seen.add('relay')
      const bob = world.connect('bob')
      if (bob.session.state === 'open') seen.add('client')
    }
    expect(seen).toEqual(new Set(['relay', 'client']))
  })
})

describe('lanes', () => {
  //= PAL-STR-013
  //= PAL-STR-010
  test('frames are taken on any lane, and answers travel on the lane of their conversation', () => {
    const world = new World()
    const wire = openRaw(world, 'alice', 64)
    wire.deliver(encodeFrame({ type: 'join', request: 1, room: 'lobby', options: 0 }), 63)
    const half = encodeFrame({ type: 'send', conversation: 1, ref: 1, kind: 0, body: new Uint8Array(9) })
    wire.deliver(half.subarray(0, 7), 3)
    wire.deliver(encodeFrame({ type: 'ping', nonce: 1, conversation: 0 }), 0)
    wire.deliver(half.subarray(7), 3)
    const seen = wire.received().map((frame) => frame.type)
    expect(seen.sort()).toEqual(['event', 'joined', 'message', 'pong'])
    expect([...wire.lanes.keys()].sort()).toEqual([0, 3])
  })
})

describe('misuse', () => {
  test('a relay name that no challenge can carry is refused at the start', () => {
    expect(() => new World({ name: 'x'.repeat(LIMITS.relayNameBytes + 1) })).toThrow('[bad_argument]')
  })

  //= PAL-LIM-001
  //= PAL-LIM-005
  //= PAL-LIM-006
  test.each([
    { frameBytes: LIMITS.frameBytes + 1 },
    { frameBytes: LIMITS.handshakeFrameBytes - 1 },
    { bodyBytes: LIMITS.bodyBytes + 1 },
    { nesting: 9 },
    { sessions: -1 },
    { sessions: Number.NaN },
  ])('limits that the specification does not allow are refused at the start: %j', (limits) => {
    expect(() => new World({ limits })).toThrow('[bad_argument]')
  })

  test('a client name that no auth can carry is refused at the start', () => {
    const world = new World()
    expect(() => world.dial('x'.repeat(LIMITS.nameBytes + 1))).toThrow('[bad_argument]')
    expect(() => world.dial('')).toThrow('[bad_argument]')
    expect(() => world.dial('alice', { token: 'x'.repeat(LIMITS.tokenBytes + 1) })).toThrow('[bad_argument]')
  })
})
