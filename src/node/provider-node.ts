/**
 * The provider of end-to-end encryption on node:crypto: curves and hashes are native, the secret box is
 * tweetnacl's. The bytes are those of the portable provider.
 */
import { createPublicKey, type KeyObject, verify as verifyMessage } from 'node:crypto'
import type { Entropy } from '../base/entropy.ts'
import { UsageError } from '../base/errors.ts'
import { isPlausibleSignature, isUsablePublicKey } from '../crypto/ed25519-check.ts'
import type { DhKey, Primitives, SigningKey, VerifyingKey } from '../crypto/primitives.ts'
import { openBox, sealBox } from '../crypto/secret-box.ts'
import { requireSelfTest } from '../crypto/self-test.ts'
import { identityOfSeed, nodeLinkPrimitives, nodeSignatures, systemEntropy } from './primitives.ts'

const KEY_BYTES = 32

/** The native provider, after its self-test. */
export function createNodePrimitives(entropy: Entropy = systemEntropy): Primitives {
  const primitives: Primitives = {
    random: entropy,
    dhKeygen: () => dhImport(entropy(KEY_BYTES)),
    dhImport,
    dh: (key, publicKey) => nodeLinkPrimitives.x25519(key.secret, publicKey),
    signingKeygen: (seed) => signingKeygen(seed ?? entropy(KEY_BYTES)),
    sign: (key, message) => nodeSignatures.sign(key.seed, message),
    importVerifyingKey,
    verify,
    sha512: nodeLinkPrimitives.sha512,
    hmac512: nodeLinkPrimitives.hmacSha512,
    seal: sealBox,
    open: openBox,
  }
  requireSelfTest(primitives)
  return primitives
}

function dhImport(secret: Uint8Array): DhKey {
  if (secret.length !== KEY_BYTES) throw new UsageError('bad_argument', 'an X25519 secret has 32 bytes')
  return { secret, publicKey: nodeLinkPrimitives.x25519KeyPair(secret).public }
}

function signingKeygen(seed: Uint8Array): SigningKey {
  if (seed.length !== KEY_BYTES) throw new UsageError('bad_argument', 'an Ed25519 seed has 32 bytes')
  return identityOfSeed(seed)
}

const nativeKeys = new WeakMap<VerifyingKey, KeyObject>()

function importVerifyingKey(publicKey: Uint8Array): VerifyingKey | undefined {
  if (!isUsablePublicKey(publicKey)) return undefined
  const x = Buffer.from(publicKey).toString('base64url')
  const key = { publicKey }
  nativeKeys.set(key, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }))
  return key
}

function verify(key: VerifyingKey, signature: Uint8Array, message: Uint8Array): boolean {
  const native = nativeKeys.get(key)
  if (!native) throw new UsageError('bad_argument', 'the verifying key is not of this provider')
  //= PAL-ENC-003
  return isPlausibleSignature(key.publicKey, signature) && verifyMessage(null, message, native, signature)
}
