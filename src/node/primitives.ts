/**
 * The cryptographic functions of the core on node:crypto. Keys are imported as JWK, which costs a tenth of
 * DER; none is generated and exported, because on Node 20 that can deadlock inside a garbage collection.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  type KeyObject,
  randomBytes,
  sign as signMessage,
  verify as verifyMessage,
} from 'node:crypto'
import nacl from 'tweetnacl'
import type { Entropy } from '../base/entropy.ts'
import type { LinkPrimitives, SignaturePrimitives } from '../base/primitives.ts'
import { isPlausibleSignature } from '../crypto/ed25519-check.ts'
import { hmacSha256, hmacSha512 } from './hmac.ts'

const TAG_BYTES = 16
const AEAD = 'chacha20-poly1305'
const AEAD_OPTIONS = { authTagLength: TAG_BYTES }

const POOL_BYTES = 4096
const POOLED_BYTES_MAX = 64
let pool: Uint8Array = new Uint8Array(0)
let poolAt = 0

/**
 * Bytes from the operating system's generator. A few bytes come from a pool, because a call costs as much as
 * sealing a message; bytes that were given out are wiped from it.
 */
export const systemEntropy: Entropy = (byteCount) => {
  //= PAL-CNV-002
  if (byteCount > POOLED_BYTES_MAX) return Uint8Array.from(randomBytes(byteCount))
  if (poolAt + byteCount > pool.length) {
    pool = Uint8Array.from(randomBytes(POOL_BYTES))
    poolAt = 0
  }
  const bytes = pool.slice(poolAt, poolAt + byteCount)
  pool.fill(0, poolAt, poolAt + byteCount)
  poolAt += byteCount
  return bytes
}

/** An Ed25519 key pair from its 32-byte seed. */
export function identityOfSeed(seed: Uint8Array): { seed: Uint8Array; publicKey: Uint8Array } {
  return { seed, publicKey: nacl.sign.keyPair.fromSeed(seed).publicKey }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const signingKeys = new WeakMap<Uint8Array, KeyObject>()

function signingKey(seed: Uint8Array): KeyObject {
  let key = signingKeys.get(seed)
  if (!key) {
    const { publicKey } = identityOfSeed(seed)
    const jwk = { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(publicKey) }
    key = createPrivateKey({ key: jwk, format: 'jwk' })
    signingKeys.set(seed, key)
  }
  return key
}

function verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  //= PAL-HSK-014
  if (!isPlausibleSignature(publicKey, signature)) return false
  try {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) },
      format: 'jwk',
    })
    return verifyMessage(null, message, key, signature)
  } catch {
    // A point that is not on the curve.
    return false
  }
}

/** Ed25519 and SHA-512 for sessions. */
export const nodeSignatures: SignaturePrimitives = {
  sha512,
  sign: (seed, message) => signMessage(null, message, signingKey(seed)),
  verify,
}

const BASE_POINT = x25519PublicKey(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0)))
const secretKeys = new WeakMap<Uint8Array, KeyObject>()

function x25519PublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(bytes) }, format: 'jwk' })
}

function x25519SecretKey(secret: Uint8Array): KeyObject {
  let key = secretKeys.get(secret)
  if (!key) {
    // Node reads only the secret half; the public half must merely be there.
    const half = base64url(secret)
    key = createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d: half, x: half }, format: 'jwk' })
    secretKeys.set(secret, key)
  }
  return key
}

function x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const shared = diffieHellman({
      privateKey: x25519SecretKey(secret),
      publicKey: x25519PublicKey(publicKey),
    })
    let any = 0
    for (const byte of shared) any |= byte
    return any === 0 ? undefined : shared
  } catch {
    // A low-order point: OpenSSL refuses the all-zero result itself.
    return undefined
  }
}

const aeadKeys = new WeakMap<Uint8Array, KeyObject>()

/** A key that is not copied and checked anew for each packet. */
function aeadKey(bytes: Uint8Array): KeyObject {
  let key = aeadKeys.get(bytes)
  if (!key) {
    key = createSecretKey(bytes)
    aeadKeys.set(bytes, key)
  }
  return key
}

function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  headBytes: number = 0,
): Uint8Array {
  const cipher = createCipheriv(AEAD, aeadKey(key), nonce, AEAD_OPTIONS)
  cipher.setAAD(aad, { plaintextLength: plaintext.length })
  const body = cipher.update(plaintext)
  cipher.final()
  const sealed = new Uint8Array(headBytes + body.length + TAG_BYTES)
  sealed.set(body, headBytes)
  sealed.set(cipher.getAuthTag(), headBytes + body.length)
  return sealed
}

function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const bodyBytes = sealed.length - TAG_BYTES
  if (bodyBytes < 0) return undefined
  const decipher = createDecipheriv(AEAD, aeadKey(key), nonce, AEAD_OPTIONS)
  decipher.setAAD(aad, { plaintextLength: bodyBytes })
  decipher.setAuthTag(sealed.subarray(bodyBytes))
  const plaintext = decipher.update(sealed.subarray(0, bodyBytes))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plaintext
}

/** X25519, HMAC and ChaCha20-Poly1305 for sealed links. */
export const nodeLinkPrimitives: LinkPrimitives = {
  sha512,
  hmacSha512,
  hmacSha256,
  x25519KeyPair: (secret) => ({
    secret,
    public: diffieHellman({ privateKey: x25519SecretKey(secret), publicKey: BASE_POINT }),
  }),
  x25519,
  aeadSeal,
  aeadOpen,
}
