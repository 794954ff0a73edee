/** What a client gives the relay to keep, and when. */
import { expect, test } from 'vitest'
import type { SealingOutput } from '../../src/crypto/client/outputs.ts'
import { Sealing } from '../../src/crypto/client/sealing.ts'
import { applyChanges } from '../../src/crypto/journal.ts'
import { newIdentity } from './people.ts'
import { provider } from './providers.ts'

const DAY_MS = 86_400_000
const p = provider('node')
const own = newIdentity(p)

type Published = SealingOutput & { kind: 'publish' }

class Owner {
  readonly records = new Map<string, Uint8Array>()
  sealing = this.#started()
  now = 1_000_000

  #started(): Sealing {
    const records = new Map(this.records)
    const accountKey = new Uint8Array(32).fill(1)
    return new Sealing(p, { own, mode: 'prefer', records, accountKey, relayKey: new Uint8Array(32) })
  }

  restart(): void {
    this.sealing = this.#started()
  }

  published(act: (sealing: Sealing, now: number) => void): Published[] {
    act(this.sealing, this.now)
    const all: Published[] = []
    for (;;) {
      const save = this.sealing.takeSave()
      if (save) {
        applyChanges(this.records, save.changes)
        this.sealing.handleSaved(save.version)
      }
      const output = this.sealing.pollOutput()
      if (output?.kind === 'publish') all.push(output)
      if (!output && !save) return all
    }
  }
}

//= PAL-SDC-025, PAL-SDC-027
test('all prekeys are made anew until the relay is known to have them, and then no more', () => {
  const owner = new Owner()
  for (let round = 0; round < 2; round++) {
    const [first] = owner.published((sealing, now) => sealing.connected(now))
    expect(first).toMatchObject({ replaces: true })
    expect(first?.prekeys).toHaveLength(100)
    // The answer was lost with the program.
    owner.restart()
  }
  owner.published((sealing, now) => sealing.connected(now))
  expect(owner.published((sealing, now) => sealing.handleStock(100, now))).toEqual([])
  owner.restart()
  const again = owner.published((sealing, now) => sealing.connected(now))
  expect(again).toMatchObject([{ replaces: false, prekeys: [] }])
})

//= PAL-SDC-026
test('a low stock is filled up with numbers above all before', () => {
  const owner = new Owner()
  const [first] = owner.published((sealing, now) => sealing.connected(now))
  expect(owner.published((sealing, now) => sealing.handleStock(20, now))).toEqual([])
  owner.restart()
  const [more] = owner.published((sealing, now) => sealing.handleStock(19, now))
  expect(more).toMatchObject({ replaces: false })
  expect(more?.prekeys).toHaveLength(81)
  const numbers = [...first!.prekeys, ...more!.prekeys].map(({ id }) => id)
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
})

//= PAL-SDC-012
//= PAL-SDC-025
test('a signed prekey is renewed in time, while the program runs', () => {
  const owner = new Owner()
  const [first] = owner.published((sealing, now) => sealing.connected(now))
  owner.published((sealing, now) => sealing.handleStock(100, now))
  owner.now += 7 * DAY_MS - 1
  expect(owner.published((sealing, now) => sealing.handleTime(now))).toEqual([])
  owner.now += 1
  const [renewed] = owner.published((sealing, now) => sealing.handleTime(now))
  expect(renewed).toMatchObject({ replaces: false, prekeys: [] })
  expect(renewed?.bundle).not.toEqual(first?.bundle)
})
