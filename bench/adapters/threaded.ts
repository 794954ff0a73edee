/** A relay with a thread for each connection, as tutorials write it. */
import { join } from 'node:path'
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { hasProgram } from '../server.ts'

const PROGRAM = join(import.meta.dirname, '..', 'peers', 'threaded.py')

export const threaded: Peer = {
  name: 'threaded',
  isDurable: false,
  hasEcho: true,
  missing: () => (hasProgram('python3') ? undefined : 'python3'),
  launch: ({ port }) => ({ command: 'python3', args: [PROGRAM, String(port)] }),
  client: (party, wire) => new LineClient(party, wire),
}

class LineClient implements Client {
  readonly #party: Party
  readonly #wire: Wire

  constructor(party: Party, wire: Wire) {
    this.#party = party
    this.#wire = wire
  }

  async login(): Promise<void> {}

  async join(): Promise<void> {
    this.#wire.write(`JOIN ${this.#party.room ?? this.#party.name}\n`)
    await this.#wire.until(/joined\n/u)
  }

  publication(body: Uint8Array): Publication {
    const to = this.#party.room ?? this.#party.partner
    return { message: Buffer.concat([Buffer.from(`SAY ${to} `), body, Buffer.from('\n')]) }
  }
}
