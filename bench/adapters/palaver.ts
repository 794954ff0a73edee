/** Our relay as users run it, over TCP: with what it stores, or ephemeral. */
import { join as joinPath } from 'node:path'
import { performance } from 'node:perf_hooks'
import { EMPTY_BYTES } from '../../src/base/bytes.ts'
import type { Instant } from '../../src/base/time.ts'
import { FRAME_TYPES } from '../../src/codec/generated/registry.ts'
import { ByteWriter } from '../../src/codec/writer.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../../src/node/primitives.ts'
import { type ClientEvent, type ClientRequest, ClientSession } from '../../src/protocol/client/index.ts'
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import type { Launch, Place } from '../server.ts'

const PROGRAM = joinPath(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const REF_BYTES = 4

/** Raised is only what a crowd from one machine meets, and what keeps one client from sending all it can. */
const CONFIG = `
[limits]
sessions = 100000
handshakes = 100000
links_per_address = 100000
members_per_room = 100000
sends_per_second = 100000000
sends_burst = 100000000
send_bytes_per_second = 2147483647
send_bytes_burst = 2147483647
`

/** One way of running it. */
export interface PalaverOptions {
  readonly name: string
  /** The last one is measured; TCP shows that it has started. */
  readonly transports: readonly ('tcp' | 'udp')[]
  readonly isDurable: boolean
  readonly serveOptions: readonly string[]
}

export function palaver(options: PalaverOptions): Peer {
  const launch = ({ port, folder, file }: Place): Launch => ({
    command: process.execPath,
    args: [
      PROGRAM,
      'serve',
      ...options.transports.flatMap((transport) => ['--listen', `${transport}://127.0.0.1:${port}`]),
      ...['--admin', 'off', '--config', file('relay.toml', CONFIG)],
      ...(options.isDurable ? ['--data', folder] : ['--ephemeral']),
      ...options.serveOptions,
      '--quiet',
    ],
  })
  return {
    name: options.name,
    usesLinks: options.transports.at(-1) === 'udp',
    isDurable: options.isDurable,
    hasEcho: true,
    missing: () => undefined,
    launch,
    client: (party, wire) => new PalaverClient(party, wire),
  }
}

/** A send frame to repeat: the ref of the next message is one more than `ref`. */
export function sendTemplate(conversation: number, ref: number, body: Uint8Array): Publication {
  const out = new ByteWriter()
  const start = out.beginFrame()
  out.writeArrayHeader(5)
  out.writeUint(FRAME_TYPES.send)
  out.writeUint(conversation)
  // The widest form of four bytes stays as long however far it counts.
  out.writeUint(0xffffffff)
  const at = out.length - REF_BYTES
  out.writeUint(0)
  out.writeBin(body)
  out.endFrame(start)
  return { message: out.take(), counter: { at, bytes: REF_BYTES, from: ref + 1 } }
}

class PalaverClient implements Client {
  readonly #party: Party
  readonly #wire: Wire
  readonly #session: ClientSession
  #conversation = 0

  constructor(party: Party, wire: Wire) {
    this.#party = party
    this.#wire = wire
    const identity = identityOfSeed(systemEntropy(32))
    const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: EMPTY_BYTES }
    const about = { name: party.name, identity, clientId: systemEntropy(8), agent: 'bench' }
    this.#session = new ClientSession({ ...about, ...means }, performance.now() as Instant)
  }

  async login(): Promise<void> {
    this.#pump()
    await this.#event('ready')
  }

  async join(): Promise<void> {
    const { room, partner } = this.#party
    const request: ClientRequest =
      room === undefined ? { type: 'direct', name: partner as string } : { type: 'join', room, options: 0 }
    this.#session.request(request)
    this.#pump()
    const event = await this.#event('joined')
    if (event.kind === 'joined') this.#conversation = event.conversation.number
  }

  publication(body: Uint8Array): Publication {
    const ref = this.#session.conversations.get(this.#conversation)?.ref ?? 0
    return sendTemplate(this.#conversation, ref, body)
  }

  async #event(kind: ClientEvent['kind']): Promise<ClientEvent> {
    for (;;) {
      for (let event = this.#session.pollEvent(); event; event = this.#session.pollEvent()) {
        if (event.kind === kind) return event
        if (event.kind === 'closed') throw new Error(`closed: ${event.text}`)
        if (event.kind === 'error') throw new Error(`refused: ${event.name}`)
      }
      this.#session.handleBytes(0, await this.#wire.read(), performance.now() as Instant)
      this.#pump()
    }
  }

  #pump(): void {
    const now = performance.now() as Instant
    for (let item = this.#session.pollTransmit(now); item; item = this.#session.pollTransmit(now))
      this.#wire.write(item.bytes)
  }
}
