import { performance } from 'node:perf_hooks'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Deframer, EMPTY, FRAME, MORE, TOO_LARGE } from '../../src/codec/index.ts'

const FRAME_BYTES_MAX = 65536

function streamOf(frames: readonly Uint8Array[]): Buffer {
  const parts = frames.flatMap((frame) => {
    const prefix = Buffer.alloc(4)
    prefix.writeUInt32BE(frame.length)
    return [prefix, frame]
  })
  return Buffer.concat(parts)
}

/** The frames of the stream as hexadecimal, then why it ended. */
function cutUp(chunks: Iterable<Uint8Array>, frameBytesMax = FRAME_BYTES_MAX): string[] {
  const deframer = new Deframer(frameBytesMax)
  const found: string[] = []
  for (const chunk of chunks) {
    deframer.push(chunk)
    let step = deframer.next()
    for (; step === FRAME; step = deframer.next())
      found.push(Buffer.from(deframer.bytes.subarray(deframer.start, deframer.end)).toString('hex'))
    if (step === EMPTY || step === TOO_LARGE) return [...found, step === EMPTY ? 'empty' : 'too large']
  }
  return found
}

/** The stream cut where `cuts` say, empty pieces included. */
function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const at = cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b)
  return [...at, stream.length].map((end, i) => stream.subarray(i === 0 ? 0 : at[i - 1], end))
}

describe('a deframer', () => {
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }), { maxLength: 12 })

  //= PAL-STR-001
  //= PAL-STR-007
  test('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (sent, cuts) => {
        const stream = streamOf(sent)
        const expected = sent.map((frame) => Buffer.from(frame).toString('hex'))
        expect(cutUp(pieces(stream, cuts))).toEqual(expected)
      }),
    )
  })

  test('gives the same frames at every single cut and in single bytes', () => {
    const stream = streamOf([Buffer.from('a'), Buffer.alloc(300, 1), Buffer.from('bcd'), Buffer.alloc(97, 2)])
    const whole = cutUp([stream])
    expect(whole).toHaveLength(4)
    for (let cut = 0; cut <= stream.length; cut++) expect(cutUp(pieces(stream, [cut]))).toEqual(whole)
    expect(cutUp([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
  })

  //= PAL-STR-002
  //= PAL-STR-003
  test('ends at a wrong length with the same result however the stream is cut', () => {
    const wrong = fc.constantFrom(0, 701, 0x7fffffff, 0x80000000, 0xffffffff)
    fc.assert(
      fc.property(frames, wrong, fc.array(fc.nat(), { maxLength: 20 }), (sent, length, cuts) => {
        const prefix = Buffer.alloc(4)
        prefix.writeUInt32BE(length)
        const stream = Buffer.concat([streamOf(sent), prefix, Buffer.from('rest')])
        const expected = [...sent.map((frame) => Buffer.from(frame).toString('hex'))]
        expected.push(length === 0 ? 'empty' : 'too large')
        expect(cutUp(pieces(stream, cuts), 700)).toEqual(expected)
      }),
    )
  })

  //= PAL-STR-003
  test('refuses a length above the limit from the four bytes alone', () => {
    for (const first of [1, 2, 3]) {
      const deframer = new Deframer(1024)
      const prefix = Uint8Array.of(0, 0, 4, 1)
      deframer.push(prefix.subarray(0, first))
      expect(deframer.next()).toBe(MORE)
      deframer.push(prefix.subarray(first))
      expect(deframer.next()).toBe(TOO_LARGE)
    }
  })

  test('takes a limit that changes between two frames of one chunk', () => {
    const deframer = new Deframer(4)
    deframer.push(streamOf([Buffer.alloc(4), Buffer.alloc(9)]))
    expect(deframer.next()).toBe(FRAME)
    deframer.frameBytesMax = 9
    expect(deframer.next()).toBe(FRAME)
    expect(deframer.next()).toBe(MORE)
  })

  //= PAL-FRM-006
  test('holds only bytes that have come, whatever length was announced', () => {
    const deframer = new Deframer(FRAME_BYTES_MAX)
    const before = process.memoryUsage().arrayBuffers
    deframer.push(Uint8Array.of(0, 0, 0xff, 0xff, 1, 2, 3))
    expect(deframer.next()).toBe(MORE)
    expect(deframer.heldBytes).toBe(7)
    const many = Array.from({ length: 1000 }, () => {
      const each = new Deframer(FRAME_BYTES_MAX)
      each.push(Uint8Array.of(0, 1, 0, 0, 1))
      each.next()
      return each
    })
    expect(many.reduce((sum, each) => sum + each.heldBytes, 0)).toBe(5000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  //= PAL-STR-008
  test('costs time linear in the bytes: 4 MiB in pieces of 64 bytes', () => {
    const timings = [1, 2, 4].map((mebibytes) => {
      const frameCount = mebibytes * 16
      const stream = streamOf(Array.from({ length: frameCount }, () => Buffer.alloc(FRAME_BYTES_MAX, 7)))
      const chunks = Array.from({ length: Math.ceil(stream.length / 64) }, (_, i) =>
        stream.subarray(i * 64, i * 64 + 64),
      )
      const deframer = new Deframer(FRAME_BYTES_MAX)
      let count = 0
      let heldMax = 0
      const start = performance.now()
      for (const chunk of chunks) {
        deframer.push(chunk)
        while (deframer.next() === FRAME) count += 1
        heldMax = Math.max(heldMax, deframer.heldBytes)
      }
      const ms = performance.now() - start
      expect(count).toBe(frameCount)
      expect(heldMax).toBeLessThanOrEqual(FRAME_BYTES_MAX + 4)
      return ms
    })
    console.log(`1, 2, 4 MiB in pieces of 64 bytes: ${timings.map((ms) => ms.toFixed(1)).join(', ')} ms`)
    // Quadratic cost was seconds.
    expect(timings[2]).toBeLessThan(500)
  })

  test('copies each byte a bounded number of times', () => {
    const set = Uint8Array.prototype.set
    let copied = 0
    Uint8Array.prototype.set = function counted(source: ArrayLike<number>, offset?: number): void {
      copied += source.length
      set.call(this, source, offset)
    }
    try {
      const stream = streamOf([Buffer.alloc(FRAME_BYTES_MAX, 7)])
      const chunks = Array.from({ length: Math.ceil(stream.length / 128) }, (_, i) =>
        stream.subarray(i * 128, i * 128 + 128),
      )
      expect(cutUp(chunks)).toHaveLength(1)
      expect(copied).toBeGreaterThan(FRAME_BYTES_MAX / 2)
      expect(copied).toBeLessThan(4 * FRAME_BYTES_MAX)
    } finally {
      Uint8Array.prototype.set = set
    }
  })
})
