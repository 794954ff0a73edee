/** Direct conversations sealed end to end: what `--e2ee` asks for, between a program and its connection. */
import { CONTENT_KINDS, CONVERSATION_KINDS } from '../codec/generated/registry.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { ClientConnection, SessionEvent } from '../node/client-connection.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { SealedConversations, type SealedEvent } from '../node/sealed-conversations.ts'
import { openSealedStore, sealedStorePath } from '../node/sealed-store.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { foldName } from '../protocol/names.ts'
import { CliError, EXIT } from './exit.ts'
import { warn } from './output.ts'
import { printable } from './printable.ts'
import { noteSeal } from './seals.ts'

/** Stands between a connection and a program that knows nothing of sealing. */
export class DirectSealing {
  readonly #mode: SealingMode
  readonly #onEvent: (event: SessionEvent) => void
  readonly #early: SessionEvent[] = []
  #conversations: SealedConversations | undefined
  #taking: ReceivedMessage | undefined

  constructor(mode: SealingMode, onEvent: (event: SessionEvent) => void) {
    this.#mode = mode
    this.#onEvent = onEvent
  }

  /** Seals what the connection sends into direct conversations from now on. */
  attach(connection: ClientConnection, accountKey: Uint8Array): void {
    const primitives = createNodePrimitives()
    const { relayKey } = connection.facts
    const store = openSealedStore(primitives, sealedStorePath(accountKey, relayKey))
    if (!store)
      throw new CliError(
        EXIT.usage,
        'sealed_store_in_use',
        'another program of this identity seals with this relay',
        'end it, or use another --nick',
      )
    const send = connection.send.bind(connection)
    const conversations = new SealedConversations({
      store,
      relayKey,
      accountKey,
      mode: this.#mode,
      primitives,
      carry: async (to, kind, body) => {
        const conversation = await connection.request({ type: 'direct', name: to.name })
        return send(conversation, kind, body)
      },
      onEvent: (event) => this.#handleSealed(event),
    })
    this.#conversations = conversations
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

  handle(event: SessionEvent): void {
    const conversations = this.#conversations
    if (!conversations) {
      this.#early.push(event)
      return
    }
    if (event.kind !== 'message') return this.#onEvent(event)
    const { message } = event
    const { conversation, contentKind, body, seq } = message
    if (conversation.kind !== CONVERSATION_KINDS.direct) return this.#onEvent(event)
    const isSealed = contentKind === CONTENT_KINDS.sealed
    if (message.own) return isSealed ? undefined : this.#onEvent(event)
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
    noteSeal(message, { sealed: true, verified: false })
    this.#onEvent({ kind: 'message', message })
  }

  #handleSealed(event: SealedEvent): void {
    const message = this.#taking
    if (event.kind === 'message' && message) {
      const { contentKind, body, isSealed, isVerified } = event
      const shown = { ...message, contentKind, body }
      noteSeal(shown, { sealed: isSealed, verified: isVerified })
      this.#onEvent({ kind: 'message', message: shown })
      return
    }
    const text = noticeText(event)
    if (text !== undefined) warn(printable(text))
  }
}

/** The other one of a direct conversation. */
function peerOf(conversation: ClientConversation): Person | undefined {
  if (conversation.kind !== CONVERSATION_KINDS.direct) return undefined
  for (const member of conversation.members.values())
    if (member.alias !== conversation.alias)
      return { key: member.key, name: member.name, folded: foldName(member.name) }
  return undefined
}

function noticeText(event: SealedEvent): string | undefined {
  switch (event.kind) {
    case 'key_changed':
      return `${event.person.name} shows another identity than before: nothing is sent until you decide`
    case 'peer_reset':
      return `${event.person.name} began anew: messages before this may be lost to the other side`
    case 'unreadable':
      return event.why === 'plain'
        ? `a message of ${event.from.name} that was not sealed is not shown`
        : `a message of ${event.from.name} cannot be read (${event.why})`
    default:
      return undefined
  }
}
