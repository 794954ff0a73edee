/** What happens to the link of a chat, in words. */
import { GAP_REASONS } from '../../codec/generated/registry.ts'
import type { SessionEvent } from '../../node/client-connection.ts'
import { gapReason, placeName } from '../content.ts'
import type { Entry } from './view.ts'

/** Events that are neither entries of a log nor the end. */
export type LinkEvent = Extract<
  SessionEvent,
  { kind: 'status' | 'gap' | 'sent' | 'unsent' | 'renewed' | 'ended' | 'unkept' }
>

type Words = readonly [text: string, json: Entry['json']]

/** What to show of it, if anything. `isAway` tells whether a lost link was told already. */
export function linkWords(event: LinkEvent, isAway: boolean): Words | undefined {
  switch (event.kind) {
    case 'status':
      return statusWords(event, isAway)
    case 'gap': {
      const { conversation, from, to, reason } = event
      const place = placeName(conversation)
      const why = reason === GAP_REASONS.corrupt ? 'they are damaged' : 'the relay keeps them no longer'
      const json = { in: place, from: String(from), to: String(to), reason: gapReason(reason) }
      return [`entries ${from} to ${to} of ${place} are missing: ${why}`, ['gap', json]]
    }
    case 'sent':
      return [
        'a message of an earlier run was sent now',
        ['sent', { id: event.id, seq: String(event.at.seq) }],
      ]
    case 'unsent':
      return [`a message could not be sent: ${event.refusal.text}`, ['unsent', { id: event.id }]]
    case 'renewed': {
      const place = placeName(event.conversation)
      return [`${place} begins anew: the relay lost what was said there`, ['renewed', { in: place }]]
    }
    case 'ended': {
      const place = placeName(event.conversation)
      return [`no longer in ${place}: ${event.refusal.text}`, ['ended', { in: place }]]
    }
    case 'unkept':
      return [`what is typed without a connection is not kept: ${event.error.message}`, ['unkept', {}]]
    default:
      return event satisfies never
  }
}

function statusWords(event: Extract<LinkEvent, { kind: 'status' }>, isAway: boolean): Words | undefined {
  if (event.state === 'reconnecting' && !isAway)
    return ['the connection was lost: trying again', ['status', { state: 'reconnecting', text: event.text }]]
  if (event.state !== 'online' || !isAway) return undefined
  return ['connected again', ['status', { state: 'online' }]]
}
