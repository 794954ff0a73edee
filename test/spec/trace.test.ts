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
  expect(problems).toEqual(['PAL-FRM-002 lacks code and test'])
})

test('the tracing fails on a requirement without code, or without test, and on nothing else', () => {
  const code = cite('src/a.ts', '//= PAL-FRM-001')
  const shown = cite('test/a.test.ts', '//= PAL-FRM-001')
  expect(traceOf([one], code, []).problems).toEqual(['PAL-FRM-001 lacks test'])
  expect(traceOf([one], shown, []).problems).toEqual(['PAL-FRM-001 lacks code'])
  expect(traceOf([one], [...code, ...shown], []).problems).toEqual([])
  const exception = { id: 'PAL-FRM-001', lacks: 'test', reason: 'nothing to observe' } as const
  expect(traceOf([one], code, [exception]).problems).toEqual([])
  expect(traceOf([one], [], [exception]).problems).toEqual(['PAL-FRM-001 lacks code'])
})

test('an exception for what is there is a problem', () => {
  const code = cite('src/a.ts', '//= PAL-FRM-001')
  const exception = { id: 'PAL-FRM-001', lacks: 'both', reason: 'nothing to observe' } as const
  expect(traceOf([one], code, [exception]).problems).toEqual(['spec/exceptions.json: PAL-FRM-001 has code'])
})

test('a citation of an unknown or mangled identifier is a problem', () => {
  const citations = [...cite('src/a.ts', '//= PAL-FRM-009'), ...cite('src/b.ts', '//= PAL-FRM: words')]
  const { problems } = traceOf([], citations, [])
  expect(problems).toEqual([
    'src/a.ts:1: no requirement is called PAL-FRM-009',
    'src/b.ts:1: no requirement is called PAL-FRM:',
  ])
})

test('a citation of a sentence that has changed since is a problem', () => {
  const code = cite('src/a.ts', '//= PAL-FRM-001')
  const fresh = cite('test/a.ts', '//= PAL-FRM-001@0a1b2c3d')
  expect(traceOf([one], [...code, ...fresh], []).problems).toEqual([])
  expect(traceOf([one], cite('test/a.ts', '//= PAL-FRM-001@ffffffff'), []).problems[0]).toContain(
    'has changed',
  )
})

test('an exception frees a requirement of what it names, and needs a reason', () => {
  const exception = { id: 'PAL-FRM-001', lacks: 'test', reason: 'nothing to observe' } as const
  expect(traceOf([one], [], [exception]).rows[0]?.lacks).toEqual(['code'])
  expect(traceOf([one], [], [{ ...exception, lacks: 'both' }]).rows[0]?.lacks).toEqual([])
  const code = cite('src/a.ts', '//= PAL-FRM-001')
  expect(traceOf([one], code, [{ ...exception, reason: ' ' }]).problems).toHaveLength(1)
  expect(traceOf([], code.slice(1), [{ ...exception, id: 'PAL-FRM-007' }]).problems).toHaveLength(1)
})

test('the text counts what is missing', () => {
  const trace = traceOf([one, two], cite('src/a.ts', '//= PAL-FRM-001'), [])
  const text = traceText(trace, new Map([['PAL-FRM-001', 3]]))
  expect(text).toContain('PAL-FRM-001  MUST        code 1  test -  cases 3  src/a.ts:1')
  expect(text).toContain('without code: 1 of 2')
  expect(text).toContain('without test: 2 of 2')
  const summary = traceText(trace, new Map(), true)
  expect(summary.split('\n')).toEqual([
    'without code: 1 of 2',
    '  PAL-FRM-002',
    'without test: 2 of 2',
    '  PAL-FRM-001 PAL-FRM-002',
  ])
})
