/** Judges one mutant: which case catches it first, those that test the broken sentence before all others. */
import {
  type Case,
  castOf,
  clientCases,
  type KeyPair,
  keyPairOf,
  playCase,
  playClientCase,
  type Result,
  relayCases,
  seedOf,
} from '../../../src/conformance/index.ts'
import { shimOf } from '../shim.ts'
import { virtualArena } from '../virtual-arena.ts'
import type { Mutant } from './catalogue.ts'
import { loadProtocol, sourceOf } from './modules.ts'

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: string
  readonly outcome: 'killed' | 'survived'
  /** The case that caught it, or what happened when it was loaded. */
  readonly by: string
  /** Whether that case, or its finding, cites the sentence that is broken. */
  readonly cites: boolean
}

const SEED = 11
const GENERATED = /\/(?:[a-zA-Z]+-(?:wide-8|signed-8|trailing-)|type-\d)/u

const relay = relayCases().filter(({ transports }) => !transports || transports.includes('tcp'))
const client = clientCases()
const pairs = new Map<string, KeyPair>()

/** Key pairs are costly, and each world is a new one: the same few serve all. */
function pairOf(party: string): KeyPair {
  const pair = pairs.get(party) ?? keyPairOf(seedOf(`mutants/${party}`))
  pairs.set(party, pair)
  return pair
}

/** The cases to try: those that cite first, and of the many that differ in a frame only some. */
function casesFor(mutant: Mutant): { readonly side: 'relay' | 'client'; readonly played: Case }[] {
  const all = mutant.sides.flatMap((side) =>
    (side === 'relay' ? relay : client).map((played) => ({ side, played })),
  )
  const cites = ({ played }: { played: Case }): boolean =>
    mutant.requirements.some((id) => played.requirements.includes(id))
  const isCodec = mutant.path.startsWith('src/codec')
  const rest = all.filter((each) => !cites(each) && (isCodec || !isGenerated(each.played)))
  return [...all.filter(cites), ...rest]
}

function isGenerated({ id }: Case): boolean {
  return /FRM-005\//u.test(id) || GENERATED.test(id)
}

/** Plays cases against the mutant until one fails. `onCase` is told of each before it begins. */
export async function judge(mutant: Mutant, onCase: (id: string) => void): Promise<Verdict> {
  const source = sourceOf(mutant.path)
  const text = source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end)
  let modules: ReturnType<typeof loadProtocol>
  try {
    modules = loadProtocol(new Map([[mutant.path, text]]))
  } catch (error) {
    return { mutant: mutant.id, outcome: 'killed', by: `does not load: ${String(error)}`, cites: false }
  }
  for (const { side, played } of casesFor(mutant)) {
    onCase(played.id)
    const result = await play(modules, side, played)
    if (result.outcome !== 'failed') continue
    const cited = [...played.requirements, ...result.broken]
    const cites = mutant.requirements.some((id) => cited.includes(id))
    return { mutant: mutant.id, outcome: 'killed', by: played.id, cites }
  }
  return { mutant: mutant.id, outcome: 'survived', by: '', cites: false }
}

async function play(
  modules: ReturnType<typeof loadProtocol>,
  side: 'relay' | 'client',
  played: Case,
): Promise<Result> {
  const cast = castOf('', SEED, played, pairOf)
  return side === 'relay'
    ? playCase(virtualArena(modules, SEED), cast, played, false)
    : playClientCase(shimOf(modules, SEED), cast, played, false)
}
