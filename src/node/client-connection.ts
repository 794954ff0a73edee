/**
 * A client's session for programs: joins the session machine with a link and the clock, and turns requests
 * into promises. Messages and events reach one listener, in order, without a promise each.
 */

import { TransportError, UsageError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import { Queue } from '../base/queue.ts'
import { ERROR_INFO, type ErrorName, LIMITS } from '../codec/generated/registry.ts'
import {
  type ClientConversation,
  type ClientEvent,
  type ClientOptions,
  type ClientRequest,
  ClientSession,
  type ReceivedMessage,
  type RelayFacts,
} from '../protocol/client/index.ts'
import { showAddress } from '../transport/errors.ts'
import type { AbortSignalLike, Link, LinkHandler, LinkStats, Transport } from '../transport/transport.ts'
import { isLoopback } from './address.ts'
import { Alarm, monotonicNow } from './clock.ts'
import { nodeSignatures, systemEntropy } from './primitives.ts'

/** The relay refused something, or ended the session. */
export class PalaverError extends Error {
  override readonly name: string = 'PalaverError'
  /** The name of the wire code, or `unknown` for one that this edition does not know. */
  readonly code: ErrorName | 'unknown' | 'link_lost'
  /** The wire code; 0 for a lost link. */
  readonly wire: number
  /** Whether the same may succeed later. */
  readonly retryable: boolean

  constructor(code: ErrorName | 'unknown' | 'link_lost', wire: number, text: string) {
    super(`[${code}] ${text}`)
    this.code = code
    this.wire = wire
    //= PAL-ERR-005
    this.retryable = code === 'link_lost' || (code !== 'unknown' && ERROR_INFO[code].retry !== 'never')
  }
}

/** Why a session ended. */
export type ClosedEvent = Extract<ClientEvent, { kind: 'closed' }>

/** What the listener gets: everything that is not the answer to a request. */
export type SessionEvent = Extract<
  ClientEvent,
  { kind: 'message' | 'event' | 'notice' | 'joined' | 'closed' }
>

export interface OpenOptions
  extends Pick<
    ClientOptions,
    'name' | 'identity' | 'clientId' | 'agent' | 'token' | 'relayKey' | 'isRelayKey'
  > {
  readonly transport: Transport
  readonly address: Address
  /** Whether the token may cross a plain stream to another machine. */
  readonly allowsPlainToken?: boolean | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike | undefined
  readonly onEvent: (event: SessionEvent) => void
}

/** The answer to a request, by the kind of request. */
interface Answers {
  readonly join: Extract<ClientEvent, { kind: 'joined' }>['conversation']
  readonly direct: Extract<ClientEvent, { kind: 'joined' }>['conversation']
  readonly who: Extract<ClientEvent, { kind: 'members' }>['frame']
  readonly list: Extract<ClientEvent, { kind: 'rooms' }>['frame']
  readonly whois: Extract<ClientEvent, { kind: 'identity' }>['frame']
}
type AnswerTo<R extends ClientRequest> = R['type'] extends keyof Answers ? Answers[R['type']] : undefined

interface Pending {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: PalaverError | UsageError | TransportError) => void
}

interface PendingSend extends Pending {
  readonly conversation: number
  readonly contentKind: number
  readonly body: Uint8Array
}

/** Where a message ended up in its conversation's log. */
export interface Receipt {
  readonly seq: number
  readonly timeMs: number
}

export class ClientConnection {
  readonly facts: RelayFacts
  readonly transport: Transport['kind']
  /** Resolves, and never rejects, when the session is over. */
  readonly closed: Promise<ClosedEvent>
  readonly #driver: Driver

  private constructor(driver: Driver, facts: RelayFacts) {
    this.#driver = driver
    this.facts = facts
    this.transport = driver.link?.kind ?? driver.transportKind
    this.closed = driver.closed
  }

  /**
   * Dials, shakes hands and resolves when the session is open. Rejects with TransportError or PalaverError.
   */
  static async open(options: OpenOptions): Promise<ClientConnection> {
    const { transport, address, timeoutMs, signal } = options
    checkToken(options)
    const driver = new Driver(options)
    const startedAt = monotonicNow()
    await transport.dial(address, (link) => driver.attach(link), options)
    const what = `cannot open a session at ${transport.kind}://${showAddress(address)}`
    const onTimeout = (): void =>
      driver.giveUp(new TransportError('timeout', `${what}: no answer within ${timeoutMs / 1000} s`))
    const onAbort = (): void => driver.giveUp(new TransportError('closed', `${what}: given up`))
    const timer = setTimeout(onTimeout, timeoutMs - (monotonicNow() - startedAt))
    signal?.addEventListener('abort', onAbort)
    try {
      return new ClientConnection(driver, await driver.ready)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Conversations the session is in, by number. */
  get conversations(): ReadonlyMap<number, ClientConversation> {
    return this.#driver.session.conversations
  }

  /** A limit as the relay announced it. */
  limit(name: keyof typeof LIMITS): number {
    return this.#driver.session.limit(name)
  }

  /** Sends a request; resolves with its answer, rejects with PalaverError when it is refused. */
  request<R extends ClientRequest>(request: R): Promise<AnswerTo<R>> {
    return this.#driver.request(request) as Promise<AnswerTo<R>>
  }

  /** Sends a message; resolves when the relay has put it into the log. Waits while too many are under way. */
  send(conversation: number, contentKind: number, body: Uint8Array): Promise<Receipt> {
    return this.#driver.send(conversation, contentKind, body)
  }

  /** Resolves when every effect of what was sent before in the conversation has arrived. */
  fence(conversation: number): Promise<void> {
    return this.#driver.fence(conversation)
  }

  /** What the link counted, over datagrams. */
  get linkStats(): LinkStats | undefined {
    return this.#driver.link?.stats
  }

  /** Stops and continues reading from the relay. */
  pause(): void {
    this.#driver.link?.pause()
  }

  resume(): void {
    this.#driver.link?.resume()
  }

  /** Says goodbye; resolves when the link is over. */
  async close(): Promise<void> {
    this.#driver.close()
    await this.#driver.linkClosed
  }
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

class Driver implements LinkHandler {
  link: Link | undefined
  readonly ready: Promise<RelayFacts>
  readonly closed: Promise<ClosedEvent>
  readonly linkClosed: Promise<void>
  readonly transportKind: Transport['kind']
  readonly #options: OpenOptions
  #session: ClientSession | undefined
  readonly #alarm: Alarm
  readonly #requests = new Map<number, Pending>()
  readonly #fences = new Map<number, Pending>()
  /** Sends under way by "conversation/ref", and by conversation those that wait for room. */
  readonly #sends = new Map<string, Pending>()
  readonly #waiting = new Map<number, Queue<PendingSend>>()
  #lingerTimer: ReturnType<typeof setTimeout> | undefined
  #nonce = 0
  #scheduled = false
  #settleReady!: Pending
  #settleClosed!: (event: ClosedEvent) => void
  #settleLink!: () => void
  #end: ClosedEvent | undefined

  constructor(options: OpenOptions) {
    this.#options = options
    this.transportKind = options.transport.kind
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
      () => this.session.pollTimeout(),
      () => this.#onAlarm(),
    )
  }

  get session(): ClientSession {
    if (!this.#session) throw new UsageError('bad_state', 'the link is not open')
    return this.#session
  }

  attach(link: Link): LinkHandler {
    const { name, identity, clientId, agent, token, relayKey, isRelayKey } = this.#options
    const { binding } = link
    const means = { signatures: nodeSignatures, entropy: systemEntropy, binding }
    this.link = link
    this.#session = new ClientSession(
      { name, identity, clientId, agent, token, relayKey, isRelayKey, ...means },
      monotonicNow(),
    )
    this.#schedule()
    return this
  }

  /** The program no longer waits for the session to open. */
  giveUp(error: TransportError): void {
    this.#settleReady.reject(error)
    this.link?.abort()
  }

  // ---- what the program asks ------------------------------------------------------------------

  request(request: ClientRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(errorOf(this.#end))
      this.#requests.set(this.session.request(request), { resolve, reject })
      this.#schedule()
    })
  }

  send(conversation: number, contentKind: number, body: Uint8Array): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(errorOf(this.#end))
      const pending = {
        conversation,
        contentKind,
        body,
        reject,
        resolve: resolve as (answer: unknown) => void,
      }
      const queue = this.#waiting.get(conversation)
      if (queue) queue.push(pending)
      else if (!this.#trySend(pending)) this.#wait(pending)
    })
  }

  #wait(pending: PendingSend): void {
    const queue = new Queue<PendingSend>()
    queue.push(pending)
    this.#waiting.set(pending.conversation, queue)
  }

  /** Sends what has room now. */
  #resumeSends(): void {
    for (const [conversation, queue] of this.#waiting) {
      for (let next = queue.peek(); next && this.#trySend(next); next = queue.peek()) queue.shift()
      if (queue.length === 0) this.#waiting.delete(conversation)
    }
  }

  /** False when there is no room yet; a message that can never go is rejected here. */
  #trySend(pending: PendingSend): boolean {
    const { conversation, contentKind, body } = pending
    if (!this.session.conversations.has(conversation)) {
      pending.reject(new PalaverError('not_a_member', 0, 'no longer in that conversation'))
      return true
    }
    if (body.length > this.session.limit('bodyBytes')) {
      pending.reject(new UsageError('bad_argument', 'the body is too large'))
      return true
    }
    const ref = this.session.send(conversation, contentKind, body)
    if (ref === undefined) return false
    this.#sends.set(`${conversation}/${ref}`, pending)
    this.#schedule()
    return true
  }

  fence(conversation: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(errorOf(this.#end))
      this.#nonce += 1
      this.#fences.set(this.#nonce, { resolve: () => resolve(), reject })
      this.session.ping(this.#nonce, conversation)
      this.#schedule()
    })
  }

  close(): void {
    this.#session?.close()
    this.#pump()
  }

  // ---- link -----------------------------------------------------------------------------------

  onBytes(lane: number, chunk: Uint8Array): void {
    this.session.handleBytes(lane, chunk, monotonicNow())
    this.#pump()
  }

  onWritable(): void {
    this.#pump()
  }

  onEnd(): void {
    this.session.handleEnd(monotonicNow())
    this.#pump()
  }

  onClosed(): void {
    this.session.handleEnd(monotonicNow())
    this.#alarm.stop()
    this.#handleEvents()
    clearTimeout(this.#lingerTimer)
    this.#settleLink()
  }

  #onAlarm(): void {
    this.session.handleTimeout(monotonicNow())
    this.#pump()
  }

  /** What one turn asks for leaves in one write. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    const { link, session } = this
    if (!link) return
    this.#handleEvents()
    link.cork()
    const now = monotonicNow()
    while (link.writable) {
      const item = session.pollTransmit(now)
      if (!item) break
      link.write(item.lane, item.bytes)
    }
    link.uncork()
    if (session.state === 'closed' && session.queuedBytes === 0) link.end()
    this.#alarm.arm()
  }

  // ---- events ---------------------------------------------------------------------------------

  #handleEvents(): void {
    const { session } = this
    for (let event = session.pollEvent(); event; event = session.pollEvent()) this.#handleEvent(event)
    if (!this.#end && this.#waiting.size > 0) this.#resumeSends()
  }

  #handleEvent(event: ClientEvent): void {
    switch (event.kind) {
      case 'ready':
        return this.#settleReady.resolve(event.facts)
      case 'joined':
        if (event.request === 0) return this.#options.onEvent(event)
        return this.#answer(event.request, event.conversation)
      case 'members':
      case 'rooms':
      case 'identity':
        return this.#answer(event.frame.request, event.frame)
      case 'ok':
        return this.#answer(event.request, undefined)
      case 'error':
        return this.#refuse(event)
      case 'pong':
        //= PAL-SES-012
        this.#fences.get(event.nonce)?.resolve(undefined)
        this.#fences.delete(event.nonce)
        return
      case 'message':
        this.#acknowledge(event.message)
        return this.#options.onEvent(event)
      case 'closed':
        return this.#finish(event)
      default:
        return this.#options.onEvent(event)
    }
  }

  #answer(request: number, answer: unknown): void {
    this.#requests.get(request)?.resolve(answer)
    this.#requests.delete(request)
  }

  #acknowledge(message: ReceivedMessage): void {
    if (!message.own) return
    const key = `${message.conversation.number}/${message.ref}`
    this.#sends.get(key)?.resolve({ seq: message.seq, timeMs: message.timeMs } satisfies Receipt)
    this.#sends.delete(key)
  }

  #refuse(event: Extract<ClientEvent, { kind: 'error' }>): void {
    const { request, conversation, ref, code, text } = event.frame
    const error = new PalaverError(event.name ?? 'unknown', code, text)
    this.#requests.get(request)?.reject(error)
    this.#requests.delete(request)
    const key = `${conversation}/${ref}`
    this.#sends.get(key)?.reject(error)
    this.#sends.delete(key)
  }

  #finish(event: ClosedEvent): void {
    this.#end = event
    const error = errorOf(event)
    this.#settleReady.reject(error)
    const pending = [...this.#requests.values(), ...this.#fences.values(), ...this.#sends.values()]
    for (const each of pending) each.reject(error)
    for (const queue of this.#waiting.values())
      for (let each = queue.shift(); each; each = queue.shift()) each.reject(error)
    this.#requests.clear()
    this.#fences.clear()
    this.#sends.clear()
    this.#waiting.clear()
    //= PAL-SES-018
    this.#lingerTimer = setTimeout(() => this.link?.abort(), LIMITS.lingerMs)
    this.#options.onEvent(event)
    this.#settleClosed(event)
  }
}

/** The end of a session as an error for those who wait for something. */
export function errorOf(event: ClosedEvent): PalaverError {
  if (event.by === 'link') return new PalaverError('link_lost', 0, event.text)
  return new PalaverError(event.name ?? 'unknown', event.code, event.text)
}
