/** Rooms, files, trust, inner messages and backups, byte by byte against frozen vectors. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.ts'
import { openBackup, pbkdf2, sealBackup } from '../../src/crypto/backup.ts'
import {
  contextOf,
  decodeInner,
  encodeInner,
  innerHash,
  roomContextOf,
} from '../../src/crypto/direct/inner.ts'
import { padmeLength } from '../../src/crypto/padding.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createKeyPackage, readKeyPackage } from '../../src/crypto/room/key-package.ts'
import { readOperation } from '../../src/crypto/room/operation.ts'
import { SealedRoom } from '../../src/crypto/room/room.ts'
import { readWelcome } from '../../src/crypto/room/welcome.ts'
import { encodeChunk, encodeDescriptor, FileOpener, FileSealer } from '../../src/crypto/sealed-file.ts'
import { EMOJI } from '../../src/crypto/trust/emoji.ts'
import { qrText } from '../../src/crypto/trust/qr.ts'
import { safetyNumber } from '../../src/crypto/trust/safety-number.ts'
import { askComparison, handleComparison } from '../../src/crypto/trust/short-code.ts'
import { type IdentityVector, identityOf } from './people.ts'
import { hex, PROVIDERS, provider, text, vectors } from './providers.ts'

interface EpochVector {
  readonly entropy: string
  readonly operation: string
  readonly head: string
  readonly headerKey: string
  readonly controlKey: string
  readonly nextKey: string
}
const rooms = vectors<{
  alice: IdentityVector
  bob: IdentityVector
  packages: readonly { of: 'alice' | 'bob'; notAfter: number; entropy: string; package: string }[]
  create: EpochVector & { gid: string }
  add: EpochVector & { body: string; secret: string; chainKeys: string[]; welcome: string }
  rekey: EpochVector & { body: string; secret: string; chainKeys: string[] }
  leave: { entropy: string; operation: string; body: string }
  messages: readonly { of: 'alice' | 'bob'; epoch: number; entropy: string; text: string; message: string }[]
}>('room')
const files = vectors<{
  files: readonly {
    size: number
    chunkLog: number
    name: string
    mime: string
    entropy: string
    descriptor: string
    root: string
    chunkHashes: readonly string[]
    firstChunk: string
    chunkBody: string
  }[]
  padme: readonly (readonly [number, number])[]
}>('file')
const trust = vectors<{
  alice: IdentityVector
  bob: IdentityVector
  safetyNumber: string
  qr: string
  comparison: {
    askerNumber: string
    answererNumber: string
    ask: string
    answer: string
    reveal: string
    emoji: number[]
    digits: string[]
  }
}>('trust')
const inners = vectors<{
  relayKey: string
  ownKey: string
  peerKey: string
  context: string
  gid: string
  roomContext: string
  messages: readonly {
    kind: number
    id: string
    previous: string
    body: string
    inner: string
    hash: string
  }[]
}>('inner')
const backups = vectors<{
  pbkdf2: readonly { passphrase: string; salt: string; iterations: number; key: string }[]
  backup: { passphrase: string; iterations: number; entropy: string; content: string; bytes: string }
}>('backup')

/** A provider that takes its chance from a queue, and shows what is left. */
function scripted(name: (typeof PROVIDERS)[number]): { p: Primitives; feed: (bytes: string) => void } {
  let queue = new Uint8Array(0)
  const p = provider(name, (byteCount) => {
    expect(queue.length).toBeGreaterThanOrEqual(byteCount)
    const taken = queue.slice(0, byteCount)
    queue = queue.slice(byteCount)
    return taken
  })
  const feed = (bytes: string): void => {
    expect(queue).toHaveLength(0)
    queue = Uint8Array.from(hex(bytes))
  }
  return { p, feed }
}

function keysOf(room: SealedRoom): string | undefined {
  const records = new Map(room.takeChanges())
  const record = records.get(`epoch/${room.epoch}`)
  const chains = room.roster.map((_, i) => text(records.get(`chain/${room.epoch}/${i}`)?.slice(0, 32)))
  return [text(record?.slice(68, 164)), ...chains].join()
}

function expectedKeys(vector: EpochVector & { chainKeys?: string[] }): string {
  return [vector.headerKey + vector.controlKey + vector.nextKey, ...(vector.chainKeys ?? [])].join()
}

describe.each(PROVIDERS)('provider %s', (name) => {
  test('a room, from its first package to a request to leave', () => {
    //= PAL-SRM-003
    //= PAL-SRM-005
    //= PAL-SRM-011
    //= PAL-SRM-013
    //= PAL-SRM-020
    const { p, feed } = scripted(name)
    const people = { alice: identityOf(p, rooms.alice), bob: identityOf(p, rooms.bob) }
    const [aliceKeys, bobKeys] = rooms.packages.map((vector) => {
      feed(vector.entropy)
      const own = createKeyPackage(p, people[vector.of], vector.notAfter)
      expect(text(own.bytes)).toBe(vector.package)
      return own
    })
    feed(rooms.create.entropy)
    const alice = SealedRoom.create(p, people.alice, { name: '#room', ownPackage: aliceKeys!, nowMs: 0 })
    expect([text(alice.group), text(alice.head)]).toEqual([rooms.create.gid, rooms.create.head])
    expect(keysOf(alice)?.startsWith(expectedKeys(rooms.create))).toBe(true)
    feed(rooms.add.entropy)
    const added = alice.commit({ kind: 'add', packages: [readKeyPackage(p, bobKeys!.bytes)!] })
    expect(text(added?.body)).toBe(rooms.add.body)
    expect(text(readOperation(p, hex(rooms.add.operation))?.bytes)).toBe(rooms.add.operation)
    const welcomed = alice.handle(hex(rooms.add.body), 0)
    const welcome = welcomed.result === 'changed' ? welcomed.welcomes[0]!.bytes : undefined
    expect([text(alice.head), text(welcome)]).toEqual([rooms.add.head, rooms.add.welcome])
    expect(keysOf(alice)).toBe(expectedKeys(rooms.add))
    const bob = SealedRoom.join(p, people.bob, {
      welcome: readWelcome(p, hex(rooms.add.welcome), people.alice.fid)!,
      ownPackage: bobKeys!,
      nowMs: 0,
    })!
    expect(keysOf(bob)).toBe(expectedKeys(rooms.add))
    const say = (index: number): void => {
      const vector = rooms.messages[index]!
      const [from, to] = vector.of === 'alice' ? [alice, bob] : [bob, alice]
      feed(vector.entropy)
      expect(text(from.seal(hex(vector.text)))).toBe(vector.message)
      const opened = to.handle(hex(vector.message), 0)
      expect(opened.result === 'message' && text(opened.plaintext)).toBe(vector.text)
    }
    say(0)
    say(1)
    feed(rooms.rekey.entropy)
    const rekeyed = bob.commit({ kind: 'rekey' })
    expect(text(rekeyed?.body)).toBe(rooms.rekey.body)
    expect(rekeyed?.secrets.map((each) => text(each.bytes))).toEqual([rooms.rekey.secret])
    expect(alice.handleSecret(people.bob.fid, hex(rooms.rekey.secret), 0)).toBe('kept')
    for (const room of [alice, bob]) {
      room.handle(hex(rooms.rekey.body), 0)
      expect(text(room.head)).toBe(rooms.rekey.head)
      expect(keysOf(room)).toBe(expectedKeys(rooms.rekey))
    }
    say(2)
    feed(rooms.leave.entropy)
    expect(text(bob.leave())).toBe(rooms.leave.body)
    expect(alice.handle(hex(rooms.leave.body), 0).result).toBe('leaving')
  })

  test.each(files.files)('a file of $size bytes', (vector) => {
    //= PAL-SFL-002
    //= PAL-SFL-005
    const { p, feed } = scripted(name)
    const { size, chunkLog } = vector
    feed(vector.entropy)
    const sealer = new FileSealer(p, { size, chunkLog, name: vector.name, mime: vector.mime })
    const data = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255)
    const part = (i: number): Uint8Array => data.subarray(sealer.range(i).start, sealer.range(i).end)
    for (let i = 0; i < sealer.count; i++) sealer.measure(part(i))
    const chunks = Array.from({ length: sealer.count }, (_, i) => sealer.seal(i, part(i))!)
    const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
    expect(chunks.map(sha256)).toEqual(vector.chunkHashes)
    expect(text(chunks[0]!.slice(0, 48))).toBe(vector.firstChunk)
    expect(text(encodeDescriptor(sealer.descriptor()))).toBe(vector.descriptor)
    expect(sha256(encodeChunk(sealer.fileId, sealer.count - 1, chunks.at(-1)!))).toBe(vector.chunkBody)
    const opener = new FileOpener(p, sealer.descriptor())
    for (const [i, chunk] of chunks.entries()) expect(opener.open(i, chunk).result).toBe('ok')
    expect(opener.isWhole()).toBe(true)
  })

  test('safety number, QR code and short code', () => {
    //= PAL-TRU-001
    //= PAL-TRU-002
    //= PAL-TRU-004
    //= PAL-TRU-006
    const { p, feed } = scripted(name)
    const [a, b] = [identityOf(p, trust.alice), identityOf(p, trust.bob)]
    expect(safetyNumber(p, a.id, b.id)).toBe(trust.safetyNumber)
    expect(qrText(a.fid, b.fid)).toBe(trust.qr)
    feed(trust.comparison.askerNumber)
    const asked = askComparison(p, 0)
    expect(text(asked.send)).toBe(trust.comparison.ask)
    feed(trust.comparison.answererNumber)
    const forB = { compared: { own: b.id, peer: a.id }, nowMs: 0 }
    const answered = handleComparison(p, undefined, asked.send!, forB)
    expect(text(answered.send)).toBe(trust.comparison.answer)
    const forA = { compared: { own: a.id, peer: b.id }, nowMs: 0 }
    const revealed = handleComparison(p, asked.comparison, answered.send!, forA)
    expect(text(revealed.send)).toBe(trust.comparison.reveal)
    const known = handleComparison(p, answered.comparison, revealed.send!, forB)
    const emoji = trust.comparison.emoji.map((i) => ({ symbol: EMOJI[i]![0], word: EMOJI[i]![1] }))
    for (const { comparison } of [revealed, known])
      expect(comparison).toMatchObject({ state: 'compare', code: { emoji, digits: trust.comparison.digits } })
  })

  test('inner messages', () => {
    //= PAL-SDC-002
    //= PAL-SDC-003
    //= PAL-SRM-026
    const p = provider(name)
    const keys = { relayKey: hex(inners.relayKey), ownKey: hex(inners.ownKey), peerKey: hex(inners.peerKey) }
    const context = contextOf(p, keys)
    expect(text(context)).toBe(inners.context)
    expect(contextOf(p, { ...keys, ownKey: keys.peerKey, peerKey: keys.ownKey })).toEqual(context)
    expect(text(roomContextOf(p, keys.relayKey, hex(inners.gid)))).toBe(inners.roomContext)
    for (const vector of inners.messages) {
      const inner = { kind: vector.kind, id: hex(vector.id), body: hex(vector.body) }
      const bytes = encodeInner(inner, context, hex(vector.previous))
      expect([text(bytes), text(innerHash(p, bytes))]).toEqual([vector.inner, vector.hash])
      expect(decodeInner(bytes, context, hex(vector.previous))).toMatchObject({ ...inner, isGap: false })
    }
  })
})

describe('backups', () => {
  const { p, feed } = scripted('node')

  test('use PBKDF2-HMAC-SHA-512', () => {
    for (const { passphrase, salt, iterations, key } of backups.pbkdf2) {
      const bytes = utf8Bytes(passphrase)
      expect(text(pbkdf2(p, bytes, hex(salt), iterations))).toBe(key)
      expect(pbkdf2(provider('portable'), bytes, hex(salt), 3)).toEqual(pbkdf2(p, bytes, hex(salt), 3))
    }
  })

  test('are as written, and open for who knows the passphrase only', () => {
    //= PAL-SDC-019
    const { passphrase, iterations, entropy, content, bytes } = backups.backup
    feed(entropy)
    expect(text(sealBackup(p, hex(content), passphrase, iterations))).toBe(bytes)
    expect(openBackup(p, hex(bytes), passphrase)).toEqual(hex(content))
    expect(openBackup(p, hex(bytes), 'correct horse')).toBe('passphrase')
    expect(() => sealBackup(p, hex(content), 'short')).toThrow('at least 8')
  })

  test('of a foreign form or an absurd cost are refused', () => {
    //= PAL-SDC-020
    const bytes = hex(backups.backup.bytes)
    for (const iterations of [0, 99_999, 5_000_001, 0xffffffff]) {
      const changed = Uint8Array.from(bytes)
      new DataView(changed.buffer).setUint32(8, iterations)
      expect(openBackup(p, changed, 'x')).toBe('malformed')
    }
    for (let cut = 0; cut < 52; cut++) expect(openBackup(p, bytes.subarray(0, cut), 'x')).toBe('malformed')
    expect(openBackup(p, bytes.subarray(1), 'x')).toBe('malformed')
  })
})

test.each(files.padme)('a file of %i bytes is padded to %i', (size, padded) => {
  expect(padmeLength(size)).toBe(padded)
})
