/**
 * Sealing between a connection and a program: what the program sends into direct conversations goes out
 * sealed, and what comes from there is opened before the program sees it.
 */
import { CONTENT_KINDS, CONVERSATION_KINDS } from '../codec/generated/registry.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { Pin, SealingMode } from '../crypto/trust/pins.ts'
import { isVerified } from '../crypto/trust/pins.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { foldName } from '../protocol/names.ts'
import type { ClientConnection, SessionEvent } from './client-connection.ts'
import { SealedConversations, type SealedEvent } from './sealed-conversations.ts'
import type { SealedStore } from './sealed-store.ts'
import { noteSeal, type SealOf } from './seals.ts'

/** What a program hears of sealing besides messages. */
export type SealingNews = Exclude<SealedEvent, { kind: 'message' }>

export interface SealedConnectionOptions {
  readonly mode: SealingMode
  readonly primitives: Primitives
  /** Everything of the connection, messages opened. */
  readonly onEvent: (event: SessionEvent) => void
  readonly onNews: (news: SealingNews) => void
}

/** Stands between a connection and a program that knows nothing of sealing. */
export class SealedConnection {
  readonly #options: SealedConnectionOptions
  readonly #early: SessionEvent[] = []
  #conversations: SealedConversations | undefined
  #connection: ClientConnection | undefined
  #taking: ReceivedMessage | undefined

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
    const conversations = new SealedConversations({
      store,
      relayKey: connection.facts.relayKey,
      accountKey,
      mode,
      primitives,
      carry: async (to, kind, body) => {
        const conversation = await connection.request({ type: 'direct', name: to.name })
        return send(conversation, kind, body)
      },
      onEvent: (event) => this.#handleSealed(event),
    })
    this.#conversations = conversations
    this.#connection = connection
    connection.closed.then(() => {
      conversations.close()
      store.close()
    })
    // The program keeps its connection: only where its messages go changes.
    connection.send = async (to, kind, body, id) => {
      const conversation = typeof to === 'number' ? connection.conversations.get(to) : to
      const peer = conversation && peerOf(conversation)
      if (!conversation || !peer) return send(to, kind, body, id)
      const receipt = await conversations.send(peer, kind, body)
      this.#showOwn(conversation, { ...receipt, kind, body })
      return receipt
    }
    for (const event of this.#early.splice(0)) this.handle(event)
  }

  /** The machine behind it, once attached. */
  get conversations(): SealedConversations {
    return this.#conversations as SealedConversations
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

  handle(event: SessionEvent): void {
    const conversations = this.#conversations
    if (!conversations) {
      this.#early.push(event)
      return
    }
    const { onEvent } = this.#options
    if (event.kind !== 'message') return onEvent(event)
    const { message } = event
    const { conversation, contentKind, body, seq } = message
    if (conversation.kind !== CONVERSATION_KINDS.direct) return onEvent(event)
    const isSealed = contentKind === CONTENT_KINDS.sealed
    if (message.own) return isSealed ? undefined : onEvent(event)
    const from = peerOf(conversation)
    if (!from) return
    this.#taking = message
    conversations.take(from, { position: seq, contentKind, body })
    this.#taking = undefined
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
    this.#options.onEvent({ kind: 'message', message: shown })
  }
}

function sealWith(sealed: boolean, pin: Pin | undefined): SealOf {
  const verified = sealed && pin !== undefined && isVerified(pin)
  return { sealed, verified, key_changed: pin?.claim !== undefined }
}

/** The other one of a direct conversation. */
function peerOf(conversation: ClientConversation): Person | undefined {
  if (conversation.kind !== CONVERSATION_KINDS.direct) return undefined
  for (const member of conversation.members.values())
    if (member.alias !== conversation.alias)
      return { key: member.key, name: member.name, folded: foldName(member.name) }
  return undefined
}
