/** Cases against a relay that runs somewhere: real links, real time. */
import type { Address } from '../base/machine.ts'
import type { Link, LinkHandler, Transport } from '../transport/transport.ts'
import type { Arena } from './arena.ts'
import type { Setup } from './case.ts'
import { CaseFailure } from './failure.ts'

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
    datagramAddress: (setup) => (transport.kind === 'udp' ? addresses[setup] : undefined),
    offers: (setup) => addresses[setup] !== undefined,
    async dial(setup, onLink: (link: Link) => LinkHandler) {
      try {
        await transport.dial(addresses[setup] as Address, onLink, { timeoutMs: DIAL_MS })
      } catch (error) {
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
