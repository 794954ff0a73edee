/**
 * What is checked of an Ed25519 signature before any library sees it, so that all of them agree: canonical
 * encodings, S below the group order, no point of small order. Without it some accept malleable signatures,
 * and some a signature by the identity point that is valid for every message.
 */

/** The group order L, little-endian (RFC 8032 section 5.1). */
const ORDER: readonly number[] = [
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]
/** The y coordinates of the points of small order, little-endian, without 0, 1 and p - 1. */
const SMALL_ORDER_Y: readonly string[] = [
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]
const SMALL_ORDER: readonly (readonly number[])[] = SMALL_ORDER_Y.map((hex) =>
  Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16)),
)

/** Whether a key and a signature may be handed to a verifier. Wrong lengths are false. */
export function isPlausibleSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  return isUsablePoint(publicKey, 0) && isUsablePoint(signature, 0) && isBelowOrder(signature, 32)
}

/** Whether a public key is a canonical point whose order is not small. Wrong lengths are false. */
export function isUsablePublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isUsablePoint(publicKey, 0)
}

function isBelowOrder(bytes: Uint8Array, offset: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (bytes[offset + i] as number) - (ORDER[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** A canonical encoding of a point whose order is not small. */
function isUsablePoint(bytes: Uint8Array, offset: number): boolean {
  const top = (bytes[offset + 31] as number) & 0x7f
  const first = bytes[offset] as number
  let middleAnd = 0xff
  let middleOr = 0
  for (let i = 1; i < 31; i++) {
    middleAnd &= bytes[offset + i] as number
    middleOr |= bytes[offset + i] as number
  }
  // y >= p = 2^255 - 19 is not canonical, and y = p - 1 has order 2.
  if (top === 0x7f && middleAnd === 0xff && first >= 0xec) return false
  // y = 0 has order 4; y = 1 is the identity.
  if (top === 0 && middleOr === 0 && first <= 1) return false
  return !SMALL_ORDER.some((point) => matches(bytes, offset, point, top))
}

function matches(bytes: Uint8Array, offset: number, point: readonly number[], top: number): boolean {
  if (top !== point[31]) return false
  for (let i = 0; i < 31; i++) if (bytes[offset + i] !== point[i]) return false
  return true
}
