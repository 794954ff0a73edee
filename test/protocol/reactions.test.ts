/** Every cell of both reaction tables, executed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../src/base/index.ts'
import {
  CLIENT_REACTIONS,
  type ClientState,
  Deframer,
  decodeFrame,
  ERRORS,
  encodeFrame,
  FRAME,
  FRAME_SPECS,
  type Frame,
  isFault,
  LIMITS,
  RELAY_REACTIONS,
  type Reaction,
  type RelayState,
} from '../../src/codec/index.ts'
import { ClientSession, type RelayFacts } from '../../src/protocol/index.ts'
import { frameValues } from '../../tools/spec/arbitraries.ts'
import { JOINED } from './played-relay.ts'
import { authFor, challengeOf, HELLO, openRaw, readyFor, resumeFor } from './raw-handshake.ts'
import { identityOf, type Wire, World } from './world.ts'

type Input = keyof typeof RELAY_REACTIONS
const FRAME_NAMES: ReadonlySet<string> = new Set(FRAME_SPECS.map((spec) => spec.name))

/** Bytes of the inputs that are no known frame. */
const ODD_BYTES: Readonly<Record<string, Uint8Array>> = {
  unknown_close: Uint8Array.of(0, 0, 0, 2, 0x91, 62),
  unknown_ignore: Uint8Array.of(0, 0, 0, 3, 0x92, 112, 0xc0),
  malformed: Uint8Array.of(0, 0, 0, 1, 0xc1),
}

function prefixOf(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length)
}

/** A sound frame of the type. */
function sampleOf(name: string): Frame {
  return fc.sample(frameValues(name, { bytesMax: 20, countMax: 2 }), {
    numRuns: 1,
    seed: 11,
  })[0] as unknown as Frame
}

const cellsOf = (table: object): [Input, string, Reaction<string>][] =>
  Object.entries(table).flatMap(([input, row]) =>
    Object.entries(row as Record<string, Reaction<string>>).map(
      ([state, reaction]): [Input, string, Reaction<string>] => [input as Input, state, reaction],
    ),
  )

test('both tables have a cell for every frame and every other input in every state', () => {
  const inputs = [...FRAME_NAMES, ...Object.keys(ODD_BYTES), 'oversized', 'silence', 'link_end']
  for (const [table, states] of [
    [RELAY_REACTIONS, ['expect_hello', 'expect_auth', 'open', 'closed']],
    [CLIENT_REACTIONS, ['expect_challenge', 'expect_ready', 'open', 'closed']],
  ] as const) {
    expect(Object.keys(table).sort()).toEqual([...inputs].sort())
    for (const row of Object.values(table)) expect(Object.keys(row).sort()).toEqual([...states].sort())
  }
})

describe('the relay', () => {
  function relayIn(state: RelayState): { readonly world: World; readonly wire: Wire } {
    const world = new World()
    if (state === 'open') return { world, wire: openRaw(world, 'alice') }
    const wire = world.open()
    if (state === 'expect_auth') wire.send(HELLO)
    if (state === 'closed') wire.send({ type: 'ok', request: 1, conversation: 0 })
    return { world, wire }
  }

  function feed(input: Input, world: World, wire: Wire): void {
    if (input === 'silence') world.advance(wire.link.state === 'open' ? LIMITS.idleMs : LIMITS.handshakeMs)
    else if (input === 'link_end') wire.cut()
    else if (input === 'oversized') wire.deliver(prefixOf(LIMITS.frameBytes + 1))
    else if (input in ODD_BYTES) wire.deliver(ODD_BYTES[input] as Uint8Array)
    else if (input === 'hello') wire.send(HELLO)
    else if (input === 'auth' && wire.link.state === 'expect_auth') {
      const challenge = wire.frames.find((frame) => frame.type === 'challenge')
      wire.send(authFor(world, HELLO, challenge as Extract<Frame, { type: 'challenge' }>, 'alice'))
    } else if (input === 'resume' && wire.link.state === 'expect_auth') {
      const { session, token } = world.connect('bob').session.facts as RelayFacts
      const challenge = wire.frames.find((frame) => frame.type === 'challenge')
      wire.send(
        resumeFor(world, challenge as Extract<Frame, { type: 'challenge' }>, identityOf('bob'), {
          session,
          token,
        }),
      )
    } else wire.send(sampleOf(input))
  }

  //= PAL-SES-001
  //= PAL-SES-002
  //= PAL-SES-003
  //= PAL-SES-004
  test.each(cellsOf(RELAY_REACTIONS))('on %s in %s: %j', (input, state, reaction) => {
    const { world, wire } = relayIn(state as RelayState)
    world.settle()
    expect(wire.link.state).toBe(state)
    const rawBefore = wire.raw.length
    const challenge = wire.frames.find((frame) => frame.type === 'challenge')
    wire.frames.length = 0
    if (challenge) wire.frames.push(challenge)
    feed(input, world, wire)
    world.settle()
    const answers = wire.frames.filter((frame) => frame !== challenge)
    if (reaction.do === 'close') {
      expect(wire.link.state).toBe('closed')
      //= PAL-SES-017
      expect(answers).toMatchObject([{ type: 'close', code: ERRORS[reaction.code] }])
      expect(wire.isFinished).toBe(true)
    } else if (reaction.do === 'ignore') {
      expect(wire.raw.length).toBe(rawBefore)
      expect(wire.link.state).toBe(state)
    } else {
      expect(wire.link.state).toBe(reaction.next)
      expect(answers.some((frame) => frame.type === 'close')).toBe(false)
    }
  })

  test('what comes behind the frame that closed has no effect', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    const join: Frame = { type: 'join', request: 1, room: 'lobby', options: 0 }
    wire.send(Buffer.concat([ODD_BYTES['malformed'] as Uint8Array, encodeFrame(join)]))
    expect(wire.received().map((frame) => frame.type)).toEqual(['close'])
    expect(world.relay.hub.rooms.size).toBe(0)
  })

  //= PAL-SES-019
  test('a close is not answered, and nothing follows it', () => {
    const world = new World()
    const wire = openRaw(world, 'alice')
    wire.send({ type: 'close', code: ERRORS.goodbye, text: '', retryMs: 0 })
    wire.send({ type: 'ping', nonce: 1, conversation: 0 })
    expect(wire.received()).toEqual([])
    expect(wire.isFinished).toBe(true)
  })

  //= PAL-STR-004
  test('before ready a frame may have 1 KiB and not one byte more', () => {
    const grease = (length: number): Uint8Array => {
      const bytes = new Uint8Array(4 + length).fill(0x61)
      bytes.set([...prefixOf(length), 0x92, 120, 0xc5, (length - 5) >> 8, (length - 5) & 0xff])
      return bytes
    }
    expect(new World().open().send(grease(LIMITS.handshakeFrameBytes)).closeCode).toBeUndefined()
    expect(new World().open().send(grease(LIMITS.handshakeFrameBytes + 1)).closeCode).toBe(
      ERRORS.frame_too_large,
    )
    const wire = openRaw(new World(), 'alice')
    expect(wire.send(grease(LIMITS.frameBytes)).closeCode).toBeUndefined()
    expect(wire.send(grease(LIMITS.frameBytes + 1)).closeCode).toBe(ERRORS.frame_too_large)
  })
})

describe('the client', () => {
  /** A client, and what it sent. */
  class Played {
    readonly world = new World()
    readonly session: ClientSession
    readonly sent: Frame[] = []
    readonly hello: Uint8Array
    readonly #deframer = new Deframer(65536)

    constructor() {
      const { world } = this
      this.session = new ClientSession(
        {
          name: 'alice',
          identity: identityOf('alice'),
          clientId: world.entropy(8),
          agent: 'test/1',
          binding: new Uint8Array(0),
          signatures: world.signatures,
          entropy: world.entropy,
        },
        world.now,
      )
      const item = this.session.pollTransmit(world.now)
      this.hello = item?.bytes.subarray(4) ?? new Uint8Array(0)
    }

    give(frame: Frame): void {
      this.session.handleBytes(0, encodeFrame(frame), this.world.now)
      this.drain()
    }

    drain(): void {
      for (
        let item = this.session.pollTransmit(this.world.now);
        item;
        item = this.session.pollTransmit(this.world.now)
      ) {
        this.#deframer.push(item.bytes)
        while (this.#deframer.next() === FRAME) {
          const frame = decodeFrame(this.#deframer.bytes, this.#deframer.start, this.#deframer.end)
          if (isFault(frame)) throw new Error(`the client sent ${frame.fault}`)
          if (frame.type !== 'ignored') this.sent.push(frame)
        }
      }
    }

    reach(state: ClientState): void {
      if (state === 'expect_challenge') return
      const challenge = challengeOf(this.world)
      this.give(challenge)
      if (state === 'expect_ready') return
      const auth = this.sent.at(-1) as Extract<Frame, { type: 'auth' }>
      this.give(readyFor(this.world, this.hello, challenge, auth))
      this.give(UNASKED)
      if (state === 'closed')
        this.give({ type: 'hello', versions: [1], capabilities: [], nonce: NONCE, agent: '' })
    }
  }

  const NONCE = new Uint8Array(32)
  const UNASKED = { ...JOINED, request: 0 }

  /** Frames that fit the conversation the client is in. */
  const FITTING: Readonly<Partial<Record<Input, Frame>>> = {
    joined: { ...UNASKED, conversation: 2 },
    message: {
      type: 'message',
      conversation: 1,
      seq: 1,
      time: 0,
      sender: 2,
      ref: 1,
      kind: 0,
      body: new Uint8Array(3),
    },
    event: {
      type: 'event',
      conversation: 1,
      seq: 1,
      time: 0,
      kind: 6,
      actor: 0,
      subject: 0,
      name: '',
      key: new Uint8Array(0),
      value: 0,
      text: 'topic',
    },
  }

  function feed(input: Input, played: Played): void {
    const { session, world } = played
    if (input === 'silence') passTime(played)
    else if (input === 'link_end') session.handleEnd(world.now)
    else if (input === 'oversized') session.handleBytes(0, prefixOf(LIMITS.frameBytes + 1), world.now)
    else if (input in ODD_BYTES) session.handleBytes(0, ODD_BYTES[input] as Uint8Array, world.now)
    else if (input === 'challenge') played.give(challengeOf(world))
    else if (input === 'ready' && session.state === 'expect_ready') {
      const challenge = played.world.signatures
      expect(challenge).toBeDefined()
      const auth = played.sent.at(-1) as Extract<Frame, { type: 'auth' }>
      played.give(readyFor(world, played.hello, lastChallenge as Extract<Frame, { type: 'challenge' }>, auth))
    } else played.give(FITTING[input] ?? sampleOf(input))
  }

  let lastChallenge: Frame | undefined

  function passTime({ session, world }: Played): void {
    for (let i = 0; i < 4 && session.state !== 'closed'; i++) {
      world.now = session.pollTimeout()
      session.handleTimeout(world.now)
    }
  }

  //= PAL-SES-001
  //= PAL-HSK-034
  test.each(cellsOf(CLIENT_REACTIONS))('on %s in %s: %j', (input, state, reaction) => {
    const played = new Played()
    if (state === 'expect_ready') {
      lastChallenge = challengeOf(played.world)
      played.give(lastChallenge)
    } else played.reach(state as ClientState)
    expect(played.session.state).toBe(state)
    while (played.session.pollEvent());
    const before = played.sent.length
    feed(input, played)
    played.drain()
    const answers = played.sent.slice(before)
    if (reaction.do === 'close') {
      expect(played.session.state).toBe('closed')
      expect(answers.at(-1)).toMatchObject({ type: 'close', code: ERRORS[reaction.code] })
      expect(played.session.pollEvent()).toMatchObject({ kind: 'closed', by: 'local', name: reaction.code })
    } else if (reaction.do === 'ignore') {
      expect(answers).toEqual([])
      expect(played.session.state).toBe(state)
      expect(played.session.pollEvent()).toBeUndefined()
    } else {
      expect(played.session.state).toBe(reaction.next)
      expect(answers.some((frame) => frame.type === 'close')).toBe(false)
    }
  })

  //= PAL-STR-005
  test('before ready a frame may have 1 KiB and not one byte more', () => {
    const played = new Played()
    played.session.handleBytes(0, prefixOf(LIMITS.handshakeFrameBytes + 1), played.world.now)
    expect(played.session.state).toBe('closed')
  })

  //= PAL-HSK-015
  test('a ready that the relay did not sign is refused', () => {
    const played = new Played()
    const challenge = challengeOf(played.world)
    played.give(challenge)
    const auth = played.sent.at(-1) as Extract<Frame, { type: 'auth' }>
    const ready = readyFor(played.world, played.hello, challenge, auth)
    played.give({ ...ready, name: 'mallory' })
    expect(played.sent.at(-1)).toMatchObject({ type: 'close', code: ERRORS.bad_signature })
  })

  //= PAL-HSK-010
  test('another relay key than the pinned one is refused before anything is signed', () => {
    const world = new World()
    const client = world.dial('alice', { relayKey: identityOf('another relay').publicKey })
    world.settle()
    expect(client.endedBy).toBe('bad_signature')
    expect(world.relay.hub.sessions.size).toBe(0)
    const right = world.connect('alice', { relayKey: world.identity.publicKey })
    expect(equalBytes(right.session.facts?.relayKey as Uint8Array, world.identity.publicKey)).toBe(true)
  })

  //= PAL-HSK-007
  test('a version that was not offered is refused', () => {
    const played = new Played()
    played.give({ ...challengeOf(played.world), version: 2 })
    expect(played.sent.at(-1)).toMatchObject({ type: 'close', code: ERRORS.unsupported_version })
  })

  //= PAL-HSK-008
  test('a capability that was not offered is refused', () => {
    const played = new Played()
    played.give({ ...challengeOf(played.world), capabilities: [12345] })
    expect(played.sent.at(-1)).toMatchObject({ type: 'close', code: ERRORS.bad_frame })
  })

  //= PAL-LIM-003
  //= PAL-LIM-004
  test('an announced limit counts when it is one of the relay, and else it does not', () => {
    const played = new Played()
    const challenge = challengeOf(played.world)
    played.give(challenge)
    const auth = played.sent.at(-1) as Extract<Frame, { type: 'auth' }>
    const ready = readyFor(played.world, played.hello, challenge, auth)
    const limits = [
      { id: 3, value: 100 },
      { id: 42, value: 1_000_000 },
      { id: 65, value: 1 },
      { id: 60_000, value: 1 },
    ]
    played.give({ ...ready, limits })
    const { session } = played
    expect(session.limit('bodyBytes')).toBe(100)
    expect(session.limit('unacknowledgedSends')).toBe(LIMITS.unacknowledgedSends)
    expect(session.limit('pingMs')).toBe(LIMITS.pingMs)
    expect(session.limit('sessions')).toBe(LIMITS.sessions)
  })
})
