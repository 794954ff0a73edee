import type { LinkPrimitives } from '../../src/base/index.ts'
import { nodeLinkPrimitives } from '../../src/node/primitives.ts'

/** How often the expensive functions were called. */
export interface PrimitiveCounts {
  x25519: number
  open: number
}

/** The primitives of Node, counted. */
export function testPrimitives(counts: PrimitiveCounts = { x25519: 0, open: 0 }): LinkPrimitives {
  return {
    ...nodeLinkPrimitives,
    x25519: (secret, publicKey) => {
      counts.x25519++
      return nodeLinkPrimitives.x25519(secret, publicKey)
    },
    aeadOpen: (key, nonce, aad, sealed) => {
      counts.open++
      return nodeLinkPrimitives.aeadOpen(key, nonce, aad, sealed)
    },
  }
}
