/** Sealed files: chunks in any order, cut, mixed and changed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes } from '../../src/base/bytes.ts'
import {
  chunkCount,
  decodeChunk,
  decodeDescriptor,
  encodeChunk,
  encodeDescriptor,
  FileOpener,
  FileSealer,
} from '../../src/crypto/sealed-file.ts'
import { flipped } from './people.ts'
import { provider } from './providers.ts'

const p = provider('node')
const CHUNK = 1024

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255)
}

/** A file ready to be sent: its descriptor and its sealed chunks. */
function sealedFile(bytes: Uint8Array) {
  const sealer = new FileSealer(p, { size: bytes.length, name: 'a.bin', mime: 'x/y', chunkLog: 10 })
  const part = (index: number): Uint8Array => {
    const { start, end } = sealer.range(index)
    return bytes.subarray(start, end)
  }
  for (let i = 0; i < sealer.count; i++) sealer.measure(part(i))
  const file = sealer.descriptor()
  return {
    sealer,
    part,
    file,
    chunks: Array.from({ length: sealer.count }, (_, i) => sealer.seal(i, part(i))!),
  }
}

const sizes = fc.oneof(
  fc.constantFrom(0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 33 * CHUNK + 5),
  fc.nat(20_000),
)

describe('a sealed file', () => {
  test('of any size arrives whole, its chunks in any order', () => {
    //= PAL-SFL-002
    //= PAL-SFL-005
    //= PAL-SFL-007
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (size, random) => {
        const bytes = bytesOf(size)
        const { chunks, file } = sealedFile(bytes)
        const read = decodeDescriptor(encodeDescriptor(file))!
        expect(read).toEqual(file)
        const opener = new FileOpener(p, read)
        const whole = new Uint8Array(size)
        const order = chunks.map((_, i) => ({ i, key: random.next().value as number }))
        for (const { i } of order.sort((a, b) => a.key - b.key)) {
          expect(opener.isWhole()).toBe(false)
          const body = decodeChunk(encodeChunk(file.fileId, i, chunks[i]!))!
          const opened = opener.open(body.index, body.sealed)
          if (opened.result === 'ok') whole.set(opened.bytes, opened.start)
          expect(opened.result).toBe('ok')
          expect(opener.open(i, chunks[i]!).result).toBe('duplicate')
        }
        expect(opener.isWhole()).toBe(true)
        expect(whole).toEqual(bytes)
      }),
      { numRuns: 40 },
    )
  })

  test('has a key and a number of its own each time', () => {
    //= PAL-SFL-001
    const [one, two] = [sealedFile(bytesOf(10)), sealedFile(bytesOf(10))]
    expect(one.file.fileKey).not.toEqual(two.file.fileKey)
    expect(one.file.fileId).not.toEqual(two.file.fileId)
    expect(one.chunks).not.toEqual(two.chunks)
  })

  test('hides its exact size', () => {
    const lengths = new Set(
      [10_000, 10_100, 10_200].map((size) => concatBytes(sealedFile(bytesOf(size)).chunks).length),
    )
    expect(lengths.size).toBe(1)
  })

  test('whose bytes changed while it was sent is not sent on', () => {
    //= PAL-SFL-004
    const { sealer, part } = sealedFile(bytesOf(5000))
    expect(sealer.seal(1, part(1))).toBeDefined()
    expect(sealer.seal(1, flipped(part(1), 9))).toBeUndefined()
  })
})

describe('a chunk is refused', () => {
  const { chunks, file } = sealedFile(bytesOf(5000))

  test('with any bit changed, in another place or of another file', () => {
    //= PAL-SFL-003
    const other = sealedFile(bytesOf(5000))
    fc.assert(
      fc.property(fc.nat(), fc.nat(4), (bit, index) => {
        const opener = new FileOpener(p, file)
        expect(opener.open(index, flipped(chunks[index]!, bit)).result).toBe('refused')
        expect(opener.open((index + 1) % 5, chunks[index]!).result).toBe('refused')
        expect(opener.open(index, other.chunks[index]!).result).toBe('refused')
        expect(opener.open(index, chunks[index]!.subarray(1)).result).toBe('refused')
      }),
      { numRuns: 50 },
    )
  })

  test('beyond the end', () => {
    const opener = new FileOpener(p, file)
    for (const index of [-1, 5, 0.5, 2 ** 32]) expect(opener.open(index, chunks[0]!).result).toBe('refused')
  })

  test('that ends the file early: the last one is marked', () => {
    const cut = new FileOpener(p, { ...file, size: 3000 })
    expect(chunkCount({ size: 3000, chunkLog: 10 })).toBe(3)
    expect(cut.open(0, chunks[0]!).result).toBe('ok')
    expect(cut.open(2, chunks[2]!).result).toBe('refused')
  })
})

test('a file that two keys open is found out by its root', () => {
  const { chunks, file } = sealedFile(bytesOf(5000))
  const opener = new FileOpener(p, { ...file, root: flipped(file.root, 1) })
  for (const [i, chunk] of chunks.entries()) expect(opener.open(i, chunk).result).toBe('ok')
  expect(opener.isWhole()).toBe(false)
})

test('descriptors and chunks of any bytes are read or refused, never more', () => {
  //= PAL-SFL-006
  const { file } = sealedFile(bytesOf(10))
  const good = encodeDescriptor(file)
  for (let cut = 0; cut < good.length; cut++) expect(decodeDescriptor(good.subarray(0, cut))).toBeUndefined()
  const spoiled = [
    { size: 2 ** 40 },
    { chunkLog: 9 },
    { chunkLog: 21 },
    { name: 'x'.repeat(256) },
    { mime: 'x'.repeat(128) },
  ]
  for (const change of spoiled)
    expect(decodeDescriptor(encodeDescriptor({ ...file, ...change }))).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const chunk = decodeChunk(bytes)
      if (chunk) expect(encodeChunk(chunk.fileId, chunk.index, chunk.sealed)).toEqual(bytes)
      expect([undefined, 'object']).toContain(
        typeof decodeDescriptor(bytes) === 'object' ? 'object' : undefined,
      )
    }),
  )
})
