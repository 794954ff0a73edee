/**
 * `npm run spec:site`: the specification as a web site in tools/site/dist, and as one text file. Everything
 * it shows is in that folder: it needs no network. `-- --text FILE` writes the text alone.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Chapter, readChapters } from '../spec/chapters.ts'
import { ROOT, readRegistry } from '../spec/registry.ts'
import { extractRequirements } from '../spec/requirements.ts'
import { pageOf } from './pages.ts'
import { textEdition } from './text-edition.ts'

const SITE = import.meta.dirname
const PAGES = join(SITE, '.pages')
const PUBLIC = join(PAGES, 'public')
const TEXT_NAME = 'palaver-spec.txt'

function main(): void {
  const at = process.argv.indexOf('--text')
  if (at > 0) return writeFileSync(process.argv[at + 1] ?? TEXT_NAME, textEdition(readChapters()))
  writePages()
  writePublic()
  if (!existsSync(join(SITE, 'node_modules'))) run('npm', ['ci', '--no-audit', '--no-fund'])
  run('npx', ['vitepress', 'build', '.'])
  console.log(`the site is in ${join(SITE, 'dist')}; npm run spec:site -- --serve shows it`)
  if (process.argv.includes('--serve')) run('npx', ['vitepress', 'preview', '.'])
}

function run(program: string, words: readonly string[]): void {
  execFileSync(program, words, { cwd: SITE, stdio: 'inherit' })
}

function writePages(): void {
  rmSync(PAGES, { recursive: true, force: true })
  const chapters = readChapters()
  const registry = readRegistry()
  const places = new Map(extractRequirements(chapters).map(({ id, chapter }) => [id, chapter]))
  for (const page of [...chapters, ...furtherPages()]) {
    const path = join(PAGES, page.path === 'spec/README.md' ? 'index.md' : page.path.replace(/^spec\//u, ''))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, pageOf(page, { places, registry }))
  }
}

/** Files beside the chapters that are pages, too. */
function furtherPages(): Chapter[] {
  const paths = [
    'spec/vectors/README.md',
    'spec/generated/requirements.md',
    'spec/LICENSE-text.md',
    'spec/LICENSE-data.md',
    'examples/python/README.md',
  ]
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

/** Data that the pages link to, as it is. */
function writePublic(): void {
  for (const folder of ['registry', 'vectors', 'generated'])
    cpSync(join(ROOT, 'spec', folder), join(PUBLIC, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('.md'),
    })
  cpSync(join(ROOT, 'examples', 'python'), join(PUBLIC, 'examples', 'python'), {
    recursive: true,
    filter: (path) => !/__pycache__|\.md$/u.test(path),
  })
  writeFileSync(join(PUBLIC, TEXT_NAME), textEdition(readChapters()))
  const files = readdirSync(PUBLIC, { recursive: true, encoding: 'utf8' })
  if (!files.includes('registry/frames.json')) throw new Error('the registry was not copied')
}

main()
