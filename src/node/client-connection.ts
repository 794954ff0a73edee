/**
 * A client's session for programs: turns requests into promises. Messages and events reach one listener, in
 * order, without a promise each. A lost link is followed by another one where the program wants that.
 */

import { TransportError } from '../base/errors.ts'
import { CONVERSATION_LANES } from '../base/lanes.ts'
import type { Address } from '../base/machine.ts'
import type { LIMITS } from '../codec/generated/registry.ts'
import type {
  ClientConversation,
  ClientEvent,
  ClientOptions,
  ClientRequest,
  DurableEvent,
  RelayFacts,
  Signal,
  Since,
} from '../protocol/client/index.ts'
import { showAddress } from '../transport/errors.ts'
import type { AbortSignalLike, LinkStats, Transport, TransportKind } from '../transport/transport.ts'
import { ClientDriver } from './client-driver.ts'
import type { ClientStore } from './client-store.ts'
import { monotonicNow } from './clock.ts'
import { newMessageId } from './message-id.ts'
import { errorOf, PalaverError } from './palaver-error.ts'

export { PalaverError } from './palaver-error.ts'

/** Why a session ended. */
export type ClosedEvent = Extract<ClientEvent, { kind: 'closed' }>

/** What the listener gets: everything that is not the answer to a request. */
export type SessionEvent =
  | Extract<
      DurableEvent,
      {
        kind:
          | 'message'
          | 'event'
          | 'gap'
          | 'notice'
          | 'signal'
          | 'joined'
          | 'sent'
          | 'unsent'
          | 'renewed'
          | 'caught_up'
          | 'ended'
          | 'stock'
          | 'status'
          | 'closed'
      }
    >
  | { readonly kind: 'status'; readonly state: 'offline'; readonly text: string }
  /** The state cannot be kept any more. */
  | { readonly kind: 'unkept'; readonly error: TransportError }

/** A way to the relay. */
export interface Route {
  readonly transport: Transport
  readonly address: Address
}

export interface OpenOptions
  extends Route,
    Pick<
      ClientOptions,
      'name' | 'identity' | 'clientId' | 'agent' | 'token' | 'relayKey' | 'isRelayKey' | 'takesSignals'
    > {
  /** Whether the token may cross a plain stream to another machine. */
  readonly allowsPlainToken?: boolean | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike | undefined
  /** Where the client's state is kept; the connection closes it. */
  readonly store?: ClientStore | undefined
  /** Whether a link that was lost after the session was open is followed by another one. */
  readonly redials?: boolean | undefined
  /** Whether sealed messages to rooms wait on each link until `release`, after `caught_up`. */
  readonly holdsSealed?: boolean | undefined
  /** Whether an entry counts as applied when `onEvent` returns, or when the program says so. */
  readonly acknowledges?: 'auto' | 'manual' | undefined
  readonly onEvent: (event: SessionEvent) => void
}

/** The answer to a request, by the kind of request. */
interface Answers {
  readonly join: ClientConversation
  readonly direct: ClientConversation
  readonly follow: ClientConversation
  readonly fetch: Extract<ClientEvent, { kind: 'history' }>
  readonly who: Extract<ClientEvent, { kind: 'members' }>['frame']
  readonly list: Extract<ClientEvent, { kind: 'rooms' }>['frame']
  readonly whois: Extract<ClientEvent, { kind: 'identity' }>['frame']
  readonly publish: Extract<ClientEvent, { kind: 'stock' }>['frame']
  readonly claim: Extract<ClientEvent, { kind: 'bundle' }>['frame']
}
type AnswerTo<R extends ClientRequest> = R['type'] extends keyof Answers ? Answers[R['type']] : undefined

/** Where a message ended up in its conversation's log. */
export interface Receipt {
  readonly id: string
  /** 0 when the relay has the message and no longer knows where. */
  readonly seq: number
  readonly timeMs: number
  /** Whether the relay had it from an earlier link or run. */
  readonly isDuplicate: boolean
}

export class ClientConnection {
  /** Resolves, and never rejects, when the session is over. */
  readonly closed: Promise<ClosedEvent>
  readonly #driver: ClientDriver
  #nonce = 0

  private constructor(driver: ClientDriver) {
    this.#driver = driver
    this.closed = driver.closed
  }

  /**
   * Dials, shakes hands and resolves when the session is open. Rejects with TransportError or PalaverError.
   */
  static async open(options: OpenOptions): Promise<ClientConnection> {
    const { transport, address, timeoutMs, signal } = options
    const startedAt = monotonicNow()
    const driver = new ClientDriver({ ...options, acknowledges: options.acknowledges ?? 'auto' })
    await driver.open()
    const what = `cannot open a session at ${transport.kind}://${showAddress(address)}`
    const onTimeout = (): void =>
      driver.giveUp(new TransportError('timeout', `${what}: no answer within ${timeoutMs / 1000} s`))
    const onAbort = (): void => driver.giveUp(new TransportError('closed', `${what}: given up`))
    const timer = setTimeout(onTimeout, timeoutMs - (monotonicNow() - startedAt))
    signal?.addEventListener('abort', onAbort)
    try {
      await driver.ready
      return new ClientConnection(driver)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** What the relay said of itself, on the latest link. */
  get facts(): RelayFacts {
    return this.#driver.client.facts as RelayFacts
  }

  /** How the latest link is carried. */
  get transport(): TransportKind {
    return this.#driver.transport
  }

  /** Milliseconds since the relay told its time, on the latest link. */
  get elapsedMs(): number {
    return this.#driver.elapsedMs
  }

  get isOnline(): boolean {
    return this.#driver.client.isOnline
  }

  /** Conversations the session is in, by number. */
  get conversations(): ReadonlyMap<number, ClientConversation> {
    return this.#driver.client.conversations
  }

  /** The last entry of the conversation that the listener was given. */
  position(conversation: ClientConversation): number {
    return this.#driver.positions.get(conversation) ?? 0
  }

  /** A limit as the relay announced it. */
  limit(name: keyof typeof LIMITS): number {
    return this.#driver.client.limit(name)
  }

  /**
   * Sends a request; resolves with its answer, rejects with PalaverError when it is refused or the link is
   * lost before the answer. `since` tells from where the entries of what is joined are wanted.
   */
  request<R extends ClientRequest>(request: R, since?: Since): Promise<AnswerTo<R>> {
    const driver = this.#driver
    return new Promise((resolve, reject) => {
      if (driver.end) return reject(errorOf(driver.end))
      if (!driver.client.isOnline) return reject(offline())
      const number = driver.client.request(request, since)
      driver.requests.set(number, { resolve: resolve as (answer: unknown) => void, reject })
      driver.schedule()
    })
  }

  /**
   * Sends a message; resolves when the relay has put it into the log. While there is no link it waits in the
   * outbox, and is on the disk when this returns, where there is a store. A message with an id that was sent
   * before is not sent again.
   */
  send(
    conversation: ClientConversation | number,
    contentKind: number,
    body: Uint8Array,
    id: string = newMessageId(Date.now()),
  ): Promise<Receipt> {
    const driver = this.#driver
    const to = typeof conversation === 'number' ? this.conversations.get(conversation) : conversation
    return new Promise((resolve, reject) => {
      if (driver.end) return reject(errorOf(driver.end))
      if (!to || !driver.client.isIn(to)) return reject(notThere())
      driver.sends.set(id, { resolve: resolve as (answer: unknown) => void, reject })
      try {
        const isTaken = driver.client.send(to, { id, contentKind, body }, monotonicNow())
        if (!isTaken) throw new PalaverError('outbox_full', 0, 'too many messages wait for the relay')
      } catch (error) {
        driver.sends.delete(id)
        return reject(error as Error)
      }
      // What waits for a link is on the disk when this returns.
      if (driver.client.isOnline) driver.schedule()
      else driver.pump()
    })
  }

  /** Whether the session is in the conversation, on this link or the last one. */
  isIn(conversation: ClientConversation): boolean {
    return this.#driver.client.isIn(conversation)
  }

  /**
   * Tells the other members what is of use soon or never: who types, what was read. False when it did not
   * leave: no link, a relay that takes none, or too many of them.
   */
  signal(conversation: ClientConversation, signal: Signal): boolean {
    const hasLeft = this.#driver.client.signal(conversation, signal, monotonicNow())
    if (hasLeft) this.#driver.schedule()
    return hasLeft
  }

  /** Whether a message of that id was sent before, and is acknowledged or waits. */
  knows(conversation: ClientConversation, id: string): boolean {
    return this.#driver.client.knows(conversation, id)
  }

  /** Keeps the client's state from now on in this store, which is empty. The connection closes it. */
  keepIn(store: ClientStore): void {
    this.#driver.keepIn(store)
  }

  /**
   * Has the entries after `seq` come, whether they came before or not; for conversations joined with
   * `isHeld`, or to read again.
   */
  reposition(conversation: ClientConversation, seq: number): void {
    this.#driver.positions.set(conversation, seq)
    this.#driver.client.reposition(conversation, seq)
    this.#driver.schedule()
  }

  /** Sealed messages of the room may go on this link: they are sealed as its log wants it. */
  release(conversation: ClientConversation): void {
    this.#driver.client.release(conversation, monotonicNow())
    this.#driver.schedule()
  }

  /** Ids of messages that wait to be sent on this link. */
  waiting(conversation: ClientConversation): ReadonlySet<string> {
    return this.#driver.client.waiting(conversation)
  }

  /** Gives a message that waits another body; false when it does not wait any more. */
  replace(conversation: ClientConversation, id: string, body: Uint8Array): boolean {
    return this.#driver.client.replace(conversation, id, body)
  }

  /** Takes back a message that is not acknowledged; whether the relay has it may stay unknown. */
  withdraw(conversation: ClientConversation, id: string): boolean {
    const isWithdrawn = this.#driver.client.withdraw(conversation, id)
    this.#driver.schedule()
    return isWithdrawn
  }

  /** Says that every entry up to `seq` was applied; for programs that acknowledge by themselves. */
  applied(conversation: ClientConversation, seq: number): void {
    this.#driver.client.applied(conversation, seq, monotonicNow())
    this.#driver.schedule()
  }

  /** Resolves when every effect of what was sent before in the conversation has arrived. */
  fence(conversation: number): Promise<void> {
    const driver = this.#driver
    return new Promise((resolve, reject) => {
      if (driver.end) return reject(errorOf(driver.end))
      if (!driver.client.isOnline) return reject(offline())
      this.#nonce += 1
      driver.fences.set(this.#nonce, { resolve: () => resolve(), reject })
      driver.client.ping(this.#nonce, conversation)
      driver.schedule()
    })
  }

  /** The same for every conversation, those that the relay is about to announce included. */
  async fenceAll(): Promise<void> {
    const isLaned = (this.#driver.link?.laneCount ?? 1) > 1
    // A ping need not name a conversation that is open (PAL-SES-011): one for each lane.
    const pings = isLaned ? CONVERSATION_LANES + 1 : 1
    await Promise.all(Array.from({ length: pings }, (_, number) => this.fence(number)))
  }

  /** Moves the session to another way to the relay; nothing is lost and nothing comes twice. */
  switchTransport(route: Route): Promise<void> {
    return this.#driver.switchTo(route)
  }

  /** What the link counted, over datagrams. */
  get linkStats(): LinkStats | undefined {
    return this.#driver.link?.stats
  }

  /** Stops and continues reading from the relay. */
  pause(): void {
    this.#driver.pause()
  }

  resume(): void {
    this.#driver.resume()
  }

  /** Says goodbye; resolves when the link is over. */
  async close(): Promise<void> {
    this.#driver.close()
    await this.#driver.linkClosed
  }
}

function offline(): PalaverError {
  return new PalaverError('link_lost', 0, 'there is no link to the relay at the moment')
}

function notThere(): PalaverError {
  return new PalaverError('not_a_member', 0, 'no longer in that conversation')
}
