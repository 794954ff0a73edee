/**
 * Faulty relays and clients: small changes to the lines that cite a sentence. Each breaks what the sentence
 * asks for, or is listed as equivalent with the reason.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { isCounted, sourceOf } from './modules.ts'

/** One faulty implementation. */
export interface Mutant {
  /** Stable while the line stands: path, sentences, change, and a count where it is made several times. */
  readonly id: string
  readonly path: string
  readonly requirements: readonly string[]
  /** What was changed, for people. */
  readonly change: string
  readonly start: number
  readonly end: number
  readonly text: string
  /** The innermost block that it is in, as `reach.ts` counts them; empty outside of all. */
  readonly block: string
}

const ROOT = join(import.meta.dirname, '..', '..', '..')
const FOLDERS = ['src/protocol', 'src/codec', 'src/base', 'src/reliable'] as const
/** So much of a change is in its name. */
const CHANGE_SHOWN = 80
const CITATION = /\/\/=\s*(PAL-[^\n]*)/gu
const ID = /PAL-[A-Z]{3}-\d{3}/gu
const SWAPS: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
}

/** A change that no rule finds: what a sentence asks for is spread over lines, or is an absence. */
interface Extra {
  readonly breaks: readonly string[]
  /** Stands once in the source. */
  readonly find: string
  readonly replace: string
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** All mutants of sentences that cases test, in the order of the sources. */
export function catalogue(tested: ReadonlySet<string>): Mutant[] {
  const paths = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('generated'))
      .sort()
      .map((name) => `${folder}/${name}`),
  )
  const isTested = ({ requirements }: Mutant): boolean => requirements.some((id) => tested.has(id))
  return [...paths.flatMap(mutantsOf), ...extraMutants()].filter(isTested)
}

function extraMutants(): Mutant[] {
  const path = join(import.meta.dirname, 'extra.json')
  const extras = JSON.parse(readFileSync(path, 'utf8')) as Record<string, readonly Extra[]>
  const counts = new Map<string, number>()
  return Object.entries(extras).flatMap(([path, changes]) =>
    changes.filter((extra) => fits(path, extra)).map((extra) => extraMutant(path, extra, counts)),
  )
}

/** Written changes of which the source has not one place any more. */
export function misfits(): string[] {
  const path = join(import.meta.dirname, 'extra.json')
  const extras = JSON.parse(readFileSync(path, 'utf8')) as Record<string, readonly Extra[]>
  return Object.entries(extras).flatMap(([path, changes]) =>
    changes.filter((extra) => !fits(path, extra)).map(({ find }) => `${path}: ${find}`),
  )
}

function fits(path: string, { find }: Extra): boolean {
  return sourceOf(path).split(find).length === 2
}

function extraMutant(path: string, { breaks, find, replace }: Extra, counts: Map<string, number>): Mutant {
  const source = sourceOf(path)
  const start = source.indexOf(find)
  const change = `${brief(find)} becomes ${brief(replace) || 'nothing'}`
  const id = numbered(`${path} ${breaks.join('+')}: ${change}`, counts)
  const end = start + find.length
  return {
    id,
    path,
    requirements: breaks,
    change,
    start,
    end,
    text: replace,
    block: blockOf(path, start, end),
  }
}

/** The block that holds all of a change. */
function blockOf(path: string, start: number, end: number): string {
  const tree = parsed(path)
  const source = sourceOf(path)
  const first = start + (source.slice(start, end).match(/^\s*/u) as RegExpMatchArray)[0].length
  return blockAt(path, tree, first)
}

function brief(text: string): string {
  return text.replace(/\s+/gu, ' ').trim().slice(0, CHANGE_SHOWN)
}

/** The label, with a number behind it when it was given before. */
function numbered(label: string, counts: Map<string, number>): string {
  const count = (counts.get(label) ?? 0) + 1
  counts.set(label, count)
  return count === 1 ? label : `${label} #${count}`
}

const trees = new Map<string, ts.SourceFile>()

function parsed(path: string): ts.SourceFile {
  const tree = trees.get(path) ?? ts.createSourceFile(path, sourceOf(path), ts.ScriptTarget.ES2022, true)
  trees.set(path, tree)
  return tree
}

function blockAt(path: string, tree: ts.SourceFile, position: number): string {
  let found = ''
  const visit = (node: ts.Node): void => {
    const start = node.getStart(tree)
    if (position < start || position >= node.getEnd()) return
    // What decides whether an arm is taken runs outside of it.
    if (isCounted(node) && position > start && !isLabel(node, position)) found = `${path}:${start}`
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function isLabel(node: ts.Node, position: number): boolean {
  return ts.isCaseClause(node) && position < node.expression.getEnd()
}

function mutantsOf(path: string): Mutant[] {
  const source = sourceOf(path)
  const tree = parsed(path)
  const counts = new Map<string, number>()
  const seen = new Set<string>()
  const found: Mutant[] = []
  for (const { requirements, node } of citationsIn(source, tree)) {
    for (const edit of editsOf(node, tree)) {
      const key = `${edit.start} ${edit.end} ${edit.text}`
      if (seen.has(key)) continue
      seen.add(key)
      const before = source.slice(edit.start, edit.end).replace(/\s+/gu, ' ')
      const change = `${before.slice(0, CHANGE_SHOWN)} becomes ${edit.text || 'nothing'}`
      const block = blockAt(path, tree, edit.start)
      const id = numbered(`${path} ${requirements.join('+')}: ${change}`, counts)
      found.push({ id, path, requirements, change, ...edit, block })
    }
  }
  return found
}

interface Citation {
  readonly requirements: readonly string[]
  readonly node: ts.Node
}

/** What is cited before which code; the innermost first, which says most exactly what a line obeys. */
function citationsIn(source: string, tree: ts.SourceFile): Citation[] {
  const citations: Citation[] = []
  for (const match of source.matchAll(CITATION)) {
    const requirements = match[1]?.match(ID) ?? []
    const node = nodeAfter(tree, source, (match.index as number) + match[0].length)
    if (node && requirements.length > 0) citations.push({ requirements, node })
  }
  const width = ({ node }: Citation): number => node.getEnd() - node.getStart(tree)
  return citations.sort((a, b) => width(a) - width(b))
}

/** The outermost node that begins where the text goes on after a comment. */
function nodeAfter(tree: ts.SourceFile, source: string, position: number): ts.Node | undefined {
  let at = position
  for (;;) {
    const rest = /^(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)/u.exec(source.slice(at))
    if (!rest) break
    at += rest[0].length
  }
  let found: ts.Node | undefined
  const visit = (node: ts.Node): void => {
    if (found || node.getEnd() <= at) return
    if (node.getStart(tree) === at && node !== tree) found = node
    else ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function editsOf(node: ts.Node, tree: ts.SourceFile): Edit[] {
  const edits: Edit[] = []
  const replace = (target: ts.Node, text: string): void => {
    if (isUnseen(target, tree) || target.getText(tree) === text) return
    edits.push({ start: target.getStart(tree), end: target.getEnd(), text })
  }
  if (ts.isIfStatement(node)) return ifEdits(node, tree, replace, edits)
  if (ts.isExpressionStatement(node)) replace(node, ';')
  if (ts.isReturnStatement(node) && node.expression && ts.isCallExpression(node.expression))
    replace(node, 'return;')
  if (ts.isCaseClause(node) && !/\breturn;?\s*$/u.test(node.getText(tree)))
    replace(node, `case ${node.expression.getText(tree)}: return;`)
  if (ts.isPropertyAssignment(node) && ts.isCallExpression(node.initializer))
    replace(node.initializer, zeroOf(node.initializer, tree))
  if (ts.isForOfStatement(node)) replace(node, ';')
  visitInner(node, tree, replace)
  return edits
}

/** What no peer can notice: checks of ourselves, counters and traces for people, what a caller misused. */
const UNSEEN = /^(?:assert\(|this\.#trace\?|this\.#counters\.|(?:throw )?new UsageError\()/u

function isUnseen(target: ts.Node, tree: ts.SourceFile): boolean {
  for (let node = target; node && !ts.isBlock(node); node = node.parent)
    if (UNSEEN.test(node.getText(tree))) return true
  return false
}

function ifEdits(
  node: ts.IfStatement,
  tree: ts.SourceFile,
  replace: (target: ts.Node, text: string) => void,
  edits: Edit[],
): Edit[] {
  replace(node.expression, 'false')
  replace(node.expression, 'true')
  visitInner(node.expression, tree, replace)
  visitInner(node.thenStatement, tree, replace)
  return edits
}

/** A random value that is none. */
function zeroOf(call: ts.CallExpression, tree: ts.SourceFile): string {
  return call.expression.getText(tree).endsWith('entropy')
    ? `new Uint8Array(${call.arguments[0]?.getText(tree)})`
    : '0'
}

function visitInner(
  root: ts.Node,
  tree: ts.SourceFile,
  replace: (target: ts.Node, text: string) => void,
): void {
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return
    if (ts.isBinaryExpression(node)) {
      const swapped = SWAPS[node.operatorToken.getText(tree)]
      if (swapped) replace(node.operatorToken, swapped)
      if (node.operatorToken.getText(tree) === '+' && ts.isNumericLiteral(node.right))
        replace(node.right, '2')
    }
    if (
      ts.isStringLiteral(node) &&
      /^(?:bad|no|not|too|room|ref|body|peer|already|name|relay|frame)_/u.test(node.text)
    )
      replace(node, `'${node.text === 'bad_value' ? 'not_permitted' : 'bad_value'}'`)
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      replace(node, node.operand.getText(tree))
    if (ts.isConditionalExpression(node)) {
      replace(node, node.whenTrue.getText(tree))
      replace(node, node.whenFalse.getText(tree))
    }
    if (node !== root && ts.isIfStatement(node)) {
      replace(node.expression, 'false')
      replace(node.expression, 'true')
    }
    if (node !== root && ts.isExpressionStatement(node)) replace(node, ';')
    ts.forEachChild(node, visit)
  }
  visit(root)
}
