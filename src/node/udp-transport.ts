/** Links over UDP: a reliable endpoint of the core on one datagram socket (spec chapter 13). */

import { lookup } from 'node:dns/promises'
import { type TransportCode, TransportError } from '../base/errors.ts'
import { plainHost } from '../base/ip-address.ts'
import { LANE_COUNT } from '../base/lanes.ts'
import type { Address } from '../base/machine.ts'
import {
  CLOSE,
  LIMIT,
  type UdpConnection,
  UdpEndpoint,
  type UdpLimits,
  type UdpTraceEvent,
} from '../reliable/index.ts'
import { bindDatagrams, connectDatagrams, type DatagramSocket } from '../transport/dgram.ts'
import { checkDialAddress, checkListenAddress, showAddress, transportErrorOf } from '../transport/errors.ts'
import type {
  DialOptions,
  Link,
  LinkHandler,
  LinkStats,
  Listener,
  Transport,
} from '../transport/transport.ts'
import { Alarm, monotonicNow } from './clock.ts'
import { DialRace } from './dial-race.ts'
import { nodeLinkPrimitives, systemEntropy } from './primitives.ts'
import { ReturnTokens } from './return-tokens.ts'

/** An orderly end, and one that may have cut off what was under way. */
const CLOSE_DONE = CLOSE.none
const CLOSE_ABORTED = CLOSE.internal
/** Addresses of one host that are tried. */
const ADDRESSES_MAX = 4
/** An alarm that comes so late comes after the process was held up. */
const LATE_MS = 10
/** After so long without an answer a client looks whether it has another address, and so often. */
const SILENCE_MS = 300
const PATH_LOOK_MS = 500
/** Datagrams sent before other work gets its turn. */
const SENDS_PER_TURN = 512

export interface UdpTransportOptions {
  /** The relay's X25519 secret; a fresh one where it listens without. */
  readonly staticSecret?: Uint8Array
  readonly limits?: Partial<UdpLimits>
  /** Where links that are dialled send from; asked again when packets go unanswered. The kernel chooses. */
  readonly from?: (() => Address | undefined) | undefined
  /** Is told of every packet, loss and estimate of every link. */
  readonly onTrace?: ((event: UdpTraceEvent) => void) | undefined
}

/** Of every relay that this process was connected to. */
const returnTokens = new ReturnTokens()

/** Links over UDP. */
export function udpTransport(options: UdpTransportOptions = {}): Transport {
  return {
    kind: 'udp',
    listen: (at, onLink) => listen(at, onLink, options),
    dial: (to, onLink, dialling) => dial(to, onLink, dialling, options),
  }
}

async function listen(
  at: Address,
  onLink: (link: Link) => LinkHandler,
  options: UdpTransportOptions,
): Promise<Listener> {
  checkListenAddress(at)
  const staticSecret = options.staticSecret ?? systemEntropy(32)
  const endpoint = new UdpEndpoint({
    primitives: nodeLinkPrimitives,
    entropy: systemEntropy,
    staticSecret,
    limits: options.limits ?? {},
    trace: options.onTrace !== undefined,
  })
  const driver = new EndpointDriver(endpoint, onLink, options)
  await driver.bind(at)
  return { address: driver.address, close: async () => driver.retire() }
}

async function dial(
  to: Address,
  onLink: (link: Link) => LinkHandler,
  dialling: DialOptions,
  options: UdpTransportOptions,
): Promise<void> {
  checkDialAddress(to)
  return new Dial(to, onLink, options).run(dialling)
}

/**
 * One search for a link: the addresses of a host are tried one after the other without waiting for the end of
 * the one before (RFC 8305), because silence is all that an address without a relay gives. The first link
 * ends the others.
 */
class Dial {
  readonly #to: Address
  readonly #onLink: (link: Link) => LinkHandler
  readonly #options: UdpTransportOptions
  readonly #doing: string
  readonly #drivers: EndpointDriver[] = []
  readonly #alarm: Alarm
  #addresses: Address[] = []
  #race: DialRace = new DialRace(0, monotonicNow())
  #isOver = false
  #settle: (error?: unknown) => void = () => {}

  constructor(to: Address, onLink: (link: Link) => LinkHandler, options: UdpTransportOptions) {
    this.#to = to
    this.#onLink = onLink
    this.#options = options
    this.#doing = `connect to udp://${showAddress(to)}`
    this.#alarm = new Alarm(
      () => this.#race.pollTimeout(),
      () => this.#turn(),
    )
  }

  run({ timeoutMs, signal }: DialOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (code: TransportCode, why: string): void =>
        this.#finish(new TransportError(code, `cannot ${this.#doing}: ${why}`))
      const onAbort = (): void => fail('closed', 'given up')
      const noAnswer = `no answer within ${timeoutMs / 1000} s; is a relay listening on UDP there?`
      const timer = setTimeout(() => fail('timeout', noAnswer), timeoutMs)
      this.#settle = (error) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#settle = () => {}
        if (error === undefined) resolve()
        else reject(error)
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      lookup(this.#to.host, { all: true }).then(
        (found) => this.#start(found),
        (error: unknown) => this.#finish(transportErrorOf(error, this.#doing)),
      )
    })
  }

  #start(found: readonly { readonly address: string }[]): void {
    if (this.#isOver) return
    this.#addresses = found
      .slice(0, ADDRESSES_MAX)
      .map(({ address: host }) => ({ host, port: this.#to.port }))
    this.#race = new DialRace(this.#addresses.length, monotonicNow())
    this.#turn()
  }

  #turn(): void {
    const next = (): number | undefined => this.#race.pollStart(monotonicNow())
    for (let index = next(); index !== undefined && !this.#isOver; index = next()) this.#try(index)
    if (!this.#isOver) this.#alarm.arm()
  }

  #try(index: number): void {
    const trace = this.#options.onTrace !== undefined
    const endpoint = new UdpEndpoint({ primitives: nodeLinkPrimitives, entropy: systemEntropy, trace })
    const onLink = (link: Link): LinkHandler | undefined => this.#opened(driver, link)
    const driver: EndpointDriver = new EndpointDriver(endpoint, onLink, this.#options)
    this.#drivers.push(driver)
    driver.onHandshakeFailed = (detail) =>
      this.#failed(new TransportError('timeout', `cannot ${this.#doing}: ${detail}`))
    driver.connect(this.#addresses[index] as Address).catch((error: unknown) => this.#failed(error))
  }

  #failed(error: unknown): void {
    if (this.#isOver) return
    this.#race.handleFailure(monotonicNow())
    if (this.#race.state === 'lost') this.#finish(error)
    else this.#turn()
  }

  #opened(driver: EndpointDriver, link: Link): LinkHandler | undefined {
    try {
      const handler = this.#onLink(link)
      this.#finish(undefined, driver)
      return handler
    } catch (error) {
      // The dialler's mistake is the dialler's to hear; thrown on from here it would end the process.
      this.#finish(error)
      return undefined
    }
  }

  /** Ends every attempt but the one that won. */
  #finish(error: unknown, winner?: EndpointDriver): void {
    this.#isOver = true
    this.#alarm.stop()
    for (const driver of this.#drivers) if (driver !== winner) driver.destroy()
    this.#drivers.length = 0
    this.#settle(error)
  }
}

/** Joins an endpoint, its socket and the clock. */
class EndpointDriver {
  onHandshakeFailed: (detail: string) => void = () => {}
  readonly #endpoint: UdpEndpoint
  readonly #onLink: (link: Link) => LinkHandler | undefined
  readonly #onTrace: UdpTransportOptions['onTrace']
  readonly #from: UdpTransportOptions['from']
  readonly #alarm: Alarm
  readonly #links = new Map<UdpConnection, UdpLink>()
  #socket: DatagramSocket | undefined
  /** The connection of a driver that dialled. */
  #dialled: UdpConnection | undefined
  #pathTimer: ReturnType<typeof setTimeout> | undefined
  #flushScheduled = false
  #isRetired = false
  #isDestroyed = false
  /** A late alarm waits for the turn of the socket. */
  #isReading = false

  constructor(
    endpoint: UdpEndpoint,
    onLink: (link: Link) => LinkHandler | undefined,
    { onTrace, from }: UdpTransportOptions,
  ) {
    this.#endpoint = endpoint
    this.#onLink = onLink
    this.#onTrace = onTrace
    this.#from = from
    this.#alarm = new Alarm(
      () => endpoint.pollTimeout(),
      () => this.#onAlarm(),
    )
  }

  get address(): Address {
    return (this.#socket as DatagramSocket).address
  }

  async bind(at: Address): Promise<void> {
    this.#take(await bindDatagrams(at, this.#onDatagram))
  }

  async connect(to: Address): Promise<void> {
    const socket = await this.#openSocket(to)
    if (!this.#take(socket)) return
    // The address as the kernel writes it: what arrives is compared with it.
    const { address } = socket
    this.#dialled = this.#endpoint.connect(address, monotonicNow(), returnTokens.take(address))
    this.flush()
  }

  #openSocket(to: Address): Promise<DatagramSocket> {
    return connectDatagrams(to, this.#onDatagram, this.#from?.(), this.#lookForPath)
  }

  /**
   * Packets go unanswered, or cannot be sent: the machine may have another address by now. A socket that is
   * opened tells which one it would send from today, and takes over when that is another one.
   */
  readonly #lookForPath = (): void => {
    const connection = this.#dialled
    if (connection === undefined || this.#pathTimer !== undefined || this.#isDestroyed) return
    this.#pathTimer = setTimeout(() => {
      this.#pathTimer = undefined
      if (connection.isUnanswered(SILENCE_MS, monotonicNow())) this.#lookForPath()
    }, PATH_LOOK_MS)
    this.#pathTimer.unref()
    // While there is no way at all, the next look finds one.
    this.#openSocket(connection.remote).then(
      (socket) => this.#consider(socket, connection),
      () => {},
    )
  }

  #consider(fresh: DatagramSocket, connection: UdpConnection): void {
    const before = this.#socket
    if (this.#isDestroyed || before === undefined || before.localHost === fresh.localHost)
      return fresh.close()
    this.#socket = fresh
    before.close()
    //= PAL-UDP-114
    connection.moved(monotonicNow())
    this.flush()
  }

  /** False when who dialled has given up meanwhile. */
  #take(socket: DatagramSocket): boolean {
    if (this.#isDestroyed) socket.close()
    else this.#socket = socket
    return !this.#isDestroyed
  }

  readonly #onDatagram = (bytes: Uint8Array, from: Address): void => {
    this.#endpoint.handleDatagram(bytes, from, monotonicNow())
    this.#handleEvents()
    this.scheduleFlush()
  }

  /** Gathers what one turn of the event loop writes into as few datagrams as possible. */
  scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(this.#flushTurn)
  }

  readonly #flushTurn = (): void => {
    this.#flushScheduled = false
    this.flush()
  }

  flush(): void {
    const now = monotonicNow()
    for (let sent = 0; ; sent++) {
      if (sent === SENDS_PER_TURN) {
        this.scheduleFlush()
        break
      }
      const datagram = this.#endpoint.pollTransmit(now)
      if (!datagram) break
      this.#socket?.send(datagram)
    }
    this.#handleEvents()
    this.#alarm.arm()
    if (this.#isRetired && this.#endpoint.connectionCount === 0) this.destroy()
  }

  /**
   * Where the process was held up, what came meanwhile waits in the socket: it is read before anybody
   * concludes from the time that nothing came.
   */
  #onAlarm(): void {
    if (this.#isReading) return
    const isLate = monotonicNow() - this.#endpoint.pollTimeout() > LATE_MS
    if (!isLate) return this.#handleTimeout()
    this.#isReading = true
    setImmediate(this.#handleLate)
  }

  readonly #handleLate = (): void => {
    this.#isReading = false
    if (!this.#isDestroyed) this.#handleTimeout()
  }

  #handleTimeout(): void {
    const now = monotonicNow()
    this.#endpoint.handleTimeout(now)
    this.#handleEvents()
    if (this.#dialled?.isUnanswered(SILENCE_MS, now)) this.#lookForPath()
    this.flush()
  }

  #handleEvents(): void {
    if (this.#onTrace !== undefined) this.#handleTrace(this.#onTrace)
    for (let event = this.#endpoint.pollEvent(); event; event = this.#endpoint.pollEvent()) {
      const { connection } = event
      switch (event.kind) {
        case 'opened':
          this.#open(connection)
          break
        case 'lane_bytes':
          this.#links.get(connection)?.received(event.lane, event.bytes)
          break
        case 'token':
          returnTokens.keep(connection.remote, event.token)
          break
        case 'datagram':
          this.#links.get(connection)?.receivedUnreliable(event.lane, event.bytes)
          break
        case 'writable':
          this.#links.get(connection)?.becameWritable()
          break
        case 'closed':
          this.#closed(connection, event.reason.detail, event.reason.by === 'peer')
          break
        default:
          event satisfies never
      }
    }
  }

  #handleTrace(onTrace: (event: UdpTraceEvent) => void): void {
    for (let event = this.#endpoint.pollTrace(); event; event = this.#endpoint.pollTrace()) onTrace(event)
  }

  #open(connection: UdpConnection): void {
    const link = new UdpLink(connection, this)
    this.#links.set(connection, link)
    link.attach(this.#onLink(link))
  }

  #closed(connection: UdpConnection, detail: string, byPeer: boolean): void {
    const link = this.#links.get(connection)
    this.#links.delete(connection)
    if (!link) this.onHandshakeFailed(detail || 'no answer')
    link?.closed(detail || (byPeer ? 'the peer closed the link' : 'the connection was closed'))
  }

  /** Takes no new connection, and closes the socket once the last one is forgotten. */
  retire(): void {
    this.#isRetired = true
    this.#endpoint.stopAccepting(monotonicNow())
    this.flush()
  }

  /** A driver that dialled has one link; its socket goes with it. */
  get isClient(): boolean {
    return this.#endpoint.staticPublic === undefined
  }

  destroy(): void {
    this.#isDestroyed = true
    clearTimeout(this.#pathTimer)
    this.#alarm.stop()
    this.#socket?.close()
  }
}

class UdpLink implements Link {
  readonly kind = 'udp' as const
  readonly laneCount = LANE_COUNT
  writable = true
  #handler: LinkHandler | undefined
  readonly #connection: UdpConnection
  readonly #driver: EndpointDriver
  /** Why the link is over, once it is. */
  #closedWith: string | undefined

  constructor(connection: UdpConnection, driver: EndpointDriver) {
    this.#connection = connection
    this.#driver = driver
  }

  get remote(): Address {
    const { host, port } = this.#connection.remote
    return { host: plainHost(host), port }
  }

  get binding(): Uint8Array {
    return this.#connection.handshakeHash
  }

  get stats(): LinkStats {
    return this.#connection.stats
  }

  /** Gives the link its owner, to whom it may be over already. */
  attach(handler: LinkHandler | undefined): void {
    this.#handler = handler
    if (this.#closedWith !== undefined) this.#tellClosed(this.#closedWith)
  }

  write(lane: number, bytes: Uint8Array): void {
    if (this.#closedWith !== undefined) return
    this.writable = this.#connection.write(lane, bytes)
    this.#driver.scheduleFlush()
  }

  /** What is too long for one packet goes the reliable way. */
  writeUnreliable(lane: number, bytes: Uint8Array): void {
    if (this.#closedWith !== undefined) return
    if (bytes.length > LIMIT.datagramFrameBytesMax) return this.write(lane, bytes)
    this.#connection.sendDatagram(lane, bytes, monotonicNow())
    this.#driver.scheduleFlush()
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#connection.pause()
  }

  resume(): void {
    this.#connection.resume(monotonicNow())
    this.#driver.scheduleFlush()
  }

  end(): void {
    this.#connection.close(CLOSE_DONE, '', monotonicNow())
    this.#driver.scheduleFlush()
  }

  abort(): void {
    this.#connection.abort(CLOSE_ABORTED, '', monotonicNow())
    this.#driver.scheduleFlush()
    this.closed('the connection was closed')
  }

  receivedUnreliable(lane: number, bytes: Uint8Array): void {
    this.#handler?.onUnreliable?.(lane, bytes)
  }

  received(lane: number, bytes: Uint8Array): void {
    this.#handler?.onBytes(lane, bytes)
  }

  becameWritable(): void {
    this.writable = true
    this.#handler?.onWritable()
  }

  closed(detail: string): void {
    if (this.#closedWith !== undefined) return
    this.#closedWith = detail
    if (this.#driver.isClient) this.#driver.retire()
    this.#tellClosed(detail)
  }

  #tellClosed(detail: string): void {
    const handler = this.#handler
    this.#handler = undefined
    handler?.onEnd()
    handler?.onClosed(detail)
  }
}
