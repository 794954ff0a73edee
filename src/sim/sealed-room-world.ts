/**
 * Sealed rooms on a relay that is against their members (spec chapter 16). It may lose, repeat, reorder,
 * change and move entries, speak plainly in anybody's name and lie about who is who; it has an account that
 * was a member once and kept all its keys, and a member of each room helps it. Watched is that nobody is
 * shown what its author did not say in just this room, and nothing twice; that no secret reaches who is no
 * member; and that who was removed reads nothing that was said since.
 */
import { hexOf, utf8Bytes, utf8Text } from '../base/bytes.ts'
import { CONTENT_KINDS } from '../codec/generated/registry.ts'
import type { Person } from '../crypto/client/outputs.ts'
import type { RoomsOutput } from '../crypto/client/room-outputs.ts'
import type { RoomEntry } from '../crypto/client/room-place.ts'
import { SealedRooms } from '../crypto/client/rooms.ts'
import { encodeInner, INNER_KINDS, NO_PREVIOUS, roomContextOf } from '../crypto/direct/inner.ts'
import { createIdentity, type OwnIdentity } from '../crypto/identity.ts'
import { applyChanges } from '../crypto/journal.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { SealedRoom } from '../crypto/room/room.ts'
import { KeyWatch } from './key-watch.ts'
import { hash32 } from './random.ts'
import { saidAgain } from './sealed-attacks.ts'

const CANARY = 'CANARY-'
const RELAY_KEY: Uint8Array = new Uint8Array(32)
/** Two rooms, so that entries can be moved from one to the other. */
const ROOMS = ['one', 'two'] as const

/** Ways in which a client can be wrong on purpose, to see that the watch notices. */
export interface RoomWeakness {
  /** Its cryptographic functions. */
  readonly primitives?: (primitives: Primitives) => Primitives
  /** What of its records survives a restart. */
  readonly keeps?: (name: string) => boolean
  /** Whether it goes on before its state is kept. */
  readonly isHasty?: boolean
  /** Whether it shows what comes plainly. */
  readonly showsPlain?: boolean
  /** Whether it adds whoever the relay says is in the room. */
  readonly addsWhomTheRelaySays?: boolean
  /** Whether it tells secrets to whoever the relay calls by a member's name. */
  readonly tellsAnybody?: boolean
}

/** Where a member's program is killed: before the state is kept, after that, or before something goes out. */
const CRASH_POINTS = ['keep', 'kept', 'out'] as const
type CrashPoint = (typeof CRASH_POINTS)[number]

class Member {
  readonly own: OwnIdentity
  readonly person: Person
  readonly records: Map<string, Uint8Array> = new Map()
  /** How far the relay gave it each room's log. */
  readonly read: Map<string, number> = new Map()
  rooms: SealedRooms
  /** Where its program is killed next. */
  crash: CrashPoint | undefined
  readonly #world: SealedRoomWorld

  constructor(world: SealedRoomWorld, index: number) {
    this.#world = world
    const p = world.primitives
    this.own = createIdentity(p, { signing: p.signingKeygen(), dh: p.dhKeygen() })
    const name = `person${index}`
    this.person = { key: new Uint8Array(32).fill(index + 1), name, folded: name }
    this.rooms = this.#started()
  }

  restart(): void {
    const { keeps } = this.#world.weakness
    if (keeps) for (const name of [...this.records.keys()]) if (!keeps(name)) this.records.delete(name)
    this.rooms = this.#started()
  }

  #started(): SealedRooms {
    const { own, person } = this
    const records = new Map(this.records)
    const options = { own, self: person, relayKey: RELAY_KEY, fold: (name: string): string => name, records }
    return new SealedRooms(this.#world.primitives, options)
  }
}

interface Told {
  readonly from: Member
  readonly to: Member
  readonly innerKind: number
  readonly body: Uint8Array
}

/** A world of a few members, of whom the first is admin. The last one was removed and is the relay's own. */
export class SealedRoomWorld {
  readonly primitives: Primitives
  readonly weakness: RoomWeakness
  readonly members: Member[]
  /** What went wrong. */
  readonly violations: string[] = []
  readonly keys: KeyWatch = new KeyWatch()
  nowMs: number = 1_800_000_000_000
  saidCount = 0
  shownCount = 0
  crashCount = 0
  readonly #seed: number
  readonly #logs = new Map<string, RoomEntry[]>()
  readonly #said = new Map<string, { readonly room: string; readonly from: number }>()
  readonly #shown = new Set<string>()
  #told: Told[] = []
  #draws = 0
  #heardCount = 0
  #isHostile = false

  constructor(primitives: Primitives, seed: number, count: number, weakness: RoomWeakness = {}) {
    this.primitives = this.keys.over(weakness.primitives?.(primitives) ?? primitives)
    this.weakness = weakness
    this.#seed = seed
    this.members = Array.from({ length: count + 1 }, (_, i) => new Member(this, i))
    for (const room of ROOMS) this.#found(room)
    this.#isHostile = true
  }

  /** Somebody says something in a room. */
  say(from: number, room: string): void {
    const text = `${CANARY}${from}-${room}-${this.saidCount++}`
    this.#said.set(text, { room, from })
    const message = { tag: 0, kind: CONTENT_KINDS.text, body: utf8Bytes(text) }
    this.#do(this.#member(from), (rooms) => rooms.send(room, message, this.nowMs))
  }

  /** The admin gives a room new keys. */
  rekey(room: string): void {
    const wish = { tag: 0, change: { kind: 'rekey' } } as const
    this.#do(this.#member(0), (rooms) => rooms.change(room, wish, this.nowMs))
  }

  /** One turn of the relay. */
  turn(): void {
    this.nowMs += this.#below(20_000)
    const room = this.#room()
    const log = this.#log(room)
    const member = this.#honest()
    const entry = log[this.#below(Math.max(log.length, 1))] as RoomEntry
    switch (this.#below(14)) {
      case 0:
        return this.#insert(member, room, entry)
      case 1:
        return this.#insert(member, room, { ...entry, body: this.#changed(entry.body) })
      case 2:
        return this.#insert(member, room === 'one' ? 'two' : 'one', entry)
      case 3:
        return this.#speakPlainly(member, room)
      case 4:
        return this.#restart(member)
      case 5:
        return this.#forge(member, room)
      case 6:
        return this.#lie(room)
      case 7:
        return this.#tempt(member, room)
      case 8:
        return this.#carry()
      case 9:
        member.crash = CRASH_POINTS[this.#below(CRASH_POINTS.length)]
        return
      case 10:
        return this.#sayAgain(room)
      default:
        return this.#giveNext(member, room)
    }
  }

  /** The relay becomes honest: everything that was kept back comes, in order. */
  turnHonest(): void {
    this.#isHostile = false
    this.#deliverAll()
  }

  #deliverAll(): void {
    for (let before = -1; before !== this.#progress(); ) {
      before = this.#progress()
      this.#carry()
      for (const member of this.members)
        for (const room of ROOMS) {
          if (member.rooms.invitations.has(room)) this.#do(member, (rooms) => rooms.accept(room, this.nowMs))
          if (!member.rooms.isSealed(room)) continue
          if (!member.read.has(room)) member.read.set(room, member.rooms.positionOf(room) ?? 0)
          while ((member.read.get(room) ?? 0) < this.#log(room).length) this.#giveNext(member, room)
        }
    }
  }

  // ---- before the relay turns -----------------------------------------------------------------

  #found(room: string): void {
    const [admin, ...others] = this.members as [Member, ...Member[]]
    const removed = others.at(-1) as Member
    this.#do(admin, (rooms) => rooms.create(room, room, { nowMs: this.nowMs, position: 0 }))
    for (const other of others) {
      this.#do(admin, (rooms) =>
        rooms.invite(room, { to: other.person, fid: other.own.fid, tag: 0 }, this.nowMs),
      )
      this.nowMs += 60_000
      this.#deliverAll()
    }
    // The relay keeps the operation from who is removed: its keys stay as they are.
    removed.read.set(room, Number.POSITIVE_INFINITY)
    const wish = { tag: 0, change: { kind: 'remove', fids: [removed.own.fid] } } as const
    this.#do(admin, (rooms) => rooms.change(room, wish, this.nowMs))
    this.#deliverAll()
  }

  // ---- what the relay does --------------------------------------------------------------------

  #giveNext(member: Member, room: string): void {
    const at = member.read.get(room) ?? 0
    const entry = this.#log(room)[at]
    if (!entry) return
    member.read.set(room, at + 1)
    this.#give(member, room, entry)
  }

  /** An entry that is not in the log, where the member reads. */
  #insert(member: Member, room: string, entry: Omit<RoomEntry, 'position'>): void {
    this.#give(member, room, { ...entry, position: member.read.get(room) ?? 0 })
  }

  #give(member: Member, room: string, entry: RoomEntry): void {
    let isTaken = false
    const { rooms: running } = member
    this.#do(member, (rooms) => {
      isTaken = rooms.handleEntry(room, entry, this.nowMs)
    })
    // Whoever was killed over it has not done with it.
    if (member.rooms !== running) return
    if (!isTaken || this.weakness.showsPlain) this.#watchPlain(member, room, entry)
    this.#do(member, (rooms) => rooms.applied(room, entry.position))
  }

  #speakPlainly(member: Member, room: string): void {
    const body = utf8Bytes(`the relay says so ${this.#below(1000)}`)
    this.#insert(member, room, { contentKind: CONTENT_KINDS.text, body })
  }

  #restart(member: Member): void {
    member.restart()
    for (const room of member.read.keys()) {
      const position = member.rooms.positionOf(room)
      if (position !== undefined) member.read.set(room, position)
      this.#do(member, (rooms) => rooms.resume(room))
    }
  }

  /** The second member seals a text by the chain of another one: it knows that chain, like all members. */
  #forge(victim: Member, room: string): void {
    const helper = this.#member(1)
    const records = keysOf(helper, room)
    const forger = SealedRoom.restore(this.primitives, { ...helper.own, fid: victim.own.fid }, records)
    if (victim === helper || forger?.state !== 'open') return
    const id = this.primitives.random(16)
    const inner = { kind: CONTENT_KINDS.text, id, body: utf8Bytes(`forged ${this.#below(1000)}`) }
    const context = roomContextOf(this.primitives, RELAY_KEY, forger.group)
    const body = forger.seal(encodeInner(inner, context, NO_PREVIOUS))
    const entry = { contentKind: CONTENT_KINDS.sealed, body }
    for (const member of this.members.slice(0, -1))
      if (member !== helper && member !== victim) this.#insert(member, room, entry)
  }

  /** The second member seals a message of another one again, with the signature that it had. */
  #sayAgain(room: string): void {
    const helper = this.#member(1)
    const entry = this.#log(room)[helper.read.get(room) ?? 0]
    if (entry?.contentKind !== CONTENT_KINDS.sealed) return
    const records = keysOf(helper, room)
    const body = saidAgain(this.primitives, helper.own, { records, body: entry.body })
    if (!body) return
    for (const member of this.members.slice(0, -1)) {
      if (member === helper || (member.read.get(room) ?? 0) < entry.position) continue
      this.#insert(member, room, { contentKind: CONTENT_KINDS.sealed, body })
    }
  }

  /** The relay says that its account is in the room. */
  #lie(room: string): void {
    if (!this.weakness.addsWhomTheRelaySays) return
    const { person, own } = this.#removed
    this.#do(this.#member(0), (rooms) => rooms.invite(room, { to: person, fid: own.fid, tag: 0 }, this.nowMs))
    this.#carry()
  }

  /** The relay's account says what it likes to a member, in its own name. */
  #tempt(member: Member, room: string): void {
    const from = { fid: this.#removed.own.fid, person: this.#removed.person }
    const group = member.rooms.viewOf(room)?.group ?? new Uint8Array(32)
    const kinds = [
      INNER_KINDS.roomSecret,
      INNER_KINDS.roomWelcome,
      INNER_KINDS.roomPeople,
      INNER_KINDS.package,
    ]
    const kind = kinds[this.#below(kinds.length)] as number
    const body = Uint8Array.from([...group, ...this.primitives.random(68)])
    this.#do(member, (rooms) => rooms.handleControl(from, kind, body, this.nowMs))
  }

  /** Some of what members told each other comes; the rest later. */
  #carry(): void {
    const waiting = this.#told
    this.#told = []
    for (const told of waiting) {
      if (this.#isHostile && this.#below(4) === 0) this.#told.push(told)
      else this.#hear(told)
    }
  }

  #hear({ from, to, innerKind, body }: Told): void {
    this.#heardCount += 1
    if (to === this.#removed && this.#isHostile) {
      const isSecret = innerKind === INNER_KINDS.roomSecret || innerKind === INNER_KINDS.roomWelcome
      if (isSecret) this.violations.push('a secret reached who is no member')
    }
    const introduced = { fid: from.own.fid, person: from.person }
    this.#do(to, (rooms) => rooms.handleControl(introduced, innerKind, body, this.nowMs))
  }

  // ---- what members do ------------------------------------------------------------------------

  #do(member: Member, action: (rooms: SealedRooms) => void): void {
    action(member.rooms)
    for (;;) {
      const save = member.rooms.takeSave()
      if (save) {
        if (this.#isKilled(member, 'keep')) return
        if (!this.weakness.isHasty || !this.#isHostile) applyChanges(member.records, save.changes)
        if (this.#isKilled(member, 'kept')) return
        member.rooms.handleSaved(save.version)
      }
      const output = member.rooms.pollOutput()
      if (output && this.#isKilled(member, 'out')) return
      if (output) this.#carryOut(member, output)
      else if (!save) return
    }
  }

  /** Whether the program ends here; it starts again from what was kept. */
  #isKilled(member: Member, at: CrashPoint): boolean {
    if (member.crash !== at || !this.#isHostile) return false
    member.crash = undefined
    this.crashCount += 1
    this.#restart(member)
    return true
  }

  #carryOut(member: Member, output: RoomsOutput): void {
    switch (output.kind) {
      case 'room_send': {
        const log = this.#log(output.room)
        if (utf8Text(output.body).includes(CANARY)) this.violations.push('a text passed the relay readably')
        const { body } = output
        this.keys.left(body)
        log.push({ position: log.length + 1, contentKind: CONTENT_KINDS.sealed, body })
        // What the removed one can open it reads, whatever else it is given.
        if (this.#isHostile) this.#give(this.#removed, output.room, log.at(-1) as RoomEntry)
        return
      }
      case 'tell':
        return this.#tell(member, output)
      case 'room_message':
        return this.#watch(member, output)
      default:
    }
  }

  /** A direct conversation reaches the identity that it is sealed for. */
  #tell(from: Member, { to, fid, innerKind, body }: RoomsOutput & { kind: 'tell' }): void {
    const identity = this.members.find(({ own }) => hexOf(own.fid) === hexOf(fid))
    const named = this.members.find(({ person }) => person.folded === to.folded)
    // The relay says that the name is that of its own account.
    const isLie = this.weakness.tellsAnybody === true && this.#isHostile && this.#below(3) === 0
    const reached = isLie ? this.#removed : identity === named ? identity : undefined
    if (reached) this.#told.push({ from, to: reached, innerKind, body })
  }

  // ---- what is watched ------------------------------------------------------------------------

  #watch(member: Member, { room, from, body }: RoomsOutput & { kind: 'room_message' }): void {
    const text = utf8Text(body)
    if (member === this.#removed) {
      if (this.#isHostile && text.startsWith(CANARY)) this.violations.push(`the removed one read ${text}`)
      return
    }
    const author = this.members.findIndex(({ own }) => hexOf(own.fid) === hexOf(from.fid))
    const said = this.#said.get(text)
    const index = this.members.indexOf(member)
    this.shownCount += 1
    if (!said || said.from !== author || said.room !== room)
      this.violations.push(`${index} was shown ${text} in ${room} as of ${author}`)
    const shown = `${index} ${text}`
    if (this.#shown.has(shown)) this.violations.push(`${index} was shown ${text} twice`)
    this.#shown.add(shown)
  }

  #watchPlain(member: Member, room: string, { contentKind, body }: RoomEntry): void {
    if (contentKind === CONTENT_KINDS.sealed || member === this.#removed) return
    this.violations.push(`${this.members.indexOf(member)} was shown ${utf8Text(body)} in ${room}`)
  }

  /** Whether everybody who is a member was shown what was said last. */
  wasShownToAll(): boolean {
    const last = [...this.#said].at(-1)
    if (!last) return false
    const [text, { from }] = last
    return this.members.slice(0, -1).every((_, i) => i === from || this.#shown.has(`${i} ${text}`))
  }

  // ---- helpers --------------------------------------------------------------------------------

  get #removed(): Member {
    return this.members.at(-1) as Member
  }

  #honest(): Member {
    return this.#member(this.#below(this.members.length - 1))
  }

  #room(): string {
    return ROOMS[this.#below(ROOMS.length)] as string
  }

  #log(room: string): RoomEntry[] {
    const log = this.#logs.get(room) ?? []
    this.#logs.set(room, log)
    return log
  }

  #progress(): number {
    return [...this.#logs.values()].reduce((sum, log) => sum + log.length, this.#heardCount)
  }

  #changed(bytes: Uint8Array): Uint8Array {
    const changed = Uint8Array.from(bytes)
    const at = this.#below(Math.max(changed.length, 1))
    changed[at] = (changed[at] ?? 0) ^ (1 << this.#below(8))
    return this.#below(4) === 0 ? changed.subarray(0, at) : changed
  }

  #member(index: number): Member {
    return this.members[index] as Member
  }

  #below(count: number): number {
    return hash32(this.#seed, this.#draws++, 0x50f7) % count
  }
}

/** What a member keeps of a room's keys. */
function keysOf({ records }: Member, room: string): Map<string, Uint8Array> {
  const prefix = `room/${room}/keys/`
  const keys = new Map<string, Uint8Array>()
  for (const [name, bytes] of records) if (name.startsWith(prefix)) keys.set(name.slice(prefix.length), bytes)
  return keys
}
