/**
 * The cryptographic functions that end-to-end encryption stands on. Every provider gives the same bytes for
 * the same arguments. A peer's bad bytes are answered by a value; only a caller's mistake throws.
 */
import type { Entropy } from '../base/entropy.ts'

/** An X25519 key pair. Only the provider that made it may use it: it can hold a native key beside it. */
export interface DhKey {
  /** 32 bytes before clamping (RFC 7748 section 5). */
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
}

/** An Ed25519 key pair. Only the provider that made it may use it. */
export interface SigningKey {
  /** 32 bytes (RFC 8032 section 5.1.5). */
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

/** An Ed25519 public key that passed the checks of `importVerifyingKey`. */
export interface VerifyingKey {
  readonly publicKey: Uint8Array
}

/** What a provider offers. Results belong to the caller; arguments are not kept, but for those of keys. */
export interface Primitives {
  /** Unpredictable bytes. */
  readonly random: Entropy
  /** A new X25519 key pair. */
  dhKeygen(): DhKey
  /** The X25519 key pair of a 32-byte secret; another length throws. */
  dhImport(secret: Uint8Array): DhKey
  /** The shared secret (32 bytes); undefined when it is all zero or `publicKey` is not 32 bytes. */
  dh(key: DhKey, publicKey: Uint8Array): Uint8Array | undefined
  /** The Ed25519 key pair of a 32-byte seed, by default a random one. */
  signingKeygen(seed?: Uint8Array): SigningKey
  /** An Ed25519 signature, 64 bytes. */
  sign(key: SigningKey, message: Uint8Array): Uint8Array
  /** A peer's public key; undefined for a wrong length, a non-canonical point or one of small order. */
  importVerifyingKey(publicKey: Uint8Array): VerifyingKey | undefined
  /** Whether the signature is valid and canonical. Wrong lengths are false. */
  verify(key: VerifyingKey, signature: Uint8Array, message: Uint8Array): boolean
  /** SHA-512 of the parts in order, 64 bytes. */
  sha512(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-512 of the parts in order, 64 bytes. */
  hmac512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** XSalsa20-Poly1305: a 16-byte tag, then the ciphertext. `key` is 32 bytes, `nonce` 24. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext; undefined when the tag does not verify. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}
