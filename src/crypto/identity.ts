/**
 * Who somebody is to others, whatever a relay says: a key for signatures and a key for Diffie-Hellman, the
 * hash of both, and a record that the first signs.
 */
import { assert } from '../base/assert.ts'
import { concatBytes, copyOf } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { label, SUITE } from './kdf.ts'
import type { DhKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'

/** The length of an ID. */
export const ID_BYTES = 65
/** The length of the hash of an ID. */
export const FID_BYTES = 32
const RECORD_SIGNED_BYTES = ID_BYTES + 1

/** The length of an identity record. */
export const RECORD_BYTES = 130

/** Why a structure of a peer is refused. */
export type CryptoFault = 'malformed' | 'suite' | 'key' | 'signature' | 'expired' | 'nonce' | 'low_order'

/** The public half of an identity, checked. All bytes are its own. */
export interface Identity {
  /** Suite, signing key, Diffie-Hellman key: 65 bytes. */
  readonly id: Uint8Array
  /** The hash that people compare and programs pin, 32 bytes. */
  readonly fid: Uint8Array
  readonly signingKey: VerifyingKey
  readonly dhPublic: Uint8Array
  /** Capabilities of the identity, 0 to 255; unknown bits are ignored. */
  readonly flags: number
  /** The signed record, 130 bytes. */
  readonly record: Uint8Array
}

/** An identity with its private keys. They are used for nothing else. */
export interface OwnIdentity extends Identity {
  readonly signing: SigningKey
  readonly dh: DhKey
}

/** The identity of two key pairs that `primitives` made. */
export function createIdentity(
  primitives: Primitives,
  keys: { readonly signing: SigningKey; readonly dh: DhKey },
  flags: number = 0,
): OwnIdentity {
  if (!Number.isInteger(flags) || flags < 0 || flags > 255)
    throw new UsageError('bad_argument', 'flags are one byte')
  //= PAL-ENC-005
  const id = concatBytes([Uint8Array.of(SUITE), keys.signing.publicKey, keys.dh.publicKey])
  const signed = concatBytes([id, Uint8Array.of(flags)])
  const signature = primitives.sign(keys.signing, concatBytes([label('idrec'), signed]))
  const record = concatBytes([signed, signature])
  const identity = readIdentityRecord(primitives, record)
  assert(typeof identity !== 'string', 'an identity reads its own record')
  return { ...identity, signing: keys.signing, dh: keys.dh }
}

/** The identity that a record of a peer states, or why it is refused. */
export function readIdentityRecord(primitives: Primitives, bytes: Uint8Array): Identity | CryptoFault {
  //= PAL-ENC-004
  if (bytes.length !== RECORD_BYTES) return 'malformed'
  //= PAL-ENC-001
  if (bytes[0] !== SUITE) return 'suite'
  const record = copyOf(bytes)
  const signingKey = primitives.importVerifyingKey(record.subarray(1, 33))
  if (!signingKey) return 'key'
  //= PAL-ENC-006
  const message = concatBytes([label('idrec'), record.subarray(0, RECORD_SIGNED_BYTES)])
  if (!primitives.verify(signingKey, record.subarray(RECORD_SIGNED_BYTES), message)) return 'signature'
  const id = record.subarray(0, ID_BYTES)
  return {
    id,
    fid: fidOf(primitives, id),
    signingKey,
    dhPublic: record.subarray(33, ID_BYTES),
    flags: record[ID_BYTES] as number,
    record,
  }
}

/** The hash of an ID that people compare, 32 bytes. */
export function fidOf(primitives: Primitives, id: Uint8Array): Uint8Array {
  return copyOf(primitives.sha512(label('fid'), id), 0, FID_BYTES)
}
