import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { finishInitiator, respond, startInitiator } from '../../src/reliable/noise.ts'
import { testPrimitives } from './primitives.ts'

interface Vector {
  readonly init_prologue: string
  readonly init_ephemeral: string
  readonly resp_static: string
  readonly resp_ephemeral: string
  readonly handshake_hash: string
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[]
}

const file = JSON.parse(readFileSync(new URL('../../spec/vectors/noise.json', import.meta.url), 'utf8')) as {
  vectors: Vector[]
}
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const primitives = testPrimitives()

describe.each(file.vectors)('Noise_NX_25519_ChaChaPoly_SHA512, vector %#', (vector) => {
  const [first, second, ...transport] = vector.messages
  const start = () =>
    startInitiator(
      primitives,
      hex(vector.init_prologue),
      hex(vector.init_ephemeral),
      hex(first?.payload ?? ''),
    )
  const answer = respond(primitives, {
    prologue: hex(vector.init_prologue),
    message1: hex(first?.ciphertext ?? ''),
    staticKeys: primitives.x25519KeyPair(hex(vector.resp_static)),
    ephemeralSecret: hex(vector.resp_ephemeral),
    payload: hex(second?.payload ?? ''),
  })

  it('both messages and the hash are as the vector says', () => {
    expect(text(start().message)).toBe(first?.ciphertext)
    expect(text(answer?.message ?? hex(''))).toBe(second?.ciphertext)
    expect(text(answer?.result.hash ?? hex(''))).toBe(vector.handshake_hash)
    const done = finishInitiator(primitives, start(), hex(second?.ciphertext ?? ''))
    expect(done?.result).toEqual(answer?.result)
    expect(text(done?.payload ?? hex(''))).toBe(second?.payload)
  })

  it('the split keys seal the transport messages of the vector', () => {
    transport.forEach((message, i) => {
      // The initiator writes message 0, 2, ...; the counter of each direction starts at 0.
      const secret = i % 2 === 0 ? answer?.result.initiatorSecret : answer?.result.responderSecret
      const nonce = new Uint8Array(12)
      nonce[4] = i >> 1
      const key = (secret ?? hex('')).subarray(0, 32)
      expect(text(primitives.aeadSeal(key, nonce, hex(''), hex(message.payload)))).toBe(message.ciphertext)
    })
  })

  it('message 2 is refused with any byte changed or missing, and the state stays usable', () => {
    const initiator = start()
    const message = hex(second?.ciphertext ?? '')
    for (let i = 0; i < message.length; i++) {
      const changed = new Uint8Array(message)
      changed[i] = (changed[i] as number) ^ 0x10
      expect(finishInitiator(primitives, initiator, changed)).toBeUndefined()
      expect(finishInitiator(primitives, initiator, message.subarray(0, i))).toBeUndefined()
    }
    expect(finishInitiator(primitives, initiator, message)).toBeDefined()
  })
})
