/** The figures kept from runs, with when and where they were taken. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'

/** One row: what was measured of whom, and how. */
export interface Figure {
  readonly mode: string
  readonly setting: string
  readonly contestant: string
  readonly values: Readonly<Record<string, number>>
  readonly takenAt?: string
  readonly machine?: string
  readonly commit?: string
}

export class FigureStore {
  readonly figures: Figure[]
  readonly #path: string

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#path = join(folder, 'figures.json')
    this.figures = existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as Figure[]) : []
  }

  /** Keeps the figure in place of an earlier one of the same kind. */
  keep(figure: Figure): void {
    const { mode, setting, contestant } = figure
    const at = this.figures.findIndex(
      (each) => each.mode === mode && each.setting === setting && each.contestant === contestant,
    )
    const known = Object.entries(figure.values).filter(([, value]) => !Number.isNaN(value))
    const full = {
      ...figure,
      values: Object.fromEntries(known),
      takenAt: new Date().toISOString().slice(0, 16),
      machine: machine(),
      commit: commit(),
    }
    if (at < 0) this.figures.push(full)
    else this.figures[at] = full
    writeFileSync(this.#path, `${JSON.stringify(this.figures, undefined, 2)}\n`)
  }
}

function machine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model.trim()}, Linux ${release()}, Node ${process.versions.node}`
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}

/** The value below which the share lies. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)
  return round(sorted[Math.max(0, at)] ?? Number.NaN)
}

/** To a tenth. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
