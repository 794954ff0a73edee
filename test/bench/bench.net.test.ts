/** That the benchmark works; never how fast anything is. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { barChart } from '../../bench/chart.ts'
import { engineProblem } from '../../bench/engine.ts'
import type { Figures } from '../../bench/measure.ts'
import { MODES, type Mode } from '../../bench/modes.ts'
import { median, rowsOf, tableOf } from '../../bench/report.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

function bench(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(join(ROOT, 'node_modules', '.bin', 'tsx'), [join(ROOT, 'bench', 'main.ts'), ...words], {
    cwd: ROOT,
  })
}

const NOTHING: Figures = {
  perCpuSecond: 0,
  perSecond: 0,
  cpuMicroseconds: 0,
  serverBusy: 1,
  engineBusy: 0,
  p50: undefined,
  p99: undefined,
  p999: undefined,
  bytesPerConnection: undefined,
  stalls: 0,
  firstShare: 1,
}

function modeNamed(name: string): Mode {
  return MODES.find((mode) => mode.name === name) as Mode
}

describe('the benchmark', () => {
  test('its help names every mode', async () => {
    const { stdout } = await bench('--help')
    for (const { name } of MODES) expect(stdout).toContain(name)
  })

  test('an unknown mode is refused with the names there are', async () => {
    await expect(bench('--mode', 'fan9')).rejects.toMatchObject({ stderr: expect.stringContaining('fan100') })
  })

  test.skipIf(engineProblem() !== undefined)(
    'a saturated room, a paced one, pairs and what is stored are measured',
    { timeout: 60_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'palaver-test-'))
      const file = join(folder, 'figures.json')
      const modes = ['fan10', 'chat10', 'direct', 'durable'].flatMap((name) => ['--mode', name])
      const short = ['--plain', '--runs', '1', '--seconds', '0.3', '--warm', '0.2', '--json', file]
      const { stdout } = await bench(...modes, ...short, '--peer', 'palaver', '--peer', 'palaver-durable')
      expect(stdout).toContain('| palaver')
      const { modes: kept } = JSON.parse(readFileSync(file, 'utf8')) as {
        modes: { mode: string; runs: Record<string, Figures[]> }[]
      }
      expect(kept.map(({ mode }) => mode)).toEqual(['fan10', 'chat10', 'direct', 'durable'])
      for (const { runs } of kept) {
        const [figures] = Object.values(runs).flat() as [Figures]
        expect(figures.perSecond).toBeGreaterThan(0)
        expect(figures.cpuMicroseconds).toBeGreaterThan(0)
      }
      expect(kept[1]?.runs['palaver']?.[0]?.p99).toBeGreaterThan(0)
      rmSync(folder, { recursive: true })
    },
  )
})

describe('the report', () => {
  test('a ratio is the median of the ratios of each round', () => {
    const ours = [10, 30, 20].map((perCpuSecond) => ({ ...NOTHING, perCpuSecond }))
    const theirs = [10, 10, 10].map((perCpuSecond) => ({ ...NOTHING, perCpuSecond }))
    const runs = new Map([
      ['palaver', ours],
      ['nats', theirs],
    ])
    const [own, nats] = rowsOf({ mode: modeNamed('fan100'), runs })
    expect(own?.ratio).toBeUndefined()
    expect(nats?.ratio).toBe(2)
  })

  test('where less is better, half as much is twice as good', () => {
    const runs = new Map([
      ['palaver', [{ ...NOTHING, bytesPerConnection: 1024 }]],
      ['nats', [{ ...NOTHING, bytesPerConnection: 2048 }]],
    ])
    const outcome = { mode: modeNamed('idle1000'), runs }
    expect(rowsOf(outcome)[1]?.ratio).toBe(2)
    expect(tableOf(outcome)).toContain('2.00×')
  })

  test('the median of an even number of values lies between the middle two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  test('a chart is well-formed and escapes what it shows', () => {
    const svg = barChart([{ group: 'a < b', label: 'nats', value: 3 }], 'x & y')
    expect(svg).toContain('a &lt; b')
    expect(svg).toContain('x &amp; y')
    expect(svg.match(/<text/gu)?.length).toBe(svg.match(/<\/text>/gu)?.length)
  })
})
