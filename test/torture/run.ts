/**
 * Tortures a relay on this machine and tells what became of the messages.
 *
 *   npm run torture -- --kills 1000 [--seed 1]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { torture } from './torture.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
})
const folder = mkdtempSync(join(tmpdir(), 'palaver-torture-'))
try {
  const result = await torture({
    folder,
    seed: Number(values.seed),
    kills: Number(values.kills),
    clientProcesses: 2,
    clientsPerProcess: 4,
    lifeMsMin: 30,
    lifeMsMax: 600,
    onLife: (life, startMs) => {
      if (life % 20 === 0) console.log(`${life} kills, last start ${startMs.toFixed(0)} ms`)
    },
  })
  console.log(JSON.stringify(result))
  process.exitCode = result.lost + result.doubled + result.outOfOrder + result.misread === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
