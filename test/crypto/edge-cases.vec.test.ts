/** What libraries disagree on: points of small order, malleable signatures, other encodings of a value. */
import { describe, expect, test } from 'vitest'
import { AssertionFailure } from '../../src/base/assert.ts'
import { UsageError } from '../../src/base/errors.ts'
import { hkdf } from '../../src/crypto/kdf.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { requireSelfTest, selfTestFault } from '../../src/crypto/self-test.ts'
import { hex, PROVIDERS, provider, text, vectors } from './providers.ts'

interface SignatureCase {
  readonly publicKey: string
  readonly message: string
  readonly signature: string
}

interface EdgeCases {
  readonly dhSecret: string
  readonly dhRefused: readonly string[]
  readonly dhAccepted: readonly { publicKey: string; shared: string }[]
  readonly signatureRefused: readonly (SignatureCase & { why: string })[]
  readonly signatureAccepted: readonly SignatureCase[]
  readonly hkdf: readonly {
    salt: string
    inputKey: string
    info: string
    byteCount: number
    output?: string
    sha512: string
  }[]
}

const cases = vectors<EdgeCases>('edge-cases')

const verifies = (p: Primitives, { publicKey, message, signature }: SignatureCase): boolean => {
  const key = p.importVerifyingKey(hex(publicKey))
  return key !== undefined && p.verify(key, hex(signature), hex(message))
}

describe.each(PROVIDERS)('provider %s', (name) => {
  const p = provider(name)
  const key = p.dhImport(hex(cases.dhSecret))

  test('a point of small order or of another length gives no shared secret', () => {
    //= PAL-ENC-002
    expect(cases.dhRefused.map((point) => text(p.dh(key, hex(point))))).toEqual(
      cases.dhRefused.map(() => undefined),
    )
  })

  test('the top bit is ignored and a coordinate is reduced', () => {
    for (const { publicKey, shared } of cases.dhAccepted) expect(text(p.dh(key, hex(publicKey)))).toBe(shared)
  })

  test.each(cases.signatureRefused)('a signature is refused: $why', (one) => {
    //= PAL-ENC-003
    expect(verifies(p, one)).toBe(false)
  })

  test('the honest signature of the same key is accepted', () => {
    for (const one of cases.signatureAccepted) expect(verifies(p, one)).toBe(true)
  })

  test.each(cases.hkdf)('HKDF-SHA-512 gives $byteCount bytes', (one) => {
    const { salt, inputKey, info, byteCount } = one
    const out = hkdf(p, { salt: hex(salt), inputKey: hex(inputKey), info: hex(info), byteCount })
    if (one.output !== undefined) expect(text(out)).toBe(one.output)
    expect(text(p.sha512(out))).toBe(one.sha512)
  })

  test('a key of another length is the mistake of the caller', () => {
    expect(() => p.dhImport(new Uint8Array(31))).toThrow(UsageError)
    expect(() => p.signingKeygen(new Uint8Array(33))).toThrow(UsageError)
  })

  test('a broken function is named by the self-test', () => {
    const broken: [string, Partial<Primitives>][] = [
      ['dh', { dh: () => new Uint8Array(32) }],
      ['dh low order', { dh: (own, point) => p.dh(own, point) ?? new Uint8Array(32) }],
      ['sign', { sign: () => new Uint8Array(64) }],
      ['verify', { verify: () => false }],
      ['verify forged', { verify: () => true }],
      ['import low order', { importVerifyingKey: (publicKey) => ({ publicKey }), verify: verifyOf(p) }],
      ['sha512', { sha512: () => new Uint8Array(64) }],
      ['hmac512', { hmac512: () => new Uint8Array(64) }],
      ['seal', { seal: (_key, _nonce, plaintext) => plaintext }],
      ['open', { open: () => undefined }],
      ['open forged', { open: (k, n, c) => p.open(k, n, c) ?? new Uint8Array(7) }],
    ]
    for (const [fault, change] of broken) expect(selfTestFault({ ...p, ...change })).toBe(fault)
    expect(selfTestFault(p)).toBeUndefined()
    expect(() => requireSelfTest({ ...p, verify: () => true })).toThrow(AssertionFailure)
  })
})

/** A `verify` that also takes keys which another `importVerifyingKey` made. */
function verifyOf(p: Primitives): Primitives['verify'] {
  return (key, signature, message) => {
    const own = p.importVerifyingKey(key.publicKey)
    return own !== undefined && p.verify(own, signature, message)
  }
}
