import {
  type Address,
  assert,
  type Datagram,
  DeadlineHeap,
  EMPTY_BYTES,
  type Entropy,
  earlierOf,
  equalBytes,
  equalSecrets,
  type Instant,
  type LinkPrimitives,
  type Machine,
  NEVER,
  Queue,
  sameAddress,
} from '../base/index.ts'
import type { UdpConnection, UdpEvent } from './api.ts'
import { ClientHandshake } from './client-handshake.ts'
import type { CongestionControl } from './congestion.ts'
import { Connection, type ConnectionHost, type LinkKeys } from './connection.ts'
import { type DoorCounters, type DoorHost, Doorman } from './doorman.ts'
import { FrameReader } from './frame.ts'
import { CLOSE, DATAGRAM_VERSION, LIMIT, REFUSE } from './generated/constants.ts'
import { Neighbours } from './neighbours.ts'
import { CID_BYTES, cidKey, decodeHandshakePacket, type HandshakePacket, isDataHeader } from './packet.ts'
import { Tracer, type UdpTraceEvent } from './trace.ts'

/**
 * One UDP socket's worth of connections (spec/13-datagram.md): finds the connection of each datagram, leaves
 * strangers to the doorman, and orders what leaves. Knows no socket and no clock.
 */

/** Limits an operator may change; the registry gives the defaults. */
export interface UdpLimits {
  readonly connections: number
  /** Per IPv4 address or IPv6 /56. `Infinity` switches it off. */
  readonly connectionsPerPrefix: number
  /** The same, for clients with a token of an earlier connection. */
  readonly connectionsPerPrefixKnown: number
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
  /** Packets sealed under one key; the registry gives the default. */
  readonly keyUpdatePackets?: number
  /** Gathers what happens, for `pollTrace`. */
  readonly trace?: boolean
}

/** Of a client, which sends no RESET. */
const NO_RESET_TOKEN = new Uint8Array(16)

/** The default limits. */
export const DEFAULT_UDP_LIMITS: UdpLimits = {
  connections: LIMIT.connectionsMax,
  connectionsPerPrefix: LIMIT.connectionsPerPrefix,
  connectionsPerPrefixKnown: LIMIT.connectionsPerPrefixKnown,
  acceptsPerSecond: LIMIT.acceptsPerSecond,
  retriesPerSecond: LIMIT.retriesPerSecond,
  resetsPerSecond: LIMIT.resetsPerSecond,
}

export class UdpEndpoint implements Machine<UdpEvent>, ConnectionHost, DoorHost {
  readonly primitives: LinkPrimitives
  readonly entropy: Entropy
  readonly scratch: Uint8Array = new Uint8Array(LIMIT.datagramBytesMax)
  readonly reader: FrameReader = new FrameReader()
  readonly congestionControl: CongestionControl
  readonly keyUpdatePackets: number
  readonly tracer: Tracer | undefined

  readonly #limits: UdpLimits
  /** A relay's. */
  readonly #doorman: Doorman | undefined
  /** By each id under which a connection is reached. */
  readonly #connections: Map<number, Connection> = new Map()
  #connectionCount = 0
  /** Client connections by the relay's cid, which is what a RESET names. */
  readonly #byPeerCid: Map<number, Connection> = new Map()
  readonly #neighbours: Neighbours = new Neighbours()
  readonly #deadlines: DeadlineHeap<Connection> = new DeadlineHeap()
  readonly #ready: Queue<Connection> = new Queue()
  readonly #events: Queue<UdpEvent> = new Queue()
  readonly #replies: Queue<Datagram> = new Queue()

  constructor(options: UdpEndpointOptions) {
    this.primitives = options.primitives
    this.entropy = options.entropy
    this.congestionControl = options.congestionControl ?? 'cubic'
    this.keyUpdatePackets = options.keyUpdatePackets ?? LIMIT.keyUpdatePackets
    this.tracer = options.trace === true ? new Tracer() : undefined
    this.#limits = { ...DEFAULT_UDP_LIMITS, ...options.limits }
    const { staticSecret } = options
    this.#doorman = staticSecret === undefined ? undefined : new Doorman(this, staticSecret, this.#limits)
  }

  /** Connections not yet forgotten, handshakes and closed ones that still drain included. */
  get connectionCount(): number {
    return this.#connectionCount
  }

  /** Connection ids under which packets find a connection. */
  get cidCount(): number {
    return this.#connections.size
  }

  /** Handshakes whose INITIAL is remembered so that it is not accepted twice. */
  get acceptedCount(): number {
    return this.#doorman?.acceptedCount ?? 0
  }

  /** The public half of the static secret. */
  get staticPublic(): Uint8Array | undefined {
    return this.#doorman?.staticPublic
  }

  /** Relay: what strangers sent and got. */
  get doorCounters(): DoorCounters | undefined {
    return this.#doorman?.counters
  }

  /** Answers no stranger from now on, and forgets those not yet confirmed; connections that are open stay. */
  stopAccepting(now: Instant): void {
    if (this.#doorman !== undefined) this.#doorman.isAccepting = false
    for (const connection of this.#connections.values()) connection.abandonUnconfirmed(now)
  }

  /**
   * Starts a connection. Writes are queued until it opens; a failure comes as a 'closed' event. `token` is
   * one that a 'token' event of an earlier connection to the same relay brought, and serves once.
   */
  connect(to: Address, now: Instant, token: Uint8Array = EMPTY_BYTES): UdpConnection {
    const cid = this.newCid()
    //= PAL-UDP-106
    const handshake = new ClientHandshake(this, cid, token, now)
    const connection = new Connection(this, { remote: to, cid, handshake }, now)
    this.#connections.set(cidKey(cid, 0), connection)
    this.#connectionCount++
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
        this.#doorman?.handleInitial(packet, bytes.length, from, now)
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
    this.#doorman?.forgetAccepted(now)
    for (;;) {
      const connection = this.#deadlines.popDue(now)
      if (connection === undefined) return
      if (connection.deadline <= now) connection.handleTimeout(now)
      // What is ready is armed again when it has been polled empty.
      if (!connection.isReady) this.#deadlines.arm(connection, connection.deadline)
    }
  }

  pollTimeout(): Instant {
    return earlierOf(this.#deadlines.earliest, this.#doorman?.deadline ?? NEVER)
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
    this.#connectionCount--
    this.#forgetPeerCid(connection, connection.dcid)
    this.#neighbours.leave(connection)
  }

  /** Part of `ConnectionHost`. */
  giveCid(connection: Connection): { readonly cid: Uint8Array; readonly token: Uint8Array } {
    const cid = this.newCid()
    this.#connections.set(cidKey(cid, 0), connection)
    return { cid, token: this.#doorman?.resetTokenOf(cid) ?? NO_RESET_TOKEN }
  }

  /** Part of `ConnectionHost`. */
  dropCid(cid: Uint8Array): void {
    this.#connections.delete(cidKey(cid, 0))
  }

  /** Part of `ConnectionHost`. */
  onPeerCid(connection: Connection, before: Uint8Array): void {
    this.#forgetPeerCid(connection, before)
    this.#byPeerCid.set(cidKey(connection.dcid, 0), connection)
  }

  #forgetPeerCid(connection: Connection, cid: Uint8Array): void {
    if (cid.length === 0) return
    const key = cidKey(cid, 0)
    if (this.#byPeerCid.get(key) === connection) this.#byPeerCid.delete(key)
  }

  /** Part of `ConnectionHost`. */
  onConfirmed(connection: Connection, now: Instant): void {
    if (this.#doorman !== undefined) {
      connection.giveToken(this.#doorman.returnToken(connection.remote.host, now))
    }
  }

  /** Part of `ConnectionHost`. */
  onMoved(connection: Connection): void {
    this.#neighbours.leave(connection)
    this.#neighbours.join(connection)
  }

  // ---- DATA and RESET --------------------------------------------------------------------------

  #handleData(bytes: Uint8Array, from: Address, now: Instant): void {
    const connection = this.#connections.get(cidKey(bytes, 1))
    // The table's key leaves out the first 12 bits.
    if (connection?.isOwnCid(bytes, 1)) {
      connection.handleData(bytes, from, now)
    } else {
      this.#doorman?.answerUnknown(bytes, from, now)
    }
  }

  //= PAL-UDP-075
  #handleReset(packet: Extract<HandshakePacket, { kind: 'reset' }>, from: Address, now: Instant): void {
    const connection = this.#byPeerCid.get(cidKey(packet.dcid, 0))
    if (connection === undefined) return
    if (!sameAddress(connection.remote, from) || !equalBytes(connection.dcid, packet.dcid)) return
    if (!equalSecrets(connection.resetToken, packet.token)) return
    const detail = 'the relay has forgotten the connection'
    connection.abandon({ by: 'link', code: CLOSE.reset, detail }, now)
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

  /** Part of `DoorHost`. */
  reply(to: Address, bytes: Uint8Array): void {
    //= PAL-UDP-086
    if (this.#replies.length < LIMIT.repliesQueuedMax) this.#replies.push({ to, bytes })
  }

  /** Part of `DoorHost`. */
  hasRoom(host: string, isKnown: boolean, now: Instant): boolean {
    const { connections, connectionsPerPrefix, connectionsPerPrefixKnown } = this.#limits
    if (this.#connectionCount >= connections) return false
    const limit = isKnown ? Math.max(connectionsPerPrefix, connectionsPerPrefixKnown) : connectionsPerPrefix
    return this.#neighbours.hasRoom(host, limit, now)
  }

  /** Part of `DoorHost`. */
  admit(peer: { readonly remote: Address; readonly cid: Uint8Array }, keys: LinkKeys, now: Instant): void {
    const connection = new Connection(this, peer, now)
    this.#connections.set(cidKey(peer.cid, 0), connection)
    this.#connectionCount++
    this.#neighbours.join(connection)
    connection.install(keys, now)
    this.#deadlines.arm(connection, connection.deadline)
  }

  /** Part of `DoorHost`. */
  newCid(): Uint8Array {
    for (let attempt = 0; attempt < 16; attempt++) {
      const cid = new Uint8Array(this.entropy(CID_BYTES))
      if (!this.#connections.has(cidKey(cid, 0))) return cid
    }
    assert(false, 'entropy repeats itself')
  }
}
