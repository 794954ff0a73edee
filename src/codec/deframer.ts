/**
 * Cuts an ordered byte stream into frames (spec chapter 4): four bytes of length, then the frame. Costs time
 * linear in the bytes received however they are cut, holds at most one unfinished frame, and reserves memory
 * for it only as its bytes arrive.
 */
import { concatBytes, EMPTY_BYTES, readUint32 } from '../base/bytes.ts'

/** What `next` found. */
export const FRAME = 1
export const MORE = 0
export const TOO_LARGE = -1
export const EMPTY = -2

/** Bytes of the length before each frame. */
export const PREFIX_BYTES = 4
const HELD_BYTES_MIN = 256

export class Deframer {
  /** After FRAME: the frame is [start, end) of `bytes`, valid until the next `push`. */
  bytes: Uint8Array = EMPTY_BYTES
  start: number = 0
  end: number = 0

  /** The longest frame accepted, in bytes; may be changed between frames. */
  frameBytesMax: number

  #chunk: Uint8Array = EMPTY_BYTES
  #position = 0
  #held: Uint8Array = EMPTY_BYTES
  #heldLength = 0

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /** Bytes of an unfinished frame that wait for the rest. */
  get heldBytes(): number {
    return this.#heldLength
  }

  /** Bytes handed in and not looked at. */
  get unreadBytes(): number {
    return this.#chunk.length - this.#position
  }

  /** Hands in the next bytes of the stream; they are only kept past `next` giving MORE by `unread`. */
  push(chunk: Uint8Array): void {
    const unread = this.#chunk.length - this.#position
    this.#chunk = unread === 0 ? chunk : concatBytes([this.#chunk.subarray(this.#position), chunk])
    this.#position = 0
  }

  /** Takes back the frame just given: it comes again with the following `next`. Copies what is not read. */
  unread(): void {
    const frame = this.bytes.subarray(this.start - PREFIX_BYTES, this.end)
    this.#chunk = concatBytes([frame, this.#chunk.subarray(this.#position)])
    this.#position = 0
  }

  /** FRAME when one is complete, MORE when bytes are wanted, TOO_LARGE or EMPTY when the stream is broken. */
  next(): typeof FRAME | typeof MORE | typeof TOO_LARGE | typeof EMPTY {
    if (this.#heldLength > 0) return this.#nextHeld()
    const chunk = this.#chunk
    const left = chunk.length - this.#position
    if (left < PREFIX_BYTES) return this.#hold(left)
    const length = readUint32(chunk, this.#position)
    //= PAL-STR-002, PAL-STR-003
    if (length === 0) return EMPTY
    if (length > this.frameBytesMax) return TOO_LARGE
    //= PAL-STR-009
    if (left - PREFIX_BYTES < length) return this.#hold(left)
    this.bytes = chunk
    this.start = this.#position + PREFIX_BYTES
    this.end = this.start + length
    this.#position = this.end
    return FRAME
  }

  /** Completes the frame whose beginning is held, from the chunk. */
  #nextHeld(): typeof FRAME | typeof MORE | typeof TOO_LARGE | typeof EMPTY {
    //= PAL-STR-007
    if (!this.#fill(PREFIX_BYTES)) return MORE
    const length = readUint32(this.#held, 0)
    if (length === 0) return EMPTY
    if (length > this.frameBytesMax) return TOO_LARGE
    if (!this.#fill(PREFIX_BYTES + length)) return MORE
    this.bytes = this.#held
    this.start = PREFIX_BYTES
    this.end = PREFIX_BYTES + length
    this.#held = EMPTY_BYTES
    this.#heldLength = 0
    return FRAME
  }

  #hold(byteCount: number): typeof MORE {
    if (byteCount > 0) this.#take(byteCount)
    return MORE
  }

  /** Moves bytes from the chunk until `wanted` are held; false when the chunk had too few. */
  #fill(wanted: number): boolean {
    const missing = wanted - this.#heldLength
    if (missing > 0) this.#take(Math.min(missing, this.#chunk.length - this.#position))
    return this.#heldLength >= wanted
  }

  /** The held bytes double in capacity, so that each is copied a bounded number of times. */
  #take(byteCount: number): void {
    const needed = this.#heldLength + byteCount
    if (needed > this.#held.length) {
      //= PAL-STR-008
      const grown = new Uint8Array(Math.max(needed, this.#held.length * 2, HELD_BYTES_MIN))
      grown.set(this.#held.subarray(0, this.#heldLength))
      this.#held = grown
    }
    copyBytes(this.#chunk, this.#position, byteCount, this.#held, this.#heldLength)
    this.#heldLength = needed
    this.#position += byteCount
  }
}

/** A short run is copied byte by byte: a fresh view and a call to `set` cost more. */
function copyBytes(from: Uint8Array, at: number, byteCount: number, into: Uint8Array, offset: number): void {
  if (byteCount > 96) into.set(from.subarray(at, at + byteCount), offset)
  else for (let i = 0; i < byteCount; i++) into[offset + i] = from[at + i] as number
}
