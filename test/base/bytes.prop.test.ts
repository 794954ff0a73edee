import { createHash, timingSafeEqual } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AssertionFailure,
  assert,
  base32Of,
  bytesOfBase32,
  bytesOfHex,
  concatBytes,
  equalBytes,
  equalSecrets,
  hexOf,
  readUint32,
  strictUtf8Text,
  TransportError,
  UsageError,
  uint32Bytes,
  utf8Bytes,
  utf8Text,
} from '../../src/base/index.ts'

const bytes = fc.uint8Array({ maxLength: 200 })

describe('base32', () => {
  test.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('the test vector of RFC 4648 for "%s"', (text, encoded) => {
    expect(base32Of(utf8Bytes(text))).toBe(encoded)
    expect(utf8Text(bytesOfBase32(encoded.toUpperCase()) as Uint8Array)).toBe(text)
  })

  test('comes back as the bytes it was made of', () => {
    fc.assert(fc.property(bytes, (some) => equalBytes(bytesOfBase32(base32Of(some)) as Uint8Array, some)))
  })

  test.each(['0', '1', '8', 'a b', 'aé', '='])('"%s" is not base32', (text) => {
    expect(bytesOfBase32(text)).toBeUndefined()
  })
})

describe('hexadecimal', () => {
  test('is what Node makes of the same bytes, and comes back', () => {
    fc.assert(
      fc.property(bytes, (some) => {
        expect(hexOf(some)).toBe(Buffer.from(some).toString('hex'))
        expect(bytesOfHex(hexOf(some).toUpperCase())).toEqual(some)
      }),
    )
  })

  test.each(['0', 'g0', '0x00', '-1'])('"%s" is not hexadecimal', (text) => {
    expect(bytesOfHex(text)).toBeUndefined()
  })
})

describe('bytes', () => {
  test('joined parts have every byte in order', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (parts) => {
        expect(hexOf(concatBytes(parts))).toBe(Buffer.concat(parts).toString('hex'))
      }),
    )
  })

  test('both comparisons agree with Node', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.boolean(), (a, other, same) => {
        const b = same ? a.slice() : other
        const equal = a.length === b.length && timingSafeEqual(a, b)
        expect(equalBytes(a, b)).toBe(equal)
        expect(equalSecrets(a, b)).toBe(equal)
      }),
    )
  })

  test('a 32-bit integer of any size comes back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        expect(readUint32(uint32Bytes(value), 0)).toBe(value)
      }),
    )
  })

  test('strict and lenient UTF-8 are what Node takes them for', () => {
    const digest = createHash('sha256')
    fc.assert(
      fc.property(bytes, (some) => {
        const lenient = Buffer.from(some).toString('utf8')
        expect(utf8Text(some)).toBe(lenient)
        const isValid = Buffer.from(lenient).equals(some)
        expect(strictUtf8Text(some)).toBe(isValid ? lenient : undefined)
        digest.update(some)
      }),
    )
  })

  test('a byte order mark is kept', () => {
    expect(utf8Text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
  })
})

describe('errors', () => {
  test('texts begin with their code', () => {
    expect(new UsageError('bad_argument', 'no').message).toBe('[bad_argument] no')
    const cause = new Error('below')
    const error = new TransportError('refused', 'no', cause)
    expect([error.code, error.message, error.cause]).toEqual(['refused', '[refused] no', cause])
  })

  test('an assertion stops, unless it holds', () => {
    expect(() => assert(false, 'never')).toThrow(AssertionFailure)
    expect(() => assert(true, 'always')).not.toThrow()
  })
})
