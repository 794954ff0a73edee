/** Which case runs which block of the machines: only those can notice a change there. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { loadModules } from './modules.ts'
import { CASES, playTrial } from './trials.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** What the answer depends on. */
const FOLDERS = ['src', 'test/conformance'] as const

/** What plays of all cases against sound machines told. */
export interface Reach {
  /** The places of the cases in the list of all, by block. */
  readonly cases: ReadonlyMap<string, readonly number[]>
  /** What each case of that list takes, in milliseconds. */
  readonly costs: readonly number[]
}

type Stored = readonly [cases: [string, number[]][], costs: number[]]

/** Plays every case once against sound machines, or takes what was found when nothing has changed since. */
export async function reachOf(): Promise<Reach> {
  const path = join(tmpdir(), 'palaver-mutants', `${hashOfSources()}.json`)
  try {
    const [cases, costs] = JSON.parse(readFileSync(path, 'utf8')) as Stored
    return { cases: new Map(cases), costs }
  } catch {
    const found = await measure()
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, JSON.stringify([[...found.cases], found.costs]))
    return found
  }
}

async function measure(): Promise<Reach> {
  const costs: number[] = []
  const reach = new Map<string, number[]>()
  let at = 0
  const modules = loadModules(new Map(), (block) => {
    const cases = reach.get(block)
    if (!cases) reach.set(block, [at])
    else if (cases.at(-1) !== at) cases.push(at)
  })
  for (const [index, trial] of CASES.entries()) {
    at = index
    const began = performance.now()
    const result = await playTrial(modules, trial)
    if (result.outcome === 'failed')
      throw new Error(`${trial.played.id} fails without a fault at "${result.step}": ${result.detail}`)
    costs.push(Math.round(performance.now() - began))
  }
  return { cases: reach, costs }
}

function hashOfSources(): string {
  const hash = createHash('sha256')
  for (const folder of FOLDERS)
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(ROOT, folder, name)))
  return hash.digest('hex').slice(0, 16)
}
