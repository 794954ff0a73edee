/**
 * Reading the logs: following one from a position, fetching earlier entries, and cursors (spec chapter 7).
 */
import { concatBytes, equalBytes } from '../../base/bytes.ts'
import {
  CONVERSATION_KINDS,
  type CursorFrame,
  type ErrorName,
  type FetchFrame,
  type FollowFrame,
  LIMITS,
  type MemberRecord,
} from '../../codec/generated/registry.ts'
import type { Conversation, Membership } from './conversation.ts'
import { enterDirect } from './directs.ts'
import { endOfEntry, skipEntries } from './entries.ts'
import { SENDERS_PER_FRAME, sendersIn } from './feeder.ts'
import type { Hub } from './hub.ts'
import { endOf } from './mailboxes.ts'
import { announceJoin, announceMembership, enterRoom, entryRefusal, takeBack } from './requests.ts'
import type { Session } from './session.ts'

export function handleFollow<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: FollowFrame): void {
  const conversation = hub.conversations.get(frame.conversation)
  //= PAL-ROM-047
  if (!conversation || !isKnown(hub, session, conversation, frame))
    return hub.replyError(session.link, 'no_such_conversation', frame)
  const own = session.memberships.get(frame.conversation)
  const waiting = own ? undefined : hub.detached.find(session.keyHex, session.clientHex, conversation.number)
  const refusal = own || waiting ? undefined : followRefusal(hub, session, conversation)
  if (refusal) return hub.replyError(session.link, refusal, frame)
  const membership = own ?? (waiting ? takeBack(hub, waiting, session) : enter(hub, conversation, session))
  if (!membership) return hub.replyError(session.link, 'room_full', frame)
  //= PAL-ROM-048, PAL-ROM-049
  hub.sealEarly(conversation)
  hub.outlet.unfollow(membership, session.link)
  membership.live = true
  announceMembership(hub, membership, frame.request, frame.seq)
  hub.outlet.follow(membership, session.link, frame.seq)
  if (!own && !waiting && conversation.nature.kind === CONVERSATION_KINDS.room) announceJoin(hub, membership)
}

/** Whether the frame names a log that is there, and a position in it. */
function isKnown<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  conversation: Conversation<Owner>,
  frame: FollowFrame,
): boolean {
  if (!equalBytes(conversation.log, frame.log)) return false
  if (conversation.nature.kind === CONVERSATION_KINDS.direct && !endOf(conversation, session.keyHex))
    return false
  hub.restoreMembers(conversation)
  return hub.conversations.has(conversation.number) && frame.seq <= conversation.seq
}

function followRefusal<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  conversation: Conversation<Owner>,
): ErrorName | undefined {
  if (conversation.nature.kind === CONVERSATION_KINDS.room) return entryRefusal(hub, session, conversation)
  return session.directCount >= hub.limits.directsPerSession ? 'too_many_conversations' : undefined
}

function enter<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  session: Session<Owner>,
): Membership<Owner> | undefined {
  if (conversation.nature.kind === CONVERSATION_KINDS.direct) return enterDirect(hub, conversation, session)
  return enterRoom(hub, conversation, session, false)
}

export function handleFetch<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: FetchFrame): void {
  const { request, conversation: number, from, count } = frame
  const membership = session.memberships.get(number)
  //= PAL-ROM-052
  if (!membership) return hub.replyError(session.link, 'not_a_member', frame)
  const { conversation } = membership
  hub.sealEarly(conversation)
  const { parts, senders, next, until } = collect(hub, conversation, from, count)
  //= PAL-ROM-053, PAL-ROM-054
  const more = next <= until
  const entries = concatBytes(parts)
  hub.reply(session.link, { type: 'history', request, conversation: number, senders, entries, more }, number)
}

/** Whole entries from `from` on: as many as wanted, as there are, and as one frame holds. */
function collect<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  from: number,
  count: number,
): { parts: Uint8Array[]; senders: MemberRecord[]; next: number; until: number } {
  const parts: Uint8Array[] = []
  const senders: MemberRecord[] = []
  const named = new Set<number>()
  let room: number = LIMITS.pageBytes
  let next = Math.max(from, conversation.firstSeq)
  const until = Math.min(conversation.sealedSeq, next + count - 1)
  while (next <= until) {
    const piece = conversation.recentWith(next) ?? hub.archive.storage.read(conversation.number, next)
    if (!piece) break
    if ('reason' in piece) {
      next = piece.lastSeq + 1
      continue
    }
    const start = skipEntries(piece.bytes, 0, next - piece.firstSeq)
    const wantedEnd = skipEntries(piece.bytes, start, until - next + 1)
    const { end, entries } = fit(piece.bytes, start, wantedEnd, room)
    if (entries === 0) break
    const newSenders = sendersIn(conversation, piece.bytes, start, end, named)
    if (senders.length + newSenders.length > SENDERS_PER_FRAME && parts.length > 0) break
    senders.push(...newSenders.slice(0, SENDERS_PER_FRAME))
    parts.push(piece.bytes.subarray(start, end))
    room -= end - start + newSenders.length * SENDER_BYTES_MAX
    next += entries
    if (end < wantedEnd) break
  }
  return { parts, senders, next, until }
}

/** A sender in `history` at the most: alias, name, key and role. */
const SENDER_BYTES_MAX = 180

/** How many of the entries in [start, end) fit into `room` bytes, at least one when `room` is untouched. */
function fit(
  bytes: Uint8Array,
  start: number,
  end: number,
  room: number,
): { readonly end: number; readonly entries: number } {
  let at = start
  let entries = 0
  while (at < end && entries < SENDERS_PER_FRAME) {
    const next = endOfEntry(bytes, at)
    if (
      next - start + SENDER_BYTES_MAX * (entries + 1) > room &&
      !(entries === 0 && room === LIMITS.pageBytes)
    )
      break
    at = next
    entries += 1
  }
  return { end: at, entries }
}

export function handleCursor<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: CursorFrame): void {
  const membership = session.memberships.get(frame.conversation)
  //= PAL-ROM-058
  if (!membership) return
  const { conversation } = membership
  if (hub.mailboxes.moveCursor(conversation, session.keyHex, frame.seq)) hub.archive.save(conversation)
}
