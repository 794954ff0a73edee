/** What a hostile relay and a member who helps it make of what they hold. */
import { concatBytes } from '../base/bytes.ts'
import { createIdentity, type OwnIdentity, RECORD_BYTES, readIdentityRecord } from '../crypto/identity.ts'
import { label } from '../crypto/kdf.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { SealedRoom } from '../crypto/room/room.ts'

const SIGNED_BYTES = 4 + 32 + 8
const SIGNATURE_BYTES = 64
const ONE_TIME_BYTES = 1 + 4 + 32

/** Somebody's stored bundle under the signing key of an identity of the relay's own. */
export function misboundBundle(
  primitives: Primitives,
  own: OwnIdentity,
  bundle: Uint8Array,
): Uint8Array | undefined {
  const owner = readIdentityRecord(primitives, bundle.subarray(0, RECORD_BYTES))
  if (typeof owner === 'string') return undefined
  const dh = { secret: new Uint8Array(32), publicKey: owner.dhPublic }
  const { record } = createIdentity(primitives, { signing: own.signing, dh })
  const signed = bundle.subarray(RECORD_BYTES, RECORD_BYTES + SIGNED_BYTES)
  const signature = primitives.sign(own.signing, concatBytes([label('spk'), signed]))
  const oneTime = bundle.subarray(-ONE_TIME_BYTES)
  return concatBytes([record, signed, signature, oneTime])
}

/**
 * A room message sealed again as the next one of its author, with the author's own signature: what a member
 * can do who has the keys, as all members do. Undefined when the message cannot be opened.
 */
export function saidAgain(
  primitives: Primitives,
  helper: OwnIdentity,
  { records, body }: { readonly records: ReadonlyMap<string, Uint8Array>; readonly body: Uint8Array },
): Uint8Array | undefined {
  let signature: Uint8Array | undefined
  const stealing: Primitives = {
    ...primitives,
    sign: () => signature ?? new Uint8Array(SIGNATURE_BYTES),
    verify: (key, given, message) => {
      signature = given.slice()
      return primitives.verify(key, given, message)
    },
  }
  const opened = SealedRoom.restore(stealing, helper, records)?.handle(body, 0)
  if (opened?.result !== 'message') return undefined
  const author = SealedRoom.restore(stealing, { ...helper, fid: opened.sender }, records)
  if (author?.handle(body, 0).result !== 'message' || author.state !== 'open') return undefined
  return author.seal(opened.plaintext)
}
