/** The generated dissector, run by tshark, sees in every vector what `palaver decode` sees. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { tcpFlowsOf } from '../../src/cli/capture.ts'
import { jsonFields } from '../../src/cli/decode.ts'
import { decodeTree } from '../../src/cli/decode-tree.ts'
import { type FieldEntry, ROOT, readRegistry, UINT_MAX } from '../../tools/spec/registry.ts'
import { bytesOfCompactHex } from '../../tools/spec/vectors.ts'
import { pcapOf } from './captures.ts'

const MISSING = spawnSync('tshark', ['--version']).status !== 0
if (MISSING) console.warn('tshark is not here: the test of the dissector is skipped')

const SEGMENT_BYTES = 60_000
const RELAY_PORT = 7667
const RUN_MS = 120_000
const registry = readRegistry()
const folder = mkdtempSync(join(tmpdir(), 'palaver-capture-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One value as either side reports it: place counted from the frame's length prefix. */
type Seen = readonly [name: string, at: number, size: number, value: string]

interface SeenFrame {
  readonly values: readonly Seen[]
  readonly fault: string | undefined
}

interface Node {
  readonly offset: number
  readonly length: number
  readonly type: string
  readonly value?: unknown
  readonly items?: readonly Node[]
}

describe.skipIf(MISSING)('the dissector', () => {
  it('shows every value of every vector as palaver decode does', { timeout: RUN_MS }, () => {
    const capture = pcapOf(vectors().map(connectionOf))
    const path = join(folder, 'vectors.pcap')
    writeFileSync(path, capture)
    const ours = (tcpFlowsOf(capture) ?? []).flatMap(({ bytes }) =>
      decodeTree(bytes).map((frame) => expectedOf(JSON.parse(JSON.stringify(jsonFields(frame))), bytes)),
    )
    const theirs = dissected(path)
    expect(ours.length).toBeGreaterThan(3_000)
    expect(theirs.length).toBe(ours.length)
    for (const [i, frame] of theirs.entries()) expect(frame).toEqual(ours[i])
    expect(ours.reduce((sum, { values }) => sum + values.length, 0)).toBeGreaterThan(10_000)
  })
})

function vectors(): Uint8Array[] {
  const path = join(ROOT, 'spec', 'vectors', 'frames')
  return readdirSync(path)
    .flatMap((file) => JSON.parse(readFileSync(join(path, file), 'utf8')) as { hex: string }[])
    .map(({ hex }) => bytesOfCompactHex(hex))
}

function connectionOf(frame: Uint8Array, index: number): Parameters<typeof pcapOf>[0][number] {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(frame.length)
  const data = Buffer.concat([prefix, frame])
  const count = Math.ceil(data.length / SEGMENT_BYTES)
  const segments = Array.from({ length: count }, (_, i) => {
    const seq = i * SEGMENT_BYTES
    return { seq, data: data.subarray(seq, seq + SEGMENT_BYTES) }
  })
  return { clientPort: 10_000 + index, serverPort: RELAY_PORT, segments }
}

// ---- tshark -----------------------------------------------------------------------------------

function dissected(path: string): SeenFrame[] {
  const script = join(ROOT, 'spec', 'generated', 'palaver.lua')
  const words = ['-X', `lua_script:${script}`, '-r', path, '-T', 'pdml', '-J', 'palaver']
  const { status, stdout, stderr } = spawnSync('tshark', words, {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
  })
  if (status !== 0 || /lua/iu.test(stderr)) throw new Error(`tshark: ${stderr}`)
  return [...stdout.matchAll(/<proto name="palaver" [^>]*>(.*?)<\/proto>/gsu)].map(([, body = '']) =>
    seenFrame(body),
  )
}

function seenFrame(body: string): SeenFrame {
  const items = [...body.matchAll(/<field name="(palaver\.[^"]*)"([^>]*)>/gu)].map(
    ([, name = '', rest = '']) => {
      const text = (key: string): string => new RegExp(` ${key}="([^"]*)"`, 'u').exec(rest)?.[1] ?? ''
      const value = NUMBERS.has(name) ? text('show') : text('value')
      return { name, at: Number(text('pos')), size: Number(text('size')), value, show: text('show') }
    },
  )
  const start = items.find(({ name }) => name === 'palaver.length')?.at ?? 0
  const values = items
    .filter(({ name }) => !/^palaver\.(?:length|not_a_type|fault.*)$/u.test(name))
    .map(({ name, at, size, value }): Seen => [name, at - start, size, value])
  return { values, fault: items.find(({ name }) => name === 'palaver.fault')?.show }
}

// ---- palaver decode ---------------------------------------------------------------------------

/** What `palaver decode --format json` prints of a frame. */
interface DecodedFrame {
  readonly offset: number
  readonly name: string | null
  readonly number: number | null
  readonly fields: readonly Node[]
  readonly fault: { readonly wireError: string } | null
}

type Field = Pick<FieldEntry, 'name' | 'type' | 'of'>

const KIND_OF_TYPE: Readonly<Record<string, string>> = { u8: 'int', u16: 'int', u32: 'int', u53: 'int' }

/** The fields whose value tshark shows as a number. */
const NUMBERS: ReadonlySet<string> = new Set([
  'palaver.type',
  ...registry.frames.flatMap(({ name, fields }) => fields.flatMap((field) => numberNames(name, field))),
  ...Object.entries(registry.records).flatMap(([name, { fields }]) =>
    fields.flatMap((field) => numberNames(name, field)),
  ),
])

function numberNames(owner: string, { name, type, of }: Field): string[] {
  const isNumber = (of ?? type) in KIND_OF_TYPE || type === 'bool'
  return isNumber ? [`palaver.${owner}.${name}${of === undefined ? '' : '.item'}`] : []
}

function expectedOf(frame: DecodedFrame, bytes: Uint8Array): SeenFrame {
  const spec = registry.frames.find(({ name }) => name === frame.name)
  const isType = frame.number !== null && frame.number >= 1 && frame.number <= 127
  return {
    values: [
      ...(isType ? [typeSeen(frame, bytes)] : []),
      ...frame.fields.flatMap((node, i) => seenIn(node, spec?.fields[i], frame.name ?? '', bytes)),
    ],
    fault: frame.fault?.wireError,
  }
}

/** The type is the first value behind the array's header. */
function typeSeen({ offset, number }: DecodedFrame, bytes: Uint8Array): Seen {
  const header = bytes[offset + 4] === 0xdc ? 3 : bytes[offset + 4] === 0xdd ? 5 : 1
  const at = offset + 4 + header
  const first = bytes[at] as number
  const size = first < 0x80 ? 1 : 1 + (1 << ((first - 0xcc) & 3))
  return ['palaver.type', at - offset, size, String(number)]
}

function seenIn(node: Node, field: Field | undefined, owner: string, bytes: Uint8Array): Seen[] {
  if (!field || !isOfType(node, field)) return [undescribed(node, bytes)]
  const name = `palaver.${owner}.${field.name}`
  if (field.of === undefined) return scalarSeen(node, name, field.type, bytes)
  const items = (node.items ?? []).flatMap((item) =>
    isOfType(item, { name: '', type: field.of as string })
      ? scalarSeen(item, `${name}.item`, field.of as string, bytes)
      : [undescribed(item, bytes)],
  )
  return [[name, node.offset, node.length, ''], ...items]
}

function scalarSeen(node: Node, name: string, type: string, bytes: Uint8Array): Seen[] {
  const record = registry.records[type]
  if (record) {
    const inner = (node.items ?? []).flatMap((item, i) => seenIn(item, record.fields[i], type, bytes))
    return [[name, node.offset, node.length, ''], ...inner]
  }
  if (type === 'str' || type === 'bin') {
    const data = Buffer.from(String(node.value), type === 'str' ? 'utf8' : 'hex')
    return [[name, node.offset + node.length - data.length, data.length, data.toString('hex')]]
  }
  return [[name, node.offset, node.length, String(Number(node.value))]]
}

function isOfType({ type, value }: Node, field: Field): boolean {
  const wanted = field.of !== undefined || registry.records[field.type] ? 'array' : field.type
  if (type !== (KIND_OF_TYPE[wanted] ?? wanted)) return false
  const largest = UINT_MAX[field.type]
  return largest === undefined || (Number(value) >= 0 && Number(value) <= largest)
}

function undescribed({ offset, length }: Node, bytes: Uint8Array): Seen {
  return [
    'palaver.value',
    offset,
    length,
    Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'),
  ]
}
