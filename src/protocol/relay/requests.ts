/** What a client may ask about conversations (spec chapter 7). */

import type { SendView } from '../../codec/generated/hot.ts'
import {
  CONVERSATION_KINDS,
  type DirectFrame,
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
import type { Conversation, DirectEnd, Membership } from './conversation.ts'
import type { Hub } from './hub.ts'
import { roomName } from './room-list.ts'
import { membershipIn, type Session } from './session.ts'

//= PAL-LIM-007
const MEMBERS_PER_FRAME = 128
const ROOMS_PER_FRAME = 64
const DIRECT_MEMBERS = 2

export function handleJoin<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: JoinFrame): void {
  //= PAL-ROM-009
  const name = normalizeRoomName(frame.room)
  if (!name) return hub.replyError(session.link, 'bad_room_name', frame)
  //= PAL-ROM-010
  const found = hub.rooms.get(name.folded)
  const refusal = found ? joinRefusal(hub, session, found) : creationRefusal(hub, name, frame.options)
  if (refusal) return hub.replyError(session.link, refusal, { request: frame.request })
  if (session.roomCount >= hub.limits.roomsPerSession)
    return hub.replyError(session.link, 'too_many_conversations', { request: frame.request })
  //= PAL-ROM-011, PAL-SES-007
  const room = found ?? createRoom(hub, name, false)
  hub.sealEarly(room)
  //= PAL-ROM-012
  const isFirst = room.members.length === 0 && !isPermanent(room)
  const role = session.role === ROLES.relay_operator ? session.role : isFirst ? ROLES.operator : ROLES.member
  const membership = hub.attach(room, session, room.nextAlias(), role)
  //= PAL-ROM-013
  announceMembership(hub, membership, frame.request)
  //= PAL-ROM-014
  if ((frame.options & JOIN_OPTIONS.members) !== 0) sendMembers(hub, membership, frame.request)
  //= PAL-ROM-015
  hub.addEvent(room, {
    kind: EVENTS.joined,
    subject: membership.alias,
    name: session.name,
    key: session.key,
    value: role,
  })
  const { length: count } = room.members
  hub.events.push({ kind: 'joined', session, room: name.text, count, limit: room.memberLimit })
}

function isPermanent<Owner>(room: Conversation<Owner>): boolean {
  return room.nature.kind === CONVERSATION_KINDS.room && room.nature.permanent
}

function joinRefusal<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  room: Conversation<Owner>,
): ErrorName | undefined {
  if (membershipIn(session, room)) return 'already_member'
  const ban = room.bans.get(session.keyHex)
  if (ban && ban.untilMs > hub.wallMs) return 'room_banned'
  if (room.locked && session.role !== ROLES.relay_operator) return 'room_locked'
  return room.members.length >= room.memberLimit ? 'room_full' : undefined
}

function creationRefusal<Owner>(hub: Hub<Owner>, name: NormalName, options: number): ErrorName | undefined {
  if ((options & JOIN_OPTIONS.existing) !== 0) return 'no_such_room'
  if (looksOf(name).some((look) => hub.roomLooks.has(look))) return 'bad_room_name'
  return hub.rooms.size >= hub.limits.rooms ? 'too_many_conversations' : undefined
}

/** Makes an empty room of a name that no room has. */
export function createRoom<Owner>(
  hub: Hub<Owner>,
  name: NormalName,
  permanent: boolean,
): Conversation<Owner> {
  const looks = looksOf(name)
  const nature = { kind: CONVERSATION_KINDS.room, name: name.text, folded: name.folded, looks, permanent }
  const room = hub.newConversation(nature, hub.limits.membersPerRoom)
  hub.rooms.set(name.folded, room)
  for (const look of looks) hub.roomLooks.add(look)
  hub.roomList.add(room)
  return room
}

/** Sends joined: from here on the session sees every entry. */
function announceMembership<Owner>(hub: Hub<Owner>, membership: Membership<Owner>, request: number): void {
  const { conversation, session } = membership
  const { nature } = conversation
  const isRoom = nature.kind === CONVERSATION_KINDS.room
  const ends = isRoom ? [] : nature.ends.map((end) => ({ ...end, name: shownName(hub, end) }))
  const frame = {
    type: 'joined',
    request,
    conversation: conversation.number,
    kind: nature.kind,
    name: isRoom ? nature.name : (ends.find((end) => end.keyHex !== session.keyHex) as DirectEnd).name,
    alias: membership.alias,
    role: membership.role,
    seq: conversation.seq,
    ref: membership.ref,
    //= PAL-ROM-026
    count: isRoom ? conversation.members.length : DIRECT_MEMBERS,
    limit: conversation.memberLimit,
    locked: conversation.locked,
    topic: conversation.topic,
    peers: ends.map((end, i) => ({ alias: i + 1, name: end.name, key: end.key, role: ROLES.member })),
  } as const
  hub.reply(session.link, frame, conversation.number)
}

/** The name that an identity goes by now, or else the one under which the conversation was opened. */
function shownName<Owner>(hub: Hub<Owner>, end: DirectEnd): string {
  //= PAL-ROM-026, PAL-ROM-035
  return hub.sessions.get(end.keyHex)?.name ?? end.name
}

/** All members after `joined`, the newcomer included, in as many frames as it takes. */
function sendMembers<Owner>(hub: Hub<Owner>, membership: Membership<Owner>, request: number): void {
  const { conversation, session } = membership
  const { members } = conversation
  let from = 0
  do {
    const page = members.slice(from, from + MEMBERS_PER_FRAME).map(memberRecord)
    from += MEMBERS_PER_FRAME
    hub.sendNow(
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

function memberRecord<Owner>(member: Membership<Owner>): MemberRecord {
  return { alias: member.alias, name: member.session.name, key: member.session.key, role: member.role }
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

export function handleDirect<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: DirectFrame): void {
  const name = normalizeName(frame.name)
  const known = name && hub.directory.lookUp(name.folded)
  const refuse = (code: ErrorName): void => hub.replyError(session.link, code, { request: frame.request })
  //= PAL-ROM-024
  if (!known) return refuse('no_such_name')
  if (known.keyHex === session.keyHex) return refuse('bad_value')
  const own: DirectEnd = { key: session.key, keyHex: session.keyHex, name: session.name }
  //= PAL-ROM-027
  const ends = (own.keyHex < known.keyHex ? [own, known] : [known, own]) as [DirectEnd, DirectEnd]
  const pair = `${ends[0].keyHex}${ends[1].keyHex}`
  //= PAL-ROM-025
  const found = hub.directs.get(pair)
  const membership = found && membershipIn(session, found)
  if (membership) return announceMembership(hub, membership, frame.request)
  if (session.directCount >= hub.limits.directsPerSession) return refuse('too_many_conversations')
  const conversation = found ?? createDirect(hub, pair, ends)
  announceMembership(hub, attachEnd(hub, conversation, session), frame.request)
}

function createDirect<Owner>(
  hub: Hub<Owner>,
  pair: string,
  ends: readonly [DirectEnd, DirectEnd],
): Conversation<Owner> {
  const conversation = hub.newConversation({ kind: CONVERSATION_KINDS.direct, pair, ends }, DIRECT_MEMBERS)
  hub.directs.set(pair, conversation)
  return conversation
}

function attachEnd<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  session: Session<Owner>,
): Membership<Owner> {
  hub.sealEarly(conversation)
  const { nature } = conversation
  const isFirst = nature.kind === CONVERSATION_KINDS.direct && nature.ends[0].keyHex === session.keyHex
  return hub.attach(conversation, session, isFirst ? 1 : 2, ROLES.member)
}

/** Makes sure that the other one is there to read; the reason when it is not. */
function reachPeer<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  own: string,
): ErrorName | undefined {
  const { nature } = conversation
  if (nature.kind !== CONVERSATION_KINDS.direct || conversation.members.length === DIRECT_MEMBERS)
    return undefined
  const peer = nature.ends[0].keyHex === own ? nature.ends[1] : nature.ends[0]
  const session = hub.sessions.get(peer.keyHex)
  //= PAL-ROM-029
  if (!session) return 'peer_offline'
  if (session.directCount >= hub.limits.directsPerSession) return 'too_many_conversations'
  //= PAL-ROM-028
  announceMembership(hub, attachEnd(hub, conversation, session), 0)
  return undefined
}

/** Takes a message into the log: the hot path. The body is a range of `source`, which is not kept. */
export function handleSend<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  view: SendView,
  source: Uint8Array,
): void {
  const membership = session.memberships.get(view.conversation)
  //= PAL-MSG-003
  if (membership === undefined) return refuseSend(hub, session, view, 'not_a_member')
  const { conversation } = membership
  if (view.ref !== membership.ref + 1)
    return refuseSend(hub, session, view, view.ref <= membership.ref ? 'ref_repeated' : 'ref_gap')
  if (view.bodyEnd - view.bodyStart > hub.limits.bodyBytes)
    return refuseSend(hub, session, view, 'body_too_large')
  if (conversation.members.length < DIRECT_MEMBERS) {
    const unreachable = reachPeer(hub, conversation, session.keyHex)
    if (unreachable) return refuseSend(hub, session, view, unreachable)
  }
  //= PAL-MSG-005
  membership.ref = view.ref
  hub.openBatch(conversation)
  conversation.appendMessage(
    membership,
    view.ref,
    view.kind,
    hub.wallMs,
    source,
    view.bodyStart,
    view.bodyEnd,
  )
}

function refuseSend<Owner>(hub: Hub<Owner>, session: Session<Owner>, view: SendView, code: ErrorName): void {
  //= PAL-MSG-004
  hub.replyError(session.link, code, { conversation: view.conversation, ref: view.ref })
}
