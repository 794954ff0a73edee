/**
 * What members of sealed rooms say to each other in direct conversations: key packages, secrets of epochs,
 * welcomes, who is who, and where somebody stands who fell behind.
 */
import { concatBytes, equalBytes, hexOf } from '../../base/bytes.ts'
import { INNER_KINDS } from '../direct/inner.ts'
import { FieldReader } from '../fields.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { type KeyPackage, readKeyPackage } from '../room/key-package.ts'
import { GROUP_BYTES, placeOf } from '../room/operation.ts'
import { SealedRoom } from '../room/room.ts'
import { readWelcome } from '../room/welcome.ts'
import type { Invitations } from './invitations.ts'
import type { GivenPackages } from './packages.ts'
import type { RoomLog } from './room-log.ts'
import type { RoomsOutput } from './room-outputs.ts'
import { type Introduced, readPeople } from './room-people.ts'
import type { RoomPlace } from './room-place.ts'
import { type RoomWork, tellOf } from './room-work.ts'

const HEAD_BYTES = 32
const HOUR_MS = 3_600_000

export interface RoomTalkParts {
  readonly own: OwnIdentity
  /** The form that names are compared in. */
  readonly fold: (name: string) => string
  readonly places: ReadonlyMap<string, RoomPlace>
  readonly packages: GivenPackages
  readonly invites: Invitations
  readonly work: RoomWork
  readonly log: RoomLog
  readonly put: (output: RoomsOutput) => void
}

export class RoomTalk {
  readonly #primitives: Primitives
  readonly #parts: RoomTalkParts
  readonly #work: RoomWork

  constructor(primitives: Primitives, parts: RoomTalkParts) {
    this.#primitives = primitives
    this.#parts = parts
    this.#work = parts.work
  }

  /** Takes what a member or an admin said. */
  handle(from: Introduced, innerKind: number, body: Uint8Array, nowMs: number): void {
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

  /** Adds the owner of a key package to the room. */
  add(place: RoomPlace, added: KeyPackage, nowMs: number): void {
    if (!place.room) return
    const tag = place.invited.get(hexOf(added.fid)) ?? 0
    place.invited.delete(hexOf(added.fid))
    const isMember = placeOf(place.room.roster, added.fid) >= 0
    // Who lost its keys comes anew: the old membership ends first.
    if (isMember) place.wishes.push({ tag: 0, change: { kind: 'remove', fids: [added.fid] }, welcome: [] })
    place.wishes.push({ tag, change: { kind: 'add', packages: [added] }, welcome: [] })
    this.#work.pursue(place, nowMs)
  }

  /** Learns who is who, from a member. */
  learn(
    place: RoomPlace,
    { people, position }: NonNullable<ReturnType<typeof readPeople>>,
    by: Uint8Array,
  ): void {
    if (!place.room || placeOf(place.room.roster, by) < 0) return
    place.learn(people, by)
    if (place.position === 0) place.beginAfter(position)
  }

  #asked(from: Introduced, group: Uint8Array, nowMs: number): void {
    if (group.length !== GROUP_BYTES) return
    const given = this.#parts.packages.give(from.fid, group, nowMs)
    if (given) this.#parts.put(tellOf('', from, INNER_KINDS.package, concatBytes([group, given])))
  }

  #packaged(from: Introduced, body: Uint8Array, nowMs: number): void {
    const place = this.#placeOf(body.subarray(0, GROUP_BYTES))
    const tag = place?.invited.get(hexOf(from.fid))
    const added = readKeyPackage(this.#primitives, body.subarray(GROUP_BYTES))
    if (!place?.room || tag === undefined) return
    if (added && equalBytes(added.fid, from.fid) && added.notAfterMs > nowMs)
      return this.add(place, added, nowMs)
    place.invited.delete(hexOf(from.fid))
    this.#work.refuse(place.folded, tag, 'not_permitted')
  }

  #secret(from: Introduced, body: Uint8Array, nowMs: number): void {
    const place = this.#placeOf(body.subarray(0, GROUP_BYTES))
    if (place?.room?.handleSecret(from.fid, body, nowMs) === 'begun') {
      this.#parts.log.replay(place, nowMs)
      this.#work.pursue(place, nowMs)
      this.#work.tidy(place, nowMs)
    }
    place?.gather()
  }

  #welcomed(from: Introduced, bytes: Uint8Array, nowMs: number): void {
    const welcome = readWelcome(this.#primitives, bytes, from.fid)
    if (!welcome) return
    const room = this.#parts.fold(welcome.name)
    const { group } = welcome.operation
    const bound = this.#parts.places.get(room)
    const sameGroup = this.#placeOf(group)
    //= PAL-SRM-027
    if ((bound && !equalBytes(bound.group, group)) || (sameGroup && sameGroup !== bound))
      return this.#parts.put({ kind: 'room_swapped', room, by: from.person })
    if (bound?.room) return this.#helped(bound, from, welcome, nowMs)
    if (this.#parts.invites.welcomed(from, group, bytes))
      this.#parts.put({ kind: 'room_invited', room, name: welcome.name, by: from.person })
  }

  /** A member whom this one asked for help sends the room as it is now. */
  #helped(
    place: RoomPlace,
    from: Introduced,
    welcome: NonNullable<ReturnType<typeof readWelcome>>,
    nowMs: number,
  ): void {
    const { room, helper } = place
    const { own } = this.#parts
    if (!room || !helper || !equalBytes(helper, from.fid) || welcome.operation.epoch <= room.epoch) return
    const ownPackage = room.ownPackage
    const joined = ownPackage && SealedRoom.join(this.#primitives, own, { welcome, ownPackage, nowMs })
    if (!joined) return
    place.helper = undefined
    place.dropKeys()
    place.room = joined
    place.isCommitting = false
    place.keepHead()
    this.#parts.log.replay(place, nowMs)
    this.#work.pursue(place, nowMs)
  }

  #introduced(from: Introduced, body: Uint8Array): void {
    const people = readPeople(body, this.#parts.fold)
    if (!people) return
    const place = this.#placeOf(people.group)
    if (place?.room) return this.learn(place, people, from.fid)
    // Who is who comes before the welcome.
    this.#parts.invites.introduced(from, people.group, body)
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
      return this.#parts.put({ kind: 'room_split', room: place.folded, by: from.person })
    const helpedMs = place.helpedMs.get(hexOf(from.fid)) ?? -HOUR_MS
    if (epoch >= room.epoch || nowMs - helpedMs < HOUR_MS) return
    place.helpedMs.set(hexOf(from.fid), nowMs)
    place.wishes.push({ tag: 0, change: { kind: 'rekey' }, welcome: [from.fid] })
    this.#work.pursue(place, nowMs)
  }

  #placeOf(group: Uint8Array): RoomPlace | undefined {
    for (const place of this.#parts.places.values()) if (equalBytes(place.group, group)) return place
    return undefined
  }
}
