/** What a client may ask about conversations (spec chapter 7). */

import { bytesOfHex } from '../../base/bytes.ts'
import {
  CONVERSATION_KINDS,
  DURABILITIES,
  type ErrorName,
  EVENTS,
  JOIN_OPTIONS,
  type JoinFrame,
  LEAVE_REASONS,
  type LeaveFrame,
  type ListFrame,
  type MemberRecord,
  ROLES,
  type WhoFrame,
  type WhoisFrame,
} from '../../codec/generated/registry.ts'
import { type NormalName, normalizeName, normalizeRoomName } from '../names.ts'
import { looksOf } from '../skeleton.ts'
import { restore } from './archive.ts'
import type { Conversation, ConversationNature, DirectEnd, Membership } from './conversation.ts'
import type { Hub } from './hub.ts'
import type { Participant } from './participants.ts'
import { roomName } from './room-list.ts'
import { membershipIn, type Session } from './session.ts'
import type { ConversationRecord } from './storage.ts'

//= PAL-LIM-007
const MEMBERS_PER_FRAME = 128
const ROOMS_PER_FRAME = 64
export const DIRECT_MEMBERS = 2

export function handleJoin<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: JoinFrame): void {
  //= PAL-ROM-009
  const name = normalizeRoomName(frame.room)
  if (!name) return hub.replyError(session.link, 'bad_room_name', frame)
  //= PAL-ROM-010
  const found = hub.findRoom(name.folded)
  const waiting = found && hub.detached.find(session.keyHex, session.clientHex, found.number)
  const refusal = waiting
    ? undefined
    : found
      ? joinRefusal(hub, session, found)
      : creationRefusal(hub, session, name, frame.options)
  if (refusal) return hub.replyError(session.link, refusal, { request: frame.request })
  //= PAL-ROM-011, PAL-SES-007
  const room = found ?? createRoom(hub, name, false)
  const membership = waiting ? takeBack(hub, waiting, session) : enterRoom(hub, room, session, !found)
  if (!membership) return hub.replyError(session.link, 'room_full', { request: frame.request })
  //= PAL-ROM-013
  announceMembership(hub, membership, frame.request)
  //= PAL-ROM-014
  if ((frame.options & JOIN_OPTIONS.members) !== 0) sendMembers(hub, membership, frame.request)
  //= PAL-ROM-015
  if (!waiting) announceJoin(hub, membership)
}

/** Gives a session the membership that waited for it. */
//= PAL-SES-029
export function takeBack<Owner>(
  hub: Hub<Owner>,
  membership: Membership<Owner>,
  session: Session<Owner>,
): Membership<Owner> {
  hub.detached.remove(membership)
  hub.reattach(membership, session)
  return membership
}

/** Makes a session a member of a room; undefined when the room cannot remember one more. */
export function enterRoom<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  session: Session<Owner>,
  isNew: boolean,
): Membership<Owner> | undefined {
  const participant = participantOf(hub, room, session)
  if (!participant) return undefined
  //= PAL-ROM-012
  if (isNew && session.role !== ROLES.relay_operator) {
    room.roles.set(session.keyHex, ROLES.operator)
    room.isChanged = true
  }
  return hub.attach(room, session, participant, hub.roleIn(room, session.keyHex))
}

/** What the conversation remembers, or from now on remembers, of the session's installation. */
export function participantOf<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  session: Session<Owner>,
): Participant | undefined {
  const participants = hub.archive.load(conversation)
  const known = participants.find(session.keyHex, session.clientHex)
  if (known) return known
  if (!hub.archive.makeRoom(conversation, participants, hub.steadyMs)) return undefined
  conversation.hasNewParticipant = true
  return participants.enter(session, endIndex(conversation, session.keyHex))
}

/** 1 for the second identity of a direct conversation, 0 for everybody else. */
function endIndex<Owner>({ nature }: Conversation<Owner>, keyHex: string): 0 | 1 {
  return nature.kind === CONVERSATION_KINDS.direct && nature.ends[1].keyHex === keyHex ? 1 : 0
}

/** Tells the members that somebody came. */
export function announceJoin<Owner>(hub: Hub<Owner>, membership: Membership<Owner>): void {
  const { conversation: room, participant, role } = membership
  const { alias: subject, name, key } = participant
  hub.addEvent(room, { kind: EVENTS.joined, subject, name, key, value: role })
  const { length: count } = room.members
  hub.events.push({ kind: 'joined', name, room: roomName(room), count, limit: room.memberLimit })
}

function joinRefusal<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  room: Conversation<Owner>,
): ErrorName | undefined {
  return membershipIn(session, room) ? 'already_member' : entryRefusal(hub, session, room)
}

/** Why the session may not enter a room that is there. */
export function entryRefusal<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  room: Conversation<Owner>,
): ErrorName | undefined {
  const ban = room.bans.get(session.keyHex)
  if (ban && ban.untilMs > hub.wallMs) return 'room_banned'
  if (room.locked && session.role !== ROLES.relay_operator) return 'room_locked'
  if (room.members.length >= room.memberLimit) return 'room_full'
  return session.roomCount >= hub.limits.roomsPerSession ? 'too_many_conversations' : undefined
}

function creationRefusal<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  name: NormalName,
  options: number,
): ErrorName | undefined {
  if ((options & JOIN_OPTIONS.existing) !== 0) return 'no_such_room'
  if (looksOf(name).some((look) => hub.roomLooks.has(look))) return 'bad_room_name'
  const isFull = hub.rooms.size >= hub.limits.rooms || session.roomCount >= hub.limits.roomsPerSession
  return isFull ? 'too_many_conversations' : undefined
}

/** Makes an empty room of a name that no room has. */
export function createRoom<Owner>(
  hub: Hub<Owner>,
  name: NormalName,
  permanent: boolean,
): Conversation<Owner> {
  const nature = roomNature(name, permanent)
  return listRoom(hub, hub.newConversation(nature, hub.limits.membersPerRoom), nature)
}

type RoomNature = Extract<ConversationNature, { readonly kind: typeof CONVERSATION_KINDS.room }>

function roomNature(name: NormalName, permanent: boolean): RoomNature {
  const { text, folded } = name
  return { kind: CONVERSATION_KINDS.room, name: text, folded, looks: looksOf(name), permanent }
}

function listRoom<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  { folded, looks }: RoomNature,
): Conversation<Owner> {
  hub.rooms.set(folded, room)
  for (const look of looks) hub.roomLooks.add(look)
  hub.roomList.add(room)
  return room
}

/** A room of an earlier relay that kept it. */
export function restoreRoom<Owner>(hub: Hub<Owner>, record: ConversationRecord, permanent: boolean): void {
  const { number, memberLimit, name: text, folded } = record
  const nature = roomNature({ text, folded }, permanent)
  const log = bytesOfHex(record.logHex) as Uint8Array
  const room = hub.addConversation({ number, memberLimit, nature, log })
  restore(room, record)
  listRoom(hub, room, nature)
}

/** Sends joined: from `seq` on, or from here on, the session sees every entry. */
export function announceMembership<Owner>(
  hub: Hub<Owner>,
  membership: Membership<Owner>,
  request: number,
  seq: number = membership.conversation.seq,
): void {
  const { conversation, participant } = membership
  const session = membership.session as Session<Owner>
  const { nature } = conversation
  const isRoom = nature.kind === CONVERSATION_KINDS.room
  const ends = isRoom ? [] : nature.ends.map((end) => ({ ...end, name: shownName(hub, end) }))
  membership.head = conversation.seq
  membership.named = undefined
  const frame = {
    type: 'joined',
    request,
    conversation: conversation.number,
    kind: nature.kind,
    name: isRoom ? nature.name : (ends.find((end) => end.keyHex !== session.keyHex) as DirectEnd).name,
    alias: participant.alias,
    role: membership.role,
    seq,
    //= PAL-MSG-008
    ref: participant.ref,
    //= PAL-ROM-026
    count: isRoom ? conversation.members.length : DIRECT_MEMBERS,
    limit: conversation.memberLimit,
    locked: conversation.locked,
    topic: conversation.topic,
    //= PAL-ROM-073
    peers: ends.map((end, i) => ({ alias: aliasIn(conversation, end, i), ...peerOf(end) })),
    head: conversation.seq,
    first: conversation.firstSeq,
    log: conversation.log,
    durability: hub.archive.storage.durable ? DURABILITIES.disk : DURABILITIES.memory,
    //= PAL-ROM-040
    keepMs: hub.limits.retentionMs,
    keepBytes: hub.limits.retentionBytes,
  } as const
  hub.reply(session.link, frame, conversation.number)
}

function peerOf({ name, key }: DirectEnd): Omit<MemberRecord, 'alias'> {
  return { name, key, role: ROLES.member }
}

/** The alias of one end of a direct conversation: that of its session's installation, or else its first. */
function aliasIn<Owner>(conversation: Conversation<Owner>, end: DirectEnd, index: number): number {
  const member = conversation.members.find(({ participant }) => participant.keyHex === end.keyHex)
  return member?.participant.alias ?? index + 1
}

/** The name that an identity goes by now, or else the one under which the conversation was opened. */
function shownName<Owner>(hub: Hub<Owner>, end: DirectEnd): string {
  //= PAL-ROM-026, PAL-ROM-035
  return hub.sessions.get(end.keyHex)?.name ?? end.name
}

/** All members after `joined`, the newcomer included, in as many frames as it takes. */
function sendMembers<Owner>(hub: Hub<Owner>, membership: Membership<Owner>, request: number): void {
  const { conversation } = membership
  const session = membership.session as Session<Owner>
  const { members } = conversation
  let from = 0
  do {
    const page = members.slice(from, from + MEMBERS_PER_FRAME).map(memberRecord)
    from += MEMBERS_PER_FRAME
    hub.outlet.sendNow(
      session.link,
      {
        type: 'members',
        request,
        conversation: conversation.number,
        members: page,
        more: from < members.length,
      },
      conversation.number,
    )
  } while (from < members.length)
}

function memberRecord<Owner>({ participant, role }: Membership<Owner>): MemberRecord {
  const { alias, name, key } = participant
  return { alias, name, key, role }
}

export function handleLeave<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: LeaveFrame): void {
  const membership = session.memberships.get(frame.conversation)
  //= PAL-ROM-019
  if (!membership) return hub.replyError(session.link, 'not_a_member', frame)
  //= PAL-ROM-017
  hub.leave(membership, LEAVE_REASONS.left)
  //= PAL-ROM-031
  hub.replyOk(session.link, frame.request, frame.conversation)
}

export function handleWho<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: WhoFrame): void {
  const { request, conversation, after } = frame
  const membership = session.memberships.get(conversation)
  //= PAL-ROM-019
  if (conversation !== 0 && !membership) return hub.replyError(session.link, 'not_a_member', frame)
  // One more than a frame holds, to see whether others follow.
  const members = membership
    ? membership.conversation.membersAfter(after, MEMBERS_PER_FRAME + 1).map(memberRecord)
    : sessionRecords(hub, after)
  //= PAL-ROM-020
  const page = members.slice(0, MEMBERS_PER_FRAME)
  const more = members.length > page.length
  //= PAL-ROM-032
  hub.reply(session.link, { type: 'members', request, conversation, members: page, more }, conversation)
}

/**
 * Every session on the relay, its number for an alias; one more than a frame holds, to see whether more
 * follow.
 */
function sessionRecords<Owner>(hub: Hub<Owner>, after: number): MemberRecord[] {
  const records: MemberRecord[] = []
  for (const { number: alias, name, key, role } of hub.sessions.values()) {
    //= PAL-ROM-021
    if (alias > after) records.push({ alias, name, key, role })
    if (records.length > MEMBERS_PER_FRAME) break
  }
  return records
}

export function handleList<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: ListFrame): void {
  //= PAL-ROM-022
  const { rooms, more } = hub.roomList.page(frame.after, ROOMS_PER_FRAME)
  for (const room of rooms) hub.restoreMembers(room)
  const page = rooms.map((room) => ({
    name: roomName(room),
    count: room.members.length,
    limit: room.memberLimit,
    topic: room.topic,
  }))
  hub.reply(session.link, { type: 'rooms', request: frame.request, rooms: page, more })
}

export function handleWhois<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: WhoisFrame): void {
  const name = normalizeName(frame.name)
  const known = name && hub.directory.lookUp(name.folded)
  //= PAL-ROM-023
  if (!known) return hub.replyError(session.link, 'no_such_name', { request: frame.request })
  const online = hub.sessionsByName.get(name.folded)
  hub.reply(session.link, {
    type: 'identity',
    request: frame.request,
    //= PAL-ROM-070
    name: known.name,
    key: known.key,
    online: online !== undefined,
    role: hub.operators.has(known.keyHex) ? ROLES.relay_operator : ROLES.member,
  })
}
