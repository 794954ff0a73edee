/** One bulk flow of ours over UDP beside one of the kernel's TCP with CUBIC on the same bottleneck. */
import { join } from 'node:path'
import { LossyNetwork, type Side } from '../../test/lossy/network.ts'
import { round } from './figures.ts'
import { Actor, SPAWNING } from './world.ts'

const UDP_PORT = 7001
const TCP_PORT = 7002
/** Until both have found their share. */
const WARMUP_MS = 8000

/** Mbit/s of each and Jain's index: 1 when the shares are equal, 1/2 when one has everything. */
export async function fairness(
  seconds: number,
  rateKbit: number,
  queueBytes: number,
): Promise<Record<string, number>> {
  const network = await LossyNetwork.open('cubic')
  await network.set({ 'delay-ms': 25, 'rate-kbit': rateKbit, 'queue-bytes': queueBytes })
  const start = (side: Side, ...words: (string | number)[]): Actor => {
    const file = join(import.meta.dirname, 'flow.ts')
    return new Actor(side.spawn(process.execPath, ['--import', 'tsx', file, ...words.map(String)], SPAWNING))
  }
  const host = network.b.address
  const sinks = [
    start(network.b, 'sink', 'udp', host, UDP_PORT),
    start(network.b, 'sink', 'tcp', host, TCP_PORT),
  ]
  for (const sink of sinks) await sink.hear('ready')
  // The kernel's flow begins: a newcomer has to find room beside one that has taken it all.
  const tcp = start(network.a, 'source', 'tcp', host, TCP_PORT)
  await tcp.hear('ready')
  const udp = start(network.a, 'source', 'udp', host, UDP_PORT)
  await udp.hear('ready')
  await new Promise((done) => setTimeout(done, WARMUP_MS))
  for (const sink of sinks) await sink.report()
  await new Promise((done) => setTimeout(done, seconds * 1000))
  const [ofUdp, ofTcp] = await Promise.all(sinks.map((sink) => sink.report()))
  for (const actor of [udp, tcp, ...sinks]) actor.stop()
  await network.close()
  const x = ((ofUdp?.bulkBytes ?? 0) * 8) / seconds / 1e6
  const y = ((ofTcp?.bulkBytes ?? 0) * 8) / seconds / 1e6
  const jain = (x + y) ** 2 / (2 * (x * x + y * y))
  return { udpMbits: round(x), tcpMbits: round(y), jain: Math.round(jain * 1000) / 1000 }
}
