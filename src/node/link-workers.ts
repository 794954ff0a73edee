/**
 * Workers that carry a relay's links: processes with the sockets, while this one keeps the rooms. To a relay
 * they are transports like any other. Connections over TCP are accepted here and handed to the worker that
 * has the fewest links; a datagram socket belongs to one worker.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { extname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { assert } from '../base/assert.ts'
import { TransportError, UsageError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import type { Instant } from '../base/time.ts'
import { type NewsHandler, NewsReader, type OpenedLink, OrderWriter } from '../protocol/workers/index.ts'
import type { UdpLimits, UdpTraceEvent } from '../reliable/index.ts'
import { checkListenAddress } from '../transport/errors.ts'
import { listenSockets } from '../transport/tcp.ts'
import type { Link, LinkHandler, LinkStats, Listener, Transport } from '../transport/transport.ts'
import type { UdpTransportOptions } from './udp-transport.ts'
import { CHANNEL_FD, type WorkerAnswer, type WorkerRequest } from './worker-messages.ts'

/** Orders that may wait for a worker before its links count as not writable. */
const ORDERS_BYTES_MAX = 1024 * 1024
/** A worker that ended is replaced, unless so many ended in this time. */
const ENDS_MAX = 5
const ENDS_MS = 60_000
const STOP_MS = 2000
/** How often each worker is asked for a sign of life; one that has not answered for so many times hangs. */
const WATCH_MS = 5000
const WATCHES_MAX = 6
const PROGRAM = join(import.meta.dirname, `worker-process${extname(import.meta.filename)}`)

export interface LinkWorkersOptions {
  readonly count: number
  /** A worker ended that should not have; another takes its place. Its links are lost, and nothing else. */
  readonly onWorkerLost?: (detail: string) => void
  /** Workers end again and again: no others were started. */
  readonly onFailed?: (error: TransportError) => void
  /** How often each worker is asked for a sign of life; one that owes it for six times as long is ended. */
  readonly watchMs?: number
  /** The program of a worker, where this code does not run from where it was compiled to. */
  readonly program?: string
}

/** What the workers are and have, all together. */
export interface WorkersReport {
  readonly memoryBytes: number
}

/** What a listener over datagrams is made with; it is made again in another worker when the first ends. */
interface UdpListening {
  readonly staticSecret: Uint8Array | undefined
  readonly limits: Partial<UdpLimits> | undefined
  readonly onTrace: ((event: UdpTraceEvent) => void) | undefined
}

/** One place where links arrive. */
interface Listening {
  readonly number: number
  readonly kind: 'tcp' | 'udp'
  readonly onLink: (link: Link) => LinkHandler
  readonly links: Set<WorkerLink>
  /** The port that was taken; the wished one until then. */
  at: Address
  udp: UdpListening | undefined
  worker: LinkWorker | undefined
  isClosed: boolean
  /** Settles what waits for the listener to listen. */
  settle: (error?: TransportError) => void
  /** Called when a closed listener has lost its last link. */
  onEmpty: () => void
}

/** The workers of one relay. */
export class LinkWorkers {
  readonly #options: LinkWorkersOptions
  readonly #workers: LinkWorker[] = []
  readonly #listenings = new Map<number, Listening>()
  readonly #ends: number[] = []
  readonly #watch: NodeJS.Timeout
  #lastListening = 0
  #isClosed = false

  constructor(options: LinkWorkersOptions) {
    if (!Number.isSafeInteger(options.count) || options.count < 1)
      throw new UsageError('bad_argument', 'the number of workers is a whole number from 1')
    this.#options = options
    for (let i = 0; i < options.count; i++) this.#workers.push(this.#start())
    this.#watch = setInterval(() => {
      for (const worker of this.#workers) worker.watch()
    }, options.watchMs ?? WATCH_MS).unref()
  }

  /** TCP by the workers. */
  tcpTransport(): Transport {
    return { kind: 'tcp', dial: cannotDial, listen: (at, onLink) => this.#listenTcp(at, onLink) }
  }

  /** UDP by one of the workers for each address. */
  udpTransport(options: UdpTransportOptions = {}): Transport {
    const { staticSecret, limits, onTrace } = options
    const udp = { staticSecret, limits, onTrace }
    return { kind: 'udp', dial: cannotDial, listen: (at, onLink) => this.#listenUdp(at, onLink, udp) }
  }

  /** Asks every worker what it has: from then on links show their statistics as of now. */
  async report(): Promise<WorkersReport> {
    const bytes = await Promise.all(this.#workers.map((worker) => worker.report()))
    return { memoryBytes: bytes.reduce((sum, each) => sum + each, 0) }
  }

  /** Process ids of the workers. */
  get pids(): number[] {
    return this.#workers.map(({ pid }) => pid)
  }

  /** Ends the workers; links that are open are cut. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#watch)
    await Promise.all(this.#workers.map((worker) => worker.stop()))
  }

  #start(): LinkWorker {
    return new LinkWorker(this.#options.program ?? PROGRAM, {
      listeningOf: (number) => this.#listenings.get(number) as Listening,
      onAnswer: (answer) => this.#handleAnswer(answer),
      onEnd: (worker, detail) => this.#replace(worker, detail),
    })
  }

  /** Links of a worker that ended are lost, as when a cable is cut: their clients come back. */
  #replace(ended: LinkWorker, detail: string): void {
    if (this.#isClosed) return
    const now = performance.now()
    while (this.#ends.length > 0 && (this.#ends[0] as number) < now - ENDS_MS) this.#ends.shift()
    if (this.#ends.push(now) > ENDS_MAX) {
      const why = `${ENDS_MAX + 1} workers ended within ${ENDS_MS / 1000} s: ${detail}`
      return this.#fail(new TransportError('io', why))
    }
    const worker = this.#start()
    this.#workers[this.#workers.indexOf(ended)] = worker
    for (const listening of this.#listenings.values())
      if (listening.worker === ended && !listening.isClosed) this.#assign(listening, worker)
    this.#options.onWorkerLost?.(detail)
  }

  #fail(error: TransportError): void {
    for (const { settle } of this.#listenings.values()) settle(error)
    this.#options.onFailed?.(error)
  }

  // ---- listening ------------------------------------------------------------------------------

  async #listenTcp(at: Address, onLink: (link: Link) => LinkHandler): Promise<Listener> {
    const listening = this.#addListening('tcp', at, onLink)
    const hand = (socket: Socket): void => this.#leastBusy().takeSocket(listening, socket)
    const listener = await listenSockets(at, hand, { pauseOnConnect: true })
    await Promise.all(this.#workers.map((worker) => worker.ready))
    return {
      address: listener.address,
      // The server would wait for the sockets that it handed over; the links tell better when they are gone.
      close: () => this.#closeListening(listening, () => void listener.close()),
    }
  }

  async #listenUdp(at: Address, onLink: (link: Link) => LinkHandler, udp: UdpListening): Promise<Listener> {
    checkListenAddress(at)
    const listening = this.#addListening('udp', at, onLink)
    listening.udp = udp
    const isListening = new Promise<void>((resolve, reject) => {
      listening.settle = (error) => (error ? reject(error) : resolve())
    })
    this.#assign(listening, this.#workerWithFewestSockets())
    await isListening
    const stop = (): void => listening.worker?.unlisten(listening.number)
    return { address: listening.at, close: () => this.#closeListening(listening, stop) }
  }

  #addListening(kind: 'tcp' | 'udp', at: Address, onLink: (link: Link) => LinkHandler): Listening {
    this.#lastListening += 1
    const nothing = { udp: undefined, worker: undefined, settle: () => {}, onEmpty: () => {} }
    const number = this.#lastListening
    const listening = { number, kind, at, onLink, links: new Set<WorkerLink>(), isClosed: false, ...nothing }
    this.#listenings.set(number, listening)
    return listening
  }

  #closeListening(listening: Listening, stop: () => void): Promise<void> {
    listening.isClosed = true
    stop()
    return new Promise((resolve) => {
      listening.onEmpty = resolve
      if (listening.links.size === 0) resolve()
    })
  }

  #assign(listening: Listening, worker: LinkWorker): void {
    listening.worker = worker
    worker.listen(listening.number, listening.at, listening.udp as UdpListening)
  }

  /** A worker that still starts is taken only where there is no other. */
  #leastBusy(): LinkWorker {
    const ready = this.#workers.filter(({ isReady }) => isReady)
    const able = ready.length > 0 ? ready : this.#workers
    return able.reduce((least, worker) => (worker.linkCount < least.linkCount ? worker : least))
  }

  #workerWithFewestSockets(): LinkWorker {
    const socketsOf = (worker: LinkWorker): number =>
      [...this.#listenings.values()].filter((listening) => listening.worker === worker).length
    return this.#workers.reduce((least, worker) => (socketsOf(worker) < socketsOf(least) ? worker : least))
  }

  #handleAnswer(answer: ListenerAnswer): void {
    if (answer.kind === 'trace') return this.#trace(answer.origin, answer.events)
    const listening = this.#listenings.get(answer.listener) as Listening
    if (answer.kind === 'listening') listening.at = { ...listening.at, port: answer.address.port }
    const { settle } = listening
    // From now on it can only fail when another worker takes over, and then nobody waits.
    listening.settle = (error) => error && this.#options.onFailed?.(error)
    settle(answer.kind === 'listening' ? undefined : errorOf(answer))
  }

  /** Instants of another process count from another origin. */
  #trace(origin: number, events: readonly UdpTraceEvent[]): void {
    const offset = origin - performance.timeOrigin
    for (const { udp } of this.#listenings.values())
      if (udp?.onTrace)
        for (const event of events) udp.onTrace({ ...event, at: (event.at + offset) as Instant })
  }
}

function cannotDial(): Promise<void> {
  throw new UsageError('bad_argument', 'workers accept links and dial none')
}

/** The text of another process begins with the code that the error puts there again. */
function errorOf({
  code,
  text,
}: {
  readonly code: TransportError['code']
  readonly text: string
}): TransportError {
  return new TransportError(code, text.replace(`[${code}] `, ''))
}

/** What is for all workers together. */
type ListenerAnswer = Exclude<WorkerAnswer, { kind: 'ready' | 'report' | 'no_link' | 'sign_of_life' }>

interface WorkerOwner {
  listeningOf(number: number): Listening
  onAnswer(answer: ListenerAnswer): void
  onEnd(worker: LinkWorker, detail: string): void
}

/** One worker, seen from the process with the rooms. */
class LinkWorker implements NewsHandler {
  readonly orders: OrderWriter = new OrderWriter()
  readonly #owner: WorkerOwner
  readonly #child: ChildProcess
  readonly #channel: Socket
  readonly #news = new NewsReader()
  readonly #links = new Map<number, WorkerLink>()
  /** Links that wait until the worker takes orders again. */
  readonly #waiting = new Set<WorkerLink>()
  readonly #reports = new Map<number, (memoryBytes: number) => void>()
  #lastReport = 0
  /** Sockets taken that are no links yet, and those of them that wait for the worker to hear requests. */
  #handedOver = 0
  readonly #early: { readonly listener: number; readonly socket: Socket }[] = []
  /** Resolves when the worker hears requests, or has ended. */
  readonly ready: Promise<void>
  isReady = false
  #becomeReady: () => void = () => {}
  #isScheduled = false
  /** Bundles of news that the worker knows to be handled. */
  #handledTold = 0
  #hasEnded = false
  #isStopping = false
  /** For how many watches it has owed a sign of life. Time would go on while all processes are stopped. */
  #watchesOwed = 0

  constructor(program: string, owner: WorkerOwner) {
    this.#owner = owner
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
    const child = fork(program, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'ipc'],
    })
    this.#child = child
    this.#channel = child.stdio[CHANNEL_FD] as Socket
    this.#channel.on('data', (chunk: Uint8Array) => this.#handleNews(chunk))
    this.#channel.on('drain', () => this.#becomeWritable())
    // Its end is told by the process.
    this.#channel.on('error', () => {})
    child.on('message', (answer: WorkerAnswer) => this.#handleAnswer(answer))
    child.on('error', (error) => this.#ended(error.message))
    child.on('exit', (code, signal) =>
      this.#ended(this.#hangs ? 'it did not answer' : signal === null ? `status ${code}` : signal),
    )
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Links that it has, and those that it is about to have. */
  get linkCount(): number {
    return this.#links.size + this.#handedOver
  }

  get #hangs(): boolean {
    return this.#watchesOwed > WATCHES_MAX
  }

  /** One that hangs is killed, and replaced like any that ended. */
  watch(): void {
    this.#watchesOwed += 1
    if (this.#watchesOwed === 1) this.#request({ kind: 'sign_of_life' })
    else if (this.#hangs) this.#child.kill('SIGKILL')
  }

  // ---- requests -------------------------------------------------------------------------------

  takeSocket(listening: Listening, socket: Socket): void {
    this.#handedOver += 1
    if (this.isReady) this.#hand(listening.number, socket)
    else this.#early.push({ listener: listening.number, socket })
  }

  #hand(listener: number, socket: Socket): void {
    this.#child.send({ kind: 'link', listener }, socket, {}, (error) => {
      if (error) socket.destroy()
    })
  }

  listen(listener: number, at: Address, { staticSecret, limits, onTrace }: UdpListening): void {
    const isTraced = onTrace !== undefined
    this.#request({ kind: 'listen', listener, at, staticSecret, limits, isTraced })
  }

  unlisten(listener: number): void {
    this.#request({ kind: 'unlisten', listener })
  }

  /** Resolves with the bytes of memory in use. */
  report(): Promise<number> {
    this.#lastReport += 1
    const request = this.#lastReport
    return new Promise((resolve) => {
      this.#reports.set(request, resolve)
      if (this.#hasEnded) this.#settleReports()
      else this.#request({ kind: 'report', request })
    })
  }

  #request(request: WorkerRequest): void {
    // That a worker ended meanwhile is told by its end.
    this.#child.send(request, undefined, {}, () => {})
  }

  #handleAnswer(answer: WorkerAnswer): void {
    if (answer.kind === 'no_link') this.#handedOver -= 1
    else if (answer.kind === 'ready') this.#handleReady()
    else if (answer.kind === 'sign_of_life') this.#watchesOwed = 0
    else if (answer.kind !== 'report') this.#owner.onAnswer(answer)
    else {
      for (const [number, stats] of answer.stats) {
        const link = this.#links.get(number)
        if (link) link.stats = stats
      }
      this.#reports.get(answer.request)?.(answer.memoryBytes)
      this.#reports.delete(answer.request)
    }
  }

  #handleReady(): void {
    this.isReady = true
    for (const { listener, socket } of this.#early.splice(0)) this.#hand(listener, socket)
    this.#becomeReady()
  }

  #settleReports(): void {
    for (const resolve of this.#reports.values()) resolve(0)
    this.#reports.clear()
  }

  // ---- orders ---------------------------------------------------------------------------------

  /** Orders of one turn leave together. */
  order(): OrderWriter {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      process.nextTick(this.#flush)
    }
    return this.orders
  }

  readonly #flush = (): void => {
    this.#isScheduled = false
    if (this.#hasEnded) return
    this.#tellHandled()
    if (this.orders.byteCount > 0) this.#channel.write(this.orders.take())
  }

  #tellHandled(): void {
    const { bundleCount } = this.#news
    if (bundleCount === this.#handledTold) return
    this.#handledTold = bundleCount
    this.orders.handled(bundleCount)
  }

  /** Whether the worker takes orders; if not, the link is told when it does. */
  accepts(link: WorkerLink): boolean {
    if (this.orders.byteCount + this.#channel.writableLength < ORDERS_BYTES_MAX) return true
    this.#waiting.add(link)
    return false
  }

  #becomeWritable(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const link of waiting) link.becameWritable()
  }

  // ---- news -----------------------------------------------------------------------------------

  #handleNews(chunk: Uint8Array): void {
    this.#news.push(chunk, this)
    process.nextTick(this.#answerNews)
  }

  /** That news were handled leaves with the output that they caused, which may take until the turn ends. */
  readonly #answerNews = (): void => {
    if (this.orders.byteCount > 0) this.#flush()
    else setImmediate(this.#flush)
  }

  opened(number: number, opened: OpenedLink): void {
    const listening = this.#owner.listeningOf(opened.listener)
    if (listening.kind === 'tcp') this.#handedOver -= 1
    const link = new WorkerLink(this, number, listening, opened)
    this.#links.set(number, link)
    // Accepted before the listener closed.
    if (listening.isClosed) link.abort()
    else link.attach()
  }

  bytes(number: number, lane: number, chunk: Uint8Array): void {
    this.#link(number).handler?.onBytes(lane, chunk)
  }

  unreliable(number: number, lane: number, bytes: Uint8Array): void {
    this.#link(number).handler?.onUnreliable?.(lane, bytes)
  }

  ended(number: number): void {
    this.#link(number).handler?.onEnd()
  }

  closed(number: number, detail: string): void {
    const link = this.#link(number)
    this.#links.delete(number)
    this.#waiting.delete(link)
    link.closed(detail)
  }

  full(number: number): void {
    this.#link(number).isFull = true
  }

  free(number: number): void {
    const link = this.#link(number)
    link.isFull = false
    link.becameWritable()
  }

  #link(number: number): WorkerLink {
    const link = this.#links.get(number)
    assert(link !== undefined, 'a worker tells of links that it has')
    return link
  }

  // ---- end ------------------------------------------------------------------------------------

  #ended(detail: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#channel.destroy()
    this.#settleReports()
    this.#becomeReady()
    for (const { socket } of this.#early.splice(0)) socket.destroy()
    for (const link of this.#links.values()) link.closed('the worker that carried the link ended')
    this.#links.clear()
    if (!this.#isStopping) this.#owner.onEnd(this, detail)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#hasEnded) return
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#channel.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
  }
}

/** A link that a worker carries. */
class WorkerLink implements Link {
  readonly kind: 'tcp' | 'udp'
  readonly remote: Address | undefined
  readonly laneCount: number
  readonly binding: Uint8Array
  stats: LinkStats | undefined
  handler: LinkHandler | undefined
  /** Whether the worker has too many bytes for it. */
  isFull = false
  readonly #worker: LinkWorker
  readonly #number: number
  readonly #listening: Listening
  #isOver = false

  constructor(worker: LinkWorker, number: number, listening: Listening, opened: OpenedLink) {
    this.#worker = worker
    this.#number = number
    this.#listening = listening
    this.kind = listening.kind
    this.remote = opened.remote
    this.laneCount = opened.laneCount
    this.binding = opened.binding
    listening.links.add(this)
  }

  attach(): void {
    this.handler = this.#listening.onLink(this)
  }

  get writable(): boolean {
    return !this.isFull && this.#worker.accepts(this)
  }

  write(lane: number, bytes: Uint8Array): void {
    if (!this.#isOver) this.#worker.order().write(this.#number, lane, bytes)
  }

  /** The worker knows how its link carries them. */
  writeUnreliable(lane: number, bytes: Uint8Array): void {
    if (!this.#isOver) this.#worker.order().writeEphemeral(this.#number, lane, bytes)
  }

  /** What one turn writes to a link is gathered anyway. */
  cork(): void {}
  uncork(): void {}

  pause(): void {
    if (!this.#isOver) this.#worker.order().pause(this.#number)
  }

  resume(): void {
    if (!this.#isOver) this.#worker.order().resume(this.#number)
  }

  end(): void {
    if (!this.#isOver) this.#worker.order().end(this.#number)
  }

  abort(): void {
    if (!this.#isOver) this.#worker.order().abort(this.#number)
  }

  becameWritable(): void {
    this.handler?.onWritable()
  }

  closed(detail: string): void {
    this.#isOver = true
    const listening = this.#listening
    listening.links.delete(this)
    this.handler?.onClosed(detail)
    if (listening.isClosed && listening.links.size === 0) listening.onEmpty()
  }
}
