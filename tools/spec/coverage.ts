/**
 * Which sentence is tested by which case of the conformance kit. A sentence without a case needs a reason in
 * spec/conformance.json; one that has changed since its cases were looked at reopens them. `--accept` records
 * that they were.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLIENT_REACTIONS, RELAY_REACTIONS } from '../../src/codec/index.ts'
import { type Case, clientCases, relayCases, SENTENCES } from '../../src/conformance/index.ts'
import { readChapters } from './chapters.ts'
import { ROOT } from './registry.ts'
import { extractRequirements, type Requirement } from './requirements.ts'

/** Sentences that no case tests, and why. */
export interface Untested {
  readonly reason: string
  readonly ids: readonly string[]
}

/** What the coverage shows. */
export interface Coverage {
  /** How many cases test each sentence. */
  readonly counts: ReadonlyMap<string, number>
  readonly problems: readonly string[]
  readonly summary: readonly string[]
}

const SHOULD_SHARE_MIN = 0.95
/** How a reason begins that is none. */
const NO_CASE_YET = 'No case yet'
const SENTENCES_PATH = 'src/conformance/sentences.ts'

/** Joins sentences, cases and reasons. */
export function coverageOf(
  requirements: readonly Requirement[],
  cases: readonly Case[],
  untested: readonly Untested[],
  reviewed: Readonly<Record<string, string>>,
): Coverage {
  const counts = new Map<string, number>()
  for (const played of cases) for (const id of played.requirements) counts.set(id, (counts.get(id) ?? 0) + 1)
  const known = new Map(requirements.map((each) => [each.id, each]))
  const reasons = new Map(untested.flatMap(({ ids, reason }) => ids.map((id) => [id, reason] as const)))
  const unknown = [...counts.keys(), ...reasons.keys()].filter((id) => !known.has(id))
  const isOpen = ({ id }: Requirement): boolean => !counts.has(id) && !reasons.has(id)
  const isMust = ({ level }: Requirement): boolean => level.startsWith('MUST')
  const isShould = ({ level }: Requirement): boolean => level.startsWith('SHOULD')
  const holes = requirements.filter((each) => isMust(each) && isOpen(each)).map(({ id }) => id)
  const shoulds = requirements.filter((each) => isShould(each) && !reasons.has(each.id))
  const shouldShare = shoulds.filter(({ id }) => counts.has(id)).length / Math.max(1, shoulds.length)
  const stale = [...counts.keys()].filter((id) => known.has(id) && known.get(id)?.hash !== reviewed[id])
  const problems = [
    ...unknown.map((id) => `a case or a reason names ${id}, which no sentence has`),
    ...holes.map((id) => `${id} has neither a case of the kit nor a reason in spec/conformance.json`),
    ...[...reasons.keys()]
      .filter((id) => counts.has(id))
      .map((id) => `${id} has cases and a reason to have none`),
    ...stale.map(
      (id) => `${id} has changed: look at its cases (palaver conform --list), then trace -- --accept`,
    ),
    ...missingCells(cases),
    ...(shouldShare < SHOULD_SHARE_MIN ? [`only ${percent(shouldShare)} of the SHOULDs have a case`] : []),
  ]
  return { counts, problems, summary: summaryOf(requirements, { counts, reasons, shouldShare, cases }) }
}

interface Found {
  readonly counts: ReadonlyMap<string, number>
  readonly reasons: ReadonlyMap<string, string>
  readonly shouldShare: number
  readonly cases: readonly Case[]
}

function summaryOf(requirements: readonly Requirement[], found: Found): string[] {
  const musts = requirements.filter(({ level }) => level.startsWith('MUST'))
  const testable = musts.filter(({ id }) => !found.reasons.has(id))
  const tested = testable.filter(({ id }) => found.counts.has(id))
  const open = musts.filter(({ id }) => found.reasons.get(id)?.startsWith(NO_CASE_YET))
  const all = cells().length
  const missing = missingCells(found.cases).length
  return [
    `cases: ${found.cases.length}; reaction cells executed: ${all - missing} of ${all}`,
    `MUST and MUST NOT: ${tested.length} of ${testable.length} testable ones have cases; ` +
      `${musts.length - testable.length - open.length} have a reason to have none, ` +
      `${open.length} wait for a case`,
    `SHOULD: ${percent(found.shouldShare)} of the testable ones have cases`,
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** The name of the case that executes each cell of the reaction tables. */
function cells(): string[] {
  const names = (prefix: string, table: Readonly<Record<string, object>>): string[] =>
    Object.entries(table).flatMap(([input, states]) =>
      Object.keys(states).map((state) => `${prefix}SES-001/${input}-${state}`),
    )
  return [...names('', RELAY_REACTIONS), ...names('C-', CLIENT_REACTIONS)]
}

function missingCells(cases: readonly Case[]): string[] {
  const ids = new Set(cases.map(({ id }) => id))
  return cells()
    .filter((cell) => !ids.has(cell))
    .map((cell) => `no case executes the cell ${cell}`)
}

/** The coverage of the text as it is. */
export function readCoverage(): Coverage {
  const text = readFileSync(join(ROOT, 'spec', 'conformance.json'), 'utf8')
  const { untested } = JSON.parse(text) as { untested: Untested[] }
  return coverageOf(
    extractRequirements(readChapters()),
    [...relayCases(), ...clientCases()],
    untested,
    SENTENCES,
  )
}

/** Records the sentences as those that the cases were written for. */
export function acceptSentences(): void {
  const cited = new Set([...relayCases(), ...clientCases()].flatMap((each) => each.requirements))
  const lines = extractRequirements(readChapters())
    .filter(({ id }) => cited.has(id))
    .map(({ id, hash }) => `  '${id}': '${hash}',`)
  const head = '/** The hash of each sentence as it was when its cases were last looked at. */'
  const type = 'Readonly<Record<string, string>>'
  const body = `${head}\nexport const SENTENCES: ${type} = {\n${lines.join('\n')}\n}\n`
  writeFileSync(join(ROOT, SENTENCES_PATH), body)
}
