/** A relay behind a datagram endpoint in memory, sound or faulty, for the cases that are packets. */
import type { Address, Datagram, Instant } from '../../src/base/index.ts'
import type { Arena, DatagramPlace, Packets } from '../../src/conformance/arena.ts'
import { keyPairOf, seedOf } from '../../src/conformance/index.ts'
import { nodeLinkPrimitives, nodeSignatures } from '../../src/node/primitives.ts'
import type * as reliable from '../../src/reliable/index.ts'
import { seededEntropy } from './entropy.ts'
import { SETUPS } from './setups.ts'
import type { Core } from './virtual-arena.ts'

/** The modules that the arena is built from. */
export type PacketCore = Core & Pick<typeof reliable, 'UdpEndpoint'>

const TURNS_MAX = 10_000
const FIRST_PORT = 40_000
const LANES = 64
const relayPair = keyPairOf(seedOf('the relay of the virtual arena'))

type Connection = reliable.UdpConnection
type Relay = InstanceType<Core['RelayCore']>

class PacketWorld {
  now = 1000 as Instant
  readonly #endpoint: reliable.UdpEndpoint
  readonly #relay: Relay
  readonly #links = new Map<Connection, ReturnType<Relay['openLink']>>()
  readonly #sockets = new Map<string, (bytes: Uint8Array) => void>()
  readonly #arriving: { readonly bytes: Uint8Array; readonly from: Address }[] = []

  constructor(core: PacketCore, seed: number) {
    const entropy = seededEntropy(seed)
    this.#endpoint = new core.UdpEndpoint({
      primitives: nodeLinkPrimitives,
      entropy,
      staticSecret: seedOf('the datagram secret of the virtual arena').slice(0, 32),
    })
    this.#relay = new core.RelayCore<unknown>({
      name: 'virtual',
      identity: relayPair,
      signatures: nodeSignatures,
      entropy,
      operators: new Set<string>(),
      rooms: ['lobby'],
      storage: new core.MemoryStore(),
      ...SETUPS.standard,
    })
  }

  open(host: string, onBytes: (bytes: Uint8Array) => void): Packets {
    const from = { host, port: FIRST_PORT + this.#sockets.size }
    this.#sockets.set(keyOf(from), onBytes)
    return {
      send: (bytes) => void this.#arriving.push({ bytes: Uint8Array.from(bytes), from }),
      close: () => void this.#sockets.set(keyOf(from), () => {}),
    }
  }

  /** Moves everything that can move without time. */
  settle(): void {
    for (let turns = 0; this.#turn(); turns++) if (turns > TURNS_MAX) throw new Error('the relay never rests')
  }

  get deadline(): number {
    return Math.min(this.#endpoint.pollTimeout(), this.#relay.pollTimeout())
  }

  expire(): void {
    this.#endpoint.handleTimeout(this.now)
    this.#relay.handleTimeout(this.now)
  }

  #turn(): boolean {
    const arrived = this.#arriving.splice(0)
    for (const { bytes, from } of arrived) this.#endpoint.handleDatagram(bytes, from, this.now)
    this.#takeEvents()
    this.#relay.flush()
    for (let event = this.#relay.pollEvent(); event; event = this.#relay.pollEvent())
      if (event.kind === 'commit') this.#relay.handleCommitted(event.turn)
      else if (event.kind === 'link_finished' || event.kind === 'link_expired') this.#finish(event.link)
    for (let link = this.#relay.pollReadyLink(); link; link = this.#relay.pollReadyLink()) this.#write(link)
    let sent = false
    const next = (): Datagram | undefined => this.#endpoint.pollTransmit(this.now)
    for (let datagram = next(); datagram; datagram = next()) {
      sent = true
      this.#sockets.get(keyOf(datagram.to))?.(Uint8Array.from(datagram.bytes))
    }
    return sent || arrived.length > 0
  }

  #takeEvents(): void {
    for (let event = this.#endpoint.pollEvent(); event; event = this.#endpoint.pollEvent()) {
      const { connection } = event
      const link = this.#links.get(connection)
      if (event.kind === 'opened') this.#open(connection)
      if (event.kind === 'lane_bytes' && link)
        this.#relay.handleBytes(link, event.lane, event.bytes, this.now)
      if (event.kind === 'closed' && link) {
        this.#links.delete(connection)
        this.#relay.closeLink(link, this.now)
      }
    }
  }

  #open(connection: Connection): void {
    const { host, port } = connection.remote
    const info = { host, port, transport: 'udp', laneCount: LANES, binding: connection.handshakeHash }
    this.#links.set(connection, this.#relay.openLink(undefined, info, this.now))
  }

  #connectionOf(link: unknown): Connection | undefined {
    for (const [connection, each] of this.#links) if (each === link) return connection
    return undefined
  }

  #write(link: ReturnType<Relay['openLink']>): void {
    const connection = this.#connectionOf(link)
    for (let item = this.#relay.pollTransmit(link); item; item = this.#relay.pollTransmit(link))
      connection?.write(item.lane, item.bytes)
  }

  #finish(link: ReturnType<Relay['openLink']>): void {
    this.#write(link)
    this.#connectionOf(link)?.close(0, '', this.now)
  }
}

function keyOf({ host, port }: Address): string {
  return `${host}:${port}`
}

/** An arena of datagrams over these modules, without sockets or real time. */
export function virtualPackets(core: PacketCore, seed: number): Arena {
  const world = new PacketWorld(core, seed)
  const place: DatagramPlace = {
    connect: async (number, onBytes) => world.open(`192.0.2.${number + 6}`, onBytes),
  }
  return {
    transport: 'udp',
    offers: () => true,
    datagrams: () => place,
    dial: () => Promise.reject(new RangeError('the cases of this arena are packets')),
    async until(isDone, ms) {
      const limit = world.now + ms
      for (;;) {
        if (isDone()) return true
        world.settle()
        if (isDone()) return true
        if (world.deadline > limit) break
        world.now = Math.max(world.deadline, world.now + 1) as Instant
        world.expire()
      }
      world.now = limit as Instant
      return isDone()
    },
    poke() {},
    now: () => world.now,
  }
}
