/** What can go wrong around a relay besides its end: its disk, its clock, its network. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fraction } from '../../src/sim/random.ts'
import { judgeRooms, lifeOf, TorturedClients, TorturedRelay, type TortureResult, torture } from './torture.ts'

export interface ScenarioOptions {
  readonly folder: string
  readonly seed: number
  readonly lives: number
}

/** A result, or why the scenario cannot be played on this machine. */
export type ScenarioResult = TortureResult | { readonly skipped: string }

const TEN_YEARS_SECONDS = 315_360_000
/** Commits before a fault, and how long it is waited for. */
const FAULT_AT_MOST = 200
const FAULT_LIFE_MS = 3000
const FULL_LIFE_MS = 20_000
const LOAD = { clientProcesses: 2, clientsPerProcess: 4, lifeMsMin: 300, lifeMsMax: 1500 } as const

/** The relay's disk fails at a random synchronisation or write in every other life. */
export async function failingDisk(options: ScenarioOptions): Promise<ScenarioResult> {
  const library = faultLibrary(options.folder)
  if (library === undefined) return { skipped: 'no C compiler' }
  return torture({
    ...LOAD,
    ...options,
    lifeMsMin: FAULT_LIFE_MS,
    lifeMsMax: FAULT_LIFE_MS,
    kills: options.lives,
    relayEnv: (life) => {
      const at = String(5 + Math.floor(fraction(options.seed, 11, life) * FAULT_AT_MOST))
      if (life % 2 === 0) return {}
      return { LD_PRELOAD: library, [life % 4 === 1 ? 'FAULT_SYNC' : 'FAULT_WRITE']: at }
    },
  })
}

/** The relay's wall clock jumps by up to ten years ten times a second. */
export async function jumpingClock(options: ScenarioOptions): Promise<ScenarioResult> {
  const library = faultLibrary(options.folder)
  if (library === undefined) return { skipped: 'no C compiler' }
  return torture({
    ...LOAD,
    ...options,
    kills: options.lives,
    relayEnv: () => ({ LD_PRELOAD: library, FAULT_CLOCK: String(TEN_YEARS_SECONDS) }),
  })
}

/** Relay and clients are stopped for seconds and go on. */
export function stoppedProcesses(options: ScenarioOptions): Promise<ScenarioResult> {
  return torture({ ...LOAD, ...options, kills: options.lives, stops: true })
}

/** The relay's disk becomes full under load; then there is room again. */
export async function fullDisk(options: ScenarioOptions): Promise<ScenarioResult> {
  const disk = join(options.folder, 'small')
  mkdirSync(disk, { recursive: true })
  let room = 3
  const mount = (how: string): boolean =>
    run(['mount', '-t', 'tmpfs', '-o', `${how}size=${room}m`, 'tmpfs', disk])
  if (!mount('')) return { skipped: 'mounting a small disk is not allowed' }
  try {
    const relay = new TorturedRelay(join(disk, 'relay'))
    await relay.start()
    const clients = new TorturedClients(join(options.folder, 'clients'), relay, { processes: 2, each: 4 })
    for (let life = 0; life < options.lives; life++) {
      await clients.progress(0)
      await lifeOf(relay, FULL_LIFE_MS)
      room += 2
      mount('remount,')
      await relay.kill()
      await relay.start()
    }
    return await settled(relay, clients, options.lives)
  } finally {
    run(['umount', '-l', disk])
  }
}

/** Clients in a network of their own whose cable is pulled: the relay is left with links half open. */
export async function halfOpenLinks(options: ScenarioOptions): Promise<ScenarioResult> {
  const space = `palaver-${process.pid}`
  const network = new Network(space)
  if (!network.make()) return { skipped: 'network namespaces are not allowed' }
  try {
    const relay = new TorturedRelay(join(options.folder, 'relay'), network.host)
    const idle = { PALAVER__LIMITS__IDLE_MS: '4000' }
    await relay.start(idle)
    const within = ['ip', 'netns', 'exec', space]
    const clients = new TorturedClients(join(options.folder, 'clients'), relay, {
      processes: 2,
      each: 4,
      within,
    })
    let progress = 0
    for (let life = 0; life < options.lives; life++) {
      progress = await clients.progress(progress)
      await lifeOf(relay, 1500)
      network.pull()
      await clients.killOne(life % 2)
      await lifeOf(relay, 500)
      network.plugIn()
    }
    return await settled(relay, clients, 0)
  } finally {
    network.remove()
  }
}

async function settled(
  relay: TorturedRelay,
  clients: TorturedClients,
  kills: number,
): Promise<TortureResult> {
  await clients.settle()
  const verdict = await judgeRooms(relay, clients)
  await clients.stop()
  await relay.kill()
  const { failures: diskFailures, startMsMax } = relay
  return { ...verdict, relayKills: kills, clientKills: 0, diskFailures, startMsMax }
}

/** A cable between this network and one of its own name space. */
class Network {
  readonly host: string
  readonly #space: string
  readonly #cable: string

  constructor(space: string) {
    const part = process.pid % 250
    this.#space = space
    this.#cable = `pv${process.pid}`
    this.host = `10.213.${part}.1`
  }

  make(): boolean {
    const inside = `${this.#cable}i`
    return [
      ['netns', 'add', this.#space],
      ['link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', inside, 'netns', this.#space],
      ['address', 'add', `${this.host}/24`, 'dev', this.#cable],
      ['link', 'set', this.#cable, 'up'],
      ['-n', this.#space, 'address', 'add', this.host.replace(/1$/u, '2/24'), 'dev', inside],
      ['-n', this.#space, 'link', 'set', inside, 'up'],
    ].every((words) => run(['ip', ...words]))
  }

  /** Takes the far end down, so that nothing arrives and nothing is refused. */
  pull(): void {
    run(['ip', '-n', this.#space, 'link', 'set', `${this.#cable}i`, 'down'])
  }

  plugIn(): void {
    run(['ip', '-n', this.#space, 'link', 'set', `${this.#cable}i`, 'up'])
  }

  remove(): void {
    run(['ip', 'link', 'delete', this.#cable])
    run(['ip', 'netns', 'delete', this.#space])
  }
}

/** Compiles the library of faults; undefined where there is no compiler. */
function faultLibrary(folder: string): string | undefined {
  const path = join(folder, 'faults.so')
  const source = join(import.meta.dirname, 'faults.c')
  return run(['cc', '-shared', '-fPIC', '-O2', '-o', path, source, '-ldl']) ? path : undefined
}

function run([program = '', ...words]: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}
