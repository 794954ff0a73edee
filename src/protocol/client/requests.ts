/** The requests of a client, and what answers them (spec chapter 6). */
import type { Frame } from '../../codec/generated/registry.ts'

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
  | 'setTopic'
  | 'kick'
  | 'ban'
  | 'unban'
  | 'setRole'
  | 'setLimit'
  | 'lock'
  | 'announce'

/** What the client remembers of a request until it is answered. */
export interface OpenRequest {
  readonly type: RequestName
  readonly conversation: number
  /** Whether `members` follow the first answer. */
  readonly wantsMembers: boolean
}

/** What the relay says to a request. */
export type Answer = Extract<Frame, { type: 'joined' | 'members' | 'rooms' | 'identity' | 'ok' | 'error' }>

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** Whether the frame is of a type that answers the request. */
export function answers(open: OpenRequest, frame: Answer): boolean {
  switch (open.type) {
    case 'join':
      return (
        frame.type === 'joined' || frame.type === 'error' || (open.wantsMembers && frame.type === 'members')
      )
    case 'direct':
      return frame.type === 'joined' || frame.type === 'error'
    case 'who':
      return frame.type === 'members' || frame.type === 'error'
    case 'list':
      return frame.type === 'rooms' || frame.type === 'error'
    case 'whois':
      return frame.type === 'identity' || frame.type === 'error'
    default:
      return frame.type === 'ok' || frame.type === 'error'
  }
}

/** Whether nothing more follows to the request. */
export function isLast(open: OpenRequest | undefined, frame: Answer): boolean {
  if (!open?.wantsMembers || frame.type === 'error') return true
  return frame.type === 'members' && !frame.more
}
