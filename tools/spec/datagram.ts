import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { datagramVectors } from './vectors-datagram.ts'

/** One line of the datagram registry. */
export interface DatagramEntry {
  readonly name: string
  readonly value: number
  readonly doc: string
  readonly unit?: string
  readonly status?: string
  readonly body?: string
  readonly bytes?: number | readonly number[]
  readonly sender?: string
  readonly wire?: boolean
}

/** spec/registry/datagram.json: every number of the datagram binding, stated once. */
export interface DatagramRegistry {
  readonly chapter: string
  readonly version: number
  readonly packets: readonly DatagramEntry[]
  readonly frames: readonly DatagramEntry[]
  readonly parameters: readonly DatagramEntry[]
  readonly limits: readonly DatagramEntry[]
  readonly timers: readonly DatagramEntry[]
  readonly ratios: readonly DatagramEntry[]
  readonly close_codes: readonly DatagramEntry[]
  readonly refuse_codes: readonly DatagramEntry[]
}

/** A file that follows from the registry; `path` is relative to the repository. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The constants of src/reliable, the vectors, and the chapter with its tables filled in (when it exists). */
export function generateDatagram(registry: DatagramRegistry): GeneratedFile[] {
  const lines = datagramVectors().map((vector) => JSON.stringify(vector))
  const files: GeneratedFile[] = [
    { path: 'src/reliable/generated/constants.ts', text: constantsOf(registry) },
    { path: 'spec/vectors/datagram.json', text: `[\n${lines.join(',\n')}\n]\n` },
  ]
  const chapter = join(root, registry.chapter)
  if (existsSync(chapter)) {
    files.push({ path: registry.chapter, text: fillTables(readFileSync(chapter, 'utf8'), registry) })
  }
  return files
}

function constantsOf(registry: DatagramRegistry): string {
  const groups: [string, string, readonly DatagramEntry[], boolean][] = [
    ['PACKET', 'First byte of each packet.', registry.packets, true],
    ['FRAME', 'Frame types; the reserved ones are an error to receive.', registry.frames, true],
    ['PARAMETER', 'Handshake parameter types.', registry.parameters, true],
    ['LIMIT', 'Sizes, counts and rates.', registry.limits, false],
    ['TIMER', 'Durations in milliseconds.', registry.timers, false],
    ['RATIO', 'Factors.', registry.ratios, false],
    ['CLOSE', 'Close codes of the datagram binding.', registry.close_codes, false],
    ['REFUSE', 'Codes in REFUSE.', registry.refuse_codes, false],
  ]
  const lines = [
    '// Generated from spec/registry/datagram.json. Do not edit.',
    '',
    '/** Version of the datagram binding. */',
    `export const DATAGRAM_VERSION = ${registry.version} as const`,
  ]
  for (const [name, doc, entries, isHex] of groups) {
    lines.push('', `/** ${doc} */`, `export const ${name} = {`)
    for (const entry of entries) {
      const value = isHex ? `0x${hex(entry.value)}` : String(entry.value)
      lines.push(`  /** ${entry.doc} */`, `  ${camelCase(entry.name)}: ${value},`)
    }
    lines.push('} as const')
  }
  return `${lines.join('\n')}\n`
}

/** `chapter` with the text between each pair of markers replaced by the table of that name. */
export function fillTables(chapter: string, registry: DatagramRegistry): string {
  const tables = new Map<string, string>([
    ['datagram-packets', table(['value', 'packet', 'use'], registry.packets, hexRow)],
    ['datagram-frames', table(['type', 'frame', 'body', 'use'], registry.frames, frameRow)],
    [
      'datagram-parameters',
      table(['type', 'parameter', 'bytes', 'sender', 'value'], registry.parameters, parameterRow),
    ],
    ['datagram-limits', table(['limit', 'value', 'meaning'], registry.limits, limitRow)],
    ['datagram-timers', table(['timer', 'ms', 'meaning'], registry.timers, plainRow)],
    ['datagram-ratios', table(['factor', 'value', 'meaning'], registry.ratios, plainRow)],
    [
      'datagram-close-codes',
      table(['code', 'name', 'on the wire', 'meaning'], registry.close_codes, closeRow),
    ],
    ['datagram-refuse-codes', table(['code', 'name', 'meaning'], registry.refuse_codes, codeRow)],
  ])
  return chapter.replace(
    /<!-- generated:(datagram-[a-z-]+) -->[\s\S]*?<!-- \/generated -->/gu,
    (whole, name: string) => {
      const text = tables.get(name)
      return text === undefined ? whole : `<!-- generated:${name} -->\n${text}\n<!-- /generated -->`
    },
  )
}

type Row = (entry: DatagramEntry) => readonly (string | number)[]

const hexRow: Row = (e) => [`0x${hex(e.value)}`, e.name.toUpperCase(), e.doc]
const frameRow: Row = (e) => [
  `0x${hex(e.value)}`,
  e.name.toUpperCase(),
  e.body ?? '',
  e.status === 'reserved' ? `*Reserved.* ${e.doc}` : e.doc,
]
const parameterRow: Row = (e) => [
  `0x${hex(e.value)}`,
  e.name,
  Array.isArray(e.bytes) ? e.bytes.join(' or ') : String(e.bytes),
  e.sender ?? '',
  e.doc,
]
const limitRow: Row = (e) => [e.name, `${e.value}${e.unit === '-' ? '' : ` ${e.unit ?? ''}`}`, e.doc]
const plainRow: Row = (e) => [e.name, e.value, e.doc]
const closeRow: Row = (e) => [e.value, e.name, e.wire === true ? 'yes' : 'no', e.doc]
const codeRow: Row = (e) => [e.value, e.name, e.doc]

function table(head: readonly string[], entries: readonly DatagramEntry[], row: Row): string {
  const lines = [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`]
  for (const entry of entries) lines.push(`| ${row(entry).join(' | ')} |`)
  return lines.join('\n')
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0')
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/gu, (_, letter: string) => letter.toUpperCase())
}

function main(): void {
  const text = readFileSync(join(root, 'spec/registry/datagram.json'), 'utf8')
  for (const file of generateDatagram(JSON.parse(text) as DatagramRegistry)) {
    const path = join(root, file.path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, file.text)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main()
