/**
 * The relay's state and the few operations that everything else is made of: entries into conversations,
 * batches out to links, sessions opened and ended. Knows no socket, no clock and no request.
 */

import { DeadlineHeap } from '../../base/deadlines.ts'
import type { Entropy } from '../../base/entropy.ts'
import { CONTROL_LANE, laneOf } from '../../base/lanes.ts'
import type { LaneBytes } from '../../base/machine.ts'
import type { SignaturePrimitives } from '../../base/primitives.ts'
import { Queue } from '../../base/queue.ts'
import { type Instant, instantAfter } from '../../base/time.ts'
import { encodeFrame } from '../../codec/frame.ts'
import {
  CONVERSATION_KINDS,
  ERROR_INFO,
  ERRORS,
  type ErrorName,
  EVENTS,
  type Frame,
  LEAVE_REASONS,
  type LIMITS,
} from '../../codec/generated/registry.ts'
import { ByteWriter } from '../../codec/writer.ts'
import { Conversation, type EventDetail, type Interjection, type Membership } from './conversation.ts'
import type { Directory, DirectoryRecord } from './directory.ts'
import type { RelayLink } from './link.ts'
import { RoomList } from './room-list.ts'
import type { Session } from './session.ts'

/** Every limit, by name; the values in force on this relay. */
export type RelayLimits = { -readonly [Name in keyof typeof LIMITS]: number }

/** What the driver learns from the relay. */
export type RelayEvent<Owner> =
  | { readonly kind: 'session_opened'; readonly session: Session<Owner> }
  | {
      readonly kind: 'session_closed'
      readonly session: Session<Owner>
      readonly code: ErrorName | 'link_lost'
    }
  | { readonly kind: 'refused'; readonly link: RelayLink<Owner>; readonly code: ErrorName }
  | {
      readonly kind: 'joined' | 'left'
      readonly session: Session<Owner>
      readonly room: string
      readonly count: number
      readonly limit: number
    }
  /** Everything that the link will ever get is queued: end it when that is written. */
  | { readonly kind: 'link_finished'; readonly link: RelayLink<Owner> }
  /** The link had its time to take its last bytes: cut it. */
  | { readonly kind: 'link_expired'; readonly link: RelayLink<Owner> }
  /** Something that must outlive the relay. */
  | { readonly kind: 'store'; readonly record: DirectoryRecord }

/** What a relay is made with. */
export interface HubOptions {
  readonly relayName: string
  readonly relaySeed: Uint8Array
  readonly relayKey: Uint8Array
  readonly signatures: SignaturePrimitives
  readonly entropy: Entropy
  readonly limits: RelayLimits
  readonly directory: Directory
  /** Identity keys of relay operators, in hexadecimal. */
  readonly operators: ReadonlySet<string>
}

/** Empty writers kept for the next batches. */
const WRITERS_MAX = 1024
/** A batch that has grown to this is handed over before the turn ends. */
const BATCH_BYTES_MAX = 256 * 1024

/** The session itself, where a conversation is asked for. */
const CONTROL = 0

const LEAVE_REASON_OF: Readonly<Partial<Record<ErrorName | 'link_lost', number>>> = {
  goodbye: LEAVE_REASONS.closed,
  link_lost: LEAVE_REASONS.lost,
  idle_timeout: LEAVE_REASONS.lost,
  replaced: LEAVE_REASONS.replaced,
}

export class Hub<Owner> {
  readonly options: HubOptions
  readonly directory: Directory
  readonly limits: RelayLimits
  readonly operators: ReadonlySet<string>
  /** By identity key in hexadecimal, in the order of opening. */
  readonly sessions: Map<string, Session<Owner>> = new Map()
  /** By folded name. */
  readonly sessionsByName: Map<string, Session<Owner>> = new Map()
  readonly rooms: Map<string, Conversation<Owner>> = new Map()
  /** What the names of the rooms look like. */
  readonly roomLooks: Set<string> = new Set()
  /** By the two identity keys, the lower one first. */
  readonly directs: Map<string, Conversation<Owner>> = new Map()
  readonly links: Set<RelayLink<Owner>> = new Set()
  readonly events: Queue<RelayEvent<Owner>> = new Queue()
  readonly deadlines: DeadlineHeap<RelayLink<Owner>> = new DeadlineHeap()
  /** Wall-clock milliseconds at the monotonic origin; only for showing times and for bans. */
  wallOffsetMs = 0
  /** The instant of the input being handled. */
  now: Instant = 0 as Instant
  /** The same as wall-clock milliseconds. */
  wallMs = 0
  readonly roomList: RoomList<Owner> = new RoomList()
  #conversationCount = 0
  #sessionCount = 0
  readonly #dirty: Conversation<Owner>[] = []
  readonly #writers: ByteWriter[] = []
  readonly #trailing: { link: RelayLink<Owner>; item: LaneBytes }[] = []
  readonly #slow: RelayLink<Owner>[] = []
  readonly #readyLinks = new Queue<RelayLink<Owner>>()

  constructor(options: HubOptions) {
    this.options = options
    this.directory = options.directory
    this.limits = options.limits
    this.operators = options.operators
  }

  /** Sets the time of the input that is about to be handled. */
  setTime(now: Instant): void {
    this.now = now
    this.wallMs = Math.max(0, Math.floor(now + this.wallOffsetMs))
  }

  // ---- output ---------------------------------------------------------------------------------

  /** Queues a frame behind everything that is queued for the link so far, on the lane of `conversation`. */
  sendNow(link: RelayLink<Owner>, frame: Frame, conversation = 0): void {
    this.#enqueue(link, { lane: laneOf(conversation), bytes: encodeFrame(frame) })
  }

  /** The same for a frame of the session that is encoded already. */
  sendEncoded(link: RelayLink<Owner>, bytes: Uint8Array): void {
    this.#enqueue(link, { lane: CONTROL_LANE, bytes })
  }

  /**
   * Queues an answer. In a conversation it keeps its place among the entries made before and after it; for
   * the session it follows everything of this turn.
   */
  reply(link: RelayLink<Owner>, frame: Frame, conversation = 0): void {
    //= PAL-SES-017
    if (link.state === 'closed') return
    const item: LaneBytes = { lane: laneOf(conversation), bytes: encodeFrame(frame) }
    // What a link asked for in one turn counts before the turn ends, so that asking much costs little memory.
    const waiting = link.queuedBytes + link.answerBytes + item.bytes.length
    //= PAL-LIM-008
    if (waiting > this.limits.outboundBytes) this.#cutOff(link)
    if (link.slow) return
    if (conversation === CONTROL) this.#trail(link, item)
    else this.#replyInPlace(link, item, conversation)
  }

  /** Queues something behind everything of this turn. */
  #trail(link: RelayLink<Owner>, item: LaneBytes): void {
    link.answerBytes += item.bytes.length
    this.#trailing.push({ link, item })
  }

  //= PAL-ROM-033
  #replyInPlace(link: RelayLink<Owner>, item: LaneBytes, conversation: number): void {
    const member = link.session?.memberships.get(conversation)
    if (!member?.conversation.batch) return this.#enqueue(link, item)
    link.answerBytes += item.bytes.length
    member.conversation.interject(link, item.bytes)
  }

  replyOk(link: RelayLink<Owner>, request: number, conversation = 0): void {
    this.reply(link, { type: 'ok', request, conversation }, conversation)
  }

  replyError(
    link: RelayLink<Owner>,
    code: ErrorName,
    about: { readonly request?: number; readonly conversation?: number; readonly ref?: number },
  ): void {
    const { request = 0, conversation = 0, ref = 0 } = about
    //= PAL-ERR-001, PAL-ERR-003, PAL-ERR-006
    const text = ERROR_INFO[code].summary
    this.reply(link, { type: 'error', request, code: ERRORS[code], conversation, ref, text }, conversation)
  }

  /** Sends a frame to every open session; encoded once. */
  broadcast(frame: Frame): void {
    const item: LaneBytes = { lane: CONTROL_LANE, bytes: encodeFrame(frame) }
    for (const { link } of this.sessions.values()) this.#trail(link, item)
  }

  /**
   * Ends the tick: what was written into conversations goes to their members, then the replies follow. Links
   * found too slow are closed last, which makes entries of its own.
   */
  flush(): void {
    while (this.#dirty.length + this.#trailing.length + this.#slow.length > 0) {
      for (const conversation of this.#dirty) this.#seal(conversation)
      this.#dirty.length = 0
      //= PAL-SES-010
      for (const { link, item } of this.#trailing) this.#enqueueAnswer(link, item)
      this.#trailing.length = 0
      //= PAL-SES-026
      for (const link of this.#slow.splice(0)) this.closeLink(link, 'slow_consumer')
    }
  }

  pollReadyLink(): RelayLink<Owner> | undefined {
    return this.#readyLinks.shift()
  }

  /** Queues an answer that waited for the end of the turn, or of a batch. */
  #enqueueAnswer(link: RelayLink<Owner>, item: LaneBytes): void {
    link.answerBytes -= item.bytes.length
    this.#enqueue(link, item)
  }

  #enqueue(link: RelayLink<Owner>, item: LaneBytes): void {
    const queuedBytes = link.queuedBytes + item.bytes.length
    //= PAL-SES-025
    if (link.queuedBytes > 0 && queuedBytes > this.limits.outboundBytes) this.#cutOff(link)
    if (link.slow && link.state !== 'closed') return
    link.enqueue(item)
    if (link.ready) return
    link.ready = true
    this.#readyLinks.push(link)
  }

  /** The link takes too little: it is closed when the turn ends. */
  #cutOff(link: RelayLink<Owner>): void {
    if (link.slow || link.state === 'closed') return
    link.slow = true
    this.#slow.push(link)
  }

  // ---- conversations --------------------------------------------------------------------------

  newConversation(nature: Conversation<Owner>['nature'], memberLimit: number): Conversation<Owner> {
    //= PAL-ROM-004
    this.#conversationCount += 1
    return new Conversation(this.#conversationCount, nature, memberLimit)
  }

  /** Makes sure that entries can be appended to the conversation in this tick. */
  openBatch(conversation: Conversation<Owner>): void {
    if (conversation.batch) {
      if (conversation.batch.length < BATCH_BYTES_MAX) return
      this.sealEarly(conversation)
    }
    conversation.openBatch(this.#writers.pop() ?? new ByteWriter())
    this.#dirty.push(conversation)
  }

  addEvent(conversation: Conversation<Owner>, detail: EventDetail): void {
    this.openBatch(conversation)
    conversation.appendEvent(detail, this.wallMs)
  }

  /** Hands the entries so far to the members so far, because the members are about to change. */
  sealEarly(conversation: Conversation<Owner>): void {
    if (!conversation.batch) return
    this.#dirty.splice(this.#dirty.lastIndexOf(conversation), 1)
    this.#seal(conversation)
  }

  #seal(conversation: Conversation<Owner>): void {
    const writer = conversation.batch
    if (!writer) return
    const interjections = conversation.takeInterjections()
    //= PAL-ROM-003
    const item = conversation.sealBatch()
    if (this.#writers.length < WRITERS_MAX) this.#writers.push(writer)
    //= PAL-ROM-002
    for (const member of conversation.members) {
      const { link } = member.session
      const own = interjections?.get(link)
      if (own === undefined) this.#enqueue(link, item)
      else this.#enqueueAround(link, item, own)
    }
  }

  /** The batch in pieces, with a member's own answers in their places. */
  #enqueueAround(link: RelayLink<Owner>, item: LaneBytes, own: readonly Interjection[]): void {
    const { lane, bytes } = item
    let from = 0
    for (const { offset, bytes: answer } of own) {
      if (offset > from) this.#enqueue(link, { lane, bytes: bytes.subarray(from, offset) })
      this.#enqueueAnswer(link, { lane, bytes: answer })
      from = offset
    }
    if (bytes.length > from) this.#enqueue(link, { lane, bytes: bytes.subarray(from) })
  }

  /** Adds a session to a conversation. The caller has sealed the entries that it must not see. */
  attach(
    conversation: Conversation<Owner>,
    session: Session<Owner>,
    alias: number,
    role: number,
  ): Membership<Owner> {
    //= PAL-MSG-008
    const membership: Membership<Owner> = { conversation, session, alias, role, ref: 0 }
    conversation.addMember(membership)
    session.memberships.set(conversation.number, membership)
    if (conversation.nature.kind === CONVERSATION_KINDS.room) session.roomCount += 1
    else session.directCount += 1
    return membership
  }

  /**
   * Takes a session out of a conversation; it sees every entry so far and none after. An empty conversation
   * ends, unless it is a permanent room.
   */
  detach(membership: Membership<Owner>): void {
    const { conversation, session } = membership
    this.sealEarly(conversation)
    //= PAL-ROM-018
    conversation.removeMember(membership)
    session.memberships.delete(conversation.number)
    const { nature } = conversation
    if (nature.kind === CONVERSATION_KINDS.room) {
      session.roomCount -= 1
      const { name: room } = nature
      const count = conversation.members.length
      this.events.push({ kind: 'left', session, room, count, limit: conversation.memberLimit })
    } else session.directCount -= 1
    if (conversation.members.length === 0) this.#endConversation(conversation)
  }

  #endConversation(conversation: Conversation<Owner>): void {
    const { nature } = conversation
    if (nature.kind === CONVERSATION_KINDS.direct) {
      this.directs.delete(nature.pair)
    } else if (!nature.permanent) {
      //= PAL-ROM-016
      this.rooms.delete(nature.folded)
      for (const look of nature.looks) this.roomLooks.delete(look)
      this.roomList.remove(conversation)
    }
  }

  /** A member goes for the stated reason: the others and it itself see the entry. */
  leave(membership: Membership<Owner>, reason: number): void {
    const { conversation, session } = membership
    //= PAL-ROM-030
    if (conversation.nature.kind === CONVERSATION_KINDS.room)
      this.addEvent(conversation, {
        kind: EVENTS.left,
        subject: membership.alias,
        name: session.name,
        value: reason,
      })
    this.detach(membership)
  }

  // ---- sessions and links ---------------------------------------------------------------------

  nextSessionNumber(): number {
    this.#sessionCount += 1
    return this.#sessionCount
  }

  addSession(session: Session<Owner>): void {
    this.sessions.set(session.keyHex, session)
    this.sessionsByName.set(session.folded, session)
  }

  /** Sends close and ends the session, if there is one. Later input of the link is ignored. */
  closeLink(
    link: RelayLink<Owner>,
    code: ErrorName,
    text: string = ERROR_INFO[code].summary,
    retryMs: number = 0,
  ): void {
    if (link.state === 'closed') return
    const { session } = link
    if (!session) this.events.push({ kind: 'refused', link, code })
    link.state = 'closed'
    // A reader that is too slow gets nothing more: the memory is what it was cut off for.
    if (code === 'slow_consumer') link.discard()
    if (session) this.#endSession(session, code)
    const bytes = encodeFrame({ type: 'close', code: ERRORS[code], text, retryMs })
    this.#trail(link, { lane: CONTROL_LANE, bytes })
    this.finish(link)
  }

  /** The peer is done or gone: no close is sent. */
  endLink(link: RelayLink<Owner>, code: 'goodbye' | 'link_lost'): void {
    if (link.state !== 'closed') {
      link.state = 'closed'
      if (link.session) this.#endSession(link.session, code)
      this.finish(link)
    }
  }

  /** Announces that nothing follows, and gives the link its time to take what is queued. */
  finish(link: RelayLink<Owner>): void {
    link.hello = undefined
    link.challenge = undefined
    this.events.push({ kind: 'link_finished', link })
    this.setDeadline(link, instantAfter(this.now, this.limits.lingerMs))
  }

  setDeadline(link: RelayLink<Owner>, at: Instant): void {
    link.deadline = at
    this.deadlines.arm(link, at)
  }

  #endSession(session: Session<Owner>, code: ErrorName | 'link_lost'): void {
    session.link.session = undefined
    if (this.sessions.get(session.keyHex) === session) this.sessions.delete(session.keyHex)
    if (this.sessionsByName.get(session.folded) === session) this.sessionsByName.delete(session.folded)
    const reason = LEAVE_REASON_OF[code] ?? LEAVE_REASONS.removed
    for (const membership of [...session.memberships.values()]) this.leave(membership, reason)
    this.events.push({ kind: 'session_closed', session, code })
  }
}
