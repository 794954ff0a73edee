/** Members of a sealed room, each with its own view, and the log that a relay makes of what they send. */
import { hexOf } from '../../src/base/bytes.ts'
import type { OwnIdentity } from '../../src/crypto/identity.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createKeyPackage, type OwnKeyPackage, readKeyPackage } from '../../src/crypto/room/key-package.ts'
import type { Change } from '../../src/crypto/room/operation.ts'
import { type Commit, type ForMember, type RoomResult, SealedRoom } from '../../src/crypto/room/room.ts'
import { readWelcome } from '../../src/crypto/room/welcome.ts'
import { newIdentity } from './people.ts'
import { provider, seededEntropy } from './providers.ts'

/** One member's program. */
export class Member {
  readonly name: string
  readonly p: Primitives
  readonly own: OwnIdentity
  readonly kept = new Map<string, Uint8Array>()
  package: OwnKeyPackage
  room: SealedRoom | undefined
  /** How far it read the log. */
  cursor = 0
  /** Bodies that wait for a secret. */
  waiting: Uint8Array[] = []
  readonly heard: string[] = []

  constructor(name: string) {
    this.name = name
    this.p = provider('node', seededEntropy(`room ${name}`))
    this.own = newIdentity(this.p)
    this.package = createKeyPackage(this.p, this.own, 1)
  }

  get fid(): string {
    return hexOf(this.own.fid)
  }

  /** A new package for a new membership. */
  offer(): ReturnType<typeof readKeyPackage> {
    this.package = createKeyPackage(this.p, this.own, 1)
    return readKeyPackage(this.p, this.package.bytes)
  }

  save(): void {
    for (const [name, bytes] of this.room?.takeChanges() ?? [])
      if (bytes) this.kept.set(name, Uint8Array.from(bytes))
      else this.kept.delete(name)
  }

  /** The program ends and starts again from what it kept. */
  restart(): void {
    this.save()
    if (this.room) this.room = SealedRoom.restore(this.p, this.own, this.kept)
  }
}

/** A room with an honest log; tests bend it. */
export class RoomWorld {
  readonly members: Member[]
  readonly log: Uint8Array[] = []
  now = 1

  constructor(count: number) {
    this.members = Array.from({ length: count }, (_, i) => new Member(`m${i}`))
    const [creator] = this.members as [Member]
    creator.room = SealedRoom.create(creator.p, creator.own, {
      name: '#room',
      ownPackage: creator.package,
      nowMs: this.now,
    })
    creator.save()
    for (let i = 1; i < count; i += 64)
      this.change(creator, { kind: 'add', packages: this.members.slice(i, i + 64).map(packageOf) })
  }

  member(fid: Uint8Array): Member {
    return this.members.find((each) => each.fid === hexOf(fid)) as Member
  }

  /** Hands an own operation out: secrets first. */
  publish(by: Member, commit: Commit | undefined): boolean {
    if (!commit) return false
    by.save()
    this.tell(by, commit.secrets)
    this.log.push(commit.body)
    return true
  }

  tell(by: Member, secrets: readonly ForMember[]): void {
    for (const { fid, bytes } of secrets) {
      const member = this.member(fid)
      if (member.room?.handleSecret(by.own.fid, bytes, this.now) === 'begun') this.retry(member)
      member.save()
    }
  }

  /** Changes the room and lets everybody read. */
  change(by: Member, change: Exclude<Change, { kind: 'create' | 'leave' }>): boolean {
    const isDone = this.publish(by, by.room?.commit(change))
    this.readAll()
    return isDone
  }

  say(by: Member, text: string): Uint8Array {
    const body = (by.room as SealedRoom).seal(new TextEncoder().encode(text))
    by.save()
    this.log.push(body)
    return body
  }

  readAll(): void {
    for (const member of this.members) this.read(member)
  }

  read(member: Member): void {
    while (member.room && member.cursor < this.log.length)
      this.take(member, this.log[member.cursor++] as Uint8Array)
  }

  take(member: Member, body: Uint8Array): RoomResult {
    const result = (member.room as SealedRoom).handle(body, this.now)
    member.save()
    if (result.result === 'message')
      member.heard.push(`${this.member(result.sender).name}: ${new TextDecoder().decode(result.plaintext)}`)
    if (result.result === 'waiting') member.waiting.push(body)
    if (result.result === 'changed') this.#welcome(member, result.welcomes)
    return result
  }

  retry(member: Member): void {
    const waiting = member.waiting
    member.waiting = []
    for (const body of waiting) this.take(member, body)
  }

  #welcome(from: Member, welcomes: readonly ForMember[]): void {
    for (const { fid, bytes } of welcomes) {
      const member = this.member(fid)
      const welcome = readWelcome(member.p, bytes, from.own.fid)
      if (!welcome) throw new Error('a welcome is refused')
      member.kept.clear()
      member.room = SealedRoom.join(member.p, member.own, {
        welcome,
        ownPackage: member.package,
        nowMs: this.now,
      })
      member.cursor = from.cursor
      member.save()
    }
  }
}

/** The package a member offers, checked. */
export function packageOf(member: Member): NonNullable<ReturnType<typeof readKeyPackage>> {
  const offered = member.offer()
  if (!offered) throw new Error('a package is refused')
  return offered
}
