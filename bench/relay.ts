/**
 * What the relay delivers per second of its own CPU: a saturated room of 100, and 100 pairs one to one. The
 * relay runs in a process of its own with handshake, identities and limits on; 64-byte messages.
 *
 *   npx tsx bench/relay.ts [--seconds 5] [--runs 3] [--members 100] [--publishers 10] [--mode room|direct|all] [--window 128]
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { joinRoom, type LoadClient, openClients, RelayProcess, type Usage } from './load.ts'

const BODY_BYTES = 64

const WARMUP_MS = 1500

interface Figure {
  readonly deliveries: number
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    members: { type: 'string', default: '100' },
    publishers: { type: 'string', default: '10' },
    mode: { type: 'string', default: 'all' },
    window: { type: 'string', default: '128' },
  },
})

const WINDOW = Number(values.window)

async function measure(
  relay: RelayProcess,
  clients: readonly LoadClient[],
  seconds: number,
): Promise<Figure> {
  await pause(WARMUP_MS)
  for (const client of clients) client.received = 0
  const before = await relay.usage()
  const startedAt = performance.now()
  await pause(seconds * 1000)
  const deliveries = clients.reduce((sum, client) => sum + client.received, 0)
  const after = await relay.usage()
  const wallSeconds = (performance.now() - startedAt) / 1000
  return { deliveries, wallSeconds, cpuSeconds: cpuBetween(before, after), rssBytes: after.rss }
}

function cpuBetween(before: Usage, after: Usage): number {
  return (after.cpu.user - before.cpu.user + after.cpu.system - before.cpu.system) / 1e6
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

/** Keeps a window of messages of each publisher under way: what comes back makes room for more. */
function keepBusy(publishers: readonly LoadClient[]): void {
  for (const publisher of publishers) {
    let sent = WINDOW
    let seen = 0
    let last = 0
    publisher.onReceived = () => {
      // Measuring resets the count; the window goes by what arrived in all.
      seen += publisher.received >= last ? publisher.received - last : publisher.received
      last = publisher.received
      const room = Math.floor(seen / publishers.length) + WINDOW - sent
      if (room < Math.max(1, WINDOW / 4)) return
      sent += room
      publisher.sendBurst(room)
    }
    publisher.sendBurst(WINDOW)
  }
}

async function roomRun(seconds: number): Promise<Figure> {
  const relay = await RelayProcess.start()
  const clients = await openClients(relay.tcpPort, Number(values.members), BODY_BYTES)
  let conversation = 0
  for (const client of clients) conversation = await joinRoom(client, 'bench')
  await pause(300)
  for (const client of clients) client.count(conversation)
  keepBusy(clients.slice(0, Number(values.publishers)))
  const figure = await measure(relay, clients, seconds)
  for (const client of clients) client.socket.destroy()
  relay.stop()
  return figure
}

/** Every client talks to one other, both at once. Only what reaches the other one counts, not the echo. */
async function directRun(seconds: number): Promise<Figure> {
  const relay = await RelayProcess.start()
  const clients = await openClients(relay.tcpPort, 200, BODY_BYTES)
  for (let i = 0; i < clients.length; i += 2) {
    const pair = [clients[i] as LoadClient, clients[i + 1] as LoadClient] as const
    const conversation = await openDirect(pair[0], `c${i + 1}`)
    await openDirect(pair[1], `c${i}`)
    await pause(1)
    for (const client of pair) client.count(conversation)
    keepBusy(pair)
  }
  const figure = await measure(relay, clients, seconds)
  for (const client of clients) client.socket.destroy()
  relay.stop()
  return { ...figure, deliveries: figure.deliveries / 2 }
}

async function openDirect(client: LoadClient, name: string): Promise<number> {
  const joined = client.event((event) => event.kind === 'joined')
  client.request({ type: 'direct', name })
  const event = await joined
  return event.kind === 'joined' ? event.conversation.number : 0
}

function show(mode: string, figure: Figure): void {
  const perCpu = figure.deliveries / figure.cpuSeconds
  const perWall = figure.deliveries / figure.wallSeconds
  const busy = (100 * figure.cpuSeconds) / figure.wallSeconds
  console.log(
    `${mode.padEnd(8)} ${format(perCpu)}/CPU s  ${format(perWall)}/s  relay ${busy.toFixed(0)} % of a core, ` +
      `${(figure.rssBytes / 2 ** 20).toFixed(0)} MiB`,
  )
}

function format(perSecond: number): string {
  return perSecond >= 1e6 ? `${(perSecond / 1e6).toFixed(2)} M` : `${(perSecond / 1e3).toFixed(1)} k`
}

for (const [mode, run] of [
  ['room', roomRun],
  ['direct', directRun],
] as const) {
  if (values.mode !== 'all' && values.mode !== mode) continue
  for (let i = 0; i < Number(values.runs); i++) show(mode, await run(Number(values.seconds)))
}
process.exit(0)
