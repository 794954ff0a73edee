/** Requirements that no other test names. */
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import {
  CAPABILITIES,
  decodeFrame,
  EVENTS,
  encodeFrame,
  type Frame,
  isFault,
  LIMITS,
} from '../../src/codec/index.ts'
import { decodePart, decodeText, encodePart } from '../../src/protocol/content.ts'
import { authMessage, transcriptHash } from '../../src/protocol/index.ts'
import { authenticate, challengeOf, codeOf, HELLO, openRaw } from './raw-handshake.ts'
import { identityOf, type TestClient, type Wire, World } from './world.ts'

const JOIN: Frame = { type: 'join', request: 1, room: 'lobby', options: 0 }
const send = (ref: number, conversation = 1): Frame => ({
  type: 'send',
  conversation,
  ref,
  kind: 0,
  body: Uint8Array.of(ref & 255),
})

/** The frame that the client sends next, grease left out. */
function nextOf(client: TestClient): Frame {
  for (;;) {
    const item = client.session.pollTransmit(client.wire.world.now)
    if (!item) throw new Error('nothing to send')
    const frame = decodeFrame(item.bytes, 4)
    if (isFault(frame)) throw new Error('the client sent a fault')
    if (frame.type !== 'ignored') return frame
  }
}

describe('the handshake', () => {
  //= PAL-HSK-001
  //= PAL-HSK-002
  test('begins with hello, and no two nonces are alike', () => {
    const world = new World()
    const hellos = Array.from({ length: 20 }, (_, i) => nextOf(world.dial(`user${i}`)))
    const challenges = hellos.flatMap(() => world.open().send(HELLO).framesOf('challenge'))
    const nonces = [...hellos, ...challenges].map(
      (frame) => 'nonce' in frame && hexOf(frame.nonce as Uint8Array),
    )
    expect(hellos.every((frame) => frame.type === 'hello')).toBe(true)
    expect(nonces.every((nonce) => nonce && nonce.length === 64)).toBe(true)
    expect(new Set(nonces).size).toBe(40)
  })

  //= PAL-HSK-012
  //= PAL-HSK-016
  test('has the client sign the transcript, its name, key, client id and token', () => {
    const world = new World()
    const client = world.dial('alice', { token: 'secret' })
    const hello = client.session.pollTransmit(world.now)?.bytes.subarray(4) as Uint8Array
    const challenge = challengeOf(world)
    client.session.handleBytes(0, encodeFrame(challenge), world.now)
    const auth = nextOf(client) as Extract<Frame, { type: 'auth' }>
    const words = { binding: new Uint8Array(0), hello, challenge: encodeFrame(challenge).subarray(4) }
    const message = authMessage(transcriptHash(world.signatures, words), auth)
    expect(auth).toMatchObject({ name: 'alice', token: 'secret' })
    expect(auth.clientId).toHaveLength(8)
    expect(world.signatures.verify(identityOf('alice').publicKey, auth.signature, message)).toBe(true)
  })

  //= PAL-HSK-022
  //= PAL-HSK-025
  test('gives the name in its normal form, and that is the name everywhere', () => {
    const world = new World()
    const zoe = world.connect('Zoe\u0308')
    expect(zoe.session.facts?.name).toBe('Zo\u00eb')
    const alice = world.connect('alice')
    alice.join('lobby')
    zoe.join('lobby')
    expect(alice.eventsOf('event').at(-1)?.event.name).toBe('Zo\u00eb')
    //= PAL-HSK-036
    expect(alice.ask({ type: 'whois', name: 'ZOE\u0308' })).toMatchObject({ frame: { name: 'Zo\u00eb' } })
  })

  //= PAL-HSK-035
  test('reads a hello of another version by its first field alone', () => {
    const other = Uint8Array.of(0, 0, 0, 5, 0x93, 0x01, 0x91, 0x09, 0xc0)
    expect(new World().open().send(other).closeCode).toBe(codeOf('unsupported_version'))
  })

  //= PAL-EXT-004
  //= PAL-EXT-006
  test('with offered grease leaves no capability in force', () => {
    const offered = new Set<number>()
    for (let i = 0; i < 80; i++) {
      const client = new World({ seed: `grease ${i}` }).connect('alice')
      expect(client.session.facts?.capabilities).toEqual([])
      const hello = nextOf(new World({ seed: `grease ${i}` }).dial('alice'))
      if (hello.type === 'hello') for (const capability of hello.capabilities) offered.add(capability)
    }
    const grease: readonly number[] = Object.values(CAPABILITIES)
    expect([...offered].every((capability) => grease.includes(capability))).toBe(true)
    expect(offered.size).toBeGreaterThan(1)
  })
})

describe('streams', () => {
  //= PAL-STR-009
  test('that end in the midst of a frame end without it', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    alice.send(JOIN).received()
    alice.deliver(encodeFrame(send(1)).subarray(0, 9))
    alice.cut()
    world.settle()
    expect([...world.relay.hub.rooms.values()].map((room) => room.hasMessage)).toEqual([false])
    expect(world.relay.hub.links.size).toBe(0)
  })

  //= PAL-STR-014
  test('have their frames acted on in order, on every lane', () => {
    const world = new World()
    const wire = openRaw(world, 'alice', 64)
    wire.send(JOIN).received()
    const bytes = Buffer.concat([1, 2, 3, 4, 5].map((ref) => encodeFrame(send(ref))))
    for (let at = 0; at < bytes.length; at += 3) wire.deliver(bytes.subarray(at, at + 3), 3)
    expect(wire.framesOf('message').map(({ ref }) => ref)).toEqual([1, 2, 3, 4, 5])
  })

  //= PAL-LIM-007
  test('carry no frame above the default limit, however much there is to list', () => {
    const world = new World({ limits: { roomsPerSession: 200 } })
    const wire = openRaw(world, 'alice')
    const topic = 'x'.repeat(LIMITS.topicBytes)
    for (let i = 0; i < 130; i++) {
      const room = `${String(i).padStart(3, '0')}${'\u{20000}'.repeat(61)}`
      wire.send({ ...JOIN, room }, { type: 'setTopic', request: 2, conversation: i + 1, topic })
    }
    wire.received()
    wire.raw.length = 0
    wire.send({ type: 'list', request: 3, after: '' })
    expect(wire.framesOf('rooms')[0]?.rooms).toHaveLength(64)
    expect(Math.max(...wire.raw.map((hex) => hex.length / 2))).toBeLessThanOrEqual(LIMITS.frameBytes)
  })
})

describe('requests', () => {
  //= PAL-SES-006
  //= PAL-ERR-003
  //= PAL-ERR-006
  test('are each answered once, with their number, also when everything about them is wrong', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    const orders: Frame[] = [
      { type: 'join', request: 1, room: '\u202e', options: 0 },
      { type: 'leave', request: 2, conversation: 9 },
      { type: 'who', request: 3, conversation: 9, after: 0 },
      { type: 'whois', request: 4, name: 'nobody' },
      { type: 'direct', request: 5, name: 'alice' },
      { type: 'setTopic', request: 6, conversation: 9, topic: '' },
      { type: 'kick', request: 7, conversation: 9, name: 'x', reason: '' },
      { type: 'ban', request: 8, conversation: 0, name: 'x', seconds: 1, reason: '' },
      { type: 'unban', request: 9, conversation: 0, name: 'x' },
      { type: 'setRole', request: 10, conversation: 9, name: 'x', role: 9 },
      { type: 'setLimit', request: 11, conversation: 0, limit: 1 },
      { type: 'lock', request: 12, conversation: 9, locked: true },
      { type: 'announce', request: 13, text: 'x' },
      { type: 'announce', request: 4_294_967_295, text: 'x' },
    ]
    wire.send(...orders)
    const errors = wire.framesOf('error').sort((a, b) => a.request - b.request)
    expect(errors.map(({ request }) => request)).toEqual(
      orders.map((order) => 'request' in order && order.request),
    )
    expect(errors.every(({ code }) => code >= 0x0200 && code < 0x0400)).toBe(true)
    expect(errors.filter(({ conversation }) => conversation === 9).map(({ request }) => request)).toEqual([
      2, 3, 6, 7, 10, 12,
    ])
    //= PAL-SES-007
    expect(wire.received().every((frame) => frame.type === 'error')).toBe(true)
  })

  //= PAL-SES-005
  //= PAL-SES-008
  test('have numbers of their own, and answers to others are ignored', () => {
    const world = new World()
    const alice = world.connect('alice')
    const numbers = [1, 2, 3].map(() => alice.session.request({ type: 'list', after: '' }))
    expect(new Set(numbers).size).toBe(3)
    world.settle()
    const before = alice.events.length
    for (const frame of [
      { type: 'ok', request: 77, conversation: 0 },
      { type: 'rooms', request: 1, rooms: [], more: false },
      { type: 'error', request: 78, code: 0x0201, conversation: 0, ref: 0, text: '' },
    ] satisfies Frame[])
      alice.session.handleBytes(0, encodeFrame(frame), world.now)
    expect(alice.session.state).toBe('open')
    expect(alice.events.length).toBe(before)
    expect(alice.session.pollEvent()).toBeUndefined()
  })
})

describe('the log', () => {
  const event = (seq: number, kind: number): Frame => ({
    type: 'event',
    conversation: 1,
    seq,
    time: 0,
    kind,
    actor: 0,
    subject: 0,
    name: '',
    key: new Uint8Array(0),
    value: 0,
    text: '',
  })

  //= PAL-ROM-007
  test('counts events that the client does not know', () => {
    const world = new World()
    const alice = world.connect('alice')
    const room = alice.join('lobby')
    alice.session.handleBytes(0, encodeFrame(event(2, 200)), world.now)
    expect([alice.session.state, room.seq, room.count]).toEqual(['open', 2, 1])
  })

  //= PAL-ROM-008
  test.each([
    ['a gap', event(3, 6)],
    ['a repetition', event(1, 6)],
    ['an entry of a room one is not in', { ...event(2, 6), conversation: 5 } as Frame],
  ])('with %s is closed by bad_frame', (_what, frame) => {
    const world = new World()
    const alice = world.connect('alice')
    alice.join('lobby')
    alice.session.handleBytes(0, encodeFrame(frame), world.now)
    world.settle()
    expect(alice.endedBy).toBe('bad_frame')
  })

  //= PAL-ROM-032
  //= PAL-ROM-033
  test('and answers about it agree, whatever happens in one turn', () => {
    const world = new World()
    const alice = openRaw(world, 'alice')
    const bob = openRaw(world, 'bob')
    alice.send(JOIN).received()
    alice.send({ type: 'who', request: 5, conversation: 1, after: 0 })
    bob.send(JOIN)
    alice.send(
      { type: 'who', request: 6, conversation: 1, after: 0 },
      { type: 'ping', nonce: 1, conversation: 1 },
    )
    bob.send({ type: 'leave', request: 2, conversation: 1 })
    const known = new Set(['alice'])
    for (const frame of alice.received()) {
      if (frame.type === 'event' && frame.kind === EVENTS.joined) known.add(frame.name)
      if (frame.type === 'event' && frame.kind === EVENTS.left) known.delete(frame.name)
      if (frame.type === 'members') expect(new Set(frame.members.map(({ name }) => name))).toEqual(known)
    }
    expect(known).toEqual(new Set(['alice']))
  })

  //= PAL-ROM-033
  test('tells errors and messages of a conversation in the order in which they were decided', () => {
    const wire = openRaw(new World(), 'alice')
    wire.send(JOIN).received()
    wire.send(send(1), send(5), send(2), send(2), send(3))
    expect(wire.received().map((frame) => `${frame.type} ${'ref' in frame && frame.ref}`)).toEqual([
      'message 1',
      'error 5',
      'message 2',
      'ack 2',
      'message 3',
    ])
  })

  //= PAL-ROM-036
  test('calls an absent person by the bound name in normal form', () => {
    const world = new World()
    const alice = world.connect('alice')
    const { number: conversation } = alice.join('lobby')
    world.connect('Zoe\u0308').wire.cut()
    alice.ask({ type: 'ban', conversation, name: 'zoE\u0308', seconds: 0, reason: '' })
    expect(alice.eventsOf('event').at(-1)?.event).toMatchObject({ kind: EVENTS.banned, name: 'Zo\u00eb' })
  })

  //= PAL-MOD-018
  test('takes an operator who kicks itself, and what is set already', () => {
    const world = new World()
    const alice = world.connect('alice')
    const { number: conversation } = alice.join('lobby')
    for (let i = 0; i < 2; i++) alice.ask({ type: 'lock', conversation, locked: true })
    expect(alice.eventsOf('event').filter(({ event: { kind } }) => kind === EVENTS.lock)).toHaveLength(2)
    alice.ask({ type: 'kick', conversation, name: 'alice', reason: '' })
    expect(alice.eventsOf('event').at(-1)?.endsMembership).toBe(true)
  })
})

describe('limits', () => {
  //= PAL-LIM-009
  test('hold while several act at once: the last place goes to one', () => {
    const world = new World({ limits: { sessions: 3 } })
    const clients = Array.from({ length: 8 }, (_, i) => world.dial(`user${i}`))
    for (let i = 0; i < 10; i++) {
      for (const client of clients) client.transmit()
      world.flush()
    }
    world.settle()
    expect(clients.filter(({ session }) => session.state === 'open')).toHaveLength(3)
    const rooms = clients.filter(({ session }) => session.state === 'open')
    const { number: conversation } = (rooms[0] as TestClient).join('lobby')
    rooms[0]?.ask({ type: 'setLimit', conversation, limit: 2 })
    for (const client of rooms.slice(1)) client.session.request({ type: 'join', room: 'lobby', options: 0 })
    world.settle()
    expect(
      rooms
        .slice(1)
        .map((client) => client.eventsOf('error').length)
        .sort(),
    ).toEqual([0, 1])
  })

  //= PAL-MSG-019
  test('of bytes under way hold the client back, but never a lone message', () => {
    const world = new World()
    const alice = world.connect('alice')
    const { number } = alice.join('lobby')
    let sent = 0
    while (alice.session.send(number, 0, new Uint8Array(50_000)) !== undefined) sent += 1
    expect(sent).toBe(Math.floor(LIMITS.unacknowledgedBytes / 50_000))
    world.settle()
    expect(alice.session.send(number, 0, new Uint8Array(LIMITS.bodyBytes))).toBe(sent + 1)
  })

  //= PAL-MSG-020
  test('a refusal holds the conversation until all under way is answered', () => {
    const world = new World({ limits: { mailboxMessages: 1 } })
    const alice = world.connect('alice')
    world.connect('bob').wire.cut()
    const { number } = alice.direct('bob')
    alice.say(number, 'the one that may wait')
    for (let i = 0; i < 3; i++) alice.session.send(number, 0, new Uint8Array(1))
    alice.transmit()
    world.flush()
    expect(alice.eventsOf('error')).toHaveLength(1)
    expect(alice.session.send(number, 0, new Uint8Array(1))).toBeUndefined()
    world.settle()
    expect(alice.session.send(number, 0, new Uint8Array(1))).toBe(2)
  })
})

describe('content', () => {
  const part = {
    fileId: new Uint8Array(16).fill(1),
    index: 1,
    count: 3,
    name: '../../etc/passwd',
    size: 70_000,
    sha256: new Uint8Array(32).fill(2),
    data: new Uint8Array(100).fill(3),
  }

  //= PAL-MSG-014
  test('a part comes back as it was, and its name is only data', () => {
    expect(decodePart(encodePart(part))).toEqual(part)
  })

  //= PAL-MSG-011
  //= PAL-MSG-015
  test.each([
    ['an index that is no index', { index: 3 }],
    ['no parts at all', { count: 0, index: 0 }],
    ['a negative index', { index: -1 }],
    ['an index with a fraction', { index: 0.5 }],
    ['a file that is too large', { size: LIMITS.fileBytes + 1 }],
    ['a name that is too long', { name: 'x'.repeat(LIMITS.fileNameBytes + 1) }],
    ['a digest that is too short', { sha256: new Uint8Array(31) }],
    ['an id that is too short', { fileId: new Uint8Array(15) }],
    ['data that is too long', { data: new Uint8Array(LIMITS.partBytes + 1) }],
  ])('a part with %s is none', (_what, change) => {
    expect(decodePart(encodePart({ ...part, ...change }))).toBeUndefined()
  })

  test('bytes that are no part are none, at every length', () => {
    const bytes = encodePart(part)
    for (let end = 0; end < bytes.length; end++) expect(decodePart(bytes.subarray(0, end))).toBeUndefined()
    expect(decodePart(Uint8Array.of(0x80))).toBeUndefined()
    expect(decodePart(new Uint8Array(4000).fill(0x91))).toBeUndefined()
  })

  //= PAL-MSG-010
  test('text that is not UTF-8 is shown with replacements', () => {
    expect(decodeText(Uint8Array.of(0x61, 0xc0, 0xaf, 0x62))).toBe('a\ufffd\ufffdb')
  })
})

test('a link that was refused takes nothing more', () => {
  const world = new World({ limits: { handshakesPerAddress: 1 } })
  world.open('192.0.2.1')
  const refused: Wire = world.open('192.0.2.1')
  expect(() => authenticate(refused, 'alice')).toThrow('no challenge')
  expect(refused.received()).toEqual([])
})
