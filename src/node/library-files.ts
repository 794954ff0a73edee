/** Sealed files for programs: put together in memory, and told as a message once they are whole. */
import { concatBytes } from '../base/bytes.ts'
import type { FileSink, PartResult } from './file-sink.ts'
import { SealedFileReceiver } from './sealed-file-receiving.ts'

/** A file as a program gets it. Its name is its sender's word: data, never a path. */
export type PalaverFile =
  | {
      readonly state: 'complete'
      readonly name: string
      readonly mime: string
      readonly bytes: Uint8Array
      /** Of the bytes, in hexadecimal. */
      readonly sha256: string
    }
  | { readonly state: 'refused'; readonly name: string; readonly why: string }

/** A file to be sent. */
export interface OutgoingFile {
  readonly name: string
  /** `application/octet-stream`, when it is left out. */
  readonly mime?: string
  readonly bytes: Uint8Array
}

/** Puts together the files of one conversation. */
export class LibraryFiles {
  readonly #bytesMax: number
  readonly #receiver: SealedFileReceiver
  #bytes = 0
  #finished: { readonly mime: string; readonly bytes: Uint8Array } | undefined

  /** Files under way hold at most `bytesMax` bytes together. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#receiver = new SealedFileReceiver(
      (_, size, mime) => this.#open(size, mime),
      (name) => name,
    )
  }

  /** Takes a message for which `isOfSealedFile` holds; gives the file when that ends it. */
  take(
    source: string,
    message: { contentKind: number; body: Uint8Array; seq: bigint },
  ): PalaverFile | undefined {
    const result = this.#receiver.handle(source, message)
    if (result.kind === 'complete') return this.#complete(result)
    if (result.kind === 'refused') return { state: 'refused', name: result.name, why: result.why }
    if (result.kind !== 'no_room') return undefined
    return { state: 'refused', name: result.name, why: `no room: ${this.#bytesMax} bytes in all` }
  }

  /** The entries that are needed again if the program ends when it has done with everything up to `seq`. */
  needs(seq: number): readonly number[] {
    return this.#receiver.needs(seq)
  }

  #complete({ name, sha256 }: PartResult & { kind: 'complete' }): PalaverFile {
    const { mime, bytes } = this.#finished ?? { mime: '', bytes: new Uint8Array(0) }
    this.#finished = undefined
    return { state: 'complete', name, mime, bytes, sha256 }
  }

  #open(size: number, mime: string): FileSink | undefined {
    if (size > this.#bytesMax - this.#bytes) return undefined
    this.#bytes += size
    const parts: Uint8Array[] = []
    return {
      write: (data) => parts.push(data.slice()),
      finish: () => {
        this.#bytes -= size
        this.#finished = { mime, bytes: concatBytes(parts) }
        return ''
      },
      discard: () => {
        this.#bytes -= size
      },
    }
  }
}
