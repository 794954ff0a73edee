/** Both providers against the test vectors of RFC 7748, 8032 and 4231, of NaCl, and against our own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hex, PROVIDERS, provider, text, vectors } from './providers.ts'

interface Published {
  readonly x25519: readonly { scalar: string; point: string; shared: string }[]
  readonly x25519Iterated: readonly { rounds: number; result: string }[]
  readonly x25519Pairs: readonly { secret: string; publicKey: string }[]
  readonly ed25519: readonly { seed: string; publicKey: string; message: string; signature: string }[]
  readonly hmacSha512: readonly { key: string; data: string; tag: string }[]
  readonly secretBox: readonly { key: string; nonce: string; plaintext: string; sealed: string }[]
}

const DATA = join(import.meta.dirname, 'data/published.json')
const published = JSON.parse(readFileSync(DATA, 'utf8')) as Published
const own = vectors<{ boxes: Published['secretBox'] }>('secret-box')

describe.each(PROVIDERS)('provider %s', (name) => {
  const p = provider(name)

  test.each(published.x25519)('X25519 of RFC 7748, $scalar', ({ scalar, point, shared }) => {
    expect(text(p.dh(p.dhImport(hex(scalar)), hex(point)))).toBe(shared)
  })

  test.each(published.x25519Iterated)('X25519 of RFC 7748 iterated $rounds times', ({ rounds, result }) => {
    const base = Uint8Array.of(9, ...new Uint8Array(31))
    let [scalar, point] = [base, base]
    for (let i = 0; i < rounds; i++) {
      const shared = p.dh(p.dhImport(scalar), point)
      point = scalar
      scalar = Uint8Array.from(shared ?? [])
    }
    expect(text(scalar)).toBe(result)
  })

  test.each(published.x25519Pairs)('the public key of $secret', ({ secret, publicKey }) => {
    expect(text(p.dhImport(hex(secret)).publicKey)).toBe(publicKey)
  })

  test.each(published.ed25519)('Ed25519 of RFC 8032, $publicKey', (vector) => {
    const key = p.signingKeygen(hex(vector.seed))
    expect(text(key.publicKey)).toBe(vector.publicKey)
    expect(text(p.sign(key, hex(vector.message)))).toBe(vector.signature)
    const verifying = p.importVerifyingKey(key.publicKey)
    expect(verifying && p.verify(verifying, hex(vector.signature), hex(vector.message))).toBe(true)
    expect(verifying && p.verify(verifying, hex(vector.signature), hex(`${vector.message}00`))).toBe(false)
  })

  test.each(published.hmacSha512)('HMAC-SHA-512 of RFC 4231, $data', ({ key, data, tag }) => {
    const whole = text(p.hmac512(hex(key), hex(data)))
    expect(whole?.slice(0, tag.length)).toBe(tag)
    expect(text(p.hmac512(hex(key), hex(data).subarray(0, 3), hex(data).subarray(3)))).toBe(whole)
  })

  test.each([...published.secretBox, ...own.boxes])('secret box under $nonce', (vector) => {
    const { key, nonce, plaintext, sealed } = vector
    expect(text(p.seal(hex(key), hex(nonce), hex(plaintext)))).toBe(sealed)
    expect(text(p.open(hex(key), hex(nonce), hex(sealed)))).toBe(plaintext)
    expect(p.open(hex(key), hex(nonce), hex(sealed).subarray(1))).toBeUndefined()
  })
})
