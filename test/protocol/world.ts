/**
 * A relay and its clients in one thread: bytes cross queues, time is a number, chance is seeded. Nothing
 * moves unless the test says so.
 */
import { createHash } from 'node:crypto'
import {
  type Entropy,
  equalBytes,
  hexOf,
  type Instant,
  type LaneBytes,
  type SignaturePrimitives,
} from '../../src/base/index.ts'
import {
  Deframer,
  decodeFrame,
  encodeFrame,
  FRAME,
  type Frame,
  type FrameName,
  isFault,
} from '../../src/codec/index.ts'
import {
  type ClientConversation,
  type ClientEvent,
  type ClientRequest,
  ClientSession,
  EphemeralStore,
  type Identity,
  type MemoryStore,
  RelayCore,
  type RelayEvent,
  type RelayLink,
  type RelayOptions,
  type RelayStorage,
  type ResumeTicket,
  type StoreWrite,
} from '../../src/protocol/index.ts'

/** Bytes that depend on the seed alone. */
export function seededEntropy(seed: string): Entropy {
  let count = 0
  return (byteCount) => {
    const parts: Buffer[] = []
    for (let have = 0; have < byteCount; have += 64)
      parts.push(createHash('sha512').update(`${seed}/${count++}`).digest())
    return new Uint8Array(Buffer.concat(parts).subarray(0, byteCount))
  }
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function fakePublicKey(seed: Uint8Array): Uint8Array {
  return sha512(Uint8Array.of(1), seed).subarray(0, 32)
}

/** Fast and deterministic; anybody could forge them, but nobody here does. */
export const fakeSignatures: SignaturePrimitives = {
  sha512,
  sign: (seed, message) => sha512(Uint8Array.of(2), fakePublicKey(seed), message),
  verify: (key, signature, message) => equalBytes(signature, sha512(Uint8Array.of(2), key, message)),
}

/** The identity that a word gives. */
export function identityOf(word: string): Identity {
  const seed = sha512(new TextEncoder().encode(word)).slice(0, 32)
  return { seed, publicKey: fakePublicKey(seed) }
}

/** The installation that an identity usually comes with. */
export function clientIdOf(word: string): Uint8Array {
  return sha512(new TextEncoder().encode(`${word}'s`)).slice(0, 8)
}

/** How a piece is cut on its way: the lengths to deliver it in. */
export type Cutter = (byteCount: number) => readonly number[]

/** One link's two ends and what is between them. */
export class Wire {
  readonly world: World
  readonly host: string | undefined
  readonly link: RelayLink<Wire>
  /** The client's end, or undefined for a link that a test drives by hand. */
  client: TestClient | undefined
  /** Whether the peer takes nothing. */
  isStuck = false
  /** What the relay told its driver of this link. */
  isFinished = false
  isExpired = false
  isPaused = false
  isOver = false
  bytesTaken = 0
  readonly frames: Frame[] = []
  /** Every frame the peer got, as it came, in hexadecimal; grease included. */
  readonly raw: string[] = []
  readonly lanes = new Map<number, Deframer>()

  constructor(world: World, host: string | undefined, laneCount: number) {
    this.world = world
    this.host = host
    const info = { host, port: 50_000, transport: 'test', laneCount, binding: new Uint8Array(0) }
    this.link = world.relay.openLink(this, info, world.now)
  }

  /** Frames or bytes from the peer; a frame goes with its length prefix. */
  send(...items: readonly (Frame | Uint8Array)[]): this {
    for (const item of items) this.deliver(item instanceof Uint8Array ? item : encodeFrame(item))
    return this
  }

  deliver(bytes: Uint8Array, lane = 0): void {
    if (this.isOver) return
    // As with sockets: the memory is used for others as soon as the relay has read it.
    const lent = bytes.slice()
    this.world.relay.handleBytes(this.link, lane, lent, this.world.now)
    lent.fill(0xc1)
  }

  /** The peer's end is gone. */
  cut(): void {
    if (this.isOver) return
    this.isOver = true
    this.world.relay.closeLink(this.link, this.world.now)
    this.client?.session.handleEnd(this.world.now)
  }

  take(item: LaneBytes): void {
    this.bytesTaken += item.bytes.length
    const deframer = this.lanes.get(item.lane) ?? new Deframer(65536)
    this.lanes.set(item.lane, deframer)
    deframer.push(item.bytes)
    while (deframer.next() === FRAME) this.#note(deframer.bytes.slice(deframer.start, deframer.end))
    this.client?.take(item)
  }

  #note(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (isFault(frame)) throw new Error(`the relay sent ${frame.fault}: ${hexOf(bytes)}`)
    this.raw.push(hexOf(bytes))
    if (frame.type !== 'ignored') this.frames.push(frame)
  }

  /** The frames received since the last call, after everything has moved. */
  received(): Frame[] {
    this.world.settle()
    return this.frames.splice(0)
  }

  /** The frames of one type received since the last `received`. */
  framesOf<Name extends FrameName>(type: Name): Extract<Frame, { type: Name }>[] {
    this.world.settle()
    return this.frames.filter((frame): frame is Extract<Frame, { type: Name }> => frame.type === type)
  }

  /** The code of the close received, or undefined. */
  get closeCode(): number | undefined {
    return this.framesOf('close').at(-1)?.code
  }
}

export interface ClientSettings {
  readonly identity?: string
  /** Another installation than the usual one of the identity. */
  readonly clientId?: Uint8Array
  /** The session to take up. */
  readonly resume?: ResumeTicket
  readonly token?: string
  readonly takesSignals?: boolean
  readonly relayKey?: Uint8Array
  readonly host?: string
  readonly cutter?: Cutter
}

/** A client session with its end of a wire. */
export class TestClient {
  readonly name: string
  readonly wire: Wire
  readonly session: ClientSession
  readonly events: ClientEvent[] = []
  readonly #cutter: Cutter
  readonly #pending: LaneBytes[] = []

  constructor(wire: Wire, name: string, settings: ClientSettings) {
    this.wire = wire
    this.name = name
    this.#cutter = settings.cutter ?? ((byteCount) => [byteCount])
    const { world } = wire
    const options = {
      name,
      identity: identityOf(settings.identity ?? name),
      clientId: settings.clientId ?? clientIdOf(settings.identity ?? name),
      token: settings.token,
      takesSignals: settings.takesSignals,
      resume: settings.resume,
      relayKey: settings.relayKey,
      agent: 'test/1',
      binding: new Uint8Array(0),
      signatures: world.signatures,
      entropy: world.entropy,
    }
    this.session = new ClientSession(options, world.now)
    wire.client = this
  }

  take({ lane, bytes }: LaneBytes): void {
    let at = 0
    for (const length of this.#cutter(bytes.length)) {
      this.session.handleBytes(lane, bytes.slice(at, at + length), this.wire.world.now)
      at += length
    }
    if (at < bytes.length) this.session.handleBytes(lane, bytes.slice(at), this.wire.world.now)
    this.#drainEvents()
  }

  #drainEvents(): void {
    for (let event = this.session.pollEvent(); event; event = this.session.pollEvent())
      this.events.push(event)
  }

  /**
   * Hands at most `byteCountMax` of what the client wants to send to the relay; false when there was nothing.
   */
  transmit(byteCountMax = Number.POSITIVE_INFINITY): boolean {
    const next = this.#pending.shift() ?? this.session.pollTransmit(this.wire.world.now)
    this.#drainEvents()
    if (!next) return false
    if (next.bytes.length > byteCountMax)
      this.#pending.unshift({ lane: next.lane, bytes: next.bytes.subarray(byteCountMax) })
    this.wire.deliver(next.bytes.slice(0, byteCountMax), next.lane)
    return true
  }

  /** Asks, lets everything move, and gives the answer: the event that carries the request's number. */
  ask(request: ClientRequest): ClientEvent {
    const number = this.session.request(request)
    this.wire.world.settle()
    const answer = this.events.find((event) => requestOf(event) === number)
    if (!answer) throw new Error(`${request.type} was not answered`)
    return answer
  }

  /** The same for a request that is refused: the name of the code. */
  refusalOf(request: ClientRequest): string | undefined {
    const answer = this.ask(request)
    return answer.kind === 'error' ? answer.name : undefined
  }

  join(room: string, options = 0): ClientConversation {
    const answer = this.ask({ type: 'join', room, options })
    if (answer.kind !== 'joined') throw new Error(`join was refused: ${JSON.stringify(answer)}`)
    return answer.conversation
  }

  direct(name: string): ClientConversation {
    const answer = this.ask({ type: 'direct', name })
    if (answer.kind !== 'joined') throw new Error(`direct was refused: ${JSON.stringify(answer)}`)
    return answer.conversation
  }

  say(conversation: number, text: string): number | undefined {
    const ref = this.session.send(conversation, 0, new TextEncoder().encode(text))
    this.wire.world.settle()
    return ref
  }

  /** Texts of the messages received so far, as "sender: text". */
  get texts(): string[] {
    return this.events.flatMap((event) =>
      event.kind === 'message'
        ? [`${event.message.senderName}: ${new TextDecoder().decode(event.message.body)}`]
        : [],
    )
  }

  eventsOf<Kind extends ClientEvent['kind']>(kind: Kind): Extract<ClientEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<ClientEvent, { kind: Kind }> => event.kind === kind)
  }

  /** The name of the code the session ended with, or undefined. */
  get endedBy(): string | undefined {
    const end = this.eventsOf('closed').at(-1)
    return end && (end.by === 'link' ? 'link' : end.name)
  }
}

function requestOf(event: ClientEvent): number | undefined {
  if ('frame' in event && 'request' in event.frame) return event.frame.request
  return 'request' in event ? event.request : undefined
}

/** Rates that no test reaches unless it means to. */
const UNHURRIED = {
  sendsPerSecond: 1e9,
  sendsBurst: 1e9,
  sendBytesPerSecond: 1e12,
  sendBytesBurst: 1e12,
  requestsPerSecond: 1e9,
  requestsBurst: 1e9,
  joinsPerSecond: 1e9,
  joinsBurst: 1e9,
  linksPerSecond: 1e9,
  linksBurst: 1e9,
}

/** A store that begins with these writes. */
export function storeOf(writes: readonly StoreWrite[]): RelayStorage {
  const store = new EphemeralStore()
  store.commit(writes)
  return store
}

export type WorldOptions = Partial<Omit<RelayOptions, 'identity' | 'signatures' | 'entropy'>> & {
  readonly seed?: string
  readonly signatures?: SignaturePrimitives
}

export class World {
  now: Instant = 1000 as Instant
  readonly entropy: Entropy
  readonly signatures: SignaturePrimitives
  readonly identity: Identity = identityOf('the relay')
  readonly storage: RelayStorage
  readonly relay: RelayCore<Wire>
  readonly wires: Wire[] = []
  readonly relayEvents: RelayEvent<Wire>[] = []
  /** What a store that takes its time has to commit. */
  readonly commits: Extract<RelayEvent<Wire>, { kind: 'commit' }>[] = []
  /** Whether the store commits nothing for now. */
  isDiskHeld = false
  readonly #ready = new Set<Wire>()

  constructor(options: WorldOptions = {}) {
    const { seed = 'seed', signatures = fakeSignatures, limits, ...rest } = options
    this.entropy = seededEntropy(seed)
    this.signatures = signatures
    this.storage = rest.storage ?? new EphemeralStore()
    this.relay = new RelayCore<Wire>({
      name: 'kitchen',
      identity: this.identity,
      signatures,
      entropy: this.entropy,
      limits: { ...UNHURRIED, ...limits },
      storage: this.storage,
      ...rest,
    })
    this.relay.setWallOffset(1_700_000_000_000)
  }

  /** A link that the test drives by hand. */
  open(host: string | undefined = undefined, laneCount = 1): Wire {
    const wire = new Wire(this, host, laneCount)
    this.wires.push(wire)
    return wire
  }

  /** A client whose handshake has not moved yet. */
  dial(name: string, settings: ClientSettings = {}): TestClient {
    return new TestClient(this.open(settings.host), name, settings)
  }

  /** A client whose handshake has gone through. */
  connect(name: string, settings: ClientSettings = {}): TestClient {
    const client = this.dial(name, settings)
    this.settle()
    if (client.session.state !== 'open') throw new Error(`${name} was not let in: ${client.endedBy}`)
    return client
  }

  /** Lets everything that waits move until nothing does. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const { client } of this.wires) while (client?.transmit()) moved = true
      if (this.flush()) moved = true
    }
  }

  /** Ends a turn of the relay and hands out what it sends; false when there was nothing. */
  flush(): boolean {
    let moved = false
    this.relay.flush()
    for (let event = this.relay.pollEvent(); event; event = this.relay.pollEvent()) this.#note(event)
    if (!this.isDiskHeld) this.commit()
    for (let link = this.relay.pollReadyLink(); link; link = this.relay.pollReadyLink())
      this.#ready.add(link.owner)
    for (const wire of this.#ready) {
      if (wire.isStuck) continue
      this.#ready.delete(wire)
      if (wire.isOver) continue
      for (let item = this.relay.pollTransmit(wire.link); item; item = this.relay.pollTransmit(wire.link)) {
        wire.take(item)
        moved = true
      }
    }
    return moved
  }

  /** Commits what waits for the store. */
  commit(): void {
    for (const { turn, writes } of this.commits.splice(0)) {
      ;(this.storage as MemoryStore).commit(writes)
      this.relay.handleCommitted(turn)
      this.relay.flush()
    }
  }

  #note(event: RelayEvent<Wire>): void {
    this.relayEvents.push(event)
    if (event.kind === 'commit') this.commits.push(event)
    if (event.kind === 'link_paused' || event.kind === 'link_resumed')
      event.link.owner.isPaused = event.kind === 'link_paused'
    if (event.kind === 'link_finished') event.link.owner.isFinished = true
    if (event.kind === 'link_expired') event.link.owner.isExpired = true
  }

  /** Moves the clock, stopping at every deadline on the way. */
  advance(ms: number): void {
    const until = (this.now + ms) as Instant
    for (;;) {
      this.settle()
      const next = Math.min(this.relay.pollTimeout(), ...this.wires.map((wire) => deadlineOf(wire)))
      if (next > until) break
      this.now = Math.max(next, this.now) as Instant
      this.relay.handleTimeout(this.now)
      for (const wire of this.wires) if (!wire.isOver) wire.client?.session.handleTimeout(this.now)
    }
    this.now = until
    this.settle()
  }
}

function deadlineOf(wire: Wire): number {
  return wire.client && !wire.isOver ? wire.client.session.pollTimeout() : Number.POSITIVE_INFINITY
}
