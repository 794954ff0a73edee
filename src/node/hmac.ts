/**
 * HMAC on node:crypto. An Hmac object costs more to make, and to collect afterwards, than the hashing of a
 * few bytes: what is short is made of two hashes at once (RFC 2104), which need no object.
 */
import crypto from 'node:crypto'

const BLOCK_BYTES = 128
const HASH_BYTES = 64
const SHORT_BYTES_MAX = 1024

/** From Node 20.12 on. */
const hashAtOnce: typeof crypto.hash | undefined = crypto.hash

/** The block of the key, then the message; wiped after each use. */
const inner = new Uint8Array(BLOCK_BYTES + SHORT_BYTES_MAX)
/** The block of the key, then the inner hash; wiped after each use. */
const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES)

/** HMAC-SHA-512 of the parts in order, 64 bytes. */
export function hmacSha512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let byteCount = 0
  for (const part of parts) byteCount += part.length
  if (!hashAtOnce || byteCount > SHORT_BYTES_MAX || key.length > BLOCK_BYTES)
    return hmacByObject('sha512', key, parts)
  const keyBytes = key.length
  for (let i = 0; i < keyBytes; i++) {
    const byte = key[i] as number
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  }
  inner.fill(0x36, keyBytes, BLOCK_BYTES)
  outer.fill(0x5c, keyBytes, BLOCK_BYTES)
  let end = BLOCK_BYTES
  for (const part of parts) {
    inner.set(part, end)
    end += part.length
  }
  // As text: a Buffer for each hash costs more than the hash.
  outer.write(hashAtOnce('sha512', inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'binary')
  const result = bytesOf(hashAtOnce('sha512', outer, 'binary'))
  inner.fill(0, 0, end)
  outer.fill(0)
  return result
}

/** HMAC-SHA-256 of the parts in order, 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return hmacByObject('sha256', key, parts)
}

function hmacByObject(
  algorithm: 'sha256' | 'sha512',
  key: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array {
  const mac = crypto.createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  const digest = mac.digest()
  // A view of a Buffer is several times as expensive to cut as one of plain bytes.
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
}

function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
