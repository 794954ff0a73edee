import { describe, expect, test } from 'vitest'
import type { Chapter } from '../../tools/spec/chapters.ts'
import { checkExamples } from '../../tools/spec/check.ts'
import { checkRegistry, checkSchema, type Finding } from '../../tools/spec/checks-registry.ts'
import {
  checkIds,
  checkLength,
  checkLinks,
  checkMarkers,
  checkMentions,
  checkNames,
  checkSentences,
} from '../../tools/spec/checks-text.ts'
import { staleFiles } from '../../tools/spec/generate.ts'
import { REGISTRY_FILES, type Registry, readRegistry, readRegistryFile } from '../../tools/spec/registry.ts'
import {
  extractRequirements,
  type RequirementsFile,
  requirementsFile,
} from '../../tools/spec/requirements.ts'

const registry = readRegistry()

function chapter(text: string, path = 'spec/03-framing.md'): Chapter[] {
  return [{ path, text }]
}

function problems(findings: readonly Finding[]): string {
  return findings.map((finding) => `${finding.where}: ${finding.problem}`).join('\n')
}

/** A deep copy that the test may spoil. */
function spoiled(spoil: (copy: Registry) => void): Registry {
  const copy = structuredClone(registry)
  spoil(copy)
  return copy
}

type Mutable = Record<string, unknown>

describe('sentences', () => {
  test('a normative sentence with its identifier is fine', () => {
    expect(checkSentences(chapter('- [PAL-FRM-001] A sender MUST be kind.'))).toEqual([])
  })

  test('a normative sentence without identifier is found, wherever it stands', () => {
    const texts = ['A sender MUST be kind.', '- a sender SHOULD be kind', '| a sender MAY be kind |']
    for (const text of [...texts, 'Fine. But a sender MUST NOT be rude.'])
      expect(problems(checkSentences(chapter(text)))).toContain('without identifier')
  })

  test('the second normative sentence after one identifier is found', () => {
    const text = '[PAL-FRM-001] A sender MUST be kind. A receiver MUST be, too.'
    expect(problems(checkSentences(chapter(text)))).toContain('without identifier')
  })

  test('an identifier on a sentence that asks for nothing is found', () => {
    expect(problems(checkSentences(chapter('[PAL-FRM-001] It rains.')))).toContain('says nothing normative')
  })

  test('two levels in one sentence are found', () => {
    const text = '[PAL-FRM-001] A sender MUST be kind and SHOULD NOT be rude.'
    expect(problems(checkSentences(chapter(text)))).toContain('give each its own')
  })

  test('other key words, lower-case must, and an identifier within a sentence are found', () => {
    expect(problems(checkSentences(chapter('A sender SHALL be kind.')))).toContain('use MUST')
    expect(problems(checkSentences(chapter('A sender must be kind.')))).toContain('avoid "must"')
    const late = 'A sender MUST be kind [PAL-FRM-001].'
    expect(problems(checkSentences(chapter(late)))).toContain('within a sentence')
  })

  test('key words in quotes, code, examples and generated parts are not normative', () => {
    const text = [
      'The word "MUST" and `MAY`.',
      '```\nA MUST\n```',
      '<!-- generated:x -->\nA sender MUST.\n<!-- /generated -->',
    ].join('\n\n')
    expect(checkSentences(chapter(text))).toEqual([])
  })
})

describe('requirements', () => {
  test('the list or formula that a sentence announces belongs to it', () => {
    const list =
      '- [PAL-FRM-001] A sender MUST do:\n  - this;\n  - that.\n- [PAL-FRM-002] A sender MUST stop.'
    expect(extractRequirements(chapter(list)).map((each) => each.sentence)).toEqual([
      'A sender MUST do: this; that.',
      'A sender MUST stop.',
    ])
    const formula = '[PAL-FRM-001] A sender MUST send:\n\n```\na || b\n```\n\nFine.'
    expect(extractRequirements(chapter(formula))[0]?.sentence).toBe('A sender MUST send: a || b')
  })

  test('the hash follows the words and not the line breaks', () => {
    const [one] = extractRequirements(chapter('[PAL-FRM-001] A sender MUST be kind.'))
    const [same] = extractRequirements(chapter('[PAL-FRM-001] A sender\nMUST   be kind.'))
    const [other] = extractRequirements(chapter('[PAL-FRM-001] A sender MUST be rude.'))
    expect(one?.hash).toMatch(/^[0-9a-f]{8}$/u)
    expect(same?.hash).toBe(one?.hash)
    expect(other?.hash).not.toBe(one?.hash)
  })

  test('an identifier that is used twice is found', () => {
    const text = '[PAL-FRM-001] A sender MUST be kind.\n\n[PAL-FRM-001] A sender MUST be brief.'
    expect(problems(checkIds(extractRequirements(chapter(text)), undefined))).toContain('more than once')
  })

  test('an identifier in the wrong chapter is found', () => {
    const text = '[PAL-HSK-001] A sender MUST be kind.'
    expect(problems(checkIds(extractRequirements(chapter(text)), undefined))).toContain('does not belong')
  })

  test('an identifier that vanished is retired, and found when it is used again', () => {
    const before = extractRequirements(chapter('[PAL-FRM-001] A sender MUST be kind.'))
    const file: RequirementsFile = { requirements: before, retired: [] }
    const after = extractRequirements(chapter('[PAL-FRM-002] A sender MUST be kind.'))
    const written = JSON.parse(requirementsFile(after, file).text) as RequirementsFile
    expect(written.retired).toEqual(['PAL-FRM-001'])
    expect(checkIds(after, written)).toEqual([])
    expect(problems(checkIds(before, written))).toContain('retired and is used again')
    const again = JSON.parse(requirementsFile(before, written).text) as RequirementsFile
    expect(again.retired).toContain('PAL-FRM-001')
  })
})

describe('mentions', () => {
  test('an identifier that no sentence has is found wherever it is mentioned', () => {
    const sentence = chapter('[PAL-FRM-001] A sender MUST be kind.')
    const annex = chapter('| this | PAL-FRM-001, PAL-FRM-002 |', 'spec/annex/a.md')
    const found = checkMentions([...sentence, ...annex], extractRequirements(sentence))
    expect(problems(found)).toBe('spec/annex/a.md: there is no PAL-FRM-002')
  })
})

describe('policies', () => {
  const withValues = (ranges: Mutable[]): Registry =>
    spoiled((copy) => {
      ;(copy.policies as Mutable)['values'] = ranges
    })
  const open = { use: 'all', policy: 'a new edition' }
  const closed = { use: 'all', policy: 'nobody: for private agreement' }

  test('with gaps, overlaps or an odd end are found', () => {
    const found = (ranges: Mutable[]): string => problems(checkRegistry(withValues(ranges)))
    expect(found([{ from: 0, to: 255, ...open }])).toBe('')
    expect(found([{ from: 0, to: 9, ...open }])).toContain('ends with 9')
    expect(found([{ from: 1, to: 255, ...open }])).toContain('does not follow')
    expect(
      found([
        { from: 0, to: 99, ...open },
        { from: 99, to: 255, ...open },
      ]),
    ).toContain('the range from 99')
  })

  test('that number something private, or a registry that is not there, are found', () => {
    expect(problems(checkRegistry(withValues([{ from: 0, to: 255, ...closed }])))).toContain('is assigned')
    const unknown = spoiled((copy) => {
      ;(copy.policies as Mutable)['moods'] = [{ from: 0, to: 255, ...open }]
    })
    expect(problems(checkRegistry(unknown))).toContain('no such registry')
  })
})

describe('the text', () => {
  const read = (path: string): string | undefined =>
    path === 'spec/05-handshake.md' ? '# 5 Handshake\n\n## 5.4 Well-formed names\n' : undefined

  test('links to chapters, headings and other sites are fine when they lead somewhere', () => {
    const text = '[a](05-handshake.md) [b](05-handshake.md#54-well-formed-names) [c](https://example.org)'
    expect(checkLinks(chapter(text), read)).toEqual([])
  })

  test('links to files and headings that are not there are found', () => {
    expect(problems(checkLinks(chapter('[a](99-nothing.md)'), read))).toContain(
      'there is no spec/99-nothing.md',
    )
    expect(problems(checkLinks(chapter('[a](05-handshake.md#nowhere)'), read))).toContain('no such heading')
  })

  test('a generated part that nothing generates, or that does not end, is found', () => {
    const known = (name: string): boolean => name === 'limits'
    expect(checkMarkers(chapter('<!-- generated:limits -->\n<!-- /generated -->'), known)).toEqual([])
    expect(problems(checkMarkers(chapter('<!-- generated:x -->\n<!-- /generated -->'), known))).toContain(
      'generates x',
    )
    expect(problems(checkMarkers(chapter('<!-- generated:limits -->\n'), known))).toContain('not closed')
  })

  test('a name in code style that the registry does not hold is found', () => {
    expect(checkNames(chapter('`frame_bytes`, `hello.versions`, `expect_auth`'), registry)).toEqual([])
    expect(problems(checkNames(chapter('`frame_bites`'), registry))).toContain('frame_bites')
    expect(problems(checkNames(chapter('`hello.version`'), registry))).toContain('hello.version')
  })

  test('a core of more than 9,500 words is found; code and generated parts do not count', () => {
    const words = 'word '.repeat(9500)
    expect(checkLength(chapter(`${words}\n\`\`\`\n${words}\n\`\`\`\n`))).toEqual([])
    expect(checkLength(chapter(`${words} more`))).toHaveLength(1)
    expect(checkLength(chapter(`${words} more`, 'spec/12-security.md'))).toEqual([])
  })

  test('a generated file that is out of date or absent is found', () => {
    const files = [{ path: 'spec/generated/x.json', text: 'new' }]
    expect(staleFiles(files, () => 'new')).toEqual([])
    expect(staleFiles(files, () => 'old')).toEqual(['spec/generated/x.json'])
    expect(staleFiles(files, () => undefined)).toEqual(['spec/generated/x.json'])
  })
})

describe('examples', () => {
  const example = (tag: string, input: string, json: string): Chapter[] =>
    chapter(`\`\`\`${tag}\n${input}\n---\n${json}\n\`\`\``)

  test('examples that run as they say are fine', () => {
    const ping = '{ "nonce": 25, "type": "ping", "conversation": 3 }'
    expect(checkExamples(example('frame', '93 07 ; ping\n19 03', ping))).toEqual([])
    expect(checkExamples(example('stream', '00 00 00 04 93\n07 19 03', `[${ping}]`))).toEqual([])
    expect(checkExamples(example('stream limit=3', '00 00 00 04', '[{"fault":"frame_too_large"}]'))).toEqual(
      [],
    )
    expect(checkExamples(example('frame', '92 07 19', '{"fault":"bad_frame"}'))).toEqual([])
  })

  test('an example with another value, a fault, another limit or no sense is found', () => {
    const ping = '{ "type": "ping", "nonce": 26, "conversation": 3 }'
    expect(problems(checkExamples(example('frame', '93 07 19 03', ping)))).toContain('"nonce":25')
    expect(problems(checkExamples(example('frame', '92 07 19', ping)))).toContain('bad_frame')
    expect(problems(checkExamples(example('stream', '00 00 00 00', '[]')))).toContain('bad_frame')
    expect(problems(checkExamples(example('frame', '9', ping)))).toContain('not hexadecimal')
    expect(problems(checkExamples(example('frame', '93 07 19 03', '{')))).toContain('not JSON')
  })

  test('a handshake whose result differs is found', () => {
    const input = ['clientSeed', 'relaySeed'].map((name) => `${name} = ${'01'.repeat(32)}`)
    const rest = ['binding', 'hello', 'challenge', 'clientId', 'session'].map((name) => `${name} = 00`)
    const texts = ['name = "a"', 'token = ""', 'nameGiven = "a"']
    const found = checkExamples(
      example('handshake', [...input, ...rest, ...texts].join('\n'), '{"transcript":"00"}'),
    )
    expect(problems(found)).toContain('transcript')
  })
})

describe('the registry', () => {
  const metaSchema = readRegistryFile('meta.schema') as object
  const files = Object.fromEntries(REGISTRY_FILES.map((name) => [name, readRegistryFile(name)]))

  test('as it is, it is fine', () => {
    expect(problems(checkSchema(metaSchema, files))).toBe('')
    expect(problems(checkRegistry(registry))).toBe('')
  })

  test.each<[string, string, (file: never) => void]>([
    ['a frame without summary', 'frames', (f: { frames: Mutable[] }) => delete f.frames[0]?.['summary']],
    [
      'a type above 127',
      'frames',
      (f: { frames: Mutable[] }) => Object.assign(f.frames[0] as Mutable, { type: 128 }),
    ],
    [
      'a text without limit',
      'frames',
      (f: { frames: { fields: Mutable[] }[] }) => delete f.frames[0]?.fields[3]?.['max'],
    ],
    [
      'an unknown property',
      'limits',
      (f: { limits: Mutable[] }) => Object.assign(f.limits[0] as Mutable, { vlaue: 1 }),
    ],
    [
      'an unknown retry',
      'errors',
      (f: { errors: Mutable[] }) => Object.assign(f.errors[0] as Mutable, { retry: 'soon' }),
    ],
    [
      'a value as text',
      'values',
      (f: { versions: Mutable[] }) => Object.assign(f.versions[0] as Mutable, { value: '1' }),
    ],
    [
      'a cell without sense',
      'reactions',
      (f: { roles: { relay: { rows: Mutable } } }) =>
        Object.assign(f.roles.relay.rows['hello'] as Mutable, { open: 'maybe' }),
    ],
  ] as [string, string, (file: never) => void][])('%s breaks the schema', (_, name, spoil) => {
    const copy = structuredClone(files)
    spoil(copy[name] as never)
    const found = checkSchema(metaSchema, copy)
    expect(found.length).toBeGreaterThan(0)
    expect(found.every((finding) => finding.where.startsWith(`spec/registry/${name}.json`))).toBe(true)
  })

  test.each<[string, string, (copy: Registry) => void]>([
    [
      'a type twice',
      '1 occurs more than once',
      (r) => Object.assign(r.frames[1] as Mutable | object, { type: 1 }),
    ],
    ['a name twice', 'hello occurs', (r) => Object.assign(r.frames[1] as object, { name: 'hello' })],
    ['a limit number twice', '1 occurs', (r) => Object.assign(r.limits[1] as object, { id: 1 })],
    ['an error code twice', '256 occurs', (r) => Object.assign(r.errors[1] as object, { code: 256 })],
    ['a value twice', '0 occurs', (r) => Object.assign(r.values['roles']?.[1] as object, { value: 0 })],
    [
      'a field twice',
      'field nonce occurs',
      (r) => Object.assign(r.frames[0]?.fields[0] as object, { name: 'nonce' }),
    ],
    [
      'a hole in the ranges',
      'type 64 is in 0 ranges',
      (r) => Object.assign(r.ranges[2] as object, { from: 65 }),
    ],
    [
      'overlapping ranges',
      'type 63 is in 2 ranges',
      (r) => Object.assign(r.ranges[2] as object, { from: 63 }),
    ],
    [
      'a frame outside its range',
      'outside the range protocol',
      (r) => Object.assign(r.frames[0] as object, { type: 100 }),
    ],
    [
      'an unknown limit',
      'no limit is called agent_bites',
      (r) => Object.assign(r.frames[0]?.fields[3] as object, { max: 'agent_bites' }),
    ],
    [
      'a limit of another unit',
      'does not count bytes',
      (r) => Object.assign(r.frames[0]?.fields[3] as object, { max: 'nesting' }),
    ],
    [
      'an unknown record',
      'no record is called limt',
      (r) => Object.assign(r.frames[3]?.fields[4] as object, { of: 'limt' }),
    ],
    [
      'an unknown table',
      'no table is called rolls',
      (r) => Object.assign(r.frames[3]?.fields[2] as object, { registry: 'rolls' }),
    ],
    [
      'a value that does not fit',
      'does not fit u8',
      (r) => Object.assign(r.values['roles']?.[1] as object, { value: 256 }),
    ],
    [
      'a code out of scope',
      'outside the range of scope',
      (r) => Object.assign(r.errors[0] as object, { code: 600 }),
    ],
    [
      'an unfilled cell',
      'ping in open: is not filled',
      (r) => delete (r.reactions.relay.rows['ping'] as Mutable)['open'],
    ],
    [
      'an absent row',
      'link_end in open: is not filled',
      (r) => delete (r.reactions.client.rows as Mutable)['link_end'],
    ],
    ['a row of nothing', 'pang is neither', (r) => Object.assign(r.reactions.relay.rows, { pang: {} })],
    [
      'an unknown next state',
      'no state is called opne',
      (r) => Object.assign(r.reactions.relay.rows['ping'] as object, { open: 'accept>opne' }),
    ],
    [
      'an unknown error',
      'no error is called bad_fame',
      (r) => Object.assign(r.reactions.relay.rows['ping'] as object, { open: 'close:bad_fame' }),
    ],
    [
      'a close that ends nothing',
      'does not end a session',
      (r) => Object.assign(r.reactions.relay.rows['ping'] as object, { open: 'close:ref_gap' }),
    ],
    [
      'a state nobody enters',
      'state open cannot be reached',
      (r) => {
        for (const frame of ['auth', 'resume'])
          Object.assign(r.reactions.relay.rows[frame] as object, { expect_auth: 'ignore' })
      },
    ],
    [
      'a state without description',
      'state open is not described',
      (r) => delete (r.states.relay as Mutable)['open'],
    ],
  ])('%s is found', (_, problem, spoil) => {
    expect(problems(checkRegistry(spoiled(spoil)))).toContain(problem)
  })
})
