/** Sealed files: whole and as sent, or refused, whatever comes between. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { concatBytes } from '../../src/base/bytes.ts'
import { safeFileName } from '../../src/cli/file-receiving.ts'
import { encodeChunk, encodeDescriptor, FileSealer } from '../../src/crypto/sealed-file.ts'
import type { FileSink, PartResult } from '../../src/node/file-sink.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { isOfSealedFile, SealedFileReceiver } from '../../src/node/sealed-file-receiving.ts'
import { Home, jsonLines } from './process.ts'

const primitives = createNodePrimitives()
const FILE = 0x46
const SEALED = 4

interface Message {
  readonly contentKind: number
  readonly body: Uint8Array
}

/** The messages of a file in chunks of 1 KiB. */
function messagesOf(bytes: Uint8Array, name = 'photo.jpg'): Message[] {
  const sealer = new FileSealer(primitives, { size: bytes.length, name, mime: 'image/jpeg', chunkLog: 10 })
  const chunks = Array.from({ length: sealer.count }, (_, i) => {
    const { start, end } = sealer.range(i)
    return bytes.subarray(start, end)
  })
  for (const chunk of chunks) sealer.measure(chunk)
  return [
    { contentKind: FILE, body: encodeDescriptor(sealer.descriptor()) },
    ...chunks.map((chunk, i) => ({
      contentKind: SEALED,
      body: encodeChunk(sealer.fileId, i, sealer.seal(i, chunk) as Uint8Array),
    })),
  ]
}

function receiver() {
  const files: Uint8Array[] = []
  const open = (): FileSink => {
    const parts: Uint8Array[] = []
    return {
      write: (data) => parts.push(Uint8Array.from(data)),
      finish: () => {
        files.push(concatBytes(parts))
        return 'memory'
      },
      discard: () => {},
    }
  }
  const receiving = new SealedFileReceiver(open, safeFileName)
  let seq = 0
  const take = (messages: readonly Message[], source = 'bob'): PartResult[] =>
    messages.map((each) => {
      seq += 1
      return receiving.handle(source, { ...each, seq })
    })
  return { files, take, needs: (at: number) => receiving.needs(at) }
}

describe('a sealed file', () => {
  test('of any size comes whole, each chunk once or twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.boolean(), (bytes, isTwice) => {
        const { files, take } = receiver()
        const messages = messagesOf(bytes)
        expect(messages.every(isOfSealedFile)).toBe(true)
        const results = take(isTwice ? messages.flatMap((each) => [each, each]) : messages)
        expect(results.filter(({ kind }) => kind === 'complete')).toHaveLength(1)
        expect(files).toEqual([bytes])
      }),
      { numRuns: 30 },
    )
  })

  test('needs its entries again until it is whole, or until no more of it comes', () => {
    const { take, needs } = receiver()
    const messages = messagesOf(new Uint8Array(5000))
    expect(needs(0)).toEqual([])
    take(messages.slice(0, 2))
    expect([needs(2), needs(2 + 256), needs(2 + 257)]).toEqual([[1], [1], []])
    take(messages.slice(0, 1), 'carol')
    expect(needs(3)).toEqual([1, 3])
    take(messages.slice(2))
    expect(needs(messages.length)).toEqual([3])
  })

  test('truncated: without its last chunk, or with one left out, it is never whole', () => {
    const messages = messagesOf(randomBytes(5000))
    const short = receiver()
    expect(short.take(messages.slice(0, -1)).at(-1)?.kind).toBe('more')
    expect(short.files).toEqual([])
    const holed = receiver()
    expect(holed.take(messages.toSpliced(2, 1))).toContainEqual(
      expect.objectContaining({ kind: 'refused', why: 'part 1 is missing' }),
    )
    expect(holed.files).toEqual([])
  })

  test('mixed: a chunk of another file, place or sender, or with a bit changed, is refused', () => {
    const [one, other] = [messagesOf(randomBytes(3000)), messagesOf(randomBytes(3000))]
    const id = (one[1] as Message).body.subarray(1, 17)
    const strange = (index: number, from: Message): Message => ({
      contentKind: SEALED,
      body: encodeChunk(id, index, from.body.subarray(21)),
    })
    const bent = Uint8Array.from((one[1] as Message).body)
    bent[100] = (bent[100] as number) ^ 1
    for (const first of [
      strange(0, other[1] as Message),
      strange(0, one[2] as Message),
      { ...one[1]!, body: bent },
    ]) {
      const { files, take } = receiver()
      const results = take([one[0] as Message, first, ...one.slice(2)])
      expect(results[1]).toMatchObject({ kind: 'refused', why: 'its bytes are not those that were sealed' })
      expect(files).toEqual([])
    }
    const { take } = receiver()
    take([one[0] as Message])
    expect(take(one.slice(1), 'mallory').every(({ kind }) => kind === 'ignored')).toBe(true)
  })

  test('any bytes are refused or ignored', () => {
    fc.assert(
      fc.property(fc.constantFrom(FILE, SEALED), fc.uint8Array({ maxLength: 300 }), (contentKind, body) => {
        const [result] = receiver().take([{ contentKind, body }])
        expect(['refused', 'ignored', 'no_room']).toContain(result?.kind)
      }),
    )
  })
})

describe('between programs', () => {
  let home: Home

  beforeEach(() => {
    home = new Home()
  })

  afterEach(() => home.end())

  test('a file goes to one person sealed: the relay keeps nothing of it readably', async () => {
    const relay = await home.relay()
    const bytes = Buffer.concat([Buffer.from('CANARY'), randomBytes(100_000), Buffer.from('CANARY')])
    writeFileSync(join(home.folder, 'photo.jpg'), bytes)
    const box = ['recv', relay.tcp, '-t', 'me', '-n', '1', '--nick', 'bob', '--json', '--save', 'inbox']
    const bob = home.start([...box, '--e2ee', 'require'])
    await bob.line((line) => line.includes('listening'))
    const send = ['send', relay.tcp, '-t', 'bob', '--nick', 'alice', '--e2ee', 'require', '--json']
    const sent = await home.run([...send, '--file', 'photo.jpg'])
    expect([sent.code, sent.stderr]).toEqual([0, ''])
    const { code, stdout } = await bob.outcome
    expect(code).toBe(0)
    const told = jsonLines(stdout).at(-1)
    expect(told).toMatchObject({ type: 'file', name: 'photo.jpg', size: bytes.length })
    expect(told?.['sha256']).toBe(jsonLines(sent.stdout).at(-1)?.['sha256'])
    expect(readFileSync(join(home.folder, String(told?.['saved']))).equals(bytes)).toBe(true)
  }, 30_000)

  test('a file goes into a sealed room', async () => {
    const relay = await home.relay()
    const chat = (nick: string) =>
      home.start(['chat', relay.tcp, 'ops', '--nick', nick, '--json', '--save', nick])
    const [alice, bob] = [chat('alice'), chat('bob')]
    for (const each of [alice, bob]) await each.line((line) => line.includes('"joined"'))
    const bytes = randomBytes(70_000)
    writeFileSync(join(home.folder, 'plan.pdf'), bytes)
    alice.child.stdin.write('/sealed create\n/sealed add bob\n')
    await bob.line((line) => line.includes('"room_invited"'))
    bob.child.stdin.write('/sealed accept\n')
    await bob.line((line) => line.includes('"open"'))
    alice.child.stdin.write('/send plan.pdf\n')
    await bob.line((line) => line.includes('"state":"complete"'))
    expect(readFileSync(join(home.folder, 'bob', 'plan.pdf')).equals(bytes)).toBe(true)
    for (const each of [alice, bob]) expect(each.stdout).not.toContain('"why":"keys"')
  }, 30_000)
})
