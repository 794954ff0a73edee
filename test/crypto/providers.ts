/** Both providers, and a source of bytes that only repeats itself when asked to. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entropy } from '../../src/base/entropy.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createPortablePrimitives } from '../../src/crypto/provider-portable.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'

/** Bytes that follow from the seed. */
export function seededEntropy(seed: string): Entropy {
  let count = 0
  return (byteCount) => {
    const bytes = new Uint8Array(byteCount)
    for (let at = 0; at < byteCount; at += 64) {
      const block = createHash('sha512').update(`${seed} ${count++}`).digest()
      bytes.set(block.subarray(0, byteCount - at), at)
    }
    return bytes
  }
}

/** The provider `name` on bytes that follow from its name, or on `entropy`. */
export function provider(name: 'portable' | 'node', entropy: Entropy = seededEntropy(name)): Primitives {
  return name === 'portable' ? createPortablePrimitives(entropy) : createNodePrimitives(entropy)
}

/** The names of all providers, for `describe.each`. */
export const PROVIDERS = ['portable', 'node'] as const

/** Bytes of hexadecimal text. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/** Hexadecimal text of bytes, also of none. */
export const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')

/** A frozen file of `spec/vectors/crypto`. */
export function vectors<T>(name: string): T {
  const path = join(import.meta.dirname, '../../spec/vectors/crypto', `${name}.json`)
  return JSON.parse(readFileSync(path, 'utf8')) as T
}
