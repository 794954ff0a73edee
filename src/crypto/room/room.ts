/**
 * A sealed room from one member's side (spec chapter 16). Input is what the room's log brings, in its order,
 * and secrets that came over sessions with other members; the machine knows neither names nor the relay.
 *
 * States: `open` can send; `expect_secret` knows of an epoch whose secret has not come; `removed` and
 * `closed` are final.
 */
import { assert } from '../../base/assert.ts'
import { concatBytes, copyOf, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { FieldReader } from '../fields.ts'
import type { OwnIdentity } from '../identity.ts'
import { label } from '../kdf.ts'
import type { Primitives, SigningKey } from '../primitives.ts'
import { Changes, type RecordChange } from '../records.ts'
import { Epoch, type EpochFacts, ROOM_MESSAGE } from './epoch.ts'
import { type OwnKeyPackage, readKeyPackage } from './key-package.ts'
import {
  type Change,
  commitmentOf,
  GROUP_BYTES,
  groupOf,
  headOf,
  isSignedBy,
  type Operation,
  operationPrefix,
  placeOf,
  type Roster,
  readOperation,
  rosterHashOf,
  SECRET_BYTES,
  signOperation,
} from './operation.ts'
import { type RoomCore, readRoomRecords, writeCore, writeEpoch } from './room-records.ts'
import { changedRoster } from './roster.ts'
import { encodeWelcome, type Founding, type Welcome } from './welcome.ts'

/** The first byte of a body that carries a sealed operation. */
export const ROOM_OPERATION = 0x21

const NONCE_BYTES = 24
const HEAD_BYTES = 32
const NO_COMMITMENT: Uint8Array = new Uint8Array(32)
const ADD_LABEL = label('es-add')
const OLD_EPOCHS_MAX = 3
const OLD_EPOCH_MS = 600_000
const REKEY_MESSAGES = 1000
const REKEY_MS = 7 * 86_400_000
const SECRETS_MAX = 1024
const SECRETS_OF_ONE_MAX = 256

/** Bytes for one member, to be sealed in the session with it. */
export interface ForMember {
  readonly fid: Uint8Array
  readonly bytes: Uint8Array
}

/** An operation of this member. It counts once the room's log brings it back as the first of its epoch. */
export interface Commit {
  /** For the room's log, after all secrets were handed to the relay. */
  readonly body: Uint8Array
  readonly secrets: readonly ForMember[]
}

/** What a body from the room's log was. */
export type RoomResult =
  | { readonly result: 'message'; readonly sender: Uint8Array; readonly plaintext: Uint8Array }
  | {
      readonly result: 'changed'
      readonly change: Change
      readonly actor: Uint8Array
      readonly state: RoomState
      /** Whether it was this member's. When it was not, an own operation under way has lost. */
      readonly isOwn: boolean
      /** What newcomers get, when the operation was this member's own. */
      readonly welcomes: readonly ForMember[]
    }
  | { readonly result: 'leaving'; readonly actor: Uint8Array }
  /** Of an epoch whose secret has not come: to be given again after it came. */
  | { readonly result: 'waiting' }
  /** Another operation of the same epoch came first. */
  | { readonly result: 'stale' }
  | { readonly result: 'duplicate' }
  | { readonly result: 'undecryptable' }

/** What a secret from another member did. */
export type SecretResult = 'begun' | 'kept' | 'refused'

/** Where a room stands. */
export type RoomState = 'open' | 'expect_secret' | 'removed' | 'closed'

interface Waiting {
  readonly operation: Operation
  readonly facts: EpochFacts
}

const UNDECRYPTABLE: RoomResult = { result: 'undecryptable' }
const WAITING: RoomResult = { result: 'waiting' }
const STALE: RoomResult = { result: 'stale' }

/** One member's view of one sealed room. */
export class SealedRoom {
  readonly group: Uint8Array
  readonly name: string
  readonly #primitives: Primitives
  readonly #own: OwnIdentity
  readonly #roomKey: SigningKey
  readonly #packageId: Uint8Array
  readonly #founding: Founding
  readonly #changes = new Changes()
  readonly #secrets: RoomCore['secrets']
  #state: RoomState
  #current: Epoch
  #beganMs: number
  #old: { readonly epoch: Epoch; readonly untilMs: number }[]
  #leaving: Uint8Array[]
  #candidate: RoomCore['candidate']
  #waiting: Waiting | undefined

  private constructor(primitives: Primitives, own: OwnIdentity, core: RoomCore) {
    this.#primitives = primitives
    this.#own = own
    this.group = core.current.facts.group
    this.name = core.name
    this.#roomKey = core.roomKey
    this.#packageId = core.packageId
    this.#founding = core.founding
    this.#secrets = core.secrets
    this.#state = core.state
    this.#current = core.current
    this.#beganMs = core.beganMs
    this.#old = [...core.old]
    this.#leaving = [...core.leaving]
    this.#candidate = core.candidate
    this.#waiting = core.waiting && this.#factsAfter(core.waiting)
  }

  /** A new room of which this member is the only one, and admin. */
  static create(
    primitives: Primitives,
    own: OwnIdentity,
    { name, ownPackage, nowMs }: { name: string; ownPackage: OwnKeyPackage; nowMs: number },
  ): SealedRoom {
    const founding = { creator: own.fid, random: primitives.random(SECRET_BYTES) }
    const group = groupOf(primitives, own.fid, founding.random)
    const secret = primitives.random(SECRET_BYTES)
    const packaged = packageOf(primitives, ownPackage)
    const roster: Roster = [{ package: packaged, role: 'admin' }]
    const prefix = operationPrefix({
      group,
      epoch: 0,
      previous: new Uint8Array(HEAD_BYTES),
      actor: own.fid,
      change: { kind: 'create', random: founding.random, package: packaged },
      rosterHash: rosterHashOf(primitives, roster),
    })
    const commitment = commitmentOf(primitives, { group, epoch: 0 }, secret)
    const head = headOf(primitives, signOperation(primitives, own.signing, prefix, commitment))
    const current = Epoch.begin(primitives, { group, epoch: 0, head, roster }, secret)
    return SealedRoom.#started(primitives, own, { name, ownPackage, founding, current, nowMs })
  }

  /**
   * The room of a welcome whose package was made with `ownPackage`; undefined when it is not in the roster.
   */
  static join(
    primitives: Primitives,
    own: OwnIdentity,
    { welcome, ownPackage, nowMs }: { welcome: Welcome; ownPackage: OwnKeyPackage; nowMs: number },
  ): SealedRoom | undefined {
    const { founding, name, operation, roster, secret } = welcome
    const entry = roster[placeOf(roster, own.fid)]
    //= PAL-SRM-022
    if (!entry || !equalBytes(entry.package.bytes, ownPackage.bytes)) return undefined
    const { group, epoch } = operation
    const head = headOf(primitives, operation.bytes)
    const current = Epoch.begin(primitives, { group, epoch, head, roster }, secret)
    return SealedRoom.#started(primitives, own, { name, ownPackage, founding, current, nowMs })
  }

  static #started(
    primitives: Primitives,
    own: OwnIdentity,
    parts: { name: string; ownPackage: OwnKeyPackage; founding: Founding; current: Epoch; nowMs: number },
  ): SealedRoom {
    const { name, ownPackage, founding, current, nowMs } = parts
    const room = new SealedRoom(primitives, own, {
      name,
      roomKey: ownPackage.roomKey,
      packageId: ownPackage.packageId,
      founding,
      secrets: new Map(),
      state: 'open',
      current,
      beganMs: nowMs,
      old: [],
      leaving: [],
      candidate: undefined,
      waiting: undefined,
    })
    room.#keepEpoch()
    return room
  }

  /** The room that records hold; undefined when they are not whole. */
  static restore(
    primitives: Primitives,
    own: OwnIdentity,
    records: ReadonlyMap<string, Uint8Array>,
  ): SealedRoom | undefined {
    const core = readRoomRecords(primitives, records)
    return core && new SealedRoom(primitives, own, core)
  }

  get state(): RoomState {
    return this.#state
  }

  get roster(): Roster {
    return this.#current.facts.roster
  }

  get epoch(): number {
    return this.#current.facts.epoch
  }

  /** The hash of the latest operation: equal for members whom nobody told different stories. */
  get head(): Uint8Array {
    return this.#current.facts.head
  }

  /** Members who asked to leave and still hold the keys of this epoch. */
  get leaving(): readonly Uint8Array[] {
    const { roster } = this
    return roster
      .filter((entry) => this.#leaving.some((each) => equalBytes(each, entry.package.packageId)))
      .map((entry) => entry.package.fid)
  }

  /** The package that this member was added by; undefined once it is no member. */
  get ownPackage(): OwnKeyPackage | undefined {
    const entry = this.roster[placeOf(this.roster, this.#own.fid)]
    return entry && { bytes: entry.package.bytes, packageId: this.#packageId, roomKey: this.#roomKey }
  }

  /** Whether the epoch is old enough for a new one before the next message. */
  needsRekey(nowMs: number): boolean {
    //= PAL-SRM-019
    return this.#current.messageCount >= REKEY_MESSAGES || nowMs - this.#beganMs >= REKEY_MS
  }

  /** Seals a message for the room's log. What changed is kept before the body is sent. */
  seal(plaintext: Uint8Array): Uint8Array {
    if (this.#state !== 'open') throw new UsageError('bad_state', `the room is ${this.#state}`)
    const place = this.#ownPlace()
    const body = this.#current.seal(place, this.#roomKey, plaintext)
    this.#changes.put(chainName(this.epoch, place), this.#current.encodeChain(place))
    return body
  }

  /** Asks to be removed. */
  leave(): Uint8Array {
    return this.#boxed(this.#signed({ kind: 'leave', packageId: this.#packageId }, this.roster).bytes)
  }

  /**
   * An operation by this member, or undefined when it may not do that now. `welcome` names members, those
   * added apart, who shall get a welcome because they lost their keys.
   */
  commit(
    change: Exclude<Change, { kind: 'create' | 'leave' }>,
    welcome: readonly Uint8Array[] = [],
  ): Commit | undefined {
    if (this.#state !== 'open') return undefined
    if (this.#candidate) return undefined
    const roster = changedRoster(this.#view(), this.#own.fid, change)
    if (!roster) return undefined
    const { bytes, secret } = this.#signed(change, roster)
    this.#candidate = { operation: bytes, secret, welcome }
    this.#keepCore()
    return this.pendingCommit()
  }

  /** The own operation that the log has not answered: after a restart it is sent again. */
  pendingCommit(): Commit | undefined {
    const { operation: bytes, secret } = this.#candidate ?? {}
    const operation = bytes && readOperation(this.#primitives, bytes)
    const after = operation && this.#factsAfter(operation)
    if (!after || !secret) return undefined
    const isOther = (fid: Uint8Array): boolean => !equalBytes(fid, this.#own.fid)
    const fids = after.facts.roster.map((entry) => entry.package.fid).filter(isOther)
    const told = isDerived(operation.change) ? [] : fids
    const secretBytes = concatBytes([this.group, uint32Bytes(operation.epoch), after.facts.head, secret])
    //= PAL-SRM-011
    return { body: this.#boxed(bytes), secrets: told.map((fid) => ({ fid, bytes: secretBytes })) }
  }

  /** Takes the next body of the room's log. */
  handle(body: Uint8Array, nowMs: number): RoomResult {
    this.#dropOld(nowMs)
    if (body[0] === ROOM_MESSAGE) return this.#message(body)
    if (body[0] === ROOM_OPERATION) return this.#operation(body, nowMs)
    return UNDECRYPTABLE
  }

  /** Takes a secret that the member `from` sent over its session with this one. */
  handleSecret(from: Uint8Array, bytes: Uint8Array, nowMs: number): SecretResult {
    const reader = new FieldReader(bytes)
    const group = reader.bytes(GROUP_BYTES)
    const epoch = reader.uint32()
    const head = reader.bytes(HEAD_BYTES)
    const secret = reader.bytes(SECRET_BYTES)
    if (!reader.isDone || !equalBytes(group, this.group) || epoch <= this.epoch) return 'refused'
    if (this.#state === 'removed' || this.#state === 'closed') return 'refused'
    let count = 0
    for (const each of this.#secrets.values()) if (equalBytes(each.from, from)) count += 1
    if (count >= SECRETS_OF_ONE_MAX || this.#secrets.size >= SECRETS_MAX) return 'refused'
    //= PAL-SRM-012
    if (placeOf(this.roster, from) < 0 && this.#state === 'open' && epoch === this.epoch + 1) return 'refused'
    this.#secrets.set(hexOf(head), { from: copyOf(from), epoch, secret })
    this.#keepCore()
    return this.#beginWaiting(nowMs) ? 'begun' : 'kept'
  }

  /** Compares what another member says of an epoch: `fork` when both cannot come from one log. */
  compareHead(epoch: number, head: Uint8Array): 'same' | 'fork' | 'unknown' {
    const facts = [this.#current, ...this.#old.map((each) => each.epoch)].map((each) => each.facts)
    const own = facts.find((each) => each.epoch === epoch)
    if (!own) return 'unknown'
    //= PAL-SRM-024
    return equalBytes(own.head, head) ? 'same' : 'fork'
  }

  /** What has to be kept, before anything is sent. */
  takeChanges(): RecordChange[] {
    return this.#changes.take()
  }

  #message(body: Uint8Array): RoomResult {
    for (const epoch of [this.#current, ...this.#old.map((each) => each.epoch)]) {
      const header = epoch.header(body)
      if (!header) continue
      const sender = epoch.facts.roster[header.sender]?.package.fid
      //= PAL-SRM-023
      if (!sender || placeOf(this.roster, sender) < 0) return UNDECRYPTABLE
      const opened = epoch.open(header, body)
      if (opened.result !== 'ok') return opened
      this.#changes.put(chainName(epoch.facts.epoch, header.sender), epoch.encodeChain(header.sender))
      return { result: 'message', sender, plaintext: opened.plaintext }
    }
    return this.#state === 'expect_secret' ? WAITING : UNDECRYPTABLE
  }

  #operation(body: Uint8Array, nowMs: number): RoomResult {
    if (this.#state === 'removed' || this.#state === 'closed') return STALE
    for (const epoch of [this.#current, ...this.#old.map((each) => each.epoch)]) {
      const nonce = body.subarray(1, 1 + NONCE_BYTES)
      if (nonce.length !== NONCE_BYTES) return UNDECRYPTABLE
      const opened = this.#primitives.open(epoch.controlKey, nonce, body.subarray(1 + NONCE_BYTES))
      if (!opened) continue
      const operation = readOperation(this.#primitives, opened)
      if (!operation) return UNDECRYPTABLE
      if (operation.change.kind === 'leave') return this.#leave(operation, epoch)
      //= PAL-SRM-007
      if (epoch !== this.#current || this.#state === 'expect_secret') return STALE
      return this.#apply(operation, nowMs)
    }
    return this.#state === 'expect_secret' ? WAITING : UNDECRYPTABLE
  }

  #leave(operation: Operation, epoch: Epoch): RoomResult {
    const { change, actor } = operation
    const entry = this.roster[placeOf(this.roster, actor)]
    assert(change.kind === 'leave', 'the caller saw what it is')
    const isGood =
      entry !== undefined &&
      equalBytes(operation.group, this.group) &&
      equalBytes(operation.previous, epoch.facts.head) &&
      equalBytes(change.packageId, entry.package.packageId) &&
      isSignedBy(this.#primitives, operation, entry.package.identityKey)
    if (!isGood) return UNDECRYPTABLE
    if (this.#leaving.some((each) => equalBytes(each, change.packageId))) return { result: 'duplicate' }
    this.#leaving.push(change.packageId)
    this.#keepCore()
    return { result: 'leaving', actor }
  }

  #apply(operation: Operation, nowMs: number): RoomResult {
    const waiting = this.#checked(operation)
    //= PAL-SRM-006
    if (!waiting) return UNDECRYPTABLE
    const { change, actor } = operation
    const own = this.#isOwn(operation) ? this.#candidate : undefined
    this.#candidate = undefined
    const next = waiting.facts
    if (change.kind === 'close') this.#state = 'closed'
    else if (placeOf(next.roster, this.#own.fid) < 0) this.#state = 'removed'
    else if (own) this.#begin(next, own.secret, nowMs)
    else if (isDerived(change)) {
      const secret = derivedSecret(this.#primitives, this.#current.nextKey, operation.bytes)
      if (!this.#fits(operation, secret)) return UNDECRYPTABLE
      this.#begin(next, secret, nowMs)
    } else {
      this.#waiting = waiting
      this.#state = 'expect_secret'
      this.#beginWaiting(nowMs)
    }
    this.#keepCore()
    const welcomes = own ? this.#welcomes(operation, own) : []
    return { result: 'changed', change, actor, state: this.#state, isOwn: own !== undefined, welcomes }
  }

  #checked(operation: Operation): Waiting | undefined {
    const actor = this.roster[placeOf(this.roster, operation.actor)]
    const isNext =
      equalBytes(operation.group, this.group) &&
      operation.epoch === this.epoch + 1 &&
      equalBytes(operation.previous, this.head)
    if (!isNext || !actor) return undefined
    // What this member signed itself, byte for byte, needs no proof.
    if (!this.#isOwn(operation) && !isSignedBy(this.#primitives, operation, actor.package.identityKey))
      return undefined
    return this.#factsAfter(operation)
  }

  #isOwn(operation: Operation): boolean {
    return this.#candidate !== undefined && equalBytes(this.#candidate.operation, operation.bytes)
  }

  #factsAfter(operation: Operation): Waiting | undefined {
    const roster = changedRoster(this.#view(), operation.actor, operation.change)
    if (!roster || !equalBytes(operation.rosterHash, rosterHashOf(this.#primitives, roster))) return undefined
    const head = headOf(this.#primitives, operation.bytes)
    return { operation, facts: { group: this.group, epoch: operation.epoch, head, roster } }
  }

  /** Begins the epoch that waits, if a secret that fits came from who began it. */
  #beginWaiting(nowMs: number): boolean {
    const waiting = this.#waiting
    const given = waiting && this.#secrets.get(hexOf(waiting.facts.head))
    if (!waiting || !given) return false
    //= PAL-SRM-012
    const isGood = equalBytes(given.from, waiting.operation.actor)
    if (!isGood || !this.#fits(waiting.operation, given.secret)) {
      this.#secrets.delete(hexOf(waiting.facts.head))
      return false
    }
    this.#waiting = undefined
    this.#state = 'open'
    this.#begin(waiting.facts, given.secret, nowMs)
    this.#keepCore()
    return true
  }

  #fits(operation: Operation, secret: Uint8Array): boolean {
    return equalBytes(operation.secretCommitment, commitmentOf(this.#primitives, operation, secret))
  }

  #begin(facts: EpochFacts, secret: Uint8Array, nowMs: number): void {
    this.#old = [{ epoch: this.#current, untilMs: nowMs + OLD_EPOCH_MS }, ...this.#old]
    this.#current = Epoch.begin(this.#primitives, facts, secret)
    this.#beganMs = nowMs
    const present = facts.roster.map((entry) => entry.package.packageId)
    this.#leaving = this.#leaving.filter((each) => present.some((one) => equalBytes(one, each)))
    for (const [head, given] of this.#secrets) if (given.epoch <= facts.epoch) this.#secrets.delete(head)
    this.#dropOld(nowMs)
    this.#keepEpoch()
  }

  #dropOld(nowMs: number): void {
    const kept = this.#old.filter((each, i) => i < OLD_EPOCHS_MAX && nowMs < each.untilMs)
    if (kept.length === this.#old.length) return
    //= PAL-SRM-025
    for (const { epoch } of this.#old.filter((each) => !kept.includes(each))) {
      this.#changes.forget(epochName(epoch.facts.epoch))
      for (let i = 0; i < epoch.facts.roster.length; i++)
        this.#changes.forget(chainName(epoch.facts.epoch, i))
    }
    this.#old = kept
    this.#keepCore()
  }

  #signed(change: Change, roster: Roster): { bytes: Uint8Array; secret: Uint8Array } {
    const isLeave = change.kind === 'leave'
    const prefix = operationPrefix({
      group: this.group,
      epoch: isLeave ? this.epoch : this.epoch + 1,
      previous: this.head,
      actor: this.#own.fid,
      change,
      rosterHash: rosterHashOf(this.#primitives, roster),
    })
    const secret = isLeave ? NO_COMMITMENT : this.#secretFor(change, prefix)
    const commitment = isLeave
      ? NO_COMMITMENT
      : commitmentOf(this.#primitives, { group: this.group, epoch: this.epoch + 1 }, secret)
    return { bytes: signOperation(this.#primitives, this.#own.signing, prefix, commitment), secret }
  }

  #secretFor(change: Change, prefix: Uint8Array): Uint8Array {
    return isDerived(change)
      ? secretAfter(this.#primitives, this.#current.nextKey, prefix)
      : this.#primitives.random(SECRET_BYTES)
  }

  #boxed(operation: Uint8Array): Uint8Array {
    const nonce = this.#primitives.random(NONCE_BYTES)
    const sealed = this.#primitives.seal(this.#current.controlKey, nonce, operation)
    return concatBytes([Uint8Array.of(ROOM_OPERATION), nonce, sealed])
  }

  #welcomes(operation: Operation, own: NonNullable<RoomCore['candidate']>): ForMember[] {
    const { change } = operation
    const added = change.kind === 'add' ? change.packages.map((each) => each.fid) : []
    const { roster } = this
    const bytes = encodeWelcome({
      founding: this.#founding,
      name: this.name,
      operation: operation.bytes,
      roster,
      secret: own.secret,
    })
    return [...added, ...own.welcome]
      .filter((fid) => placeOf(roster, fid) >= 0)
      .map((fid) => ({ fid, bytes }))
  }

  #view(): { roster: Roster; leaving: readonly Uint8Array[] } {
    return { roster: this.roster, leaving: this.#leaving }
  }

  #ownPlace(): number {
    const place = placeOf(this.roster, this.#own.fid)
    assert(place >= 0, 'an open room has its own member')
    return place
  }

  #keepEpoch(): void {
    const { epoch, roster } = this.#current.facts
    this.#changes.put(epochName(epoch), writeEpoch(this.#current))
    for (let i = 0; i < roster.length; i++)
      this.#changes.put(chainName(epoch, i), this.#current.encodeChain(i))
    this.#keepCore()
  }

  #keepCore(): void {
    this.#changes.put(
      'core',
      writeCore({
        name: this.name,
        roomKey: this.#roomKey,
        packageId: this.#packageId,
        founding: this.#founding,
        secrets: this.#secrets,
        state: this.#state,
        current: this.#current,
        beganMs: this.#beganMs,
        old: this.#old,
        leaving: this.#leaving,
        candidate: this.#candidate,
        waiting: this.#waiting?.operation,
      }),
    )
  }
}

function epochName(epoch: number): string {
  return `epoch/${epoch}`
}

function chainName(epoch: number, sender: number): string {
  return `chain/${epoch}/${sender}`
}

/** Whether the next secret follows from the last: nobody who knew the last one has to be kept out. */
function isDerived(change: Change): boolean {
  return change.kind === 'add' || change.kind === 'role' || change.kind === 'close'
}

function derivedSecret(primitives: Primitives, nextKey: Uint8Array, operation: Uint8Array): Uint8Array {
  return secretAfter(primitives, nextKey, operation.subarray(0, operation.length - 96))
}

function secretAfter(primitives: Primitives, nextKey: Uint8Array, prefix: Uint8Array): Uint8Array {
  //= PAL-SRM-011
  return copyOf(primitives.hmac512(nextKey, primitives.sha512(ADD_LABEL, prefix)), 0, SECRET_BYTES)
}

function packageOf(primitives: Primitives, own: OwnKeyPackage): Roster[number]['package'] {
  const read = readKeyPackage(primitives, own.bytes)
  assert(read !== undefined, 'a member reads its own package')
  return read
}
