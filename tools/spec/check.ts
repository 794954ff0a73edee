/** `npm run spec:check`: everything that can be wrong with the specification, found and listed. */
import { type Chapter, readChapters } from './chapters.ts'
import { checkRegistry, checkSchema, type Finding } from './checks-registry.ts'
import {
  checkIds,
  checkLength,
  checkLinks,
  checkMarkers,
  checkMentions,
  checkNames,
  checkSentences,
} from './checks-text.ts'
import { examplesOf, problemOf } from './examples.ts'
import { generateAll, onDisk, readRequirements, staleFiles } from './generate.ts'
import { textParts } from './generate-text.ts'
import { REGISTRY_FILES, readRegistry, readRegistryFile } from './registry.ts'
import { extractRequirements } from './requirements.ts'

/** Every finding in the repository. */
export function checkAll(): Finding[] {
  const registry = readRegistry()
  const files = Object.fromEntries(REGISTRY_FILES.map((name) => [name, readRegistryFile(name)]))
  const inRegistry = [
    ...checkSchema(readRegistryFile('meta.schema') as object, files),
    ...checkRegistry(registry),
  ]
  if (inRegistry.length > 0) return inRegistry
  const chapters = readChapters()
  const parts = textParts(registry)
  const requirements = extractRequirements(chapters)
  return [
    ...checkSentences(chapters),
    ...checkIds(requirements, readRequirements()),
    ...checkMentions(chapters, requirements),
    ...checkMarkers(chapters, (name) => parts.has(name) || name.startsWith('datagram-')),
    ...checkNames(chapters, registry),
    ...checkLinks(chapters, onDisk),
    ...checkLength(chapters),
    ...checkExamples(chapters),
    ...staleFiles(generateAll()).map((path) => ({
      where: path,
      problem: 'is out of date: npm run spec:generate',
    })),
  ]
}

/** Examples of the text that do not run as they say. */
export function checkExamples(chapters: readonly Chapter[]): Finding[] {
  return chapters.flatMap(examplesOf).flatMap((example) => {
    const problem = problemOf(example)
    return problem === undefined ? [] : [{ where: example.where, problem }]
  })
}

function main(): void {
  const findings = checkAll()
  for (const { where, problem } of findings) console.error(`${where}: ${problem}`)
  if (findings.length === 0) console.log('spec: nothing to complain about')
  process.exitCode = findings.length === 0 ? 0 : 1
}

if (process.argv[1] === import.meta.filename) main()
