/** The client's journal: what was kept is there again, whatever happened to the file's end. */
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ClientStore, openClientStore } from '../../src/node/client-store.ts'
import type { ClientRecord } from '../../src/protocol/index.ts'

const PLACE: ClientRecord = {
  kind: 'place',
  place: 1,
  number: 7,
  log: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  conversationKind: 0,
  name: 'lobby',
  peer: new Uint8Array(0),
  applied: 3,
}

function message(id: string, byteCount = 5): ClientRecord {
  return { kind: 'message', place: 1, id, contentKind: 0, body: new Uint8Array(byteCount).fill(0xff) }
}

describe('the journal of a client', () => {
  let folder: string
  let path: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palaver-journal-'))
    path = join(folder, 'clients', 'one.journal')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const open = (): ClientStore => openClientStore(path) as ClientStore

  function keep(records: readonly ClientRecord[]): void {
    const store = open()
    for (const record of records) store.keeping.apply(record)
    store.append(records)
    store.close()
  }

  function outbox(): string[] {
    const store = open()
    const ids = [...store.keeping.places.values()].flatMap((place) => [...place.outbox.keys()])
    store.close()
    return ids
  }

  test('gives back what was kept, bytes and all', () => {
    keep([
      PLACE,
      message('a'),
      { kind: 'ref', place: 1, id: 'a', ref: 9 },
      { kind: 'applied', place: 1, seq: 5 },
    ])
    const store = open()
    expect([store.isNew, store.damage]).toEqual([false, undefined])
    const place = store.keeping.places.get(1)
    expect([place?.number, place?.name, place?.applied]).toEqual([7, 'lobby', 5])
    expect(place?.log).toEqual(PLACE.kind === 'place' ? PLACE.log : undefined)
    const waiting = { id: 'a', contentKind: 0, body: new Uint8Array(5).fill(0xff), ref: 9 }
    expect([...(place?.outbox.values() ?? [])]).toEqual([waiting])
    store.close()
  })

  //= PAL-SEC-004
  test('is readable by its owner only', () => {
    keep([PLACE])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('belongs to one process at a time', () => {
    const store = open()
    expect(openClientStore(path)).toBeUndefined()
    store.close()
    // A process that was killed leaves its mark behind.
    writeFileSync(`${path}.owner`, '999999999 1')
    const next = openClientStore(path)
    expect(next).toBeDefined()
    next?.close()
  })

  test('that was cut anywhere holds what was whole', () => {
    keep([PLACE, message('a'), message('b'), message('c')])
    const whole = readFileSync(path)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
        writeFileSync(path, whole)
        truncateSync(path, length)
        const lines = whole.subarray(0, length).filter((byte) => byte === 0x0a).length
        expect(outbox()).toEqual(['a', 'b', 'c'].slice(0, Math.max(0, lines - 1)))
        // What is kept next is not lost behind the torn line.
        if (lines > 0) {
          keep([message('next')])
          expect(outbox().at(-1)).toBe('next')
        }
      }),
      { numRuns: 40 },
    )
  })

  test('that is damaged within says so, keeps what came before, and puts the rest aside', () => {
    keep([PLACE, message('a'), message('b'), message('c')])
    const bytes = readFileSync(path)
    const at = bytes.indexOf('"b"')
    bytes[at + 1] = (bytes[at + 1] as number) ^ 1
    writeFileSync(path, bytes)
    const store = open()
    expect(store.damage).toContain('damaged')
    expect([...(store.keeping.places.get(1)?.outbox.keys() ?? [])]).toEqual(['a'])
    store.append([message('d')])
    store.close()
    expect(outbox()).toEqual(['a', 'd'])
    expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('"c"')
  })

  test('stays small however much goes through it', () => {
    const store = open()
    store.keeping.apply(PLACE)
    store.append([PLACE])
    let largest = 0
    for (let i = 0; i < 400; i++) {
      const sent: ClientRecord = { kind: 'sent', place: 1, id: `m${i}`, seq: i + 1, timeMs: 5 }
      for (const record of [message(`m${i}`, 4000), sent]) {
        store.keeping.apply(record)
        store.append([record])
      }
      largest = Math.max(largest, statSync(path).size)
    }
    store.close()
    expect(largest).toBeLessThan(600_000)
    appendFileSync(path, '')
    expect(outbox()).toEqual([])
    const again = open()
    expect(again.keeping.places.get(1)?.done.get('m399')).toEqual({ seq: 400, timeMs: 5 })
    again.close()
  })
})
