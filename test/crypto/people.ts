/** Identities and prekeys for tests. */
import { createIdentity, type OwnIdentity } from '../../src/crypto/identity.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { hex } from './providers.ts'

/** What the vectors say of an identity's private half. */
export interface IdentityVector {
  readonly signingSeed: string
  readonly dhSecret: string
  readonly flags: number
}

/** The identity that a vector describes. */
export function identityOf(p: Primitives, { signingSeed, dhSecret, flags }: IdentityVector): OwnIdentity {
  return createIdentity(
    p,
    { signing: p.signingKeygen(hex(signingSeed)), dh: p.dhImport(hex(dhSecret)) },
    flags,
  )
}

/** A new identity. */
export function newIdentity(p: Primitives): OwnIdentity {
  return createIdentity(p, { signing: p.signingKeygen(), dh: p.dhKeygen() })
}

/** Stops a test at a fault. */
export function taken<T>(result: T | string): Exclude<T, string> {
  if (typeof result === 'string') throw new Error(`refused: ${result}`)
  return result as Exclude<T, string>
}

/** The bytes with one bit turned over. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = (bit >> 3) % copy.length
  copy[at] = (copy[at] as number) ^ (1 << (bit & 7))
  return copy
}
