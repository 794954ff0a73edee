/** Sends a file in sealed chunks (spec chapter 17), into a conversation that is sealed. */
import { createHash } from 'node:crypto'
import { UsageError } from '../base/errors.ts'
import { CONTENT_KINDS, LIMITS } from '../codec/generated/registry.ts'
import { INNER_KINDS } from '../crypto/direct/inner.ts'
import { encodeChunk, encodeDescriptor, FileSealer } from '../crypto/sealed-file.ts'
import type { ClientConversation } from '../protocol/client/index.ts'
import type { ClientConnection, Receipt } from './client-connection.ts'
import { createNodePrimitives } from './provider-node.ts'

const CHUNK_LOG_MIN = 10
const CHUNK_LOG_MAX = 15
const CHUNK_OVERHEAD_BYTES = 64
const CHUNKS_UNDER_WAY = 4

/** A file to be sent. It is read twice. */
export interface FileSource {
  readonly name: string
  readonly mime: string
  readonly size: number
  /** The bytes from `start` up to, and without, `end`; rejects when they are not there. */
  read(start: number, end: number): Uint8Array | Promise<Uint8Array>
  /** What to throw when the second reading gave other bytes than the first. */
  changed(): Error
}

/** What a sealed file was, once the relay has every chunk. */
export interface SentSealed {
  readonly sha256: Buffer
  /** Of the last chunk. */
  readonly receipt: Receipt
}

/** Sends the file. Its descriptor is a sealed message, or is refused: it never goes out plainly. */
export async function sendSealedFile(
  connection: ClientConnection,
  conversation: ClientConversation,
  { source, onProgress }: { readonly source: FileSource; readonly onProgress?: (done: number) => void },
): Promise<SentSealed> {
  const { name, mime, size } = source
  const chunkLog = chunkLogFor(Math.min(LIMITS.bodyBytes, connection.limit('bodyBytes')))
  const sealer = new FileSealer(createNodePrimitives(), { size, name, mime, chunkLog })
  const hash = createHash('sha256')
  for (let index = 0; index < sealer.count; index++) {
    const bytes = await chunkOf(source, sealer, index)
    hash.update(bytes)
    sealer.measure(bytes)
  }
  await connection.send(conversation, INNER_KINDS.file, encodeDescriptor(sealer.descriptor()))
  const underWay: Promise<Receipt>[] = []
  let receipt: Receipt | undefined
  for (let index = 0; index < sealer.count; index++) {
    const sealed = sealer.seal(index, await chunkOf(source, sealer, index))
    if (!sealed) throw source.changed()
    const body = encodeChunk(sealer.fileId, index, sealed)
    const sent = connection.send(conversation, CONTENT_KINDS.sealed, body)
    sent.catch(() => {})
    underWay.push(sent)
    if (underWay.length >= CHUNKS_UNDER_WAY) receipt = await underWay.shift()
    onProgress?.(sealer.range(index).end)
  }
  for (const sent of underWay) receipt = await sent
  return { sha256: hash.digest(), receipt: receipt as Receipt }
}

async function chunkOf(source: FileSource, sealer: FileSealer, index: number): Promise<Uint8Array> {
  const { start, end } = sealer.range(index)
  return source.read(start, end)
}

function chunkLogFor(bodyBytes: number): number {
  for (let log = CHUNK_LOG_MAX; log >= CHUNK_LOG_MIN; log--)
    if (2 ** log + CHUNK_OVERHEAD_BYTES <= bodyBytes) return log
  throw new UsageError('bad_state', 'this relay takes only messages that are too short for files')
}
