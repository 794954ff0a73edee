/**
 * `npm run mutants`: every faulty relay and client of the catalogue, and the case that catches it. Options: a
 * word that the names must hold, `--json FILE` for what became of each, `--survivors-of FILE` for those alone
 * that no citing case killed in such a file. Fails when one survives that is not known to be equivalent.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { catalogue, type Mutant } from './catalogue.ts'
import { reachOf } from './reach.ts'
import { CASES } from './trials.ts'
import { judge, type Verdict } from './world.ts'

/** Processor time that a case may take. */
const HANG_MS = 20_000
const WATCH_MS = 1000
const IS_CHILD = process.argv[2] === '--child'

type Message = { readonly at: string } | { readonly verdict: Verdict }

/** Mutants of which no case can tell, and why. */
interface Equivalent {
  readonly reason: string
  readonly ids: readonly string[]
}

interface Requirement {
  readonly id: string
  readonly level: string
}

interface Judged {
  readonly mutant: Mutant
  readonly verdict: Verdict
}

const tested = new Set(CASES.flatMap(({ played }) => played.requirements))

async function child(): Promise<void> {
  const mutants = catalogue(tested)
  const reach = await reachOf()
  process.on('message', async (index: number) => {
    const verdict = await judge(mutants[index] as Mutant, reach, (at) => process.send?.({ at }))
    process.send?.({ verdict })
  })
}

/** One process that judges mutants one after the other; replaced when it hangs. */
class Judge {
  #process: ChildProcess
  /** What the process had used, in milliseconds, when it was heard last. */
  #usedThen = 0
  #at = ''
  #busyWith: Mutant | undefined
  #resolve: (verdict: Verdict) => void = () => {}

  constructor() {
    this.#process = this.#start()
    setInterval(() => this.#watch(), WATCH_MS).unref()
  }

  #start(): ChildProcess {
    const made = fork(import.meta.filename, ['--child'], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    made.on('message', (message: Message) => {
      this.#usedThen = usedMs(made)
      if ('at' in message) this.#at = message.at
      else this.#finish(message.verdict)
    })
    made.on('exit', () => {
      if (made !== this.#process || !this.#busyWith) return
      this.#process = this.#start()
      this.#finish(this.#verdict('the program ended'))
    })
    return made
  }

  #verdict(what: string): Verdict {
    const broken = this.#busyWith?.requirements ?? []
    const played = CASES.find((trial) => trial.played.id === this.#at)?.played
    const cites = broken.some((id) => played?.requirements.includes(id))
    const mutant = this.#busyWith?.id ?? ''
    return { mutant, outcome: 'killed', by: `${this.#at} (${what})`, cites, reached: 0 }
  }

  #watch(): void {
    // Before the first case the process is loading, which takes as long as the machine is busy.
    if (!this.#busyWith || this.#at === '' || usedMs(this.#process) - this.#usedThen < HANG_MS) return
    const hung = this.#process
    this.#process = this.#start()
    hung.kill('SIGKILL')
    this.#finish(this.#verdict('it hangs'))
  }

  #finish(verdict: Verdict): void {
    this.#busyWith = undefined
    this.#resolve(verdict)
  }

  judge(mutant: Mutant, index: number): Promise<Verdict> {
    this.#busyWith = mutant
    this.#at = ''
    this.#process.send(index)
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  stop(): void {
    this.#process.kill()
  }
}

const TICK_MS = 10

/** The processor time of a process where the system tells it; elsewhere time as it passes. */
function usedMs({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /u, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return performance.now()
  }
}

function readEquivalents(): Equivalent[] {
  const path = join(import.meta.dirname, 'equivalent.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { equivalent: Equivalent[] }).equivalent
}

async function main(words: readonly string[]): Promise<void> {
  const option = (name: string): string | undefined =>
    words.includes(name) ? words[words.indexOf(name) + 1] : undefined
  const [json, before] = [option('--json'), option('--survivors-of')]
  const only = words.find((word) => !word.startsWith('--') && word !== json && word !== before)
  const wanted = before === undefined ? undefined : openIn(before)
  const mutants = catalogue(tested)
  await reachOf()
  const chosen = mutants
    .map((mutant, index) => ({ mutant, index }))
    .filter(({ mutant: { id } }) => (!only || id.includes(only)) && (!wanted || wanted.has(id)))
  const verdicts = new Map<string, Verdict>()
  let next = 0
  const work = async (): Promise<void> => {
    const judging = new Judge()
    for (let each = chosen[next++]; each; each = chosen[next++]) {
      const verdict = await judging.judge(each.mutant, each.index)
      verdicts.set(each.mutant.id, verdict)
      console.log(`${each.mutant.id}\n    ${howOf(verdict)}`)
    }
    judging.stop()
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), chosen.length) }, work))
  const all = chosen.map(({ mutant }) => ({ mutant, verdict: verdicts.get(mutant.id) as Verdict }))
  if (json !== undefined) writeFileSync(json, JSON.stringify(all, null, 1))
  process.exitCode = summary(all) === 0 ? 0 : 1
  if (chosen.length < mutants.length) return
  const scarce = scarceMusts(mutants)
  console.log(`MUSTs that cases test and fewer than two of these break: ${scarce.length} ${scarce.join(' ')}`)
}

/** The mutants that no citing case killed in the run that the file tells of. */
function openIn(path: string): Set<string> {
  const all = JSON.parse(readFileSync(path, 'utf8')) as Judged[]
  return new Set(all.filter(({ verdict }) => !verdict.cites).map(({ mutant }) => mutant.id))
}

function howOf({ outcome, cites, by, reached }: Verdict): string {
  if (outcome === 'survived') return `SURVIVED ${reached} cases`
  return `${cites ? 'killed by' : 'killed, not citing, by'} ${by}`
}

function summary(all: readonly Judged[]): number {
  const known = new Set(readEquivalents().flatMap(({ ids }) => ids))
  const counted = all.filter(({ mutant }) => !known.has(mutant.id))
  const survivors = counted.filter(({ verdict }) => verdict.outcome === 'survived')
  const killed = counted.length - survivors.length
  const citing = counted.filter(({ verdict }) => verdict.cites).length
  for (const { mutant, verdict } of survivors) console.log(`SURVIVED ${verdict.reached} cases: ${mutant.id}`)
  const share = (count: number): string => `${((100 * count) / Math.max(1, counted.length)).toFixed(1)} %`
  console.log(
    `${counted.length} mutants: ${killed} killed (${share(killed)}), ${citing} by a case that cites ` +
      `the sentence (${share(citing)}); ${all.length - counted.length} equivalent`,
  )
  for (const { mutant, verdict } of all)
    if (known.has(mutant.id) && verdict.outcome === 'killed')
      console.log(`NOT EQUIVALENT ${mutant.id}: ${verdict.by}`)
  return survivors.length
}

function scarceMusts(mutants: readonly Mutant[]): string[] {
  const path = join(import.meta.dirname, '..', '..', '..', 'spec', 'generated', 'requirements.json')
  const { requirements } = JSON.parse(readFileSync(path, 'utf8')) as { requirements: Requirement[] }
  const breaking = (id: string): number => mutants.filter((each) => each.requirements.includes(id)).length
  return requirements
    .filter(({ id, level }) => level.startsWith('MUST') && tested.has(id) && breaking(id) < 2)
    .map(({ id }) => id)
}

if (IS_CHILD) await child()
else if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
