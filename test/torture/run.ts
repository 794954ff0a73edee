/**
 * Tortures a relay on this machine and tells what became of the messages. Disks and networks of their own
 * need the rights of root; without them those scenarios are left out.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failOn, readOptions, wholeNumber } from '../../tools/options.ts'
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

const USAGE = `npm run torture -- [--kills 100] [--lives 20] [--seed 1] [--scenario NAMES]

  --kills     how often the relay is killed in the scenario kills
  --lives     how often it lives in the others
  --seed      of everything that is left to chance
  --scenario  kills, disk, full, clock, stop and half-open, or some of them with commas`
const values = readOptions(USAGE, {
  kills: { type: 'string', default: '100' },
  lives: { type: 'string', default: '20' },
  seed: { type: 'string', default: '1' },
  scenario: { type: 'string', default: 'kills,disk,full,clock,stop,half-open' },
})
const killCount = wholeNumber(values.kills, 'kills', 1)
const lives = wholeNumber(values.lives, 'lives', 1)
const seed = wholeNumber(values.seed, 'seed')
const names = values.scenario.split(',')

function kills({ folder }: ScenarioOptions): Promise<ScenarioResult> {
  return torture({
    folder,
    seed,
    kills: killCount,
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

const unknown = names.find((name) => SCENARIOS[name] === undefined)
if (unknown !== undefined) failOn(`there is no scenario ${unknown}`, USAGE)

const root = mkdtempSync(join(tmpdir(), 'palaver-torture-'))
try {
  for (const name of names) {
    const scenario = SCENARIOS[name] as (options: ScenarioOptions) => Promise<ScenarioResult>
    const folder = join(root, name)
    mkdirSync(folder)
    const result = await scenario({ folder, seed, lives })
    console.log(name, JSON.stringify(result))
    if (!isSound(result)) process.exitCode = 1
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
