/** nats-server: core NATS, and JetStream where messages must last. */

import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { hasProgram, type Launch, type Place } from '../server.ts'

const STREAM = {
  name: 'BENCH',
  subjects: ['bench.>'],
  retention: 'limits',
  max_consumers: -1,
  max_msgs: -1,
  max_bytes: -1,
  discard: 'old',
  max_age: 0,
  max_msg_size: -1,
  storage: 'file',
  num_replicas: 1,
}

export function nats(isDurable: boolean): Peer {
  return {
    name: isDurable ? 'jetstream' : 'nats',
    isDurable,
    hasEcho: true,
    missing: () => (hasProgram('nats-server') ? undefined : 'nats-server'),
    launch: (place) => launch(place, isDurable),
    client: (party, wire) => new NatsClient(party, wire, isDurable),
    ...(isDurable ? { prepare } : {}),
  }
}

function launch({ port, folder, file }: Place, isDurable: boolean): Launch {
  const config = [
    `listen: "127.0.0.1:${port}"`,
    'max_pending: 1GB',
    'write_deadline: "60s"',
    'ping_interval: "10m"',
    ...(isDurable ? [`jetstream { store_dir: "${folder}" }`] : []),
  ]
  return { command: 'nats-server', args: ['-c', file('nats.conf', config.join('\n'))] }
}

async function connect(wire: Wire): Promise<void> {
  await wire.until(/INFO .*\r\n/u)
  wire.write('CONNECT {"verbose":false,"pedantic":false}\r\n')
}

async function prepare(wire: Wire): Promise<void> {
  await connect(wire)
  const config = JSON.stringify(STREAM)
  wire.write(`SUB made 1\r\nPUB $JS.API.STREAM.CREATE.BENCH made ${config.length}\r\n${config}\r\n`)
  const answer = await wire.until(/MSG made .*\r\n.*\r\n/u)
  if (!answer.includes('"did_create":true')) throw new Error(`no stream: ${answer}`)
}

class NatsClient implements Client {
  readonly #party: Party
  readonly #wire: Wire
  readonly #isDurable: boolean

  constructor(party: Party, wire: Wire, isDurable: boolean) {
    this.#party = party
    this.#wire = wire
    this.#isDurable = isDurable
  }

  async login(): Promise<void> {
    await connect(this.#wire)
  }

  async join(): Promise<void> {
    const { room, name } = this.#party
    const subject = this.#isDurable ? `inbox.${name}` : (room ?? name)
    this.#wire.write(`SUB ${subject} 1\r\nPING\r\n`)
    await this.#wire.until(/PONG\r\n/u)
  }

  publication(body: Uint8Array): Publication {
    const { room, partner, name } = this.#party
    const subject = this.#isDurable ? `bench.${name} inbox.${name}` : (room ?? partner)
    const message = Buffer.concat([
      Buffer.from(`PUB ${subject} ${body.length}\r\n`),
      body,
      Buffer.from('\r\n'),
    ])
    return this.#isDurable ? { message, replyMarker: Buffer.from('"seq":') } : { message }
  }
}
