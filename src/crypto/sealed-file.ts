/**
 * Files sealed in chunks (spec chapter 17). A key of its own for each sending; a nonce for each chunk, the
 * last one marked; a descriptor, which travels only inside a sealed message, commits to all ciphertext.
 * Chunks may be sent again and arrive in any order.
 */
import { concatBytes, equalBytes, strictUtf8Text, uint32Bytes, utf8Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { LIMITS } from '../codec/generated/registry.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from './fields.ts'
import { label } from './kdf.ts'
import { leafHash, merkleRoot } from './merkle.ts'
import { padmeLength } from './padding.ts'
import type { Primitives } from './primitives.ts'

const KEY_BYTES = 32
const ID_BYTES = 16
const NONCE_BYTES = 24
const TAG_BYTES = 16
const CHUNK_LOG_MIN = 10
const CHUNK_LOG_MAX = 20
const MIME_BYTES_MAX = 127
const CHUNK_HEAD_BYTES = 1 + ID_BYTES + 4
const FILE_LABEL = label('file')

/** The first byte of a body that carries a chunk. */
export const FILE_CHUNK = 0x31

/** What a receiver is told of a file, inside a sealed message. */
export interface FileDescriptor {
  /** 16 random bytes. */
  readonly fileId: Uint8Array
  /** 32 random bytes, new for each sending. */
  readonly fileKey: Uint8Array
  /** Bytes of the file, without padding. */
  readonly size: number
  /** Chunks have 2 to this power bytes, the last one at most as many: 10 to 20. */
  readonly chunkLog: number
  /** The root of the tree over all sealed chunks, 32 bytes. */
  readonly root: Uint8Array
  /** Data, never a path. */
  readonly name: string
  readonly mime: string
}

/** What a sender says of a file. */
export interface FileMeaning {
  readonly size: number
  readonly name: string
  readonly mime: string
  /** By default 15: chunks of 32 KiB, which fit into a message. */
  readonly chunkLog?: number
}

/** How many chunks a file has: at least one. */
export function chunkCount({ size, chunkLog }: { readonly size: number; readonly chunkLog: number }): number {
  return Math.max(1, Math.ceil(padmeLength(size) / 2 ** chunkLog))
}

/** The descriptor as bytes. */
export function encodeDescriptor(file: FileDescriptor): Uint8Array {
  const name = utf8Bytes(file.name)
  const mime = utf8Bytes(file.mime)
  //= PAL-SFL-005
  return concatBytes([
    Uint8Array.of(1),
    file.fileId,
    file.fileKey,
    uint64Bytes(file.size),
    Uint8Array.of(file.chunkLog),
    file.root,
    uint16Bytes(name.length),
    name,
    uint16Bytes(mime.length),
    mime,
  ])
}

/** A descriptor of a peer; undefined when it is none. */
export function decodeDescriptor(bytes: Uint8Array): FileDescriptor | undefined {
  const reader = new FieldReader(bytes)
  const suite = reader.byte()
  const fileId = reader.bytes(ID_BYTES)
  const fileKey = reader.bytes(KEY_BYTES)
  const size = reader.uint64()
  const chunkLog = reader.byte()
  const root = reader.bytes(KEY_BYTES)
  const name = strictUtf8Text(reader.short())
  const mime = strictUtf8Text(reader.short())
  if (!reader.isDone || suite !== 1 || name === undefined || mime === undefined) return undefined
  //= PAL-SFL-006
  if (size > LIMITS.fileBytes || chunkLog < CHUNK_LOG_MIN || chunkLog > CHUNK_LOG_MAX) return undefined
  if (utf8Bytes(name).length > LIMITS.fileNameBytes || mime.length > MIME_BYTES_MAX) return undefined
  return { fileId, fileKey, size, chunkLog, root, name, mime }
}

/** A chunk's body: which file, which chunk, and the sealed bytes. */
export function encodeChunk(fileId: Uint8Array, index: number, sealed: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(FILE_CHUNK), fileId, uint32Bytes(index), sealed])
}

/** What a chunk's body holds; undefined when it is none. `sealed` is a view. */
export function decodeChunk(
  body: Uint8Array,
): { readonly fileId: Uint8Array; readonly index: number; readonly sealed: Uint8Array } | undefined {
  if (body.length < CHUNK_HEAD_BYTES || body[0] !== FILE_CHUNK) return undefined
  const reader = new FieldReader(body.subarray(1, CHUNK_HEAD_BYTES))
  return { fileId: reader.bytes(ID_BYTES), index: reader.uint32(), sealed: body.subarray(CHUNK_HEAD_BYTES) }
}

/**
 * The sending side. The file is read twice: `measure` takes all its chunks in order, for the descriptor; then
 * `seal` gives any chunk, any number of times, but never two texts under one nonce.
 */
export class FileSealer {
  readonly #primitives: Primitives
  readonly #fileKey: Uint8Array
  readonly #key: Uint8Array
  readonly #leaves: Uint8Array[] = []
  readonly #meaning: FileMeaning & { readonly chunkLog: number }
  /** 16 random bytes. */
  readonly fileId: Uint8Array
  readonly count: number

  constructor(primitives: Primitives, meaning: FileMeaning) {
    const chunkLog = meaning.chunkLog ?? 15
    if (!Number.isInteger(chunkLog) || chunkLog < CHUNK_LOG_MIN || chunkLog > CHUNK_LOG_MAX)
      throw new UsageError('bad_argument', 'chunks have 2^10 to 2^20 bytes')
    if (!Number.isSafeInteger(meaning.size) || meaning.size < 0 || meaning.size > LIMITS.fileBytes)
      throw new UsageError('bad_argument', `a file has at most ${LIMITS.fileBytes} bytes`)
    if (utf8Bytes(meaning.name).length > LIMITS.fileNameBytes || meaning.mime.length > MIME_BYTES_MAX)
      throw new UsageError('bad_argument', 'the name or the type of the file is too long')
    this.#primitives = primitives
    this.#meaning = { ...meaning, chunkLog }
    //= PAL-SFL-001
    this.#fileKey = primitives.random(KEY_BYTES)
    this.fileId = primitives.random(ID_BYTES)
    this.#key = chunkKey(primitives, this.#fileKey, this.fileId)
    this.count = chunkCount(this.#meaning)
  }

  /** Which bytes of the file the chunk holds; padding follows by itself. */
  range(index: number): { readonly start: number; readonly end: number } {
    return rangeOf(this.#meaning, index)
  }

  /** Takes the bytes of the next chunk. */
  measure(bytes: Uint8Array): void {
    const index = this.#leaves.length
    if (index >= this.count) throw new UsageError('bad_state', 'the file has no more chunks')
    this.#leaves.push(leafHash(this.#primitives, this.#sealed(index, bytes)))
  }

  /** After the last chunk was measured. */
  descriptor(): FileDescriptor {
    if (this.#leaves.length !== this.count) throw new UsageError('bad_state', 'not all chunks were measured')
    const { size, name, mime, chunkLog } = this.#meaning
    const root = merkleRoot(this.#primitives, this.#leaves)
    return { fileId: this.fileId, fileKey: this.#fileKey, size, chunkLog, root, name, mime }
  }

  /** The sealed chunk; undefined when its bytes are not those that were measured. */
  seal(index: number, bytes: Uint8Array): Uint8Array | undefined {
    const leaf = this.#leaves[index]
    if (!leaf) throw new UsageError('bad_state', 'the chunk was not measured')
    const sealed = this.#sealed(index, bytes)
    //= PAL-SFL-004
    return equalBytes(leaf, leafHash(this.#primitives, sealed)) ? sealed : undefined
  }

  #sealed(index: number, bytes: Uint8Array): Uint8Array {
    const { start, end } = this.range(index)
    if (bytes.length !== end - start)
      throw new UsageError('bad_argument', 'a chunk holds the bytes of its range')
    const padded = new Uint8Array(paddedChunkBytes(this.#meaning, index))
    padded.set(bytes)
    return this.#primitives.seal(this.#key, chunkNonce(index, index === this.count - 1), padded)
  }
}

/** What became of a chunk. */
export type ChunkResult =
  | { readonly result: 'ok'; readonly start: number; readonly bytes: Uint8Array }
  | { readonly result: 'duplicate' }
  | { readonly result: 'refused' }

/** The receiving side: 32 bytes of memory for each chunk that came. */
export class FileOpener {
  readonly #primitives: Primitives
  readonly #file: FileDescriptor
  readonly #key: Uint8Array
  readonly #leaves = new Map<number, Uint8Array>()
  readonly count: number

  constructor(primitives: Primitives, file: FileDescriptor) {
    this.#primitives = primitives
    this.#file = file
    this.#key = chunkKey(primitives, file.fileKey, file.fileId)
    this.count = chunkCount(file)
  }

  /** How many chunks were opened. */
  get opened(): number {
    return this.#leaves.size
  }

  /** Opens one chunk. Its bytes belong at `start` of the file. */
  open(index: number, sealed: Uint8Array): ChunkResult {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) return { result: 'refused' }
    if (this.#leaves.has(index)) return { result: 'duplicate' }
    if (sealed.length !== paddedChunkBytes(this.#file, index) + TAG_BYTES) return { result: 'refused' }
    //= PAL-SFL-003
    const padded = this.#primitives.open(this.#key, chunkNonce(index, index === this.count - 1), sealed)
    if (!padded) return { result: 'refused' }
    const { start, end } = rangeOf(this.#file, index)
    this.#leaves.set(index, leafHash(this.#primitives, sealed))
    return { result: 'ok', start, bytes: padded.subarray(0, end - start) }
  }

  /** Whether every chunk came and all are those that the descriptor commits to. */
  isWhole(): boolean {
    if (this.#leaves.size !== this.count) return false
    const leaves = Array.from({ length: this.count }, (_, i) => this.#leaves.get(i) as Uint8Array)
    //= PAL-SFL-007
    return equalBytes(merkleRoot(this.#primitives, leaves), this.#file.root)
  }
}

type Shape = { readonly size: number; readonly chunkLog: number }

function chunkKey(primitives: Primitives, fileKey: Uint8Array, fileId: Uint8Array): Uint8Array {
  //= PAL-SFL-002
  return primitives.hmac512(fileKey, FILE_LABEL, fileId).subarray(0, KEY_BYTES)
}

function chunkNonce(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  nonce.set(uint64Bytes(index), NONCE_BYTES - 9)
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0
  return nonce
}

function rangeOf({ size, chunkLog }: Shape, index: number): { start: number; end: number } {
  const chunkBytes = 2 ** chunkLog
  return { start: Math.min(index * chunkBytes, size), end: Math.min((index + 1) * chunkBytes, size) }
}

function paddedChunkBytes(shape: Shape, index: number): number {
  const chunkBytes = 2 ** shape.chunkLog
  return Math.min((index + 1) * chunkBytes, padmeLength(shape.size)) - index * chunkBytes
}
