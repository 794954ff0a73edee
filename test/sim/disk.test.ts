import { expect, test } from 'vitest'
import { type Instant, NEVER } from '../../src/base/index.ts'
import type { StoreWrite } from '../../src/protocol/relay/storage.ts'
import { SimDisk, SOUND_DISK } from '../../src/sim/index.ts'

const at = (ms: number): Instant => ms as Instant

function entry(seq: number): StoreWrite {
  const bytes = Uint8Array.of(seq)
  // So far apart that each stays a piece of its own.
  return { kind: 'entries', conversation: 1, firstSeq: seq, lastSeq: seq, bytes, timeMs: seq * 10_000 }
}

test('a commit is read when it is done, not before', () => {
  const disk = new SimDisk(1, { ...SOUND_DISK, commitMs: 5 })
  expect(disk.pollTimeout()).toBe(NEVER)
  disk.begin([entry(1)], at(10))
  expect(disk.pollTimeout()).toBe(15)
  expect(disk.poll(at(14))).toBeUndefined()
  expect(disk.read(1, 1)).toBeUndefined()
  expect(() => disk.begin([], at(14))).toThrow('under way')
  expect(disk.poll(at(15))).toBe('committed')
  expect(disk.read(1, 1)).toMatchObject({ firstSeq: 1, lastSeq: 1 })
  expect(disk.poll(at(16))).toBeUndefined()
})

test('a crash leaves the commit under way whole or not at all, both of which happen', () => {
  const heads = new Set<number>()
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk(seed, { ...SOUND_DISK, commitMs: 5 })
    disk.begin([entry(1)], at(0))
    disk.poll(at(5))
    disk.begin([entry(2), entry(3)], at(5))
    disk.crash()
    heads.add(disk.extent(1).headSeq)
    expect(disk.poll(at(100))).toBeUndefined()
  }
  expect(heads).toEqual(new Set([1, 3]))
})

test('a failed commit may be there or not', () => {
  const heads = new Set<number>()
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk(seed, { ...SOUND_DISK, failure: 1 })
    disk.begin([entry(1), entry(2)], at(0))
    expect(disk.poll(at(0))).toBe('failed')
    heads.add(disk.extent(1).headSeq)
  }
  expect(heads).toEqual(new Set([0, 2]))
})

test('a damaged piece is a gap, its neighbours are not', () => {
  const disk = new SimDisk(1)
  for (let seq = 1; seq <= 3; seq++) {
    disk.begin([entry(seq)], at(seq))
    disk.poll(at(seq))
  }
  expect(disk.damage(1, 2)).toBe(true)
  expect(disk.damage(1, 4)).toBe(false)
  expect(disk.read(1, 2)).toEqual({ firstSeq: 2, lastSeq: 2, reason: 'corrupt' })
  expect(disk.read(1, 1)).toMatchObject({ bytes: Uint8Array.of(1) })
  expect(disk.read(1, 3)).toMatchObject({ bytes: Uint8Array.of(3) })
  expect(disk.extent(1).headSeq).toBe(3)
})

test('the same seed takes the same time, another one another', () => {
  const times = (seed: number) => {
    const disk = new SimDisk(seed, { ...SOUND_DISK, jitterMs: 10, stall: 0.3, stallMs: 100 })
    return Array.from({ length: 10 }, (_, i) => {
      disk.begin([], at(0))
      const due = disk.pollTimeout()
      disk.crash()
      return [i, due]
    })
  }
  expect(times(1)).toEqual(times(1))
  expect(times(1)).not.toEqual(times(2))
})
