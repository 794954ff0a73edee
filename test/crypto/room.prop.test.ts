/** Sealed rooms: members who come, go, are away and commit at once; relays and members that cheat. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes, hexOf, utf8Bytes } from '../../src/base/bytes.ts'
import { readKeyPackage } from '../../src/crypto/room/key-package.ts'
import {
  groupOf,
  headOf,
  operationPrefix,
  readOperation,
  rosterHashOf,
  signOperation,
} from '../../src/crypto/room/operation.ts'
import type { RoomResult, SealedRoom } from '../../src/crypto/room/room.ts'
import { encodeWelcome, readWelcome } from '../../src/crypto/room/welcome.ts'
import { flipped } from './people.ts'
import { type Member, packageOf, RoomWorld } from './room-world.ts'

const room = (member: Member): SealedRoom => member.room as SealedRoom
const WEEK_MS = 7 * 86_400_000

describe('members', () => {
  test('hear each other, those added later from then on', () => {
    //= PAL-SRM-014
    //= PAL-SRM-015
    const world = new RoomWorld(4)
    const [a, b, c, d] = world.members as [Member, Member, Member, Member]
    world.say(a, 'one')
    world.say(c, 'two')
    world.readAll()
    expect([a, b, c, d].map((each) => each.heard.length)).toEqual([1, 2, 1, 2])
    expect(b.heard).toEqual(['m0: one', 'm2: two'])
    world.change(a, { kind: 'remove', fids: [d.own.fid] })
    world.say(b, 'three')
    world.readAll()
    expect([d.heard.length, room(d).state]).toEqual([2, 'removed'])
    world.change(a, { kind: 'add', packages: [packageOf(d)] })
    world.say(c, 'four')
    world.readAll()
    expect(d.heard.slice(2)).toEqual(['m2: four'])
    expect(a.heard).toEqual(['m2: two', 'm1: three', 'm2: four'])
  })

  test('who are removed read nothing more, although they hold all earlier keys', () => {
    //= PAL-SRM-011
    //= PAL-SRM-013
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    world.change(a, { kind: 'remove', fids: [c.own.fid] })
    const body = world.say(a, 'secret')
    expect(room(c).handle(body, world.now)).toEqual({ result: 'undecryptable' })
    world.readAll()
    expect(b.heard).toEqual(['m0: secret'])
    expect(() => room(c).seal(utf8Bytes('x'))).toThrow('removed')
  })

  test('who ask to leave are removed by anybody, and by nobody before', () => {
    //= PAL-SRM-009
    const world = new RoomWorld(3)
    const [, b, c] = world.members as [Member, Member, Member]
    expect(room(b).commit({ kind: 'remove', fids: [c.own.fid] })).toBeUndefined()
    world.log.push(room(c).leave())
    world.readAll()
    expect(room(b).leaving.map(hexOf)).toEqual([c.fid])
    expect(world.change(b, { kind: 'remove', fids: [c.own.fid] })).toBe(true)
    expect([room(c).state, room(b).roster.length, room(b).leaving.length]).toEqual(['removed', 2, 0])
  })

  test('a request to leave does not count for a later membership', () => {
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const request = room(c).leave()
    world.log.push(request)
    world.readAll()
    world.change(a, { kind: 'remove', fids: [c.own.fid] })
    world.change(a, { kind: 'add', packages: [packageOf(c)] })
    expect(room(b).handle(request, world.now).result).toBe('undecryptable')
    expect(room(b).leaving).toEqual([])
  })

  test('the last admin who is removed leaves the room to the lowest fid', () => {
    //= PAL-SRM-010
    const world = new RoomWorld(4)
    const [a, ...others] = world.members as [Member, Member, Member, Member]
    world.log.push(room(a).leave())
    world.readAll()
    const [b] = others
    world.change(b as Member, { kind: 'remove', fids: [a.own.fid] })
    const admins = room(b as Member).roster.filter((each) => each.role === 'admin')
    const lowest = others.map((each) => each.fid).sort()[0]
    expect(admins.map((each) => hexOf(each.package.fid))).toEqual([lowest])
  })

  test('roles decide who may change what', () => {
    //= PAL-SRM-008
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const changes = [
      { kind: 'add', packages: [packageOf(c)] },
      { kind: 'role', fid: b.own.fid, role: 'admin' },
      { kind: 'close' },
    ] as const
    for (const change of changes) expect(room(b).commit(change)).toBeUndefined()
    world.change(a, { kind: 'role', fid: b.own.fid, role: 'admin' })
    expect(world.change(b, { kind: 'remove', fids: [a.own.fid] })).toBe(true)
    expect(room(a).state).toBe('removed')
    expect(world.change(b, { kind: 'close' })).toBe(true)
    expect([b, c].map((each) => room(each).state)).toEqual(['closed', 'closed'])
  })

  test('who commit at once agree on the first', () => {
    //= PAL-SRM-007
    const world = new RoomWorld(4)
    const [a, b, c, d] = world.members as [Member, Member, Member, Member]
    const first = room(b).commit({ kind: 'rekey' })
    const second = room(a).commit({ kind: 'remove', fids: [d.own.fid] })
    world.publish(b, first)
    world.publish(a, second)
    world.readAll()
    expect([a, b, c, d].map((each) => room(each).epoch)).toEqual([2, 2, 2, 2])
    expect(new Set([a, b, c, d].map((each) => hexOf(room(each).head))).size).toBe(1)
    world.say(d, 'still here')
    world.readAll()
    expect(a.heard).toEqual(['m3: still here'])
    expect(world.change(a, { kind: 'remove', fids: [d.own.fid] })).toBe(true)
    expect(room(d).state).toBe('removed')
  })

  test('who were away for long catch up through all epochs', () => {
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    for (let i = 0; i < 12; i++) {
      world.publish(a, room(a).commit({ kind: 'rekey' }))
      world.read(a)
      world.read(b)
      world.say(b, `${i}`)
      world.read(a)
      world.read(b)
      world.now += 3 * WEEK_MS
    }
    c.restart()
    world.read(c)
    expect(c.heard).toEqual(Array.from({ length: 12 }, (_, i) => `m1: ${i}`))
    expect(hexOf(room(c).head)).toBe(hexOf(room(a).head))
  })

  test('whose secret comes late keep what they cannot read yet', () => {
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const commit = room(a).commit({ kind: 'rekey' })
    a.save()
    world.tell(
      a,
      commit!.secrets.filter(({ fid }) => !equalBytes(fid, c.own.fid)),
    )
    world.log.push(commit!.body)
    world.readAll()
    world.say(b, 'early')
    world.readAll()
    c.restart()
    expect([room(c).state, c.heard]).toEqual(['expect_secret', []])
    world.tell(
      a,
      commit!.secrets.filter(({ fid }) => equalBytes(fid, c.own.fid)),
    )
    expect([room(c).state, c.heard]).toEqual(['open', ['m1: early']])
  })

  test('who lost their keys are welcomed again by any member', () => {
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    c.room = undefined
    world.publish(b, room(b).commit({ kind: 'rekey' }, [c.own.fid]))
    world.readAll()
    world.say(a, 'welcome back')
    world.readAll()
    expect(c.heard).toEqual(['m0: welcome back'])
  })

  test('the next sender after 1,000 messages or a week rekeys', () => {
    //= PAL-SRM-019
    const world = new RoomWorld(2)
    const [a] = world.members as [Member, Member]
    expect(room(a).needsRekey(world.now)).toBe(false)
    expect(room(a).needsRekey(world.now + WEEK_MS)).toBe(true)
    for (let i = 0; i < 1000; i++) room(a).seal(utf8Bytes('x'))
    expect(room(a).needsRekey(world.now)).toBe(true)
  })

  test('an operation that its program forgot to send is sent after a restart', () => {
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    room(a).commit({ kind: 'rekey' })
    expect(room(a).commit({ kind: 'rekey' })).toBeUndefined()
    a.restart()
    world.publish(a, room(a).pendingCommit())
    world.readAll()
    expect([room(a).epoch, room(b).epoch, room(b).state]).toEqual([2, 2, 'open'])
  })
})

describe('messages', () => {
  test('count once', () => {
    //= PAL-SRM-016
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const body = world.say(a, 'x')
    world.readAll()
    expect(room(b).handle(body, world.now).result).toBe('duplicate')
    b.restart()
    expect(room(b).handle(body, world.now).result).toBe('duplicate')
    expect(room(a).handle(body, world.now).result).toBe('duplicate')
  })

  test('may come late: 10 minutes and three epochs', () => {
    //= PAL-SRM-025
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const late = Array.from({ length: 3 }, (_, i) => room(a).seal(utf8Bytes(`${i}`)))
    world.change(a, { kind: 'rekey' })
    expect(room(b).handle(late[0]!, world.now).result).toBe('message')
    expect(room(b).handle(late[1]!, world.now + 599_999).result).toBe('message')
    expect(room(b).handle(late[2]!, world.now + 600_000).result).toBe('undecryptable')
    b.save()
    expect([...b.kept.keys()].filter((name) => name.startsWith('epoch/'))).toEqual(['epoch/2'])
  })

  test('of somebody who was removed do not count, however late they come', () => {
    //= PAL-SRM-023
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const late = room(c).seal(utf8Bytes('late'))
    world.change(a, { kind: 'remove', fids: [c.own.fid] })
    expect(room(b).handle(late, world.now).result).toBe('undecryptable')
  })

  test('too far ahead are refused, and missing ones take bounded memory', () => {
    //= PAL-SRM-018
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const bodies = Array.from({ length: 3100 }, () => room(a).seal(utf8Bytes('x')))
    expect(room(b).handle(bodies[1001]!, 1).result).toBe('undecryptable')
    for (const at of [1000, 2001, 3002]) expect(room(b).handle(bodies[at]!, 1).result).toBe('message')
    expect(room(b).handle(bodies[0]!, 1).result).toBe('duplicate')
    expect(room(b).handle(bodies[1999]!, 1).result).toBe('message')
  })

  test('with one bit changed leave no trace', () => {
    //= PAL-SRM-017
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    fc.assert(
      fc.property(fc.nat(), (bit) => {
        const body = room(a).seal(utf8Bytes('text'))
        expect(room(b).handle(flipped(body, bit), world.now).result).toBe('undecryptable')
        expect(room(b).takeChanges()).toEqual([])
        expect(room(b).handle(body, world.now).result).toBe('message')
        room(b).takeChanges()
      }),
      { numRuns: 60 },
    )
  })
})

describe('cheats', () => {
  test('a secret counts only from who began the epoch, and only the one it committed to', () => {
    //= PAL-SRM-012
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const commit = room(a).commit({ kind: 'rekey' })
    const { bytes } = commit!.secrets.find(({ fid }) => equalBytes(fid, c.own.fid))!
    room(c).handle(commit!.body, world.now)
    expect(room(c).handleSecret(b.own.fid, bytes, world.now)).toBe('kept')
    expect(room(c).handleSecret(a.own.fid, flipped(bytes, bytes.length * 8 - 1), world.now)).toBe('kept')
    expect(room(c).state).toBe('expect_secret')
    expect(room(c).handleSecret(a.own.fid, bytes, world.now)).toBe('begun')
    expect(room(c).handleSecret(new Uint8Array(32), new Uint8Array(100), world.now)).toBe('refused')
  })

  test('an operation is refused when anything in it is not as it has to be', () => {
    //= PAL-SRM-005
    //= PAL-SRM-006
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const good = {
      group: room(a).group,
      epoch: room(a).epoch + 1,
      previous: room(a).head,
      actor: a.own.fid,
      change: { kind: 'rekey' },
      rosterHash: rosterHashOf(a.p, room(a).roster),
    } as const
    const spoiled = [
      { ...good, group: new Uint8Array(32) },
      { ...good, epoch: 1 },
      { ...good, epoch: good.epoch + 1 },
      { ...good, previous: new Uint8Array(32) },
      { ...good, actor: b.own.fid },
      { ...good, rosterHash: new Uint8Array(32) },
      { ...good, change: { kind: 'remove', fids: [a.own.fid] } },
      { ...good, change: { kind: 'role', fid: a.own.fid, role: 'member' } },
      { ...good, change: { kind: 'add', packages: [packageOf(c)] } },
    ] as const
    const boxed = (parts: (typeof spoiled)[number]): Uint8Array => {
      // Sealed by somebody who has the key of this epoch: a member.
      const operation = signOperation(a.p, a.own.signing, operationPrefix(parts), new Uint8Array(32))
      const key = b.kept.get(`epoch/${room(b).epoch}`)!.slice(100, 132)
      return Uint8Array.of(0x21, ...new Uint8Array(24), ...a.p.seal(key, new Uint8Array(24), operation))
    }
    for (const parts of spoiled) expect(room(c).handle(boxed(parts), 1)).toEqual({ result: 'undecryptable' })
    expect(room(c).handle(boxed(good as never), 1).result).toBe('changed')
  })

  test('a welcome is refused when anything in it is not as it has to be', () => {
    //= PAL-SRM-020
    //= PAL-SRM-021
    //= PAL-SRM-022
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const commit = room(a).commit({ kind: 'rekey' }, [b.own.fid])
    const result = room(a).handle(commit!.body, 1)
    const { bytes } = (result as Extract<RoomResult, { result: 'changed' }>).welcomes[0]!
    const welcome = readWelcome(b.p, bytes, a.own.fid)!
    expect(readWelcome(b.p, bytes, b.own.fid)).toBeUndefined()
    fc.assert(
      fc.property(fc.nat(), (bit) => {
        const changed = readWelcome(b.p, flipped(bytes, bit), a.own.fid)
        // Only the name is the relay's own matter: the newcomer compares it with where the welcome came from.
        if (changed) expect({ ...changed, name: '' }).toEqual({ ...welcome, name: '' })
      }),
      { numRuns: 200 },
    )
    for (let cut = 0; cut < bytes.length; cut += 13)
      expect(readWelcome(b.p, bytes.subarray(0, cut), a.own.fid)).toBeUndefined()
    const parts = { ...welcome, operation: welcome.operation.bytes }
    expect(encodeWelcome(parts)).toEqual(bytes)
    const foreign = { ...parts, founding: { ...parts.founding, random: new Uint8Array(32) } }
    expect(readWelcome(b.p, encodeWelcome(foreign), a.own.fid)).toBeUndefined()
    const SealedRoomClass = room(a).constructor as typeof SealedRoom
    b.offer()
    const joined = SealedRoomClass.join(b.p, b.own, { welcome, ownPackage: b.package, nowMs: 1 })
    expect(joined).toBeUndefined()
  })

  test('the number of a room follows from who made it', () => {
    //= PAL-SRM-002
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const commit = room(a).commit({ kind: 'rekey' }, [b.own.fid])
    const result = room(a).handle(commit!.body, 1)
    const { bytes } = (result as Extract<RoomResult, { result: 'changed' }>).welcomes[0]!
    const { founding, operation } = readWelcome(b.p, bytes, a.own.fid)!
    expect(hexOf(founding.creator)).toBe(a.fid)
    expect(hexOf(groupOf(a.p, founding.creator, founding.random))).toBe(hexOf(operation.group))
    expect(hexOf(headOf(a.p, operation.bytes))).toBe(hexOf(room(a).head))
  })

  test('a key package counts only as its identity signed it', () => {
    //= PAL-SRM-003
    //= PAL-SRM-004
    const world = new RoomWorld(2)
    const [a] = world.members as [Member, Member]
    fc.assert(
      fc.property(fc.nat(), (bit) => {
        expect(readKeyPackage(a.p, flipped(a.package.bytes, bit))).toBeUndefined()
      }),
      { numRuns: 100 },
    )
    expect(readKeyPackage(a.p, a.package.bytes.subarray(1))).toBeUndefined()
  })

  test('a relay that tells two stories splits the room, and members find out', () => {
    //= PAL-SRM-024
    const world = new RoomWorld(4)
    const [a, b, c, d] = world.members as [Member, Member, Member, Member]
    const one = room(a).commit({ kind: 'remove', fids: [d.own.fid] })
    const two = room(b).commit({ kind: 'rekey' })
    for (const commit of [one, two]) world.tell(commit === one ? a : b, commit!.secrets)
    world.take(a, one!.body)
    world.take(c, one!.body)
    world.take(b, two!.body)
    world.take(d, two!.body)
    const body = room(a).seal(utf8Bytes('x'))
    expect(world.take(c, body).result).toBe('message')
    expect([b, d].map((each) => world.take(each, body).result)).toEqual(['undecryptable', 'undecryptable'])
    expect(room(b).compareHead(room(a).epoch, room(a).head)).toBe('fork')
    expect(room(c).compareHead(room(a).epoch, room(a).head)).toBe('same')
    expect(room(b).compareHead(99, room(a).head)).toBe('unknown')
  })

  test('any bytes are refused by value', () => {
    const world = new RoomWorld(2)
    const [a] = world.members as [Member, Member]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0x21, 0x22, 0), (bytes, first) => {
        const body = Uint8Array.of(first, ...bytes)
        expect(room(a).handle(body, 1).result).toBe('undecryptable')
        expect(room(a).handleSecret(a.own.fid, bytes, 1)).toBe('refused')
        expect(readOperation(a.p, bytes)).toBeUndefined()
        expect(readWelcome(a.p, bytes, a.own.fid)).toBeUndefined()
      }),
    )
  })
})

type Step = readonly [
  'say' | 'read' | 'rekey' | 'remove' | 'add' | 'leave' | 'restart' | 'repeat' | 'forge',
  number,
  number,
]
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(
    'say',
    'say',
    'read',
    'read',
    'rekey',
    'remove',
    'add',
    'leave',
    'restart',
    'repeat',
    'forge',
  ),
  fc.nat(5),
  fc.nat(10_000),
)

test('whatever happens, members who read the whole log agree, and hear only what members said, once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const world = new RoomWorld(5)
      const said = new Set<string>()
      for (const [what, index, number] of steps) {
        const member = world.members[index % 5] as Member
        const other = world.members[number % 5] as Member
        world.now += number % 5 === 0 ? 3_600_000 : 1000
        const isOpen = member.room?.state === 'open'
        if (what === 'say' && isOpen) {
          const text = `${said.size}`
          said.add(`${member.name}: ${text}`)
          world.say(member, text)
        } else if (what === 'read') world.read(member)
        else if (what === 'restart') member.restart()
        else if (what === 'leave' && isOpen) world.log.push(room(member).leave())
        else if (what === 'repeat' && world.log.length > 0)
          world.log.push(world.log[number % world.log.length] as Uint8Array)
        else if (what === 'forge' && world.log.length > 0)
          world.log.push(flipped(world.log[number % world.log.length] as Uint8Array, number))
        else if (isOpen && (what === 'rekey' || what === 'remove'))
          world.publish(
            member,
            room(member).commit(
              what === 'rekey' ? { kind: 'rekey' } : { kind: 'remove', fids: [other.own.fid] },
            ),
          )
        else if (isOpen && what === 'add' && other.room?.state === 'removed') {
          const isIn = room(member).roster.some((each) => equalBytes(each.package.fid, other.own.fid))
          if (!isIn) world.publish(member, room(member).commit({ kind: 'add', packages: [packageOf(other)] }))
        }
      }
      world.readAll()
      const open = world.members.filter((each) => each.room?.state === 'open')
      const epochs = Math.max(...open.map((each) => room(each).epoch))
      const heads = open.filter((each) => room(each).epoch === epochs).map((each) => hexOf(room(each).head))
      expect(new Set(heads).size).toBeLessThanOrEqual(1)
      for (const member of world.members) {
        expect(new Set(member.heard).size).toBe(member.heard.length)
        for (const text of member.heard) expect(said.has(text)).toBe(true)
      }
    }),
    { numRuns: 20 },
  )
})
