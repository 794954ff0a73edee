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
  writeUint32,
} from '../base/index.ts'
import { LIMIT, TIMER } from './generated/constants.ts'

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

const RETURN_TOKEN_BYTES = 29
const RETURN_LABEL = utf8Bytes('palaver return')
const ID_AT = 5
const MAC_AT = 13

/**
 * Makes and checks the tokens of TOKEN, with which a client skips RETRY: time in seconds 4, epoch 1, id 8,
 * MAC 16 over IP address, time and id. Each opens one connection: ids used are kept, the oldest forgotten
 * beyond a bound, and with it every token not made later.
 */
export class ReturnMint {
  readonly #means: { readonly primitives: LinkPrimitives; readonly entropy: Entropy }
  readonly #spent: Map<number, number> = new Map()
  /** Tokens of this second and before are no longer valid. */
  #floor = -1
  #current: Uint8Array | undefined
  #previous: Uint8Array | undefined
  #epoch = 0
  #rotateAt: Instant = 0 as Instant

  constructor(means: { readonly primitives: LinkPrimitives; readonly entropy: Entropy }) {
    this.#means = means
  }

  issue(host: string, now: Instant): Uint8Array {
    const secret = this.#secretAt(now)
    const token = new Uint8Array(RETURN_TOKEN_BYTES)
    writeUint32(token, 0, Math.floor(now / 1000))
    token[4] = this.#epoch
    token.set(this.#means.entropy(MAC_AT - ID_AT), ID_AT)
    token.set(this.#mac(secret, host, token), MAC_AT)
    return token
  }

  /** Whether `token` was made for `host` and is not too old; it may be spent. */
  //= PAL-UDP-105
  isValid(token: Uint8Array, host: string, now: Instant): boolean {
    if (token.length !== RETURN_TOKEN_BYTES) return false
    this.#secretAt(now)
    const madeAt = readUint32(token, 0)
    const ageMs = now - 1000 * madeAt
    if (ageMs < 0 || ageMs >= TIMER.returnTokenLifetimeMs || madeAt <= this.#floor) return false
    const epoch = token[4] as number
    const isOld = epoch === ((this.#epoch - 1) & 0xff)
    const secret = epoch === this.#epoch ? this.#current : isOld ? this.#previous : undefined
    return secret !== undefined && equalSecrets(this.#mac(secret, host, token), token.subarray(MAC_AT))
  }

  isSpent(token: Uint8Array): boolean {
    return this.#spent.has(idOf(token))
  }

  /** `token` opens no further connection. */
  spend(token: Uint8Array): void {
    this.#spent.set(idOf(token), readUint32(token, 0))
    if (this.#spent.size <= LIMIT.returnTokensSpentMax) return
    for (const [id, madeAt] of this.#spent) {
      this.#spent.delete(id)
      this.#floor = Math.max(this.#floor, madeAt)
      return
    }
  }

  #secretAt(now: Instant): Uint8Array {
    if (this.#current === undefined || now >= this.#rotateAt) {
      this.#previous = this.#current
      this.#current = this.#means.entropy(32)
      this.#epoch = (this.#epoch + 1) & 0xff
      this.#rotateAt = instantAfter(now, TIMER.returnTokenLifetimeMs)
    }
    return this.#current
  }

  #mac(secret: Uint8Array, host: string, token: Uint8Array): Uint8Array {
    return this.#means.primitives
      .hmacSha256(secret, RETURN_LABEL, token.subarray(0, MAC_AT), utf8Bytes(host))
      .subarray(0, MAC_BYTES)
  }
}

/** 52 bits of the id. */
function idOf(token: Uint8Array): number {
  return (readUint32(token, ID_AT) & 0xfffff) * 0x100000000 + readUint32(token, ID_AT + 4)
}
