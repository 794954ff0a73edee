/** Sealed rooms as programs have them: names, members, operations under way, and what a relay may do. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.ts'
import { restoredRecords } from '../../src/crypto/client/restoring.ts'
import { SealedRooms } from '../../src/crypto/client/rooms.ts'
import { type Program, RoomsWorld, TEXT } from './rooms-world.ts'

const ROOM = 'ops'
const HOUR_MS = 3_600_000

function world(...names: string[]): RoomsWorld & { by: (name: string) => Program } {
  const made = new RoomsWorld(...names)
  made.sealed(ROOM)
  const by = (name: string): Program => made.programs.find(({ person }) => person.name === name) as Program
  return Object.assign(made, { by })
}

describe('a sealed room', () => {
  test('lets all its members read, and knows who they are', () => {
    const all = world('alice', 'bob', 'carol')
    for (const each of all.programs) {
      expect(each.members(ROOM)).toEqual(['alice', 'bob', 'carol'])
      each.say(ROOM, `I am ${each.person.name}`)
      all.settle(ROOM)
    }
    const said = ['alice: I am alice', 'bob: I am bob', 'carol: I am carol']
    for (const each of all.programs)
      expect(each.heard(ROOM)).toEqual(said.filter((line) => !line.startsWith(each.person.name)))
    expect(
      all.programs.flatMap(({ outputs }) => outputs.filter(({ kind }) => kind === 'room_unreadable')),
    ).toEqual([])
  })

  test('is read no more by whoever was removed, and by whoever comes from then on only', () => {
    const all = world('alice', 'bob', 'carol')
    const [alice, bob, carol] = [all.by('alice'), all.by('bob'), all.by('carol')]
    bob.say(ROOM, 'before')
    all.settle(ROOM)
    alice.change(ROOM, { kind: 'remove', fids: [carol.own.fid] })
    all.settle(ROOM)
    bob.say(ROOM, 'after')
    all.settle(ROOM)
    expect(carol.heard(ROOM)).toEqual(['bob: before'])
    expect(carol.rooms.viewOf(ROOM)?.state).toBe('gone')
    expect([...carol.records.keys()].filter((name) => name.includes('/keys/'))).toEqual([])
    expect(alice.heard(ROOM)).toEqual(['bob: before', 'bob: after'])
    alice.invite(ROOM, carol)
    all.settle(ROOM)
    bob.say(ROOM, 'welcome back')
    all.settle(ROOM)
    expect(carol.heard(ROOM)).toEqual(['bob: before', 'bob: welcome back'])
  })

  describe('of whose log a member has not read the end', () => {
    const away = (all: ReturnType<typeof world>) => {
      const [alice, bob] = [all.by('alice'), all.by('bob')]
      bob.do((rooms) => rooms.fallBehind())
      const type = (id: string, text: string): void =>
        bob.do((rooms) => rooms.send(ROOM, { tag: 1, id, kind: TEXT, body: utf8Bytes(text) }, all.now))
      const comeBack = (...waiting: string[]): void => {
        bob.catchUp(ROOM)
        bob.do((rooms) => rooms.catchUp(ROOM, new Set(waiting), all.now))
      }
      const sends = (): unknown[] =>
        bob.outputs.flatMap((each) => (each.kind === 'room_send' ? [[each.id, each.isAgain]] : []))
      return { alice, bob, type, comeBack, sends }
    }

    //= PAL-SRM-031
    test('gets nothing of that member, and then what it wrote, in the epoch of then', () => {
      const all = world('alice', 'bob')
      const { alice, bob, type, comeBack, sends } = away(all)
      type('m1', 'one')
      type('m2', 'two')
      type('m1', 'one')
      expect(sends()).toEqual([])
      bob.restart()
      bob.do((rooms) => rooms.fallBehind())
      for (let i = 0; i < 4; i++) {
        alice.change(ROOM, { kind: 'rekey' })
        all.settle(ROOM, (each) => each === alice)
      }
      all.settle(ROOM)
      comeBack()
      expect(sends()).toEqual([
        ['m1', false],
        ['m2', false],
      ])
      all.settle(ROOM)
      expect(alice.heard(ROOM)).toEqual(['bob: one', 'bob: two'])
    })

    test('gets what the relay did not take sealed again, and old operations not at all', () => {
      const all = world('alice', 'bob')
      const { alice, bob, type, comeBack, sends } = away(all)
      comeBack()
      type('m1', 'lost on the way')
      all.log(ROOM).pop()
      bob.do((rooms) => rooms.fallBehind())
      alice.change(ROOM, { kind: 'rekey' })
      all.settle(ROOM)
      comeBack('m1', 'some operation')
      expect(sends()).toEqual([
        ['m1', false],
        ['m1', true],
      ])
      const order = bob.outputs.map(({ kind }) => kind).filter((kind) => kind.startsWith('room_'))
      expect(order.slice(order.indexOf('room_withdraw'))).toEqual([
        'room_withdraw',
        'room_send',
        'room_current',
      ])
      all.settle(ROOM)
      expect(alice.heard(ROOM)).toEqual(['bob: lost on the way'])
      // What the relay has is not sealed a third time.
      bob.do((rooms) => rooms.settled(ROOM, 'm1'))
      bob.do((rooms) => rooms.fallBehind())
      comeBack()
      expect(sends()).toHaveLength(2)
      expect([...bob.records.keys()].filter((name) => name.includes('/mine/'))).toEqual([])
    })

    test('refuses in words what waits when that member was removed meanwhile', () => {
      const all = world('alice', 'bob')
      const { alice, bob, type, comeBack } = away(all)
      type('m1', 'too late')
      alice.change(ROOM, { kind: 'remove', fids: [bob.own.fid] })
      all.settle(ROOM, (each) => each === alice)
      comeBack()
      expect(bob.outputs).toContainEqual({ kind: 'room_refused', room: ROOM, tag: 1, why: 'not_in_room' })
      expect(bob.count('room_send')).toBe(0)
    })
  })

  test('is left by asking: an admin removes whoever asked, and the last one closes it', () => {
    const all = world('alice', 'bob')
    all.by('bob').do((rooms) => rooms.leave(ROOM, 5, all.now))
    all.settle(ROOM)
    expect(all.by('alice').count('room_leaving')).toBe(1)
    expect(all.by('alice').members(ROOM)).toEqual(['alice'])
    expect(all.by('bob').rooms.viewOf(ROOM)?.state).toBe('gone')
    all.by('alice').do((rooms) => rooms.leave(ROOM, 6, all.now))
    all.settle(ROOM)
    expect(all.by('alice').rooms.viewOf(ROOM)?.state).toBe('gone')
  })

  test('has admins: others add and remove nobody until they are made one', () => {
    const all = world('alice', 'bob', 'carol')
    const [alice, bob, carol] = [all.by('alice'), all.by('bob'), all.by('carol')]
    bob.change(ROOM, { kind: 'remove', fids: [carol.own.fid] })
    expect(bob.outputs).toContainEqual({ kind: 'room_refused', room: ROOM, tag: 7, why: 'not_permitted' })
    alice.change(ROOM, { kind: 'role', fid: bob.own.fid, role: 'admin' })
    all.settle(ROOM)
    expect(alice.count('room_done')).toBe(3)
    bob.change(ROOM, { kind: 'remove', fids: [carol.own.fid] })
    all.settle(ROOM)
    expect(alice.members(ROOM)).toEqual(['alice', 'bob'])
  })

  test('takes operations of two members at once in the order of the relay, and loses neither', () => {
    const all = world('alice', 'bob', 'carol', 'dave')
    const [alice, bob] = [all.by('alice'), all.by('bob')]
    alice.change(ROOM, { kind: 'role', fid: bob.own.fid, role: 'admin' })
    all.settle(ROOM)
    alice.change(ROOM, { kind: 'remove', fids: [all.by('carol').own.fid] })
    bob.change(ROOM, { kind: 'remove', fids: [all.by('dave').own.fid] })
    all.settle(ROOM)
    for (const each of [alice, bob]) {
      expect(each.members(ROOM)).toEqual(['alice', 'bob'])
      expect(each.outputs.filter((output) => output.kind === 'room_refused')).toEqual([])
    }
    alice.change(ROOM, { kind: 'rekey' })
    bob.change(ROOM, { kind: 'rekey' })
    all.settle(ROOM)
    bob.say(ROOM, 'still here')
    all.settle(ROOM)
    expect(alice.heard(ROOM)).toEqual(['bob: still here'])
    expect(alice.rooms.viewOf(ROOM)?.epoch).toBe(bob.rooms.viewOf(ROOM)?.epoch)
  })

  test('waits for whoever was away for long, and holds what it cannot read yet', () => {
    const all = world('alice', 'bob', 'carol')
    const [alice, bob, carol] = [all.by('alice'), all.by('bob'), all.by('carol')]
    const isHere = (program: Program): boolean => program !== carol
    for (let day = 0; day < 8; day++) {
      all.now += 24 * HOUR_MS
      bob.say(ROOM, `day ${day}`)
      alice.change(ROOM, { kind: 'rekey' })
      all.settle(ROOM, isHere)
    }
    // The log comes before what members told, or after it.
    carol.catchUp(ROOM)
    carol.restart()
    all.settle(ROOM)
    expect(carol.heard(ROOM)).toEqual(Array.from({ length: 8 }, (_, day) => `bob: day ${day}`))
    expect(carol.rooms.viewOf(ROOM)?.epoch).toBe(alice.rooms.viewOf(ROOM)?.epoch)
  })

  test('rekeys by itself before a message when its epoch is old', () => {
    const all = world('alice', 'bob')
    const before = all.by('alice').rooms.viewOf(ROOM)?.epoch as number
    all.now += 8 * 24 * HOUR_MS
    all.by('bob').say(ROOM, 'after a week')
    all.settle(ROOM)
    expect(all.by('alice').rooms.viewOf(ROOM)?.epoch).toBe(before + 1)
    expect(all.by('alice').heard(ROOM)).toEqual(['bob: after a week'])
  })

  test('helps a member whose secrets were lost: it is brought up to date', () => {
    const all = world('alice', 'bob', 'carol')
    const [alice, bob, carol] = [all.by('alice'), all.by('bob'), all.by('carol')]
    alice.change(ROOM, { kind: 'rekey' })
    all.told = all.told.filter(({ to }) => to !== 'carol')
    all.settle(ROOM)
    expect(carol.rooms.viewOf(ROOM)?.state).toBe('expect_secret')
    bob.say(ROOM, 'who reads this?')
    all.settle(ROOM)
    carol.do((rooms) => rooms.handleTime(all.now))
    all.settle(ROOM)
    bob.say(ROOM, 'and now?')
    all.settle(ROOM)
    expect(carol.rooms.viewOf(ROOM)?.state).toBe('open')
    expect(carol.heard(ROOM).at(-1)).toBe('bob: and now?')
    expect(carol.rooms.viewOf(ROOM)?.epoch).toBe(bob.rooms.viewOf(ROOM)?.epoch)
  })

  test('gives a message again until its program has done with it', () => {
    const all = world('alice', 'bob')
    const [alice, bob] = [all.by('alice'), all.by('bob')]
    bob.isReader = false
    alice.say(ROOM, 'once')
    all.settle(ROOM)
    bob.restart()
    bob.isReader = true
    bob.catchUp(ROOM)
    bob.restart()
    bob.catchUp(ROOM)
    expect(bob.heard(ROOM)).toEqual(['alice: once', 'alice: once'])
    expect([...bob.records.keys()].filter((name) => name.startsWith('open/'))).toEqual([])
  })

  test('goes on after its program ended while an operation was under way', () => {
    const all = world('alice', 'bob')
    const alice = all.by('alice')
    const before = all.log(ROOM).length
    alice.change(ROOM, { kind: 'rekey' })
    all.log(ROOM).splice(before)
    all.told = []
    alice.restart()
    all.settle(ROOM)
    alice.say(ROOM, 'in the new epoch')
    all.settle(ROOM)
    expect(all.by('bob').heard(ROOM)).toEqual(['alice: in the new epoch'])
  })

  test('is one of many', () => {
    const all = world('alice', 'bob')
    const names = Array.from({ length: 20 }, (_, i) => `room${i}`)
    for (const name of names) {
      all.now += 60_000
      all.sealed(name)
    }
    for (const name of names) all.by('alice').say(name, name)
    for (const name of [...names].reverse()) all.settle(name)
    for (const name of names) expect(all.by('bob').heard(name)).toEqual([`alice: ${name}`])
    all.by('bob').restart()
    expect(names.every((name) => all.by('bob').rooms.isSealed(name))).toBe(true)
  })
})

describe('the relay', () => {
  //= PAL-SRM-027
  test('name swap: a room under a name that is bound to another one is not entered, nor read', () => {
    const all = world('alice', 'bob', 'mallory')
    const [alice, mallory] = [all.by('alice'), all.by('mallory')]
    const other = new RoomsWorld('mallory', 'alice')
    // mallory has a room of her own that she calls by the same name.
    const rooms = new SealedRooms(mallory.p, {
      own: mallory.own,
      self: mallory.person,
      relayKey: new Uint8Array(32),
      fold: (name) => name,
    })
    expect(other.programs).toHaveLength(2)
    rooms.create(ROOM, ROOM, { nowMs: all.now, position: 0 })
    rooms.invite(ROOM, { to: alice.person, fid: alice.own.fid, tag: 1 }, all.now)
    const pass = (): void => {
      const save = rooms.takeSave()
      if (save) rooms.handleSaved(save.version)
      for (let output = rooms.pollOutput(); output; output = rooms.pollOutput()) {
        if (output.kind === 'tell') {
          const { innerKind, body } = output
          const from = { fid: mallory.own.fid, person: mallory.person }
          alice.do((machine) => machine.handleControl(from, innerKind, body, all.now))
        }
        if (output.kind === 'room_send') {
          rooms.handleEntry(ROOM, { position: 1, contentKind: 4, body: output.body }, all.now)
          pass()
        }
      }
    }
    pass()
    const answer = all.told.splice(0).find(({ from }) => from === alice)
    if (!answer) throw new Error('alice gave no package')
    const to = { fid: alice.own.fid, person: alice.person }
    rooms.handleControl(to, answer.innerKind, answer.body, all.now)
    pass()
    expect(alice.count('room_swapped')).toBe(1)
    expect(alice.rooms.accept(ROOM, all.now)).toBe(false)
    expect(alice.members(ROOM)).toEqual(['alice', 'bob', 'mallory'])
  })

  test('entries of one sealed room open nowhere else', () => {
    const all = world('alice', 'bob')
    all.sealed('other')
    all.by('alice').say('other', 'not for this room')
    const moved = all.log('other').at(-1)!
    all.by('bob').give(ROOM, { ...moved, position: all.log(ROOM).length + 1 })
    expect(all.by('bob').heard(ROOM)).toEqual([])
    expect(all.by('bob').count('room_unreadable')).toBe(1)
  })

  test('downgrade: nothing plain is shown in a sealed room, nor after its keys are gone', () => {
    const all = world('alice', 'bob')
    const bob = all.by('bob')
    const plain = { position: 99, contentKind: 0, body: utf8Bytes('the relay says so') }
    bob.give(ROOM, plain)
    all.by('alice').change(ROOM, { kind: 'remove', fids: [bob.own.fid] })
    all.settle(ROOM)
    bob.give(ROOM, plain)
    bob.restart()
    bob.give(ROOM, plain)
    expect(bob.heard(ROOM)).toEqual([])
    expect(bob.rooms.isSealed(ROOM)).toBe(true)
    bob.say(ROOM, 'can you read me?')
    expect(bob.outputs.at(-1)).toEqual({ kind: 'room_refused', room: ROOM, tag: 1, why: 'not_in_room' })
  })

  //= PAL-SRM-029
  test('welcomes count for a package that was given to just that member for just that room', () => {
    const all = new RoomsWorld('alice', 'bob', 'mallory')
    const [alice, bob, mallory] = all.programs as [Program, Program, Program]
    for (const each of [alice, mallory])
      each.do((rooms) => rooms.create(each.person.name, each.person.name, { nowMs: all.now, position: 0 }))
    alice.invite('alice', bob)
    all.carry()
    all.settle('alice', (each) => each === alice)
    // mallory carries alice's welcome to bob as her own.
    for (const told of all.told.splice(0))
      bob.do((rooms) =>
        rooms.handleControl(
          { fid: mallory.own.fid, person: mallory.person },
          told.innerKind,
          told.body,
          all.now,
        ),
      )
    expect(bob.rooms.accept('alice', all.now)).toBe(false)
  })

  //= PAL-SRM-028
  test('who asks for packages without end gets ten a minute', () => {
    const all = new RoomsWorld('alice', 'bob')
    const [alice, bob] = all.programs as [Program, Program]
    alice.do((rooms) => rooms.create(ROOM, ROOM, { nowMs: all.now, position: 0 }))
    for (let i = 0; i < 50; i++) alice.invite(ROOM, bob)
    all.told = all.told.filter(({ from }) => from === alice)
    for (const { innerKind, body } of all.told.splice(0))
      bob.do((rooms) =>
        rooms.handleControl({ fid: alice.own.fid, person: alice.person }, innerKind, body, all.now),
      )
    expect(bob.count('tell')).toBe(10)
  })

  test('two stories are told apart when members speak to each other', () => {
    const all = world('alice', 'bob', 'carol')
    const [alice, carol] = [all.by('alice'), all.by('carol')]
    alice.change(ROOM, { kind: 'rekey' })
    const mine = all.log(ROOM).pop()!
    all.carry((each) => each !== carol)
    all.told = []
    alice.give(ROOM, mine)
    carol.change(ROOM, { kind: 'rekey' })
    carol.give(ROOM, all.log(ROOM).pop()!)
    all.told = []
    carol.give(ROOM, { position: 50, contentKind: 4, body: Uint8Array.from(mine.body) })
    alice.say(ROOM, 'on my side')
    carol.give(ROOM, { ...all.log(ROOM).at(-1)!, position: 51 })
    all.carry()
    expect(alice.count('room_split') + all.by('bob').count('room_split')).toBeGreaterThan(0)
  })
})

describe('a backup', () => {
  test('keeps the name bound and no key: the member is added anew', () => {
    const all = world('alice', 'bob')
    const [alice, bob] = [all.by('alice'), all.by('bob')]
    const backup = restoredRecords(bob.records)
    expect([...backup.keys()].filter((name) => name.includes('/keys/'))).toEqual([])
    bob.records.clear()
    for (const [name, bytes] of backup) bob.records.set(name, bytes)
    bob.restart()
    expect(bob.rooms.viewOf(ROOM)?.state).toBe('gone')
    bob.say(ROOM, 'hello?')
    expect(bob.outputs.at(-1)).toMatchObject({ kind: 'room_refused', why: 'not_in_room' })
    alice.invite(ROOM, bob)
    all.settle(ROOM)
    alice.say(ROOM, 'there you are')
    all.settle(ROOM)
    expect(bob.heard(ROOM).at(-1)).toBe('alice: there you are')
  })
})

test('whatever members do at once, and whoever is away meanwhile, all hear everything once', () => {
  const step = fc.record({ who: fc.nat(3), what: fc.nat(7), whom: fc.nat(3), away: fc.nat(4) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
      const all = world('alice', 'bob', 'carol', 'dave')
      let said = 0
      for (const { who, what, whom, away } of steps) {
        const [by, other] = [all.programs[who] as Program, all.programs[whom] as Program]
        // Within the ten minutes for which members keep the keys of old epochs.
        all.now += 30_000
        if (what <= 3) by.say(ROOM, `text ${said++}`)
        else if (what === 4) by.change(ROOM, { kind: 'rekey' })
        else if (what === 5) by.change(ROOM, { kind: 'role', fid: other.own.fid, role: 'admin' })
        else if (what === 6) by.restart()
        else all.settle(ROOM, (each) => each !== all.programs[away])
      }
      all.settle(ROOM)
      const views = all.programs.map(({ rooms }) => rooms.viewOf(ROOM))
      expect(new Set(views.map((view) => view?.epoch)).size).toBe(1)
      for (const each of all.programs) {
        const heard = each.heard(ROOM)
        expect(new Set(heard).size).toBe(heard.length)
        expect(each.count('room_unreadable')).toBe(0)
      }
    }),
    { numRuns: 10 },
  )
})
