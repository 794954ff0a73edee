/** The cases of one frame type: sound ones and, one fault at a time, unsound ones. */
import { type FieldEntry, type FrameEntry, limitValue, type Registry, UINT_MAX } from './registry.ts'
import {
  array,
  arrayHeader,
  bin,
  encodeElement,
  encodeField,
  encodeFields,
  encodeFrame,
  float,
  fromHex,
  int,
  joined,
  str,
  utf8,
  type WireRecord,
  type WireValue,
} from './wire.ts'

/** Bytes and what a decoder makes of them: the fields, or the code that closes the session. */
export interface FrameCase {
  readonly name: string
  readonly bytes: Uint8Array
  readonly frame?: WireRecord
  readonly fault?: 'bad_frame' | 'unknown_frame'
}

/** One field of a frame, however deep, and how the frame looks with other bytes or another value there. */
export interface Site {
  readonly path: string
  readonly field: FieldEntry
  readonly value: WireValue
  withBytes(bytes: Uint8Array): Uint8Array
  withValue(value: WireValue): WireRecord
}

/** Values for every field of a frame that any decoder accepts. */
export function sampleOf(registry: Registry, fields: readonly FieldEntry[]): WireRecord {
  return Object.fromEntries(fields.map((field, index) => [field.name, sampleValue(registry, field, index)]))
}

function sampleValue(registry: Registry, field: FieldEntry, index: number): WireValue {
  switch (field.type) {
    case 'bool':
      return index % 2 === 0
    case 'str':
      return field.name.slice(0, 8)
    case 'bin':
      return Uint8Array.from({ length: field.length ?? 5 }, (_, at) => (at * 7 + index) & 0xff)
    case 'list':
      return [elementSample(registry, field.of as string)]
    default:
      return field.registry ? 1 : Math.min(index + 1, UINT_MAX[field.type] as number)
  }
}

/** An element for a list. */
export function elementSample(registry: Registry, of: string): WireValue {
  const record = registry.records[of]
  return record ? sampleOf(registry, record.fields) : 1
}

/** Every field of a frame and of the records in its lists. */
export function sitesOf(registry: Registry, frame: FrameEntry, values: WireRecord): Site[] {
  const wrap = (encoded: readonly Uint8Array[]): Uint8Array => array([int(frame.type), ...encoded])
  return fieldSites(registry, frame.fields, values, '', wrap, (changed) => changed)
}

function fieldSites(
  registry: Registry,
  fields: readonly FieldEntry[],
  values: WireRecord,
  prefix: string,
  wrap: (encoded: readonly Uint8Array[]) => Uint8Array,
  whole: (changed: WireRecord) => WireRecord,
): Site[] {
  const encoded = encodeFields(registry, fields, values)
  return fields.flatMap((field, index) => {
    const value = values[field.name] as WireValue
    const withBytes = (bytes: Uint8Array): Uint8Array => wrap(encoded.with(index, bytes))
    const withValue = (other: WireValue): WireRecord => whole({ ...values, [field.name]: other })
    const site: Site = { path: `${prefix}${field.name}`, field, value, withBytes, withValue }
    return [site, ...elementSites(registry, site)]
  })
}

/** The sites within the first element of a list. */
function elementSites(registry: Registry, list: Site): Site[] {
  if (list.field.type !== 'list') return []
  const of = list.field.of as string
  const [first, ...others] = list.value as readonly WireValue[]
  if (first === undefined) return []
  const rest = others.map((item) => encodeElement(registry, of, item))
  const wrapElement = (bytes: Uint8Array): Uint8Array => list.withBytes(array([bytes, ...rest]))
  const record = registry.records[of]
  if (record)
    return fieldSites(
      registry,
      record.fields,
      first as WireRecord,
      `${list.path}.`,
      (encoded) => wrapElement(array(encoded)),
      (changed) => list.withValue([changed, ...others]),
    )
  const field: FieldEntry = { name: 'item', type: of, summary: '' }
  const withValue = (value: WireValue): WireRecord => list.withValue([value, ...others])
  return [{ path: `${list.path}.item`, field, value: first, withBytes: wrapElement, withValue }]
}

/** Sound frames: every width, every bound, trailing elements. */
export function soundCases(registry: Registry, frame: FrameEntry): FrameCase[] {
  const sample: WireRecord = { type: frame.name, ...sampleOf(registry, frame.fields) }
  const encode = (
    widths: Parameters<typeof encodeFrame>[3],
    trailing: readonly Uint8Array[] = [],
  ): Uint8Array => encodeFrame(registry, frame, sample, widths, trailing)
  const whole: FrameCase[] = [
    { name: 'shortest encodings', bytes: encode({}), frame: sample },
    { name: 'integers as uint 64', bytes: encode({ int: 8 }), frame: sample },
    { name: 'integers as int 64', bytes: encode({ int: 8, isSigned: true }), frame: sample },
    { name: 'headers of 16 bits', bytes: encode({ header: 2 }), frame: sample },
    { name: 'headers of 32 bits', bytes: encode({ header: 4 }), frame: sample },
    { name: 'one element too many', bytes: encode({}, [int(1)]), frame: sample },
    { name: 'elements of every kind too many', bytes: encode({}, EVERY_KIND), frame: sample },
  ]
  const bounds = sitesOf(registry, frame, sample).flatMap((site) =>
    soundValues(registry, site.field).map(([what, value]) => ({
      name: `${site.path}: ${what}`,
      bytes: site.withBytes(encodeField(registry, site.field, value)),
      frame: site.withValue(value),
    })),
  )
  return [...whole, ...recordTrailers(registry, frame, sample), ...bounds]
}

/** Elements that an unknowing receiver ignores. */
export const EVERY_KIND: readonly Uint8Array[] = [
  fromHex('c0'),
  fromHex('c2'),
  fromHex('c3'),
  int(-1),
  int(-(2 ** 31)),
  int(-(2n ** 63n)),
  int(2n ** 64n - 1n),
  float(1.5, 4),
  float(-1.5, 8),
  str(utf8('é')),
  bin(fromHex('ff')),
  array([array([]), int(5)]),
]

function recordTrailers(registry: Registry, frame: FrameEntry, sample: WireRecord): FrameCase[] {
  return sitesOf(registry, frame, sample).flatMap((site) => {
    const record = registry.records[site.field.of ?? '']
    const first = (
      site.field.type === 'list' ? (site.value as readonly WireValue[])[0] : undefined
    ) as WireRecord
    if (!record || !first) return []
    const longer = array([...encodeFields(registry, record.fields, first), fromHex('c0')])
    return [
      {
        name: `${site.path}: a record with an element too many`,
        bytes: site.withBytes(array([longer])),
        frame: sample,
      },
    ]
  })
}

/** Values at and near the bounds of a field. */
function soundValues(registry: Registry, field: FieldEntry): [string, WireValue][] {
  const max = field.length ?? (field.max ? limitValue(registry, field.max) : 0)
  switch (field.type) {
    case 'bool':
      return [
        ['false', false],
        ['true', true],
      ]
    case 'str':
      return [
        ['shortest', 'x'.repeat(field.minBytes ?? 0)],
        ['longest', 'x'.repeat(max)],
        ['longest in code points of four bytes', '\u{1f600}'.repeat(max / 4)],
        ['with a zero and a byte order mark', '\0\ufeff'],
      ]
    case 'bin':
      return field.length === undefined
        ? [
            ['empty', new Uint8Array(field.minBytes ?? 0)],
            ['longest', new Uint8Array(max).fill(0xa5)],
          ]
        : [['all ones', new Uint8Array(max).fill(0xff)]]
    case 'list':
      return [
        ['fewest', repeatElement(registry, field, field.minCount ?? 0)],
        ['most', repeatElement(registry, field, field.maxCount ?? 0)],
      ]
    default:
      return [
        ['least', field.min ?? 0],
        [field.registry ? 'greatest, and not in the table' : 'greatest', UINT_MAX[field.type] as number],
      ]
  }
}

function repeatElement(registry: Registry, field: FieldEntry, count: number): WireValue[] {
  return new Array(count).fill(elementSample(registry, field.of as string)) as WireValue[]
}

/** Unsound frames, one fault each. */
export function unsoundCases(registry: Registry, frame: FrameEntry): FrameCase[] {
  const sample = sampleOf(registry, frame.fields)
  const sites = sitesOf(registry, frame, sample)
  const bad = (name: string, bytes: Uint8Array): FrameCase => ({ name, bytes, fault: 'bad_frame' })
  return [
    ...cuts(registry, frame, sample).map(([name, bytes]) => bad(name, bytes)),
    bad('a byte after the frame', joined(encodeFrame(registry, frame, sample), fromHex('00'))),
    ...UNSOUND_TRAILERS.map(([name, bytes]) =>
      bad(`unsound element too many: ${name}`, encodeFrame(registry, frame, sample, {}, [bytes])),
    ),
    ...sites.flatMap((site) =>
      faultsOf(registry, site.field).map(([what, bytes]) =>
        bad(`${site.path}: ${what}`, site.withBytes(bytes)),
      ),
    ),
    ...sites.flatMap((site) =>
      shortRecords(registry, site).map(([what, bytes]) => bad(`${site.path}: ${what}`, bytes)),
    ),
  ]
}

/** Truncations within and after each value, and frames that announce fewer elements. */
function cuts(registry: Registry, frame: FrameEntry, sample: WireRecord): [string, Uint8Array][] {
  const values = [int(frame.type), ...encodeFields(registry, frame.fields, sample)]
  const header = arrayHeader(values.length)
  const result: [string, Uint8Array][] = [['cut within the array', header]]
  for (let count = 1; count < values.length; count++) {
    const next = values[count] as Uint8Array
    const start = joined(header, ...values.slice(0, count))
    const name = frame.fields[count - 1]?.name ?? ''
    result.push([`cut before ${name}`, start])
    if (next.length > 1) result.push([`cut within ${name}`, joined(start, next.subarray(0, -1))])
    result.push([`without ${name} and what follows`, array(values.slice(0, count))])
  }
  return result
}

function shortRecords(registry: Registry, site: Site): [string, Uint8Array][] {
  const record = registry.records[site.field.of ?? '']
  if (!record || site.field.type !== 'list') return []
  const encoded = encodeFields(registry, record.fields, sampleOf(registry, record.fields))
  return [['a record with an element too few', site.withBytes(array([array(encoded.slice(0, -1))]))]]
}

/** One value of each MessagePack family. */
const FAMILIES: readonly (readonly [string, Uint8Array])[] = [
  ['nil', fromHex('c0')],
  ['bool', fromHex('c3')],
  ['uint', int(1)],
  ['float', float(1, 4)],
  ['float', float(1, 8)],
  ['str', str(utf8('1'))],
  ['bin', bin(fromHex('01'))],
  ['list', array([int(1)])],
  ['list', array([])],
  ['map', fromHex('80')],
  ['map', fromHex('de0000')],
  ['extension', fromHex('d40000')],
  ['extension', fromHex('c70000')],
  ['reserved byte', fromHex('c1')],
]

/** Bytes in place of a field that break one of its rules. */
export function faultsOf(registry: Registry, field: FieldEntry): [string, Uint8Array][] {
  const family = field.type.startsWith('u') ? 'uint' : field.type
  const wrong = FAMILIES.filter(([name]) => name !== family).map(([name, bytes]): [string, Uint8Array] => [
    `${name} (0x${(bytes[0] as number).toString(16)}) in its place`,
    bytes,
  ])
  return [...wrong, ...boundFaults(registry, field)]
}

function boundFaults(registry: Registry, field: FieldEntry): [string, Uint8Array][] {
  const max = field.length ?? (field.max ? limitValue(registry, field.max) : 0)
  switch (field.type) {
    case 'bool':
      return []
    case 'str':
      return [
        ['one byte too long', str(utf8('x'.repeat(max + 1)))],
        ...(field.minBytes ? [['empty', str(new Uint8Array(0))] as [string, Uint8Array]] : []),
        ...BAD_UTF8.map(([what, hex]): [string, Uint8Array] => [what, str(joined(utf8('a'), fromHex(hex)))]),
      ]
    case 'bin':
      return [
        ['one byte too long', bin(new Uint8Array(max + 1))],
        ...(field.length
          ? [['one byte too short', bin(new Uint8Array(max - 1))] as [string, Uint8Array]]
          : []),
        ['a length of 4 GiB', fromHex('c6ffffffff')],
      ]
    case 'list':
      return listFaults(registry, field)
    default:
      return [
        ['negative', int(-1)],
        ['negative in 64 bits', int(-1, { int: 8 })],
        ['one too many', int(BigInt(UINT_MAX[field.type] as number) + 1n)],
        ['greatest of 64 bits', int(2n ** 64n - 1n)],
        ...(field.min ? [['one too few', int(field.min - 1)] as [string, Uint8Array]] : []),
      ]
  }
}

function listFaults(registry: Registry, field: FieldEntry): [string, Uint8Array][] {
  const element = encodeElement(registry, field.of as string, elementSample(registry, field.of as string))
  const most = (field.maxCount ?? 0) + 1
  const faults: [string, Uint8Array][] = [
    ['one element too many', array(new Array<Uint8Array>(most).fill(element))],
    ['a count of 2^32 - 1', fromHex('ddffffffff')],
  ]
  return field.minCount ? [...faults, ['too few elements', array([])]] : faults
}

/** Byte sequences that are not UTF-8 (Unicode, table 3-7). */
const BAD_UTF8: readonly (readonly [string, string])[] = [
  ['UTF-8 that ends within a character', 'c3'],
  ['UTF-8 that starts within a character', '80'],
  ['overlong UTF-8', 'c080'],
  ['a surrogate in UTF-8', 'eda080'],
  ['UTF-8 beyond U+10FFFF', 'f4908080'],
  ['a byte that UTF-8 never has', 'ff'],
]

const NESTING = 8
const ITEMS = 1024

/** Elements after the known fields that make the frame unsound all the same. */
const UNSOUND_TRAILERS: readonly (readonly [string, Uint8Array])[] = [
  ['a map', fromHex('80')],
  ['an extension', fromHex('d60000000000')],
  ['the reserved byte', fromHex('c1')],
  ['NaN in 32 bits', fromHex('ca7fc00000')],
  ['NaN in 64 bits', fromHex('cb7ff8000000000000')],
  ['infinity', fromHex('cb7ff0000000000000')],
  ['minus infinity', fromHex('caff800000')],
  ['text that is not UTF-8', fromHex('a1ff')],
  ['long text that is not UTF-8', str(joined(new Uint8Array(254).fill(0x61), fromHex('c328')))],
  ['arrays nested too deep', joined(new Uint8Array(NESTING - 1).fill(0x91), fromHex('90'))],
  ['too many values', array(new Array<Uint8Array>(ITEMS).fill(int(0)))],
  ['a string that is cut', fromHex('a2')],
]
