/** What a newcomer gets over its own session with the member who added it. */
import { concatBytes, equalBytes, strictUtf8Text, utf8Bytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes } from '../fields.ts'
import { FID_BYTES } from '../identity.ts'
import { SUITE } from '../kdf.ts'
import type { Primitives } from '../primitives.ts'
import {
  commitmentOf,
  groupOf,
  isSignedBy,
  type Operation,
  placeOf,
  type Roster,
  readOperation,
  readRoster,
  rosterBytes,
  rosterHashOf,
  SECRET_BYTES,
} from './operation.ts'

/** How a room came to be: its number follows from it. */
export interface Founding {
  readonly creator: Uint8Array
  readonly random: Uint8Array
}

/** A room as the operation left it that added the newcomer. */
export interface Welcome {
  readonly founding: Founding
  /** The room's name on the relay. */
  readonly name: string
  readonly operation: Operation
  readonly roster: Roster
  readonly secret: Uint8Array
}

/** The welcome as bytes. */
export function encodeWelcome(welcome: {
  readonly founding: Founding
  readonly name: string
  readonly operation: Uint8Array
  readonly roster: Roster
  readonly secret: Uint8Array
}): Uint8Array {
  const { founding, operation, roster, secret } = welcome
  const name = utf8Bytes(welcome.name)
  //= PAL-SRM-020
  return concatBytes([
    Uint8Array.of(SUITE),
    founding.creator,
    founding.random,
    uint16Bytes(name.length),
    name,
    uint16Bytes(operation.length),
    operation,
    rosterBytes(roster),
    secret,
  ])
}

/** A welcome from the member `from`; undefined when it does not prove all that it says. */
export function readWelcome(
  primitives: Primitives,
  bytes: Uint8Array,
  from: Uint8Array,
): Welcome | undefined {
  const reader = new FieldReader(bytes)
  const suite = reader.byte()
  const founding = { creator: reader.bytes(FID_BYTES), random: reader.bytes(SECRET_BYTES) }
  const name = strictUtf8Text(reader.short())
  const operation = readOperation(primitives, reader.short())
  const roster = readRoster(primitives, reader)
  const secret = reader.bytes(SECRET_BYTES)
  if (!reader.isDone || suite !== SUITE || name === undefined || !operation || !roster) return undefined
  const welcome = { founding, name, operation, roster, secret }
  return isProven(primitives, welcome, from) ? welcome : undefined
}

function isProven(primitives: Primitives, welcome: Welcome, from: Uint8Array): boolean {
  const { founding, operation, roster, secret } = welcome
  const actor = roster[placeOf(roster, operation.actor)]
  //= PAL-SRM-021
  return (
    equalBytes(operation.actor, from) &&
    actor !== undefined &&
    isSignedBy(primitives, operation, actor.package.identityKey) &&
    equalBytes(operation.rosterHash, rosterHashOf(primitives, roster)) &&
    equalBytes(operation.group, groupOf(primitives, founding.creator, founding.random)) &&
    equalBytes(operation.secretCommitment, commitmentOf(primitives, operation, secret))
  )
}
