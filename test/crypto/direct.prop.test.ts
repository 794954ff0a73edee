/** Sealed direct conversations over a log that a relay loses, repeats, reorders and forges. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf, utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import { readStoredBundle } from '../../src/crypto/bundle.ts'
import { type DirectResult, SealedDirect } from '../../src/crypto/direct/direct.ts'
import { contextOf, INNER_KINDS } from '../../src/crypto/direct/inner.ts'
import { OwnPrekeys } from '../../src/crypto/direct/prekeys.ts'
import type { Identity, OwnIdentity } from '../../src/crypto/identity.ts'
import type { RecordChange } from '../../src/crypto/records.ts'
import { flipped, newIdentity, taken } from './people.ts'
import { provider, seededEntropy } from './providers.ts'

const HOUR_MS = 3_600_000
const RELAY = new Uint8Array(32).fill(7)

/** One person's client: a conversation, prekeys, and what was kept of both. */
class Side {
  readonly p
  readonly own: OwnIdentity
  readonly link: Uint8Array
  readonly kept = new Map<string, Uint8Array>()
  prekeys: OwnPrekeys
  direct: SealedDirect
  peer: Side | undefined
  isPeer: (identity: Identity) => boolean = (identity) => hexOf(identity.fid) === hexOf(this.peer!.own.fid)
  #count = 0
  #used = 0

  constructor(name: string) {
    this.p = provider('node', seededEntropy(name))
    this.own = newIdentity(this.p)
    this.link = new Uint8Array(32).fill(name.charCodeAt(0))
    this.prekeys = new OwnPrekeys(this.p, this.own)
    this.prekeys.rotate(1)
    this.direct = undefined as unknown as SealedDirect
  }

  meet(peer: Side): void {
    this.peer = peer
    this.direct = this.#restored()
  }

  context(): Uint8Array {
    return contextOf(this.p, { relayKey: RELAY, ownKey: this.link, peerKey: this.peer!.link })
  }

  #restored(): SealedDirect {
    const records = new Map(
      [...this.kept].flatMap(([name, bytes]) =>
        name.startsWith('d/') ? [[name.slice(2), bytes] as const] : [],
      ),
    )
    return new SealedDirect(this.p, this.own, { prekeys: this.prekeys, context: this.context(), records })
  }

  save(): void {
    const put = (prefix: string, changes: readonly RecordChange[]): void => {
      for (const [name, bytes] of changes)
        if (bytes) this.kept.set(prefix + name, Uint8Array.from(bytes))
        else this.kept.delete(prefix + name)
    }
    put('d/', this.direct.takeChanges())
    put('k/', this.prekeys.takeChanges())
  }

  /** The program ends and starts again from what it kept. */
  restart(): void {
    const keys = new Map(
      [...this.kept].flatMap(([name, bytes]) =>
        name.startsWith('k/') ? [[name.slice(2), bytes] as const] : [],
      ),
    )
    this.prekeys = new OwnPrekeys(this.p, this.own, keys)
    this.direct = this.#restored()
  }

  /** A bundle as a relay hands it out. */
  bundle(nowMs: number, withOneTime: boolean): ReturnType<typeof readStoredBundle> {
    this.prekeys.rotate(nowMs)
    const bytes = Uint8Array.from(this.prekeys.bundle() ?? [])
    if (withOneTime) {
      const [one] = this.prekeys.refill(0)
      const at = bytes.length - 37
      bytes[at] = 1
      bytes.set([one!.id >>> 24, one!.id >>> 16, one!.id >>> 8, one!.id], at + 1)
      bytes.set(one!.publicKey, at + 5)
    }
    this.save()
    return readStoredBundle(this.p, bytes, nowMs)
  }

  start(nowMs: number, withOneTime = this.#used++ % 2 === 0): void {
    expect(this.direct.start(taken(this.peer!.bundle(nowMs, withOneTime)), nowMs)).toBeUndefined()
  }

  say(text: string, nowMs: number, kind = 0): Uint8Array {
    if (!this.direct.canSeal) this.start(nowMs)
    const id = new Uint8Array(16)
    id[0] = this.#count++
    const body = this.direct.seal({ kind, id, body: utf8Bytes(text) }, nowMs)
    this.save()
    return body
  }

  hear(body: Uint8Array, nowMs: number): string {
    const result = this.direct.open(body, { nowMs, isPeer: this.isPeer })
    this.save()
    return told(result)
  }
}

function told(result: DirectResult): string {
  if (result.result === 'ok') return utf8Text(result.inner.body)
  return result.result === 'duplicate' ? 'duplicate' : result.why
}

function pair(): { alice: Side; bob: Side } {
  const [alice, bob] = [new Side('alice'), new Side('bob')]
  alice.meet(bob)
  bob.meet(alice)
  return { alice, bob }
}

describe('a conversation', () => {
  test('begins while the other one is away, and is confirmed by the first answer', () => {
    //= PAL-SDC-006
    const { alice, bob } = pair()
    const bodies = ['one', 'two', 'three'].map((text) => alice.say(text, 1))
    expect(bodies.map((body) => body[0])).toEqual([0x11, 0x11, 0x11])
    expect(bodies.map((body) => bob.hear(body, 2))).toEqual(['one', 'two', 'three'])
    expect(alice.direct.isConfirmed).toBe(false)
    expect(alice.hear(bob.say('hi', 3), 3)).toBe('hi')
    expect(alice.direct.isConfirmed).toBe(true)
    expect(alice.say('four', 4)[0]).toBe(0x12)
  })

  test('that both begin at once goes on in the session with the lower number', () => {
    //= PAL-SDC-007
    for (let round = 0; round < 6; round++) {
      const { alice, bob } = pair()
      const [a, b] = [alice.say(`a${round}`, 1), bob.say(`b${round}`, 1)]
      expect([alice.hear(b, 2), bob.hear(a, 2)]).toEqual([`b${round}`, `a${round}`])
      expect(bob.hear(alice.say('next', 3), 3)).toBe('next')
      expect(alice.hear(bob.say('too', 3), 3)).toBe('too')
      const [c, d] = [alice.say('c', 4), bob.say('d', 4)]
      expect([c[0], d[0]]).toEqual([0x12, 0x12])
      expect([alice.hear(d, 5), bob.hear(c, 5)]).toEqual(['d', 'c'])
    }
  })

  test('shows when a message of the other one is missing before this one', () => {
    //= PAL-SDC-005
    const { alice, bob } = pair()
    const [first, , third] = ['1', '2', '3'].map((text) => alice.say(text, 1))
    const gap = (body: Uint8Array): unknown => {
      const opened = bob.direct.open(body, { nowMs: 2, isPeer: bob.isPeer })
      return opened.result === 'ok' && opened.inner.isGap
    }
    expect([gap(first!), gap(third!)]).toEqual([false, true])
  })

  test('asks for a turn of the ratchet after a hundred messages or an hour, and not for ever', () => {
    //= PAL-SDC-014
    const { alice, bob } = pair()
    bob.hear(alice.say('0', 1), 1)
    expect([bob.direct.needsNudge(2), bob.direct.needsNudge(1 + HOUR_MS)]).toEqual([false, true])
    for (let i = 1; i < 100; i++) bob.hear(alice.say(`${i}`, 1), 1)
    expect(bob.direct.needsNudge(2)).toBe(true)
    alice.hear(bob.say('', 2, INNER_KINDS.nudge), 2)
    expect([bob.direct.needsNudge(3 * HOUR_MS), alice.direct.needsNudge(3 * HOUR_MS)]).toEqual([false, false])
  })
})

describe('a first message', () => {
  test('given twice counts once, with a one-time prekey and without', () => {
    //= PAL-SDC-010
    //= PAL-SDC-011
    for (const withOneTime of [true, false]) {
      const { alice, bob } = pair()
      alice.start(1, withOneTime)
      const body = alice.say('once', 1)
      expect(bob.hear(body, 2)).toBe('once')
      expect(bob.hear(body, 3)).toBe('duplicate')
      bob.restart()
      expect(bob.hear(body, 4)).toBe('duplicate')
      bob.direct.forget()
      expect(bob.hear(body, 5)).toBe('prekey')
    }
  })

  test('of a foreign identity is refused before any key is used, and so is one of our own', () => {
    //= PAL-SDC-008
    const { alice, bob } = pair()
    const mallory = new Side('mallory')
    mallory.meet(bob)
    mallory.link.set(alice.link)
    expect(bob.hear(mallory.say('I am alice', 1), 1)).toBe('identity')
    const own = new Side('bob')
    own.meet(bob)
    expect(own.direct.start(taken(bob.bundle(1, true)), 1)).toBe('key')
  })

  test('is opened at most ten times a minute', () => {
    //= PAL-SDC-009
    const { alice, bob } = pair()
    const results = Array.from({ length: 12 }, () => {
      const other = new Side('alice')
      other.meet(bob)
      return bob.hear(flipped(other.say('x', 1), 500 * 8), 1)
    })
    expect(results.filter((each) => each === 'rate')).toHaveLength(2)
    expect(bob.hear(alice.say('later', 60_002), 60_002)).toBe('later')
  })

  test('names a prekey for two weeks at most', () => {
    //= PAL-SDC-012
    const { alice, bob } = pair()
    const body = alice.say('late', 1)
    const week = 7 * 24 * HOUR_MS
    bob.prekeys.rotate(1 + week)
    expect(bob.hear(body, 2 * week)).toBe('late')
    const second = pair()
    const tooLate = second.alice.say('late', 1)
    second.bob.prekeys.rotate(1 + week)
    second.bob.prekeys.rotate(1 + 2 * week)
    expect(second.bob.hear(tooLate, 2 * week + 1)).toBe('prekey')
  })
})

describe('healing', () => {
  test('a side that lost everything but its identity begins anew, and the other one follows', () => {
    const { alice, bob } = pair()
    bob.hear(alice.say('a', 1), 1)
    alice.hear(bob.say('b', 1), 1)
    bob.kept.clear()
    bob.restart()
    bob.prekeys.rotate(2)
    expect(bob.hear(alice.say('lost', 2), 2)).toBe('no_session')
    expect(bob.direct.mayReset(2)).toBe(true)
    bob.direct.askReset(2)
    expect(bob.direct.mayReset(3)).toBe(false)
    bob.start(3)
    expect(alice.hear(bob.say('', 3, INNER_KINDS.reset), 3)).toBe('')
    expect(bob.hear(alice.say('again', 4), 4)).toBe('again')
    expect(alice.hear(bob.say('yes', 5), 5)).toBe('yes')
  })

  test('a confirmed session gives way to a new one at most once an hour', () => {
    //= PAL-SDC-015
    //= PAL-SDC-016
    const { alice, bob } = pair()
    bob.hear(alice.say('a', 1), 1)
    alice.hear(bob.say('b', 1), 1)
    alice.start(2)
    expect(bob.hear(alice.say('new', 2), 2)).toBe('new')
    alice.hear(bob.say('ok', 2), 2)
    alice.start(3)
    expect(bob.hear(alice.say('newer', 3), 3)).toBe('rate')
    expect(bob.hear(alice.say('newest', 3 + HOUR_MS), 3 + HOUR_MS)).toBe('newest')
  })

  test('after an old backup was restored nothing is sealed in an old session', () => {
    //= PAL-SDC-017
    const { alice, bob } = pair()
    bob.hear(alice.say('a', 1), 1)
    alice.hear(bob.say('b', 1), 1)
    const backup = new Map(alice.kept)
    bob.hear(alice.say('after the backup', 2), 2)
    alice.kept.clear()
    for (const [name, bytes] of backup) alice.kept.set(name, bytes)
    alice.restart()
    alice.direct.stopSending()
    expect(alice.direct.canSeal).toBe(false)
    expect(bob.hear(alice.say('after the restore', 3), 3)).toBe('after the restore')
  })

  test('an old backup that nobody knows of reuses no key', () => {
    const { alice, bob } = pair()
    bob.hear(alice.say('a', 1), 1)
    alice.hear(bob.say('b', 1), 1)
    const backup = new Map(alice.kept)
    const first = alice.say('text one', 2)
    alice.kept.clear()
    for (const [name, bytes] of backup) alice.kept.set(name, bytes)
    alice.restart()
    const second = alice.say('text two', 2)
    // Prefix, sealed header, tag and what stands before the text: under one key stream the bytes would
    // cancel.
    const at = 1 + 64 + 16 + 49
    const mixed = Array.from({ length: 8 }, (_, i) => (first[at + i] ?? 0) ^ (second[at + i] ?? 0))
    const plain = Array.from('text one', (char, i) => char.charCodeAt(0) ^ 'text two'.charCodeAt(i))
    expect(mixed).not.toEqual(plain)
    expect([bob.hear(first, 3), bob.hear(second, 3)]).toEqual(['text one', 'duplicate'])
  })

  test('at most four sessions are kept', () => {
    //= PAL-SDC-018
    const { alice, bob } = pair()
    for (let i = 0; i < 8; i++) {
      const now = 1 + i * 2 * HOUR_MS
      alice.start(now)
      expect(bob.hear(alice.say(`${i}`, now), now)).toBe(`${i}`)
      alice.hear(bob.say('ok', now), now)
    }
    const sessions = [...bob.kept.keys()].filter((name) => name.startsWith('d/session/'))
    expect(sessions).toHaveLength(4)
  })
})

describe('another conversation', () => {
  test('of the same two identities does not take the message', () => {
    //= PAL-SDC-002
    //= PAL-SDC-003
    //= PAL-SDC-004
    const { alice, bob } = pair()
    bob.hear(alice.say('a', 1), 1)
    alice.hear(bob.say('b', 1), 1)
    const elsewhere = new Map(
      [...bob.kept].flatMap(([name, bytes]) =>
        name.startsWith('d/') ? [[name.slice(2), bytes] as const] : [],
      ),
    )
    const context = contextOf(bob.p, { relayKey: alice.link, ownKey: bob.link, peerKey: alice.link })
    const other = new SealedDirect(bob.p, bob.own, { prekeys: bob.prekeys, context, records: elsewhere })
    expect(told(other.open(alice.say('here', 2), { nowMs: 2, isPeer: () => true }))).toBe('context')
  })
})

type Step = readonly [
  'say' | 'deliver' | 'repeat' | 'lose' | 'forge' | 'reflect' | 'restart' | 'start',
  0 | 1,
  number,
]
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(
    'say',
    'say',
    'deliver',
    'deliver',
    'repeat',
    'lose',
    'forge',
    'reflect',
    'restart',
    'start',
  ),
  fc.constantFrom(0, 1),
  fc.nat(10_000),
)

test('whatever the relay does, only what was said is heard, once, and in the end by both', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { alice, bob } = pair()
      const sides = [alice, bob] as const
      const said = [new Set<string>(), new Set<string>()] as const
      const heard = [new Set<string>(), new Set<string>()] as const
      const towards: [Uint8Array[], Uint8Array[]] = [[], []]
      const past: [Uint8Array[], Uint8Array[]] = [[], []]
      let now = 1
      const hear = (side: 0 | 1, body: Uint8Array): void => {
        const text = sides[side].hear(body, now)
        if (!text.startsWith('#')) return
        expect(said[side === 0 ? 1 : 0].has(text)).toBe(true)
        expect(heard[side].has(text)).toBe(false)
        heard[side].add(text)
      }
      for (const [what, side, number] of steps) {
        now += 1000 + (number % 7) * 600_000
        const waiting = towards[side]
        const at = number % Math.max(waiting.length, 1)
        const body = waiting[at]
        if (what === 'say') {
          const text = `#${side} ${said[side].size}`
          said[side].add(text)
          towards[side === 0 ? 1 : 0].push(sides[side].say(text, now))
        } else if (what === 'restart') sides[side].restart()
        else if (what === 'start') sides[side].start(now)
        else if (what === 'repeat') {
          const old = past[side][number % Math.max(past[side].length, 1)]
          if (old) hear(side, old)
        } else if (body && what === 'forge') hear(side, flipped(body, number))
        else if (body && what === 'reflect') hear(side === 0 ? 1 : 0, body)
        else if (body) {
          waiting.splice(at, 1)
          past[side].push(body)
          if (what === 'deliver') hear(side, body)
        }
      }
      // A day later each begins anew, one after the other, and both are heard.
      for (const side of [0, 1, 0, 1] as const) {
        now += 25 * HOUR_MS
        sides[side].start(now)
        expect(sides[side === 0 ? 1 : 0].hear(sides[side].say(`#end ${side} ${now}`, now), now)).toMatch(
          /^#end/u,
        )
      }
    }),
    { numRuns: 60 },
  )
})
