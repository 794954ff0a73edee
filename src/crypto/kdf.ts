/** HKDF-SHA-512 (RFC 5869) and the labels that keep one use of a key from another. */
import { assert } from '../base/assert.ts'
import { utf8Bytes } from '../base/bytes.ts'
import type { Primitives } from './primitives.ts'

const HASH_BYTES = 64
const BLOCKS_MAX = 255

/** The suite that this package speaks; it is the first byte of every identity and transcript. */
export const SUITE = 0x01

/** What every signed, hashed or derived structure of the suite begins with. */
export function label(use: string): Uint8Array {
  return utf8Bytes(`palaver/e2e/${SUITE}/${use}`)
}

/** What HKDF takes; `byteCount` is at most 16,320. */
export interface HkdfInput {
  readonly salt: Uint8Array
  readonly inputKey: Uint8Array
  readonly info: Uint8Array
  readonly byteCount: number
}

/** HKDF: extract, then expand. */
export function hkdf(primitives: Primitives, input: HkdfInput): Uint8Array {
  const { salt, inputKey, info, byteCount } = input
  return hkdfExpand(primitives, primitives.hmac512(salt, inputKey), info, byteCount)
}

/** The second half of HKDF, from a 64-byte pseudorandom key. */
export function hkdfExpand(
  primitives: Primitives,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  byteCount: number,
): Uint8Array {
  const blockCount = Math.ceil(byteCount / HASH_BYTES)
  assert(blockCount <= BLOCKS_MAX, 'HKDF gives at most 255 blocks')
  const out = new Uint8Array(blockCount * HASH_BYTES)
  let block: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < blockCount; i++) {
    block = primitives.hmac512(pseudorandomKey, block, info, Uint8Array.of(i + 1))
    out.set(block, i * HASH_BYTES)
  }
  return out.subarray(0, byteCount)
}
