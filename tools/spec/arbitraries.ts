/**
 * fast-check arbitraries for every frame type, from the registry: sound frames, and frames with one
 * fault.
 */
import fc from 'fast-check'
import {
  type FieldEntry,
  type FrameEntry,
  limitValue,
  type Registry,
  readRegistry,
  UINT_MAX,
} from './registry.ts'
import { EVERY_KIND, faultsOf, sitesOf, unsoundCases } from './vector-cases.ts'
import { encodeFrame, type Widths, type WireRecord, type WireValue } from './wire.ts'

/** Bytes of a sound frame, and the frame they hold. */
export interface SoundFrame {
  readonly bytes: Uint8Array
  readonly frame: WireRecord
}

/** Bytes with exactly one fault, and which. */
export interface UnsoundFrame {
  readonly bytes: Uint8Array
  readonly fault: string
}

/** What the arbitraries keep to, so that a run stays quick. */
export interface ArbitraryOptions {
  /** Longest text or byte string, in bytes; the field's own limit when that is smaller. */
  readonly bytesMax?: number
  /** Longest list; the field's own limit when that is smaller. */
  readonly countMax?: number
}

const REGISTRY: Registry = readRegistry()
const DEFAULTS: Required<ArbitraryOptions> = { bytesMax: 300, countMax: 8 }

/** The names of all frame types. */
export const FRAME_NAMES: readonly string[] = REGISTRY.frames.map((frame) => frame.name)

/** Fields of a frame, with its name as `type`. */
export function frameValues(name: string, options: ArbitraryOptions = {}): fc.Arbitrary<WireRecord> {
  return fieldsArbitrary(entry(name).fields, { ...DEFAULTS, ...options }).map((fields) => ({
    type: name,
    ...fields,
  }))
}

/** A sound frame in any valid encoding, sometimes with elements that nobody knows. */
export function soundFrame(name: string, options: ArbitraryOptions = {}): fc.Arbitrary<SoundFrame> {
  return fc
    .tuple(frameValues(name, options), widths, fc.subarray([...EVERY_KIND]))
    .map(([frame, wide, trailing]) => ({
      bytes: encodeFrame(REGISTRY, entry(name), frame, wide, trailing),
      frame,
    }))
}

/** A sound frame in its shortest encoding and without further elements: what a sender writes. */
export function shortestFrame(name: string, options: ArbitraryOptions = {}): fc.Arbitrary<SoundFrame> {
  return frameValues(name, options).map((frame) => ({
    bytes: encodeFrame(REGISTRY, entry(name), frame),
    frame,
  }))
}

/**
 * A frame with exactly one fault: in one field of any depth, in its length, or in an element nobody
 * knows.
 */
export function unsoundFrame(name: string, options: ArbitraryOptions = {}): fc.Arbitrary<UnsoundFrame> {
  return fc.oneof(
    { weight: 3, arbitrary: frameValues(name, options).chain((frame) => faultyField(name, frame)) },
    { weight: 1, arbitrary: soundFrame(name, options).chain(({ bytes }) => cutFrame(bytes)) },
    { weight: 1, arbitrary: fc.constantFrom(...wholeFaults(name)) },
  )
}

/** A sound frame of any type. */
export function anySoundFrame(options: ArbitraryOptions = {}): fc.Arbitrary<SoundFrame> {
  return fc.constantFrom(...FRAME_NAMES).chain((name) => soundFrame(name, options))
}

/** A frame of any type with exactly one fault. */
export function anyUnsoundFrame(options: ArbitraryOptions = {}): fc.Arbitrary<UnsoundFrame> {
  return fc.constantFrom(...FRAME_NAMES).chain((name) => unsoundFrame(name, options))
}

const widths: fc.Arbitrary<Widths> = fc.oneof(
  fc.constant<Widths>({}),
  fc.record<Widths>({ int: fc.constant(8), isSigned: fc.boolean() }),
  fc.record<Widths>({ header: fc.constantFrom(2, 4) }),
  fc.record<Widths>({ int: fc.constant(8), isSigned: fc.boolean(), header: fc.constantFrom(2, 4) }),
)

const FRAMES_BY_NAME: ReadonlyMap<string, FrameEntry> = new Map(
  REGISTRY.frames.map((frame) => [frame.name, frame]),
)
const wholeFaultsByName = new Map<string, readonly UnsoundFrame[]>()

function entry(name: string): FrameEntry {
  const frame = FRAMES_BY_NAME.get(name)
  if (!frame) throw new Error(`no frame is called ${name}`)
  return frame
}

function faultyField(name: string, frame: WireRecord): fc.Arbitrary<UnsoundFrame> {
  return fc
    .constantFrom(...sitesOf(REGISTRY, entry(name), frame))
    .chain((site) => fc.constantFrom(...faultsOf(REGISTRY, site.field)).map((fault) => ({ site, fault })))
    .map(({ site, fault: [what, bytes] }) => ({
      bytes: site.withBytes(bytes),
      fault: `${site.path}: ${what}`,
    }))
}

function cutFrame(bytes: Uint8Array): fc.Arbitrary<UnsoundFrame> {
  return fc.integer({ min: 0, max: bytes.length - 1 }).map((length) => ({
    bytes: bytes.subarray(0, length),
    fault: `cut after ${length} of ${bytes.length} bytes`,
  }))
}

function wholeFaults(name: string): readonly UnsoundFrame[] {
  const known = wholeFaultsByName.get(name)
  if (known) return known
  const faults = unsoundCases(REGISTRY, entry(name)).map((each) => ({ bytes: each.bytes, fault: each.name }))
  wholeFaultsByName.set(name, faults)
  return faults
}

function fieldsArbitrary(
  fields: readonly FieldEntry[],
  options: Required<ArbitraryOptions>,
): fc.Arbitrary<WireRecord> {
  const arbitraries = Object.fromEntries(fields.map((field) => [field.name, valueArbitrary(field, options)]))
  return fc.record(arbitraries, { noNullPrototype: true })
}

function valueArbitrary(field: FieldEntry, options: Required<ArbitraryOptions>): fc.Arbitrary<WireValue> {
  const limit = field.length ?? (field.max ? limitValue(REGISTRY, field.max) : 0)
  const min = field.length ?? field.minBytes ?? 0
  const max = field.length ?? Math.min(limit, options.bytesMax)
  switch (field.type) {
    case 'bool':
      return fc.boolean()
    case 'str':
      return textArbitrary(min, max)
    case 'bin':
      return fc.uint8Array({ minLength: min, maxLength: max }).map((bytes) => new Uint8Array(bytes))
    case 'list': {
      const maxLength = Math.max(field.minCount ?? 0, Math.min(field.maxCount ?? 0, options.countMax))
      return fc.array(elementArbitrary(field.of as string, options), {
        minLength: field.minCount ?? 0,
        maxLength,
      })
    }
    default:
      return uintArbitrary(field.min ?? 0, field.type)
  }
}

function elementArbitrary(of: string, options: Required<ArbitraryOptions>): fc.Arbitrary<WireValue> {
  const record = REGISTRY.records[of]
  return record ? fieldsArbitrary(record.fields, options) : uintArbitrary(0, of)
}

/** Near the bounds and anywhere between. */
function uintArbitrary(min: number, type: string): fc.Arbitrary<number> {
  const max = UINT_MAX[type] as number
  return fc.oneof(
    fc.integer({ min, max: Math.min(max, min + 300) }),
    fc.integer({ min, max }),
    fc.constantFrom(min, max),
  )
}

/** Text whose UTF-8 has `min` to `max` bytes. */
function textArbitrary(min: number, max: number): fc.Arbitrary<string> {
  return fc
    .string({ unit: 'binary', maxLength: max })
    .map((text) => shortened(text, max))
    .map((text) => (Buffer.byteLength(text) < min ? 'x'.repeat(min) : text))
}

function shortened(text: string, max: number): string {
  let kept = ''
  let bytes = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > max) break
    kept += character
  }
  return kept
}
