/**
 * A client that outlives its links (spec chapters 5 to 7): it dials again, takes up its session and its
 * conversations, sends what the relay has not acknowledged, and gives the application each entry once and in
 * order. What it has to remember leaves as records; nothing leaves on the wire before they are kept. Knows no
 * socket, no clock and no file.
 *
 * A link is open, awaited (a dial was asked for), or planned (`dialAt`); `over` is the end.
 */
import { EMPTY_BYTES } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import type { LaneBytes } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import { earlierOf, type Instant, instantAfter, NEVER } from '../../base/time.ts'
import { CONVERSATION_KINDS, ERRORS, JOIN_OPTIONS, LIMITS } from '../../codec/generated/registry.ts'
import { foldName } from '../names.ts'
import { ConversationBook } from './conversations.ts'
import type { DurableEvent, DurableOptions, NewMessage, Since } from './durable-types.ts'
import type { ClientRecord } from './keeping.ts'
import type { Place, Refusal } from './place.ts'
import { isSuccessor, Places } from './places.ts'
import { mayRedial, Redial } from './redial.ts'
import type { ClientRequest } from './requests.ts'
import { ClientSession } from './session.ts'
import type { ClientConversation, ClientEvent, RelayFacts, ResumeTicket, Signal } from './types.ts'

/** A cursor is sent after so many entries, or so long after the first of them. */
const CURSOR_ENTRIES = 64
const CURSOR_MS = 1000
/** How long to wait after the relay said that it was too much. */
const RATE_PAUSE_MS = 1000

/** A request that the machine made for itself. */
interface OwnRequest {
  readonly kind: 'follow' | 'rejoin' | 'who'
  readonly place: Place
}

type ClosedEvent = Extract<ClientEvent, { kind: 'closed' }>

export class DurableClient {
  readonly #options: DurableOptions
  #isKept: boolean
  readonly #book = new ConversationBook()
  readonly #events = new Queue<DurableEvent>()
  readonly #redial: Redial
  readonly #places: Places
  readonly #own = new Map<number, OwnRequest>()
  /** From where the entries are wanted, by the request that joins. */
  readonly #since = new Map<number, Since>()
  /** Rooms that the application joins, by the request. */
  readonly #joining = new Map<number, string>()
  /** Conversations that the application leaves, by the request. */
  readonly #leaving = new Map<number, Place | undefined>()
  #session: ClientSession | undefined
  #facts: RelayFacts | undefined
  #lastRequest = 0
  #ticketInUse: ResumeTicket | undefined
  #dialAt: Instant = NEVER
  #cursorAt: Instant = NEVER
  #records: ClientRecord[] = []
  /** Whether records were taken and not said to be kept. */
  #isKeeping = false
  /** Whether the session on this link was opened. */
  #isReady = false
  #isOver = false

  constructor(options: DurableOptions) {
    this.#options = options
    this.#isKept = options.isKept
    this.#redial = new Redial(options.entropy)
    this.#places = new Places(options.keeping, {
      holdsSealed: options.holdsSealed === true,
      note: (record) => this.#note(record),
      sent: ({ conversation }, id, at, isDuplicate) =>
        this.#events.push({ kind: 'sent', conversation, id, at, isDuplicate }),
    })
  }

  /** What the relay said of itself last; undefined before the first `ready`. */
  get facts(): RelayFacts | undefined {
    return this.#facts
  }

  get conversations(): ReadonlyMap<number, ClientConversation> {
    return this.#book.conversations
  }

  /** Whether there is a session now. */
  get isOnline(): boolean {
    return this.#session?.state === 'open'
  }

  /** Whether there will never be one again. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether everything for this link was polled and nothing more will come: it can end. */
  get isLinkDone(): boolean {
    const isClosed = this.#session === undefined || this.#session.state === 'closed'
    return isClosed && (this.#session?.queuedBytes ?? 0) === 0
  }

  /** Whether the application is in the conversation, on this link or the last one. */
  isIn(conversation: ClientConversation): boolean {
    return this.#places.of(conversation) !== undefined
  }

  limit(name: keyof typeof LIMITS): number {
    return this.#facts?.limits.get(name) ?? LIMITS[name]
  }

  // ---- links ----------------------------------------------------------------------------------

  /** A link is open. Where there was one already, the session moves to the new one. */
  openLink(binding: Uint8Array, now: Instant): void {
    if (this.#isOver) throw new UsageError('bad_state', 'the client is closed')
    this.#detach()
    this.#dialAt = NEVER
    const ticket = this.#usableTicket()
    this.#ticketInUse = ticket
    this.#isReady = false
    const { keeping: _k, isKept: _i, redials: _r, holdsSealed: _h, ...options } = this.#options
    // Whoever answers on another link has to be the same relay.
    const relayKey = this.#facts?.relayKey ?? options.relayKey
    const means = { binding, relayKey, resume: ticket, book: this.#book, lastRequest: this.#lastRequest }
    this.#session = new ClientSession({ ...options, ...means }, now)
    //= PAL-HSK-047
    if (ticket) this.#followAll()
  }

  /** A session belongs to the name under which it was opened. */
  #usableTicket(): ResumeTicket | undefined {
    const { ticket } = this.#options.keeping
    if (!ticket) return undefined
    return foldName(ticket.name) === foldName(this.#options.name) ? ticket : undefined
  }

  /** The link that was asked for did not come about. */
  dialFailed(text: string, now: Instant): void {
    if (this.#isOver) return
    this.#handleClosed({ kind: 'closed', by: 'link', code: 0, name: undefined, text, retryMs: 0 }, now)
  }

  handleBytes(lane: number, chunk: Uint8Array, now: Instant): void {
    this.#session?.handleBytes(lane, chunk, now)
    this.#drain(now)
  }

  /** Bytes that came whole and outside the lanes. */
  handleLoneBytes(bytes: Uint8Array, now: Instant): void {
    this.#session?.handleLoneBytes(bytes)
    this.#drain(now)
  }

  handleEnd(now: Instant): void {
    this.#session?.handleEnd(now)
    this.#drain(now)
  }

  handleTimeout(now: Instant): void {
    this.#session?.handleTimeout(now)
    this.#drain(now)
    if (now >= this.#dialAt) {
      this.#dialAt = NEVER
      this.#events.push({ kind: 'dial' })
    }
    if (now >= this.#cursorAt) this.#sendCursors()
    this.#sendAll(now)
  }

  pollTimeout(): Instant {
    let at = earlierOf(this.#dialAt, this.isOnline ? this.#cursorAt : NEVER)
    if (this.#session) at = earlierOf(at, this.#session.pollTimeout())
    if (!this.isOnline) return at
    for (const place of this.#places) if (place.hasUnsent) at = earlierOf(at, place.pausedUntil)
    return at
  }

  /** Nothing leaves while records are not kept. */
  pollTransmit(now: Instant): LaneBytes | undefined {
    if (this.#records.length > 0 || this.#isKeeping) return undefined
    return this.#session?.pollTransmit(now)
  }

  pollEvent(): DurableEvent | undefined {
    return this.#events.shift()
  }

  /** Changes to be kept, in their order. Say `handleKept` when they are. */
  takeRecords(): ClientRecord[] {
    const records = this.#records
    if (records.length === 0) return records
    this.#records = []
    this.#isKeeping = true
    return records
  }

  /** From now on changes are wanted as records. What is known by then is in the state. */
  startKeeping(): void {
    this.#isKept = true
  }

  /** Everything taken is kept. */
  handleKept(): void {
    this.#isKeeping = false
  }

  // ---- what the application asks --------------------------------------------------------------

  /** Sends a request; returns its number. Throws UsageError while there is no session. */
  request(request: ClientRequest, since?: Since): number {
    const session = this.#openSession
    const number = session.request(request)
    if (since) this.#since.set(number, since)
    if (request.type === 'join') this.#joining.set(number, request.room)
    if (request.type === 'leave') this.#leaving.set(number, this.#placeOf(request.conversation))
    return number
  }

  /**
   * Puts a message into the outbox of a conversation: `sent` or `unsent` follow with its id. A message whose
   * id is known is not sent again. False when there is no session and the outbox is full.
   */
  send(conversation: ClientConversation, message: NewMessage, now: Instant): boolean {
    const place = this.#places.of(conversation)
    const { id, contentKind, body } = message
    if (!place) throw new UsageError('bad_state', `not in conversation ${conversation.number}`)
    const done = place.kept.done.get(id)
    if (done) {
      this.#events.push({ kind: 'sent', conversation, id, at: done, isDuplicate: true })
      return true
    }
    if (body.length > this.limit('bodyBytes')) throw new UsageError('bad_argument', 'the body is too large')
    if (place.kept.outbox.has(id)) return true
    if (!this.isOnline && !this.#options.keeping.hasRoom(body.length)) return false
    this.#note({ kind: 'message', place: place.kept.id, id, contentKind, body })
    place.add(id)
    if (this.isOnline) place.send(this.#openSession, now)
    return true
  }

  /** Tells the other members what is of use soon or never; false when it did not leave. */
  signal(conversation: ClientConversation, signal: Signal, now: Instant): boolean {
    if (!this.isOnline || !conversation.isLive || !this.isIn(conversation)) return false
    return this.#openSession.signal(conversation.number, signal, now)
  }

  /** Whether a message of that id was handed in before, and is acknowledged or waits. */
  knows(conversation: ClientConversation, id: string): boolean {
    const kept = this.#places.of(conversation)?.kept
    return kept !== undefined && (kept.done.has(id) || kept.outbox.has(id))
  }

  /** Sealed messages of the room may go on this link: they are sealed as its log wants it. */
  release(conversation: ClientConversation, now: Instant): void {
    const place = this.#places.of(conversation)
    if (!place?.isLive || !place.isCaughtUp) return
    place.isHoldingSealed = false
    if (this.isOnline) place.send(this.#openSession, now)
  }

  /** Ids of messages that wait to be sent on this link. */
  waiting(conversation: ClientConversation): ReadonlySet<string> {
    return this.#places.of(conversation)?.waiting() ?? new Set()
  }

  /** Gives a message that waits another body; false when it does not wait any more. */
  replace(conversation: ClientConversation, id: string, body: Uint8Array): boolean {
    if (body.length > this.limit('bodyBytes')) throw new UsageError('bad_argument', 'the body is too large')
    return this.#places.of(conversation)?.replace(id, body) === true
  }

  /** Takes a message back that is not acknowledged; whether it was sent may be unknown. */
  withdraw(conversation: ClientConversation, id: string): boolean {
    return this.#places.of(conversation)?.withdraw(id) === true
  }

  /** The application has done with every entry up to `seq`: it will not get them again. */
  applied(conversation: ClientConversation, seq: number, now: Instant): void {
    const place = this.#places.of(conversation)
    if (!place || seq <= place.kept.applied || seq > place.delivered) return
    this.#note({ kind: 'applied', place: place.kept.id, seq })
    if (conversation.kind !== CONVERSATION_KINDS.direct || !place.isLive) return
    if (seq - place.cursorSent >= CURSOR_ENTRIES) this.#sendCursor(place)
    else this.#cursorAt = earlierOf(this.#cursorAt, instantAfter(now, CURSOR_MS))
  }

  /** The application wants the entries after `seq`, whether it had them or not. */
  reposition(conversation: ClientConversation, seq: number): void {
    const place = this.#places.of(conversation)
    if (!place) throw new UsageError('bad_state', `not in conversation ${conversation.number}`)
    place.isHeld = false
    place.delivered = seq
    place.holdSealed()
    if (this.isOnline && place.isLive) this.#follow(place)
  }

  /** Says goodbye; nothing follows. */
  close(now: Instant): void {
    if (this.#isOver) return
    if (this.isOnline) this.#sendCursors()
    if (this.#session && this.#session.state !== 'closed') {
      this.#session.close(now)
      this.#drain(now)
    } else
      this.#end({ kind: 'closed', by: 'local', code: ERRORS.goodbye, name: 'goodbye', text: '', retryMs: 0 })
  }

  ping(nonce: number, conversation: number): void {
    this.#openSession.ping(nonce, conversation)
  }

  get #openSession(): ClientSession {
    const session = this.#session
    if (!session || session.state !== 'open') throw new UsageError('bad_state', 'there is no session')
    return session
  }

  // ---- what the session tells -----------------------------------------------------------------

  #drain(now: Instant): void {
    const session = this.#session
    if (!session) return
    for (let event = session.pollEvent(); event; event = session.pollEvent()) this.#handle(event, now)
    this.#lastRequest = session.lastRequest
    this.#sendAll(now)
  }

  #sendAll(now: Instant): void {
    if (!this.isOnline) return
    for (const place of this.#places) if (place.isLive && place.hasUnsent) place.send(this.#openSession, now)
  }

  #handle(event: ClientEvent, now: Instant): void {
    switch (event.kind) {
      case 'ready':
        return this.#handleReady(event, now)
      case 'joined':
        return this.#handleJoined(event, now)
      case 'message':
        return this.#handleMessage(event)
      case 'event':
        return this.#handleEvent(event)
      case 'gap':
        return this.#handleGap(event)
      case 'ack':
        return this.#placeOf(event.conversation)?.acknowledged(event.ref, event.seq)
      case 'members':
        return this.#handleMembers(event)
      case 'error':
        return this.#handleError(event, now)
      case 'ok':
        return this.#handleOk(event)
      case 'closed':
        return this.#handleClosed(event, now)
      default:
        this.#events.push(event)
    }
  }

  #handleReady(event: Extract<ClientEvent, { kind: 'ready' }>, now: Instant): void {
    const { session, token, name } = event.facts
    this.#facts = event.facts
    this.#isReady = true
    this.#redial.opened(now)
    this.#note({ kind: 'ticket', session, token, name })
    this.#events.push(event)
    this.#events.push({ kind: 'status', state: 'online', retryAt: NEVER, attempt: 0, text: '' })
    if (!event.facts.isResumed) this.#followAll()
  }

  /** Takes up everything that was open on the last link, and whatever has something to be sent. */
  #followAll(): void {
    for (const place of this.#places) if (place.isWanted || place.kept.outbox.size > 0) this.#follow(place)
  }

  #follow(place: Place): void {
    const { number: conversation, log } = place.kept
    const request = { type: 'follow', conversation, log, seq: place.delivered } as const
    place.followed = (this.#session as ClientSession).request(request)
    this.#own.set(place.followed, { kind: 'follow', place })
  }

  #handleJoined(event: Extract<ClientEvent, { kind: 'joined' }>, now: Instant): void {
    const { request, conversation, frame } = event
    const own = this.#own.get(request)
    this.#own.delete(request)
    this.#joining.delete(request)
    const place = own?.place ?? this.#places.placeFor(conversation, event.frame)
    const isShown = place.conversation !== undefined
    if (place.followed === request) place.followed = 0
    this.#places.bind(place, conversation)
    const wanted = this.#since.get(request)
    this.#since.delete(request)
    const since = wanted && sinceSeq(wanted, place.delivered, frame.head)
    if (own?.kind === 'rejoin' && !isSuccessor(place.kept, frame)) return this.#leave(place, STRANGER)
    const missing = place.joined(conversation, frame, since)
    place.isWanted = true
    place.isHeld = wanted !== undefined && 'isHeld' in wanted
    if (missing !== undefined && place.followed === 0) this.#follow(place)
    place.settleAccepted()
    if (place.kept.applied > frame.seq)
      this.#cursorAt = earlierOf(this.#cursorAt, instantAfter(now, CURSOR_MS))
    if (own?.kind === 'follow' && conversation.kind === CONVERSATION_KINDS.room) this.#askMembers(place, 0)
    if (own?.kind === 'rejoin') this.#events.push({ kind: 'renewed', conversation })
    // What the application did not ask for is news to it the first time only.
    const { delivered: position } = place
    if (!own) this.#events.push({ ...event, position })
    else if (!isShown) this.#events.push({ ...event, request: 0, position })
    this.#tellCaughtUp(place)
  }

  #tellCaughtUp(place: Place): void {
    const { conversation } = place
    if (conversation && place.catchesUp()) this.#events.push({ kind: 'caught_up', conversation })
  }

  #placeOf(number: number): Place | undefined {
    return this.#places.of(this.#book.conversations.get(number))
  }

  #handleMessage(event: Extract<ClientEvent, { kind: 'message' }>): void {
    const { message } = event
    const place = this.#places.of(message.conversation)
    if (!place) return
    if (message.own) place.echoed(message)
    if (place.deliver(message.seq, message.seq)) this.#events.push(event)
    place.settleAccepted()
    this.#tellCaughtUp(place)
  }

  #handleEvent(event: Extract<ClientEvent, { kind: 'event' }>): void {
    const place = this.#places.of(event.conversation)
    if (!place) return
    if (place.deliver(event.event.seq, event.event.seq)) this.#events.push(event)
    place.settleAccepted()
    this.#tellCaughtUp(place)
    if (event.endsMembership) this.#leave(place, LEFT)
  }

  #handleGap(event: Extract<ClientEvent, { kind: 'gap' }>): void {
    const place = this.#places.of(event.conversation)
    if (!event.isPassed || !place) return this.#events.push(event)
    const from = Math.max(event.from, place.delivered + 1)
    //= PAL-ROM-061
    if (place.deliver(from, event.to)) this.#events.push({ ...event, from })
    place.settleAccepted()
    this.#tellCaughtUp(place)
  }

  /** After an absence the members are asked for: who they are now is in no entry. */
  #askMembers(place: Place, after: number): void {
    const session = this.#session
    if (session?.state !== 'open') return
    const number = session.request({ type: 'who', conversation: place.kept.number, after })
    this.#own.set(number, { kind: 'who', place })
  }

  #handleMembers(event: Extract<ClientEvent, { kind: 'members' }>): void {
    const own = this.#own.get(event.frame.request)
    if (!own) return this.#events.push(event)
    this.#own.delete(event.frame.request)
    const last = event.frame.members.at(-1)
    if (event.frame.more && last) this.#askMembers(own.place, last.alias)
  }

  #handleOk(event: Extract<ClientEvent, { kind: 'ok' }>): void {
    const left = this.#leaving.get(event.request)
    this.#leaving.delete(event.request)
    if (left && this.#places.has(left)) this.#leave(left, LEFT)
    this.#events.push(event)
  }

  #handleError(event: Extract<ClientEvent, { kind: 'error' }>, now: Instant): void {
    const { request, conversation, ref } = event.frame
    const own = this.#own.get(request)
    if (own) return this.#handleOwnRefusal(own, event)
    const joining = this.#joining.get(request)
    this.#joining.delete(request)
    if (joining !== undefined && event.name === 'already_member' && this.#confirm(request, joining)) return
    if (ref === 0) return this.#events.push(event)
    const place = this.#placeOf(conversation)
    if (event.name === 'rate_limited' && place) place.pausedUntil = instantAfter(now, RATE_PAUSE_MS)
    const message = place?.refused(ref, event.name)
    if (place && message) this.#tellUnsent(place, message.id, refusalOf(event))
  }

  /** The machine had taken up the room before the application asked for it: that is what it asked for. */
  #confirm(request: number, room: string): boolean {
    const place = this.#places.liveRoom(room)
    if (!place?.conversation || !place.lastJoined) return false
    const { conversation, lastJoined } = place
    const wanted = this.#since.get(request)
    this.#since.delete(request)
    place.isWanted = true
    const frame = { ...lastJoined, request }
    if (wanted) this.reposition(conversation, sinceSeq(wanted, place.delivered, conversation.seq))
    this.#events.push({ kind: 'joined', request, conversation, frame, position: place.delivered })
    place.isHeld = wanted !== undefined && 'isHeld' in wanted
    return true
  }

  #handleOwnRefusal(own: OwnRequest, event: Extract<ClientEvent, { kind: 'error' }>): void {
    const { place } = own
    this.#own.delete(event.frame.request)
    if (own.kind === 'who') return
    if (place.followed === event.frame.request) place.followed = 0
    if (place.isLive) {
      place.giveUpFollowing()
      return this.#tellCaughtUp(place)
    }
    if (own.kind === 'follow' && event.name === 'no_such_conversation') return this.#rejoin(place)
    const { conversation } = place
    const refusal = refusalOf(event)
    this.#leave(place, refusal)
    if (conversation) this.#events.push({ kind: 'ended', conversation, refusal })
  }

  /** The relay does not know the conversation any more: it is entered by its name. */
  #rejoin(place: Place): void {
    const { conversationKind, name } = place.kept
    const isRoom = conversationKind === CONVERSATION_KINDS.room
    const request: ClientRequest = isRoom
      ? { type: 'join', room: name, options: JOIN_OPTIONS.members }
      : { type: 'direct', name }
    const number = (this.#session as ClientSession).request(request, place.conversation)
    this.#own.set(number, { kind: 'rejoin', place })
  }

  /** The membership is over, and with it what waited to be sent. */
  #leave(place: Place, refusal: Refusal): void {
    for (const id of place.kept.outbox.keys()) this.#tellUnsent(place, id, refusal)
    this.#places.forget(place)
  }

  #tellUnsent({ conversation }: Place, id: string, refusal: Refusal): void {
    this.#events.push({ kind: 'unsent', conversation, id, refusal })
  }

  // ---- the end of a link ----------------------------------------------------------------------

  #handleClosed(event: ClosedEvent, now: Instant): void {
    const isTicketRefused = event.name === 'cannot_resume' || event.name === 'session_revoked'
    if (isTicketRefused && event.by === 'peer' && this.#ticketInUse) {
      //= PAL-HSK-046
      this.#note({ kind: 'ticket', session: EMPTY_BYTES, token: EMPTY_BYTES, name: '' })
      if (!this.#isReady) return this.#planDial(event, now)
    }
    const { redials } = this.#options
    const wants = redials === 'always' || (redials === 'after_first' && this.#facts !== undefined)
    if (wants && mayRedial(event)) this.#planDial(event, now)
    else this.#end(event)
  }

  #planDial(event: ClosedEvent, now: Instant): void {
    this.#detach()
    this.#dialAt = this.#redial.next(event, now)
    const { failures: attempt } = this.#redial
    const { text } = event
    this.#events.push({ kind: 'status', state: 'reconnecting', retryAt: this.#dialAt, attempt, text })
  }

  #end(event: ClosedEvent): void {
    this.#detach()
    this.#dialAt = NEVER
    this.#isOver = true
    this.#events.push(event)
  }

  /** Nothing is live; the session stays for what it still has to say. */
  #detach(): void {
    this.#book.detach()
    this.#own.clear()
    this.#since.clear()
    this.#leaving.clear()
    this.#joining.clear()
    this.#cursorAt = NEVER
    for (const place of this.#places) place.detach()
  }

  // ---- cursors and records --------------------------------------------------------------------

  #sendCursors(): void {
    this.#cursorAt = NEVER
    for (const place of this.#places)
      if (place.kept.conversationKind === CONVERSATION_KINDS.direct) this.#sendCursor(place)
  }

  /** The relay may forget what the client says it keeps: so it is kept first. */
  #sendCursor(place: Place): void {
    const { id, number, applied: seq } = place.kept
    if (!place.isLive || seq <= place.cursorSent || !this.isOnline) return
    place.cursorSent = seq
    this.#note({ kind: 'cursor', place: id, seq })
    //= PAL-ROM-059
    this.#openSession.cursor(number, seq)
  }

  #note(record: ClientRecord): void {
    this.#options.keeping.apply(record)
    if (this.#isKept) this.#records.push(record)
  }
}

/** The position after which the application wants entries. */
function sinceSeq(since: Since, delivered: number, head: number): number {
  if ('isHeld' in since) return head
  if ('seq' in since) return since.seq
  return Math.max(Math.min(delivered, head - since.last), head - since.most, 0)
}

const LEFT: Refusal = {
  code: ERRORS.not_a_member,
  name: 'not_a_member',
  text: 'no longer in that conversation',
}

/** The name of the other one belongs to somebody else now: nothing is sent to them by mistake. */
const STRANGER: Refusal = {
  code: ERRORS.no_such_name,
  name: 'no_such_name',
  text: 'that name belongs to somebody else now',
}

function refusalOf({ frame, name }: Extract<ClientEvent, { kind: 'error' }>): Refusal {
  return { code: frame.code, name, text: frame.text }
}
