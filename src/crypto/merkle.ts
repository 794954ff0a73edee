/** A hash tree over chunks: its root commits to every byte of every chunk, and to their order and count. */
import { assert } from '../base/assert.ts'
import { copyOf } from '../base/bytes.ts'
import type { Primitives } from './primitives.ts'

const HASH_BYTES = 32
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** The hash of one chunk, 32 bytes. */
export function leafHash(primitives: Primitives, chunk: Uint8Array): Uint8Array {
  return copyOf(primitives.sha512(LEAF, chunk), 0, HASH_BYTES)
}

/**
 * The root over at least one leaf: neighbours are joined level by level, an odd last one moves up as it is.
 */
export function merkleRoot(primitives: Primitives, leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i + 1 < level.length; i += 2) {
      const joined = primitives.sha512(NODE, level[i] as Uint8Array, level[i + 1] as Uint8Array)
      above.push(copyOf(joined, 0, HASH_BYTES))
    }
    if (level.length % 2 === 1) above.push(level.at(-1) as Uint8Array)
    level = above
  }
  const [root] = level
  assert(root !== undefined, 'a tree has a leaf')
  return root
}
