/** Joins the relay core with links, the clock and the store. */
import type { Address, LaneBytes } from '../base/machine.ts'
import type { Instant } from '../base/time.ts'
import {
  RelayCore,
  type RelayEvent,
  type RelayLink,
  type RelayOptions,
  type StoreWrite,
} from '../protocol/relay/index.ts'
import {
  type Link,
  type LinkHandler,
  type LinkStats,
  type Listener,
  type Transport,
  writeEphemeral,
} from '../transport/transport.ts'
import { Alarm, monotonicNow, wallOffset } from './clock.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from './primitives.ts'
import type { RelayStore } from './store.ts'

/** Turns that stay gathered after one in which the relay was fed more than once. */
const GATHERED_TURNS = 16
/** Who is fed again so soon after a flush is fed twice in one turn, or might as well be. */
const SAME_TURN_MS = 0.02
/** So many links that sent something in one turn keep the relay busy for longer than they wait for it. */
const BUSY_INPUTS = 16
/** How long one's own copy waits for company while the relay is busy. */
const ECHO_HELD_MS = 2
const SHUTDOWN_POLL_MS = 20

/** How much there is to gather: nothing, what one turn brings, or what several do. */
type Load = 'alone' | 'gathered' | 'busy'

export interface RelayServerOptions {
  readonly relay: Omit<RelayOptions, 'identity' | 'signatures' | 'entropy' | 'storage'>
  readonly store: RelayStore
  /** Told of everything that happens, but of no message. */
  readonly onEvent?: (event: RelayEvent<ServerLink>) => void
  /** The store failed; every session was closed and none can open. */
  readonly onStorageFailed?: (error: unknown) => void
}

/** Waits until the writes up to a turn are on the disk. */
interface Settling {
  readonly turn: number
  resolve(): void
  reject(error: unknown): void
}

export class RelayServer {
  readonly core: RelayCore<ServerLink>
  readonly relayKey: Uint8Array
  readonly startedAtMs: number = Date.now()
  readonly #options: RelayServerOptions
  readonly #listeners: Listener[] = []
  readonly #alarm: Alarm
  #flushScheduled = false
  #gatheredTurns = 0
  #inputsThisTurn = 0
  /** When the last flush outside a gathered turn ended. */
  #flushedAt: Instant = -Infinity as Instant
  #isCommitting = false
  /** What waits for the commit under way, and its last turn. */
  #uncommitted: StoreWrite[] = []
  #uncommittedTurn = 0
  readonly #settling: Settling[] = []
  /** Why the store failed, once it has. */
  storageError: unknown
  readonly #lastPumped: ServerLink[] = []
  /** Links that get what is queued for them in a later turn, together with what comes until then. */
  #held: ServerLink[] = []
  /** Bytes over all links, both ways. */
  bytesReceived = 0
  bytesSent = 0

  constructor(options: RelayServerOptions) {
    this.#options = options
    const identity = identityOfSeed(options.store.secrets.identitySeed)
    this.relayKey = identity.publicKey
    const { storage } = options.store
    this.core = new RelayCore({
      ...options.relay,
      identity,
      signatures: nodeSignatures,
      entropy: systemEntropy,
      storage,
    })
    this.core.setWallOffset(wallOffset())
    this.#alarm = new Alarm(
      () => this.core.pollTimeout(),
      () => this.#onAlarm(),
    )
  }

  /** Accepts links; the address tells the port that was taken. Rejects with a TransportError. */
  async listen(transport: Transport, at: Address): Promise<Address> {
    const listener = await transport.listen(at, (link) => new ServerLink(this, link))
    this.#listeners.push(listener)
    return listener.address
  }

  /** The relay was fed: its output leaves soon. */
  touch(now: Instant): void {
    this.#inputsThisTurn += 1
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    // A lone message leaves at once; under load the whole turn is gathered into one batch.
    if (now - this.#flushedAt < SAME_TURN_MS) this.#gatheredTurns = GATHERED_TURNS
    if (this.#gatheredTurns > 0) setImmediate(this.#flushTurn)
    else process.nextTick(this.#flushNow)
  }

  /**
   * Sends what the relay has decided so far, and resolves once all of it is kept: it then holds whatever
   * becomes of this process. Rejects when the store has failed.
   */
  settle(): Promise<void> {
    this.#flush()
    return new Promise((resolve, reject) => {
      if (this.storageError !== undefined) reject(this.storageError)
      else if (!this.#isCommitting) resolve()
      else this.#settling.push({ turn: this.#uncommittedTurn, resolve, reject })
    })
  }

  readonly #flushNow = (): void => {
    this.#inputsThisTurn = 0
    this.#flush()
    this.#flushedAt = monotonicNow()
  }

  readonly #flushTurn = (): void => {
    const inputs = this.#inputsThisTurn
    this.#inputsThisTurn = 0
    this.#gatheredTurns = inputs > 1 ? GATHERED_TURNS : this.#gatheredTurns - 1
    if (inputs >= BUSY_INPUTS) this.#flush('busy')
    else this.#flush(this.#gatheredTurns > 0 ? 'gathered' : 'alone')
    if (this.#held.length === 0 || this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(this.#flushTurn)
  }

  #flush(load: Load = 'alone'): void {
    this.#flushScheduled = false
    this.core.setWallOffset(wallOffset())
    this.core.flush()
    this.#handleEvents()
    this.#pumpReady(load)
    this.#alarm.arm()
  }

  /**
   * Who has just sent something gets its own copy after the others: they are the ones that wait. Under load
   * it gets that one turn later, because what it is answered by then goes in the same system call.
   */
  #pumpReady(load: Load): void {
    const last = this.#lastPumped
    for (let link = this.core.pollReadyLink(); link; link = this.core.pollReadyLink()) {
      const { owner } = link
      if (owner.takeFed()) last.push(owner)
      else owner.pump()
    }
    this.#pumpHeld(load)
    // Two that talk to each other would go on taking turns, and each message would go by itself: of those
    // who wait for each other one half waits, and soon sends and gets several messages at once.
    for (const [i, owner] of last.entries())
      if (load !== 'alone' && (owner.isEchoOnly || (load === 'busy' && i % 2 === 1))) this.#hold(owner)
      else owner.pump()
    last.length = 0
  }

  #hold(owner: ServerLink): void {
    owner.heldAt = this.core.hub.now
    this.#held.push(owner)
  }

  #pumpHeld(load: Load): void {
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    const since = this.core.hub.now - ECHO_HELD_MS
    for (const owner of held)
      if (load === 'busy' && owner.isEchoOnly && owner.heldAt > since) this.#held.push(owner)
      else owner.pump()
  }

  #onAlarm(): void {
    this.core.handleTimeout(monotonicNow())
    this.#flush()
  }

  #handleEvents(): void {
    for (let event = this.core.pollEvent(); event; event = this.core.pollEvent()) {
      if (event.kind === 'link_finished') event.link.owner.finish()
      else if (event.kind === 'link_expired') event.link.owner.abort()
      else if (event.kind === 'link_paused') event.link.owner.pause()
      else if (event.kind === 'link_resumed') event.link.owner.resume()
      else if (event.kind === 'commit') this.#keep(event.turn, event.writes)
      else this.#options.onEvent?.(event)
    }
  }

  /** Commits a turn, or puts it behind the commit under way: those that gather meanwhile go together. */
  #keep(turn: number, writes: readonly StoreWrite[]): void {
    this.#uncommittedTurn = turn
    if (this.#isCommitting) for (const write of writes) this.#uncommitted.push(write)
    else this.#commit(turn, writes)
  }

  #commit(turn: number, writes: readonly StoreWrite[]): void {
    this.#isCommitting = true
    this.#options.store.commit(writes).then(
      () => this.#handleCommitted(turn),
      (error: unknown) => this.#handleStorageFailed(error),
    )
  }

  #handleCommitted(turn: number): void {
    this.#isCommitting = false
    this.core.handleCommitted(turn)
    while (this.#settling[0] && this.#settling[0].turn <= turn) this.#settling.shift()?.resolve()
    const writes = this.#uncommitted
    if (writes.length > 0) {
      this.#uncommitted = []
      this.#commit(this.#uncommittedTurn, writes)
    }
    this.#flush()
  }

  /** Nothing is tried again: what a failed write left on the disk is not known (PAL-ROM-039). */
  #handleStorageFailed(error: unknown): void {
    if (this.storageError !== undefined) return
    this.storageError = error
    for (const { reject } of this.#settling.splice(0)) reject(error)
    this.core.handleStorageFailed(monotonicNow())
    this.#flush()
    this.#options.onStorageFailed?.(error)
  }

  /** Stops accepting, says goodbye to everybody, and resolves when all links are gone or the time is over. */
  async close(drainMs = 2000): Promise<void> {
    this.core.shutDown(monotonicNow(), drainMs)
    this.#flush()
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()))
    const until = Date.now() + drainMs
    while (this.core.hub.links.size > 0 && Date.now() < until)
      await new Promise((done) => setTimeout(done, SHUTDOWN_POLL_MS))
    for (const link of this.core.hub.links) link.owner.abort()
    await closed
    this.#alarm.stop()
    await this.#options.store.close()
  }
}

/** One link of the relay: bytes in, and out as long as the link takes them. */
export class ServerLink implements LinkHandler {
  /** The core copies what has to wait. */
  readonly readsAtOnce: boolean = true
  readonly #server: RelayServer
  readonly #link: Link
  readonly #relayLink: RelayLink<ServerLink>
  /** When it was told to wait for the next turns. */
  heldAt: Instant = 0 as Instant
  #isFinishing = false
  /** Whether bytes came since `takeFed`. */
  #isFed = false

  constructor(server: RelayServer, link: Link) {
    this.#server = server
    this.#link = link
    const { remote, kind: transport, laneCount, binding } = link
    const info = { host: remote?.host, port: remote?.port ?? 0, transport, laneCount, binding }
    const now = monotonicNow()
    this.#relayLink = server.core.openLink(this, info, now)
    server.touch(now)
  }

  /** What the link counted, over datagrams. */
  get stats(): LinkStats | undefined {
    return this.#link.stats
  }

  onBytes(lane: number, chunk: Uint8Array): void {
    const server = this.#server
    const now = monotonicNow()
    this.#isFed = true
    server.bytesReceived += chunk.length
    server.core.handleBytes(this.#relayLink, lane, chunk, now)
    server.touch(now)
  }

  onUnreliable(_lane: number, bytes: Uint8Array): void {
    const server = this.#server
    const now = monotonicNow()
    server.bytesReceived += bytes.length
    server.core.handleLoneBytes(this.#relayLink, bytes, now)
    server.touch(now)
  }

  /** Whether bytes came since this was asked. */
  takeFed(): boolean {
    const isFed = this.#isFed
    this.#isFed = false
    return isFed
  }

  /** Whether nothing is queued but what its own client has sent. */
  get isEchoOnly(): boolean {
    return !this.#relayLink.hasNews
  }

  onWritable(): void {
    this.pump()
  }

  onEnd(): void {
    const now = monotonicNow()
    this.#server.core.endLink(this.#relayLink, now)
    this.#server.touch(now)
  }

  onClosed(): void {
    const now = monotonicNow()
    this.#server.core.closeLink(this.#relayLink, now)
    this.#server.touch(now)
  }

  /** Writes what is queued while the link takes it; several pieces go in one system call. */
  pump(): void {
    const { core } = this.#server
    const link = this.#link
    if (!link.writable) return
    const first = core.pollTransmit(this.#relayLink)
    if (first) {
      const second = core.pollTransmit(this.#relayLink)
      if (second) this.#writeTogether(first, second)
      else this.#write(first)
    }
    if (this.#isFinishing && !this.#relayLink.ready) link.end()
  }

  #writeTogether(first: LaneBytes, second: LaneBytes): void {
    const link = this.#link
    link.cork()
    this.#write(first)
    let item: LaneBytes | undefined = second
    while (item) {
      this.#write(item)
      item = link.writable ? this.#server.core.pollTransmit(this.#relayLink) : undefined
    }
    link.uncork()
  }

  #write(item: LaneBytes): void {
    this.#server.bytesSent += item.bytes.length
    //= PAL-SIG-011
    if (item.isEphemeral) writeEphemeral(this.#link, item.lane, item.bytes)
    else this.#link.write(item.lane, item.bytes)
  }

  pause(): void {
    this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  /** Nothing more will be queued. */
  finish(): void {
    this.#isFinishing = true
    this.pump()
  }

  abort(): void {
    this.#link.abort()
  }
}
