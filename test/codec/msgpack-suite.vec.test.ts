/**
 * The public MessagePack test suite (npm `msgpack-test-suite`) through the value decoder: every encoding of
 * every entry. What cannot be compared one to one is compared as follows:
 * bignum: the nearest double, since the decoder gives numbers; timestamp: to a millisecond, since it gives
 * dates; ext: type and bytes; all others by value. A map or extension is refused where only frame values are
 * allowed.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ExtData } from '@msgpack/msgpack'
import { describe, expect, test } from 'vitest'
import { decodeValue, FRAME_SCAN, isFault } from '../../src/codec/index.ts'

type Entry = { readonly msgpack: readonly string[] } & Readonly<Record<string, unknown>>

const path = createRequire(import.meta.url).resolve('msgpack-test-suite/dist/msgpack-test-suite.json')
const SUITE = JSON.parse(readFileSync(path, 'utf8')) as Record<string, readonly Entry[]>
const KINDS = [
  'nil',
  'bool',
  'binary',
  'number',
  'bignum',
  'string',
  'array',
  'map',
  'timestamp',
  'ext',
] as const

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'))

function kindOf(entry: Entry): (typeof KINDS)[number] {
  // A bignum entry may hold the number, too, where JSON can write it.
  const kind = 'bignum' in entry ? 'bignum' : KINDS.find((each) => each in entry)
  if (!kind) throw new Error(`an entry of an unknown kind: ${Object.keys(entry)}`)
  return kind
}

function expectValue(actual: unknown, entry: Entry): void {
  const kind = kindOf(entry)
  const expected = entry[kind]
  if (kind === 'nil') expect(actual).toBeNull()
  else if (kind === 'binary')
    expect(Buffer.from(actual as Uint8Array)).toEqual(Buffer.from(bytesOf(expected as string)))
  else if (kind === 'bignum') expect(actual).toBe(Number(BigInt(expected as string)))
  else if (kind === 'timestamp') {
    const [seconds, nanoseconds] = expected as [number, number]
    const exactMs = seconds * 1000 + nanoseconds / 1e6
    expect(Math.abs((actual as Date).getTime() - exactMs)).toBeLessThanOrEqual(1)
  } else if (kind === 'ext') {
    const [type, data] = expected as [number, string]
    expect(actual).toEqual(new ExtData(type, bytesOf(data)))
  } else expect(actual).toEqual(expected)
}

let compared = 0

describe.each(Object.entries(SUITE))('%s', (_group, entries) => {
  const cases = entries.flatMap((entry) =>
    entry.msgpack.map((encoding) => ({ encoding, entry, kind: kindOf(entry) })),
  )

  test.each(cases)('$kind $encoding', ({ encoding, entry, kind }) => {
    const bytes = bytesOf(encoding)
    const decoded = decodeValue(bytes)
    expect(isFault(decoded)).toBe(false)
    expectValue((decoded as { value: unknown }).value, entry)
    const asFrameValue = decodeValue(bytes, FRAME_SCAN)
    const holdsMap = JSON.stringify(entry[kind]).includes('{')
    expect(isFault(asFrameValue)).toBe(holdsMap || kind === 'timestamp' || kind === 'ext' || kind === 'map')
    for (let end = 0; end < bytes.length; end++)
      expect(isFault(decodeValue(bytes.subarray(0, end)))).toBe(true)
    compared += 1
  })
})

test('every encoding of the suite was compared', () => {
  const total = Object.values(SUITE).flatMap((entries) => entries.flatMap((entry) => entry.msgpack)).length
  expect(total).toBeGreaterThan(200)
  expect(compared).toBe(total)
})
