/**
 * The safety number of two identities: 60 digits that both see alike, for comparing over any other channel.
 */
import { concatBytes, utf8Bytes } from '../../base/bytes.ts'
import type { Primitives } from '../primitives.ts'

const ITERATIONS = 5200
const GROUPS = 6
const VERSION = Uint8Array.of(0, 0)
const STABLE_NAME = utf8Bytes('palaver')

/** The safety number of two IDs, in whatever order: 12 groups of 5 digits. */
export function safetyNumber(primitives: Primitives, a: Uint8Array, b: Uint8Array): string {
  //= PAL-TRU-001
  const [first, second] = [a, b].map((id) => fingerprintDigits(primitives, id, STABLE_NAME)).sort()
  return `${first}${second}`.replace(/(\d{5})(?=\d)/gu, '$1 ')
}

/** Whether digits, however grouped, are the safety number of both. */
export function isSafetyNumber(
  primitives: Primitives,
  digits: string,
  a: Uint8Array,
  b: Uint8Array,
): boolean {
  return digits.replace(/\s+/gu, '') === safetyNumber(primitives, a, b).replaceAll(' ', '')
}

/** One half: 30 digits of a key and the stable name of its owner, slow on purpose. */
export function fingerprintDigits(primitives: Primitives, key: Uint8Array, stableName: Uint8Array): string {
  let hash: Uint8Array = concatBytes([VERSION, key, stableName])
  for (let i = 0; i < ITERATIONS; i++) hash = primitives.sha512(hash, key)
  let digits = ''
  for (let group = 0; group < GROUPS; group++) {
    let value = 0
    for (let i = 0; i < 5; i++) value = value * 256 + (hash[group * 5 + i] as number)
    digits += String(value % 100_000).padStart(5, '0')
  }
  return digits
}
