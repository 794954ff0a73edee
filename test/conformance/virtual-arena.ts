/** A relay's machine in memory, sound or faulty, and a clock that moves when everybody waits. */

import type { Entropy, Instant, LaneBytes } from '../../src/base/index.ts'
import type { Arena } from '../../src/conformance/arena.ts'
import type { Setup } from '../../src/conformance/case.ts'
import { keyPairOf, OPERATOR_SEED, seedOf } from '../../src/conformance/index.ts'
import { nodeSignatures } from '../../src/node/primitives.ts'
import type * as protocol from '../../src/protocol/index.ts'
import type { Link, LinkHandler } from '../../src/transport/transport.ts'
import { seededEntropy } from './entropy.ts'
import { SETUPS } from './setups.ts'

/** The modules that the arena is built from. */
export type Core = Pick<typeof protocol, 'RelayCore' | 'MemoryStore'> & {
  /** Other than those of the product. */
  readonly nodeSignatures?: typeof nodeSignatures
}

const relayPair = keyPairOf(seedOf('the relay of the virtual arena'))
const operatorKey = Buffer.from(keyPairOf(OPERATOR_SEED).publicKey).toString('hex')

type Relay = protocol.RelayCore<VirtualLink>
type RelayLink = ReturnType<Relay['openLink']>

class World {
  now = 1000 as Instant
  relay: Relay
  readonly storage: protocol.MemoryStore
  readonly links: VirtualLink[] = []
  readonly core: Core
  readonly setup: Setup
  readonly entropy: Entropy

  constructor(core: Core, setup: Setup, seed: number) {
    this.core = core
    this.setup = setup
    this.entropy = seededEntropy(seed)
    this.storage = new core.MemoryStore()
    this.relay = this.start()
  }

  start(): Relay {
    const relay = new this.core.RelayCore<VirtualLink>({
      name: 'virtual',
      identity: relayPair,
      signatures: this.core.nodeSignatures ?? nodeSignatures,
      entropy: this.entropy,
      operators: new Set([operatorKey]),
      rooms: ['lobby'],
      storage: this.storage,
      ...SETUPS[this.setup],
    })
    relay.setWallOffset(1_790_000_000_000)
    return relay
  }

  restart(): void {
    this.relay.shutDown(this.now, 0)
    this.settle()
    for (const link of this.links.splice(0)) link.lost('the relay was stopped')
    this.relay = this.start()
  }

  settle(): void {
    for (let turns = 0; this.turn(); turns++) if (turns > 10_000) throw new Error('the relay never rests')
  }

  open(onLink: (link: Link) => LinkHandler): void {
    const link = new VirtualLink(this, onLink)
    this.links.push(link)
  }

  /** Moves everything that can move without time; false when nothing did. */
  turn(): boolean {
    let moved = false
    const commits: Extract<ReturnType<Relay['pollEvent']>, { kind: 'commit' }>[] = []
    for (const link of [...this.links]) if (link.deliver()) moved = true
    this.relay.flush()
    for (let event = this.relay.pollEvent(); event; event = this.relay.pollEvent()) {
      if (event.kind === 'commit') commits.push(event)
      if (event.kind === 'link_finished') event.link.owner.isFinishing = true
      if (event.kind === 'link_expired') event.link.owner.abortByRelay()
      if (event.kind === 'link_paused') event.link.owner.isHeldUp = true
      if (event.kind === 'link_resumed') event.link.owner.isHeldUp = false
    }
    for (const { turn, writes } of commits) {
      this.storage.commit(writes)
      this.relay.handleCommitted(turn)
      moved = true
    }
    for (let link = this.relay.pollReadyLink(); link; link = this.relay.pollReadyLink())
      link.owner.isReady = true
    for (const link of [...this.links]) if (link.take()) moved = true
    return moved
  }
}

class VirtualLink implements Link {
  readonly kind = 'mem' as const
  readonly remote = { host: '192.0.2.7', port: 50_123 }
  readonly laneCount = 1
  readonly binding = new Uint8Array(0)
  readonly writable = true
  isReady = false
  isFinishing = false
  /** Whether the relay reads nothing for now. */
  isHeldUp = false
  readonly #world: World
  readonly #handler: LinkHandler
  readonly #link: RelayLink
  readonly #toRelay: Uint8Array[] = []
  #isPaused = false
  #isEnding = false
  #endTold = false
  #isOver = false
  #relayEnded = false

  constructor(world: World, onLink: (link: Link) => LinkHandler) {
    this.#world = world
    const { host, port } = this.remote
    const info = { host, port, transport: 'tcp', laneCount: 1, binding: this.binding }
    this.#link = world.relay.openLink(this, info, world.now)
    this.#handler = onLink(this)
  }

  /** Hands what the kit wrote to the relay. */
  deliver(): boolean {
    if (this.#isOver || this.isHeldUp) return false
    const pieces = this.#toRelay.splice(0)
    for (const bytes of pieces) this.#world.relay.handleBytes(this.#link, 0, bytes, this.#world.now)
    if (this.#isEnding && !this.#endTold) {
      this.#endTold = true
      this.#world.relay.endLink(this.#link, this.#world.now)
      return true
    }
    return pieces.length > 0
  }

  /** Takes what the relay wants to send. */
  take(): boolean {
    if (this.#isOver) return false
    let moved = false
    while (!this.#isPaused) {
      const item: LaneBytes | undefined = this.isReady
        ? this.#world.relay.pollTransmit(this.#link)
        : undefined
      if (!item) break
      moved = true
      // One lane, like that of a stream.
      this.#handler.onBytes(0, Uint8Array.from(item.bytes))
    }
    if (!this.#isPaused) this.isReady = false
    if (this.isFinishing && !this.#isPaused && !this.#relayEnded) {
      this.#relayEnded = true
      this.#handler.onEnd()
      moved = true
    }
    if (this.#relayEnded && this.#endTold) this.#finish()
    return moved
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#world.links.splice(this.#world.links.indexOf(this), 1)
    this.#world.relay.closeLink(this.#link, this.#world.now)
    this.#handler.onClosed('the connection was closed')
  }

  abortByRelay(): void {
    this.#finish()
  }

  lost(detail: string): void {
    this.#isOver = true
    this.#handler.onClosed(detail)
  }

  write(_lane: number, bytes: Uint8Array): void {
    if (!this.#isEnding) this.#toRelay.push(bytes)
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  end(): void {
    this.#isEnding = true
  }

  abort(): void {
    this.deliver()
    this.#finish()
  }
}

/** An arena over the machine of a relay, without sockets or real time. */
export function virtualArena(core: Core, seed: number): Arena {
  let world: World | undefined
  return {
    transport: 'tcp',
    offers: () => true,
    async restart() {
      if (world) world.settle()
      world?.restart()
      if (world) world.settle()
    },
    async dial(setup, onLink) {
      world ??= new World(core, setup, seed)
      world.open(onLink)
    },
    async until(isDone, ms) {
      if (isDone()) return true
      const at = world
      if (!at) return false
      const limit = at.now + ms
      for (;;) {
        at.settle()
        if (isDone()) return true
        const next = Math.max(at.relay.pollTimeout(), at.now)
        if (next > limit) break
        at.now = (next === at.now ? next + 1 : next) as Instant
        at.relay.handleTimeout(at.now)
      }
      at.now = limit as Instant
      return isDone()
    },
    poke() {},
    now: () => world?.now ?? 0,
  }
}
