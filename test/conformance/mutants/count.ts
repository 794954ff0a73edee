/** How many mutants break each MUST that a case tests: two at least, or a written reason for fewer. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Mutant, misfits } from './catalogue.ts'

/** So many are asked for. */
const ENOUGH = 2
const SPEC = join(import.meta.dirname, '..', '..', '..', 'spec', 'generated', 'requirements.json')

interface Requirement {
  readonly id: string
  readonly level: string
}

/** Something said of several identifiers, and why. */
interface Reason {
  readonly reason: string
  readonly ids: readonly string[]
}

/** The mutants of which no case can tell. */
export function knownEquivalents(): Set<string> {
  return new Set(reasons('equivalent.json').flatMap(({ ids }) => ids))
}

/** Prints the counts; gives how many things are wrong with them. */
export function printCounts(mutants: readonly Mutant[], tested: ReadonlySet<string>): number {
  const equivalent = knownEquivalents()
  const counted = mutants.filter(({ id }) => !equivalent.has(id))
  const excused = new Set(reasons('scarce.json').flatMap(({ ids }) => ids))
  const { requirements } = JSON.parse(readFileSync(SPEC, 'utf8')) as { requirements: Requirement[] }
  const musts = requirements.filter(({ id, level }) => level.startsWith('MUST') && tested.has(id))
  const counts = new Map(
    musts.map(({ id }) => [id, counted.filter((each) => each.requirements.includes(id)).length]),
  )
  const scarce = [...counts].filter(([, count]) => count < ENOUGH)
  const holes = scarce.filter(([id]) => !excused.has(id))
  const stale = [...excused].filter((id) => (counts.get(id) ?? ENOUGH) >= ENOUGH)
  const gone = [...equivalent].filter((id) => !mutants.some((each) => each.id === id))
  const unloved = [...equivalent].length - gone.length
  console.log(`${counted.length} mutants besides ${unloved} equivalent ones`)
  console.log(
    `${musts.length} MUSTs that cases test; broken by two mutants or more: ${musts.length - scarce.length}`,
  )
  console.log(`with a reason to have fewer: ${scarce.length - holes.length}; without: ${holes.length}`)
  for (const [id, count] of holes) console.log(`  ${id} ${count}`)
  for (const id of stale) console.log(`scarce.json lists ${id}, which has enough or is not tested`)
  for (const id of gone) console.log(`equivalent.json lists what is no mutant: ${id}`)
  const lost = misfits()
  for (const each of lost) console.log(`extra.json has what is not once in ${each}`)
  return holes.length + stale.length + gone.length + lost.length
}

function reasons(name: string): Reason[] {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as Record<string, Reason[]>
  return Object.values(all).flat()
}
