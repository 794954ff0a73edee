/** Two ratchets over a network that loses, repeats, reorders and forges. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import { pad } from '../../src/crypto/padding.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import {
  initiatorRatchet,
  type Opened,
  openMessage,
  PLAINTEXT_BYTES_MAX,
  responderRatchet,
  sealMessage,
} from '../../src/crypto/ratchet.ts'
import { decodeRatchet, encodeRatchet, type RatchetState } from '../../src/crypto/ratchet-state.ts'
import { flipped } from './people.ts'
import { provider, text } from './providers.ts'

const p = provider('node')
const DAY_MS = 86_400_000

interface Pair {
  readonly states: [RatchetState, RatchetState]
}

function newPair(primitives: Primitives = p): Pair {
  const prekey = primitives.dhKeygen()
  const secrets = {
    rootKey: primitives.random(32),
    initiatorHeaderKey: primitives.random(32),
    responderHeaderKey: primitives.random(32),
    sessionId: primitives.random(16),
    associatedData: primitives.random(64),
  }
  return { states: [initiatorRatchet(secrets, prekey.publicKey), responderRatchet(secrets, prekey)] }
}

function seal(pair: Pair, side: 0 | 1, plaintext: Uint8Array = Uint8Array.of(side)): Uint8Array {
  const sealed = sealMessage(p, pair.states[side], plaintext)
  pair.states[side] = sealed.next
  return sealed.message
}

/** Opens and keeps the state; the text or what went wrong. */
function open(pair: Pair, side: 0 | 1, message: Uint8Array, nowMs = 0): string {
  const opened = openMessage(p, pair.states[side], message, nowMs)
  if (opened.result !== 'ok') return opened.result
  pair.states[side] = opened.next
  return text(opened.plaintext) ?? ''
}

function many(pair: Pair, side: 0 | 1, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => seal(pair, side, Uint8Array.of(i >> 8, i & 255)))
}

/** A pair in which both have spoken. */
function talking(): Pair {
  const pair = newPair()
  expect(open(pair, 1, seal(pair, 0))).toBe('00')
  expect(open(pair, 0, seal(pair, 1))).toBe('01')
  return pair
}

type Action = readonly ['seal' | 'deliver' | 'repeat' | 'lose' | 'forge' | 'store', 0 | 1, number]
const action: fc.Arbitrary<Action> = fc.tuple(
  fc.constantFrom('seal', 'seal', 'deliver', 'deliver', 'repeat', 'lose', 'forge', 'store'),
  fc.constantFrom(0, 1),
  fc.nat(10_000),
)

/** What was sealed towards a side, and what of it has been opened. */
interface Flight {
  readonly message: Uint8Array
  readonly plaintext: string
  isOpened: boolean
}

function play(actions: readonly Action[]): void {
  const pair = newPair()
  const towards: [Flight[], Flight[]] = [[], []]
  const done: [Flight[], Flight[]] = [[], []]
  let count = 0
  for (const [what, side, number] of actions) {
    const waiting = towards[side]
    const at = number % Math.max(waiting.length, 1)
    const flight = waiting[at]
    if (what === 'seal') {
      if (pair.states[side].sending.state === 'expect_message') continue
      const plaintext = Uint8Array.of(side, count >> 8, count++ & 255, ...new Uint8Array(number % 300))
      const message = seal(pair, side, plaintext)
      towards[side === 0 ? 1 : 0].push({ message, plaintext: text(plaintext) ?? '', isOpened: false })
    } else if (what === 'store') {
      const restored = decodeRatchet(p, encodeRatchet(pair.states[side]))
      expect(restored).toBeDefined()
      if (restored) pair.states[side] = restored
    } else if (what === 'repeat') {
      const old = done[side][number % Math.max(done[side].length, 1)]
      // After five later chains a repeated message is no longer told from a foreign one.
      if (old?.isOpened) expect(['duplicate', 'undecryptable']).toContain(open(pair, side, old.message))
    } else if (flight && what === 'forge') {
      const before = encodeRatchet(pair.states[side])
      const result = open(pair, side, flipped(flight.message, number))
      expect(['duplicate', 'undecryptable']).toContain(result)
      expect(encodeRatchet(pair.states[side])).toEqual(before)
    } else if (flight) {
      waiting.splice(at, 1)
      if (what === 'lose') continue
      const result = open(pair, side, flight.message)
      flight.isOpened = true
      done[side].push(flight)
      // Only a message older than five chains may fail.
      if (result !== flight.plaintext) {
        expect(result).toBe('undecryptable')
        expect(pair.states[side].old).toHaveLength(5)
      }
    }
  }
}

describe('over any network', () => {
  test('each message opens once, as sealed, whatever is lost, repeated, reordered or forged', () => {
    //= PAL-ENC-015
    //= PAL-ENC-016
    //= PAL-ENC-018
    fc.assert(fc.property(fc.array(action, { minLength: 10, maxLength: 120 }), play), { numRuns: 150 })
  })

  test('every change of direction takes a new key, and no two messages share bytes of a header', () => {
    const pair = talking()
    const keys = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const side = (i % 2) as 0 | 1
      const message = seal(pair, side)
      const { sending } = pair.states[side]
      if (sending.state === 'open') keys.add(text(sending.ownKey.publicKey) ?? '')
      expect(open(pair, side === 0 ? 1 : 0, message)).toBe(`0${side}`)
    }
    expect(keys.size).toBe(20)
  })
})

describe('forged bytes', () => {
  const pair = talking()
  const message = seal(pair, 0, Uint8Array.of(1, 2, 3))
  const receiver = pair.states[1]
  const before = encodeRatchet(receiver)
  const turned = seal(pair, 1)
  const initiator = pair.states[0]

  test('a message with any bit turned over is undecryptable and changes nothing', () => {
    //= PAL-ENC-016
    for (let bit = 0; bit < message.length * 8; bit++)
      expect(openMessage(p, receiver, flipped(message, bit), 0).result).toBe('undecryptable')
    for (let bit = 0; bit < turned.length * 8; bit += 3)
      expect(openMessage(p, initiator, flipped(turned, bit), 0).result).toBe('undecryptable')
    expect(encodeRatchet(receiver)).toEqual(before)
    expect(openMessage(p, receiver, message, 0).result).toBe('ok')
  })

  test('a message cut or lengthened anywhere is undecryptable', () => {
    //= PAL-ENC-004
    for (let length = 0; length < message.length; length++)
      expect(openMessage(p, receiver, message.subarray(0, length), 0).result).toBe('undecryptable')
    expect(openMessage(p, receiver, Uint8Array.of(...message, 0), 0).result).toBe('undecryptable')
    expect(openMessage(p, receiver, new Uint8Array(100_000).fill(0x12), 0).result).toBe('undecryptable')
  })

  test('random bytes are undecryptable', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const opened = openMessage(p, receiver, Uint8Array.of(0x12, ...bytes), 0)
        expect(opened.result).toBe('undecryptable')
      }),
    )
  })

  test('a peer that turns twice without an answer is undecryptable', () => {
    const own = talking()
    const answered = own.states[1].sending
    expect(open(own, 1, seal(own, 0))).toBe('00')
    const { sending } = own.states[0]
    if (sending.state !== 'open' || answered.state !== 'open') throw new Error('both have spoken')
    const { nextHeaderKey, count: previousCount } = sending
    const peerKey = answered.ownKey.publicKey
    const hasty = { state: 'due', peerKey, nextHeaderKey, previousCount } as const
    const sealed = sealMessage(p, { ...own.states[0], sending: hasty }, Uint8Array.of(7))
    expect(own.states[1].sending.state).toBe('due')
    expect(open(own, 1, sealed.message)).toBe('undecryptable')
  })

  test('a message of another session, and the own one turned back, are undecryptable', () => {
    const other = talking()
    expect(open(talking(), 1, seal(other, 0))).toBe('undecryptable')
    expect(open(other, 0, seal(other, 0))).toBe('undecryptable')
  })

  test('bytes under the right keys with other padding are undecryptable', () => {
    //= PAL-ENC-020
    const unpadded = { ...p, seal: (k: Uint8Array, n: Uint8Array, m: Uint8Array) => p.seal(k, n, spoilt(m)) }
    const own = talking()
    const sealed = sealMessage(unpadded, own.states[0], new Uint8Array(0))
    expect(openMessage(p, own.states[1], sealed.message, 0).result).toBe('undecryptable')
  })
})

/** An empty text's padding with its mark moved where no sender puts it; other bytes as they are. */
function spoilt(bytes: Uint8Array): Uint8Array {
  const empty = pad(new Uint8Array(0))
  return text(bytes) === text(empty) ? new Uint8Array(empty.length) : bytes
}

describe('limits', () => {
  test('1,000 missing messages are skipped, 1,001 are not', () => {
    //= PAL-ENC-017
    const pair = talking()
    const messages = many(pair, 0, 1002)
    expect(open(pair, 1, messages[1001] as Uint8Array)).toBe('undecryptable')
    expect(open(pair, 1, messages[1000] as Uint8Array)).toBe('03e8')
    expect(open(pair, 1, messages[0] as Uint8Array)).toBe('0000')
    expect(open(pair, 1, messages[0] as Uint8Array)).toBe('duplicate')
  })

  test('missing messages of two chains count together', () => {
    //= PAL-ENC-017
    const pair = talking()
    expect(open(pair, 1, seal(pair, 0))).toBe('00')
    many(pair, 0, 600)
    expect(open(pair, 0, seal(pair, 1))).toBe('01')
    const messages = many(pair, 0, 402)
    expect(open(pair, 1, messages[401] as Uint8Array)).toBe('undecryptable')
    // One message of the chain that ended was opened before, 600 were not.
    expect(open(pair, 1, messages[400] as Uint8Array)).toBe('0190')
  })

  test('of more than 2,000 keys the oldest go', () => {
    //= PAL-ENC-019
    const pair = talking()
    const messages = many(pair, 0, 2401)
    for (const at of [900, 1800, 2400]) open(pair, 1, messages[at] as Uint8Array)
    expect(pair.states[1].receiving?.skipped.size).toBe(2000)
    const kept = messages.map((message) => openMessage(p, pair.states[1], message, 0).result)
    expect(kept.indexOf('ok')).toBe(398)
    expect(kept.filter((result) => result === 'ok')).toHaveLength(2000)
  })

  test('the key of a missing message goes after seven days', () => {
    //= PAL-ENC-019
    const pair = talking()
    const [missing, latest] = many(pair, 0, 2) as [Uint8Array, Uint8Array]
    expect(open(pair, 1, latest, DAY_MS)).toBe('0001')
    expect(openMessage(p, pair.states[1], missing, 8 * DAY_MS - 1).result).toBe('ok')
    expect(openMessage(p, pair.states[1], missing, 8 * DAY_MS).result).toBe('duplicate')
  })

  test('five ended chains are kept, not six', () => {
    //= PAL-ENC-019
    const pair = talking()
    const late: Uint8Array[] = []
    for (let i = 0; i < 7; i++) {
      late.push(seal(pair, 0, Uint8Array.of(i)))
      expect(open(pair, 1, seal(pair, 0))).toBe('00')
      expect(open(pair, 0, seal(pair, 1))).toBe('01')
    }
    const results = late.map((message): Opened['result'] => openMessage(p, pair.states[1], message, 0).result)
    expect(results).toEqual(['undecryptable', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
  })

  test('a text that is too long and a responder that speaks first are mistakes of the caller', () => {
    const pair = newPair()
    expect(() => seal(pair, 1)).toThrow(UsageError)
    expect(() => seal(pair, 0, new Uint8Array(PLAINTEXT_BYTES_MAX + 1))).toThrow(UsageError)
    expect(open(pair, 1, seal(pair, 0, new Uint8Array(PLAINTEXT_BYTES_MAX)))).toHaveLength(131_072)
  })
})

describe('stored states', () => {
  const pair = talking()
  many(pair, 0, 3)
  open(pair, 1, many(pair, 0, 1)[0] as Uint8Array, 7 * DAY_MS)
  const all = [...pair.states, ...newPair().states]

  test('come back as they were', () => {
    for (const state of all) {
      const restored = decodeRatchet(p, encodeRatchet(state))
      expect(restored && encodeRatchet(restored)).toEqual(encodeRatchet(state))
      expect(restored?.sending.state).toBe(state.sending.state)
    }
  })

  test('are refused when cut, lengthened or of another format', () => {
    for (const state of all) {
      const bytes = encodeRatchet(state)
      for (let length = 0; length < bytes.length; length++)
        expect(decodeRatchet(p, bytes.subarray(0, length))).toBeUndefined()
      expect(decodeRatchet(p, Uint8Array.of(...bytes, 0))).toBeUndefined()
      expect(decodeRatchet(p, Uint8Array.of(2, ...bytes.subarray(1)))).toBeUndefined()
    }
  })
})
