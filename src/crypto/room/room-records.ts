/**
 * A sealed room as records: `core`, one `epoch/N` for each epoch kept, one `chain/N/I` for each sender in it.
 */
import { concatBytes, strictUtf8Text, uint32Bytes, utf8Bytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from '../fields.ts'
import { FID_BYTES } from '../identity.ts'
import type { Primitives, SigningKey } from '../primitives.ts'
import { Epoch } from './epoch.ts'
import { PACKAGE_ID_BYTES } from './key-package.ts'
import {
  GROUP_BYTES,
  type Operation,
  readOperation,
  readRoster,
  rosterBytes,
  SECRET_BYTES,
} from './operation.ts'
import type { RoomState } from './room.ts'
import type { Founding } from './welcome.ts'

const FORMAT = 1
const HASH_BYTES = 32
const KEYS_BYTES = 96
const STATES = ['open', 'expect_secret', 'removed', 'closed'] as const satisfies readonly RoomState[]

/** All that a room remembers. */
export interface RoomCore {
  readonly name: string
  readonly roomKey: SigningKey
  readonly packageId: Uint8Array
  readonly founding: Founding
  /** Secrets of epochs that have not begun, by their heads in hexadecimal. */
  readonly secrets: Map<
    string,
    { readonly from: Uint8Array; readonly epoch: number; readonly secret: Uint8Array }
  >
  readonly state: RoomState
  readonly current: Epoch
  readonly beganMs: number
  /** Latest first. */
  readonly old: readonly { readonly epoch: Epoch; readonly untilMs: number }[]
  readonly leaving: readonly Uint8Array[]
  /** An own operation under way. */
  readonly candidate:
    | {
        readonly operation: Uint8Array
        readonly secret: Uint8Array
        readonly welcome: readonly Uint8Array[]
      }
    | undefined
  readonly waiting: Operation | undefined
}

/** The record `core`. */
export function writeCore(core: RoomCore): Uint8Array {
  const name = utf8Bytes(core.name)
  const parts = [
    Uint8Array.of(FORMAT, STATES.indexOf(core.state)),
    uint16Bytes(name.length),
    name,
    core.roomKey.seed,
    core.packageId,
    core.founding.creator,
    core.founding.random,
    uint32Bytes(core.current.facts.epoch),
    uint64Bytes(core.beganMs),
    uint16Bytes(core.old.length),
  ]
  for (const { epoch, untilMs } of core.old) parts.push(uint32Bytes(epoch.facts.epoch), uint64Bytes(untilMs))
  parts.push(uint16Bytes(core.leaving.length), ...core.leaving)
  parts.push(...optionalParts(core.candidate?.operation))
  if (core.candidate) {
    const { secret, welcome } = core.candidate
    parts.push(secret, uint16Bytes(welcome.length), ...welcome)
  }
  parts.push(...optionalParts(core.waiting?.bytes), uint16Bytes(core.secrets.size))
  for (const { from, epoch, secret } of core.secrets.values()) parts.push(from, uint32Bytes(epoch), secret)
  for (const head of core.secrets.keys()) parts.push(utf8Bytes(head))
  return concatBytes(parts)
}

/** The record of an epoch. */
export function writeEpoch(epoch: Epoch): Uint8Array {
  const { group, head, roster } = epoch.facts
  return concatBytes([group, uint32Bytes(epoch.facts.epoch), head, epoch.encodeKeys(), rosterBytes(roster)])
}

/** The room of its records; undefined when one is missing or damaged. */
export function readRoomRecords(
  primitives: Primitives,
  records: ReadonlyMap<string, Uint8Array>,
): RoomCore | undefined {
  const reader = new FieldReader(records.get('core') ?? new Uint8Array(0))
  const format = reader.byte()
  const state = STATES[reader.byte()]
  const name = strictUtf8Text(reader.short())
  const roomKey = primitives.signingKeygen(reader.bytes(SECRET_BYTES))
  const packageId = reader.bytes(PACKAGE_ID_BYTES)
  const founding = { creator: reader.bytes(FID_BYTES), random: reader.bytes(SECRET_BYTES) }
  const current = restoredEpoch(primitives, records, reader.uint32())
  const beganMs = reader.uint64()
  const old = listOf(reader, () => {
    const epoch = restoredEpoch(primitives, records, reader.uint32())
    const untilMs = reader.uint64()
    return epoch && { epoch, untilMs }
  })
  const leaving = listOf(reader, () => reader.bytes(PACKAGE_ID_BYTES))
  const candidate = readCandidate(reader)
  const waitingBytes = readOptional(reader)
  const waiting = waitingBytes && readOperation(primitives, waitingBytes)
  const secrets = readSecrets(reader)
  if (!reader.isDone || format !== FORMAT || !state || name === undefined || !current || !old || !leaving)
    return undefined
  return {
    name,
    roomKey,
    packageId,
    founding,
    secrets,
    state,
    current,
    beganMs,
    old,
    leaving,
    candidate,
    waiting,
  }
}

function restoredEpoch(
  primitives: Primitives,
  records: ReadonlyMap<string, Uint8Array>,
  number: number,
): Epoch | undefined {
  const reader = new FieldReader(records.get(`epoch/${number}`) ?? new Uint8Array(0))
  const group = reader.bytes(GROUP_BYTES)
  const epoch = reader.uint32()
  const head = reader.bytes(HASH_BYTES)
  const keys = reader.bytes(KEYS_BYTES)
  const roster = readRoster(primitives, reader)
  if (!roster || !reader.isDone || epoch !== number) return undefined
  const chains = roster.map((_, i) => records.get(`chain/${number}/${i}`) ?? new Uint8Array(0))
  return Epoch.restore(primitives, { group, epoch, head, roster }, keys, chains)
}

function readCandidate(reader: FieldReader): RoomCore['candidate'] {
  const operation = readOptional(reader)
  if (!operation) return undefined
  const secret = reader.bytes(SECRET_BYTES)
  return { operation, secret, welcome: listOf(reader, () => reader.bytes(FID_BYTES)) ?? [] }
}

function readSecrets(reader: FieldReader): RoomCore['secrets'] {
  const given = listOf(reader, () => ({
    from: reader.bytes(FID_BYTES),
    epoch: reader.uint32(),
    secret: reader.bytes(SECRET_BYTES),
  }))
  const secrets: RoomCore['secrets'] = new Map()
  for (const each of given ?? []) secrets.set(strictUtf8Text(reader.bytes(2 * HASH_BYTES)) ?? '', each)
  return secrets
}

function listOf<T>(reader: FieldReader, read: () => T | undefined): T[] | undefined {
  const count = reader.uint16()
  const all: T[] = []
  for (let i = 0; i < count; i++) {
    const one = read()
    if (one === undefined || reader.hasFailed) {
      reader.fail()
      return undefined
    }
    all.push(one)
  }
  return all
}

function optionalParts(bytes: Uint8Array | undefined): Uint8Array[] {
  return bytes ? [Uint8Array.of(1), uint16Bytes(bytes.length), bytes] : [Uint8Array.of(0)]
}

function readOptional(reader: FieldReader): Uint8Array | undefined {
  return reader.byte() === 1 ? reader.short() : undefined
}
