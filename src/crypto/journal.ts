/**
 * Records as sealed batches, for a file that only grows: each batch is encrypted, authentic and numbered, so
 * that a batch is there whole or not at all, none can be left out or changed, and a file that was cut short
 * ends before the cut. What is kept is for its owner alone, wherever the file is copied to.
 */
import { concatBytes, readUint32, strictUtf8Text, uint32Bytes, utf8Bytes } from '../base/bytes.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from './fields.ts'
import type { Primitives } from './primitives.ts'
import type { RecordChange } from './records.ts'

const NONCE_BYTES = 24
const TAG_BYTES = 16
const LENGTH_BYTES = 4
const BATCH_BYTES_MAX = 64 * 1024 * 1024

/**
 * What a journal holds: its records, the number of the next batch, and how many bytes of the file are good.
 */
export interface Journal {
  readonly records: Map<string, Uint8Array>
  readonly nextNumber: number
  readonly goodBytes: number
}

/** One batch as bytes. Batches of one file count from 0. */
export function sealBatch(
  primitives: Primitives,
  key: Uint8Array,
  number: number,
  changes: readonly RecordChange[],
): Uint8Array {
  const parts = [uint64Bytes(number)]
  for (const [name, bytes] of changes) {
    const label = utf8Bytes(name)
    parts.push(uint16Bytes(label.length), label, Uint8Array.of(bytes ? 1 : 0))
    if (bytes) parts.push(uint32Bytes(bytes.length), bytes)
  }
  const nonce = primitives.random(NONCE_BYTES)
  const sealed = primitives.seal(key, nonce, concatBytes(parts))
  return concatBytes([uint32Bytes(sealed.length), nonce, sealed])
}

/** Applies changes to records. */
export function applyChanges(records: Map<string, Uint8Array>, changes: readonly RecordChange[]): void {
  for (const [name, bytes] of changes)
    if (bytes) records.set(name, bytes)
    else records.delete(name)
}

/** Reads a file of batches; undefined when a batch in it is damaged, missing or of another key. */
export function readJournal(primitives: Primitives, key: Uint8Array, file: Uint8Array): Journal | undefined {
  const records = new Map<string, Uint8Array>()
  let at = 0
  let number = 0
  while (file.length - at >= LENGTH_BYTES + NONCE_BYTES + TAG_BYTES) {
    const length = readUint32(file, at)
    if (length > BATCH_BYTES_MAX) return undefined
    const start = at + LENGTH_BYTES
    const end = start + NONCE_BYTES + length
    // The program ended while it wrote: nothing that followed from this batch was sent.
    if (end > file.length) break
    const nonce = file.subarray(start, start + NONCE_BYTES)
    const opened = primitives.open(key, nonce, file.subarray(start + NONCE_BYTES, end))
    const changes = opened && readBatch(opened, number)
    if (!changes) return undefined
    applyChanges(records, changes)
    number += 1
    at = end
  }
  return { records, nextNumber: number, goodBytes: at }
}

function readBatch(bytes: Uint8Array, number: number): RecordChange[] | undefined {
  const reader = new FieldReader(bytes)
  if (reader.uint64() !== number) return undefined
  const changes: RecordChange[] = []
  while (!reader.isDone && !reader.hasFailed) {
    const name = strictUtf8Text(reader.short())
    const has = reader.byte()
    if (name === undefined || has > 1) return undefined
    changes.push([name, has === 1 ? reader.bytes(reader.uint32()) : undefined])
  }
  return reader.isDone ? changes : undefined
}
