/** `palaver decode`: explains bytes of the protocol. */

import { readFileSync } from 'node:fs'
import { bytesOfHex } from '../base/bytes.ts'
import type { DecodeFault } from '../codec/fault.ts'
import { FrameReader } from '../codec/reader.ts'
import { RELAY_PORT } from '../node/address.ts'
import { fileError } from '../node/private-file.ts'
import type { Arguments, CommandSpec } from './args.ts'
import { type TcpFlow, tcpFlowsOf } from './capture.ts'
import { decodeTree, type FrameNode, type ValueNode } from './decode-tree.ts'
import { EXIT, usageError } from './exit.ts'
import { readAll } from './lines.ts'
import { writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'

const INPUT_BYTES_MAX = 64 * 1024 * 1024
const BYTES_SHOWN = 8
const BYTES_COLUMN = BYTES_SHOWN * 3 + 2
const TEXT_SHOWN = 120
const BYTES_PER_ROW = 16

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'decode',
  summary: 'explain bytes of the protocol',
  usage: [
    'palaver decode [FILE | -] [--hex] [--format tree|hex|json]',
    'palaver decode --pcap [--port N] [FILE | -] [--format tree|hex|json]',
  ],
  examples: [
    ["printf '00000004 93070100' | palaver decode --hex", 'a ping, field by field'],
    ['palaver decode frames.bin', 'every frame in a file, each with its four bytes of length'],
    ['palaver decode frames.bin --format json', 'the same for programs'],
    ['tcpdump -i lo -w - tcp port 7667 | palaver decode --pcap', 'what a capture holds, side by side'],
  ],
  options: {
    hex: { help: 'the input is hexadecimal text; blanks do not matter' },
    pcap: { help: 'the input is a capture of tcpdump or Wireshark, of TCP' },
    port: { value: 'N', help: 'with --pcap: the port of the relay (default 7667)' },
    format: { value: 'tree|hex|json', help: 'how to show it (default tree)' },
  },
  notes: ['A fault is shown where it is, and the exit code is 9.'],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const format = args.has('json') ? 'json' : (args.text('format') ?? 'tree')
  const show = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (!show) throw usageError(`--format ${format}: use tree, hex or json`)
  if (args.positionals.length > 1) throw usageError('one FILE at a time')
  const input = await inputBytes(args.positionals[0] ?? '-')
  const sources = args.has('pcap')
    ? flowsIn(input, args.text('port') ?? String(RELAY_PORT))
    : [{ bytes: decodedInput(input, args.has('hex')) }]
  let frameCount = 0
  let faultCount = 0
  for (const source of sources) {
    if ('from' in source && format !== 'json') writeLine(`# ${source.from} to ${source.to}`)
    for (const frame of decodeTree(source.bytes)) {
      show(frame, source)
      frameCount += 1
      if (frame.fault) faultCount += 1
    }
    if (source.hasGap && format !== 'json') writeLine('# behind this, bytes are missing in the capture')
  }
  if (frameCount === 0) throw usageError('there are no bytes to decode')
  return faultCount > 0 ? EXIT.protocol : EXIT.done
}

/** The bytes that frames are in, and in a capture whose they are. */
type Source = Pick<TcpFlow, 'bytes'> & Partial<TcpFlow>

/** What went to and from a port. */
function flowsIn(input: Uint8Array, port: string): Source[] {
  if (!/^[1-9]\d{0,4}$/u.test(port)) throw usageError(`--port ${port}: a number from 1 to 65535`)
  const flows = tcpFlowsOf(input)
  if (!flows) throw usageError('the input is no capture: pcap and pcapng are read')
  return flows.filter(({ ports }) => ports.includes(Number(port)))
}

async function inputBytes(path: string): Promise<Uint8Array> {
  if (path === '-') {
    if (process.stdin.isTTY) throw usageError('there is nothing to decode', 'name a FILE, or pipe bytes in')
    return readAll(process.stdin, INPUT_BYTES_MAX)
  }
  try {
    return readFileSync(path)
  } catch (error) {
    throw fileError(error, `read ${path}`)
  }
}

function decodedInput(input: Uint8Array, isHex: boolean): Uint8Array {
  if (!isHex) return input
  const bytes = bytesOfHex(
    Buffer.from(input)
      .toString('latin1')
      .replace(/0x|[,:]/gu, ' '),
  )
  if (!bytes) throw usageError('the input is not hexadecimal: pairs of 0-9 and a-f')
  return bytes
}

const FORMATS: Readonly<Record<string, (frame: FrameNode, source: Source) => void>> = {
  tree: (frame, { bytes }) => {
    for (const line of treeLines(frame, bytes)) writeLine(line)
  },
  hex: (frame, { bytes }) => {
    for (const line of hexLines(frame, bytes)) writeLine(line)
  },
  json: (frame, { from, to }) =>
    writeJson('frame', { ...(from === undefined ? {} : { from, to }), ...jsonFields(frame) }),
}

// ---- tree -------------------------------------------------------------------------------------

/** One line for each value: offset, bytes, name, value, meaning. */
export function treeLines(frame: FrameNode, bytes: Uint8Array): string[] {
  const chapter = frame.chapter === '' ? '' : `   spec chapter ${frame.chapter}`
  const title = frame.name === '' ? frame.summary || 'not a frame' : `${frame.name}: ${frame.summary}`
  const prefixBytes = Math.min(4, bytes.length - frame.offset)
  const lines = [line(frame.offset, prefixBytes, bytes, `length ${frame.length}   ${title}${chapter}`)]
  const { root } = frame
  if (root?.type === 'array')
    lines.push(line(root.offset, headerBytes(root), bytes, `  array of ${countAt(bytes, root.offset)}`))
  for (const child of root?.children ?? []) addLines(lines, child, bytes, 1)
  if (frame.fault) lines.push(faultLine(frame.fault, bytes))
  return lines
}

function addLines(lines: string[], node: ValueNode, bytes: Uint8Array, depth: number): void {
  const indent = '  '.repeat(depth)
  const meaning = node.meaning === '' ? '' : `  (${shortened(printable(node.meaning))})`
  const shownBytes = node.type === 'array' ? headerBytes(node) : node.length
  const value = node.type === 'array' ? '' : ` = ${shownValue(node)}`
  lines.push(line(node.offset, shownBytes, bytes, `${indent}${node.name}${value}${meaning}`))
  for (const child of node.children) addLines(lines, child, bytes, depth + 1)
}

function headerBytes(node: ValueNode): number {
  return (node.children[0]?.offset ?? node.offset + node.length) - node.offset
}

/** How many elements the array's header announces, whether or not they could be read. */
function countAt(bytes: Uint8Array, offset: number): number {
  const reader = new FrameReader()
  reader.reset(bytes, offset, bytes.length)
  return reader.readArrayHeader()
}

function shownValue(node: ValueNode): string {
  if (node.type === 'str') return JSON.stringify(shortened(printable(String(node.value))))
  if (node.type === 'bin') return `${String(node.value).length / 2} bytes`
  return String(node.value)
}

function shortened(text: string): string {
  return text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN)}…` : text
}

function line(offset: number, count: number, bytes: Uint8Array, text: string): string {
  const shown = bytes.subarray(offset, offset + Math.min(count, BYTES_SHOWN))
  const hex = hexPairs(shown) + (count > BYTES_SHOWN ? ' …' : '')
  return `${offsetText(offset)}  ${hex.padEnd(BYTES_COLUMN)}  ${text}`.trimEnd()
}

function faultLine(fault: DecodeFault, bytes: Uint8Array): string {
  const field = fault.field === undefined ? '' : ` in field ${fault.field}`
  const text = `! fault: ${fault.fault}${field} [${fault.wireError}]`
  return line(fault.offset, 1, bytes, text)
}

function offsetText(offset: number): string {
  return offset.toString(16).padStart(4, '0')
}

function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

// ---- hex and json -----------------------------------------------------------------------------

function hexLines(frame: FrameNode, bytes: Uint8Array): string[] {
  const end = Math.min(bytes.length, frame.offset + 4 + frame.length)
  const lines = [`# ${frame.name || frame.summary || 'not a frame'}`]
  for (let at = frame.offset; at < end; at += BYTES_PER_ROW) {
    const row = bytes.subarray(at, Math.min(end, at + BYTES_PER_ROW))
    const text = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
    ).join('')
    lines.push(`${offsetText(at)}  ${hexPairs(row).padEnd(BYTES_PER_ROW * 3)} ${text}`)
  }
  if (frame.fault) lines.push(faultLine(frame.fault, bytes))
  return lines
}

/** What programs read; shared with tests. */
export function jsonFields(frame: FrameNode): Record<string, unknown> {
  const { offset, length, name, type, chapter, root, fault } = frame
  const fields = (root?.children ?? []).slice(1).map(jsonNode)
  return {
    offset,
    length,
    name: name || null,
    number: type ?? null,
    chapter: chapter || null,
    fields,
    fault: fault ?? null,
  }
}

function jsonNode(node: ValueNode): Record<string, unknown> {
  const { name, offset, length, type, value, meaning, children } = node
  const base = { name, offset, length, type }
  if (type === 'array') return { ...base, items: children.map(jsonNode) }
  return { ...base, value, ...(meaning === '' ? {} : { meaning }) }
}
