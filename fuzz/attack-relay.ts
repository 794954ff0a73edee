/** The relay under attack, in a process of its own: tells its ports, and its memory when asked. */
import { ephemeralStore, RelayServer, udpTransport } from '../src/node/index.ts'
import { tcpTransport } from '../src/transport/index.ts'

/** What the relay's process tells. */
export type RelayWord =
  | { readonly kind: 'ports'; readonly tcp: number; readonly udp: number }
  | { readonly kind: 'memory'; readonly rss: number; readonly heap: number; readonly links: number }

const LOOPBACK = { host: '127.0.0.1', port: 0 }

function tell(word: RelayWord): void {
  process.send?.(word)
}

async function main(): Promise<void> {
  const server = new RelayServer({
    relay: {
      name: 'attacked',
      // Everybody comes from one address here.
      isExemptHost: () => true,
      limits: { handshakeMs: 1000, idleMs: 3000 },
    },
    store: ephemeralStore(),
  })
  const tcp = await server.listen(tcpTransport, LOOPBACK)
  const limits = { connectionsPerPrefix: Number.POSITIVE_INFINITY }
  const udp = await server.listen(udpTransport({ limits }), LOOPBACK)
  process.on('message', (word) => {
    if (word === 'collect') (globalThis as { gc?: () => void }).gc?.()
    const { rss, heapUsed: heap } = process.memoryUsage()
    tell({ kind: 'memory', rss, heap, links: server.core.hub.links.size })
  })
  process.on('disconnect', () => process.exit(0))
  tell({ kind: 'ports', tcp: tcp.port, udp: udp.port })
}

await main()
