/**
 * Known answers that a provider gives before it is used: one per function, a public key of small order and
 * a malleable signature. They tell a broken or foreign provider; the test vectors tell the rest.
 */
import { assert } from '../base/assert.ts'
import { bytesOfHex, hexOf, utf8Bytes } from '../base/bytes.ts'
import type { Primitives } from './primitives.ts'

/** RFC 7748 section 6.1, RFC 8032 section 7.1 (test 2), FIPS 180-4, RFC 4231 section 4.3. */
const KNOWN = {
  dhSecret: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  peerPublic: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  /** The same signature with the group order added to S. */
  malleable:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    'f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10',
  sha512:
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
    '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  hmac:
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554' +
    '9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  sealed: 'b341d6859a88e23f1e59980f029eb3f52e9e542eb1afd0',
}

/** The first function with a wrong answer, or undefined when all are right. */
export function selfTestFault(primitives: Primitives): string | undefined {
  return CHECKS.find(([, isRight]) => !isRight(primitives))?.[0]
}

/** Stops the program when a provider is broken. */
export function requireSelfTest(primitives: Primitives): void {
  const fault = selfTestFault(primitives)
  assert(fault === undefined, `a cryptographic provider gives a wrong answer: ${fault}`)
}

const CHECKS: readonly (readonly [string, (primitives: Primitives) => boolean])[] = [
  ['dh', (p) => isHex(p.dh(p.dhImport(hex(KNOWN.dhSecret)), hex(KNOWN.peerPublic)), KNOWN.shared)],
  ['dh low order', (p) => p.dh(p.dhImport(hex(KNOWN.dhSecret)), new Uint8Array(32)) === undefined],
  ['sign', (p) => isHex(p.sign(p.signingKeygen(hex(KNOWN.seed)), Uint8Array.of(0x72)), KNOWN.signature)],
  ['verify', (p) => verifies(p, KNOWN.signature, 0x72)],
  ['verify forged', (p) => !verifies(p, KNOWN.signature, 0x73)],
  ['verify malleable', (p) => !verifies(p, KNOWN.malleable, 0x72)],
  ['import low order', (p) => p.importVerifyingKey(Uint8Array.of(1, ...new Uint8Array(31))) === undefined],
  ['sha512', (p) => isHex(p.sha512(utf8Bytes('a'), utf8Bytes('bc')), KNOWN.sha512)],
  [
    'hmac512',
    (p) => isHex(p.hmac512(utf8Bytes('Jefe'), utf8Bytes('what do ya want for nothing?')), KNOWN.hmac),
  ],
  ['seal', (p) => isHex(p.seal(counting(32), counting(24), utf8Bytes('palaver')), KNOWN.sealed)],
  ['open', (p) => isHex(p.open(counting(32), counting(24), hex(KNOWN.sealed)), hexOf(utf8Bytes('palaver')))],
  ['open forged', (p) => p.open(counting(32), counting(24), flipped(hex(KNOWN.sealed))) === undefined],
]

function verifies(primitives: Primitives, signature: string, message: number): boolean {
  const key = primitives.importVerifyingKey(hex(KNOWN.publicKey))
  return key !== undefined && primitives.verify(key, hex(signature), Uint8Array.of(message))
}

function isHex(bytes: Uint8Array | undefined, text: string): boolean {
  return bytes !== undefined && hexOf(bytes) === text
}

function hex(text: string): Uint8Array {
  const bytes = bytesOfHex(text)
  assert(bytes !== undefined, 'a known answer is hexadecimal')
  return bytes
}

function counting(byteCount: number): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, i) => i)
}

function flipped(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0] as number) ^ 1
  return bytes
}
