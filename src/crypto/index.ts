/** End-to-end encryption: chapters 14 to 18, pure. */
export { type BackupResult, openBackup, sealBackup } from './backup.ts'
export {
  type Bundle,
  type BundleParts,
  createLiveBundle,
  createStoredBundle,
  LIVE_NONCE_BYTES,
  type OwnPrekey,
  type Prekey,
  readLiveBundle,
  readStoredBundle,
} from './bundle.ts'
export { pinsOf, trustPinned, verifyPinned } from './client/kept-pins.ts'
export type { Person, Save, SealingOutput, SealRefusal } from './client/outputs.ts'
export { restoredRecords } from './client/restoring.ts'
export { Sealing, type SealingOptions } from './client/sealing.ts'
export { type DirectResult, SealedDirect, type Unreadable } from './direct/direct.ts'
export { contextOf, INNER_KINDS, type Inner, type OpenedInner, roomContextOf } from './direct/inner.ts'
export { OwnPrekeys, PREKEYS_STOCK } from './direct/prekeys.ts'
export {
  type CryptoFault,
  createIdentity,
  type Identity,
  type OwnIdentity,
  readIdentityRecord,
} from './identity.ts'
export { applyChanges, type Journal, readJournal, sealBatch } from './journal.ts'
export { pad, paddedLength, unpad } from './padding.ts'
export type { DhKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'
export { createPortablePrimitives } from './provider-portable.ts'
export {
  initiatorRatchet,
  type Opened,
  openMessage,
  PLAINTEXT_BYTES_MAX,
  responderRatchet,
  type Sealed,
  sealMessage,
} from './ratchet.ts'
export { decodeRatchet, encodeRatchet, type RatchetState } from './ratchet-state.ts'
export { createKeyPackage, type KeyPackage, type OwnKeyPackage, readKeyPackage } from './room/key-package.ts'
export type { Change, Roster, RosterEntry } from './room/operation.ts'
export { type Commit, type ForMember, type RoomResult, SealedRoom } from './room/room.ts'
export { readWelcome, type Welcome } from './room/welcome.ts'
export {
  decodeChunk,
  decodeDescriptor,
  encodeChunk,
  encodeDescriptor,
  type FileDescriptor,
  FileOpener,
  FileSealer,
} from './sealed-file.ts'
export { selfTestFault } from './self-test.ts'
export {
  acceptSession,
  type InitiatedSession,
  initiateSession,
  type PrekeyMessage,
  type ResponderKeys,
  readPrekeyMessage,
  type SessionSecrets,
} from './session-start.ts'
export { fingerprintOf, readFingerprint } from './trust/fingerprint.ts'
export * from './trust/pins.ts'
export { isQrOf, qrText } from './trust/qr.ts'
export { safetyNumber } from './trust/safety-number.ts'
export {
  askComparison,
  type Comparison,
  cancelComparison,
  confirmComparison,
  handleComparison,
  type ShortCode,
} from './trust/short-code.ts'
