/** The relay under torture, in a process of its own: real files, a real socket. Arguments: folder, port. */
import { openStore, RelayServer } from '../../src/node/index.ts'
import { tcpTransport } from '../../src/transport/index.ts'

const RATE = 1_000_000
const LIMITS = {
  sendsPerSecond: RATE,
  sendsBurst: RATE,
  sendBytesPerSecond: RATE * 100,
  sendBytesBurst: RATE * 100,
  requestsPerSecond: RATE,
  requestsBurst: RATE,
  joinsPerSecond: RATE,
  joinsBurst: RATE,
  retentionBytes: 2 ** 33,
}

const [folder = '', port = '0'] = process.argv.slice(2)
const server = new RelayServer({
  relay: { name: 'torture', limits: LIMITS, isExemptHost: () => true },
  store: openStore(folder),
  onStorageFailed: (error) => {
    process.send?.({ failed: String(error) })
    setTimeout(() => process.exit(4), 200)
  },
})
process.on('disconnect', () => process.exit(0))
const address = await server.listen(tcpTransport, { host: '127.0.0.1', port: Number(port) })
process.send?.({ port: address.port })
