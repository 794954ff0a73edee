/**
 * Tortures a relay on this machine and tells what became of the messages. Disks and networks of their own
 * need the rights of root; without them those scenarios are left out.
 *
 *   npm run torture -- [--kills 100] [--lives 20] [--seed 1]
 *                      [--scenario kills,disk,full,clock,stop,half-open]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  failingDisk,
  fullDisk,
  halfOpenLinks,
  jumpingClock,
  type ScenarioOptions,
  type ScenarioResult,
  stoppedProcesses,
} from './scenarios.ts'
import { torture } from './torture.ts'

const KILLS_TOLD = 20

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    lives: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'kills,disk,full,clock,stop,half-open' },
  },
})

function kills({ folder, seed }: ScenarioOptions): Promise<ScenarioResult> {
  return torture({
    folder,
    seed,
    kills: Number(values.kills),
    clientProcesses: 2,
    clientsPerProcess: 4,
    lifeMsMin: 30,
    lifeMsMax: 600,
    onLife: (life, startMs) => {
      if (life % KILLS_TOLD === 0) console.log(`${life} kills, last start ${startMs.toFixed(0)} ms`)
    },
  })
}

const SCENARIOS: Readonly<Record<string, (options: ScenarioOptions) => Promise<ScenarioResult>>> = {
  kills,
  disk: failingDisk,
  full: fullDisk,
  clock: jumpingClock,
  stop: stoppedProcesses,
  'half-open': halfOpenLinks,
}

function isSound(result: ScenarioResult): boolean {
  return 'skipped' in result || result.lost + result.doubled + result.outOfOrder + result.misread === 0
}

const root = mkdtempSync(join(tmpdir(), 'palaver-torture-'))
try {
  for (const name of values.scenario.split(',')) {
    const scenario = SCENARIOS[name]
    if (scenario === undefined) throw new Error(`no scenario ${name}: ${Object.keys(SCENARIOS).join(', ')}`)
    const folder = join(root, name)
    mkdirSync(folder)
    const result = await scenario({ folder, seed: Number(values.seed), lives: Number(values.lives) })
    console.log(name, JSON.stringify(result))
    if (!isSound(result)) process.exitCode = 1
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
