import { table } from './generate-text.ts'
import type { GeneratedFile } from './registry.ts'
import type { Requirement } from './requirements.ts'

/** Where each requirement is, and whom its first words address. */
export function requirementIndex(requirements: readonly Requirement[]): GeneratedFile {
  const byId = [...requirements].sort((a, b) => (a.id < b.id ? -1 : 1))
  const index = table(
    ['requirement', 'level', 'chapter', 'begins'],
    byId.map(({ id, level, chapter, sentence }) => {
      const file = chapter.replace(/^spec\//u, '')
      const number = Number(/^\d+/u.exec(file)?.[0])
      return [`[${id}](../${file}#${id.toLowerCase()})`, level, number, beginningOf(sentence)]
    }),
  )
  return { path: 'spec/generated/requirements.md', text: `# Index of requirements\n\n${index}\n` }
}

const WORDS_SHOWN = 9

/** The first words of a sentence without what Markdown or a table would read into them. */
function beginningOf(sentence: string): string {
  const plain = sentence.replace(/\[([^\]]*)\]\([^)]*\)/gu, '$1').replaceAll('|', '\\|')
  const words = plain.split(' ')
  const shown = words.slice(0, WORDS_SHOWN).join(' ')
  const isOpen = (shown.match(/`/gu)?.length ?? 0) % 2 === 1
  return words.length > WORDS_SHOWN ? `${shown}${isOpen ? '`' : ''} ...` : shown
}
