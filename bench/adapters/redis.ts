/** redis-server: publish and subscribe, on one connection by RESP3. */
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { hasProgram, type Launch, type Place } from '../server.ts'

export const redis: Peer = {
  name: 'redis',
  isDurable: false,
  hasEcho: true,
  missing: () => (hasProgram('redis-server') ? undefined : 'redis-server'),
  launch,
  client: (party, wire) => new RedisClient(party, wire),
}

function launch({ port, folder, file }: Place): Launch {
  const config = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${folder}`,
    'save ""',
    'appendonly no',
    'maxclients 20000',
    'tcp-backlog 4096',
    'client-output-buffer-limit pubsub 0 0 0',
  ]
  return { command: 'redis-server', args: [file('redis.conf', `${config.join('\n')}\n`)] }
}

class RedisClient implements Client {
  readonly #party: Party
  readonly #wire: Wire

  constructor(party: Party, wire: Wire) {
    this.#party = party
    this.#wire = wire
  }

  async login(): Promise<void> {
    this.#wire.write('HELLO 3\r\n')
    await this.#wire.until(/modules\r\n\*\d+\r\n$/u)
  }

  async join(): Promise<void> {
    const { room, name } = this.#party
    this.#wire.write(`SUBSCRIBE ${room ?? name}\r\n`)
    await this.#wire.until(/:1\r\n$/u)
  }

  publication(body: Uint8Array): Publication {
    const channel = this.#party.room ?? (this.#party.partner as string)
    const head = `*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$${body.length}\r\n`
    return { message: Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n')]) }
  }
}
