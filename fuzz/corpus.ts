/** What mutation starts from: the vectors of the specification, sessions, and inputs worth keeping. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeFrame, encodeValue, type Frame } from '../src/codec/index.ts'
import { encodePart } from '../src/protocol/content.ts'

const ROOT = join(import.meta.dirname, '..')
const VECTORS = join(ROOT, 'spec', 'vectors')

/** The families of bytes that targets take. */
export interface Corpus {
  /** One frame each, without its length. */
  readonly frames: readonly Uint8Array[]
  /** Streams of frames with their lengths. */
  readonly streams: readonly Uint8Array[]
  /** Bodies and other values. */
  readonly values: readonly Uint8Array[]
  /** Whole datagrams. */
  readonly datagrams: readonly Uint8Array[]
  /** What sealed packets hold. */
  readonly payloads: readonly Uint8Array[]
}

function readJson(path: string): Record<string, unknown>[] {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>[]
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/[^0-9a-f]/gu, ''), 'hex'))
}

function withLength(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + frame.length)
  new DataView(bytes.buffer).setUint32(0, frame.length)
  bytes.set(frame, 4)
  return bytes
}

function frameVectors(): Uint8Array[] {
  return readdirSync(join(VECTORS, 'frames')).flatMap((file) =>
    readJson(join(VECTORS, 'frames', file))
      .map((vector) => bytesOf(String(vector['hex'])))
      .filter((bytes) => bytes.length > 0 && bytes.length < 4096),
  )
}

/** A client's words in an open session, in an order that does something. */
function sessionStream(): Uint8Array {
  const text = new TextEncoder().encode('hello')
  const frames: Frame[] = [
    { type: 'join', request: 1, room: 'lobby', options: 1 },
    { type: 'send', conversation: 1, ref: 1, kind: 0, body: text },
    { type: 'setTopic', request: 2, conversation: 1, topic: 'soup' },
    { type: 'who', request: 3, conversation: 1, after: 0 },
    { type: 'direct', request: 4, name: 'witness' },
    { type: 'send', conversation: 2, ref: 1, kind: 0, body: text },
    { type: 'kick', request: 5, conversation: 1, name: 'witness', reason: '' },
    { type: 'ban', request: 6, conversation: 1, name: 'fuzzer', seconds: 9, reason: '' },
    { type: 'list', request: 7, after: '' },
    { type: 'whois', request: 8, name: 'witness' },
    { type: 'ping', nonce: 9, conversation: 1 },
    { type: 'leave', request: 10, conversation: 1 },
    { type: 'close', code: 256, text: '', retryMs: 0 },
  ]
  return new Uint8Array(Buffer.concat(frames.map(encodeFrame)))
}

function datagramVectors(): { datagrams: Uint8Array[]; payloads: Uint8Array[] } {
  const path = join(VECTORS, 'datagram.json')
  const vectors = existsSync(path) ? readJson(path) : []
  const datagrams: Uint8Array[] = []
  const payloads: Uint8Array[] = []
  for (const vector of vectors)
    for (const [field, value] of Object.entries(vector)) {
      if (typeof value !== 'string' || !/^([0-9a-f]{2}){2,}$/u.test(value)) continue
      if (['initial', 'accept', 'packet', 'hex', 'datagram'].includes(field)) datagrams.push(bytesOf(value))
      if (['frames', 'hex', 'payload', 'plaintext'].includes(field)) payloads.push(bytesOf(value))
    }
  datagrams.push(new Uint8Array(1200).fill(0xc0, 0, 1), new Uint8Array(60).fill(0x40, 0, 1))
  payloads.push(Uint8Array.of(1), Uint8Array.of(2, 0, 0, 0, 0), Uint8Array.of(0x11, 2, 0, 1, 2, 3))
  return { datagrams, payloads }
}

/** Inputs that were found once and are kept. */
function kept(family: string): Uint8Array[] {
  const folder = join(import.meta.dirname, 'corpus', family)
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((file) => bytesOf(readFileSync(join(folder, file), 'utf8')))
}

/** Reads the corpus from the repository. */
export function readCorpus(): Corpus {
  const frames = [...frameVectors(), ...kept('frames')]
  const part = {
    fileId: new Uint8Array(16),
    index: 0,
    count: 2,
    name: 'soup.jpg',
    size: 9,
    sha256: new Uint8Array(32),
    data: new Uint8Array(5),
  }
  const map = { a: [1, -1, 2.5, null, true], b: { c: 'text', d: new Uint8Array(3) } }
  return {
    frames,
    streams: [...frames.map(withLength), sessionStream(), ...kept('streams')],
    values: [
      encodePart(part),
      encodeValue(map),
      encodeValue([new Date(5)]),
      ...frames.slice(0, 300),
      ...kept('values'),
    ],
    datagrams: [...datagramVectors().datagrams, ...kept('datagrams')],
    payloads: [...datagramVectors().payloads, ...kept('payloads')],
  }
}
