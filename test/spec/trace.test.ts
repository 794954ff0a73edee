import { expect, test } from 'vitest'
import type { Requirement } from '../../tools/spec/requirements.ts'
import { citationsIn, traceOf, traceText } from '../../tools/spec/trace.ts'

const one: Requirement = {
  id: 'PAL-FRM-001',
  level: 'MUST',
  chapter: 'spec/03.md',
  sentence: 'x',
  hash: '0a1b2c3d',
}
const two: Requirement = { ...one, id: 'PAL-FRM-002' }
const cite = (path: string, text: string): ReturnType<typeof citationsIn> => citationsIn(path, text)

test('citations are found with their lines, several in one comment, free text after them', () => {
  const text = 'x\n  //= PAL-FRM-001\n//= PAL-FRM-002@0a1b2c3d, PAL-FRM-003  and words, PAL-FRM-009\n'
  expect(cite('src/a.ts', text)).toEqual([
    { id: 'PAL-FRM-001', hash: undefined, where: 'src/a.ts:2' },
    { id: 'PAL-FRM-002', hash: '0a1b2c3d', where: 'src/a.ts:3' },
    { id: 'PAL-FRM-003', hash: undefined, where: 'src/a.ts:3' },
  ])
})

test('a requirement with code and test lacks nothing; one with neither lacks both', () => {
  const citations = [...cite('src/a.ts', '//= PAL-FRM-001'), ...cite('test/a.test.ts', '//= PAL-FRM-001')]
  const { rows, problems } = traceOf([one, two], citations, [])
  expect(rows.map((row) => row.lacks)).toEqual([[], ['code', 'test']])
  expect(problems).toEqual([])
})

test('a citation of an unknown or mangled identifier is a problem', () => {
  const citations = [...cite('src/a.ts', '//= PAL-FRM-009'), ...cite('src/b.ts', '//= PAL-FRM: words')]
  const { problems } = traceOf([one], citations, [])
  expect(problems).toEqual([
    'src/a.ts:1: no requirement is called PAL-FRM-009',
    'src/b.ts:1: no requirement is called PAL-FRM:',
  ])
})

test('a citation of a sentence that has changed since is a problem', () => {
  expect(traceOf([one], cite('test/a.ts', '//= PAL-FRM-001@0a1b2c3d'), []).problems).toEqual([])
  expect(traceOf([one], cite('test/a.ts', '//= PAL-FRM-001@ffffffff'), []).problems[0]).toContain(
    'has changed',
  )
})

test('an exception frees a requirement of what it names, and needs a reason', () => {
  const exception = { id: 'PAL-FRM-001', lacks: 'test', reason: 'nothing to observe' } as const
  expect(traceOf([one], [], [exception]).rows[0]?.lacks).toEqual(['code'])
  expect(traceOf([one], [], [{ ...exception, lacks: 'both' }]).rows[0]?.lacks).toEqual([])
  expect(traceOf([one], [], [{ ...exception, reason: ' ' }]).problems).toHaveLength(1)
  expect(traceOf([one], [], [{ ...exception, id: 'PAL-FRM-007' }]).problems).toHaveLength(1)
})

test('the text counts what is missing', () => {
  const text = traceText(traceOf([one, two], cite('src/a.ts', '//= PAL-FRM-001'), []))
  expect(text).toContain('PAL-FRM-001  MUST        code 1  test -  src/a.ts:1')
  expect(text).toContain('without code: 1 of 2')
  expect(text).toContain('without test: 2 of 2')
})
