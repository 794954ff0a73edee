/**
 * A worker: a process that carries links for the process with the rooms. It knows sockets, and bundles of
 * orders and news; of frames, sessions and rooms it knows nothing. It ends when that process does.
 */
import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { TransportError } from '../base/errors.ts'
import {
  type Budgeted,
  NewsWriter,
  type OrderHandler,
  OrderReader,
  ReadBudget,
} from '../protocol/workers/index.ts'
import type { UdpTraceEvent } from '../reliable/index.ts'
import { attachSocket } from '../transport/tcp.ts'
import {
  type Link,
  type LinkHandler,
  type LinkStats,
  type Listener,
  writeEphemeral,
} from '../transport/transport.ts'
import { keepNurserySmall } from './nursery.ts'
import { CHANNEL_FD, type WorkerAnswer, type WorkerRequest } from './worker-messages.ts'

/** Read of one link, and of all, before the process with the rooms has handled it. */
const READ_LIMITS = { linkBytes: 32 * 1024, totalBytes: 4 * 1024 * 1024 }

class LinkWorker implements OrderHandler {
  readonly news: NewsWriter = new NewsWriter()
  readonly budget: ReadBudget<CarriedLink> = new ReadBudget(READ_LIMITS)
  /** Whether no link is read. */
  isStalled = false
  readonly #channel: Socket
  readonly #orders = new OrderReader()
  readonly #links = new Map<number, CarriedLink>()
  readonly #listeners = new Map<number, Listener>()
  #lastLink = 0
  #isScheduled = false
  #traced: UdpTraceEvent[] = []

  constructor(channel: Socket) {
    this.#channel = channel
    channel.on('data', (chunk: Uint8Array) => this.#orders.push(chunk, this))
  }

  // ---- news -----------------------------------------------------------------------------------

  /** What was told leaves when the turn of the event loop ends. */
  tell(): NewsWriter {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#flush)
    }
    return this.news
  }

  readonly #flush = (): void => {
    this.#isScheduled = false
    this.budget.endBundle()
    this.#channel.write(this.news.take())
  }

  onLink(listener: number, link: Link): LinkHandler {
    this.#lastLink += 1
    const number = this.#lastLink
    const carried = new CarriedLink(this, number, link)
    this.#links.set(number, carried)
    const { remote, laneCount, binding } = link
    this.tell().opened(number, { listener, remote, laneCount, binding })
    if (this.isStalled) link.pause()
    return carried
  }

  forget(link: CarriedLink): void {
    this.#links.delete(link.number)
  }

  /** Reads nothing more until what was read is handled. */
  stall(): void {
    this.isStalled = true
    for (const { link } of this.#links.values()) link.pause()
  }

  // ---- orders ---------------------------------------------------------------------------------

  /** A link may have closed while an order for it was under way. */
  write(link: number, lane: number, bytes: Uint8Array, isMore: boolean): void {
    this.#links.get(link)?.write(lane, bytes, isMore)
  }

  writeEphemeral(link: number, lane: number, bytes: Uint8Array): void {
    const carried = this.#links.get(link)
    if (carried) writeEphemeral(carried.link, lane, bytes)
  }

  pause(link: number): void {
    const carried = this.#links.get(link)
    if (!carried) return
    carried.isPaused = true
    carried.link.pause()
  }

  resume(link: number): void {
    const carried = this.#links.get(link)
    if (!carried) return
    carried.isPaused = false
    carried.readOn()
  }

  end(link: number): void {
    this.#links.get(link)?.link.end()
  }

  abort(link: number): void {
    this.#links.get(link)?.link.abort()
  }

  handled(bundleCount: number): void {
    for (const link of this.budget.handled(bundleCount)) link.readOn()
    if (!this.isStalled || !this.budget.isRelieved) return
    this.isStalled = false
    for (const link of this.#links.values()) link.readOn()
  }

  // ---- requests -------------------------------------------------------------------------------

  handle(request: WorkerRequest, socket: Socket | undefined): void {
    switch (request.kind) {
      case 'link':
        if (socket && !socket.destroyed) attachSocket(socket, (link) => this.onLink(request.listener, link))
        else answer({ kind: 'no_link' })
        break
      case 'listen':
        void this.#listen(request)
        break
      case 'unlisten':
        void this.#listeners.get(request.listener)?.close()
        break
      case 'report':
        answer(this.#report(request.request))
        break
      case 'sign_of_life':
        answer({ kind: 'sign_of_life' })
        break
      default:
        request satisfies never
    }
  }

  async #listen(request: Extract<WorkerRequest, { kind: 'listen' }>): Promise<void> {
    const { listener, at, staticSecret, limits, isTraced } = request
    const secret = staticSecret && { staticSecret }
    const onTrace = isTraced ? (event: UdpTraceEvent) => this.#trace(event) : undefined
    // Loaded by the workers that need it.
    const { udpTransport } = await import('./udp-transport.ts')
    const transport = udpTransport({ ...secret, limits: limits ?? {}, onTrace })
    try {
      const listening = await transport.listen(at, (link) => this.onLink(listener, link))
      this.#listeners.set(listener, listening)
      answer({ kind: 'listening', listener, address: listening.address })
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      answer({ kind: 'not_listening', listener, code: error.code, text: error.message })
    }
  }

  #trace(event: UdpTraceEvent): void {
    if (this.#traced.push(event) > 1) return
    setImmediate(() => {
      answer({ kind: 'trace', origin: performance.timeOrigin, events: this.#traced })
      this.#traced = []
    })
  }

  #report(request: number): WorkerAnswer {
    const stats = new Map<number, LinkStats>()
    for (const { number, link } of this.#links.values()) if (link.stats) stats.set(number, link.stats)
    return { kind: 'report', request, memoryBytes: process.memoryUsage.rss(), stats }
  }
}

/** One link that this worker carries. */
class CarriedLink implements LinkHandler, Budgeted {
  /** News are copies. */
  readonly readsAtOnce: boolean = true
  readonly number: number
  readonly link: Link
  unhandledBytes = 0
  lastBundle = 0
  isHeld = false
  /** Whether it was ordered not to be read. */
  isPaused = false
  readonly #worker: LinkWorker
  #isFull = false
  #isCorked = false

  constructor(worker: LinkWorker, number: number, link: Link) {
    this.#worker = worker
    this.number = number
    this.link = link
  }

  onBytes(lane: number, chunk: Uint8Array): void {
    const worker = this.#worker
    worker.tell().bytes(this.number, lane, chunk)
    if (worker.budget.take(this, chunk.length)) this.link.pause()
    if (worker.budget.isFull && !worker.isStalled) worker.stall()
  }

  onUnreliable(lane: number, bytes: Uint8Array): void {
    this.#worker.tell().unreliable(this.number, lane, bytes)
  }

  onWritable(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#worker.tell().free(this.number)
  }

  onEnd(): void {
    this.#worker.tell().ended(this.number)
  }

  onClosed(detail: string): void {
    this.#worker.forget(this)
    this.#worker.tell().closed(this.number, detail)
  }

  write(lane: number, bytes: Uint8Array, isMore: boolean): void {
    const { link } = this
    if (isMore && !this.#isCorked) {
      this.#isCorked = true
      link.cork()
    }
    link.write(lane, bytes)
    if (isMore) return
    if (this.#isCorked) {
      this.#isCorked = false
      link.uncork()
    }
    if (link.writable || this.#isFull) return
    this.#isFull = true
    this.#worker.tell().full(this.number)
  }

  readOn(): void {
    if (!this.isPaused && !this.isHeld && !this.#worker.isStalled) this.link.resume()
  }
}

function answer(message: WorkerAnswer): void {
  // Where the other process is gone, this one is about to end.
  if (process.connected) process.send?.(message, undefined, {}, () => {})
}

function run(): void {
  const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true })
  const worker = new LinkWorker(channel)
  const end = (): never => process.exit(0)
  channel.on('error', end)
  channel.on('end', end)
  process.on('disconnect', end)
  keepNurserySmall()
  process.on('message', (request: WorkerRequest, socket: unknown) =>
    worker.handle(request, socket instanceof Socket ? socket : undefined),
  )
  // A terminal sends these to the whole group; everybody is told goodbye first, by the other process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  answer({ kind: 'ready' })
}

run()
