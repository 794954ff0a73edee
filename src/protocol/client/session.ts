/**
 * The client's half of a session over one link (spec chapters 5 to 8). Its states are expect_challenge,
 * expect_ready, open and closed; what each frame does in each of them is the reaction table of the registry.
 * Knows no socket, no clock and no file.
 */
import { copyOf, EMPTY_BYTES } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { CONTROL_LANE, laneOf } from '../../base/lanes.ts'
import type { LaneBytes, LaneMachine } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import { earlierOf, type Instant, instantAfter, NEVER } from '../../base/time.ts'
import { Deframer, EMPTY, FRAME, MORE, PREFIX_BYTES } from '../../codec/deframer.ts'
import { errorNameOf, isFault } from '../../codec/fault.ts'
import { decodeFrame, encodeFrame, loneFrame } from '../../codec/frame.ts'
import { MessageView, readMessage, writeSend } from '../../codec/generated/hot.ts'
import {
  type BundleFrame,
  CAPABILITIES,
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
  type GapFrame,
  type HistoryFrame,
  type JoinedFrame,
  LIMITS,
  type ReadyFrame,
  type SignalledFrame,
} from '../../codec/generated/registry.ts'
import { FrameReader } from '../../codec/reader.ts'
import { ByteWriter } from '../../codec/writer.ts'
import { greaseFrame, isGreaseDue } from '../grease.ts'
import { ConversationBook } from './conversations.ts'
import { historyEntries, historyFrames, viewOf } from './history.ts'
import { Opening } from './opening.ts'
import { JOIN_COST, Outgoing, REQUEST_COST, sendCost } from './pacing.ts'
import {
  type Answer,
  answers,
  type ClientRequest,
  costOf,
  isLast,
  laneOfRequest,
  mayGoEarly,
  type OpenRequest,
  openRequestOf,
} from './requests.ts'
import type { ClientConversation, ClientEvent, ClientOptions, RelayFacts, Signal } from './types.ts'

const FRAME_PREFIX_BYTES = 4
/** Pongs that a relay may ask for and not read. */
const PONGS_WAITING_MAX = 4096
/** Bytes of conversations that overtook `ready`, on a link with several lanes. */
const EARLY_BYTES_MAX: number = 4 * LIMITS.outboundBytes

export class ClientSession implements LaneMachine<ClientEvent> {
  readonly #book: ConversationBook
  readonly #options: ClientOptions
  readonly #events = new Queue<ClientEvent>()
  readonly #out = new Outgoing()
  readonly #deframers = new Map<number, Deframer>()
  readonly #reader = new FrameReader()
  readonly #view = new MessageView()
  readonly #writer = new ByteWriter()
  readonly #opening: Opening
  #state: ClientState = 'expect_challenge'
  #facts: RelayFacts | undefined
  #frameBytesMax: number = LIMITS.handshakeFrameBytes
  #request: number
  /** Requests without their last answer, by number. */
  readonly #requests = new Map<number, OpenRequest>()
  /** Requests that begin a membership. */
  #held: Uint8Array[] = []
  #pongsWaiting = 0
  /** What came on other lanes before `ready`, in its order. */
  #early: LaneBytes[] = []
  #earlyBytes = 0
  #deadline: Instant
  /** When the keepalive under way was sent, or NEVER. */
  #pingAt: Instant = NEVER

  constructor(options: ClientOptions, now: Instant) {
    this.#options = options
    this.#opening = new Opening(options)
    this.#book = options.book ?? new ConversationBook()
    this.#book.detach()
    this.#request = options.lastRequest ?? 0
    //= PAL-HSK-034
    this.#deadline = instantAfter(now, LIMITS.handshakeMs)
    //= PAL-HSK-001
    this.#out.push(CONTROL_LANE, this.#opening.hello)
  }

  get state(): ClientState {
    return this.#state
  }

  /** The conversations that the client is in, or was in on an earlier link, by number. */
  get conversations(): ReadonlyMap<number, ClientConversation> {
    return this.#book.conversations
  }

  /** What the relay said of itself; undefined before `ready`. */
  get facts(): RelayFacts | undefined {
    return this.#facts
  }

  /** The number of the latest request. */
  get lastRequest(): number {
    return this.#request
  }

  /** Bytes that wait to be polled. */
  get queuedBytes(): number {
    return this.#out.bytes
  }

  // ---- what the application asks --------------------------------------------------------------

  /**
   * Sends a request; returns its number, which the answer (or an error) will carry. With `renews` the
   * conversation joined takes the place of that one, which the relay no longer has.
   */
  request(request: ClientRequest, renews?: ClientConversation): number {
    if (!(this.#options.resume && this.#isShakingHands && mayGoEarly(request.type))) this.#expectOpen()
    //= PAL-SES-005
    const number = this.#request + 1
    const bytes = encodeFrame({ ...request, request: number } as Frame)
    //= PAL-STR-006
    if (bytes.length - FRAME_PREFIX_BYTES > this.limit('frameBytes'))
      throw new UsageError('bad_argument', 'the request is too large for this relay')
    this.#request = number
    this.#requests.set(number, openRequestOf(request, renews))
    if (request.type === 'join' || request.type === 'direct') this.#held.push(bytes)
    else this.#out.pushPaced(laneOfRequest(request), bytes, costOf(request.type))
    return number
  }

  /** What begins a membership waits for all that the relay could take for a part of it. */
  #letGo(): void {
    //= PAL-MSG-027
    if (this.#book.hasUnanswered(this.#leaving())) return
    for (const bytes of this.#held.splice(0)) this.#out.pushPaced(CONTROL_LANE, bytes, JOIN_COST)
  }

  *#leaving(): Iterable<number> {
    for (const { type, conversation } of this.#requests.values()) if (type === 'leave') yield conversation
  }

  /**
   * Sends a message; returns its ref, which comes back in the message or in an error. Undefined when as many
   * as allowed are under way already: wait for an answer.
   */
  send(conversation: number, contentKind: number, body: Uint8Array): number | undefined {
    //= PAL-HSK-048
    this.#expectIn(conversation)
    if (body.length > this.limit('bodyBytes')) throw new UsageError('bad_argument', 'the body is too large')
    const ref = this.#book.nextRef(conversation, body.length)
    if (ref === undefined) return undefined
    writeSend(this.#writer, conversation, ref, contentKind, body, 0, body.length)
    const bytes = this.#writer.take()
    this.#out.pushPaced(laneOf(conversation), bytes, sendCost(bytes.length - PREFIX_BYTES))
    return ref
  }

  /** Tells the relay that the client keeps every entry of a direct conversation up to `seq` itself. */
  cursor(conversation: number, seq: number): void {
    //= PAL-HSK-048
    this.#expectOpen()
    const bytes = encodeFrame({ type: 'cursor', conversation, seq })
    this.#out.pushPaced(laneOf(conversation), bytes, REQUEST_COST)
  }

  /**
   * Tells the other members what is of use soon or never. False when it did not leave: the relay takes no
   * signals, or this one is beyond the rate.
   */
  signal(conversation: number, { kind, value, body = EMPTY_BYTES }: Signal, now: Instant): boolean {
    this.#expectIn(conversation)
    const bytes = encodeFrame({ type: 'signal', conversation, kind, value, body })
    //= PAL-SIG-008
    return this.#takesSignals && this.#out.pushEphemeral(laneOf(conversation), bytes, now)
  }

  //= PAL-EXT-004
  get #takesSignals(): boolean {
    return this.#facts?.capabilities.includes(CAPABILITIES.signals) === true
  }

  /** Sends a ping: its pong follows every effect of what was sent before in that conversation. */
  ping(nonce: number, conversation: number): void {
    this.#expectOpen()
    const bytes = encodeFrame({ type: 'ping', nonce, conversation })
    this.#out.pushPaced(laneOf(conversation), bytes, REQUEST_COST)
  }

  /** Says goodbye, behind what the rates let leave now. Nothing is received after that. */
  close(now?: Instant): void {
    if (now !== undefined && this.#state === 'open') this.#out.hurry(now)
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

  #expectIn(conversation: number): void {
    this.#expectOpen()
    if (!this.#book.conversations.get(conversation)?.isLive)
      throw new UsageError('bad_state', `not in conversation ${conversation}`)
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
      this.#pingAt = NEVER
      this.#handleFrameBytes(deframer.bytes, deframer.start, deframer.end, now)
    }
  }

  /** Bytes that came whole and outside the lanes: a signal, or nothing that counts. */
  handleLoneBytes(bytes: Uint8Array): void {
    const frame = this.#state === 'open' ? loneFrame(bytes) : undefined
    //= PAL-SIG-012
    if (frame?.type === 'signalled') this.#handleSignalled(frame)
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
        // It has fields that this edition does not know.
        return this.#handleMessage(viewOf(frame), frame.body)
      case 'event':
        return this.#handleEvent(frame)
      case 'gap':
        return this.#handleGap(frame)
      case 'senders':
        return this.#book.senders(frame)
      case 'ack':
        return this.#handleAck(frame.conversation, frame.ref, frame.seq)
      case 'signalled':
        return this.#handleSignalled(frame)
      case 'notice':
        return this.#events.push({ kind: 'notice', frame })
      case 'pong':
        return this.#events.push({ kind: 'pong', nonce: frame.nonce, conversation: frame.conversation })
      default:
        if ('request' in frame) this.#handleAnswer(frame as Answer)
    }
  }

  #handleAnswer(frame: Answer): void {
    const found = this.#requests.get(frame.request)
    const open = found && answers(found, frame) ? found : undefined
    // A membership is real, whoever asked for it; an error without a request refuses a message, and a stock
    // without one is a warning.
    const isUnasked =
      frame.type === 'joined' || ((frame.type === 'error' || frame.type === 'stock') && frame.request === 0)
    //= PAL-SES-008
    if (!isUnasked && !open) return
    if (open && isLast(open, frame)) this.#requests.delete(frame.request)
    switch (frame.type) {
      case 'joined':
        return this.#handleJoined(frame, open)
      case 'history':
        return this.#handleHistory(frame)
      case 'members':
        return this.#events.push({ kind: 'members', frame: this.#book.members(frame) })
      case 'rooms':
        return this.#events.push({ kind: 'rooms', frame })
      case 'identity':
        return this.#events.push({ kind: 'identity', frame: { ...frame, key: copyOf(frame.key) } })
      case 'stock':
        return this.#events.push({ kind: 'stock', frame })
      case 'bundle':
        return this.#events.push({ kind: 'bundle', frame: ownBundle(frame) })
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
    this.#out.push(laneOf(conversation), encodeFrame({ type: 'pong', nonce, conversation }))
  }

  // ---- handshake ------------------------------------------------------------------------------

  #handleChallenge(frame: ChallengeFrame, bytes: Uint8Array): void {
    const answer = this.#opening.answer(frame, bytes)
    if ('code' in answer) return this.#close('local', answer.code, answer.detail)
    this.#state = 'expect_ready'
    this.#out.push(CONTROL_LANE, answer)
    // What was asked for before goes behind `resume`.
    this.#out.isOpen = true
  }

  #handleReady(frame: ReadyFrame, now: Instant): void {
    const facts = this.#opening.accept(frame)
    if ('code' in facts) return this.#close('local', facts.code, facts.detail)
    this.#facts = facts
    this.#state = 'open'
    //= PAL-STR-005
    this.#frameBytesMax = LIMITS.frameBytes
    this.#deadline = instantAfter(now, this.#pingMs)
    this.#out.setRates((name) => this.limit(name))
    this.#events.push({ kind: 'ready', facts })
    //= PAL-EXT-009
    if (isGreaseDue(this.#options.entropy)) this.#out.push(CONTROL_LANE, greaseFrame(this.#options.entropy))
    for (const { lane, bytes } of this.#early.splice(0)) this.handleBytes(lane, bytes, now)
  }

  // ---- conversations --------------------------------------------------------------------------

  #handleJoined(frame: JoinedFrame, open: OpenRequest | undefined): void {
    const conversation = this.#book.join(frame, open)
    //= PAL-LIM-008
    if (!conversation) return this.#close('local', 'bad_frame', 'more conversations than a client can hold')
    this.#events.push({ kind: 'joined', request: frame.request, conversation, frame })
  }

  #handleMessage(view: MessageView, bytes: Uint8Array): void {
    const message = this.#book.message(view, bytes)
    if (message) this.#events.push({ kind: 'message', message })
    else this.#closeForGap(view.conversation, view.seq)
  }

  #handleEvent(frame: EventFrame): void {
    const entry = this.#book.event(frame)
    if (entry) this.#events.push({ kind: 'event', ...entry })
    else this.#closeForGap(frame.conversation, frame.seq)
  }

  #handleGap(frame: GapFrame): void {
    const { conversation: number, from, to, reason } = frame
    const isPassed = this.#book.gap(frame)
    const conversation = this.#book.conversations.get(number)
    if (conversation) this.#events.push({ kind: 'gap', conversation, from, to, reason, isPassed })
  }

  #handleAck(conversation: number, ref: number, seq: number): void {
    this.#book.acknowledge(conversation, ref)
    this.#events.push({ kind: 'ack', conversation, ref, seq })
  }

  #handleSignalled(frame: SignalledFrame): void {
    const event = this.#takesSignals ? this.#book.signal(frame) : undefined
    if (event) this.#events.push({ kind: 'signal', ...event })
  }

  #handleHistory(frame: HistoryFrame): void {
    const frames = historyFrames(frame)
    //= PAL-ROM-055
    if (!frames) return this.#close('local', 'bad_frame', 'entries of a history that are not sound')
    this.#book.senders(frame)
    const { request, conversation: number, more } = frame
    const conversation = this.#book.conversations.get(number)
    const entries = conversation ? historyEntries(conversation, frames) : []
    this.#events.push({ kind: 'history', request, conversation: number, entries, more })
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
    if (frame.ref > 0) this.#book.refuseSend(frame.conversation, frame.ref)
    this.#events.push({ kind: 'error', frame, name: errorNameOf(frame.code) })
  }

  // ---- end ------------------------------------------------------------------------------------

  handleEnd(_now: Instant): void {
    if (this.#state === 'closed') return
    this.#out.dropPaced()
    this.#state = 'closed'
    this.#pushClosed('link', 0, 'the link was lost', 0)
  }

  #handleClose(code: number, text: string, retryMs: number): void {
    this.#out.dropPaced()
    this.#state = 'closed'
    this.#pushClosed('peer', code, text, retryMs)
  }

  #close(by: 'local', code: ErrorName, detail: string): void {
    const text = detail || ERROR_INFO[code].summary
    // Nothing follows `close`.
    this.#out.dropPaced()
    this.#out.push(
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
    this.#held = []
    //= PAL-ERR-002, PAL-ERR-004
    this.#events.push({ kind: 'closed', by, code, name: errorNameOf(code), text, retryMs })
  }

  // ---- time and output ------------------------------------------------------------------------

  handleTimeout(now: Instant): void {
    if (now < this.#silenceAt) return
    if (this.#state === 'expect_challenge' || this.#state === 'expect_ready')
      return this.#close('local', CLIENT_REACTIONS.silence[this.#state].code, '')
    if (this.#state !== 'open') return
    //= PAL-SES-014
    if (this.#pingAt !== NEVER) return this.#close('local', CLIENT_REACTIONS.silence.open.code, '')
    this.#pingAt = now
    this.#deadline = instantAfter(now, this.#pingMs)
    //= PAL-SES-013, PAL-SES-041
    // Also where much is heard: of a client that only listens the relay hears nothing else.
    this.ping(0, 0)
  }

  pollTimeout(): Instant {
    // What waited for a token is there to be polled then.
    return earlierOf(this.#silenceAt, this.#out.readyAt)
  }

  get #silenceAt(): Instant {
    return this.#pingAt !== NEVER ? instantAfter(this.#pingAt, LIMITS.pongMs) : this.#deadline
  }

  pollEvent(): ClientEvent | undefined {
    return this.#events.shift()
  }

  pollTransmit(now: Instant): LaneBytes | undefined {
    if (this.#held.length > 0) this.#letGo()
    const item = this.#out.poll(now)
    if (this.#out.bytes === 0) this.#pongsWaiting = 0
    return item
  }
}

/** The frame with bytes of its own. */
function ownBundle(frame: BundleFrame): BundleFrame {
  const prekeys = frame.prekeys.map(({ number, key }) => ({ number, key: copyOf(key) }))
  return { ...frame, bundle: copyOf(frame.bundle), prekeys }
}
