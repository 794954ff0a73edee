/** Sends a file in parts (spec chapter 7). */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { utf8Bytes } from '../base/bytes.ts'
import { CONTENT_KINDS, LIMITS } from '../codec/generated/registry.ts'
import type { ClientConnection, Receipt } from '../node/client-connection.ts'
import { fileError } from '../node/private-file.ts'
import type { SealedConnection } from '../node/sealed-connection.ts'
import type { FileSource } from '../node/sealed-file-sending.ts'
import type { ClientConversation } from '../protocol/client/index.ts'
import { encodePart } from '../protocol/content.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { printable } from './printable.ts'

const FILE_ID_BYTES = 16
const MIME = 'application/octet-stream'
/** Room for everything in a part but its data. */
const PART_OVERHEAD_BYTES = 512
/**
 * Parts under way. The relay cuts off receivers for which more than its outbound limit waits, so that a
 * sender must not run far ahead of them.
 */
const PARTS_UNDER_WAY = 4
const HASH_CHUNK_BYTES = 1024 * 1024

export interface FileSending {
  readonly connection: ClientConnection
  readonly conversation: ClientConversation
  readonly path: string
  /** Where sealing is on. */
  readonly sealing?: SealedConnection | undefined
  readonly onProgress: (name: string, done: number, size: number) => void
}

interface Sent {
  readonly sha256: Buffer
  readonly receipt: Receipt
}

/** A file that the relay has taken. */
export interface SentFile {
  readonly name: string
  readonly size: number
  /** In hexadecimal. */
  readonly sha256: string
  /** Of the last part. */
  readonly receipt: Receipt
}

/** Sends the file; resolves when the relay has every part. */
export async function sendFile(sending: FileSending): Promise<SentFile> {
  const { path } = sending
  const name = basename(path)
  if (utf8Bytes(name).length > LIMITS.fileNameBytes) throw usageError(`the name of ${path} is too long`)
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fileError(error, `read ${path}`)
  })
  try {
    const { size } = await checkedStat(file, path)
    const sent =
      (await sendIfSealed(sending, file, { name, size })) ?? (await sendPlain(sending, file, { name, size }))
    return { name: printable(name), size, sha256: sent.sha256.toString('hex'), receipt: sent.receipt }
  } finally {
    await file.close()
  }
}

/** Undefined where the conversation is plain, and may be. */
async function sendIfSealed(
  sending: FileSending,
  file: FileHandle,
  facts: { readonly name: string; readonly size: number },
): Promise<Sent | undefined> {
  if (!sending.sealing?.maySeal(sending.conversation)) return undefined
  try {
    const { sendSealedFile } = await import('../node/sealed-file-sending.ts')
    const { connection, conversation, onProgress } = sending
    const source = sourceOf(sending, file, facts)
    const progress = (done: number): void => onProgress(facts.name, done, facts.size)
    return await sendSealedFile(connection, conversation, { source, onProgress: progress })
  } catch (error) {
    // The other one has no keys; whether it may go plainly then is decided with the first part.
    if (error instanceof Error && error.name === 'SealError' && 'code' in error && error.code === 'no_keys')
      return undefined
    throw error
  }
}

function sourceOf(
  { path }: FileSending,
  file: FileHandle,
  facts: { readonly name: string; readonly size: number },
): FileSource {
  return {
    ...facts,
    mime: MIME,
    async read(start, end) {
      const bytes = new Uint8Array(end - start)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
      if (bytesRead === bytes.length) return bytes
      throw new CliError(EXIT.unreachable, 'io', `${path} became shorter while it was being sent`)
    },
    changed: () => new CliError(EXIT.unreachable, 'io', `${path} changed while it was being sent`),
  }
}

async function sendPlain(
  sending: FileSending,
  file: FileHandle,
  facts: { readonly name: string; readonly size: number },
): Promise<Sent> {
  const sha256 = await digestOf(file)
  return { sha256, receipt: await sendParts(sending, file, { ...facts, sha256 }) }
}

async function checkedStat(file: FileHandle, path: string): Promise<{ readonly size: number }> {
  const stat = await file.stat()
  if (!stat.isFile()) throw usageError(`${path} is not a file`)
  if (stat.size > LIMITS.fileBytes) throw usageError(`${path} is larger than ${LIMITS.fileBytes} bytes`)
  return stat
}

async function digestOf(file: FileHandle): Promise<Buffer> {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES)
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return hash.digest()
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}

interface FileFacts {
  readonly name: string
  readonly size: number
  readonly sha256: Buffer
}

async function sendParts(sending: FileSending, file: FileHandle, facts: FileFacts): Promise<Receipt> {
  const { connection, conversation, path, onProgress } = sending
  const { name, size, sha256 } = facts
  const partBytes = Math.min(LIMITS.partBytes, connection.limit('bodyBytes') - PART_OVERHEAD_BYTES)
  if (partBytes < 1) throw usageError('this relay takes only messages that are too short for files')
  const count = Math.max(1, Math.ceil(size / partBytes))
  const fileId = randomBytes(FILE_ID_BYTES)
  const underWay: Promise<Receipt>[] = []
  let receipt: Receipt | undefined
  let done = 0
  //= PAL-MSG-013
  for (let index = 0; index < count; index++) {
    const data = Buffer.alloc(Math.min(partBytes, size - index * partBytes))
    const { bytesRead } = await file.read(data, 0, data.length, index * partBytes)
    if (bytesRead < data.length)
      throw new CliError(EXIT.unreachable, 'io', `${path} became shorter while it was being sent`)
    const body = encodePart({ fileId, index, count, name, size, sha256, data })
    const sent = connection.send(conversation, CONTENT_KINDS.part, body)
    sent.catch(() => {})
    underWay.push(sent)
    if (underWay.length >= PARTS_UNDER_WAY) receipt = await underWay.shift()
    done += data.length
    onProgress(printable(name), done, size)
  }
  for (const sent of underWay) receipt = await sent
  return receipt as Receipt
}
