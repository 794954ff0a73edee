/**
 * Simulated chats: npm run sim -- --seeds N [--from SEED] [--planted NAME] [--jobs N]. Stops when the checks
 * of a seed fail, and says how to run it again and which faults it needs.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
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

const USAGE = `npm run sim -- [--seeds 200] [--from 1] [--planted NAME] [--jobs N]

  --seeds    how many simulated chats
  --from     the first seed
  --planted  a mistake that the checks must find: ${PLANTED.join(', ')}
  --jobs     how many processes run them; one for each core unless said`

/** Seeds that a process runs before it asks for more. */
const BATCH = 5

interface Batch {
  readonly from: number
  readonly count: number
  readonly planted: Planted | undefined
}

/** What came of some seeds; what is said of the first whose checks fail. */
interface Outcome {
  readonly faults: Record<Fault, number>
  messages: number
  virtualMs: number
  failure?: string
}

const newOutcome = (): Outcome => ({
  faults: Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>,
  messages: 0,
  virtualMs: 0,
})

function add(outcome: Outcome, { faults, messages, virtualMs }: Omit<Outcome, 'failure'>): void {
  outcome.messages += messages
  outcome.virtualMs += virtualMs
  for (const fault of FAULTS) outcome.faults[fault] += faults[fault]
}

function runBatch({ from, count, planted }: Batch): Outcome {
  const outcome = newOutcome()
  for (let seed = from; seed < from + count; seed++) {
    const problem = problemOf(seed, planted, (result) => add(outcome, result))
    if (problem !== undefined) return { ...outcome, failure: explain(seed, planted, problem) }
  }
  return outcome
}

/** Runs a seed; what does not hold, or undefined. */
function problemOf(
  seed: number,
  planted: Planted | undefined,
  onEnd: (result: Omit<Outcome, 'failure'>) => void = () => {},
  without: ReadonlySet<Part> = new Set(),
): string | undefined {
  try {
    onEnd(new ChatWorld(planOf(seed, without), planted).run())
    return undefined
  } catch (error) {
    if (error instanceof Breach) return error.message
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** Leaves out every fault that the failure does not need, and says what is left. */
function explain(seed: number, planted: Planted | undefined, problem: string): string {
  const without = new Set<Part>()
  for (const fault of PARTS) {
    without.add(fault)
    if (problemOf(seed, planted, undefined, without) === undefined) without.delete(fault)
  }
  const needed = PARTS.filter((fault) => !without.has(fault))
  const again = `npm run sim -- --from ${seed} --seeds 1${planted ? ` --planted ${planted}` : ''}`
  return `seed ${seed}: ${problem}\nit needs: ${needed.join(', ') || 'no fault at all'}\nagain: ${again}`
}

/** Runs the batches over some processes. Ends the program at the first failure, and when a process dies. */
async function runAll(batches: Batch[], jobs: number, onOutcome: (outcome: Outcome) => void): Promise<void> {
  const runOne = (): Promise<void> =>
    new Promise((resolve) => {
      const child = fork(import.meta.filename, ['--child'], { execArgv: ['--import', 'tsx'] })
      const next = (): void => {
        const batch = batches.shift()
        if (batch) child.send(batch)
        else child.disconnect()
      }
      child.on('message', (outcome: Outcome) => {
        onOutcome(outcome)
        if (outcome.failure === undefined) return next()
        console.error(outcome.failure)
        process.exit(1)
      })
      child.on('exit', (code, signal) => {
        if (code === 0) return resolve()
        console.error(`a process that simulates ended with ${code ?? signal}`)
        process.exit(1)
      })
      next()
    })
  await Promise.all(Array.from({ length: Math.min(jobs, batches.length) }, runOne))
}

async function main(): Promise<void> {
  const values = readOptions(USAGE, {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    planted: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  })
  const planted = values.planted as Planted | undefined
  if (planted && !PLANTED.includes(planted)) failOn(`there is no planted mistake ${planted}`, USAGE)
  const from = wholeNumber(values.from, 'from')
  const count = wholeNumber(values.seeds, 'seeds', 1)
  const jobs = wholeNumber(values.jobs, 'jobs', 1)
  const batches: Batch[] = []
  for (let done = 0; done < count; done += BATCH)
    batches.push({ from: from + done, count: Math.min(BATCH, count - done), planted })

  const sum = newOutcome()
  const startedAt = performance.now()
  await runAll(batches, jobs, (outcome) => {
    add(sum, outcome)
    if (process.stderr.isTTY) process.stderr.write(`\r${batches.length * BATCH} seeds to come   `)
  })
  const seconds = (performance.now() - startedAt) / 1000
  const speed = Math.round(sum.virtualMs / 1000 / seconds)
  const simulated = `${Math.round(sum.virtualMs / 1000)} s simulated in ${seconds.toFixed(1)} s (${speed}x)`
  console.log(`${count} seeds, ${sum.messages} entries, ${simulated}`)
  console.log(FAULTS.map((fault) => `${fault} ${sum.faults[fault]}`).join(', '))
}

// Nobody listens any more when another process has found something.
const ignore = (): void => {}

if (process.argv[2] !== '--child') await main()
else process.on('message', (batch: Batch) => process.send?.(runBatch(batch), undefined, {}, ignore))
