/**
 * The attack: a relay, a crowd that sends it garbage, and two honest people who talk meanwhile, one over TCP
 * and one over UDP. By hand: npx tsx fuzz/attack.ts [--inputs N] [--seed N] [--late SECONDS]. Stays on the
 * loopback and ends by itself.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import {
  ClientConnection,
  identityOfSeed,
  type SessionEvent,
  systemEntropy,
  udpTransport,
} from '../src/node/index.ts'
import { type Transport, tcpTransport } from '../src/transport/index.ts'
import { readOptions, wholeNumber } from '../tools/options.ts'
import type { CrowdReport } from './attack-crowd.ts'
import type { RelayWord } from './attack-relay.ts'

const MESSAGE_INTERVAL_MS = 10
const MEMORY_INTERVAL_MS = 100
const SETTLE_MS = 1500
const ATTACK_MS_MAX = 600_000

/** Round-trip times of honest messages, in ms. */
export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface AttackReport {
  readonly crowd: CrowdReport
  readonly seconds: number
  readonly isRelayAlive: boolean
  /**
   * Heap of the relay after a collection, in MB: before, right after, and when what lingers has timed out.
   */
  readonly heap: { readonly start: number; readonly end: number; readonly late: number }
  /** Resident memory of the relay in MB. */
  readonly rss: { readonly start: number; readonly peak: number; readonly end: number }
  /** Honest messages sent, and what was wrong with their arrival. */
  readonly sent: number
  readonly faults: readonly string[]
  readonly quiet: Readonly<Record<'tcp' | 'udp', Latency>>
  readonly attacked: Readonly<Record<'tcp' | 'udp', Latency>>
}

type Memory = Extract<RelayWord, { kind: 'memory' }>

function child(file: string, args: readonly string[]): ChildProcess {
  return fork(join(import.meta.dirname, file), args, { execArgv: ['--import', 'tsx', '--expose-gc'] })
}

/** One honest person: sends numbered messages and checks that the other's come in order. */
class Honest {
  readonly name: string
  readonly faults: string[] = []
  times: number[] = []
  sent = 0
  received = 0
  #connection!: ClientConnection
  #room = 0
  #isTalking = true
  #isLeaving = false

  constructor(name: string) {
    this.name = name
  }

  async connect(transport: Transport, port: number): Promise<void> {
    this.#connection = await ClientConnection.open({
      transport,
      address: { host: '127.0.0.1', port },
      name: this.name,
      identity: identityOfSeed(systemEntropy(32)),
      clientId: systemEntropy(8),
      agent: 'honest/1',
      timeoutMs: 5000,
      onEvent: (event) => this.#onEvent(event),
    })
    this.#room = (await this.#connection.request({ type: 'join', room: 'parlour', options: 0 })).number
  }

  #onEvent(event: SessionEvent): void {
    if (event.kind === 'closed' && !this.#isLeaving)
      this.faults.push(`${this.name} was closed: ${event.text}`)
    if (event.kind !== 'message' || event.message.own) return
    this.received += 1
    const text = new TextDecoder().decode(event.message.body)
    if (text !== `message ${this.received}`)
      this.faults.push(`${this.name} got "${text}" as number ${this.received}`)
  }

  async talk(): Promise<void> {
    while (this.#isTalking) {
      const start = performance.now()
      this.sent += 1
      try {
        await this.#connection.send(this.#room, 0, new TextEncoder().encode(`message ${this.sent}`))
      } catch (error) {
        this.faults.push(`${this.name} could not send: ${error}`)
        return
      }
      this.times.push(performance.now() - start)
      await new Promise((done) => setTimeout(done, MESSAGE_INTERVAL_MS))
    }
  }

  /** Says no more after the message under way. */
  stopTalking(): void {
    this.#isTalking = false
  }

  /** Takes everything that others said, then leaves. */
  async leave(): Promise<void> {
    await this.#connection.fence(this.#room).catch((error) => this.faults.push(`${this.name}: ${error}`))
    this.#isLeaving = true
    await this.#connection.close()
  }

  /** The times since the last call. */
  takeLatency(): Latency {
    const times = this.times.sort((a, b) => a - b)
    this.times = []
    const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? Number.NaN
    return { count: times.length, p50: at(0.5), p99: at(0.99), max: at(1) }
  }
}

/** Asks the relay for its memory and keeps what it says. */
class Watch {
  readonly #relay: ChildProcess
  readonly seen: Memory[] = []
  readonly #timer: ReturnType<typeof setInterval>
  #onMemory: (memory: Memory) => void = () => {}

  constructor(relay: ChildProcess) {
    this.#relay = relay
    relay.on('message', (word: RelayWord) => {
      if (word.kind !== 'memory') return
      this.seen.push(word)
      this.#onMemory(word)
    })
    this.#timer = setInterval(() => relay.connected && relay.send('memory'), MEMORY_INTERVAL_MS)
  }

  /** The memory after a collection. */
  collected(): Promise<Memory> {
    return new Promise((resolve) => {
      this.#onMemory = resolve
      if (this.#relay.connected) this.#relay.send('collect')
      else resolve({ kind: 'memory', rss: Number.NaN, heap: Number.NaN, links: 0 })
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

function word<T>(from: ChildProcess, isIt: (message: unknown) => message is T): Promise<T> {
  return new Promise((resolve, reject) => {
    from.on('message', (message) => isIt(message) && resolve(message))
    from.on('exit', (code, signal) => reject(new Error(`a child ended by ${signal ?? code}`)))
  })
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const megabytes = (bytes: number): number => Math.round(bytes / 104_857.6) / 10

export interface AttackOptions {
  /** Hostile inputs in all. */
  readonly inputs: number
  readonly seed: number
  /** How long to wait for what lingers before the heap is measured for the last time. */
  readonly lateMs?: number
}

/** Runs the attack. */
export async function attack(options: AttackOptions): Promise<AttackReport> {
  const relay = child('attack-relay.ts', [])
  const children = [relay]
  try {
    const ports = await word(relay, (m): m is Extract<RelayWord, { kind: 'ports' }> => isKind(m, 'ports'))
    const alice = new Honest('alice')
    const bob = new Honest('bob')
    await alice.connect(tcpTransport, ports.tcp)
    await bob.connect(udpTransport(), ports.udp)
    const talking = [alice.talk(), bob.talk()]
    await pause(SETTLE_MS)
    const watch = new Watch(relay)
    const start = await watch.collected()
    const quiet = { tcp: alice.takeLatency(), udp: bob.takeLatency() }
    const startedAt = performance.now()
    const args = [ports.tcp, ports.udp, options.inputs, options.seed].map(String)
    const crowdChild = child('attack-crowd.ts', args)
    children.push(crowdChild)
    const crowd = await Promise.race([word(crowdChild, isCrowdReport), tooLong(ATTACK_MS_MAX)])
    const seconds = (performance.now() - startedAt) / 1000
    const attacked = { tcp: alice.takeLatency(), udp: bob.takeLatency() }
    await pause(SETTLE_MS)
    const end = await watch.collected()
    await pause(options.lateMs ?? 0)
    const late = await watch.collected()
    watch.stop()
    const isRelayAlive = relay.exitCode === null && relay.signalCode === null
    alice.stopTalking()
    bob.stopTalking()
    await Promise.all(talking)
    await Promise.all([alice.leave(), bob.leave()])
    const peak = Math.max(...watch.seen.map(({ rss }) => rss))
    const faults = [...alice.faults, ...bob.faults, ...missing(alice, bob), ...missing(bob, alice)]
    const rss = { start: megabytes(start.rss), peak: megabytes(peak), end: megabytes(end.rss) }
    const heap = { start: megabytes(start.heap), end: megabytes(end.heap), late: megabytes(late.heap) }
    return { crowd, seconds, isRelayAlive, heap, rss, sent: alice.sent + bob.sent, faults, quiet, attacked }
  } finally {
    for (const each of children) each.kill()
  }
}

function missing(from: Honest, to: Honest): string[] {
  if (to.received === from.sent) return []
  return [`${to.name} got ${to.received} of ${from.sent} messages of ${from.name}`]
}

function isKind(message: unknown, kind: string): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
}

function isCrowdReport(message: unknown): message is CrowdReport {
  return typeof message === 'object' && message !== null && 'tcpInSession' in message
}

async function tooLong(ms: number): Promise<never> {
  await new Promise((done) => setTimeout(done, ms).unref())
  throw new Error(`the attack took longer than ${ms / 1000} s`)
}

/** The report for people. */
export function showReport(report: AttackReport): string {
  const { crowd, heap, rss } = report
  const show = ({ count, p50, p99, max }: Latency): string =>
    `${count} messages, p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, max ${max.toFixed(1)} ms`
  return [
    `hostile inputs: ${crowd.tcp} over TCP (${crowd.tcpInSession} in sessions), ${crowd.udp} datagrams and ` +
      `${crowd.udpInSession} sealed links, ${megabytes(crowd.bytes)} MB in ${report.seconds.toFixed(1)} s`,
    `relay: ${report.isRelayAlive ? 'alive' : 'dead'}; RSS ${rss.start} MB at the start, ` +
      `${rss.peak} at the peak, ${rss.end} at the end; ` +
      `heap ${heap.start}, ${heap.end}, later ${heap.late} MB`,
    `honest: ${report.sent} messages, ${report.faults.length} faults ${report.faults.slice(0, 3).join('; ')}`,
    `  TCP quiet:    ${show(report.quiet.tcp)}`,
    `  TCP attacked: ${show(report.attacked.tcp)}`,
    `  UDP quiet:    ${show(report.quiet.udp)}`,
    `  UDP attacked: ${show(report.attacked.udp)}`,
  ].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const { inputs, seed, late } = readOptions(
    'npx tsx fuzz/attack.ts [--inputs 100000] [--seed 1] [--late SECONDS]',
    {
      inputs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      late: { type: 'string', default: '0' },
    },
  )
  const report = await attack({
    inputs: wholeNumber(inputs, 'inputs', 1),
    seed: wholeNumber(seed, 'seed'),
    lateMs: wholeNumber(late, 'late') * 1000,
  })
  console.log(showReport(report))
  if (!report.isRelayAlive || report.faults.length > 0) process.exitCode = 1
}
