/**
 * MessagePack values of any shape, for application bodies and tools: the library's decoder behind the same
 * scan that guards frames, so that a few bytes can neither reserve memory nor recurse.
 */
import { Decoder, Encoder } from '@msgpack/msgpack'
import { type DecodeFault, faultOf } from './fault.ts'
import { LIMITS } from './generated/registry.ts'
import { type ScanLimits, scanValue } from './scan.ts'

/** Bounds for a value that is not a frame: maps and extensions may occur. */
export const VALUE_SCAN: ScanLimits = {
  nestingMax: LIMITS.nesting,
  itemsMax: LIMITS.items,
  mapKeysMax: LIMITS.mapKeys,
  mapsAndExtensions: true,
}

/** A decoded value, kept apart from a fault. */
export interface DecodedValue {
  readonly value: unknown
}

const decoder = new Decoder({ useBigInt64: false })
const encoder = new Encoder({ ignoreUndefined: true })

/**
 * Decodes exactly one value. Map keys are texts or numbers; of equal keys the last wins; `__proto__` is
 * refused.
 */
export function decodeValue(bytes: Uint8Array, limits: ScanLimits = VALUE_SCAN): DecodedValue | DecodeFault {
  const unsound = scanValue(bytes, 0, bytes.length, limits)
  if (unsound) return unsound
  try {
    return { value: decoder.decode(bytes) }
  } catch {
    // After a clean scan the library refuses only map keys and extension contents.
    return faultOf('bad_key', 0)
  }
}

/** The MessagePack bytes of a value the caller made. */
export function encodeValue(value: unknown): Uint8Array {
  return encoder.encode(value)
}
