/** JSON with a sum behind it, for records whose silent change would harm. */
import { utf8Bytes, utf8Text } from '../base/bytes.ts'
import { crc32c } from '../base/crc32c.ts'

const MARK_BYTES = 1
const SUM_BYTES = 4
const JSON_END = 0x7d

/** The value as JSON text, a zero byte, and the CRC-32C of both. */
export function checkedJson(value: object): Uint8Array {
  const text = utf8Bytes(JSON.stringify(value))
  const bytes = new Uint8Array(text.length + MARK_BYTES + SUM_BYTES)
  bytes.set(text)
  const sumAt = text.length + MARK_BYTES
  new DataView(bytes.buffer).setUint32(sumAt, crc32c(bytes, 0, sumAt))
  return bytes
}

/**
 * The value, or undefined when the bytes are damaged. JSON without a sum, as older stores hold it, is taken.
 */
export function parseCheckedJson(bytes: Uint8Array): unknown {
  const sumAt = bytes.length - SUM_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (sumAt > MARK_BYTES && view.getUint32(sumAt) === crc32c(bytes, 0, sumAt))
    return JSON.parse(utf8Text(bytes.subarray(0, sumAt - MARK_BYTES)))
  if (bytes[bytes.length - 1] !== JSON_END) return undefined
  try {
    return JSON.parse(utf8Text(bytes))
  } catch {
    return undefined
  }
}
