import { type TransportCode, TransportError, UsageError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'

const PORT_MAX = 65_535

const CODES: Readonly<Record<string, readonly [TransportCode, string]>> = {
  ECONNREFUSED: ['refused', 'nothing listens there'],
  ECONNRESET: ['reset', 'the connection was reset'],
  EPIPE: ['reset', 'the connection was reset'],
  EHOSTUNREACH: ['unreachable', 'no route to that host'],
  ENETUNREACH: ['unreachable', 'no route to that network'],
  EHOSTDOWN: ['unreachable', 'that host is down'],
  ETIMEDOUT: ['timeout', 'no answer'],
  ENOTFOUND: ['not_found', 'no host of that name'],
  EAI_AGAIN: ['not_found', 'the host name could not be looked up'],
  EADDRINUSE: ['address_in_use', 'another program listens there already'],
  EADDRNOTAVAIL: ['address_not_available', 'that address is not one of this machine'],
  EACCES: ['not_permitted', 'this user may not use that port'],
  EPERM: ['not_permitted', 'this user may not do that'],
  EMFILE: ['io', 'too many open files'],
}

/** The address as people write it. */
export function showAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** Throws UsageError unless the address can be listened on. */
export function checkListenAddress(at: Address): void {
  checkAddress(at, 0)
}

/** Throws UsageError unless the address can be dialled. */
export function checkDialAddress(to: Address): void {
  checkAddress(to, 1)
}

function checkAddress({ host, port }: Address, portMin: number): void {
  if (host === '') throw new UsageError('bad_address', 'the host is empty')
  if (!Number.isInteger(port) || port < portMin || port > PORT_MAX)
    throw new UsageError('bad_address', `port ${port} is out of range: use ${portMin} to ${PORT_MAX}`)
}

/**
 * What Node's error means, in the words of this project. `doing` begins the sentence: "connect to tcp://...".
 */
export function transportErrorOf(cause: unknown, doing: string): TransportError {
  const systemCode = (cause as { code?: unknown } | null)?.code
  const known = typeof systemCode === 'string' ? CODES[systemCode] : undefined
  const [code, why] = known ?? ['io', cause instanceof Error ? cause.message : String(cause)]
  return new TransportError(code, `cannot ${doing}: ${why}`, cause)
}
