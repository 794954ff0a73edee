/** End-to-end encryption: defined and tested here, not yet spoken by the session layer. */
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
export {
  type CryptoFault,
  createIdentity,
  type Identity,
  type OwnIdentity,
  readIdentityRecord,
} from './identity.ts'
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
