/** Links over UDP: a reliable endpoint of the core on one datagram socket (spec chapter 13). */

import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { EMPTY_BYTES } from '../base/bytes.ts'
import { TransportError } from '../base/errors.ts'
import { LANE_COUNT } from '../base/lanes.ts'
import type { Address } from '../base/machine.ts'
import { type UdpConnection, UdpEndpoint, type UdpLimits } from '../reliable/index.ts'
import { bindDatagrams, type DatagramSocket } from '../transport/dgram.ts'
import { checkDialAddress, checkListenAddress, showAddress, transportErrorOf } from '../transport/errors.ts'
import type { DialOptions, Link, LinkHandler, Listener, Transport } from '../transport/transport.ts'
import { Alarm, monotonicNow } from './clock.ts'
import { nodeLinkPrimitives, systemEntropy } from './primitives.ts'

const CLOSE_DONE = 0
/** Datagrams sent before other work gets its turn. */
const SENDS_PER_TURN = 512

export interface UdpTransportOptions {
  /** The relay's X25519 secret; a fresh one where it listens without. */
  readonly staticSecret?: Uint8Array
  readonly limits?: Partial<UdpLimits>
}

/** Links over UDP. */
export function udpTransport(options: UdpTransportOptions = {}): Transport {
  return {
    kind: 'udp',
    listen: (at, onLink) => listen(at, onLink, options),
    dial,
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
  })
  const driver = new EndpointDriver(endpoint, onLink)
  await driver.bind(at)
  return { address: driver.address, close: async () => driver.retire() }
}

async function dial(to: Address, onLink: (link: Link) => LinkHandler, options: DialOptions): Promise<void> {
  checkDialAddress(to)
  const doing = `connect to udp://${showAddress(to)}`
  const target = await resolveHost(to, doing)
  const endpoint = new UdpEndpoint({ primitives: nodeLinkPrimitives, entropy: systemEntropy })
  return new Promise((resolve, reject) => {
    let opened = false
    const driver = new EndpointDriver(endpoint, (link) => {
      opened = true
      finish(undefined)
      return onLink(link)
    })
    const finish = (error: Error | undefined): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      if (!error) return resolve()
      if (!opened) driver.destroy()
      reject(error)
    }
    const onAbort = (): void => finish(new TransportError('closed', `cannot ${doing}: given up`))
    const noAnswer = `no answer within ${options.timeoutMs / 1000} s; is a relay listening on UDP there?`
    const timer = setTimeout(
      () => finish(new TransportError('timeout', `cannot ${doing}: ${noAnswer}`)),
      options.timeoutMs,
    )
    if (options.signal?.aborted) return onAbort()
    options.signal?.addEventListener('abort', onAbort)
    driver.onHandshakeFailed = (detail) => finish(new TransportError('timeout', `cannot ${doing}: ${detail}`))
    driver.bind({ host: isIPv6(target.host) ? '::' : '0.0.0.0', port: 0 }).then(
      () => driver.connect(target),
      (error: Error) => finish(error),
    )
  })
}

async function resolveHost(to: Address, doing: string): Promise<Address> {
  try {
    const { address } = await lookup(to.host)
    return { host: address, port: to.port }
  } catch (error) {
    throw transportErrorOf(error, doing)
  }
}

/** Joins an endpoint, its socket and the clock. */
class EndpointDriver {
  onHandshakeFailed: (detail: string) => void = () => {}
  readonly #endpoint: UdpEndpoint
  readonly #onLink: (link: Link) => LinkHandler
  readonly #alarm: Alarm
  readonly #links = new Map<UdpConnection, UdpLink>()
  #socket: DatagramSocket | undefined
  #flushScheduled = false
  #isRetired = false
  #isDestroyed = false

  constructor(endpoint: UdpEndpoint, onLink: (link: Link) => LinkHandler) {
    this.#endpoint = endpoint
    this.#onLink = onLink
    this.#alarm = new Alarm(
      () => endpoint.pollTimeout(),
      () => this.#onAlarm(),
    )
  }

  get address(): Address {
    return (this.#socket as DatagramSocket).address
  }

  async bind(at: Address): Promise<void> {
    const socket = await bindDatagrams(at, (bytes, from) => {
      this.#endpoint.handleDatagram(bytes, from, monotonicNow())
      this.#handleEvents()
      this.scheduleFlush()
    })
    // Who dialled may have given up by now.
    if (this.#isDestroyed) socket.close()
    else this.#socket = socket
  }

  connect(to: Address): void {
    if (this.#isDestroyed) return
    this.#endpoint.connect(to, monotonicNow())
    this.flush()
  }

  /** Gathers what one turn of the event loop writes into as few datagrams as possible. */
  scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      this.flush()
    })
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

  #onAlarm(): void {
    this.#endpoint.handleTimeout(monotonicNow())
    this.#handleEvents()
    this.flush()
  }

  #handleEvents(): void {
    for (let event = this.#endpoint.pollEvent(); event; event = this.#endpoint.pollEvent()) {
      const { connection } = event
      switch (event.kind) {
        case 'opened':
          this.#open(connection)
          break
        case 'lane_bytes':
          this.#links.get(connection)?.handler?.onBytes(event.lane, event.bytes)
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

  #open(connection: UdpConnection): void {
    const link = new UdpLink(connection, this)
    this.#links.set(connection, link)
    link.handler = this.#onLink(link)
  }

  #closed(connection: UdpConnection, detail: string, byPeer: boolean): void {
    const link = this.#links.get(connection)
    this.#links.delete(connection)
    if (!link) this.onHandshakeFailed(detail || 'no answer')
    link?.closed(detail || (byPeer ? 'the peer closed the link' : 'the link was lost'))
  }

  /** Takes no new connection, and closes the socket once the last one is forgotten. */
  retire(): void {
    this.#isRetired = true
    this.#endpoint.stopAccepting()
    this.flush()
  }

  /** A driver that dialled has one link; its socket goes with it. */
  get isClient(): boolean {
    return this.#endpoint.staticPublic === undefined
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#alarm.stop()
    this.#socket?.close()
  }
}

class UdpLink implements Link {
  readonly kind = 'udp' as const
  readonly laneCount = LANE_COUNT
  handler: LinkHandler | undefined
  writable = true
  readonly #connection: UdpConnection
  readonly #driver: EndpointDriver
  #isClosed = false

  constructor(connection: UdpConnection, driver: EndpointDriver) {
    this.#connection = connection
    this.#driver = driver
  }

  get remote(): Address {
    return this.#connection.remote
  }

  get binding(): Uint8Array {
    return this.#connection.handshakeHash ?? EMPTY_BYTES
  }

  write(lane: number, bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.writable = this.#connection.write(lane, bytes)
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
    this.end()
    this.closed('the connection was closed')
  }

  becameWritable(): void {
    this.writable = true
    if (!this.#isClosed) this.handler?.onWritable()
  }

  closed(detail: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#driver.isClient) this.#driver.retire()
    const { handler } = this
    this.handler = undefined
    handler?.onEnd()
    handler?.onClosed(detail)
  }
}
