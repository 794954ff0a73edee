/** Bytes of the protocol taken apart: every value with its place, its name and its meaning. */
import { hexOf, readUint32, utf8Text } from '../base/bytes.ts'
import { type DecodeFault, faultOf, isFault } from '../codec/fault.ts'
import { decodeFrame, frameSpecOf } from '../codec/frame.ts'
import {
  CONTENT_KINDS,
  CONVERSATION_KINDS,
  ERRORS,
  EVENTS,
  FRAME_RANGES,
  LIMITS,
  ROLES,
} from '../codec/generated/registry.ts'
import { scanValue } from '../codec/scan.ts'
import type { FieldSpec, FrameSpec } from '../codec/spec-types.ts'

const PREFIX_BYTES = 4

/** One value in the bytes. */
export interface ValueNode {
  /** Of the first byte, from the start of the input. */
  readonly offset: number
  readonly length: number
  /** The field's name, `[0]` in a list, or empty where nobody gave one. */
  readonly name: string
  readonly type: 'nil' | 'bool' | 'int' | 'float' | 'str' | 'bin' | 'array'
  /** Scalars as they are, bytes in hexadecimal; null for arrays. */
  readonly value: string | number | boolean | null
  /** What the value means, such as the name of a code; or empty. */
  readonly meaning: string
  readonly children: readonly ValueNode[]
}

/** One frame, or what should have been one. */
export interface FrameNode {
  /** Of the length prefix. */
  readonly offset: number
  /** As the prefix says. */
  readonly length: number
  readonly name: string
  readonly type: number | undefined
  /** The chapter of the specification, or empty. */
  readonly chapter: string
  readonly summary: string
  /** The frame's array, as far as it could be read. */
  readonly root: ValueNode | undefined
  /** With the offset from the start of the input. */
  readonly fault: DecodeFault | undefined
}

/** Takes frames with their length prefixes apart. After a fault in the prefix nothing more can be found. */
export function decodeTree(bytes: Uint8Array): FrameNode[] {
  const frames: FrameNode[] = []
  for (let at = 0; at < bytes.length; ) {
    const frame = frameAt(bytes, at)
    frames.push(frame)
    if (frame.root === undefined && frame.fault) break
    at += PREFIX_BYTES + frame.length
  }
  return frames
}

function frameAt(bytes: Uint8Array, at: number): FrameNode {
  const left = bytes.length - at - PREFIX_BYTES
  const length = left < 0 ? 0 : readUint32(bytes, at)
  const broken = (fault: DecodeFault): FrameNode => ({ ...unnamed(at, length), fault })
  if (left < 0) return broken(faultOf('truncated', at, 'length'))
  if (length === 0) return broken(faultOf('not_a_frame', at, 'length'))
  if (length > LIMITS.frameBytes) return broken(faultOf('too_large', at, 'length'))
  const start = at + PREFIX_BYTES
  const end = Math.min(start + length, bytes.length)
  const decoded = decodeFrame(bytes, start, end)
  const unfinished = end < start + length ? faultOf('truncated', end) : undefined
  const found = isFault(decoded) ? { ...decoded, offset: start + decoded.offset } : undefined
  const isSound = scanValue(bytes, start, end) === undefined
  const walk = new Walk(bytes, end, isSound ? end : ((unfinished ?? found)?.offset ?? end))
  const root = walk.value(start, '')
  const first = root?.children[0]
  const type = first?.type === 'int' ? first.value : undefined
  const spec = typeof type === 'number' ? frameSpecOf(type) : undefined
  const named = root && typeof type === 'number' ? withFields(root, spec, type) : root
  return {
    ...unnamed(at, length),
    ...(spec
      ? { name: spec.name, chapter: spec.chapter, summary: spec.summary }
      : { summary: rangeText(type) }),
    type: typeof type === 'number' ? type : undefined,
    root: named ?? {
      offset: start,
      length: end - start,
      name: '',
      type: 'nil',
      value: null,
      meaning: '',
      children: [],
    },
    fault: unfinished ?? found,
  }
}

function unnamed(offset: number, length: number): FrameNode {
  return {
    offset,
    length,
    name: '',
    type: undefined,
    chapter: '',
    summary: '',
    root: undefined,
    fault: undefined,
  }
}

function rangeText(type: unknown): string {
  const range = FRAME_RANGES.find(({ from, to }) => typeof type === 'number' && type >= from && type <= to)
  return range
    ? `unknown type of the ${range.name} range: ${range.unknown === 'ignore' ? 'ignored' : 'an error'}`
    : ''
}

// ---- values -----------------------------------------------------------------------------------

/** Reads values up to where the bytes are known to be sound. */
class Walk {
  readonly #bytes: Uint8Array
  readonly #end: number
  /** Where the first fault is; nothing at or beyond it is read. */
  readonly #limit: number
  #depth = 0

  constructor(bytes: Uint8Array, end: number, limit: number) {
    this.#bytes = bytes
    this.#end = end
    this.#limit = limit
  }

  value(at: number, name: string): ValueNode | undefined {
    if (at >= this.#limit || at >= this.#end) return undefined
    const marker = this.#bytes[at] as number
    if (marker >= 0x90 && marker <= 0x9f) return this.#array(at, name, 1, marker & 0x0f)
    if (marker === 0xdc || marker === 0xdd) {
      const width = marker === 0xdc ? 2 : 4
      return at + width < this.#end ? this.#array(at, name, 1 + width, this.#uint(at + 1, width)) : undefined
    }
    const scalar = this.#scalar(at, marker)
    if (!scalar || at + scalar.length > this.#end) return undefined
    return { offset: at, name, meaning: '', children: [], ...scalar }
  }

  #array(at: number, name: string, headerBytes: number, count: number): ValueNode | undefined {
    if (this.#depth >= LIMITS.nesting) return undefined
    this.#depth += 1
    const children: ValueNode[] = []
    let position = at + headerBytes
    for (let i = 0; i < count; i++) {
      const child = this.value(position, `[${i}]`)
      if (!child) break
      children.push(child)
      position += child.length
    }
    this.#depth -= 1
    return {
      offset: at,
      length: position - at,
      name,
      type: 'array',
      value: null,
      meaning: `${count} values`,
      children,
    }
  }

  #scalar(at: number, marker: number): Pick<ValueNode, 'length' | 'type' | 'value'> | undefined {
    if (marker < 0x80) return { length: 1, type: 'int', value: marker }
    if (marker >= 0xe0) return { length: 1, type: 'int', value: marker - 256 }
    if (marker >= 0xa0 && marker <= 0xbf) return this.#run(at, 1, marker & 0x1f, 'str')
    if (marker === 0xc0) return { length: 1, type: 'nil', value: null }
    if (marker === 0xc2 || marker === 0xc3) return { length: 1, type: 'bool', value: marker === 0xc3 }
    if (marker >= 0xc4 && marker <= 0xc6) return this.#longRun(at, 1 << (marker - 0xc4), 'bin')
    if (marker >= 0xd9 && marker <= 0xdb) return this.#longRun(at, 1 << (marker - 0xd9), 'str')
    if (marker === 0xca || marker === 0xcb) return this.#float(at, marker === 0xca ? 4 : 8)
    if (marker >= 0xcc && marker <= 0xd3) return this.#integer(at, marker)
    return undefined
  }

  #longRun(
    at: number,
    width: number,
    type: 'str' | 'bin',
  ): Pick<ValueNode, 'length' | 'type' | 'value'> | undefined {
    return at + 1 + width <= this.#end ? this.#run(at, 1 + width, this.#uint(at + 1, width), type) : undefined
  }

  #run(
    at: number,
    headerBytes: number,
    count: number,
    type: 'str' | 'bin',
  ): Pick<ValueNode, 'length' | 'type' | 'value'> {
    const data = this.#bytes.subarray(at + headerBytes, at + headerBytes + count)
    return { length: headerBytes + count, type, value: type === 'str' ? utf8Text(data) : hexOf(data) }
  }

  #float(at: number, width: 4 | 8): Pick<ValueNode, 'length' | 'type' | 'value'> | undefined {
    if (at + 1 + width > this.#end) return undefined
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at + 1, width)
    return { length: 1 + width, type: 'float', value: width === 4 ? view.getFloat32(0) : view.getFloat64(0) }
  }

  /** An integer beyond 2^53 is shown as text, so that none of its digits is lost. */
  #integer(at: number, marker: number): Pick<ValueNode, 'length' | 'type' | 'value'> | undefined {
    const width = 1 << ((marker - 0xcc) & 3)
    if (at + 1 + width > this.#end) return undefined
    const big = BigInt(`0x${hexOf(this.#bytes.subarray(at + 1, at + 1 + width))}`)
    const exact = marker >= 0xd0 ? BigInt.asIntN(width * 8, big) : big
    const value = Number(exact)
    return { length: 1 + width, type: 'int', value: Number.isSafeInteger(value) ? value : String(exact) }
  }

  #uint(at: number, width: number): number {
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[at + i] as number)
    return value
  }
}

// ---- names and meanings -----------------------------------------------------------------------

function withFields(root: ValueNode, spec: FrameSpec | undefined, type: number): ValueNode {
  const children = root.children.map((child, i): ValueNode => {
    if (i === 0) return { ...child, name: 'type', meaning: spec?.name ?? rangeText(type) }
    const field = spec?.fields[i - 1]
    return field ? named(child, field, field.name) : { ...child, name: '(beyond the fields known)' }
  })
  return { ...root, children: children.map((child) => withBodyText(child, children)) }
}

function named(node: ValueNode, field: FieldSpec, name: string): ValueNode {
  if (field.kind === 'list')
    return { ...node, name, children: node.children.map((child, i) => named(child, field.of, `[${i}]`)) }
  if (field.kind === 'record') {
    const children = node.children.map((child, i): ValueNode => {
      const inner = field.fields[i]
      return inner ? named(child, inner, inner.name) : { ...child, name: '(beyond the fields known)' }
    })
    return { ...node, name, children }
  }
  const meaning = field.kind === 'uint' ? meaningOf(field.registry, field.name, node.value) : node.meaning
  return { ...node, name, meaning }
}

const REGISTRIES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  content_kinds: CONTENT_KINDS,
  conversation_kinds: CONVERSATION_KINDS,
  errors: ERRORS,
  events: EVENTS,
  roles: ROLES,
}

function meaningOf(registry: string | undefined, field: string, value: ValueNode['value']): string {
  if (field === 'time' && typeof value === 'number' && value <= 8.64e15) return new Date(value).toISOString()
  const values = registry === undefined ? undefined : REGISTRIES[registry]
  if (!values) return ''
  return Object.entries(values).find(([, each]) => each === value)?.[0] ?? 'unknown'
}

/** A body of a text kind is shown as text too. */
function withBodyText(node: ValueNode, fields: readonly ValueNode[]): ValueNode {
  const kind = fields.find((field) => field.name === 'kind')?.meaning
  if (node.name !== 'body' || node.type !== 'bin' || (kind !== 'text' && kind !== 'action')) return node
  return { ...node, meaning: utf8Text(Buffer.from(String(node.value), 'hex')) }
}
