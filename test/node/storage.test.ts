/** One suite for both stores: what is committed is there, in order, and what is not there is told. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../src/node/store.ts'
import { MemoryStore } from '../../src/protocol/relay/memory-store.ts'
import type {
  ConversationRecord,
  ParticipantRecord,
  RelayStorage,
  SessionRecord,
  StoreWrite,
} from '../../src/protocol/relay/storage.ts'

interface OpenedStore {
  readonly storage: RelayStorage
  commit(writes: readonly StoreWrite[]): Promise<void>
  close(): Promise<void>
}

/** A store that can be opened again and again. */
type Medium = () => OpenedStore

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-storage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Full after a few commits. */
const SMALL_JOURNAL_BYTES = 64 * 1024

function memory(): Medium {
  let kept = new MemoryStore()
  return () => {
    const storage = kept.snapshot()
    kept = storage
    return { storage, commit: async (writes) => storage.commit(writes), close: async () => {} }
  }
}

const MEDIA: readonly (readonly [string, () => Medium])[] = [
  ['memory', memory],
  ['disk', () => () => openStore(folder, { journalBytes: SMALL_JOURNAL_BYTES })],
  [
    'disk that gathers at once',
    () => () => openStore(folder, { journalBytes: SMALL_JOURNAL_BYTES, recentBytes: 0 }),
  ],
  ['disk without a journal', () => () => openStore(folder, { journalBytes: 0 })],
  [
    'disk without a journal that gathers at once',
    () => () => openStore(folder, { journalBytes: 0, recentBytes: 0 }),
  ],
]

function entries(conversation: number, firstSeq: number, lastSeq: number, timeMs = 1000): StoreWrite {
  return { kind: 'entries', conversation, firstSeq, lastSeq, bytes: bytesOf(firstSeq, lastSeq), timeMs }
}

function bytesOf(firstSeq: number, lastSeq: number): Uint8Array {
  return Uint8Array.from({ length: (lastSeq - firstSeq + 1) * 3 }, (_, i) => firstSeq + Math.floor(i / 3))
}

function room(number: number, topic = ''): ConversationRecord {
  return {
    number,
    logHex: '0011223344556677',
    name: `room${number}`,
    folded: `room${number}`,
    topic,
    locked: false,
    memberLimit: 10,
    roles: [['aa', 2]],
    bans: [{ keyHex: 'bb', name: 'bob', untilMs: undefined }],
    nextAliases: [2],
    ends: [],
    checkpoint: 0,
    hasMessage: true,
  }
}

function participant(alias: number, ref = 0): ParticipantRecord {
  const [keyHex, clientHex] = [`key${alias}`, `client${alias}`]
  return { keyHex, clientHex, name: `n${alias}`, alias, ref, present: true, usedMs: 7 }
}

function session(idHex: string): SessionRecord {
  return { idHex, keyHex: 'k', clientHex: 'c', name: 'n', tokenHex: 't', previousHex: 'p', usedMs: 5 }
}

/** All entries from `seq` on, as their first bytes, and the gaps between. */
function readAll(storage: RelayStorage, conversation: number, seq = 1): (number | string)[] {
  const found: (number | string)[] = []
  for (let at = seq; ; ) {
    const piece = storage.read(conversation, at)
    if (piece === undefined) return found
    expect(piece.firstSeq).toBeLessThanOrEqual(at)
    expect(piece.lastSeq).toBeGreaterThanOrEqual(at)
    if ('reason' in piece) {
      expect(piece.firstSeq).toBe(at)
      found.push(`${piece.reason} ${piece.firstSeq}-${piece.lastSeq}`)
    } else {
      expect(piece.bytes.length).toBe((piece.lastSeq - piece.firstSeq + 1) * 3)
      for (let one = at; one <= piece.lastSeq; one++)
        found.push(piece.bytes[(one - piece.firstSeq) * 3] as number)
    }
    at = piece.lastSeq + 1
  }
}

describe.each(MEDIA)('a store on %s', (_, make) => {
  let medium: Medium
  let store: OpenedStore
  beforeEach(() => {
    medium = make()
    store = medium()
  })
  afterEach(() => store.close())

  async function reopen(): Promise<void> {
    await store.close()
    store = medium()
  }

  test('begins empty', () => {
    expect(store.storage.state).toEqual({
      directory: [],
      conversations: [],
      sessions: [],
      lastConversation: 0,
    })
    expect(store.storage.read(1, 1)).toBeUndefined()
    expect(store.storage.extent(1)).toEqual({ firstSeq: 1, headSeq: 0, bytes: 0 })
    expect(store.storage.participants(1)).toEqual([])
  })

  test('gives back entries from any position, also after it is opened again', async () => {
    await store.commit([entries(1, 1, 3), entries(2, 1, 1), entries(1, 4, 4)])
    await store.commit([entries(1, 5, 9), entries(2, 2, 2)])
    for (let round = 0; round < 3; round++) {
      expect(readAll(store.storage, 1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(readAll(store.storage, 1, 6)).toEqual([6, 7, 8, 9])
      expect(readAll(store.storage, 2)).toEqual([1, 2])
      expect(store.storage.extent(1)).toEqual({ firstSeq: 1, headSeq: 9, bytes: 27 })
      await reopen()
      if (round === 1) await store.commit([])
    }
  })

  test('keeps the head when everything is trimmed, and goes on from there', async () => {
    await store.commit([entries(1, 1, 3), entries(1, 4, 6)])
    await store.commit([{ kind: 'trim', conversation: 1, seq: 7 }])
    for (let round = 0; round < 2; round++) {
      expect(store.storage.extent(1)).toEqual({ firstSeq: 7, headSeq: 6, bytes: 0 })
      expect(readAll(store.storage, 1)).toEqual(['retention 1-6'])
      await reopen()
    }
    await store.commit([entries(1, 7, 8)])
    expect(readAll(store.storage, 1, 4)).toEqual(['retention 4-6', 7, 8])
    await store.commit([{ kind: 'trim', conversation: 1, seq: 9 }])
    await reopen()
    await store.commit([entries(1, 9, 9)])
    expect(readAll(store.storage, 1)).toEqual(['retention 1-8', 9])
    expect(store.storage.extent(1)).toEqual({ firstSeq: 9, headSeq: 9, bytes: 3 })
  })

  test('trims whole pieces that end below the position, no others', async () => {
    await store.commit([entries(1, 1, 3), entries(2, 1, 3)])
    await store.commit([entries(1, 4, 6)])
    await store.commit([entries(1, 7, 9)])
    await store.commit([{ kind: 'trim', conversation: 1, seq: 6 }])
    const { firstSeq, headSeq } = store.storage.extent(1)
    expect(firstSeq).toBeLessThanOrEqual(6)
    expect(headSeq).toBe(9)
    expect(readAll(store.storage, 1, 6)).toEqual([6, 7, 8, 9])
    expect(readAll(store.storage, 2)).toEqual([1, 2, 3])
    await reopen()
    expect(store.storage.extent(1)).toMatchObject({ firstSeq, headSeq: 9 })
    expect(readAll(store.storage, 1, 6)).toEqual([6, 7, 8, 9])
  })

  test('keeps records of every kind, the latest of each', async () => {
    const name = { kind: 'name', record: { name: 'Al', folded: 'al', keyHex: 'aa' } } as const
    const ban = {
      kind: 'ban',
      record: { name: 'm', keyHex: 'mm', untilMs: undefined, reason: 'rude' },
    } as const
    await store.commit([
      name,
      ban,
      { kind: 'ban', record: { ...ban.record, keyHex: 'nn' } },
      { kind: 'conversation', record: room(3) },
      { kind: 'conversation', record: room(5) },
      { kind: 'participants', conversation: 3, records: [participant(1), participant(2)] },
      { kind: 'session', record: session('s1') },
      { kind: 'session', record: session('s2') },
    ])
    await store.commit([
      { kind: 'unban', keyHex: 'nn' },
      { kind: 'conversation', record: room(3, 'tea') },
      { kind: 'participants', conversation: 3, records: [participant(2, 9), participant(3)] },
      { kind: 'forget_participant', conversation: 3, alias: 1 },
      { kind: 'forget_session', idHex: 's1' },
    ])
    await reopen()
    const { state } = store.storage
    expect(state.directory).toEqual([name, ban])
    expect(state.conversations).toEqual([room(3, 'tea'), room(5)])
    expect(state.sessions).toEqual([session('s2')])
    expect(state.lastConversation).toBe(5)
    expect(store.storage.participants(3)).toEqual([participant(2, 9), participant(3)])
  })

  test('forgets a conversation with all that belongs to it, but not its number', async () => {
    await store.commit([
      { kind: 'conversation', record: room(1) },
      { kind: 'conversation', record: room(2) },
      { kind: 'participants', conversation: 2, records: [participant(1)] },
      { kind: 'participants', conversation: 1, records: [participant(1)] },
      entries(1, 1, 2),
      entries(2, 1, 2),
    ])
    await store.commit([entries(2, 3, 3), { kind: 'forget_conversation', conversation: 2 }])
    for (let round = 0; round < 2; round++) {
      expect(store.storage.read(2, 1)).toBeUndefined()
      expect(store.storage.extent(2)).toEqual({ firstSeq: 1, headSeq: 0, bytes: 0 })
      expect(store.storage.participants(2)).toEqual([])
      expect(readAll(store.storage, 1)).toEqual([1, 2])
      await reopen()
    }
    expect(store.storage.state.conversations).toEqual([room(1)])
    expect(store.storage.state.lastConversation).toBe(2)
    expect(store.storage.participants(1)).toEqual([participant(1)])
  })

  test('keeps the prekeys of each identity, as they were committed last', async () => {
    const record = (keyHex: string, numbers: readonly number[]): StoreWrite => ({
      kind: 'prekeys',
      record: {
        keyHex,
        bundleHex: '0102',
        prekeys: numbers.map((number) => [number, 'ab'.repeat(32)] as const),
        lastNumber: 9,
        publishedMs: 7,
      },
    })
    const numbers = (keyHex: string): number[] | undefined =>
      store.storage.prekeys(keyHex)?.prekeys.map(([number]) => number)
    await store.commit([record('aa', [1, 2, 9]), record('bb', [4])])
    expect([numbers('aa'), numbers('bb'), numbers('cc')]).toEqual([[1, 2, 9], [4], undefined])
    const done = store.commit([record('aa', [2, 9]), { kind: 'forget_prekeys', keyHex: 'bb' }])
    if (store.storage.durable) expect(numbers('aa')).toEqual([1, 2, 9])
    await done
    for (let round = 0; round < 2; round++) {
      expect([numbers('aa'), numbers('bb')]).toEqual([[2, 9], undefined])
      expect(store.storage.prekeys('aa')).toMatchObject({ bundleHex: '0102', lastNumber: 9, publishedMs: 7 })
      await reopen()
    }
  })

  test('shows a commit only when it is done', async () => {
    await store.commit([entries(1, 1, 1)])
    const done = store.commit([entries(1, 2, 2)])
    if (store.storage.durable) expect(store.storage.extent(1).headSeq).toBe(1)
    await done
    expect(readAll(store.storage, 1)).toEqual([1, 2])
  })
})

test('a store that is closed waits for the commits that follow each other', async () => {
  const store = openStore(folder)
  const ends: number[] = []
  const next = async (seq: number): Promise<void> => {
    await store.commit([entries(1, seq, seq)])
    ends.push(seq)
    if (seq < 5) await next(seq + 1)
  }
  const all = next(1)
  await store.close()
  expect(ends).toEqual([1, 2, 3, 4, 5])
  await all
})

/** The store as a machine finds it that stopped now: what is on disk, without an end. */
function stoppedNow(from: string, to: string): void {
  mkdirSync(to)
  // The database last: what it says of the journal holds for one that is older.
  for (const name of ['relay.journal', 'relay.mdb']) copyFileSync(join(from, name), join(to, name))
}

type Action =
  | { readonly kind: 'append'; readonly conversation: number; readonly count: number }
  | { readonly kind: 'trim'; readonly conversation: number; readonly part: number }
  | { readonly kind: 'forget'; readonly conversation: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'reopen' }

const conversationIndex = fc.integer({ min: 0, max: 2 })
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      conversation: conversationIndex,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('trim' as const),
      conversation: conversationIndex,
      part: fc.double({ min: 0, max: 1.2, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('forget' as const), conversation: conversationIndex }),
  },
  { weight: 4, arbitrary: fc.constant<Action>({ kind: 'commit' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: 'reopen' }) },
)

/** What must be there: head, and from where on entries have to be kept. */
interface Modelled {
  number: number
  head: number
  keptFrom: number
}

/** Turns actions into commits; forgotten conversations go on under new numbers. */
class Model {
  readonly logs: Modelled[] = [1, 2, 3].map((number) => ({ number, head: 0, keptFrom: 1 }))
  readonly forgotten: number[] = []
  #last = 3

  writesOf(one: Action): StoreWrite[] {
    if (one.kind === 'commit' || one.kind === 'reopen') return []
    const log = this.logs[one.conversation] as Modelled
    if (one.kind === 'append') {
      log.head += one.count
      return [entries(log.number, log.head - one.count + 1, log.head)]
    }
    if (one.kind === 'trim') {
      const seq = Math.max(1, Math.floor(one.part * log.head))
      log.keptFrom = Math.max(log.keptFrom, seq)
      return [{ kind: 'trim', conversation: log.number, seq }]
    }
    this.forgotten.push(log.number)
    this.logs[one.conversation] = { number: ++this.#last, head: 0, keptFrom: 1 }
    return [{ kind: 'forget_conversation', conversation: log.number }]
  }

  check(storage: RelayStorage): void {
    for (const { number, head, keptFrom } of this.logs) {
      const extent = storage.extent(number)
      expect(extent.headSeq).toBe(head)
      expect(extent.firstSeq).toBeLessThanOrEqual(Math.min(keptFrom, head + 1))
      const found = readAll(storage, number)
      const kept = Array.from({ length: head - extent.firstSeq + 1 }, (_, i) => (extent.firstSeq + i) & 0xff)
      const gap = extent.firstSeq > 1 ? [`retention 1-${extent.firstSeq - 1}`] : []
      expect(found).toEqual([...gap, ...kept])
      expect(extent.bytes).toBe(kept.length * 3)
    }
    for (const number of this.forgotten) expect(storage.read(number, 1)).toBeUndefined()
  }
}

test.each(MEDIA)('on %s any sequence of writes and openings leaves what a model says', async (_, make) => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      rmSync(folder, { recursive: true, force: true })
      const medium = make()
      let store = medium()
      const model = new Model()
      let writes: StoreWrite[] = []
      const commit = async (): Promise<void> => {
        await store.commit(writes)
        writes = []
        model.check(store.storage)
      }
      for (const one of actions) {
        writes.push(...model.writesOf(one))
        if (one.kind === 'commit' || one.kind === 'reopen') await commit()
        if (one.kind !== 'reopen') continue
        await store.close()
        store = medium()
        model.check(store.storage)
      }
      await commit()
      await store.close()
    }),
    { numRuns: 12 },
  )
})

test.each([0, 2000, undefined])(
  'where the machine stops at any instant, what was committed is there (recent bytes: %s)',
  async (recentBytes) => {
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        let place = join(folder, `${++round}`)
        const options = {
          journalBytes: SMALL_JOURNAL_BYTES,
          ...(recentBytes === undefined ? {} : { recentBytes }),
        }
        let store = openStore(place, options)
        const model = new Model()
        let writes: StoreWrite[] = []
        for (const one of actions) {
          writes.push(...model.writesOf(one))
          if (one.kind !== 'commit' && one.kind !== 'reopen') continue
          await store.commit(writes)
          writes = []
          if (one.kind !== 'reopen') continue
          const next = join(folder, `${++round}`)
          stoppedNow(place, next)
          await store.close()
          place = next
          store = openStore(place, options)
          model.check(store.storage)
        }
        await store.close()
      }),
      { numRuns: 12 },
    )
  },
)

test('a small journal goes round, and full it makes nobody wait for ever', async () => {
  let store = openStore(folder, { journalBytes: SMALL_JOURNAL_BYTES })
  const page = (seq: number): StoreWrite => {
    const bytes = new Uint8Array(seq % 40 === 0 ? 30_000 : 1500).fill(seq)
    return {
      kind: 'entries',
      conversation: 1 + (seq & 1),
      firstSeq: (seq >> 1) + 1,
      lastSeq: (seq >> 1) + 1,
      bytes,
      timeMs: seq,
    }
  }
  for (let seq = 0; seq < 400; seq++) await store.commit([page(seq)])
  for (let opened = 0; opened < 2; opened++) {
    for (const conversation of [1, 2]) {
      expect(store.storage.extent(conversation)).toMatchObject({ firstSeq: 1, headSeq: 200 })
      for (let seq = 1; seq <= 200; ) {
        const found = store.storage.read(conversation, seq)
        expect(found).toMatchObject({ firstSeq: seq })
        if (found === undefined || 'reason' in found) break
        expect(found.bytes[0]).toBe(((seq - 1) * 2 + conversation - 1) & 0xff)
        seq = found.lastSeq + 1
      }
    }
    await store.close()
    store = openStore(folder)
  }
  await store.close()
})

test('a store that had no journal gets one, and goes on with what it holds', async () => {
  const before = openStore(folder, { journalBytes: 0 })
  for (let seq = 1; seq <= 3; seq++) await before.commit([entries(1, seq, seq)])
  await before.close()
  for (let opened = 0; opened < 3; opened++) {
    const store = openStore(folder)
    expect(readAll(store.storage, 1)).toEqual([1, 2, 3, 4, 5].slice(0, 3 + opened))
    await store.commit([entries(1, 4 + opened, 4 + opened)])
    await store.close()
  }
})
