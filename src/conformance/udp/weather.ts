/** The in-kit link: between kit and relay datagrams get lost, doubled, overtaken and damaged. */
import type { Address } from '../../base/machine.ts'
import { bindDatagrams, connectDatagrams } from '../../transport/dgram.ts'
import type { Link, LinkHandler } from '../../transport/transport.ts'
import type { Fate, Random } from '../arena.ts'
import type { Weather } from '../case.ts'
import { PACKET, PHASE_BIT } from './packets.ts'

/** How long a datagram is held at the most when no other comes that could overtake it. */
const HELD_MS = 30
const NEAR_HOST = '127.0.0.1'
const ANY_PORT = 0

type Forward = (bytes: Uint8Array) => void

/** One direction: what comes in goes out as the weather is. */
export class Storm {
  readonly #weather: Weather
  readonly #random: Random
  readonly #forward: Forward
  #held: Uint8Array | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor({ weather, random }: Fate, forward: Forward) {
    this.#weather = weather
    this.#random = random
    this.#forward = forward
  }

  /**
   * Takes a datagram; keeps the bytes. Those of the handshake pass: an attempt may fail, and a damaged one
   * has nothing that vouches for it.
   */
  take(bytes: Uint8Array): void {
    if (!isSealed(bytes)) return this.#forward(bytes)
    const { loss = 0, duplication = 0, reordering = 0, corruption = 0 } = this.#weather
    // Each datagram takes the same number of chances, so that one fate does not change those of the others.
    const [lost, doubled, late, damaged, where] = [0, 0, 0, 0, 0].map(() => this.#random()) as [
      number,
      number,
      number,
      number,
      number,
    ]
    if (lost < loss) return
    const shown = damaged < corruption ? damagedCopy(bytes, where) : bytes
    if (late < reordering && !this.#held) return this.#hold(shown)
    this.#forward(shown)
    if (doubled < duplication) this.#forward(shown)
    this.release()
  }

  #hold(bytes: Uint8Array): void {
    this.#held = bytes
    this.#timer = setTimeout(() => this.release(), HELD_MS)
  }

  /** Lets go what is held. */
  release(): void {
    clearTimeout(this.#timer)
    const held = this.#held
    this.#held = undefined
    if (held) this.#forward(held)
  }
}

function isSealed(bytes: Uint8Array): boolean {
  return ((bytes[0] as number) & ~PHASE_BIT) === PACKET.data
}

function damagedCopy(bytes: Uint8Array, where: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = Math.floor(where * copy.length)
  copy[at] = (copy[at] as number) ^ 0x20
  return copy
}

/** A way to the relay through the weather. */
export interface Detour {
  /** What is dialled in the relay's place. */
  readonly address: Address
  /** Takes it down with the link. */
  wrap(onLink: (link: Link) => LinkHandler): (link: Link) => LinkHandler
  close(): void
}

/** Opens the sockets of a detour. */
export async function openDetour(relay: Address, fate: Fate): Promise<Detour> {
  let kit: Address | undefined
  const back = new Storm(fate, (bytes) => {
    if (kit) near.send({ to: kit, bytes })
  })
  const far = await connectDatagrams(relay, (bytes) => back.take(bytes))
  const out = new Storm(fate, (bytes) => far.send({ to: relay, bytes }))
  const near = await bindDatagrams({ host: NEAR_HOST, port: ANY_PORT }, (bytes, from) => {
    kit = from
    out.take(bytes)
  })
  const close = (): void => {
    for (const storm of [out, back]) storm.release()
    for (const socket of [near, far]) socket.close()
  }
  return { address: near.address, wrap: (onLink) => (link) => closingWith(onLink(link), close), close }
}

function closingWith(handler: LinkHandler, close: () => void): LinkHandler {
  return {
    onBytes: (lane, bytes) => handler.onBytes(lane, bytes),
    onUnreliable: (lane, bytes) => handler.onUnreliable?.(lane, bytes),
    onWritable: () => handler.onWritable(),
    onEnd: () => handler.onEnd(),
    onClosed(detail) {
      close()
      handler.onClosed(detail)
    },
  }
}
