/** The requests of a client, and what answers them (spec chapter 6). */
import { CONTROL_LANE, laneOf } from '../../base/lanes.ts'
import { FRAME_SPECS, type Frame, JOIN_OPTIONS } from '../../codec/generated/registry.ts'
import { type Cost, JOIN_COST, REQUEST_COST } from './pacing.ts'
import type { ClientConversation } from './types.ts'

/** A frame that asks for something; the session gives it its request number. */
export type ClientRequest = DistributiveOmit<
  Extract<Frame, { request: number }> & { type: RequestName },
  'request'
>

/** The frames with a `request` that a client sends. */
export type RequestName =
  | 'join'
  | 'leave'
  | 'who'
  | 'list'
  | 'whois'
  | 'direct'
  | 'follow'
  | 'fetch'
  | 'setTopic'
  | 'kick'
  | 'ban'
  | 'unban'
  | 'setRole'
  | 'setLimit'
  | 'lock'
  | 'announce'
  | 'publish'
  | 'claim'

/** What the client remembers of a request until it is answered. */
export interface OpenRequest {
  readonly type: RequestName
  readonly conversation: number
  /** Whether `members` follow the first answer. */
  readonly wantsMembers: boolean
  /** The position asked for by `fetch`. */
  readonly from: number
  /** The conversation whose place the one joined takes, because the relay lost it. */
  readonly renews: ClientConversation | undefined
}

/** What the relay says to a request. */
export type Answer = Extract<
  Frame,
  { type: 'joined' | 'members' | 'rooms' | 'identity' | 'history' | 'stock' | 'bundle' | 'ok' | 'error' }
>

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** Whether the frame is of a type that answers the request. */
export function answers(open: OpenRequest, frame: Answer): boolean {
  switch (open.type) {
    case 'join':
      return (
        frame.type === 'joined' || frame.type === 'error' || (open.wantsMembers && frame.type === 'members')
      )
    case 'direct':
    case 'follow':
      return frame.type === 'joined' || frame.type === 'error'
    case 'fetch':
      return frame.type === 'history' || frame.type === 'error'
    case 'who':
      return frame.type === 'members' || frame.type === 'error'
    case 'list':
      return frame.type === 'rooms' || frame.type === 'error'
    case 'whois':
      return frame.type === 'identity' || frame.type === 'error'
    case 'publish':
      return frame.type === 'stock' || frame.type === 'error'
    case 'claim':
      return frame.type === 'bundle' || frame.type === 'error'
    default:
      return frame.type === 'ok' || frame.type === 'error'
  }
}

/** Whether nothing more follows to the request. */
export function isLast(open: OpenRequest | undefined, frame: Answer): boolean {
  if (!open?.wantsMembers || frame.type === 'error') return true
  return frame.type === 'members' && !frame.more
}

/** Requests that open or take up a conversation leave before those of conversations. */
const CONTROL_REQUESTS: ReadonlySet<RequestName> = new Set(
  FRAME_SPECS.filter(({ lane }) => lane === 'control').map(({ name }) => name as RequestName),
)

/** The lane of a request: that of its conversation, unless its type belongs to the session. */
export function laneOfRequest(request: ClientRequest): number {
  if (CONTROL_REQUESTS.has(request.type) || !('conversation' in request)) return CONTROL_LANE
  return laneOf(request.conversation)
}

/** What is remembered of a request. */
export function openRequestOf(request: ClientRequest, renews: ClientConversation | undefined): OpenRequest {
  const conversation = 'conversation' in request ? request.conversation : 0
  const wantsMembers = request.type === 'join' && (request.options & JOIN_OPTIONS.members) !== 0
  const from = request.type === 'fetch' ? request.from : 0
  return { type: request.type, conversation, wantsMembers, from, renews }
}

/** What a request takes from the relay's rates. */
export function costOf(type: RequestName): Cost {
  return type === 'join' || type === 'follow' || type === 'direct' ? JOIN_COST : REQUEST_COST
}

/** Whether a client that takes its session up again may send it before it has heard of `ready`. */
export function mayGoEarly(type: RequestName): boolean {
  //= PAL-HSK-047
  return type === 'follow' || type === 'direct'
}
