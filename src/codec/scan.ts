/**
 * Looks through one MessagePack value without allocating, before anything decodes it: depth, count of values,
 * lengths against what is there, UTF-8, numbers. After a clean scan the general decoder cannot be made to
 * reserve memory, recurse or read beyond the value (spec chapter 3).
 */

import { type DecodeFault, type FaultCode, faultOf } from './fault.ts'
import { LIMITS } from './generated/registry.ts'

/** What a scan allows. */
export interface ScanLimits {
  readonly nestingMax: number
  readonly itemsMax: number
  readonly mapKeysMax: number
  /** Whether maps and extension types may occur; in frames they may not. */
  readonly mapsAndExtensions: boolean
}

/** The bounds of a frame. */
export const FRAME_SCAN: ScanLimits = {
  nestingMax: LIMITS.nesting,
  itemsMax: LIMITS.items,
  mapKeysMax: LIMITS.mapKeys,
  mapsAndExtensions: false,
}

const pending = new Int32Array(64)

/** The fault of the value in [start, end) of `bytes`, or undefined when it is sound and ends at `end`. */
export function scanValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: ScanLimits = FRAME_SCAN,
): DecodeFault | undefined {
  let position = start
  let depth = 0
  let items = 0
  pending[0] = 1
  while (depth >= 0) {
    if (pending[depth] === 0) {
      depth -= 1
      continue
    }
    pending[depth] = (pending[depth] as number) - 1
    if (position >= end) return fault('truncated', position - start)
    if (++items > limits.itemsMax) return fault('too_many_items', position - start)
    const children = containerCount(bytes, position, end, limits)
    if (children >= 0) {
      if (depth + 1 > limits.nestingMax) return fault('too_deep', position - start)
      //= PAL-FRM-005, PAL-FRM-006
      if (children > limits.itemsMax - items) return fault('too_many_items', position - start)
      position = headerEnd
      depth += 1
      pending[depth] = children
    } else if (children === SCALAR) {
      position = skipScalar(bytes, position, end, limits)
      if (position < 0) return fault(FAULTS[-position] as FaultCode, scalarStart - start)
    } else return fault(FAULTS[-children] as FaultCode, position - start)
  }
  return position === end ? undefined : fault('trailing_bytes', position - start)
}

function fault(code: FaultCode, offset: number): DecodeFault {
  return faultOf(code, offset)
}

// Results below zero name a fault; SCALAR says "not a container".
const SCALAR = -1
const TRUNCATED = -2
const BAD_UTF8 = -3
const BAD_NUMBER = -4
const FORBIDDEN = -5
const TOO_MANY = -6
const FAULTS: readonly FaultCode[] = [
  'truncated',
  'truncated',
  'truncated',
  'bad_utf8',
  'bad_number',
  'forbidden_type',
  'too_many_items',
]

// Second results of the helpers below: a function that returns two numbers without an object.
let headerEnd = 0
let scalarStart = 0

/** How many values follow the array or map header at `at`; SCALAR when there is none; below that, a fault. */
function containerCount(bytes: Uint8Array, at: number, end: number, limits: ScanLimits): number {
  const marker = bytes[at] as number
  if (marker >= 0x90 && marker <= 0x9f) {
    headerEnd = at + 1
    return marker & 0x0f
  }
  if (marker === 0xdc || marker === 0xdd) return countAt(bytes, at, end, marker === 0xdc ? 2 : 4)
  const isMap = (marker >= 0x80 && marker <= 0x8f) || marker === 0xde || marker === 0xdf
  if (!isMap) return SCALAR
  if (!limits.mapsAndExtensions) return FORBIDDEN
  headerEnd = at + 1
  const keys = marker < 0x90 ? marker & 0x0f : countAt(bytes, at, end, marker === 0xde ? 2 : 4)
  if (keys < 0) return keys
  return keys > limits.mapKeysMax ? TOO_MANY : keys * 2
}

function countAt(bytes: Uint8Array, at: number, end: number, width: number): number {
  if (end - at - 1 < width) return TRUNCATED
  headerEnd = at + 1 + width
  return uintAt(bytes, at + 1, width)
}

function uintAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] as number)
  return value
}

/** Where the value that starts at `at` ends, or a fault. */
function skipScalar(bytes: Uint8Array, at: number, end: number, limits: ScanLimits): number {
  scalarStart = at
  const marker = bytes[at] as number
  if (marker < 0x80 || marker >= 0xe0) return at + 1
  if (marker <= 0xbf) return skipText(bytes, at + 1, marker & 0x1f, end)
  switch (marker) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at + 1
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return skipRun(bytes, at, end, 1 << (marker - 0xc4), 0)
    case 0xd9:
    case 0xda:
    case 0xdb:
      return skipLongText(bytes, at, end, 1 << (marker - 0xd9))
    case 0xca:
      return skipFloat(bytes, at, end, 4)
    case 0xcb:
      return skipFloat(bytes, at, end, 8)
    case 0xc1:
      return FORBIDDEN
    default:
      return skipIntegerOrExtension(bytes, at, end, limits)
  }
}

function skipIntegerOrExtension(bytes: Uint8Array, at: number, end: number, limits: ScanLimits): number {
  const marker = bytes[at] as number
  if (marker >= 0xcc && marker <= 0xd3) {
    const width = 1 << ((marker - 0xcc) & 3)
    return end - at - 1 < width ? TRUNCATED : at + 1 + width
  }
  if (!limits.mapsAndExtensions) return FORBIDDEN
  if (marker >= 0xc7 && marker <= 0xc9) return skipRun(bytes, at, end, 1 << (marker - 0xc7), 1)
  const length = 2 + (1 << (marker - 0xd4))
  return end - at < length ? TRUNCATED : at + length
}

/** A length of `width` bytes, then `extra` bytes, then that many bytes. */
function skipRun(bytes: Uint8Array, at: number, end: number, width: number, extra: number): number {
  if (end - at - 1 < width) return TRUNCATED
  const from = at + 1 + width + extra
  const length = uintAt(bytes, at + 1, width)
  //= PAL-FRM-006
  return length > end - from ? TRUNCATED : from + length
}

function skipLongText(bytes: Uint8Array, at: number, end: number, width: number): number {
  if (end - at - 1 < width) return TRUNCATED
  return skipText(bytes, at + 1 + width, uintAt(bytes, at + 1, width), end)
}

function skipText(bytes: Uint8Array, from: number, length: number, end: number): number {
  if (length > end - from) return TRUNCATED
  return isUtf8(bytes, from, from + length) ? from + length : BAD_UTF8
}

/** NaN and the infinities have all exponent bits set. */
function skipFloat(bytes: Uint8Array, at: number, end: number, width: number): number {
  if (end - at - 1 < width) return TRUNCATED
  const first = (bytes[at + 1] as number) & 0x7f
  const second = bytes[at + 2] as number
  const special = first === 0x7f && (width === 4 ? second >= 0x80 : second >= 0xf0)
  return special ? BAD_NUMBER : at + 1 + width
}

/** Whether [from, to) of `bytes` is well-formed UTF-8 (Unicode 15, table 3-7). */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from
  while (at < to) {
    const lead = bytes[at] as number
    if (lead < 0x80) {
      at += 1
      continue
    }
    const length =
      lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
    if (length === 0 || to - at < length) return false
    const second = bytes[at + 1] as number
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false
    at += length
  }
  return true
}
