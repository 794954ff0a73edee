/** A relay's store in memory: what a relay without a disk keeps, and what simulated disks are made of. */
import type { BanRecord, DirectoryRecord, NameRecord } from './directory.ts'
import { MemoryLog } from './memory-log.ts'
import type {
  ConversationRecord,
  LogExtent,
  LogGap,
  LogPage,
  ParticipantRecord,
  PrekeysRecord,
  RelayStorage,
  SessionRecord,
  StoredState,
  StoreWrite,
} from './storage.ts'

const NO_ENTRIES: LogExtent = { firstSeq: 1, headSeq: 0, bytes: 0 }

export class MemoryStore implements RelayStorage {
  readonly durable: boolean
  readonly #names = new Map<string, NameRecord>()
  readonly #bans = new Map<string, BanRecord>()
  readonly #conversations = new Map<number, ConversationRecord>()
  readonly #sessions = new Map<string, SessionRecord>()
  readonly #prekeys = new Map<string, PrekeysRecord>()
  readonly #participants = new Map<number, Map<number, ParticipantRecord>>()
  readonly #logs = new Map<number, MemoryLog>()
  #lastConversation = 0

  /** `durable` is what it claims to be: true only where something else plays the disk. */
  constructor(durable: boolean = false) {
    this.durable = durable
  }

  /** What a relay that starts now begins with. */
  get state(): StoredState {
    return {
      directory: [
        ...[...this.#names.values()].map((record): DirectoryRecord => ({ kind: 'name', record })),
        ...[...this.#bans.values()].map((record): DirectoryRecord => ({ kind: 'ban', record })),
      ],
      conversations: [...this.#conversations.values()],
      sessions: [...this.#sessions.values()],
      lastConversation: this.#lastConversation,
    }
  }

  /** Does all the writes. Keeps the entries' bytes without copying them. */
  commit(writes: readonly StoreWrite[]): void {
    for (const write of writes) this.#apply(write)
  }

  read(conversation: number, seq: number): LogPage | LogGap | undefined {
    return this.#logs.get(conversation)?.read(seq)
  }

  extent(conversation: number): LogExtent {
    return this.#logs.get(conversation)?.extent ?? NO_ENTRIES
  }

  participants(conversation: number): readonly ParticipantRecord[] {
    return [...(this.#participants.get(conversation)?.values() ?? [])]
  }

  prekeys(keyHex: string): PrekeysRecord | undefined {
    return this.#prekeys.get(keyHex)
  }

  /** A store of its own with the same content, the entries' bytes shared. */
  snapshot(): MemoryStore {
    const copy = new MemoryStore(this.durable)
    for (const [key, record] of this.#names) copy.#names.set(key, record)
    for (const [key, record] of this.#bans) copy.#bans.set(key, record)
    for (const [key, record] of this.#conversations) copy.#conversations.set(key, record)
    for (const [key, record] of this.#sessions) copy.#sessions.set(key, record)
    for (const [key, record] of this.#prekeys) copy.#prekeys.set(key, record)
    for (const [key, records] of this.#participants) copy.#participants.set(key, new Map(records))
    for (const [key, log] of this.#logs) copy.#logs.set(key, log.copy())
    copy.#lastConversation = this.#lastConversation
    return copy
  }

  #apply(write: StoreWrite): void {
    switch (write.kind) {
      case 'name':
        this.#names.set(write.record.folded, write.record)
        break
      case 'ban':
        this.#bans.set(write.record.keyHex, write.record)
        break
      case 'unban':
        this.#bans.delete(write.keyHex)
        break
      case 'entries':
        this.#logOf(write.conversation).append(write)
        break
      case 'conversation':
        this.#conversations.set(write.record.number, write.record)
        this.#lastConversation = Math.max(this.#lastConversation, write.record.number)
        break
      case 'forget_conversation':
        this.#conversations.delete(write.conversation)
        this.#participants.delete(write.conversation)
        this.#logs.delete(write.conversation)
        break
      case 'participants':
        for (const record of write.records) this.#participantsOf(write.conversation).set(record.alias, record)
        break
      case 'forget_participant':
        this.#participants.get(write.conversation)?.delete(write.alias)
        break
      case 'trim':
        this.#logs.get(write.conversation)?.trim(write.seq)
        break
      case 'session':
        this.#sessions.set(write.record.idHex, write.record)
        break
      case 'forget_session':
        this.#sessions.delete(write.idHex)
        break
      case 'prekeys':
        this.#prekeys.set(write.record.keyHex, write.record)
        break
      case 'forget_prekeys':
        this.#prekeys.delete(write.keyHex)
        break
      default:
        write satisfies never
    }
  }

  #logOf(conversation: number): MemoryLog {
    let log = this.#logs.get(conversation)
    if (log === undefined) {
      log = new MemoryLog()
      this.#logs.set(conversation, log)
    }
    return log
  }

  #participantsOf(conversation: number): Map<number, ParticipantRecord> {
    let records = this.#participants.get(conversation)
    if (records === undefined) {
      records = new Map()
      this.#participants.set(conversation, records)
    }
    return records
  }
}

/** The store of a relay that keeps nothing when it stops: every write counts at once. */
export class EphemeralStore extends MemoryStore {
  commitNow(writes: readonly StoreWrite[]): void {
    this.commit(writes)
  }
}
