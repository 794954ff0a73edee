/** Cases against a relay that runs somewhere: real links, real time. */
import type { Address } from '../base/machine.ts'
import { connectDatagrams } from '../transport/dgram.ts'
import type { Link, LinkHandler, Transport } from '../transport/transport.ts'
import type { Arena, DatagramPlace } from './arena.ts'
import type { Setup } from './case.ts'
import { CaseFailure } from './failure.ts'
import { openDetour } from './udp/weather.ts'

const DIAL_MS = 8000

/** What a socket arena is made with. */
export interface SocketArenaOptions {
  readonly transport: Transport & { readonly kind: 'tcp' | 'udp' }
  /** Where the relay of each configuration listens. */
  readonly addresses: Readonly<Partial<Record<Setup, Address>>>
  readonly restart?: ((setup: Setup) => Promise<void>) | undefined
}

/** An arena over sockets. Each case takes one of its own, so that its waits end with its own input. */
export function socketArena(options: SocketArenaOptions): Arena {
  const { transport, addresses, restart } = options
  let wake: (() => void) | undefined
  return {
    transport: transport.kind,
    restart,
    datagrams: (setup) => (transport.kind === 'udp' ? placeOf(addresses[setup] as Address) : undefined),
    offers: (setup) => addresses[setup] !== undefined,
    async dial(setup, onLink: (link: Link) => LinkHandler, fate) {
      const address = addresses[setup] as Address
      const detour = fate && transport.kind === 'udp' ? await openDetour(address, fate) : undefined
      try {
        const handler = detour ? detour.wrap(onLink) : onLink
        await transport.dial(detour?.address ?? address, handler, { timeoutMs: DIAL_MS })
      } catch (error) {
        detour?.close()
        throw new CaseFailure(error instanceof Error ? error.message : String(error))
      }
    },
    until(isDone, ms) {
      if (isDone()) return Promise.resolve(true)
      return new Promise((resolve) => {
        const finish = (result: boolean): void => {
          clearTimeout(timer)
          wake = undefined
          resolve(result)
        }
        const timer = setTimeout(() => finish(isDone()), ms)
        wake = () => {
          if (isDone()) finish(true)
        }
      })
    },
    poke: () => wake?.(),
    now: () => performance.now(),
  }
}

/** The addresses of this machine that datagrams are sent from: another one only towards itself. */
function placeOf(relay: Address): DatagramPlace {
  const isLoopback = relay.host.startsWith('127.')
  return {
    async connect(place, onBytes) {
      if (place !== 1 && !isLoopback) return undefined
      const from = isLoopback ? { host: `127.0.0.${place}`, port: 0 } : undefined
      const socket = await connectDatagrams(relay, onBytes, from)
      return { send: (bytes) => socket.send({ to: relay, bytes }), close: () => socket.close() }
    },
  }
}
