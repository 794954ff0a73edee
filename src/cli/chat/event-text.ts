/** Events of a room in words (spec chapter 7). */
import { EVENTS, LEAVE_REASONS, ROLES } from '../../codec/generated/registry.ts'
import type { ClientEvent } from '../../protocol/client/index.ts'
import type { EntryKind } from './view.ts'

export type RoomEvent = Extract<ClientEvent, { kind: 'event' }>

/** An event in words, with its name for programs. */
export interface EventWords {
  readonly kind: EntryKind
  readonly name: string
  readonly text: string
}

const LEFT_WHY: ReadonlyMap<number, string> = new Map([
  [LEAVE_REASONS.left, 'left'],
  [LEAVE_REASONS.closed, 'left the relay'],
  [LEAVE_REASONS.lost, 'lost the connection'],
  [LEAVE_REASONS.removed, 'was removed from the relay'],
  [LEAVE_REASONS.replaced, 'connected anew from somewhere else'],
])
const EVENT_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EVENTS).map(([name, kind]) => [kind, name]),
)

/** What happened, or undefined for an event that this edition does not know. */
export function eventWords({ event, actorName }: RoomEvent): EventWords | undefined {
  const name = EVENT_NAMES.get(event.kind)
  if (name === undefined) return undefined
  const by = `by ${actorName ?? 'the relay'}`
  const why = event.text === '' ? '' : `: ${event.text}`
  const words = (kind: EntryKind, text: string): EventWords => ({ kind, name, text })
  switch (event.kind) {
    case EVENTS.joined:
      return words('came', `${event.name} joined`)
    case EVENTS.left:
      return words('went', `${event.name} ${LEFT_WHY.get(event.value) ?? 'left'}`)
    case EVENTS.kicked:
      return words('went', `${event.name} was kicked ${by}${why}`)
    case EVENTS.banned:
      return words('went', `${event.name} was banned ${by}${banTime(event.value)}${why}`)
    case EVENTS.unbanned:
      return words('changed', `the ban of ${event.name} was lifted ${by}`)
    case EVENTS.topic:
      return words(
        'changed',
        event.text === '' ? `the topic was removed ${by}` : `the topic is now "${event.text}" (${by})`,
      )
    case EVENTS.role:
      return words(
        'changed',
        `${event.name} ${event.value === ROLES.member ? 'is no longer' : 'is now'} an operator (${by})`,
      )
    case EVENTS.limit:
      return words('changed', `the room now holds ${event.value} members at the most (${by})`)
    case EVENTS.lock:
      return words(
        'changed',
        `the room was ${event.value === 1 ? 'closed to newcomers' : 'opened again'} ${by}`,
      )
    default:
      return undefined
  }
}

function banTime(seconds: number): string {
  if (seconds === 0) return ''
  const [amount, unit] =
    seconds % 86400 === 0
      ? [seconds / 86400, 'd']
      : seconds % 60 === 0
        ? [seconds / 60, 'min']
        : [seconds, 's']
  return ` for ${amount} ${unit}`
}
