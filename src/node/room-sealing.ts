/** Sealed rooms between a connection and a program: see `SealedConnection`. */
import { equalBytes } from '../base/bytes.ts'
import { CONTENT_KINDS, CONVERSATION_KINDS } from '../codec/generated/registry.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { RoomMember } from '../crypto/client/room-outputs.ts'
import type { RoomView } from '../crypto/client/rooms.ts'
import { INNER_KINDS } from '../crypto/direct/inner.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { Pin, SealingMode } from '../crypto/trust/pins.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { foldName } from '../protocol/names.ts'
import type { ClientConnection } from './client-connection.ts'
import { PalaverError } from './palaver-error.ts'
import { RoomConversations, type RoomEvent } from './room-conversations.ts'
import { SealError, type SealedConversations, type SealedReceipt } from './sealed-conversations.ts'
import type { SealedStore } from './sealed-store.ts'

/** What a program hears of sealed rooms besides messages. */
export type RoomNews = Exclude<RoomEvent, { kind: 'room_message' }>

export interface RoomSealingOptions {
  readonly mode: SealingMode
  readonly primitives: Primitives
  readonly store: SealedStore
  readonly accountKey: Uint8Array
  readonly conversations: SealedConversations
  /** The connection's own. */
  readonly send: ClientConnection['send']
  /** Hands a message to the program; `pin` is that of its author, where it is known. */
  readonly show: (message: ReceivedMessage, sealed: { readonly pin: Pin | undefined } | undefined) => void
  readonly onNews: (news: RoomNews) => void
}

export class RoomSealing {
  readonly #connection: ClientConnection
  readonly #options: RoomSealingOptions
  readonly #rooms: RoomConversations
  #taking: ReceivedMessage | undefined

  constructor(connection: ClientConnection, options: RoomSealingOptions) {
    const { store, primitives, accountKey, conversations, send } = options
    const { relayKey, name } = connection.facts
    this.#connection = connection
    this.#options = options
    this.#rooms = new RoomConversations({
      store,
      relayKey,
      primitives,
      self: { key: accountKey, name, folded: foldName(name) },
      fold: foldName,
      published: (packageId) => conversations.sealing.publishedPackage(packageId),
      tell: (to, innerKind, body, fid) => conversations.send(to, innerKind, body, undefined, fid),
      outbox: {
        carry: async (room, body, id) => send(this.#joined(room), CONTENT_KINDS.sealed, body, id),
        replace: (room, id, body) => connection.replace(this.#joined(room), id, body),
        withdraw: (room, id) => connection.withdraw(this.#joined(room), id),
        release: (room) => connection.release(this.#joined(room)),
      },
      onEvent: (event) => this.#handleEvent(event),
    })
    this.#takeOver()
  }

  /** A room begins where its keys are, whatever the program asks for. */
  #takeOver(): void {
    const connection = this.#connection
    const request = connection.request.bind(connection)
    connection.request = async (asked, since) => {
      if (asked.type !== 'join') return request(asked, since)
      const room = foldName(asked.room)
      this.#offer(room)
      const seq = this.#rooms.rooms.positionOf(room)
      return request(asked, seq === undefined ? since : { seq })
    }
  }

  /**
   * Somebody added this member while it was not in the room. Its name is bound by a decision of its user, who
   * may mean a plain room of that name; where nothing plain counts, that is decided.
   */
  #offer(room: string): void {
    const invitation = this.#rooms.rooms.invitations.get(room)
    if (!invitation) return
    const { name, by } = invitation
    this.#options.onNews({ kind: 'room_invited', room, name, by })
    if (this.#options.mode === 'require') this.#rooms.do((machine, now) => machine.accept(room, now))
  }

  /** What the program of a member said in a direct conversation. */
  handleControl(from: Person, fid: Uint8Array, innerKind: number, body: Uint8Array): void {
    this.#rooms.do((machine, now) => machine.handleControl({ fid, person: from }, innerKind, body, now))
  }

  /** Takes an entry of a room's log. */
  handle(message: ReceivedMessage): void {
    const { conversation, contentKind, body, seq, own } = message
    const room = foldName(conversation.name)
    this.#taking = message
    const isTaken = this.#rooms.take(room, { position: seq, contentKind, body })
    this.#taking = undefined
    if (isTaken) return
    //= PAL-TRU-014
    if (this.#options.mode !== 'require' || own) return this.#options.show(message, undefined)
    this.#options.onNews({ kind: 'room_unreadable', room, position: seq, why: 'plain' })
  }

  /** The link is gone: until the next one has read a room's log, nothing is sealed for it. */
  fallBehind(): void {
    this.#rooms.do((machine) => machine.fallBehind())
  }

  /** The room's log was read to the end. */
  catchUp(conversation: ClientConversation): void {
    const waiting = this.#connection.waiting(conversation)
    this.#rooms.do((machine, now) => machine.catchUp(foldName(conversation.name), waiting, now))
  }

  /** The relay has a message of an earlier run. */
  settled(conversation: ClientConversation, id: string): void {
    this.#rooms.rooms.settled(foldName(conversation.name), id)
  }

  isSealed(conversation: ClientConversation): boolean {
    return this.#rooms.rooms.isSealed(foldName(conversation.name))
  }

  /** Sends a message sealed; undefined when the room is plain, which may be refused. */
  send(
    conversation: ClientConversation,
    message: { readonly kind: number; readonly body: Uint8Array; readonly id: string | undefined },
  ): Promise<SealedReceipt> | undefined {
    if (this.isSealed(conversation)) return this.#sendSealed(foldName(conversation.name), message)
    //= PAL-TRU-013
    return this.#options.mode === 'require' ? Promise.reject(new SealError('not_sealed')) : undefined
  }

  async #sendSealed(
    room: string,
    { kind, body, id }: { kind: number; body: Uint8Array; id: string | undefined },
  ): Promise<SealedReceipt> {
    return { ...(await this.#rooms.send(room, kind, body, id)), isSealed: true }
  }

  /** The program has done with everything up to there. Kept with the next change. */
  applied(conversation: ClientConversation, seq: number, needs?: readonly number[]): void {
    this.#rooms.rooms.applied(foldName(conversation.name), seq, needs)
  }

  /** Whether more than should be is opened and not applied, even without this message. */
  isFullFor({ conversation, seq: position, contentKind, body }: ReceivedMessage): boolean {
    return this.#rooms.rooms.isFullFor(foldName(conversation.name), { position, contentKind, body })
  }

  close(): void {
    this.#rooms.close()
  }

  // ---- what people ask for --------------------------------------------------------------------

  viewOf(conversation: ClientConversation): RoomView | undefined {
    return this.#rooms.rooms.viewOf(foldName(conversation.name))
  }

  /** Seals a room from now on; this member is the first who can read. False when it is sealed already. */
  create(conversation: ClientConversation): boolean {
    const { name } = conversation
    let isCreated = false
    this.#rooms.do((machine, nowMs) => {
      const position = this.#connection.position(conversation)
      isCreated = machine.create(name, foldName(name), { nowMs, position })
    })
    return isCreated
  }

  /**
   * Adds somebody; resolves when it counts. By the package that they have at the relay; where there is
   * none a program of theirs has to answer.
   */
  async add(conversation: ClientConversation, person: Person): Promise<void> {
    const { conversations } = this.#options
    if (!conversations.sealing.pinOf(person))
      await conversations.send(person, INNER_KINDS.nudge, new Uint8Array(0))
    const pin = conversations.sealing.pinOf(person)
    if (!pin) throw new SealError('no_keys')
    const bundle = await conversations.bundleOf(person)
    const invitation = { to: person, fid: pin.fid, keyPackage: bundle?.keyPackage }
    await this.#rooms.invite(foldName(conversation.name), invitation)
  }

  /** Changes the membership of somebody by name. */
  async change(
    conversation: ClientConversation,
    what: 'remove' | 'admin' | 'member',
    nick: string,
  ): Promise<void> {
    const members = this.viewOf(conversation)?.members ?? []
    const member = members.find(({ person }) => person?.folded === foldName(nick))
    if (!member) throw new PalaverError('no_such_name', 0, `${nick} is no member of the sealed room`)
    const { fid } = member
    const room = foldName(conversation.name)
    if (what === 'remove') return this.#rooms.change(room, { kind: 'remove', fids: [fid] })
    return this.#rooms.change(room, { kind: 'role', fid, role: what })
  }

  rekey(conversation: ClientConversation): Promise<void> {
    return this.#rooms.change(foldName(conversation.name), { kind: 'rekey' })
  }

  closeRoom(conversation: ClientConversation): Promise<void> {
    return this.#rooms.change(foldName(conversation.name), { kind: 'close' })
  }

  /** Asks to be removed; keys are gone once a member did that. */
  leave(conversation: ClientConversation): Promise<void> {
    return this.#rooms.leave(foldName(conversation.name))
  }

  /** Enters a room that the session is in and that somebody sealed; what was said since then comes again. */
  accept(conversation: ClientConversation): boolean {
    const room = foldName(conversation.name)
    let isAccepted = false
    this.#rooms.do((machine, now) => {
      isAccepted = machine.accept(room, now)
    })
    const position = this.#rooms.rooms.positionOf(room)
    if (!isAccepted || position === undefined) return isAccepted
    // What was said and done since the welcome is read before anything is sent.
    this.#rooms.do((machine) => machine.fallBehind(room))
    this.#connection.reposition(conversation, position)
    return true
  }

  #handleEvent(event: RoomEvent): void {
    if (event.kind === 'room_message') return this.#show(event)
    if (event.kind === 'room_invited' && this.#options.mode === 'require') {
      const conversation = this.#find(event.room)
      // Where nothing plain counts nobody has to be asked.
      if (conversation) this.accept(conversation)
    }
    this.#options.onNews(event)
  }

  /** The author is who signed, whatever name the relay gives it. */
  #show({ room, position, from, contentKind, body }: RoomEvent & { kind: 'room_message' }): void {
    const taking = this.#taking
    const isSame = taking?.seq === position && foldName(taking.conversation.name) === room
    const conversation = isSame ? taking.conversation : this.#joined(room)
    const message: ReceivedMessage = {
      conversation,
      seq: position,
      timeMs: isSame ? taking.timeMs : Date.now(),
      sender: isSame ? taking.sender : 0,
      senderName: from.person?.name,
      ref: 0,
      contentKind,
      body,
      own: false,
    }
    this.#options.show(message, { pin: this.#pinOf(from) })
  }

  #pinOf({ person, fid }: RoomMember): Pin | undefined {
    const pin = person && this.#options.conversations.sealing.pinOf(person)
    return pin && equalBytes(pin.fid, fid) ? pin : undefined
  }

  #joined(room: string): ClientConversation {
    const found = this.#find(room)
    if (found) return found
    throw new PalaverError('not_a_member', 0, `not in #${room}`)
  }

  #find(room: string): ClientConversation | undefined {
    for (const each of this.#connection.conversations.values())
      if (each.kind === CONVERSATION_KINDS.room && foldName(each.name) === room) return each
    return undefined
  }
}
