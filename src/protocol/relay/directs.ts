/** Direct conversations: exactly two identities, who need not be there at the same time (spec chapter 7). */

import { bytesOfHex } from '../../base/bytes.ts'
import {
  CONVERSATION_KINDS,
  type DirectFrame,
  type ErrorName,
  ROLES,
} from '../../codec/generated/registry.ts'
import { normalizeName } from '../names.ts'
import { restore } from './archive.ts'
import type { Conversation, DirectEnd, Membership } from './conversation.ts'
import type { Hub } from './hub.ts'
import { endOf } from './mailboxes.ts'
import { announceMembership, DIRECT_MEMBERS, participantOf } from './requests.ts'
import { membershipIn, type Session } from './session.ts'
import type { ConversationRecord, StoredEnd } from './storage.ts'

export function handleDirect<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: DirectFrame): void {
  const name = normalizeName(frame.name)
  const known = name && hub.directory.lookUp(name.folded)
  const refuse = (code: ErrorName): void => hub.replyError(session.link, code, { request: frame.request })
  //= PAL-ROM-024
  if (!known) return refuse('no_such_name')
  if (known.keyHex === session.keyHex) return refuse('bad_value')
  const own: DirectEnd = { key: session.key, keyHex: session.keyHex, name: session.name, cursor: 0 }
  const other: DirectEnd = { ...known, cursor: 0 }
  const ends: [DirectEnd, DirectEnd] = own.keyHex < other.keyHex ? [own, other] : [other, own]
  const pair = `${ends[0].keyHex}${ends[1].keyHex}`
  //= PAL-ROM-025
  const found = hub.directs.get(pair)
  const membership = found && membershipIn(session, found)
  if (membership) return announceMembership(hub, membership, frame.request)
  if (session.directCount >= hub.limits.directsPerSession) return refuse('too_many_conversations')
  const conversation = found ?? createDirect(hub, pair, ends)
  const entered = conversation && enterDirect(hub, conversation, session)
  if (!entered) return refuse('too_many_conversations')
  announceMembership(hub, entered, frame.request)
}

/** Makes an empty conversation; undefined when the relay has all it may have. */
function createDirect<Owner>(
  hub: Hub<Owner>,
  pair: string,
  ends: readonly [DirectEnd, DirectEnd],
): Conversation<Owner> | undefined {
  if (hub.directs.size >= hub.limits.rooms) return undefined
  const conversation = hub.newConversation({ kind: CONVERSATION_KINDS.direct, pair, ends }, DIRECT_MEMBERS)
  hub.directs.set(pair, conversation)
  hub.mailboxes.add(conversation, ends)
  return conversation
}

/** Makes a session a member of its direct conversation. */
export function enterDirect<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  session: Session<Owner>,
): Membership<Owner> | undefined {
  const participant = participantOf(hub, conversation, session)
  return participant && hub.attach(conversation, session, participant, ROLES.member)
}

/** Makes sure that a message can reach the peer, now or later; the reason when it cannot. */
export function reachPeer<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  own: string,
): ErrorName | undefined {
  const { nature } = conversation
  if (nature.kind !== CONVERSATION_KINDS.direct || conversation.members.length === DIRECT_MEMBERS)
    return undefined
  const peer = nature.ends[0].keyHex === own ? nature.ends[1] : nature.ends[0]
  const session = hub.sessions.get(peer.keyHex)
  if (session && session.directCount < hub.limits.directsPerSession) {
    //= PAL-ROM-028
    const membership = enterDirect(hub, conversation, session)
    if (membership) announceMembership(hub, membership, 0)
    if (membership) return undefined
  }
  const { entries, bytes } = hub.mailboxes.waitingFor(peer.keyHex)
  const isFull = entries >= hub.limits.mailboxMessages || bytes >= hub.limits.mailboxBytes
  //= PAL-ROM-029
  return isFull ? 'mailbox_full' : undefined
}

/** Tells a new session of the direct conversations in which something waits for it. */
//= PAL-ROM-057
export function announceUnread<Owner>(hub: Hub<Owner>, session: Session<Owner>): void {
  for (const conversation of hub.mailboxes.unread(session.keyHex, hub.limits.directsPerSession)) {
    const cursor = endOf(conversation, session.keyHex)?.cursor ?? 0
    const membership = enterDirect(hub, conversation, session)
    if (!membership) continue
    announceMembership(hub, membership, 0, cursor)
    hub.outlet.follow(membership, session.link, cursor)
  }
}

/** A direct conversation of an earlier relay that kept it. */
export function restoreDirect<Owner>(
  hub: Hub<Owner>,
  record: ConversationRecord,
  stored: readonly [StoredEnd, StoredEnd],
): void {
  const ends = [endFrom(stored[0]), endFrom(stored[1])] as const
  const pair = `${ends[0].keyHex}${ends[1].keyHex}`
  const { number, memberLimit } = record
  const log = bytesOfHex(record.logHex) as Uint8Array
  const nature = { kind: CONVERSATION_KINDS.direct, pair, ends }
  const conversation = hub.addConversation({ number, memberLimit, nature, log })
  restore(conversation, record)
  hub.directs.set(pair, conversation)
  hub.mailboxes.add(conversation, ends)
}

function endFrom({ keyHex, name, cursor }: StoredEnd): DirectEnd {
  return { keyHex, key: bytesOfHex(keyHex) as Uint8Array, name, cursor }
}
