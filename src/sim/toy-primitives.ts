/** Quick stand-ins for cryptography, good enough where nobody forges anything: simulated chats are many. */
import { equalBytes, type LinkPrimitives, type SignaturePrimitives } from '../base/index.ts'
import { hash32 } from './random.ts'

const SIGN = Uint8Array.of(2)
const TAG_BYTES = 16

/** Two words that depend on every byte and on where each part ends. */
function mix(parts: readonly Uint8Array[]): { readonly a: number; readonly b: number } {
  let a = 0x1234567
  let b = 0x89abcde
  for (const part of parts) {
    const { length } = part
    const words = length & ~3
    for (let i = 0; i < words; i += 4) {
      const word =
        (part[i] as number) |
        ((part[i + 1] as number) << 8) |
        ((part[i + 2] as number) << 16) |
        ((part[i + 3] as number) << 24)
      a = Math.imul(a ^ word, 0x01000193)
      a ^= a >>> 15
      b = (Math.imul(b, 0x5bd1e995) + word) | 0
    }
    for (let i = words; i < length; i++) a = Math.imul(a ^ (part[i] as number), 0x01000193)
    a = Math.imul(a ^ length, 0x01000193)
  }
  return { a, b }
}

function spread({ a, b }: ReturnType<typeof mix>, byteCount: number): Uint8Array {
  const out = new Uint8Array(byteCount)
  for (let i = 0; i * 4 < byteCount; i++) {
    const word = hash32(a, b, i)
    for (let j = 0; j < 4; j++) out[i * 4 + j] = word >>> (j * 8)
  }
  return out
}

const toyHash = (...parts: readonly Uint8Array[]): Uint8Array => spread(mix(parts), 64)
const toyTag = (...parts: readonly Uint8Array[]): Uint8Array => spread(mix(parts), TAG_BYTES)

/** The identity of somebody with a number. */
export function toyIdentity(number: number): { readonly seed: Uint8Array; readonly publicKey: Uint8Array } {
  const seed = new Uint8Array(32).fill(number + 1)
  return { seed, publicKey: toyHash(seed).subarray(0, 32) }
}

export const toySignatures: SignaturePrimitives = {
  sha512: toyHash,
  sign: (seed, message) => toyHash(SIGN, toyHash(seed).subarray(0, 32), message),
  verify: (key, signature, message) => equalBytes(signature, toyHash(SIGN, key, message)),
}

/** Keys agree, tags catch every corruption, and nothing is secret. */
export const toyLinkPrimitives: LinkPrimitives = {
  sha512: toyHash,
  hmacSha512: (key, ...parts) => toyHash(key, ...parts),
  hmacSha256: (key, ...parts) => toyHash(key, ...parts).subarray(0, 32),
  x25519KeyPair: (secret) => ({ secret, public: flipped(secret, 0x55) }),
  x25519: (secret, publicKey) => secret.map((byte, i) => byte ^ (publicKey[i] as number)),
  aeadSeal(key, nonce, aad, plaintext, headBytes = 0) {
    const out = new Uint8Array(headBytes + plaintext.length + TAG_BYTES)
    out.set(plaintext, headBytes)
    out.set(toyTag(key, nonce, aad, plaintext), headBytes + plaintext.length)
    return out
  },
  aeadOpen(key, nonce, aad, sealed) {
    const length = sealed.length - TAG_BYTES
    if (length < 0) return undefined
    const plaintext = sealed.slice(0, length)
    const tag = toyTag(key, nonce, aad, plaintext)
    return equalBytes(tag, sealed.subarray(length)) ? plaintext : undefined
  },
}

function flipped(bytes: Uint8Array, mask: number): Uint8Array {
  return bytes.map((byte) => byte ^ mask)
}
