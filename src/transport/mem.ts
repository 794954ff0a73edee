/** Links within one process, for tests and for programs that are both ends. */
import { EMPTY_BYTES } from '../base/bytes.ts'
import { TransportError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import { showAddress } from './errors.ts'
import type { Link, LinkHandler, Listener, Transport } from './transport.ts'

const HIGH_WATER_BYTES = 128 * 1024

/** A world of its own: links reach only listeners of the same transport. */
export function memTransport(): Transport {
  const listeners = new Map<string, (link: Link) => LinkHandler>()
  let ports = 0
  return {
    kind: 'mem',
    async listen(at, onLink) {
      ports += 1
      const address = { host: at.host, port: at.port === 0 ? 40_000 + ports : at.port }
      const key = showAddress(address)
      if (listeners.has(key))
        throw new TransportError('address_in_use', `cannot listen on mem:${key}: it is in use`)
      listeners.set(key, onLink)
      const listener: Listener = {
        address,
        close: async () => {
          listeners.delete(key)
        },
      }
      return listener
    },
    async dial(to, onLink) {
      const accept = listeners.get(showAddress(to))
      if (!accept)
        throw new TransportError('refused', `cannot connect to mem:${showAddress(to)}: nothing listens there`)
      ports += 1
      const near = new MemLink(to)
      const far = new MemLink({ host: 'mem', port: ports })
      near.peer = far
      far.peer = near
      far.handler = accept(far)
      near.handler = onLink(near)
    },
  }
}

class MemLink implements Link {
  readonly kind = 'mem' as const
  readonly remote: Address
  readonly laneCount = 1
  readonly binding: Uint8Array = EMPTY_BYTES
  peer: MemLink | undefined
  handler: LinkHandler | undefined
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #paused = false
  #ending = false
  #closed = false
  #scheduled = false
  #wasFull = false

  constructor(remote: Address) {
    this.remote = remote
  }

  get writable(): boolean {
    return this.#queuedBytes < HIGH_WATER_BYTES
  }

  write(_lane: number, bytes: Uint8Array): void {
    if (this.#closed || this.#ending) return
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    if (!this.writable) this.#wasFull = true
    this.schedule()
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.peer?.schedule()
  }

  end(): void {
    this.#ending = true
    this.schedule()
  }

  abort(): void {
    this.closeNow('the connection was closed')
    this.peer?.closeNow('the connection was reset')
  }

  /** Bytes arrive in a turn of their own, as they do over a socket. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const peer = this.peer
    if (!peer || peer.#closed || peer.#paused || this.#closed) return
    for (let bytes = this.#queue.shift(); bytes; bytes = this.#queue.shift()) {
      this.#queuedBytes -= bytes.length
      peer.handler?.onBytes(0, bytes)
      if (peer.#paused || peer.#closed) break
    }
    if (this.#wasFull && this.writable) {
      this.#wasFull = false
      this.handler?.onWritable()
    }
    if (this.#ending && this.#queue.length === 0 && !peer.#closed) {
      peer.handler?.onEnd()
      if (peer.#ending && peer.#queue.length === 0) {
        this.closeNow('the connection was closed')
        peer.closeNow('the connection was closed')
      }
    }
  }

  closeNow(detail: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    setImmediate(() => this.handler?.onClosed(detail))
  }
}
