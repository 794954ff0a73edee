/**
 * The relay's state and the few operations that everything else is made of: entries into conversations,
 * members in and out, sessions opened and ended. Knows no socket, no clock and no request.
 */

import { DeadlineHeap } from '../../base/deadlines.ts'
import type { Entropy } from '../../base/entropy.ts'
import { CONTROL_LANE } from '../../base/lanes.ts'
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
  ROLES,
} from '../../codec/generated/registry.ts'
import { ByteWriter } from '../../codec/writer.ts'
import { Archive } from './archive.ts'
import {
  Conversation,
  type ConversationNature,
  type ConversationSettings,
  type EventDetail,
  type Membership,
} from './conversation.ts'
import { Detached } from './detached.ts'
import type { Directory } from './directory.ts'
import type { RelayLink } from './link.ts'
import { Mailboxes } from './mailboxes.ts'
import { Outlet } from './outlet.ts'
import { type Participant, Participants } from './participants.ts'
import { PrekeyShelf } from './prekeys.ts'
import { type Rates, ratesOf } from './rates.ts'
import { RoomList } from './room-list.ts'
import type { Session } from './session.ts'
import type { RelayStorage, StoreWrite } from './storage.ts'
import type { Tokens } from './tokens.ts'

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
      readonly name: string
      readonly room: string
      readonly count: number
      readonly limit: number
    }
  /** Everything that the link will ever get is queued: end it when that is written. */
  | { readonly kind: 'link_finished'; readonly link: RelayLink<Owner> }
  /** The link had its time to take its last bytes: cut it. */
  | { readonly kind: 'link_expired'; readonly link: RelayLink<Owner> }
  /** Read no more from the link, and read on. */
  | { readonly kind: 'link_paused' | 'link_resumed'; readonly link: RelayLink<Owner> }
  /** Commit these together, then call `handleCommitted` with the turn, or `handleStorageFailed`. */
  | { readonly kind: 'commit'; readonly turn: number; readonly writes: readonly StoreWrite[] }

/** What a relay is made with. */
export interface HubOptions {
  readonly relayName: string
  readonly relaySeed: Uint8Array
  readonly relayKey: Uint8Array
  readonly signatures: SignaturePrimitives
  readonly entropy: Entropy
  readonly limits: RelayLimits
  readonly directory: Directory
  readonly tokens: Tokens
  readonly storage: RelayStorage
  /** Identity keys of relay operators, in hexadecimal. */
  readonly operators: ReadonlySet<string>
}

/** Empty writers kept for the next batches. */
const WRITERS_MAX = 1024
/** A batch that has grown to this is handed over before the turn ends: half of `outbound_bytes`. */
const BATCH_BYTES_MAX = 128 * 1024
const LOG_ID_BYTES = 8

const LEAVE_REASON_OF: Readonly<Partial<Record<ErrorName | 'link_lost', number>>> = {
  goodbye: LEAVE_REASONS.closed,
  replaced: LEAVE_REASONS.replaced,
}
/** Endings after which the client is expected back. */
//= PAL-SES-027
const DETACHING: ReadonlySet<ErrorName | 'link_lost'> = new Set([
  'link_lost',
  'idle_timeout',
  'slow_consumer',
  'storage_failed',
  'going_away',
])

export class Hub<Owner> {
  readonly options: HubOptions
  readonly directory: Directory
  readonly limits: RelayLimits
  readonly operators: ReadonlySet<string>
  readonly archive: Archive<Owner>
  readonly outlet: Outlet<Owner>
  readonly detached: Detached<Owner> = new Detached()
  readonly mailboxes: Mailboxes<Owner>
  readonly tokens: Tokens
  readonly prekeys: PrekeyShelf
  /** By identity key in hexadecimal, in the order of opening. */
  readonly sessions: Map<string, Session<Owner>> = new Map()
  /** By folded name. */
  readonly sessionsByName: Map<string, Session<Owner>> = new Map()
  /** Every conversation by its number. */
  readonly conversations: Map<number, Conversation<Owner>> = new Map()
  readonly rooms: Map<string, Conversation<Owner>> = new Map()
  /** What the names of the rooms look like. */
  readonly roomLooks: Set<string> = new Set()
  /** By the two identity keys, the lower one first. */
  readonly directs: Map<string, Conversation<Owner>> = new Map()
  readonly links: Set<RelayLink<Owner>> = new Set()
  readonly events: Queue<RelayEvent<Owner>> = new Queue()
  readonly deadlines: DeadlineHeap<RelayLink<Owner>> = new DeadlineHeap()
  rates: Rates
  /** Signals passed on, dropped, and kept from a member whose link has too much waiting. */
  readonly signals: { taken: number; dropped: number; withheld: number } = {
    taken: 0,
    dropped: 0,
    withheld: 0,
  }
  /** Wall-clock milliseconds at the monotonic origin; only for showing times and for bans. */
  wallOffsetMs = 0
  /** The same when the relay began: what entries' age counts from, whatever the wall clock does since. */
  steadyOffsetMs: number | undefined
  /** The instant of the input being handled. */
  now: Instant = 0 as Instant
  /** The same as wall-clock milliseconds. */
  wallMs = 0
  readonly roomList: RoomList<Owner> = new RoomList()
  #lastConversation: number
  #sessionCount = 0
  #startedAt: Instant | undefined
  readonly #dirty: Conversation<Owner>[] = []
  readonly #writers: ByteWriter[] = []

  constructor(options: HubOptions) {
    this.options = options
    this.directory = options.directory
    this.tokens = options.tokens
    this.limits = options.limits
    this.operators = options.operators
    this.archive = new Archive(options.storage, options.limits, {
      wallMs: () => this.wallMs,
      now: () => this.now,
    })
    this.outlet = new Outlet(options.limits, options.storage)
    this.mailboxes = new Mailboxes(this.archive)
    this.prekeys = new PrekeyShelf(options.storage, options.limits, (write) => this.archive.write(write))
    this.rates = ratesOf(options.limits)
    this.#lastConversation = options.storage.state.lastConversation
  }

  /** Sets the time of the input that is about to be handled. */
  setTime(now: Instant): void {
    this.now = now
    this.#startedAt ??= now
    this.wallMs = Math.max(0, Math.floor(now + this.wallOffsetMs))
  }

  /** A wall clock that jumps while the relay runs makes nothing older. */
  //= PAL-CNV-003
  get steadyMs(): number {
    return Math.max(0, Math.floor(this.now + (this.steadyOffsetMs ?? this.wallOffsetMs)))
  }

  // ---- output ---------------------------------------------------------------------------------

  reply(link: RelayLink<Owner>, frame: Frame, conversation = 0): void {
    this.outlet.reply(link, frame, conversation)
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
    const item = { lane: CONTROL_LANE, bytes: encodeFrame(frame) }
    for (const { link } of this.sessions.values()) this.outlet.trail(link, item)
  }

  /**
   * Ends the turn: what was written into conversations goes to their members, then the replies follow. Links
   * found too slow are closed last, which makes entries of its own.
   */
  flush(): void {
    const { outlet } = this
    while (this.#dirty.length > 0 || outlet.hasTrailing) {
      for (const conversation of this.#dirty) this.#seal(conversation)
      this.#dirty.length = 0
      outlet.endTurn()
      //= PAL-SES-025, PAL-SES-026
      for (const link of outlet.takeSlow()) this.closeLink(link, 'slow_consumer')
      if (outlet.isOverfull) this.#shed()
    }
    this.#endTurn()
  }

  /** Closes the sessions for which the most waits. */
  //= PAL-SES-035
  #shed(): void {
    const links = [...this.links].sort((a, b) => b.waitingBytes - a.waitingBytes)
    for (const link of links) {
      if (!this.outlet.isOverfull) return
      if (link.state === 'open') this.closeLink(link, 'slow_consumer')
      this.outlet.discard(link)
    }
  }

  #endTurn(): void {
    const { archive, outlet } = this
    if (!archive.hasWrites) return outlet.releaseAll()
    const { storage } = archive
    const turn = outlet.nextTurn()
    const writes = archive.takeWrites(turn)
    if (storage.commitNow) {
      storage.commitNow(writes)
      this.handleCommitted(turn)
    } else this.events.push({ kind: 'commit', turn, writes })
  }

  /** The writes of a turn, and of all before it, are committed. */
  handleCommitted(turn: number): void {
    this.archive.handleCommitted(turn)
    this.prekeys.handleCommitted(turn)
    this.outlet.release(turn)
  }

  // ---- conversations --------------------------------------------------------------------------

  newConversation(nature: ConversationNature, memberLimit: number): Conversation<Owner> {
    //= PAL-ROM-004
    this.#lastConversation += 1
    const number = this.#lastConversation
    //= PAL-ROM-037
    const log = this.options.entropy(LOG_ID_BYTES)
    const conversation = this.addConversation({ number, nature, memberLimit, log })
    conversation.participants = new Participants([], conversation.nextAliases)
    return conversation
  }

  addConversation(settings: ConversationSettings): Conversation<Owner> {
    const conversation = new Conversation<Owner>(settings)
    this.conversations.set(settings.number, conversation)
    return conversation
  }

  /** Makes sure that entries can be appended to the conversation in this turn. */
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
    //= PAL-ROM-003
    const batch = conversation.sealBatch(this.outlet.turn)
    if (this.#writers.length < WRITERS_MAX) this.#writers.push(writer)
    this.archive.append(conversation, batch)
    this.outlet.deliver(conversation, batch)
  }

  /** Adds a session to a conversation as this participant: it gets what comes from now on. */
  attach(
    conversation: Conversation<Owner>,
    session: Session<Owner>,
    participant: Participant,
    role: number,
  ): Membership<Owner> {
    this.sealEarly(conversation)
    const membership = membershipOf(conversation, participant, role)
    conversation.addMember(membership)
    participant.present = true
    participant.isChanged = true
    participant.name = session.name
    participant.usedMs = this.steadyMs
    this.reattach(membership, session)
    return membership
  }

  /** Gives a membership to a session. */
  reattach(membership: Membership<Owner>, session: Session<Owner>): void {
    const { conversation } = membership
    this.sealEarly(conversation)
    membership.session = session
    membership.live = true
    membership.participant.name = session.name
    session.memberships.set(conversation.number, membership)
    if (conversation.nature.kind === CONVERSATION_KINDS.room) session.roomCount += 1
    else session.directCount += 1
  }

  /** Takes the session from a membership, which stays for now. */
  unattach(membership: Membership<Owner>): void {
    const { conversation, session } = membership
    if (!session) return
    this.sealEarly(conversation)
    this.outlet.unfollow(membership, session.link)
    this.outlet.dropAnswers(membership, session.link)
    membership.session = undefined
    membership.live = false
    membership.named = undefined
    session.memberships.delete(conversation.number)
    if (conversation.nature.kind === CONVERSATION_KINDS.room) session.roomCount -= 1
    else session.directCount -= 1
  }

  /**
   * Ends a membership; its session sees every entry so far and none after. An empty room without messages
   * ends, unless it is permanent.
   */
  detach(membership: Membership<Owner>): void {
    const { conversation, participant, session } = membership
    const { nature } = conversation
    this.sealEarly(conversation)
    if (session) this.outlet.skip(membership, session.link, nature.kind === CONVERSATION_KINDS.room)
    //= PAL-ROM-018
    this.unattach(membership)
    //= PAL-SES-031
    this.detached.remove(membership)
    conversation.removeMember(membership)
    participant.present = false
    participant.isChanged = true
    participant.usedMs = this.steadyMs
    if (nature.kind === CONVERSATION_KINDS.room) {
      const { name: room } = nature
      const count = conversation.members.length
      const { name } = participant
      this.events.push({ kind: 'left', name, room, count, limit: conversation.memberLimit })
    }
    if (conversation.members.length === 0) this.endIfOver(conversation)
  }

  /** Ends a conversation that nobody is in and whose log tells nothing. */
  endIfOver(conversation: Conversation<Owner>): void {
    const { nature } = conversation
    const isEmpty = !conversation.hasMessage || conversation.firstSeq > conversation.seq
    //= PAL-ROM-016
    if (conversation.members.length > 0 || !isEmpty) return
    if (nature.kind === CONVERSATION_KINDS.direct) {
      this.directs.delete(nature.pair)
      this.mailboxes.remove(conversation, nature.ends)
    } else {
      if (nature.permanent) return
      this.rooms.delete(nature.folded)
      for (const look of nature.looks) this.roomLooks.delete(look)
      this.roomList.remove(conversation)
    }
    this.conversations.delete(conversation.number)
    this.archive.forget(conversation)
  }

  /** A member goes for the stated reason: the others and it itself see the entry. */
  leave(membership: Membership<Owner>, reason: number): void {
    const { conversation, participant } = membership
    //= PAL-ROM-030
    if (conversation.nature.kind === CONVERSATION_KINDS.room)
      this.addEvent(conversation, {
        kind: EVENTS.left,
        subject: participant.alias,
        name: participant.name,
        value: reason,
      })
    this.detach(membership)
  }

  /**
   * Loads a conversation, and gives a room back the members that it had when an earlier relay stopped. If
   * they have waited long enough and left nothing behind, the room is over after that.
   */
  //= PAL-SES-032
  restoreMembers(conversation: Conversation<Owner>): void {
    if (conversation.participants) return
    const participants = this.archive.load(conversation)
    if (conversation.nature.kind === CONVERSATION_KINDS.direct) return
    const until = instantAfter(this.#startedAt ?? this.now, this.limits.detachedMs)
    for (const participant of participants.all)
      if (participant.present)
        conversation.addMember(
          membershipOf(conversation, participant, this.roleIn(conversation, participant.keyHex)),
        )
    for (const membership of [...conversation.members])
      if (until > this.now) this.detached.add(membership, membership.participant.clientHex, until)
      else this.leave(membership, LEAVE_REASONS.lost)
  }

  /** The room of that folded name, loaded. */
  findRoom(folded: string): Conversation<Owner> | undefined {
    const room = this.rooms.get(folded)
    if (room) this.restoreMembers(room)
    return this.rooms.get(folded)
  }

  /** The role of an identity in a room. */
  roleIn(conversation: Conversation<Owner>, keyHex: string): number {
    if (this.operators.has(keyHex)) return ROLES.relay_operator
    return conversation.roles.get(keyHex) ?? ROLES.member
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
    if (!session && !link.admitted) this.events.push({ kind: 'refused', link, code })
    link.state = 'closed'
    if (session) this.endSession(session, code)
    // A reader that is too slow gets nothing more, the entries of its own end included: the memory is what it
    // was cut off for, and an entry after those thrown away would look like a gap.
    if (code === 'slow_consumer') this.outlet.discard(link)
    const bytes = encodeFrame({ type: 'close', code: ERRORS[code], text, retryMs })
    this.outlet.trail(link, { lane: CONTROL_LANE, bytes })
    this.finish(link)
  }

  /** The peer is done or gone: no close is sent. */
  endLink(link: RelayLink<Owner>, code: 'goodbye' | 'link_lost'): void {
    if (link.state !== 'closed') {
      link.state = 'closed'
      if (link.session) this.endSession(link.session, code)
      this.finish(link)
    }
  }

  /** Announces that nothing follows, and gives the link its time to take what is queued. */
  finish(link: RelayLink<Owner>): void {
    link.hello = undefined
    link.challenge = undefined
    link.delay = undefined
    this.events.push({ kind: 'link_finished', link })
    this.setDeadline(link, instantAfter(this.now, this.limits.lingerMs))
  }

  setDeadline(link: RelayLink<Owner>, at: Instant): void {
    link.deadline = at
    this.deadlines.arm(link, at)
  }

  /** A newer session of the same identity takes over, by the installation `clientHex`. */
  replaceSession(older: Session<Owner>, clientHex: string): void {
    const { link } = older
    this.endSession(older, 'replaced', clientHex)
    this.closeLink(link, 'replaced')
  }

  /** The session is over: its memberships end, or wait for the client. */
  endSession(session: Session<Owner>, code: ErrorName | 'link_lost', staysFor?: string): void {
    session.link.session = undefined
    if (this.sessions.get(session.keyHex) === session) this.sessions.delete(session.keyHex)
    if (this.sessionsByName.get(session.folded) === session) this.sessionsByName.delete(session.folded)
    const isExpected = DETACHING.has(code) || (code === 'replaced' && staysFor === session.clientHex)
    for (const membership of [...session.memberships.values()])
      if (isExpected && membership.conversation.nature.kind === CONVERSATION_KINDS.room)
        this.#keep(membership, session)
      //= PAL-SES-060
      else this.leave(membership, LEAVE_REASON_OF[code] ?? LEAVE_REASONS.removed)
    this.events.push({ kind: 'session_closed', session, code })
  }

  #keep(membership: Membership<Owner>, session: Session<Owner>): void {
    this.unattach(membership)
    this.detached.add(membership, session.clientHex, instantAfter(this.now, this.limits.detachedMs))
  }

  /** Ends what has waited for its client for too long. */
  //= PAL-SES-028
  endDetached(now: Instant): void {
    for (const membership of this.detached.popDue(now)) this.leave(membership, LEAVE_REASONS.lost)
  }
}

function membershipOf<Owner>(
  conversation: Conversation<Owner>,
  participant: Participant,
  role: number,
): Membership<Owner> {
  const nothing = { session: undefined, live: false, cursor: 0, answers: [], head: 0, named: undefined }
  return { conversation, participant, role, ...nothing }
}
