import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeSignatures } from '../../src/node/primitives.ts'
import { authMessage, readyMessage, transcriptHash } from '../../src/protocol/handshake.ts'
import { type NormalName, normalizeName, normalizeRoomName } from '../../src/protocol/names.ts'
import { looksOf } from '../../src/protocol/skeleton.ts'
import { fromHex, toHex } from '../../tools/spec/wire.ts'

type Texts = Readonly<Record<string, string>>

interface HandshakeVector {
  readonly name: string
  readonly kind: 'handshake'
  readonly input: Texts
  readonly output: Texts
}

interface SignatureVector {
  readonly name: string
  readonly kind: 'signature'
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly valid: boolean
}

interface NameVector {
  readonly name: string
  readonly kind: 'name' | 'room'
  readonly input: string
  readonly valid: boolean
  readonly text?: string
  readonly folded?: string
}

interface PairVector {
  readonly name: string
  readonly kind: 'pair'
  readonly a: string
  readonly b: string
  readonly same: boolean
  readonly alike: boolean
}

function read<T>(file: string): T[] {
  return JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'spec', 'vectors', file), 'utf8'),
  ) as T[]
}

const handshakes = read<HandshakeVector | SignatureVector>('handshake.json')
const names = read<NameVector | PairVector>('names.json')

describe('a handshake', () => {
  const bytes = (text: string | undefined): Uint8Array => fromHex(text as string)

  //= PAL-HSK-011
  //= PAL-HSK-012
  //= PAL-HSK-013
  test.each(handshakes.filter((each) => each.kind === 'handshake'))('$name', ({ input, output }) => {
    const words = {
      binding: bytes(input['binding']),
      hello: bytes(input['hello']),
      challenge: bytes(input['challenge']),
    }
    const transcript = transcriptHash(nodeSignatures, words)
    const auth = authMessage(transcript, {
      name: input['name'] as string,
      key: bytes(output['clientKey']),
      clientId: bytes(input['clientId']),
      token: input['token'] as string,
    })
    const authSignature = nodeSignatures.sign(bytes(input['clientSeed']), auth)
    const claims = { authSignature, session: bytes(input['session']), name: input['nameGiven'] as string }
    const ready = readyMessage(transcript, claims)
    const readySignature = nodeSignatures.sign(bytes(input['relaySeed']), ready)
    expect(toHex(transcript)).toBe(output['transcript'])
    expect(toHex(auth)).toBe(output['authMessage'])
    expect(toHex(authSignature)).toBe(output['authSignature'])
    expect(toHex(ready)).toBe(output['readyMessage'])
    expect(toHex(readySignature)).toBe(output['readySignature'])
  })
})

describe('a signature', () => {
  //= PAL-HSK-014
  test.each(handshakes.filter((each) => each.kind === 'signature'))('$name: $valid', (vector) => {
    const { key, signature, message, valid } = vector
    expect(nodeSignatures.verify(fromHex(key), fromHex(signature), fromHex(message))).toBe(valid)
  })
})

describe('a name', () => {
  //= PAL-HSK-023
  //= PAL-HSK-024
  test.each(names.filter((each) => each.kind !== 'pair'))(
    '$kind: $name',
    ({ kind, input, valid, text, folded }) => {
      const normal = kind === 'room' ? normalizeRoomName(input) : normalizeName(input)
      expect(normal).toEqual(valid ? { text, folded } : undefined)
    },
  )

  test.each(names.filter((each) => each.kind === 'pair'))('$name are the same or not', ({ a, b, same }) => {
    expect(normalizeName(a)?.folded === normalizeName(b)?.folded).toBe(same)
  })

  //= PAL-HSK-027
  test.each(names.filter((each) => each.kind === 'pair'))('$name look alike or not', ({ a, b, alike }) => {
    const first = looksOf(normalizeName(a) as NormalName)
    const second: readonly string[] = looksOf(normalizeName(b) as NormalName)
    expect(first.some((look) => second.includes(look))).toBe(alike)
  })
})
