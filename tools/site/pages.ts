/** A chapter as a page: anchors for requirements, links to them, diagrams as SVG, examples with colours. */
import { posix } from 'node:path'
import { type Chapter, generatedNames } from '../spec/chapters.ts'
import type { Registry } from '../spec/registry.ts'
import { diagramOf } from './diagram.ts'

/** What pages refer to. */
export interface Surroundings {
  /** The chapter of each requirement. */
  readonly places: ReadonlyMap<string, string>
  readonly registry: Registry
}

/** The Markdown that VitePress is given for a chapter. */
export function pageOf({ path, text }: Chapter, { places, registry }: Surroundings): string {
  const named = generatedNames(text)
  let diagrams = named.filter((name) => name.startsWith('diagram-'))
  const parts = text.split(/^(```[\s\S]*?^```$)/mu)
  const shown = parts.map((part) => {
    if (!part.startsWith('```')) return withLinks(part, path, places)
    if (!part.startsWith('```mermaid')) return example(part)
    const [name = '', ...rest] = diagrams
    diagrams = rest
    return diagramOf(registry.reactions[name === 'diagram-relay' ? 'relay' : 'client'])
  })
  return `${frontMatter(path)}${shown.join('')}`
}

function frontMatter(path: string): string {
  const isIndex = path.startsWith('spec/generated/')
  return `---\noutline: [2, 3]\neditLink: false\n${isIndex ? 'pageClass: wide\n' : ''}---\n\n`
}

/** The two parts of an executed example, each with the colours of its own language. */
function example(block: string): string {
  const match = /^```(frame|stream|handshake)(.*)\n([\s\S]*?)^---\n([\s\S]*?)^```$/mu.exec(block)
  if (!match) return block
  const [, , info = '', input = '', expected = ''] = match
  const limit = info.trim() === '' ? '' : `; ${info.trim()}\n`
  return `\`\`\`ini\n${limit}${input}\`\`\`\n\n\`\`\`json\n${expected}\`\`\``
}

/** Stands in for the hyphens of an identifier that is a link already. */
const HYPHEN = '\u2011'
const AT_START = /^(\s*- )\[(PAL-[A-Z]{3}-\d{3})\]\s/gmu
const MENTION = /(?<![\w[/#"-])(PAL-[A-Z]{3}-\d{3})(?!\d|\]|")/gu
const IN_LINK = /\[(PAL-[A-Z]{3}-\d{3})\]\(([^)]*)\)/gu

/** Text outside of blocks: a requirement gets an anchor, a mention of one leads there. */
function withLinks(text: string, from: string, places: ReadonlyMap<string, string>): string {
  const target = (id: string): string => {
    const place = places.get(id)
    return place === undefined ? '' : `${relativeLink(from, place)}#${id.toLowerCase()}`
  }
  return text
    .replace(IN_LINK, (_, id: string) => `[${id.replaceAll('-', HYPHEN)}](${target(id)})`)
    .replace(AT_START, (_, bullet: string, id: string) => `${bullet}${anchor(id)} `)
    .replace(MENTION, (id: string) => (target(id) === '' ? id : `[${id}](${target(id)})`))
    .replaceAll(HYPHEN, '-')
    .replace(/\]\(([^)\s]+)\)/gu, (whole, link: string) => `](${dataLink(from, link) ?? whole.slice(2, -1)})`)
}

function anchor(id: string): string {
  const name = id.toLowerCase()
  return `<a class="requirement" id="${name}" href="#${name}">${id.replaceAll('-', HYPHEN)}</a>`
}

function relativeLink(from: string, to: string): string {
  const link = posix.relative(posix.dirname(from), to)
  return link === posix.basename(from) ? '' : link
}

/** Links to what is no page: data, which is copied as it is, and the example, which is linked as a file. */
function dataLink(from: string, link: string): string | undefined {
  const [file = ''] = link.split('#')
  const path = posix.join(posix.dirname(from), file)
  if (path.startsWith('examples/')) return `/${path}`
  if (path === 'spec/README.md') return '/index.md'
  const isPage = file === '' || file.endsWith('.md') || /^[a-z]+:/u.test(file)
  return isPage ? undefined : path.replace(/^spec\//u, '/')
}
