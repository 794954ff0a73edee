import {
  type Address,
  addressPrefix,
  assert,
  type Datagram,
  DeadlineHeap,
  type Entropy,
  earlierOf,
  equalBytes,
  equalSecrets,
  hexOf,
  type Instant,
  instantAfter,
  type LinkPrimitives,
  type Machine,
  NEVER,
  Queue,
  sameAddress,
  UsageError,
  utf8Bytes,
} from '../base/index.ts'
import type { UdpConnection, UdpEvent } from './api.ts'
import { ClientHandshake, prologueOf } from './client-handshake.ts'
import type { CongestionControl } from './congestion.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import { FrameReader } from './frame.ts'
import { CLOSE, DATAGRAM_VERSION, LIMIT, REFUSE, TIMER } from './generated/constants.ts'
import { RateLimiter } from './limiter.ts'
import { respond } from './noise.ts'
import {
  CID_BYTES,
  cidKey,
  decodeHandshakePacket,
  encodeAccept,
  encodeRefuse,
  encodeReset,
  encodeRetry,
  type HandshakePacket,
  isDataHeader,
} from './packet.ts'
import { DEFAULT_PARAMETERS, decodeParameters, encodeParameters } from './parameters.ts'
import { TokenMint } from './token.ts'
import { Tracer, type UdpTraceEvent } from './trace.ts'

/**
 * One UDP socket's worth of connections (spec/13-datagram.md): finds the connection of each datagram, answers
 * strangers without keeping anything about them, and orders what leaves. Knows no socket and no clock.
 */

/** Limits an operator may change; the registry gives the defaults. */
export interface UdpLimits {
  readonly connections: number
  /** Per IPv4 address or IPv6 /56. `Infinity` switches it off. */
  readonly connectionsPerPrefix: number
  readonly acceptsPerSecond: number
  readonly retriesPerSecond: number
  readonly resetsPerSecond: number
}

export interface UdpEndpointOptions {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
  /** Relay: the X25519 static secret, 32 bytes. Without it the endpoint only connects. */
  readonly staticSecret?: Uint8Array
  readonly limits?: Partial<UdpLimits>
  /** Default: 'cubic'. */
  readonly congestionControl?: CongestionControl
  /** Gathers what happens, for `pollTrace`. */
  readonly trace?: boolean
}

/** The default limits. */
export const DEFAULT_UDP_LIMITS: UdpLimits = {
  connections: LIMIT.connectionsMax,
  connectionsPerPrefix: LIMIT.connectionsPerPrefix,
  acceptsPerSecond: LIMIT.acceptsPerSecond,
  retriesPerSecond: LIMIT.retriesPerSecond,
  resetsPerSecond: LIMIT.resetsPerSecond,
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

/** The relay's half: static keys, tokens and what was accepted lately. */
interface Relay {
  readonly staticKeys: { readonly secret: Uint8Array; readonly public: Uint8Array }
  readonly resetKey: Uint8Array
  readonly mint: TokenMint
  readonly accepts: RateLimiter
  readonly retries: RateLimiter
  readonly resets: RateLimiter
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

export class UdpEndpoint implements Machine<UdpEvent>, ConnectionHost {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
  readonly scratch: Uint8Array = new Uint8Array(LIMIT.datagramBytes)
  readonly reader: FrameReader = new FrameReader()
  readonly congestionControl: CongestionControl
  readonly tracer: Tracer | undefined

  readonly #limits: UdpLimits
  readonly #relay: Relay | undefined
  readonly #connections: Map<number, Connection> = new Map()
  /** Client connections by the relay's cid, which is what a RESET names. */
  readonly #byPeerCid: Map<number, Connection> = new Map()
  readonly #perPrefix: Map<string, number> = new Map()
  readonly #accepted: Map<string, Accepted> = new Map()
  readonly #acceptedOrder: Queue<Accepted> = new Queue()
  /** When the last RESET went to an address, oldest first. */
  readonly #resetAt: Map<string, Instant> = new Map()
  readonly #deadlines: DeadlineHeap<Connection> = new DeadlineHeap()
  readonly #ready: Queue<Connection> = new Queue()
  readonly #events: Queue<UdpEvent> = new Queue()
  readonly #replies: Queue<Datagram> = new Queue()
  #isAccepting = true

  constructor(options: UdpEndpointOptions) {
    this.primitives = options.primitives
    this.entropy = options.entropy
    this.congestionControl = options.congestionControl ?? 'cubic'
    this.tracer = options.trace === true ? new Tracer() : undefined
    this.#limits = { ...DEFAULT_UDP_LIMITS, ...options.limits }
    this.#relay = options.staticSecret === undefined ? undefined : this.#makeRelay(options.staticSecret)
  }

  /** Connections not yet forgotten, handshakes and closed ones that still drain included. */
  get connectionCount(): number {
    return this.#connections.size
  }

  /** Handshakes whose INITIAL is remembered so that it is not accepted twice. */
  get acceptedCount(): number {
    return this.#accepted.size
  }

  /** The public half of the static secret. */
  get staticPublic(): Uint8Array | undefined {
    return this.#relay?.staticKeys.public
  }

  /** Answers no stranger from now on, and forgets those not yet confirmed; connections that are open stay. */
  stopAccepting(now: Instant): void {
    this.#isAccepting = false
    for (const connection of this.#connections.values()) connection.abandonUnconfirmed(now)
  }

  /** Starts a connection. Writes are queued until it opens; a failure comes as a 'closed' event. */
  connect(to: Address, now: Instant): UdpConnection {
    const cid = this.#newCid()
    const handshake = new ClientHandshake(this.primitives, this.entropy, cid, now)
    const connection = new Connection(this, { remote: to, cid, handshake }, now)
    this.#connections.set(cidKey(cid, 0), connection)
    this.wake(connection)
    return connection
  }

  /** Takes one UDP payload. `bytes` may be reused afterwards. */
  handleDatagram(bytes: Uint8Array, from: Address, now: Instant): void {
    if (bytes.length === 0) return
    if (((bytes[0] as number) & 0x80) === 0) {
      if (isDataHeader(bytes)) this.#handleData(bytes, from, now)
      return
    }
    const packet = decodeHandshakePacket(bytes)
    if (typeof packet === 'string') return
    switch (packet.kind) {
      case 'initial':
        this.#handleInitial(packet, from, now)
        break
      case 'retry':
        if (packet.version === DATAGRAM_VERSION) {
          const connection = this.#waitingFor(packet.dcid, from)
          connection?.noteHandshake('retry', bytes.length, from, now)
          connection?.handshake?.onRetry(packet.token, now)
          if (connection !== undefined) this.wake(connection)
        }
        break
      case 'accept':
        this.#handleAccept(packet, from, now)
        break
      case 'refuse':
        this.#handleRefuse(packet, from, now)
        break
      case 'reset':
        this.#handleReset(packet, from, now)
        break
      default:
        packet satisfies never
    }
  }

  handleTimeout(now: Instant): void {
    this.#forgetAccepted(now)
    for (;;) {
      const connection = this.#deadlines.popDue(now)
      if (connection === undefined) return
      if (connection.deadline <= now) connection.handleTimeout(now)
      // What is ready is armed again when it has been polled empty.
      if (!connection.isReady) this.#deadlines.arm(connection, connection.deadline)
    }
  }

  pollTimeout(): Instant {
    return earlierOf(this.#deadlines.earliest, this.#acceptedOrder.peek()?.until ?? NEVER)
  }

  pollEvent(): UdpEvent | undefined {
    return this.#events.shift()
  }

  /** What happened next, where `trace` was asked for. Poll after each input: what waits is bounded. */
  pollTrace(): UdpTraceEvent | undefined {
    return this.tracer?.poll()
  }

  /** The next datagram to send. One per connection in turn. */
  pollTransmit(now: Instant): Datagram | undefined {
    const reply = this.#replies.shift()
    if (reply !== undefined) return reply
    for (;;) {
      const connection = this.#ready.shift()
      if (connection === undefined) return undefined
      const datagram = connection.pollTransmit(now)
      if (datagram !== undefined) {
        this.#ready.push(connection)
        return datagram
      }
      connection.isReady = false
      this.#deadlines.arm(connection, connection.deadline)
    }
  }

  /** Part of `ConnectionHost`. */
  emit(event: UdpEvent): void {
    this.#events.push(event)
  }

  /** Part of `ConnectionHost`. */
  wake(connection: Connection): void {
    if (connection.isReady) return
    connection.isReady = true
    this.#ready.push(connection)
  }

  /** Part of `ConnectionHost`. */
  release(connection: Connection): void {
    this.#deadlines.remove(connection)
    this.#connections.delete(cidKey(connection.cid, 0))
    if (connection.resetToken !== undefined) {
      const peerKey = cidKey(connection.dcid, 0)
      if (this.#byPeerCid.get(peerKey) === connection) this.#byPeerCid.delete(peerKey)
    }
    if (connection.prefix !== undefined) this.#leavePrefix(connection.prefix)
  }

  /** Part of `ConnectionHost`. */
  onMoved(connection: Connection): void {
    if (connection.prefix !== undefined) this.#leavePrefix(connection.prefix)
    connection.prefix = addressPrefix(connection.remote.host)
    this.#perPrefix.set(connection.prefix, (this.#perPrefix.get(connection.prefix) ?? 0) + 1)
  }

  #leavePrefix(prefix: string): void {
    const count = (this.#perPrefix.get(prefix) ?? 1) - 1
    if (count === 0) this.#perPrefix.delete(prefix)
    else this.#perPrefix.set(prefix, count)
  }

  // ---- DATA and RESET --------------------------------------------------------------------------

  #handleData(bytes: Uint8Array, from: Address, now: Instant): void {
    const connection = this.#connections.get(cidKey(bytes, 1))
    if (connection !== undefined && this.#isCidOf(connection.cid, bytes)) {
      connection.handleData(bytes, from, now)
    } else {
      this.#answerUnknown(bytes, from, now)
    }
  }

  /** The table's key leaves out the first 12 bits. */
  #isCidOf(cid: Uint8Array, bytes: Uint8Array): boolean {
    return cid[0] === bytes[1] && cid[1] === bytes[2]
  }

  //= PAL-UDP-074
  #answerUnknown(bytes: Uint8Array, from: Address, now: Instant): void {
    const relay = this.#relay
    if (relay === undefined || bytes.length < LIMIT.resettableBytesMin) return
    const last = this.#resetAt.get(from.host)
    if (last !== undefined && now < instantAfter(last, TIMER.resetIntervalMs)) return
    if (!relay.resets.take(now)) return
    this.#resetAt.delete(from.host)
    this.#resetAt.set(from.host, now)
    if (this.#resetAt.size > LIMIT.resetAddressesMax) {
      for (const oldest of this.#resetAt.keys()) {
        this.#resetAt.delete(oldest)
        break
      }
    }
    const dcid = bytes.subarray(1, 1 + CID_BYTES)
    this.#reply(from, encodeReset(dcid, this.#resetTokenOf(relay, dcid)))
  }

  //= PAL-UDP-075
  #handleReset(packet: Extract<HandshakePacket, { kind: 'reset' }>, from: Address, now: Instant): void {
    const connection = this.#byPeerCid.get(cidKey(packet.dcid, 0))
    if (connection === undefined || connection.resetToken === undefined) return
    if (!sameAddress(connection.remote, from) || !equalBytes(connection.dcid, packet.dcid)) return
    if (!equalSecrets(connection.resetToken, packet.token)) return
    const detail = 'the relay has forgotten the connection'
    connection.abandon({ by: 'link', code: CLOSE.reset, detail }, now)
  }

  #resetTokenOf(relay: Relay, cid: Uint8Array): Uint8Array {
    return this.primitives.hmacSha256(relay.resetKey, RESET_LABEL, cid).subarray(0, RESET_TOKEN_BYTES)
  }

  // ---- the relay's half of the handshake -------------------------------------------------------

  //= PAL-UDP-079
  #handleInitial(packet: Initial, from: Address, now: Instant): void {
    const relay = this.#relay
    if (relay === undefined || !this.#isAccepting) return
    if (packet.version !== DATAGRAM_VERSION) {
      //= PAL-UDP-011
      if (relay.retries.take(now)) this.#reply(from, encodeRefuse(packet.scid, REFUSE.version))
      return
    }
    //= PAL-UDP-031 All answers to a stranger are shorter than its INITIAL, and one for one.
    const ephemeral = packet.noise.subarray(0, EPHEMERAL_BYTES)
    const subject = { from, scid: packet.scid, ephemeral }
    if (!relay.mint.isValid(packet.token, subject, now)) {
      //= PAL-UDP-014
      if (relay.retries.take(now)) {
        this.#reply(from, encodeRetry(packet.scid, relay.mint.issue(subject, now)))
      }
      return
    }
    this.#forgetAccepted(now)
    const known = this.#accepted.get(acceptedKey(packet, from))
    if (known !== undefined) this.#repeatAccept(known)
    else this.#accept(relay, packet, from, now)
  }

  //= PAL-UDP-017
  #repeatAccept(known: Accepted): void {
    if (known.sentCount >= LIMIT.acceptRepeatsMax) return
    known.sentCount++
    this.#reply(known.to, known.packet)
  }

  #accept(relay: Relay, packet: Initial, from: Address, now: Instant): void {
    const prefix = addressPrefix(from.host)
    const count = this.#perPrefix.get(prefix) ?? 0
    if (count >= this.#limits.connectionsPerPrefix || this.#connections.size >= this.#limits.connections) {
      if (relay.retries.take(now)) this.#reply(from, encodeRefuse(packet.scid, REFUSE.full))
      return
    }
    const parameters = decodeParameters(packet.noise.subarray(EPHEMERAL_BYTES))
    //= PAL-UDP-034, PAL-UDP-077
    if (parameters === undefined || !relay.accepts.take(now)) return
    const cid = this.#newCid()
    const answer = respond(this.primitives, {
      prologue: prologueOf(packet.scid),
      message1: packet.noise,
      staticKeys: relay.staticKeys,
      ephemeralSecret: this.entropy(32),
      //= PAL-UDP-035
      payload: encodeParameters({
        ...DEFAULT_PARAMETERS,
        resetToken: this.#resetTokenOf(relay, cid),
        observedAddress: from,
        connectionId: cid,
      }),
    })
    //= PAL-UDP-033
    if (answer === undefined) return
    const connection = new Connection(this, { remote: from, cid }, now)
    connection.prefix = prefix
    this.#perPrefix.set(prefix, count + 1)
    this.#connections.set(cidKey(cid, 0), connection)
    const dcid = new Uint8Array(packet.scid)
    const { hash, initiatorSecret, responderSecret } = answer.result
    connection.install(
      {
        dcid,
        sendSecret: responderSecret,
        receiveSecret: initiatorSecret,
        handshakeHash: hash,
        // A RESET goes from relay to client only.
        parameters: { ...parameters, resetToken: undefined, observedAddress: undefined },
      },
      now,
    )
    this.#deadlines.arm(connection, connection.deadline)
    this.#remember(packet, from, encodeAccept(dcid, cid, answer.message), now)
  }

  #remember(packet: Initial, to: Address, accept: Uint8Array, now: Instant): void {
    const key = acceptedKey(packet, to)
    const until = instantAfter(now, TIMER.tokenLifetimeMs)
    const accepted: Accepted = { key, to, packet: accept, until, sentCount: 1 }
    this.#accepted.set(key, accepted)
    this.#acceptedOrder.push(accepted)
    this.#reply(to, accept)
  }

  #forgetAccepted(now: Instant): void {
    for (;;) {
      const oldest = this.#acceptedOrder.peek()
      if (oldest === undefined || oldest.until > now) return
      this.#acceptedOrder.shift()
      this.#accepted.delete(oldest.key)
    }
  }

  // ---- the client's half -----------------------------------------------------------------------

  #waitingFor(cid: Uint8Array, from: Address): Connection | undefined {
    const connection = this.#connections.get(cidKey(cid, 0))
    if (connection?.handshake === undefined || !equalBytes(connection.cid, cid)) return undefined
    return sameAddress(connection.remote, from) ? connection : undefined
  }

  #handleAccept(packet: Extract<HandshakePacket, { kind: 'accept' }>, from: Address, now: Instant): void {
    const connection = this.#waitingFor(packet.dcid, from)
    connection?.noteHandshake('accept', packet.noise.length + 17, from, now)
    const result = connection?.handshake?.onAccept(packet.scid, packet.noise, now)
    if (connection === undefined || result === undefined || result === 'ignored') return
    //= PAL-UDP-078
    if (result === 'failed') {
      const detail = 'the relay sent unusable parameters'
      connection.abandon({ by: 'link', code: CLOSE.handshakeFailed, detail }, now)
      return
    }
    const dcid = new Uint8Array(packet.scid)
    connection.peerStatic = result.peerStatic
    if (result.rttMs !== undefined) connection.sampleRtt(result.rttMs, now)
    connection.install(
      {
        dcid,
        sendSecret: result.noise.initiatorSecret,
        receiveSecret: result.noise.responderSecret,
        handshakeHash: result.noise.hash,
        parameters: result.parameters,
      },
      now,
    )
    this.#byPeerCid.set(cidKey(dcid, 0), connection)
  }

  //= PAL-UDP-013
  #handleRefuse(packet: Extract<HandshakePacket, { kind: 'refuse' }>, from: Address, now: Instant): void {
    const connection = this.#waitingFor(packet.dcid, from)
    if (connection === undefined) return
    if (packet.code === REFUSE.full) {
      const detail = 'the relay takes no more connections'
      connection.abandon({ by: 'peer', code: CLOSE.refusedFull, detail }, now)
    } else {
      const detail = `the relay speaks ${packet.versions.join(', ')}`
      connection.abandon({ by: 'peer', code: CLOSE.refusedVersion, detail }, now)
    }
  }

  // ---- common ----------------------------------------------------------------------------------

  #reply(to: Address, bytes: Uint8Array): void {
    //= PAL-UDP-086
    if (this.#replies.length < LIMIT.repliesQueuedMax) this.#replies.push({ to, bytes })
  }

  #newCid(): Uint8Array {
    for (let attempt = 0; attempt < 16; attempt++) {
      const cid = new Uint8Array(this.entropy(CID_BYTES))
      if (!this.#connections.has(cidKey(cid, 0))) return cid
    }
    assert(false, 'entropy repeats itself')
  }

  #makeRelay(staticSecret: Uint8Array): Relay {
    if (staticSecret.length !== 32) throw new UsageError('bad_argument', 'staticSecret has 32 bytes')
    return {
      staticKeys: this.primitives.x25519KeyPair(staticSecret),
      resetKey: this.primitives.hmacSha256(staticSecret, RESET_LABEL),
      mint: new TokenMint(this.primitives, this.entropy),
      accepts: new RateLimiter(this.#limits.acceptsPerSecond),
      retries: new RateLimiter(this.#limits.retriesPerSecond),
      resets: new RateLimiter(this.#limits.resetsPerSecond),
    }
  }
}
