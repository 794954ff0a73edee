/**
 * Conversations' entries on disk. What a turn brings is written as one value, whatever the number of
 * conversations, and kept in memory too; later, when enough has gathered, the oldest of it is written again
 * by conversation, in pieces that are read by position and trimmed by age. So a commit costs a few pages
 * in a row, and a start after a kill reads a few megabytes however long the logs are.
 *
 * A turn's value is in the database, or in the journal when it brings entries and nothing else. Which turns
 * are needed the database says; they follow one another without a hole, wherever they are.
 */
import type { Database } from 'lmdb'
import { assert } from '../base/assert.ts'
import { StorageError } from '../base/errors.ts'
import { Queue } from '../base/queue.ts'
import { MemoryLog, PIECE_COST_BYTES } from '../protocol/relay/memory-log.ts'
import type { LogExtent, LogGap, LogPage, StoreWrite } from '../protocol/relay/storage.ts'
import { checkedJson, parseCheckedJson } from './checked-json.ts'
import {
  PIECE_HEADER_BYTES,
  PIECE_KEY_BYTES,
  PIECE_STATES,
  type PieceKey,
  type PieceState,
  RECORD_KINDS,
  readPiece,
  readPieceKey,
  readTurn,
  type SoundRecord,
  type StoredPiece,
  sealPiece,
  type TurnRecord,
  turnBytes,
  writePieceKey,
  writeTurn,
} from './log-format.ts'

/** Turns' entries by the number of the turn. */
export type TurnDatabase = Database<Uint8Array, number>
/** Pieces by conversation and position. */
export type PieceDatabase = Database<Uint8Array, Uint8Array>

/** Numbers by name. */
export type CounterDatabase = Database<Uint8Array, string>

/** One change of a database: without a value, the key is removed. */
export interface Change {
  readonly database: Database<Uint8Array, number> | Database<Uint8Array, Uint8Array> | CounterDatabase
  readonly key: number | Uint8Array | string
  readonly value: Uint8Array | undefined
}

/** What a log store is made of. */
export interface LogStoreParts {
  readonly turns: TurnDatabase
  readonly pieces: PieceDatabase
  readonly counters: CounterDatabase
  /** What is in memory is gathered when it costs more. */
  readonly recentBytesMax: number
  /** Gives the turns from one on that are in the journal; the last one in the database is told. */
  readonly journal: ((firstTurn: number, knownTurn: number) => Iterable<JournalledTurn>) | undefined
}

/** A turn as it comes from the journal. */
export interface JournalledTurn {
  readonly turn: number
  readonly value: Uint8Array
}

/** Entries that are about to be written as one turn. */
export interface TurnPlan {
  readonly turn: number
  /** How many bytes `writeTurn` needs for it. */
  readonly length: number
  readonly records: readonly SoundRecord[]
}

const PIECE_BYTES_MAX = 64 * 1024
/** What is gathered in a commit, besides twice what the commit brings. */
const GATHER_BYTES = 64 * 1024
/** What is gathered at once beside commits to the journal: few transactions, no long turn of the loop. */
const GATHER_APART_BYTES = 256 * 1024
const FIRST_TURN = 'firstTurn'
/** A piece spans no more time than this, so that its entries can go when their age says so. */
const PIECE_SPAN_MS = 3_600_000
const COUNT_MAX = 0xffff_ffff
const DAMAGED = new Uint8Array(0)

interface LogState {
  /** Entries that are not in pieces yet. */
  readonly recent: MemoryLog
  /** The last entry that is in a piece, or was. */
  pieceSeq: number
  /** Bytes of all pieces there ever were. */
  endByte: number
  /** The first entry in a piece that is still there; `pieceSeq` + 1 when there is none. */
  firstSeq: number
  /** Bytes of all pieces that are gone. */
  firstByte: number
}

interface Gathered {
  readonly conversation: number
  readonly lastSeq: number
  readonly endByte: number
}

export type EntriesWrite = Extract<StoreWrite, { kind: 'entries' }>

export class LogStore {
  readonly #turns: TurnDatabase
  readonly #pieces: PieceDatabase
  readonly #counters: CounterDatabase
  readonly #recentBytesMax: number
  readonly #states = new Map<number, LogState>()
  /** What is in turns, oldest first. Some of it may be in pieces, or gone, by now. */
  readonly #waiting = new Waiting()
  /** The first turn that is needed, as the database will say or says. */
  #firstTurn = 1
  #lastTurn = 0
  /** Turns in the database that are not dropped yet. */
  readonly #stored = new Queue<number>()
  #committedTurn = 0
  #recentBytes = 0
  #appended: SoundRecord[] = []
  #gathered: Gathered[] = []

  /** Reads the turns that are there. Throws StorageError when one cannot be understood. */
  constructor({ turns, pieces, counters, recentBytesMax, journal }: LogStoreParts) {
    this.#turns = turns
    this.#pieces = pieces
    this.#counters = counters
    this.#recentBytesMax = recentBytesMax
    this.#replay(journal)
  }

  /**
   * The changes that make the writes lasting. Call `committed` when they are on disk; until then no other
   * plan may be made.
   */
  plan(writes: readonly StoreWrite[]): Change[] {
    assert(this.#gathered.length === 0, 'one change of the database is under way at a time')
    const changes: Change[] = []
    const records: SoundRecord[] = []
    const forgotten = new Set<number>()
    let bytes = 0
    for (const write of writes) {
      if (write.kind === 'entries') {
        records.push({ ...write, kind: RECORD_KINDS.entries })
        bytes += write.bytes.length
      } else if (write.kind === 'forget_conversation') {
        this.#forget(write.conversation, changes)
        forgotten.add(write.conversation)
        records.push(forgetRecord(write.conversation))
      } else if (write.kind === 'trim') this.#trim(write.conversation, write.seq, changes)
    }
    if (records.length > 0) {
      const { turn, length } = this.#planTurn(records, bytes)
      this.#appended = this.#appended.filter(({ conversation }) => !forgotten.has(conversation))
      const value = new Uint8Array(length)
      writeTurn(value, turn, records)
      changes.push({ database: this.#turns, key: turn, value })
      this.#stored.push(turn)
    }
    this.#gather(GATHER_BYTES + 2 * bytes, changes)
    this.#dropTurns(changes)
    return changes
  }

  /** The turn that makes entries lasting. Call `turnCommitted` when it is on disk, before the next one. */
  planTurn(writes: readonly EntriesWrite[]): TurnPlan {
    const records: SoundRecord[] = []
    let bytes = 0
    for (const write of writes) {
      records.push({ ...write, kind: RECORD_KINDS.entries })
      bytes += write.bytes.length
    }
    return this.#planTurn(records, bytes)
  }

  #planTurn(records: readonly SoundRecord[], bytes: number): TurnPlan {
    assert(this.#appended.length === 0, 'one turn is under way at a time')
    const turn = this.#lastTurn + 1
    this.#lastTurn = turn
    for (const record of records) {
      if (record.kind !== RECORD_KINDS.entries) continue
      this.#appended.push(record)
      this.#waiting.push(turn, record.conversation, record.lastSeq)
    }
    return { turn, length: turnBytes(records.length, bytes), records }
  }

  /** The changes that gather, with turns in the journal; `committed` as after `plan`. */
  planGathering(): Change[] {
    assert(this.#gathered.length === 0, 'one change of the database is under way at a time')
    const changes: Change[] = []
    this.#gather(GATHER_APART_BYTES, changes, Infinity)
    this.#dropTurns(changes)
    return changes
  }

  /** Whether there is more in memory than is to be. */
  get isOverfull(): boolean {
    return this.#recentBytes > this.#recentBytesMax
  }

  /** The first turn that is needed, when what was planned last is on disk. */
  get firstTurn(): number {
    return this.#firstTurn
  }

  /** What was planned last is on disk: from now on it is read. */
  committed(): void {
    this.turnCommitted()
    this.gatheringCommitted()
  }

  /** The turn planned last is on disk: from now on its entries are read. */
  turnCommitted(): void {
    for (const record of this.#appended) this.#append(record.conversation, record)
    this.#appended = []
    this.#committedTurn = this.#lastTurn
  }

  /** What `planGathering` planned last is on disk. */
  gatheringCommitted(): void {
    for (const { conversation, lastSeq, endByte } of this.#gathered) {
      const state = this.#states.get(conversation)
      if (state === undefined || state.pieceSeq >= lastSeq) continue
      state.pieceSeq = lastSeq
      state.endByte = endByte
      this.#trimRecent(state, lastSeq + 1)
    }
    this.#gathered = []
  }

  read(conversation: number, seq: number): LogPage | LogGap | undefined {
    const state = this.#stateOf(conversation)
    if (seq > state.pieceSeq) {
      const page = state.recent.read(seq)
      const isDamaged = page !== undefined && 'bytes' in page && page.bytes === DAMAGED
      return isDamaged ? { firstSeq: seq, lastSeq: page.lastSeq, reason: 'corrupt' } : page
    }
    if (seq < state.firstSeq) return { firstSeq: seq, lastSeq: firstKept(state) - 1, reason: 'retention' }
    const piece = this.#pieceAt(conversation, seq)
    if (piece === undefined || piece.lastSeq < seq)
      return { firstSeq: seq, lastSeq: this.#holeEnd(conversation, seq, state), reason: 'corrupt' }
    if (piece.state === PIECE_STATES.sound) return piece
    const reason = piece.state === PIECE_STATES.trimmed ? 'retention' : 'corrupt'
    return { firstSeq: seq, lastSeq: Math.min(piece.lastSeq, state.pieceSeq), reason }
  }

  extent(conversation: number): LogExtent {
    const state = this.#stateOf(conversation)
    const { headSeq, bytes } = state.recent.extent
    const pieceBytes = Math.max(0, state.endByte - state.firstByte)
    return { firstSeq: firstKept(state), headSeq, bytes: bytes + pieceBytes }
  }

  #replay(journal: LogStoreParts['journal']): void {
    const forgotten = new Set<number>()
    const kept: [turn: number, record: TurnRecord][] = []
    for (const { turn, value } of this.#turnsThere(journal)) {
      const records = readTurn(turn, value)
      if (turn !== this.#lastTurn + 1 || records === undefined)
        throw new StorageError('corrupt', `turn ${turn} of the store cannot be understood: restore a backup`)
      this.#lastTurn = turn
      for (const record of records) {
        if (record.kind === RECORD_KINDS.forget) forgotten.add(record.conversation)
        else kept.push([turn, record])
      }
    }
    for (const [turn, record] of kept) {
      const { conversation, firstSeq, lastSeq, timeMs, bytes = DAMAGED } = record
      if (forgotten.has(conversation) || lastSeq <= this.#stateOf(conversation).pieceSeq) continue
      this.#append(conversation, { firstSeq, lastSeq, timeMs, bytes })
      this.#waiting.push(turn, conversation, lastSeq)
    }
    this.#committedTurn = this.#lastTurn
  }

  /** The turns that are needed, in their order, from the database and the journal. */
  #turnsThere(journal: LogStoreParts['journal']): JournalledTurn[] {
    const turns = [...this.#turns.getRange({})].map(({ key: turn, value }) => ({ turn, value }))
    for (const { turn } of turns) this.#stored.push(turn)
    const counter = this.#counters.get(FIRST_TURN)
    this.#firstTurn = counter === undefined ? (turns[0]?.turn ?? 1) : readCounter(counter)
    this.#lastTurn = this.#firstTurn - 1
    if (journal) turns.push(...journal(this.#firstTurn, turns.at(-1)?.turn ?? 0))
    return turns.sort((a, b) => a.turn - b.turn)
  }

  #append(conversation: number, page: LogPage): void {
    const { recent } = this.#stateOf(conversation)
    this.#recentBytes -= recent.cost
    recent.append(page)
    this.#recentBytes += recent.cost
  }

  #trimRecent({ recent }: LogState, seq: number): void {
    this.#recentBytes -= recent.cost
    recent.trim(seq)
    this.#recentBytes += recent.cost
  }

  /** Moves the oldest of what is in memory into pieces, about `budget` bytes, when there is too much. */
  #gather(budget: number, changes: Change[], excessMin: number = 0): void {
    let left = budget
    const done = new Set<number>()
    let excess = Math.max(excessMin, this.#recentBytes - this.#recentBytesMax)
    for (let next = this.#nextWaiting(done); next !== undefined; next = this.#nextWaiting(done)) {
      if (excess <= 0 || left <= 0) return
      const gathered = this.#gatherLog(next, left, changes)
      done.add(next)
      excess -= gathered
      left -= gathered
    }
  }

  /**
   * The conversation with the oldest entries that are in turns alone, leaving out this commit's and what it
   * gathers already.
   */
  #nextWaiting(done: ReadonlySet<number>): number | undefined {
    const waiting = this.#waiting
    for (; waiting.turn !== undefined; waiting.shift()) {
      const { turn, conversation, lastSeq } = waiting
      if (turn > this.#committedTurn || done.has(conversation)) return undefined
      const state = this.#states.get(conversation)
      const isThere = state !== undefined && lastSeq <= state.recent.extent.headSeq
      if (isThere && lastSeq > state.pieceSeq) return conversation
    }
    return undefined
  }

  #gatherLog(conversation: number, budget: number, changes: Change[]): number {
    const state = this.#stateOf(conversation)
    let { pieceSeq, endByte } = state
    let cost = 0
    while (cost < budget) {
      const pages = pagesOfPiece(state.recent, pieceSeq + 1)
      const first = pages[0]
      if (first === undefined) break
      const last = pages[pages.length - 1] as LogPage
      const startByte = endByte
      const piece = { conversation, firstSeq: first.firstSeq, lastSeq: last.lastSeq }
      for (const page of pages) endByte += page.bytes.length
      cost += endByte - startByte + pages.length * PIECE_COST_BYTES
      const pieceState = first.bytes === DAMAGED ? PIECE_STATES.damaged : PIECE_STATES.sound
      changes.push(this.#pieceChange(piece, pages, { state: pieceState, timeMs: last.timeMs, endByte }))
      pieceSeq = last.lastSeq
    }
    this.#gathered.push({ conversation, lastSeq: pieceSeq, endByte })
    return cost
  }

  #pieceChange(
    range: PieceKey,
    pages: readonly LogPage[],
    header: { readonly state: PieceState; readonly timeMs: number; readonly endByte: number },
  ): Change {
    const key = new Uint8Array(PIECE_KEY_BYTES)
    writePieceKey(key, range.conversation, range.firstSeq, range.lastSeq - range.firstSeq)
    let end = PIECE_HEADER_BYTES
    for (const page of pages) end += page.bytes.length
    const value = new Uint8Array(end)
    end = PIECE_HEADER_BYTES
    for (const page of pages) {
      value.set(page.bytes, end)
      end += page.bytes.length
    }
    sealPiece(key, value, header)
    return { database: this.#pieces, key, value }
  }

  /** Turns go when nothing in them is waiting any more. */
  #dropTurns(changes: Change[]): void {
    this.#nextWaiting(new Set())
    const needed = this.#waiting.turn ?? this.#lastTurn
    if (needed <= this.#firstTurn) return
    this.#firstTurn = needed
    changes.push({ database: this.#counters, key: FIRST_TURN, value: checkedJson({ value: needed }) })
    for (let turn = this.#stored.peek(); turn !== undefined && turn < needed; turn = this.#stored.peek()) {
      changes.push({ database: this.#turns, key: turn, value: undefined })
      this.#stored.shift()
    }
  }

  /**
   * Readers are told at once what goes: were it still read after the commit is there and before it is known,
   * it would look damaged.
   */
  #trim(conversation: number, seq: number, changes: Change[]): void {
    const state = this.#stateOf(conversation)
    const goneTo = this.#lastGone(conversation, state, seq)
    if (goneTo < firstKept(state)) return
    for (const key of this.#keysFrom(conversation, 0)) {
      if (readPieceKey(key).lastSeq > goneTo) break
      changes.push({ database: this.#pieces, key, value: undefined })
    }
    if (goneTo < state.pieceSeq) {
      this.#findFirst(conversation, state, goneTo + 1)
      return
    }
    const firstSeq = Math.max(state.pieceSeq + 1, goneTo - COUNT_MAX)
    const range = { conversation, firstSeq: Math.min(firstSeq, goneTo), lastSeq: goneTo }
    const header = { state: PIECE_STATES.trimmed, timeMs: 0, endByte: state.endByte }
    changes.push(this.#pieceChange(range, [], header))
    state.pieceSeq = goneTo
    state.firstSeq = goneTo + 1
    state.firstByte = state.endByte
    this.#trimRecent(state, goneTo + 1)
  }

  /** The last entry of the last piece or page that ends below `seq`. */
  #lastGone(conversation: number, state: LogState, seq: number): number {
    const { firstSeq, headSeq } = state.recent.extent
    if (seq > headSeq) return headSeq
    if (seq > firstSeq) {
      const page = state.recent.read(seq)
      return page === undefined ? headSeq : page.firstSeq - 1
    }
    if (seq > state.pieceSeq) return state.pieceSeq
    const key = this.#keyAt(conversation, seq)
    return key === undefined ? 0 : Math.min(seq, readPieceKey(key).firstSeq) - 1
  }

  #forget(conversation: number, changes: Change[]): void {
    const state = this.#stateOf(conversation)
    for (const key of this.#keysFrom(conversation, 0))
      changes.push({ database: this.#pieces, key, value: undefined })
    this.#trimRecent(state, Infinity)
    this.#states.delete(conversation)
  }

  #stateOf(conversation: number): LogState {
    const known = this.#states.get(conversation)
    if (known !== undefined) return known
    const last = this.#pieceAt(conversation, Number.MAX_SAFE_INTEGER)
    const pieceSeq = last?.lastSeq ?? 0
    const endByte = last?.endByte ?? 0
    const recent = new MemoryLog(pieceSeq)
    const state: LogState = { recent, pieceSeq, endByte, firstSeq: pieceSeq + 1, firstByte: endByte }
    if (last !== undefined) this.#findFirst(conversation, state, 0)
    this.#states.set(conversation, state)
    return state
  }

  /** Sets where the pieces begin that hold entries from `seq` on. */
  #findFirst(conversation: number, state: LogState, seq: number): void {
    for (const key of this.#keysFrom(conversation, seq)) {
      const piece = readPiece(key, this.#pieces.get(key) as Uint8Array)
      if (piece.state === PIECE_STATES.trimmed) continue
      state.firstSeq = piece.firstSeq
      state.firstByte = piece.endByte - piece.bytes.length
      return
    }
  }

  #pieceAt(conversation: number, seq: number): StoredPiece | undefined {
    const key = this.#keyAt(conversation, seq)
    return key && readPiece(key, this.#pieces.get(key) as Uint8Array)
  }

  /** The key of the last piece that begins at or before `seq`. */
  #keyAt(conversation: number, seq: number): Uint8Array | undefined {
    const start = keyOf(conversation, seq, COUNT_MAX)
    const [key] = this.#pieces.getKeys({ start, end: keyOf(conversation, 0, 0), reverse: true, limit: 1 })
    return key
  }

  /** Keys of the pieces that begin at or after `seq`. */
  #keysFrom(conversation: number, seq: number): Iterable<Uint8Array> {
    const end = keyOf(conversation, Number.MAX_SAFE_INTEGER, COUNT_MAX)
    return this.#pieces.getKeys({ start: keyOf(conversation, seq, 0), end })
  }

  /** Where entries are missing that should be in pieces: the last one missing from `seq` on. */
  #holeEnd(conversation: number, seq: number, state: LogState): number {
    for (const key of this.#keysFrom(conversation, seq)) return readPieceKey(key).firstSeq - 1
    return state.pieceSeq
  }
}

/**
 * Entries in turns, oldest first: of which turn and conversation, and up to which entry. Bare numbers,
 * because there is one for each batch kept in memory.
 */
class Waiting {
  readonly #numbers = new Queue<number>()
  /** The first one; undefined when there is none. */
  turn: number | undefined
  conversation = 0
  lastSeq = 0

  push(turn: number, conversation: number, lastSeq: number): void {
    this.#numbers.push(turn)
    this.#numbers.push(conversation)
    this.#numbers.push(lastSeq)
    if (this.turn === undefined) this.shift()
  }

  /** Drops the first one. */
  shift(): void {
    this.turn = this.#numbers.shift()
    this.conversation = this.#numbers.shift() ?? 0
    this.lastSeq = this.#numbers.shift() ?? 0
  }
}

/** Says from which turn on they are needed; the first one when there is none. */
export function setFirstTurn(counters: CounterDatabase, turns: TurnDatabase): void {
  if (counters.get(FIRST_TURN) !== undefined) return
  for (const turn of turns.getKeys({ limit: 1 }))
    return counters.putSync(FIRST_TURN, checkedJson({ value: turn }))
  counters.putSync(FIRST_TURN, checkedJson({ value: 1 }))
}

function readCounter(bytes: Uint8Array): number {
  const counter = parseCheckedJson(bytes) as { readonly value: number } | undefined
  if (counter === undefined) throw new StorageError('corrupt', 'the counter of turns is damaged in the store')
  return counter.value
}

function firstKept(state: LogState): number {
  return state.firstSeq <= state.pieceSeq ? state.firstSeq : state.recent.extent.firstSeq
}

/** Pages in a row that make one piece. One that is damaged makes a piece of its own. */
function pagesOfPiece(log: MemoryLog, firstSeq: number): LogPage[] {
  const pages: LogPage[] = []
  let bytes = 0
  for (let seq = firstSeq; bytes < PIECE_BYTES_MAX; ) {
    const page = log.read(seq)
    if (page === undefined || !('bytes' in page)) break
    const first = pages[0] ?? page
    if (page.timeMs - first.timeMs > PIECE_SPAN_MS || page.lastSeq - first.firstSeq > COUNT_MAX) break
    if (first !== page && (first.bytes === DAMAGED || page.bytes === DAMAGED)) break
    pages.push(page)
    bytes += page.bytes.length
    seq = page.lastSeq + 1
  }
  return pages
}

function forgetRecord(conversation: number): SoundRecord {
  const kind = RECORD_KINDS.forget
  return { kind, conversation, firstSeq: 0, lastSeq: 0, timeMs: 0, bytes: DAMAGED }
}

function keyOf(conversation: number, seq: number, count: number): Uint8Array {
  const key = new Uint8Array(PIECE_KEY_BYTES)
  writePieceKey(key, conversation, seq, count)
  return key
}
