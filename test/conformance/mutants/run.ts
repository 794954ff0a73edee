/**
 * `npm run mutants`: every faulty relay and client of the catalogue, and the case that catches it. Options: a
 * word that the names must hold; `--json FILE` for what became of each, a line as soon as it is known, after
 * those that the file has already; `--survivors-of FILE` for those alone that no citing case killed in such a
 * file; `--workers N`; `--count` for how many break each MUST, without judging any. Fails when one survives
 * that is not known to be equivalent, or a MUST is broken by too few.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { catalogue, type Mutant } from './catalogue.ts'
import { knownEquivalents, printCounts } from './count.ts'
import { Judge } from './judge.ts'
import { reachOf } from './reach.ts'
import { CASES } from './trials.ts'
import { judge, type Verdict } from './world.ts'

const IS_CHILD = process.argv[2] === '--child'

interface Chosen {
  readonly mutant: Mutant
  readonly index: number
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

async function main(words: readonly string[]): Promise<void> {
  const option = (name: string): string | undefined =>
    words.includes(name) ? words[words.indexOf(name) + 1] : undefined
  const [json, before, workers] = [option('--json'), option('--survivors-of'), option('--workers')]
  const mutants = catalogue(tested)
  if (words.includes('--count')) {
    process.exitCode = printCounts(mutants, tested) === 0 ? 0 : 1
    return
  }
  const values = [json, before, workers]
  const only = words.find((word) => !word.startsWith('--') && !values.includes(word))
  const wanted = before === undefined ? undefined : openIn(before)
  const chosen = mutants
    .map((mutant, index) => ({ mutant, index }))
    .filter(({ mutant: { id } }) => (!only || id.includes(only)) && (!wanted || wanted.has(id)))
  await reachOf()
  const verdicts = json === undefined ? new Map<string, Verdict>() : verdictsIn(json)
  const left = chosen.filter(({ mutant }) => !verdicts.has(mutant.id))
  await judgeAll(unknownFirst(left), Number(workers ?? availableParallelism()), (verdict) => {
    verdicts.set(verdict.mutant, verdict)
    if (json !== undefined) appendFileSync(json, `${JSON.stringify(verdict)}\n`)
    console.log(`${verdict.mutant}\n    ${howOf(verdict)}`)
  })
  let faults = summary(chosen.map(({ mutant }) => verdicts.get(mutant.id) as Verdict))
  if (chosen.length === mutants.length) faults += printCounts(mutants, tested)
  process.exitCode = faults === 0 ? 0 : 1
}

/** Of those that are listed as equivalent nothing new is expected. */
function unknownFirst(chosen: readonly Chosen[]): Chosen[] {
  const known = knownEquivalents()
  const isKnown = ({ mutant }: Chosen): boolean => known.has(mutant.id)
  return [...chosen.filter((each) => !isKnown(each)), ...chosen.filter(isKnown)]
}

async function judgeAll(
  chosen: readonly Chosen[],
  workers: number,
  onVerdict: (verdict: Verdict) => void,
): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    const judging = new Judge(import.meta.filename)
    for (let each = chosen[next++]; each; each = chosen[next++])
      onVerdict(await judging.judge(each.mutant, each.index))
    judging.stop()
  }
  await Promise.all(Array.from({ length: Math.min(workers, chosen.length) }, work))
}

/** The verdicts of a file of an earlier run. */
function verdictsIn(path: string): Map<string, Verdict> {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // The run begins the file.
  }
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(
    lines.map((line) => {
      const verdict = JSON.parse(line) as Verdict
      return [verdict.mutant, verdict]
    }),
  )
}

/** The mutants that no citing case killed in the run that the file tells of. */
function openIn(path: string): Set<string> {
  return new Set([...verdictsIn(path).values()].filter(({ cites }) => !cites).map(({ mutant }) => mutant))
}

function howOf({ outcome, cites, by, reached }: Verdict): string {
  if (outcome === 'survived') return `SURVIVED ${reached} cases`
  return `${cites ? 'killed by' : 'killed, not citing, by'} ${by}`
}

/** Prints how many were killed; gives the number of those that should not have survived. */
function summary(all: readonly Verdict[]): number {
  const known = knownEquivalents()
  const counted = all.filter(({ mutant }) => !known.has(mutant))
  const survivors = counted.filter(({ outcome }) => outcome === 'survived')
  const killed = counted.length - survivors.length
  const citing = counted.filter(({ cites }) => cites).length
  for (const { mutant, reached } of survivors) console.log(`SURVIVED ${reached} cases: ${mutant}`)
  const share = (count: number): string => `${((100 * count) / Math.max(1, counted.length)).toFixed(1)} %`
  console.log(
    `${counted.length} mutants: ${killed} killed (${share(killed)}), ${citing} by a case that cites ` +
      `the sentence (${share(citing)}); ${all.length - counted.length} equivalent`,
  )
  for (const { mutant, outcome, by } of all)
    if (known.has(mutant) && outcome === 'killed') console.log(`NOT EQUIVALENT ${mutant}: ${by}`)
  return survivors.length
}

if (IS_CHILD) await child()
else if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
