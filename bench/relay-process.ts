/** The relay under test, in a process of its own; tells its CPU time and memory when asked. */
import { ephemeralStore, RelayServer, udpTransport } from '../src/node/index.ts'
import { tcpTransport } from '../src/transport/index.ts'

const LIMITS = {
  handshakes: 100_000,
  outboundBytes: 64 * 1024 * 1024,
  sessions: 100_000,
  membersPerRoom: 100_000,
}

async function main(): Promise<void> {
  const relay = { name: 'bench', limits: LIMITS, isExemptHost: () => true }
  const server = new RelayServer({ relay, store: ephemeralStore() })
  const at = { host: '127.0.0.1', port: 0 }
  const tcp = await server.listen(tcpTransport, at)
  const limits = { connectionsPerPrefix: Infinity, acceptsPerSecond: Infinity, retriesPerSecond: Infinity }
  const udp = await server.listen(udpTransport({ limits }), at)
  process.on('message', (message) => {
    if (message === 'usage') process.send?.({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() })
    if (message === 'stop') process.exit(0)
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ tcp: tcp.port, udp: udp.port })
}

await main()
