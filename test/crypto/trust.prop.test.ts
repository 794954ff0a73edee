/** Comparing keys, pins, and what never becomes plain again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMOJI } from '../../src/crypto/trust/emoji.ts'
import {
  acceptChange,
  decodePin,
  encodePin,
  isPlainShown,
  isVerified,
  meet,
  outgoing,
  type Pin,
  sealedOnce,
  verifiedBy,
} from '../../src/crypto/trust/pins.ts'
import { isQrOf, qrText } from '../../src/crypto/trust/qr.ts'
import { safetyNumber } from '../../src/crypto/trust/safety-number.ts'
import {
  askComparison,
  type Comparison,
  type ComparisonStep,
  cancelComparison,
  confirmComparison,
  handleComparison,
} from '../../src/crypto/trust/short-code.ts'
import { flipped, newIdentity } from './people.ts'
import { provider } from './providers.ts'

const p = provider('node')
const [alice, bob, mallory] = [newIdentity(p), newIdentity(p), newIdentity(p)]

describe('the short code', () => {
  const forAlice = { compared: { own: alice.id, peer: bob.id }, nowMs: 1 }
  const forBob = { compared: { own: bob.id, peer: alice.id }, nowMs: 1 }

  function shown(): { a: Comparison; b: Comparison } {
    const asked = askComparison(p, 0)
    const answered = handleComparison(p, undefined, asked.send!, forBob)
    const revealed = handleComparison(p, asked.comparison, answered.send!, forAlice)
    const known = handleComparison(p, answered.comparison, revealed.send!, forBob)
    return { a: revealed.comparison, b: known.comparison }
  }

  test('is the same for both, seven pictures and three numbers, and both have to say so', () => {
    //= PAL-TRU-004
    //= PAL-TRU-006
    //= PAL-TRU-008
    const { a, b } = shown()
    expect({ ...a, startedMs: 1 }).toEqual(b)
    if (a.state !== 'compare') throw new Error(a.state)
    expect([a.code.emoji.length, a.code.digits.length]).toEqual([7, 3])
    for (const digits of a.code.digits) expect(digits).toMatch(/^[1-9]\d{3}$/u)
    const saidByAlice = confirmComparison(a, true)
    expect(saidByAlice.comparison.state).toBe('compare')
    const heardByBob = handleComparison(p, b, saidByAlice.send!, forBob)
    expect(heardByBob.comparison).toMatchObject({ state: 'compare', confirmed: 'peer' })
    const saidByBob = confirmComparison(heardByBob.comparison, true)
    expect(saidByBob.comparison.state).toBe('verified')
    expect(handleComparison(p, saidByAlice.comparison, saidByBob.send!, forAlice).comparison.state).toBe(
      'verified',
    )
  })

  test('differs when somebody sits between with keys of its own', () => {
    const asked = askComparison(p, 0)
    const answered = handleComparison(p, undefined, asked.send!, {
      compared: { own: bob.id, peer: mallory.id },
      nowMs: 1,
    })
    const a = handleComparison(p, asked.comparison, answered.send!, {
      compared: { own: alice.id, peer: mallory.id },
      nowMs: 1,
    })
    const b = handleComparison(p, answered.comparison, a.send!, {
      compared: { own: bob.id, peer: mallory.id },
      nowMs: 1,
    })
    expect([a.comparison.state, b.comparison.state]).toEqual(['compare', 'compare'])
    expect({ ...a.comparison, startedMs: 1 }).not.toEqual(b.comparison)
  })

  test('ends when the number revealed is not the one committed to', () => {
    //= PAL-TRU-005
    const asked = askComparison(p, 0)
    const answered = handleComparison(p, undefined, asked.send!, forBob)
    const other = p.random(33)
    other[0] = 3
    const ended = handleComparison(p, answered.comparison, other, forBob)
    expect(ended.comparison).toEqual({ state: 'failed', reason: 'commitment' })
  })

  test('that both ask for at once is that of the lower ID', () => {
    //= PAL-TRU-007
    const [a, b] = [askComparison(p, 0), askComparison(p, 0)]
    const atBob = handleComparison(p, b.comparison, a.send!, forBob)
    const atAlice = handleComparison(p, a.comparison, b.send!, forAlice)
    expect([atAlice.comparison.state, atBob.comparison.state].sort()).toEqual([
      'expect_answer',
      'expect_reveal',
    ])
    const aliceAsked = atAlice.comparison.state === 'expect_answer'
    expect(aliceAsked).toBe(Buffer.compare(alice.id, bob.id) < 0)
  })

  test('ends after ten minutes, on a no, on a cancel, and on anything out of turn', () => {
    //= PAL-TRU-009
    const { a, b } = shown()
    const late = handleComparison(p, b, Uint8Array.of(4), { ...forBob, nowMs: 600_001 })
    expect(late.comparison).toEqual({ state: 'failed', reason: 'timeout' })
    const no = confirmComparison(a, false)
    expect(no.comparison).toEqual({ state: 'failed', reason: 'mismatch' })
    expect(handleComparison(p, b, no.send!, forBob).comparison).toEqual({
      state: 'failed',
      reason: 'cancelled',
    })
    expect(handleComparison(p, b, cancelComparison().send!, forBob).comparison.state).toBe('failed')
    for (const type of [2, 3, 9])
      expect(handleComparison(p, b, Uint8Array.of(type, ...new Uint8Array(32)), forBob).comparison).toEqual({
        state: 'failed',
        reason: 'out_of_turn',
      })
  })

  test('is never verified without both users, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (messages) => {
        let step: ComparisonStep = askComparison(p, 0)
        for (const message of messages) step = handleComparison(p, step.comparison, message, forAlice)
        expect(step.comparison.state).not.toBe('verified')
      }),
    )
  })

  test('has 64 pictures, each one code point, as the text lists them', () => {
    expect(new Set(EMOJI.map(([symbol]) => symbol)).size).toBe(64)
    for (const [symbol] of EMOJI) expect([...symbol]).toHaveLength(1)
    const text = readFileSync(join(import.meta.dirname, '../../spec/18-trust.md'), 'utf8')
    const words = /The pictures, from 0:\n\n```\n([\s\S]*?)```/u.exec(text)?.[1]?.trim().split(/\s+/u)
    expect(EMOJI.map(([, word]) => word)).toEqual(words)
  })
})

test('the safety number is the same from both sides and another one for other people', () => {
  //= PAL-TRU-001
  const number = safetyNumber(p, alice.id, bob.id)
  expect(number).toMatch(/^(\d{5} ){11}\d{5}$/u)
  expect(safetyNumber(p, bob.id, alice.id)).toBe(number)
  expect(safetyNumber(p, alice.id, mallory.id)).not.toBe(number)
})

test('a QR code counts only between the two it names, in their places', () => {
  //= PAL-TRU-002
  //= PAL-TRU-003
  const text = qrText(bob.fid, alice.fid)
  expect(text).toMatch(/^[A-Z0-9:]+$/u)
  expect(isQrOf(text, alice.fid, bob.fid)).toBe(true)
  expect(isQrOf(text, bob.fid, alice.fid)).toBe(false)
  expect(isQrOf(text, mallory.fid, bob.fid)).toBe(false)
  expect(isQrOf(text.slice(0, -1), alice.fid, bob.fid)).toBe(false)
  expect(isQrOf(text.toLowerCase(), alice.fid, bob.fid)).toBe(false)
})

describe('pins', () => {
  const first = meet(undefined, { identity: bob, name: 'bob', nowMs: 5 })
  const pin = first.pin

  test('take the first identity, know it again and stop at another', () => {
    //= PAL-TRU-010
    expect(first.kind).toBe('first')
    expect(isVerified(pin)).toBe(false)
    expect(meet(pin, { identity: bob, name: 'bob', nowMs: 6 })).toEqual({ kind: 'same', pin })
    const changed = meet(pin, { identity: mallory, name: 'bob', nowMs: 6 })
    expect(changed).toMatchObject({ kind: 'changed', wasVerified: false })
    expect(changed.pin.fid).toEqual(bob.fid)
    expect(changed.pin.claim).toEqual(mallory.id)
  })

  test('that were never verified give way to a yes, verified ones only to the fid itself', () => {
    //= PAL-TRU-011
    expect(acceptChange(pin, mallory)).toMatchObject({ sureness: 'tofu', fid: mallory.fid })
    expect(acceptChange(pin, mallory, alice.fid)).toBeUndefined()
    for (const how of ['sas', 'qr', 'invite', 'fingerprint'] as const) {
      const verified = verifiedBy(pin, how)
      expect(isVerified(verified)).toBe(true)
      expect(acceptChange(verified, mallory)).toBeUndefined()
      expect(acceptChange(verified, mallory, mallory.fid)).toMatchObject({ sureness: 'fingerprint' })
    }
  })

  test('refuse a lower suite', () => {
    //= PAL-TRU-012
    expect(meet({ ...pin, suiteMin: 2 }, { identity: bob, name: 'bob', nowMs: 6 }).kind).toBe('suite')
  })

  test('once sealed, never plain again', () => {
    //= PAL-TRU-013
    //= PAL-TRU-014
    const sealed = sealedOnce(pin)
    const modes = ['require', 'prefer', 'off'] as const
    expect(modes.map((mode) => outgoing(mode, undefined, true))).toEqual(['seal', 'seal', 'plain'])
    expect(modes.map((mode) => outgoing(mode, pin, false))).toEqual(['refuse', 'plain', 'plain'])
    expect(modes.map((mode) => outgoing(mode, sealed, true))).toEqual(['seal', 'seal', 'refuse'])
    expect(modes.map((mode) => outgoing(mode, sealed, false))).toEqual(['refuse', 'refuse', 'refuse'])
    expect(modes.map((mode) => isPlainShown(mode, pin))).toEqual([false, true, true])
    expect(modes.map((mode) => isPlainShown(mode, sealed))).toEqual([false, false, false])
  })

  test('come back from their bytes, and no other bytes are one', () => {
    const pins: Pin[] = [pin, verifiedBy(sealedOnce(pin), 'qr'), { ...pin, claim: mallory.id }]
    for (const each of pins) {
      expect(decodePin(encodePin(each))).toEqual(each)
      const bytes = encodePin(each)
      for (let cut = 1; cut < 65; cut++)
        expect(decodePin(bytes.subarray(0, bytes.length - cut))).not.toEqual(each)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = decodePin(bytes)
        if (read) expect(encodePin(read)).toEqual(bytes)
      }),
    )
    expect(decodePin(flipped(encodePin(pin), 0))).toBeUndefined()
  })
})
