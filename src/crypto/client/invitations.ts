/** Sealed rooms that somebody added this member to, until its user accepts. */
import { concatBytes, hexOf } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes } from '../fields.ts'
import { FID_BYTES } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'
import { readWelcome, type Welcome } from '../room/welcome.ts'
import type { Person } from './outputs.ts'
import { decodePerson, encodePerson, type Introduced } from './room-people.ts'

const INVITE = 'invite/'
const INVITES_MAX = 256
const NOTHING: Uint8Array = new Uint8Array(0)

/** A welcome and what came before it. */
export interface Invite {
  readonly from: Person
  readonly fid: Uint8Array
  /** Empty while only people were introduced. */
  readonly welcome: Uint8Array
  /** Who is who, as its sender said; may be empty. */
  readonly people: Uint8Array
}

/** The name of a room that somebody added this member to, and who. */
export interface Invitation {
  readonly name: string
  readonly by: Person
}

export class Invitations {
  readonly #primitives: Primitives
  readonly #changes: Changes
  readonly #fold: (name: string) => string
  readonly #invites = new Map<string, Invite>()

  constructor(
    primitives: Primitives,
    parts: {
      readonly changes: Changes
      readonly records: ReadonlyMap<string, Uint8Array>
      readonly fold: (name: string) => string
    },
  ) {
    this.#primitives = primitives
    this.#changes = parts.changes
    this.#fold = parts.fold
    for (const [name, bytes] of parts.records) {
      const invite = name.startsWith(INVITE) ? decodeInvite(bytes, parts.fold) : undefined
      if (invite) this.#invites.set(name.slice(INVITE.length), invite)
    }
  }

  get isEmpty(): boolean {
    return this.#invites.size === 0
  }

  /** By the folded names of the rooms. */
  get all(): ReadonlyMap<string, Invitation> {
    const found = new Map<string, Invitation>()
    for (const invite of this.#invites.values()) {
      const name = this.#welcomeOf(invite)?.name
      if (name !== undefined) found.set(this.#fold(name), { name, by: invite.from })
    }
    return found
  }

  /** A welcome, checked, came from a member. False when too many wait. */
  welcomed({ fid, person }: Introduced, group: Uint8Array, welcome: Uint8Array): boolean {
    const known = this.#invites.get(hexOf(group))
    const people = known?.people !== undefined && hexOf(known.fid) === hexOf(fid) ? known.people : NOTHING
    return this.#keep(group, { from: person, fid, welcome, people })
  }

  /** Who is who came from a member, which may be before its welcome. */
  introduced({ fid, person }: Introduced, group: Uint8Array, people: Uint8Array): void {
    const known = this.#invites.get(hexOf(group))
    if (known && hexOf(known.fid) !== hexOf(fid)) return
    this.#keep(group, { from: person, fid, welcome: known?.welcome ?? NOTHING, people })
  }

  /** Takes out the invitations to the room of that folded name, one after the other. */
  *taken(room: string): Generator<{ readonly invite: Invite; readonly welcome: Welcome }, void> {
    for (const [group, invite] of this.#invites) {
      const welcome = this.#welcomeOf(invite)
      if (!welcome || this.#fold(welcome.name) !== room) continue
      this.#invites.delete(group)
      this.#changes.forget(INVITE + group)
      yield { invite, welcome }
    }
  }

  #welcomeOf({ welcome, fid }: Invite): Welcome | undefined {
    return readWelcome(this.#primitives, welcome, fid)
  }

  #keep(group: Uint8Array, invite: Invite): boolean {
    const key = hexOf(group)
    if (!this.#invites.has(key) && this.#invites.size >= INVITES_MAX) return false
    this.#invites.set(key, invite)
    this.#changes.put(INVITE + key, encodeInvite(invite))
    return true
  }
}

function encodeInvite({ from, fid, welcome, people }: Invite): Uint8Array {
  const person = encodePerson(from)
  const parts = [fid, uint16Bytes(person.length), person, uint16Bytes(welcome.length), welcome]
  return concatBytes([...parts, uint16Bytes(people.length), people])
}

function decodeInvite(bytes: Uint8Array, fold: (name: string) => string): Invite | undefined {
  const reader = new FieldReader(bytes)
  const fid = reader.bytes(FID_BYTES)
  const from = decodePerson(reader.short(), fold)
  const welcome = reader.short()
  const people = reader.short()
  return reader.isDone && from ? { from, fid, welcome, people } : undefined
}
