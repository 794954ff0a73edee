/**
 * Conversations' entries on disk. What a turn brings is written as one value, whatever the number of
 * conversations, and kept in memory too; later, when enough has gathered, the oldest of it is written again
 * by conversation, in pieces that are read by position and trimmed by age. So a commit costs a few pages
 * in a row, and a start after a kill reads a few megabytes however long the logs are.
 */
import type { Database } from 'lmdb'
import { assert } from '../base/assert.ts'
import { StorageError } from '../base/errors.ts'
import { Queue } from '../base/queue.ts'
import { MemoryLog, PIECE_COST_BYTES } from '../protocol/relay/memory-log.ts'
import type { LogExtent, LogGap, LogPage, StoreWrite } from '../protocol/relay/storage.ts'
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

/** One change of a database: without a value, the key is removed. */
export interface Change {
  readonly database: Database<Uint8Array, number> | Database<Uint8Array, Uint8Array>
  readonly key: number | Uint8Array
  readonly value: Uint8Array | undefined
}

const PIECE_BYTES_MAX = 64 * 1024
/** What is gathered in a commit, besides twice what the commit brings. */
const GATHER_BYTES = 64 * 1024
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

type EntriesWrite = Extract<StoreWrite, { kind: 'entries' }>

export class LogStore {
  readonly #turns: TurnDatabase
  readonly #pieces: PieceDatabase
  readonly #recentBytesMax: number
  readonly #states = new Map<number, LogState>()
  /** What is in turns, oldest first. Some of it may be in pieces, or gone, by now. */
  readonly #waiting = new Waiting()
  #firstTurn = 1
  #lastTurn = 0
  #committedTurn = 0
  #recentBytes = 0
  #appended: EntriesWrite[] = []
  #gathered: Gathered[] = []

  /**
   * Reads the turns that are there. What is in memory is gathered when it costs more than `recentBytesMax`.
   * Throws StorageError when a turn cannot be understood.
   */
  constructor(turns: TurnDatabase, pieces: PieceDatabase, recentBytesMax: number) {
    this.#turns = turns
    this.#pieces = pieces
    this.#recentBytesMax = recentBytesMax
    this.#replay()
  }

  /** The changes that make the writes lasting. Calls of `plan` and `committed` alternate. */
  plan(writes: readonly StoreWrite[]): Change[] {
    assert(this.#appended.length === 0 && this.#gathered.length === 0, 'one commit is under way at a time')
    const changes: Change[] = []
    const records: SoundRecord[] = []
    const turn = this.#lastTurn + 1
    let bytes = 0
    for (const write of writes) {
      if (write.kind === 'entries') {
        this.#appended.push(write)
        records.push({ ...write, kind: RECORD_KINDS.entries })
        this.#waiting.push(turn, write.conversation, write.lastSeq)
        bytes += write.bytes.length
      } else if (write.kind === 'forget_conversation') {
        this.#forget(write.conversation, changes)
        records.push(forgetRecord(write.conversation))
      } else if (write.kind === 'trim') this.#trim(write.conversation, write.seq, changes)
    }
    if (records.length > 0) {
      this.#lastTurn = turn
      const value = new Uint8Array(turnBytes(records.length, bytes))
      writeTurn(value, turn, records)
      changes.push({ database: this.#turns, key: turn, value })
    }
    this.#gather(GATHER_BYTES + 2 * bytes, changes)
    this.#dropTurns(changes)
    return changes
  }

  /** What was planned last is on disk: from now on it is read. */
  committed(): void {
    for (const write of this.#appended) this.#append(write.conversation, write)
    for (const { conversation, lastSeq, endByte } of this.#gathered) {
      const state = this.#states.get(conversation)
      if (state === undefined || state.pieceSeq >= lastSeq) continue
      state.pieceSeq = lastSeq
      state.endByte = endByte
      this.#trimRecent(state, lastSeq + 1)
    }
    this.#appended = []
    this.#gathered = []
    this.#committedTurn = this.#lastTurn
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

  #replay(): void {
    const forgotten = new Set<number>()
    const kept: [turn: number, record: TurnRecord][] = []
    for (const { key: turn, value } of this.#turns.getRange({})) {
      if (kept.length === 0) this.#firstTurn = turn
      this.#lastTurn = turn
      const records = readTurn(turn, value)
      if (records === undefined)
        throw new StorageError('corrupt', `turn ${turn} of the store cannot be understood: restore a backup`)
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
  #gather(budget: number, changes: Change[]): void {
    let left = budget
    const done = new Set<number>()
    let excess = this.#recentBytes - this.#recentBytesMax
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
    for (; this.#firstTurn < needed; this.#firstTurn++)
      changes.push({ database: this.#turns, key: this.#firstTurn, value: undefined })
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
    this.#appended = this.#appended.filter((write) => write.conversation !== conversation)
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
