/** One run of one mode against one server. */
import { performance } from 'node:perf_hooks'
import { Engine, type RunOptions, type RunResult, type Wire } from './engine.ts'
import { runLinks } from './links.ts'
import type { Mode } from './modes.ts'
import {
  awaitedMarker,
  bodyOf,
  type Client,
  MARKER_BYTES,
  ownMarker,
  type Party,
  type Peer,
  type Publication,
} from './peer.ts'
import { type Cores, cpuSecondsOf, Server } from './server.ts'

/** How many clients log in or join at once. */
const AT_ONCE = 20
const SETTLE_MS = 300
/** Long enough for a server that collects garbage when idle to have done so. */
const MEMORY_SETTLE_MS = 10_000
const US = 1e6

/** What one run found. Figures that the mode does not ask for are undefined. */
export interface Figures {
  /** Deliveries, or acknowledged messages, or joins. */
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly cpuMicroseconds: number
  readonly serverBusy: number
  readonly engineBusy: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly p999: number | undefined
  readonly bytesPerConnection: number | undefined
  readonly stalls: number
  /** The share of its first process in the CPU time of all. */
  readonly firstShare: number
}

export interface RunSettings {
  readonly seconds: number
  readonly warmSeconds: number
  readonly cores: Cores
}

interface Joined {
  readonly party: Party
  readonly wire: Wire
  readonly client: Client
}

/** Starts the server and the generator, runs the mode, and stops both. */
export async function measure(peer: Peer, mode: Mode, settings: RunSettings): Promise<Figures> {
  const server = await Server.start((place) => peer.launch(place), settings.cores.server)
  if (peer.usesLinks) return measureLinks(peer, mode, settings, server)
  const engine = new Engine(settings.cores.engine)
  try {
    return await measureWith({ peer, mode, settings, server, engine })
  } catch (error) {
    throw server.hasEnded ? new Error(`${peer.name} ended: ${server.text}`, { cause: error }) : error
  } finally {
    engine.close()
    await server.stop()
  }
}

/** The same with a generator that speaks our protocol down to the packets. */
async function measureLinks(peer: Peer, mode: Mode, settings: RunSettings, server: Server): Promise<Figures> {
  const { parties, publishers, window, bodyBytes } = mode
  const rooms = new Set(parties.map(({ room }) => room)).size
  const load = {
    publishers,
    window,
    gain: gainOf(peer, mode, rooms),
    isTimed: mode.figure === 'pace',
    bodyBytes,
  }
  const run = runOptions(mode, settings, server)
  const helpers = new Helpers(server, settings)
  try {
    const result = await runLinks({ port: server.port, parties, ...load, run }, settings.cores.engine)
    return checked(peer, mode, helpers, result)
  } finally {
    await server.stop()
  }
}

function runOptions(mode: Mode, settings: RunSettings, server: Server): RunOptions {
  const [warmMs, measureMs] = [settings.warmSeconds * 1000, settings.seconds * 1000]
  return { rate: mode.rate, warmMs, measureMs, pid: server.pid }
}

/**
 * The CPU time of the processes that a server started, from when the generator begins to measure until its
 * result is there: a little longer than it measures, and counted for as long.
 */
class Helpers {
  readonly #server: Server
  #before: number[] = []
  #since = 0

  constructor(server: Server, { warmSeconds }: RunSettings) {
    this.#server = server
    setTimeout(() => {
      this.#since = performance.now()
      this.#before = server.helpers().map(cpuSecondsOf)
    }, warmSeconds * 1000)
  }

  /** The result with their time in it, and the share of the first process. */
  added(result: RunResult): { readonly result: RunResult; readonly firstShare: number } {
    const part = (result.wallSeconds * 1000) / (performance.now() - this.#since)
    const seconds = this.#server.helpers().map((pid, i) => cpuSecondsOf(pid) - (this.#before[i] ?? 0))
    const own = result.serverCpuSeconds
    const serverCpuSeconds = own + part * seconds.reduce((sum, each) => sum + each, 0)
    return { result: { ...result, serverCpuSeconds }, firstShare: own / serverCpuSeconds }
  }
}

function checked(peer: Peer, mode: Mode, helpers: Helpers, own: RunResult): Figures {
  const { result, firstShare } = helpers.added(own)
  if (result.lostConnections > 0) throw new Error(`${peer.name} closed ${result.lostConnections} connections`)
  if (result.sent === 0) throw new Error(`${peer.name} delivered nothing`)
  return { ...loadFigures(mode, result), firstShare }
}

interface Bench {
  readonly peer: Peer
  readonly mode: Mode
  readonly settings: RunSettings
  readonly server: Server
  readonly engine: Engine
}

async function measureWith(bench: Bench): Promise<Figures> {
  const { peer, mode, server, engine } = bench
  if (peer.prepare) {
    const [wire] = await engine.open(1, server.port)
    await peer.prepare(wire as Wire)
  }
  const empty = server.memoryBytes()
  const cpuBefore = server.cpuSeconds()
  const begun = performance.now()
  const joined = await join(bench)
  if (mode.figure === 'storm') {
    const cpu = server.cpuSeconds() - cpuBefore
    const wall = (performance.now() - begun) / 1000
    return { ...figuresOf(joined.length, cpu, wall), engineBusy: 1 }
  }
  if (mode.figure === 'memory') {
    await pause(MEMORY_SETTLE_MS)
    const bytesPerConnection = (server.memoryBytes() - empty) / joined.length
    return { ...figuresOf(joined.length, 0, 0), bytesPerConnection }
  }
  await pause(SETTLE_MS)
  return runLoad(bench, joined)
}

async function join({ peer, mode, server, engine }: Bench): Promise<Joined[]> {
  const joined: Joined[] = []
  for (let from = 0; from < mode.parties.length; from += AT_ONCE) {
    const parties = mode.parties.slice(from, from + AT_ONCE)
    const wires = await engine.open(parties.length, server.port)
    const batch = parties.map((party, i) => {
      const wire = wires[i] as Wire
      return { party, wire, client: peer.client(party, wire) }
    })
    await Promise.all(batch.map(({ client }) => client.login()))
    joined.push(...batch)
  }
  for (let from = 0; from < joined.length; from += AT_ONCE)
    await Promise.all(joined.slice(from, from + AT_ONCE).map(({ client }) => client.join()))
  return joined
}

async function runLoad({ peer, mode, settings, server, engine }: Bench, joined: Joined[]): Promise<Figures> {
  for (const [index, { party, client, wire }] of joined.entries()) {
    const publication = client.publication(bodyOf(ownMarker(party, index), mode.bodyBytes))
    wire.spec(specOf(peer, mode, index, publication))
  }
  const helpers = new Helpers(server, settings)
  return checked(peer, mode, helpers, await engine.run(runOptions(mode, settings, server)))
}

function specOf(
  peer: Peer,
  mode: Mode,
  index: number,
  publication: Publication,
): Parameters<Wire['spec']>[0] {
  const party = mode.parties[index] as Party
  const isPublisher = index < mode.publishers
  const isTimed = mode.figure === 'pace' || mode.figure === 'durable'
  const rooms = new Set(mode.parties.map(({ room }) => room)).size
  // Publishers meter for their windows; of the others one in each room stands for all.
  const isMeter = isPublisher || isTimed || index < mode.publishers + rooms
  return {
    meter: isMeter,
    publisher: isPublisher,
    gain: gainOf(peer, mode, rooms),
    window: mode.window,
    message: publication.message,
    counter: publication.counter,
    stampAt: isTimed
      ? Buffer.from(publication.message).indexOf(ownMarker(party, index)) + MARKER_BYTES
      : undefined,
    marker: publication.replyMarker ?? Buffer.from(awaitedMarker(party, index)),
    isReply: publication.replyMarker !== undefined,
  }
}

/** One over the messages that a publisher gets for each one of its own. */
function gainOf(peer: Peer, mode: Mode, rooms: number): number {
  if (mode.figure === 'durable' || mode.parties[0]?.partner !== undefined) return 1
  const talkers = mode.publishers / rooms
  return 1 / (peer.hasEcho ? talkers : talkers - 1)
}

function loadFigures(mode: Mode, result: RunResult): Figures {
  const { bytes, meterBytes, meterMessages, sent, serverCpuSeconds, wallSeconds } = result
  const counted = meterMessages + ((bytes - meterBytes) * meterMessages) / meterBytes
  // One to one, and where answers are counted, a message counts once, whatever else comes back.
  const isOnce = mode.figure === 'durable' || mode.parties[0]?.partner !== undefined
  const deliveries = isOnce ? sent : counted
  const quantile = (q: number): number | undefined => {
    const value = result.latencies[Math.floor(q * result.latencies.length)]
    return value === undefined ? undefined : value / 1000
  }
  return {
    ...figuresOf(deliveries, serverCpuSeconds, wallSeconds),
    engineBusy: result.ownCpuSeconds / wallSeconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    p999: quantile(0.999),
    stalls: result.stalls,
  }
}

function figuresOf(count: number, cpuSeconds: number, wallSeconds: number): Figures {
  return {
    perCpuSecond: count / cpuSeconds,
    perSecond: count / wallSeconds,
    cpuMicroseconds: (cpuSeconds / count) * US,
    serverBusy: cpuSeconds / wallSeconds,
    engineBusy: 0,
    p50: undefined,
    p99: undefined,
    p999: undefined,
    bytesPerConnection: undefined,
    stalls: 0,
    firstShare: 1,
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
