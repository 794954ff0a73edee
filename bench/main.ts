/**
 * The relay beside its peers: starts each server and the load generator, each on a core of its own, in turn,
 * round after round, and shows medians and ratios. `npm run bench -- --help` tells the rest.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { installNpmPeers } from './adapters/npm.ts'
import { engineProblem } from './engine.ts'
import { helpText } from './help.ts'
import { withTables } from './markdown.ts'
import { type Figures, measure } from './measure.ts'
import { MODES, type Mode } from './modes.ts'
import type { Peer } from './peer.ts'
import { NPM_PEERS, PEERS, STANDARD_PEERS } from './peers.ts'
import { profileText, profilingOptions } from './profile.ts'
import { runInNamespace, takePrecedence } from './quiet.ts'
import {
  appendHistory,
  conditions,
  type Outcome,
  readJson,
  tableOf,
  writeChart,
  writeJson,
} from './report.ts'
import { type Cores, hasProgram, type Launch } from './server.ts'

/**
 * Seconds before measuring. At a pace it takes that long until code is compiled: on the one core that a server
 * has here, the threads that compile are what its latency would show.
 */
const WARM_SECONDS = { throughput: 1, pace: 8, memory: 1, storm: 1, durable: 1 } as const

const { values } = parseArgs({
  options: {
    mode: { type: 'string', short: 'm', multiple: true },
    peer: { type: 'string', short: 'p', multiple: true },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    warm: { type: 'string' },
    json: { type: 'string' },
    from: { type: 'string', multiple: true },
    chart: { type: 'string' },
    markdown: { type: 'string' },
    record: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    profile: { type: 'string' },
    plain: { type: 'boolean', default: false },
    spread: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

function chosen<T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): T[] {
  return names.map((name) => {
    const found = all.find((each) => each.name === name)
    if (!found) throw new Error(`there is no "${name}"; there are ${all.map((each) => each.name).join(', ')}`)
    return found
  })
}

function coresHere(): Cores {
  const isPinned = cpus().length > 1 && hasProgram('taskset') && !values.spread
  return isPinned ? { server: 0, engine: 1 } : { server: undefined, engine: undefined }
}

/** The peers that are there; says what to install for the others. */
function present(peers: readonly Peer[]): Peer[] {
  return peers.filter((peer) => {
    if (NPM_PEERS.has(peer.name)) installNpmPeers()
    const missing = peer.missing()
    if (missing !== undefined) console.error(`${peer.name} is not here: ${installHint(missing)}`)
    return missing === undefined
  })
}

function installHint(missing: string): string {
  return missing.includes(' ') ? missing : `apt-get install ${missing}`
}

/** Our relay that stores is asked by name for what it takes to store at other loads. */
function suits(peer: Peer, { figure }: Mode): boolean {
  const isAsked = values.peer !== undefined && peer.name === 'palaver-durable' && hasLoad(figure)
  return (figure === 'durable') === peer.isDurable || isAsked
}

function hasLoad(figure: Mode['figure']): boolean {
  return figure === 'throughput' || figure === 'pace'
}

async function runMode(mode: Mode, peers: readonly Peer[]): Promise<Outcome> {
  const warmSeconds = Number(values.warm ?? WARM_SECONDS[mode.figure])
  const settings = { seconds: Number(values.seconds), warmSeconds, cores: coresHere() }
  const isTold = (peer: Peer): boolean => suits(peer, mode) && (!peer.usesLinks || hasLoad(mode.figure))
  const taking = peers.filter(isTold)
  const runs = new Map<string, Figures[]>(taking.map(({ name }) => [name, []]))
  for (let round = 0; round < Number(values.runs); round++)
    for (const peer of taking) {
      try {
        runs.get(peer.name)?.push(await measure(profiled(peer, mode), mode, settings))
      } catch (error) {
        console.error(`${mode.name}, ${peer.name}: ${error instanceof Error ? error.message : error}`)
      }
    }
  return { mode, runs }
}

/** Our relay with a profiler, where that is asked for. Its figures are then worse than they are. */
function profiled(peer: Peer, mode: Mode): Peer {
  if (values.profile === undefined || !peer.name.startsWith('palaver')) return peer
  const options = profilingOptions(resolve(values.profile), mode.name)
  return { ...peer, launch: (place) => withNodeOptions(peer.launch(place), options) }
}

function withNodeOptions(launch: Launch, options: readonly string[]): Launch {
  return { ...launch, args: [...options, ...launch.args] }
}

async function main(): Promise<void> {
  if (values.help) return console.log(helpText())
  if (values.from !== undefined) return showKept(values.from)
  const modes = chosen(MODES, values.mode ?? MODES.map(({ name }) => name))
  const standard = values.all ? PEERS.map(({ name }) => name) : STANDARD_PEERS
  const peers = present(chosen(PEERS, values.peer ?? standard))
  const status = values.plain ? undefined : await runInNamespace()
  if (status !== undefined) process.exit(status)
  if (!values.plain) takePrecedence()
  const problem = engineProblem()
  if (problem !== undefined) throw new Error(problem)
  console.log(`${conditions()}\n`)
  const outcomes: Outcome[] = []
  for (const mode of modes) {
    const outcome = await runMode(mode, peers)
    outcomes.push(outcome)
    console.log(`${mode.name}: ${mode.title}\n\n${tableOf(outcome)}\n`)
  }
  keep(outcomes)
}

/** Tables, chart and history of runs made before. */
function showKept(paths: readonly string[]): void {
  const outcomes = paths.flatMap((path) => readJson(path, MODES))
  for (const outcome of outcomes)
    console.log(`${outcome.mode.name}: ${outcome.mode.title}\n\n${tableOf(outcome)}\n`)
  keep(outcomes)
}

function keep(outcomes: readonly Outcome[]): void {
  if (values.json !== undefined) writeJson(values.json, outcomes)
  if (values.chart !== undefined) writeChart(values.chart, outcomes)
  const { markdown } = values
  if (markdown !== undefined) writeFileSync(markdown, withTables(readFileSync(markdown, 'utf8'), outcomes))
  if (values.record) appendHistory(outcomes)
  if (values.profile !== undefined) console.log(profileText(values.profile))
}

await main().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
