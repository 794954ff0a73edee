/**
 * The whole path with real processes over an emulated link: a client in one network namespace, the relay and
 * the other client in another. Where there can be no such link the tests are skipped and say why.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { World } from '../../bench/loss/world.ts'
import { type LinkSettings, whyNoNetwork } from './network.ts'

const missing = whyNoNetwork()
if (missing !== undefined) console.warn(`tests over a link with loss are skipped: that ${missing}`)

const RTT_MS = 50
const POLL_MS = 50
const PATIENCE_MS = 20_000
const worlds: World[] = []

afterAll(async () => {
  await Promise.all(worlds.map((world) => world.stop()))
})

async function start(contestant: 'tcp' | 'udp', settings: LinkSettings): Promise<World> {
  const world = await World.start({ contestant, settings: { 'delay-ms': RTT_MS / 2, ...settings } })
  worlds.push(world)
  return world
}

interface Outcome {
  readonly sent: number
  readonly arrived: number
  readonly disordered: number
  readonly unacknowledged: number
  readonly latencies: readonly number[]
  readonly arrivedAt: readonly number[]
}

/** Talks for so long, then waits until everything has arrived and is acknowledged. */
async function talk(world: World, seconds: number): Promise<Outcome> {
  world.sender.tell({ type: 'talk', perSecond: 100, seconds })
  return gather(world, (await world.sender.hear('said'))['count'] as number)
}

/** What arrived in all, once it is `sent` messages or patience is over. */
async function gather(world: World, sent: number): Promise<Outcome> {
  const latencies: number[] = []
  const arrivedAt: number[] = []
  let disordered = 0
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const report = await world.receiver.report()
    latencies.push(...report.latencies)
    arrivedAt.push(...report.arrivedAt)
    disordered += report.disordered
    const { underWay: unacknowledged } = await world.sender.report()
    const arrived = latencies.length
    const isComplete = arrived >= sent && unacknowledged === 0
    // One more round after the last: a message that came twice would show.
    if (waitedMs >= PATIENCE_MS) return { sent, arrived, disordered, unacknowledged, latencies, arrivedAt }
    if (isComplete) waitedMs = Math.max(waitedMs, PATIENCE_MS - 2 * POLL_MS)
    await pause(POLL_MS)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

const COMPLETE = { disordered: 0, unacknowledged: 0 }

describe.skipIf(missing !== undefined).concurrent('over a link with loss', { timeout: 90_000 }, () => {
  test('every message arrives once and in order where one packet in ten is lost', async () => {
    const loss = { 'loss-ab': 10, 'loss-ba': 10, duplicate: 2, reorder: 2, seed: 7 }
    const world = await start('udp', loss)
    const outcome = await talk(world, 4)
    expect(outcome).toMatchObject({ ...COMPLETE, arrived: outcome.sent })
    expect((await world.network.counters()).ab.lost).toBeGreaterThan(10)
  })

  test('a NAT that forgets its mappings costs no message and no pause to be seen', async () => {
    const world = await start('udp', { nat: 1 })
    const forgetting = setInterval(() => void world.network.rebind(), 1500)
    const outcome = await talk(world, 5)
    clearInterval(forgetting)
    expect(outcome).toMatchObject({ ...COMPLETE, arrived: outcome.sent })
    expect(Math.max(...outcome.latencies)).toBeLessThan(1000)
  })

  test('an outage heals within a second of its end', async () => {
    const world = await start('udp', {})
    world.sender.tell({ type: 'talk', perSecond: 20, seconds: 5 })
    await pause(500)
    await world.network.set({ outage: 1 })
    await pause(3000)
    await world.network.set({ outage: 0 })
    const returnedAt = Number(process.hrtime.bigint()) / 1e6
    const sent = (await world.sender.hear('said'))['count'] as number
    const { arrivedAt, arrived, disordered } = await gather(world, sent)
    expect({ arrived, disordered }).toEqual({ arrived: sent, disordered: 0 })
    const first = arrivedAt.find((at) => at >= returnedAt) as number
    expect(first - returnedAt).toBeLessThan(1000)
  })
})

describe.skipIf(missing !== undefined)('over a link with delay', { timeout: 90_000 }, () => {
  test('small writes over TCP do not wait for the acknowledgement of those before', async () => {
    const world = await start('tcp', {})
    const outcome = await talk(world, 2)
    expect(outcome).toMatchObject({ ...COMPLETE, arrived: outcome.sent })
    const sorted = outcome.latencies.toSorted((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(RTT_MS / 2 + 20)
  })
})
