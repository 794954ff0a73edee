/**
 * What a client knows of the conversations it is in (spec chapter 7): members, the position in each log, and
 * its own messages under way. Bounded, because a relay decides how much there is to know.
 */
import { assert } from '../../base/assert.ts'
import { copyOf } from '../../base/bytes.ts'
import { Queue } from '../../base/queue.ts'
import type { MessageView } from '../../codec/generated/hot.ts'
import {
  CONVERSATION_KINDS,
  EVENTS,
  type EventFrame,
  type JoinedFrame,
  LIMITS,
  type MembersFrame,
} from '../../codec/generated/registry.ts'
import type { ClientConversation, ClientEvent, Member, ReceivedMessage } from './types.ts'

const CONVERSATIONS_MAX = 65_536
/** Members over all conversations. */
const MEMBERS_MAX = 262_144

type EntryEvent = Omit<Extract<ClientEvent, { kind: 'event' }>, 'kind'>

export class ConversationBook {
  readonly conversations: Map<number, ClientConversation> = new Map()
  #membersHeld = 0

  /** The conversation of a `joined`; undefined when there are more than a client can hold. */
  join(frame: JoinedFrame): ClientConversation | undefined {
    // A direct conversation that is open already is announced again when it is asked for again.
    //= PAL-ROM-034
    const known = this.conversations.get(frame.conversation)
    if (known) return known
    if (this.conversations.size >= CONVERSATIONS_MAX) return undefined
    const conversation = conversationOf(frame)
    this.conversations.set(frame.conversation, conversation)
    for (const peer of frame.peers) this.#holdMember(conversation, { ...peer, key: copyOf(peer.key) })
    return conversation
  }

  /** Learns the members of an answer; returns it with keys of its own. */
  members(frame: MembersFrame): MembersFrame {
    const members = frame.members.map((member) => ({ ...member, key: copyOf(member.key) }))
    const conversation = this.conversations.get(frame.conversation)
    if (conversation) for (const member of members) this.#holdMember(conversation, { ...member })
    return { ...frame, members }
  }

  /** Takes in a message entry; undefined when it is not the next one of a known conversation. */
  message(view: MessageView, bytes: Uint8Array): ReceivedMessage | undefined {
    const conversation = this.#nextEntry(view.conversation, view.seq)
    if (!conversation) return undefined
    const own = view.sender === conversation.alias
    if (own) {
      conversation.refAccepted = view.ref
      settleSend(conversation)
    }
    return {
      conversation,
      seq: view.seq,
      //= PAL-CNV-003  the relay's clock is only for showing
      timeMs: view.time,
      sender: view.sender,
      senderName: conversation.members.get(view.sender)?.name,
      ref: view.ref,
      contentKind: view.kind,
      body: copyOf(bytes, view.bodyStart, view.bodyEnd),
      own,
    }
  }

  /** Takes in an event entry; undefined when it is not the next one of a known conversation. */
  event(frame: EventFrame): EntryEvent | undefined {
    const conversation = this.#nextEntry(frame.conversation, frame.seq)
    if (!conversation) return undefined
    const event = { ...frame, key: copyOf(frame.key) }
    const actorName = conversation.members.get(frame.actor)?.name
    const endsMembership = isDeparture(frame.kind) && frame.subject === conversation.alias
    if (conversation.kind === CONVERSATION_KINDS.room) this.#applyEvent(conversation, event)
    if (endsMembership) this.end(conversation.number)
    return { conversation, event, actorName, endsMembership }
  }

  /** The client is no longer in the conversation. */
  end(number: number): void {
    const conversation = this.conversations.get(number)
    if (!conversation) return
    this.#membersHeld -= conversation.members.size
    this.conversations.delete(number)
  }

  /** Counts a message of that size as under way and gives its ref; undefined when there is no room for it. */
  nextRef(number: number, bodyBytes: number): number | undefined {
    const conversation = this.conversations.get(number)
    assert(conversation !== undefined, 'refs belong to a conversation')
    if (!hasRoom(conversation, bodyBytes)) return undefined
    //= PAL-MSG-001
    conversation.ref += 1
    conversation.underWay.push(bodyBytes)
    conversation.underWayBytes += bodyBytes
    return conversation.ref
  }

  /** The oldest message under way was refused. */
  refuseSend(number: number): void {
    const conversation = this.conversations.get(number)
    if (!conversation) return
    conversation.isRewinding = true
    settleSend(conversation)
  }

  #nextEntry(number: number, seq: number): ClientConversation | undefined {
    const conversation = this.conversations.get(number)
    //= PAL-ROM-008
    if (!conversation || seq !== conversation.seq + 1) return undefined
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
      if (conversation.members.delete(event.subject)) this.#membersHeld -= 1
      conversation.count -= 1
    } else applyChange(conversation, event)
  }

  /** Remembers a member; beyond the bound it stays an alias without a name. */
  #holdMember({ members }: ClientConversation, member: Member): void {
    if (!members.has(member.alias)) {
      //= PAL-LIM-008
      if (this.#membersHeld >= MEMBERS_MAX) return
      this.#membersHeld += 1
    }
    members.set(member.alias, member)
  }
}

function conversationOf(frame: JoinedFrame): ClientConversation {
  return {
    number: frame.conversation,
    kind: frame.kind,
    name: frame.name,
    alias: frame.alias,
    members: new Map(),
    role: frame.role,
    seq: frame.seq,
    ref: frame.ref,
    refAccepted: frame.ref,
    underWay: new Queue(),
    underWayBytes: 0,
    isRewinding: false,
    topic: frame.topic,
    locked: frame.locked,
    limit: frame.limit,
    count: frame.count,
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

/** The oldest message under way was answered. Refused refs are free again once nothing is under way. */
function settleSend(conversation: ClientConversation): void {
  conversation.underWayBytes -= conversation.underWay.shift() ?? 0
  if (conversation.underWay.length > 0 || !conversation.isRewinding) return
  conversation.isRewinding = false
  conversation.ref = conversation.refAccepted
}

function isDeparture(kind: number): boolean {
  return kind === EVENTS.left || kind === EVENTS.kicked || kind === EVENTS.banned
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
