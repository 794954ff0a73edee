/** What was acknowledged is in the journal whenever the machine stops, and what is needed stays. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { equalBytes } from '../../src/base/bytes.ts'
import { type SoundRecord, turnBytes, writeTurn } from '../../src/node/log-format.ts'
import { createJournal, JOURNAL_BLOCK_BYTES, readJournal, TurnJournal } from '../../src/node/turn-journal.ts'

const ID = new Uint8Array(16).fill(0xa7)
const FILE_BYTES = 16 * JOURNAL_BLOCK_BYTES

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-journal-'))
  path = join(folder, 'journal')
  createJournal(path, FILE_BYTES)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function recordOf(turn: number, byteCount: number): SoundRecord {
  const bytes = new Uint8Array(byteCount).fill(turn)
  return { kind: 0, conversation: turn, firstSeq: 1, lastSeq: 2, timeMs: 3, bytes }
}

async function append(journal: TurnJournal, turn: number, byteCount: number): Promise<void> {
  const records = [recordOf(turn, byteCount)]
  await journal.append(turn, turnBytes(1, byteCount), (into) => writeTurn(into, turn, records))
}

function turnsIn(file: Uint8Array, firstTurn = 1): number[] {
  return readJournal(file, ID, firstTurn).turns.map(({ turn }) => turn)
}

/** The file before and after its last turn, which lies over one that is needed no longer. */
async function beforeAndAfter(): Promise<
  [before: Uint8Array, after: Uint8Array, start: number, end: number]
> {
  const journal = new TurnJournal(path, ID)
  journal.replay(1)
  for (let turn = 1; turn <= 5; turn++) await append(journal, turn, 900)
  journal.release(4)
  const before = Uint8Array.from(readFileSync(path))
  await append(journal, 6, 900)
  await journal.close()
  const after = Uint8Array.from(readFileSync(path))
  const written = readJournal(after, ID, 6).turns[0]
  expect(turnsIn(before, 4)).toEqual([4, 5])
  return [before, after, written?.start ?? -1, written?.end ?? -1]
}

test('a last write that is cut at any byte leaves the turns before it, and counts when whole', async () => {
  const [before, after, start, end] = await beforeAndAfter()
  const length = 32 + turnBytes(1, 900)
  for (let cut = start; cut <= end; cut++) {
    const file = Uint8Array.from(before)
    file.set(after.subarray(start, cut), start)
    const isWhole = equalBytes(file.subarray(start, start + length), after.subarray(start, start + length))
    expect(turnsIn(file, 4)).toEqual(isWhole ? [4, 5, 6] : [4, 5])
  }
})

test('a last write whose sectors arrived in any order counts when all are there', async () => {
  const [before, after, start, end] = await beforeAndAfter()
  const sectors = (end - start) / JOURNAL_BLOCK_BYTES
  expect(sectors).toBe(3)
  for (let set = 0; set < 1 << sectors; set++) {
    const file = Uint8Array.from(before)
    for (let sector = 0; sector < sectors; sector++) {
      const from = start + sector * JOURNAL_BLOCK_BYTES
      if (set & (1 << sector)) file.set(after.subarray(from, from + JOURNAL_BLOCK_BYTES), from)
    }
    expect(turnsIn(file, 4)).toEqual(set === 7 ? [4, 5, 6] : [4, 5])
  }
})

test('a torn turn is gone for good, and the next one takes its number and its place', async () => {
  const [before, after, start] = await beforeAndAfter()
  const torn = Uint8Array.from(before)
  torn.set(after.subarray(start, start + 600), start)
  writeFileSync(path, torn)
  const journal = new TurnJournal(path, ID)
  expect(journal.replay(4).map(({ turn }) => turn)).toEqual([4, 5])
  expect(readJournal(readFileSync(path), ID, 4).torn).toBeUndefined()
  await append(journal, 6, 100)
  await journal.close()
  expect(turnsIn(readFileSync(path), 4)).toEqual([4, 5, 6])
})

test('records of another journal, or made by somebody who does not know the secret, are none', async () => {
  const [, after] = await beforeAndAfter()
  expect(readJournal(after, new Uint8Array(16).fill(0xa6), 1)).toEqual({ turns: [], torn: undefined })
})

test('any bytes are read without a fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(1200), (bytes, at) => {
      const file = new Uint8Array(4096)
      file.set(ID)
      file.set(bytes.subarray(0, file.length - at), at)
      expect(readJournal(file, ID, 1).turns).toEqual([])
    }),
  )
})

type Step =
  | { readonly kind: 'append'; readonly bytes: number }
  | { readonly kind: 'release'; readonly count: number }
  | { readonly kind: 'reopen' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.integer({ min: 1, max: 2200 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('release' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
)

test('whatever is written, released and opened again, the turns that are needed are there', async () => {
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      writeFileSync(path, new Uint8Array(FILE_BYTES))
      let journal = new TurnJournal(path, ID)
      journal.replay(1)
      let [firstTurn, lastTurn] = [1, 0]
      for (const one of steps) {
        if (one.kind === 'append') {
          if (journal.hasRoomFor(turnBytes(1, one.bytes))) await append(journal, ++lastTurn, one.bytes)
          else refusals += 1
        } else if (one.kind === 'release') {
          firstTurn = Math.min(lastTurn + 1, firstTurn + one.count)
          journal.release(firstTurn)
          if (firstTurn > lastTurn) expect(journal.fill).toBe(0)
        } else {
          await journal.close()
          journal = new TurnJournal(path, ID)
          journal.replay(firstTurn)
        }
        const needed = Array.from({ length: lastTurn - firstTurn + 1 }, (_, i) => firstTurn + i)
        expect(turnsIn(readFileSync(path), firstTurn)).toEqual(needed)
        expect(journal.fill > 0).toBe(needed.length > 0)
      }
      await journal.close()
    }),
    { numRuns: 60 },
  )
  expect(refusals).toBeGreaterThan(10)
})
