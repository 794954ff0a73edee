/**
 * The sealed rooms of one account on one relay (spec chapter 16): rooms bound to their names, operations
 * under way, key packages and invitations. Input is what rooms' logs bring, in their order, and what members
 * said in direct conversations; nothing comes out before the state after it was kept.
 */
import { concatBytes, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import {
  decodeInner,
  encodeInner,
  INNER_KINDS,
  roomContextOf,
  SEALED_BODY_BYTES_MAX,
} from '../direct/inner.ts'
import { FieldReader, uint16Bytes } from '../fields.ts'
import { FID_BYTES, type OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { ROOM_MESSAGE } from '../room/epoch.ts'
import { createKeyPackage, readKeyPackage } from '../room/key-package.ts'
import { GROUP_BYTES, placeOf, type Roster } from '../room/operation.ts'
import { type Commit, type RoomResult, SealedRoom } from '../room/room.ts'
import { readWelcome } from '../room/welcome.ts'
import { KeptOutputs } from './kept-outputs.ts'
import { OpenedMessages } from './opened.ts'
import type { Person, Save } from './outputs.ts'
import type { OwnMessage } from './own-messages.ts'
import { GivenPackages } from './packages.ts'
import type { RoomMember, RoomRefusal, RoomsOutput } from './room-outputs.ts'
import { decodePerson, encodePeople, encodePerson, type Introduced, readPeople } from './room-people.ts'
import { type RoomEntry, RoomPlace, restoredPlaces, type Wish } from './room-place.ts'

const INVITE = 'invite/'
const ID_BYTES = 16
const HEAD_BYTES = 32
const ROOMS_MAX = 1024
const INVITES_MAX = 256
const HELD_MAX = 4096
const UNSENT_MAX = 1024
const HOUR_MS = 3_600_000
/** How long the member whose turn it is has to remove one who leaves. */
const LEAVING_MS = 60_000
const OWN_PACKAGE_MS = 86_400_000

export interface SealedRoomsOptions {
  readonly own: OwnIdentity
  readonly relayKey: Uint8Array
  /** This account as others meet it on the relay. */
  readonly self: Person
  /** The form that names are compared in. */
  readonly fold: (name: string) => string
  readonly records?: ReadonlyMap<string, Uint8Array>
}

/** How a room stands, for people. */
export interface RoomView {
  readonly name: string
  readonly group: Uint8Array
  readonly epoch: number
  readonly state: SealedRoom['state'] | 'gone'
  readonly members: readonly RoomMember[]
}

/** A message as its author hands it in. */
export interface RoomDraft {
  /** An output with it says what became of the message. */
  readonly tag: number
  /** What the relay's outbox knows it by; the same message has the same one. */
  readonly id?: string | undefined
  readonly kind: number
  readonly body: Uint8Array
}

interface Invite {
  readonly from: Person
  readonly fid: Uint8Array
  readonly welcome: Uint8Array
  people: Uint8Array
}

export class SealedRooms {
  readonly #primitives: Primitives
  readonly #options: SealedRoomsOptions
  readonly #outputs = new KeptOutputs<RoomsOutput>()
  readonly #packages: GivenPackages
  readonly #opened: OpenedMessages
  readonly #places = new Map<string, RoomPlace>()
  readonly #invites = new Map<string, Invite>()
  readonly #leavingSince = new Map<string, number>()

  constructor(primitives: Primitives, options: SealedRoomsOptions) {
    this.#primitives = primitives
    this.#options = options
    const { own, fold } = options
    const records = options.records ?? new Map<string, Uint8Array>()
    const { changes } = this.#outputs
    this.#packages = new GivenPackages(primitives, { own, changes, records })
    const isOpened = (name: string): boolean => name.startsWith(`open/${openName('')}`)
    this.#opened = new OpenedMessages(
      primitives,
      changes,
      [...records].filter(([name]) => isOpened(name)),
    )
    for (const place of restoredPlaces(primitives, { own, changes, records, fold }))
      this.#places.set(place.folded, place)
    for (const [name, bytes] of records) {
      const invite = name.startsWith(INVITE) ? decodeInvite(bytes, fold) : undefined
      if (invite) this.#invites.set(name.slice(INVITE.length), invite)
    }
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

  /** Asks somebody for a key package, and adds them when it comes. */
  invite(room: string, { to, fid, tag }: { to: Person; fid: Uint8Array; tag: number }): void {
    const place = this.#active(room, tag)
    if (!place) return
    place.invited.set(hexOf(fid), tag)
    place.know({ fid, person: to })
    this.#tell(place, { fid, person: to }, INNER_KINDS.packageAsk, place.group)
  }

  /** Changes the room by an operation; `room_done` or `room_refused` follow. */
  change(room: string, wish: Omit<Wish, 'welcome'>, nowMs: number): void {
    const place = this.#active(room, wish.tag)
    if (!place) return
    place.wishes.push({ ...wish, welcome: [] })
    this.#pursue(place, nowMs)
  }

  /** Asks to be removed; the last member closes the room. */
  leave(room: string, tag: number, nowMs: number): void {
    const place = this.#active(room, tag)
    if (!place?.room) return
    if (place.room.roster.length === 1) return this.change(room, { tag, change: { kind: 'close' } }, nowMs)
    this.#sendOperation(place, tag, place.room.leave())
    place.gather()
  }

  /** Sends a message; an output with its tag says what became of it. */
  send(room: string, draft: RoomDraft, nowMs: number): void {
    const { tag } = draft
    const place = this.#active(room, tag)
    if (!place) return
    if (draft.body.length > SEALED_BODY_BYTES_MAX) return this.#refuse(room, tag, 'too_large')
    const before = draft.id === undefined ? undefined : place.mine.get(draft.id)
    if (before) before.tag = tag
    if (before) return
    if (place.unsent.length >= UNSENT_MAX) return this.#refuse(room, tag, 'too_many')
    this.#write(place, draft)
    //= PAL-SRM-019
    if (place.room?.needsRekey(nowMs) && place.wishes.length === 0)
      place.wishes.push({ tag: 0, change: { kind: 'rekey' }, welcome: [] })
    this.#pursue(place, nowMs)
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
    if (!place.room) return this.#end(place)
    this.#pursue(place, nowMs)
    this.#tidy(place, nowMs)
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
    else if (!this.#wasOpened(place, entry) && !this.#opened.isFull) this.#entry(place, entry, nowMs)
    place.gather()
    return true
  }

  #isInvited(room: string): boolean {
    return this.#invites.size > 0 && this.invitations.has(room)
  }

  /** The program has done with everything up to there. */
  applied(room: string, position: number): void {
    this.#opened.applied(openName(room), position)
    this.#places.get(room)?.readUpTo(position)
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
  get invitations(): ReadonlyMap<string, { readonly name: string; readonly by: Person }> {
    const found = new Map<string, { name: string; by: Person }>()
    for (const invite of this.#invites.values()) {
      const name = readWelcome(this.#primitives, invite.welcome, invite.fid)?.name
      if (name !== undefined) found.set(this.#options.fold(name), { name, by: invite.from })
    }
    return found
  }

  /** Binds a name to the room that somebody added this member to. False when there is no such invitation. */
  accept(room: string, nowMs: number): boolean {
    for (const [group, invite] of this.#invites) {
      const welcome = readWelcome(this.#primitives, invite.welcome, invite.fid)
      if (!welcome || this.#options.fold(welcome.name) !== room) continue
      this.#invites.delete(group)
      this.#outputs.changes.forget(INVITE + group)
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
    const pending = place?.room?.pendingCommit()
    if (!place || !pending || place.isCommitting) return
    place.isCommitting = true
    this.#commit(place, pending)
  }

  /** Does what is due by time. */
  handleTime(nowMs: number): void {
    for (const place of this.#places.values()) {
      this.#tidy(place, nowMs)
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
        this.#leavingSince.set(folded, nowMs)
        this.#put({ kind: 'room_leaving', room: folded, actor: place.memberOf(result.actor) })
        return this.#tidy(place, nowMs)
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
    const inner = decodeInner(plaintext, this.#contextOf(place), last ?? plaintext.subarray(33, 49))
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
      this.#tell(
        place,
        { fid, person },
        INNER_KINDS.roomPeople,
        this.#peopleOf(place, place.people, position),
      )
      this.#tell(place, { fid, person }, INNER_KINDS.roomWelcome, bytes)
    }
    if (state === 'removed' || state === 'closed') return this.#end(place)
    if (state === 'open') this.#replay(place, nowMs)
    this.#pursue(place, nowMs)
    this.#tidy(place, nowMs)
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
      this.#write(place, {
        tag: 0,
        kind: INNER_KINDS.roomPeople,
        body: this.#peopleOf(place, people, position),
      })
  }

  #end(place: RoomPlace): void {
    place.dropKeys()
    place.held = []
    const room = place.folded
    place.unsent = []
    for (const { id, tag, epoch } of place.mine) {
      place.mine.forget(id)
      // What is under way became part of the log before this, or is refused by it.
      if (epoch !== undefined && !place.waiting?.has(id)) continue
      if (tag === 0) this.#put({ kind: 'room_unsent', room, id, why: 'not_in_room' })
      this.#refuse(room, tag, 'not_in_room')
      this.#put({ kind: 'room_withdraw', room, id })
    }
    if (place.waiting) this.#put({ kind: 'room_current', room })
    for (const { tag } of place.wishes.splice(0)) this.#refuse(place.folded, tag, 'not_in_room')
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

  // ---- operations -----------------------------------------------------------------------------

  /** Begins the next operation that is wished for; sends what waits when there is none. */
  #pursue(place: RoomPlace, nowMs: number): void {
    const { room, wishes } = place
    if (place.isBehind) return place.gather()
    if (room?.state === 'open') this.#bringUpToDate(place)
    while (room?.state === 'open' && !place.isCommitting && wishes.length > 0) {
      const wish = wishes[0] as Wish
      const commit = room.commit(wish.change, wish.welcome)
      if (commit) {
        place.isCommitting = true
        this.#commit(place, commit)
        break
      }
      wishes.shift()
      if (wish.tag === 0) continue
      if (isFulfilled(wish.change, room.roster))
        this.#put({ kind: 'room_done', room: place.folded, tag: wish.tag })
      else this.#refuse(place.folded, wish.tag, 'not_permitted')
    }
    const isRekeying = place.isCommitting && room?.needsRekey(nowMs) === true
    while (room?.state === 'open' && !isRekeying && place.unsent.length > 0)
      this.#seal(place, place.unsent.shift() as OwnMessage)
    place.gather()
  }

  /** What an earlier epoch sealed and the relay did not take is sealed in this one, and all may go. */
  #bringUpToDate(place: RoomPlace): void {
    const { waiting, room } = place
    if (!waiting || !room) return
    place.waiting = undefined
    //= PAL-SRM-031
    for (const message of place.mine)
      if (waiting.has(message.id) && message.epoch !== room.epoch) this.#seal(place, message)
    this.#put({ kind: 'room_current', room: place.folded })
    const pending = room.pendingCommit()
    if (!pending) return
    place.isCommitting = true
    this.#commit(place, pending)
  }

  /** Puts a message among those to be sealed. */
  #write(place: RoomPlace, { tag, id, kind, body }: RoomDraft): void {
    const innerId = this.#primitives.random(ID_BYTES)
    const message: OwnMessage = { tag, id: id ?? hexOf(innerId), kind, innerId, body, epoch: undefined }
    place.mine.keep(message)
    place.unsent.push(message)
  }

  #commit(place: RoomPlace, { body, secrets }: Commit): void {
    for (const { fid, bytes } of secrets) {
      const person = place.personOf(fid)
      if (person) this.#tell(place, { fid, person }, INNER_KINDS.roomSecret, bytes)
    }
    this.#sendOperation(place, 0, body)
  }

  #sendOperation({ folded: room }: RoomPlace, tag: number, body: Uint8Array): void {
    this.#put({ kind: 'room_send', room, tag, id: undefined, body, isOperation: true, isAgain: false })
  }

  #seal(place: RoomPlace, message: OwnMessage): void {
    const { own } = this.#options
    const { tag, id, kind, innerId, body } = message
    const { room, folded } = place
    const inner = { kind, id: innerId, body }
    const plaintext = encodeInner(inner, this.#contextOf(place), place.previousOf(own.fid))
    const sealed = room?.seal(plaintext)
    if (!room || !sealed) return this.#refuse(folded, tag, 'not_in_room')
    place.heard(own.fid, plaintext)
    const isAgain = message.epoch !== undefined
    message.epoch = room.epoch
    place.mine.keep(message)
    this.#put({ kind: 'room_send', room: folded, tag, id, body: sealed, isOperation: false, isAgain })
  }

  /** Removes who asked to leave: admins in the order of their fids first, anybody after a while. */
  #tidy(place: RoomPlace, nowMs: number): void {
    const { room } = place
    if (room?.state !== 'open' || place.wishes.length > 0 || place.isCommitting) return
    const { own } = this.#options
    const isLeaving = (fid: Uint8Array): boolean => room.leaving.some((each) => equalBytes(each, fid))
    const fids = room.leaving.filter((fid) => !equalBytes(fid, own.fid))
    if (fids.length === 0 || isLeaving(own.fid)) return
    const staying = room.roster.filter((entry) => !isLeaving(entry.package.fid))
    const first = staying.find(({ role }) => role === 'admin') ?? staying[0]
    const isLate = nowMs - (this.#leavingSince.get(place.folded) ?? 0) >= LEAVING_MS
    if (!isLate && (!first || !equalBytes(first.package.fid, own.fid))) return
    place.wishes.push({ tag: 0, change: { kind: 'remove', fids }, welcome: [] })
    this.#pursue(place, nowMs)
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
    place.invited.delete(hexOf(from.fid))
    if (!added || !equalBytes(added.fid, from.fid) || added.notAfterMs <= nowMs)
      return this.#refuse(place.folded, tag, 'not_permitted')
    const isMember = placeOf(place.room.roster, added.fid) >= 0
    // Who lost its keys comes anew: the old membership ends first.
    if (isMember) place.wishes.push({ tag: 0, change: { kind: 'remove', fids: [added.fid] }, welcome: [] })
    place.wishes.push({ tag, change: { kind: 'add', packages: [added] }, welcome: [] })
    this.#pursue(place, nowMs)
  }

  #secret(from: Introduced, body: Uint8Array, nowMs: number): void {
    const place = this.#placeOf(body.subarray(0, GROUP_BYTES))
    if (place?.room?.handleSecret(from.fid, body, nowMs) === 'begun') {
      this.#replay(place, nowMs)
      this.#pursue(place, nowMs)
      this.#tidy(place, nowMs)
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
    if (this.#invites.size >= INVITES_MAX) return
    const known = this.#invites.get(hexOf(group))
    const people = known && equalBytes(known.fid, from.fid) ? known.people : new Uint8Array(0)
    this.#keepInvite(hexOf(group), { from: from.person, fid: from.fid, welcome: bytes, people })
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
    this.#pursue(place, nowMs)
  }

  #introduced(from: Introduced, body: Uint8Array): void {
    const people = readPeople(body, this.#options.fold)
    if (!people) return
    const place = this.#placeOf(people.group)
    if (place?.room) return this.#learn(place, people, from.fid)
    // Who is who comes before the welcome.
    const key = hexOf(people.group)
    const known = this.#invites.get(key)
    if (!known && this.#invites.size >= INVITES_MAX) return
    if (known && !equalBytes(known.fid, from.fid)) return
    const welcome = known?.welcome ?? new Uint8Array(0)
    this.#keepInvite(key, { from: from.person, fid: from.fid, welcome, people: body })
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
    this.#pursue(place, nowMs)
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
    this.#tell(place, helper, INNER_KINDS.roomHead, body)
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
    this.#refuse(room, tag, place ? 'not_in_room' : 'not_sealed')
    return undefined
  }

  #placeOf(group: Uint8Array): RoomPlace | undefined {
    for (const place of this.#places.values()) if (equalBytes(place.group, group)) return place
    return undefined
  }

  #contextOf(place: RoomPlace): Uint8Array {
    return roomContextOf(this.#primitives, this.#options.relayKey, place.group)
  }

  #peopleOf({ group }: RoomPlace, people: readonly Introduced[], position: number): Uint8Array {
    return encodePeople({ group, position, people })
  }

  #keepInvite(group: string, invite: Invite): void {
    this.#invites.set(group, invite)
    this.#outputs.changes.put(INVITE + group, encodeInvite(invite))
  }

  #tell(place: RoomPlace, to: Introduced, innerKind: number, body: Uint8Array): void {
    this.#put(tellOf(place.folded, to, innerKind, body))
  }

  #refuse(room: string, tag: number, why: RoomRefusal): void {
    if (tag !== 0) this.#put({ kind: 'room_refused', room, tag, why })
  }

  #put(output: RoomsOutput): void {
    this.#outputs.put(output)
  }
}

function tellOf(room: string, { fid, person }: Introduced, innerKind: number, body: Uint8Array): RoomsOutput {
  return { kind: 'tell', room, to: person, fid, innerKind, body }
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

/** Whether somebody else did meanwhile what was wished for. */
function isFulfilled(change: Wish['change'], roster: Roster): boolean {
  if (change.kind === 'add') return change.packages.every(({ fid }) => placeOf(roster, fid) >= 0)
  if (change.kind === 'remove') return change.fids.every((fid) => placeOf(roster, fid) < 0)
  return change.kind === 'role' && roster[placeOf(roster, change.fid)]?.role === change.role
}

function encodeInvite({ from, fid, welcome, people }: Invite): Uint8Array {
  const person = encodePerson(from)
  const parts = [fid, uint16Bytes(person.length), person, uint16Bytes(welcome.length), welcome]
  return concatBytes([...parts, uint16Bytes(people.length), people])
}

function decodeInvite(bytes: Uint8Array, fold: (name: string) => string): Invite | undefined {
  const reader = new FieldReader(bytes)
  const fid = reader.bytes(HEAD_BYTES)
  const from = decodePerson(reader.short(), fold)
  const welcome = reader.short()
  const people = reader.short()
  return reader.isDone && from ? { from, fid, welcome, people } : undefined
}
