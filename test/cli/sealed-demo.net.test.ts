/** The demonstration for learners: what a capture of the relay's port, its memory and its store show. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../tools/spec/registry.ts'

const RUN_MS = 120_000

/** Why it cannot run here, if it cannot. */
function missing(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (spawnSync('tshark', ['--version']).status !== 0) return 'tshark is not here'
  if (spawnSync('python3', ['--version']).status !== 0) return 'python3 is not here'
  const capture = spawnSync('tshark', ['-i', 'lo', '-a', 'duration:0.1', '-w', '/dev/null'], {
    timeout: 10_000,
  })
  if (capture.status !== 0) return 'capturing is not permitted'
  return process.getuid?.() === 0 ? undefined : 'reading the memory of the relay is not permitted'
}

const MISSING = missing()
if (MISSING !== undefined) console.warn(`the demonstration of sealing is skipped: ${MISSING}`)

describe.skipIf(MISSING !== undefined)('two people talk while the port of the relay is captured', () => {
  it('finds the text when it is plain, and nowhere when it is sealed', { timeout: RUN_MS }, () => {
    const script = join(ROOT, 'tools', 'sealed-demo.sh')
    const { status, stdout, stderr } = spawnSync('bash', [script], { encoding: 'utf8', timeout: RUN_MS })
    expect([status, stderr]).toEqual([0, expect.any(String)])
    const found = [
      ...stdout.matchAll(/^e2ee (\w+): the text is (\d+) times in the capture, (\d+).* (\d+) in/gmu),
    ]
    expect(found.map(([, mode]) => mode)).toEqual(['off', 'require'])
    const [plain, sealed] = found.map(([, , ...counts]) => counts.map(Number))
    expect(plain?.[0]).toBeGreaterThan(0)
    expect(plain?.[2]).toBeGreaterThan(0)
    expect(sealed).toEqual([0, 0, 0])
  })
})
