/** The entries of one conversation in memory, in pieces of what was committed. */
import { assert } from '../../base/assert.ts'
import { EMPTY_BYTES } from '../../base/bytes.ts'
import type { LogExtent, LogGap, LogPage } from './storage.ts'

/** Pieces trimmed away before the array is shortened: keeps trimming linear in what is trimmed. */
const SHORTEN_AT = 32
/** Small pieces go together up to this: what lives long is few objects, which is easy on the collector. */
const JOINED_BYTES_MAX = 4096
/** They are no further apart than this, because a piece has one age. */
const JOINED_SPAN_MS = 1000
/** What a piece costs in memory besides its entries. */
export const PIECE_COST_BYTES = 200

/** A piece that is the log's own, and may grow while it is the open one. */
interface Piece {
  readonly firstSeq: number
  lastSeq: number
  timeMs: number
  bytes: Uint8Array
}

const TRIMMED: Piece = { firstSeq: 0, lastSeq: 0, bytes: EMPTY_BYTES, timeMs: 0 }

export class MemoryLog {
  #pieces: Piece[] = []
  /** Pieces at the beginning of the array that are trimmed already. */
  #trimmed = 0
  #headSeq: number
  #bytes = 0
  /** The last piece while more can be joined to it: that much of its bytes is used. */
  #open: Piece | undefined
  #openLength = 0
  #openedMs = 0

  /** A log whose entries up to `headSeq` are not here. */
  constructor(headSeq: number = 0) {
    this.#headSeq = headSeq
  }

  get extent(): LogExtent {
    return { firstSeq: this.#firstSeq, headSeq: this.#headSeq, bytes: this.#bytes }
  }

  get #firstSeq(): number {
    return this.#pieces[this.#trimmed]?.firstSeq ?? this.#headSeq + 1
  }

  /** What it takes in memory, about. */
  get cost(): number {
    return this.#bytes + (this.#pieces.length - this.#trimmed) * PIECE_COST_BYTES
  }

  /** Keeps the bytes, or joins a copy of them to the piece before. The piece follows the last one. */
  append(piece: LogPage): void {
    const { firstSeq, lastSeq, bytes, timeMs } = piece
    assert(firstSeq === this.#headSeq + 1, 'a piece of a log follows the one before')
    assert(lastSeq >= firstSeq, 'a piece of a log holds an entry')
    this.#headSeq = lastSeq
    this.#bytes += bytes.length
    if (this.#join(piece)) return
    this.#close()
    const own: Piece = { firstSeq, lastSeq, timeMs, bytes }
    this.#pieces.push(own)
    // Pieces without bytes stand for damage and stay by themselves.
    if (bytes.length === 0 || bytes.length >= JOINED_BYTES_MAX) return
    this.#open = own
    this.#openLength = bytes.length
    this.#openedMs = timeMs
  }

  #join({ lastSeq, bytes, timeMs }: LogPage): boolean {
    const open = this.#open
    const start = this.#openLength
    const end = start + bytes.length
    if (open === undefined || bytes.length === 0 || end > JOINED_BYTES_MAX) return false
    if (timeMs - this.#openedMs > JOINED_SPAN_MS) return false
    if (end > open.bytes.length) {
      const grown = new Uint8Array(Math.min(JOINED_BYTES_MAX, 2 * end))
      grown.set(start === open.bytes.length ? open.bytes : open.bytes.subarray(0, start))
      open.bytes = grown
    }
    open.bytes.set(bytes, start)
    open.lastSeq = lastSeq
    open.timeMs = timeMs
    this.#openLength = end
    return true
  }

  /** Nothing is joined to the last piece any more: what was handed out does not change. */
  #close(): void {
    const open = this.#open
    if (open === undefined) return
    const length = this.#openLength
    if (2 * length < open.bytes.length) open.bytes = open.bytes.slice(0, length)
    else if (length < open.bytes.length) open.bytes = open.bytes.subarray(0, length)
    this.#open = undefined
  }

  read(seq: number): LogPage | LogGap | undefined {
    if (seq > this.#headSeq) return undefined
    const firstSeq = this.#firstSeq
    if (seq < firstSeq) return { firstSeq: seq, lastSeq: firstSeq - 1, reason: 'retention' }
    const piece = this.#pieces[this.#indexOf(seq)]
    if (piece === this.#open) this.#close()
    return piece
  }

  /** Drops the pieces that end below `seq`. */
  trim(seq: number): void {
    let index = this.#trimmed
    for (; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index] as Piece
      if (piece.lastSeq >= seq) break
      if (piece === this.#open) this.#close()
      this.#bytes -= piece.bytes.length
      // Lets go of the bytes although the place in the array stays for now.
      this.#pieces[index] = TRIMMED
    }
    this.#trimmed = index
    if (index < SHORTEN_AT || index * 2 < this.#pieces.length) return
    this.#pieces = this.#pieces.slice(index)
    this.#trimmed = 0
  }

  copy(): MemoryLog {
    this.#close()
    const copy = new MemoryLog(this.#headSeq)
    copy.#pieces = this.#pieces.slice(this.#trimmed)
    copy.#bytes = this.#bytes
    return copy
  }

  /** The last piece that begins at or before `seq`. */
  #indexOf(seq: number): number {
    let low = this.#trimmed
    let high = this.#pieces.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#pieces[middle] as Piece).firstSeq <= seq) low = middle
      else high = middle - 1
    }
    return low
  }
}
