/** What a relay, or a member, may try: one test for each attack, by its name. */
import { describe, expect, test } from 'vitest'
import { hexOf, utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import { createStoredBundle } from '../../src/crypto/bundle.ts'
import type { Person, SealingOutput } from '../../src/crypto/client/outputs.ts'
import { Sealing } from '../../src/crypto/client/sealing.ts'
import { INNER_KINDS } from '../../src/crypto/direct/inner.ts'
import { createIdentity, type OwnIdentity } from '../../src/crypto/identity.ts'
import { applyChanges, readJournal, sealBatch } from '../../src/crypto/journal.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { Epoch } from '../../src/crypto/room/epoch.ts'
import { placeOf } from '../../src/crypto/room/operation.ts'
import type { SealedRoom } from '../../src/crypto/room/room.ts'
import { FileOpener, FileSealer } from '../../src/crypto/sealed-file.ts'
import { flipped, newIdentity } from './people.ts'
import { provider, seededEntropy } from './providers.ts'
import { type Member, packageOf, RoomWorld } from './room-world.ts'

const HOUR_MS = 3_600_000
const SEALED = 4

/** One program: what it sent, showed and was refused. */
class Client {
  readonly p: Primitives
  readonly own: OwnIdentity
  readonly person: Person
  readonly records = new Map<string, Uint8Array>()
  readonly outputs: SealingOutput[] = []
  /** Bundles that the relay gives this client, by name. */
  readonly given = new Map<string, Uint8Array | undefined>()
  readonly mode: 'require' | 'prefer' | 'off'
  sealing: Sealing
  now = 1_800_000_000_000

  constructor(
    name: string,
    mode: 'require' | 'prefer' | 'off' = 'prefer',
    p = provider('node', seededEntropy(name)),
  ) {
    this.p = p
    this.own = newIdentity(p)
    this.mode = mode
    this.person = { key: new Uint8Array(32).fill(name.charCodeAt(0)), name, folded: name }
    this.sealing = this.started()
    this.sealing.connected(this.now)
    this.drain()
  }

  started(isRestored = false): Sealing {
    const { own, mode } = this
    const records = new Map(this.records)
    const accountKey = this.person.key
    return new Sealing(this.p, { own, mode, records, accountKey, relayKey: new Uint8Array(32), isRestored })
  }

  get bundle(): Uint8Array {
    const published = this.outputs.filter((each) => each.kind === 'publish')
    return published.at(-1)!.bundle
  }

  drain(): void {
    for (;;) {
      const save = this.sealing.takeSave()
      if (save) {
        applyChanges(this.records, save.changes)
        this.sealing.handleSaved(save.version)
      }
      const output = this.sealing.pollOutput()
      if (!output && !save) return
      if (!output) continue
      this.outputs.push(output)
      if (output.kind === 'fetch_bundle')
        this.sealing.handleBundle(output.of, this.given.get(output.of.folded), this.now)
    }
  }

  /** The body that a message leaves with, if it does. */
  say(to: Client, text: string): SealingOutput & { kind: 'send' } {
    if (!this.given.has(to.person.folded)) this.given.set(to.person.folded, to.bundle)
    const before = this.outputs.length
    this.sealing.send(to.person, { tag: 1, kind: 0, body: utf8Bytes(text) }, this.now)
    this.drain()
    const sent = this.outputs.slice(before).find((each) => each.kind === 'send')
    return sent ?? ({ kind: 'send', body: new Uint8Array(0) } as SealingOutput & { kind: 'send' })
  }

  /** What becomes of a message that the relay says is from somebody. */
  hear(from: Person, body: Uint8Array, contentKind = SEALED): string {
    const before = this.outputs.length
    this.sealing.handleMessage(from, { position: 1, contentKind, body }, this.now)
    this.drain()
    const [shown] = this.outputs.slice(before).filter((each) => each.kind === 'message')
    return shown ? utf8Text(shown.body) : 'nothing'
  }

  count(kind: SealingOutput['kind']): number {
    return this.outputs.filter((each) => each.kind === kind).length
  }

  refusals(): string[] {
    return this.outputs.flatMap((each) => (each.kind === 'refused' ? [each.why] : []))
  }
}

function talking(): { alice: Client; bob: Client; mallory: Client } {
  const [alice, bob, mallory] = [new Client('alice'), new Client('bob'), new Client('mallory')]
  expect(bob.hear(alice.person, alice.say(bob, 'hello').body)).toBe('hello')
  expect(alice.hear(bob.person, bob.say(alice, 'hi').body)).toBe('hi')
  return { alice, bob, mallory }
}

describe('the relay', () => {
  test('injection: bytes of its own are not shown', () => {
    const { alice, bob, mallory } = talking()
    for (const body of [new Uint8Array(209), mallory.say(bob, 'x').body, Uint8Array.of(0x22)])
      expect(bob.hear(alice.person, body)).toBe('nothing')
  })

  test('replay: a message counts once, after a restart too', () => {
    const { alice, bob } = talking()
    const { body } = alice.say(bob, 'once')
    expect([bob.hear(alice.person, body), bob.hear(alice.person, body)]).toEqual(['once', 'nothing'])
    bob.sealing = bob.started()
    expect(bob.hear(alice.person, body)).toBe('nothing')
  })

  test('reorder: what is missing before a message is told', () => {
    const { alice, bob } = talking()
    const [first, second] = [alice.say(bob, '1').body, alice.say(bob, '2').body]
    expect([bob.hear(alice.person, second), bob.hear(alice.person, first)]).toEqual(['2', '1'])
    const gaps = bob.outputs.flatMap((each) => (each.kind === 'message' ? [each.isGap] : []))
    expect(gaps.slice(-2)).toEqual([true, true])
  })

  test('reflection: what somebody sent does not come back as said by the other one', () => {
    const { alice, bob } = talking()
    const { body } = alice.say(bob, 'mine')
    expect(alice.hear(bob.person, body)).toBe('nothing')
  })

  test('unknown key share: whoever offers the identity of another one as its own gains no message', () => {
    const { alice, bob, mallory } = talking()
    alice.given.set('mallory', bob.bundle)
    const { body } = alice.say(mallory, 'for mallory')
    expect(bob.hear(alice.person, body)).toBe('nothing')
  })

  test('bundle swap: another identity under a known name stops the conversation', () => {
    //= PAL-TRU-010
    const { alice, bob, mallory } = talking()
    alice.sealing = alice.started(true)
    alice.given.set('bob', mallory.bundle)
    expect(alice.say(bob, 'secret').body).toHaveLength(0)
    expect([alice.count('key_changed'), alice.refusals()]).toEqual([1, ['key_changed']])
  })

  test('name swap: another account under a known name meets the same pin', () => {
    const { alice, bob, mallory } = talking()
    const swapped = { ...mallory.person, name: 'alice', folded: 'alice' }
    expect(bob.hear(swapped, mallory.say(bob, 'I am alice').body)).toBe('nothing')
    expect(bob.hear(alice.person, alice.say(bob, 'still me').body)).toBe('still me')
  })

  test('low-order keys: a bundle that holds one begins no session', () => {
    const alice = new Client('alice')
    const p = alice.p
    const own = createIdentity(p, { signing: p.signingKeygen(), dh: p.dhKeygen() })
    const prekey = { secret: new Uint8Array(32), publicKey: new Uint8Array(32) }
    const bundle = createStoredBundle(p, own, { signedPrekey: { id: 1, key: prekey }, expiresMs: 2e12 })
    alice.given.set('mallory', bundle)
    const mallory = new Client('mallory')
    expect(alice.say(mallory, 'x').body).toHaveLength(0)
    expect(alice.refusals()).toEqual(['bad_keys'])
  })

  //= PAL-SDC-036
  test('malleated signature: a bundle with S + L is not taken', () => {
    const [alice, bob] = [new Client('alice'), new Client('bob')]
    const order = [
      0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    ]
    const changed = Uint8Array.from(bob.bundle)
    const at = changed.length - 37 - 32
    let carry = 0
    for (let i = 0; i < 32; i++) {
      const sum = (changed[at + i] ?? 0) + (i === 31 ? 0x10 : (order[i] ?? 0)) + carry
      changed[at + i] = sum & 255
      carry = sum >> 8
    }
    alice.given.set('bob', changed)
    expect([alice.say(bob, 'x').body.length, alice.refusals()]).toEqual([0, ['bad_keys']])
  })

  test('downgrade: after one sealed message nothing plain is sent or shown', () => {
    //= PAL-TRU-013
    //= PAL-TRU-014
    const { alice, bob } = talking()
    alice.sealing = alice.started(true)
    alice.given.set('bob', undefined)
    expect([alice.say(bob, 'secret').body.length, alice.refusals()]).toEqual([0, ['no_keys']])
    expect(bob.hear(alice.person, utf8Bytes('plainly'), 0)).toBe('nothing')
    const off = new Client('alice', 'off', alice.p)
    for (const [name, bytes] of alice.records) off.records.set(name, bytes)
    off.sealing = off.started()
    off.say(bob, 'x')
    expect(off.refusals()).toEqual(['sealed_before'])
  })

  test('key-change race: what waits for keys is not sealed to an identity that comes meanwhile', () => {
    const { alice, bob, mallory } = talking()
    alice.sealing = alice.started(true)
    alice.sealing.send(bob.person, { tag: 7, kind: 0, body: utf8Bytes('waiting') }, alice.now)
    alice.sealing.handleBundle(bob.person, mallory.bundle, alice.now)
    alice.sealing.handleBundle(bob.person, bob.bundle, alice.now)
    const before = alice.count('send')
    alice.drain()
    expect([alice.count('send') - before, alice.refusals()]).toEqual([0, ['key_changed']])
  })

  //= PAL-SRM-030
  test('bundle swap in a room: what is for a member is sealed for its identity only', () => {
    const { alice, bob, mallory } = talking()
    const fid = bob.own.fid
    const secret = { tag: 5, kind: INNER_KINDS.roomSecret, body: utf8Bytes('secret') }
    const sendsTo = (person: Person): boolean => {
      const before = alice.outputs.length
      alice.sealing.send(person, { ...secret, fid }, alice.now)
      alice.drain()
      return alice.outputs.slice(before).some((each) => each.kind === 'send')
    }
    // The relay says that mallory goes by another name of bob's.
    alice.given.set(mallory.person.folded, mallory.bundle)
    expect(sendsTo(mallory.person)).toBe(false)
    expect(alice.refusals()).toEqual(['key_changed'])
    expect(sendsTo(bob.person)).toBe(true)
  })

  test('forged reset: a new session of another identity takes the place of none', () => {
    const { alice, bob, mallory } = talking()
    for (let i = 0; i < 3; i++) expect(bob.hear(alice.person, mallory.say(bob, `${i}`).body)).toBe('nothing')
    expect(bob.count('peer_reset')).toBe(0)
    expect(bob.sealing.pinOf(alice.person)?.fid).toEqual(alice.own.fid)
  })

  test('cross-conversation splice: a message for one is none for another', () => {
    const { alice, bob, mallory } = talking()
    const { body } = alice.say(bob, 'for bob')
    expect(mallory.hear(alice.person, body)).toBe('nothing')
    expect(bob.hear(mallory.person, body)).toBe('nothing')
  })

  test('one-time prekey exhaustion: a session begins without one, and its first message counts once', () => {
    const [alice, bob] = [new Client('alice'), new Client('bob')]
    const { body } = alice.say(bob, 'no one-time prekey')
    expect(bob.hear(alice.person, body)).toBe('no one-time prekey')
    for (const name of [...bob.records.keys()]) if (name.startsWith('direct/')) bob.records.delete(name)
    bob.sealing = bob.started()
    expect(bob.hear(alice.person, body)).toBe('nothing')
  })

  test('skipped-key exhaustion: gaps cost bounded memory', () => {
    const { alice, bob } = talking()
    for (let round = 0; round < 4; round++) {
      let body = new Uint8Array(0)
      for (let i = 0; i < 900; i++) body = Uint8Array.from(alice.say(bob, 'x').body)
      expect(bob.hear(alice.person, body)).toBe('x')
    }
    const bytes = [...bob.records].reduce((sum, [, record]) => sum + record.length, 0)
    expect(bytes).toBeLessThan(100_000)
  })

  test('nothing goes out before the state after it was kept', () => {
    //= PAL-SDC-021
    //= PAL-SDC-022
    const { alice, bob } = talking()
    alice.sealing.send(bob.person, { tag: 1, kind: 0, body: utf8Bytes('x') }, alice.now)
    expect(alice.sealing.pollOutput()).toBeUndefined()
    const save = alice.sealing.takeSave()!
    expect(alice.sealing.pollOutput()).toBeUndefined()
    alice.sealing.handleSaved(save.version)
    expect(alice.sealing.pollOutput()).toMatchObject({ kind: 'send', contentKind: SEALED, isSealed: true })
    expect(() => alice.sealing.handleSaved(save.version + 1)).toThrow('nothing of that version')
  })

  test('nonce reuse after restore: a restored client begins anew, and the other one follows', () => {
    const { alice, bob } = talking()
    const backup = new Map(alice.records)
    bob.hear(alice.person, alice.say(bob, 'after the backup').body)
    alice.records.clear()
    for (const [name, bytes] of backup) alice.records.set(name, bytes)
    alice.sealing = alice.started(true)
    const { body } = alice.say(bob, 'restored')
    expect([body[0], bob.hear(alice.person, body)]).toEqual([0x11, 'restored'])
  })

  test('a bundle comes from the peer itself, and only when it was asked for', () => {
    //= PAL-SDC-023
    //= PAL-SDC-024
    const [alice, bob] = [new Client('alice'), new Client('bob')]
    const send = { tag: 1, kind: 0, body: utf8Bytes('live') }
    alice.sealing.send(bob.person, send, alice.now)
    alice.sealing.askLive(bob.person)
    alice.given.set('bob', undefined)
    const bodies = (client: Client): Uint8Array[] =>
      client.outputs.flatMap((each) => (each.kind === 'send' ? [each.body] : []))
    const save = alice.sealing.takeSave()!
    alice.sealing.handleSaved(save.version)
    expect(alice.sealing.pollOutput()?.kind).toBe('fetch_bundle')
    alice.drain()
    const [ask] = bodies(alice)
    expect(ask?.[0]).toBe(0x13)
    for (let i = 0; i < 12; i++) bob.hear(alice.person, ask!)
    const answers = bodies(bob)
    expect(answers.map((each) => each[0])).toEqual(Array.from({ length: 10 }, () => 0x14))
    alice.hear(bob.person, answers[0]!)
    alice.hear(bob.person, answers[1]!)
    const [, first] = bodies(alice)
    expect([first?.[0], bob.hear(alice.person, first!)]).toEqual([0x11, 'live'])
    expect(bodies(alice)).toHaveLength(2)
  })

  test('a lost state heals by itself: a new session, and the user of the other side is told', () => {
    const { alice, bob } = talking()
    for (const name of [...bob.records.keys()]) if (name.startsWith('direct/')) bob.records.delete(name)
    bob.sealing = bob.started()
    bob.given.set('alice', alice.bundle)
    const before = bob.outputs.length
    expect(bob.hear(alice.person, alice.say(bob, 'lost').body)).toBe('nothing')
    const after = bob.outputs.slice(before)
    expect(after.find((each) => each.kind === 'unreadable')).toMatchObject({
      why: 'no_session',
      isHealing: true,
    })
    const reset = after.find((each) => each.kind === 'send')!
    alice.now += HOUR_MS
    alice.hear(bob.person, reset.body)
    expect(alice.count('peer_reset')).toBe(1)
    expect(bob.hear(alice.person, alice.say(bob, 'again').body)).toBe('again')
  })
})

describe('a member or the relay, in a room', () => {
  const room = (member: Member): SealedRoom => member.room as SealedRoom

  test('roster fork: two stories are found out', () => {
    const world = new RoomWorld(3)
    const [a, b, c] = world.members as [Member, Member, Member]
    const [one, two] = [room(a).commit({ kind: 'rekey' })!, room(b).commit({ kind: 'rekey' })!]
    world.tell(a, one.secrets)
    world.tell(b, two.secrets)
    world.take(a, one.body)
    world.take(b, two.body)
    world.take(c, one.body)
    expect(room(b).compareHead(room(c).epoch, room(c).head)).toBe('fork')
  })

  test('forged add: who is no admin adds nobody, and a package of nobody is none', () => {
    const world = new RoomWorld(3)
    const [, b, c] = world.members as [Member, Member, Member]
    expect(room(b).commit({ kind: 'add', packages: [packageOf(c)] })).toBeUndefined()
  })

  test('removed member reading on: it opens nothing of the next epoch', () => {
    const world = new RoomWorld(3)
    const [a, , c] = world.members as [Member, Member, Member]
    world.change(a, { kind: 'remove', fids: [c.own.fid] })
    expect(room(c).handle(room(a).seal(utf8Bytes('x')), 1).result).toBe('undecryptable')
  })

  test('epoch rollback: the keys of old epochs are gone', () => {
    const world = new RoomWorld(2)
    const [a, b] = world.members as [Member, Member]
    const old = room(a).seal(utf8Bytes('old'))
    world.change(a, { kind: 'rekey' })
    world.now += HOUR_MS
    expect(room(b).handle(old, world.now).result).toBe('undecryptable')
    expect(room(b).handle(world.log[0] as Uint8Array, world.now).result).toBe('undecryptable')
  })

  test('impersonation: a member who knows the chain of another one cannot sign for it', () => {
    const forge = (verifies: boolean): string => {
      const world = new RoomWorld(3)
      const [a, b, c] = world.members as [Member, Member, Member]
      const { epoch, head, group, roster } = room(c)
      const kept = c.kept.get(`epoch/${epoch}`)!.slice(68, 164)
      const chains = roster.map((_, i) => c.kept.get(`chain/${epoch}/${i}`)!)
      const forger = Epoch.restore(c.p, { group, epoch, head, roster }, kept, chains)!
      const body = forger.seal(placeOf(roster, a.own.fid), c.package.roomKey, utf8Bytes('as a'))
      if (!verifies) b.p.verify = () => true
      return room(b).handle(body, 1).result
    }
    expect(forge(true)).toBe('undecryptable')
    // Planted: a member that does not check signatures is fooled, so the test can fail.
    expect(forge(false)).toBe('message')
  })
})

describe('files', () => {
  const p = provider('node')
  const sealedFile = (size: number) => {
    const sealer = new FileSealer(p, { size, name: 'x', mime: '', chunkLog: 10 })
    const part = (i: number) => new Uint8Array(sealer.range(i).end - sealer.range(i).start).fill(i)
    for (let i = 0; i < sealer.count; i++) sealer.measure(part(i))
    return {
      file: sealer.descriptor(),
      chunks: Array.from({ length: sealer.count }, (_, i) => sealer.seal(i, part(i))!),
    }
  }

  test('truncated attachment: it is never whole', () => {
    const { file, chunks } = sealedFile(4096)
    const opener = new FileOpener(p, file)
    for (const [i, chunk] of chunks.slice(0, -1).entries()) opener.open(i, chunk)
    expect(opener.isWhole()).toBe(false)
  })

  test('mixed attachments: chunks of another file do not open', () => {
    const [one, two] = [sealedFile(4096), sealedFile(4096)]
    expect(new FileOpener(p, one.file).open(1, two.chunks[1]!).result).toBe('refused')
  })
})

describe('what a client keeps', () => {
  const p = provider('node')
  const key = new Uint8Array(32).fill(9)
  const batches = [
    sealBatch(p, key, 0, [
      ['a', utf8Bytes('1')],
      ['b', utf8Bytes('2')],
    ]),
    sealBatch(p, key, 1, [
      ['a', undefined],
      ['c', new Uint8Array(0)],
    ]),
  ]
  const file = Uint8Array.from(batches.flatMap((each) => [...each]))

  test('comes back, up to the last whole batch', () => {
    const whole = readJournal(p, key, file)!
    expect([...whole.records].map(([name, bytes]) => [name, utf8Text(bytes)])).toEqual([
      ['b', '2'],
      ['c', ''],
    ])
    expect([whole.nextNumber, whole.goodBytes]).toEqual([2, file.length])
    for (let cut = 0; cut < file.length; cut++) {
      const journal = readJournal(p, key, file.subarray(0, cut))!
      expect(journal.goodBytes).toBe(cut < batches[0]!.length ? 0 : batches[0]!.length)
    }
  })

  test('is refused when a batch was changed, left out, doubled or is of another key', () => {
    for (let bit = 32; bit < file.length * 8; bit += 37) {
      const journal = readJournal(p, key, flipped(file, bit))
      // A changed length of the last batch looks like a file that was cut short.
      if (journal) expect(journal.goodBytes).toBe(batches[0]!.length)
    }
    expect(readJournal(p, key, batches[1]!)).toBeUndefined()
    expect(readJournal(p, key, Uint8Array.from([...batches[0]!, ...batches[0]!]))).toBeUndefined()
    expect(readJournal(p, new Uint8Array(32), file)).toBeUndefined()
  })

  test('holds no text of it readably', () => {
    const secret = sealBatch(p, key, 0, [['direct/alice', utf8Bytes('CANARY')]])
    expect(hexOf(secret)).not.toContain(hexOf(utf8Bytes('CANARY')))
    expect(hexOf(secret)).not.toContain(hexOf(utf8Bytes('alice')))
  })
})
