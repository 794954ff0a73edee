/**
 * Runs the examples of the text. A fenced block tagged `frame` or `stream` holds hexadecimal, a line
 * `---`, and the JSON that the codec makes of it, bytes as hexadecimal; from `;` to the end of a line is a
 * comment. In a `stream` block each line is one chunk, `limit=N` after the tag is the limit in force, and
 * the JSON is a list that may end with a fault. A `handshake` block holds lines `name = value`, value
 * being hexadecimal or a quoted text, and the JSON of what follows from them.
 */
import { Deframer, decodeFrame, EMPTY, FRAME, isFault, LIMITS, MORE } from '../../src/codec/index.ts'
import { type Block, blocksOf, type Chapter } from './chapters.ts'
import { computeHandshake, type HandshakeInput } from './handshake.ts'
import { fromHex, toJson } from './wire.ts'

/** One example of the text. */
export interface Example {
  readonly where: string
  readonly tag: 'frame' | 'stream' | 'handshake'
  readonly limit: number
  readonly input: readonly string[]
  readonly expected: string
}

/** The examples of a chapter, generated ones included. */
export function examplesOf(chapter: Chapter): Example[] {
  return blocksOf(chapter.text).flatMap((block) => exampleOf(chapter.path, block) ?? [])
}

function exampleOf(path: string, block: Block): Example | undefined {
  const info = /^(frame|stream|handshake)(?: limit=(\d+))?$/u.exec(block.info)
  if (block.kind !== 'code' || !info) return undefined
  const [input = '', expected = ''] = block.text.split(/^---$/mu)
  return {
    where: `${path}:${block.line}`,
    tag: info[1] as Example['tag'],
    limit: info[2] === undefined ? LIMITS.frameBytes : Number(info[2]),
    input: input
      .split('\n')
      .map((line) => line.replace(/;.*$/u, '').trim())
      .filter((line) => line !== ''),
    expected,
  }
}

/** What is wrong with an example, or undefined when it runs as it says. */
export function problemOf(example: Example): string | undefined {
  let expected: unknown
  try {
    expected = JSON.parse(example.expected)
  } catch {
    return 'the part after --- is not JSON'
  }
  const isHex = example.input.every((line) => /^(?:[0-9a-f]{2}\s*)*$/iu.test(line))
  if (example.tag !== 'handshake' && !isHex) return 'the part before --- is not hexadecimal'
  const actual = resultOf(example)
  const same = canonical(actual) === canonical(expected)
  return same ? undefined : `the codec finds ${JSON.stringify(actual)}`
}

function resultOf(example: Example): unknown {
  if (example.tag === 'frame') return decodedJson(fromHex(example.input.join('')))
  if (example.tag === 'stream') return streamJson(example.input.map(fromHex), example.limit)
  return toJson(computeHandshake(handshakeInput(example.input)))
}

function decodedJson(bytes: Uint8Array): unknown {
  const frame = decodeFrame(bytes)
  return isFault(frame) ? { fault: frame.wireError } : toJson(frame)
}

/** The frames of a chunked stream as JSON, up to a fault. */
function streamJson(chunks: readonly Uint8Array[], limit: number): unknown[] {
  const deframer = new Deframer(limit)
  const found: unknown[] = []
  for (const chunk of chunks) {
    deframer.push(chunk)
    for (let step = deframer.next(); step !== MORE; step = deframer.next()) {
      if (step !== FRAME) return [...found, { fault: step === EMPTY ? 'bad_frame' : 'frame_too_large' }]
      found.push(decodedJson(deframer.bytes.slice(deframer.start, deframer.end)))
    }
  }
  return found
}

function handshakeInput(lines: readonly string[]): HandshakeInput {
  const values = lines.map((line): [string, string | Uint8Array] => {
    const [name = '', value = ''] = line.split(/\s*=\s*/u)
    return [name, value.startsWith('"') ? (JSON.parse(value) as string) : fromHex(value)]
  })
  return Object.fromEntries(values) as unknown as HandshakeInput
}

/** JSON whose keys are in order at every level. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
