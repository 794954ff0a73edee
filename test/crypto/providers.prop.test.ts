/** Both providers give the same bytes and the same refusals. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flipped } from './people.ts'
import { provider, text } from './providers.ts'

const node = provider('node')
const portable = provider('portable')
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const bytes = fc.uint8Array({ maxLength: 300 })

test('key pairs and shared secrets are equal, for any bytes as a public key', () => {
  fc.assert(
    fc.property(key, fc.oneof(key, bytes), (secret, publicKey) => {
      const [a, b] = [node.dhImport(secret), portable.dhImport(secret)]
      expect(text(a.publicKey)).toBe(text(b.publicKey))
      expect(text(node.dh(a, publicKey))).toBe(text(portable.dh(b, publicKey)))
    }),
    { numRuns: 60 },
  )
})

test('signatures are equal, and each verifies what the other signed but nothing else', () => {
  fc.assert(
    fc.property(key, bytes, fc.nat(511), (seed, message, bit) => {
      const [a, b] = [node.signingKeygen(seed), portable.signingKeygen(seed)]
      const signature = node.sign(a, message)
      expect(text(portable.sign(b, message))).toBe(text(signature))
      for (const p of [node, portable]) {
        const verifying = p.importVerifyingKey(a.publicKey)
        expect(verifying && p.verify(verifying, signature, message)).toBe(true)
        expect(verifying && p.verify(verifying, flipped(signature, bit), message)).toBe(false)
      }
    }),
    { numRuns: 30 },
  )
})

test('any bytes as a public key or signature are judged alike', () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 70 }), bytes, (publicKey, signature, message) => {
      const judged = [node, portable].map((p) => {
        const verifying = p.importVerifyingKey(publicKey)
        return verifying && p.verify(verifying, signature, message)
      })
      expect(judged[0]).toBe(judged[1])
    }),
    { numRuns: 60 },
  )
})

test('hashes, codes and boxes are equal, however the input is cut', () => {
  fc.assert(
    fc.property(key, bytes, bytes, (secret, first, second) => {
      const nonce = secret.slice(0, 24)
      expect(text(node.sha512(first, second))).toBe(text(portable.sha512(Uint8Array.of(...first, ...second))))
      expect(text(node.hmac512(first, second, secret))).toBe(text(portable.hmac512(first, second, secret)))
      expect(text(node.open(secret, nonce, portable.seal(secret, nonce, first)))).toBe(text(first))
    }),
  )
})
