/**
 * What a member does in a sealed room: the operations that are wished for, one at a time, the messages that
 * wait, and what it tells other members. Nothing of it happens while the room's log was not read to its end.
 */
import { concatBytes, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { encodeInner, INNER_KINDS, roomContextOf } from '../direct/inner.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { placeOf, type Roster } from '../room/operation.ts'
import type { Commit } from '../room/room.ts'
import type { OwnMessage } from './own-messages.ts'
import type { RoomRefusal, RoomsOutput } from './room-outputs.ts'
import type { Introduced } from './room-people.ts'
import type { RoomPlace, Wish } from './room-place.ts'

const ID_BYTES = 16
const HOUR_MS = 3_600_000
/** How long the member whose turn it is has to remove one who leaves. */
const LEAVING_MS = 60_000

/** A message as its author hands it in. */
export interface RoomDraft {
  /** An output with it says what became of the message. */
  readonly tag: number
  /** What the relay's outbox knows it by; the same message has the same one. */
  readonly id?: string | undefined
  readonly kind: number
  readonly body: Uint8Array
}

export class RoomWork {
  readonly #primitives: Primitives
  readonly #who: { readonly own: OwnIdentity; readonly relayKey: Uint8Array }
  readonly #put: (output: RoomsOutput) => void

  constructor(
    primitives: Primitives,
    who: { readonly own: OwnIdentity; readonly relayKey: Uint8Array },
    put: (output: RoomsOutput) => void,
  ) {
    this.#primitives = primitives
    this.#who = who
    this.#put = put
  }

  /** Begins the next operation that is wished for; sends what waits when there is none. */
  pursue(place: RoomPlace, nowMs: number): void {
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
      else this.refuse(place.folded, wish.tag, 'not_permitted')
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
    this.resume(place)
  }

  /** An own operation that the log has not answered goes out again. */
  resume(place: RoomPlace): void {
    const pending = place.room?.pendingCommit()
    if (!pending || place.isCommitting) return
    place.isCommitting = true
    this.#commit(place, pending)
  }

  /** Puts a message among those to be sealed. */
  write(place: RoomPlace, { tag, id, kind, body }: RoomDraft): void {
    const innerId = this.#primitives.random(ID_BYTES)
    const message: OwnMessage = { tag, id: id ?? hexOf(innerId), kind, innerId, body, epoch: undefined }
    place.mine.keep(message)
    place.unsent.push(message)
  }

  #commit(place: RoomPlace, { body, secrets }: Commit): void {
    for (const { fid, bytes } of secrets) {
      const person = place.personOf(fid)
      if (person) this.tell(place, { fid, person }, INNER_KINDS.roomSecret, bytes)
    }
    this.sendOperation(place, 0, body)
  }

  sendOperation({ folded: room }: RoomPlace, tag: number, body: Uint8Array): void {
    this.#put({ kind: 'room_send', room, tag, id: undefined, body, isOperation: true, isAgain: false })
  }

  #seal(place: RoomPlace, message: OwnMessage): void {
    const { own } = this.#who
    const { tag, id, kind, innerId, body } = message
    const { room, folded } = place
    const inner = { kind, id: innerId, body }
    const plaintext = encodeInner(inner, this.contextOf(place), place.previousOf(own.fid))
    const sealed = room?.seal(plaintext)
    if (!room || !sealed) return this.refuse(folded, tag, 'not_in_room')
    place.heard(own.fid, plaintext)
    const isAgain = message.epoch !== undefined
    message.epoch = room.epoch
    place.mine.keep(message)
    this.#put({ kind: 'room_send', room: folded, tag, id, body: sealed, isOperation: false, isAgain })
  }

  /** Removes who asked to leave: admins in the order of their fids first, anybody after a while. */
  tidy(place: RoomPlace, nowMs: number): void {
    const { room } = place
    if (room?.state !== 'open' || place.wishes.length > 0 || place.isCommitting) return
    const { own } = this.#who
    const isLeaving = (fid: Uint8Array): boolean => room.leaving.some((each) => equalBytes(each, fid))
    const fids = room.leaving.filter((fid) => !equalBytes(fid, own.fid))
    if (fids.length === 0 || isLeaving(own.fid)) return
    const staying = room.roster.filter((entry) => !isLeaving(entry.package.fid))
    const first = staying.find(({ role }) => role === 'admin') ?? staying[0]
    const isLate = nowMs - place.leavingSinceMs >= LEAVING_MS
    if (!isLate && (!first || !equalBytes(first.package.fid, own.fid))) return
    place.wishes.push({ tag: 0, change: { kind: 'remove', fids }, welcome: [] })
    this.pursue(place, nowMs)
  }

  /** The membership is over: what waits is refused. */
  end(place: RoomPlace): void {
    place.dropKeys()
    place.held = []
    const room = place.folded
    place.unsent = []
    for (const { id, tag, epoch } of place.mine) {
      place.mine.forget(id)
      // What is under way became part of the log before this, or is refused by it.
      if (epoch !== undefined && !place.waiting?.has(id)) continue
      if (tag === 0) this.#put({ kind: 'room_unsent', room, id, why: 'not_in_room' })
      this.refuse(room, tag, 'not_in_room')
      this.#put({ kind: 'room_withdraw', room, id })
    }
    if (place.waiting) this.#put({ kind: 'room_current', room })
    for (const { tag } of place.wishes.splice(0)) this.refuse(place.folded, tag, 'not_in_room')
  }

  /** Tells an admin where this member stands, so that it is brought up to date: at most once an hour. */
  askHelp(place: RoomPlace, nowMs: number): void {
    const { room } = place
    if (!room || (place.helpAskedMs !== 0 && nowMs - place.helpAskedMs < HOUR_MS)) return
    const others = place.people.filter(({ fid }) => !equalBytes(fid, this.#who.own.fid))
    const helper = others.find(({ fid }) => place.memberOf(fid).role === 'admin') ?? others[0]
    if (!helper) return
    place.helpAskedMs = nowMs
    place.helper = helper.fid
    const body = concatBytes([place.group, uint32Bytes(room.epoch), room.head])
    this.tell(place, helper, INNER_KINDS.roomHead, body)
  }

  tell(place: RoomPlace, to: Introduced, innerKind: number, body: Uint8Array): void {
    this.#put(tellOf(place.folded, to, innerKind, body))
  }

  refuse(room: string, tag: number, why: RoomRefusal): void {
    if (tag !== 0) this.#put({ kind: 'room_refused', room, tag, why })
  }

  contextOf(place: RoomPlace): Uint8Array {
    return roomContextOf(this.#primitives, this.#who.relayKey, place.group)
  }
}

/** Whether somebody else did meanwhile what was wished for. */
function isFulfilled(change: Wish['change'], roster: Roster): boolean {
  if (change.kind === 'add') return change.packages.every(({ fid }) => placeOf(roster, fid) >= 0)
  if (change.kind === 'remove') return change.fids.every((fid) => placeOf(roster, fid) < 0)
  return change.kind === 'role' && roster[placeOf(roster, change.fid)]?.role === change.role
}

/** Something for one member, or for somebody who becomes one. */
export function tellOf(
  room: string,
  { fid, person }: Introduced,
  innerKind: number,
  body: Uint8Array,
): RoomsOutput {
  return { kind: 'tell', room, to: person, fid, innerKind, body }
}
