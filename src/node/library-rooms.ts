/** Sealed rooms for programs: who can read a room, and changing that. */
import { hexOf } from '../base/bytes.ts'
import type { ClientConversation } from '../protocol/client/index.ts'
import type { RoomSealing } from './room-sealing.ts'
import type { SealedConnection } from './sealed-connection.ts'

/** Who can read a sealed room. */
export interface SealedRoomFacts {
  /** The room's number in hexadecimal: its name is bound to it for good. */
  readonly gid: string
  readonly epoch: number
  /** `gone` once this program has no keys of it any more. */
  readonly state: 'open' | 'expect_secret' | 'removed' | 'closed' | 'gone'
  readonly members: readonly { readonly nick: string | undefined; readonly isAdmin: boolean }[]
}

/** The sealing of one room. All that changes it rejects with SealError. */
export class LibraryRoomSealing {
  readonly #rooms: RoomSealing
  readonly #sealing: SealedConnection
  readonly #conversation: ClientConversation

  constructor(sealing: SealedConnection, conversation: ClientConversation) {
    this.#sealing = sealing
    this.#rooms = sealing.rooms as RoomSealing
    this.#conversation = conversation
  }

  /** Undefined while the room is plain. */
  get facts(): SealedRoomFacts | undefined {
    const view = this.#rooms.viewOf(this.#conversation)
    if (!view) return undefined
    const members = view.members.map(({ person, role }) => ({
      nick: person?.name,
      isAdmin: role === 'admin',
    }))
    return { gid: hexOf(view.group), epoch: view.epoch, state: view.state, members }
  }

  /** Seals the room from now on; this program alone can read it then. False when it is sealed already. */
  create(): boolean {
    return this.#rooms.create(this.#conversation)
  }

  /** Enters a room that somebody sealed and added this program to, as `room_invited` told. */
  accept(): boolean {
    return this.#rooms.accept(this.#conversation)
  }

  /** Resolves when the member counts, for which a program of theirs has to answer. */
  async add(nick: string): Promise<void> {
    await this.#rooms.add(this.#conversation, await this.#sealing.personNamed(nick))
  }

  remove(nick: string): Promise<void> {
    return this.#rooms.change(this.#conversation, 'remove', nick)
  }

  setAdmin(nick: string, isAdmin: boolean): Promise<void> {
    return this.#rooms.change(this.#conversation, isAdmin ? 'admin' : 'member', nick)
  }

  /** New keys for the same members. */
  rekey(): Promise<void> {
    return this.#rooms.rekey(this.#conversation)
  }

  /** Asks to be removed from the sealed room; the membership on the relay goes on. */
  leave(): Promise<void> {
    return this.#rooms.leave(this.#conversation)
  }
}
