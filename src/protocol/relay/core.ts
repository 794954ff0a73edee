/**
 * The relay: every link, session, room and timer of one process, and not one socket (spec chapters 5 to 8).
 * A link's states are expect_hello, expect_auth, open and closed; what each frame does in each of them is the
 * reaction table of the registry. The driver hands in bytes and time, calls `flush` at the end of each turn,
 * and then writes what `pollReadyLink` and `pollTransmit` give.
 */
import { assert } from '../../base/assert.ts'
import { hexOf, utf8Bytes } from '../../base/bytes.ts'
import type { Entropy } from '../../base/entropy.ts'
import { UsageError } from '../../base/errors.ts'
import type { LaneBytes, Machine } from '../../base/machine.ts'
import type { SignaturePrimitives } from '../../base/primitives.ts'
import { type Instant, instantAfter, NEVER } from '../../base/time.ts'
import { type Deframer, EMPTY, FRAME, MORE } from '../../codec/deframer.ts'
import { type DecodeFault, isFault } from '../../codec/fault.ts'
import { decodeFrame, helloVersions } from '../../codec/frame.ts'
import { readSend, SendView } from '../../codec/generated/hot.ts'
import {
  type AuthFrame,
  type ErrorName,
  FRAME_TYPES,
  type Frame,
  LIMITS,
  RELAY_LIMITS,
  RELAY_REACTIONS,
  type ResumeFrame,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { FrameReader } from '../../codec/reader.ts'
import { greaseFrame, isGreaseDue } from '../grease.ts'
import { type NormalName, normalizeRoomName } from '../names.ts'
import { type AdmissionPolicy, handleAuth, handleHello, handleResume, refuseVersion } from './admission.ts'
import { Directory } from './directory.ts'
import { announceUnread, handleDirect, restoreDirect } from './directs.ts'
import { handleCursor, handleFetch, handleFollow } from './following.ts'
import { judgeRate } from './gate.ts'
import { Hosts } from './hosts.ts'
import { Hub, type RelayEvent, type RelayLimits } from './hub.ts'
import { type LinkInfo, RelayLink } from './link.ts'
import { EphemeralStore } from './memory-store.ts'
import { handleOrder } from './orders.ts'
import { handleClaim, handlePublish } from './prekeys.ts'
import {
  createRoom,
  handleJoin,
  handleLeave,
  handleList,
  handleWho,
  handleWhois,
  restoreRoom,
} from './requests.ts'
import { handleSend } from './sending.ts'
import type { Session } from './session.ts'
import { handleLoneBytes, handleSignal } from './signals.ts'
import type { ConversationRecord, RelayStorage } from './storage.ts'
import { Tokens } from './tokens.ts'

export interface RelayOptions {
  readonly name: string
  /** The relay's Ed25519 identity: 32 bytes each. */
  readonly identity: { readonly seed: Uint8Array; readonly publicKey: Uint8Array }
  readonly signatures: SignaturePrimitives
  readonly entropy: Entropy
  readonly limits?: Partial<RelayLimits>
  readonly admission?: Partial<AdmissionPolicy>
  /** Identity keys of relay operators, in hexadecimal. */
  readonly operators?: ReadonlySet<string>
  /** Rooms that exist from the start and stay. */
  readonly rooms?: readonly string[]
  /** What the relay keeps and kept; memory when it is left out. */
  readonly storage?: RelayStorage
  /** Hosts to which the limits per address do not apply, such as loopback. */
  readonly isExemptHost?: (host: string) => boolean
}

/** Conversations that are looked at for old entries at once, and how often. */
const SWEEP_COUNT = 256
const SWEEP_MS = 10_000
const SESSIONS_EXPIRED_AT_ONCE = 256
/** What a client that was too fast is told to wait. */
const RATE_RETRY_MS = 10_000

/** Refusals by which a token could be guessed. */
const GUESSES: ReadonlySet<ErrorName> = new Set(['not_admitted', 'bad_signature'])

export class RelayCore<Owner> implements Machine<RelayEvent<Owner>> {
  readonly hub: Hub<Owner>
  readonly #policy: AdmissionPolicy
  readonly #hosts: Hosts
  /** Links whose handshake is not finished, oldest first. */
  readonly #handshaking = new Set<RelayLink<Owner>>()
  readonly #reader = new FrameReader()
  readonly #view = new SendView()
  #sweepAt: Instant = NEVER
  #sweepFrom = 0

  constructor(options: RelayOptions) {
    const limits = { ...LIMITS, ...options.limits }
    checkLimits(limits)
    if (utf8Bytes(options.name).length > LIMITS.relayNameBytes)
      throw new UsageError('bad_argument', `a relay's name has at most ${LIMITS.relayNameBytes} bytes`)
    const storage = options.storage ?? new EphemeralStore()
    const { directory, sessions } = storage.state
    this.hub = new Hub({
      relayName: options.name,
      relaySeed: options.identity.seed,
      relayKey: options.identity.publicKey,
      signatures: options.signatures,
      entropy: options.entropy,
      limits,
      directory: new Directory(directory, limits),
      tokens: new Tokens(options.signatures, sessions, limits.names),
      storage,
      operators: options.operators ?? new Set(),
    })
    this.#policy = {
      token: options.admission?.token,
      keys: options.admission?.keys,
    }
    this.#hosts = new Hosts(limits, options.isExemptHost ?? (() => false))
    const permanent = permanentRooms(options.rooms ?? [])
    for (const record of storage.state.conversations) restoreConversation(this.hub, record, permanent)
    for (const name of permanent.values())
      if (!this.hub.rooms.has(name.folded)) createRoom(this.hub, name, true)
  }

  /** Sets what wall-clock time the monotonic origin is, in milliseconds since 1970. */
  setWallOffset(offsetMs: number): void {
    this.hub.wallOffsetMs = offsetMs
    this.hub.steadyOffsetMs ??= offsetMs
  }

  // ---- links ----------------------------------------------------------------------------------

  openLink(owner: Owner, info: LinkInfo, now: Instant): RelayLink<Owner> {
    this.hub.setTime(now)
    const link = new RelayLink(owner, info, now)
    this.hub.links.add(link)
    this.#handshaking.add(link)
    //= PAL-HSK-033
    this.hub.setDeadline(link, instantAfter(now, this.hub.limits.handshakeMs))
    if (!this.#hosts.open(info, this.hub.rates, now)) this.hub.closeLink(link, 'too_many_links')
    else if (this.#handshaking.size > this.hub.limits.handshakes) this.#evictOldest()
    return link
  }

  /** Whoever dawdles longest makes room: a crowd that opens links and stops cannot keep others out. */
  //= PAL-HSK-037
  #evictOldest(): void {
    for (const oldest of this.#handshaking) {
      this.#handshaking.delete(oldest)
      return this.hub.closeLink(oldest, 'too_many_links')
    }
  }

  /**
   * The peer will send nothing more. What is queued has its time to go out; the driver then ends the link.
   */
  endLink(link: RelayLink<Owner>, now: Instant): void {
    this.hub.setTime(now)
    this.hub.endLink(link, 'link_lost')
  }

  /** The link is gone, whoever ended it. Nothing more may be handed in for it. */
  closeLink(link: RelayLink<Owner>, now: Instant): void {
    this.hub.setTime(now)
    if (!this.hub.links.delete(link)) return
    this.hub.endLink(link, 'link_lost')
    this.hub.deadlines.remove(link)
    this.hub.outlet.discard(link)
    if (!link.admitted) this.#handshakeOver(link)
    this.#hosts.close(link.info, this.hub.rates, now)
  }

  #handshakeOver(link: RelayLink<Owner>): void {
    this.#hosts.handshakeOver(link.info)
    this.#handshaking.delete(link)
  }

  // ---- input ----------------------------------------------------------------------------------

  /** The next bytes of one lane of a link. They are read now; what has to wait is copied. */
  handleBytes(link: RelayLink<Owner>, lane: number, chunk: Uint8Array, now: Instant): void {
    if (link.state === 'closed' || link.slow) return
    this.hub.setTime(now)
    //= PAL-STR-013, PAL-STR-014
    const deframer = link.deframer(lane)
    deframer.push(chunk)
    if (!link.delay?.lanes.has(lane)) return this.#readFrames(link, lane, deframer)
    //= PAL-LIM-008
    if (deframer.unreadBytes > this.hub.limits.sendBytesBurst) this.hub.closeLink(link, 'rate_exceeded')
  }

  /** Bytes of a link that came whole and outside its lanes. They are read now. */
  handleLoneBytes(link: RelayLink<Owner>, bytes: Uint8Array, now: Instant): void {
    this.hub.setTime(now)
    handleLoneBytes(this.hub, link, bytes)
  }

  #readFrames(link: RelayLink<Owner>, lane: number, deframer: Deframer): void {
    for (;;) {
      const found = deframer.next()
      if (found === MORE) return
      if (found !== FRAME) return this.hub.closeLink(link, found === EMPTY ? 'bad_frame' : 'frame_too_large')
      const session = link.session
      const verdict = session === undefined ? 'pass' : this.#judge(link, session, lane, deframer)
      if (verdict === 'stop') return
      if (verdict === 'skip') continue
      if (!link.confirmed && session !== undefined) this.#confirm(link, session)
      link.heardAt = this.hub.now
      this.#handleFrameBytes(link, deframer.bytes, deframer.start, deframer.end)
      if (this.#isClosed(link) || link.slow) return
    }
  }

  /** The client was heard: it has its new token, and the one before is used up. */
  #confirm(link: RelayLink<Owner>, session: Session<Owner>): void {
    link.confirmed = true
    const write = this.hub.tokens.confirm(hexOf(session.id))
    if (write) this.hub.archive.write(write)
  }

  /** Whether the rates let the frame through now; if not, it waits, or it was refused. */
  #judge(
    link: RelayLink<Owner>,
    session: Session<Owner>,
    lane: number,
    deframer: Deframer,
  ): 'pass' | 'skip' | 'stop' {
    const verdict = judgeRate(this.hub, session, deframer)
    if (verdict === 'pass') return 'pass'
    if (verdict === 'refused') return link.slow ? 'stop' : 'skip'
    if (verdict === 'close') {
      this.hub.closeLink(link, 'rate_exceeded', undefined, RATE_RETRY_MS)
      return 'stop'
    }
    //= PAL-SES-036
    deframer.unread()
    if (!link.delay) this.hub.events.push({ kind: 'link_paused', link })
    link.delay ??= { lanes: new Set(), until: verdict }
    link.delay.lanes.add(lane)
    if (verdict < link.delay.until) link.delay.until = verdict
    this.hub.deadlines.arm(link, link.delay.until)
    return 'stop'
  }

  /** The tokens that frames waited for are there. */
  #readOn(link: RelayLink<Owner>): void {
    const lanes = link.delay?.lanes
    link.delay = undefined
    for (const lane of lanes ?? [])
      if (!this.#isClosed(link)) this.#readFrames(link, lane, link.deframer(lane))
    if (!link.delay && !this.#isClosed(link)) this.hub.events.push({ kind: 'link_resumed', link })
  }

  /** A call of its own, because the frame just handled may have changed the state. */
  #isClosed(link: RelayLink<Owner>): boolean {
    return link.state === 'closed'
  }

  #handleFrameBytes(link: RelayLink<Owner>, bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start + 1] === FRAME_TYPES.send && link.session !== undefined) {
      this.#reader.reset(bytes, start, end)
      if (readSend(this.#reader, this.#view)) return handleSend(this.hub, link.session, this.#view, bytes)
    }
    // What is kept of a frame is a view of it.
    const own = bytes.slice(start, end)
    const frame = decodeFrame(own, 0, own.length)
    if (isFault(frame)) return this.#handleFault(link, frame, own)
    if (frame.type !== 'ignored') this.#react(link, frame, own)
  }

  #handleFault(link: RelayLink<Owner>, fault: DecodeFault, bytes: Uint8Array): void {
    //= PAL-HSK-035
    const versions = link.state === 'expect_hello' ? helloVersions(bytes) : undefined
    if (versions && !versions.includes(VERSIONS.palaver_1)) return refuseVersion(this.hub, link)
    this.hub.closeLink(link, fault.wireError, faultText(fault))
  }

  #react(link: RelayLink<Owner>, frame: Frame, bytes: Uint8Array): void {
    //= PAL-SES-001, PAL-SES-002
    const reaction = RELAY_REACTIONS[frame.type][link.state]
    //= PAL-SES-003
    if (reaction.do === 'close') return this.hub.closeLink(link, reaction.code)
    //= PAL-SES-004
    if (reaction.do === 'ignore') return
    if (frame.type === 'hello') return handleHello(this.hub, link, frame, bytes)
    if (frame.type === 'auth' || frame.type === 'resume') return this.#handleClaim(link, frame)
    //= PAL-SES-019
    if (frame.type === 'close') return this.hub.endLink(link, 'goodbye')
    if (link.session) this.#handleRequest(link.session, frame, bytes)
  }

  #handleClaim(link: RelayLink<Owner>, frame: AuthFrame | ResumeFrame): void {
    const { hub } = this
    const { refusals } = hub.rates
    //= PAL-HSK-061
    if (!this.#hosts.mayClaim(link.info, refusals, hub.now))
      return hub.closeLink(link, 'rate_exceeded', undefined, RATE_RETRY_MS)
    const session =
      frame.type === 'auth'
        ? handleAuth(hub, link, frame, this.#policy)
        : handleResume(hub, link, frame, this.#policy)
    if (typeof session === 'string') {
      if (GUESSES.has(session)) this.#hosts.noteRefusal(link.info, refusals, hub.now)
      return hub.closeLink(link, session)
    }
    link.admitted = true
    this.#handshakeOver(link)
    hub.setDeadline(link, instantAfter(hub.now, Math.min(hub.limits.idleMs, hub.limits.stallMs)))
    hub.events.push({ kind: 'session_opened', session })
    announceUnread(hub, session)
    if (isGreaseDue(hub.options.entropy)) hub.outlet.sendEncoded(link, greaseFrame(hub.options.entropy))
  }

  #handleRequest(session: Session<Owner>, frame: Frame, bytes: Uint8Array): void {
    const { hub } = this
    switch (frame.type) {
      case 'join':
        return handleJoin(hub, session, frame)
      case 'leave':
        return handleLeave(hub, session, frame)
      case 'who':
        return handleWho(hub, session, frame)
      case 'list':
        return handleList(hub, session, frame)
      case 'whois':
        return handleWhois(hub, session, frame)
      case 'direct':
        return handleDirect(hub, session, frame)
      case 'follow':
        return handleFollow(hub, session, frame)
      case 'fetch':
        return handleFetch(hub, session, frame)
      case 'cursor':
        return handleCursor(hub, session, frame)
      case 'publish':
        return handlePublish(hub, session, frame)
      case 'claim':
        return handleClaim(hub, session, frame)
      //= PAL-SIG-013
      case 'signal':
        return handleSignal(hub, session, frame)
      case 'send':
        return this.#handleUnusualSend(session, frame, bytes)
      case 'ping':
        //= PAL-SES-009, PAL-SES-011
        return hub.reply(session.link, { ...frame, type: 'pong' }, frame.conversation)
      //= PAL-SES-012
      case 'pong':
        return
      default:
        return handleOrder(hub, session, frame)
    }
  }

  /** A send with fields that this edition does not know: its view is made from the decoded frame. */
  #handleUnusualSend(
    session: Session<Owner>,
    frame: Extract<Frame, { type: 'send' }>,
    bytes: Uint8Array,
  ): void {
    const view = this.#view
    view.conversation = frame.conversation
    view.ref = frame.ref
    view.kind = frame.kind
    view.bodyStart = 0
    view.bodyEnd = frame.body.length
    assert(frame.body.buffer === bytes.buffer, 'a body is a view of the frame')
    handleSend(this.hub, session, view, frame.body)
  }

  // ---- time -----------------------------------------------------------------------------------

  handleTimeout(now: Instant): void {
    this.hub.setTime(now)
    const { deadlines } = this.hub
    for (let link = deadlines.popDue(now); link; link = deadlines.popDue(now))
      if (link.deadline <= now || (link.delay && link.delay.until <= now)) this.#expire(link)
      else deadlines.arm(link, nextLook(link))
    this.hub.endDetached(now)
    this.#sweep(now)
  }

  #expire(link: RelayLink<Owner>): void {
    const { hub } = this
    if (link.state === 'closed') {
      hub.events.push({ kind: 'link_expired', link })
      return
    }
    if (link.state !== 'open') return hub.closeLink(link, RELAY_REACTIONS.silence[link.state].code)
    if (link.delay && link.delay.until <= hub.now) this.#readOn(link)
    if (this.#isClosed(link)) return
    const { idleMs, stallMs } = hub.limits
    // Hearing from a link does not move its deadline, which would cost something for each frame.
    const idleAt = instantAfter(link.delay ? hub.now : link.heardAt, idleMs)
    //= PAL-SES-015
    if (idleAt <= hub.now) return hub.closeLink(link, RELAY_REACTIONS.silence.open.code)
    const stalledAt = link.queuedBytes > 0 ? instantAfter(link.progressAt, stallMs) : NEVER
    //= PAL-SES-034
    if (stalledAt <= hub.now) return hub.closeLink(link, 'slow_consumer')
    // What begins to wait for the link in between is looked at one `stall_ms` later at the latest.
    link.deadline = Math.min(idleAt, stalledAt, instantAfter(hub.now, stallMs)) as Instant
    hub.deadlines.arm(link, nextLook(link))
  }

  pollTimeout(): Instant {
    const { deadlines, detached } = this.hub
    return Math.min(deadlines.earliest, detached.earliest, this.#sweepAt) as Instant
  }

  /** Looks at some conversations and sessions for what is older than it is kept. */
  #sweep(now: Instant): void {
    const { hub } = this
    if (this.#sweepAt === NEVER) this.#sweepAt = instantAfter(now, SWEEP_MS)
    if (now < this.#sweepAt) return
    this.#sweepAt = instantAfter(now, SWEEP_MS)
    const expired = hub.tokens.expire(hub.wallMs, hub.limits.resumeMs, SESSIONS_EXPIRED_AT_ONCE)
    for (const write of expired) hub.archive.write(write)
    let looked = 0
    for (const [number, conversation] of hub.conversations) {
      if (number <= this.#sweepFrom) continue
      if (looked++ === SWEEP_COUNT) return
      this.#sweepFrom = number
      hub.restoreMembers(conversation)
      if (!hub.conversations.has(number)) continue
      hub.archive.trimAge(conversation)
      if (!conversation.batch) hub.endIfOver(conversation)
    }
    this.#sweepFrom = 0
  }

  // ---- output ---------------------------------------------------------------------------------

  /** Ends a turn of the driver: call it before polling for output. */
  flush(): void {
    this.hub.flush()
  }

  /** The writes of a turn, and of all before it, are committed. Call `flush` before polling for output. */
  handleCommitted(turn: number): void {
    this.hub.handleCommitted(turn)
  }

  /** The store failed: nobody gets what waited for it. */
  //= PAL-ROM-039, PAL-ROM-060
  handleStorageFailed(now: Instant): void {
    this.hub.setTime(now)
    for (const link of this.hub.links) {
      this.hub.outlet.discard(link)
      this.hub.closeLink(link, 'storage_failed')
    }
    this.hub.outlet.abandon()
  }

  pollEvent(): RelayEvent<Owner> | undefined {
    return this.hub.events.shift()
  }

  /** The next link that has bytes queued; each is named once until it is polled empty. */
  pollReadyLink(): RelayLink<Owner> | undefined {
    return this.hub.outlet.pollReadyLink()
  }

  /** The next bytes for a link, shared between links; undefined when there are none for now. */
  pollTransmit(link: RelayLink<Owner>): LaneBytes | undefined {
    return this.hub.outlet.pollTransmit(link, this.hub.now)
  }

  // ---- administration -------------------------------------------------------------------------

  /** Tells everybody that the relay shuts down and closes every link. */
  shutDown(now: Instant, retryMs: number): void {
    this.hub.setTime(now)
    //= PAL-SES-021
    for (const link of this.hub.links) this.hub.closeLink(link, 'going_away', undefined, retryMs)
  }
}

/** When something may be due for the link. */
function nextLook<Owner>({ deadline, delay }: RelayLink<Owner>): Instant {
  return delay && delay.until < deadline ? delay.until : deadline
}

/** The names of the rooms that exist from the start, by their folded forms. */
function permanentRooms(rooms: readonly string[]): Map<string, NormalName> {
  const names = new Map<string, NormalName>()
  for (const room of rooms) {
    const name = normalizeRoomName(room)
    if (!name) throw new UsageError('bad_argument', `"${room}" is not allowed as a room's name`)
    names.set(name.folded, name)
  }
  return names
}

/** A conversation of an earlier relay that kept it. */
function restoreConversation<Owner>(
  hub: Hub<Owner>,
  record: ConversationRecord,
  permanent: ReadonlyMap<string, NormalName>,
): void {
  const [first, second] = record.ends
  if (first && second) restoreDirect(hub, record, [first, second])
  else restoreRoom(hub, record, permanent.has(record.folded))
}

/** Throws UsageError for limits that the specification does not let a relay announce. */
function checkLimits(limits: RelayLimits): void {
  const announced: ReadonlySet<string> = new Set(RELAY_LIMITS)
  for (const [name, value] of Object.entries(limits)) {
    //= PAL-LIM-001
    if (!announced.has(name) && value !== LIMITS[name as keyof typeof LIMITS])
      throw new UsageError('bad_argument', `${name} is not the relay's to set`)
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError('bad_argument', `${name} must be a whole number from 1`)
  }
  //= PAL-LIM-005
  if (limits.frameBytes > LIMITS.frameBytes || limits.bodyBytes > LIMITS.bodyBytes)
    throw new UsageError('bad_argument', 'frame_bytes and body_bytes can be lowered, not raised')
  //= PAL-LIM-006
  if (limits.frameBytes < LIMITS.handshakeFrameBytes)
    throw new UsageError('bad_argument', `frame_bytes must be at least ${LIMITS.handshakeFrameBytes}`)
}

function faultText(fault: DecodeFault): string {
  const where = fault.field === undefined ? `at byte ${fault.offset}` : `in field ${fault.field}`
  return `${fault.fault} ${where}`
}
