/** Packets and frames of the datagram binding (spec chapter 13), as loosely as the kit needs them. */
import { bytesOfHex, concatBytes, uint32Bytes, utf8Bytes } from '../../base/bytes.ts'
import { FRAME_TYPES } from '../../codec/generated/registry.ts'

/** First bytes. */
export const PACKET = {
  data: 0x40,
  initial: 0xc0,
  retry: 0xc1,
  accept: 0xc2,
  refuse: 0xc3,
  reset: 0xc4,
} as const
export const CID_BYTES = 8
/** What the first byte of DATA holds besides: the phase of the keys. */
export const PHASE_BIT = 4
/** An INITIAL in front of the Noise message and its token. */
const INITIAL_HEAD_BYTES = 1 + 4 + CID_BYTES + 1

/** What an INITIAL consists of. */
export interface InitialParts {
  readonly version: number
  readonly scid: Uint8Array
  readonly token: Uint8Array
}

/** The head of an INITIAL; the Noise message follows to the end. */
export function initialHead({ version, scid, token }: InitialParts): Uint8Array {
  return concatBytes([
    Uint8Array.of(PACKET.initial),
    uint32Bytes(version),
    scid,
    Uint8Array.of(token.length),
    token,
  ])
}

/** How long the payload of message 1 is in an INITIAL of that size. */
export function payloadRoom(size: number, token: Uint8Array): number {
  return size - INITIAL_HEAD_BYTES - token.length - 32
}

/** The Noise prologue. */
export function prologueOf(version: number, scid: Uint8Array): Uint8Array {
  return concatBytes([utf8Bytes('palaver datagram'), uint32Bytes(version), scid])
}

/** A variable-length integer in its shortest form. */
export function varint(value: number): Uint8Array {
  if (value < 64) return Uint8Array.of(value)
  if (value < 16384) return Uint8Array.of(0x40 | (value >>> 8), value & 255)
  if (value < 1073741824) {
    const bytes = uint32Bytes(value)
    bytes[0] = (bytes[0] as number) | 0x80
    return bytes
  }
  const bytes = concatBytes([uint32Bytes(Math.floor(value / 2 ** 32)), uint32Bytes(value >>> 0)])
  bytes[0] = (bytes[0] as number) | 0xc0
  return bytes
}

/** A frame read from a packet. */
export interface PacketFrame {
  readonly name: string
  readonly values: readonly number[]
  readonly bytes: Uint8Array
  /** The phase of the keys that it came under. */
  readonly phase?: number
  /** Whether it holds bytes of a lane alone that came before. */
  readonly isRepeat?: boolean
}

const NAMES: Readonly<Record<number, string>> = {
  0: 'padding',
  1: 'ping',
  2: 'ack',
  3: 'close',
  4: 'credit',
  5: 'lane_credit',
  6: 'path_challenge',
  7: 'path_response',
  8: 'new_cid',
  9: 'retire_cid',
  10: 'token',
  16: 'lane',
  17: 'lane',
  18: 'datagram',
}

/** The frames of a packet, PADDING left out; undefined when they are malformed. */
export function framesOf(plain: Uint8Array): PacketFrame[] | undefined {
  const reader = new Reader(plain)
  const frames: PacketFrame[] = []
  while (reader.at < plain.length) {
    const frame = readFrame(reader, reader.byte())
    if (!frame) return undefined
    if (frame.name !== 'padding') frames.push(frame)
  }
  return frames
}

const EMPTY = new Uint8Array(0)

function readFrame(reader: Reader, type: number): PacketFrame | undefined {
  const name = NAMES[type]
  const take = (count: number): number[] => Array.from({ length: count }, () => reader.varint())
  switch (name) {
    case 'padding':
    case 'ping':
      return { name, values: [], bytes: EMPTY }
    case 'ack': {
      const [largest = 0, delay = 0, count = 0, first = 0] = take(4)
      return { name, values: [largest, delay, first, ...take(2 * count)], bytes: EMPTY }
    }
    case 'close': {
      const [code = 0, length = 0] = take(2)
      return { name, values: [code], bytes: reader.take(length) }
    }
    case 'credit':
    case 'retire_cid':
      return { name, values: take(1), bytes: EMPTY }
    case 'new_cid':
      return { name, values: take(1), bytes: reader.take(24) }
    case 'lane_credit':
      return { name, values: take(2), bytes: EMPTY }
    case 'token':
      return { name, values: [], bytes: reader.take(reader.varint()) }
    case 'datagram': {
      const [lane = 0, length = 0] = take(2)
      return { name, values: [lane], bytes: reader.take(length) }
    }
    case 'path_challenge':
    case 'path_response':
      return { name, values: [], bytes: reader.take(8) }
    case 'lane': {
      const [lane = 0, offset = 0] = take(2)
      const length = type === 16 ? reader.varint() : reader.rest
      return { name, values: [lane, offset], bytes: reader.take(length) }
    }
    default:
      return undefined
  }
}

class Reader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get rest(): number {
    return this.#bytes.length - this.at
  }

  byte(): number {
    return this.#bytes[this.at++] ?? 0
  }

  take(count: number): Uint8Array {
    const taken = this.#bytes.slice(this.at, this.at + count)
    this.at += count
    return taken
  }

  varint(): number {
    const first = this.byte()
    let value = first & 63
    for (let left = (1 << (first >>> 6)) - 1; left > 0; left--) value = value * 256 + this.byte()
    return value
  }
}

/**
 * A frame from a word of a step: `ping`, `padding*3`, `ack=largest,delay,first`, `close=code`,
 * `credit=total`,
 * `lane=lane,offset,hex`, `rest=lane,offset,hex`, `challenge=hex`, or plain hexadecimal.
 */
export function frameOf(word: string): Uint8Array {
  const [name = '', value = ''] = word.split('=')
  const [first = '', second = '', third = ''] = value.split(',')
  const number = (text: string): Uint8Array => varint(Number(text))
  const bytes = (text: string): Uint8Array => bytesOfHex(text) ?? EMPTY
  switch (name) {
    case 'ping':
      return Uint8Array.of(1)
    case 'ack':
      return concatBytes([Uint8Array.of(2), number(first), number(second), varint(0), number(third)])
    case 'close':
      return concatBytes([Uint8Array.of(3), number(first), varint(0)])
    case 'credit':
      return concatBytes([Uint8Array.of(4), number(first)])
    case 'lane':
      return laneFrame(Number(second), bytes(third), Number(first))
    case 'rest':
      return concatBytes([Uint8Array.of(17), number(first), number(second), bytes(third)])
    case 'challenge':
      return concatBytes([Uint8Array.of(6), bytes(first)])
    default:
      if (name.startsWith('padding*')) return new Uint8Array(Number(name.slice(8)))
      return bytes(word)
  }
}

/** A LANE frame with its length. */
export function laneFrame(offset: number, piece: Uint8Array, lane = 0): Uint8Array {
  return concatBytes([Uint8Array.of(16), varint(lane), varint(offset), varint(piece.length), piece])
}

/** An ACK of these ranges, the highest first. */
export function ackOf(ranges: readonly { readonly high: number; readonly low: number }[]): Uint8Array {
  const parts: Uint8Array[] = []
  let before: { readonly low: number } | undefined
  for (const { high, low } of ranges) {
    if (before) parts.push(varint(before.low - high - 2), varint(high - low))
    else parts.push(Uint8Array.of(2), varint(high), varint(0), varint(ranges.length - 1), varint(high - low))
    before = { low }
  }
  return concatBytes(parts)
}

/** A `hello` of that many bytes with its length; what makes it longer is an element that nobody knows. */
export function longHello(byteCount: number): Uint8Array {
  const head = Uint8Array.of(0x96, FRAME_TYPES.hello, 0x91, 1, 0x90, 0xc4, 32)
  const nonce = Uint8Array.from({ length: 32 }, (_, at) => at + 1)
  const known = concatBytes([head, nonce, Uint8Array.of(0xa0)])
  const more = byteCount - 4 - known.length
  const last =
    more === 1
      ? Uint8Array.of(0xc0)
      : concatBytes([Uint8Array.of(0xc5, (more - 3) >> 8, more - 3), new Uint8Array(more - 3)])
  return concatBytes([uint32Bytes(byteCount - 4), known, last])
}
