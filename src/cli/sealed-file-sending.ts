/** Sends a file in sealed chunks (spec chapter 17), into a conversation that is sealed. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { CONTENT_KINDS, LIMITS } from '../codec/generated/registry.ts'
import { INNER_KINDS } from '../crypto/direct/inner.ts'
import { encodeChunk, encodeDescriptor, FileSealer } from '../crypto/sealed-file.ts'
import type { Receipt } from '../node/client-connection.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import type { FileSending } from './file-sending.ts'

const CHUNK_LOG_MIN = 10
const CHUNK_LOG_MAX = 15
const CHUNK_OVERHEAD_BYTES = 64
const CHUNKS_UNDER_WAY = 4
const MIME = 'application/octet-stream'

/** What a sealed file was, once the relay has every chunk. */
export interface SentSealed {
  readonly sha256: Buffer
  /** Of the last chunk. */
  readonly receipt: Receipt
}

/** Sends the file. Its descriptor is a sealed message, or is refused: it never goes out plainly. */
export async function sendSealedFile(
  sending: FileSending,
  file: FileHandle,
  { name, size }: { readonly name: string; readonly size: number },
): Promise<SentSealed> {
  const { connection, conversation } = sending
  const chunkLog = chunkLogFor(Math.min(LIMITS.bodyBytes, connection.limit('bodyBytes')))
  const sealer = new FileSealer(createNodePrimitives(), { size, name, mime: MIME, chunkLog })
  const hash = createHash('sha256')
  for (let index = 0; index < sealer.count; index++) {
    const bytes = await chunkOf(sending, file, sealer, index)
    hash.update(bytes)
    sealer.measure(bytes)
  }
  const descriptor = encodeDescriptor(sealer.descriptor())
  await connection.send(conversation, INNER_KINDS.file, descriptor)
  return { sha256: hash.digest(), receipt: await sendChunks(sending, file, sealer, { name, size }) }
}

async function sendChunks(
  sending: FileSending,
  file: FileHandle,
  sealer: FileSealer,
  { name, size }: { readonly name: string; readonly size: number },
): Promise<Receipt> {
  const { connection, conversation, path, onProgress } = sending
  const underWay: Promise<Receipt>[] = []
  let receipt: Receipt | undefined
  for (let index = 0; index < sealer.count; index++) {
    const sealed = sealer.seal(index, await chunkOf(sending, file, sealer, index))
    if (!sealed) throw new CliError(EXIT.unreachable, 'io', `${path} changed while it was being sent`)
    const sent = connection.send(
      conversation,
      CONTENT_KINDS.sealed,
      encodeChunk(sealer.fileId, index, sealed),
    )
    sent.catch(() => {})
    underWay.push(sent)
    if (underWay.length >= CHUNKS_UNDER_WAY) receipt = await underWay.shift()
    onProgress(name, sealer.range(index).end, size)
  }
  for (const sent of underWay) receipt = await sent
  return receipt as Receipt
}

async function chunkOf(
  { path }: FileSending,
  file: FileHandle,
  sealer: FileSealer,
  index: number,
): Promise<Uint8Array> {
  const { start, end } = sealer.range(index)
  const bytes = new Uint8Array(end - start)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
  if (bytesRead === bytes.length) return bytes
  throw new CliError(EXIT.unreachable, 'io', `${path} became shorter while it was being sent`)
}

function chunkLogFor(bodyBytes: number): number {
  for (let log = CHUNK_LOG_MAX; log >= CHUNK_LOG_MIN; log--)
    if (2 ** log + CHUNK_OVERHEAD_BYTES <= bodyBytes) return log
  throw usageError('this relay takes only messages that are too short for files')
}
