/**
 * `npm run trace`: which requirement is obeyed where in the code, and shown by which test. Fails on one that
 * lacks either without an exception, and on one that no case of the conformance kit tests and nothing excuses
 * (spec/conformance.json). With `--summary` only what is missing is printed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChapters } from './chapters.ts'
import { acceptSentences, readCoverage } from './coverage.ts'
import { ROOT } from './registry.ts'
import { extractRequirements, type Requirement } from './requirements.ts'

/** One `PAL-XXX-NNN` after `//=`, with the hash of the sentence where the citation names one. */
export interface Citation {
  readonly id: string
  readonly hash: string | undefined
  /** Path and line. */
  readonly where: string
}

/** A requirement that is deliberately without code or test, and why. */
export interface Exception {
  readonly id: string
  readonly lacks: 'code' | 'test' | 'both'
  readonly reason: string
}

/** One line of the table. */
export interface TraceRow {
  readonly requirement: Requirement
  readonly code: readonly string[]
  readonly tests: readonly string[]
  /** What is missing and not excepted. */
  readonly lacks: readonly ('code' | 'test')[]
}

/** What the tracing found. */
export interface Trace {
  readonly rows: readonly TraceRow[]
  /** What makes it fail: lacking code or tests, unknown identifiers, stale hashes, idle exceptions. */
  readonly problems: readonly string[]
}

const CITATION_LINE = /\/\/=\s*(PAL-.*)$/u
const CITED = /^(PAL-[^\s,@]+)(?:@([0-9a-f]{8}))?(?:,\s*|\s+|$)/u
const FOLDERS = ['src', 'test'] as const

/** The citations in one file: each names one identifier or several with commas between, then free text. */
export function citationsIn(path: string, text: string): Citation[] {
  return text.split('\n').flatMap((line, index) => {
    const cited: Citation[] = []
    let rest = CITATION_LINE.exec(line)?.[1] ?? ''
    for (let match = CITED.exec(rest); match; match = CITED.exec(rest)) {
      cited.push({ id: match[1] as string, hash: match[2], where: `${path}:${index + 1}` })
      rest = rest.slice(match[0].length)
    }
    return cited
  })
}

/** Joins requirements, citations and exceptions. Citations below `test/` are tests, all others code. */
export function traceOf(
  requirements: readonly Requirement[],
  citations: readonly Citation[],
  exceptions: readonly Exception[],
): Trace {
  const rows = requirements.map((requirement) => rowOf(requirement, citations, exceptions))
  const known = new Map(requirements.map((requirement) => [requirement.id, requirement]))
  const unknown = citations
    .filter(({ id }) => !known.has(id))
    .map(({ id, where }) => `${where}: no requirement is called ${id}`)
  const stale = citations
    .filter(({ id, hash }) => hash !== undefined && known.has(id) && known.get(id)?.hash !== hash)
    .map(
      ({ id, where }) => `${where}: ${id} has changed since it was cited; its hash is ${known.get(id)?.hash}`,
    )
  const idle = exceptions
    .filter(({ id, reason }) => !known.has(id) || reason.trim() === '')
    .map(({ id }) => `spec/exceptions.json: ${id} is unknown or has no reason`)
  const needless = exceptions.flatMap((exception) => needlessIn(exception, rows))
  const lacking = rows
    .filter(({ lacks }) => lacks.length > 0)
    .map(({ requirement, lacks }) => `${requirement.id} lacks ${lacks.join(' and ')}`)
  return { rows, problems: [...unknown, ...stale, ...idle, ...needless, ...lacking] }
}

/** An exception for what is there hides that it goes missing later. */
function needlessIn(exception: Exception, rows: readonly TraceRow[]): string[] {
  const row = rows.find(({ requirement }) => requirement.id === exception.id)
  if (!row) return []
  const { lacks } = exception
  const found = [
    ...(lacks !== 'test' && row.code.length > 0 ? ['code'] : []),
    ...(lacks !== 'code' && row.tests.length > 0 ? ['test'] : []),
  ]
  return found.map((what) => `spec/exceptions.json: ${exception.id} has ${what}`)
}

function rowOf(
  requirement: Requirement,
  citations: readonly Citation[],
  exceptions: readonly Exception[],
): TraceRow {
  const places = citations
    .filter((citation) => citation.id === requirement.id)
    .map((citation) => citation.where)
  const tests = places.filter((where) => where.startsWith('test/'))
  const code = places.filter((where) => !where.startsWith('test/'))
  const excepted = exceptions.find((exception) => exception.id === requirement.id)?.lacks
  const isFree = (what: 'code' | 'test'): boolean => excepted === 'both' || excepted === what
  const lacks: ('code' | 'test')[] = []
  if (code.length === 0 && !isFree('code')) lacks.push('code')
  if (tests.length === 0 && !isFree('test')) lacks.push('test')
  return { requirement, code, tests, lacks }
}

/** The table as text unless only the summary is wanted, then the requirements without code or test. */
export function traceText(trace: Trace, cases: ReadonlyMap<string, number>, isSummary = false): string {
  const rows = isSummary ? [] : trace.rows
  const lines = rows.map(({ requirement, code, tests }) =>
    [
      requirement.id,
      requirement.level.padEnd(10),
      count(code, 'code'),
      count(tests, 'test'),
      `cases ${cases.get(requirement.id) ?? '-'}`,
      ...code,
      ...tests,
    ].join('  '),
  )
  for (const what of ['code', 'test'] as const) {
    const missing = trace.rows.filter((row) => row.lacks.includes(what)).map((row) => row.requirement.id)
    if (!isSummary) lines.push('')
    lines.push(`without ${what}: ${missing.length} of ${trace.rows.length}`, ...wrapped(missing))
  }
  return lines.join('\n')
}

function count(places: readonly string[], what: string): string {
  return `${what} ${places.length || '-'}`
}

const IDS_PER_LINE = 8

function wrapped(ids: readonly string[]): string[] {
  const lines: string[] = []
  for (let at = 0; at < ids.length; at += IDS_PER_LINE)
    lines.push(`  ${ids.slice(at, at + IDS_PER_LINE).join(' ')}`)
  return lines
}

function readCitations(): Citation[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .sort()
      .map((name) => `${folder}/${name}`)
      .filter((path) => !path.startsWith('test/spec/'))
      .flatMap((path) => citationsIn(path, readFileSync(join(ROOT, path), 'utf8'))),
  )
}

function readExceptions(): Exception[] {
  const text = readFileSync(join(ROOT, 'spec', 'exceptions.json'), 'utf8')
  return (JSON.parse(text) as { exceptions: Exception[] }).exceptions
}

function main(): void {
  if (process.argv.includes('--accept')) return acceptSentences()
  const trace = traceOf(extractRequirements(readChapters()), readCitations(), readExceptions())
  const coverage = readCoverage()
  const isSummary = process.argv.includes('--summary')
  console.log(traceText(trace, coverage.counts, isSummary))
  console.log(coverage.summary.join('\n'))
  for (const problem of [...trace.problems, ...coverage.problems]) console.error(problem)
  process.exitCode = trace.problems.length + coverage.problems.length > 0 ? 1 : 0
}

if (process.argv[1] === import.meta.filename) main()
