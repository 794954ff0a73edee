/** A log in memory: pieces join while nobody has seen them, and what was handed out stays as it was. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryLog } from '../../src/protocol/relay/memory-log.ts'
import type { LogPage } from '../../src/protocol/relay/storage.ts'

type Step =
  | { readonly kind: 'append'; readonly entries: number; readonly bytes: number; readonly laterMs: number }
  | { readonly kind: 'read' | 'trim'; readonly at: number }
  | { readonly kind: 'copy' }

const at = fc.nat({ max: 99 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: appendStep() },
  fc.record({ kind: fc.constant('read' as const), at }),
  fc.record({ kind: fc.constant('trim' as const), at }),
  fc.constant({ kind: 'copy' as const }),
)

function appendStep(): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constant('append' as const),
    entries: fc.integer({ min: 1, max: 3 }),
    // Bytes of an entry; none stands for damage.
    bytes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(3000), fc.constant(5000)),
    laterMs: fc.constantFrom(0, 1, 600, 5000),
  })
}

/** What each entry's bytes are filled with. */
function entryBytes(seq: number, bytes: number): number[] {
  return new Array<number>(bytes).fill(seq % 256)
}

function pageOf(firstSeq: number, entries: number, bytes: number, timeMs: number): LogPage {
  const all = Array.from({ length: entries }, (_, i) => entryBytes(firstSeq + i, bytes)).flat()
  return { firstSeq, lastSeq: firstSeq + entries - 1, bytes: Uint8Array.from(all), timeMs }
}

test('any steps leave every entry with its bytes, and no page changes that was handed out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const sizes: number[] = []
      const handedOut: { readonly page: LogPage; readonly as: string }[] = []
      let log = new MemoryLog()
      let firstSeq = 1
      let timeMs = 0
      const look = (seq: number): void => {
        const page = log.read(seq)
        if (seq > sizes.length) return expect(page).toBeUndefined()
        if (page === undefined || 'reason' in page) return expect(seq).toBeLessThan(firstSeq)
        expect(page.firstSeq <= seq && seq <= page.lastSeq).toBe(true)
        const wanted = sizes.slice(page.firstSeq - 1, page.lastSeq)
        const all = wanted.flatMap((bytes, i) => entryBytes(page.firstSeq + i, bytes))
        expect([...page.bytes]).toEqual(all)
        handedOut.push({ page, as: JSON.stringify(page) })
      }
      for (const one of steps) {
        const seq = 'at' in one ? 1 + (one.at % (sizes.length + 1)) : 0
        if (one.kind === 'append') {
          timeMs += one.laterMs
          log.append(pageOf(sizes.length + 1, one.entries, one.bytes, timeMs))
          for (let i = 0; i < one.entries; i++) sizes.push(one.bytes)
        } else if (one.kind === 'read') look(seq)
        else if (one.kind === 'trim') {
          log.trim(seq)
          firstSeq = log.extent.firstSeq
          expect(firstSeq).toBeLessThanOrEqual(Math.max(seq, 1 + sizes.length))
        } else {
          const other = log.copy()
          log.append(pageOf(sizes.length + 1, 1, 20, timeMs))
          log = other
        }
        const kept = sizes.slice(log.extent.firstSeq - 1).reduce((sum, bytes) => sum + bytes, 0)
        expect(log.extent).toEqual({ firstSeq: log.extent.firstSeq, headSeq: sizes.length, bytes: kept })
      }
      for (let seq = 1; seq <= sizes.length; seq++) look(seq)
      for (const { page, as } of handedOut) expect(JSON.stringify(page)).toBe(as)
    }),
  )
})

test('many small pieces become few, unless they are far apart in time', () => {
  const pieces = (gapMs: number): number => {
    const log = new MemoryLog()
    for (let seq = 1; seq <= 1000; seq++) log.append(pageOf(seq, 1, 40, seq * gapMs))
    let count = 0
    for (let seq = 1; seq <= 1000; count++) seq = (log.read(seq) as LogPage).lastSeq + 1
    return count
  }
  expect(pieces(1)).toBe(10)
  expect(pieces(2000)).toBe(1000)
})
