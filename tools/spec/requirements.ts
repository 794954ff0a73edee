/** Requirements are extracted from the text, never copied. */
import { createHash } from 'node:crypto'
import { type Chapter, sentencesOf } from './chapters.ts'
import type { GeneratedFile } from './registry.ts'

/** One normative sentence. */
export interface Requirement {
  readonly id: string
  readonly level: string
  readonly chapter: string
  /** The sentence without its identifier, and what it announces. */
  readonly sentence: string
  /** The first 8 hexadecimal digits of the SHA-256 of the sentence. */
  readonly hash: string
}

/** What `spec/generated/requirements.json` holds. */
export interface RequirementsFile {
  readonly requirements: readonly Requirement[]
  /** Identifiers that the text no longer holds; they are never used again. */
  readonly retired: readonly string[]
}

/** Where the extracted requirements are kept. */
export const REQUIREMENTS_PATH = 'spec/generated/requirements.json'

const ID_AT_START = /^\[(PAL-[A-Z]{3}-\d{3})\]\s+(.*)$/su
const KEYWORDS = /\b(?:MUST|SHOULD)(?: NOT)?\b|\bMAY\b/gu

/** The key words of a sentence, those in quotes or in code left out. */
export function keywordsOf(sentence: string): string[] {
  return sentence.replace(/`[^`]*`|"[^"]*"/gu, '').match(KEYWORDS) ?? []
}

/** The identifier at the start of a sentence, and the rest. */
export function splitId(sentence: string): { readonly id: string; readonly rest: string } | undefined {
  const match = ID_AT_START.exec(sentence)
  return match ? { id: match[1] as string, rest: match[2] as string } : undefined
}

/** All requirements, in the order of the text. */
export function extractRequirements(chapters: readonly Chapter[]): Requirement[] {
  return chapters.flatMap((chapter) =>
    sentencesOf(chapter.text).flatMap((sentence) => {
      const split = splitId(sentence.text)
      if (!split) return []
      const { id, rest } = split
      const level = keywordsOf(rest)[0] ?? ''
      return [{ id, level, chapter: chapter.path, sentence: rest, hash: hashOf(rest) }]
    }),
  )
}

function hashOf(sentence: string): string {
  return createHash('sha256').update(sentence, 'utf8').digest('hex').slice(0, 8)
}

/**
 * The file of requirements; an identifier that vanished from the text since `previous` is retired for
 * good.
 */
export function requirementsFile(
  requirements: readonly Requirement[],
  previous: RequirementsFile | undefined,
): GeneratedFile {
  const present = new Set(requirements.map((each) => each.id))
  const earlier = previous ? [...previous.requirements.map((each) => each.id), ...previous.retired] : []
  const reused = previous?.retired ?? []
  const retired = [...new Set(earlier)].filter((id) => !present.has(id) || reused.includes(id)).sort()
  return { path: REQUIREMENTS_PATH, text: `${JSON.stringify({ requirements, retired }, undefined, 2)}\n` }
}
