/** A photo of five megabytes, sent in parts, is the same photo at the other end. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { CONTENT_KINDS, LIMITS } from '../../src/codec/index.ts'
import { systemEntropy } from '../../src/node/index.ts'
import { decodePart, encodePart, type FilePart } from '../../src/protocol/content.ts'
import { endAfterEach, KINDS, Person, startRelay } from './party.ts'

endAfterEach()

const PHOTO_BYTES = 5 * 1024 * 1024

function partsOf(photo: Uint8Array, name: string): FilePart[] {
  const sha256 = new Uint8Array(createHash('sha256').update(photo).digest())
  const fileId = systemEntropy(16)
  const count = Math.ceil(photo.length / LIMITS.partBytes)
  return Array.from({ length: count }, (_, index) => {
    const data = photo.subarray(index * LIMITS.partBytes, (index + 1) * LIMITS.partBytes)
    return { fileId, index, count, name, size: photo.length, sha256, data }
  })
}

//= PAL-MSG-013
//= PAL-MSG-016
test.each(KINDS)('over %s', async (kind) => {
  const { address } = await startRelay(kind)
  const alice = await Person.open(kind, address, 'alice')
  const bob = await Person.open(kind, address, 'bob')
  const room = await alice.join('lobby')
  await bob.join('lobby')
  const photo = systemEntropy(PHOTO_BYTES)
  const parts = partsOf(photo, 'soup.jpg')
  await Promise.all(parts.map((part) => alice.connection.send(room, CONTENT_KINDS.part, encodePart(part))))
  const got: FilePart[] = []
  await bob.until((event) => {
    const isLast = event.kind === 'message' && decodePart(event.message.body)?.index === parts.length - 1
    return isLast || undefined
  })
  for (const event of bob.events) {
    if (event.kind !== 'message' || event.message.contentKind !== CONTENT_KINDS.part) continue
    got.push(decodePart(event.message.body) as FilePart)
  }
  expect(got.map((part) => part.index)).toEqual(parts.map((_, i) => i))
  const whole = Buffer.concat(got.map((part) => part.data))
  expect(whole.length).toBe(PHOTO_BYTES)
  const digest = createHash('sha256').update(whole).digest()
  expect(digest.equals(got[0]?.sha256 as Uint8Array)).toBe(true)
  expect(digest.equals(createHash('sha256').update(photo).digest())).toBe(true)
})
