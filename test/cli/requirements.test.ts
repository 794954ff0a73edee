/** What the specification asks of programs that show content and keep files. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KeptFiles } from '../../src/cli/chat/kept-files.ts'
import { messageLine } from '../../src/cli/content.ts'
import { FileReceiver, folderSink, safeFileName } from '../../src/cli/file-receiving.ts'
import { sendFile } from '../../src/cli/file-sending.ts'
import { printable, printableLines } from '../../src/cli/printable.ts'
import { CONTENT_KINDS, FRAME_SCAN, LIMITS, scanValue } from '../../src/codec/index.ts'
import type { ClientConnection } from '../../src/node/client-connection.ts'
import type { ClientConversation, ReceivedMessage } from '../../src/protocol/client/index.ts'
import { decodePart, encodePart, type FilePart } from '../../src/protocol/content.ts'

const SRC = join(import.meta.dirname, '..', '..', 'src')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** The parts of a file, in pieces of ten bytes. */
function partsOf(bytes: Uint8Array, changes: Partial<FilePart> = {}): FilePart[] {
  const count = Math.max(1, Math.ceil(bytes.length / 10))
  const whole = { fileId: new Uint8Array(16).fill(3), count, name: 'a.txt', size: bytes.length }
  return Array.from({ length: count }, (_, index) => ({
    ...whole,
    index,
    sha256: sha256(bytes),
    data: bytes.slice(index * 10, index * 10 + 10),
    ...changes,
  }))
}

const BYTES = Uint8Array.from({ length: 35 }, (_, i) => i)

/** What becomes of the parts, in their order, in the folder. */
function receive(parts: readonly FilePart[]): string[] {
  const receiver = new FileReceiver(folderSink(folder))
  const kinds = parts.map((part) => receiver.handlePart('bob', encodePart(part)).kind)
  receiver.close()
  return kinds
}

describe('text on a terminal', () => {
  /** Controls but for line ends, and everything that turns the direction of writing. */
  const HARMFUL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

  //= PAL-SEC-006
  test('has no control character and no override of direction left, whatever came', () => {
    const nasty = fc.constantFrom(
      '\x1b[2J',
      '\u202e',
      '\u2066',
      '\x07',
      '\x9b',
      '\r',
      '\n',
      '\u200f',
      '\x7f',
      'a',
    )
    const text = fc.array(fc.oneof(nasty, fc.string({ unit: 'binary' })), { maxLength: 12 })
    fc.assert(
      fc.property(text, (parts) => {
        expect(printable(parts.join(''))).not.toMatch(HARMFUL)
        expect(printableLines(parts.join(''), '  ').replaceAll('\n', '')).not.toMatch(HARMFUL)
      }),
      { numRuns: 500 },
    )
    for (let code = 0; code < 0x2100; code++)
      expect(printable(String.fromCharCode(code))).not.toMatch(HARMFUL)
    expect(printable('h\u00e9llo \u6f22')).toBe('h\u00e9llo \u6f22')
  })

  function lineOf(contentKind: number, body: Uint8Array): string {
    const conversation = { kind: 0, name: 'lobby' }
    const message = { conversation, seq: 1, timeMs: 0, sender: 2, senderName: 'bob', contentKind, body }
    return messageLine(message as unknown as ReceivedMessage, false)
  }

  //= PAL-MSG-012
  //= PAL-MSG-010
  test('shows content of an unknown kind as unknown, and broken text as far as it goes', () => {
    expect(lineOf(200, Uint8Array.of(1, 2, 3))).toContain('unknown content, kind 200, 3 B')
    expect(lineOf(200, new TextEncoder().encode('secret'))).not.toContain('secret')
    expect(lineOf(CONTENT_KINDS.text, Uint8Array.of(0x61, 0xff, 0x62))).toContain('bob: a\ufffdb')
  })
})

describe('a file on its way out', () => {
  async function partsSent(bytes: Uint8Array, bodyBytes: number): Promise<Uint8Array[]> {
    const path = join(folder, 'photo.jpg')
    writeFileSync(path, bytes)
    const bodies: Uint8Array[] = []
    const connection = {
      limit: () => bodyBytes,
      send: (_conversation: unknown, kind: number, body: Uint8Array) => {
        expect(kind).toBe(CONTENT_KINDS.part)
        bodies.push(body.slice())
        return Promise.resolve({ seq: bodies.length, timeMs: 0 })
      },
    } as unknown as ClientConnection
    const conversation = {} as ClientConversation
    await sendFile({ connection, conversation, path, onProgress: () => {} })
    return bodies
  }

  //= PAL-MSG-013
  //= PAL-MSG-014
  test.each([
    [0, 1],
    [1, 1],
    [LIMITS.partBytes, 1],
    [LIMITS.partBytes + 1, 2],
    [100_000, 4],
  ])('of %d bytes goes in %d parts that agree, in order', async (size, count) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i * 7)
    const bodies = await partsSent(bytes, LIMITS.bodyBytes)
    const parts = bodies.map((body) => decodePart(body) as FilePart)
    expect(parts.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i))
    for (const { fileId, name, size: stated, sha256: digest, count: of, data } of parts) {
      expect([name, stated, of]).toEqual(['photo.jpg', size, count])
      expect([fileId, digest]).toEqual([parts[0]?.fileId, sha256(bytes)])
      expect(data.length).toBeLessThanOrEqual(LIMITS.partBytes)
    }
    expect(Buffer.concat(parts.map(({ data }) => data)).equals(bytes)).toBe(true)
    for (const body of bodies) expect(scanValue(body, 0, body.length, FRAME_SCAN)).toBeUndefined()
    for (const [i, body] of bodies.entries()) expect(body).toEqual(encodePart(parts[i] as FilePart))
  })

  //= PAL-MSG-013
  test('fits the bodies that the relay announced', async () => {
    const bodies = await partsSent(new Uint8Array(20_000), 4096)
    expect(Math.max(...bodies.map((body) => body.length))).toBeLessThanOrEqual(4096)
    expect(bodies.length).toBeGreaterThan(4)
  })
})

describe('a file on its way in', () => {
  //= PAL-MSG-016
  test('is kept when its parts are whole and in order', () => {
    expect(receive(partsOf(BYTES))).toEqual(['started', 'more', 'more', 'complete'])
    expect(readFileSync(join(folder, 'a.txt')).equals(BYTES)).toBe(true)
    expect(readdirSync(folder)).toEqual(['a.txt'])
  })

  const parts = partsOf(BYTES)
  const at = (index: number, changes: Partial<FilePart>): FilePart[] =>
    parts.map((part, i) => (i === index ? { ...part, ...changes } : part))
  const at0 = (index: number): FilePart => parts[index] as FilePart

  //= PAL-MSG-016
  test.each([
    ['a part is missing', [at0(0), at0(2), at0(3)]],
    ['a part comes twice', [at0(0), at0(1), at0(1), at0(2), at0(3)]],
    ['the order is wrong', [at0(0), at0(2), at0(1), at0(3)]],
    ['the name changes', at(2, { name: 'b.txt' })],
    ['the size changes', at(1, { size: 34 })],
    ['the count changes', at(1, { count: 5 })],
    ['the digest changes', at(3, { sha256: new Uint8Array(32) })],
    ['the digest is wrong throughout', partsOf(BYTES, { sha256: new Uint8Array(32) })],
    ['the data is other data', at(1, { data: new Uint8Array(10) })],
    ['it is shorter than stated', at(3, { data: new Uint8Array(1) })],
    ['it is longer than stated', at(3, { data: new Uint8Array(9) })],
    ['the stated size is above what comes', partsOf(BYTES, { size: 36 })],
  ])('is discarded when %s', (_why, sent) => {
    expect(receive(sent)).toContain('refused')
    expect(receive(sent)).not.toContain('complete')
    expect(readdirSync(folder)).toEqual([])
  })

  //= PAL-MSG-017
  test('has a name that is data: no path, no control, no hidden file, never empty', () => {
    const names: readonly (readonly [string, string])[] = [
      ['../../etc/passwd', 'passwd'],
      ['C:\\Windows\\system.ini', 'system.ini'],
      ['/root/.ssh/authorized_keys', 'authorized_keys'],
      ['a\x1b[31m\nb.txt', 'a[31mb.txt'],
      ['..', 'file'],
      ['.bashrc', 'bashrc'],
      ['dir/', 'file'],
      ['\u0000', 'file'],
      ['-rf', 'rf'],
    ]
    for (const [name, safe] of names) expect(safeFileName(name)).toBe(safe)
    const nasty = fc.constantFrom('/', '\\', '..', '.', '\x00', '\x1b', '\u202e', '\n', 'a', '~', ':')
    fc.assert(
      fc.property(fc.array(fc.oneof(nasty, fc.string({ unit: 'binary' })), { maxLength: 30 }), (pieces) => {
        const safe = safeFileName(pieces.join(''))
        expect(safe).not.toMatch(/[/\\\p{Cc}\u202e]|^\.|^$/u)
        expect(basename(join(folder, safe))).toBe(safe)
        expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255)
      }),
      { numRuns: 500 },
    )
  })

  //= PAL-MSG-017
  test('overwrites nothing, follows no link, and stays in its folder', () => {
    const outside = mkdtempSync(join(tmpdir(), 'palaver-outside-'))
    writeFileSync(join(folder, 'a.txt'), 'mine')
    symlinkSync(join(outside, 'target'), join(folder, 'a-2.txt'))
    expect(receive(partsOf(BYTES, { name: '../a.txt' })).at(-1)).toBe('complete')
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('mine')
    expect(readFileSync(join(folder, 'a-3.txt')).equals(BYTES)).toBe(true)
    expect(existsSync(join(outside, 'target'))).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['a-2.txt', 'a-3.txt', 'a.txt'])
    rmSync(outside, { recursive: true })
  })

  //= PAL-MSG-018
  test('takes no more disk and memory than its parts so far, whatever size it announces', () => {
    const size = LIMITS.fileBytes
    const [first] = partsOf(BYTES, { size, count: 100_000 })
    const receiver = new FileReceiver(folderSink(folder))
    receiver.handlePart('bob', encodePart(first as FilePart))
    const onDisk = readdirSync(folder).map((name) => statSync(join(folder, name)))
    expect(onDisk.map((stat) => stat.size)).toEqual([10])
    expect(onDisk[0]?.blocks).toBeLessThan(64)
    receiver.close()
    expect(readdirSync(folder)).toEqual([])
    const kept = new KeptFiles()
    const before = process.memoryUsage().arrayBuffers
    const inMemory = new FileReceiver((name, stated) => kept.openSink(name, stated))
    const announced = { size: 60 * 1024 * 1024, count: 100_000 }
    const [part] = partsOf(BYTES, announced)
    expect(inMemory.handlePart('bob', encodePart(part as FilePart)).kind).toBe('started')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
    inMemory.close()
  })
})

//= PAL-SEC-007
test('few places start a program, one that the user named or this one, and nothing interprets code', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const matching = (pattern: RegExp): string[] =>
    files.filter((name) => pattern.test(readFileSync(join(SRC, name), 'utf8')))
  const starting = [
    ['cli', 'conform.ts'],
    ['cli', 'recv.ts'],
    ['conformance', 'stdio.ts'],
    // The relay's own workers.
    ['node', 'link-workers.ts'],
  ]
  expect(matching(/child_process/u).sort()).toEqual(starting.map((parts) => join(...parts)))
  expect(matching(/\beval\(|new Function|node:vm|node:worker_threads|import\((?!')/u)).toEqual([])
})
