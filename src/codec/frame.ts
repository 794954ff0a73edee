/**
 * Frames to bytes and back, by the field tables of the registry (spec chapter 3). A scan comes first; then
 * each field is read where it stands, so that a float is never taken for an integer and nothing is decoded
 * that no field asks for.
 */
import { EMPTY_BYTES, readUint32, utf8Bytes, utf8Text } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { PREFIX_BYTES } from './deframer.ts'
import { type DecodeFault, faultOf, isFault } from './fault.ts'
import { FRAME_RANGES, FRAME_SPECS, FRAME_TYPES, type Frame } from './generated/registry.ts'
import { FrameReader } from './reader.ts'
import { FRAME_SCAN, scanValue } from './scan.ts'
import type { BytesSpec, FieldSpec, FrameSpec, ListSpec, UintSpec } from './spec-types.ts'
import { ByteWriter } from './writer.ts'

/** A well-formed frame of a type that this edition does not know and that its range says to ignore. */
export interface IgnoredFrame {
  readonly type: 'ignored'
  readonly number: number
}

const TYPE_MAX = 127
const SPEC_OF_TYPE: readonly (FrameSpec | undefined)[] = specsByType()
const SPEC_OF_NAME: ReadonlyMap<string, FrameSpec> = new Map(FRAME_SPECS.map((spec) => [spec.name, spec]))

function specsByType(): (FrameSpec | undefined)[] {
  const table: (FrameSpec | undefined)[] = new Array(TYPE_MAX + 1).fill(undefined)
  for (const spec of FRAME_SPECS) table[spec.type] = spec
  return table
}

/** The description of a frame type by number, or undefined when it is unknown. */
export function frameSpecOf(type: number): FrameSpec | undefined {
  return SPEC_OF_TYPE[type]
}

const reader = new FrameReader()
let source: Uint8Array = EMPTY_BYTES

/**
 * Decodes one frame: the bytes [start, end), without a length prefix. Byte fields of the result are views of
 * `bytes`. Never throws for what the bytes hold.
 */
export function decodeFrame(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Frame | IgnoredFrame | DecodeFault {
  if (start === end) return faultOf('truncated', 0)
  //= PAL-FRM-005
  const unsound = scanValue(bytes, start, end, FRAME_SCAN)
  if (unsound) return unsound
  reader.reset(bytes, start, end)
  source = bytes
  const count = reader.readArrayHeader()
  if (count < 1) return faultOf('not_a_frame', 0)
  const typeAt = reader.position
  const type = reader.readUint()
  if (type < 1 || type > TYPE_MAX) return faultOf('not_a_frame', typeAt - start)
  const spec = SPEC_OF_TYPE[type]
  if (!spec) return unknownType(type, typeAt - start)
  const fields = spec.fields
  //= PAL-FRM-008
  if (count - 1 < fields.length) return faultOf('missing_field', end - start, fields[count - 1]?.name)
  const frame: Record<string, unknown> = { type: spec.name }
  for (const field of fields) {
    const at = reader.position
    const value = readField(field)
    if (value === undefined) return faultOf('bad_field', at - start, field.name)
    frame[field.name] = value
  }
  return frame as unknown as Frame
}

/** The one frame that `bytes` are, behind its length; undefined when they are anything else. */
export function loneFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < PREFIX_BYTES || readUint32(bytes, 0) !== bytes.length - PREFIX_BYTES) return undefined
  const frame = decodeFrame(bytes, PREFIX_BYTES)
  return isFault(frame) || frame.type === 'ignored' ? undefined : frame
}

/**
 * The versions that a sound hello lists, whatever else it holds: a later edition may have changed the rest.
 * Undefined for anything else.
 */
export function helloVersions(bytes: Uint8Array): number[] | undefined {
  if (bytes.length === 0 || scanValue(bytes, 0, bytes.length, FRAME_SCAN)) return undefined
  reader.reset(bytes, 0, bytes.length)
  if (reader.readArrayHeader() < 2 || reader.readUint() !== FRAME_TYPES.hello) return undefined
  const count = reader.readArrayHeader()
  if (count < 0) return undefined
  const versions: number[] = []
  for (let i = 0; i < count; i++) {
    const version = reader.readUint()
    if (version < 0) return undefined
    versions.push(version)
  }
  return versions
}

function unknownType(type: number, offset: number): IgnoredFrame | DecodeFault {
  const range = FRAME_RANGES.find((each) => type >= each.from && type <= each.to)
  //= PAL-FRM-011, PAL-EXT-002
  return range?.unknown === 'ignore' ? { type: 'ignored', number: type } : faultOf('unknown_type', offset)
}

/** The field's value at the reader's position, or undefined when it breaks the field's rules. */
function readField(field: FieldSpec): unknown {
  switch (field.kind) {
    case 'uint':
      return readBoundedUint(field)
    case 'bool':
      return reader.readBool()
    case 'str':
      return reader.readStr() && fits(field) ? utf8Text(foundBytes()) : undefined
    case 'bin':
      return reader.readBin() && fits(field) ? foundBytes() : undefined
    case 'list':
      return readList(field)
    case 'record':
      return readRecord(field.fields)
    default:
      return field satisfies never
  }
}

function readBoundedUint(field: UintSpec): number | undefined {
  const value = reader.readUint()
  //= PAL-FRM-005, PAL-FRM-010
  return value < field.min || value > field.max ? undefined : value
}

function fits(field: BytesSpec): boolean {
  const length = reader.position - reader.binStart
  return length >= field.minBytes && length <= field.maxBytes
}

function foundBytes(): Uint8Array {
  return source.subarray(reader.binStart, reader.position)
}

function readList(field: ListSpec): unknown[] | undefined {
  const count = reader.readArrayHeader()
  if (count < field.minCount || count > field.maxCount) return undefined
  const items: unknown[] = []
  for (let i = 0; i < count; i++) {
    const item = readField(field.of)
    if (item === undefined) return undefined
    items.push(item)
  }
  return items
}

/** Extra trailing elements of a record are ignored, as those of a frame are. */
function readRecord(fields: readonly FieldSpec[]): Record<string, unknown> | undefined {
  const count = reader.readArrayHeader()
  if (count < fields.length) return undefined
  const record: Record<string, unknown> = {}
  for (const field of fields) {
    const value = readField(field)
    if (value === undefined) return undefined
    record[field.name] = value
  }
  //= PAL-FRM-008
  for (let i = fields.length; i < count; i++) reader.skipValue()
  return record
}

/** Appends a frame with its length prefix. Throws UsageError when a field breaks the registry's rules. */
export function writeFrame(out: ByteWriter, frame: Frame): void {
  const spec = SPEC_OF_NAME.get(frame.type)
  if (!spec) throw new UsageError('bad_argument', `no frame is called ${String(frame.type)}`)
  const values = frame as unknown as Readonly<Record<string, unknown>>
  const before = out.length
  const start = out.beginFrame()
  //= PAL-FRM-001, PAL-FRM-009, PAL-EXT-001
  out.writeArrayHeader(spec.fields.length + 1)
  out.writeUint(spec.type)
  for (const field of spec.fields) {
    //= PAL-FRM-004
    if (writeField(out, field, values[field.name])) continue
    out.truncate(before)
    throw new UsageError(
      'bad_argument',
      `${spec.name}.${field.name} is not within the limits of the registry`,
    )
  }
  out.endFrame(start)
}

const scratch = new ByteWriter()

/** The bytes of one frame with its length prefix, in memory of their own. */
export function encodeFrame(frame: Frame): Uint8Array {
  writeFrame(scratch, frame)
  return scratch.take()
}

function writeField(out: ByteWriter, field: FieldSpec, value: unknown): boolean {
  switch (field.kind) {
    case 'uint':
      if (!isUint(value, field)) return false
      out.writeUint(value)
      return true
    case 'bool':
      if (typeof value !== 'boolean') return false
      out.writeBool(value)
      return true
    case 'str':
      return writeText(out, field, value)
    case 'bin':
      if (!(value instanceof Uint8Array) || value.length < field.minBytes || value.length > field.maxBytes)
        return false
      out.writeBin(value)
      return true
    case 'list':
      return writeList(out, field, value)
    case 'record':
      return writeRecord(out, field.fields, value)
    default:
      return field satisfies never
  }
}

function isUint(value: unknown, field: UintSpec): value is number {
  return Number.isSafeInteger(value) && (value as number) >= field.min && (value as number) <= field.max
}

function writeText(out: ByteWriter, field: BytesSpec, value: unknown): boolean {
  if (typeof value !== 'string') return false
  const bytes = utf8Bytes(value)
  if (bytes.length < field.minBytes || bytes.length > field.maxBytes) return false
  out.writeStr(bytes)
  return true
}

function writeList(out: ByteWriter, field: ListSpec, value: unknown): boolean {
  if (!Array.isArray(value) || value.length < field.minCount || value.length > field.maxCount) return false
  out.writeArrayHeader(value.length)
  for (const item of value) if (!writeField(out, field.of, item)) return false
  return true
}

function writeRecord(out: ByteWriter, fields: readonly FieldSpec[], value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const values = value as Readonly<Record<string, unknown>>
  out.writeArrayHeader(fields.length)
  for (const field of fields) if (!writeField(out, field, values[field.name])) return false
  return true
}
