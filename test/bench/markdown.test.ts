/** Tables of the benchmark in a document. */
import { expect, test } from 'vitest'
import { withTables } from '../../bench/markdown.ts'
import type { Figures } from '../../bench/measure.ts'
import { MODES, type Mode } from '../../bench/modes.ts'

const figures = (perCpuSecond: number): Figures => ({
  perCpuSecond,
  perSecond: perCpuSecond,
  cpuMicroseconds: 1,
  serverBusy: 1,
  engineBusy: 1,
  p50: undefined,
  p99: undefined,
  p999: undefined,
  bytesPerConnection: undefined,
  stalls: 0,
  firstShare: 1,
})

const DOCUMENT = `Before.

<!-- tables: written by npm run bench -- --markdown FILE -->

### \`direct\`: old

old table

### \`rooms\`: stays

kept table

<!-- end of tables -->

| mode | asked | reached |
| direct | 0.9 | old |
| rooms | 1.4 | kept |
`

test('a mode that was measured gets its table and its line anew, and everything else stays', () => {
  const mode = MODES.find(({ name }) => name === 'direct') as Mode
  const runs = new Map([
    ['palaver', [figures(150_000)]],
    ['nats', [figures(100_000)]],
  ])
  const text = withTables(DOCUMENT, [{ mode, runs }])
  expect(text).not.toContain('old')
  expect(text).toMatch(/### `direct`: one to one, 100 pairs, saturated\n\n\| server/u)
  expect(text).toContain('| direct | 0.9 | 1.50 / - / - / - |\n| rooms | 1.4 | kept |')
  expect(text).toContain('### `rooms`: stays\n\nkept table\n\n<!-- end of tables -->')
  expect(withTables(text, [{ mode, runs }])).toBe(text)
})

test('a document without a place for tables is refused', () => {
  expect(() => withTables('nothing', [])).toThrow('no place for tables')
})
