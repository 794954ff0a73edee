import type { Entropy } from '../base/index.ts'

/**
 * A 32-bit mix of its arguments (murmur3's finaliser): the fate of one thing, whatever happened to the
 * others.
 */
export function hash32(seed: number, a: number, b: number): number {
  let h = seed | 0
  h = mix(h ^ Math.imul(a, 0x85ebca6b))
  h = mix(h ^ Math.imul(b, 0xc2b2ae35))
  return h >>> 0
}

function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) + 0x9e3779b9
}

/** A fraction in [0, 1) that depends on its arguments alone. */
export function fraction(seed: number, a: number, b: number): number {
  return hash32(seed, a, b) / 0x100000000
}

/** Entropy for simulations: the same seed gives the same bytes. */
export function seededEntropy(seed: number): Entropy {
  let counter = 0
  return (byteCount) => {
    const bytes = new Uint8Array(byteCount)
    for (let i = 0; i < byteCount; i++) bytes[i] = hash32(seed, counter++, 0x5eed) & 0xff
    return bytes
  }
}
