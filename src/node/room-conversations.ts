/** Sealed rooms over a connection: joins their machine with its store, the relay and time. */
import { UsageError } from '../base/errors.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { RoomsOutput } from '../crypto/client/room-outputs.ts'
import type { RoomEntry, Wish } from '../crypto/client/room-place.ts'
import { type RoomInvitation, SealedRooms, type SealedRoomsOptions } from '../crypto/client/rooms.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { Receipt } from './client-connection.ts'
import { newMessageId } from './message-id.ts'
import { SealError } from './sealed-conversations.ts'
import { keepAndLetOut, type SealedStore } from './sealed-store.ts'

const TICK_MS = 30_000
/** How long an operation waits for members to be told before it goes out: who was not told asks later. */
const TELL_MS = 10_000

/** What a program hears of sealed rooms. */
export type RoomEvent = Exclude<
  RoomsOutput,
  { kind: 'room_send' | 'room_withdraw' | 'room_current' | 'tell' | 'room_refused' | 'room_done' }
>

/** What waits for the relay in a room's outbox. */
export interface RoomOutbox {
  /** Puts a sealed body into the room; resolves when the relay has it. */
  carry(room: string, body: Uint8Array, id: string | undefined): Promise<Receipt>
  /** Gives what waits under that id another body. */
  replace(room: string, id: string, body: Uint8Array): void
  withdraw(room: string, id: string): void
  /** Everything may go. */
  release(room: string): void
}

export interface RoomConversationsOptions extends Omit<SealedRoomsOptions, 'own' | 'records'> {
  readonly store: SealedStore
  readonly primitives: Primitives
  /** Tells somebody something in the direct conversation; resolves when the relay has it. */
  readonly tell: (to: Person, innerKind: number, body: Uint8Array, fid: Uint8Array) => Promise<unknown>
  readonly outbox: RoomOutbox
  readonly onEvent: (event: RoomEvent) => void
}

interface Waiting {
  readonly resolve: (receipt: Receipt | undefined) => void
  readonly reject: (error: Error) => void
}

export class RoomConversations {
  readonly rooms: SealedRooms
  readonly #options: RoomConversationsOptions
  readonly #waiting = new Map<number, Waiting>()
  /** What members of a room are being told. */
  readonly #telling = new Map<string, Promise<unknown>[]>()
  readonly #tick: ReturnType<typeof setInterval>
  #tag = 0
  #isClosed = false

  constructor(options: RoomConversationsOptions) {
    const { store, primitives } = options
    this.#options = options
    this.rooms = new SealedRooms(primitives, { ...options, own: store.own, records: store.records })
    this.rooms.fallBehind()
    this.#tick = setInterval(() => this.do((rooms, now) => rooms.handleTime(now)), TICK_MS)
    this.#tick.unref()
  }

  /** Sends a message; resolves when the relay has it. Rejects with SealError. */
  async send(room: string, kind: number, body: Uint8Array, id?: string): Promise<Receipt> {
    const named = id ?? newMessageId(Date.now())
    const draft = { id: named, kind, body }
    const receipt = await this.#asked((tag, now) => this.rooms.send(room, { ...draft, tag }, now))
    return receipt as Receipt
  }

  /** Adds somebody, who has to come for it where no key package is published. Resolves when it counts. */
  async invite(room: string, invitation: RoomInvitation): Promise<void> {
    await this.#asked((tag, now) => this.rooms.invite(room, { ...invitation, tag }, now))
  }

  /** Changes the room; resolves when the change counts. */
  async change(room: string, change: Wish['change']): Promise<void> {
    await this.#asked((tag, now) => this.rooms.change(room, { tag, change }, now))
  }

  /** Asks to be removed; resolves when the relay has that. */
  async leave(room: string): Promise<void> {
    await this.#asked((tag, now) => this.rooms.leave(room, tag, now))
  }

  /** Takes an entry of a room's log; false when it is plain and the room is not sealed. */
  take(room: string, entry: RoomEntry): boolean {
    let isTaken = false
    this.do((rooms, now) => {
      isTaken = rooms.handleEntry(room, entry, now)
    })
    return isTaken
  }

  /** Does something with the machine, keeps what changed, and then lets out what follows. */
  do(action: (rooms: SealedRooms, nowMs: number) => void): void {
    if (this.#isClosed) return
    action(this.rooms, Date.now())
    keepAndLetOut(this.rooms, this.#options.store, (output) => this.#carryOut(output))
  }

  close(): void {
    if (this.#isClosed) return
    this.do(() => {})
    this.#isClosed = true
    clearInterval(this.#tick)
    for (const { reject } of this.#waiting.values()) reject(new SealError('not_in_room'))
    this.#waiting.clear()
  }

  #asked(ask: (tag: number, nowMs: number) => void): Promise<Receipt | undefined> {
    if (this.#isClosed) throw new UsageError('bad_state', 'the conversations are closed')
    this.#tag += 1
    const tag = this.#tag
    return new Promise((resolve, reject) => {
      this.#waiting.set(tag, { resolve, reject })
      this.do((_, now) => ask(tag, now))
    })
  }

  #carryOut(output: RoomsOutput): void {
    switch (output.kind) {
      case 'tell':
        return this.#tell(output)
      case 'room_send':
        if (output.isAgain && output.id !== undefined)
          this.#options.outbox.replace(output.room, output.id, output.body)
        else this.#send(output)
        return
      case 'room_withdraw':
        return this.#options.outbox.withdraw(output.room, output.id)
      case 'room_current':
        return this.#options.outbox.release(output.room)
      case 'room_refused':
        return this.#settle(output.tag, ({ reject }) => reject(new SealError(output.why)))
      case 'room_done':
        return this.#settle(output.tag, ({ resolve }) => resolve(undefined))
      default:
        return this.#options.onEvent(output)
    }
  }

  #tell({ room, to, fid, innerKind, body }: RoomsOutput & { kind: 'tell' }): void {
    const telling = this.#telling.get(room) ?? []
    this.#telling.set(room, telling)
    const told = this.#options.tell(to, innerKind, body, fid).catch(() => {
      // Who cannot be told now stays behind, sees that, and asks for help.
    })
    telling.push(told)
    told.then(() => telling.splice(telling.indexOf(told), 1))
  }

  async #send({ room, tag, id, body, isOperation }: RoomsOutput & { kind: 'room_send' }): Promise<void> {
    try {
      if (isOperation) await this.#allTold(room)
      const receipt = await this.#options.outbox.carry(room, body, id)
      if (id !== undefined) this.rooms.settled(room, id)
      this.#settle(tag, ({ resolve }) => resolve(receipt))
    } catch (error) {
      // An operation stays under way: it goes out again when the room is joined the next time.
      this.#settle(tag, ({ reject }) => reject(error as Error))
    }
  }

  /** Members are told before the operation, so that no epoch begins that nobody can enter. */
  async #allTold(room: string): Promise<void> {
    const telling = this.#telling.get(room) ?? []
    if (telling.length === 0) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TELL_MS)
    })
    await Promise.race([Promise.all(telling), patience])
    clearTimeout(timer)
  }

  #settle(tag: number, how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(tag)
    this.#waiting.delete(tag)
    if (waiting) how(waiting)
  }
}
