/** The peers: packages of npm with a package.json of their own, installed on demand. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Contestant, PeerName } from './talk.ts'

const FOLDER = join(import.meta.dirname, 'peers')
const PACKAGES: Readonly<Record<PeerName, string>> = {
  enet: 'enet',
  kcp: 'node-kcp',
  udx: 'udx-native',
  quic: '@matrixai/quic',
}

/** Those of the wished contestants that are peers and load here, and why others do not. */
export function readyPeers(wished: readonly Contestant[]): {
  readonly ready: ReadonlySet<Contestant>
  readonly absent: ReadonlyMap<Contestant, string>
} {
  const ready = new Set<Contestant>()
  const absent = new Map<Contestant, string>()
  const names = (Object.keys(PACKAGES) as PeerName[]).filter((name) => wished.includes(name))
  if (names.length > 0) install()
  for (const name of names) {
    const why = (name === 'kcp' ? whyNoKcp() : undefined) ?? whyNotLoaded(PACKAGES[name])
    if (why === undefined) ready.add(name)
    else absent.set(name, why)
  }
  return { ready, absent }
}

/** Without the scripts of packages: some would download from elsewhere. */
function install(): void {
  if (existsSync(join(FOLDER, 'node_modules'))) return
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  execFileSync('npm', words, { cwd: FOLDER, stdio: 'inherit' })
}

/** node-kcp comes as source only: it is built where the headers of this Node are at hand. */
function whyNoKcp(): string | undefined {
  const folder = join(FOLDER, 'node_modules', 'node-kcp')
  if (existsSync(join(folder, 'build', 'Release', 'kcp.node'))) return undefined
  const prefix = dirname(dirname(process.execPath))
  const gyp = join(prefix, 'lib', 'node_modules', 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  const headers = join(prefix, 'include', 'node', 'node.h')
  if (!existsSync(headers) || !existsSync(gyp)) return `it has to be compiled, and ${headers} is missing`
  const words = [gyp, 'rebuild', `--nodedir=${prefix}`]
  const { status } = spawnSync(process.execPath, words, { cwd: folder, stdio: 'ignore' })
  return status === 0 ? undefined : 'it does not compile here'
}

function whyNotLoaded(name: string): string | undefined {
  const words = ['--input-type=module', '-e', `await import(${JSON.stringify(name)})`]
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: FOLDER, encoding: 'utf8' })
  if (status === 0) return undefined
  return stderr.split('\n').find((line) => line.includes('Error')) ?? 'it does not load'
}
