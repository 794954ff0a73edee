/**
 * Sealing between a connection and a program: what the program sends into direct conversations goes out
 * sealed, and what comes from there is opened before the program sees it.
 */

import { equalBytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { CONTENT_KINDS, CONVERSATION_KINDS, ERRORS } from '../codec/generated/registry.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { FILE_CHUNK } from '../crypto/sealed-file.ts'
import type { Pin, SealingMode } from '../crypto/trust/pins.ts'
import { isVerified } from '../crypto/trust/pins.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { foldName } from '../protocol/names.ts'
import type { ClientConnection, Receipt, SessionEvent } from './client-connection.ts'
import { entryOf } from './entry-of.ts'
import { PalaverError } from './palaver-error.ts'
import { relayKeysOver } from './relay-keys.ts'
import { type RoomNews, RoomSealing, type RoomSealingOptions } from './room-sealing.ts'
import { type Carry, SealedConversations, type SealedEvent } from './sealed-conversations.ts'
import type { SealedStore } from './sealed-store.ts'
import { noteSeal, type SealOf } from './seals.ts'
import { Trailing } from './trailing.ts'

/** What a program hears of sealing besides messages. */
export type SealingNews = Exclude<SealedEvent, { kind: 'message' }> | RoomNews

export interface SealedConnectionOptions {
  readonly mode: SealingMode
  readonly primitives: Primitives
  /**
   * Whether an entry counts as applied when `onEvent` returned, or when the program says so. The connection
   * itself has to leave that to this: what waits for `attach` is not applied.
   */
  readonly acknowledges: 'auto' | 'manual'
  /** Everything of the connection, messages opened. */
  readonly onEvent: (event: SessionEvent) => void
  readonly onNews: (news: SealingNews) => void
  /** So much was opened and not applied that nothing more is read until some of it is. */
  readonly onFull?: () => void
}

/** Stands between a connection and a program that knows nothing of sealing. */
export class SealedConnection {
  readonly #options: SealedConnectionOptions
  readonly #early: SessionEvent[] = []
  #conversations: SealedConversations | undefined
  #rooms: RoomSealing | undefined
  #connection: ClientConnection | undefined
  #taking: ReceivedMessage | undefined
  /** Whether the program was given what the entry at hand holds. */
  #isShown = false
  #isPassing = false
  #applied: ClientConnection['applied'] | undefined
  readonly #trailing = new Trailing()
  /** Whether events wait in `#early` until the program applied some of what was opened. */
  #isStalled = false
  /** Whether the program wants nothing read. */
  #isPaused = false
  #pause: (() => void) | undefined

  constructor(options: SealedConnectionOptions) {
    this.#options = options
  }

  /** Seals what the connection sends from now on. The store is closed with the connection. */
  attach(
    connection: ClientConnection,
    { store, accountKey }: { store: SealedStore; accountKey: Uint8Array },
  ): void {
    const { mode, primitives } = this.#options
    const send = connection.send.bind(connection)
    const applied = connection.applied.bind(connection)
    const conversations: SealedConversations = new SealedConversations({
      store,
      relayKey: connection.facts.relayKey,
      accountKey,
      mode,
      primitives,
      carry: carryBy(connection, send),
      keys: relayKeysOver(connection),
      onEvent: (event) => this.#handleSealed(event),
      onControl: ({ from, fid, innerKind, body }) => rooms.handleControl(from, fid, innerKind, body),
    })
    const rooms = this.#roomsOver(connection, { store, accountKey, conversations, send })
    this.#conversations = conversations
    this.#rooms = rooms
    this.#connection = connection
    this.#applied = applied
    connection.closed.then(() => {
      rooms.close()
      conversations.close()
      store.close()
    })
    // The program keeps its connection: only where its messages go changes.
    connection.send = async (to, kind, body, id) => {
      const conversation = typeof to === 'number' ? connection.conversations.get(to) : to
      // Chunks of files are sealed already.
      if (!conversation || kind === CONTENT_KINDS.sealed) return send(to, kind, body, id)
      // Sealed anew it would be another message.
      if (id !== undefined && connection.knows(conversation, id)) return send(to, kind, body, id)
      const peer = peerOf(conversation)
      const sent = peer
        ? conversations.send(peer, kind, body, id)
        : rooms.send(conversation, { kind, body, id })
      if (!sent) return send(to, kind, body, id)
      const receipt = await sent
      this.#showOwn(conversation, { ...receipt, kind, body })
      return receipt
    }
    const signal = connection.signal.bind(connection)
    connection.signal = (conversation, what) => {
      //= PAL-SIG-018
      if (what.body && what.body.length > 0 && this.maySeal(conversation))
        throw new UsageError('bad_argument', 'signals are not sealed: none has a body where messages are')
      return signal(conversation, what)
    }
    const withdraw = connection.withdraw.bind(connection)
    connection.withdraw = (conversation, id) => {
      rooms.settled(conversation, id)
      return withdraw(conversation, id)
    }
    this.#steer(connection, applied)
    for (const event of this.#early.splice(0)) this.handle(event)
    conversations.connected()
  }

  /** What the program applied and whether it reads are not all that counts. */
  #steer(connection: ClientConnection, applied: ClientConnection['applied']): void {
    connection.applied = (conversation, seq) => {
      const reached = this.#trailing.applied(conversation, seq)
      const needs = this.#trailing.needsOf(conversation)
      applied(conversation, Math.min(reached, ...needs.map((each) => each - 1)))
      this.#noteApplied(conversation, reached)
      this.#goOn(resume)
    }
    const pause = connection.pause.bind(connection)
    const resume = connection.resume.bind(connection)
    connection.pause = () => {
      this.#isPaused = true
      pause()
    }
    connection.resume = () => {
      this.#isPaused = false
      if (!this.#isStalled) resume()
    }
    this.#pause = pause
  }

  /**
   * What was applied of a conversation and is needed again if the program ends now: the relay keeps it, and
   * all behind it, until that changes. Counts from the next `applied` on.
   */
  need(conversation: ClientConversation, seqs: readonly number[]): void {
    this.#trailing.need(conversation, seqs)
  }

  #roomsOver(
    connection: ClientConnection,
    parts: Pick<RoomSealingOptions, 'store' | 'accountKey' | 'conversations' | 'send'>,
  ): RoomSealing {
    const { mode, primitives, onNews } = this.#options
    return new RoomSealing(connection, {
      ...parts,
      mode,
      primitives,
      onNews,
      show: (message, sealed) => {
        if (sealed) noteSeal(message, sealWith(true, sealed.pin))
        this.#show(message)
      },
    })
  }

  /** There is nothing to seal with and nothing to open: everything passes as it is. */
  pass(connection: ClientConnection): void {
    this.#isPassing = true
    this.#connection = connection
    this.#applied = connection.applied.bind(connection)
    for (const event of this.#early.splice(0)) this.handle(event)
  }

  #noteApplied(conversation: ClientConversation, seq: number): void {
    const peer = peerOf(conversation)
    const needs = this.#trailing.needsOf(conversation)
    if (peer) this.#conversations?.applied(peer, seq, needs)
    else this.#rooms?.applied(conversation, seq, needs)
  }

  /** The machine behind it, once attached. */
  get conversations(): SealedConversations {
    return this.#conversations as SealedConversations
  }

  /** Sealed rooms, once attached. */
  get rooms(): RoomSealing | undefined {
    return this.#rooms
  }

  /** Who goes by that name on the relay now. */
  async personNamed(name: string): Promise<Person> {
    const connection = this.#connection as ClientConnection
    const identity = await connection.request({ type: 'whois', name })
    return { key: identity.key, name: identity.name, folded: foldName(identity.name) }
  }

  /** What is known of the other one of a direct conversation. */
  pinIn(conversation: ClientConversation): Pin | undefined {
    const peer = peerOf(conversation)
    return peer && this.#conversations?.sealing.pinOf(peer)
  }

  /** Whether what is sent there may go sealed. */
  maySeal(conversation: ClientConversation): boolean {
    if (conversation.kind !== CONVERSATION_KINDS.direct) return this.#rooms?.isSealed(conversation) === true
    return (
      this.#rooms !== undefined &&
      (this.#options.mode !== 'off' || this.pinIn(conversation)?.isSealed === true)
    )
  }

  /** Takes an event of the connection; those before `attach` or `pass` wait for it. */
  handle(event: SessionEvent): void {
    if (this.#mustWait(event)) return this.#wait(event)
    if (event.kind === 'closed') this.#early.splice(0)
    this.#take(event)
    const entry = this.#options.acknowledges === 'auto' ? entryOf(event) : undefined
    // By now what opening the entry changed is kept.
    if (entry) this.#applied?.(entry.conversation, entry.seq)
  }

  #mustWait(event: SessionEvent): boolean {
    if (this.#isPassing) return false
    if (!this.#conversations) return true
    // Nothing comes after the end, and what was not applied comes again in the next run.
    if (event.kind === 'closed') return false
    return this.#isStalled || (event.kind === 'message' && this.#isTooMuch(event.message))
  }

  #wait(event: SessionEvent): void {
    this.#early.push(event)
    if (!this.#conversations || this.#isStalled) return
    this.#isStalled = true
    this.#pause?.()
    this.#options.onFull?.()
  }

  /** Whether it is sealed, and so much of that is opened that the program has to apply some first. */
  #isTooMuch(message: ReceivedMessage): boolean {
    const { conversation, contentKind, body, seq: position } = message
    if (contentKind !== CONTENT_KINDS.sealed || this.#options.acknowledges === 'auto') return false
    if (!this.#trailing.isBehind) return false
    const peer = peerOf(conversation)
    if (!peer) return this.#rooms?.isFullFor(message) === true
    return this.#conversations?.sealing.isFullFor(peer, { position, body }) === true
  }

  /** Takes what waited, as far as there is room for it again. */
  #goOn(resume: () => void): void {
    const [first] = this.#early
    if (!this.#isStalled || (first?.kind === 'message' && this.#isTooMuch(first.message))) return
    this.#isStalled = false
    for (const event of this.#early.splice(0)) this.handle(event)
    if (!this.#isStalled && !this.#isPaused) resume()
  }

  #take(event: SessionEvent): void {
    const { onEvent } = this.#options
    const conversations = this.#conversations
    if (!conversations && event.kind === 'caught_up') return this.#connection?.release(event.conversation)
    if (!conversations) return onEvent(event)
    if (event.kind === 'stock') return conversations.handleStock(event.frame.count)
    if (event.kind === 'renewed') this.#trailing.forget(event.conversation)
    if (event.kind === 'status' && event.state === 'online') conversations.connected()
    if (event.kind === 'status' && event.state === 'reconnecting') this.#rooms?.fallBehind()
    if (event.kind === 'caught_up') return this.#rooms?.catchUp(event.conversation)
    if (event.kind === 'sent' && event.conversation) this.#rooms?.settled(event.conversation, event.id)
    if (event.kind !== 'message') return onEvent(event)
    const { message } = event
    this.#isShown = false
    if (isChunk(message) && this.maySeal(message.conversation)) {
      if (!message.own) this.#show(message)
    } else if (message.conversation.kind === CONVERSATION_KINDS.direct)
      this.#handleDirect(message, conversations)
    else this.#rooms?.handle(message)
    this.#account(message)
  }

  #handleDirect(message: ReceivedMessage, conversations: SealedConversations): void {
    const { conversation, contentKind, body, seq, own } = message
    if (own && contentKind === CONTENT_KINDS.sealed) return
    const from = own ? undefined : peerOf(conversation)
    if (!from) return this.#show(message)
    this.#taking = message
    conversations.take(from, { position: seq, contentKind, body })
    this.#taking = undefined
  }

  #show(message: ReceivedMessage): void {
    this.#isShown = true
    this.#trailing.handed(message.conversation, message.seq)
    this.#options.onEvent({ kind: 'message', message })
  }

  /** What the program was not given is applied without it. */
  #account({ conversation, seq }: ReceivedMessage): void {
    if (this.#options.acknowledges === 'auto') this.#noteApplied(conversation, seq)
    else if (!this.#isShown && this.#trailing.passed(conversation, seq))
      this.#connection?.applied(conversation, seq)
  }

  /** In place of the echo, which nobody can read. */
  #showOwn(
    conversation: ClientConversation,
    sent: { seq: number; timeMs: number; isSealed: boolean; kind: number; body: Uint8Array },
  ): void {
    if (!sent.isSealed) return
    const { seq, timeMs, kind, body } = sent
    const { alias } = conversation
    const senderName = conversation.members.get(alias)?.name
    const message: ReceivedMessage = {
      conversation,
      seq,
      timeMs,
      sender: alias,
      senderName,
      ref: 0,
      contentKind: kind,
      body,
      own: true,
    }
    noteSeal(message, sealWith(true, this.pinIn(conversation)))
    this.#options.onEvent({ kind: 'message', message })
  }

  #handleSealed(event: SealedEvent): void {
    if (event.kind !== 'message') return this.#options.onNews(event)
    const message = this.#taking
    if (!message) return
    const { contentKind, body, isSealed } = event
    const shown = { ...message, contentKind, body }
    noteSeal(shown, sealWith(isSealed, this.pinIn(message.conversation)))
    this.#show(shown)
  }
}

function sealWith(sealed: boolean, pin: Pin | undefined): SealOf {
  const verified = sealed && pin !== undefined && isVerified(pin)
  return { sealed, verified, key_changed: pin?.claim !== undefined }
}

/** A chunk of a file: the descriptor, which came sealed, tells the program what to do with it. */
function isChunk({ contentKind, body }: ReceivedMessage): boolean {
  return contentKind === CONTENT_KINDS.sealed && body[0] === FILE_CHUNK
}

/** The other one of a direct conversation. */
function peerOf(conversation: ClientConversation): Person | undefined {
  if (conversation.kind !== CONVERSATION_KINDS.direct) return undefined
  for (const member of conversation.members.values())
    if (member.alias !== conversation.alias)
      return { key: member.key, name: member.name, folded: foldName(member.name) }
  return undefined
}

/** The direct conversation with that account, that the connection has or opens. */
function carryBy(connection: ClientConnection, send: ClientConnection['send']): Carry {
  return async (to, kind, body, id): Promise<Receipt> => {
    for (const conversation of connection.conversations.values())
      if (connection.isIn(conversation) && isWith(conversation, to)) return send(conversation, kind, body, id)
    const opened = await connection.request({ type: 'direct', name: to.name })
    if (isWith(opened, to)) return send(opened, kind, body, id)
    throw new PalaverError('no_such_name', ERRORS.no_such_name, `${to.name} is somebody else now`)
  }
}

function isWith(conversation: ClientConversation, person: Person): boolean {
  const peer = peerOf(conversation)
  return peer !== undefined && equalBytes(peer.key, person.key)
}
