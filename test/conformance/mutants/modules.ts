/** The machines under test, built again with one changed source: no file is written, nothing is shared. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import type * as primitives from '../../../src/node/primitives.ts'
import type * as protocol from '../../../src/protocol/index.ts'
import type * as reliable from '../../../src/reliable/index.ts'
import type * as shim from '../client-shim.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const ENTRIES = [
  'src/protocol/index.ts',
  'src/reliable/index.ts',
  'src/node/primitives.ts',
  'test/conformance/client-shim.ts',
] as const
const requirePackage = createRequire(join(ROOT, 'package.json'))
const HIT = '__hit'

/** What the machines are made of. */
export type Modules = typeof protocol & typeof reliable & typeof primitives & typeof shim
/** Is told that a block begins to run, by where it stands. */
export type OnHit = (block: string) => void

type Factory = (
  require: (name: string) => unknown,
  module: { exports: unknown },
  exports: unknown,
  onHit?: (start: number) => void,
) => void

const factories = new Map<string, Factory>()

/** A source of the repository. */
export function sourceOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Blocks whose running is counted: those in braces, and the arms of a switch. */
export function isCounted(node: ts.Node): node is ts.Block | ts.CaseOrDefaultClause {
  return ts.isBlock(node) || ts.isCaseOrDefaultClause(node)
}

function hitStatement(start: number): ts.Statement {
  const { factory } = ts
  const args = [factory.createNumericLiteral(start)]
  return factory.createExpressionStatement(
    factory.createCallExpression(factory.createIdentifier(HIT), undefined, args),
  )
}

function counting(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const { factory } = context
  return (file) => {
    const visit = (node: ts.Node): ts.Node => {
      const start = isCounted(node) ? node.getStart(file) : -1
      const inner = ts.visitEachChild(node, visit, context)
      if (start < 0) return inner
      const withHit = (statements: ts.NodeArray<ts.Statement>): ts.Statement[] => [
        hitStatement(start),
        ...statements,
      ]
      if (ts.isBlock(inner)) return factory.updateBlock(inner, withHit(inner.statements))
      if (ts.isCaseClause(inner))
        return factory.updateCaseClause(inner, inner.expression, withHit(inner.statements))
      return ts.isDefaultClause(inner) ? factory.updateDefaultClause(inner, withHit(inner.statements)) : inner
    }
    return ts.visitNode(file, visit) as ts.SourceFile
  }
}

function factoryOf(path: string, text: string, isCounting: boolean): Factory {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
    },
    fileName: path,
    ...(isCounting ? { transformers: { before: [counting] } } : {}),
  })
  return new Function('require', 'module', 'exports', HIT, outputText) as Factory
}

/**
 * The machines with some sources replaced; `onHit` makes them tell which blocks run. Throws when the change
 * does not even load.
 */
export function loadModules(replaced: ReadonlyMap<string, string>, onHit?: OnHit): Modules {
  const loaded = new Map<string, { exports: unknown }>()
  const load = (path: string): unknown => {
    const known = loaded.get(path)
    if (known) return known.exports
    const module = { exports: {} as unknown }
    loaded.set(path, module)
    const text = replaced.get(path)
    let factory = text === undefined && !onHit ? factories.get(path) : undefined
    if (!factory) {
      factory = factoryOf(path, text ?? sourceOf(path), onHit !== undefined)
      if (text === undefined && !onHit) factories.set(path, factory)
    }
    const require = (name: string): unknown =>
      name.startsWith('.') ? load(relative(ROOT, join(ROOT, dirname(path), name))) : requirePackage(name)
    factory(require, module, module.exports, (start) => onHit?.(`${path}:${start}`))
    return module.exports
  }
  return Object.assign({}, ...ENTRIES.map(load)) as Modules
}
