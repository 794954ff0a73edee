/** The machines under test, built again with one changed source: no file is written, nothing is shared. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import type * as protocol from '../../../src/protocol/index.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const ENTRY = 'src/protocol/index.ts'
const requirePackage = createRequire(join(ROOT, 'package.json'))

type Factory = (require: (name: string) => unknown, module: { exports: unknown }, exports: unknown) => void

const factories = new Map<string, Factory>()

/** A source of the repository. */
export function sourceOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function factoryOf(path: string, text: string): Factory {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
    },
    fileName: path,
  })
  return new Function('require', 'module', 'exports', outputText) as Factory
}

/** The protocol's modules with some sources replaced. Throws when the change does not even load. */
export function loadProtocol(replaced: ReadonlyMap<string, string>): typeof protocol {
  const loaded = new Map<string, { exports: unknown }>()
  const load = (path: string): unknown => {
    const known = loaded.get(path)
    if (known) return known.exports
    const module = { exports: {} as unknown }
    loaded.set(path, module)
    const text = replaced.get(path)
    let factory = text === undefined ? factories.get(path) : factoryOf(path, text)
    if (!factory) {
      factory = factoryOf(path, sourceOf(path))
      factories.set(path, factory)
    }
    const require = (name: string): unknown =>
      name.startsWith('.') ? load(relative(ROOT, join(ROOT, dirname(path), name))) : requirePackage(name)
    factory(require, module, module.exports)
    return module.exports
  }
  return load(ENTRY) as typeof protocol
}
