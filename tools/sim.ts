/**
 * Simulated chats: npm run sim -- --seeds N [--from SEED] [--planted NAME]. Stops at the first seed whose
 * checks fail, and says how to run it again and which faults it needs.
 */
import {
  Breach,
  ChatWorld,
  FAULTS,
  type Fault,
  PARTS,
  type Part,
  PLANTED,
  type Planted,
  planOf,
} from '../src/sim/index.ts'
import { failOn, readOptions, wholeNumber } from './options.ts'

const USAGE = `npm run sim -- [--seeds 200] [--from 1] [--planted NAME]

  --seeds    how many simulated chats
  --from     the first seed
  --planted  a mistake that the checks must find: ${PLANTED.join(', ')}`
const values = readOptions(USAGE, {
  seeds: { type: 'string', default: '200' },
  from: { type: 'string', default: '1' },
  planted: { type: 'string' },
})
const planted = values.planted as Planted | undefined
if (planted && !PLANTED.includes(planted)) failOn(`there is no planted mistake ${planted}`, USAGE)

const from = wholeNumber(values.from, 'from')
const count = wholeNumber(values.seeds, 'seeds', 1)
const faults = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>
let messages = 0
let virtualMs = 0
const startedAt = performance.now()
for (let seed = from; seed < from + count; seed++) {
  const problem = problemOf(seed)
  if (problem !== undefined) fail(seed, problem)
  if (process.stderr.isTTY && seed % 50 === 0) process.stderr.write(`\r${seed - from} seeds`)
}
const seconds = (performance.now() - startedAt) / 1000
const speed = Math.round(virtualMs / 1000 / seconds)
const simulated = `${Math.round(virtualMs / 1000)} s simulated in ${seconds.toFixed(1)} s (${speed}x)`
console.log(`${count} seeds, ${messages} entries, ${simulated}`)
console.log(FAULTS.map((fault) => `${fault} ${faults[fault]}`).join(', '))

/** Runs a seed; what does not hold, or undefined. */
function problemOf(seed: number, without: ReadonlySet<Part> = new Set()): string | undefined {
  try {
    const result = new ChatWorld(planOf(seed, without), planted).run()
    messages += result.messages
    virtualMs += result.virtualMs
    for (const fault of FAULTS) faults[fault] += result.faults[fault]
    return undefined
  } catch (error) {
    if (error instanceof Breach) return error.message
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** Leaves out every fault that the failure does not need, and says what is left. */
function fail(seed: number, problem: string): never {
  const without = new Set<Part>()
  for (const fault of PARTS) {
    without.add(fault)
    if (problemOf(seed, without) === undefined) without.delete(fault)
  }
  const needed = PARTS.filter((fault) => !without.has(fault))
  console.error(`seed ${seed}: ${problem}`)
  console.error(`it needs: ${needed.join(', ') || 'no fault at all'}`)
  console.error(`again: npm run sim -- --from ${seed} --seeds 1${planted ? ` --planted ${planted}` : ''}`)
  process.exit(1)
}
