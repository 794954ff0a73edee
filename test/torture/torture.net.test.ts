/** A short torture: `npm run torture` is the long one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failingDisk, type ScenarioResult } from './scenarios.ts'
import { torture } from './torture.ts'

const TIMEOUT_MS = 180_000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-torture-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function expectSound(result: ScenarioResult): void {
  if ('skipped' in result) return
  expect(result).toMatchObject({ lost: 0, doubled: 0, outOfOrder: 0, misread: 0 })
  expect(result.acknowledged).toBeGreaterThan(0)
}

//= PAL-ROM-038
//= PAL-ROM-045
test(
  'a relay that is killed under load loses, doubles and reorders nothing that it acknowledged',
  async () => {
    const load = { clientProcesses: 2, clientsPerProcess: 2, lifeMsMin: 30, lifeMsMax: 500 }
    expectSound(await torture({ folder, seed: 3, kills: 4, ...load }))
  },
  TIMEOUT_MS,
)

//= PAL-ROM-060
test(
  'a relay whose disk fails acknowledges nothing that is not there when it starts again',
  async () => {
    expectSound(await failingDisk({ folder, seed: 5, lives: 2 }))
  },
  TIMEOUT_MS,
)
