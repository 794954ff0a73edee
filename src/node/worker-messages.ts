/** What the process with the rooms and a worker say to each other besides bundles of orders and news. */
import type { TransportCode } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import type { UdpLimits, UdpTraceEvent } from '../reliable/index.ts'
import type { LinkStats } from '../transport/transport.ts'

/** The descriptor of the channel for bundles in a worker. */
export const CHANNEL_FD = 3

/** To a worker. */
export type WorkerRequest =
  /** With a socket: it is a link of that listener. */
  | { readonly kind: 'link'; readonly listener: number }
  | {
      readonly kind: 'listen'
      readonly listener: number
      readonly at: Address
      readonly staticSecret: Uint8Array | undefined
      readonly limits: Partial<UdpLimits> | undefined
      readonly isTraced: boolean
    }
  | { readonly kind: 'unlisten'; readonly listener: number }
  | { readonly kind: 'report'; readonly request: number }
  /** To be answered with one. */
  | { readonly kind: 'sign_of_life' }

/** From a worker. */
export type WorkerAnswer =
  /** It hears requests: a socket that is handed over before could end unheard. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly listener: number; readonly address: Address }
  | {
      readonly kind: 'not_listening'
      readonly listener: number
      readonly code: TransportCode
      readonly text: string
    }
  | { readonly kind: 'sign_of_life' }
  /** A socket that was handed over was gone already. */
  | { readonly kind: 'no_link' }
  /** `origin` is the wall-clock time from which the worker's instants count. */
  | { readonly kind: 'trace'; readonly origin: number; readonly events: readonly UdpTraceEvent[] }
  | {
      readonly kind: 'report'
      readonly request: number
      readonly memoryBytes: number
      /** Of links over datagrams, by their numbers. */
      readonly stats: ReadonlyMap<number, LinkStats>
    }
