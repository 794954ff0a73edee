/**
 * Pins: which identity a program knows a person by, how sure it is, and that nothing goes out plainly any
 * more once something was sealed. What a relay says never changes a pin.
 */
import { concatBytes, copyOf, equalBytes, strictUtf8Text, utf8Bytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from '../fields.ts'
import { FID_BYTES, fidOf, ID_BYTES, type Identity } from '../identity.ts'
import { SUITE } from '../kdf.ts'
import type { Primitives } from '../primitives.ts'

const FORMAT = 1
const NAME_BYTES_MAX = 128
const SURENESS = ['tofu', 'sas', 'qr', 'invite', 'fingerprint', 'number'] as const

/**
 * How an identity was made sure of: on first use, by a short code, a QR code, an invitation, its fid typed
 * in, the safety number.
 */
export type Sureness = (typeof SURENESS)[number]

/** What is known of one person on one relay. */
export interface Pin {
  /** The name there, for people. */
  readonly name: string
  readonly id: Uint8Array
  readonly fid: Uint8Array
  readonly sureness: Sureness
  /** Milliseconds since 1970. */
  readonly firstSeenMs: number
  /** Whether anything was ever sealed: then nothing plain counts any more. */
  readonly isSealed: boolean
  readonly suiteMin: number
  /** An identity that claims to be this person and waits for a decision. */
  readonly claim: Uint8Array | undefined
}

/** What a client does about sealing. */
export type SealingMode = 'require' | 'prefer' | 'off'

/** How an identity compares with the pin. */
export type Meeting =
  | { readonly kind: 'first'; readonly pin: Pin }
  | { readonly kind: 'same'; readonly pin: Pin }
  /** Sending stops until somebody decides; `wasVerified` asks for more than a yes. */
  | { readonly kind: 'changed'; readonly pin: Pin; readonly wasVerified: boolean }
  | { readonly kind: 'suite'; readonly pin: Pin }

/** Whether somebody compared keys, or got them from who did. */
export function isVerified(pin: Pin): boolean {
  return pin.sureness !== 'tofu'
}

/** Meets an identity under a name. The pin in the answer is to be kept. */
export function meet(
  pin: Pin | undefined,
  { identity, name, nowMs }: { readonly identity: Identity; readonly name: string; readonly nowMs: number },
): Meeting {
  const { id, fid } = identity
  const suite = id[0] as number
  if (!pin) {
    const fresh: Pin = {
      name,
      id: copyOf(id),
      fid: copyOf(fid),
      sureness: 'tofu',
      firstSeenMs: nowMs,
      isSealed: false,
      suiteMin: suite,
      claim: undefined,
    }
    return { kind: 'first', pin: fresh }
  }
  //= PAL-TRU-012
  if (suite < pin.suiteMin) return { kind: 'suite', pin }
  if (equalBytes(pin.fid, fid)) return { kind: 'same', pin }
  //= PAL-TRU-010
  return { kind: 'changed', pin: { ...pin, claim: copyOf(id) }, wasVerified: isVerified(pin) }
}

/** The pin once something was sealed. */
export function sealedOnce(pin: Pin): Pin {
  //= PAL-TRU-013
  return pin.isSealed ? pin : { ...pin, isSealed: true }
}

/** The pin once the identity was made sure of. */
export function verifiedBy(pin: Pin, sureness: Exclude<Sureness, 'tofu'>): Pin {
  return { ...pin, sureness, claim: undefined }
}

/**
 * The pin after a person decided for a changed key; undefined when that is not enough. `fid` is what the
 * person typed or scanned: without it only a pin that was never verified gives way.
 */
export function acceptChange(
  pin: Pin,
  claimed: Pick<Identity, 'id' | 'fid'>,
  fid?: Uint8Array,
): Pin | undefined {
  const isTyped = fid !== undefined && equalBytes(fid, claimed.fid)
  //= PAL-TRU-011
  if (fid !== undefined ? !isTyped : isVerified(pin)) return undefined
  const sureness = isTyped ? 'fingerprint' : 'tofu'
  return { ...pin, id: copyOf(claimed.id), fid: copyOf(claimed.fid), sureness, claim: undefined }
}

/**
 * The pin after a person decided: for the pinned identity by giving its fid, or for the one that claims to be
 * that person now. Undefined when there is nothing to decide, or what was given is not enough.
 */
export function decide(primitives: Primitives, pin: Pin, fid?: Uint8Array): Pin | undefined {
  if (fid && equalBytes(fid, pin.fid)) return verifiedBy(pin, 'fingerprint')
  return pin.claim && acceptChange(pin, { id: pin.claim, fid: fidOf(primitives, pin.claim) }, fid)
}

/** What to do with a message that somebody wants to send. */
export type Outgoing = 'seal' | 'plain' | 'refuse'

/** Whether a message goes out sealed. `canSeal` is whether the peer offers keys. */
export function outgoing(mode: SealingMode, pin: Pin | undefined, canSeal: boolean): Outgoing {
  //= PAL-TRU-013
  const isBound = pin?.isSealed === true || mode === 'require'
  if (isBound) return canSeal && mode !== 'off' ? 'seal' : 'refuse'
  return mode === 'prefer' && canSeal ? 'seal' : 'plain'
}

/** Whether a plain message may be shown. */
export function isPlainShown(mode: SealingMode, pin: Pin | undefined): boolean {
  //= PAL-TRU-014
  return mode !== 'require' && pin?.isSealed !== true
}

/** The pin as bytes. */
export function encodePin(pin: Pin): Uint8Array {
  const name = utf8Bytes(pin.name)
  return concatBytes([
    Uint8Array.of(FORMAT, SURENESS.indexOf(pin.sureness), pin.isSealed ? 1 : 0, pin.suiteMin),
    uint64Bytes(pin.firstSeenMs),
    pin.id,
    pin.fid,
    uint16Bytes(name.length),
    name,
    pin.claim ?? new Uint8Array(0),
  ])
}

/** The pin that bytes hold; undefined when they are not whole. */
export function decodePin(bytes: Uint8Array): Pin | undefined {
  const reader = new FieldReader(bytes)
  const format = reader.byte()
  const sureness = SURENESS[reader.byte()]
  const isSealed = reader.byte() === 1
  const suiteMin = reader.byte()
  const firstSeenMs = reader.uint64()
  const id = reader.bytes(ID_BYTES)
  const fid = reader.bytes(FID_BYTES)
  const name = strictUtf8Text(reader.short())
  const claim = reader.rest()
  if (!reader.isDone || format !== FORMAT || !sureness || name === undefined) return undefined
  if (id[0] !== SUITE || name.length > NAME_BYTES_MAX) return undefined
  if (claim.length !== 0 && claim.length !== ID_BYTES) return undefined
  return {
    name,
    id,
    fid,
    sureness,
    firstSeenMs,
    isSealed,
    suiteMin,
    claim: claim.length === 0 ? undefined : claim,
  }
}
