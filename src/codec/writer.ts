import { assert } from '../base/assert.ts'

const INITIAL_BYTES = 1024

/**
 * A growing buffer that frames are appended to in MessagePack's shortest forms. Reused for many batches:
 * `take` copies what was written and empties it.
 */
export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Starts a frame with room for its length prefix; returns what `endFrame` wants. */
  beginFrame(): number {
    this.#reserve(4)
    this.#length += 4
    return this.#length
  }

  /** Fills in the length prefix of the frame that began at `start`. */
  endFrame(start: number): void {
    const bytes = this.#bytes
    const length = this.#length - start
    //= PAL-STR-001
    bytes[start - 4] = length >>> 24
    bytes[start - 3] = length >>> 16
    bytes[start - 2] = length >>> 8
    bytes[start - 1] = length
  }

  /** Removes everything at and after `length`. */
  truncate(length: number): void {
    assert(length <= this.#length, 'a writer shrinks only')
    this.#length = length
  }

  writeArrayHeader(count: number): void {
    this.#reserve(5)
    //= PAL-FRM-002
    if (count < 16) this.#bytes[this.#length++] = 0x90 | count
    else this.#sized(0xdc, count)
  }

  writeBool(value: boolean): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value ? 0xc3 : 0xc2
  }

  /** `value` is an integer from 0 to 2^53 - 1. */
  writeUint(value: number): void {
    this.#reserve(9)
    const bytes = this.#bytes
    //= PAL-FRM-002
    if (value < 0x80) {
      bytes[this.#length++] = value
    } else if (value < 0x100) {
      bytes[this.#length++] = 0xcc
      bytes[this.#length++] = value
    } else if (value < 0x10000) {
      bytes[this.#length++] = 0xcd
      bytes[this.#length++] = value >>> 8
      bytes[this.#length++] = value
    } else if (value < 0x100000000) {
      bytes[this.#length++] = 0xce
      this.#uint32(value)
    } else {
      bytes[this.#length++] = 0xcf
      this.#uint32(Math.floor(value / 0x100000000))
      this.#uint32(value >>> 0)
    }
  }

  writeBin(source: Uint8Array, start: number = 0, end: number = source.length): void {
    const length = end - start
    this.#reserve(length + 5)
    //= PAL-FRM-002
    if (length < 0x100) {
      this.#bytes[this.#length++] = 0xc4
      this.#bytes[this.#length++] = length
    } else this.#sized(0xc5, length)
    this.#copy(source, start, end)
  }

  /** `utf8` is the text's UTF-8 bytes. */
  writeStr(utf8: Uint8Array): void {
    const length = utf8.length
    this.#reserve(length + 5)
    //= PAL-FRM-002
    if (length < 32) {
      this.#bytes[this.#length++] = 0xa0 | length
    } else if (length < 0x100) {
      this.#bytes[this.#length++] = 0xd9
      this.#bytes[this.#length++] = length
    } else this.#sized(0xda, length)
    this.#copy(utf8, 0, length)
  }

  /** Appends bytes as they are. */
  writeRaw(source: Uint8Array): void {
    this.#reserve(source.length)
    this.#copy(source, 0, source.length)
  }

  /** The bytes written so far; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A copy of the bytes written so far, in memory that the caller owns; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return taken
  }

  #sized(marker16: number, count: number): void {
    const bytes = this.#bytes
    if (count < 0x10000) {
      bytes[this.#length++] = marker16
      bytes[this.#length++] = count >>> 8
      bytes[this.#length++] = count
    } else {
      bytes[this.#length++] = marker16 + 1
      this.#uint32(count)
    }
  }

  #uint32(value: number): void {
    const bytes = this.#bytes
    bytes[this.#length++] = value >>> 24
    bytes[this.#length++] = value >>> 16
    bytes[this.#length++] = value >>> 8
    bytes[this.#length++] = value
  }

  /** Short runs are copied byte by byte: the call to `set` with a fresh view costs more. */
  #copy(source: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes
    let at = this.#length
    if (end - start <= 96) {
      for (let i = start; i < end; i++) bytes[at++] = source[i] as number
    } else {
      bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
      at += end - start
    }
    this.#length = at
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    let capacity = this.#bytes.length * 2
    while (capacity < needed) capacity *= 2
    const grown = new Uint8Array(capacity)
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
