/**
 * How log entries lie in the database. A turn's entries are first written together, one value for all
 * conversations (a turn), later gathered by conversation (pieces). Every value carries CRC-32C sums, which
 * LMDB does not have.
 */
import { crc32c } from '../base/crc32c.ts'

const TWO_32 = 0x1_0000_0000

/** Bytes of a piece's key: conversation, first position, and how many entries follow the first. */
export const PIECE_KEY_BYTES = 16
/** Bytes before a piece's entries: sum, state, time, and where the piece ends in the whole log. */
export const PIECE_HEADER_BYTES = 24
const RECORD_BYTES = 40
const BLOCK_FIXED_BYTES = 16
const COUNT_BYTES = 4

/**
 * What became of a piece's entries. One without them is kept where they are damaged, and where it is the last
 * piece of a log, so that the log's end is known.
 */
export const PIECE_STATES = { sound: 0, trimmed: 1, damaged: 2 } as const
export type PieceState = (typeof PIECE_STATES)[keyof typeof PIECE_STATES]

/** The range a piece covers, as its key tells it. */
export interface PieceKey {
  readonly conversation: number
  readonly firstSeq: number
  readonly lastSeq: number
}

/** What a record of a turn does to one log. */
export const RECORD_KINDS = { entries: 0, forget: 1 } as const
export type RecordKind = (typeof RECORD_KINDS)[keyof typeof RECORD_KINDS]

/** One record of a turn. `bytes` is undefined when they are damaged. */
export interface TurnRecord {
  readonly kind: RecordKind
  readonly conversation: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly timeMs: number
  readonly bytes: Uint8Array | undefined
}

/** What `writeTurn` needs of a record. */
export type SoundRecord = TurnRecord & { readonly bytes: Uint8Array }

/** Writes the key of a piece at the start of `into`; `count` is the number of entries after the first. */
export function writePieceKey(into: Uint8Array, conversation: number, firstSeq: number, count: number): void {
  const view = viewOf(into)
  view.setUint32(0, conversation)
  view.setUint32(4, Math.floor(firstSeq / TWO_32))
  view.setUint32(8, firstSeq % TWO_32)
  view.setUint32(12, count)
}

export function readPieceKey(key: Uint8Array): PieceKey {
  const view = viewOf(key)
  const firstSeq = view.getUint32(4) * TWO_32 + view.getUint32(8)
  return { conversation: view.getUint32(0), firstSeq, lastSeq: firstSeq + view.getUint32(12) }
}

/** Fills in the header of a piece whose entries are in `value` already. */
export function sealPiece(
  key: Uint8Array,
  value: Uint8Array,
  header: { readonly state: PieceState; readonly timeMs: number; readonly endByte: number },
): void {
  const view = viewOf(value)
  view.setUint32(4, header.state)
  view.setFloat64(8, header.timeMs)
  view.setFloat64(16, header.endByte)
  view.setUint32(0, pieceSum(key, value))
}

/** A piece as it was read; `bytes` are entries only when it is sound. */
export interface StoredPiece extends PieceKey {
  readonly state: PieceState
  readonly timeMs: number
  /** Bytes of all pieces there ever were of the log, up to the end of this one. */
  readonly endByte: number
  readonly bytes: Uint8Array
}

/** The piece under `key`. One whose sum is wrong comes as damaged, its range as the key tells it. */
export function readPiece(key: Uint8Array, value: Uint8Array): StoredPiece {
  const range = readPieceKey(key)
  if (value.length < PIECE_HEADER_BYTES || viewOf(value).getUint32(0) !== pieceSum(key, value))
    return { ...range, state: PIECE_STATES.damaged, timeMs: 0, endByte: 0, bytes: new Uint8Array(0) }
  const view = viewOf(value)
  return {
    ...range,
    state: view.getUint32(4) as PieceState,
    timeMs: view.getFloat64(8),
    endByte: view.getFloat64(16),
    bytes: value.subarray(PIECE_HEADER_BYTES),
  }
}

function pieceSum(key: Uint8Array, value: Uint8Array): number {
  return crc32c(value, 4, value.length, crc32c(key))
}

/** How many bytes `writeTurn` needs. */
export function turnBytes(recordCount: number, entryBytes: number): number {
  return 2 * blockBytes(recordCount) + entryBytes + COUNT_BYTES
}

/**
 * Writes a turn: the block that describes its records, their entries, the block again, and the count again.
 * Twice, because a turn whose description is lost leaves conversations with holes of unknown place.
 */
export function writeTurn(into: Uint8Array, turn: number, records: readonly SoundRecord[]): void {
  const block = blockBytes(records.length)
  const view = viewOf(into)
  view.setUint32(4, records.length)
  view.setFloat64(8, turn)
  let at = BLOCK_FIXED_BYTES
  let end = block
  for (const record of records) {
    const { bytes } = record
    view.setUint32(at, record.conversation)
    view.setUint32(at + 4, record.kind)
    view.setFloat64(at + 8, record.firstSeq)
    view.setFloat64(at + 16, record.lastSeq)
    view.setFloat64(at + 24, record.timeMs)
    view.setUint32(at + 32, bytes.length)
    view.setUint32(at + 36, crc32c(bytes))
    into.set(bytes, end)
    at += RECORD_BYTES
    end += bytes.length
  }
  view.setUint32(0, crc32c(into, 4, block))
  into.copyWithin(end, 0, block)
  view.setUint32(end + block, records.length)
}

/** The records of a turn, or undefined when both descriptions are damaged. */
export function readTurn(turn: number, value: Uint8Array): TurnRecord[] | undefined {
  if (value.length < turnBytes(0, 0)) return undefined
  const view = viewOf(value)
  if (isSoundBlock(turn, value, 0, view.getUint32(4))) return readRecords(value, 0, view.getUint32(4))
  const count = view.getUint32(value.length - COUNT_BYTES)
  const second = value.length - COUNT_BYTES - blockBytes(count)
  return isSoundBlock(turn, value, second, count) ? readRecords(value, second, count) : undefined
}

/** Whether every byte of a turn is as it was written. */
export function isSoundTurn(turn: number, value: Uint8Array): boolean {
  if (value.length < turnBytes(0, 0)) return false
  const view = viewOf(value)
  const count = view.getUint32(value.length - COUNT_BYTES)
  const second = value.length - COUNT_BYTES - blockBytes(count)
  if (!isSoundBlock(turn, value, 0, count) || !isSoundBlock(turn, value, second, count)) return false
  return readRecords(value, 0, count).every(({ bytes }) => bytes !== undefined)
}

function isSoundBlock(turn: number, value: Uint8Array, start: number, count: number): boolean {
  const end = start + blockBytes(count)
  if (start < 0 || end > value.length) return false
  const view = viewOf(value)
  if (view.getUint32(start) !== crc32c(value, start + 4, end)) return false
  return view.getUint32(start + 4) === count && view.getFloat64(start + 8) === turn
}

function readRecords(value: Uint8Array, start: number, count: number): TurnRecord[] {
  const view = viewOf(value)
  const records: TurnRecord[] = []
  let end = blockBytes(count)
  for (let i = 0; i < count; i++) {
    const at = start + BLOCK_FIXED_BYTES + i * RECORD_BYTES
    const from = end
    end += view.getUint32(at + 32)
    const isSound = end <= value.length && crc32c(value, from, end) === view.getUint32(at + 36)
    records.push({
      kind: view.getUint32(at + 4) as RecordKind,
      conversation: view.getUint32(at),
      firstSeq: view.getFloat64(at + 8),
      lastSeq: view.getFloat64(at + 16),
      timeMs: view.getFloat64(at + 24),
      bytes: isSound ? value.slice(from, end) : undefined,
    })
  }
  return records
}

function blockBytes(count: number): number {
  return BLOCK_FIXED_BYTES + count * RECORD_BYTES
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
