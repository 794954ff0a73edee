/** Damage at rest is told, with its range, and the rest goes on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore, type RelayStore } from '../../src/node/store.ts'
import type { StoreWrite } from '../../src/protocol/relay/storage.ts'

const ENTRY_BYTES = 50

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-damage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function entries(conversation: number, firstSeq: number, lastSeq: number): StoreWrite {
  const bytes = new Uint8Array((lastSeq - firstSeq + 1) * ENTRY_BYTES).fill(conversation)
  return { kind: 'entries', conversation, firstSeq, lastSeq, bytes, timeMs: 1 }
}

/** Writes turns into the database, or into the journal where there is one. */
async function write(
  commits: readonly (readonly StoreWrite[])[],
  recentBytes?: number,
  journalBytes = 0,
): Promise<void> {
  const store = openStore(folder, { journalBytes, ...(recentBytes === undefined ? {} : { recentBytes }) })
  for (const writes of commits) await store.commit(writes)
  await store.close()
}

/** Changes the value at `index` of a database, as a disk would. */
async function damage(database: string, index: number, change: (value: Uint8Array) => void): Promise<void> {
  const root = open({ path: join(folder, 'relay.mdb'), maxDbs: 16, overlappingSync: false })
  const isBinaryKey = database === 'pieces' || database === 'participants'
  const db = root.openDB<Uint8Array, string>({
    name: database,
    encoding: 'binary',
    ...(isBinaryKey ? { keyEncoding: 'binary' as const } : {}),
  })
  const found = [...db.getRange({})][index]
  if (found === undefined) throw new Error(`${database} holds no value ${index}`)
  const value = Uint8Array.from(found.value)
  change(value)
  await db.put(found.key, value)
  await root.close()
}

const flip = (at: number) => (value: Uint8Array) => {
  const index = at < 0 ? value.length + at : at
  value[index] = (value[index] as number) ^ 0x10
}

function ranges(store: RelayStore, conversation: number): string[] {
  const found: string[] = []
  for (let seq = 1; ; ) {
    const piece = store.storage.read(conversation, seq)
    if (piece === undefined) return found
    found.push(`${'reason' in piece ? piece.reason : 'there'} ${piece.firstSeq}-${piece.lastSeq}`)
    seq = piece.lastSeq + 1
  }
}

const THREE = [[entries(1, 1, 2), entries(2, 1, 4)], [entries(1, 3, 5)], [entries(1, 6, 6)], [], [], []]

//= PAL-ROM-043
test('a flipped bit anywhere in a gathered piece makes that piece a gap and no other', async () => {
  await write(THREE, 0)
  const store = openStore(folder, { journalBytes: 0 })
  const sound = ranges(store, 1)
  expect(sound.length).toBeGreaterThan(1)
  await store.close()
  for (const at of [0, 3, 7, 10, 20, 24, 60, -1]) {
    await damage('pieces', 0, flip(at))
    const damaged = openStore(folder, { journalBytes: 0 })
    expect(ranges(damaged, 1)).toEqual([(sound[0] as string).replace('there', 'corrupt'), ...sound.slice(1)])
    expect(ranges(damaged, 2)).toEqual(['there 1-4'])
    expect(damaged.storage.extent(1).headSeq).toBe(6)
    await damaged.close()
    await damage('pieces', 0, flip(at))
  }
})

test('a flipped bit in the entries of a turn makes that conversation’s part a gap', async () => {
  await write(THREE)
  await damage('turns', 0, flip(2 * ENTRY_BYTES))
  const store = openStore(folder, { journalBytes: 0 })
  expect(ranges(store, 1)).toEqual(['corrupt 1-2', 'there 3-6'])
  expect(ranges(store, 2)).toEqual(['there 1-4'])
  await store.close()
})

test('a damaged turn is still damaged after it was gathered', async () => {
  await write(THREE)
  await damage('turns', 1, flip(2 * ENTRY_BYTES))
  await write([[entries(1, 7, 7)], [], [], []], 0)
  const store = openStore(folder, { journalBytes: 0 })
  expect(ranges(store, 1)).toEqual(['there 1-2', 'corrupt 3-5', 'there 6-6', 'there 7-7'])
  await store.close()
})

test('the description of a turn survives damage to one of its two copies, wherever it is', async () => {
  await write([[entries(1, 1, 2)], [entries(2, 1, 3)]])
  const blockBytes = 16 + 40
  for (let at = 0; at < blockBytes; at++) {
    for (const place of [at, -1 - at]) {
      await damage('turns', 1, flip(place))
      const store = openStore(folder, { journalBytes: 0 })
      expect(ranges(store, 2)).toEqual(['there 1-3'])
      await store.close()
      await damage('turns', 1, flip(place))
    }
  }
})

test('a turn that cannot be understood stops the start', async () => {
  await write([[entries(1, 1, 2)]])
  await damage('turns', 0, (value) => value.fill(0xff))
  expect(() => openStore(folder)).toThrow('[corrupt]')
})

const NAME: StoreWrite = { kind: 'name', record: { name: 'Al', folded: 'al', keyHex: 'aa' } }

test('a damaged name or secret stops the start: the name would be free, the relay another', async () => {
  await write([[NAME]])
  await damage('names', 0, flip(12))
  expect(() => openStore(folder)).toThrow('name al is damaged')
  await damage('names', 0, flip(12))
  await damage('secrets', 0, flip(3))
  expect(() => openStore(folder)).toThrow('secret is damaged')
})

test('a damaged session is left out and told', async () => {
  const session = { keyHex: 'k', clientHex: 'c', name: 'n', tokenHex: 't', previousHex: 'p', usedMs: 5 }
  await write([
    [
      { kind: 'session', record: { ...session, idHex: 's1' } },
      { kind: 'session', record: { ...session, idHex: 's2' } },
    ],
  ])
  await damage('sessions', 0, flip(5))
  const store = openStore(folder, { journalBytes: 0 })
  expect(store.storage.state.sessions).toEqual([{ ...session, idHex: 's2' }])
  expect(store.damaged).toEqual(['session s1'])
  await store.close()
})

test('a store of the release before opens, with its names and keys', async () => {
  const root = open({ path: join(folder, 'relay.mdb'), maxDbs: 4, encoding: 'json' })
  const record = { name: 'Al', folded: 'al', keyHex: 'aa' }
  await root.openDB({ name: 'names', encoding: 'json' }).put('al', record)
  root.openDB({ name: 'bans', encoding: 'json' })
  const secrets = root.openDB<Uint8Array, string>({ name: 'secrets', encoding: 'binary' })
  await secrets.put('identity', new Uint8Array(32).fill(5))
  await secrets.put('link', new Uint8Array(32).fill(6))
  await root.close()
  await write([[entries(1, 1, 2)]])
  const store = openStore(folder, { journalBytes: 0 })
  expect(store.secrets.identitySeed).toEqual(new Uint8Array(32).fill(5))
  expect(store.secrets.linkSecret).toEqual(new Uint8Array(32).fill(6))
  expect(store.storage.state.directory).toEqual([{ kind: 'name', record }])
  expect(ranges(store, 1)).toEqual(['there 1-2'])
  await store.close()
})

const JOURNAL_BYTES = 64 * 1024
const FOUR = [
  [entries(1, 1, 2), entries(2, 1, 4)],
  [entries(1, 3, 5)],
  [entries(1, 6, 6)],
  [entries(1, 7, 7)],
]

/** Changes a byte of the journal, counted from where its turn of that number begins. */
function damageJournal(turn: number, at: number): void {
  const path = join(folder, 'relay.journal')
  const file = readFileSync(path)
  // Each turn of these is at most two blocks, and begins with one.
  const starts: number[] = []
  for (let start = 0; start < file.length; start += 512)
    if (file.subarray(start, start + 16).equals(file.subarray(0, 16))) starts.push(start)
  const index = (starts[turn - 1] as number) + at
  file[index] = (file[index] as number) ^ 0x10
  writeFileSync(path, file)
}

test('a flipped bit in a turn in the journal makes that conversation’s part a gap', async () => {
  await write(FOUR, undefined, JOURNAL_BYTES)
  damageJournal(1, 32 + 16 + 2 * 40 + ENTRY_BYTES)
  const store = openStore(folder)
  expect(ranges(store, 1)).toEqual(['corrupt 1-2', 'there 3-7'])
  expect(ranges(store, 2)).toEqual(['there 1-4'])
  await store.close()
})

test('a turn missing from the journal stops the start, unless it is the last', async () => {
  await write(FOUR, undefined, JOURNAL_BYTES)
  damageJournal(2, 20)
  expect(() => openStore(folder)).toThrow('[corrupt] turn 3')
  damageJournal(2, 20)
  damageJournal(4, 20)
  const store = openStore(folder)
  expect(ranges(store, 1)).toEqual(['there 1-6'])
  await store.close()
})

test('the last turn in the journal is damaged, not torn, when one in the database follows it', async () => {
  await write(
    [...FOUR, [entries(1, 8, 8), { kind: 'trim', conversation: 2, seq: 1 }]],
    undefined,
    JOURNAL_BYTES,
  )
  damageJournal(4, 32 + 16 + 40 + 5)
  for (let opened = 0; opened < 2; opened++) {
    const store = openStore(folder)
    expect(ranges(store, 1).join()).toMatch(/corrupt 7-7,there 8-8$/)
    await store.close()
  }
})

test('a journal that is not there stops the start', async () => {
  await write(FOUR, undefined, JOURNAL_BYTES)
  rmSync(join(folder, 'relay.journal'))
  expect(() => openStore(folder)).toThrow('relay.journal is missing')
})
