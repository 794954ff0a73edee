/** Peers that run on Node with packages of their own, in bench/peers. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer } from '../peer.ts'

const FOLDER = join(import.meta.dirname, '..', 'peers')

/** How a server of bench/peers is found and started. */
export function npmPeer(program: string): Pick<Peer, 'missing' | 'launch'> {
  return {
    missing: () => (existsSync(join(FOLDER, 'node_modules')) ? undefined : 'npm ci --prefix bench/peers'),
    launch: ({ port }) => ({ command: process.execPath, args: [join(FOLDER, program), String(port)] }),
  }
}

/** Installs the packages when they are not there; tells whether they are. */
export function installNpmPeers(): boolean {
  if (existsSync(join(FOLDER, 'node_modules'))) return true
  console.error('installing the peers from npm (once)')
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', FOLDER]
  return spawnSync('npm', args, { stdio: 'ignore' }).status === 0
}
