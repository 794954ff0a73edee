/**
 * Writes every file that follows from spec/registry. With --check it writes nothing and exits 1 when a file on
 * disk differs from what would be written.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generateCodec } from './generate-codec.ts'
import { type GeneratedFile, ROOT, readRegistry } from './registry.ts'

/** All generated files, in the order they are written. */
export function generateAll(): GeneratedFile[] {
  const registry = readRegistry()
  return [...generateCodec(registry)]
}

/** The paths of the generated files whose text on disk differs. */
export function staleFiles(files: readonly GeneratedFile[]): string[] {
  return files.filter((file) => onDisk(file.path) !== file.text).map((file) => file.path)
}

function onDisk(path: string): string | undefined {
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
