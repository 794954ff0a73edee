import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  Deframer,
  decodeFrame,
  EMPTY,
  encodeFrame,
  FRAME,
  type Frame,
  isFault,
  MORE,
  TOO_LARGE,
} from '../../src/codec/index.ts'
import { bytesOfCompactHex, compactJson } from '../../tools/spec/vectors.ts'
import { toHex } from '../../tools/spec/wire.ts'

interface FrameVector {
  readonly name: string
  readonly hex: string
  readonly valid: boolean
  readonly frame?: { readonly type: string }
  readonly fault?: string
}

interface StreamVector {
  readonly name: string
  readonly limit: number
  readonly chunks: readonly string[]
  readonly frames: readonly string[]
  readonly fault?: string
}

const FOLDER = join(import.meta.dirname, '..', '..', 'spec', 'vectors')

function read<T>(path: string): T[] {
  return JSON.parse(readFileSync(join(FOLDER, path), 'utf8')) as T[]
}

const FILES = readdirSync(join(FOLDER, 'frames'))

describe.each(FILES)('frames/%s', (file) => {
  const vectors = read<FrameVector>(`frames/${file}`)

  test('at least three of five vectors are unsound', () => {
    expect(vectors.filter((vector) => !vector.valid).length).toBeGreaterThanOrEqual(vectors.length * 0.6)
  })

  //= PAL-FRM-003
  //= PAL-FRM-008
  //= PAL-FRM-010
  test.each(vectors.filter((vector) => vector.valid))('is accepted: $name', ({ hex, frame }) => {
    const decoded = decodeFrame(bytesOfCompactHex(hex))
    expect(compactJson(decoded)).toEqual(frame)
  })

  //= PAL-FRM-005
  test.each(vectors.filter((vector) => !vector.valid))('is refused: $name', ({ hex, fault }) => {
    const decoded = decodeFrame(bytesOfCompactHex(hex))
    expect(isFault(decoded) && decoded.wireError).toBe(fault)
  })

  //= PAL-FRM-001
  //= PAL-FRM-002
  test('our own encoding of the sample is the shortest', () => {
    const shortest = vectors.find((vector) => vector.name === 'shortest encodings')
    if (!shortest) return
    const bytes = bytesOfCompactHex(shortest.hex)
    expect(toHex(encodeFrame(decodeFrame(bytes) as Frame).subarray(4))).toBe(toHex(bytes))
  })
})

test('a frame is found wherever it lies in a larger array of bytes', () => {
  for (const file of FILES) {
    for (const { hex, valid, frame } of read<FrameVector>(`frames/${file}`)) {
      const bytes = bytesOfCompactHex(hex)
      const larger = new Uint8Array(bytes.length + 7).fill(0xc1)
      larger.set(bytes, 3)
      const decoded = decodeFrame(larger, 3, 3 + bytes.length)
      if (valid) expect(compactJson(decoded)).toEqual(frame)
      else expect(isFault(decoded)).toBe(true)
    }
  }
})

describe('stream.json', () => {
  //= PAL-STR-002
  //= PAL-STR-003
  //= PAL-STR-007
  test.each(read<StreamVector>('stream.json'))('$name', ({ limit, chunks, frames, fault }) => {
    const deframer = new Deframer(limit)
    const found: string[] = []
    const codes: Record<number, string> = { [EMPTY]: 'bad_frame', [TOO_LARGE]: 'frame_too_large' }
    let ended: string | undefined
    for (const chunk of chunks) {
      deframer.push(bytesOfCompactHex(chunk))
      let step = deframer.next()
      for (; step === FRAME; step = deframer.next())
        found.push(toHex(deframer.bytes.subarray(deframer.start, deframer.end)))
      if (step !== MORE) ended = codes[step]
      if (ended) break
    }
    expect(found).toEqual(frames.map((frame) => toHex(bytesOfCompactHex(frame))))
    expect(ended).toBe(fault)
  })
})
