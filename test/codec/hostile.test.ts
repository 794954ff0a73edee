/** Bytes that made a general decoder abort, freeze or reserve memory. Here they cost nothing. */
import { performance } from 'node:perf_hooks'
import { describe, expect, test } from 'vitest'
import { decodeFrame, decodeValue, isFault } from '../../src/codec/index.ts'

const repeated = (hex: string, times: number): Uint8Array =>
  new Uint8Array(Buffer.from(hex.repeat(times), 'hex'))

const BOMBS: readonly (readonly [string, Uint8Array])[] = [
  ['18 array headers of 2^25 - 1', repeated('dd01ffffff', 18)],
  ['16 array headers of 2^25 - 1', repeated('dd01ffffff', 16)],
  ['one array header of 2^32 - 1', repeated('ddffffffff', 1)],
  ['map headers of 2^32 - 1', repeated('dfffffffff', 18)],
  ['64 KiB of nested arrays', repeated('91', 65536)],
  ['64 KiB of nested maps', repeated('81', 65536)],
  ['64 KiB of empty maps', Buffer.concat([Buffer.from('dcffff', 'hex'), repeated('80', 65533)])],
  ['64 KiB of nil', Buffer.concat([Buffer.from('dcfffd', 'hex'), repeated('c0', 65533)])],
  ['a string of 2^31', Buffer.concat([Buffer.from('91db80000000', 'hex'), repeated('61', 65000)])],
  ['bytes of 2^32 - 1', Buffer.concat([Buffer.from('91c6ffffffff', 'hex'), repeated('61', 65000)])],
  ['an extension of 2^32 - 1', Buffer.from('91c9ffffffff01', 'hex')],
]

describe.each(BOMBS)('%s', (_name, bytes) => {
  //= PAL-FRM-006
  test('is refused in no time and no memory, as a frame and as a value', () => {
    const before = process.memoryUsage()
    const start = performance.now()
    for (let i = 0; i < 200; i++) {
      expect(isFault(decodeFrame(bytes))).toBe(true)
      expect(isFault(decodeValue(bytes))).toBe(true)
    }
    const perInput = (performance.now() - start) / 400
    const after = process.memoryUsage()
    expect(perInput).toBeLessThan(1)
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(20_000_000)
  })
})

describe('application values', () => {
  const value = (hex: string): unknown => {
    const decoded = decodeValue(new Uint8Array(Buffer.from(hex, 'hex')))
    return isFault(decoded) ? decoded.fault : decoded.value
  }

  test('a key called __proto__ is refused and changes no prototype', () => {
    expect(value('81a95f5f70726f746f5f5f81a478797a7a01')).toBe('bad_key')
    expect(({} as Record<string, unknown>)['xyzz']).toBeUndefined()
  })

  test('a key called constructor is only a key', () => {
    expect(Object.keys(value('81ab636f6e7374727563746f7201') as object)).toEqual(['constructor'])
  })

  test('of two equal keys the last wins', () => {
    expect(value('82a16101a16102')).toEqual({ a: 2 })
  })

  test.each(['81c001', '81c301', '819001', '818001'])(
    'a key that is no text and no number is refused: %s',
    (hex) => {
      expect(value(hex)).toBe('bad_key')
    },
  )

  test('a text whose last character is cut does not take bytes of the next field', () => {
    expect(value('92a1e2a282ac')).toBe('bad_utf8')
  })

  test('a timestamp with nonsense inside is refused or a date, never an exception', () => {
    for (const length of [0, 1, 3, 4, 8, 12, 13, 200])
      expect(() => value(`c7${length.toString(16).padStart(2, '0')}ff${'ff'.repeat(length)}`)).not.toThrow()
  })
})
