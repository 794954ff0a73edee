/** Key packages: what a member is added to a sealed room by. Each is used for one membership. */
import { concatBytes, copyOf } from '../../base/bytes.ts'
import { readUint64, uint64Bytes } from '../fields.ts'
import { fidOf, ID_BYTES, type OwnIdentity } from '../identity.ts'
import { label, SUITE } from '../kdf.ts'
import type { Primitives, SigningKey, VerifyingKey } from '../primitives.ts'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const SIGNED_BYTES = 1 + ID_BYTES + KEY_BYTES + 16 + 8
const PACKAGE_LABEL = label('kp')

/** The length of a key package. */
export const KEY_PACKAGE_BYTES: number = SIGNED_BYTES + SIGNATURE_BYTES

/** The length of a key package's number. */
export const PACKAGE_ID_BYTES = 16

/** A key package, checked. All bytes are its own. */
export interface KeyPackage {
  /** The whole package, 186 bytes. */
  readonly bytes: Uint8Array
  readonly fid: Uint8Array
  readonly identityKey: VerifyingKey
  /** Signs the member's messages in this room and nothing else. */
  readonly roomKey: VerifyingKey
  /** 16 random bytes. */
  readonly packageId: Uint8Array
  /** Milliseconds since 1970; for who adds the member. */
  readonly notAfterMs: number
}

/** A package with its private key. */
export interface OwnKeyPackage {
  readonly bytes: Uint8Array
  readonly packageId: Uint8Array
  readonly roomKey: SigningKey
}

/** A new key package. */
export function createKeyPackage(
  primitives: Primitives,
  own: OwnIdentity,
  notAfterMs: number,
): OwnKeyPackage {
  const roomKey = primitives.signingKeygen()
  const packageId = primitives.random(PACKAGE_ID_BYTES)
  //= PAL-SRM-003
  const signed = concatBytes([
    Uint8Array.of(SUITE),
    own.id,
    roomKey.publicKey,
    packageId,
    uint64Bytes(notAfterMs),
  ])
  const signature = primitives.sign(own.signing, concatBytes([PACKAGE_LABEL, signed]))
  return { bytes: concatBytes([signed, signature]), packageId, roomKey }
}

/** An own package as a record. */
export function encodeOwnPackage({ bytes, roomKey }: OwnKeyPackage): Uint8Array {
  return concatBytes([bytes, roomKey.seed])
}

/** The own package of a record; undefined when the record is not whole. */
export function decodeOwnPackage(primitives: Primitives, record: Uint8Array): OwnKeyPackage | undefined {
  if (record.length !== KEY_PACKAGE_BYTES + KEY_BYTES) return undefined
  const bytes = copyOf(record, 0, KEY_PACKAGE_BYTES)
  const at = 1 + ID_BYTES + KEY_BYTES
  const packageId = bytes.slice(at, at + PACKAGE_ID_BYTES)
  return { bytes, packageId, roomKey: primitives.signingKeygen(copyOf(record, KEY_PACKAGE_BYTES)) }
}

/** A peer's key package; undefined when it is none, or not signed by its identity. */
export function readKeyPackage(primitives: Primitives, given: Uint8Array): KeyPackage | undefined {
  if (given.length !== KEY_PACKAGE_BYTES || given[0] !== SUITE || given[1] !== SUITE) return undefined
  const bytes = copyOf(given)
  const id = bytes.subarray(1, 1 + ID_BYTES)
  const identityKey = primitives.importVerifyingKey(id.subarray(1, 1 + KEY_BYTES))
  const roomKey = primitives.importVerifyingKey(bytes.subarray(1 + ID_BYTES, 1 + ID_BYTES + KEY_BYTES))
  if (!identityKey || !roomKey) return undefined
  const message = concatBytes([PACKAGE_LABEL, bytes.subarray(0, SIGNED_BYTES)])
  //= PAL-SRM-004
  if (!primitives.verify(identityKey, bytes.subarray(SIGNED_BYTES), message)) return undefined
  const at = 1 + ID_BYTES + KEY_BYTES
  return {
    bytes,
    fid: fidOf(primitives, id),
    identityKey,
    roomKey,
    packageId: bytes.subarray(at, at + PACKAGE_ID_BYTES),
    notAfterMs: readUint64(bytes, at + PACKAGE_ID_BYTES),
  }
}
