import {
  type Address,
  type Entropy,
  equalSecrets,
  type Instant,
  instantAfter,
  type LinkPrimitives,
  readUint32,
  uint32Bytes,
  utf8Bytes,
} from '../base/index.ts'
import { TIMER } from './generated/constants.ts'

const TOKEN_BYTES = 21
const MAC_BYTES = 16
const LABEL = utf8Bytes('palaver retry')

/** Who asks: what a retry token is bound to. */
export interface TokenSubject {
  readonly from: Address
  readonly scid: Uint8Array
  /** The client's ephemeral public key e. */
  readonly ephemeral: Uint8Array
}

/**
 * Makes and checks retry tokens without keeping anything per client: time 4, epoch 1, MAC 16 over address,
 * scid, e and time. The secret changes each minute; the one before it stays valid.
 */
export class TokenMint {
  readonly #primitives: LinkPrimitives
  readonly #entropy: Entropy
  #current: Uint8Array | undefined
  #previous: Uint8Array | undefined
  #epoch = 0
  #rotateAt: Instant = 0 as Instant

  constructor(primitives: LinkPrimitives, entropy: Entropy) {
    this.#primitives = primitives
    this.#entropy = entropy
  }

  issue(subject: TokenSubject, now: Instant): Uint8Array {
    const secret = this.#secretAt(now)
    const token = new Uint8Array(TOKEN_BYTES)
    token.set(uint32Bytes(Math.floor(now)), 0)
    token[4] = this.#epoch
    token.set(this.#mac(secret, subject, token.subarray(0, 4)), 5)
    return token
  }

  //= PAL-UDP-015
  isValid(token: Uint8Array, subject: TokenSubject, now: Instant): boolean {
    if (token.length !== TOKEN_BYTES) return false
    this.#secretAt(now)
    const age = (Math.floor(now) - readUint32(token, 0)) >>> 0
    if (age >= TIMER.tokenLifetimeMs) return false
    const secret = this.#secretOf(token[4] as number)
    if (secret === undefined) return false
    return equalSecrets(this.#mac(secret, subject, token.subarray(0, 4)), token.subarray(5))
  }

  #secretOf(epoch: number): Uint8Array | undefined {
    if (epoch === this.#epoch) return this.#current
    return epoch === ((this.#epoch - 1) & 0xff) ? this.#previous : undefined
  }

  #secretAt(now: Instant): Uint8Array {
    if (this.#current === undefined || now >= this.#rotateAt) {
      this.#previous = this.#current
      this.#current = this.#entropy(32)
      this.#epoch = (this.#epoch + 1) & 0xff
      this.#rotateAt = instantAfter(now, TIMER.tokenSecretMs)
    }
    return this.#current
  }

  #mac(secret: Uint8Array, subject: TokenSubject, time: Uint8Array): Uint8Array {
    const host = utf8Bytes(subject.from.host)
    const lengths = Uint8Array.of(host.length, subject.from.port >> 8, subject.from.port)
    return this.#primitives
      .hmacSha256(secret, LABEL, lengths, host, subject.scid, subject.ephemeral, time)
      .subarray(0, MAC_BYTES)
  }
}
