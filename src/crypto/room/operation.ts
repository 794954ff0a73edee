/**
 * Operations: the only way in which a sealed room changes. Each is signed by a member's identity and names
 * the operation before it, so that the order which the relay gives is one that all members can check.
 */
import { concatBytes, copyOf, equalBytes, uint32Bytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes } from '../fields.ts'
import { FID_BYTES } from '../identity.ts'
import { label, SUITE } from '../kdf.ts'
import type { Primitives, SigningKey, VerifyingKey } from '../primitives.ts'
import { KEY_PACKAGE_BYTES, type KeyPackage, PACKAGE_ID_BYTES, readKeyPackage } from './key-package.ts'

const OPERATION = 0x21
const HASH_BYTES = 32
const SIGNATURE_BYTES = 64
const OPERATION_LABEL = label('op')
const HEAD_LABEL = label('head')
const ROSTER_LABEL = label('roster')
const COMMIT_LABEL = label('es')
const GROUP_LABEL = label('gid')

/** The most members of a sealed room: all their packages fit into one welcome. */
export const ROOM_MEMBERS_MAX = 200

/** The most members that one operation adds or removes. */
export const TARGETS_MAX = 64

/** The length of a room's number. */
export const GROUP_BYTES = 32

/** The length of an epoch's secret. */
export const SECRET_BYTES = 32

/** What an operation does. `leave` asks; all others begin an epoch. */
export type Change =
  | { readonly kind: 'create'; readonly random: Uint8Array; readonly package: KeyPackage }
  | { readonly kind: 'add'; readonly packages: readonly KeyPackage[] }
  | { readonly kind: 'remove'; readonly fids: readonly Uint8Array[] }
  | { readonly kind: 'leave'; readonly packageId: Uint8Array }
  | { readonly kind: 'role'; readonly fid: Uint8Array; readonly role: RoomRole }
  | { readonly kind: 'rekey' }
  | { readonly kind: 'close' }

/** What a member may do: admins add, remove, give roles and close. */
export type RoomRole = 'member' | 'admin'

const KINDS = ['create', 'add', 'remove', 'leave', 'role', 'rekey', 'close'] as const
const ROLES = ['member', 'admin'] as const

/** One member. */
export interface RosterEntry {
  readonly package: KeyPackage
  readonly role: RoomRole
}

/** The members, lowest fid first: the place of one is its number in messages. */
export type Roster = readonly RosterEntry[]

/** An operation, taken apart. Nothing is checked but its form. */
export interface Operation {
  readonly bytes: Uint8Array
  readonly group: Uint8Array
  readonly epoch: number
  /** The head before it. */
  readonly previous: Uint8Array
  readonly actor: Uint8Array
  readonly change: Change
  /** Of the roster after it. */
  readonly rosterHash: Uint8Array
  /** Commits to the secret of the epoch that it begins; zeros for `leave`. */
  readonly secretCommitment: Uint8Array
}

/** What an operation is made of. */
export interface OperationParts {
  readonly group: Uint8Array
  readonly epoch: number
  readonly previous: Uint8Array
  readonly actor: Uint8Array
  readonly change: Change
  readonly rosterHash: Uint8Array
}

/** The bytes before the commitment. A secret may be derived from them. */
export function operationPrefix(parts: OperationParts): Uint8Array {
  const body = changeBytes(parts.change)
  //= PAL-SRM-005
  return concatBytes([
    Uint8Array.of(OPERATION, SUITE),
    parts.group,
    uint32Bytes(parts.epoch),
    parts.previous,
    Uint8Array.of(KINDS.indexOf(parts.change.kind) + 1),
    parts.actor,
    uint16Bytes(body.length),
    body,
    parts.rosterHash,
  ])
}

/** The whole operation, signed. */
export function signOperation(
  primitives: Primitives,
  key: SigningKey,
  prefix: Uint8Array,
  secretCommitment: Uint8Array,
): Uint8Array {
  const signed = concatBytes([prefix, secretCommitment])
  return concatBytes([signed, primitives.sign(key, concatBytes([OPERATION_LABEL, signed]))])
}

/** Whether the actor's identity signed the operation. */
export function isSignedBy(primitives: Primitives, operation: Operation, key: VerifyingKey): boolean {
  const { bytes } = operation
  const at = bytes.length - SIGNATURE_BYTES
  return primitives.verify(key, bytes.subarray(at), concatBytes([OPERATION_LABEL, bytes.subarray(0, at)]))
}

/** The hash of an operation, by which the next one names it. */
export function headOf(primitives: Primitives, operation: Uint8Array): Uint8Array {
  return copyOf(primitives.sha512(HEAD_LABEL, operation), 0, HASH_BYTES)
}

/** Of a large room it is as much as many messages, and an operation needs it more than once. */
const rosterHashes = new WeakMap<Roster, Uint8Array>()

/** The hash that all members compute of a roster. */
export function rosterHashOf(primitives: Primitives, roster: Roster): Uint8Array {
  let hash = rosterHashes.get(roster)
  if (!hash) {
    hash = copyOf(primitives.sha512(ROSTER_LABEL, rosterBytes(roster)), 0, HASH_BYTES)
    rosterHashes.set(roster, hash)
  }
  return hash
}

/** What an operation says of the secret that it begins an epoch with. */
export function commitmentOf(
  primitives: Primitives,
  { group, epoch }: { readonly group: Uint8Array; readonly epoch: number },
  secret: Uint8Array,
): Uint8Array {
  const hash = primitives.sha512(COMMIT_LABEL, group, uint32Bytes(epoch), secret)
  return copyOf(hash, 0, HASH_BYTES)
}

/** The number of the room that a creator makes with 32 random bytes. */
export function groupOf(primitives: Primitives, creator: Uint8Array, random: Uint8Array): Uint8Array {
  //= PAL-SRM-002
  return copyOf(primitives.sha512(GROUP_LABEL, creator, random), 0, GROUP_BYTES)
}

/** Takes an operation apart; undefined when its form is wrong, or a key package in it is. */
export function readOperation(primitives: Primitives, given: Uint8Array): Operation | undefined {
  const bytes = copyOf(given)
  const reader = new FieldReader(bytes)
  const start = reader.uint16()
  const group = reader.bytes(GROUP_BYTES)
  const epoch = reader.uint32()
  const previous = reader.bytes(HASH_BYTES)
  const kind = KINDS[reader.byte() - 1]
  const actor = reader.bytes(FID_BYTES)
  const body = reader.short()
  const rosterHash = reader.bytes(HASH_BYTES)
  const secretCommitment = reader.bytes(HASH_BYTES)
  reader.bytes(SIGNATURE_BYTES)
  if (!reader.isDone || start !== ((OPERATION << 8) | SUITE) || kind === undefined) return undefined
  const change = readChange(primitives, kind, body)
  if (!change) return undefined
  return { bytes, group, epoch, previous, actor, change, rosterHash, secretCommitment }
}

function changeBytes(change: Change): Uint8Array {
  switch (change.kind) {
    case 'create':
      return concatBytes([change.random, change.package.bytes])
    case 'add':
      return concatBytes([
        Uint8Array.of(change.packages.length),
        ...change.packages.map((each) => each.bytes),
      ])
    case 'remove':
      return concatBytes([Uint8Array.of(change.fids.length), ...change.fids])
    case 'leave':
      return change.packageId
    case 'role':
      return concatBytes([change.fid, Uint8Array.of(ROLES.indexOf(change.role))])
    case 'rekey':
    case 'close':
      return new Uint8Array(0)
    default:
      return change satisfies never
  }
}

function readChange(primitives: Primitives, kind: Change['kind'], body: Uint8Array): Change | undefined {
  const reader = new FieldReader(body)
  const change = changeFrom(primitives, kind, reader)
  return reader.isDone ? change : undefined
}

function changeFrom(primitives: Primitives, kind: Change['kind'], reader: FieldReader): Change | undefined {
  switch (kind) {
    case 'create': {
      const random = reader.bytes(HASH_BYTES)
      const own = readKeyPackage(primitives, reader.bytes(KEY_PACKAGE_BYTES))
      return own && { kind, random, package: own }
    }
    case 'add': {
      const packages = manyOf(reader, () => readKeyPackage(primitives, reader.bytes(KEY_PACKAGE_BYTES)))
      return packages && { kind, packages }
    }
    case 'remove': {
      const fids = manyOf(reader, () => reader.bytes(FID_BYTES))
      return fids && { kind, fids }
    }
    case 'leave':
      return { kind, packageId: reader.bytes(PACKAGE_ID_BYTES) }
    case 'role': {
      const fid = reader.bytes(FID_BYTES)
      const role = ROLES[reader.byte()]
      return role && { kind, fid, role }
    }
    case 'rekey':
    case 'close':
      return { kind }
    default:
      return kind satisfies never
  }
}

function manyOf<T>(reader: FieldReader, read: () => T | undefined): T[] | undefined {
  const count = reader.byte()
  if (count === 0 || count > TARGETS_MAX) return undefined
  const all: T[] = []
  for (let i = 0; i < count; i++) {
    const one = read()
    if (one === undefined || reader.hasFailed) return undefined
    all.push(one)
  }
  return all
}

/** The roster as bytes: count, then package and role of each. */
export function rosterBytes(roster: Roster): Uint8Array {
  const parts = [uint16Bytes(roster.length)]
  for (const { package: own, role } of roster) parts.push(own.bytes, Uint8Array.of(ROLES.indexOf(role)))
  return concatBytes(parts)
}

/** Reads a roster; undefined when it is not in order, holds somebody twice or a package that is not good. */
export function readRoster(primitives: Primitives, reader: FieldReader): Roster | undefined {
  const count = reader.uint16()
  if (count === 0 || count > ROOM_MEMBERS_MAX) return undefined
  const roster: RosterEntry[] = []
  for (let i = 0; i < count; i++) {
    const own = readKeyPackage(primitives, reader.bytes(KEY_PACKAGE_BYTES))
    const role = ROLES[reader.byte()]
    const before = roster.at(-1)
    if (!own || !role || reader.hasFailed) return undefined
    if (before && compareBytes(before.package.fid, own.fid) >= 0) return undefined
    roster.push({ package: own, role })
  }
  return roster
}

/** The place of a member, or -1. */
export function placeOf(roster: Roster, fid: Uint8Array): number {
  return roster.findIndex((entry) => equalBytes(entry.package.fid, fid))
}

/** Byte by byte: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
