/** Kills and hinders a real relay and its clients, and then judges what became of the messages. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { TransportError } from '../../src/base/index.ts'
import { fraction } from '../../src/sim/random.ts'
import { judge, readLog, type Verdict } from './check.ts'
import { type Known, readJournal } from './journal.ts'

export interface TortureOptions {
  /** Where the relay's store and the clients' journals are put. */
  readonly folder: string
  readonly seed: number
  /** How often the relay is killed. */
  readonly kills: number
  readonly clientProcesses: number
  readonly clientsPerProcess: number
  /** The relay works for between these times before it is killed. */
  readonly lifeMsMin: number
  readonly lifeMsMax: number
  /** Whether relay and clients are stopped for a while now and then, and go on. */
  readonly stops?: boolean
  /** Environment of the relay, such as a library that makes its disk or its clock fail. */
  readonly relayEnv?: (life: number) => Readonly<Record<string, string>>
  readonly onLife?: (life: number, startMs: number) => void
}

export interface TortureResult extends Verdict {
  readonly relayKills: number
  readonly clientKills: number
  readonly messages: number
  /** The relay stopped by itself because its disk failed. */
  readonly diskFailures: number
  /** The longest time from a start of the relay's process until it served. */
  readonly startMsMax: number
}

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const RATE = '1000000'
const LIMITS = {
  PALAVER__LIMITS__SENDS_PER_SECOND: RATE,
  PALAVER__LIMITS__SENDS_BURST: RATE,
  PALAVER__LIMITS__SEND_BYTES_PER_SECOND: '1000000000',
  PALAVER__LIMITS__SEND_BYTES_BURST: '1000000000',
  PALAVER__LIMITS__JOINS_PER_SECOND: RATE,
  PALAVER__LIMITS__JOINS_BURST: RATE,
  PALAVER__LIMITS__REQUESTS_PER_SECOND: RATE,
  PALAVER__LIMITS__REQUESTS_BURST: RATE,
  PALAVER__LIMITS__RETENTION_BYTES: '1000000000',
}
const CLIENT_KILL_CHANCE = 0.2
const PAUSE_CHANCE = 0.5
const PAUSE_MS_MAX = 3000
const PROGRESS_MS_MAX = 20_000
const PROGRESS_ASK_MS = 10
const SETTLE_MS_MAX = 60_000
const ASK_MS = 100

/** The program `palaver serve`, started again and again on the same files and the same port. */
export class TorturedRelay {
  readonly folder: string
  readonly host: string
  port = 0
  /** How often it ended by itself. */
  failures = 0
  startMsMax = 0
  #child: ChildProcess | undefined

  constructor(folder: string, host: string = '127.0.0.1') {
    this.folder = folder
    this.host = host
    mkdirSync(folder, { recursive: true })
  }

  get child(): ChildProcess {
    if (this.#child === undefined) throw new TransportError('closed', 'the relay is not running')
    return this.#child
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves when the relay serves; the milliseconds that took. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<number> {
    const startedAt = performance.now()
    const where = ['-l', `tcp://${this.host}:${this.port}`, '--data', this.folder, '--admin', 'off']
    const child = spawn(process.execPath, [MAIN, 'serve', '--json', ...where], {
      env: { ...process.env, ...LIMITS, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.once('exit', (code) => {
      if (code !== null) this.failures++
    })
    child.stderr.resume()
    this.port = await portOf(child.stdout, child)
    const startMs = performance.now() - startedAt
    this.startMsMax = Math.max(this.startMsMax, startMs)
    return startMs
  }

  async kill(): Promise<void> {
    await kill(this.child)
  }
}

/** The port in what the relay says when it listens. */
function portOf(output: Readable, child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    output.on('data', (chunk) => {
      text += chunk
      const port = /"tcp:\/\/[\d.]+:(\d+)"/u.exec(text)?.[1]
      if (port === undefined) return
      output.removeAllListeners('data')
      output.resume()
      resolve(Number(port))
    })
    child.once('exit', (code) => reject(new Error(`the relay did not start (${code})`)))
  })
}

/** The processes of the clients, each started again when it was killed. */
export class TorturedClients {
  readonly #folder: string
  readonly #relay: TorturedRelay
  readonly #perProcess: number
  /** A program that runs the clients' processes, such as one that puts them into another network. */
  readonly #within: readonly string[]
  readonly #children: ChildProcess[] = []

  constructor(
    folder: string,
    relay: TorturedRelay,
    options: { readonly processes: number; readonly each: number; readonly within?: readonly string[] },
  ) {
    this.#folder = folder
    this.#relay = relay
    this.#perProcess = options.each
    this.#within = options.within ?? []
    mkdirSync(folder, { recursive: true })
    for (let i = 0; i < options.processes; i++) this.#start(i)
  }

  get names(): string[] {
    const count = this.#children.length * this.#perProcess
    return Array.from({ length: count }, (_, i) => `client-${i}`)
  }

  /** Resolves when entries came that were not there at `before`, or after a time. */
  async progress(before: number): Promise<number> {
    const until = performance.now() + PROGRESS_MS_MAX
    for (;;) {
      const answers = await Promise.all(this.#children.map((child) => ask(child, 'how').catch(() => NOTHING)))
      const sum = answers.reduce((all, { seqs }) => all + Object.values(seqs).reduce((a, b) => a + b, 0), 0)
      if (sum > before || performance.now() > until) return sum
      await new Promise((done) => setTimeout(done, PROGRESS_ASK_MS))
    }
  }

  async killOne(index: number): Promise<void> {
    await kill(this.#children[index] as ChildProcess)
    this.#start(index)
  }

  /** Stops a process for a time, as a machine that sleeps. */
  async pauseOne(index: number, ms: number): Promise<void> {
    await pause(this.#children[index] as ChildProcess, ms)
  }

  /** Composes nothing more, and resolves when everything is acknowledged and read. */
  async settle(): Promise<void> {
    const until = performance.now() + SETTLE_MS_MAX
    for (let steady = 0; steady < 3; ) {
      const answers = await Promise.all(this.#children.map((child) => ask(child, 'stop')))
      const isSettled = answers.every((answer) => answer.isSettled)
      steady = isSettled && areEqualByRoom(answers) ? steady + 1 : 0
      if (performance.now() > until) throw new Error(`the clients do not settle: ${JSON.stringify(answers)}`)
      await new Promise((done) => setTimeout(done, ASK_MS))
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(kill))
  }

  known(name: string): Known {
    return readJournal(join(this.#folder, `${name}.journal`))
  }

  #start(index: number): void {
    const { host, port } = this.#relay
    const args = [this.#folder, host, port, index * this.#perProcess, this.#perProcess].map(String)
    this.#children[index] = forkHere(this.#within, 'client.ts', args)
  }
}

/** Kills the relay `kills` times under load, some clients too, heals, and judges. */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const relay = new TorturedRelay(join(options.folder, 'relay'))
  await relay.start(options.relayEnv?.(0))
  const clients = new TorturedClients(join(options.folder, 'clients'), relay, {
    processes: options.clientProcesses,
    each: options.clientsPerProcess,
  })
  let clientKills = 0
  let progress = 0
  const chance = (what: number, life: number): number => fraction(options.seed, what, life)
  for (let life = 1; life <= options.kills; life++) {
    // Each life does something before it ends, however slow the machine is.
    if (relay.isRunning) progress = await clients.progress(progress)
    await lifeOf(relay, options.lifeMsMin + chance(1, life) * (options.lifeMsMax - options.lifeMsMin))
    if (options.stops && chance(4, life) < PAUSE_CHANCE)
      await pause(relay.child, chance(5, life) * PAUSE_MS_MAX)
    if (options.stops && chance(6, life) < PAUSE_CHANCE)
      await clients.pauseOne(life % options.clientProcesses, chance(7, life) * PAUSE_MS_MAX)
    await relay.kill()
    if (chance(2, life) < CLIENT_KILL_CHANCE) {
      await clients.killOne(Math.floor(chance(3, life) * options.clientProcesses))
      clientKills++
    }
    const isLast = life === options.kills
    const startMs = await startUntilServes(relay, isLast ? {} : (options.relayEnv?.(life) ?? {}))
    options.onLife?.(life, startMs)
  }
  await clients.settle()
  const verdict = await judgeRooms(relay, clients)
  await clients.stop()
  await relay.kill()
  const { failures: diskFailures, startMsMax } = relay
  return { ...verdict, relayKills: options.kills, clientKills, diskFailures, startMsMax }
}

/** Lets it work; a relay that ends by itself before its time has done so for its disk. */
export async function lifeOf(relay: TorturedRelay, lifeMs: number): Promise<void> {
  const until = performance.now() + lifeMs
  while (relay.isRunning && performance.now() < until)
    await new Promise((done) => setTimeout(done, Math.min(PROGRESS_ASK_MS, until - performance.now())))
}

async function startUntilServes(
  relay: TorturedRelay,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  try {
    return await relay.start(env)
  } catch {
    // It met its fault while it started: the next life is without.
    return await relay.start()
  }
}

/** What became of the messages in both rooms. */
export async function judgeRooms(
  relay: TorturedRelay,
  clients: TorturedClients,
): Promise<Verdict & { messages: number }> {
  let sum = { acknowledged: 0, lost: 0, doubled: 0, outOfOrder: 0, misread: 0, messages: 0 }
  for (const [index, room] of ['room0', 'room1'].entries()) {
    const log = await readLog(relay, room)
    const members = clients.names.filter((_, i) => i % 2 === index)
    const verdict = judge(log, new Map(members.map((name) => [name, clients.known(name)])))
    sum = {
      acknowledged: sum.acknowledged + verdict.acknowledged,
      lost: sum.lost + verdict.lost,
      doubled: sum.doubled + verdict.doubled,
      outOfOrder: sum.outOfOrder + verdict.outOfOrder,
      misread: sum.misread + verdict.misread,
      messages: sum.messages + log.length,
    }
  }
  return sum
}

interface ClientAnswer {
  readonly isSettled: boolean
  readonly seqs: Readonly<Record<string, number>>
}

const NOTHING: ClientAnswer = { isSettled: false, seqs: {} }

/** Whether all clients of a room have read equally far. */
function areEqualByRoom(answers: readonly ClientAnswer[]): boolean {
  const seqs = new Map<number, Set<number>>()
  for (const answer of answers)
    for (const [name, seq] of Object.entries(answer.seqs)) {
      const room = Number(name.split('-')[1]) % 2
      seqs.set(room, (seqs.get(room) ?? new Set()).add(seq))
    }
  return [...seqs.values()].every((found) => found.size === 1)
}

function forkHere(within: readonly string[], file: string, args: readonly string[]): ChildProcess {
  const path = join(import.meta.dirname, file)
  const [program = '', ...words] = [...within, process.execPath, '--import', 'tsx', path, ...args]
  return spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

async function pause(child: ChildProcess, ms: number): Promise<void> {
  child.kill('SIGSTOP')
  await new Promise((done) => setTimeout(done, ms))
  child.kill('SIGCONT')
}

function ask(child: ChildProcess, what: string): Promise<ClientAnswer> {
  const answer = answerOf(child)
  child.send(what)
  return answer as Promise<ClientAnswer>
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a process ended by itself (${code})`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((done) => child.once('exit', () => done()))
  child.kill('SIGKILL')
  await gone
}
