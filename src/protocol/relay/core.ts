/**
 * The relay: every link, session, room and timer of one process, and not one socket (spec chapters 5 to 8).
 * A link's states are expect_hello, expect_auth, open and closed; what each frame does in each of them is the
 * reaction table of the registry. The driver hands in bytes and time, calls `flush` at the end of each turn,
 * and then writes what `pollReadyLink` and `pollTransmit` give.
 */
import { assert } from '../../base/assert.ts'
import { utf8Bytes } from '../../base/bytes.ts'
import type { Entropy } from '../../base/entropy.ts'
import { UsageError } from '../../base/errors.ts'
import { addressPrefix } from '../../base/ip-address.ts'
import type { LaneBytes, Machine } from '../../base/machine.ts'
import type { SignaturePrimitives } from '../../base/primitives.ts'
import { type Instant, instantAfter } from '../../base/time.ts'
import { EMPTY, FRAME, MORE } from '../../codec/deframer.ts'
import { type DecodeFault, isFault } from '../../codec/fault.ts'
import { decodeFrame, helloVersions } from '../../codec/frame.ts'
import { readSend, SendView } from '../../codec/generated/hot.ts'
import {
  type AuthFrame,
  FRAME_TYPES,
  type Frame,
  LIMITS,
  RELAY_LIMITS,
  RELAY_REACTIONS,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { FrameReader } from '../../codec/reader.ts'
import { greaseFrame, isGreaseDue } from '../grease.ts'
import { normalizeRoomName } from '../names.ts'
import { type AdmissionPolicy, handleAuth, handleHello, refuseVersion } from './admission.ts'
import { Directory, type DirectoryRecord } from './directory.ts'
import { Hub, type RelayEvent, type RelayLimits } from './hub.ts'
import { type LinkInfo, RelayLink } from './link.ts'
import { handleOrder } from './orders.ts'
import {
  createRoom,
  handleDirect,
  handleJoin,
  handleLeave,
  handleList,
  handleSend,
  handleWho,
  handleWhois,
} from './requests.ts'
import type { Session } from './session.ts'

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
  /** What an earlier relay of the same name asked to be stored. */
  readonly stored?: Iterable<DirectoryRecord>
  /** Hosts to which the limits per address do not apply, such as loopback. */
  readonly isExemptHost?: (host: string) => boolean
}

interface HostCount {
  links: number
  handshakes: number
}

export class RelayCore<Owner> implements Machine<RelayEvent<Owner>> {
  readonly hub: Hub<Owner>
  readonly #policy: AdmissionPolicy
  readonly #isExemptHost: (host: string) => boolean
  readonly #hosts = new Map<string, HostCount>()
  /** Links whose handshake is not finished, oldest first. */
  readonly #handshaking = new Set<RelayLink<Owner>>()
  readonly #reader = new FrameReader()
  readonly #view = new SendView()

  constructor(options: RelayOptions) {
    const limits = { ...LIMITS, ...options.limits }
    checkLimits(limits)
    if (utf8Bytes(options.name).length > LIMITS.relayNameBytes)
      throw new UsageError('bad_argument', `a relay's name has at most ${LIMITS.relayNameBytes} bytes`)
    this.hub = new Hub({
      relayName: options.name,
      relaySeed: options.identity.seed,
      relayKey: options.identity.publicKey,
      signatures: options.signatures,
      entropy: options.entropy,
      limits,
      directory: new Directory(options.stored ?? [], limits),
      operators: options.operators ?? new Set(),
    })
    this.#policy = {
      token: options.admission?.token,
      keys: options.admission?.keys,
    }
    this.#isExemptHost = options.isExemptHost ?? (() => false)
    for (const room of options.rooms ?? []) {
      const name = normalizeRoomName(room)
      if (!name) throw new UsageError('bad_argument', `"${room}" is not allowed as a room's name`)
      if (!this.hub.rooms.has(name.folded)) createRoom(this.hub, name, true)
    }
  }

  /** Sets what wall-clock time the monotonic origin is, in milliseconds since 1970. */
  setWallOffset(offsetMs: number): void {
    this.hub.wallOffsetMs = offsetMs
  }

  // ---- links ----------------------------------------------------------------------------------

  openLink(owner: Owner, info: LinkInfo, now: Instant): RelayLink<Owner> {
    this.hub.setTime(now)
    const link = new RelayLink(owner, info, now)
    this.hub.links.add(link)
    const host = this.#hostOf(link)
    host.links += 1
    host.handshakes += 1
    this.#handshaking.add(link)
    //= PAL-HSK-033
    this.hub.setDeadline(link, instantAfter(now, this.hub.limits.handshakeMs))
    if (this.#isOverLimit(link, host)) this.hub.closeLink(link, 'too_many_links')
    else if (this.#handshaking.size > this.hub.limits.handshakes) this.#evictOldest()
    return link
  }

  #isOverLimit(link: RelayLink<Owner>, host: HostCount): boolean {
    const { limits } = this.hub
    if (link.info.host === undefined || this.#isExemptHost(link.info.host)) return false
    return host.links > limits.linksPerAddress || host.handshakes > limits.handshakesPerAddress
  }

  /** Whoever dawdles longest makes room: a crowd that opens links and stops cannot keep others out. */
  //= PAL-HSK-037
  #evictOldest(): void {
    for (const oldest of this.#handshaking) {
      this.#handshaking.delete(oldest)
      return this.hub.closeLink(oldest, 'too_many_links')
    }
  }

  #hostOf(link: RelayLink<Owner>): HostCount {
    const key = neighbourOf(link)
    let host = this.#hosts.get(key)
    if (!host) {
      host = { links: 0, handshakes: 0 }
      this.#hosts.set(key, host)
    }
    return host
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
    const wasHandshaking = !link.admitted
    if (!this.hub.links.delete(link)) return
    this.hub.endLink(link, 'link_lost')
    this.hub.deadlines.remove(link)
    link.discard()
    const host = this.#hostOf(link)
    host.links -= 1
    if (wasHandshaking) this.#handshakeOver(link, host)
    if (host.links === 0) this.#hosts.delete(neighbourOf(link))
  }

  #handshakeOver(link: RelayLink<Owner>, host: HostCount): void {
    host.handshakes -= 1
    this.#handshaking.delete(link)
  }

  // ---- input ----------------------------------------------------------------------------------

  /** The next bytes of one lane of a link. They are read now and not kept. */
  handleBytes(link: RelayLink<Owner>, lane: number, chunk: Uint8Array, now: Instant): void {
    if (link.state === 'closed') return
    this.hub.setTime(now)
    //= PAL-STR-013, PAL-STR-014
    const deframer = link.deframer(lane)
    deframer.push(chunk)
    for (;;) {
      const found = deframer.next()
      if (found === MORE) return
      if (found !== FRAME) return this.hub.closeLink(link, found === EMPTY ? 'bad_frame' : 'frame_too_large')
      link.heardAt = now
      this.#handleFrameBytes(link, deframer.bytes, deframer.start, deframer.end)
      if (this.#isClosed(link) || link.slow) return
    }
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
    const frame = decodeFrame(bytes, start, end)
    if (isFault(frame)) return this.#handleFault(link, frame, bytes.subarray(start, end))
    if (frame.type === 'ignored') return
    this.#react(link, frame, bytes.subarray(start, end))
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
    if (frame.type === 'auth') return this.#handleAuth(link, frame)
    //= PAL-SES-019
    if (frame.type === 'close') return this.hub.endLink(link, 'goodbye')
    if (link.session) this.#handleRequest(link.session, frame, bytes)
  }

  #handleAuth(link: RelayLink<Owner>, frame: AuthFrame): void {
    const { hub } = this
    const session = handleAuth(hub, link, frame, this.#policy)
    if (!session) return
    link.admitted = true
    this.#handshakeOver(link, this.#hostOf(link))
    hub.setDeadline(link, instantAfter(hub.now, hub.limits.idleMs))
    hub.events.push({ kind: 'session_opened', session })
    if (isGreaseDue(hub.options.entropy)) hub.sendEncoded(link, greaseFrame(hub.options.entropy))
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
      if (link.deadline <= now) this.#expire(link)
      else deadlines.arm(link, link.deadline)
  }

  #expire(link: RelayLink<Owner>): void {
    const { hub } = this
    if (link.state === 'closed') {
      hub.events.push({ kind: 'link_expired', link })
      return
    }
    if (link.state !== 'open') return hub.closeLink(link, RELAY_REACTIONS.silence[link.state].code)
    // Hearing from a link does not move its deadline, which would cost something for each frame.
    const idleAt = instantAfter(link.heardAt, hub.limits.idleMs)
    //= PAL-SES-015
    if (idleAt > hub.now) hub.setDeadline(link, idleAt)
    else hub.closeLink(link, RELAY_REACTIONS.silence.open.code)
  }

  pollTimeout(): Instant {
    return this.hub.deadlines.earliest
  }

  // ---- output ---------------------------------------------------------------------------------

  /** Ends a turn of the driver: call it before polling for output. */
  flush(): void {
    this.hub.flush()
  }

  pollEvent(): RelayEvent<Owner> | undefined {
    return this.hub.events.shift()
  }

  /** The next link that has bytes queued; each is named once until it is polled empty. */
  pollReadyLink(): RelayLink<Owner> | undefined {
    return this.hub.pollReadyLink()
  }

  /** The next bytes for a link, shared between links; undefined when there are none for now. */
  pollTransmit(link: RelayLink<Owner>): LaneBytes | undefined {
    const item = link.dequeue()
    if (!item) link.ready = false
    return item
  }

  // ---- administration -------------------------------------------------------------------------

  /** Tells everybody that the relay shuts down and closes every link. */
  shutDown(now: Instant, retryMs: number): void {
    this.hub.setTime(now)
    //= PAL-SES-021
    for (const link of this.hub.links) this.hub.closeLink(link, 'going_away', undefined, retryMs)
  }
}

/** What the limits per address count together: one IPv6 peer has a whole /56 of addresses. */
function neighbourOf<Owner>(link: RelayLink<Owner>): string {
  return link.info.host === undefined ? '' : addressPrefix(link.info.host)
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
