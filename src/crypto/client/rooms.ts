/**
 * The sealed rooms of one account on one relay (spec chapter 16): rooms bound to their names, operations
 * under way, key packages and invitations. Input is what rooms' logs bring, in their order, and what members
 * said in direct conversations; nothing comes out before the state after it was kept.
 */
import { concatBytes, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import { decodeInner, INNER_KINDS, SEALED_BODY_BYTES_MAX } from '../direct/inner.ts'
import { FieldReader } from '../fields.ts'
import { FID_BYTES, type OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { ROOM_MESSAGE } from '../room/epoch.ts'
import { createKeyPackage, type KeyPackage, type OwnKeyPackage, readKeyPackage } from '../room/key-package.ts'
import { GROUP_BYTES, placeOf } from '../room/operation.ts'
import { type RoomResult, SealedRoom } from '../room/room.ts'
import { readWelcome } from '../room/welcome.ts'
import { type Invitation, Invitations } from './invitations.ts'
import { KeptOutputs } from './kept-outputs.ts'
import { OpenedMessages } from './opened.ts'
import type { Person, Save } from './outputs.ts'
import { GivenPackages } from './packages.ts'
import type { RoomMember, RoomsOutput } from './room-outputs.ts'
import { encodePeople, type Introduced, readPeople } from './room-people.ts'
import { type RoomEntry, RoomPlace, restoredPlaces, type Wish } from './room-place.ts'
import { type RoomDraft, RoomWork, tellOf } from './room-work.ts'

const HEAD_BYTES = 32
const ROOMS_MAX = 1024
const HELD_MAX = 4096
const UNSENT_MAX = 1024
const HOUR_MS = 3_600_000
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
  readonly #opened: OpenedMessages
  readonly #places = new Map<string, RoomPlace>()
  readonly #invites: Invitations
  readonly #work: RoomWork

  constructor(primitives: Primitives, options: SealedRoomsOptions) {
    this.#primitives = primitives
    this.#options = options
    const { own, fold } = options
    const records = options.records ?? new Map<string, Uint8Array>()
    const { changes } = this.#outputs
    this.#work = new RoomWork(primitives, options, (output) => this.#put(output))
    const { published } = options
    this.#packages = new GivenPackages(primitives, { own, changes, records, published })
    const isOpened = (name: string): boolean => name.startsWith(`open/${openName('')}`)
    this.#opened = new OpenedMessages(
      primitives,
      changes,
      [...records].filter(([name]) => isOpened(name)),
    )
    for (const place of restoredPlaces(primitives, { own, changes, records, fold }))
      this.#places.set(place.folded, place)
    this.#invites = new Invitations(primitives, { changes, records, fold })
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
      return this.#add(place, keyPackage, nowMs)
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
    else if (!this.#wasOpened(place, entry)) this.#entry(place, entry, nowMs)
    place.gather()
    return true
  }

  #isInvited(room: string): boolean {
    return !this.#invites.isEmpty && this.#invites.all.has(room)
  }

  /** The program has done with everything up to there, but for what it `needs` again after a restart. */
  applied(room: string, position: number, needs: readonly number[] = []): void {
    this.#opened.applied(openName(room), position, needs)
    this.#places.get(room)?.readUpTo(Math.min(position, ...needs.map((each) => each - 1)))
  }

  /**
   * Whether so much is opened and not applied that a caller whose program is behind does not hand in this
   * entry. One that was opened before takes no more room.
   */
  isFullFor(room: string, { position, body }: RoomEntry): boolean {
    return this.#opened.isFull && !this.#opened.find(openName(room), position, body)
  }

  /** Tells again what was opened and not applied. */
  #wasOpened(place: RoomPlace, { position, body: sealed }: RoomEntry): boolean {
    const before = this.#opened.find(openName(place.folded), position, sealed)
    if (!before) return false
    const from = place.memberOf(before.body.subarray(0, FID_BYTES))
    const { contentKind, isGap } = before
    const body = before.body.subarray(FID_BYTES)
    this.#put({ kind: 'room_message', room: place.folded, position, from, contentKind, body, isGap })
    return true
  }

  /** Takes what a member or an admin said in a direct conversation. */
  handleControl(from: Introduced, innerKind: number, body: Uint8Array, nowMs: number): void {
    switch (innerKind) {
      case INNER_KINDS.packageAsk:
        return this.#asked(from, body, nowMs)
      case INNER_KINDS.package:
        return this.#packaged(from, body, nowMs)
      case INNER_KINDS.roomSecret:
        return this.#secret(from, body, nowMs)
      case INNER_KINDS.roomWelcome:
        return this.#welcomed(from, body, nowMs)
      case INNER_KINDS.roomPeople:
        return this.#introduced(from, body)
      case INNER_KINDS.roomHead:
        return this.#head(from, body, nowMs)
      default:
    }
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
      if (people) this.#learn(place, people, invite.fid)
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
      if (place.room?.state === 'expect_secret' && place.held.length > 0) this.#askHelp(place, nowMs)
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

  // ---- the log --------------------------------------------------------------------------------

  #entry(place: RoomPlace, entry: RoomEntry, nowMs: number): void {
    const { room, folded } = place
    const { position } = entry
    if (!room) return this.#unreadable(place, position, 'not_in_room')
    const result = room.handle(entry.body, nowMs)
    switch (result.result) {
      case 'message':
        return this.#message(place, entry, result)
      case 'changed':
        return this.#changed(place, position, result, nowMs)
      case 'leaving':
        place.leavingSinceMs = nowMs
        this.#put({ kind: 'room_leaving', room: folded, actor: place.memberOf(result.actor) })
        return this.#work.tidy(place, nowMs)
      case 'waiting':
        if (place.held.length >= HELD_MAX) return this.#unreadable(place, position, 'too_many')
        place.held.push({ ...entry, body: Uint8Array.from(entry.body) })
        return
      case 'undecryptable':
        if (position <= place.readableAfter) return
        this.#unreadable(place, position, 'keys')
        return this.#askHelp(place, nowMs)
      case 'stale':
      case 'duplicate':
        return
      default:
        return result satisfies never
    }
  }

  #message(
    place: RoomPlace,
    { position, body: sealed }: RoomEntry,
    { sender, plaintext }: RoomResult & { result: 'message' },
  ): void {
    const last = place.lastOf(sender)
    const inner = decodeInner(plaintext, this.#work.contextOf(place), last ?? plaintext.subarray(33, 49))
    //= PAL-SRM-026
    if (!inner) return this.#unreadable(place, position, 'context')
    place.heard(sender, plaintext)
    const { kind: contentKind, body, isGap } = inner
    if (contentKind === INNER_KINDS.roomPeople) {
      const people = readPeople(body, this.#options.fold)
      return people && place.learn(people.people, sender)
    }
    const from = place.memberOf(sender)
    const kept = { contentKind, body: concatBytes([sender, body]), isGap }
    this.#opened.keep(openName(place.folded), position, sealed, kept)
    this.#put({ kind: 'room_message', room: place.folded, position, from, contentKind, body, isGap })
  }

  #changed(
    place: RoomPlace,
    position: number,
    result: RoomResult & { result: 'changed' },
    nowMs: number,
  ): void {
    const { folded: room } = place
    const { change, state, isOwn, welcomes } = result
    const subjects = subjectsOf(change).map((fid) => place.memberOf(fid))
    const actor = place.memberOf(result.actor)
    const epoch = place.room?.epoch ?? 0
    this.#put({ kind: 'room_changed', room, change: change.kind, actor, subjects, state, epoch })
    place.isCommitting = false
    if (isOwn)
      this.#done(
        place,
        welcomes.map(({ fid }) => fid),
        position,
      )
    for (const { fid, bytes } of welcomes) {
      const person = place.personOf(fid)
      if (!person) continue
      this.#work.tell(
        place,
        { fid, person },
        INNER_KINDS.roomPeople,
        this.#peopleOf(place, place.people, position),
      )
      this.#work.tell(place, { fid, person }, INNER_KINDS.roomWelcome, bytes)
    }
    if (state === 'removed' || state === 'closed') return this.#work.end(place)
    if (state === 'open') this.#replay(place, nowMs)
    this.#work.pursue(place, nowMs)
    this.#work.tidy(place, nowMs)
  }

  /** An own operation counts: its wish is fulfilled, and everybody learns who is new. */
  #done(place: RoomPlace, newcomers: readonly Uint8Array[], position: number): void {
    const wish = place.wishes.shift()
    if (wish && wish.tag !== 0) this.#put({ kind: 'room_done', room: place.folded, tag: wish.tag })
    const people = newcomers.flatMap((fid): Introduced[] => {
      const person = place.personOf(fid)
      return person ? [{ fid, person }] : []
    })
    if (people.length > 0)
      this.#work.write(place, {
        tag: 0,
        kind: INNER_KINDS.roomPeople,
        body: this.#peopleOf(place, people, position),
      })
  }

  /** Gives entries that waited for a secret to the room again, in their order. */
  #replay(place: RoomPlace, nowMs: number): void {
    for (const entry of place.held.splice(0)) this.#entry(place, entry, nowMs)
    place.readUpTo(0)
  }

  #unreadable(
    place: RoomPlace,
    position: number,
    why: 'keys' | 'context' | 'not_in_room' | 'too_many',
  ): void {
    this.#put({ kind: 'room_unreadable', room: place.folded, position, why })
  }

  // ---- between members ------------------------------------------------------------------------

  #asked(from: Introduced, group: Uint8Array, nowMs: number): void {
    if (group.length !== GROUP_BYTES) return
    const given = this.#packages.give(from.fid, group, nowMs)
    if (given) this.#put(tellOf('', from, INNER_KINDS.package, concatBytes([group, given])))
  }

  #packaged(from: Introduced, body: Uint8Array, nowMs: number): void {
    const place = this.#placeOf(body.subarray(0, GROUP_BYTES))
    const tag = place?.invited.get(hexOf(from.fid))
    const added = readKeyPackage(this.#primitives, body.subarray(GROUP_BYTES))
    if (!place?.room || tag === undefined) return
    if (added && equalBytes(added.fid, from.fid) && added.notAfterMs > nowMs)
      return this.#add(place, added, nowMs)
    place.invited.delete(hexOf(from.fid))
    this.#work.refuse(place.folded, tag, 'not_permitted')
  }

  #add(place: RoomPlace, added: KeyPackage, nowMs: number): void {
    if (!place.room) return
    const tag = place.invited.get(hexOf(added.fid)) ?? 0
    place.invited.delete(hexOf(added.fid))
    const isMember = placeOf(place.room.roster, added.fid) >= 0
    // Who lost its keys comes anew: the old membership ends first.
    if (isMember) place.wishes.push({ tag: 0, change: { kind: 'remove', fids: [added.fid] }, welcome: [] })
    place.wishes.push({ tag, change: { kind: 'add', packages: [added] }, welcome: [] })
    this.#work.pursue(place, nowMs)
  }

  #secret(from: Introduced, body: Uint8Array, nowMs: number): void {
    const place = this.#placeOf(body.subarray(0, GROUP_BYTES))
    if (place?.room?.handleSecret(from.fid, body, nowMs) === 'begun') {
      this.#replay(place, nowMs)
      this.#work.pursue(place, nowMs)
      this.#work.tidy(place, nowMs)
    }
    place?.gather()
  }

  #welcomed(from: Introduced, bytes: Uint8Array, nowMs: number): void {
    const welcome = readWelcome(this.#primitives, bytes, from.fid)
    if (!welcome) return
    const room = this.#options.fold(welcome.name)
    const { group } = welcome.operation
    const bound = this.#places.get(room)
    const sameGroup = this.#placeOf(group)
    //= PAL-SRM-027
    if ((bound && !equalBytes(bound.group, group)) || (sameGroup && sameGroup !== bound))
      return this.#put({ kind: 'room_swapped', room, by: from.person })
    if (bound?.room) return this.#helped(bound, from, welcome, nowMs)
    if (this.#invites.welcomed(from, group, bytes))
      this.#put({ kind: 'room_invited', room, name: welcome.name, by: from.person })
  }

  /** A member whom this one asked for help sends the room as it is now. */
  #helped(
    place: RoomPlace,
    from: Introduced,
    welcome: NonNullable<ReturnType<typeof readWelcome>>,
    nowMs: number,
  ): void {
    const { room, helper } = place
    const { own } = this.#options
    if (!room || !helper || !equalBytes(helper, from.fid) || welcome.operation.epoch <= room.epoch) return
    const ownPackage = room.ownPackage
    const joined = ownPackage && SealedRoom.join(this.#primitives, own, { welcome, ownPackage, nowMs })
    if (!joined) return
    place.helper = undefined
    place.dropKeys()
    place.room = joined
    place.isCommitting = false
    place.keepHead()
    this.#replay(place, nowMs)
    this.#work.pursue(place, nowMs)
  }

  #introduced(from: Introduced, body: Uint8Array): void {
    const people = readPeople(body, this.#options.fold)
    if (!people) return
    const place = this.#placeOf(people.group)
    if (place?.room) return this.#learn(place, people, from.fid)
    // Who is who comes before the welcome.
    this.#invites.introduced(from, people.group, body)
  }

  #learn(
    place: RoomPlace,
    { people, position }: NonNullable<ReturnType<typeof readPeople>>,
    by: Uint8Array,
  ): void {
    if (!place.room || placeOf(place.room.roster, by) < 0) return
    place.learn(people, by)
    if (place.position === 0) place.beginAfter(position)
  }

  #head(from: Introduced, body: Uint8Array, nowMs: number): void {
    const reader = new FieldReader(body)
    const place = this.#placeOf(reader.bytes(GROUP_BYTES))
    const epoch = reader.uint32()
    const head = reader.bytes(HEAD_BYTES)
    const room = place?.room
    if (!reader.isDone || !place || !room || placeOf(room.roster, from.fid) < 0) return
    place.learn([from], from.fid)
    //= PAL-SRM-024
    if (room.compareHead(epoch, head) === 'fork')
      return this.#put({ kind: 'room_split', room: place.folded, by: from.person })
    const helpedMs = place.helpedMs.get(hexOf(from.fid)) ?? -HOUR_MS
    if (epoch >= room.epoch || nowMs - helpedMs < HOUR_MS) return
    place.helpedMs.set(hexOf(from.fid), nowMs)
    place.wishes.push({ tag: 0, change: { kind: 'rekey' }, welcome: [from.fid] })
    this.#work.pursue(place, nowMs)
  }

  /** Tells an admin where this member stands, so that it is brought up to date: at most once an hour. */
  #askHelp(place: RoomPlace, nowMs: number): void {
    const { room } = place
    if (!room || (place.helpAskedMs !== 0 && nowMs - place.helpAskedMs < HOUR_MS)) return
    const others = place.people.filter(({ fid }) => !equalBytes(fid, this.#options.own.fid))
    const helper = others.find(({ fid }) => place.memberOf(fid).role === 'admin') ?? others[0]
    if (!helper) return
    place.helpAskedMs = nowMs
    place.helper = helper.fid
    const body = concatBytes([place.group, uint32Bytes(room.epoch), room.head])
    this.#work.tell(place, helper, INNER_KINDS.roomHead, body)
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

  #placeOf(group: Uint8Array): RoomPlace | undefined {
    for (const place of this.#places.values()) if (equalBytes(place.group, group)) return place
    return undefined
  }

  #peopleOf({ group }: RoomPlace, people: readonly Introduced[], position: number): Uint8Array {
    return encodePeople({ group, position, people })
  }

  #put(output: RoomsOutput): void {
    this.#outputs.put(output)
  }
}

/** What messages of a room are kept under: no person has such a name. */
function openName(room: string): string {
  return `#${room}`
}

type AnyChange = (RoomResult & { result: 'changed' })['change']

function subjectsOf(change: AnyChange): readonly Uint8Array[] {
  if (change.kind === 'add') return change.packages.map(({ fid }) => fid)
  if (change.kind === 'remove') return change.fids
  return change.kind === 'role' ? [change.fid] : []
}
