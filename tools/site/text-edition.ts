/** The specification as one plain text: no links, no markup, tables with columns. */
import type { Chapter } from '../spec/chapters.ts'

const COLUMNS = 100
const COLUMN_MIN = 8

/** Chapters, annexes and guides behind each other. */
export function textEdition(chapters: readonly Chapter[]): string {
  const [front, rest] = [
    chapters.filter(({ path }) => path === 'spec/README.md'),
    chapters.filter(({ path }) => /^spec\/(?:\d|annex\/|guide\/)/u.test(path)),
  ]
  const contents = rest.map(({ text }) => `  ${/^# (.*)$/mu.exec(text)?.[1] ?? ''}`).join('\n')
  const [title = '', ...others] = [...front, ...rest].map(({ text }) => plainChapter(text))
  return `${[title, `Contents\n\n${contents}`, ...others].join('\n\n\n')}\n`
}

/** One chapter as plain text. */
export function plainChapter(text: string): string {
  const parts = text.replace(/^<!--.*-->\n?/gmu, '').split(/^(```[^\n]*\n[\s\S]*?^```$)/mu)
  const plain = parts.map((part) => (part.startsWith('```') ? code(part) : prose(part)))
  return plain
    .join('')
    .replace(/\n{3,}/gu, '\n\n')
    .trim()
}

function code(block: string): string {
  const lines = block.split('\n').slice(1, -1)
  return lines.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')
}

function prose(part: string): string {
  return part
    .split(/(\n\n|\n(?=\s*(?:- |\d+\. ))|\n(?=#))/u)
    .map((block) => (block.trim() === '' ? block : blockOf(block)))
    .join('')
}

function blockOf(block: string): string {
  const plain = block.replace(/\[([^\]]*)\]\([^)]*\)/gu, '$1').replace(/`([^`]*)`/gu, '$1')
  const heading = /^(#+) (.*)$/mu.exec(plain)
  if (heading) {
    const [, marks = '', words = ''] = heading
    const line = marks.length < 3 ? `\n${(marks === '#' ? '=' : '-').repeat(words.length)}` : ''
    return plain.replace(heading[0], `${words}${line}`)
  }
  if (/^\s*\|/u.test(plain)) return tableText(plain)
  const item = /^(\n?)(\s*)(- |\d+\. )?([\s\S]*)$/u.exec(plain)
  const [, before = '', indent = '', marker = '', words = ''] = item ?? []
  const first = indent + marker
  const bare = words
    .replace(/\*\*?([^*\n]+)\*\*?/gu, '$1')
    .replace(/\s+/gu, ' ')
    .trim()
  return before + wrapped(bare, COLUMNS - first.length, first, ' '.repeat(first.length))
}

function wrapped(words: string, width: number, first: string, others: string): string {
  return linesOf(words, width)
    .map((line, i) => (i === 0 ? first : others) + line)
    .join('\n')
}

/** Words in lines of at most `width`; a longer word is cut. */
function linesOf(words: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const whole of words.split(' '))
    for (const word of whole.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']) {
      const longer = line === '' ? word : `${line} ${word}`
      if (longer.length > width && line !== '') {
        lines.push(line)
        line = word
      } else line = longer
    }
  return [...lines, line]
}

function tableText(text: string): string {
  const rows = text
    .trim()
    .split('\n')
    .filter((line) => !/^\s*\|(?:\s*:?-+:?\s*\|)+\s*$/u.test(line))
    .map((line) => {
      const cells = line
        .trim()
        .replace(/^\||\|$/gu, '')
        .split(/(?<!\\)\|/u)
      return cells.map((cell) => cell.trim().replaceAll('\\|', '|'))
    })
  const widths = columnWidths(rows)
  const shown = rows.map((cells) => rowText(cells, widths))
  const [head = '', ...body] = shown
  return `\n${[head, widths.map((width) => '-'.repeat(width)).join('  '), ...body].join('\n')}\n`
}

/** As wide as the widest cell; when that is too wide in all, the widest columns give way. */
function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(1, ...rows.map((row) => row[i]?.length ?? 0)),
  )
  const spare = (): number => widths.reduce((sum, width) => sum + width + 2, -2) - COLUMNS
  while (spare() > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= COLUMN_MIN) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function rowText(cells: readonly string[], widths: readonly number[]): string {
  const columns = widths.map((width, i) => linesOf(cells[i] ?? '', width))
  const height = Math.max(...columns.map((column) => column.length))
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((column, i) => (column[line] ?? '').padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  ).join('\n')
}
