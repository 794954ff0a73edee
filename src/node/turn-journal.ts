/**
 * The journal: a file, written over and over from its beginning, that holds turns until they are gathered. A
 * turn is written in one piece to blocks that are on the disk already, so that one synchronised write is all
 * that its acknowledgement waits for.
 *
 * Nothing of a turn that is still needed is written over. What a record is known by is secret, since people
 * decide what turns hold; which of them count is what the database says.
 */
import {
  close,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  write,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { crc32c } from '../base/crc32c.ts'
import { Queue } from '../base/queue.ts'
import { isSoundTurn } from './log-format.ts'

/** Whether this system has writes that return when they are on disk; without, there can be no journal. */
export const HAS_JOURNAL: boolean = (constants.O_DSYNC as number | undefined) !== undefined

/** Records begin at multiples of this: no disk tears what is smaller. */
export const JOURNAL_BLOCK_BYTES = 512
/** Bytes before a record's turn: what the journal is known by, the turn's number, its length and a sum. */
export const JOURNAL_HEADER_BYTES = 32
export const JOURNAL_ID_BYTES = 16
const NUMBER_AT = 16
const LENGTH_AT = 24
const SUM_AT = 28
const PRIVATE_FILE_MODE = 0o600
const ZEROS_BYTES = 1024 * 1024
/** A turn takes this part of the file at most: it is written from memory that is kept. */
const TURN_PART_MAX = 1 / 4

/** A turn as it lies in the file. */
export interface JournalTurn {
  readonly turn: number
  /** Where its record begins and ends. */
  readonly start: number
  readonly end: number
  readonly value: Uint8Array
}

/** The turns from `firstTurn` on, in order, and the one that was being written when everything ended. */
export interface JournalContent {
  readonly turns: readonly JournalTurn[]
  /** Its record is not whole, so it was never acknowledged. */
  readonly torn: JournalTurn | undefined
}

/** Writes the header of a record whose turn of `length` bytes follows. */
export function writeJournalHeader(into: Uint8Array, id: Uint8Array, turn: number, length: number): void {
  const view = viewOf(into)
  into.set(id)
  view.setFloat64(NUMBER_AT, turn)
  view.setUint32(LENGTH_AT, length)
  view.setUint32(SUM_AT, crc32c(into, 0, SUM_AT))
}

/**
 * What a file holds. Only the last turn can be torn, because the next one is written when it is on disk:
 * others that are damaged are given as they are. So is one up to `knownTurn`, which others elsewhere follow.
 */
export function readJournal(
  file: Uint8Array,
  id: Uint8Array,
  firstTurn: number,
  knownTurn: number = 0,
): JournalContent {
  const turns: JournalTurn[] = []
  for (let start = 0; start + JOURNAL_HEADER_BYTES <= file.length; start += JOURNAL_BLOCK_BYTES) {
    const found = readRecord(file, id, start)
    if (found !== undefined && found.turn >= firstTurn) turns.push(found)
  }
  turns.sort((a, b) => a.turn - b.turn)
  const last = turns.at(-1)
  if (last === undefined || last.turn <= knownTurn || isSoundTurn(last.turn, last.value))
    return { turns, torn: undefined }
  turns.pop()
  return { turns, torn: last }
}

function readRecord(file: Uint8Array, id: Uint8Array, start: number): JournalTurn | undefined {
  if (file[start] !== id[0]) return undefined
  if (!equalBytes(file.subarray(start, start + JOURNAL_ID_BYTES), id)) return undefined
  const view = viewOf(file)
  if (view.getUint32(start + SUM_AT) !== crc32c(file, start, start + SUM_AT)) return undefined
  const from = start + JOURNAL_HEADER_BYTES
  const to = from + view.getUint32(start + LENGTH_AT)
  if (to > file.length) return undefined
  const turn = view.getFloat64(start + NUMBER_AT)
  return { turn, start, end: start + recordBytes(to - from), value: file.subarray(from, to) }
}

/** How much of the file a turn of so many bytes takes. */
function recordBytes(length: number): number {
  return Math.ceil((JOURNAL_HEADER_BYTES + length) / JOURNAL_BLOCK_BYTES) * JOURNAL_BLOCK_BYTES
}

/** Makes the file, all its blocks written, so that writing them again changes nothing but them. */
export function createJournal(path: string, bytes: number): void {
  const file = openSync(path, 'w', PRIVATE_FILE_MODE)
  try {
    const zeros = new Uint8Array(ZEROS_BYTES)
    for (let at = 0; at < bytes; ) at += writeSync(file, zeros, 0, Math.min(zeros.length, bytes - at))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

export class TurnJournal {
  readonly #file: number
  readonly #id: Uint8Array
  readonly #size: number
  /** The turns that are still needed, oldest first: number, start and end of each. */
  readonly #live = new Queue<number>()
  /** Of the first of them; undefined when there is none. */
  #firstTurn: number | undefined
  #firstStart = 0
  /** Where the last of them ends. */
  #end = 0
  #buffer: Uint8Array = new Uint8Array(0)

  /** Opens the file that is there. Throws what the system says. */
  constructor(path: string, id: Uint8Array) {
    if (!HAS_JOURNAL) throw new Error('this system has no synchronised writes, which the journal needs')
    this.#id = id
    this.#size = Math.floor(statSync(path).size / JOURNAL_BLOCK_BYTES) * JOURNAL_BLOCK_BYTES
    this.#file = openSync(path, constants.O_RDWR | constants.O_DSYNC)
  }

  /**
   * The turns from `firstTurn` on, which from now on are kept; one that is torn is gone. Call once, first.
   * That the last one can be read does not say that it is on the disk, so it is written again.
   */
  replay(firstTurn: number, knownTurn: number = 0): readonly JournalTurn[] {
    const bytes = new Uint8Array(this.#size)
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.#file, bytes, at, bytes.length - at, at)
      if (count === 0) break
      at += count
    }
    const { turns, torn } = readJournal(bytes, this.#id, firstTurn, knownTurn)
    for (const { turn, start, end } of turns) this.#keep(turn, start, end)
    const last = turns.at(-1)
    if (torn) this.#rewrite(torn.start, new Uint8Array(JOURNAL_BLOCK_BYTES))
    if (last) this.#rewrite(last.start, bytes.subarray(last.start, last.end))
    return turns
  }

  #rewrite(start: number, bytes: Uint8Array): void {
    const count = writeSync(this.#file, bytes, 0, bytes.length, start)
    if (count !== bytes.length) throw new Error(`wrote ${count} of ${bytes.length} bytes of the journal`)
  }

  /** The share of the file that is still needed, from 0 to 1. */
  get fill(): number {
    if (this.#firstTurn === undefined) return 0
    const used = this.#end - this.#firstStart
    return (used > 0 ? used : used + this.#size) / this.#size
  }

  /** Whether a turn of so many bytes can be written without losing one that is still needed. */
  hasRoomFor(length: number): boolean {
    return this.#placeFor(recordBytes(length)) !== undefined
  }

  /**
   * Writes the turn that `fill` puts into an array of `length` bytes. Resolves when it is on disk, rejects
   * with what the system says. One at a time; there must be room.
   */
  append(turn: number, length: number, fill: (into: Uint8Array) => void): Promise<void> {
    const bytes = recordBytes(length)
    const start = this.#placeFor(bytes)
    assert(start !== undefined, 'a turn is put into the journal when there is room')
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(2 * bytes)
    const record = this.#buffer.subarray(0, bytes)
    fill(record.subarray(JOURNAL_HEADER_BYTES, JOURNAL_HEADER_BYTES + length))
    writeJournalHeader(record, this.#id, turn, length)
    record.fill(0, JOURNAL_HEADER_BYTES + length)
    this.#keep(turn, start, start + bytes)
    return new Promise((resolve, reject) => {
      write(this.#file, record, 0, bytes, start, (error, count) => {
        if (error) reject(error)
        else if (count === bytes) resolve()
        else reject(new Error(`wrote ${count} of ${bytes} bytes of the journal`))
      })
    })
  }

  /** Turns before this one are needed no longer; the database says so already. */
  release(firstTurn: number): void {
    while (this.#firstTurn !== undefined && this.#firstTurn < firstTurn) this.#shift()
  }

  /** Nothing is being written. */
  close(): Promise<void> {
    return new Promise((resolve) => close(this.#file, () => resolve()))
  }

  /** Behind the last record, or where the file begins; what is needed is in the way or not. */
  #placeFor(bytes: number): number | undefined {
    if (bytes > this.#size * TURN_PART_MAX) return undefined
    if (this.#firstTurn === undefined) return 0
    const [first, end] = [this.#firstStart, this.#end]
    if (end > first) {
      if (end + bytes <= this.#size) return end
      return bytes <= first ? 0 : undefined
    }
    return end + bytes <= first ? end : undefined
  }

  #keep(turn: number, start: number, end: number): void {
    this.#live.push(turn)
    this.#live.push(start)
    this.#live.push(end)
    this.#end = end
    if (this.#firstTurn === undefined) this.#shift()
  }

  #shift(): void {
    this.#firstTurn = this.#live.shift()
    this.#firstStart = this.#live.shift() ?? 0
    this.#live.shift()
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
