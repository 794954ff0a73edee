import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeFrame, encodeFrame, type Frame, isFault } from '../../src/codec/index.ts'
import {
  anySoundFrame,
  anyUnsoundFrame,
  FRAME_NAMES,
  frameValues,
  shortestFrame,
  soundFrame,
  unsoundFrame,
} from '../../tools/spec/arbitraries.ts'
import { readRegistry } from '../../tools/spec/registry.ts'
import { frameNamed, toHex, toJson, type WireRecord, type WireValue } from '../../tools/spec/wire.ts'

const registry = readRegistry()

describe.each(FRAME_NAMES)('%s', (name) => {
  //= PAL-FRM-003
  //= PAL-FRM-008
  test('a sound frame in any encoding decodes to its fields', () => {
    fc.assert(
      fc.property(soundFrame(name), ({ bytes, frame }) => {
        expect(toJson(decodeFrame(bytes))).toEqual(toJson(frame))
      }),
    )
  })

  //= PAL-FRM-001
  //= PAL-FRM-002
  test('our encoder writes the shortest form', () => {
    fc.assert(
      fc.property(shortestFrame(name), ({ bytes, frame }) => {
        expect(toHex(encodeFrame(frame as unknown as Frame).subarray(4))).toBe(toHex(bytes))
      }),
    )
  })

  //= PAL-FRM-005
  test('a frame with one fault is refused as bad_frame', () => {
    fc.assert(
      fc.property(unsoundFrame(name), ({ bytes }) => {
        const decoded = decodeFrame(bytes)
        expect(isFault(decoded) && decoded.wireError).toBe('bad_frame')
      }),
    )
  })
})

test('frames of any type come in both kinds', () => {
  fc.assert(fc.property(anySoundFrame(), ({ bytes }) => !isFault(decodeFrame(bytes))))
  fc.assert(fc.property(anyUnsoundFrame(), ({ bytes }) => isFault(decodeFrame(bytes))))
})

describe('the JSON Schema', () => {
  const path = join(import.meta.dirname, '..', '..', 'spec', 'generated', 'frames.schema.json')
  const schema = JSON.parse(readFileSync(path, 'utf8')) as object
  const validate = new Ajv2020({ strict: false }).compile(schema)

  test('accepts every sound frame as an array, and refuses it without its last field', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FRAME_NAMES).chain((name) => frameValues(name)),
        (frame) => {
          const array = arrayOf(frame)
          expect(validate(array)).toBe(true)
          expect(validate(array.slice(0, -1))).toBe(false)
        },
      ),
    )
  })
})

function arrayOf(frame: WireRecord): unknown[] {
  const { type, fields } = frameNamed(registry, frame['type'] as string)
  return [type, ...fields.map((field) => asArray(frame[field.name] as WireValue, field.of))]
}

/** Records become arrays of their fields. */
function asArray(value: WireValue, of: string | undefined): unknown {
  const record = registry.records[of ?? '']
  if (!record || !Array.isArray(value)) return toJson(value)
  return value.map((item: WireRecord) => record.fields.map((field) => toJson(item[field.name])))
}
