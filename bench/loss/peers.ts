/** The peers: packages of npm with a package.json of their own, installed on demand. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Contestant, PeerName } from './talk.ts'

const FOLDER = join(import.meta.dirname, 'peers')
const PACKAGES: Readonly<Record<PeerName, string>> = {
  enet: 'enet.js',
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
  if (names.length > 0 && !existsSync(join(FOLDER, 'node_modules')))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' })
  for (const name of names) {
    const load = `await import(${JSON.stringify(PACKAGES[name])})`
    const words = ['--input-type=module', '-e', load]
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: FOLDER, encoding: 'utf8' })
    if (status === 0) ready.add(name)
    else absent.set(name, stderr.split('\n').find((line) => line.includes('Error')) ?? 'it does not load')
  }
  return { ready, absent }
}
