/** What goes into a durable client, and what comes out of it. */
import type { Instant } from '../../base/time.ts'
import type { Keeping, SentAt } from './keeping.ts'
import type { Refusal } from './place.ts'
import type { ClientConversation, ClientEvent, ClientOptions } from './types.ts'

export interface DurableOptions extends Omit<ClientOptions, 'binding' | 'resume' | 'book' | 'lastRequest'> {
  /** What is known from earlier runs. The machine changes it. */
  readonly keeping: Keeping
  /** Whether the changes are wanted as records. */
  readonly isKept: boolean
  /** Whether another link follows one that was lost, or that did not come about before the first session. */
  readonly redials: 'never' | 'after_first' | 'always'
  /** Whether sealed messages to rooms wait on each link until `release`, after `caught_up`. */
  readonly holdsSealed?: boolean | undefined
}

/** From where the application wants the entries of a conversation that it joins. */
export type Since =
  /** A position: entries after it. */
  | { readonly seq: number }
  /** After what was applied, or the latest so many entries where that is more, but not more than the most. */
  | { readonly last: number; readonly most: number }
  /** From nowhere yet: `reposition` tells. */
  | { readonly isHeld: true }

export type DurableEvent =
  | Exclude<ClientEvent, { kind: 'ack' | 'joined' }>
  /** `position` is that of the last entry before those that follow. */
  | (Extract<ClientEvent, { kind: 'joined' }> & { readonly position: number })
  /** A link is wanted: `openLink`, or `dialFailed`. */
  | { readonly kind: 'dial' }
  | {
      readonly kind: 'status'
      readonly state: 'online' | 'reconnecting'
      /** When the next link is dialled; for `reconnecting`. */
      readonly retryAt: Instant
      readonly attempt: number
      readonly text: string
    }
  /** The relay has the message. */
  | {
      readonly kind: 'sent'
      readonly conversation: ClientConversation | undefined
      readonly id: string
      readonly at: SentAt
      /** Whether the relay had it from an earlier link. */
      readonly isDuplicate: boolean
    }
  /** The message will not be sent. */
  | {
      readonly kind: 'unsent'
      readonly conversation: ClientConversation | undefined
      readonly id: string
      readonly refusal: Refusal
    }
  /** All entries of a room were given out that its log had when it was joined on this link. */
  | { readonly kind: 'caught_up'; readonly conversation: ClientConversation }
  /** The relay lost the conversation; it is another log from here on. */
  | { readonly kind: 'renewed'; readonly conversation: ClientConversation }
  /** The membership could not be taken up again. */
  | { readonly kind: 'ended'; readonly conversation: ClientConversation; readonly refusal: Refusal }

/** A message that the application wants to be sent. */
export interface NewMessage {
  /** The same for the same message, however often it is handed in. */
  readonly id: string
  readonly contentKind: number
  readonly body: Uint8Array
}
