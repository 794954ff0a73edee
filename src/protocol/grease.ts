/**
 * Reserved values sent at random, so that extension points stay open: a peer that stumbles over them is found
 * today and not on the day a real extension comes (spec chapter 11, after RFC 8701).
 */
import type { Entropy } from '../base/entropy.ts'
import { CAPABILITIES } from '../codec/generated/registry.ts'
import { ByteWriter } from '../codec/writer.ts'

const GREASE_TYPE_MIN = 112
const GREASE_TYPES = 16
/** One in this many. */
const RARITY = 8

const GREASE_CAPABILITIES: readonly number[] = Object.entries(CAPABILITIES)
  .filter(([name]) => name.startsWith('grease'))
  .map(([, value]) => value)

/** Whether to send a grease frame now: one time in eight. */
export function isGreaseDue(entropy: Entropy): boolean {
  return (entropy(1)[0] as number) % RARITY === 0
}

/** A frame with its length prefix, of a type that every receiver ignores. */
export function greaseFrame(entropy: Entropy): Uint8Array {
  //= PAL-EXT-005
  const random = entropy(9)
  const out = new ByteWriter()
  const start = out.beginFrame()
  out.writeArrayHeader(3)
  out.writeUint(GREASE_TYPE_MIN + ((random[0] as number) % GREASE_TYPES))
  out.writeUint(random[1] as number)
  out.writeBin(random, 2)
  out.endFrame(start)
  return out.take()
}

/** A capability number that nobody will ever know. */
export function greaseCapability(entropy: Entropy): number {
  return GREASE_CAPABILITIES[(entropy(1)[0] as number) % GREASE_CAPABILITIES.length] as number
}
