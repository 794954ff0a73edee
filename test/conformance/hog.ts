/**
 * `npx tsx test/conformance/hog.ts --runs 100`: the kit against our relay again and again, over TCP and UDP
 * by turns, while something else keeps every core busy. A case that fails in any run is flaky. `--hogs 0`
 * tells what a run costs.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { playAll, type Result, relayCases, socketArena } from '../../src/conformance/index.ts'
import { udpTransport } from '../../src/node/index.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { readOptions, wholeNumber } from '../../tools/options.ts'
import type { RelayAnswer, RelayRequest } from './relay-process.ts'

const USAGE = `usage: npx tsx test/conformance/hog.ts [OPTIONS]

  --runs N        runs of all cases (default 2)
  --hogs N        busy loops beside them (default: one for each core)
  --transport X   only tcp, or only udp
  --case PREFIX   only the cases whose name begins so; may be given again
  --workers N     processes that carry the links of the relay (default 1: its own)`

type Kind = 'tcp' | 'udp'

interface Wanted {
  readonly kind: Kind
  readonly prefixes: readonly string[]
  readonly workers: number
  readonly seed: number
}

const PARALLEL = 8

/** A relay in a process of its own. */
class RelayProcess {
  /** Where it listens now: a configuration that was started again may be elsewhere. */
  readonly addresses: RelayAnswer['addresses'] = {}
  usedMs = 0
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  constructor({ kind, workers }: Wanted) {
    const program = fileURLToPath(new URL('relay-process.ts', import.meta.url))
    this.#child = fork(program, [kind, String(workers)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#ended = once(this.#child, 'exit').then(() => Promise.reject(new Error('the relay ended')))
    this.#ended.catch(() => {})
  }

  /** Resolves with its next answer. */
  async heard(): Promise<void> {
    const [answer] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [RelayAnswer]
    Object.assign(this.addresses, answer.addresses)
    this.usedMs = answer.usedMs
  }

  async ask(request: RelayRequest): Promise<void> {
    this.#child.send(request)
    await this.heard()
  }
}

async function play(wanted: Wanted): Promise<readonly Result[]> {
  const { kind, prefixes, seed } = wanted
  const relay = new RelayProcess(wanted)
  await relay.heard()
  const transport: Transport = kind === 'tcp' ? tcpTransport : udpTransport()
  const cases = relayCases().filter(
    ({ id, transports }) =>
      (!transports || transports.includes(kind)) &&
      (prefixes.length === 0 || prefixes.some((prefix) => id.startsWith(prefix))),
  )
  const [began, before, relayBefore] = [performance.now(), process.cpuUsage(), relay.usedMs]
  const results = await playAll(cases, {
    seed,
    salt: kind,
    parallel: PARALLEL,
    keepsNotes: false,
    arena: () =>
      socketArena({
        transport: transport as Parameters<typeof socketArena>[0]['transport'],
        addresses: relay.addresses,
        restart: (setup) => relay.ask({ restart: setup }),
      }),
  })
  const seconds = (ms: number): string => (ms / 1000).toFixed(1)
  const elapsed = performance.now() - began
  const { user, system } = process.cpuUsage(before)
  await relay.ask('stop')
  const failed = results.filter(({ outcome }) => outcome !== 'passed')
  console.log(
    `${kind}: ${results.length} cases in ${seconds(elapsed)} s (processor: kit ` +
      `${seconds((user + system) / 1000)} s, relay ${seconds(relay.usedMs - relayBefore)} s), ` +
      `${failed.length} failed`,
  )
  for (const { id, step, detail } of failed) console.log(`    ${id} at "${step}": ${detail}`)
  return failed
}

async function main(): Promise<number> {
  const values = readOptions(USAGE, {
    runs: { type: 'string', default: '2' },
    hogs: { type: 'string', default: String(availableParallelism()) },
    transport: { type: 'string', default: '' },
    case: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: '1' },
  })
  const runs = wholeNumber(values.runs, 'runs', 1)
  const hogs = Array.from({ length: wholeNumber(values.hogs, 'hogs') }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  const stop = (): void => hogs.forEach((hog) => void hog.kill('SIGKILL'))
  process.on('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  const failures = new Map<string, number>()
  for (let run = 0; run < runs; run++) {
    const byTurns: Kind = run % 2 === 0 ? 'tcp' : 'udp'
    const kind = (values.transport === '' ? byTurns : values.transport) as Kind
    const wanted = { kind, prefixes: values.case, workers: wholeNumber(values.workers, 'workers', 1) }
    for (const { id } of await play({ ...wanted, seed: run + 1 }))
      failures.set(`${id} over ${kind}`, (failures.get(`${id} over ${kind}`) ?? 0) + 1)
  }
  console.log(`${runs} runs beside ${hogs.length} busy loops: ${failures.size} flaky cases`)
  for (const [name, count] of failures) console.log(`    ${name}: ${count} times`)
  return failures.size === 0 ? 0 : 1
}

process.exit(await main())
