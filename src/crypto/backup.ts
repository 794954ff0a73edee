/**
 * A backup under a passphrase: PBKDF2-HMAC-SHA-512 (RFC 8018), because every platform has it and the portable
 * provider can compute it, then one secret box.
 */
import { concatBytes, uint32Bytes, utf8Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { FieldReader } from './fields.ts'
import type { Primitives } from './primitives.ts'

const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 24
const START = concatBytes([utf8Bytes('PALAVER'), Uint8Array.of(1)])
const PASSPHRASE_BYTES_MIN = 8
/** OWASP's advice for this function in 2023. */
const ITERATIONS = 210_000
const ITERATIONS_MIN = 100_000
/** Beyond it a foreign file would only burn time. */
const ITERATIONS_MAX = 5_000_000

/** What a backup was, or why it is refused. */
export type BackupResult = Uint8Array | 'malformed' | 'passphrase'

/** Seals a backup. A passphrase of fewer than 8 bytes throws. */
export function sealBackup(
  primitives: Primitives,
  content: Uint8Array,
  passphrase: string,
  iterations: number = ITERATIONS,
): Uint8Array {
  const secret = utf8Bytes(passphrase.normalize('NFC'))
  if (secret.length < PASSPHRASE_BYTES_MIN)
    throw new UsageError('bad_argument', `a passphrase has at least ${PASSPHRASE_BYTES_MIN} characters`)
  //= PAL-SDC-019
  const salt = primitives.random(SALT_BYTES)
  const nonce = primitives.random(NONCE_BYTES)
  const key = pbkdf2(primitives, secret, salt, iterations)
  return concatBytes([START, uint32Bytes(iterations), salt, nonce, primitives.seal(key, nonce, content)])
}

/** Opens a backup. */
export function openBackup(primitives: Primitives, bytes: Uint8Array, passphrase: string): BackupResult {
  const reader = new FieldReader(bytes)
  const start = reader.bytes(START.length)
  const iterations = reader.uint32()
  const salt = reader.bytes(SALT_BYTES)
  const nonce = reader.bytes(NONCE_BYTES)
  const sealed = reader.rest()
  const isStart = start.every((byte, i) => byte === START[i])
  //= PAL-SDC-020
  const isWithin = iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX
  if (!reader.isDone || !isStart || !isWithin) return 'malformed'
  const key = pbkdf2(primitives, utf8Bytes(passphrase.normalize('NFC')), salt, iterations)
  return primitives.open(key, nonce, sealed) ?? 'passphrase'
}

/** PBKDF2-HMAC-SHA-512: the first 32 bytes of its first block. */
export function pbkdf2(
  primitives: Primitives,
  passphrase: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Uint8Array {
  let block = primitives.hmac512(passphrase, salt, uint32Bytes(1))
  const sum = Uint8Array.from(block)
  for (let i = 1; i < iterations; i++) {
    block = primitives.hmac512(passphrase, block)
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) ^ (block[at] as number)
  }
  return sum.subarray(0, KEY_BYTES)
}
