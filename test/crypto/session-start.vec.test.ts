/** Identities, bundles and X3DH, byte by byte against frozen vectors. */
import { describe, expect, test } from 'vitest'
import {
  createLiveBundle,
  createStoredBundle,
  readLiveBundle,
  readStoredBundle,
} from '../../src/crypto/bundle.ts'
import { readIdentityRecord } from '../../src/crypto/identity.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { acceptSession, initiateSession, readPrekeyMessage } from '../../src/crypto/session-start.ts'
import { type IdentityVector, identityOf, taken } from './people.ts'
import { hex, PROVIDERS, provider, text, vectors } from './providers.ts'

interface BundleVector {
  readonly prekeyId: number
  readonly oneTimeId?: number
  readonly bundle: string
}

const identities = vectors<{
  identities: readonly (IdentityVector & { id: string; fid: string; record: string })[]
}>('identity')
const bundles = vectors<{
  signingSeed: string
  dhSecret: string
  prekeySecret: string
  oneTimeSecret: string
  stored: readonly (BundleVector & { expires: number })[]
  live: readonly (BundleVector & { nonce: string })[]
}>('bundle')
const starts = vectors<{
  initiator: IdentityVector
  responder: IdentityVector
  cases: readonly {
    prekeyId: number
    ephemeralSecret: string
    prekeySecret: string
    oneTimeId?: number
    oneTimeSecret?: string
    rootKey: string
    initiatorHeaderKey: string
    responderHeaderKey: string
    sessionId: string
    associatedData: string
    preamble: string
  }[]
}>('session-start')

const ownPrekey = (p: Primitives, id: number | undefined, secret: string | undefined) =>
  id === undefined || secret === undefined ? undefined : { id, key: p.dhImport(hex(secret)) }

describe.each(PROVIDERS)('provider %s', (name) => {
  const p = provider(name)

  test.each(identities.identities)('identity $fid', (vector) => {
    //= PAL-ENC-005
    //= PAL-ENC-006
    const own = identityOf(p, vector)
    expect([text(own.id), text(own.fid), text(own.record)]).toEqual([vector.id, vector.fid, vector.record])
    const read = taken(readIdentityRecord(p, hex(vector.record)))
    expect([text(read.fid), read.flags, text(read.dhPublic)]).toEqual([
      vector.fid,
      vector.flags,
      text(own.dh.publicKey),
    ])
  })

  const owner = identityOf(p, { ...bundles, flags: 0 })
  const partsOf = (vector: BundleVector) => ({
    signedPrekey: { id: vector.prekeyId, key: p.dhImport(hex(bundles.prekeySecret)) },
    oneTimePrekey: ownPrekey(p, vector.oneTimeId, bundles.oneTimeSecret),
  })

  test.each(bundles.stored)('stored bundle with prekey $prekeyId', (vector) => {
    //= PAL-ENC-007
    //= PAL-ENC-008
    const parts = partsOf(vector)
    const bytes = createStoredBundle(p, owner, { ...parts, expiresMs: vector.expires })
    expect(text(bytes)).toBe(vector.bundle)
    const read = taken(readStoredBundle(p, bytes, vector.expires - 1))
    expect(read.signedPrekey).toEqual({
      id: vector.prekeyId,
      publicKey: hex(text(parts.signedPrekey.key.publicKey) ?? ''),
    })
    expect(read.oneTimePrekey?.id).toBe(vector.oneTimeId)
    expect(text(read.identity.fid)).toBe(text(owner.fid))
    expect(readStoredBundle(p, bytes, vector.expires)).toBe('expired')
  })

  test.each(bundles.live)('live bundle for $nonce', (vector) => {
    //= PAL-ENC-009
    const nonce = hex(vector.nonce)
    const bytes = createLiveBundle(p, owner, { ...partsOf(vector), nonce })
    expect(text(bytes)).toBe(vector.bundle)
    expect(taken(readLiveBundle(p, bytes, nonce)).oneTimePrekey?.id).toBe(vector.oneTimeId)
    expect(readLiveBundle(p, bytes, new Uint8Array(16))).toBe('nonce')
  })

  test.each(starts.cases)('both sides derive session $sessionId', (vector) => {
    //= PAL-ENC-011
    //= PAL-ENC-012
    const fixed = provider(name, () => hex(vector.ephemeralSecret))
    const initiator = identityOf(fixed, starts.initiator)
    const responder = identityOf(p, starts.responder)
    const signedPrekey = { id: vector.prekeyId, key: p.dhImport(hex(vector.prekeySecret)) }
    const oneTimePrekey = ownPrekey(p, vector.oneTimeId, vector.oneTimeSecret)
    const stored = createStoredBundle(p, responder, { signedPrekey, oneTimePrekey, expiresMs: 10 })
    const started = taken(initiateSession(fixed, initiator, taken(readStoredBundle(fixed, stored, 1))))
    expect(text(started.preamble)).toBe(vector.preamble)
    const message = taken(readPrekeyMessage(p, started.preamble))
    expect(text(message.initiator.fid)).toBe(text(initiator.fid))
    const accepted = taken(acceptSession(p, { own: responder, signedPrekey, oneTimePrekey }, message))
    for (const secrets of [started.secrets, accepted]) {
      for (const field of [
        'rootKey',
        'initiatorHeaderKey',
        'responderHeaderKey',
        'sessionId',
        'associatedData',
      ] as const)
        expect(text(secrets[field])).toBe(vector[field])
    }
  })
})
