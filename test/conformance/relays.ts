/** Our relay in every configuration that the kit asks for, on real sockets. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../src/base/index.ts'
import { keyPairOf, OPERATOR_SEED, type Setup } from '../../src/conformance/index.ts'
import { openStore, RelayServer, udpTransport } from '../../src/node/index.ts'
import { LinkWorkers } from '../../src/node/link-workers.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { WORKER_PROGRAM } from '../node/worker-program.ts'
import { SETUPS } from './setups.ts'

const operator = Buffer.from(keyPairOf(OPERATOR_SEED).publicKey).toString('hex')
const HOST = '127.0.0.1'

/** The relays of one run. */
export class Relays {
  readonly addresses: Partial<Record<Setup, Address>> = {}
  readonly #kind: 'tcp' | 'udp'
  readonly #folder = mkdtempSync(join(tmpdir(), 'palaver-conform-'))
  readonly #servers = new Map<Setup, RelayServer>()
  /** Who carries the links of all of them, when that is not this process. */
  readonly #workers: LinkWorkers | undefined

  constructor(kind: 'tcp' | 'udp', workerCount = 1) {
    this.#kind = kind
    if (workerCount > 1) this.#workers = new LinkWorkers({ count: workerCount, program: WORKER_PROGRAM })
  }

  async start(): Promise<void> {
    for (const setup of Object.keys(SETUPS) as Setup[]) await this.#start(setup)
  }

  async #start(setup: Setup): Promise<void> {
    const store = openStore(join(this.#folder, setup))
    const server = new RelayServer({
      store,
      relay: {
        name: setup,
        rooms: ['lobby'],
        operators: new Set([operator]),
        isExemptHost: () => setup !== 'crowded' && setup !== 'links',
        ...SETUPS[setup],
      },
    })
    const transport = this.#transport(store.secrets.linkSecret)
    this.addresses[setup] = await server.listen(transport, { host: HOST, port: 0 })
    this.#servers.set(setup, server)
  }

  #transport(staticSecret: Uint8Array): Transport {
    if (this.#kind === 'tcp') return this.#workers?.tcpTransport() ?? tcpTransport
    const options = { staticSecret, limits: { connectionsPerPrefix: Infinity } }
    return this.#workers?.udpTransport(options) ?? udpTransport(options)
  }

  readonly restart = async (setup: Setup): Promise<void> => {
    await this.#servers.get(setup)?.close(200)
    // A datagram socket is kept while connections drain: the relay comes back at another port.
    await this.#start(setup)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close(100)))
    await this.#workers?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
