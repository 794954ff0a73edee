/**
 * Messages that were opened and not yet applied by their program. Opening a message uses up its key, so what
 * it held is kept in the same step: after a crash the relay gives the message again, and it is found here.
 */
import { concatBytes, equalBytes, uint32Bytes } from '../../base/bytes.ts'
import { FieldReader, readUint64, uint64Bytes } from '../fields.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'

const FORMAT = 1
/** Records of what was opened and not applied, and of up to where each conversation was opened. */
export const OPENED = 'open/'
export const SEEN = 'seen/'
const HASH_BYTES = 16
const POSITION_BYTES = 8
const BYTES_MAX = 64 * 1024 * 1024
const IS_GAP = 1

/** What a sealed message held. */
export interface Opened {
  readonly contentKind: number
  readonly body: Uint8Array
  readonly isGap: boolean
}

interface Kept extends Opened {
  /** Of the sealed body: the relay may give another one at that position. */
  readonly hash: Uint8Array
}

/** All such messages of one account, by conversation and position. */
export class OpenedMessages {
  readonly #primitives: Primitives
  readonly #changes: Changes
  readonly #kept = new Map<string, Map<number, Kept>>()
  /** The highest position at which a message of each conversation was opened. */
  readonly #seen = new Map<string, number>()
  #bytes = 0

  constructor(primitives: Primitives, changes: Changes, records: Iterable<readonly [string, Uint8Array]>) {
    this.#primitives = primitives
    this.#changes = changes
    for (const [name, bytes] of records) {
      const [, conversation, position] = /^open\/(.+)\/(\d+)$/u.exec(name) ?? []
      const kept = conversation === undefined ? undefined : decode(bytes)
      if (kept) this.#add(conversation as string, Number(position), kept)
      if (name.startsWith(SEEN) && bytes.length === POSITION_BYTES)
        this.#seen.set(name.slice(SEEN.length), readUint64(bytes, 0))
    }
  }

  /** A message was opened there. */
  see(conversation: string, position: number): void {
    if (position <= (this.#seen.get(conversation) ?? 0)) return
    this.#seen.set(conversation, position)
    this.#changes.put(SEEN + conversation, uint64Bytes(position))
  }

  /** Whether what comes there was not given before by an honest relay. */
  isNew(conversation: string, position: number): boolean {
    return position > (this.#seen.get(conversation) ?? 0)
  }

  /** Whether that is as much as should be kept: a caller whose program is behind stops reading. */
  get isFull(): boolean {
    return this.#bytes >= BYTES_MAX
  }

  /** What the message at that position held, if it was opened before. */
  find(conversation: string, position: number, sealed: Uint8Array): Opened | undefined {
    const kept = this.#kept.get(conversation)?.get(position)
    return kept && equalBytes(kept.hash, this.#hash(sealed)) ? kept : undefined
  }

  /** Keeps what a message held. */
  keep(conversation: string, position: number, sealed: Uint8Array, opened: Opened): void {
    const kept = { ...opened, hash: this.#hash(sealed) }
    this.#add(conversation, position, kept)
    this.#changes.put(`${OPENED}${conversation}/${position}`, encode(kept))
  }

  /** The program has done with everything up to there, but for what it `needs` again. */
  applied(conversation: string, position: number, needs: readonly number[] = []): void {
    const all = this.#kept.get(conversation)
    for (const [at, { body }] of all ?? []) {
      if (at > position || needs.includes(at)) continue
      all?.delete(at)
      this.#bytes -= body.length
      this.#changes.forget(`${OPENED}${conversation}/${at}`)
    }
  }

  #add(conversation: string, position: number, kept: Kept): void {
    const all = this.#kept.get(conversation) ?? new Map<number, Kept>()
    this.#kept.set(conversation, all)
    this.#bytes += kept.body.length - (all.get(position)?.body.length ?? 0)
    all.set(position, kept)
  }

  #hash(sealed: Uint8Array): Uint8Array {
    return this.#primitives.sha512(sealed).slice(0, HASH_BYTES)
  }
}

function encode({ hash, contentKind, isGap, body }: Kept): Uint8Array {
  return concatBytes([
    Uint8Array.of(FORMAT, isGap ? IS_GAP : 0),
    uint32Bytes(contentKind),
    hash,
    uint32Bytes(body.length),
    body,
  ])
}

function decode(bytes: Uint8Array): Kept | undefined {
  const reader = new FieldReader(bytes)
  const format = reader.byte()
  const isGap = reader.byte() === IS_GAP
  const contentKind = reader.uint32()
  const hash = reader.bytes(HASH_BYTES)
  const body = reader.bytes(reader.uint32())
  return format === FORMAT && reader.isDone ? { hash, contentKind, isGap, body } : undefined
}
