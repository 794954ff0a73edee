import { readUint32, writeUint32 } from '../base/index.ts'
import { LIMIT } from './generated/constants.ts'

/** Bytes that `value` takes as a variable-length integer (RFC 9000 section 16). */
export function varintSize(value: number): number {
  if (value < 0x40) return 1
  if (value < 0x4000) return 2
  return value < 0x40000000 ? 4 : 8
}

/** Writes `value` (at most 2^53 - 1) in its shortest form and returns the offset after it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  if (value < 0x40) {
    into[at] = value
    return at + 1
  }
  if (value < 0x4000) {
    into[at] = 0x40 | (value >> 8)
    into[at + 1] = value
    return at + 2
  }
  if (value < 0x40000000) {
    writeUint32(into, at, value)
    into[at] = (into[at] as number) | 0x80
    return at + 4
  }
  writeUint32(into, at, Math.floor(value / 0x100000000))
  into[at] = (into[at] as number) | 0xc0
  writeUint32(into, at + 4, value % 0x100000000)
  return at + 8
}

/** `readVarint` ran past the end. */
export const VARINT_TRUNCATED = -1
/** `readVarint` met a longer form than needed, or a value above 2^53 - 1. */
export const VARINT_BAD = -2

/** The variable-length integer at `at`, not reading beyond `end`, or one of the two negative values above. */
//= PAL-UDP-040
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return VARINT_TRUNCATED
  const first = bytes[at] as number
  const size = 1 << (first >> 6)
  if (at + size > end) return VARINT_TRUNCATED
  if (size === 1) return first
  if (size === 2) {
    const value = ((first & 0x3f) << 8) | (bytes[at + 1] as number)
    return value < 0x40 ? VARINT_BAD : value
  }
  const high = readUint32(bytes, at) % 0x40000000
  if (size === 4) return high < 0x4000 ? VARINT_BAD : high
  const value = high * 0x100000000 + readUint32(bytes, at + 4)
  return value < 0x40000000 || value > LIMIT.numberMax ? VARINT_BAD : value
}
