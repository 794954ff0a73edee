/** Tables, and what is kept: every figure, a chart, the history of ratios. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { type Bar, barChart } from './chart.ts'
import type { Figures } from './measure.ts'
import type { Mode } from './modes.ts'
import { congestionControl } from './quiet.ts'

const HISTORY = join(import.meta.dirname, 'history.ndjson')
const OURS = /^palaver/u

/** All runs of one mode, by server; run i of each was in round i. */
export interface Outcome {
  readonly mode: Mode
  readonly runs: ReadonlyMap<string, readonly Figures[]>
}

/** What one server reached in one mode: medians, and the median over the rounds of ours to it. */
export interface Row {
  readonly server: string
  readonly runs: number
  readonly figure: number
  readonly perSecond: number
  readonly busy: number
  /** The share of its first process in the CPU time of all. */
  readonly firstShare: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly p999: number | undefined
  readonly ratio: number | undefined
}

/** The figure that a mode is about; the larger the better, or the smaller. */
export function figureOf(mode: Mode, figures: Figures): number {
  if (mode.figure === 'pace') return figures.cpuMicroseconds
  if (mode.figure === 'memory') return figures.bytesPerConnection ?? Number.NaN
  return mode.figure === 'durable' ? figures.perSecond : figures.perCpuSecond
}

function isSmallerBetter(mode: Mode): boolean {
  return mode.figure === 'pace' || mode.figure === 'memory'
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

function medianOf(
  runs: readonly Figures[],
  pick: (figures: Figures) => number | undefined,
): number | undefined {
  const values = runs.map(pick).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

export function rowsOf({ mode, runs }: Outcome): Row[] {
  const ours = [...runs].find(([name]) => OURS.test(name))?.[1] ?? []
  return [...runs]
    .filter(([, figures]) => figures.length > 0)
    .map(([server, figures]) => ({
      server,
      runs: figures.length,
      figure: median(figures.map((each) => figureOf(mode, each))),
      perSecond: median(figures.map((each) => each.perSecond)),
      busy: median(figures.map((each) => each.serverBusy)),
      // Figures kept from before it was counted have none.
      firstShare: median(figures.map((each) => each.firstShare ?? 1)),
      p50: medianOf(figures, (each) => each.p50),
      p99: medianOf(figures, (each) => each.p99),
      p999: medianOf(figures, (each) => each.p999),
      ratio: OURS.test(server) ? undefined : ratioOf(mode, ours, figures),
    }))
}

/** How much better ours is, from runs of the same round. */
function ratioOf(mode: Mode, ours: readonly Figures[], theirs: readonly Figures[]): number | undefined {
  const ratios = theirs.flatMap((their, round) => {
    const own = ours[round]
    if (!own) return []
    const ratio = figureOf(mode, own) / figureOf(mode, their)
    return [isSmallerBetter(mode) ? 1 / ratio : ratio]
  })
  return ratios.length === 0 ? undefined : median(ratios)
}

const UNITS = {
  throughput: 'deliveries/CPU s',
  pace: 'CPU µs a delivery',
  memory: 'KiB a connection',
  storm: 'joins/CPU s',
  durable: 'acknowledged/s',
} as const

/** The table of one mode, as Markdown. */
export function tableOf(outcome: Outcome): string {
  const { mode } = outcome
  const hasTime = mode.figure === 'pace' || mode.figure === 'durable'
  const head = ['server', UNITS[mode.figure], ...(hasTime ? ['p50 µs', 'p99 µs', 'p99.9 µs'] : [])]
  if (mode.figure === 'throughput') head.push('deliveries/s', 'core in use')
  const rows = rowsOf(outcome)
  const hasHelpers = rows.some(({ firstShare }) => firstShare < 1)
  if (hasHelpers) head.push('first process')
  head.push('ours is better by', 'runs')
  const lines = rows.map((row) => {
    const cells = [row.server, figureText(mode, row.figure)]
    if (hasTime) cells.push(...[row.p50, row.p99, row.p999].map(microText))
    if (mode.figure === 'throughput') cells.push(countText(row.perSecond), `${Math.round(row.busy * 100)} %`)
    if (hasHelpers) cells.push(`${Math.round(row.firstShare * 100)} %`)
    cells.push(row.ratio === undefined ? '' : `${row.ratio.toFixed(2)}×`, String(row.runs))
    return cells
  })
  return aligned([head, head.map(() => '---'), ...lines])
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  return rows.map(line).join('\n')
}

function figureText(mode: Mode, figure: number): string {
  if (mode.figure === 'pace') return figure.toFixed(2)
  return mode.figure === 'memory' ? (figure / 1024).toFixed(2) : countText(figure)
}

function countText(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`
  return count >= 1e4 ? `${(count / 1e3).toFixed(0)} k` : count.toFixed(0)
}

function microText(microseconds: number | undefined): string {
  return microseconds === undefined ? '' : microseconds.toFixed(0)
}

/** Machine and conditions, in one line. */
export function conditions(): string {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model.trim()}, Linux, Node ${process.versions.node}, TCP ${congestionControl()}`
}

export function writeJson(path: string, outcomes: readonly Outcome[]): void {
  const modes = outcomes.map(({ mode, runs }) => ({
    mode: mode.name,
    title: mode.title,
    unit: UNITS[mode.figure],
    runs: Object.fromEntries(runs),
  }))
  writeFileSync(
    path,
    `${JSON.stringify({ at: new Date().toISOString(), conditions: conditions(), modes }, null, 1)}\n`,
  )
}

/** One line for each mode, so that a change in the ratios is seen whatever the machine. */
export function appendHistory(outcomes: readonly Outcome[]): void {
  const lines = outcomes.map((outcome) => {
    const ratios = rowsOf(outcome).flatMap(({ server, ratio }) =>
      ratio === undefined ? [] : [[server, Number(ratio.toFixed(3))]],
    )
    const at = new Date().toISOString().slice(0, 10)
    return JSON.stringify({
      at,
      mode: outcome.mode.name,
      ratios: Object.fromEntries(ratios),
      on: conditions(),
    })
  })
  appendFileSync(HISTORY, `${lines.join('\n')}\n`)
}

/** How often ours is better in each mode, one bar for each peer. */
export function writeChart(path: string, outcomes: readonly Outcome[]): void {
  const bars: Bar[] = outcomes.flatMap((outcome) =>
    rowsOf(outcome).flatMap(({ server, ratio }) =>
      ratio === undefined ? [] : [{ group: outcome.mode.title, label: server, value: ratio }],
    ),
  )
  writeFileSync(path, barChart(bars, `Ours to each peer (more is better); ${conditions()}`))
}

/** What an earlier run wrote with `--json`. */
export function readJson(path: string, modes: readonly Mode[]): Outcome[] {
  const { modes: kept } = JSON.parse(readFileSync(path, 'utf8')) as {
    modes: { mode: string; runs: Record<string, Figures[]> }[]
  }
  return kept.flatMap(({ mode: name, runs }) => {
    const mode = modes.find((each) => each.name === name)
    return mode ? [{ mode, runs: new Map(Object.entries(runs)) }] : []
  })
}
