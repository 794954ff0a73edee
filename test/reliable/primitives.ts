import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import type { LinkPrimitives } from '../../src/base/index.ts'

// DER prefixes of X25519 keys (RFC 8410). No key pair is generated: exporting one can deadlock on Node 20.
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const BASE_POINT = Buffer.concat([Buffer.of(9), Buffer.alloc(31)])

function privateKey(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, secret]), format: 'der', type: 'pkcs8' })
}

function publicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' })
}

function hmac(algorithm: string, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** How often the expensive functions were called. */
export interface PrimitiveCounts {
  x25519: number
  open: number
}

/** LinkPrimitives on node:crypto for tests. */
export function testPrimitives(counts: PrimitiveCounts = { x25519: 0, open: 0 }): LinkPrimitives {
  return {
    sha512: (...parts) => {
      const hash = createHash('sha512')
      for (const part of parts) hash.update(part)
      return hash.digest()
    },
    hmacSha512: (key, ...parts) => hmac('sha512', key, parts),
    hmacSha256: (key, ...parts) => hmac('sha256', key, parts),
    x25519KeyPair: (secret) => ({
      secret,
      public: diffieHellman({ privateKey: privateKey(secret), publicKey: publicKey(BASE_POINT) }),
    }),
    x25519: (secret, peer) => {
      counts.x25519++
      try {
        const shared = diffieHellman({ privateKey: privateKey(secret), publicKey: publicKey(peer) })
        return shared.every((byte) => byte === 0) ? undefined : shared
      } catch {
        return undefined
      }
    },
    aeadSeal: (key, nonce, aad, plaintext) => {
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
      cipher.setAAD(aad, { plaintextLength: plaintext.length })
      const body = cipher.update(plaintext)
      cipher.final()
      return Buffer.concat([body, cipher.getAuthTag()])
    },
    aeadOpen: (key, nonce, aad, sealed) => {
      counts.open++
      if (sealed.length < 16) return undefined
      const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
      decipher.setAAD(aad, { plaintextLength: sealed.length - 16 })
      decipher.setAuthTag(sealed.subarray(sealed.length - 16))
      const plaintext = decipher.update(sealed.subarray(0, sealed.length - 16))
      try {
        decipher.final()
      } catch {
        return undefined
      }
      return plaintext
    },
  }
}
