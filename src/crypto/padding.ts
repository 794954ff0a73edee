/** Padding, so that the length of a sealed message tells little about its text. */

const STEP_BYTES = 64
const STEPS_UP_TO_BYTES = 512
const MARK = 0x80

/** The length with padding of `byteCount` bytes: steps of 64 up to 512, then Padmé (at most 12 % more). */
export function paddedLength(byteCount: number): number {
  const length = byteCount + 1
  if (length <= STEPS_UP_TO_BYTES) return Math.ceil(length / STEP_BYTES) * STEP_BYTES
  return padmeLength(length)
}

/** Padmé: the next multiple of a step that grows with the length, which is below 2^32; at most 12 % more. */
export function padmeLength(length: number): number {
  if (length < 2) return length
  const exponent = 31 - Math.clz32(length)
  const exponentBits = 32 - Math.clz32(exponent)
  const step = 2 ** (exponent - exponentBits)
  return Math.ceil(length / step) * step
}

/** The bytes, 0x80, then zeros. */
export function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(bytes.length))
  padded.set(bytes)
  padded[bytes.length] = MARK
  return padded
}

/** A view of the bytes before the padding; undefined when it is not the padding of just these bytes. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end -= 1
  if (end < 0 || padded[end] !== MARK) return undefined
  return paddedLength(end) === padded.length ? padded.subarray(0, end) : undefined
}
