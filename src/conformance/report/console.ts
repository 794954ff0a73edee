/** The report that people read in a terminal. */
import type { Case, Result } from '../case.ts'
import { commandOf, countsOf, type Run, type Sentence, verdictOf } from './run.ts'

const NOTES_SHOWN = 6
const NOTE_WIDTH = 150

/** The lines of a run: what failed and why, then the counts. */
export function consoleLines(run: Run, sentences: ReadonlyMap<string, Sentence>): string[] {
  const byId = new Map(run.cases.map((each) => [each.id, each]))
  const lines: string[] = []
  for (const result of run.results) {
    const verdict = verdictOf(run, result)
    if (verdict === 'failed') lines.push(...failureLines(run, result, byId.get(result.id) as Case, sentences))
    if (verdict === 'unexpected-pass')
      lines.push(`PASSES NOW  ${result.id}: take it off the list of expected failures`)
  }
  return [...lines, summaryLine(run)]
}

function failureLines(
  run: Run,
  result: Result,
  played: Case,
  sentences: ReadonlyMap<string, Sentence>,
): string[] {
  const cited = [...new Set([...result.broken, ...played.requirements])]
  const notes = result.notes.slice(-NOTES_SHOWN).map(({ who, direction, text }) => {
    const line = `    ${who} ${direction} ${text}`
    return line.length > NOTE_WIDTH ? `${line.slice(0, NOTE_WIDTH)}…` : line
  })
  return [
    `FAILED  ${result.id} (${run.transport})`,
    `  step  ${result.step}`,
    `  seen  ${result.detail}`,
    ...cited.slice(0, 3).map((id) => `  ${id}  ${sentences.get(id)?.sentence ?? ''}`),
    ...notes,
    `  again ${commandOf(run, result.id)}`,
    '',
  ]
}

/** The counts of a run on one line. */
export function summaryLine(run: Run): string {
  const counts = countsOf(run)
  const parts = [`${counts.passed} passed`, `${counts.failed} failed`]
  if (counts.expected > 0) parts.push(`${counts.expected} expected to fail`)
  if (counts['unexpected-pass'] > 0) parts.push(`${counts['unexpected-pass']} pass now`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} not run`)
  const time = `${(run.elapsedMs / 1000).toFixed(1)} s (seed ${run.seed})`
  const all = `${run.results.length} cases in ${time}`
  return `${run.implementation} ${run.transport}: ${parts.join(', ')} of ${all}`
}
