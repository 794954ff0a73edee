/**
 * Joins the client's machine with links, the clock and the disk: one link at a time, the next one when the
 * machine asks for it, and every record kept before anything else leaves.
 */
import { type TransportError, UsageError } from '../base/errors.ts'
import type { Instant } from '../base/time.ts'
import { ERRORS, type ErrorName, LIMITS } from '../codec/generated/registry.ts'
import {
  type ClientConversation,
  DurableClient,
  type DurableEvent,
  Keeping,
} from '../protocol/client/index.ts'
import { type Link, type LinkHandler, type TransportKind, writeEphemeral } from '../transport/transport.ts'
import { isLoopback } from './address.ts'
import type { ClosedEvent, OpenOptions, Receipt, Route, SessionEvent } from './client-connection.ts'
import type { ClientStore } from './client-store.ts'
import { Alarm, monotonicNow } from './clock.ts'
import { entryOf } from './entry-of.ts'
import { errorOf, PalaverError } from './palaver-error.ts'
import { nodeSignatures, systemEntropy } from './primitives.ts'

/** Who waits for an answer. */
export interface Pending {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: PalaverError | UsageError | TransportError) => void
}

export class ClientDriver {
  link: Link | undefined
  /** What carries the session, or carried it last. */
  transport: TransportKind
  readonly client: DurableClient
  readonly ready: Promise<void>
  readonly closed: Promise<ClosedEvent>
  readonly linkClosed: Promise<void>
  readonly requests: Map<number, Pending> = new Map()
  readonly fences: Map<number, Pending> = new Map()
  /** Messages that somebody waits for, by id. */
  readonly sends: Map<string, Pending> = new Map()
  /** The last entry of each conversation that the listener was given. */
  readonly positions: Map<ClientConversation, number> = new Map()
  end: ClosedEvent | undefined
  readonly #options: OpenOptions
  readonly #alarm: Alarm
  readonly #keeping: Keeping
  #readyAt: Instant = monotonicNow()
  #store: ClientStore | undefined
  #route: Route
  #dial: AbortController | undefined
  #lingerTimer: ReturnType<typeof setTimeout> | undefined
  #isPaused = false
  #isScheduled = false
  #isTurning = false
  #settleReady!: Pending
  #settleClosed!: (event: ClosedEvent) => void
  #settleLink!: () => void

  constructor(options: OpenOptions) {
    const { name, identity, clientId, agent, token, relayKey, isRelayKey, takesSignals } = options
    const { store, holdsSealed } = options
    this.#options = options
    this.#store = store
    this.#route = options
    this.transport = options.transport.kind
    const means = { signatures: nodeSignatures, entropy: systemEntropy }
    this.#keeping = store?.keeping ?? new Keeping()
    const kept = { keeping: this.#keeping, isKept: store !== undefined }
    const redials = options.redials ? 'after_first' : 'never'
    const who = { name, identity, clientId, agent, token, relayKey, isRelayKey, takesSignals }
    this.client = new DurableClient({ ...who, ...means, ...kept, redials, holdsSealed })
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve: resolve as (answer: unknown) => void, reject }
    })
    this.ready.catch(() => {})
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    this.linkClosed = new Promise((resolve) => {
      this.#settleLink = resolve
    })
    this.#alarm = new Alarm(
      () => this.client.pollTimeout(),
      () => this.#onAlarm(),
    )
  }

  /** Milliseconds since the latest session opened. */
  get elapsedMs(): number {
    return monotonicNow() - this.#readyAt
  }

  // ---- links ----------------------------------------------------------------------------------

  /** Dials for the first time; rejects with a TransportError. */
  async open(): Promise<void> {
    const { transport, address } = this.#route
    try {
      checkToken(this.#options)
      await transport.dial(address, (link) => this.#attach(link), this.#options)
    } catch (error) {
      this.#dropStore()
      throw error
    }
  }

  /** The program no longer waits for the session to open. */
  giveUp(error: TransportError): void {
    this.#settleReady.reject(error)
    this.client.close(monotonicNow())
    this.link?.abort()
    this.pump()
  }

  /** Dials by another route and moves the session there; the old link stays when that fails. */
  async switchTo(route: Route): Promise<void> {
    if (this.end) throw errorOf(this.end)
    checkToken({ ...this.#options, ...route })
    const { timeoutMs } = this.#options
    await route.transport.dial(
      route.address,
      (link) => {
        this.#route = route
        return this.#attach(link)
      },
      { timeoutMs },
    )
  }

  #attach(link: Link): LinkHandler {
    const before = this.link
    if (this.client.isOver) {
      queueMicrotask(() => link.abort())
      return new Port(this, link)
    }
    this.link = link
    this.transport = link.kind
    // A link that comes after this one would take the session back to where it was.
    this.#dial?.abort()
    this.#dial = undefined
    if (this.#isPaused) link.pause()
    this.client.openLink(link.binding, monotonicNow())
    if (before) {
      before.end()
      setTimeout(() => before.abort(), LIMITS.lingerMs).unref()
    }
    this.schedule()
    return new Port(this, link)
  }

  /** The machine asked for a link. */
  #redial(): void {
    const { transport, address } = this.#route
    const dial = new AbortController()
    this.#dial = dial
    const { timeoutMs } = this.#options
    transport
      .dial(
        address,
        (link) => {
          this.#dial = undefined
          return this.#attach(link)
        },
        { timeoutMs, signal: dial.signal },
      )
      .then(
        () => {},
        (error: unknown) => {
          if (dial.signal.aborted || this.client.isOver) return
          this.client.dialFailed(error instanceof Error ? error.message : String(error), monotonicNow())
          this.pump()
        },
      )
  }

  onBytes(link: Link, lane: number, chunk: Uint8Array): void {
    if (link !== this.link) return
    this.client.handleBytes(lane, chunk, monotonicNow())
    this.pump()
  }

  onUnreliable(link: Link, bytes: Uint8Array): void {
    if (link !== this.link) return
    this.client.handleLoneBytes(bytes, monotonicNow())
    this.pump()
  }

  onEnd(link: Link): void {
    if (link !== this.link) return
    this.client.handleEnd(monotonicNow())
    this.pump()
  }

  onClosed(link: Link): void {
    if (link !== this.link) return
    this.link = undefined
    clearTimeout(this.#lingerTimer)
    this.client.handleEnd(monotonicNow())
    this.pump()
    if (this.client.isOver) this.#settleLink()
  }

  pause(): void {
    this.#isPaused = true
    this.link?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.link?.resume()
  }

  /** Keeps the state from now on in a store that was empty. */
  keepIn(store: ClientStore): void {
    store.begin(this.#keeping)
    this.#store = store
    this.client.startKeeping()
  }

  // ---- turns ----------------------------------------------------------------------------------

  close(): void {
    this.client.close(monotonicNow())
    this.pump()
  }

  #onAlarm(): void {
    this.client.handleTimeout(monotonicNow())
    this.pump()
  }

  /** What one turn asks for leaves in one write. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.pump()
    })
  }

  pump(): void {
    this.#turn()
    const { link, client } = this
    if (link) {
      link.cork()
      const now = monotonicNow()
      while (link.writable) {
        const item = client.pollTransmit(now)
        if (!item) break
        //= PAL-SIG-011
        if (item.isEphemeral) writeEphemeral(link, item.lane, item.bytes)
        else link.write(item.lane, item.bytes)
      }
      link.uncork()
      if (client.isLinkDone) this.#endLink(link)
    }
    this.#alarm.arm()
  }

  /** Keeps what is to be kept, then tells what there is to tell, until there is neither. */
  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    try {
      for (let isMoving = true; isMoving; ) {
        isMoving = this.#keep()
        for (let event = this.client.pollEvent(); event; event = this.client.pollEvent()) {
          isMoving = true
          this.#handle(event)
        }
      }
    } finally {
      this.#isTurning = false
    }
  }

  #keep(): boolean {
    const records = this.client.takeRecords()
    if (records.length === 0) return false
    try {
      this.#store?.append(records)
    } catch (error) {
      // What cannot be kept is still sent: the person is told, and nothing is kept from here on.
      this.#dropStore()
      this.#options.onEvent({ kind: 'unkept', error: error as TransportError })
    }
    this.client.handleKept()
    return true
  }

  #dropStore(): void {
    this.#store?.close()
    this.#store = undefined
  }

  #endLink(link: Link): void {
    link.end()
    //= PAL-SES-018
    this.#lingerTimer ??= setTimeout(() => link.abort(), LIMITS.lingerMs)
    if (this.client.isOver) return
    // The next link does not wait until this one has ended.
    this.link = undefined
    clearTimeout(this.#lingerTimer)
    this.#lingerTimer = undefined
    setTimeout(() => link.abort(), LIMITS.lingerMs).unref()
  }

  // ---- events ---------------------------------------------------------------------------------

  #handle(event: DurableEvent): void {
    switch (event.kind) {
      case 'dial':
        return this.#redial()
      case 'ready':
        this.#readyAt = monotonicNow()
        return this.#settleReady.resolve(undefined)
      case 'joined':
        this.positions.set(event.conversation, event.position)
        if (event.request === 0) return this.#options.onEvent(event)
        return settle(this.requests, event.request, event.conversation)
      case 'members':
      case 'rooms':
      case 'identity':
      case 'bundle':
        return settle(this.requests, event.frame.request, event.frame)
      case 'stock':
        if (event.frame.request === 0) return this.#options.onEvent(event)
        return settle(this.requests, event.frame.request, event.frame)
      case 'history':
        return settle(this.requests, event.request, event)
      case 'ok':
        return settle(this.requests, event.request, undefined)
      case 'error':
        return fail(this.requests, event.frame.request, refusalError(event.name, event.frame))
      case 'pong':
        //= PAL-SES-012
        return settle(this.fences, event.nonce, undefined)
      case 'sent':
        return this.#handleSent(event)
      case 'unsent':
        if (this.sends.has(event.id))
          return fail(this.sends, event.id, refusalError(event.refusal.name, event.refusal))
        return this.#options.onEvent(event)
      case 'status':
        if (event.state === 'reconnecting') this.#failRequests(new PalaverError('link_lost', 0, event.text))
        return this.#options.onEvent(event)
      case 'closed':
        return this.#finish(event)
      default:
        return this.#deliver(event)
    }
  }

  #deliver(event: SessionEvent): void {
    if (event.kind === 'message') this.positions.set(event.message.conversation, event.message.seq)
    else if (event.kind === 'event') this.positions.set(event.conversation, event.event.seq)
    else if (event.kind === 'gap' && event.isPassed) this.positions.set(event.conversation, event.to)
    this.#options.onEvent(event)
    if (this.#options.acknowledges === 'auto') this.#acknowledge(event)
    if (event.kind === 'event' && event.endsMembership) this.positions.delete(event.conversation)
  }

  #acknowledge(event: SessionEvent): void {
    const entry = entryOf(event)
    if (entry) this.client.applied(entry.conversation, entry.seq, monotonicNow())
  }

  #handleSent(event: Extract<DurableEvent, { kind: 'sent' }>): void {
    const { id, at, isDuplicate } = event
    if (!this.sends.has(id)) return this.#options.onEvent(event)
    settle(this.sends, id, { ...at, id, isDuplicate } satisfies Receipt)
  }

  #failRequests(error: PalaverError): void {
    for (const pending of [this.requests, this.fences]) {
      for (const each of pending.values()) each.reject(error)
      pending.clear()
    }
  }

  #finish(event: ClosedEvent): void {
    this.end = event
    const error = errorOf(event)
    this.#settleReady.reject(error)
    this.#failRequests(error)
    for (const each of this.sends.values()) each.reject(error)
    this.sends.clear()
    this.#dial?.abort()
    this.#alarm.stop()
    const { link } = this
    //= PAL-SES-018
    if (link) this.#lingerTimer = setTimeout(() => link.abort(), LIMITS.lingerMs)
    else this.#settleLink()
    this.#options.onEvent({ kind: 'status', state: 'offline', text: event.text })
    this.#options.onEvent(event)
    this.#settleClosed(event)
    this.#keep()
    this.#dropStore()
  }
}

/** What a link tells; a link that was given up tells nobody. */
class Port implements LinkHandler {
  readonly #driver: ClientDriver
  readonly #link: Link

  constructor(driver: ClientDriver, link: Link) {
    this.#driver = driver
    this.#link = link
  }

  onBytes(lane: number, chunk: Uint8Array): void {
    this.#driver.onBytes(this.#link, lane, chunk)
  }

  onUnreliable(_lane: number, bytes: Uint8Array): void {
    this.#driver.onUnreliable(this.#link, bytes)
  }

  onWritable(): void {
    this.#driver.pump()
  }

  onEnd(): void {
    this.#driver.onEnd(this.#link)
  }

  onClosed(): void {
    this.#driver.onClosed(this.#link)
  }
}

function settle<Key>(pending: Map<Key, Pending>, key: Key, answer: unknown): void {
  pending.get(key)?.resolve(answer)
  pending.delete(key)
}

function fail<Key>(pending: Map<Key, Pending>, key: Key, error: PalaverError): void {
  pending.get(key)?.reject(error)
  pending.delete(key)
}

function refusalError(
  name: ErrorName | undefined,
  { code, text }: { readonly code: number; readonly text: string },
): PalaverError {
  return new PalaverError(name ?? 'unknown', code || (name ? ERRORS[name] : 0), text)
}

/** Throws UsageError for a token that everybody on the way could read. */
function checkToken({ transport, address, token, allowsPlainToken }: OpenOptions): void {
  //= PAL-SEC-002
  if (token && !allowsPlainToken && transport.kind === 'tcp' && !isLoopback(address.host))
    throw new UsageError(
      'bad_argument',
      `tcp://${address.host} would show the token to everybody: use udp://`,
    )
}
