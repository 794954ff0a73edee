/** What the specification asks of a client, shown on one whose relay is played. */
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import { concatBytes, equalBytes, type Instant, uint32Bytes, utf8Bytes } from '../../src/base/index.ts'
import {
  CAPABILITIES,
  ERRORS,
  EVENTS,
  encodeFrame,
  type Frame,
  LIMIT_IDS,
  LIMITS,
} from '../../src/codec/index.ts'
import { anyEqual, errorFrame, eventFrame, JOINED, messageFrame, PlayedClient } from './played-relay.ts'
import { fakeSignatures, identityOf, World } from './world.ts'

const prefixed = (bytes: Uint8Array): Uint8Array => concatBytes([uint32Bytes(bytes.length), bytes])
const send = (client: PlayedClient, byteCount: number): number | undefined =>
  client.session.send(1, 0, new Uint8Array(byteCount))

describe('the handshake of a client', () => {
  //= PAL-HSK-001
  test('begins with hello and nothing else, before the relay has said a word', () => {
    const client = new PlayedClient()
    expect(client.sent.map((frame) => frame.type)).toEqual(['hello'])
    expect(client.raw).toHaveLength(1)
  })

  //= PAL-HSK-002
  test('uses 32 bytes for each link that no other link has, on both ends', () => {
    const world = new World()
    const nonces: Uint8Array[] = []
    for (let i = 0; i < 8; i++) {
      const wire = world.open()
      const hello = new PlayedClient({ entropy: world.entropy }).sentOf('hello')[0] as Frame
      wire.send(hello)
      const challenge = wire.framesOf('challenge')[0]
      nonces.push((hello as Extract<Frame, { type: 'hello' }>).nonce, challenge?.nonce as Uint8Array)
    }
    expect(nonces.map((nonce) => nonce.length)).toEqual(nonces.map(() => 32))
    expect(anyEqual(nonces)).toBe(false)
  })

  //= PAL-HSK-012
  test('signs the formula of the specification, with the token and the bytes it received', () => {
    const client = new PlayedClient({ token: 'open sesame', binding: utf8Bytes('a binding') })
    // Elements that the client does not know are part of what it signs.
    const challenge = encodeFrame(client.challenge).slice(4)
    challenge[0] = (challenge[0] as number) + 1
    const odd = concatBytes([challenge, Uint8Array.of(0xc0)])
    client.giveBytes(prefixed(odd))
    const [auth] = client.sentOf('auth')
    const hello = client.raw[0]?.bytes as Uint8Array
    const transcript = fakeSignatures.sha512(
      utf8Bytes('palaver/1/transcript\0'),
      prefixed(utf8Bytes('a binding')),
      prefixed(hello),
      prefixed(odd),
    )
    const message = concatBytes([
      utf8Bytes('palaver/1/auth\0'),
      transcript,
      prefixed(utf8Bytes('alice')),
      identityOf('alice').publicKey,
      new Uint8Array(8).fill(7),
      prefixed(utf8Bytes('open sesame')),
    ])
    const { publicKey } = identityOf('alice')
    expect(equalBytes(auth?.key as Uint8Array, publicKey)).toBe(true)
    expect(fakeSignatures.verify(publicKey, auth?.signature as Uint8Array, message)).toBe(true)
  })

  //= PAL-HSK-010
  test('ends before auth when the key is not one that the link allows', () => {
    const client = new PlayedClient({ isRelayKey: () => false, token: 'secret' })
    client.give(client.challenge)
    expect(client.closedWith).toBe(ERRORS.bad_signature)
    expect(client.sentOf('auth')).toEqual([])
    const trusting = new PlayedClient({ isRelayKey: (key) => key.length === 32 })
    expect(trusting.open().session.state).toBe('open')
  })

  //= PAL-HSK-022
  //= PAL-EXT-004
  test('takes the name that ready gives, and only the capabilities that challenge holds', () => {
    const world = new World()
    const client = world.connect('Zoe\u0308')
    expect(client.session.facts?.name).toBe('Zo\u00eb')
    const greasing = Array.from({ length: 40 }, (_, i) => new PlayedClient({}, `offer ${i}`).open())
    const offers = greasing.filter((each) => (each.sentOf('hello')[0]?.capabilities.length ?? 0) > 0)
    expect(offers.length).toBeGreaterThan(0)
    for (const { session } of offers) expect(session.facts?.capabilities).toEqual([])
  })

  //= PAL-EXT-006
  test('offers grease sometimes, and nothing but grease', () => {
    const grease: readonly number[] = Object.values(CAPABILITIES)
    const offered = Array.from(
      { length: 100 },
      (_, i) => new PlayedClient({}, `grease ${i}`).sentOf('hello')[0]?.capabilities ?? [],
    ).flat()
    expect(offered.length).toBeGreaterThan(0)
    expect(offered.length).toBeLessThan(50)
    expect(offered.every((number) => grease.includes(number))).toBe(true)
  })

  //= PAL-EXT-009
  test('is followed by one frame of grease at the most, however long the session', () => {
    let greased = 0
    for (let i = 0; i < 40; i++) {
      const client = new PlayedClient({}, `session ${i}`).inRoom()
      for (let nonce = 1; nonce <= 40; nonce++) client.session.ping(nonce, 0)
      client.drain()
      const grease = client.raw.length - client.sent.length
      expect(grease).toBeLessThanOrEqual(1)
      greased += grease
    }
    expect(greased).toBeGreaterThan(0)
  })

  //= PAL-STR-015, PAL-STR-030
  test('may be overtaken by frames on other lanes: they wait for ready', () => {
    const client = new PlayedClient()
    const lane = 2 + (5 % 62)
    const early = encodeFrame({ ...JOINED, request: 0, conversation: 5, kind: 1, name: 'bob' })
    const body = new Uint8Array(2000)
    const message = encodeFrame(messageFrame({ conversation: 5, body }))
    client.giveBytes(early.subarray(0, 9), lane)
    client.give(client.challenge)
    client.giveBytes(early.subarray(9), lane)
    client.giveBytes(message, lane)
    expect([client.session.state, client.events]).toEqual(['expect_ready', []])
    client.give(client.ready())
    expect(client.events.map((event) => event.kind)).toEqual(['ready', 'joined', 'message'])
    expect(client.session.state).toBe('open')
  })

  //= PAL-LIM-008
  test('holds no more than a bound of what overtakes it', () => {
    const client = new PlayedClient()
    for (let i = 0; i < 17 && client.session.state !== 'closed'; i++)
      client.giveBytes(new Uint8Array(65536), 9)
    expect(client.session.state).toBe('closed')
  })
})

describe('frames and limits of a client', () => {
  //= PAL-STR-006
  test('no send and no request is longer than the relay takes', () => {
    const limits = [{ id: LIMIT_IDS.frameBytes, value: 2048 }]
    const client = new PlayedClient().inRoom(limits)
    expect(() => send(client, client.session.limit('bodyBytes') + 1)).toThrow(UsageError)
    send(client, client.session.limit('bodyBytes'))
    const announce = { type: 'announce', text: 'x'.repeat(2040) } as const
    expect(() => client.session.request({ ...announce, text: 'x'.repeat(2046) })).toThrow(UsageError)
    client.session.request(announce)
    client.drain()
    expect(client.sentOf('send')).toHaveLength(1)
    expect(client.sentOf('announce')).toHaveLength(1)
    const lengths = client.raw.map(({ bytes }) => bytes.length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2048)
    expect(Math.max(...lengths)).toBeGreaterThan(2000)
  })

  //= PAL-STR-009
  test('half a frame at the end of the link is as if it had not come', () => {
    const client = new PlayedClient().inRoom()
    const before = client.events.length
    client.giveBytes(encodeFrame(messageFrame()).subarray(0, 12))
    client.session.handleEnd(client.world.now)
    client.drain()
    expect(client.events.slice(before).map((event) => event.kind)).toEqual(['closed'])
  })

  //= PAL-LIM-008
  test('a relay that pings without reading the pongs is left', () => {
    const client = new PlayedClient().open()
    const ping = encodeFrame({ type: 'ping', nonce: 1, conversation: 0 })
    for (let i = 0; i < 5000 && client.session.state === 'open'; i++)
      client.session.handleBytes(0, ping, client.world.now)
    expect(client.session.state).toBe('closed')
    const reading = new PlayedClient().open()
    for (let i = 0; i < 5000; i++) reading.giveBytes(ping)
    expect(reading.session.state).toBe('open')
    expect(reading.sentOf('pong')).toHaveLength(5000)
  })

  //= PAL-LIM-008
  test('a relay cannot make it hold conversations without end', () => {
    const client = new PlayedClient().open()
    for (let conversation = 1; conversation <= 70_000 && client.session.state === 'open'; conversation++)
      client.session.handleBytes(0, encodeFrame({ ...JOINED, request: 0, conversation }), client.world.now)
    expect(client.session.state).toBe('closed')
    expect(client.session.conversations.size).toBeLessThanOrEqual(65_536)
  })

  //= PAL-LIM-008
  test('a relay cannot make it hold members without end; those that left make room', () => {
    const client = new PlayedClient().inRoom()
    const members = client.session.conversations.get(1)?.members
    const key = new Uint8Array(32)
    const join = (seq: number): unknown =>
      client.session.handleBytes(
        0,
        encodeFrame(eventFrame({ seq, kind: 1, subject: seq + 1, name: 'x', key })),
        client.world.now,
      )
    let seq = 0
    while (seq < 262_144) join(++seq)
    expect(members?.size).toBe(262_144)
    join(++seq)
    expect(members?.size).toBe(262_144)
    client.give(eventFrame({ seq: ++seq, kind: 2, subject: 2, name: 'x' }))
    join(++seq)
    expect(members?.size).toBe(262_144)
    expect(members?.has(seq + 1)).toBe(true)
    expect(client.session.state).toBe('open')
  })
})

describe('requests of a client', () => {
  //= PAL-SES-005
  test('have numbers of their own', () => {
    const client = new PlayedClient().open()
    const numbers = Array.from({ length: 100 }, () => client.session.request({ type: 'list', after: '' }))
    expect(new Set(numbers).size).toBe(100)
    expect(client.sentOf('list').map((frame) => frame.request)).toEqual(numbers)
    expect(Math.min(...numbers)).toBeGreaterThan(0)
  })

  const key = new Uint8Array(32)
  const ANSWERS: readonly Extract<Frame, { request: number }>[] = [
    { type: 'ok', request: 9, conversation: 1 },
    { type: 'members', request: 9, conversation: 1, members: [], more: false },
    { type: 'rooms', request: 9, rooms: [], more: false },
    { type: 'identity', request: 9, name: 'bob', key, online: true, role: 0 },
    errorFrame({ request: 9 }) as Extract<Frame, { type: 'error' }>,
  ]

  //= PAL-SES-008
  test.each(ANSWERS)(
    'an answer %j that nobody waits for is ignored, twice and of the wrong type, too',
    (answer) => {
      const client = new PlayedClient().inRoom()
      const before = client.events.length
      client.give(answer)
      const list = client.session.request({ type: 'list', after: '' })
      if (answer.type !== 'rooms' && answer.type !== 'error')
        client.give({ ...answer, request: list } as Frame)
      expect(client.events.slice(before)).toEqual([])
      client.give({ type: 'rooms', request: list, rooms: [], more: false })
      client.give({ type: 'rooms', request: list, rooms: [], more: false })
      expect(client.events.slice(before).map((event) => event.kind)).toEqual(['rooms'])
      expect(client.session.state).toBe('open')
    },
  )

  //= PAL-SES-008
  test('a join with its members stays open until the last of them; its joined counts in any case', () => {
    const client = new PlayedClient().open()
    const request = client.session.request({ type: 'join', room: 'lobby', options: 1 })
    const members = { type: 'members', request, conversation: 1, members: [] } as const
    client
      .give({ ...JOINED, request })
      .give({ ...members, more: true })
      .give({ ...members, more: false })
    client.give({ ...members, more: false }).give({ ...JOINED, request: 77, conversation: 3 })
    const kinds = client.events.map((event) => event.kind)
    expect(kinds).toEqual(['ready', 'joined', 'members', 'members', 'joined'])
    expect([...client.session.conversations.keys()]).toEqual([1, 3])
  })

  //= PAL-SES-008
  test('an ok for a leave of its own ends the membership, another one does not', () => {
    const client = new PlayedClient().inRoom()
    const topic = client.session.request({ type: 'setTopic', conversation: 1, topic: 'x' })
    client.give({ type: 'ok', request: topic, conversation: 1 })
    client.give({ type: 'ok', request: 50, conversation: 1 })
    expect(client.session.conversations.has(1)).toBe(true)
    const leave = client.session.request({ type: 'leave', conversation: 1 })
    client.give({ type: 'ok', request: leave, conversation: 1 })
    expect(client.session.conversations.has(1)).toBe(false)
  })

  //= PAL-ERR-002
  test('what an error or a close means comes from its code, whatever the text says', () => {
    const outcomes = ['banned', 'goodbye', '0x0301 ref_gap', ''].map((text) => {
      const client = new PlayedClient().inRoom()
      const request = client.session.request({ type: 'join', room: 'x', options: 0 })
      client.give(errorFrame({ request, code: ERRORS.room_full, text }))
      client.give({ type: 'close', code: ERRORS.kicked, text, retryMs: 5 })
      const [error] = client.eventsOf('error')
      const [closed] = client.eventsOf('closed')
      return [error?.name, closed?.name, closed?.retryMs, client.session.state, client.sent.length]
    })
    expect(outcomes[0]?.slice(0, 4)).toEqual(['room_full', 'kicked', 5, 'closed'])
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1)
  })
})

describe('the log as a client reads it', () => {
  //= PAL-ROM-007
  test('an event of an unknown kind counts and changes nothing', () => {
    const client = new PlayedClient().inRoom()
    const room = client.session.conversations.get(1)
    const before = JSON.stringify({ ...room, seq: 0, members: [...(room?.members ?? [])] })
    client.give(eventFrame({ kind: 200, actor: 1, subject: 1, name: 'alice', value: 1, text: 'odd' }))
    expect(JSON.stringify({ ...room, seq: 0, members: [...(room?.members ?? [])] })).toBe(before)
    expect(room?.seq).toBe(1)
    client.give(messageFrame({ seq: 2 }))
    expect(client.session.state).toBe('open')
    expect(client.eventsOf('message')).toHaveLength(1)
  })

  //= PAL-ROM-008
  test.each([
    ['a gap', messageFrame({ seq: 2 })],
    ['a leap', messageFrame({ seq: 0x1fffff })],
    ['another conversation', messageFrame({ conversation: 2 })],
    ['a gap before an event', eventFrame({ seq: 3 })],
    ['an event of another conversation', eventFrame({ conversation: 9 })],
  ])('%s closes with bad_frame', (_what, frame) => {
    const client = new PlayedClient().inRoom().give(frame)
    expect(client.closedWith).toBe(ERRORS.bad_frame)
    expect(client.eventsOf('message')).toEqual([])
  })

  //= PAL-ROM-008
  test('an entry twice closes with bad_frame', () => {
    const client = new PlayedClient().inRoom().give(messageFrame()).give(messageFrame())
    expect(client.closedWith).toBe(ERRORS.bad_frame)
    expect(client.eventsOf('message')).toHaveLength(1)
  })

  //= PAL-ROM-034
  test('a second joined of a direct conversation changes neither refs nor seq', () => {
    const client = new PlayedClient().open()
    const direct = { ...JOINED, request: 0, kind: 1, name: 'bob' }
    client.give(direct)
    expect(send(client, 3)).toBe(1)
    client.give(messageFrame({ sender: 1 })).give(messageFrame({ seq: 2 }))
    client.give({ ...direct, seq: 2, ref: 1 })
    client.give({ ...direct, seq: 0, ref: 0 })
    expect(send(client, 3)).toBe(2)
    client.give(messageFrame({ seq: 3 }))
    expect(client.session.state).toBe('open')
  })

  //= PAL-CNV-003
  test('times that the relay writes decide nothing: neither order, nor deadlines, nor the end', () => {
    const history = (times: readonly number[]): unknown => {
      const client = new PlayedClient()
      client.give(client.challenge)
      client.give({ ...client.ready(), time: times[0] as number })
      client.session.request({ type: 'join', room: 'lobby', options: 0 })
      client.give(JOINED)
      times.forEach((time, i) => void client.give(messageFrame({ seq: i + 1, ref: i + 1, time })))
      const seqs = client.eventsOf('message').map(({ message }) => message.seq)
      const deadlines: Instant[] = []
      for (let i = 0; i < 3 && client.session.state === 'open'; i++) {
        client.world.now = client.session.pollTimeout()
        deadlines.push(client.world.now)
        client.session.handleTimeout(client.world.now)
      }
      return [seqs, deadlines, client.session.state]
    }
    const calm = history([1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002])
    expect(history([9_007_199_254_740_991, 0, 5])).toEqual(calm)
    expect(history([0, 9_007_199_254_740_991, 0])).toEqual(calm)
  })
})

describe('messages under way', () => {
  //= PAL-MSG-019
  test('come to no more bytes than allowed, but one message may always be', () => {
    const client = new PlayedClient().inRoom()
    const body = 60_000
    const sent: (number | undefined)[] = []
    while (sent.at(-1) !== undefined || sent.length === 0) sent.push(send(client, body))
    const underWay = sent.length - 1
    expect(underWay * body).toBeLessThanOrEqual(LIMITS.unacknowledgedBytes)
    expect((underWay + 1) * body).toBeGreaterThan(LIMITS.unacknowledgedBytes)
    const room = LIMITS.unacknowledgedBytes - underWay * body
    expect(send(client, room + 1)).toBeUndefined()
    expect(send(client, room)).toBe(underWay + 1)
    expect(send(client, 1)).toBeUndefined()
    client.give(messageFrame({ sender: 1, ref: 1 }))
    expect(send(client, body)).toBe(underWay + 2)
    expect(client.sentOf('send')).toHaveLength(underWay + 2)
  })

  //= PAL-MSG-020
  test('wait after a refusal until all are answered; then the refused ref comes again', () => {
    const client = new PlayedClient().inRoom()
    for (let ref = 1; ref <= 4; ref++) expect(send(client, 3)).toBe(ref)
    client.give(messageFrame({ sender: 1, ref: 1 }))
    client.give(errorFrame({ code: ERRORS.body_too_large, conversation: 1, ref: 2 }))
    expect(send(client, 3)).toBeUndefined()
    client.give(errorFrame({ code: ERRORS.ref_gap, conversation: 1, ref: 3 }))
    expect(send(client, 3)).toBeUndefined()
    client.give(errorFrame({ code: ERRORS.ref_gap, conversation: 1, ref: 4 }))
    expect(send(client, 3)).toBe(2)
    expect(client.sentOf('send').map(({ ref }) => ref)).toEqual([1, 2, 3, 4, 2])
  })

  //= PAL-MSG-027
  test('are answered before a conversation that is over is joined again', () => {
    const client = new PlayedClient().inRoom()
    for (let ref = 1; ref <= 2; ref++) expect(send(client, 3)).toBe(ref)
    const before = client.sentOf('join').length
    client.give(eventFrame({ seq: 1, kind: EVENTS.kicked, subject: 1 }))
    client.session.request({ type: 'join', room: 'kitchen', options: 0 })
    client.session.request({ type: 'list', after: '' })
    client.give(errorFrame({ code: ERRORS.not_a_member, conversation: 1, ref: 1 }))
    expect(client.sentOf('join')).toHaveLength(before)
    expect(client.sentOf('list')).toHaveLength(1)
    client.give(errorFrame({ code: ERRORS.not_a_member, conversation: 1, ref: 2 }))
    expect(client.sentOf('join')).toHaveLength(before + 1)
  })

  //= PAL-MSG-027
  test('are answered before somebody who is leaving begins another conversation', () => {
    const client = new PlayedClient().inRoom()
    const leave = client.session.request({ type: 'leave', conversation: 1 })
    expect(send(client, 3)).toBe(1)
    client.session.request({ type: 'direct', name: 'bob' })
    client.give({ type: 'ok', request: leave, conversation: 1 })
    expect(client.sentOf('direct')).toHaveLength(0)
    client.give(errorFrame({ code: ERRORS.not_a_member, conversation: 1, ref: 1 }))
    expect(client.sentOf('direct')).toHaveLength(1)
  })
})
