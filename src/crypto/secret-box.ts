/** XSalsa20-Poly1305 for every provider: in JavaScript it is as fast as a call into native code. */
import nacl from 'tweetnacl'

/** A 16-byte tag, then the ciphertext. */
export function sealBox(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return nacl.secretbox(plaintext, nonce, key)
}

/** The plaintext; undefined when the tag does not verify. */
export function openBox(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  return nacl.secretbox.open(sealed, nonce, key) ?? undefined
}
