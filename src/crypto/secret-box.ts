/**
 * XSalsa20-Poly1305 for every provider: in JavaScript it is as fast as a call into native code. The low-level
 * functions of tweetnacl take the zeros before the text that its own wrapper makes new arrays for each time.
 */
import nacl from 'tweetnacl'
import { UsageError } from '../base/errors.ts'

const ZERO_BYTES = 32
const BOX_ZERO_BYTES = 16
const KEY_BYTES = 32
const NONCE_BYTES = 24

type Bytes = Uint8Array
type BoxFunction = (out: Bytes, input: Bytes, length: number, nonce: Bytes, key: Bytes) => number
const lowlevel = (
  nacl as unknown as {
    readonly lowlevel: { readonly crypto_secretbox: BoxFunction; readonly crypto_secretbox_open: BoxFunction }
  }
).lowlevel

/** Input with its zeros; grows to the longest message and is wiped after each. */
let scratch: Uint8Array = new Uint8Array(1024)

/** A 16-byte tag, then the ciphertext. */
export function sealBox(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  checkLengths(key, nonce)
  const length = ZERO_BYTES + plaintext.length
  const input = scratchOf(length)
  input.set(plaintext, ZERO_BYTES)
  const out = new Uint8Array(length)
  lowlevel.crypto_secretbox(out, input, length, nonce, key)
  input.fill(0, ZERO_BYTES, length)
  return out.subarray(BOX_ZERO_BYTES)
}

/** The plaintext; undefined when the tag does not verify. */
export function openBox(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  checkLengths(key, nonce)
  const length = BOX_ZERO_BYTES + sealed.length
  if (length < ZERO_BYTES) return undefined
  const input = scratchOf(length)
  input.set(sealed, BOX_ZERO_BYTES)
  const out = new Uint8Array(length)
  const result = lowlevel.crypto_secretbox_open(out, input, length, nonce, key)
  input.fill(0, BOX_ZERO_BYTES, length)
  return result === 0 ? out.subarray(ZERO_BYTES) : undefined
}

function scratchOf(length: number): Uint8Array {
  if (length > scratch.length) scratch = new Uint8Array(2 * length)
  return scratch
}

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES)
    throw new UsageError('bad_argument', 'a box takes a key of 32 bytes and a nonce of 24')
}
