/** Load over our own links, for UDP: the generator of links-process.ts as the driver sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { RunOptions, RunResult } from './engine.ts'
import type { Party } from './peer.ts'

/** What the process is told. */
export interface LinksPlan {
  readonly port: number
  readonly parties: readonly Party[]
  readonly publishers: number
  readonly gain: number
  readonly window: number
  readonly isTimed: boolean
  readonly bodyBytes: number
  readonly run: RunOptions
}

/** Runs the plan in a process of its own, on the given core. */
export async function runLinks(plan: LinksPlan, core: number | undefined): Promise<RunResult> {
  const child = fork(join(import.meta.dirname, 'links-process.ts'), [JSON.stringify(plan)], {
    serialization: 'advanced',
    ...launchOn(core),
  })
  return resultOf(child)
}

function launchOn(core: number | undefined): { execPath?: string; execArgv: string[] } {
  const node = ['--import', 'tsx']
  if (core === undefined) return { execArgv: node }
  return { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath, ...node] }
}

function resultOf(child: ChildProcess): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as RunResult))
    child.once('exit', () => reject(new Error('the load generator ended')))
  })
}
