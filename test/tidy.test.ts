/** Rules of the house that no compiler checks. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const CORE = ['base', 'codec', 'reliable', 'crypto', 'protocol', 'sim']
const FUNCTION_LINES_MAX = 70
const FILE_LINES_MAX = 800
const COLUMNS_MAX = 110

/** Names that bring in the clock, chance, I/O or waiting. */
const FORBIDDEN_NAMES = new Set([
  'Date',
  'Promise',
  'process',
  'Buffer',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'crypto',
  'fetch',
  'require',
])

interface Source {
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

function sourcesIn(folder: string): Source[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter(
      (name) => /\.(ts|mts)$/u.test(name) && !name.includes('generated') && !name.includes('node_modules'),
    )
    .map((name) => {
      const path = join(ROOT, folder, name)
      const text = readFileSync(path, 'utf8')
      return { path: relative(ROOT, path), text, tree: parse(path, text) }
    })
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1
}

/** What the pure core may not contain, as "path:line what". */
function impurities({ path, tree }: Source): string[] {
  const found: string[] = []
  const note = (node: ts.Node, what: string): void => {
    found.push(`${path}:${lineOf(tree, node.getStart())} ${what}`)
  }
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) note(node, 'async')
    if (ts.isAwaitExpression(node)) note(node, 'await')
    if (ts.isIdentifier(node) && FORBIDDEN_NAMES.has(node.text) && !isMemberName(node)) note(node, node.text)
    if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') note(node, 'Math.random')
    if (ts.isImportDeclaration(node) && /['"]node:/u.test(node.moduleSpecifier.getText()))
      note(node, 'node module')
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** Whether the identifier only names a member: `frame.process` is not the global. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  return (ts.isPropertySignature(parent) || ts.isPropertyAssignment(parent)) && parent.name === node
}

function longFunctions({ path, tree }: Source): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const lines = lineOf(tree, node.getEnd()) - lineOf(tree, node.getStart()) + 1
      if (lines > FUNCTION_LINES_MAX) found.push(`${path}:${lineOf(tree, node.getStart())} ${lines} lines`)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function wideLines({ path, text }: Source): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, i) =>
    [...line].length > COLUMNS_MAX ? [`${path}:${i + 1} ${line.length} columns`] : [],
  )
}

const core = CORE.flatMap((folder) => sourcesIn(join('src', folder)))
const product = [...sourcesIn('src'), ...sourcesIn('fuzz'), ...sourcesIn('tools')]
const all = [...product, ...sourcesIn('test')]

describe('the core is pure', () => {
  test('there is a core to look at', () => {
    expect(core.length).toBeGreaterThan(40)
  })

  test('it has no clock, chance, timer, promise, console or Node API', () => {
    expect(core.flatMap(impurities)).toEqual([])
  })

  test.each([
    ['const now = Date.now()', 'Date'],
    ['const x = Math.random()', 'Math.random'],
    ['export async function f(): Promise<void> {}', 'async'],
    ['setTimeout(() => {}, 1)', 'setTimeout'],
    ['const b: Buffer = x', 'Buffer'],
    ["import { x } from 'node:fs'", 'node module'],
  ])('the check notices %s', (text, what) => {
    expect(impurities({ path: 'x.ts', text, tree: parse('x.ts', text) }).join()).toContain(what)
  })
})

describe('sizes', () => {
  test(`no function of the product has more than ${FUNCTION_LINES_MAX} lines`, () => {
    expect(product.flatMap(longFunctions)).toEqual([])
  })

  test(`no file has more than ${FILE_LINES_MAX} lines`, () => {
    const long = all.filter(({ text }) => text.split('\n').length - 1 > FILE_LINES_MAX)
    expect(long.map(({ path }) => path)).toEqual([])
  })

  test(`no line has more than ${COLUMNS_MAX} columns`, () => {
    expect(all.flatMap(wideLines)).toEqual([])
  })

  test('the checks notice a long function and a wide line', () => {
    const text = `function f() {\n${'x\n'.repeat(FUNCTION_LINES_MAX)}}\n${'y'.repeat(COLUMNS_MAX + 1)}`
    const source = { path: 'x.ts', text, tree: parse('x.ts', text) }
    expect(longFunctions(source)).toHaveLength(1)
    expect(wideLines(source)).toHaveLength(1)
  })
})
