/** Hostile records, bundles and prekey messages: every answer is a value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import {
  createLiveBundle,
  createStoredBundle,
  readLiveBundle,
  readStoredBundle,
} from '../../src/crypto/bundle.ts'
import { createIdentity, readIdentityRecord } from '../../src/crypto/identity.ts'
import { createKeyPackage } from '../../src/crypto/room/key-package.ts'
import { acceptSession, initiateSession, readPrekeyMessage } from '../../src/crypto/session-start.ts'
import { flipped, newIdentity, taken } from './people.ts'
import { provider, text } from './providers.ts'

const p = provider('node')
const alice = newIdentity(p)
const bob = newIdentity(p)
const signedPrekey = { id: 3, key: p.dhKeygen() }
const oneTimePrekey = { id: 9, key: p.dhKeygen() }
const nonce = p.random(16)
const stored = createStoredBundle(p, bob, { signedPrekey, oneTimePrekey, expiresMs: 1000 })
const withoutOneTime = createStoredBundle(p, bob, { signedPrekey, expiresMs: 1000 })
const live = createLiveBundle(p, bob, { signedPrekey, oneTimePrekey, nonce })
const started = taken(initiateSession(p, alice, taken(readStoredBundle(p, stored, 0))))

/** The part of a bundle that no signature covers. */
const ONE_TIME_BITS = 37 * 8

const readers = [
  ['an identity record', alice.record, (bytes: Uint8Array) => readIdentityRecord(p, bytes), 0],
  ['a stored bundle', stored, (bytes: Uint8Array) => readStoredBundle(p, bytes, 0), ONE_TIME_BITS],
  ['a live bundle', live, (bytes: Uint8Array) => readLiveBundle(p, bytes, nonce), ONE_TIME_BITS],
] as const

describe.each(readers)('%s', (_what, bytes, read, freeBits) => {
  test('is refused at every other length', () => {
    //= PAL-ENC-004
    for (let length = 0; length < bytes.length; length++)
      expect(read(bytes.subarray(0, length))).toBe('malformed')
    expect(read(Uint8Array.of(...bytes, 0))).toBe('malformed')
  })

  test('is refused with any signed bit turned over', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - freeBits - 1), (bit) => {
        expect(read(flipped(bytes, bit))).toBeTypeOf('string')
      }),
    )
  })

  test('of another suite is refused', () => {
    //= PAL-ENC-001
    expect(read(Uint8Array.of(2, ...bytes.subarray(1)))).toBe('suite')
  })

  test('of random bytes is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: bytes.length, maxLength: bytes.length }), (random) => {
        expect(read(Uint8Array.of(1, ...random.subarray(1)))).toBeTypeOf('string')
      }),
    )
  })
})

describe('a prekey message', () => {
  test('is malformed at every shorter length, and its preamble alone is read', () => {
    const { preamble } = started
    for (let length = 0; length < preamble.length; length++)
      expect(readPrekeyMessage(p, preamble.subarray(0, length))).toBe('malformed')
    expect(taken(readPrekeyMessage(p, preamble)).ratchetMessage).toHaveLength(0)
  })

  test('with any bit turned over is refused, misses its prekeys or derives other secrets', () => {
    fc.assert(
      fc.property(fc.nat(started.preamble.length * 8 - 1), (bit) => {
        const message = readPrekeyMessage(p, flipped(started.preamble, bit))
        if (typeof message === 'string') return
        if (message.signedPrekeyId !== 3 || message.oneTimePrekeyId !== 9) return
        const secrets = acceptSession(p, { own: bob, signedPrekey, oneTimePrekey }, message)
        // The top bit of a point is ignored by X25519, not by the transcript.
        if (typeof secrets !== 'string') expect(text(secrets.rootKey)).not.toBe(text(started.secrets.rootKey))
      }),
    )
  })

  test('of another suite is refused', () => {
    //= PAL-ENC-001
    expect(readPrekeyMessage(p, Uint8Array.of(0x11, 2, ...started.preamble.subarray(2)))).toBe('suite')
  })

  test('with a number and no one-time prekey has another encoding and is refused', () => {
    //= PAL-ENC-010
    const at = started.preamble.length - 5
    const bytes = Uint8Array.from(started.preamble)
    bytes[at] = 0
    expect(readPrekeyMessage(p, bytes)).toBe('malformed')
    bytes[at] = 2
    expect(readPrekeyMessage(p, bytes)).toBe('malformed')
  })
})

describe('session start', () => {
  test('a bundle with bytes for a one-time prekey that it does not have is refused', () => {
    //= PAL-ENC-010
    for (let bit = 0; bit < ONE_TIME_BITS; bit++) {
      const read = readStoredBundle(
        p,
        flipped(withoutOneTime, withoutOneTime.length * 8 - ONE_TIME_BITS + bit),
        0,
      )
      // The lowest bit of the first byte says that there is one: then it is the point zero.
      if (bit === 0) expect(initiateSession(p, alice, taken(read))).toBe('low_order')
      else expect(read).toBe('malformed')
    }
  })

  test('a key of small order ends it on either side', () => {
    //= PAL-ENC-002
    const weak = { publicKey: new Uint8Array(32), id: 3 }
    const identity = taken(readIdentityRecord(p, bob.record))
    expect(initiateSession(p, alice, { identity, signedPrekey: weak, oneTimePrekey: undefined })).toBe(
      'low_order',
    )
    const message = taken(readPrekeyMessage(p, started.preamble))
    const keys = { own: bob, signedPrekey, oneTimePrekey }
    expect(acceptSession(p, keys, { ...message, ephemeralKey: weak.publicKey })).toBe('low_order')
  })

  test('the signature of a stored bundle is none for a live one, nor the reverse', () => {
    const swapped = Uint8Array.from(live)
    swapped.set(stored.subarray(130 + 4 + 32 + 8, 130 + 4 + 32 + 8 + 64), 130 + 16 + 4 + 32)
    expect(readLiveBundle(p, swapped, nonce)).toBe('signature')
  })

  test('other prekeys than the message names are the mistake of the caller', () => {
    const message = taken(readPrekeyMessage(p, started.preamble))
    expect(() => acceptSession(p, { own: bob, signedPrekey }, message)).toThrow(UsageError)
  })

  test("a key package in a stored bundle is its owner's, or the bundle is refused", () => {
    const bundleWith = (keyPackage: Uint8Array): Uint8Array =>
      createStoredBundle(p, bob, { signedPrekey, oneTimePrekey, expiresMs: 1000, keyPackage })
    const own = createKeyPackage(p, bob, 2000).bytes
    const read = taken(readStoredBundle(p, bundleWith(own), 0))
    expect([text(read.keyPackage?.bytes), read.oneTimePrekey?.id]).toEqual([text(own), oneTimePrekey.id])
    expect(taken(readStoredBundle(p, stored, 0)).keyPackage).toBeUndefined()
    //= PAL-SRM-032
    for (const bad of [createKeyPackage(p, alice, 2000).bytes, own.with(40, 0), new Uint8Array(186)])
      expect(readStoredBundle(p, bundleWith(bad), 0)).toBe('malformed')
    expect(readStoredBundle(p, bundleWith(own.subarray(1)), 0)).toBe('malformed')
  })

  test('numbers out of range are the mistake of the caller', () => {
    const prekey = { id: -1, key: signedPrekey.key }
    expect(() => createStoredBundle(p, bob, { signedPrekey: prekey, expiresMs: 1 })).toThrow(UsageError)
    expect(() => createStoredBundle(p, bob, { signedPrekey, expiresMs: 1.5 })).toThrow(UsageError)
    expect(() => createLiveBundle(p, bob, { signedPrekey, nonce: new Uint8Array(15) })).toThrow(UsageError)
    expect(() => createIdentity(p, bob, 256)).toThrow(UsageError)
  })

  test('two sessions from one bundle share nothing', () => {
    const other = taken(initiateSession(p, alice, taken(readStoredBundle(p, stored, 0))))
    expect(text(other.secrets.sessionId)).not.toBe(text(started.secrets.sessionId))
    expect(text(other.secrets.rootKey)).not.toBe(text(started.secrets.rootKey))
  })
})
