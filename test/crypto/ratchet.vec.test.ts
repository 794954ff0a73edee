/** The double ratchet, byte by byte against frozen vectors. */
import { describe, expect, test } from 'vitest'
import { pad, paddedLength, unpad } from '../../src/crypto/padding.ts'
import { initiatorRatchet, openMessage, responderRatchet, sealMessage } from '../../src/crypto/ratchet.ts'
import type { RatchetState } from '../../src/crypto/ratchet-state.ts'
import { hex, PROVIDERS, provider, text, vectors } from './providers.ts'

const vector = vectors<{
  associatedData: string
  rootKey: string
  initiatorHeaderKey: string
  responderHeaderKey: string
  prekeySecret: string
  messages: readonly {
    from: 'initiator' | 'responder'
    entropy: string
    plaintext: string
    rootKey: string
    headerKey: string
    nextHeaderKey: string
    message: string
  }[]
}>('ratchet')
const padding = vectors<{ lengths: readonly (readonly [number, number])[] }>('padding')

const secrets = {
  rootKey: hex(vector.rootKey),
  initiatorHeaderKey: hex(vector.initiatorHeaderKey),
  responderHeaderKey: hex(vector.responderHeaderKey),
  sessionId: new Uint8Array(16),
  associatedData: hex(vector.associatedData),
}

describe.each(PROVIDERS)('provider %s', (name) => {
  test('seals and opens the transcript as written', () => {
    //= PAL-ENC-013
    //= PAL-ENC-014
    let queue = new Uint8Array(0)
    const p = provider(name, (byteCount) => {
      const taken = queue.slice(0, byteCount)
      expect(taken).toHaveLength(byteCount)
      queue = queue.slice(byteCount)
      return taken
    })
    const prekey = p.dhImport(hex(vector.prekeySecret))
    const sides: Record<'initiator' | 'responder', RatchetState> = {
      initiator: initiatorRatchet(secrets, prekey.publicKey),
      responder: responderRatchet(secrets, prekey),
    }
    for (const step of vector.messages) {
      queue = Uint8Array.from(hex(step.entropy))
      const sealed = sealMessage(p, sides[step.from], hex(step.plaintext))
      expect(text(sealed.message)).toBe(step.message)
      expect(queue).toHaveLength(0)
      expect(text(sealed.next.rootKey)).toBe(step.rootKey)
      expect(sealed.next.sending).toMatchObject({
        state: 'open',
        headerKey: hex(step.headerKey),
      })
      sides[step.from] = sealed.next
      const to = step.from === 'initiator' ? 'responder' : 'initiator'
      const opened = openMessage(p, sides[to], hex(step.message), 0)
      if (opened.result !== 'ok') throw new Error(opened.result)
      expect(text(opened.plaintext)).toBe(step.plaintext)
      expect(text(opened.next.nextReceivingHeaderKey)).toBe(step.nextHeaderKey)
      sides[to] = opened.next
    }
  })
})

test.each(padding.lengths)('%i bytes are padded to %i', (length, padded) => {
  //= PAL-ENC-020
  expect(paddedLength(length)).toBe(padded)
  const bytes = new Uint8Array(length).fill(0x80)
  expect(pad(bytes)).toHaveLength(padded)
  expect(unpad(pad(bytes))).toEqual(bytes)
  expect(unpad(pad(bytes).subarray(0, -1))).toBeUndefined()
  expect(unpad(Uint8Array.of(...pad(bytes), 0))).toBeUndefined()
})

test('zeros, nothing, and padding of the wrong length are not padding', () => {
  //= PAL-ENC-020
  for (const bytes of [[], [0], new Array(64).fill(0), [1], [0x80], new Array(64).fill(1)])
    expect(unpad(Uint8Array.from(bytes))).toBeUndefined()
})
