/** End-to-end encryption: defined and tested here, not yet spoken by the session layer. */
export { type HkdfInput, hkdf, label } from './kdf.ts'
export type { DhKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'
export { createPortablePrimitives } from './provider-portable.ts'
export { selfTestFault } from './self-test.ts'
