/** What a client remembers of a sealed room besides its keys: name, how far its log was read, who is who. */
import { concatBytes, equalBytes, hexOf, strictUtf8Text, utf8Bytes } from '../../base/bytes.ts'
import { innerHash, NO_PREVIOUS } from '../direct/inner.ts'
import { FieldReader, uint64Bytes } from '../fields.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'
import type { KeyPackage } from '../room/key-package.ts'
import { type Change, GROUP_BYTES, placeOf } from '../room/operation.ts'
import { SealedRoom } from '../room/room.ts'
import type { Person } from './outputs.ts'
import { type OwnMessage, OwnMessages } from './own-messages.ts'
import type { RoomMember } from './room-outputs.ts'
import { decodePerson, encodePerson, type Introduced, isSamePerson } from './room-people.ts'

/** Records of sealed rooms. */
export const ROOM = 'room/'

const HEAD = '/head'
const KEYS = '/keys/'
const WHO = '/who/'
const LAST = '/last/'
const MINE = '/mine/'
const FORMAT = 1

/** An entry of a room's log. */
export interface RoomEntry {
  readonly position: number
  readonly contentKind: number
  readonly body: Uint8Array
}

/** Something to do that needs an operation. */
export interface Wish {
  readonly tag: number
  readonly change: Exclude<Change, { kind: 'create' | 'leave' }>
  /** Members who get a welcome because they lost their keys. */
  readonly welcome: readonly Uint8Array[]
}

/** One room, bound to its name for good. */
export class RoomPlace {
  readonly folded: string
  readonly name: string
  readonly group: Uint8Array
  /** Undefined once its keys are of no use: removed, closed or restored from a backup. */
  room: SealedRoom | undefined
  readonly wishes: Wish[] = []
  /** Whether an own operation is under way. */
  isCommitting = false
  /** Messages that wait until the room can be written to, and all that the relay may not have. */
  unsent: OwnMessage[] = []
  readonly mine: OwnMessages
  /** Whether the log was not read to its end on this link: nothing is sealed and nothing begun. */
  isBehind = false
  /** What waits for this link, once the log was read, until it is sealed as the log wants it. */
  waiting: ReadonlySet<string> | undefined
  /** Entries of epochs whose secret has not come. */
  held: RoomEntry[] = []
  /** Who is asked for a package, by fid: the tag of who wants to know. */
  readonly invited: Map<string, number> = new Map()
  /** When other members were helped, by fid. */
  readonly helpedMs: Map<string, number> = new Map()
  helpAskedMs = 0
  /** When a member asked to leave last. */
  leavingSinceMs = 0
  helper: Uint8Array | undefined
  readonly #primitives: Primitives
  readonly #changes: Changes
  readonly #people = new Map<string, Person>()
  readonly #last = new Map<string, Uint8Array>()
  readonly #keyRecords = new Set<string>()
  #position = 0
  #applied = 0
  #readableAfter = 0

  constructor(
    primitives: Primitives,
    changes: Changes,
    parts: { folded: string; name: string; group: Uint8Array; room: SealedRoom | undefined },
  ) {
    this.#primitives = primitives
    this.#changes = changes
    this.folded = parts.folded
    this.name = parts.name
    this.group = parts.group
    this.room = parts.room
    this.mine = new OwnMessages(changes, ROOM + parts.folded + MINE)
  }

  /** Up to where the log was read, for the next start. */
  get position(): number {
    return this.#position
  }

  /** Entries up to here are from before this member came. */
  get readableAfter(): number {
    return this.#readableAfter
  }

  beginAfter(position: number): void {
    this.#readableAfter = position
    this.#position = Math.max(this.#position, position)
    this.keepHead()
  }

  /** Everything up to there was applied; entries that wait are read again after a restart. */
  readUpTo(position: number): void {
    this.#applied = Math.max(this.#applied, position)
    const first = this.held[0]?.position
    const next = first === undefined ? this.#applied : Math.min(this.#applied, first - 1)
    if (next <= this.#position) return
    this.#position = next
    this.keepHead()
  }

  keepHead(): void {
    const bytes = concatBytes([
      Uint8Array.of(FORMAT, this.room ? 1 : 0),
      this.group,
      uint64Bytes(this.#position),
      uint64Bytes(this.#readableAfter),
      utf8Bytes(this.name),
    ])
    this.#changes.put(ROOM + this.folded + HEAD, bytes)
  }

  /** What the room's keys changed to. */
  gather(): void {
    for (const [name, bytes] of this.room?.takeChanges() ?? []) {
      const record = ROOM + this.folded + KEYS + name
      if (bytes) this.#changes.put(record, bytes)
      else this.#changes.forget(record)
      if (bytes) this.#keyRecords.add(record)
      else this.#keyRecords.delete(record)
    }
  }

  /** Forgets the keys; the name stays bound. */
  dropKeys(): void {
    this.gather()
    for (const record of this.#keyRecords) this.#changes.forget(record)
    this.#keyRecords.clear()
    this.room = undefined
    this.keepHead()
  }

  /** Somebody says who members are. What is known already of a member stays, unless the member says so. */
  learn(people: readonly Introduced[], by: Uint8Array): void {
    const roster = this.room?.roster ?? []
    for (const { fid, person } of people) {
      const known = this.#people.get(hexOf(fid))
      if (placeOf(roster, fid) < 0 || (known && (!equalBytes(fid, by) || isSamePerson(known, person))))
        continue
      this.know({ fid, person })
    }
  }

  /** Who somebody is, as this program found out itself. */
  know({ fid, person }: Introduced): void {
    this.#people.set(hexOf(fid), person)
    this.#changes.put(ROOM + this.folded + WHO + hexOf(fid), encodePerson(person))
  }

  personOf(fid: Uint8Array): Person | undefined {
    return this.#people.get(hexOf(fid))
  }

  /** Everybody known, for a newcomer. */
  get people(): Introduced[] {
    const roster = this.room?.roster ?? []
    return roster.flatMap(({ package: { fid } }) => {
      const person = this.personOf(fid)
      return person ? [{ fid, person }] : []
    })
  }

  memberOf(fid: Uint8Array): RoomMember {
    const entry = this.room?.roster[placeOf(this.room.roster, fid)]
    const isLeaving = this.room?.leaving.some((each) => equalBytes(each, fid)) === true
    return { fid, person: this.personOf(fid), role: entry?.role ?? 'member', isLeaving }
  }

  get members(): RoomMember[] {
    return (this.room?.roster ?? []).map(({ package: each }: { package: KeyPackage }) =>
      this.memberOf(each.fid),
    )
  }

  /** The hash of what the member said last. */
  lastOf(fid: Uint8Array): Uint8Array | undefined {
    return this.#last.get(hexOf(fid))
  }

  heard(fid: Uint8Array, plaintext: Uint8Array): void {
    const hash = innerHash(this.#primitives, plaintext)
    this.#last.set(hexOf(fid), hash)
    this.#changes.put(ROOM + this.folded + LAST + hexOf(fid), hash)
  }

  /** What the own next message names as the one before it. */
  previousOf(fid: Uint8Array): Uint8Array {
    return this.lastOf(fid) ?? NO_PREVIOUS
  }

  restore(
    records: ReadonlyMap<string, Uint8Array>,
    at: { position: number; readableAfter: number },
    fold: (name: string) => string,
  ): void {
    this.#position = at.position
    this.#readableAfter = at.readableAfter
    const prefix = ROOM + this.folded
    for (const [name, bytes] of records) {
      if (!name.startsWith(prefix)) continue
      const rest = name.slice(prefix.length)
      if (rest.startsWith(KEYS)) this.#keyRecords.add(name)
      const person = rest.startsWith(WHO) ? decodePerson(bytes, fold) : undefined
      if (person) this.#people.set(rest.slice(WHO.length), person)
      if (rest.startsWith(LAST)) this.#last.set(rest.slice(LAST.length), bytes)
      if (rest.startsWith(MINE)) this.mine.restore(rest.slice(MINE.length), bytes)
    }
    this.unsent = [...this.mine].filter(({ epoch }) => epoch === undefined)
  }
}

/** The rooms of a client's records. */
export function restoredPlaces(
  primitives: Primitives,
  parts: {
    own: OwnIdentity
    changes: Changes
    records: ReadonlyMap<string, Uint8Array>
    fold: (name: string) => string
  },
): RoomPlace[] {
  const { own, changes, records, fold } = parts
  const places: RoomPlace[] = []
  for (const [name, bytes] of records) {
    if (!name.startsWith(ROOM) || !name.endsWith(HEAD)) continue
    const folded = name.slice(ROOM.length, -HEAD.length)
    const head = readHead(bytes)
    if (!head) continue
    const prefix = ROOM + folded + KEYS
    const kept = new Map<string, Uint8Array>()
    for (const [each, value] of records)
      if (each.startsWith(prefix)) kept.set(each.slice(prefix.length), value)
    const room = head.hasKeys ? SealedRoom.restore(primitives, own, kept) : undefined
    const place = new RoomPlace(primitives, changes, { folded, name: head.name, group: head.group, room })
    place.restore(records, head, fold)
    places.push(place)
  }
  return places
}

interface Head {
  readonly hasKeys: boolean
  readonly group: Uint8Array
  readonly position: number
  readonly readableAfter: number
  readonly name: string
}

function readHead(bytes: Uint8Array): Head | undefined {
  const reader = new FieldReader(bytes)
  const format = reader.byte()
  const hasKeys = reader.byte() === 1
  const group = reader.bytes(GROUP_BYTES)
  const position = reader.uint64()
  const readableAfter = reader.uint64()
  const name = strictUtf8Text(reader.rest())
  if (reader.hasFailed || format !== FORMAT || name === undefined) return undefined
  return { hasKeys, group, position, readableAfter, name }
}

/** The record of a room without its keys: only the name stays bound. Undefined for any other record. */
export function headWithoutKeys(name: string, bytes: Uint8Array): Uint8Array | undefined {
  if (!name.startsWith(ROOM) || !name.endsWith(HEAD)) return undefined
  const copy = Uint8Array.from(bytes)
  copy[1] = 0
  return copy
}
