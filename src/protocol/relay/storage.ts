/**
 * What a relay keeps, as it sees its store (spec chapter 7): writes leave as plain records, a turn's together
 * and in their order, and are committed by the driver; entries committed before are read back at once. The
 * core knows neither files nor promises.
 */
import type { DirectoryRecord } from './directory.ts'

/** A ban from a room, as it is kept. Times are wall-clock milliseconds, undefined without end. */
export interface StoredBan {
  readonly keyHex: string
  readonly name: string
  readonly untilMs: number | undefined
}

/** One of the two identities of a direct conversation, as it is kept. */
export interface StoredEnd {
  readonly keyHex: string
  readonly name: string
  /** Position up to which this identity keeps the entries itself. */
  readonly cursor: number
}

/** A conversation without its entries and participants. Binary values are in hexadecimal. */
export interface ConversationRecord {
  readonly number: number
  /** Number of the log: 8 bytes. */
  readonly logHex: string
  /** A room's name in normal form; empty for a direct conversation. */
  readonly name: string
  readonly folded: string
  readonly topic: string
  readonly locked: boolean
  readonly memberLimit: number
  /** Roles other than `member`, by identity. */
  readonly roles: readonly (readonly [keyHex: string, role: number])[]
  readonly bans: readonly StoredBan[]
  /** The aliases given next: one for a room, one for each end of a direct conversation. */
  readonly nextAliases: readonly number[]
  /** Empty for a room. */
  readonly ends: readonly StoredEnd[]
  /** Participants are kept as of this position; what later entries change of them is read from those. */
  readonly checkpoint: number
  /** Whether the log held a message at the checkpoint. */
  readonly hasMessage: boolean
}

/** One installation of one identity in one conversation, as of the conversation's checkpoint. */
export interface ParticipantRecord {
  readonly keyHex: string
  readonly clientHex: string
  readonly name: string
  readonly alias: number
  /** The highest ref accepted. */
  readonly ref: number
  /** Whether it was a member. */
  readonly present: boolean
  /** When it did something last: wall-clock milliseconds. */
  readonly usedMs: number
}

/** What `resume` needs of a session that may be over. */
export interface SessionRecord {
  readonly idHex: string
  readonly keyHex: string
  readonly clientHex: string
  readonly name: string
  /** Hash of the token given out last, and of the one before it. */
  readonly tokenHex: string
  readonly previousHex: string
  /** When a token was given out last: wall-clock milliseconds. */
  readonly usedMs: number
}

/** What is kept of an identity so that others can seal to it. Keys are in hexadecimal. */
export interface PrekeysRecord {
  readonly keyHex: string
  /** As it was published; empty when only one-time prekeys were. */
  readonly bundleHex: string
  /** One-time prekeys, numbers ascending. */
  readonly prekeys: readonly (readonly [number: number, keyHex: string])[]
  /** The highest number that was ever taken, or -1. */
  readonly lastNumber: number
  /** When the bundle was published last: wall-clock milliseconds. */
  readonly publishedMs: number
}

/** One change. Those of a turn are committed together or not at all. */
export type StoreWrite =
  | DirectoryRecord
  | {
      readonly kind: 'entries'
      readonly conversation: number
      readonly firstSeq: number
      readonly lastSeq: number
      /** The entries' frames with their length prefixes, as they go out; not changed afterwards. */
      readonly bytes: Uint8Array
      /** When they were made: wall-clock milliseconds. */
      readonly timeMs: number
    }
  | { readonly kind: 'conversation'; readonly record: ConversationRecord }
  /** The conversation with its entries and participants is over. */
  | { readonly kind: 'forget_conversation'; readonly conversation: number }
  | {
      readonly kind: 'participants'
      readonly conversation: number
      readonly records: readonly ParticipantRecord[]
    }
  | { readonly kind: 'forget_participant'; readonly conversation: number; readonly alias: number }
  /** Whole pieces all of whose entries are below `seq` may go. */
  | { readonly kind: 'trim'; readonly conversation: number; readonly seq: number }
  | { readonly kind: 'session'; readonly record: SessionRecord }
  | { readonly kind: 'forget_session'; readonly idHex: string }
  | { readonly kind: 'prekeys'; readonly record: PrekeysRecord }
  | { readonly kind: 'forget_prekeys'; readonly keyHex: string }

/** A piece of a log: whole entries, one after the other. */
export interface LogPage {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly bytes: Uint8Array
  readonly timeMs: number
}

/** Entries that are there no longer, or cannot be trusted. `lastSeq` is at least `firstSeq`. */
export interface LogGap {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly reason: 'retention' | 'corrupt'
}

/** What is left of a log. */
export interface LogExtent {
  /** Position of the oldest entry kept; `headSeq` + 1 when there is none. */
  readonly firstSeq: number
  /** Position of the last entry ever made; 0 when there was none. */
  readonly headSeq: number
  readonly bytes: number
}

/**
 * Reads of what is committed. Synchronous: a memory map or memory. Bytes handed out are not changed
 * afterwards.
 */
export interface LogReader {
  /**
   * The stored piece that holds entry `seq` (it may begin before it), a gap that begins at `seq`, or
   * undefined when `seq` is beyond the last entry. A damaged piece is a gap with reason `corrupt`.
   */
  read(conversation: number, seq: number): LogPage | LogGap | undefined
  /** What is there of a conversation's log. */
  extent(conversation: number): LogExtent
  /** The participants as of the checkpoint. */
  participants(conversation: number): readonly ParticipantRecord[]
}

/** What a relay begins with. */
export interface StoredState {
  readonly directory: readonly DirectoryRecord[]
  readonly conversations: readonly ConversationRecord[]
  readonly sessions: readonly SessionRecord[]
  /** The highest number ever given to a conversation. */
  readonly lastConversation: number
}

/** A relay's store as the core uses it. */
export interface RelayStorage extends LogReader {
  /** Whether what is committed survives the end of the process and of the machine. */
  readonly durable: boolean
  readonly state: StoredState
  /** What is committed of an identity's prekeys. */
  prekeys(keyHex: string): PrekeysRecord | undefined
  /** Where it is there, it commits at once and the relay does not wait. */
  commitNow?(writes: readonly StoreWrite[]): void
}
