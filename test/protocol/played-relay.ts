/** A client whose relay the test plays: every frame is given by hand, every frame it sends is noted. */
import { equalBytes, utf8Bytes } from '../../src/base/index.ts'
import { Deframer, decodeFrame, encodeFrame, FRAME, type Frame, isFault } from '../../src/codec/index.ts'
import { type ClientEvent, type ClientOptions, ClientSession } from '../../src/protocol/index.ts'
import { challengeOf, readyFor } from './raw-handshake.ts'
import { identityOf, World } from './world.ts'

type FrameOf<Name extends Frame['type']> = Extract<Frame, { type: Name }>
type LimitRecord = FrameOf<'ready'>['limits'][number]

/** The joined of room 1, in which the client has alias 1. */
export const JOINED: FrameOf<'joined'> = {
  type: 'joined',
  request: 1,
  conversation: 1,
  kind: 0,
  name: 'lobby',
  alias: 1,
  role: 0,
  seq: 0,
  ref: 0,
  count: 1,
  limit: 10,
  locked: false,
  topic: '',
  peers: [],
  head: 0,
  first: 1,
  log: utf8Bytes('log 0001'),
  durability: 1,
  keepMs: 1000,
  keepBytes: 1000,
}

/** A message in room 1. */
export function messageFrame(changes: Partial<FrameOf<'message'>> = {}): FrameOf<'message'> {
  return {
    type: 'message',
    conversation: 1,
    seq: 1,
    time: 0,
    sender: 2,
    ref: 1,
    kind: 0,
    body: new Uint8Array(3),
    ...changes,
  }
}

/** An event in room 1. */
export function eventFrame(changes: Partial<FrameOf<'event'>> = {}): FrameOf<'event'> {
  const empty = { actor: 0, subject: 0, name: '', key: new Uint8Array(0), value: 0, text: '' }
  return { type: 'event', conversation: 1, seq: 1, time: 0, kind: 6, ...empty, ...changes }
}

/** The error that refuses a request or a send. */
export function errorFrame(changes: Partial<FrameOf<'error'>>): FrameOf<'error'> {
  return { type: 'error', request: 0, code: 0x0301, conversation: 0, ref: 0, text: '', ...changes }
}

/** One client, and what it sent. */
export class PlayedClient {
  readonly world: World
  readonly session: ClientSession
  readonly sent: Frame[] = []
  /** The same with everything that receivers ignore, as it left, by lane. */
  readonly raw: { readonly lane: number; readonly bytes: Uint8Array }[] = []
  readonly events: ClientEvent[] = []
  readonly challenge: FrameOf<'challenge'>
  readonly #deframers = new Map<number, Deframer>()

  constructor(changes: Partial<ClientOptions> = {}, seed = 'played') {
    this.world = new World({ seed })
    this.challenge = challengeOf(this.world)
    const { signatures, entropy } = this.world
    this.session = new ClientSession(
      {
        name: 'alice',
        identity: identityOf('alice'),
        clientId: new Uint8Array(8).fill(7),
        agent: 'test/1',
        binding: new Uint8Array(0),
        signatures,
        entropy,
        ...changes,
      },
      this.world.now,
    )
    this.drain()
  }

  give(frame: Frame, lane = 0): this {
    return this.giveBytes(encodeFrame(frame), lane)
  }

  giveBytes(bytes: Uint8Array, lane = 0): this {
    this.session.handleBytes(lane, bytes, this.world.now)
    return this.drain()
  }

  drain(): this {
    const { now } = this.world
    for (let item = this.session.pollTransmit(now); item; item = this.session.pollTransmit(now)) {
      const deframer = this.#deframers.get(item.lane) ?? new Deframer(65536)
      this.#deframers.set(item.lane, deframer)
      deframer.push(item.bytes)
      while (deframer.next() === FRAME)
        this.#note(item.lane, deframer.bytes.slice(deframer.start, deframer.end))
    }
    for (let event = this.session.pollEvent(); event; event = this.session.pollEvent())
      this.events.push(event)
    return this
  }

  #note(lane: number, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (isFault(frame)) throw new Error(`the client sent ${frame.fault}`)
    this.raw.push({ lane, bytes })
    if (frame.type !== 'ignored') this.sent.push(frame)
  }

  /** The ready that answers the auth sent. */
  ready(limits: readonly LimitRecord[] = []): FrameOf<'ready'> {
    const hello = this.raw[0]?.bytes as Uint8Array
    const auth = this.sent.find((frame) => frame.type === 'auth') as FrameOf<'auth'>
    return { ...readyFor(this.world, hello, this.challenge, auth), limits: [...limits] }
  }

  /** Goes through the handshake. */
  open(limits: readonly LimitRecord[] = []): this {
    this.give(this.challenge)
    return this.give(this.ready(limits))
  }

  /** The same, then joins room 1. */
  inRoom(limits: readonly LimitRecord[] = []): this {
    this.open(limits)
    this.session.request({ type: 'join', room: 'lobby', options: 0 })
    return this.give(JOINED)
  }

  sentOf<Name extends Frame['type']>(type: Name): FrameOf<Name>[] {
    this.drain()
    return this.sent.filter((frame): frame is FrameOf<Name> => frame.type === type)
  }

  eventsOf<Kind extends ClientEvent['kind']>(kind: Kind): Extract<ClientEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<ClientEvent, { kind: Kind }> => event.kind === kind)
  }

  /** The code of the close sent, or undefined. */
  get closedWith(): number | undefined {
    return this.sentOf('close').at(-1)?.code
  }
}

/** Whether any two of the byte strings are the same. */
export function anyEqual(items: readonly Uint8Array[]): boolean {
  return items.some((item, i) => items.slice(i + 1).some((other) => equalBytes(item, other)))
}
