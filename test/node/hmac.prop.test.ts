import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hmacSha256, hmacSha512 } from '../../src/node/hmac.ts'

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength, size: 'max' })

it('an HMAC made of two hashes is that of node:crypto, for any key and any cut of the message', () => {
  fc.assert(
    fc.property(bytes(200), fc.array(bytes(700), { maxLength: 3 }), (key, parts) => {
      const message = Buffer.concat(parts)
      expect(Buffer.from(hmacSha512(key, ...parts))).toEqual(
        createHmac('sha512', key).update(message).digest(),
      )
      expect(Buffer.from(hmacSha256(key, ...parts))).toEqual(
        createHmac('sha256', key).update(message).digest(),
      )
    }),
  )
})

it.each([0, 1, 127, 128, 129])('a key of %i bytes is taken as RFC 2104 says', (keyBytes) => {
  const key = new Uint8Array(keyBytes).fill(7)
  for (const byteCount of [0, 1023, 1024, 1025]) {
    const message = new Uint8Array(byteCount).fill(9)
    expect(Buffer.from(hmacSha512(key, message))).toEqual(createHmac('sha512', key).update(message).digest())
  }
})

it('a result is not touched by what is computed after it', () => {
  const first = hmacSha512(new Uint8Array(32), Uint8Array.of(1))
  const copy = first.slice()
  hmacSha512(new Uint8Array(32).fill(1), Uint8Array.of(2))
  expect(first).toEqual(copy)
})
