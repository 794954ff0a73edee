/** Changes to bytes that know a little of what the bytes mean: MessagePack markers, lengths, varints. */
import type { Random } from './random.ts'

const BYTES_MAX = 8192
/** Markers of every MessagePack family, and the edges of integers. */
const MARKERS: readonly number[] = [
  0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x95, 0x98, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3,
  0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd8,
  0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
]
const WORDS: readonly number[] = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x400, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
]

type Change = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array

function spliced(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const changed = new Uint8Array(bytes.length - removed + added.length)
  changed.set(bytes.subarray(0, at))
  changed.set(added, at)
  changed.set(bytes.subarray(at + removed), at + added.length)
  return changed
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice()
  changed[at] = value
  return changed
}

/** A piece of the bytes: where it starts and how long it is. */
function piece(bytes: Uint8Array, random: Random): readonly [number, number] {
  const at = random.below(bytes.length)
  return [at, 1 + random.below(Math.min(32, bytes.length - at))]
}

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    const at = random.below(bytes.length)
    return withByte(bytes, at, (bytes[at] as number) ^ (1 << random.below(8)))
  },
  (bytes, random) => withByte(bytes, random.below(bytes.length), random.pick(MARKERS)),
  (bytes, random) => withByte(bytes, random.below(bytes.length), random.below(256)),
  (bytes, random) => spliced(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(9))),
  (bytes, random) => spliced(bytes, random.below(bytes.length), 0, Uint8Array.of(random.pick(MARKERS))),
  (bytes, random) => spliced(bytes, ...piece(bytes, random), new Uint8Array(0)),
  (bytes, random) => {
    const [at, length] = piece(bytes, random)
    return spliced(bytes, at, 0, bytes.subarray(at, at + length))
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => {
    const word = random.pick(WORDS)
    const at = random.below(bytes.length)
    const removed = Math.min(4, bytes.length - at)
    return spliced(bytes, at, removed, Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word))
  },
  (bytes, random, corpus) => {
    const other = random.pick(corpus)
    const from = random.below(other.length + 1)
    return spliced(bytes, random.below(bytes.length + 1), 0, other.subarray(from, from + 200))
  },
  (bytes, random, corpus) => spliced(bytes, bytes.length, 0, random.pick(corpus)),
]

/** Something made of the corpus by one to six changes; now and then random bytes. */
export function mutated(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  if (random.below(32) === 0) return random.bytes(random.below(200))
  let bytes: Uint8Array = random.pick(corpus).slice()
  for (let left = random.below(7); left > 0; left--) {
    if (bytes.length === 0) bytes = random.bytes(4)
    bytes = random.pick(CHANGES)(bytes, random, corpus)
  }
  return bytes.length > BYTES_MAX ? bytes.slice(0, BYTES_MAX) : bytes
}
