import type { Address } from '../../src/base/index.ts'
import type { CongestionControl, UdpConnection, UdpEvent, UdpStats } from '../../src/reliable/index.ts'
import { CLEAR_LINK, DatagramWorld } from '../../src/sim/index.ts'
import { at, CLIENT, newClient, newRelay, openPair, type PairOptions, RELAY } from './world.ts'

const BULK_LANE = 1
const BLOCK_BYTES = 16_384
const RTT_MS = 50
const MBIT_PER_BYTE_MS = 8 / 1000

/** Writes to the bulk lane until the connection says that it has enough. */
function fill(connection: UdpConnection): void {
  while (connection.write(BULK_LANE, new Uint8Array(BLOCK_BYTES))) {}
}

/** Seconds that `total` bytes take in the bulk lane, and the sender's counters then. */
export function bulkSeconds(
  options: PairOptions,
  total = 2 * 1024 * 1024,
): { readonly seconds: number; readonly stats: UdpStats } {
  const pair = openPair(options)
  const begin = pair.world.now
  let written = 0
  let received = 0
  const write = (): void => {
    while (written < total) {
      written += BLOCK_BYTES
      if (!pair.near.write(BULK_LANE, new Uint8Array(BLOCK_BYTES))) return
    }
  }
  write()
  const isDone = (): boolean => {
    for (const event of pair.atClient.events.splice(0)) if (event.kind === 'writable') write()
    for (const event of pair.atRelay.events.splice(0))
      if (event.kind === 'lane_bytes') received += event.bytes.length
    return received >= total
  }
  if (!pair.world.run(at(begin + 120_000), isDone)) throw new Error('not done in two minutes')
  return { seconds: (pair.world.now - begin) / 1000, stats: pair.near.stats }
}

/** A bottleneck of `mbit` whose queue holds `bufferBdp` times what is under way in a round trip. */
function bottleneck(mbit: number, bufferBdp: number) {
  const rate = mbit / MBIT_PER_BYTE_MS
  return { ...CLEAR_LINK, delayMs: RTT_MS / 2, rate, queueBytes: bufferBdp * rate * RTT_MS }
}

/** Mbit/s that transfers of different controllers get of one bottleneck, the second starting 2 s later. */
export function shares(options: {
  readonly controls: readonly CongestionControl[]
  readonly mbit: number
  readonly bufferBdp: number
  readonly seconds: number
}): number[] {
  const world = new DatagramWorld<UdpEvent>(1, { ...CLEAR_LINK, delayMs: RTT_MS / 2 })
  const received = new Map<string, number>()
  world.add(RELAY, newRelay(), (event) => {
    if (event.kind !== 'lane_bytes') return
    const { host } = event.connection.remote
    received.set(host, (received.get(host) ?? 0) + event.bytes.length)
  })
  const places: Address[] = options.controls.map((_, i) => ({ host: `198.51.100.${i + 1}`, port: 40_000 }))
  const first = places[0] as Address
  world.link(first, RELAY).conditions = bottleneck(options.mbit, options.bufferBdp)
  for (const [i, place] of places.entries()) {
    if (i > 0) world.shareLink(first, RELAY, place)
    const client = newClient(20 + i, { congestionControl: options.controls[i] as CongestionControl })
    world.add(place, client, (event) => {
      if (event.kind === 'opened' || event.kind === 'writable') fill(event.connection)
    })
    world.at(at(2000 * i), (now) => client.connect(RELAY, now))
  }
  const warmUpMs = 20_000
  world.run(at(warmUpMs))
  const before = places.map(({ host }) => received.get(host) ?? 0)
  world.run(at(warmUpMs + 1000 * options.seconds))
  return places.map(({ host }, i) => {
    const bytes = (received.get(host) ?? 0) - (before[i] as number)
    return (bytes * MBIT_PER_BYTE_MS) / (1000 * options.seconds)
  })
}

/** Jain's index: 1 when all get the same, 1/n when one gets everything. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0)
  return sum ** 2 / (values.length * values.reduce((a, b) => a + b * b, 0))
}

/** One-way latencies in ms, ascending, of 100 messages of 200 bytes a second beside a bulk transfer. */
export function chatBeside(options: {
  readonly mbit: number
  readonly bufferBdp: number
  readonly messages: number
}): { readonly latencies: number[]; readonly bulkMbit: number } {
  const pair = openPair({ conditions: { delayMs: RTT_MS / 2 } })
  pair.world.link(CLIENT, RELAY).conditions = bottleneck(options.mbit, options.bufferBdp)
  fill(pair.near)
  const begin = pair.world.now + 2000
  const due: number[][] = Array.from({ length: 10 }, () => [])
  const received = new Array<number>(10).fill(0)
  const latencies: number[] = []
  let bulkBytes = 0
  const say = (i: number): void => {
    if (i === options.messages) return
    pair.world.at(at(begin + i * 10), (now) => {
      due[i % 10]?.push(now)
      pair.near.write(2 + (i % 10), new Uint8Array(200))
      say(i + 1)
    })
  }
  say(0)
  const take = (event: UdpEvent): void => {
    if (event.kind !== 'lane_bytes') return
    if (event.lane === BULK_LANE) bulkBytes += event.bytes.length
    if (event.lane < 2) return
    const conversation = event.lane - 2
    let bytes = (received[conversation] as number) + event.bytes.length
    for (; bytes >= 200; bytes -= 200) latencies.push(pair.world.now - (due[conversation]?.shift() as number))
    received[conversation] = bytes
  }
  pair.world.run(at(begin + options.messages * 10 + 3000), () => {
    for (const event of pair.atClient.events.splice(0)) if (event.kind === 'writable') fill(pair.near)
    for (const event of pair.atRelay.events.splice(0)) take(event)
    return latencies.length === options.messages
  })
  latencies.sort((a, b) => a - b)
  return { latencies, bulkMbit: (bulkBytes * MBIT_PER_BYTE_MS) / (pair.world.now - begin + 2000) }
}
