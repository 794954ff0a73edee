/**
 * The cryptographic functions that the core is handed. Synchronous and pure; a driver or a test provides
 * them. Every function returns a value for bad input from a peer and never throws because of it.
 */
export interface SignaturePrimitives {
  /** SHA-512 of the parts in order, without separators (FIPS 180-4). 64 bytes. */
  sha512(...parts: readonly Uint8Array[]): Uint8Array
  /** Ed25519 (RFC 8032) signature of `message`, 64 bytes, by the key that `seed` (32 bytes) gives. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array
  /**
   * True when `signature` is a valid, canonical Ed25519 signature by a key of large order. Wrong lengths,
   * S >= L, non-canonical or small-order points are false.
   */
  verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean
}

/** An X25519 key pair; `secret` is the 32-byte scalar before clamping (RFC 7748). */
export interface X25519KeyPair {
  readonly secret: Uint8Array
  readonly public: Uint8Array
}

/** What the sealed datagram link needs. All keys are 32 bytes. */
export interface LinkPrimitives {
  /** SHA-512 of the parts in order. 64 bytes. */
  sha512(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-512 of the parts in order (RFC 2104). 64 bytes. */
  hmacSha512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-256 of the parts in order (RFC 2104). 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** The key pair that a 32-byte secret gives. */
  x25519KeyPair(secret: Uint8Array): X25519KeyPair
  /** The shared secret, or undefined when it is all zero (a low-order public key). */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  /**
   * ChaCha20-Poly1305 (RFC 8439), 12-byte nonce: ciphertext then 16-byte tag, behind as many bytes as
   * `headBytes` says, which are the caller's to fill. An array that was a key must not change afterwards.
   */
  aeadSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    headBytes?: number,
  ): Uint8Array
  /** The plaintext, or undefined when the tag does not verify. */
  aeadOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}
