import type { Entropy } from '../../src/base/index.ts'
import { randomOf } from '../../src/conformance/index.ts'

/** Bytes from a seeded generator. */
export function seededEntropy(seed: number): Entropy {
  const random = randomOf(seed)
  return (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256))
}
