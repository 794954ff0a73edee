import { Decoder, ExtData, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeValue,
  FRAME_SCAN,
  isFault,
  isUtf8,
  LIMITS,
  scanValue,
  VALUE_SCAN,
} from '../../src/codec/index.ts'

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
)
const key = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text !== '__proto__')

/** Values within the limits of a frame: nesting and counts stay below them. */
function anyValue(depth: number, withMaps: boolean): fc.Arbitrary<unknown> {
  if (depth === 0) return scalar
  const inner = anyValue(depth - 1, withMaps)
  const list = fc.array(inner, { maxLength: 5 })
  const map = fc.dictionary(key, inner, { maxKeys: 4, noNullPrototype: true })
  const extension = fc
    .tuple(fc.integer({ min: 0, max: 127 }), fc.uint8Array({ maxLength: 40 }))
    .map(([type, data]) => new ExtData(type, data))
  return withMaps ? fc.oneof(scalar, list, map, extension) : fc.oneof(scalar, list)
}

const scan = (bytes: Uint8Array, limits = FRAME_SCAN) => scanValue(bytes, 0, bytes.length, limits)
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/gu, ''), 'hex'))

describe('sound values', () => {
  test('of frames pass, wherever they lie', () => {
    fc.assert(
      fc.property(anyValue(4, false), fc.nat(9), (value, before) => {
        const bytes = encode(value)
        expect(scan(bytes)).toBeUndefined()
        const placed = new Uint8Array(before + bytes.length + 3).fill(0xc1)
        placed.set(bytes, before)
        expect(scanValue(placed, before, before + bytes.length)).toBeUndefined()
      }),
    )
  })

  test('of applications pass, and are decoded as the library decodes them', () => {
    const library = new Decoder()
    fc.assert(
      fc.property(anyValue(4, true), (value) => {
        const bytes = encode(value)
        expect(scan(bytes, VALUE_SCAN)).toBeUndefined()
        const decoded = decodeValue(bytes)
        expect(isFault(decoded)).toBe(false)
        expect((decoded as { value: unknown }).value).toEqual(library.decode(bytes))
      }),
    )
  })

  test('cut at any byte are truncated', () => {
    fc.assert(
      fc.property(anyValue(3, true), (value) => {
        const bytes = encode(value)
        for (let end = 0; end < bytes.length; end++)
          expect(scan(bytes.subarray(0, end), VALUE_SCAN)?.fault).toBe('truncated')
      }),
      { numRuns: 60 },
    )
  })

  test('with anything behind them are refused', () => {
    fc.assert(
      fc.property(anyValue(2, true), fc.uint8Array({ minLength: 1, maxLength: 5 }), (value, more) => {
        expect(scan(Buffer.concat([encode(value), more]), VALUE_SCAN)?.fault).toBe('trailing_bytes')
      }),
    )
  })
})

describe('refusals', () => {
  const nested = (levels: number): Uint8Array => new Uint8Array(levels + 1).fill(0x91, 0, levels)

  //= PAL-FRM-005
  test.each([
    ['nothing', '', 'truncated'],
    ['the byte that MessagePack never uses', 'c1', 'forbidden_type'],
    ['the same inside an array', '91 c1', 'forbidden_type'],
    ['an empty map', '80', 'forbidden_type'],
    ['a map of 16 bits', 'de 0000', 'forbidden_type'],
    ['a map of 32 bits', 'df 00000000', 'forbidden_type'],
    ['a map of 2^32 - 1', 'df ffffffff', 'forbidden_type'],
    ['fixext 1', 'd4 01 00', 'forbidden_type'],
    ['fixext 16', `d8 01 ${'00'.repeat(16)}`, 'forbidden_type'],
    ['ext 8', 'c7 00 01', 'forbidden_type'],
    ['ext 32', 'c9 00000000 01', 'forbidden_type'],
    ['a float NaN', 'ca 7fc00000', 'bad_number'],
    ['a float NaN with another payload', 'ca ff800001', 'bad_number'],
    ['a float infinity', 'ca 7f800000', 'bad_number'],
    ['a double NaN', 'cb 7ff8000000000000', 'bad_number'],
    ['a signalling NaN', 'cb 7ff0000000000001', 'bad_number'],
    ['minus infinity', 'cb fff0000000000000', 'bad_number'],
    ['a count of 2^32 - 1', 'dd ffffffff', 'too_many_items'],
    ['a count beyond the limit', 'dc 0400', 'too_many_items'],
    ['a string of 2^32 - 1', 'db ffffffff', 'truncated'],
    ['a string of 2^31', 'db 80000000 61', 'truncated'],
    ['bytes of 2^32 - 1', 'c6 ffffffff', 'truncated'],
    ['bytes longer by one', 'c4 02 00', 'truncated'],
    ['an overlong slash', 'a2 c0af', 'bad_utf8'],
    ['a surrogate', 'a3 eda080', 'bad_utf8'],
    ['beyond U+10FFFF', 'a4 f4908080', 'bad_utf8'],
    ['a lone continuation byte', 'a1 80', 'bad_utf8'],
    ['a character cut at the end of its field', '92 a1 e2 a2 82ac', 'bad_utf8'],
    ['a value too many', '01 01', 'trailing_bytes'],
  ])('%s', (_name, bytes, fault) => {
    expect(scan(hex(bytes))).toMatchObject({ fault, wireError: 'bad_frame' })
  })

  test('nesting is bounded exactly', () => {
    expect(scan(nested(LIMITS.nesting))).toBeUndefined()
    expect(scan(nested(LIMITS.nesting + 1))?.fault).toBe('too_deep')
  })

  test('the count of values is bounded exactly, at all levels together', () => {
    const flat = (count: number): Uint8Array => {
      const bytes = new Uint8Array(3 + count)
      bytes.set([0xdc, count >> 8, count & 0xff])
      return bytes
    }
    expect(scan(flat(LIMITS.items - 1))).toBeUndefined()
    expect(scan(flat(LIMITS.items))?.fault).toBe('too_many_items')
    const twice = new Uint8Array(1 + 2 * 514)
    twice[0] = 0x92
    for (const at of [1, 515]) twice.set([0xdc, 511 >> 8, 511 & 0xff], at)
    expect(scan(twice)?.fault).toBe('too_many_items')
  })

  test('keys of a map are bounded exactly', () => {
    const map = (keys: number): Uint8Array =>
      encode(Object.fromEntries([...Array(keys).keys()].map((i) => [`k${i}`, 0])))
    expect(scan(map(LIMITS.mapKeys), VALUE_SCAN)).toBeUndefined()
    expect(scan(map(LIMITS.mapKeys + 1), VALUE_SCAN)?.fault).toBe('too_many_items')
  })

  test('random bytes pass or are refused, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const fault = scan(bytes, VALUE_SCAN)
        if (!fault)
          expect(isFault(decodeValue(bytes)) ? decodeValue(bytes) : {}).not.toHaveProperty(
            'fault',
            'truncated',
          )
      }),
      { numRuns: 5000 },
    )
  })

  test('the offset lies within the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const fault = scan(bytes)
        if (fault) expect(fault.offset).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })
})

describe('UTF-8', () => {
  test('is judged as the strict decoder of the platform judges it', () => {
    const strict = new TextDecoder('utf-8', { fatal: true })
    const isValid = (bytes: Uint8Array): boolean => {
      try {
        strict.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const high = fc.array(fc.oneof(fc.integer({ min: 0x80, max: 0xff }), fc.nat(0xff)), { maxLength: 6 })
    fc.assert(
      fc.property(
        high,
        (some) => isUtf8(Uint8Array.from(some), 0, some.length) === isValid(Uint8Array.from(some)),
      ),
      { numRuns: 20_000 },
    )
    for (let a = 0x80; a < 0x100; a++)
      for (let b = 0; b < 0x100; b++) {
        const some = Uint8Array.of(a, b)
        if (isUtf8(some, 0, 2) !== isValid(some)) throw new Error(`${a} ${b}`)
      }
  })

  test.each([1, 50, 51, 200, 201, 4000])('an invalid byte is noticed in a text of %i bytes', (length) => {
    for (const at of [0, length >> 1, length - 1]) {
      const text = new Uint8Array(length).fill(0x61)
      text[at] = 0xff
      const bytes = Buffer.concat([Buffer.from([0xda, length >> 8, length & 0xff]), text])
      expect(scan(bytes)?.fault).toBe('bad_utf8')
    }
  })
})
