/**
 * The sealed rooms of one account on one relay (spec chapter 16): rooms bound to their names, operations
 * under way, key packages and invitations. Input is what rooms' logs bring, in their order, and what members
 * said in direct conversations; nothing comes out before the state after it was kept.
 */
import { equalBytes, hexOf } from '../../base/bytes.ts'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import { INNER_KINDS, SEALED_BODY_BYTES_MAX } from '../direct/inner.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { ROOM_MESSAGE } from '../room/epoch.ts'
import { createKeyPackage, type KeyPackage, type OwnKeyPackage } from '../room/key-package.ts'
import { SealedRoom } from '../room/room.ts'
import { type Invitation, Invitations } from './invitations.ts'
import { KeptOutputs } from './kept-outputs.ts'
import type { Person, Save } from './outputs.ts'
import { GivenPackages } from './packages.ts'
import { RoomLog } from './room-log.ts'
import type { RoomMember, RoomsOutput } from './room-outputs.ts'
import { type Introduced, readPeople } from './room-people.ts'
import { type RoomEntry, RoomPlace, restoredPlaces, type Wish } from './room-place.ts'
import { RoomTalk } from './room-talk.ts'
import { type RoomDraft, RoomWork } from './room-work.ts'

const ROOMS_MAX = 1024
const UNSENT_MAX = 1024
const OWN_PACKAGE_MS = 86_400_000

export interface SealedRoomsOptions {
  readonly own: OwnIdentity
  readonly relayKey: Uint8Array
  /** This account as others meet it on the relay. */
  readonly self: Person
  /** The form that names are compared in. */
  readonly fold: (name: string) => string
  readonly records?: ReadonlyMap<string, Uint8Array>
  /** The own key package of that number that is at the relay. */
  readonly published?: (packageId: Uint8Array) => OwnKeyPackage | undefined
}

/** How a room stands, for people. */
export interface RoomView {
  readonly name: string
  readonly group: Uint8Array
  readonly epoch: number
  readonly state: SealedRoom['state'] | 'gone'
  readonly members: readonly RoomMember[]
}

/** Somebody to be added. */
export interface RoomInvitation {
  readonly to: Person
  /** Their pinned identity. */
  readonly fid: Uint8Array
  /** What they published for that, where they did. */
  readonly keyPackage?: KeyPackage | undefined
}

export class SealedRooms {
  readonly #primitives: Primitives
  readonly #options: SealedRoomsOptions
  readonly #outputs = new KeptOutputs<RoomsOutput>()
  readonly #packages: GivenPackages
  readonly #places = new Map<string, RoomPlace>()
  readonly #invites: Invitations
  readonly #work: RoomWork
  readonly #log: RoomLog
  readonly #talk: RoomTalk

  constructor(primitives: Primitives, options: SealedRoomsOptions) {
    this.#primitives = primitives
    this.#options = options
    const { own, fold } = options
    const records = options.records ?? new Map<string, Uint8Array>()
    const { changes } = this.#outputs
    const put = (output: RoomsOutput): void => this.#put(output)
    const work = new RoomWork(primitives, options, put)
    const log = new RoomLog(primitives, { work, fold, changes, records, put })
    const { published } = options
    const packages = new GivenPackages(primitives, { own, changes, records, published })
    const invites = new Invitations(primitives, { changes, records, fold })
    for (const place of restoredPlaces(primitives, { own, changes, records, fold }))
      this.#places.set(place.folded, place)
    const places = this.#places
    this.#talk = new RoomTalk(primitives, { own, fold, places, packages, invites, work, log, put })
    this.#work = work
    this.#log = log
    this.#packages = packages
    this.#invites = invites
  }

  /** Whether the name is bound to a sealed room: nothing plain counts there any more. */
  isSealed(room: string): boolean {
    return this.#places.has(room)
  }

  viewOf(room: string): RoomView | undefined {
    const place = this.#places.get(room)
    if (!place) return undefined
    const { name, group, members } = place
    return { name, group, members, epoch: place.room?.epoch ?? 0, state: place.room?.state ?? 'gone' }
  }

  /** Up to where the log of a sealed room was read. */
  positionOf(room: string): number | undefined {
    return this.#places.get(room)?.position
  }

  /** Seals a room of the relay: this member is its first. False when its name is bound already. */
  create(name: string, room: string, { nowMs, position }: { nowMs: number; position: number }): boolean {
    if (this.#places.has(room) || this.#places.size >= ROOMS_MAX) return false
    const { own } = this.#options
    const ownPackage = createKeyPackage(this.#primitives, own, nowMs + OWN_PACKAGE_MS)
    this.#bind(SealedRoom.create(this.#primitives, own, { name, ownPackage, nowMs }), room, position)
    return true
  }

  /** Adds somebody by the key package that they published, or else asks them for one and adds them then. */
  invite(
    room: string,
    { to, fid, tag, keyPackage }: RoomInvitation & { readonly tag: number },
    nowMs: number,
  ): void {
    const place = this.#active(room, tag)
    if (!place) return
    place.invited.set(hexOf(fid), tag)
    place.know({ fid, person: to })
    if (keyPackage && equalBytes(keyPackage.fid, fid) && keyPackage.notAfterMs > nowMs)
      return this.#talk.add(place, keyPackage, nowMs)
    this.#work.tell(place, { fid, person: to }, INNER_KINDS.packageAsk, place.group)
  }

  /** Changes the room by an operation; `room_done` or `room_refused` follow. */
  change(room: string, wish: Omit<Wish, 'welcome'>, nowMs: number): void {
    const place = this.#active(room, wish.tag)
    if (!place) return
    place.wishes.push({ ...wish, welcome: [] })
    this.#work.pursue(place, nowMs)
  }

  /** Asks to be removed; the last member closes the room. */
  leave(room: string, tag: number, nowMs: number): void {
    const place = this.#active(room, tag)
    if (!place?.room) return
    if (place.room.roster.length === 1) return this.change(room, { tag, change: { kind: 'close' } }, nowMs)
    this.#work.sendOperation(place, tag, place.room.leave())
    place.gather()
  }

  /** Sends a message; an output with its tag says what became of it. */
  send(room: string, draft: RoomDraft, nowMs: number): void {
    const { tag } = draft
    const place = this.#active(room, tag)
    if (!place) return
    if (draft.body.length > SEALED_BODY_BYTES_MAX) return this.#work.refuse(room, tag, 'too_large')
    const before = draft.id === undefined ? undefined : place.mine.get(draft.id)
    if (before) before.tag = tag
    if (before) return
    if (place.unsent.length >= UNSENT_MAX) return this.#work.refuse(room, tag, 'too_many')
    this.#work.write(place, draft)
    //= PAL-SRM-019
    if (place.room?.needsRekey(nowMs) && place.wishes.length === 0)
      place.wishes.push({ tag: 0, change: { kind: 'rekey' }, welcome: [] })
    this.#work.pursue(place, nowMs)
  }

  /** The relay has the message, or it will not be sent. Kept with the next change. */
  settled(room: string, id: string): void {
    const place = this.#places.get(room)
    if (!place) return
    if (place.mine.get(id)?.epoch === undefined) place.unsent = place.unsent.filter((each) => each.id !== id)
    place.mine.forget(id)
  }

  /** There is no link, or the room's log is read again: nothing goes out before `catchUp`. */
  fallBehind(room?: string): void {
    for (const place of this.#places.values()) {
      if (room !== undefined && place.folded !== room) continue
      place.isBehind = true
      place.waiting = undefined
    }
  }

  /**
   * The room's log was read to the end as it was when the room was joined. `waiting` are the ids of what the
   * relay has not taken yet: it goes out after `room_current`.
   */
  catchUp(room: string, waiting: ReadonlySet<string>, nowMs: number): void {
    const place = this.#places.get(room)
    if (!place) return this.#put({ kind: 'room_current', room })
    place.isBehind = false
    place.waiting = waiting
    place.isCommitting = false
    // Operations go out again as they have to be now; of messages that are not known nothing can be said.
    for (const id of waiting) if (!place.mine.has(id)) this.#put({ kind: 'room_withdraw', room, id })
    for (const { id, epoch } of place.mine) if (epoch !== undefined && !waiting.has(id)) place.mine.forget(id)
    if (!place.room) return this.#work.end(place)
    this.#work.pursue(place, nowMs)
    this.#work.tidy(place, nowMs)
  }

  /** Takes the next entry of a room's log; false when it is plain and the room is not sealed. */
  handleEntry(room: string, entry: RoomEntry, nowMs: number): boolean {
    const place = this.#places.get(room)
    const isSealed = entry.contentKind === CONTENT_KINDS.sealed
    const { position } = entry
    if (!place) {
      // Whoever was added and did not accept yet knows why.
      const isNews = isSealed && entry.body[0] === ROOM_MESSAGE && !this.#isInvited(room)
      if (isNews) this.#put({ kind: 'room_unreadable', room, position, why: 'not_in_room' })
      return isSealed
    }
    //= PAL-TRU-014
    if (!isSealed) this.#put({ kind: 'room_unreadable', room, position, why: 'plain' })
    else this.#log.take(place, entry, nowMs)
    place.gather()
    return true
  }

  #isInvited(room: string): boolean {
    return !this.#invites.isEmpty && this.#invites.all.has(room)
  }

  /** The program has done with everything up to there, but for what it `needs` again after a restart. */
  applied(room: string, position: number, needs: readonly number[] = []): void {
    this.#log.applied(room, position, needs)
    this.#places.get(room)?.readUpTo(Math.min(position, ...needs.map((each) => each - 1)))
  }

  /**
   * Whether so much is opened and not applied that a caller whose program is behind does not hand in this
   * entry. One that was opened before takes no more room.
   */
  isFullFor(room: string, entry: RoomEntry): boolean {
    return this.#log.isFullFor(room, entry)
  }

  /** Takes what a member or an admin said in a direct conversation. */
  handleControl(from: Introduced, innerKind: number, body: Uint8Array, nowMs: number): void {
    this.#talk.handle(from, innerKind, body, nowMs)
  }

  /** Names of rooms that somebody added this member to, by their folded form. */
  get invitations(): ReadonlyMap<string, Invitation> {
    return this.#invites.all
  }

  /** Binds a name to the room that somebody added this member to. False when there is no such invitation. */
  accept(room: string, nowMs: number): boolean {
    for (const { invite, welcome } of this.#invites.taken(room)) {
      const bound = this.#places.get(room)
      //= PAL-SRM-027
      if (bound && !equalBytes(bound.group, welcome.operation.group)) {
        this.#put({ kind: 'room_swapped', room, by: invite.from })
        return false
      }
      const ownPackage = this.#packages.take(welcome, invite.fid)
      const { own } = this.#options
      const joined = ownPackage && SealedRoom.join(this.#primitives, own, { welcome, ownPackage, nowMs })
      if (!joined) continue
      const place = this.#bind(joined, room, 0)
      place.learn([{ fid: invite.fid, person: invite.from }], invite.fid)
      const people = readPeople(invite.people, this.#options.fold)
      if (people) this.#talk.learn(place, people, invite.fid)
      if (people) place.beginAfter(people.position)
      return true
    }
    return false
  }

  /** After the room was joined on the relay: what was under way goes out again. */
  resume(room: string): void {
    const place = this.#places.get(room)
    if (place) this.#work.resume(place)
  }

  /** Does what is due by time. */
  handleTime(nowMs: number): void {
    for (const place of this.#places.values()) {
      this.#work.tidy(place, nowMs)
      if (place.room?.state === 'expect_secret' && place.held.length > 0) this.#work.askHelp(place, nowMs)
    }
  }

  takeSave(): Save | undefined {
    for (const place of this.#places.values()) place.gather()
    return this.#outputs.takeSave()
  }

  handleSaved(version: number): void {
    this.#outputs.handleSaved(version)
  }

  pollOutput(): RoomsOutput | undefined {
    return this.#outputs.poll()
  }

  // ---- helpers --------------------------------------------------------------------------------

  #bind(room: SealedRoom, folded: string, position: number): RoomPlace {
    const { name, group } = room
    const before = this.#places.get(folded)
    const place =
      before ?? new RoomPlace(this.#primitives, this.#outputs.changes, { folded, name, group, room })
    place.room = room
    this.#places.set(folded, place)
    const { own, self } = this.#options
    place.learn([{ fid: own.fid, person: self }], own.fid)
    if (!before) place.beginAfter(position)
    place.keepHead()
    place.gather()
    return place
  }

  #active(room: string, tag: number): RoomPlace | undefined {
    const place = this.#places.get(room)
    if (place?.room) return place
    this.#work.refuse(room, tag, place ? 'not_in_room' : 'not_sealed')
    return undefined
  }

  #put(output: RoomsOutput): void {
    this.#outputs.put(output)
  }
}
