/** Frames of operators to the functions of moderation (spec chapter 8). */
import type { ErrorName, Frame } from '../../codec/generated/registry.ts'
import type { Membership } from './conversation.ts'
import type { Hub } from './hub.ts'
import {
  type Actor,
  announce,
  banFromRelay,
  banFromRoom,
  kickFromRelay,
  kickFromRoom,
  setLocked,
  setMemberLimit,
  setRole,
  setSessionLimit,
  setTopic,
  unbanFromRelay,
  unbanFromRoom,
} from './moderation.ts'
import type { Session } from './session.ts'

/** Carries out an operator's frame and answers it with ok or with the reason it was refused. */
export function handleOrder<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: Frame): void {
  if (!('request' in frame)) return
  const conversation = 'conversation' in frame ? frame.conversation : 0
  const membership = session.memberships.get(conversation)
  const refusal = conversation === 0 ? relayOrder(hub, session, frame) : roomOrder(hub, membership, frame)
  //= PAL-SES-006
  if (refusal) hub.replyError(session.link, refusal, { request: frame.request, conversation })
  else hub.replyOk(session.link, frame.request, conversation)
}

function relayOrder<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: Frame): ErrorName | undefined {
  const actor: Actor = { alias: 0, name: session.name, role: session.role, keyHex: session.keyHex }
  switch (frame.type) {
    case 'announce':
      return announce(hub, actor, frame.text)
    case 'kick':
      return kickFromRelay(hub, actor, frame)
    case 'ban':
      return banFromRelay(hub, actor, frame)
    case 'unban':
      return unbanFromRelay(hub, actor, frame.name)
    case 'setLimit':
      return setSessionLimit(hub, actor, frame.limit)
    default:
      return 'not_a_member'
  }
}

function roomOrder<Owner>(
  hub: Hub<Owner>,
  membership: Membership<Owner> | undefined,
  frame: Frame,
): ErrorName | undefined {
  //= PAL-MOD-004, PAL-MOD-006
  if (!membership) return 'not_a_member'
  const { conversation, role } = membership
  const { alias, name, keyHex } = membership.participant
  //= PAL-MOD-003, PAL-MOD-009
  const actor: Actor = { alias, name, role, keyHex }
  switch (frame.type) {
    //= PAL-MOD-007
    case 'setTopic':
      return setTopic(hub, conversation, actor, frame.topic)
    case 'kick':
      return kickFromRoom(hub, conversation, actor, frame)
    case 'ban':
      return banFromRoom(hub, conversation, actor, frame)
    case 'unban':
      return unbanFromRoom(hub, conversation, actor, frame.name)
    case 'setRole':
      return setRole(hub, conversation, actor, frame)
    case 'setLimit':
      return setMemberLimit(hub, conversation, actor, frame.limit)
    case 'lock':
      return setLocked(hub, conversation, actor, frame.locked)
    default:
      return 'not_a_member'
  }
}
