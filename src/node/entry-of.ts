/** Up to where an event brings whoever is done with it. */
import type { ClientConversation } from '../protocol/client/index.ts'
import type { SessionEvent } from './client-connection.ts'

/** The last entry that the event stands for; undefined when it is none of a log. */
export function entryOf(event: SessionEvent): { conversation: ClientConversation; seq: number } | undefined {
  if (event.kind === 'message') return event.message
  if (event.kind === 'event') return { conversation: event.conversation, seq: event.event.seq }
  return event.kind === 'gap' ? { conversation: event.conversation, seq: event.to } : undefined
}
