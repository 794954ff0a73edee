/** What is wrong with the text. Pure: chapters in, findings out. */
import { type Chapter, generatedNames, sentencesOf, withoutGenerated } from './chapters.ts'
import { duplicates, type Finding } from './checks-registry.ts'
import type { Registry } from './registry.ts'
import { keywordsOf, type Requirement, type RequirementsFile, splitId } from './requirements.ts'

/** Which identifiers each chapter may hold, by the number in its file name. */
const PREFIXES: Readonly<Record<string, readonly string[]>> = {
  '01': ['CNV'],
  '02': ['OVR'],
  '03': ['FRM'],
  '04': ['STR'],
  '05': ['HSK'],
  '06': ['SES'],
  '07': ['ROM', 'MSG'],
  '08': ['MOD'],
  '09': ['ERR'],
  '10': ['LIM'],
  '11': ['EXT'],
  '12': ['SEC'],
  '13': ['UDP'],
  '14': ['ENC'],
  '15': ['SDC'],
  '16': ['SRM'],
  '17': ['SFL'],
  '18': ['TRU'],
  '19': ['CNF'],
  '20': ['SIG'],
}

const CORE_WORDS_MAX = 9500
const LAST_CORE_CHAPTER = 11

/** Sentences with key words and without an identifier, the reverse, and words that the text avoids. */
export function checkSentences(chapters: readonly Chapter[]): Finding[] {
  return chapters.flatMap((chapter) =>
    sentencesOf(chapter.text).flatMap((sentence) =>
      sentenceProblems(sentence.text).map((problem) => ({
        where: `${chapter.path}:${sentence.line}`,
        problem,
      })),
    ),
  )
}

function sentenceProblems(text: string): string[] {
  const split = splitId(text)
  const rest = split?.rest ?? text
  const keywords = keywordsOf(rest)
  const bare = rest.replace(/`[^`]*`|"[^"]*"/gu, '')
  const problems: string[] = []
  if (keywords.length > 0 && !split)
    problems.push(`a normative sentence without identifier: ${text.slice(0, 60)}`)
  if (keywords.length === 0 && split) problems.push(`${split.id} says nothing normative`)
  if (new Set(keywords).size > 1)
    problems.push(`${keywords.join(' and ')} in one sentence: give each its own`)
  if (/\[PAL-[A-Z]{3}-\d+\](?!\()/u.test(bare)) problems.push('an identifier within a sentence')
  if (/\b(?:SHALL|REQUIRED|RECOMMENDED|OPTIONAL)\b/u.test(bare)) problems.push('use MUST, SHOULD or MAY')
  if (/\bmust\b/u.test(bare)) problems.push('avoid "must" in lower case')
  return problems
}

/** Identifiers used twice, used again after they were retired, or in the wrong chapter. */
export function checkIds(
  requirements: readonly Requirement[],
  previous: RequirementsFile | undefined,
): Finding[] {
  const ids = requirements.map((requirement) => requirement.id)
  const twice = duplicates(ids).map((id) => ({ where: id, problem: 'the identifier is used more than once' }))
  const again = ids
    .filter((id) => previous?.retired.includes(id))
    .map((id) => ({ where: id, problem: 'the identifier was retired and is used again' }))
  const misplaced = requirements
    .filter(({ id, chapter }) => !prefixesOf(chapter).includes(id.slice(4, 7)))
    .map(({ id, chapter }) => ({ where: id, problem: `does not belong into ${chapter}` }))
  return [...twice, ...again, ...misplaced]
}

/** Identifiers that the text names and no sentence has. */
export function checkMentions(chapters: readonly Chapter[], requirements: readonly Requirement[]): Finding[] {
  const known = new Set(requirements.map((requirement) => requirement.id))
  return chapters.flatMap((chapter) => {
    const mentioned = chapter.text.match(/\bPAL-[A-Z]{3}-\d{3}\b/gu) ?? []
    const unknown = [...new Set(mentioned)].filter((id) => !known.has(id))
    return unknown.map((id) => ({ where: chapter.path, problem: `there is no ${id}` }))
  })
}

function prefixesOf(path: string): readonly string[] {
  return PREFIXES[chapterNumber(path)] ?? []
}

function chapterNumber(path: string): string {
  return /(\d\d)-[^/]*$/u.exec(path)?.[1] ?? ''
}

/** Links to files or headings that are not there. `read` gives a file's text by its path from the root. */
export function checkLinks(
  chapters: readonly Chapter[],
  read: (path: string) => string | undefined,
): Finding[] {
  return chapters.flatMap((chapter) => {
    const links = [...withoutGenerated(chapter.text).matchAll(/\]\(([^)\s]+)\)/gu)].map(
      (match) => match[1] as string,
    )
    return links
      .filter((link) => !/^[a-z]+:/u.test(link))
      .flatMap((link) => {
        const problem = linkProblem(chapter, link, read)
        return problem ? [{ where: chapter.path, problem }] : []
      })
  })
}

function linkProblem(
  chapter: Chapter,
  link: string,
  read: (path: string) => string | undefined,
): string | undefined {
  const [file = '', anchor] = link.split('#')
  const path = file === '' ? chapter.path : resolvePath(chapter.path, file)
  const text = file === '' ? chapter.text : read(path)
  if (text === undefined) return `${link}: there is no ${path}`
  if (anchor === undefined) return undefined
  return anchorsOf(text).includes(anchor) ? undefined : `${link}: there is no such heading`
}

function resolvePath(from: string, link: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of link.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+\s+(.*)$/gmu)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Generated parts with a name that no generator knows. */
export function checkMarkers(chapters: readonly Chapter[], known: (name: string) => boolean): Finding[] {
  return chapters.flatMap((chapter) => {
    const opened = chapter.text.match(/<!-- generated:/gu)?.length ?? 0
    const names = generatedNames(chapter.text)
    const broken =
      opened === names.length ? [] : [{ where: chapter.path, problem: 'a generated part is not closed' }]
    const unknown = names.filter((name) => !known(name))
    return [
      ...broken,
      ...unknown.map((name) => ({ where: chapter.path, problem: `nothing generates ${name}` })),
    ]
  })
}

/** Names in code style, written like those of the registry, that the registry does not hold. */
export function checkNames(chapters: readonly Chapter[], registry: Registry): Finding[] {
  const names = registryNames(registry)
  return chapters
    .filter((chapter) => chapterNumber(chapter.path) !== '13')
    .flatMap((chapter) => {
      const own = withoutGenerated(chapter.text).replace(/^```[\s\S]*?^```/gmu, '')
      const words = [...own.matchAll(/`([a-z]+(?:_[a-z0-9]+)+|[a-z][a-zA-Z]*\.[a-z][a-zA-Z]*)`/gu)]
      const unknown = new Set(words.map((match) => match[1] as string).filter((word) => !names.has(word)))
      return [...unknown].map((word) => ({ where: chapter.path, problem: `the registry has no ${word}` }))
    })
}

function registryNames(registry: Registry): Set<string> {
  return new Set([
    ...registry.limits.map((limit) => limit.name),
    ...registry.errors.map((error) => error.name),
    ...Object.keys(registry.values),
    ...Object.values(registry.values).flatMap((values) => values.map((value) => value.name)),
    ...Object.values(registry.reactions).flatMap((role) => role.states),
    ...Object.keys(registry.inputs),
    ...registry.frames.flatMap((frame) => frame.fields.map((field) => `${frame.name}.${field.name}`)),
  ])
}

/** Whether the core's own text, generated parts and examples left out, is longer than it may be. */
export function checkLength(chapters: readonly Chapter[]): Finding[] {
  const core = chapters.filter((chapter) => {
    const number = Number(chapterNumber(chapter.path))
    return number >= 1 && number <= LAST_CORE_CHAPTER
  })
  const words = core.reduce((sum, chapter) => sum + wordsOf(chapter.text), 0)
  return words <= CORE_WORDS_MAX ? [] : [{ where: 'chapters 1 to 11', problem: `${words} words` }]
}

/** The words of a chapter's own text. */
export function wordsOf(text: string): number {
  const own = withoutGenerated(text).replace(/^```[\s\S]*?^```/gmu, '')
  return own.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word)).length
}
