/**
 * What operators do (spec chapter 8). Each function returns why it did nothing, or undefined when it was
 * done; frames of operators and the relay's own administration both come here.
 */
import { ERROR_INFO, type ErrorName, EVENTS, LEAVE_REASONS, ROLES } from '../../codec/generated/registry.ts'
import { normalizeName } from '../names.ts'
import type { Conversation, Membership } from './conversation.ts'
import type { KnownName } from './directory.ts'
import type { Hub } from './hub.ts'

const SECOND_MS = 1000

/** Who gives the order. The relay's administration has alias 0 and the role of a relay operator. */
export interface Actor {
  readonly alias: number
  readonly name: string
  readonly role: number
  /** The operator's identity in hexadecimal; empty for the administration. */
  readonly keyHex: string
}

/** The administration of the relay itself. */
export const ADMINISTRATION: Actor = { alias: 0, name: '', role: ROLES.relay_operator, keyHex: '' }

export function setTopic<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  topic: string,
): ErrorName | undefined {
  //= PAL-MOD-001
  if (actor.role < ROLES.operator) return 'not_permitted'
  room.topic = topic
  room.isChanged = true
  hub.addEvent(room, { kind: EVENTS.topic, actor: actor.alias, text: topic })
  return undefined
}

export function kickFromRoom<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  order: { readonly name: string; readonly reason: string },
): ErrorName | undefined {
  const target = memberOf(hub, room, order.name)
  const refusal = memberRefusal(actor, target)
  if (refusal || !target) return refusal
  hub.addEvent(room, {
    kind: EVENTS.kicked,
    actor: actor.alias,
    subject: target.participant.alias,
    //= PAL-ROM-036
    name: target.participant.name,
    text: order.reason,
  })
  //= PAL-MOD-008
  hub.detach(target)
  return undefined
}

export function banFromRoom<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  order: { readonly name: string; readonly seconds: number; readonly reason: string },
): ErrorName | undefined {
  if (actor.role < ROLES.operator) return 'not_permitted'
  const known = lookUp(hub, order.name)
  //= PAL-MOD-017
  if (!known) return 'no_such_name'
  if (known.keyHex === actor.keyHex) return 'bad_value'
  const target = memberWithKey(room, known.keyHex)
  //= PAL-MOD-005
  const targetRole = hub.operators.has(known.keyHex) ? ROLES.relay_operator : target?.role
  if (targetRole !== undefined && targetRole > actor.role) return 'not_permitted'
  dropExpiredBans(hub, room)
  if (room.bans.size >= hub.limits.bansPerRoom && !room.bans.has(known.keyHex)) return 'bad_value'
  const untilMs = order.seconds === 0 ? Infinity : hub.wallMs + order.seconds * SECOND_MS
  //= PAL-MOD-011
  room.bans.set(known.keyHex, { name: known.name, key: known.key, untilMs })
  room.isChanged = true
  hub.addEvent(room, {
    kind: EVENTS.banned,
    actor: actor.alias,
    subject: target?.participant.alias ?? 0,
    //= PAL-ROM-036
    name: target?.participant.name ?? known.name,
    key: known.key,
    value: order.seconds,
    text: order.reason,
  })
  if (target) hub.detach(target)
  return undefined
}

function dropExpiredBans<Owner>(hub: Hub<Owner>, room: Conversation<Owner>): void {
  if (room.bans.size < hub.limits.bansPerRoom) return
  for (const [keyHex, ban] of room.bans) if (ban.untilMs <= hub.wallMs) room.bans.delete(keyHex)
}

export function unbanFromRoom<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  name: string,
): ErrorName | undefined {
  if (actor.role < ROLES.operator) return 'not_permitted'
  const known = lookUp(hub, name)
  //= PAL-MOD-015
  if (!known || !room.bans.delete(known.keyHex)) return 'no_such_name'
  room.isChanged = true
  hub.addEvent(room, { kind: EVENTS.unbanned, actor: actor.alias, name: known.name, key: known.key })
  return undefined
}

export function setRole<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  order: { readonly name: string; readonly role: number },
): ErrorName | undefined {
  const target = memberOf(hub, room, order.name)
  const refusal = memberRefusal(actor, target)
  if (refusal || !target) return refusal
  //= PAL-MOD-014
  if (target.role === ROLES.relay_operator) return 'not_permitted'
  //= PAL-MOD-016
  if (order.role !== ROLES.member && order.role !== ROLES.operator) return 'bad_value'
  target.role = order.role
  setRoleOf(room, target.participant.keyHex, order.role)
  hub.addEvent(room, {
    kind: EVENTS.role,
    actor: actor.alias,
    subject: target.participant.alias,
    name: target.participant.name,
    value: order.role,
  })
  return undefined
}

/** A role outlives the membership. */
//= PAL-ROM-046
function setRoleOf<Owner>(room: Conversation<Owner>, keyHex: string, role: number): void {
  if (role === ROLES.member) room.roles.delete(keyHex)
  else room.roles.set(keyHex, role)
  room.isChanged = true
}

export function setMemberLimit<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  limit: number,
): ErrorName | undefined {
  if (actor.role < ROLES.operator) return 'not_permitted'
  //= PAL-MOD-016
  if (limit < 1 || limit > hub.limits.membersPerRoom) return 'bad_value'
  //= PAL-MOD-013
  room.memberLimit = limit
  room.isChanged = true
  hub.addEvent(room, { kind: EVENTS.limit, actor: actor.alias, value: limit })
  return undefined
}

export function setLocked<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  actor: Actor,
  locked: boolean,
): ErrorName | undefined {
  if (actor.role < ROLES.operator) return 'not_permitted'
  room.locked = locked
  room.isChanged = true
  hub.addEvent(room, { kind: EVENTS.lock, actor: actor.alias, value: locked ? 1 : 0 })
  return undefined
}

// ---- the relay itself -------------------------------------------------------------------------

export function announce<Owner>(hub: Hub<Owner>, actor: Actor, text: string): ErrorName | undefined {
  //= PAL-MOD-002
  if (actor.role < ROLES.relay_operator) return 'not_permitted'
  hub.broadcast({ type: 'notice', time: hub.wallMs, from: actor.name, text })
  return undefined
}

export function kickFromRelay<Owner>(
  hub: Hub<Owner>,
  actor: Actor,
  order: { readonly name: string; readonly reason: string },
): ErrorName | undefined {
  if (actor.role < ROLES.relay_operator) return 'not_permitted'
  const known = lookUp(hub, order.name)
  const session = known && hub.sessions.get(known.keyHex)
  if (session) hub.closeLink(session.link, 'kicked', order.reason || ERROR_INFO.kicked.summary)
  const isAwaited = known !== undefined && removeDetached(hub, known.keyHex)
  return session || isAwaited ? undefined : 'no_such_name'
}

/** Nobody waits for the identity any longer; whether anybody did. */
function removeDetached<Owner>(hub: Hub<Owner>, keyHex: string): boolean {
  const memberships = hub.detached.of(keyHex)
  //= PAL-SES-031
  for (const membership of memberships) hub.leave(membership, LEAVE_REASONS.removed)
  return memberships.length > 0
}

export function banFromRelay<Owner>(
  hub: Hub<Owner>,
  actor: Actor,
  order: { readonly name: string; readonly seconds: number; readonly reason: string },
): ErrorName | undefined {
  if (actor.role < ROLES.relay_operator) return 'not_permitted'
  const known = lookUp(hub, order.name)
  if (!known) return 'no_such_name'
  if (known.keyHex === actor.keyHex) return 'bad_value'
  const untilMs = order.seconds === 0 ? undefined : hub.wallMs + order.seconds * SECOND_MS
  const record = { name: known.name, keyHex: known.keyHex, untilMs, reason: order.reason }
  //= PAL-MOD-012
  hub.archive.write(hub.directory.ban(record))
  const session = hub.sessions.get(known.keyHex)
  if (session) hub.closeLink(session.link, 'banned', order.reason || ERROR_INFO.banned.summary)
  removeDetached(hub, known.keyHex)
  return undefined
}

export function unbanFromRelay<Owner>(hub: Hub<Owner>, actor: Actor, name: string): ErrorName | undefined {
  if (actor.role < ROLES.relay_operator) return 'not_permitted'
  const known = lookUp(hub, name)
  const record = known && hub.directory.unban(known.keyHex)
  if (!record) return 'no_such_name'
  hub.archive.write(record)
  return undefined
}

export function setSessionLimit<Owner>(hub: Hub<Owner>, actor: Actor, limit: number): ErrorName | undefined {
  if (actor.role < ROLES.relay_operator) return 'not_permitted'
  if (limit < 1) return 'bad_value'
  hub.limits.sessions = limit
  return undefined
}

function lookUp<Owner>(hub: Hub<Owner>, text: string): KnownName | undefined {
  //= PAL-HSK-036
  const name = normalizeName(text)
  return name && hub.directory.lookUp(name.folded)
}

/** The member whose identity the name is bound to, whatever name it goes by in this session. */
function memberOf<Owner>(
  hub: Hub<Owner>,
  room: Conversation<Owner>,
  text: string,
): Membership<Owner> | undefined {
  const known = lookUp(hub, text)
  //= PAL-MOD-010
  return known && memberWithKey(room, known.keyHex)
}

function memberWithKey<Owner>(room: Conversation<Owner>, keyHex: string): Membership<Owner> | undefined {
  return room.members.find(({ participant }) => participant.keyHex === keyHex)
}

/** Operators act on members whose role is not above their own. */
function memberRefusal<Owner>(actor: Actor, target: Membership<Owner> | undefined): ErrorName | undefined {
  if (actor.role < ROLES.operator) return 'not_permitted'
  if (!target) return 'no_such_name'
  //= PAL-MOD-005, PAL-MOD-018
  return target.role > actor.role ? 'not_permitted' : undefined
}
