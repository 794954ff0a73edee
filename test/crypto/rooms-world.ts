/** Programs with sealed rooms, and a relay that orders what they send and carries what they tell. */
import { hexOf, utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import type { Person } from '../../src/crypto/client/outputs.ts'
import type { RoomsOutput } from '../../src/crypto/client/room-outputs.ts'
import { SealedRooms } from '../../src/crypto/client/rooms.ts'
import { createIdentity, type OwnIdentity } from '../../src/crypto/identity.ts'
import { applyChanges } from '../../src/crypto/journal.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import type { Change } from '../../src/crypto/room/operation.ts'
import { provider, seededEntropy } from './providers.ts'

const SEALED = 4
export const TEXT = 0

export interface Told {
  readonly from: Program
  readonly to: string
  readonly fid: Uint8Array
  readonly innerKind: number
  readonly body: Uint8Array
}

export interface Logged {
  readonly position: number
  readonly contentKind: number
  readonly body: Uint8Array
}

/** One member's program. */
export class Program {
  readonly p: Primitives
  readonly own: OwnIdentity
  readonly person: Person
  readonly records = new Map<string, Uint8Array>()
  readonly outputs: RoomsOutput[] = []
  readonly #world: RoomsWorld
  /** How far each room's log was given to it. */
  readonly read = new Map<string, number>()
  rooms: SealedRooms
  /** Whether it acknowledges what it is given. */
  isReader = true

  constructor(world: RoomsWorld, name: string) {
    this.#world = world
    this.p = provider('node', seededEntropy(`rooms ${name}`))
    this.own = createIdentity(this.p, { signing: this.p.signingKeygen(), dh: this.p.dhKeygen() })
    this.person = { key: new Uint8Array(32).fill(name.charCodeAt(0)), name, folded: name }
    this.rooms = this.#started()
  }

  #started(): SealedRooms {
    const { own, person } = this
    const options = {
      own,
      self: person,
      relayKey: new Uint8Array(32),
      fold: (name: string) => name.toLowerCase(),
    }
    return new SealedRooms(this.p, { ...options, records: new Map(this.records) })
  }

  /** The program ends and starts again from what it kept. */
  restart(): void {
    this.rooms = this.#started()
    for (const room of this.read.keys()) {
      this.read.set(room, this.rooms.positionOf(room) ?? 0)
      this.do((rooms) => rooms.resume(room))
    }
  }

  do(action: (rooms: SealedRooms) => void): void {
    action(this.rooms)
    for (;;) {
      const save = this.rooms.takeSave()
      if (save) {
        applyChanges(this.records, save.changes)
        this.rooms.handleSaved(save.version)
      }
      const output = this.rooms.pollOutput()
      if (!output && !save) return
      if (!output) continue
      this.outputs.push(output)
      if (output.kind === 'tell') this.#world.told.push({ ...output, from: this, to: output.to.name })
      if (output.kind === 'room_send') this.#world.append(output.room, output.body)
    }
  }

  say(room: string, text: string): void {
    this.do((rooms) => rooms.send(room, { tag: 1, kind: TEXT, body: utf8Bytes(text) }, this.#world.now))
  }

  change(room: string, change: Exclude<Change, { kind: 'create' | 'leave' }>, tag = 7): void {
    this.do((rooms) => rooms.change(room, { tag, change }, this.#world.now))
  }

  invite(room: string, who: Program): void {
    this.do((rooms) => rooms.invite(room, { to: who.person, fid: who.own.fid, tag: 9 }, this.#world.now))
  }

  /** Reads on in a room's log. */
  catchUp(room: string): void {
    const log = this.#world.log(room)
    for (let at = this.read.get(room) ?? 0; at < log.length; at++) this.give(room, log[at] as Logged)
    this.read.set(room, log.length)
  }

  give(room: string, entry: Logged): void {
    this.do((rooms) => rooms.handleEntry(room, entry, this.#world.now))
    if (this.isReader) this.do((rooms) => rooms.applied(room, entry.position))
  }

  /** The texts shown, with their authors. */
  heard(room: string): string[] {
    return this.outputs.flatMap((each) =>
      each.kind === 'room_message' && each.room === room
        ? [`${each.from.person?.name ?? '?'}: ${utf8Text(each.body)}`]
        : [],
    )
  }

  count(kind: RoomsOutput['kind']): number {
    return this.outputs.filter((each) => each.kind === kind).length
  }

  members(room: string): string[] {
    return (this.rooms.viewOf(room)?.members ?? []).map(({ person }) => person?.name ?? '?').sort()
  }
}

/** An honest relay; tests bend it. */
export class RoomsWorld {
  readonly programs: Program[]
  told: Told[] = []
  now = 1_800_000_000_000
  readonly #logs = new Map<string, Logged[]>()

  constructor(...names: string[]) {
    this.programs = names.map((name) => new Program(this, name))
  }

  log(room: string): Logged[] {
    const log = this.#logs.get(room) ?? []
    this.#logs.set(room, log)
    return log
  }

  append(room: string, body: Uint8Array, contentKind = SEALED): void {
    const log = this.log(room)
    log.push({ position: log.length + 1, contentKind, body })
  }

  /** Carries what was told, to those who are there; members of a sealed conversation know the identity. */
  carry(isThere: (program: Program) => boolean = () => true): void {
    const waiting: Told[] = []
    for (let next = this.told.shift(); next; next = this.told.shift()) {
      const { from, to, fid, innerKind, body } = next
      const program = this.programs.find(({ person }) => person.name === to)
      if (!program || hexOf(program.own.fid) !== hexOf(fid)) continue
      if (!isThere(program)) waiting.push(next)
      else
        program.do((rooms) =>
          rooms.handleControl({ fid: from.own.fid, person: from.person }, innerKind, body, this.now),
        )
    }
    this.told = waiting
  }

  /** Everything goes everywhere until nothing moves. */
  settle(room: string, isThere: (program: Program) => boolean = () => true): void {
    for (let before = -1; before !== this.#moves(room); ) {
      before = this.#moves(room)
      this.carry(isThere)
      for (const program of this.programs.filter(isThere)) {
        if (program.rooms.invitations.has(room)) program.do((rooms) => rooms.accept(room, this.now))
        const at = program.rooms.positionOf(room)
        if (at === undefined) continue
        if (!program.read.has(room)) program.read.set(room, at)
        program.catchUp(room)
      }
    }
  }

  #moves(room: string): number {
    return this.log(room).length * 1000 + this.programs.reduce((sum, each) => sum + each.outputs.length, 0)
  }

  /** A room of the first, to which the others are added. */
  sealed(room: string): void {
    const [first, ...others] = this.programs as [Program, ...Program[]]
    first.do((rooms) => rooms.create(room, room, { nowMs: this.now, position: this.log(room).length }))
    first.read.set(room, this.log(room).length)
    for (const other of others) {
      first.invite(room, other)
      this.settle(room)
    }
  }
}
