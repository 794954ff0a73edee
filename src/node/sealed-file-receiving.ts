/** Sealed files from their descriptors and chunks (spec chapter 17). A sender's chunks come in order. */
import { createHash, type Hash } from 'node:crypto'
import { hexOf } from '../base/bytes.ts'
import { CONTENT_KINDS } from '../codec/generated/registry.ts'
import { INNER_KINDS } from '../crypto/direct/inner.ts'
import {
  decodeChunk,
  decodeDescriptor,
  FILE_CHUNK,
  type FileDescriptor,
  FileOpener,
} from '../crypto/sealed-file.ts'
import type { FileSink, PartResult } from './file-sink.ts'
import { createNodePrimitives } from './provider-node.ts'

/** Files that may be under way at once. */
const UNFINISHED_MAX = 16
/** A file of which no part is among that many entries is not waited for. */
const ENTRIES_BETWEEN_PARTS_MAX = 256

interface Unfinished {
  readonly file: FileDescriptor
  readonly name: string
  readonly opener: FileOpener
  readonly hash: Hash
  readonly sink: FileSink
  next: number
  done: number
  /** Where it was described, and where its latest part came. */
  readonly describedAt: number
  latestAt: number
}

/** What came, and its position in its conversation. */
interface Part {
  readonly contentKind: number
  readonly body: Uint8Array
  readonly seq: number | bigint
}

const NONE: readonly number[] = []

type OpenSink = (name: string, size: number, mime: string) => FileSink | undefined

/** Whether a message belongs to a sealed file. */
export function isOfSealedFile({ contentKind, body }: { contentKind: number; body: Uint8Array }): boolean {
  return contentKind === INNER_KINDS.file || (contentKind === CONTENT_KINDS.sealed && body[0] === FILE_CHUNK)
}

/** Puts together the sealed files of one session. */
export class SealedFileReceiver {
  readonly #unfinished = new Map<string, Unfinished>()
  readonly #openSink: OpenSink
  readonly #nameOf: (name: string) => string

  /**
   * `openSink` gets the name as `nameOf` makes it from the sender's, which is data and never a path;
   * undefined from it means that there is no room for the file.
   */
  constructor(openSink: OpenSink, nameOf: (name: string) => string) {
    this.#openSink = openSink
    this.#nameOf = nameOf
  }

  /** Takes a message for which `isOfSealedFile` holds; `source` tells whose it is. */
  handle(source: string, part: Part): PartResult {
    return part.contentKind === INNER_KINDS.file ? this.#begin(source, part) : this.#chunk(source, part)
  }

  /**
   * Where files were described that are still coming, when everything up to `seq` came: from there on entries
   * are needed again if the program ends before the files are whole. Of one conversation, and of one log.
   */
  needs(seq: number): readonly number[] {
    if (this.#unfinished.size === 0) return NONE
    return [...this.#unfinished.values()]
      .filter(({ latestAt }) => seq - latestAt <= ENTRIES_BETWEEN_PARTS_MAX)
      .map(({ describedAt }) => describedAt)
  }

  #begin(source: string, { body, seq }: Part): PartResult {
    const file = decodeDescriptor(body)
    if (!file) return { kind: 'refused', name: '?', why: 'what came does not describe a file' }
    const key = `${source}/${hexOf(file.fileId)}`
    const name = this.#nameOf(file.name)
    if (this.#unfinished.has(key)) return { kind: 'ignored', name }
    const hasRoom = this.#unfinished.size < UNFINISHED_MAX
    const sink = hasRoom ? this.#openSink(name, file.size, file.mime) : undefined
    if (!sink) return { kind: 'no_room', name }
    const opener = new FileOpener(createNodePrimitives(), file)
    const at = Number(seq)
    const progress = { next: 0, done: 0, describedAt: at, latestAt: at }
    this.#unfinished.set(key, { file, name, opener, hash: createHash('sha256'), sink, ...progress })
    return { kind: 'started', name, done: 0, size: file.size }
  }

  #chunk(source: string, { body, seq }: Part): PartResult {
    const chunk = decodeChunk(body)
    const key = `${source}/${chunk ? hexOf(chunk.fileId) : ''}`
    const file = this.#unfinished.get(key)
    if (!chunk || !file) return { kind: 'ignored', name: '?' }
    file.latestAt = Number(seq)
    const { name, opener, file: described } = file
    if (chunk.index > file.next) return this.#refuse(key, file, `part ${file.next} is missing`)
    const opened = opener.open(chunk.index, chunk.sealed)
    if (opened.result === 'refused')
      return this.#refuse(key, file, 'its bytes are not those that were sealed')
    if (opened.result === 'ok') {
      file.sink.write(opened.bytes)
      file.hash.update(opened.bytes)
      file.next += 1
      file.done += opened.bytes.length
    }
    if (file.next < opener.count) return { kind: 'more', name, done: file.done, size: described.size }
    if (!opener.isWhole()) return this.#refuse(key, file, 'its chunks are not those that were announced')
    this.#unfinished.delete(key)
    const sha256 = file.hash.digest('hex')
    return { kind: 'complete', name, size: file.done, sha256, where: file.sink.finish() }
  }

  #refuse(key: string, file: Unfinished, why: string): PartResult {
    this.#unfinished.delete(key)
    file.sink.discard()
    return { kind: 'refused', name: file.name, why }
  }

  /** Throws away what is unfinished. */
  close(): void {
    for (const { sink } of this.#unfinished.values()) sink.discard()
    this.#unfinished.clear()
  }
}
