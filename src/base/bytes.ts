const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })
const strictTextDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** No bytes. */
export const EMPTY_BYTES: Uint8Array = new Uint8Array(0)

/** The UTF-8 bytes of `text`. */
export function utf8Bytes(text: string): Uint8Array {
  return textEncoder.encode(text)
}

/** The text of UTF-8 `bytes`; invalid sequences become U+FFFD. */
export function utf8Text(bytes: Uint8Array): string {
  return textDecoder.decode(bytes)
}

/** The text of UTF-8 `bytes`, or undefined when they are not valid UTF-8. */
export function strictUtf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictTextDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

const COPIED_SINGLY_MAX = 64

/**
 * The bytes [start, end) in memory of their own. Not the same as `slice`: a Node Buffer's `slice` shares
 * memory, and would keep the whole chunk that a few bytes came in.
 */
export function copyOf(bytes: Uint8Array, start: number = 0, end: number = bytes.length): Uint8Array {
  const copy = new Uint8Array(end - start)
  // A view to copy from costs more than the few bytes of a key.
  if (copy.length > COPIED_SINGLY_MAX) copy.set(bytes.subarray(start, end))
  else for (let i = 0; i < copy.length; i++) copy[i] = bytes[start + i] as number
  return copy
}

/** A new array of all parts in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** Whether two arrays hold the same bytes. Not constant in time: see `equalSecrets`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two arrays hold the same bytes, in a time that depends only on their lengths. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}

/** Big-endian 32-bit unsigned integer at `offset`. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) * 0x1000000 +
    (((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number))
  )
}

/** Writes `value` as a big-endian 32-bit unsigned integer at `offset`. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

/** The four big-endian bytes of `value`. */
export function uint32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  writeUint32(bytes, 0, value)
  return bytes
}

const HEX = '0123456789abcdef'

/** Bytes of which hexadecimal is made at once: an argument for each digit. */
const HEX_BYTES_AT_ONCE = 1024

/**
 * Lower-case hexadecimal text. Made at once rather than put together: a text of many parts takes ten times
 * the memory, and each comparison walks through them.
 */
export function hexOf(bytes: Uint8Array): string {
  if (bytes.length > HEX_BYTES_AT_ONCE)
    return hexOf(bytes.subarray(0, HEX_BYTES_AT_ONCE)) + hexOf(bytes.subarray(HEX_BYTES_AT_ONCE))
  const digits = new Array<number>(bytes.length * 2)
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    digits[2 * i] = HEX.charCodeAt(byte >> 4)
    digits[2 * i + 1] = HEX.charCodeAt(byte & 15)
  }
  return String.fromCharCode(...digits)
}

/** The bytes of hexadecimal `text` (spaces ignored), or undefined when it is not hexadecimal. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/gu, '')
  if (digits.length % 2 !== 0 || /[^0-9a-f]/iu.test(digits)) return undefined
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** Lower-case base32 without padding (RFC 4648 section 6). */
export function base32Of(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let heldBits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    heldBits += 8
    while (heldBits >= 5) {
      heldBits -= 5
      text += BASE32.charAt((held >> heldBits) & 31)
    }
  }
  if (heldBits > 0) text += BASE32.charAt((held << (5 - heldBits)) & 31)
  return text
}

/** The bytes of base32 `text`, or undefined when it holds another character. */
export function bytesOfBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  let held = 0
  let heldBits = 0
  let count = 0
  for (const character of text.toLowerCase()) {
    const value = BASE32.indexOf(character)
    if (value < 0) return undefined
    held = ((held << 5) | value) & 0xfff
    heldBits += 5
    if (heldBits < 8) continue
    heldBits -= 8
    bytes[count++] = (held >> heldBits) & 0xff
  }
  return bytes
}
