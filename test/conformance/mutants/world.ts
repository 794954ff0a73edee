/** Judges one mutant: which case catches it first, those that test the broken sentence before all others. */
import type { Mutant } from './catalogue.ts'
import { loadModules, type Modules, sourceOf } from './modules.ts'
import type { Reach } from './reach.ts'
import { CASES, playTrial, type Trial } from './trials.ts'

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: string
  readonly outcome: 'killed' | 'survived'
  /** The case that caught it, or what happened when it was loaded. */
  readonly by: string
  /** Whether that case, or its finding, cites the sentence that is broken. */
  readonly cites: boolean
  /** How many cases ran the changed place. */
  readonly reached: number
}

/** The cases that run the changed place; those that cite the sentence first, of these the cheap ones. */
function trialsFor(mutant: Mutant, { cases, costs }: Reach): Trial[] {
  const places = mutant.block === '' ? [...CASES.keys()] : (cases.get(mutant.block) ?? [])
  const all = [...places]
    .sort((a, b) => (costs[a] as number) - (costs[b] as number))
    .map((place) => CASES[place] as Trial)
  const cites = ({ played }: Trial): boolean =>
    mutant.requirements.some((id) => played.requirements.includes(id))
  return [...all.filter(cites), ...all.filter((each) => !cites(each))]
}

/** Plays cases against the mutant until one fails. `onCase` is told of each before it begins. */
export async function judge(mutant: Mutant, reach: Reach, onCase: (id: string) => void): Promise<Verdict> {
  const source = sourceOf(mutant.path)
  const text = source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end)
  const trials = trialsFor(mutant, reach)
  const about = { mutant: mutant.id, reached: trials.length }
  let modules: Modules
  try {
    modules = loadModules(new Map([[mutant.path, text]]))
  } catch (error) {
    return { ...about, outcome: 'killed', by: `does not load: ${String(error)}`, cites: false }
  }
  for (const trial of trials) {
    const { played } = trial
    onCase(played.id)
    const result = await playTrial(modules, trial)
    if (result.outcome !== 'failed') continue
    const cited = [...played.requirements, ...result.broken]
    const cites = mutant.requirements.some((id) => cited.includes(id))
    return { ...about, outcome: 'killed', by: played.id, cites }
  }
  return { ...about, outcome: 'survived', by: '', cites: false }
}
