/**
 * Writes spec/vectors (all but those of the datagram binding): what bytes mean, for tests in any
 * language.
 */

import type { GeneratedFile, RangeEntry, Registry } from './registry.ts'
import { EVERY_KIND, type FrameCase, sampleOf, soundCases, unsoundCases } from './vector-cases.ts'
import { handshakeVectors } from './vectors-handshake.ts'
import { nameVectors } from './vectors-names.ts'
import {
  array,
  bigEndian,
  encodeFrame,
  float,
  frameNamed,
  fromHex,
  int,
  joined,
  str,
  toHex,
  utf8,
} from './wire.ts'

/** The vector files. */
export function generateVectors(registry: Registry): GeneratedFile[] {
  const frames = registry.frames.map((frame) =>
    file(
      `frames/${frame.name}`,
      frameVectors([...soundCases(registry, frame), ...unsoundCases(registry, frame)]),
    ),
  )
  return [
    ...frames,
    file('frames/other', frameVectors(otherCases(registry))),
    file('stream', streamVectors(registry)),
    file('handshake', handshakeVectors(registry)),
    file('names', nameVectors()),
  ]
}

function file(name: string, vectors: readonly object[]): GeneratedFile {
  const lines = vectors.map((vector) => JSON.stringify(vector))
  return { path: `spec/vectors/${name}.json`, text: `[\n${lines.join(',\n')}\n]\n` }
}

/** Runs of one byte at least this long are written as `xx*count`. */
const RUN_BYTES_MIN = 24

/** Hexadecimal in which a long run of one byte is written `xx*count` between spaces. */
export function compactHex(bytes: Uint8Array): string {
  const hex = toHex(bytes)
  const run = new RegExp(`(?<=^(?:..)*)(..)\\1{${RUN_BYTES_MIN - 1},}`, 'gu')
  return hex.replace(run, (whole, byte: string) => ` ${byte}*${whole.length / 2} `).trim()
}

/** The bytes of compact hexadecimal. */
export function bytesOfCompactHex(text: string): Uint8Array {
  const parts = text.split(' ').map((token) => {
    const [hex = '', count = '1'] = token.split('*')
    return fromHex(hex.repeat(Number(count)))
  })
  return joined(...parts)
}

function frameVectors(cases: readonly FrameCase[]): object[] {
  return cases.map(({ name, bytes, frame, fault }) =>
    fault
      ? { name, hex: compactHex(bytes), valid: false, fault }
      : { name, hex: compactHex(bytes), valid: true, frame: compactJson(frame) },
  )
}

/** A frame as JSON: bytes become compact hexadecimal. */
export function compactJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return compactHex(value)
  if (Array.isArray(value)) return value.map(compactJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, compactJson(inner)]))
}

/** Types that are not assigned, and bytes that are no frame of any type. */
function otherCases(registry: Registry): FrameCase[] {
  const known = new Set(registry.frames.map((frame) => frame.type))
  const unknown = registry.ranges.flatMap((range): FrameCase[] => {
    const types = [range.from, range.to, Math.floor((range.from + range.to) / 2)]
    const free = [...new Set(types)].filter((type) => type > 0 && !known.has(type))
    return free.flatMap((type) => unknownCases(type, range.unknown))
  })
  const ping = frameNamed(registry, 'ping')
  const fields = [int(25), int(3)]
  const typed = (type: Uint8Array): Uint8Array => array([type, ...fields])
  const unsound: [string, Uint8Array][] = [
    ['no bytes', new Uint8Array(0)],
    ['an empty array', array([])],
    ['an empty array with a 32-bit header', array([], { header: 4 })],
    ['not an array', int(ping.type)],
    ['text in place of the array', str(utf8('ping'))],
    ['a map in place of the array', fromHex('8107c0')],
    ['nil', fromHex('c0')],
    ['the reserved byte', fromHex('c1')],
    ['type 0', typed(int(0))],
    ['type 128', typed(int(128))],
    ['type 256', typed(int(256))],
    ['type 2^32 + 7', typed(int(2n ** 32n + 7n))],
    ['a negative type', typed(int(-1))],
    ['the type as a float', typed(float(ping.type, 4))],
    ['the type as a float of 64 bits', typed(float(ping.type, 8))],
    ['the type as text', typed(str(utf8('7')))],
    ['no type', typed(fromHex('c0'))],
    ['the type in an array', typed(array([int(ping.type)]))],
    ['an array header that is cut', fromHex('dc00')],
    ['a count of 2^32 - 1', fromHex('ddffffffff07')],
    ['two frames', joined(typed(int(ping.type)), typed(int(ping.type)))],
    ['counts that add up beyond every limit', fromHex('dd01ffffff'.repeat(18))],
    ['depth beyond every limit', new Uint8Array(4096).fill(0x91)],
    ['an HTTP request', utf8('GET / HTTP/1.1\r\nHost: example\r\n\r\n')],
    ['a TLS hello', fromHex('16030102000100')],
  ]
  return [...unknown, ...unsound.map(([name, bytes]): FrameCase => ({ name, bytes, fault: 'bad_frame' }))]
}

function unknownCases(type: number, fate: RangeEntry['unknown']): FrameCase[] {
  const outcome =
    fate === 'ignore'
      ? { frame: { type: 'ignored', number: type } }
      : { fault: fate === 'close' ? ('unknown_frame' as const) : ('bad_frame' as const) }
  return [
    { name: `unknown type ${type} alone`, bytes: array([int(type)]), ...outcome },
    { name: `unknown type ${type} with elements`, bytes: array([int(type), ...EVERY_KIND]), ...outcome },
    { name: `unknown type ${type} in 64 bits`, bytes: array([int(type, { int: 8 })]), ...outcome },
    { name: `unknown type ${type} with a map`, bytes: array([int(type), fromHex('80')]), fault: 'bad_frame' },
    {
      name: `unknown type ${type}, cut`,
      bytes: array([int(type), int(0)]).subarray(0, -1),
      fault: 'bad_frame',
    },
  ]
}

interface StreamVector {
  readonly name: string
  readonly limit: number
  readonly chunks: readonly string[]
  readonly frames: readonly string[]
  readonly fault?: 'bad_frame' | 'frame_too_large'
}

function streamVectors(registry: Registry): StreamVector[] {
  const ping = frameNamed(registry, 'ping')
  const first = encodeFrame(registry, ping, sampleOf(registry, ping.fields))
  const second = encodeFrame(registry, ping, { nonce: 2 ** 53 - 1, conversation: 0 })
  const stream = joined(framed(first), framed(second))
  const make = (
    name: string,
    chunks: readonly Uint8Array[],
    frames: readonly Uint8Array[],
    limit = 1024,
  ): StreamVector => ({
    name,
    limit,
    chunks: chunks.map(compactHex),
    frames: frames.map(compactHex),
  })
  const full = new Uint8Array(1024).fill(0xc0)
  return [
    make('two frames in one chunk', [stream], [first, second]),
    make(
      'each byte a chunk',
      [...stream].map((byte) => Uint8Array.of(byte)),
      [first, second],
    ),
    ...[1, 2, 3, 4, 5, 7, 8, 11].map((cut) =>
      make(`cut after byte ${cut}`, [stream.subarray(0, cut), stream.subarray(cut)], [first, second]),
    ),
    make(
      'empty chunks between',
      [new Uint8Array(0), stream.subarray(0, 6), new Uint8Array(0), stream.subarray(6)],
      [first, second],
    ),
    make('an unfinished frame is not a fault', [stream.subarray(0, -1)], [first]),
    make('an unfinished length is not a fault', [framed(first), fromHex('0000')], [first]),
    make('a frame of exactly the limit', [framed(full)], [full]),
    ...faultyStreams(first, make),
  ]
}

function faultyStreams(
  first: Uint8Array,
  make: (
    name: string,
    chunks: readonly Uint8Array[],
    frames: readonly Uint8Array[],
    limit?: number,
  ) => StreamVector,
): StreamVector[] {
  const tooLarge = (
    name: string,
    chunks: readonly Uint8Array[],
    frames: readonly Uint8Array[],
    limit?: number,
  ) => ({
    ...make(name, chunks, frames, limit),
    fault: 'frame_too_large' as const,
  })
  const empty = (name: string, chunks: readonly Uint8Array[], frames: readonly Uint8Array[]) => ({
    ...make(name, chunks, frames),
    fault: 'bad_frame' as const,
  })
  return [
    tooLarge('one byte above the limit, from the length alone', [fromHex('00000401')], []),
    tooLarge('above the limit, the length in four chunks', ['00', '00', '04', '01'].map(fromHex), []),
    tooLarge('2^32 - 1 bytes', [fromHex('ffffffff')], []),
    tooLarge('2^31 bytes', [fromHex('80000000')], []),
    tooLarge('an HTTP request', [utf8('GET / HTTP/1.1\r\n\r\n')], []),
    tooLarge('a TLS hello', [fromHex('16030102000100')], []),
    tooLarge('a good frame, then one too large', [joined(framed(first), fromHex('00000401'))], [first]),
    tooLarge('the lower limit in force', [framed(first)], [], first.length - 1),
    empty('length 0', [fromHex('00000000')], []),
    empty('length 0 in four chunks', ['00', '00', '00', '00'].map(fromHex), []),
    empty('a good frame, then length 0', [framed(first), fromHex('00000000')], [first]),
  ]
}

function framed(frame: Uint8Array): Uint8Array {
  return joined(bigEndian(BigInt(frame.length), 4), frame)
}
