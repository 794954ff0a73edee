/** Signatures that a careless library takes: none of them may pass (spec chapter 5.2). */
import { concatBytes } from '../base/bytes.ts'
import { type KeyPair, sha512 } from './crypto.ts'

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const PRIME = 2n ** 255n - 19n
/** Encodings of the neutral point: canonical, with y = p + 1, with its sign bit set. */
const NEUTRAL = littleEndian(1n)
const NEUTRAL_HIGH = littleEndian(PRIME + 1n)
const NEUTRAL_NEGATIVE = littleEndian(1n + 2n ** 255n)
const ORDER_2 = littleEndian(PRIME - 1n)

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  let rest = value
  for (let at = 0; at < 32; at++) {
    bytes[at] = Number(rest & 255n)
    rest >>= 8n
  }
  return bytes
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

/** What an auth or a ready is changed to. */
export interface Twisted {
  readonly signature: Uint8Array
  /** The key that goes with it, where it is another one. */
  readonly key?: Uint8Array
}

/** A signature that must not pass for the sound one of that message. */
export function twisted(twist: string, pair: KeyPair, message: Uint8Array, sound: Uint8Array): Twisted {
  const [r, s] = [sound.slice(0, 32), sound.slice(32)]
  switch (twist) {
    case 'high-s':
      return { signature: concatBytes([r, littleEndian(numberOf(s) + ORDER)]) }
    case 'small-order-key':
      return { key: NEUTRAL, signature: concatBytes([NEUTRAL, new Uint8Array(32)]) }
    case 'order-2-key':
      return { key: ORDER_2, signature: concatBytes([NEUTRAL, new Uint8Array(32)]) }
    case 'small-order-r':
      return { signature: forPoint(NEUTRAL, pair, message) }
    case 'non-canonical-r':
      return { signature: forPoint(NEUTRAL_HIGH, pair, message) }
    case 'negative-zero-r':
      return { signature: forPoint(NEUTRAL_NEGATIVE, pair, message) }
    case 'flip-r':
      return { signature: concatBytes([Uint8Array.of((r[0] as number) ^ 1), r.subarray(1), s]) }
    case 'flip-s':
      return { signature: concatBytes([r, Uint8Array.of((s[0] as number) ^ 1), s.subarray(1)]) }
    default:
      throw new RangeError(`no twist is called ${twist}`)
  }
}

/** A signature whose R is that encoding of the neutral point: then S is the hash times the secret. */
function forPoint(point: Uint8Array, pair: KeyPair, message: Uint8Array): Uint8Array {
  const secret = sha512(pair.seed).slice(0, 32)
  secret[0] = (secret[0] as number) & 248
  secret[31] = ((secret[31] as number) & 127) | 64
  const hash = numberOf(sha512(point, pair.publicKey, message)) % ORDER
  return concatBytes([point, littleEndian((hash * numberOf(secret)) % ORDER)])
}
