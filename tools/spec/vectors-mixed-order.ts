/**
 * Signatures over points that have a part of small order and are not of small order themselves: the two
 * equations by which libraries verify Ed25519, with the cofactor and without, disagree about them. Group
 * arithmetic after RFC 8032 section 5.1.4, for making vectors only: nothing here runs in constant time.
 */
import { createHash } from 'node:crypto'
import { countingBytes } from './session-example.ts'
import { bigEndian, fromHex, joined, toHex, utf8 } from './wire.ts'

/** A signature that verifies without the cofactor, or with it only. */
export interface MixedOrderCase {
  readonly name: string
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly valid: boolean
}

/** Extended coordinates: x = X / Z, y = Y / Z, x y = T / Z. */
interface Point {
  readonly X: bigint
  readonly Y: bigint
  readonly Z: bigint
  readonly T: bigint
}

const P = 2n ** 255n - 19n
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * inverse(121666n))
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n)
const BASE = decode(fromHex(`58${'66'.repeat(31)}`))
const ORDER_8 = decode(fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'))
const NEUTRAL: Point = { X: 0n, Y: 1n, Z: 1n, T: 0n }

const KEY_SCALAR = fromLittleEndian(countingBytes(0x11, 32)) % ORDER
const NONCE_SCALAR = fromLittleEndian(countingBytes(0x33, 32)) % ORDER

/** The hash of a signature as it is, and reduced modulo the order, both modulo 8. */
type Wanted = (whole: bigint, reduced: bigint) => boolean

/** Every vector of mixed order. */
export function mixedOrderCases(): MixedOrderCase[] {
  const plainKey = multiply(BASE, KEY_SCALAR)
  const plainR = multiply(BASE, NONCE_SCALAR)
  const key = add(plainKey, ORDER_8)
  const R = add(plainR, ORDER_8)
  return [
    search('a key of mixed order, good by the reduced hash alone', true, key, plainR, (whole, reduced) => {
      return reduced === 0n && whole !== 0n
    }),
    search('a key of mixed order, good with the cofactor alone', false, key, plainR, (whole, reduced) => {
      return reduced !== 0n && whole !== 0n
    }),
    search('a key of mixed order, good by the unreduced hash', false, key, plainR, (whole, reduced) => {
      return reduced !== 0n && whole === 0n
    }),
    search('R of mixed order, good with the cofactor alone', false, plainKey, R, () => true),
    search('key and R of mixed order that cancel out', true, key, R, (whole, reduced) => {
      return reduced === 7n && whole !== 7n
    }),
  ]
}

/** The first of the messages "palaver 0", "palaver 1", ... whose hash is as wanted, signed. */
function search(name: string, valid: boolean, keyPoint: Point, R: Point, isWanted: Wanted): MixedOrderCase {
  const key = encode(keyPoint)
  const first = encode(R)
  for (let count = 0; ; count++) {
    const message = utf8(`palaver ${count}`)
    const digest = createHash('sha512').update(first).update(key).update(message).digest()
    const whole = fromLittleEndian(digest)
    const reduced = whole % ORDER
    if (!isWanted(whole % 8n, reduced % 8n)) continue
    const s = (NONCE_SCALAR + reduced * KEY_SCALAR) % ORDER
    return { name, key, message, signature: joined(first, toLittleEndian(s)), valid }
  }
}

function add(a: Point, b: Point): Point {
  const left = mod((a.Y - a.X) * (b.Y - b.X))
  const right = mod((a.Y + a.X) * (b.Y + b.X))
  const c = mod(2n * a.T * b.T * D)
  const d = mod(2n * a.Z * b.Z)
  const [e, f, g, h] = [right - left, d - c, d + c, right + left]
  return { X: mod(e * f), Y: mod(g * h), Z: mod(f * g), T: mod(e * h) }
}

function multiply(point: Point, scalar: bigint): Point {
  let result = NEUTRAL
  let doubled = point
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, doubled)
    doubled = add(doubled, doubled)
  }
  return result
}

function encode(point: Point): Uint8Array {
  const x = mod(point.X * inverse(point.Z))
  const y = mod(point.Y * inverse(point.Z))
  return toLittleEndian(y | ((x & 1n) << 255n))
}

/** The point of a canonical encoding that is known to be one. */
function decode(bytes: Uint8Array): Point {
  const whole = fromLittleEndian(bytes)
  const sign = whole >> 255n
  const y = whole & (2n ** 255n - 1n)
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n))
  const root = power(square, (P + 3n) / 8n)
  const even = mod(root * root) === square ? root : mod(root * ROOT_OF_MINUS_1)
  const x = (even & 1n) === sign ? even : P - even
  return { X: x, Y: y, Z: 1n, T: mod(x * y) }
}

function mod(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function inverse(value: bigint): bigint {
  return power(mod(value), P - 2n)
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = base
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`)
}

function toLittleEndian(value: bigint): Uint8Array {
  return bigEndian(value, 32).toReversed()
}
