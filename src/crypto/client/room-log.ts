/**
 * The logs of sealed rooms: what an entry is to the room, and to the program. Those of an epoch whose secret
 * has not come wait for it; what was opened and not applied is told again.
 */
import { concatBytes } from '../../base/bytes.ts'
import { decodeInner, INNER_KINDS } from '../direct/inner.ts'
import { FID_BYTES } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'
import type { RoomResult } from '../room/room.ts'
import { OpenedMessages } from './opened.ts'
import type { RoomsOutput } from './room-outputs.ts'
import { encodePeople, type Introduced, readPeople } from './room-people.ts'
import type { RoomEntry, RoomPlace } from './room-place.ts'
import type { RoomWork } from './room-work.ts'

const HELD_MAX = 4096

export interface RoomLogParts {
  readonly work: RoomWork
  /** The form that names are compared in. */
  readonly fold: (name: string) => string
  readonly changes: Changes
  readonly records: ReadonlyMap<string, Uint8Array>
  readonly put: (output: RoomsOutput) => void
}

export class RoomLog {
  readonly #work: RoomWork
  readonly #fold: (name: string) => string
  readonly #put: (output: RoomsOutput) => void
  readonly #opened: OpenedMessages

  constructor(primitives: Primitives, { work, fold, changes, records, put }: RoomLogParts) {
    this.#work = work
    this.#fold = fold
    this.#put = put
    const own = [...records].filter(([name]) => name.startsWith(`open/${openName('')}`))
    this.#opened = new OpenedMessages(primitives, changes, own)
  }

  /** Takes the next sealed entry of a room's log. */
  take(place: RoomPlace, entry: RoomEntry, nowMs: number): void {
    if (!this.#wasOpened(place, entry)) this.#entry(place, entry, nowMs)
  }

  /** Whether it is better not taken, because a program that is behind has to apply some of it first. */
  isFullFor(room: string, { position, body }: RoomEntry): boolean {
    return this.#opened.isFull && !this.#opened.find(openName(room), position, body)
  }

  /** The program has done with everything up to there, but for what it `needs` again. */
  applied(room: string, position: number, needs: readonly number[]): void {
    this.#opened.applied(openName(room), position, needs)
  }

  /** Gives entries that waited for a secret to the room again, in their order. */
  replay(place: RoomPlace, nowMs: number): void {
    for (const entry of place.held.splice(0)) this.#entry(place, entry, nowMs)
    place.readUpTo(0)
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
        return this.#work.askHelp(place, nowMs)
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
      const people = readPeople(body, this.#fold)
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
      this.#work.tell(place, { fid, person }, INNER_KINDS.roomPeople, peopleOf(place, place.people, position))
      this.#work.tell(place, { fid, person }, INNER_KINDS.roomWelcome, bytes)
    }
    if (state === 'removed' || state === 'closed') return this.#work.end(place)
    if (state === 'open') this.replay(place, nowMs)
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
        body: peopleOf(place, people, position),
      })
  }

  #unreadable(
    place: RoomPlace,
    position: number,
    why: 'keys' | 'context' | 'not_in_room' | 'too_many',
  ): void {
    this.#put({ kind: 'room_unreadable', room: place.folded, position, why })
  }
}

/** Who is who in a room, for those who come. */
function peopleOf({ group }: RoomPlace, people: readonly Introduced[], position: number): Uint8Array {
  return encodePeople({ group, position, people })
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
