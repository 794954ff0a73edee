/** What goes in and out of a client's session. */
import type { Entropy } from '../../base/entropy.ts'
import type { SignaturePrimitives } from '../../base/primitives.ts'
import type {
  BundleFrame,
  ErrorFrame,
  ErrorName,
  EventFrame,
  IdentityFrame,
  JoinedFrame,
  LIMITS,
  MembersFrame,
  NoticeFrame,
  RoomsFrame,
  StockFrame,
} from '../../codec/generated/registry.ts'
import type { ConversationBook } from './conversations.ts'

/** An Ed25519 identity: 32 bytes each. */
export interface Identity {
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

export interface ClientOptions {
  readonly name: string
  readonly identity: Identity
  /** Eight random bytes that stand for this installation. */
  readonly clientId: Uint8Array
  readonly token?: string | undefined
  /** Whether the application takes signals, and may send them. */
  readonly takesSignals?: boolean | undefined
  /** Name and version of the program. */
  readonly agent: string
  /** The link's channel binding; empty on a plain stream. */
  readonly binding: Uint8Array
  /** The relay's identity key when it is known already; any other is refused. */
  readonly relayKey?: Uint8Array | undefined
  /** Whether the relay's key is the one expected, where only a part of it is known. */
  readonly isRelayKey?: ((key: Uint8Array) => boolean) | undefined
  /** A session to take up again in place of opening one. */
  readonly resume?: ResumeTicket | undefined
  /** What is known from earlier links to the same relay; the session brings it up to date. */
  readonly book?: ConversationBook | undefined
  /** The highest number that requests on earlier links had. */
  readonly lastRequest?: number | undefined
  readonly signatures: SignaturePrimitives
  readonly entropy: Entropy
}

/** What takes up a session again, once. */
export interface ResumeTicket {
  readonly session: Uint8Array
  readonly token: Uint8Array
  /** The name of the session. */
  readonly name: string
}

/** Who the relay is and what it allows. */
export interface RelayFacts {
  readonly relayKey: Uint8Array
  readonly relayName: string
  /** The address the relay sees this client at. */
  readonly address: string
  readonly capabilities: readonly number[]
  readonly limits: ReadonlyMap<keyof typeof LIMITS, number>
  readonly session: Uint8Array
  /** Takes the session up again on another link. Secret. */
  readonly token: Uint8Array
  /** Whether the session was taken up again. */
  readonly isResumed: boolean
  /** The client's own name, in normal form. */
  readonly name: string
  readonly role: number
  /** The relay's wall clock, milliseconds since 1970. */
  readonly timeMs: number
}

/** Another member, as far as this client was told. */
export interface Member {
  readonly alias: number
  readonly name: string
  readonly key: Uint8Array
  role: number
  /** The last entry that the member said to have read. */
  read?: number
}

/** What somebody tells the others and nobody keeps. */
export interface Signal {
  readonly kind: number
  readonly value: number
  /** Empty but where applications have an agreement of their own. */
  readonly body?: Uint8Array
}

/** A conversation that the client is in, or was in on its last link. */
export interface ClientConversation {
  /** Another one when the relay lost the conversation and the client began anew. */
  number: number
  readonly kind: number
  readonly name: string
  alias: number
  /** By alias. In a room known from `members` frames and events. */
  readonly members: Map<number, Member>
  /** Names of senders of earlier entries, by alias; they need not be members any more. */
  readonly senders: Map<number, string>
  role: number
  /** Whether the client is a member on the link it has now. */
  isLive: boolean
  /** Number of the log; another one means another log. */
  log: Uint8Array
  /** Position of the last entry received. */
  seq: number
  /** Up to here entries tell what was, and change nothing of what is. */
  head: number
  /** The ref sent last, and the last one that the relay took. */
  ref: number
  refAccepted: number
  /** The messages under way, in their order. */
  readonly underWay: MessageUnderWay[]
  underWayBytes: number
  /** Whether one of them was refused: the refs are taken up again once all are answered. */
  isRewinding: boolean
  topic: string
  locked: boolean
  limit: number
  count: number
  /** What an acknowledged message survives, and how long and how much the relay keeps. */
  durability: number
  keepMs: number
  keepBytes: number
}

/** A message sent and not answered. */
export interface MessageUnderWay {
  readonly ref: number
  readonly bodyBytes: number
}

/** A message from the log. `body` is the receiver's own. */
export interface ReceivedMessage {
  readonly conversation: ClientConversation
  readonly seq: number
  readonly timeMs: number
  readonly sender: number
  /** The sender's name, or undefined when its alias was never announced. */
  readonly senderName: string | undefined
  readonly ref: number
  readonly contentKind: number
  readonly body: Uint8Array
  /** Whether this client sent it: then it is the acknowledgement of `ref`. */
  readonly own: boolean
}

/** An event from the log. */
export interface ReceivedEvent {
  readonly conversation: ClientConversation
  readonly event: EventFrame
  /** The name of who did it, or undefined for the relay. */
  readonly actorName: string | undefined
  /** Whether it took this client out of the conversation. */
  readonly endsMembership: boolean
}

/** An entry of the log as an answer to `fetch` holds it. */
export type HistoryEntry =
  | { readonly kind: 'message'; readonly message: ReceivedMessage }
  | ({ readonly kind: 'event' } & ReceivedEvent)

export type ClientEvent =
  | { readonly kind: 'ready'; readonly facts: RelayFacts }
  | {
      readonly kind: 'joined'
      readonly request: number
      readonly conversation: ClientConversation
      /** The answer itself; the conversation may have moved on since. */
      readonly frame: JoinedFrame
    }
  | { readonly kind: 'message'; readonly message: ReceivedMessage }
  | { readonly kind: 'ack'; readonly conversation: number; readonly ref: number; readonly seq: number }
  | {
      readonly kind: 'gap'
      readonly conversation: ClientConversation
      readonly from: number
      readonly to: number
      readonly reason: number
      /** Whether these entries were the next ones; otherwise they were asked for by `fetch`. */
      readonly isPassed: boolean
    }
  | {
      readonly kind: 'history'
      readonly request: number
      readonly conversation: number
      readonly entries: readonly HistoryEntry[]
      /** Whether entries that were asked for are left. */
      readonly more: boolean
    }
  | ({ readonly kind: 'event' } & ReceivedEvent)
  | { readonly kind: 'members'; readonly frame: MembersFrame }
  | { readonly kind: 'rooms'; readonly frame: RoomsFrame }
  | { readonly kind: 'identity'; readonly frame: IdentityFrame }
  | { readonly kind: 'stock'; readonly frame: StockFrame }
  | { readonly kind: 'bundle'; readonly frame: BundleFrame }
  | { readonly kind: 'ok'; readonly request: number }
  | { readonly kind: 'error'; readonly frame: ErrorFrame; readonly name: ErrorName | undefined }
  | { readonly kind: 'notice'; readonly frame: NoticeFrame }
  | {
      /** Another member's signal. */
      readonly kind: 'signal'
      readonly conversation: ClientConversation
      readonly sender: number
      /** Its name, or undefined when its alias was never announced. */
      readonly senderName: string | undefined
      readonly signal: Required<Signal>
    }
  | { readonly kind: 'pong'; readonly nonce: number; readonly conversation: number }
  | {
      readonly kind: 'closed'
      readonly by: 'local' | 'peer' | 'link'
      readonly code: number
      readonly name: ErrorName | undefined
      readonly text: string
      readonly retryMs: number
    }
