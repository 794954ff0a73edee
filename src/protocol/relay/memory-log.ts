/** The entries of one conversation in memory, piece by piece as they were committed. */
import { assert } from '../../base/assert.ts'
import { EMPTY_BYTES } from '../../base/bytes.ts'
import type { LogExtent, LogGap, LogPage } from './storage.ts'

/** Pieces trimmed away before the array is shortened: keeps trimming linear in what is trimmed. */
const SHORTEN_AT = 32
const TRIMMED: LogPage = { firstSeq: 0, lastSeq: 0, bytes: EMPTY_BYTES, timeMs: 0 }

export class MemoryLog {
  #pieces: LogPage[] = []
  /** Pieces at the beginning of the array that are trimmed already. */
  #trimmed = 0
  #headSeq: number
  #bytes = 0

  /** A log whose entries up to `headSeq` are not here. */
  constructor(headSeq: number = 0) {
    this.#headSeq = headSeq
  }

  get extent(): LogExtent {
    const first = this.#pieces[this.#trimmed]
    return { firstSeq: first?.firstSeq ?? this.#headSeq + 1, headSeq: this.#headSeq, bytes: this.#bytes }
  }

  /** Keeps the piece itself, which follows the last one. */
  append(piece: LogPage): void {
    assert(piece.firstSeq === this.#headSeq + 1, 'a piece of a log follows the one before')
    assert(piece.lastSeq >= piece.firstSeq, 'a piece of a log holds an entry')
    this.#pieces.push(piece)
    this.#headSeq = piece.lastSeq
    this.#bytes += piece.bytes.length
  }

  read(seq: number): LogPage | LogGap | undefined {
    if (seq > this.#headSeq) return undefined
    const { firstSeq } = this.extent
    if (seq < firstSeq) return { firstSeq: seq, lastSeq: firstSeq - 1, reason: 'retention' }
    return this.#pieces[this.#indexOf(seq)]
  }

  /** Drops the pieces that end below `seq`. */
  trim(seq: number): void {
    let index = this.#trimmed
    for (; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index] as LogPage
      if (piece.lastSeq >= seq) break
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
      if ((this.#pieces[middle] as LogPage).firstSeq <= seq) low = middle
      else high = middle - 1
    }
    return low
  }
}
