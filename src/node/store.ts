/**
 * What a relay keeps on disk: names, bans, its own keys, conversations with their logs, and sessions that can
 * be resumed. It is an LMDB database, which survives a kill at any instant, and a journal beside it. A commit
 * that brings entries alone is one write to the journal, any other one transaction, and so is one that the
 * journal has no room for; it is on disk before it is told.
 */
import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { crc32c } from '../base/crc32c.ts'
import { StorageError } from '../base/errors.ts'
import type { BanRecord, DirectoryRecord, NameRecord } from '../protocol/relay/index.ts'
import { EphemeralStore } from '../protocol/relay/memory-store.ts'
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
} from '../protocol/relay/storage.ts'
import { checkedJson, parseCheckedJson } from './checked-json.ts'
import { turnBytes, writeTurn } from './log-format.ts'
import { type Change, type EntriesWrite, LogStore, setFirstTurn } from './log-store.ts'
import { systemEntropy } from './primitives.ts'
import { makePrivate } from './private-file.ts'
import { createJournal, HAS_JOURNAL, JOURNAL_ID_BYTES, TurnJournal } from './turn-journal.ts'

const SEED_BYTES = 32
const SUM_BYTES = 4
const PRIVATE_FOLDER_MODE = 0o700
const PRIVATE_FILE_MODE = 0o600
const DATABASES_MAX = 16
const RECENT_BYTES = 8 * 1024 * 1024
const JOURNAL_BYTES = 16 * 1024 * 1024
/** The journal takes this part of the room on the disk at most, and there is none when that is too little. */
const JOURNAL_PART_MAX = 1 / 16
const JOURNAL_BYTES_MIN = 64 * 1024
/** What is in the journal is gathered when this part of it is needed. */
const JOURNAL_FILL_MAX = 1 / 2
const JOURNAL_SECRET = 'journal'
const PARTICIPANT_KEY_BYTES = 8
const ALIAS_END = 0xffff_ffff
const LAST_CONVERSATION = 'lastConversation'
const NO_COUNTER = 'none'
/** See `LmdbStore.#begin`; missing in the types of LMDB. */
const BEGIN_AT_ONCE = { txnStartThreshold: 1 }

/** Secrets that make a relay the same relay after a restart. */
export interface RelaySecrets {
  readonly identitySeed: Uint8Array
  readonly linkSecret: Uint8Array
}

export interface RelayStore {
  readonly secrets: RelaySecrets
  readonly storage: RelayStorage
  /** Records that were found damaged and left out, in words. */
  readonly damaged: readonly string[]
  /**
   * Does the writes, all or none, and resolves when they are on disk: from then on `storage` reads them. One
   * commit at a time. Rejects with a StorageError, and so does every later one: the disk is not to be
   * trusted.
   */
  commit(writes: readonly StoreWrite[]): Promise<void>
  /** Waits for a commit under way, and for those that its end begins. */
  close(): Promise<void>
}

/** A store that forgets: fresh secrets, no names, logs in memory. */
export function ephemeralStore(): RelayStore {
  const secrets = { identitySeed: systemEntropy(SEED_BYTES), linkSecret: systemEntropy(SEED_BYTES) }
  const storage = new EphemeralStore()
  return {
    secrets,
    storage,
    damaged: [],
    commit: async (writes) => storage.commit(writes),
    close: async () => {},
  }
}

export interface StoreOptions {
  /** What of the logs is kept in memory before it is gathered by conversation. */
  readonly recentBytes?: number
  /** The size of the journal where there is none yet; 0 for none. */
  readonly journalBytes?: number
}

/**
 * The store in `folder`, made when it is not there. Throws StorageError when something is damaged that cannot
 * be left out.
 */
export function openStore(folder: string, options: StoreOptions = {}): RelayStore {
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE })
  const path = join(folder, 'relay.mdb')
  //= PAL-SEC-004
  if (!existsSync(path)) writeFileSync(path, '', { mode: PRIVATE_FILE_MODE })
  makePrivate(path)
  // Without overlapping synchronisation a transaction is on disk when its promise resolves.
  const root = open({
    path,
    maxDbs: DATABASES_MAX,
    encoding: 'json',
    overlappingSync: false,
    eventTurnBatching: false,
    ...BEGIN_AT_ONCE,
  })
  try {
    return new LmdbStore(root, folder, options)
  } catch (error) {
    void root.close()
    throw error
  }
}

class LmdbStore implements RelayStore, RelayStorage {
  readonly durable = true
  readonly secrets: RelaySecrets
  readonly state: StoredState
  readonly damaged: string[] = []
  readonly #root: RootDatabase
  readonly #folder: string
  readonly #names: Database<Uint8Array, string>
  readonly #bans: Database<Uint8Array, string>
  readonly #conversations: Database<Uint8Array, number>
  readonly #participants: Database<Uint8Array, Uint8Array>
  readonly #sessions: Database<Uint8Array, string>
  readonly #prekeys: Database<Uint8Array, string>
  readonly #counters: Database<Uint8Array, string>
  readonly #logs: LogStore
  readonly #journal: TurnJournal | undefined
  #lastConversation: number
  #underWay: Promise<unknown> = Promise.resolve()
  #gathering: Promise<void> | undefined
  #failure: StorageError | undefined

  constructor(root: RootDatabase, folder: string, options: StoreOptions) {
    this.#root = root
    this.#folder = folder
    this.#names = root.openDB({ name: 'names', encoding: 'binary' })
    this.#bans = root.openDB({ name: 'bans', encoding: 'binary' })
    this.#conversations = root.openDB({ name: 'conversations', encoding: 'binary' })
    this.#participants = root.openDB({ name: 'participants', encoding: 'binary', keyEncoding: 'binary' })
    this.#sessions = root.openDB({ name: 'sessions', encoding: 'binary' })
    this.#prekeys = root.openDB({ name: 'prekeys', encoding: 'binary' })
    this.#counters = root.openDB({ name: 'counters', encoding: 'binary' })
    const turns = root.openDB<Uint8Array, number>({ name: 'turns', encoding: 'binary' })
    const pieces = root.openDB<Uint8Array, Uint8Array>({
      name: 'pieces',
      encoding: 'binary',
      keyEncoding: 'binary',
    })
    const secrets = root.openDB<Uint8Array, string>({ name: 'secrets', encoding: 'binary' })
    const prepare = (): void => setFirstTurn(this.#counters, turns)
    const path = join(folder, 'relay.journal')
    const journal = this.#checked(() => openJournal(path, secrets, options.journalBytes, prepare))
    this.#journal = journal
    this.#logs = new LogStore({
      turns,
      pieces,
      counters: this.#counters,
      recentBytesMax: options.recentBytes ?? RECENT_BYTES,
      journal: journal && ((first, known) => this.#checked(() => journal.replay(first, known))),
    })
    this.secrets = readSecrets(secrets)
    this.state = this.#readState()
    this.#lastConversation = this.state.lastConversation
  }

  get storage(): RelayStorage {
    return this
  }

  /** What the system says as a StorageError. */
  #checked<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw error instanceof StorageError ? error : storageErrorOf(error, this.#folder)
    }
  }

  commit(writes: readonly StoreWrite[]): Promise<void> {
    const done = this.#commit(writes)
    this.#underWay = done.catch(() => undefined)
    return done
  }

  async #commit(writes: readonly StoreWrite[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const journal = this.#journal
    if (journal && areEntries(writes) && journal.hasRoomFor(turnLength(writes)))
      await this.#commitToJournal(journal, writes)
    else await this.#commitToDatabase(writes)
    if (journal && this.#isGatheringDue) this.#gather(journal)
  }

  async #commitToJournal(journal: TurnJournal, writes: readonly EntriesWrite[]): Promise<void> {
    const { turn, length, records } = this.#logs.planTurn(writes)
    try {
      await journal.append(turn, length, (into) => writeTurn(into, turn, records))
    } catch (error) {
      throw this.#fail(error)
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#logs.turnCommitted()
  }

  async #commitToDatabase(writes: readonly StoreWrite[]): Promise<void> {
    await this.#gathering
    if (this.#failure !== undefined) throw this.#failure
    const changes = this.#logs.plan(writes)
    for (const write of writes) this.#plan(write, changes)
    await this.#change(changes)
    this.#logs.committed()
    this.#journal?.release(this.#logs.firstTurn)
  }

  get #isGatheringDue(): boolean {
    if (this.#gathering !== undefined || this.#failure !== undefined) return false
    return this.#logs.isOverfull || (this.#journal?.fill ?? 0) > JOURNAL_FILL_MAX
  }

  /** Gathers beside the commits to the journal. Should it fail, the next commit tells. */
  #gather(journal: TurnJournal): void {
    const changes = this.#logs.planGathering()
    if (changes.length === 0) return
    const done = this.#change(changes).then(
      () => {
        this.#logs.gatheringCommitted()
        journal.release(this.#logs.firstTurn)
      },
      () => {},
    )
    this.#gathering = done.then(() => {
      this.#gathering = undefined
    })
  }

  /** Does the changes in one transaction. */
  async #change(changes: Change[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      const done = this.#root.batch(() => {
        for (const change of changes) applyChange(change)
      })
      this.#begin()
      await done
    } catch (error) {
      throw this.#fail(await causeOf(error))
    } finally {
      // LMDB's thread reads the values where they are: they have to live until here.
      changes.length = 0
    }
  }

  #fail(cause: unknown): StorageError {
    this.#failure ??= storageErrorOf(cause, this.#folder)
    return this.#failure
  }

  /**
   * LMDB's thread would begin when this turn of the event loop ends; with more writes than its threshold it
   * begins at once. So one more is asked for, which does nothing.
   */
  #begin(): void {
    void this.#counters.remove(NO_COUNTER)
  }

  async close(): Promise<void> {
    // The end of one commit begins the next, as long as writes wait.
    for (let last: Promise<unknown> | undefined; last !== this.#underWay; ) {
      last = this.#underWay
      await last
      await new Promise((done) => setImmediate(done))
    }
    await this.#gathering
    await this.#root.close()
    await this.#journal?.close()
  }

  read(conversation: number, seq: number): LogPage | LogGap | undefined {
    return this.#logs.read(conversation, seq)
  }

  extent(conversation: number): LogExtent {
    return this.#logs.extent(conversation)
  }

  participants(conversation: number): readonly ParticipantRecord[] {
    const records: ParticipantRecord[] = []
    for (const { key, value } of this.#participants.getRange(participantRange(conversation)))
      this.#take(records, value, `participant ${hexKey(key)}`)
    return records
  }

  /** Damaged ones are none: their owner publishes others. */
  prekeys(keyHex: string): PrekeysRecord | undefined {
    const value = this.#prekeys.get(keyHex)
    const records: PrekeysRecord[] = []
    if (value) this.#take(records, value, `prekeys ${keyHex}`)
    return records[0]
  }

  /** Adds the record, or says that it is damaged: the rest goes on without it. */
  #take<T>(records: T[], value: Uint8Array, what: string): void {
    const record = parseCheckedJson(value)
    if (record === undefined) this.damaged.push(what)
    else records.push(record as T)
  }

  #plan(write: StoreWrite, changes: Change[]): void {
    switch (write.kind) {
      //= PAL-HSK-026
      case 'name':
        changes.push(put(this.#names, write.record.folded, write.record))
        break
      //= PAL-MOD-012
      case 'ban':
        changes.push(put(this.#bans, write.record.keyHex, write.record))
        break
      case 'unban':
        changes.push(removal(this.#bans, write.keyHex))
        break
      case 'conversation':
        this.#planConversation(write.record, changes)
        break
      case 'forget_conversation':
        changes.push(removal(this.#conversations, write.conversation))
        for (const key of this.#participants.getKeys(participantRange(write.conversation)))
          changes.push(removal(this.#participants, key))
        break
      case 'participants':
        for (const record of write.records)
          changes.push(put(this.#participants, participantKey(write.conversation, record.alias), record))
        break
      case 'forget_participant':
        changes.push(removal(this.#participants, participantKey(write.conversation, write.alias)))
        break
      case 'session':
        changes.push(put(this.#sessions, write.record.idHex, write.record))
        break
      case 'forget_session':
        changes.push(removal(this.#sessions, write.idHex))
        break
      case 'prekeys':
        changes.push(put(this.#prekeys, write.record.keyHex, write.record))
        break
      case 'forget_prekeys':
        changes.push(removal(this.#prekeys, write.keyHex))
        break
      case 'entries':
      case 'trim':
        break
      default:
        write satisfies never
    }
  }

  #planConversation(record: ConversationRecord, changes: Change[]): void {
    changes.push(put(this.#conversations, record.number, record))
    if (record.number <= this.#lastConversation) return
    this.#lastConversation = record.number
    changes.push(put(this.#counters, LAST_CONVERSATION, { value: record.number }))
  }

  #readState(): StoredState {
    const directory: DirectoryRecord[] = []
    for (const { key, value } of this.#names.getRange({}))
      directory.push({ kind: 'name', record: checked<NameRecord>(value, `name ${key}`) })
    for (const { key, value } of this.#bans.getRange({}))
      directory.push({ kind: 'ban', record: checked<BanRecord>(value, `ban ${key}`) })
    const conversations: ConversationRecord[] = []
    for (const { key, value } of this.#conversations.getRange({}))
      this.#take(conversations, value, `conversation ${key}`)
    const sessions: SessionRecord[] = []
    for (const { key, value } of this.#sessions.getRange({})) this.#take(sessions, value, `session ${key}`)
    const counter = this.#counters.get(LAST_CONVERSATION)
    const last = counter && checked<{ value: number }>(counter, 'the counter of conversations').value
    return { directory, conversations, sessions, lastConversation: last ?? 0 }
  }
}

/** A record whose loss would give away a name, lift a ban or reuse a number: without it there is no start. */
function checked<T>(bytes: Uint8Array, what: string): T {
  const value = parseCheckedJson(bytes)
  if (value === undefined) throw new StorageError('corrupt', `${what} is damaged in the store`)
  return value as T
}

function put<K extends string | number | Uint8Array>(
  database: Database<Uint8Array, K>,
  key: K,
  record: object,
): Change {
  return { database: database as unknown as Change['database'], key, value: checkedJson(record) } as Change
}

function removal<K extends string | number | Uint8Array>(database: Database<Uint8Array, K>, key: K): Change {
  return { database: database as unknown as Change['database'], key, value: undefined } as Change
}

function applyChange({ database, key, value }: Change): void {
  const target = database as Database<Uint8Array, string | number | Uint8Array>
  if (value === undefined) void target.remove(key)
  else void target.put(key, value)
}

function participantKey(conversation: number, alias: number): Uint8Array {
  const key = new Uint8Array(PARTICIPANT_KEY_BYTES)
  const view = new DataView(key.buffer)
  view.setUint32(0, conversation)
  view.setUint32(4, alias)
  return key
}

function participantRange(conversation: number): {
  start: Uint8Array
  end: Uint8Array
  inclusiveEnd: boolean
} {
  const start = participantKey(conversation, 0)
  return { start, end: participantKey(conversation, ALIAS_END), inclusiveEnd: true }
}

function hexKey(key: Uint8Array): string {
  return Buffer.from(key).toString('hex')
}

function areEntries(writes: readonly StoreWrite[]): writes is readonly EntriesWrite[] {
  for (const { kind } of writes) if (kind !== 'entries') return false
  return writes.length > 0
}

function turnLength(writes: readonly EntriesWrite[]): number {
  let bytes = 0
  for (const write of writes) bytes += write.bytes.length
  return turnBytes(writes.length, bytes)
}

type SecretDatabase = Database<Uint8Array, string>

function readSecrets(secrets: SecretDatabase): RelaySecrets {
  return { identitySeed: secretOf(secrets, 'identity'), linkSecret: secretOf(secrets, 'link') }
}

/** The secret of that name, made when there is none. */
function secretOf(secrets: SecretDatabase, name: string): Uint8Array {
  const known = secrets.get(name)
  if (known) return checkedSecret(known, name)
  const made = systemEntropy(SEED_BYTES)
  const kept = new Uint8Array(SEED_BYTES + SUM_BYTES)
  kept.set(made)
  new DataView(kept.buffer).setUint32(SEED_BYTES, crc32c(made))
  secrets.putSync(name, kept)
  return made
}

/**
 * The journal, made where the database knows none: `prepare` is called before it is used for the first time.
 * Its size is that of the file. Undefined when there is to be none.
 */
function openJournal(
  path: string,
  secrets: SecretDatabase,
  bytes: number | undefined,
  prepare: () => void,
): TurnJournal | undefined {
  if (secrets.get(JOURNAL_SECRET) === undefined) {
    const size = bytes ?? Math.min(JOURNAL_BYTES, roomIn(dirname(path)) * JOURNAL_PART_MAX)
    if (size < JOURNAL_BYTES_MIN || !HAS_JOURNAL) return undefined
    createJournal(path, size)
    prepare()
  } else if (!existsSync(path))
    throw new StorageError('corrupt', `${path} is missing, with what was acknowledged last: restore a backup`)
  makePrivate(path)
  return new TurnJournal(path, secretOf(secrets, JOURNAL_SECRET).subarray(0, JOURNAL_ID_BYTES))
}

/** Older stores hold secrets without a sum. */
function checkedSecret(kept: Uint8Array, name: string): Uint8Array {
  const secret = Uint8Array.from(kept.subarray(0, SEED_BYTES))
  if (kept.length === SEED_BYTES) return secret
  const sum = new DataView(kept.buffer, kept.byteOffset, kept.byteLength).getUint32(SEED_BYTES)
  if (sum !== crc32c(secret)) throw new StorageError('corrupt', `the ${name} secret is damaged in the store`)
  return secret
}

/** LMDB tells that a commit failed, and by another promise why. */
async function causeOf(error: unknown): Promise<unknown> {
  const why = (error as { commitError?: Promise<never> } | null)?.commitError
  if (why === undefined) return error
  return why.then(
    () => error,
    (cause: unknown) => cause,
  )
}

const ENOSPC = 28
/** With less than this left, a write that failed failed for want of room: LMDB calls a short write EIO. */
const ROOM_BYTES = 1024 * 1024

function storageErrorOf(cause: unknown, folder: string): StorageError {
  const { code } = (cause ?? {}) as { readonly code?: unknown }
  if (code === ENOSPC || code === 'ENOSPC' || roomIn(folder) < ROOM_BYTES)
    return new StorageError('disk_full', 'cannot commit: the disk is full', cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  return new StorageError('disk_failed', `cannot commit: ${text}`, cause)
}

function roomIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Infinity
  }
}
