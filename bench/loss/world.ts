/** One contestant on one lossy network: a sender in namespace A, and what it talks to in namespace B. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type LinkSettings, LossyNetwork, type Side } from '../../test/lossy/network.ts'
import type { Contestant, Order, PeerName, PersonPlan, Report } from './talk.ts'

export const BODY_BYTES = 200
export const ROOMS = 10
const MAIN = join(import.meta.dirname, '../../dist/cli/main.js')
const PORT = 7667
/**
 * Others may use the machine: what is measured goes before them, as a real-time process where `chrt` exists.
 * It does little, so that nobody else starves.
 */
const REAL_TIME_PRIORITY = '5'
const NICE = -15

function precede(pid: number): void {
  const { status } = spawnSync('chrt', ['--all-tasks', '--rr', '--pid', REAL_TIME_PRIORITY, String(pid)])
  if (status !== 0) setPriority(pid, NICE)
}

type Fact = { readonly type: string } & Readonly<Record<string, unknown>>

/** A process of the measurement that takes orders. */
export class Actor {
  readonly #child: ChildProcess
  readonly #facts: Fact[] = []
  #waiting: (() => void)[] = []

  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (fact: Fact) => {
      this.#add(fact)
    })
    child.on('exit', (code) => {
      this.#add({ type: 'exit', code })
    })
  }

  #add(fact: Fact): void {
    this.#facts.push(fact)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  tell(order: Order): void {
    this.#child.send(order)
  }

  /** The next fact of that type; rejects when the process ends before. */
  async hear(type: string): Promise<Fact> {
    for (;;) {
      const at = this.#facts.findIndex((fact) => fact.type === type)
      if (at >= 0) return this.#facts.splice(at, 1)[0] as Fact
      if (this.#facts.some((fact) => fact.type === 'exit')) throw new Error(`ended before "${type}"`)
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }

  /** Facts of these types that nobody has heard. */
  told(...types: readonly string[]): string {
    return JSON.stringify(this.#facts.filter(({ type }) => types.includes(type)))
  }

  /** Lets the process go before others. */
  precede(): void {
    precede(this.#child.pid as number)
  }

  async report(): Promise<Report> {
    this.tell({ type: 'report' })
    return (await this.hear('report')) as unknown as Report
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

export interface WorldOptions {
  readonly contestant: Contestant
  readonly settings: LinkSettings
  /** The sender is beside the relay too: everything goes over loopback. */
  readonly isLocal?: boolean
  /** A folder for the CPU profile of the relay. */
  readonly profileTo?: string
}

export class World {
  readonly network: LossyNetwork
  readonly sender: Actor
  readonly receiver: Actor
  readonly #relay: ChildProcess | undefined
  readonly #folder: string

  private constructor(
    network: LossyNetwork,
    actors: { readonly sender: Actor; readonly receiver: Actor },
    relay: { readonly process: ChildProcess | undefined; readonly folder: string },
  ) {
    this.network = network
    this.sender = actors.sender
    this.receiver = actors.receiver
    this.#relay = relay.process
    this.#folder = relay.folder
  }

  static async start({ contestant, settings, isLocal, profileTo }: WorldOptions): Promise<World> {
    const wished = contestant === 'tcp-bbr' ? 'bbr' : 'cubic'
    const network = await LossyNetwork.open(wished)
    if (network.a.congestionControl !== wished || network.b.congestionControl !== wished)
      throw new Error(`TCP uses ${network.a.congestionControl} where ${wished} was wished`)
    // Sessions are opened over a link without loss: what is measured is talking, not opening.
    await network.set({ 'delay-ms': settings['delay-ms'] ?? 25, nat: settings.nat ?? 0 })
    const folder = mkdtempSync(join(tmpdir(), 'palaver-loss-'))
    const isOurs = contestant.startsWith('tcp') || contestant === 'udp'
    const relay = isOurs ? await startRelay(network.b, folder, profileTo) : undefined
    const start = (side: Side, name: string): Actor =>
      (isOurs ? person : peer)(side, contestant, name, network)
    const receiver = start(network.b, 'bob')
    await receiver.hear('ready')
    const sender = start(isLocal ? network.b : network.a, 'alice')
    await sender.hear('ready')
    if (!isLocal) for (const actor of [receiver, sender]) actor.precede()
    if (!isLocal) for (const pid of [network.pid, relay?.pid]) if (pid !== undefined) precede(pid)
    await network.set(settings)
    return new World(network, { sender, receiver }, { process: relay, folder })
  }

  get relayPid(): number | undefined {
    return this.#relay?.pid
  }

  /** What went wrong in the processes, as far as they told. */
  troubles(): string {
    return `sender: ${this.sender.told('lost', 'exit')}; receiver: ${this.receiver.told('lost', 'exit')}`
  }

  /** Lets the relay end in good order, as a profile needs. */
  async stopRelay(): Promise<void> {
    const relay = this.#relay
    if (!relay) return
    const ended = new Promise((done) => relay.once('exit', done))
    relay.kill('SIGTERM')
    await ended
  }

  async stop(): Promise<void> {
    this.sender.stop()
    this.receiver.stop()
    this.#relay?.kill('SIGKILL')
    await this.network.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A child that takes orders, and whose words come through. */
export const SPAWNING = { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] as ('ignore' | 'inherit' | 'ipc')[] }

/** One session stands for ten people here: what one may say is no limit. */
const NO_RATES: Readonly<Record<string, string>> = {
  PALAVER__LIMITS__SENDS_PER_SECOND: '1000000',
  PALAVER__LIMITS__SENDS_BURST: '1000000',
  PALAVER__LIMITS__SEND_BYTES_PER_SECOND: '1000000000',
  PALAVER__LIMITS__SEND_BYTES_BURST: '1000000000',
}

async function startRelay(side: Side, folder: string, profileTo?: string): Promise<ChildProcess> {
  const { PATH = '' } = process.env
  const listen = [`tcp://${side.address}:${PORT}`, `udp://${side.address}:${PORT}`]
  const words = [
    'serve',
    '--json',
    '--ephemeral',
    '--admin',
    'off',
    ...listen.flatMap((each) => ['-l', each]),
  ]
  const profiling = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`]
  const relay = side.spawn(process.execPath, [...profiling, MAIN, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH, HOME: folder, ...NO_RATES },
  })
  for await (const line of createInterface({ input: relay.stdout as NodeJS.ReadableStream }))
    if (line.includes('"listening"')) return relay
  throw new Error('the relay did not start')
}

function person(side: Side, contestant: Contestant, name: string, network: LossyNetwork): Actor {
  const plan: PersonPlan = {
    contestant,
    host: network.b.address,
    port: PORT,
    name,
    rooms: ROOMS,
    bodyBytes: BODY_BYTES,
  }
  const file = join(import.meta.dirname, 'person.ts')
  return new Actor(side.spawn(process.execPath, ['--import', 'tsx', file, JSON.stringify(plan)], SPAWNING))
}

function peer(side: Side, contestant: Contestant, name: string, network: LossyNetwork): Actor {
  const role = name === 'bob' ? 'receiver' : 'sender'
  const file = join(import.meta.dirname, 'peers', `${contestant as PeerName}.js`)
  const words = [role, network.a.address, network.b.address, String(BODY_BYTES), String(ROOMS)]
  return new Actor(side.spawn(process.execPath, ['--import', 'tsx', file, ...words], SPAWNING))
}
