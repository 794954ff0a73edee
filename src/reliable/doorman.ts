import {
  type Address,
  type Entropy,
  hexOf,
  type Instant,
  instantAfter,
  type LinkPrimitives,
  NEVER,
  Queue,
  UsageError,
  utf8Bytes,
} from '../base/index.ts'
import { prologueOf } from './client-handshake.ts'
import type { LinkKeys } from './connection.ts'
import { DATAGRAM_VERSION, LIMIT, REFUSE, TIMER } from './generated/constants.ts'
import { RateLimiter } from './limiter.ts'
import { respond } from './noise.ts'
import {
  CID_BYTES,
  encodeAccept,
  encodeRefuse,
  encodeReset,
  encodeRetry,
  type HandshakePacket,
} from './packet.ts'
import { DEFAULT_PARAMETERS, decodeParameters, encodeParameters } from './parameters.ts'
import { ReturnMint, TokenMint } from './token.ts'

/**
 * What a relay says to strangers (spec/13-datagram.md, sections 2 and 10): RETRY, REFUSE, ACCEPT and RESET,
 * keeping nothing about anybody who has not returned a token. Knows no connections: who is let in becomes the
 * host's.
 */

/** Counters of what strangers sent and got. */
export interface DoorCounters {
  readonly initials: number
  readonly initialBytes: number
  readonly retries: number
  readonly accepts: number
  readonly refusals: number
  readonly resets: number
  /** Bytes of all answers. */
  readonly answerBytes: number
}

/** What the doorman needs of its endpoint. */
export interface DoorHost {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
  /** Sends an answer; dropped where too many wait. */
  reply(to: Address, bytes: Uint8Array): void
  /** Whether there is room for one more connection from `host`, whose client is `isKnown` or a stranger. */
  hasRoom(host: string, isKnown: boolean, now: Instant): boolean
  newCid(): Uint8Array
  /** A client was let in. */
  admit(peer: { readonly remote: Address; readonly cid: Uint8Array }, keys: LinkKeys, now: Instant): void
}

/** How many answers leave in a second. */
export interface DoorRates {
  readonly acceptsPerSecond: number
  readonly retriesPerSecond: number
  readonly resetsPerSecond: number
}

type Initial = Extract<HandshakePacket, { kind: 'initial' }>

/** What a relay remembers of an INITIAL it accepted, while its token lives. */
interface Accepted {
  readonly key: string
  readonly to: Address
  readonly packet: Uint8Array
  readonly until: Instant
  sentCount: number
}

/**
 * What makes two INITIALs the same: all that a token is bound to. The ephemeral key alone is seen by others,
 * who could have it accepted under their own address first.
 */
function acceptedKey(packet: Initial, from: Address): string {
  return `${hexOf(packet.noise.subarray(0, EPHEMERAL_BYTES))} ${hexOf(packet.scid)} ${from.port} ${from.host}`
}

const RESET_LABEL = utf8Bytes('palaver reset')
const RESET_TOKEN_BYTES = 16
const EPHEMERAL_BYTES = 32

export class Doorman {
  readonly staticPublic: Uint8Array
  isAccepting = true

  readonly #host: DoorHost
  readonly #staticKeys: { readonly secret: Uint8Array; readonly public: Uint8Array }
  readonly #resetKey: Uint8Array
  readonly #mint: TokenMint
  readonly #returns: ReturnMint
  readonly #acceptRate: RateLimiter
  readonly #retryRate: RateLimiter
  readonly #resetRate: RateLimiter
  readonly #accepted: Map<string, Accepted> = new Map()
  readonly #acceptedOrder: Queue<Accepted> = new Queue()
  /** When the last RESET went to an address, oldest first. */
  readonly #resetAt: Map<string, Instant> = new Map()
  readonly #counters = {
    initials: 0,
    initialBytes: 0,
    retries: 0,
    accepts: 0,
    refusals: 0,
    resets: 0,
    answerBytes: 0,
  }

  constructor(host: DoorHost, staticSecret: Uint8Array, rates: DoorRates) {
    if (staticSecret.length !== 32) throw new UsageError('bad_argument', 'staticSecret has 32 bytes')
    this.#host = host
    this.#staticKeys = host.primitives.x25519KeyPair(staticSecret)
    this.staticPublic = this.#staticKeys.public
    this.#resetKey = host.primitives.hmacSha256(staticSecret, RESET_LABEL)
    this.#mint = new TokenMint(host.primitives, host.entropy)
    this.#returns = new ReturnMint(host)
    this.#acceptRate = new RateLimiter(rates.acceptsPerSecond)
    this.#retryRate = new RateLimiter(rates.retriesPerSecond)
    this.#resetRate = new RateLimiter(rates.resetsPerSecond)
  }

  get counters(): DoorCounters {
    return { ...this.#counters }
  }

  /** Handshakes whose INITIAL is remembered so that it is not accepted twice. */
  get acceptedCount(): number {
    return this.#accepted.size
  }

  /** When there is something to forget. */
  get deadline(): Instant {
    return this.#acceptedOrder.peek()?.until ?? NEVER
  }

  /** A token with which the client at `host` skips RETRY once. */
  returnToken(host: string, now: Instant): Uint8Array {
    return this.#returns.issue(host, now)
  }

  /** `bytes` is the length of the datagram. */
  //= PAL-UDP-079
  handleInitial(packet: Initial, bytes: number, from: Address, now: Instant): void {
    if (!this.isAccepting) return
    this.#counters.initials++
    this.#counters.initialBytes += bytes
    if (packet.version !== DATAGRAM_VERSION) {
      //= PAL-UDP-011
      this.#refuse(packet, from, REFUSE.version, now)
      return
    }
    //= PAL-UDP-031 All answers to a stranger are shorter than its INITIAL, and one for one.
    const ephemeral = packet.noise.subarray(0, EPHEMERAL_BYTES)
    const subject = { from, scid: packet.scid, ephemeral }
    const isRetry = this.#mint.isValid(packet.token, subject, now)
    const isReturn = !isRetry && this.#returns.isValid(packet.token, from.host, now)
    this.forgetAccepted(now)
    const known = isRetry || isReturn ? this.#accepted.get(acceptedKey(packet, from)) : undefined
    if (known !== undefined) {
      this.#repeatAccept(known)
    } else if (isRetry || (isReturn && !this.#returns.isSpent(packet.token))) {
      this.#accept(packet, { from, isReturn }, now)
    } else if (this.#retryRate.take(now)) {
      //= PAL-UDP-014
      this.#counters.retries++
      this.#reply(from, encodeRetry(packet.scid, this.#mint.issue(subject, now)))
    }
  }

  /** DATA for a connection that is not there. */
  //= PAL-UDP-074
  answerUnknown(bytes: Uint8Array, from: Address, now: Instant): void {
    if (bytes.length < LIMIT.resettableBytesMin) return
    const last = this.#resetAt.get(from.host)
    if (last !== undefined && now < instantAfter(last, TIMER.resetIntervalMs)) return
    if (!this.#resetRate.take(now)) return
    this.#resetAt.delete(from.host)
    this.#resetAt.set(from.host, now)
    if (this.#resetAt.size > LIMIT.resetAddressesMax) {
      for (const oldest of this.#resetAt.keys()) {
        this.#resetAt.delete(oldest)
        break
      }
    }
    const dcid = bytes.subarray(1, 1 + CID_BYTES)
    this.#counters.resets++
    this.#reply(from, encodeReset(dcid, this.resetTokenOf(dcid)))
  }

  forgetAccepted(now: Instant): void {
    for (;;) {
      const oldest = this.#acceptedOrder.peek()
      if (oldest === undefined || oldest.until > now) return
      this.#acceptedOrder.shift()
      this.#accepted.delete(oldest.key)
    }
  }

  //= PAL-UDP-017
  #repeatAccept(known: Accepted): void {
    if (known.sentCount >= LIMIT.acceptRepeatsMax) return
    known.sentCount++
    this.#reply(known.to, known.packet)
  }

  #accept(packet: Initial, { from, isReturn }: { from: Address; isReturn: boolean }, now: Instant): void {
    const host = this.#host
    //= PAL-UDP-032, PAL-UDP-104
    if (!host.hasRoom(from.host, isReturn, now)) {
      this.#refuse(packet, from, REFUSE.full, now)
      return
    }
    const parameters = decodeParameters(packet.noise.subarray(EPHEMERAL_BYTES))
    //= PAL-UDP-034, PAL-UDP-077
    if (parameters === undefined || !this.#acceptRate.take(now)) return
    const cid = host.newCid()
    const answer = respond(host.primitives, {
      prologue: prologueOf(packet.scid),
      message1: packet.noise,
      staticKeys: this.#staticKeys,
      ephemeralSecret: host.entropy(32),
      //= PAL-UDP-035
      payload: encodeParameters({
        ...DEFAULT_PARAMETERS,
        resetToken: this.resetTokenOf(cid),
        observedAddress: from,
        connectionId: cid,
      }),
    })
    //= PAL-UDP-033
    if (answer === undefined) return
    if (isReturn) this.#returns.spend(packet.token)
    const dcid = new Uint8Array(packet.scid)
    const { hash, initiatorSecret, responderSecret } = answer.result
    const keys = {
      dcid,
      sendSecret: responderSecret,
      receiveSecret: initiatorSecret,
      handshakeHash: hash,
      // A RESET goes from relay to client only.
      parameters: { ...parameters, resetToken: undefined, observedAddress: undefined },
    }
    host.admit({ remote: from, cid }, keys, now)
    this.#remember(packet, from, encodeAccept(dcid, cid, answer.message), now)
  }

  #remember(packet: Initial, to: Address, accept: Uint8Array, now: Instant): void {
    const key = acceptedKey(packet, to)
    const until = instantAfter(now, TIMER.tokenLifetimeMs)
    const accepted: Accepted = { key, to, packet: accept, until, sentCount: 1 }
    this.#accepted.set(key, accepted)
    this.#acceptedOrder.push(accepted)
    this.#counters.accepts++
    this.#reply(to, accept)
  }

  #refuse(packet: Initial, to: Address, code: number, now: Instant): void {
    if (!this.#retryRate.take(now)) return
    this.#counters.refusals++
    this.#reply(to, encodeRefuse(packet.scid, code))
  }

  #reply(to: Address, bytes: Uint8Array): void {
    this.#counters.answerBytes += bytes.length
    this.#host.reply(to, bytes)
  }

  /** What a RESET that names `cid` carries. */
  resetTokenOf(cid: Uint8Array): Uint8Array {
    return this.#host.primitives.hmacSha256(this.#resetKey, RESET_LABEL, cid).subarray(0, RESET_TOKEN_BYTES)
  }
}
