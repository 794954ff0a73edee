/**
 * Messages acknowledged per second by a relay that commits before it acknowledges, and how long that takes:
 * 64-byte messages of 128 senders in so many rooms, the load on the same machine. With `--stuck` so many more
 * members of those rooms never read. How late the generator was itself stands beside.
 *
 *   npm run build && npx tsx bench/durable.ts [--rate 50000] [--seconds 5] [--warm 4] [--rooms 128]
 *                                             [--stuck 0] [--ephemeral] [--profile FOLDER]
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { palaver } from './adapters/palaver.ts'
import { Engine, type RunResult, type Wire } from './engine.ts'
import { bodyOf, type Client, MARKER_BYTES } from './peer.ts'
import { profileText, profilingOptions } from './profile.ts'
import { runInNamespace, takePrecedence } from './quiet.ts'
import { Server } from './server.ts'

const SENDERS = 128
const BODY_BYTES = 64
const NS_PER_MS = 1e6
const SETTLE_MS = 500

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '5' },
    warm: { type: 'string', default: '4' },
    rooms: { type: 'string', default: '128' },
    stuck: { type: 'string', default: '0' },
    ephemeral: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})

const PEER = palaver({
  name: 'palaver',
  transports: ['tcp'],
  isDurable: !values.ephemeral,
  serveOptions: [],
})

function startServer(): Promise<Server> {
  const profiling = values.profile === undefined ? [] : profilingOptions(resolve(values.profile), 'durable')
  return Server.start((place) => {
    const launch = PEER.launch(place)
    return { ...launch, args: [...profiling, ...launch.args] }
  }, undefined)
}

interface Entered {
  readonly wire: Wire
  readonly client: Client
}

async function enter(engine: Engine, port: number, name: string, index: number): Promise<Entered> {
  const party = { name: `${name}${index}`, room: `room${index % Number(values.rooms)}`, partner: undefined }
  const [wire] = await engine.open(1, port)
  const client = PEER.client(party, wire as Wire)
  await client.login()
  await client.join()
  return { wire: wire as Wire, client }
}

/** A member that sends, and measures how long its own messages take to come back. */
async function enterSender(engine: Engine, port: number, index: number): Promise<void> {
  const { wire, client } = await enter(engine, port, 's', index)
  // A marker of its own: what others in the room say does not count as an answer.
  const marker = `${index}`.padEnd(MARKER_BYTES, '!')
  const { message, counter } = client.publication(bodyOf(marker, BODY_BYTES))
  const stampAt = Buffer.from(message).indexOf(marker) + MARKER_BYTES
  const load = { gain: 0, window: 0, message, counter, stampAt, marker: Buffer.from(marker) }
  wire.spec({ meter: true, publisher: true, isReply: false, ...load })
}

function report(result: RunResult, grownBytes: number): void {
  const { meterMessages: count, wallSeconds, serverCpuSeconds: cpu, ownCpuSeconds } = result
  const at = (list: Uint32Array, share: number): string =>
    ((list[Math.floor(list.length * share)] ?? 0) / NS_PER_MS).toFixed(2)
  const { latencies, lags } = result
  const busy = (seconds: number): string => `${((100 * seconds) / wallSeconds).toFixed(0)} % of a core`
  console.log(
    `${(count / wallSeconds / 1000).toFixed(1)} k acknowledged/s  ` +
      `p50 ${at(latencies, 0.5)} p99 ${at(latencies, 0.99)} p99.9 ${at(latencies, 0.999)} ms  ` +
      `relay ${busy(cpu)}, ${((cpu / count) * 1e6).toFixed(1)} us a message, ` +
      `${(grownBytes / 2 ** 20).toFixed(0)} MiB more than idle; ` +
      `generator ${busy(ownCpuSeconds)}, late p50 ${at(lags, 0.5)} p99 ${at(lags, 0.99)} ms`,
  )
}

async function main(): Promise<void> {
  const server = await startServer()
  const engine = new Engine(undefined)
  const silent = new Engine(undefined)
  try {
    for (let i = 0; i < SENDERS; i++) await enterSender(engine, server.port, i)
    const before = server.memoryBytes()
    for (let i = 0; i < Number(values.stuck); i++) await enter(silent, server.port, 'stuck', i)
    silent.freeze()
    await new Promise((done) => setTimeout(done, SETTLE_MS))
    const [warmMs, measureMs] = [Number(values.warm) * 1000, Number(values.seconds) * 1000]
    const run = { rate: Number(values.rate), warmMs, measureMs, pid: server.pid, naps: true }
    const result = await engine.run(run)
    if (result.lostConnections > 0) throw new Error(`the relay closed ${result.lostConnections} connections`)
    report(result, server.memoryBytes() - before)
  } finally {
    engine.close()
    silent.close()
    await server.stop()
  }
  if (values.profile !== undefined) console.log(profileText(values.profile))
}

const inside = await runInNamespace()
if (inside === undefined) {
  takePrecedence()
  await main()
  process.exit(0)
} else process.exit(inside)
