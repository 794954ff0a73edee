/** Links over TCP (spec chapter 4). */
import { createServer, Socket } from 'node:net'
import { EMPTY_BYTES } from '../base/bytes.ts'
import { TransportError } from '../base/errors.ts'
import { plainHost } from '../base/ip-address.ts'
import type { Address } from '../base/machine.ts'
import { checkDialAddress, checkListenAddress, showAddress, transportErrorOf } from './errors.ts'
import { readIntoShared } from './shared-reads.ts'
import type { DialOptions, Link, LinkHandler, Listener, Transport } from './transport.ts'

/** Bytes a socket may hold before the link counts as not writable. */
const HIGH_WATER_BYTES = 128 * 1024
const BACKLOG = 4096
const KEEPALIVE_MS = 60_000
/** Pieces written together are copied into one up to this: it costs less than a system call for several. */
const JOINED_BYTES_MAX = 16 * 1024

export const tcpTransport: Transport = { kind: 'tcp', listen, dial }

async function listen(at: Address, onLink: (link: Link) => LinkHandler): Promise<Listener> {
  return listenSockets(at, (socket) => attach(socket, onLink))
}

/**
 * Listens, and leaves it to `onSocket` what becomes of a connection: with `pauseOnConnect` it can be handed
 * to another process, where `attachSocket` makes a link of it.
 */
export async function listenSockets(
  at: Address,
  onSocket: (socket: Socket) => void,
  options: { readonly pauseOnConnect?: boolean } = {},
): Promise<Listener> {
  checkListenAddress(at)
  return new Promise((resolve, reject) => {
    const means = { noDelay: true, highWaterMark: HIGH_WATER_BYTES, allowHalfOpen: true, ...options }
    const server = createServer(means)
    const fail = (error: Error): void => reject(transportErrorOf(error, `listen on tcp://${showAddress(at)}`))
    server.once('error', fail)
    server.on('connection', onSocket)
    server.listen({ host: at.host, port: at.port, backlog: BACKLOG }, () => {
      server.off('error', fail)
      // Running out of descriptors stops accepting for a moment; it is no reason to stop the relay.
      server.on('error', () => {})
      const { port } = server.address() as { port: number }
      resolve({
        address: { host: at.host, port },
        close: () => new Promise((done) => server.close(() => done())),
      })
    })
  })
}

async function dial(to: Address, onLink: (link: Link) => LinkHandler, options: DialOptions): Promise<void> {
  checkDialAddress(to)
  const doing = `connect to tcp://${showAddress(to)}`
  return new Promise((resolve, reject) => {
    // Node reads `noDelay` only here: given to `connect` it is ignored, and small writes wait for ACKs.
    const socket = new Socket({
      highWaterMark: HIGH_WATER_BYTES,
      allowHalfOpen: true,
      noDelay: true,
    } as object)
    const finish = (error: Error | undefined): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      if (!error) return resolve()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const onError = (error: Error): void => finish(transportErrorOf(error, doing))
    const onAbort = (): void => finish(new TransportError('closed', `cannot ${doing}: given up`))
    const onTimeout = (): void =>
      finish(new TransportError('timeout', `cannot ${doing}: no answer within ${options.timeoutMs / 1000} s`))
    const timer = setTimeout(onTimeout, options.timeoutMs)
    if (options.signal?.aborted) return onAbort()
    options.signal?.addEventListener('abort', onAbort)
    socket.on('error', onError)
    socket.connect({ host: to.host, port: to.port, autoSelectFamily: true }, () => {
      try {
        attach(socket, onLink)
        finish(undefined)
      } catch (error) {
        finish(error as Error)
      }
    })
  })
}

/** Makes a link of a socket that another process accepted. */
export function attachSocket(socket: Socket, onLink: (link: Link) => LinkHandler): void {
  socket.allowHalfOpen = true
  attach(socket, onLink)
}

function attach(socket: Socket, onLink: (link: Link) => LinkHandler): void {
  socket.setKeepAlive(true, KEEPALIVE_MS)
  const attached = socket as AttachedSocket
  const handler = onLink(new TcpLink(socket))
  attached[HANDLER] = handler
  // Shared functions: closures of its own would cost each idle connection several hundred bytes.
  if (!handler.readsAtOnce || !readIntoShared(attached, onShared)) attached.on('data', onData)
  attached.on('drain', onDrain)
  attached.on('end', onEnd)
  attached.on('error', onError)
  attached.on('close', onClose)
}

const HANDLER = Symbol('handler')
const DETAIL = Symbol('detail')

/** A socket with whom it belongs to, and why it failed. */
interface AttachedSocket extends Socket {
  [HANDLER]: LinkHandler
  [DETAIL]?: string
}

function onData(this: AttachedSocket, chunk: Uint8Array): void {
  this[HANDLER].onBytes(0, chunk)
}

let lastView: Uint8Array = EMPTY_BYTES

/** Bytes at the front of the shared buffer. Messages are alike: the view of the last ones often fits. */
function onShared(this: AttachedSocket, byteCount: number, shared: Uint8Array): void {
  if (lastView.length !== byteCount) lastView = shared.subarray(0, byteCount)
  this[HANDLER].onBytes(0, lastView)
}

function onDrain(this: AttachedSocket): void {
  this[HANDLER].onWritable()
}

function onEnd(this: AttachedSocket): void {
  this[HANDLER].onEnd()
}

function onError(this: AttachedSocket, error: Error): void {
  this[DETAIL] = transportErrorOf(error, 'go on').message
}

function onClose(this: AttachedSocket): void {
  this[HANDLER].onClosed(this[DETAIL] ?? 'the connection was closed')
}

class TcpLink implements Link {
  readonly kind = 'tcp' as const
  readonly remote: Address | undefined
  readonly laneCount = 1
  readonly binding: Uint8Array = EMPTY_BYTES
  readonly #socket: Socket
  /** What was written since it was corked. */
  #corked: Uint8Array[] | undefined
  #corkedBytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
    const { remoteAddress, remotePort } = socket
    this.remote =
      remoteAddress === undefined ? undefined : { host: plainHost(remoteAddress), port: remotePort ?? 0 }
  }

  get writable(): boolean {
    return this.#socket.writableLength + this.#corkedBytes < HIGH_WATER_BYTES
  }

  write(_lane: number, bytes: Uint8Array): void {
    //= PAL-STR-012
    // After `end` or `abort` there is nobody to take them.
    if (!this.#socket.writable) return
    if (this.#corked) {
      this.#corked.push(bytes)
      this.#corkedBytes += bytes.length
    } else this.#socket.write(bufferOf(bytes))
  }

  cork(): void {
    this.#corked ??= []
  }

  uncork(): void {
    const pieces = this.#corked ?? []
    const length = this.#corkedBytes
    this.#corked = undefined
    this.#corkedBytes = 0
    if (pieces.length === 0 || !this.#socket.writable) return
    if (pieces.length > 1 && length <= JOINED_BYTES_MAX) this.#socket.write(joinedBytes(pieces, length))
    else this.#writeAll(pieces)
  }

  #writeAll(pieces: readonly Uint8Array[]): void {
    this.#socket.cork()
    for (const bytes of pieces) this.#socket.write(bufferOf(bytes))
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  abort(): void {
    // A reset, so that the peer does not take it for the end of what we had to say.
    this.#socket.resetAndDestroy()
  }
}

function joinedBytes(pieces: readonly Uint8Array[], length: number): Buffer {
  const joined = Buffer.allocUnsafe(length)
  let end = 0
  for (const bytes of pieces) {
    joined.set(bytes, end)
    end += bytes.length
  }
  return joined
}

let lastBytes: Uint8Array = EMPTY_BYTES
let lastBuffer: Buffer = Buffer.alloc(0)

/** A socket wants a Buffer and makes one for each write: the same bytes go to many sockets in a row. */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes !== lastBytes) {
    lastBytes = bytes
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  return lastBuffer
}
