/**
 * The provider for every platform, on tweetnacl alone. Its curve arithmetic is 15 to 100 times slower than
 * native code, so a relay and a busy client use another one.
 */
import nacl from 'tweetnacl'
import { concatBytes } from '../base/bytes.ts'
import type { Entropy } from '../base/entropy.ts'
import { UsageError } from '../base/errors.ts'
import { isPlausibleSignature, isUsablePublicKey } from './ed25519-check.ts'
import type { DhKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'
import { openBox, sealBox } from './secret-box.ts'
import { requireSelfTest } from './self-test.ts'

const KEY_BYTES = 32
const HMAC_BLOCK_BYTES = 128

/** The portable provider, after its self-test. `entropy` must be unpredictable. */
export function createPortablePrimitives(entropy: Entropy): Primitives {
  const primitives: Primitives = {
    random: entropy,
    dhKeygen: () => dhImport(entropy(KEY_BYTES)),
    dhImport,
    dh,
    signingKeygen: (seed) => signingKeygen(seed ?? entropy(KEY_BYTES)),
    sign,
    importVerifyingKey,
    verify,
    sha512,
    hmac512,
    seal: sealBox,
    open: openBox,
  }
  requireSelfTest(primitives)
  return primitives
}

function dhImport(secret: Uint8Array): DhKey {
  if (secret.length !== KEY_BYTES) throw new UsageError('bad_argument', 'an X25519 secret has 32 bytes')
  return { secret, publicKey: nacl.scalarMult.base(secret) }
}

function dh(key: DhKey, publicKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== KEY_BYTES) return undefined
  const shared = nacl.scalarMult(key.secret, publicKey)
  let any = 0
  for (const byte of shared) any |= byte
  return any === 0 ? undefined : shared
}

const secretKeys = new WeakMap<SigningKey, Uint8Array>()

function signingKeygen(seed: Uint8Array): SigningKey {
  if (seed.length !== KEY_BYTES) throw new UsageError('bad_argument', 'an Ed25519 seed has 32 bytes')
  const pair = nacl.sign.keyPair.fromSeed(seed)
  const key = { seed, publicKey: pair.publicKey }
  secretKeys.set(key, pair.secretKey)
  return key
}

function sign(key: SigningKey, message: Uint8Array): Uint8Array {
  const secretKey = secretKeys.get(key)
  if (!secretKey) throw new UsageError('bad_argument', 'the signing key is not of this provider')
  return nacl.sign.detached(message, secretKey)
}

function importVerifyingKey(publicKey: Uint8Array): VerifyingKey | undefined {
  return isUsablePublicKey(publicKey) ? { publicKey } : undefined
}

function verify(key: VerifyingKey, signature: Uint8Array, message: Uint8Array): boolean {
  //= PAL-ENC-003
  if (!isPlausibleSignature(key.publicKey, signature)) return false
  return nacl.sign.detached.verify(message, signature, key.publicKey)
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return nacl.hash(concatBytes(parts))
}

/** RFC 2104 over SHA-512. */
function hmac512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const short = key.length > HMAC_BLOCK_BYTES ? nacl.hash(key) : key
  const inner = new Uint8Array(HMAC_BLOCK_BYTES).fill(0x36)
  const outer = new Uint8Array(HMAC_BLOCK_BYTES).fill(0x5c)
  for (let i = 0; i < short.length; i++) {
    inner[i] = (short[i] as number) ^ 0x36
    outer[i] = (short[i] as number) ^ 0x5c
  }
  return nacl.hash(concatBytes([outer, nacl.hash(concatBytes([inner, ...parts]))]))
}
