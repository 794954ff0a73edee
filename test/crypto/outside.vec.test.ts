/**
 * Both providers against large public sets that are not kept here. PALAVER_VECTORS names a folder with
 * `x25519_test.json`, `ed25519_test.json`, `hmac_sha512_test.json` and `hkdf_sha512_test.json` of Wycheproof
 * (C2SP/wycheproof, testvectors_v1, Apache-2.0), `cases.json` of ed25519-speccheck (Apache-2.0) and
 * `secretbox.random.json` of TweetNaCl.js (public domain): rows of key, nonce, plaintext and box in base64.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hkdf } from '../../src/crypto/kdf.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { hex, PROVIDERS, provider, text } from './providers.ts'

const folder = process.env['PALAVER_VECTORS']
const HKDF_BYTES_MAX = 255 * 64

type Case = Readonly<Record<string, string>> & { readonly tcId: number; readonly size: number }
interface Wycheproof {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly tests: readonly Case[]
    readonly tagSize?: number
    readonly publicKey?: { readonly pk: string }
  }[]
}

const read = <T>(name: string): T => JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')) as T
const bytes = (one: Case, field: string): Uint8Array => hex(one[field] as string)

const verifies = (p: Primitives, publicKey: string, signature: string, message: string): boolean => {
  const key = p.importVerifyingKey(hex(publicKey))
  return key !== undefined && p.verify(key, hex(signature), hex(message))
}

/** The numbers of the cases that `isRight` finds wrong; all of the file are looked at. */
function wrong(name: string, isRight: (one: Case, group: Wycheproof['testGroups'][0]) => boolean): number[] {
  const file = read<Wycheproof>(name)
  let count = 0
  const found: number[] = []
  for (const group of file.testGroups) {
    for (const one of group.tests) {
      count += 1
      if (!isRight(one, group)) found.push(one.tcId)
    }
  }
  expect(count).toBe(file.numberOfTests)
  return found
}

describe.skipIf(folder === undefined).each(PROVIDERS)('provider %s', (name) => {
  const p = provider(name)

  test('Wycheproof X25519: all agree, but for an all-zero result, which is refused', () => {
    const isRight = (one: Case): boolean => {
      const shared = text(p.dh(p.dhImport(bytes(one, 'private')), bytes(one, 'public')))
      return shared === (/^0*$/u.test(one['shared'] as string) ? undefined : one['shared'])
    }
    expect(wrong('x25519_test.json', isRight)).toEqual([])
  })

  test('Wycheproof Ed25519: valid and invalid as stated', () => {
    const isRight = (one: Case, group: Wycheproof['testGroups'][0]): boolean =>
      verifies(p, group.publicKey?.pk ?? '', one['sig'] as string, one['msg'] as string) ===
      (one['result'] === 'valid')
    expect(wrong('ed25519_test.json', isRight)).toEqual([])
  })

  test('Wycheproof HMAC-SHA-512: every tag', () => {
    const isRight = (one: Case, group: Wycheproof['testGroups'][0]): boolean => {
      const tag = text(p.hmac512(bytes(one, 'key'), bytes(one, 'msg')))?.slice(0, (group.tagSize ?? 0) / 4)
      return (tag === one['tag']) === (one['result'] === 'valid')
    }
    expect(wrong('hmac_sha512_test.json', isRight)).toEqual([])
  })

  test('Wycheproof HKDF-SHA-512: every output; more than 255 blocks are a bug of ours', () => {
    const isRight = (one: Case): boolean => {
      const [salt, inputKey, info] = [bytes(one, 'salt'), bytes(one, 'ikm'), bytes(one, 'info')]
      if (one.size > HKDF_BYTES_MAX) return one['result'] === 'invalid'
      const out = text(hkdf(p, { salt, inputKey, info, byteCount: one.size }))
      return (out === one['okm']) === (one['result'] === 'valid')
    }
    expect(wrong('hkdf_sha512_test.json', isRight)).toEqual([])
  })

  test('speccheck: of its twelve signatures only number 3 is accepted', () => {
    const all = read<{ message: string; pub_key: string; signature: string }[]>('cases.json')
    const accepted = all.map((one) => verifies(p, one.pub_key, one.signature, one.message))
    expect(accepted).toEqual(Array.from({ length: 12 }, (_, i) => i === 3))
  })

  test('secret boxes of TweetNaCl.js, sealed and opened', () => {
    const rows = read<[string, string, string, string][]>('secretbox.random.json')
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) {
      const [key, nonce, plaintext, box] = row.map((cell) => new Uint8Array(Buffer.from(cell, 'base64')))
      if (!key || !nonce || !plaintext || !box) throw new Error('a row has four cells')
      expect(text(p.seal(key, nonce, plaintext))).toBe(text(box))
      expect(text(p.open(key, nonce, box))).toBe(text(plaintext))
    }
  })
})
