/** What is measured: each mode runs its contestants and hands out one figure for each. */
import type { LinkSettings } from '../../test/lossy/network.ts'
import { cpu } from './cpu.ts'
import { fairness } from './fairness.ts'
import { type Figure, quantile, round } from './figures.ts'
import { type Contestant, nowMs, type Report } from './talk.ts'
import { World } from './world.ts'

export interface Request {
  readonly contestants: readonly Contestant[]
  readonly losses: readonly number[]
  readonly outages: readonly number[]
  readonly seconds: number
  readonly seed: number
}

export type Keep = (figure: Figure) => void
type Mode = (request: Request, keep: Keep) => Promise<void>
export type ModeName = 'latency' | 'bulk' | 'fair' | 'outage' | 'rebind' | 'cpu'

const PER_SECOND = 100
const DELAY = { 'delay-ms': 25 }
const WARMUP_SECONDS = 3
/** What is still under way when the talking ends has this long to arrive. */
const REST_MS = 6000
const RATE_KBIT = 20_000
/** One bandwidth-delay product at 50 ms. */
const QUEUE_BYTES = (RATE_KBIT * 1000 * 0.05) / 8
const REBIND_MS = 5000

export const MODES: Readonly<Record<ModeName, Mode>> = { latency, bulk, fair, outage, rebind, cpu }

/** Each contestant on a link of its own, all at once: whatever else the machine does hits all alike. */
async function latency(request: Request, keep: Keep): Promise<void> {
  for (const loss of request.losses) {
    const settings = { ...DELAY, 'loss-ab': loss, 'loss-ba': loss, seed: request.seed }
    await forEach(request, { mode: 'latency', setting: `${loss} %`, settings }, keep, async (world) => {
      await talk(world, WARMUP_SECONDS)
      await world.receiver.report()
      return figuresOf(world, await talk(world, request.seconds))
    })
  }
}

/** Chat while a file goes over the same connection. Only our own programs have files. */
async function bulk(request: Request, keep: Keep): Promise<void> {
  const settings = { ...DELAY, 'rate-kbit': RATE_KBIT, 'queue-bytes': QUEUE_BYTES, seed: request.seed }
  const ours = request.contestants.filter((name) => name.startsWith('tcp') || name === 'udp')
  const setting = `${RATE_KBIT / 1000} Mbit/s`
  await forEach(
    { ...request, contestants: ours },
    { mode: 'bulk', setting, settings },
    keep,
    async (world) => {
      world.sender.tell({ type: 'bulk', on: true })
      await talk(world, WARMUP_SECONDS)
      await world.receiver.report()
      const startedAt = nowMs()
      world.sender.tell({ type: 'talk', perSecond: PER_SECOND, seconds: request.seconds })
      const { count } = await world.sender.hear('said')
      const seconds = (nowMs() - startedAt) / 1000
      await pause(REST_MS)
      world.sender.tell({ type: 'bulk', on: false })
      const report = await world.receiver.report()
      const mbits = (report.bulkBytes * 8) / (seconds + REST_MS / 1000) / 1e6
      return { ...(await figuresOf(world, { count: count as number, report })), fileMbits: round(mbits) }
    },
  )
}

async function fair(request: Request, keep: Keep): Promise<void> {
  const values = await fairness(request.seconds, RATE_KBIT, QUEUE_BYTES)
  keep({ mode: 'fair', setting: `${RATE_KBIT / 1000} Mbit/s`, contestant: 'udp', values })
}

/** Nothing gets through for a while: how long after the path returns the first message does. */
async function outage(request: Request, keep: Keep): Promise<void> {
  for (const seconds of request.outages)
    await forEach(
      request,
      { mode: 'outage', setting: `${seconds} s`, settings: { ...DELAY, seed: request.seed } },
      keep,
      async (world) => {
        world.sender.tell({ type: 'talk', perSecond: 20, seconds: seconds + 2 })
        await pause(1000)
        await world.network.set({ outage: 1 })
        await pause(seconds * 1000)
        await world.network.set({ outage: 0 })
        const returnedAt = nowMs()
        const { count } = await world.sender.hear('said')
        await pause(REST_MS)
        for (let patience = 0; patience < 30 && !(await hasFrom(world, returnedAt)); patience++)
          await pause(1000)
        const { arrived, first } = gathered(world)
        return { missing: (count as number) - arrived, firstByteMs: round(first - returnedAt) }
      },
    )
}

const seen = new WeakMap<World, { arrived: number; first: number }>()

function gathered(world: World): { arrived: number; first: number } {
  return seen.get(world) ?? { arrived: 0, first: Number.NaN }
}

/** Whether anything arrived since; what arrived is added up. */
async function hasFrom(world: World, since: number): Promise<boolean> {
  const { arrivedAt } = await world.receiver.report()
  const before = gathered(world)
  const first = arrivedAt.find((at) => at >= since) ?? before.first
  seen.set(world, { arrived: before.arrived + arrivedAt.length, first })
  return !Number.isNaN(first)
}

/** A NAT that forgets the client's port again and again. */
async function rebind(request: Request, keep: Keep): Promise<void> {
  const settings = { ...DELAY, nat: 1 as const, seed: request.seed }
  const seconds = Math.min(request.seconds, 31)
  await forEach(request, { mode: 'rebind', setting: 'every 5 s', settings }, keep, async (world) => {
    const timer = setInterval(() => void world.network.rebind(), REBIND_MS)
    const figures = await figuresOf(world, await talk(world, seconds))
    clearInterval(timer)
    return figures
  })
}

interface Round {
  readonly mode: ModeName
  readonly setting: string
  readonly settings: LinkSettings
}

async function forEach(
  request: Request,
  { mode, setting, settings }: Round,
  keep: Keep,
  measure: (world: World) => Promise<Figure['values']>,
): Promise<void> {
  await Promise.all(
    request.contestants.map(async (contestant) => {
      let world: World | undefined
      try {
        world = await World.start({ contestant, settings })
        keep({ mode, setting, contestant, values: await measure(world) })
      } catch (error) {
        console.log(`${mode} ${setting} ${contestant}: ${error instanceof Error ? error.message : error}`)
      } finally {
        await world?.stop()
      }
    }),
  )
}

interface Talk {
  readonly count: number
  readonly report: Report
}

async function talk(world: World, seconds: number): Promise<Talk> {
  world.sender.tell({ type: 'talk', perSecond: PER_SECOND, seconds })
  const { count } = await world.sender.hear('said')
  return { count: count as number, report: await arrived(world, count as number) }
}

/** What the receiver saw, once all has come or there was time enough for it. */
async function arrived(world: World, count: number): Promise<Report> {
  await pause(REST_MS / 3)
  let all = await world.receiver.report()
  for (let waitedMs = 0; waitedMs < REST_MS && all.latencies.length < count; waitedMs += REST_MS / 10) {
    await pause(REST_MS / 10)
    const more = await world.receiver.report()
    all = {
      ...more,
      latencies: [...all.latencies, ...more.latencies],
      arrivedAt: [...all.arrivedAt, ...more.arrivedAt],
      disordered: all.disordered + more.disordered,
      bulkBytes: all.bulkBytes + more.bulkBytes,
    }
  }
  if (all.latencies.length < count) console.log(world.troubles())
  return all
}

async function figuresOf(world: World, { count, report }: Talk): Promise<Record<string, number>> {
  const sorted = report.latencies.toSorted((a, b) => a - b)
  const { ab } = await world.network.counters()
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    worst: quantile(sorted, 1),
    sent: count,
    missing: count - sorted.length,
    disordered: report.disordered,
    bytesPerMessage: Math.round(ab.bytes / count),
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
