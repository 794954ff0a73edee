/**
 * A relay reduced to what a durable client depends on: logs, refs, tokens and positions. It never forgets, it
 * is never slow, and every link to it may end between any two bytes.
 */
import { type Entropy, equalBytes, utf8Bytes } from '../../src/base/index.ts'
import {
  Deframer,
  decodeFrame,
  ERRORS,
  encodeFrame,
  FRAME,
  type Frame,
  isFault,
} from '../../src/codec/index.ts'
import { type Identity, readyMessage, transcriptHash } from '../../src/protocol/index.ts'
import { fakeSignatures, identityOf, seededEntropy } from './world.ts'

type FrameOf<Name extends Frame['type']> = Extract<Frame, { type: Name }>

const ALICE = 1
const BOB = 2

/** A room, or the direct conversation with bob: alice is the client, bob whoever else talks. */
export class ModelLog {
  readonly number: number
  readonly name: string
  readonly log: Uint8Array
  readonly entries: Frame[] = []
  isMember = false
  /** The highest ref taken from alice, and where each is. */
  ref = 0
  readonly seqOf = new Map<number, number>()
  /** The oldest entry kept. */
  first = 1

  constructor(number: number, name: string, log: Uint8Array) {
    this.number = number
    this.name = name
    this.log = log
  }

  append(make: (seq: number) => Frame): Frame {
    const entry = make(this.entries.length + 1)
    this.entries.push(entry)
    return entry
  }

  /** The bodies of alice's messages, in the order of the log. */
  get aliceBodies(): string[] {
    return this.bodies(ALICE)
  }

  bodies(sender?: number): string[] {
    return this.entries.flatMap((entry) =>
      entry.type === 'message' && (sender === undefined || entry.sender === sender)
        ? [new TextDecoder().decode(entry.body)]
        : [],
    )
  }
}

export class ModelRelay {
  readonly logs = new Map<number, ModelLog>()
  readonly entropy: Entropy
  /** What is refused, and with which code; undefined for what is taken. */
  refuses: (send: FrameOf<'send'>) => number | undefined = () => undefined
  isResumeRefused = false
  identity: Identity = identityOf('the relay')
  #lastNumber = 0
  #link: ModelLink | undefined
  #session: Uint8Array = new Uint8Array(16)
  #tokens: Uint8Array[] = []

  constructor(seed: string) {
    this.entropy = seededEntropy(seed)
  }

  open(): ModelLink {
    return new ModelLink(this)
  }

  /** Somebody else answers from now on. */
  impersonate(word: string): void {
    this.identity = identityOf(word)
  }

  /** Bob says something. */
  post(name: string, text: string): void {
    const log = this.#named(name)
    const ref = log.entries.length + 1
    const base = { conversation: log.number, time: 7, sender: BOB, ref, kind: 0 }
    this.#publish(log, (seq) => ({ type: 'message', ...base, seq, body: utf8Bytes(text) }))
  }

  /** Everything is lost: other numbers, other logs. */
  wipe(): void {
    this.logs.clear()
    this.#tokens = []
  }

  log(name: string): ModelLog | undefined {
    return [...this.logs.values()].find((each) => each.name === name)
  }

  #named(name: string): ModelLog {
    const known = this.log(name)
    if (known) return known
    const made = new ModelLog(++this.#lastNumber, name, this.entropy(8))
    this.logs.set(made.number, made)
    return made
  }

  #publish(log: ModelLog, make: (seq: number) => Frame): void {
    const entry = log.append(make)
    if (this.#link?.positions.has(log.number)) this.#link.send(entry)
  }

  handle(link: ModelLink, frame: Frame): void {
    switch (frame.type) {
      case 'auth':
        return this.#admit(link, frame.signature, this.entropy(16))
      case 'resume':
        return this.#resume(link, frame)
      case 'join':
        return this.#join(link, frame)
      case 'follow':
        return this.#follow(link, frame)
      case 'send':
        return this.#take(link, frame)
      case 'who':
        return link.send({
          type: 'members',
          request: frame.request,
          conversation: frame.conversation,
          members: MEMBERS,
          more: false,
        })
      case 'ping':
        return link.send({ type: 'pong', nonce: frame.nonce, conversation: frame.conversation })
      default:
    }
  }

  #resume(link: ModelLink, { token, session, signature }: FrameOf<'resume'>): void {
    const isGood = this.#tokens.slice(-2).some((each) => equalBytes(each, token))
    if (this.isResumeRefused || !isGood)
      return link.send({ type: 'close', code: ERRORS.cannot_resume, text: '', retryMs: 0 })
    this.#admit(link, signature, session)
  }

  #admit(link: ModelLink, authSignature: Uint8Array, session: Uint8Array): void {
    this.#link?.end()
    this.#link = link
    this.#session = session
    const token = this.entropy(32)
    this.#tokens.push(token)
    const message = readyMessage(link.transcript, { authSignature, session, name: 'alice' })
    const signature = fakeSignatures.sign(this.identity.seed, message)
    link.send({
      type: 'ready',
      session: this.#session,
      name: 'alice',
      role: 0,
      time: 5,
      limits: [],
      signature,
      token,
    })
  }

  #join(link: ModelLink, { request, room }: FrameOf<'join'>): void {
    const log = this.#named(room)
    if (link.positions.has(log.number)) return link.refuse(request, ERRORS.already_member)
    this.#enter(link, log, request, log.entries.length)
  }

  #follow(link: ModelLink, frame: FrameOf<'follow'>): void {
    const log = this.logs.get(frame.conversation)
    if (!log || !equalBytes(log.log, frame.log) || frame.seq > log.entries.length)
      return link.refuse(frame.request, ERRORS.no_such_conversation)
    this.#enter(link, log, frame.request, frame.seq)
  }

  #enter(link: ModelLink, log: ModelLog, request: number, seq: number): void {
    const head = log.entries.length
    const { number: conversation, name, ref, first } = log
    const rest = {
      role: 0,
      count: 2,
      limit: 9,
      locked: false,
      topic: '',
      peers: [],
      durability: 1,
      keepMs: 1,
      keepBytes: 1,
    }
    link.send({
      type: 'joined',
      request,
      conversation,
      kind: 0,
      name,
      alias: ALICE,
      seq,
      ref,
      head,
      first,
      log: log.log,
      ...rest,
    })
    link.send({ type: 'senders', conversation, senders: MEMBERS })
    link.positions.add(conversation)
    if (seq + 1 < first) link.send({ type: 'gap', conversation, from: seq + 1, to: first - 1, reason: 1 })
    for (const entry of log.entries.slice(Math.max(seq, first - 1))) link.send(entry)
    if (log.isMember) return
    log.isMember = true
    const empty = { actor: 0, key: identityOf('alice').publicKey, value: 0, text: '' }
    this.#publish(log, (at) => ({
      type: 'event',
      conversation,
      seq: at,
      time: 6,
      kind: 1,
      subject: ALICE,
      name: 'alice',
      ...empty,
    }))
  }

  #take(link: ModelLink, frame: FrameOf<'send'>): void {
    const log = this.logs.get(frame.conversation)
    if (!log || !link.positions.has(frame.conversation))
      throw new Error('a send to a conversation that is not open')
    const { conversation, ref, kind, body } = frame
    if (ref <= log.ref) return link.send({ type: 'ack', conversation, ref, seq: log.seqOf.get(ref) ?? 0 })
    const refusal = ref === log.ref + 1 ? this.refuses(frame) : ERRORS.ref_gap
    if (refusal !== undefined)
      return link.send({ type: 'error', request: 0, code: refusal, conversation, ref, text: '' })
    log.ref = ref
    log.seqOf.set(ref, log.entries.length + 1)
    this.#publish(log, (seq) => ({
      type: 'message',
      conversation,
      seq,
      time: 7,
      sender: ALICE,
      ref,
      kind,
      body: body.slice(),
    }))
  }
}

const MEMBERS = ['alice', 'bob'].map((name, i) => ({
  alias: i + 1,
  name,
  key: identityOf(name).publicKey,
  role: 0,
}))

/** One link: bytes wait on it in both directions until the test moves them. */
export class ModelLink {
  readonly relay: ModelRelay
  readonly positions = new Set<number>()
  transcript: Uint8Array = new Uint8Array(0)
  isCut = false
  /** A newer link took the session over. */
  #isReplaced = false
  /** Frames from the client, as the relay got them. */
  readonly received: Frame[] = []
  #toRelay: number[] = []
  #toClient: number[] = []
  readonly #deframer = new Deframer(65536)
  #hello: Uint8Array = new Uint8Array(0)

  constructor(relay: ModelRelay) {
    this.relay = relay
  }

  get isQuiet(): boolean {
    return this.#toRelay.length === 0 && this.#toClient.length === 0
  }

  /** The client wrote. */
  write(bytes: Uint8Array): void {
    this.#toRelay.push(...bytes)
  }

  send(frame: Frame): void {
    if (!this.isCut) this.#toClient.push(...encodeFrame(frame))
  }

  refuse(request: number, code: number): void {
    this.send({ type: 'error', request, code, conversation: 0, ref: 0, text: '' })
  }

  end(): void {
    this.send({ type: 'close', code: ERRORS.replaced, text: '', retryMs: 0 })
    this.#isReplaced = true
  }

  /** Up to so many bytes reach the relay; they may do so when the client has given the link up. */
  moveUp(byteCount: number): void {
    if (this.#isReplaced) return
    this.#deframer.push(Uint8Array.from(this.#toRelay.splice(0, byteCount)))
    while (this.#deframer.next() === FRAME) {
      const bytes = this.#deframer.bytes.slice(this.#deframer.start, this.#deframer.end)
      const frame = decodeFrame(bytes)
      if (isFault(frame)) throw new Error(`the client sent ${frame.fault}`)
      if (frame.type === 'ignored') continue
      this.received.push(frame)
      if (frame.type === 'hello') this.#challenge(bytes)
      else this.relay.handle(this, frame)
    }
  }

  /** The bytes that reach the client, up to so many. */
  takeDown(byteCount: number): Uint8Array {
    return Uint8Array.from(this.#toClient.splice(0, byteCount))
  }

  #challenge(hello: Uint8Array): void {
    this.#hello = hello
    const challenge: Frame = {
      type: 'challenge',
      version: 1,
      capabilities: [],
      relayKey: this.relay.identity.publicKey,
      nonce: this.relay.entropy(32),
      address: '192.0.2.7:50000',
      relayName: 'model',
    }
    const words = {
      binding: new Uint8Array(0),
      hello: this.#hello,
      challenge: encodeFrame(challenge).subarray(4),
    }
    this.transcript = transcriptHash(fakeSignatures, words)
    this.send(challenge)
  }
}
