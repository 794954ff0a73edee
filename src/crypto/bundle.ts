/**
 * Prekey bundles: what a peer publishes so that others can start a session with it, stored at a relay or
 * answered live to a nonce. Fields that a bundle does not use are zero, so that one bundle has one encoding.
 */
import { concatBytes, copyOf, equalBytes, readUint32, uint32Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { readUint64, uint64Bytes } from './fields.ts'
import {
  type CryptoFault,
  type Identity,
  type OwnIdentity,
  RECORD_BYTES,
  readIdentityRecord,
} from './identity.ts'
import { label } from './kdf.ts'
import type { DhKey, Primitives } from './primitives.ts'
import { KEY_PACKAGE_BYTES, type KeyPackage, readKeyPackage } from './room/key-package.ts'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const EXPIRES_BYTES = 8
const ONE_TIME_BYTES = 1 + 4 + KEY_BYTES
const SIGNED_AT = RECORD_BYTES
const SIGNATURE_AT = SIGNED_AT + 4 + KEY_BYTES + EXPIRES_BYTES
const PACKAGE_AT = SIGNATURE_AT + SIGNATURE_BYTES
const STORED_BYTES = PACKAGE_AT + ONE_TIME_BYTES
const LIVE_BYTES = RECORD_BYTES + 16 + 4 + KEY_BYTES + SIGNATURE_BYTES + ONE_TIME_BYTES

const NOTHING: Uint8Array = new Uint8Array(0)

/** The length of the nonce that a live bundle answers. */
export const LIVE_NONCE_BYTES = 16

/** A public prekey with its number. */
export interface Prekey {
  /** 0 to 2^32 - 1, chosen by the owner. */
  readonly id: number
  readonly publicKey: Uint8Array
}

/** A private prekey with its number. */
export interface OwnPrekey {
  readonly id: number
  readonly key: DhKey
}

/** A peer's bundle, checked. All bytes are its own. */
export interface Bundle {
  readonly identity: Identity
  readonly signedPrekey: Prekey
  /** Used for one session and never again. */
  readonly oneTimePrekey: Prekey | undefined
  /** By which its owner can be added to a room without being asked; only in a stored bundle. */
  readonly keyPackage?: KeyPackage | undefined
}

/** What a bundle is made of. */
export interface BundleParts {
  readonly signedPrekey: OwnPrekey
  readonly oneTimePrekey?: OwnPrekey | undefined
}

/** A bundle for the relay to keep; `expiresMs` is milliseconds since 1970 in UTC. */
export function createStoredBundle(
  primitives: Primitives,
  own: OwnIdentity,
  parts: BundleParts & { readonly expiresMs: number; readonly keyPackage?: Uint8Array | undefined },
): Uint8Array {
  const { signedPrekey, oneTimePrekey, expiresMs, keyPackage = NOTHING } = parts
  const prekey = prekeyBytes(signedPrekey)
  const expires = uint64Bytes(expiresMs)
  const signature = primitives.sign(own.signing, concatBytes([label('spk'), prekey, expires]))
  return concatBytes([own.record, prekey, expires, signature, keyPackage, oneTimeBytes(oneTimePrekey)])
}

/** The bundle of a peer that a relay kept, or why it is refused. */
export function readStoredBundle(
  primitives: Primitives,
  bytes: Uint8Array,
  nowMs: number,
): Bundle | CryptoFault {
  //= PAL-ENC-004
  const hasPackage = bytes.length === STORED_BYTES + KEY_PACKAGE_BYTES
  if (bytes.length !== STORED_BYTES && !hasPackage) return 'malformed'
  const identity = readIdentityRecord(primitives, bytes.subarray(0, RECORD_BYTES))
  if (typeof identity === 'string') return identity
  const signed = bytes.subarray(SIGNED_AT, SIGNATURE_AT)
  const signature = bytes.subarray(SIGNATURE_AT, PACKAGE_AT)
  //= PAL-ENC-007
  if (!primitives.verify(identity.signingKey, signature, concatBytes([label('spk'), signed])))
    return 'signature'
  //= PAL-ENC-008
  if (readUint64(signed, 4 + KEY_BYTES) <= nowMs) return 'expired'
  const bundle = withOneTime(identity, readPrekey(signed, 0), bytes)
  if (!hasPackage || typeof bundle === 'string') return bundle
  const keyPackage = readKeyPackage(primitives, bytes.subarray(PACKAGE_AT, PACKAGE_AT + KEY_PACKAGE_BYTES))
  //= PAL-SRM-032
  if (!keyPackage || !equalBytes(keyPackage.fid, identity.fid)) return 'malformed'
  return { ...bundle, keyPackage }
}

/** What of a stored bundle its owner publishes: all but the place of the one-time prekey. */
export function publishedPart(bundle: Uint8Array): Uint8Array {
  return bundle.subarray(0, bundle.length - ONE_TIME_BYTES)
}

/** The stored bundle of what was published and a one-time prekey, if there is one. Checks nothing. */
export function withOneTimePrekey(published: Uint8Array, prekey: Prekey | undefined): Uint8Array {
  const oneTime = prekey && concatBytes([Uint8Array.of(1), prekeyIdBytes(prekey.id), prekey.publicKey])
  return concatBytes([published, oneTime ?? new Uint8Array(ONE_TIME_BYTES)])
}

/** A bundle that answers `nonce`, made for one session. */
export function createLiveBundle(
  primitives: Primitives,
  own: OwnIdentity,
  parts: BundleParts & { readonly nonce: Uint8Array },
): Uint8Array {
  const { signedPrekey, oneTimePrekey, nonce } = parts
  if (nonce.length !== LIVE_NONCE_BYTES) throw new UsageError('bad_argument', 'a nonce has 16 bytes')
  const signed = concatBytes([nonce, prekeyBytes(signedPrekey)])
  const signature = primitives.sign(own.signing, concatBytes([label('live'), signed]))
  return concatBytes([own.record, signed, signature, oneTimeBytes(oneTimePrekey)])
}

/** The bundle that a peer answered to `nonce`, or why it is refused. */
export function readLiveBundle(
  primitives: Primitives,
  bytes: Uint8Array,
  nonce: Uint8Array,
): Bundle | CryptoFault {
  //= PAL-ENC-004
  if (bytes.length !== LIVE_BYTES) return 'malformed'
  const signed = bytes.subarray(RECORD_BYTES, RECORD_BYTES + LIVE_NONCE_BYTES + 4 + KEY_BYTES)
  //= PAL-ENC-009
  if (!equalBytes(signed.subarray(0, LIVE_NONCE_BYTES), nonce)) return 'nonce'
  const identity = readIdentityRecord(primitives, bytes.subarray(0, RECORD_BYTES))
  if (typeof identity === 'string') return identity
  const signature = bytes.subarray(LIVE_BYTES - ONE_TIME_BYTES - SIGNATURE_BYTES, LIVE_BYTES - ONE_TIME_BYTES)
  if (!primitives.verify(identity.signingKey, signature, concatBytes([label('live'), signed])))
    return 'signature'
  return withOneTime(identity, readPrekey(signed, LIVE_NONCE_BYTES), bytes)
}

function withOneTime(identity: Identity, signedPrekey: Prekey, bytes: Uint8Array): Bundle | CryptoFault {
  const part = bytes.subarray(bytes.length - ONE_TIME_BYTES)
  const has = part[0] as number
  if (has === 1) return { identity, signedPrekey, oneTimePrekey: readPrekey(part, 1) }
  //= PAL-ENC-010
  if (part.some((byte) => byte !== 0)) return 'malformed'
  return { identity, signedPrekey, oneTimePrekey: undefined }
}

function prekeyBytes(prekey: OwnPrekey): Uint8Array {
  return concatBytes([prekeyIdBytes(prekey.id), prekey.key.publicKey])
}

/** The four bytes of a prekey's number; another number than an unsigned 32-bit one throws. */
export function prekeyIdBytes(id: number): Uint8Array {
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff)
    throw new UsageError('bad_argument', 'the number of a prekey has 32 bits')
  return uint32Bytes(id)
}

function readPrekey(bytes: Uint8Array, offset: number): Prekey {
  return { id: readUint32(bytes, offset), publicKey: copyOf(bytes, offset + 4, offset + 4 + KEY_BYTES) }
}

function oneTimeBytes(prekey: OwnPrekey | undefined): Uint8Array {
  return prekey ? concatBytes([Uint8Array.of(1), prekeyBytes(prekey)]) : new Uint8Array(ONE_TIME_BYTES)
}
