/** What message bodies hold (spec chapter 7): text, and files in parts. */
import { strictUtf8Text, utf8Bytes, utf8Text } from '../base/bytes.ts'
import { isFault } from '../codec/fault.ts'
import { LIMITS } from '../codec/generated/registry.ts'
import { FRAME_SCAN } from '../codec/scan.ts'
import { decodeValue, encodeValue } from '../codec/value.ts'

const FILE_ID_BYTES = 16
const DIGEST_BYTES = 32

/** One part of a file. */
export interface FilePart {
  /** 16 random bytes, the same in every part. */
  readonly fileId: Uint8Array
  readonly index: number
  readonly count: number
  /** Data, never a path: receivers keep the last component only. */
  readonly name: string
  /** Bytes of the whole file. */
  readonly size: number
  /** SHA-256 of the whole file. */
  readonly sha256: Uint8Array
  readonly data: Uint8Array
}

/** The body of a part. */
export function encodePart(part: FilePart): Uint8Array {
  //= PAL-MSG-014
  return encodeValue([part.fileId, part.index, part.count, part.name, part.size, part.sha256, part.data])
}

/** A part from a body, or undefined when it is none. */
export function decodePart(body: Uint8Array): FilePart | undefined {
  //= PAL-MSG-015
  const decoded = decodeValue(body, FRAME_SCAN)
  if (isFault(decoded) || !Array.isArray(decoded.value)) return undefined
  const [fileId, index, count, name, size, sha256, data] = decoded.value as unknown[]
  if (!isBytes(fileId, FILE_ID_BYTES) || !isBytes(sha256, DIGEST_BYTES)) return undefined
  if (!isCount(index) || !isCount(count) || index >= count || !isCount(size) || size > LIMITS.fileBytes)
    return undefined
  if (typeof name !== 'string' || utf8Bytes(name).length > LIMITS.fileNameBytes) return undefined
  if (!(data instanceof Uint8Array) || data.length > LIMITS.partBytes) return undefined
  return { fileId, index, count, name, size, sha256, data }
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The text of a body; invalid UTF-8 is replaced by U+FFFD. */
export function decodeText(body: Uint8Array): string {
  //= PAL-MSG-010
  return utf8Text(body)
}

/** Whether a body is text throughout. */
export function isText(body: Uint8Array): boolean {
  return strictUtf8Text(body) !== undefined
}
