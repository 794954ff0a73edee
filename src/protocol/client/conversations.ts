/**
 * What a client knows of the conversations it is in (spec chapter 7): members, the position in each log, and
 * its own messages under way. Outlives the links of one relay. Bounded, because a relay decides how much
 * there is to know.
 */
import { assert } from '../../base/assert.ts'
import { copyOf, equalBytes } from '../../base/bytes.ts'
import type { MessageView } from '../../codec/generated/hot.ts'
import {
  CONVERSATION_KINDS,
  EVENTS,
  type EventFrame,
  type GapFrame,
  type JoinedFrame,
  LIMITS,
  type MembersFrame,
  type SendersFrame,
  SIGNAL_KINDS,
  type SignalledFrame,
} from '../../codec/generated/registry.ts'
import type { OpenRequest } from './requests.ts'
import type { ClientConversation, ClientEvent, Member, ReceivedEvent, ReceivedMessage } from './types.ts'

type ReceivedSignal = Omit<Extract<ClientEvent, { kind: 'signal' }>, 'kind'>

const CONVERSATIONS_MAX = 65_536
/** Members and senders over all conversations. */
const NAMES_MAX = 262_144

export class ConversationBook {
  readonly conversations: Map<number, ClientConversation> = new Map()
  /** Refs without an answer in conversations that are over, by number. */
  readonly #unanswered = new Map<number, Set<number>>()
  #namesHeld = 0

  /** The link is gone: nothing is live, and what was under way is for the owner to send again. */
  detach(): void {
    for (const conversation of this.conversations.values()) {
      conversation.isLive = false
      conversation.underWay.length = 0
      conversation.underWayBytes = 0
      conversation.isRewinding = false
    }
    this.#unanswered.clear()
  }

  /** Whether a message is under way in a conversation that is over, or in one of `leaving`. */
  hasUnanswered(leaving: Iterable<number>): boolean {
    for (const number of leaving) if ((this.conversations.get(number)?.underWay.length ?? 0) > 0) return true
    return this.#unanswered.size > 0
  }

  /**
   * The conversation of a `joined`; undefined when there are more than a client can hold. `open` is the
   * request that it answers, if it is one of the client's.
   */
  join(frame: JoinedFrame, open: OpenRequest | undefined): ClientConversation | undefined {
    const known = this.conversations.get(frame.conversation)
    if (known && equalBytes(known.log, frame.log)) {
      // A direct conversation that is open already is announced again when it is asked for again.
      //= PAL-ROM-034
      const isConfirmed = known.isLive && open?.type !== 'follow'
      return isConfirmed ? known : this.#takeUp(known, frame)
    }
    // The number of a log that is no more stands for another one.
    this.end(frame.conversation)
    const renewed = open?.renews
    if (!renewed && this.conversations.size >= CONVERSATIONS_MAX) return undefined
    // Its old number may stand for another conversation by now.
    if (renewed && this.conversations.get(renewed.number) === renewed) this.end(renewed.number)
    const conversation = renewed ?? conversationOf(frame)
    conversation.number = frame.conversation
    this.conversations.set(frame.conversation, conversation)
    return this.#takeUp(conversation, frame)
  }

  /** What a conversation is, as of `head`, and where its entries begin on this link. */
  #takeUp(conversation: ClientConversation, frame: JoinedFrame): ClientConversation {
    const { alias, role, seq, head, topic, locked, limit, count, durability, keepMs, keepBytes } = frame
    const { members, senders } = conversation
    this.#namesHeld -= members.size + senders.size
    if (equalBytes(conversation.log, frame.log)) {
      // Who was a member may have gone meanwhile; the names stay, for what they said.
      for (const member of members.values()) senders.set(member.alias, member.name)
    } else senders.clear()
    if (!conversation.isLive) {
      members.clear()
      conversation.ref = frame.ref
      conversation.refAccepted = frame.ref
    }
    const log = copyOf(frame.log)
    const state = { alias, role, seq, head, log, topic, locked, limit, count, durability, keepMs, keepBytes }
    Object.assign(conversation, state, { isLive: true })
    this.#namesHeld += members.size + senders.size
    //= PAL-MSG-025
    acceptUpTo(conversation, frame.ref)
    this.#holdPeers(conversation, frame)
    return conversation
  }

  #holdPeers(conversation: ClientConversation, frame: JoinedFrame): void {
    for (const peer of frame.peers) this.#holdMember(conversation, { ...peer, key: copyOf(peer.key) })
  }

  /** Learns the members of an answer; returns it with keys of its own. */
  members(frame: MembersFrame): MembersFrame {
    const members = frame.members.map((member) => ({ ...member, key: copyOf(member.key) }))
    const conversation = this.conversations.get(frame.conversation)
    if (conversation) for (const member of members) this.#holdMember(conversation, { ...member })
    return { ...frame, members }
  }

  /** Learns who stands behind aliases of earlier entries. */
  senders({ conversation: number, senders }: Pick<SendersFrame, 'conversation' | 'senders'>): void {
    const conversation = this.conversations.get(number)
    if (conversation) for (const { alias, name } of senders) this.#holdSender(conversation, alias, name)
  }

  /** Takes in a message entry; undefined when it is not the next one of a known conversation. */
  message(view: MessageView, bytes: Uint8Array): ReceivedMessage | undefined {
    const conversation = this.#nextEntry(view.conversation, view.seq)
    if (!conversation) return undefined
    if (view.sender === conversation.alias) acceptUpTo(conversation, view.ref)
    return receivedMessage(conversation, view, bytes)
  }

  /** Takes in an event entry; undefined when it is not the next one of a known conversation. */
  event(frame: EventFrame): ReceivedEvent | undefined {
    const conversation = this.#nextEntry(frame.conversation, frame.seq)
    if (!conversation) return undefined
    //= PAL-ROM-051
    const isNews = frame.seq > conversation.head
    const received = receivedEvent(conversation, frame, isNews)
    if (frame.kind === EVENTS.joined && !isNews) this.#holdSender(conversation, frame.subject, frame.name)
    if (isNews && conversation.kind === CONVERSATION_KINDS.room)
      this.#applyEvent(conversation, received.event)
    if (received.endsMembership) this.end(conversation.number)
    return received
  }

  /** What a member signals; undefined when it tells nothing, or nothing new. */
  signal(frame: SignalledFrame): ReceivedSignal | undefined {
    const conversation = this.conversations.get(frame.conversation)
    const { sender, kind, value } = frame
    //= PAL-SIG-009
    if (!conversation?.isLive || sender === conversation.alias) return undefined
    if (kind === SIGNAL_KINDS.read && !noteRead(conversation, sender, value)) return undefined
    const signal = { kind, value, body: copyOf(frame.body) }
    return { conversation, sender, senderName: nameOf(conversation, sender), signal }
  }

  /** Counts missing entries as passed when they are the next ones; tells whether they were. */
  gap(frame: GapFrame): boolean {
    const conversation = this.conversations.get(frame.conversation)
    if (!conversation || frame.from !== conversation.seq + 1 || frame.to < frame.from) return false
    //= PAL-ROM-044
    conversation.seq = frame.to
    return true
  }

  /** The client is no longer in the conversation. */
  end(number: number): void {
    const conversation = this.conversations.get(number)
    if (!conversation) return
    if (conversation.isLive && conversation.underWay.length > 0)
      this.#unanswered.set(number, new Set(conversation.underWay.map(({ ref }) => ref)))
    conversation.isLive = false
    this.#namesHeld -= conversation.members.size + conversation.senders.size
    this.conversations.delete(number)
  }

  /** Counts a message of that size as under way and gives its ref; undefined when there is no room for it. */
  nextRef(number: number, bodyBytes: number): number | undefined {
    const conversation = this.conversations.get(number)
    assert(conversation !== undefined, 'refs belong to a conversation')
    if (!hasRoom(conversation, bodyBytes)) return undefined
    //= PAL-MSG-001
    conversation.ref += 1
    conversation.underWay.push({ ref: conversation.ref, bodyBytes })
    conversation.underWayBytes += bodyBytes
    return conversation.ref
  }

  /** A message was taken before: it and those before it are no longer under way. */
  acknowledge(number: number, ref: number): void {
    const conversation = this.conversations.get(number)
    if (conversation && ref <= conversation.ref) acceptUpTo(conversation, ref)
  }

  /** A message under way was refused; one that is not under way changes nothing. */
  refuseSend(number: number, ref: number): void {
    const waiting = this.#unanswered.get(number)
    if (waiting?.delete(ref)) {
      if (waiting.size === 0) this.#unanswered.delete(number)
      return
    }
    const conversation = this.conversations.get(number)
    const index = conversation?.underWay.findIndex((each) => each.ref === ref) ?? -1
    if (!conversation || index < 0) return
    conversation.isRewinding = true
    settleSend(conversation, index)
  }

  #nextEntry(number: number, seq: number): ClientConversation | undefined {
    const conversation = this.conversations.get(number)
    //= PAL-ROM-008
    if (!conversation?.isLive || seq !== conversation.seq + 1) return undefined
    //= PAL-ROM-007
    conversation.seq = seq
    return conversation
  }

  /** Brings what the client knows of a room up to date. Unknown kinds change nothing. */
  #applyEvent(conversation: ClientConversation, event: EventFrame): void {
    if (event.kind === EVENTS.joined) {
      const { subject: alias, name, key, value: role } = event
      this.#holdMember(conversation, { alias, name, key, role })
      if (alias !== conversation.alias) conversation.count += 1
    } else if (isDeparture(event.kind) && event.subject !== 0) {
      const gone = conversation.members.get(event.subject)
      if (gone) {
        conversation.members.delete(event.subject)
        this.#namesHeld -= 1
      }
      conversation.count -= 1
    } else applyChange(conversation, event)
  }

  /** Remembers a member; beyond the bound it stays an alias without a name. */
  #holdMember({ members }: ClientConversation, member: Member): void {
    if (!members.has(member.alias)) {
      //= PAL-LIM-008
      if (this.#namesHeld >= NAMES_MAX) return
      this.#namesHeld += 1
    }
    members.set(member.alias, member)
  }

  #holdSender({ senders }: ClientConversation, alias: number, name: string): void {
    if (!senders.has(alias)) {
      //= PAL-LIM-008
      if (this.#namesHeld >= NAMES_MAX) return
      this.#namesHeld += 1
    }
    senders.set(alias, name)
  }
}

/** A message entry as its reader gets it. */
export function receivedMessage(
  conversation: ClientConversation,
  view: MessageView,
  bytes: Uint8Array,
): ReceivedMessage {
  return {
    conversation,
    seq: view.seq,
    //= PAL-CNV-003  the relay's clock is only for showing
    timeMs: view.time,
    sender: view.sender,
    senderName: nameOf(conversation, view.sender),
    ref: view.ref,
    contentKind: view.kind,
    body: copyOf(bytes, view.bodyStart, view.bodyEnd),
    own: view.sender === conversation.alias,
  }
}

/** An event entry as its reader gets it; only one that is news can end the membership. */
export function receivedEvent(
  conversation: ClientConversation,
  frame: EventFrame,
  isNews: boolean,
): ReceivedEvent {
  return {
    conversation,
    event: { ...frame, key: copyOf(frame.key) },
    actorName: nameOf(conversation, frame.actor),
    endsMembership: isNews && isDeparture(frame.kind) && frame.subject === conversation.alias,
  }
}

function nameOf({ members, senders }: ClientConversation, alias: number): string | undefined {
  return members.get(alias)?.name ?? senders.get(alias)
}

/** A conversation that is about to be taken up. */
function conversationOf(frame: JoinedFrame): ClientConversation {
  const { kind, name, alias, role, seq, head, ref, topic, locked, limit, count } = frame
  const { durability, keepMs, keepBytes } = frame
  const state = { alias, role, seq, head, ref, topic, locked, limit, count, durability, keepMs, keepBytes }
  return {
    ...state,
    number: frame.conversation,
    kind,
    name,
    members: new Map(),
    senders: new Map(),
    isLive: false,
    log: copyOf(frame.log),
    refAccepted: ref,
    underWay: [],
    underWayBytes: 0,
    isRewinding: false,
  }
}

/** Whether one more message of that size may be under way. */
function hasRoom(conversation: ClientConversation, bodyBytes: number): boolean {
  const { length } = conversation.underWay
  if (length === 0) return true
  //= PAL-MSG-020
  if (conversation.isRewinding) return false
  //= PAL-MSG-002, PAL-MSG-019
  return (
    length < LIMITS.unacknowledgedSends &&
    conversation.underWayBytes + bodyBytes <= LIMITS.unacknowledgedBytes
  )
}

/** The relay took every message up to `ref`. */
function acceptUpTo(conversation: ClientConversation, ref: number): void {
  if (ref <= conversation.refAccepted) return
  conversation.refAccepted = ref
  while ((conversation.underWay[0]?.ref ?? Infinity) <= ref) settleSend(conversation, 0)
  // A relay that takes what was never sent is believed: the next ref follows what it took.
  if (conversation.ref < ref) conversation.ref = ref
}

/** A message under way was answered. Refused refs are free again once nothing is under way. */
function settleSend(conversation: ClientConversation, index: number): void {
  const [answered] = conversation.underWay.splice(index, 1)
  conversation.underWayBytes -= answered?.bodyBytes ?? 0
  if (conversation.underWay.length > 0 || !conversation.isRewinding) return
  conversation.isRewinding = false
  conversation.ref = conversation.refAccepted
}

function isDeparture(kind: number): boolean {
  return kind === EVENTS.left || kind === EVENTS.kicked || kind === EVENTS.banned
}

/** How far a member has read; false when that is not news. */
//= PAL-SIG-016
function noteRead(conversation: ClientConversation, sender: number, seq: number): boolean {
  const member = conversation.members.get(sender)
  if (!member || seq > conversation.seq || seq <= (member.read ?? 0)) return false
  member.read = seq
  return true
}

/** What an event changes in a room besides its members. */
function applyChange(conversation: ClientConversation, event: EventFrame): void {
  if (event.kind === EVENTS.topic) conversation.topic = event.text
  else if (event.kind === EVENTS.limit) conversation.limit = event.value
  else if (event.kind === EVENTS.lock) conversation.locked = event.value === 1
  else if (event.kind === EVENTS.role) {
    const subject = conversation.members.get(event.subject)
    if (subject) subject.role = event.value
    if (event.subject === conversation.alias) conversation.role = event.value
  }
}
