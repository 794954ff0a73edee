/** From the addresses of a relay to a transport that reaches it. */
import type { Address } from '../base/machine.ts'
import { tcpTransport } from '../transport/tcp.ts'
import type { Transport } from '../transport/transport.ts'
import { type RelayAddress, showRelayAddress } from './address.ts'
import { type RaceResult, racingTransport } from './racing-transport.ts'
import type { UdpTransportOptions } from './udp-transport.ts'

export interface Reach {
  readonly transport: Transport
  /** What to dial; where the transport is a race, only what to name. */
  readonly address: Address
}

export interface ReachOptions {
  /** Told when a race was won. */
  readonly onReached?: (reached: Reached) => void
  /** Told of every packet of links over UDP. */
  readonly onTrace?: UdpTransportOptions['onTrace']
}

/** An address that succeeded, and those that were tried as well. */
export interface Reached {
  readonly winner: RelayAddress
  readonly tried: readonly RelayAddress[]
}

/** The transport for a relay: of its only address, or a race between all of them in the order given. */
export async function reachOf(
  addresses: readonly RelayAddress[],
  options: ReachOptions = {},
): Promise<Reach> {
  const { onReached = () => {}, onTrace } = options
  const entrants = await Promise.all(
    addresses.map(async (each) => ({ transport: await transportOf(each, onTrace), address: dialled(each) })),
  )
  const [first] = entrants
  if (first && entrants.length === 1) return first
  const onWon = ({ winner, tried }: RaceResult): void =>
    onReached({
      winner: addresses[winner] as RelayAddress,
      tried: tried.map((index) => addresses[index] as RelayAddress),
    })
  return { transport: racingTransport(entrants, onWon), address: (first as Reach).address }
}

/** All addresses of a relay; the one that succeeded lately comes first. */
//= PAL-STR-019
export function addressesOf(target: RelayAddress, winner: string | undefined): RelayAddress[] {
  const all = [target, ...target.alternatives]
  return all.toSorted(
    (a, b) => Number(showRelayAddress(b) === winner) - Number(showRelayAddress(a) === winner),
  )
}

async function transportOf(
  { transport }: RelayAddress,
  onTrace: UdpTransportOptions['onTrace'],
): Promise<Transport> {
  return transport === 'tcp' ? tcpTransport : (await import('./udp-transport.ts')).udpTransport({ onTrace })
}

/** Name lookups put ::1 first, where a relay on all IPv4 addresses does not listen. */
function dialled({ host, port }: RelayAddress): Address {
  return { host: host === 'localhost' ? '127.0.0.1' : host, port }
}
