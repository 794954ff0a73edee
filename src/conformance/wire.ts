/** Frames from loose values: the kit must be able to say what no sound endpoint says. */
import { concatBytes, uint32Bytes, utf8Bytes } from '../base/bytes.ts'
import { FRAME_SPECS } from '../codec/generated/registry.ts'
import type { FieldSpec, FrameSpec } from '../codec/spec-types.ts'
import { ByteWriter } from '../codec/writer.ts'

/** A frame as field names and values. */
export type Loose = Readonly<Record<string, unknown>>

const BY_NAME: ReadonlyMap<string, FrameSpec> = new Map(FRAME_SPECS.map((spec) => [spec.name, spec]))
const SIZED_HEADERS = { 1: 0, 2: 1, 4: 2 } as const

/** The description of a frame; throws for a name that the registry does not have. */
export function specOf(name: string): FrameSpec {
  const spec = BY_NAME.get(name)
  if (!spec) throw new RangeError(`no frame is called ${name}`)
  return spec
}

/** The bytes of a frame, in shortest forms, whatever its values. */
export function bodyOf(type: string, values: Loose): Uint8Array {
  const spec = specOf(type)
  const out = new ByteWriter()
  out.writeArrayHeader(spec.fields.length + 1)
  out.writeUint(spec.type)
  for (const field of spec.fields) writeLoose(out, field, values[field.name])
  return out.take()
}

/** The same behind its length. */
export function withLength(body: Uint8Array): Uint8Array {
  return concatBytes([uint32Bytes(body.length), body])
}

function writeLoose(out: ByteWriter, field: FieldSpec, value: unknown): void {
  if (typeof value === 'number') out.writeUint(value)
  else if (typeof value === 'boolean') out.writeBool(value)
  else if (typeof value === 'string') out.writeStr(utf8Bytes(value))
  else if (value instanceof Uint8Array) out.writeBin(value)
  else if (Array.isArray(value) && field.kind === 'list') {
    out.writeArrayHeader(value.length)
    for (const item of value) writeLoose(out, field.of, item)
  } else if (field.kind === 'record') {
    out.writeArrayHeader(field.fields.length)
    for (const inner of field.fields) writeLoose(out, inner, (value as Loose)[inner.name])
  } else throw new RangeError(`${field.name} has no value`)
}

// ---- pieces of MessagePack in every width -------------------------------------------------------

/** An unsigned integer in `width` bytes after its marker; signed markers where asked for. */
export function wideUint(value: number, width: 1 | 2 | 4 | 8, isSigned = false): Uint8Array {
  const bytes = new Uint8Array(width + 1)
  bytes[0] = (isSigned ? 0xd0 : 0xcc) + Math.log2(width)
  let rest = value
  for (let at = width; at > 0; at--) {
    bytes[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return bytes
}

/** A string or byte string with a header of `width` bytes of length. */
export function wideBytes(kind: 'str' | 'bin', bytes: Uint8Array, width: 1 | 2 | 4): Uint8Array {
  const header = wideUint(bytes.length, width)
  header[0] = (kind === 'str' ? 0xd9 : 0xc4) + SIZED_HEADERS[width]
  return concatBytes([header, bytes])
}

/** An array of encoded items with a header of 2 or 4 bytes. */
export function wideArray(items: readonly Uint8Array[], width: 2 | 4): Uint8Array {
  const header = wideUint(items.length, width)
  header[0] = width === 2 ? 0xdc : 0xdd
  return concatBytes([header, ...items])
}

/** An array of encoded items in the shortest form. */
export function shortArray(items: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter()
  out.writeArrayHeader(items.length)
  return concatBytes([out.take(), ...items])
}

/** One value in its shortest form. */
export function shortValue(field: FieldSpec, value: unknown): Uint8Array {
  const out = new ByteWriter()
  writeLoose(out, field, value)
  return out.take()
}
