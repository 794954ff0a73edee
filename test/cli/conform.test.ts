/** `palaver conform` as a program: lists of expected failures, and runs that can be repeated. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.ts'
import { Home, MAIN, type Outcome, Running } from './process.ts'

const SHIM = `node --import tsx ${fileURLToPath(new URL('../conformance/shim.ts', import.meta.url))}`
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Answers everything, and does nothing. */
const IDLE = `const idle = { write: [], events: [], deadline: null, state: 'open', refused: false }
const answer = JSON.stringify(idle)
require('node:readline').createInterface({ input: process.stdin }).on('line', () => console.log(answer))`
const CASES = ['C-SES-001/ping-open', 'C-SES-001/pong-open']
const RUN_MS = 120_000

let home: Home

beforeEach(() => {
  home = new Home()
})

afterEach(() => home.end())

function conform(shim: string, ...words: string[]): Promise<Outcome> {
  const chosen = CASES.flatMap((id) => ['--case', id])
  const all = [MAIN, 'conform', '--stdio', shim, ...chosen, '--seed', '5', ...words]
  return new Running(spawn(process.execPath, all, { cwd: ROOT })).outcome
}

function fileOf(name: string, text: string): string {
  const path = join(home.folder, name)
  writeFileSync(path, text)
  return path
}

describe('palaver conform', { timeout: RUN_MS }, () => {
  test('a client that fails: the code says so, unless every failure was expected', async () => {
    const idle = `node ${fileOf('idle.cjs', IDLE)}`
    const failed = await conform(idle)
    expect([failed.code, failed.stdout]).toEqual([EXIT.nonconformant, expect.stringContaining(' 2 failed')])
    const list = fileOf('known', `# not built yet\n${CASES.join('  # later\n')}\n`)
    const expected = await conform(idle, '--expect-failures', list)
    expect([expected.code, expected.stdout]).toEqual([
      EXIT.done,
      expect.stringContaining('0 failed, 2 expected to fail'),
    ])
    expect(expected.stdout).not.toContain('FAILED')
  })

  test('a case that starts to pass is reported until it is off the list', async () => {
    const list = fileOf('known', `${CASES[0]}\n`)
    const outcome = await conform(SHIM, '--expect-failures', list)
    expect([outcome.code, outcome.stdout]).toEqual([
      EXIT.nonconformant,
      expect.stringContaining(`PASSES NOW  ${CASES[0]}`),
    ])
    expect(outcome.stdout).not.toContain(`PASSES NOW  ${CASES[1]}`)
    expect(await conform(SHIM, '--expect-failures', fileOf('none', '\n'))).toMatchObject({ code: EXIT.done })
  })

  test('a seed gives the same exchanges again, and another one others', async () => {
    const exchanges = async (name: string, ...words: string[]): Promise<string> => {
      const page = join(home.folder, name)
      await conform(SHIM, '--html', page, ...words)
      return (
        readFileSync(page, 'utf8')
          .match(/\b(?:[\da-f]{2}){30,}\b/gu)
          ?.join('\n') ?? ''
      )
    }
    const first = await exchanges('first.html')
    expect(first.length).toBeGreaterThan(1000)
    expect(await exchanges('again.html')).toBe(first)
    expect(await exchanges('other.html', '--seed', '6')).not.toBe(first)
  })
})
