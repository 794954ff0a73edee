/** Frames made from the registry: a sound one of each type, and for each what may be wrong with it. */
import { concatBytes, hexOf, utf8Bytes } from '../../base/bytes.ts'
import { FRAME_SPECS, LIMITS } from '../../codec/generated/registry.ts'
import type { BytesSpec, FieldSpec, FrameSpec, UintSpec } from '../../codec/spec-types.ts'
import { bodyOf, type Loose, shortArray, shortValue, wideArray, wideBytes, wideUint } from '../wire.ts'

const TEXT = 'sample'

/** A sound value of a field. */
export function sampleOf(field: FieldSpec): unknown {
  switch (field.kind) {
    case 'uint':
      return Math.max(field.min, 1)
    case 'bool':
      return false
    case 'str':
      return field.maxBytes >= TEXT.length ? TEXT : 'x'.repeat(field.minBytes)
    case 'bin':
      return new Uint8Array(Math.max(field.minBytes, Math.min(field.maxBytes, 4))).fill(7)
    case 'list':
      return Array.from({ length: Math.max(field.minCount, 1) }, () => sampleOf(field.of))
    default:
      return Object.fromEntries(field.fields.map((each) => [each.name, sampleOf(each)]))
  }
}

/** Sound values of a frame. */
export function sampleFrame(spec: FrameSpec): Loose {
  return Object.fromEntries(spec.fields.map((field) => [field.name, sampleOf(field)]))
}

/** The bytes of a sound frame, in hexadecimal. */
export function sampleHex(type: string): string {
  const spec = FRAME_SPECS.find(({ name }) => name === type) as FrameSpec
  return hexOf(bodyOf(type, sampleFrame(spec)))
}

/** The encoded values of a sound frame, its type first. */
function partsOf(spec: FrameSpec): Uint8Array[] {
  const values = sampleFrame(spec)
  return [Uint8Array.of(spec.type), ...spec.fields.map((field) => shortValue(field, values[field.name]))]
}

/** A faulty frame and what is wrong with it. */
export interface Variant {
  readonly name: string
  readonly hex: string
}

/** Frames of a type with one fault each, all `bad_frame`. */
export function faultyFrames(spec: FrameSpec): Variant[] {
  const parts = partsOf(spec)
  const whole = shortArray(parts)
  const variants: Variant[] = [
    { name: 'cut', hex: hexOf(whole.subarray(0, -1)) },
    { name: 'trailing-byte', hex: `${hexOf(whole)}00` },
    { name: 'too-few', hex: hexOf(shortArray(parts.slice(0, -1))) },
    { name: 'trailing-map', hex: hexOf(shortArray([...parts, Uint8Array.of(0x80)])) },
  ]
  spec.fields.forEach((field, index) => {
    for (const [name, bytes] of faultsOf(field)) {
      const changed = [...parts]
      changed[index + 1] = bytes
      variants.push({ name: `${field.name}-${name}`, hex: hexOf(shortArray(changed)) })
    }
  })
  return variants
}

function faultsOf(field: FieldSpec): [string, Uint8Array][] {
  switch (field.kind) {
    case 'uint':
      return uintFaults(field)
    case 'bool':
      return [['integer', Uint8Array.of(1)]]
    case 'str':
      return [
        ['bytes', wideBytes('bin', utf8Bytes('x'), 1)],
        ['not-utf-8', Uint8Array.of(0xa2, 0xc3, 0x28)],
        ['surrogate', Uint8Array.of(0xa3, 0xed, 0xa0, 0x80)],
        ['too-long', shortValue(field, 'x'.repeat(field.maxBytes + 1))],
        ...(field.minBytes > 0 ? ([['empty', Uint8Array.of(0xa0)]] as [string, Uint8Array][]) : []),
      ]
    case 'bin':
      return binFaults(field)
    case 'list':
      return [
        ['integer', Uint8Array.of(1)],
        ['huge', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
        [
          'too-many',
          shortArray(
            Array.from({ length: field.maxCount + 1 }, () => shortValue(field.of, sampleOf(field.of))),
          ),
        ],
      ]
    default:
      return []
  }
}

function uintFaults(field: UintSpec): [string, Uint8Array][] {
  const faults: [string, Uint8Array][] = [
    ['text', Uint8Array.of(0xa1, 0x31)],
    ['float', Uint8Array.of(0xca, 0x3f, 0x80, 0, 0)],
    ['negative', Uint8Array.of(0xff)],
    ['nil', Uint8Array.of(0xc0)],
  ]
  if (field.max < 2 ** 53 - 1) faults.push(['above', wideUint(field.max + 1, 8)])
  else faults.push(['above', Uint8Array.of(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0)])
  if (field.min > 0) faults.push(['below', wideUint(field.min - 1, 1)])
  return faults
}

function binFaults(field: BytesSpec): [string, Uint8Array][] {
  const faults: [string, Uint8Array][] = [
    ['text', Uint8Array.of(0xa1, 0x31)],
    ['nil', Uint8Array.of(0xc0)],
    ['announces-4-gib', Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff)],
  ]
  if (field.maxBytes <= LIMITS.bodyBytes)
    faults.push(['too-long', shortValue(field, new Uint8Array(field.maxBytes + 1))])
  if (field.minBytes > 0) faults.push(['too-short', shortValue(field, new Uint8Array(field.minBytes - 1))])
  return faults
}

/** Bytes that are no sound frame of any type. */
export const UNSOUND: readonly Variant[] = [
  { name: 'empty-array', hex: '90' },
  { name: 'not-an-array', hex: '07' },
  { name: 'map', hex: '8107c0' },
  { name: 'nil', hex: 'c0' },
  { name: 'type-0', hex: '9100' },
  { name: 'type-128', hex: '91cc80' },
  { name: 'type-text', hex: '91a137' },
  { name: 'type-float', hex: '91ca40e00000' },
  { name: 'type-negative', hex: '91ff' },
  { name: 'reserved-byte', hex: '9270c1' },
  { name: 'extension', hex: '9270d40100' },
  { name: 'map-inside', hex: '927080' },
  { name: 'nan', hex: '9270ca7fc00000' },
  { name: 'infinity', hex: '9270cb7ff0000000000000' },
  { name: 'not-utf-8', hex: '9270a2c328' },
  { name: 'overlong', hex: '9270a2c080' },
  { name: 'overlong-of-three', hex: '9270a3e08080' },
  { name: 'overlong-of-four', hex: '9270a4f0808080' },
  { name: 'surrogate', hex: '9270a3eda080' },
  { name: 'above-the-last-code-point', hex: '9270a4f4908080' },
  { name: 'text-cut-within-a-letter', hex: '9270a2e282' },
  { name: 'lone-continuation', hex: '9270a180' },
  { name: 'nested-9-deep', hex: '92709191919191919190' },
  { name: 'items-1025', hex: `9270dc03fe${'00'.repeat(1022)}` },
  { name: 'array-of-4-billion', hex: '9270ddffffffff' },
  { name: 'string-of-4-gib', hex: '9270dbffffffff' },
  { name: 'bytes-of-4-gib', hex: '9270c6ffffffff' },
  { name: 'two-values', hex: '91709170' },
]

/** Frames that are sound and ignored. */
export const IGNORED: readonly Variant[] = [
  { name: 'nested-8-deep', hex: '927091919191919190' },
  { name: 'items-1024', hex: `9270dc03fd${'00'.repeat(1021)}` },
  { name: 'every-kind', hex: '9b70c0c2c3ffd280000000cfffffffffffffffffca3fc00000a2c3a9c401ff929005' },
  { name: 'extension-64', hex: '9140' },
  { name: 'extension-95', hex: '915f' },
  { name: 'private-96', hex: '9160' },
  { name: 'private-111', hex: '916f' },
  { name: 'grease-112', hex: '9170' },
  { name: 'grease-127', hex: '917f' },
  { name: 'wide-type', hex: '91cf0000000000000070' },
  { name: 'signed-type', hex: '91d070' },
]

/** The frame in other encodings that every receiver takes, and with elements behind its fields. */
export function oddFrames(spec: FrameSpec): Variant[] {
  const values = sampleFrame(spec)
  const wide = (width: 1 | 2 | 4 | 8, isSigned: boolean): Uint8Array[] => [
    wideUint(spec.type, width, isSigned),
    ...spec.fields.map((field) => wideValue(field, values[field.name], width, isSigned)),
  ]
  const parts = partsOf(spec)
  const trailers = [
    Uint8Array.of(0xc0),
    Uint8Array.of(0x91, 0xa1, 0x78),
    Uint8Array.of(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0),
  ]
  return [
    { name: 'wide-8', hex: hexOf(wideArray(wide(8, false), 2)) },
    { name: 'signed-8', hex: hexOf(wideArray(wide(8, true), 4)) },
    { name: 'trailing-nil', hex: hexOf(shortArray([...parts, trailers[0] as Uint8Array])) },
    { name: 'trailing-three', hex: hexOf(shortArray([...parts, ...trailers])) },
  ]
}

function wideValue(field: FieldSpec, value: unknown, width: 1 | 2 | 4 | 8, isSigned: boolean): Uint8Array {
  if (field.kind === 'uint') return wideUint(value as number, width, isSigned)
  if (field.kind === 'str') return wideBytes('str', utf8Bytes(value as string), 4)
  if (field.kind === 'bin') return wideBytes('bin', value as Uint8Array, 4)
  if (field.kind === 'list')
    return wideArray(
      (value as unknown[]).map((item) => wideValue(field.of, item, width, isSigned)),
      4,
    )
  return concatBytes([shortValue(field, value)])
}
