/** Reports for programs: JUnit and JSON. */
import { countsOf, type Run, verdictOf } from './run.ts'

function escaped(text: string): string {
  // Control characters have no place in XML 1.0.
  const printable = text.replace(/[^\t\n\x20-\ud7ff\ue000-\ufffd]/gu, '?')
  return printable.replace(/&/gu, '&amp;').replace(/</gu, '&lt;').replace(/"/gu, '&quot;')
}

function secondsOf(ms: number): string {
  return (ms / 1000).toFixed(3)
}

/** The runs as JUnit XML: one suite for each. */
export function junitOf(runs: readonly Run[]): string {
  const suites = runs.map((run) => {
    const counts = countsOf(run)
    const failures = counts.failed + counts['unexpected-pass']
    const skipped = counts.skipped + counts.expected
    const name = `${escaped(run.implementation)} ${run.transport}`
    const numbers = `tests="${run.results.length}" failures="${failures}" skipped="${skipped}"`
    const head = `  <testsuite name="${name}" ${numbers} time="${secondsOf(run.elapsedMs)}">`
    return [head, ...run.results.map((result) => caseXml(run, result)), '  </testsuite>'].join('\n')
  })
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>', ''].join('\n')
}

function caseXml(run: Run, result: Run['results'][number]): string {
  const verdict = verdictOf(run, result)
  const name = `classname="${result.id.split('/')[0]}" name="${escaped(result.id)}"`
  const head = `    <testcase ${name} time="${secondsOf(result.elapsedMs)}"`
  if (verdict === 'passed') return `${head}/>`
  const detail = escaped(`${result.step}: ${result.detail}`)
  if (verdict === 'failed') return `${head}><failure message="${detail}"/></testcase>`
  if (verdict === 'unexpected-pass')
    return `${head}><failure message="expected to fail, and passes"/></testcase>`
  return `${head}><skipped message="${detail}"/></testcase>`
}

/** The runs as one JSON value. */
export function jsonOf(runs: readonly Run[]): string {
  const shown = runs.map((run) => ({
    implementation: run.implementation,
    transport: run.transport,
    seed: run.seed,
    elapsedMs: Math.round(run.elapsedMs),
    counts: countsOf(run),
    cases: run.results.map((result, index) => ({
      id: result.id,
      requirements: run.cases[index]?.requirements,
      verdict: verdictOf(run, result),
      step: result.step,
      detail: result.detail,
      broken: result.broken,
      elapsedMs: Math.round(result.elapsedMs),
    })),
  }))
  return `${JSON.stringify({ v: 1, type: 'conformance', runs: shown })}\n`
}
