/**
 * MessagePack writing for vectors, examples and arbitraries: every width, and nothing of src/codec, so
 * that the vectors do not share its mistakes.
 */
import type { FieldEntry, FrameEntry, Registry } from './registry.ts'

/** Bytes of an integer after its marker; 0 is the form within the marker. */
export type IntWidth = 0 | 1 | 2 | 4 | 8

/** How wide headers and integers are written; absent means the shortest form. */
export interface Widths {
  readonly int?: IntWidth
  readonly isSigned?: boolean
  readonly header?: 1 | 2 | 4
}

/** A field's value: integers, booleans, text, bytes, lists of integers or of records. */
export type WireValue = number | boolean | string | Uint8Array | readonly WireValue[] | WireRecord

/** A record or frame by its field names. */
export interface WireRecord {
  readonly [field: string]: WireValue
}

/** All parts in order. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Bytes from hexadecimal. */
export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replace(/\s+/gu, ''), 'hex'))
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

/** An integer of any sign, in the shortest form or the width asked for. */
export function int(value: number | bigint, widths: Widths = {}): Uint8Array {
  const wide = BigInt(value)
  const width = widths.int ?? shortestWidth(wide)
  if (width === 0) return Uint8Array.of(Number(BigInt.asUintN(8, wide)))
  const isSigned = widths.isSigned ?? wide < 0n
  const marker = (isSigned ? 0xd0 : 0xcc) + Math.log2(width)
  return joined(Uint8Array.of(marker), bigEndian(BigInt.asUintN(width * 8, wide), width))
}

function shortestWidth(value: bigint): IntWidth {
  if (value >= 0n) return value < 128n ? 0 : value < 256n ? 1 : value < 65536n ? 2 : value < 2n ** 32n ? 4 : 8
  return value >= -32n ? 0 : value >= -128n ? 1 : value >= -32768n ? 2 : value >= -(2n ** 31n) ? 4 : 8
}

/** A string from its bytes, valid or not. */
export function str(bytes: Uint8Array, widths: Widths = {}): Uint8Array {
  if (widths.header === undefined && bytes.length < 32)
    return joined(Uint8Array.of(0xa0 | bytes.length), bytes)
  return joined(lengthHeader(0xd9, bytes.length, widths.header ?? shortestLength(bytes.length)), bytes)
}

/** A byte string. */
export function bin(bytes: Uint8Array, widths: Widths = {}): Uint8Array {
  return joined(lengthHeader(0xc4, bytes.length, widths.header ?? shortestLength(bytes.length)), bytes)
}

/** An array of values that are encoded already. */
export function array(items: readonly Uint8Array[], widths: Widths = {}): Uint8Array {
  return joined(arrayHeader(items.length, widths), ...items)
}

/** The header of an array of `count` values. */
export function arrayHeader(count: number, widths: Widths = {}): Uint8Array {
  if (widths.header === undefined && count < 16) return Uint8Array.of(0x90 | count)
  const width = Math.max(2, widths.header ?? (count < 65536 ? 2 : 4))
  return joined(Uint8Array.of(width === 2 ? 0xdc : 0xdd), bigEndian(BigInt(count), width))
}

/** A float of 4 or 8 bytes. */
export function float(value: number, width: 4 | 8): Uint8Array {
  const bytes = Buffer.alloc(width + 1)
  bytes[0] = width === 4 ? 0xca : 0xcb
  if (width === 4) bytes.writeFloatBE(value, 1)
  else bytes.writeDoubleBE(value, 1)
  return new Uint8Array(bytes)
}

function lengthHeader(base: number, length: number, width: number): Uint8Array {
  return joined(Uint8Array.of(base + Math.log2(width)), bigEndian(BigInt(length), width))
}

function shortestLength(length: number): 1 | 2 | 4 {
  return length < 256 ? 1 : length < 65536 ? 2 : 4
}

/** An unsigned integer in `width` bytes. */
export function bigEndian(value: bigint, width: number): Uint8Array {
  return fromHex(value.toString(16).padStart(width * 2, '0'))
}

/** A field's value as MessagePack. */
export function encodeField(
  registry: Registry,
  field: FieldEntry,
  value: WireValue,
  widths: Widths = {},
): Uint8Array {
  switch (field.type) {
    case 'bool':
      return Uint8Array.of(value === true ? 0xc3 : 0xc2)
    case 'str':
      return str(utf8(value as string), widths)
    case 'bin':
      return bin(value as Uint8Array, widths)
    case 'list':
      return array(
        (value as readonly WireValue[]).map((item) =>
          encodeElement(registry, field.of as string, item, widths),
        ),
        widths,
      )
    default:
      return int(value as number, widths)
  }
}

/** An element of a list: an integer or a record. */
export function encodeElement(
  registry: Registry,
  of: string,
  value: WireValue,
  widths: Widths = {},
): Uint8Array {
  const record = registry.records[of]
  if (!record) return int(value as number, widths)
  return array(encodeFields(registry, record.fields, value as WireRecord, widths), widths)
}

/** The fields of a frame or record, each as MessagePack. */
export function encodeFields(
  registry: Registry,
  fields: readonly FieldEntry[],
  values: WireRecord,
  widths: Widths = {},
): Uint8Array[] {
  return fields.map((field) => encodeField(registry, field, values[field.name] as WireValue, widths))
}

/** A whole frame, with `trailing` elements (encoded) after its fields. */
export function encodeFrame(
  registry: Registry,
  frame: FrameEntry,
  values: WireRecord,
  widths: Widths = {},
  trailing: readonly Uint8Array[] = [],
): Uint8Array {
  return array(
    [int(frame.type, widths), ...encodeFields(registry, frame.fields, values, widths), ...trailing],
    widths,
  )
}

/** The frame called `name`. */
export function frameNamed(registry: Registry, name: string): FrameEntry {
  const frame = registry.frames.find((each) => each.name === name)
  if (!frame) throw new Error(`no frame is called ${name}`)
  return frame
}

/** A value as JSON: bytes become hexadecimal. */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]))
}
