/** The chapters as blocks and sentences: what the checks and the extraction of requirements stand on. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './registry.ts'

/** One file of the text. */
export interface Chapter {
  /** From the root, as in `spec/05-handshake.md`. */
  readonly path: string
  readonly text: string
}

/** A paragraph, list item, table or fenced block of a chapter. */
export interface Block {
  readonly kind: 'text' | 'item' | 'table' | 'code'
  readonly indent: number
  /** The info string of a fenced block, else empty. */
  readonly info: string
  /** Without the marker of a list item; lines of text are joined by spaces. */
  readonly text: string
  readonly line: number
}

/** One sentence with what was announced by its colon. */
export interface Sentence {
  readonly text: string
  readonly line: number
}

/** Where the text is: the chapters, what is appended to them, and walk-throughs. */
const FOLDERS = ['spec', 'spec/annex', 'spec/guide'] as const

/** The Markdown files of the text, in order. */
export function readChapters(): Chapter[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .sort()
      .map((name) => ({
        path: `${folder}/${name}`,
        text: readFileSync(join(ROOT, folder, name), 'utf8'),
      })),
  )
}

const MARKED = /<!-- generated:([\w-]+) -->\n[\s\S]*?<!-- \/generated -->/gu

/** The text with every generated part blanked out; lines keep their numbers. */
export function withoutGenerated(text: string): string {
  return text.replace(MARKED, (part) => part.replace(/[^\n]/gu, ''))
}

/** The text with the part between each pair of markers replaced; a name without content stays as it is. */
export function fillGenerated(text: string, content: (name: string) => string | undefined): string {
  return text.replace(MARKED, (whole, name: string) => {
    const inner = content(name)
    return inner === undefined ? whole : `<!-- generated:${name} -->\n${inner}\n<!-- /generated -->`
  })
}

/** The names of the generated parts of a text. */
export function generatedNames(text: string): string[] {
  return [...text.matchAll(MARKED)].map((match) => match[1] as string)
}

/** The blocks of a text; headings and HTML comments are left out. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; ) at = readBlock(lines, at, blocks)
  return blocks
}

/** Reads the block that starts at line `at` (from 0), if one does; the next line to look at. */
function readBlock(lines: readonly string[], at: number, blocks: Block[]): number {
  const line = lines[at] as string
  const fence = /^(\s*)```(.*)$/u.exec(line)
  if (fence) {
    const close = lines.findIndex((each, index) => index > at && /^\s*```\s*$/u.test(each))
    const end = close < 0 ? lines.length : close
    const text = lines.slice(at + 1, end).join('\n')
    blocks.push({
      kind: 'code',
      indent: (fence[1] ?? '').length,
      info: (fence[2] ?? '').trim(),
      text,
      line: at + 1,
    })
    return end + 1
  }
  if (line.trim() === '' || /^#|^\s*<!--/u.test(line)) return at + 1
  const isTable = /^\s*\|/u.test(line)
  const item = /^(\s*)(?:[-*]|\d+\.)\s+(.*)$/u.exec(line)
  const parts = [item ? (item[2] as string) : line.trim()]
  let end = at + 1
  while (end < lines.length && continues(lines[end] as string, isTable))
    parts.push((lines[end++] as string).trim())
  const kind = isTable ? 'table' : item ? 'item' : 'text'
  const indent = item ? (item[1] as string).length : line.length - line.trimStart().length
  blocks.push({ kind, indent, info: '', text: parts.join(isTable ? '\n' : ' '), line: at + 1 })
  return end
}

function continues(line: string, isTable: boolean): boolean {
  if (isTable) return /^\s*\|/u.test(line)
  return line.trim() !== '' && !/^#|^\s*(?:[-*]\s|\d+\.\s|\||```|<!--)/u.test(line)
}

/**
 * The sentences of a chapter's own text (code and generated parts left out, unless a sentence
 * announces them).
 */
export function sentencesOf(text: string): Sentence[] {
  const blocks = blocksOf(withoutGenerated(text))
  const sentences: Sentence[] = []
  for (let at = 0; at < blocks.length; ) {
    const block = blocks[at] as Block
    at += 1
    if (block.kind === 'code') continue
    const parts = splitSentences(block)
    const last = parts.at(-1)
    if (last?.startsWith('[PAL-') && last.endsWith(':')) {
      const end = endOfAnnounced(blocks, at, block)
      parts[parts.length - 1] = [last, ...blocks.slice(at, end).map((each) => each.text)].join(' ')
      at = end
    }
    for (const part of parts) sentences.push({ text: part.replace(/\s+/gu, ' ').trim(), line: block.line })
  }
  return sentences
}

function splitSentences(block: Block): string[] {
  if (block.kind === 'table') return block.text.split('\n')
  return block.text.split(/(?<=[.?!])\s+(?=[A-Z"`*(]|\[PAL-)/u)
}

/** A colon announces the deeper list that follows, or one table or fenced block. */
function endOfAnnounced(blocks: readonly Block[], from: number, announcing: Block): number {
  const next = blocks[from]
  if (next?.kind === 'code' || next?.kind === 'table') return from + 1
  let end = from
  const isPart = (block: Block): boolean =>
    block.kind === 'item' &&
    !block.text.startsWith('[PAL-') &&
    (announcing.kind === 'text' || block.indent > announcing.indent)
  while (end < blocks.length && isPart(blocks[end] as Block)) end += 1
  return end
}
