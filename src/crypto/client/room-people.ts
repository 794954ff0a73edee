/** What members tell each other about who is who on the relay. Hints: an identity's keys decide. */
import { concatBytes, equalBytes, strictUtf8Text, utf8Bytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from '../fields.ts'
import { FID_BYTES } from '../identity.ts'
import { GROUP_BYTES, ROOM_MEMBERS_MAX } from '../room/operation.ts'
import type { Person } from './outputs.ts'

const KEY_BYTES = 32
const NAME_BYTES_MAX = 128

/** Somebody and the identity that a roster has of them. */
export interface Introduced {
  readonly fid: Uint8Array
  readonly person: Person
}

export interface RoomPeople {
  readonly group: Uint8Array
  /** Where in the room's log those who are new can begin to read, or 0. */
  readonly position: number
  readonly people: readonly Introduced[]
}

export function encodePeople({ group, position, people }: RoomPeople): Uint8Array {
  const parts = [group, uint64Bytes(position), Uint8Array.of(people.length)]
  for (const { fid, person } of people) {
    const name = utf8Bytes(person.name)
    parts.push(fid, person.key, uint16Bytes(name.length), name)
  }
  return concatBytes(parts)
}

/** The people of a peer's message; undefined when it is not whole. `fold` gives a name's folded form. */
export function readPeople(bytes: Uint8Array, fold: (name: string) => string): RoomPeople | undefined {
  const reader = new FieldReader(bytes)
  const group = reader.bytes(GROUP_BYTES)
  const position = reader.uint64()
  const count = reader.byte()
  if (count > ROOM_MEMBERS_MAX || !Number.isSafeInteger(position)) return undefined
  const people: Introduced[] = []
  for (let i = 0; i < count; i++) {
    const fid = reader.bytes(FID_BYTES)
    const key = reader.bytes(KEY_BYTES)
    const name = strictUtf8Text(reader.short())
    if (reader.hasFailed || name === undefined || utf8Bytes(name).length > NAME_BYTES_MAX) return undefined
    people.push({ fid, person: { key, name, folded: fold(name) } })
  }
  return reader.isDone ? { group, position, people } : undefined
}

/** A person as a record. */
export function encodePerson({ key, name }: Person): Uint8Array {
  return concatBytes([key, utf8Bytes(name)])
}

/** The person of a record. */
export function decodePerson(bytes: Uint8Array, fold: (name: string) => string): Person | undefined {
  const name = strictUtf8Text(bytes.subarray(KEY_BYTES))
  if (bytes.length < KEY_BYTES || name === undefined) return undefined
  return { key: bytes.slice(0, KEY_BYTES), name, folded: fold(name) }
}

/** Whether two people are one account. */
export function isSamePerson(a: Person, b: Person): boolean {
  return equalBytes(a.key, b.key) && a.folded === b.folded
}
