import type { Case, Result } from '../case.ts'

/** All results of one implementation on one transport. */
export interface Run {
  /** What was tested, such as an address or a command. */
  readonly implementation: string
  readonly transport: string
  readonly seed: number
  readonly cases: readonly Case[]
  readonly results: readonly Result[]
  readonly elapsedMs: number
  /** Cases that were expected to fail. */
  readonly expected: ReadonlySet<string>
}

/** A sentence of the specification, as `spec/generated/requirements.json` holds it. */
export interface Sentence {
  readonly id: string
  readonly level: string
  readonly chapter: string
  readonly sentence: string
  readonly hash: string
}

/** How a result counts once expected failures are known. */
export type Verdict = 'passed' | 'failed' | 'skipped' | 'expected' | 'unexpected-pass'

/** What a result means with the list of expected failures. */
export function verdictOf(run: Run, result: Result): Verdict {
  if (!run.expected.has(result.id) || result.outcome === 'skipped') return result.outcome
  return result.outcome === 'failed' ? 'expected' : 'unexpected-pass'
}

/** How many results count as what. */
export function countsOf(run: Run): Readonly<Record<Verdict, number>> {
  const counts = { passed: 0, failed: 0, skipped: 0, expected: 0, 'unexpected-pass': 0 }
  for (const result of run.results) counts[verdictOf(run, result)] += 1
  return counts
}

/** The command that plays one case again. */
export function commandOf(run: Run, id: string): string {
  return `palaver conform ${run.implementation} --case ${id} --seed ${run.seed}`
}
