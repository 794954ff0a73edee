/**
 * The client's half of a session over one link (spec chapters 5 to 8). Its states are expect_challenge,
 * expect_ready, open and closed; what each frame does in each of them is the reaction table of the registry.
 * Knows no socket, no clock and no file.
 */
import { copyOf, EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { CONTROL_LANE, laneOf } from '../../base/lanes.ts'
import type { LaneBytes, LaneMachine } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import { type Instant, instantAfter, NEVER } from '../../base/time.ts'
import { Deframer, EMPTY, FRAME, MORE } from '../../codec/deframer.ts'
import { errorNameOf, isFault } from '../../codec/fault.ts'
import { decodeFrame, encodeFrame } from '../../codec/frame.ts'
import { MessageView, readMessage, writeSend } from '../../codec/generated/hot.ts'
import {
  type ChallengeFrame,
  CLIENT_REACTIONS,
  type ClientState,
  ERROR_INFO,
  ERRORS,
  type ErrorFrame,
  type ErrorName,
  type EventFrame,
  FRAME_TYPES,
  type Frame,
  JOIN_OPTIONS,
  type JoinedFrame,
  LIMIT_IDS,
  LIMITS,
  RELAY_LIMITS,
  type ReadyFrame,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { FrameReader } from '../../codec/reader.ts'
import { ByteWriter } from '../../codec/writer.ts'
import { greaseCapability, greaseFrame, isGreaseDue } from '../grease.ts'
import { authMessage, readyMessage, transcriptHash } from '../handshake.ts'
import { ConversationBook } from './conversations.ts'
import { type Answer, answers, type ClientRequest, isLast, type OpenRequest } from './requests.ts'
import type { ClientConversation, ClientEvent, ClientOptions, RelayFacts } from './types.ts'

const FRAME_PREFIX_BYTES = 4
const NONCE_BYTES = 32
const CLIENT_ID_BYTES = 8
/** Everything in a send but its body, at the most. */
const SEND_OVERHEAD_BYTES = 21
/** Pongs that a relay may ask for and not read. */
const PONGS_WAITING_MAX = 4096
/** Bytes of conversations that overtook `ready`, on a link with several lanes. */
const EARLY_BYTES_MAX: number = LIMITS.outboundBytes
const NO_SIGNATURE: Uint8Array = new Uint8Array(64)
const VERSION = VERSIONS.palaver_1

export class ClientSession implements LaneMachine<ClientEvent> {
  readonly #book = new ConversationBook()
  readonly #options: ClientOptions
  readonly #events = new Queue<ClientEvent>()
  readonly #out = new Queue<LaneBytes>()
  readonly #deframers = new Map<number, Deframer>()
  readonly #reader = new FrameReader()
  readonly #view = new MessageView()
  readonly #writer = new ByteWriter()
  readonly #hello: Uint8Array
  readonly #offered: readonly number[]
  #state: ClientState = 'expect_challenge'
  #challenge: { readonly frame: ChallengeFrame; readonly transcript: Uint8Array } | undefined
  #authSignature: Uint8Array = EMPTY_BYTES
  #facts: RelayFacts | undefined
  #frameBytesMax: number = LIMITS.handshakeFrameBytes
  #request = 0
  /** Requests without their last answer, by number. */
  readonly #requests = new Map<number, OpenRequest>()
  #queuedBytes = 0
  #pongsWaiting = 0
  /** What came on other lanes before `ready`, in its order. */
  #early: LaneBytes[] = []
  #earlyBytes = 0
  #deadline: Instant
  #heardAt: Instant
  /** When the keepalive under way was sent, or NEVER. */
  #pingAt: Instant = NEVER

  constructor(options: ClientOptions, now: Instant) {
    if (options.clientId.length !== CLIENT_ID_BYTES)
      throw new UsageError('bad_argument', `a client id has ${CLIENT_ID_BYTES} bytes`)
    const { name, identity, clientId, token = '' } = options
    // What no auth can carry is the caller's mistake: it shows here, and not when the challenge has come.
    encodeFrame({ type: 'auth', name, key: identity.publicKey, clientId, token, signature: NO_SIGNATURE })
    this.#options = options
    this.#heardAt = now
    //= PAL-HSK-034
    this.#deadline = instantAfter(now, LIMITS.handshakeMs)
    //= PAL-EXT-006
    this.#offered = isGreaseDue(options.entropy) ? [greaseCapability(options.entropy)] : []
    const hello = encodeFrame({
      type: 'hello',
      versions: [VERSION],
      capabilities: this.#offered,
      //= PAL-HSK-002
      nonce: options.entropy(NONCE_BYTES),
      agent: options.agent,
    })
    this.#hello = hello.subarray(FRAME_PREFIX_BYTES)
    //= PAL-HSK-001
    this.#write(CONTROL_LANE, hello)
  }

  get state(): ClientState {
    return this.#state
  }

  /** The conversations that the client is in, by number. */
  get conversations(): ReadonlyMap<number, ClientConversation> {
    return this.#book.conversations
  }

  /** What the relay said of itself; undefined before `ready`. */
  get facts(): RelayFacts | undefined {
    return this.#facts
  }

  /** Bytes that wait to be polled. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  // ---- what the application asks --------------------------------------------------------------

  /** Sends a request; returns its number, which the answer (or an error) will carry. */
  request(request: ClientRequest): number {
    this.#expectOpen()
    //= PAL-SES-005
    const number = this.#request + 1
    const bytes = encodeFrame({ ...request, request: number } as Frame)
    //= PAL-STR-006
    if (bytes.length - FRAME_PREFIX_BYTES > this.limit('frameBytes'))
      throw new UsageError('bad_argument', 'the request is too large for this relay')
    this.#request = number
    const conversation = 'conversation' in request ? request.conversation : 0
    const wantsMembers = request.type === 'join' && (request.options & JOIN_OPTIONS.members) !== 0
    this.#requests.set(number, { type: request.type, conversation, wantsMembers })
    this.#write(laneOf(conversation), bytes)
    return number
  }

  /**
   * Sends a message; returns its ref, which comes back in the message or in an error. Undefined when as many
   * as allowed are under way already: wait for an answer.
   */
  send(conversation: number, contentKind: number, body: Uint8Array): number | undefined {
    this.#expectOpen()
    if (!this.#book.conversations.has(conversation))
      throw new UsageError('bad_state', `not in conversation ${conversation}`)
    if (body.length > this.limit('bodyBytes')) throw new UsageError('bad_argument', 'the body is too large')
    const ref = this.#book.nextRef(conversation, body.length)
    if (ref === undefined) return undefined
    writeSend(this.#writer, conversation, ref, contentKind, body, 0, body.length)
    this.#write(laneOf(conversation), this.#writer.take())
    return ref
  }

  /** Sends a ping: its pong follows every effect of what was sent before in that conversation. */
  ping(nonce: number, conversation: number): void {
    this.#expectOpen()
    this.#write(laneOf(conversation), encodeFrame({ type: 'ping', nonce, conversation }))
  }

  /** Says goodbye. Nothing is received after that. */
  close(): void {
    //= PAL-SES-020
    if (this.#state !== 'closed') this.#close('local', 'goodbye', '')
  }

  /** A limit as the relay announced it, or as the specification has it. */
  limit(name: keyof typeof LIMITS): number {
    //= PAL-LIM-003
    return this.#facts?.limits.get(name) ?? LIMITS[name]
  }

  /** Silence before a ping; shorter where the relay's patience is. */
  get #pingMs(): number {
    //= PAL-SES-016
    return Math.min(LIMITS.pingMs, Math.floor(this.limit('idleMs') / 2))
  }

  #expectOpen(): void {
    if (this.#state !== 'open') throw new UsageError('bad_state', 'the session is not open')
  }

  // ---- input ----------------------------------------------------------------------------------

  handleBytes(lane: number, chunk: Uint8Array, now: Instant): void {
    if (lane !== CONTROL_LANE && this.#isShakingHands) return this.#holdEarly(lane, chunk)
    const deframer = this.#deframer(lane)
    deframer.push(chunk)
    while (this.#state !== 'closed') {
      deframer.frameBytesMax = this.#frameBytesMax
      const found = deframer.next()
      if (found === MORE) return
      if (found !== FRAME) return this.#close('local', found === EMPTY ? 'bad_frame' : 'frame_too_large', '')
      this.#heardAt = now
      this.#pingAt = NEVER
      this.#handleFrameBytes(deframer.bytes, deframer.start, deframer.end, now)
    }
  }

  get #isShakingHands(): boolean {
    return this.#state === 'expect_challenge' || this.#state === 'expect_ready'
  }

  /** Lanes have no order among them: what follows `ready` for the relay may come before it. */
  #holdEarly(lane: number, chunk: Uint8Array): void {
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes > EARLY_BYTES_MAX) return this.#close('local', 'out_of_turn', '')
    //= PAL-STR-015, PAL-STR-030
    this.#early.push({ lane, bytes: copyOf(chunk) })
  }

  #deframer(lane: number): Deframer {
    let deframer = this.#deframers.get(lane)
    if (!deframer) {
      deframer = new Deframer(this.#frameBytesMax)
      this.#deframers.set(lane, deframer)
    }
    return deframer
  }

  #handleFrameBytes(bytes: Uint8Array, start: number, end: number, now: Instant): void {
    if (bytes[start + 1] === FRAME_TYPES.message && this.#state === 'open') {
      this.#reader.reset(bytes, start, end)
      if (readMessage(this.#reader, this.#view)) return this.#handleMessage(this.#view, bytes)
    }
    const frame = decodeFrame(bytes, start, end)
    if (isFault(frame)) return this.#close('local', frame.wireError, `${frame.fault} ${frame.field ?? ''}`)
    if (frame.type === 'ignored') return
    //= PAL-SES-001, PAL-SES-002, PAL-SES-003, PAL-SES-004
    const reaction = CLIENT_REACTIONS[frame.type][this.#state]
    if (reaction.do === 'close') return this.#close('local', reaction.code, frame.type)
    if (reaction.do === 'accept') this.#handleFrame(frame, bytes.subarray(start, end), now)
  }

  #handleFrame(frame: Frame, bytes: Uint8Array, now: Instant): void {
    switch (frame.type) {
      case 'challenge':
        return this.#handleChallenge(frame, bytes)
      case 'ready':
        return this.#handleReady(frame, now)
      case 'close':
        return this.#handleClose(frame.code, frame.text, frame.retryMs)
      case 'ping':
        return this.#handlePing(frame.nonce, frame.conversation)
      case 'message':
        return this.#handleUnusualMessage(frame)
      case 'event':
        return this.#handleEvent(frame)
      case 'notice':
        return this.#events.push({ kind: 'notice', frame })
      case 'pong':
        return this.#events.push({ kind: 'pong', nonce: frame.nonce, conversation: frame.conversation })
      default:
        if ('request' in frame) this.#handleAnswer(frame as Answer)
    }
  }

  #handleAnswer(frame: Answer): void {
    const open = this.#requests.get(frame.request)
    // A membership is real, whoever asked for it; an error without a request refuses a message.
    const isUnasked = frame.type === 'joined' || (frame.type === 'error' && frame.request === 0)
    //= PAL-SES-008
    if (!isUnasked && !(open && answers(open, frame))) return
    if (isLast(open, frame)) this.#requests.delete(frame.request)
    switch (frame.type) {
      case 'joined':
        return this.#handleJoined(frame)
      case 'members':
        return this.#events.push({ kind: 'members', frame: this.#book.members(frame) })
      case 'rooms':
        return this.#events.push({ kind: 'rooms', frame })
      case 'identity':
        return this.#events.push({ kind: 'identity', frame: { ...frame, key: copyOf(frame.key) } })
      case 'error':
        return this.#handleError(frame)
      case 'ok':
        return this.#handleOk(frame.request, open)
      default:
        frame satisfies never
    }
  }

  #handlePing(nonce: number, conversation: number): void {
    this.#pongsWaiting += 1
    //= PAL-LIM-008
    if (this.#pongsWaiting > PONGS_WAITING_MAX)
      return this.#close('local', 'slow_consumer', 'the relay asks and does not read the answers')
    //= PAL-SES-009
    this.#write(laneOf(conversation), encodeFrame({ type: 'pong', nonce, conversation }))
  }

  // ---- handshake ------------------------------------------------------------------------------

  #handleChallenge(frame: ChallengeFrame, bytes: Uint8Array): void {
    const { identity, name, clientId, token = '', signatures, binding } = this.#options
    const { relayKey, isRelayKey } = this.#options
    //= PAL-HSK-007
    if (frame.version !== VERSION)
      return this.#close('local', 'unsupported_version', `version ${frame.version}`)
    //= PAL-HSK-008
    if (frame.capabilities.some((capability) => !this.#offered.includes(capability)))
      return this.#close('local', 'bad_frame', 'a capability that was not offered')
    //= PAL-HSK-010
    if ((relayKey && !equalBytes(relayKey, frame.relayKey)) || isRelayKey?.(frame.relayKey) === false)
      return this.#close('local', 'bad_signature', 'the relay has another key than the one known')
    //= PAL-HSK-011
    const transcript = transcriptHash(signatures, { binding, hello: this.#hello, challenge: bytes })
    const claims = { name, key: identity.publicKey, clientId, token }
    //= PAL-HSK-012
    this.#authSignature = signatures.sign(identity.seed, authMessage(transcript, claims))
    this.#challenge = { frame: { ...frame, relayKey: copyOf(frame.relayKey) }, transcript }
    this.#state = 'expect_ready'
    this.#write(CONTROL_LANE, encodeFrame({ type: 'auth', ...claims, signature: this.#authSignature }))
  }

  #handleReady(frame: ReadyFrame, now: Instant): void {
    const challenge = this.#challenge
    if (!challenge) return
    const { relayKey, relayName, address, capabilities } = challenge.frame
    const claims = { authSignature: this.#authSignature, session: frame.session, name: frame.name }
    const message = readyMessage(challenge.transcript, claims)
    //= PAL-HSK-015
    if (!this.#options.signatures.verify(relayKey, frame.signature, message))
      return this.#close('local', 'bad_signature', 'the relay does not hold the key it showed')
    const limits = limitsOf(frame)
    const { name, role, time: timeMs } = frame
    const session = copyOf(frame.session)
    //= PAL-HSK-022, PAL-EXT-004
    this.#facts = { relayKey, relayName, address, capabilities, limits, session, name, role, timeMs }
    this.#challenge = undefined
    this.#state = 'open'
    //= PAL-STR-005
    this.#frameBytesMax = LIMITS.frameBytes
    this.#deadline = instantAfter(now, this.#pingMs)
    this.#events.push({ kind: 'ready', facts: this.#facts })
    //= PAL-EXT-009
    if (isGreaseDue(this.#options.entropy)) this.#write(CONTROL_LANE, greaseFrame(this.#options.entropy))
    for (const { lane, bytes } of this.#early.splice(0)) this.handleBytes(lane, bytes, now)
  }

  // ---- conversations --------------------------------------------------------------------------

  #handleJoined(frame: JoinedFrame): void {
    const conversation = this.#book.join(frame)
    //= PAL-LIM-008
    if (!conversation) return this.#close('local', 'bad_frame', 'more conversations than a client can hold')
    this.#events.push({ kind: 'joined', request: frame.request, conversation })
  }

  #handleMessage(view: MessageView, bytes: Uint8Array): void {
    const message = this.#book.message(view, bytes)
    if (message) this.#events.push({ kind: 'message', message })
    else this.#closeForGap(view.conversation, view.seq)
  }

  /** A message with fields that this edition does not know: its view is made from the decoded frame. */
  #handleUnusualMessage(frame: Extract<Frame, { type: 'message' }>): void {
    const view = this.#view
    view.conversation = frame.conversation
    view.seq = frame.seq
    view.time = frame.time
    view.sender = frame.sender
    view.ref = frame.ref
    view.kind = frame.kind
    view.bodyStart = 0
    view.bodyEnd = frame.body.length
    this.#handleMessage(view, frame.body)
  }

  #handleEvent(frame: EventFrame): void {
    const entry = this.#book.event(frame)
    if (entry) this.#events.push({ kind: 'event', ...entry })
    else this.#closeForGap(frame.conversation, frame.seq)
  }

  //= PAL-ROM-008
  #closeForGap(conversation: number, seq: number): void {
    this.#close('local', 'bad_frame', `entry ${seq} of conversation ${conversation} is not the next one`)
  }

  /** Leaving a direct conversation makes no entry: the answer ends it. */
  #handleOk(request: number, open: OpenRequest | undefined): void {
    if (open?.type === 'leave') this.#book.end(open.conversation)
    this.#events.push({ kind: 'ok', request })
  }

  #handleError(frame: ErrorFrame): void {
    if (frame.ref > 0) this.#book.refuseSend(frame.conversation)
    this.#events.push({ kind: 'error', frame, name: errorNameOf(frame.code) })
  }

  // ---- end ------------------------------------------------------------------------------------

  handleEnd(_now: Instant): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#pushClosed('link', 0, 'the link was lost', 0)
  }

  #handleClose(code: number, text: string, retryMs: number): void {
    this.#state = 'closed'
    this.#pushClosed('peer', code, text, retryMs)
  }

  #close(by: 'local', code: ErrorName, detail: string): void {
    const text = detail || ERROR_INFO[code].summary
    this.#write(
      CONTROL_LANE,
      encodeFrame({ type: 'close', code: ERRORS[code], text: text.slice(0, 256), retryMs: 0 }),
    )
    this.#state = 'closed'
    this.#pushClosed(by, ERRORS[code], text, 0)
  }

  #pushClosed(by: 'local' | 'peer' | 'link', code: number, text: string, retryMs: number): void {
    this.#deadline = NEVER
    this.#pingAt = NEVER
    this.#early = []
    //= PAL-ERR-002, PAL-ERR-004
    this.#events.push({ kind: 'closed', by, code, name: errorNameOf(code), text, retryMs })
  }

  // ---- time and output ------------------------------------------------------------------------

  handleTimeout(now: Instant): void {
    if (now < this.pollTimeout()) return
    if (this.#state === 'expect_challenge' || this.#state === 'expect_ready')
      return this.#close('local', CLIENT_REACTIONS.silence[this.#state].code, '')
    if (this.#state !== 'open') return
    //= PAL-SES-014
    if (this.#pingAt !== NEVER) return this.#close('local', CLIENT_REACTIONS.silence.open.code, '')
    this.#deadline = instantAfter(this.#heardAt, this.#pingMs)
    if (this.#deadline > now) return
    this.#pingAt = now
    this.#deadline = instantAfter(now, this.#pingMs)
    //= PAL-SES-013
    this.ping(0, 0)
  }

  pollTimeout(): Instant {
    if (this.#pingAt !== NEVER) return instantAfter(this.#pingAt, LIMITS.pongMs)
    return this.#deadline
  }

  pollEvent(): ClientEvent | undefined {
    return this.#events.shift()
  }

  pollTransmit(_now: Instant): LaneBytes | undefined {
    const item = this.#out.shift()
    if (item) this.#queuedBytes -= item.bytes.length
    if (this.#queuedBytes === 0) this.#pongsWaiting = 0
    return item
  }

  #write(lane: number, bytes: Uint8Array): void {
    this.#out.push({ lane, bytes })
    this.#queuedBytes += bytes.length
  }
}

/** The limits that the relay may announce, as it announced them. */
function limitsOf(ready: ReadyFrame): Map<keyof typeof LIMITS, number> {
  const announced = new Map(ready.limits.map(({ id, value }) => [id, value]))
  const limits = new Map<keyof typeof LIMITS, number>()
  //= PAL-LIM-004
  for (const name of RELAY_LIMITS) {
    const value = announced.get(LIMIT_IDS[name])
    if (value !== undefined) limits.set(name, value)
  }
  //= PAL-STR-006
  const bodyRoom = (limits.get('frameBytes') ?? LIMITS.frameBytes) - SEND_OVERHEAD_BYTES
  if ((limits.get('bodyBytes') ?? LIMITS.bodyBytes) > bodyRoom) limits.set('bodyBytes', bodyRoom)
  return limits
}
