/** Fixed-length fields, the way all structures of end-to-end encryption are written: big-endian, no gaps. */
import { copyOf, readUint32, uint32Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'

/** The eight big-endian bytes of a whole number below 2^53; another one throws. */
export function uint64Bytes(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError('bad_argument', 'a number or time is whole, not negative and below 2^53')
  const bytes = new Uint8Array(8)
  bytes.set(uint32Bytes(Math.floor(value / 2 ** 32)))
  bytes.set(uint32Bytes(value % 2 ** 32), 4)
  return bytes
}

/** The number in eight big-endian bytes; rounded beyond 2^53. */
export function readUint64(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) * 2 ** 32 + readUint32(bytes, offset + 4)
}

/** The two big-endian bytes of `value`. */
export function uint16Bytes(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value)
}

/** Reads forward; past the end it gives zeros and remembers that it did. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #at = 0
  #hasFailed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Whether everything was read, and nothing beyond. */
  get isDone(): boolean {
    return !this.#hasFailed && this.#at === this.#bytes.length
  }

  fail(): void {
    this.#hasFailed = true
  }

  /** A copy of the next bytes. */
  bytes(byteCount: number): Uint8Array {
    if (this.#hasFailed || this.#bytes.length - this.#at < byteCount) {
      this.#hasFailed = true
      // A length of a peer is not worth memory.
      return new Uint8Array(byteCount <= FAILED_BYTES_MAX ? byteCount : 0)
    }
    this.#at += byteCount
    return copyOf(this.#bytes, this.#at - byteCount, this.#at)
  }

  /** A copy of all that is left. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at)
  }

  /** Bytes after their length in 16 bits. */
  short(): Uint8Array {
    return this.bytes(this.uint16())
  }

  byte(): number {
    return this.bytes(1)[0] as number
  }

  uint16(): number {
    const bytes = this.bytes(2)
    return ((bytes[0] as number) << 8) | (bytes[1] as number)
  }

  uint32(): number {
    return readUint32(this.bytes(4), 0)
  }

  uint64(): number {
    return readUint64(this.bytes(8), 0)
  }
}

const FAILED_BYTES_MAX = 256
