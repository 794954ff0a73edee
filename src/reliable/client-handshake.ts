import {
  concatBytes,
  type Entropy,
  equalBytes,
  type Instant,
  instantAfter,
  type LinkPrimitives,
  uint32Bytes,
  utf8Bytes,
} from '../base/index.ts'
import { DATAGRAM_VERSION, LIMIT, TIMER } from './generated/constants.ts'
import { finishInitiator, type NoiseInitiator, type NoiseResult, startInitiator } from './noise.ts'
import { encodeInitial, initialHeaderBytes } from './packet.ts'
import { DEFAULT_PARAMETERS, decodeParameters, encodeParameters, type Parameters } from './parameters.ts'

const PROLOGUE_LABEL = utf8Bytes('palaver datagram')

/** The Noise prologue: binds the version and the client's connection id to the keys. */
//= PAL-UDP-018
export function prologueOf(clientCid: Uint8Array): Uint8Array {
  return concatBytes([PROLOGUE_LABEL, uint32Bytes(DATAGRAM_VERSION), clientCid])
}

/** What a handshake is made with. */
export interface LinkMeans {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
}

/** A handshake that succeeded, from the client's side. */
export interface ClientResult {
  readonly kind: 'accepted'
  readonly noise: NoiseResult
  readonly peerStatic: Uint8Array
  readonly parameters: Parameters
  /** From the INITIAL to its ACCEPT; undefined when the INITIAL was repeated. */
  readonly rttMs: number | undefined
}

/**
 * The client until ACCEPT (spec/13-datagram.md, section 3): repeats INITIAL, takes one RETRY, and ignores
 * what does not verify. `deadline` is when it gives up.
 */
export class ClientHandshake {
  readonly deadline: Instant
  /** When the next INITIAL leaves. */
  sendAt: Instant

  readonly #primitives: LinkPrimitives
  readonly #entropy: Entropy
  readonly #cid: Uint8Array
  readonly #ephemeralSecret: Uint8Array
  #hasRetried = false
  #noise: NoiseInitiator
  #packet: Uint8Array
  #waitMs: number = TIMER.initialRepeatMs
  #sentCount = 0
  #sentAt: Instant = 0 as Instant

  /** `token` comes from an earlier connection to the same relay, or is empty. */
  constructor(means: LinkMeans, cid: Uint8Array, token: Uint8Array, now: Instant) {
    const { primitives, entropy } = means
    this.#primitives = primitives
    this.#entropy = entropy
    this.#cid = cid
    this.#ephemeralSecret = entropy(32)
    this.sendAt = now
    this.deadline = instantAfter(now, TIMER.handshakeTimeoutMs)
    const first = this.#build(token)
    this.#noise = first.noise
    this.#packet = first.packet
  }

  /** The INITIAL, when it is time for it. */
  //= PAL-UDP-012
  poll(now: Instant): Uint8Array | undefined {
    if (now < this.sendAt) return undefined
    const jitter = 0.9 + (0.2 * (this.#entropy(1)[0] as number)) / 255
    this.sendAt = instantAfter(now, this.#waitMs * jitter)
    this.#waitMs *= 2
    this.#sentCount++
    this.#sentAt = now
    return this.#packet
  }

  /** Starts again with the relay's token; a second RETRY is ignored. */
  //= PAL-UDP-016
  onRetry(token: Uint8Array, now: Instant): void {
    if (this.#hasRetried) return
    this.#hasRetried = true
    const next = this.#build(token)
    this.#noise = next.noise
    this.#packet = next.packet
    this.#waitMs = TIMER.initialRepeatMs
    this.#sentCount = 0
    this.sendAt = now
  }

  /** 'ignored' when the message does not verify, 'failed' when it does and is not acceptable. */
  //= PAL-UDP-019
  onAccept(scid: Uint8Array, message: Uint8Array, now: Instant): ClientResult | 'ignored' | 'failed' {
    const finished = finishInitiator(this.#primitives, this.#noise, message)
    if (finished === undefined) return 'ignored'
    const parameters = decodeParameters(finished.payload)
    const named = parameters?.connectionId
    if (parameters === undefined || named === undefined || parameters.resetToken === undefined)
      return 'failed'
    // The header of ACCEPT is not sealed; this parameter is.
    if (!equalBytes(named, scid)) return 'ignored'
    const rttMs = this.#sentCount === 1 ? now - this.#sentAt : undefined
    const { result, peerStatic } = finished
    return { kind: 'accepted', noise: result, peerStatic: new Uint8Array(peerStatic), parameters, rttMs }
  }

  #build(token: Uint8Array): { readonly noise: NoiseInitiator; readonly packet: Uint8Array } {
    const parameters = encodeParameters(DEFAULT_PARAMETERS)
    const payload = new Uint8Array(LIMIT.initialBytesMin - initialHeaderBytes(token) - 32)
    payload.set(parameters)
    const prologue = prologueOf(this.#cid)
    const noise = startInitiator(this.#primitives, prologue, this.#ephemeralSecret, payload)
    return { noise, packet: encodeInitial(this.#cid, token, noise.message) }
  }
}
