import { describe, expect, test } from 'vitest'
import { diagramOf } from '../../tools/site/diagram.ts'
import { pageOf } from '../../tools/site/pages.ts'
import { plainChapter, textEdition } from '../../tools/site/text-edition.ts'
import { type Chapter, readChapters } from '../../tools/spec/chapters.ts'
import { readRegistry } from '../../tools/spec/registry.ts'
import { extractRequirements } from '../../tools/spec/requirements.ts'

const chapters = readChapters()
const registry = readRegistry()
const requirements = extractRequirements(chapters)
const places = new Map(requirements.map(({ id, chapter }) => [id, chapter]))

function page(text: string, path = 'spec/03-framing.md'): string {
  return pageOf({ path, text } satisfies Chapter, { places, registry })
}

describe('pages', () => {
  test('give every requirement an anchor, each once', () => {
    const all = chapters.map((chapter) => pageOf(chapter, { places, registry })).join('\n')
    const anchors = [...all.matchAll(/<a class="requirement" id="([a-z0-9-]+)"/gu)].map(([, id]) => id)
    expect(anchors.sort()).toEqual(requirements.map(({ id }) => id.toLowerCase()).sort())
  })

  test('lead from a mention to the requirement, and leave code alone', () => {
    expect(page('As PAL-SES-009 says.')).toContain('[PAL-SES-009](06-session.md#pal-ses-009)')
    expect(page('As PAL-FRM-001 says.')).toContain('[PAL-FRM-001](#pal-frm-001)')
    expect(page('[PAL-CNV-001](01-conventions.md)')).toContain('[PAL-CNV-001](01-conventions.md#pal-cnv-001)')
    expect(page('As PAL-XYZ-009 says.')).toContain('As PAL-XYZ-009 says.')
    expect(page('```text\nPAL-SES-009\n```')).toContain('\nPAL-SES-009\n')
  })

  test('link to data from the root, and to pages beside them', () => {
    expect(page('[r](registry/frames.json)')).toContain('(/registry/frames.json)')
    expect(page('[r](../registry/frames.json)', 'spec/guide/a.md')).toContain('(/registry/frames.json)')
    expect(page('[s](06-session.md)')).toContain('(06-session.md)')
  })

  test('show the bytes and the meaning of an example as two blocks', () => {
    const shown = page('```stream limit=9\n00\n---\n[]\n```')
    expect(shown).toContain('```ini\n; limit=9\n00\n```\n\n```json\n[]\n```')
  })
})

test.each(['relay', 'client'] as const)(
  'the diagram of the %s has its states and what joins them',
  (role) => {
    const drawn = diagramOf(registry.reactions[role])
    for (const state of registry.reactions[role].states) expect(drawn).toContain(`>${state}</text>`)
    expect(drawn).toContain('>link_end</text>')
    expect(drawn).toContain(role === 'relay' ? '>auth</text>' : '>ready</text>')
  },
)

describe('the text edition', () => {
  const text = textEdition(chapters)

  test('holds every requirement and nothing of Markdown or of the generator', () => {
    for (const { id } of requirements) expect(text).toContain(`[${id}]`)
    expect(text).not.toMatch(/<!--|\]\(|^```|^\|/mu)
  })

  test('wraps paragraphs and tables, and keeps examples as they are', () => {
    const long = plainChapter(
      `- ${'word '.repeat(60)}\n\n| a | b |\n| --- | --- |\n| ${'c '.repeat(90)}| d |`,
    )
    expect(Math.max(...long.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(plainChapter('Text:\n\n```frame\n93 07\n```')).toBe('Text:\n\n    93 07')
    expect(plainChapter('## 1.1 *A* `b` [c](d)\n\ntext')).toContain('text')
  })
})
