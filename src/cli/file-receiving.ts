/**
 * Files from their parts (spec chapter 7). Parts must come in order and agree with the first one; the
 * digest decides in the end. Where the bytes go is up to a sink: a folder, or memory.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, linkSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes, hexOf } from '../base/bytes.ts'
import type { FileSink, PartResult } from '../node/file-sink.ts'
import { fileError, systemCode } from '../node/private-file.ts'
import { decodePart, type FilePart } from '../protocol/content.ts'
import { printable } from './printable.ts'

export type { FileSink, PartResult } from '../node/file-sink.ts'

/** Files that may be under way at once. */
const UNFINISHED_MAX = 16
const NAME_TRIES = 1000
const NAME_BYTES_MAX = 200
const FILE_MODE = 0o600

interface Unfinished {
  readonly first: FilePart
  readonly name: string
  readonly hash: Hash
  readonly sink: FileSink
  next: number
  done: number
}

/** Puts together the files of one session. */
export class FileReceiver {
  readonly #unfinished = new Map<string, Unfinished>()
  readonly #openSink: (name: string, size: number) => FileSink | undefined

  /** `openSink` gets a safe name; undefined from it means that there is no room for the file. */
  constructor(openSink: (name: string, size: number) => FileSink | undefined) {
    this.#openSink = openSink
  }

  /** Takes the body of a part; `source` tells whose it is. */
  handlePart(source: string, body: Uint8Array): PartResult {
    const part = decodePart(body)
    //= PAL-MSG-011
    if (!part) return { kind: 'refused', name: '?', why: 'what came is not a part of a file' }
    const key = `${source}/${hexOf(part.fileId)}`
    const file = this.#unfinished.get(key) ?? this.#start(key, part)
    if (!file) return { kind: part.index === 0 ? 'no_room' : 'ignored', name: safeFileName(part.name) }
    //= PAL-MSG-016
    const why = faultOf(file, part)
    if (why !== undefined) return this.#refuse(key, file, why)
    //= PAL-MSG-018
    file.sink.write(part.data)
    file.hash.update(part.data)
    file.next += 1
    file.done += part.data.length
    const { name, done, next } = file
    const { size, count } = file.first
    if (next === count) return this.#finish(key, file)
    return { kind: next === 1 ? 'started' : 'more', name, done, size }
  }

  #start(key: string, part: FilePart): Unfinished | undefined {
    if (part.index !== 0 || this.#unfinished.size >= UNFINISHED_MAX) return undefined
    const name = safeFileName(part.name)
    const sink = this.#openSink(name, part.size)
    if (!sink) return undefined
    const first = { ...part, fileId: part.fileId.slice(), sha256: part.sha256.slice() }
    const file: Unfinished = { first, name, hash: createHash('sha256'), sink, next: 0, done: 0 }
    this.#unfinished.set(key, file)
    return file
  }

  #refuse(key: string, file: Unfinished, why: string): PartResult {
    this.#unfinished.delete(key)
    file.sink.discard()
    return { kind: 'refused', name: file.name, why }
  }

  #finish(key: string, file: Unfinished): PartResult {
    const { first, name, done, hash } = file
    if (done !== first.size) return this.#refuse(key, file, `it has ${done} bytes, not ${first.size}`)
    const digest = hash.digest()
    if (!equalBytes(digest, first.sha256))
      return this.#refuse(key, file, 'its SHA-256 is not the one announced')
    this.#unfinished.delete(key)
    return { kind: 'complete', name, size: done, sha256: hexOf(digest), where: file.sink.finish() }
  }

  /** Throws away what is unfinished. */
  close(): void {
    for (const file of this.#unfinished.values()) file.sink.discard()
    this.#unfinished.clear()
  }
}

function faultOf(file: Unfinished, part: FilePart): string | undefined {
  const { first } = file
  if (part.index !== file.next) return `part ${file.next} is missing`
  const differs = part.count !== first.count || part.size !== first.size || part.name !== first.name
  if (differs || !equalBytes(part.sha256, first.sha256)) return 'its parts contradict each other'
  return file.done + part.data.length > first.size ? `it has more than ${first.size} bytes` : undefined
}

/**
 * The last component of a name from a peer, without anything that a file system or a terminal would act on.
 */
export function safeFileName(name: string): string {
  //= PAL-MSG-017
  const last = name.split(/[/\\]/u).at(-1) ?? ''
  const clean = printable(last)
    .replace(/[<>:"|?*\u2400-\u2426]/gu, '')
    .replace(/^[.\s-]+|[.\s]+$/gu, '')
  return shortened(clean) || 'file'
}

function shortened(name: string): string {
  let text = name
  while (Buffer.byteLength(text) > NAME_BYTES_MAX) text = [...text].slice(0, -1).join('')
  return text
}

/** Keeps files in a folder. A file that is there is never overwritten: the new one gets a number. */
export function folderSink(folder: string): (name: string) => FileSink {
  return (name) => {
    const temporary = join(folder, `.${name}.${process.pid}.${performance.now()}.part`)
    let file: number
    try {
      mkdirSync(folder, { recursive: true })
      file = openSync(temporary, 'wx', FILE_MODE)
    } catch (error) {
      throw fileError(error, `write in ${folder}`)
    }
    return {
      write(data) {
        for (let at = 0; at < data.length; ) at += writeSync(file, data, at)
      },
      finish() {
        closeSync(file)
        const place = placeNew(temporary, folder, name)
        rmSync(temporary, { force: true })
        return place
      },
      discard() {
        closeSync(file)
        rmSync(temporary, { force: true })
      },
    }
  }
}

/** Links the finished file to the first free name. */
function placeNew(temporary: string, folder: string, name: string): string {
  const dot = name.lastIndexOf('.')
  const [stem, suffix] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  for (let number = 1; ; number++) {
    const place = join(folder, number === 1 ? name : `${stem}-${number}${suffix}`)
    try {
      //= PAL-MSG-017
      linkSync(temporary, place)
      return place
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || number === NAME_TRIES) throw fileError(error, `write ${place}`)
    }
  }
}
