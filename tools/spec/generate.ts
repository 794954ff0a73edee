/**
 * Writes every file that follows from spec/registry. With --check it writes nothing and exits 1 when a
 * file on disk differs from what would be written.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Chapter, readChapters } from './chapters.ts'
import { type DatagramRegistry, generateDatagram } from './datagram.ts'
import { generateDissector } from './dissector.ts'
import { generateCodec } from './generate-codec.ts'
import { generateSchemas } from './generate-schemas.ts'
import { generateText } from './generate-text.ts'
import { type GeneratedFile, ROOT, readRegistry, readRegistryFile } from './registry.ts'
import { requirementIndex } from './requirement-index.ts'
import {
  extractRequirements,
  REQUIREMENTS_PATH,
  type RequirementsFile,
  requirementsFile,
} from './requirements.ts'
import { generateVectors } from './vectors.ts'

/** All generated files, in the order they are written. */
export function generateAll(): GeneratedFile[] {
  const registry = readRegistry()
  const packets = readRegistryFile('datagram') as DatagramRegistry
  const datagram = generateDatagram(packets)
  const chapters = generateText(registry, chaptersWith(datagram))
  const requirements = extractRequirements(chapters)
  return [
    ...generateCodec(registry),
    ...datagram.filter((file) => !file.path.endsWith('.md')),
    ...chapters,
    ...generateSchemas(registry),
    generateDissector(registry, packets),
    requirementsFile(requirements, readRequirements()),
    requirementIndex(requirements),
    ...generateVectors(registry),
  ]
}

/** The chapters on disk, those that another generator fills in as it fills them. */
function chaptersWith(filled: readonly GeneratedFile[]): Chapter[] {
  return readChapters().map((chapter) => filled.find((file) => file.path === chapter.path) ?? chapter)
}

/** The requirements as they were last written. */
export function readRequirements(): RequirementsFile | undefined {
  const text = onDisk(REQUIREMENTS_PATH)
  return text === undefined ? undefined : (JSON.parse(text) as RequirementsFile)
}

/** The paths of the generated files whose text on disk differs. */
export function staleFiles(
  files: readonly GeneratedFile[],
  read: (path: string) => string | undefined = onDisk,
): string[] {
  return files.filter((file) => read(file.path) !== file.text).map((file) => file.path)
}

/** The text of a file of the repository, or undefined when there is none. */
export function onDisk(path: string): string | undefined {
  const full = join(ROOT, path)
  return existsSync(full) ? readFileSync(full, 'utf8') : undefined
}

function main(): void {
  const files = generateAll()
  const stale = staleFiles(files)
  if (process.argv.includes('--check')) {
    for (const path of stale) console.error(`out of date: ${path}; run: npm run spec:generate`)
    process.exitCode = stale.length === 0 ? 0 : 1
    return
  }
  for (const file of files.filter((each) => stale.includes(each.path))) {
    mkdirSync(dirname(join(ROOT, file.path)), { recursive: true })
    writeFileSync(join(ROOT, file.path), file.text)
    console.log(`wrote ${file.path}`)
  }
}

if (process.argv[1] === import.meta.filename) main()
