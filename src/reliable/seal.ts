import { assert, type LinkPrimitives, utf8Bytes, writeUint32 } from '../base/index.ts'
import { LIMIT, PACKET } from './generated/constants.ts'
import { CID_BYTES, DATA_HEADER_BYTES, KEY_PHASE_BIT } from './packet.ts'

const KEY_BYTES = 32
const IV_BYTES = 12
const SECRET_BYTES = 64
const UPDATE_LABEL = utf8Bytes('palaver key update')

/** Seals or opens the DATA packets of one direction under the keys of one phase. */
export class PacketProtection {
  readonly #primitives: LinkPrimitives
  readonly #key: Uint8Array
  readonly #iv: Uint8Array
  readonly #rest: Uint8Array
  /** 0 or 1: what the key phase bit says in packets under these keys. */
  readonly phase: number
  /** Room for a nonce and a header, used only within a call. */
  readonly #nonce: Uint8Array = new Uint8Array(IV_BYTES)
  readonly #header: Uint8Array = new Uint8Array(DATA_HEADER_BYTES)

  /** `secret` is the 64-byte output of the Noise split for this direction, or of `next`. */
  // Copies are made with `new Uint8Array`: slice() of a caller's Buffer would share its memory.
  //= PAL-UDP-026
  constructor(primitives: LinkPrimitives, secret: Uint8Array, phase = 0) {
    assert(secret.length === SECRET_BYTES, 'a secret holds key, iv and what the next keys are made of')
    this.phase = phase
    this.#primitives = primitives
    this.#key = new Uint8Array(secret.subarray(0, KEY_BYTES))
    this.#iv = new Uint8Array(secret.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES))
    this.#rest = new Uint8Array(secret.subarray(KEY_BYTES + IV_BYTES))
  }

  /** The keys of the phase after this one. */
  //= PAL-UDP-108
  next(): PacketProtection {
    const secret = this.#primitives.hmacSha512(this.#rest, UPDATE_LABEL)
    return new PacketProtection(this.#primitives, secret, 1 - this.phase)
  }

  /** A whole DATA packet to `dcid`. `frames` is copied. */
  seal(dcid: Uint8Array, number: number, frames: Uint8Array): Uint8Array {
    assert(number <= LIMIT.numberMax, 'packet numbers end before they repeat')
    const header = this.#header
    header[0] = PACKET.data + KEY_PHASE_BIT * this.phase
    header.set(dcid, 1)
    writeUint32(header, 1 + CID_BYTES, number)
    const nonce = this.#nonceOf(number)
    const packet = this.#primitives.aeadSeal(this.#key, nonce, header, frames, DATA_HEADER_BYTES)
    packet.set(header)
    return packet
  }

  /** The frames of a DATA packet whose full number is `number`, or undefined when it does not verify. */
  open(packet: Uint8Array, number: number): Uint8Array | undefined {
    return this.#primitives.aeadOpen(
      this.#key,
      this.#nonceOf(number),
      packet.subarray(0, DATA_HEADER_BYTES),
      packet.subarray(DATA_HEADER_BYTES),
    )
  }

  #nonceOf(number: number): Uint8Array {
    const nonce = this.#nonce
    nonce.set(this.#iv)
    const high = Math.floor(number / 0x100000000)
    for (let i = 0; i < 4; i++) {
      nonce[4 + i] = (nonce[4 + i] as number) ^ ((high >>> (24 - 8 * i)) & 0xff)
      nonce[8 + i] = (nonce[8 + i] as number) ^ ((number >>> (24 - 8 * i)) & 0xff)
    }
    return nonce
  }
}

/** The number nearest to `expected` whose low 32 bits are `low`; -1 when it is not a packet number. */
//= PAL-UDP-027
export function fullPacketNumber(expected: number, low: number): number {
  const base = expected - (expected % 0x100000000)
  let number = base + low
  if (number - expected > 0x80000000) number -= 0x100000000
  else if (expected - number >= 0x80000000) number += 0x100000000
  if (number < 0) number += 0x100000000
  return number <= LIMIT.numberMax ? number : -1
}
