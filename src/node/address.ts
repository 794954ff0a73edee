/** Addresses as people write them, and links that can be passed on. */
import { createHash } from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import { base32Of, bytesOfBase32, utf8Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { nearestOf } from './nearest.ts'

/** The port of a relay unless it says another. */
export const RELAY_PORT = 7667
/** The port of a relay's administration; only on loopback. */
export const ADMIN_PORT = 7671

const PORT_MAX = 65535
const ADDRESSES_MAX = 8
const FINGERPRINT_BYTES = 10
const FINGERPRINT_GROUP = 4
const FINGERPRINT_LABEL = utf8Bytes('palaver/1/relay\0')
const SCHEMES: readonly string[] = ['tcp', 'udp', 'palaver']
const LATER_SCHEMES: readonly string[] = ['tls', 'ws', 'wss', 'unix']

/** A transport that an address can name. */
export type NetworkTransport = 'tcp' | 'udp'

/** Where a relay is, and what a link told of it. */
export interface RelayAddress {
  readonly transport: NetworkTransport
  readonly host: string
  readonly port: number
  /** The relay's fingerprint, without separators, when the link holds one. */
  readonly fingerprint: string | undefined
  /** The room that the link leads to. */
  readonly room: string | undefined
  /** Further addresses of the same relay; their own list is empty. */
  readonly alternatives: readonly RelayAddress[]
}

/** Whether the host is this machine. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

/** Host and port for showing; IPv6 in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The address as `tcp://host:port`. */
export function showRelayAddress(address: Pick<RelayAddress, 'transport' | 'host' | 'port'>): string {
  return `${address.transport}://${hostPort(address.host, address.port)}`
}

/**
 * Reads `tcp://host:port`, `udp://host:port`, `palaver://fingerprint@host:port/room`, a bare host, or several
 * of them with commas between, which are one relay's. A bare host and a link mean TCP on this machine and the
 * sealed UDP elsewhere, unless `transport` or the link's `via=` decides; `via=udp,tcp` are two addresses.
 * Throws UsageError.
 */
export function parseRelayAddress(text: string, transport?: NetworkTransport): RelayAddress {
  // A link may hold commas of its own: there the next address begins with its scheme.
  const parts = text.split(text.includes('?') ? /,(?=[a-z][a-z0-9+.-]*:\/\/)/iu : ',')
  const addresses = parts.flatMap((part) => parseOne(part.trim(), transport))
  const distinct = new Map(addresses.map((address) => [showRelayAddress(address), address]))
  if (distinct.size > ADDRESSES_MAX) throw bad(text, `a relay has ${ADDRESSES_MAX} addresses at the most`)
  //= PAL-STR-016
  const [first, ...alternatives] = [...distinct.values()].sort((a, b) => rank(a) - rank(b))
  const fingerprint = common(text, 'fingerprint', addresses)
  return { ...(first as RelayAddress), fingerprint, room: common(text, 'room', addresses), alternatives }
}

function rank({ transport }: RelayAddress): number {
  return transport === 'udp' ? 0 : 1
}

function common(
  text: string,
  what: 'fingerprint' | 'room',
  addresses: readonly RelayAddress[],
): string | undefined {
  const values = new Set(addresses.map((address) => address[what]).filter((value) => value !== undefined))
  if (values.size > 1) throw bad(text, `the addresses of one relay name more than one ${what}`)
  return [...values][0]
}

/** One address, or those that the `via=` of a link makes of it. */
function parseOne(text: string, transport: NetworkTransport | undefined): RelayAddress[] {
  const match =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?(#.*)?$/iu.exec(text)
  if (!match) throw bad(text, 'it is not an address')
  const [, rawScheme, user, authority = '', path, query, hash] = match
  const scheme = rawScheme?.toLowerCase()
  checkScheme(text, scheme)
  const { host, port } = parseAuthority(text, authority)
  const isLink = scheme === 'palaver'
  if (!isLink && user !== undefined) throw bad(text, 'only a palaver:// link can hold a fingerprint')
  if (!isLink && ((path !== undefined && path !== '/') || query !== undefined || hash !== undefined))
    throw bad(text, 'only a palaver:// link can name a room')
  const place = { host, port: port ?? RELAY_PORT, alternatives: [] }
  const fingerprint = user ? readFingerprint(text, user) : undefined
  const room = isLink ? roomOf(text, path, hash) : undefined
  const transports = transport === undefined ? transportsOf(scheme, host, query) : [transport]
  return transports.map((each) => ({ transport: each, ...place, fingerprint, room }))
}

function bad(text: string, why: string): UsageError {
  return new UsageError('bad_address', `"${text}": ${why}`)
}

function checkScheme(text: string, scheme: string | undefined): void {
  if (scheme === undefined || SCHEMES.includes(scheme)) return
  if (LATER_SCHEMES.includes(scheme))
    throw bad(text, `${scheme}:// is not in this version; use tcp:// or udp://`)
  const nearest = nearestOf(scheme, SCHEMES)
  const meant = nearest === undefined ? 'use tcp://, udp:// or palaver://' : `did you mean ${nearest}://?`
  throw bad(text, `nothing is known of ${scheme}://; ${meant}`)
}

/** Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. */
function parseAuthority(text: string, authority: string): { host: string; port: number | undefined } {
  if (isIPv6(authority)) return { host: authority, port: undefined }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/u.exec(authority)
  if (!match) throw bad(text, 'an IPv6 address with a port is written [address]:port')
  const [, bracketed, plain, portText] = match
  if (portText?.includes(':')) throw bad(text, 'an IPv6 address with a port is written [address]:port')
  if (bracketed !== undefined && !isIPv6(bracketed)) throw bad(text, `"${bracketed}" is not an IPv6 address`)
  const host = (bracketed ?? plain ?? '').toLowerCase()
  if (host === '') throw bad(text, 'the host is missing')
  if (!/^[\p{L}\p{N}._:-]+$/u.test(host) || host.length > 253) throw bad(text, `"${host}" is not a host name`)
  return { host, port: portText === undefined ? undefined : parsePort(text, portText) }
}

function parsePort(text: string, portText: string): number {
  const port = Number(portText)
  if (!/^\d+$/u.test(portText) || port > PORT_MAX)
    throw bad(text, `the port is a number from 0 to ${PORT_MAX}`)
  return port
}

function transportsOf(
  scheme: string | undefined,
  host: string,
  query: string | undefined,
): NetworkTransport[] {
  if (scheme === 'tcp' || scheme === 'udp') return [scheme]
  const via = new URLSearchParams(query ?? '').get('via')?.split(',') ?? []
  const wished = via.filter((each) => each === 'tcp' || each === 'udp')
  //= PAL-SEC-001
  return wished.length > 0 ? wished : [isLoopback(host) ? 'tcp' : 'udp']
}

function roomOf(text: string, path: string | undefined, hash: string | undefined): string | undefined {
  try {
    const room = decodeURIComponent(`${path?.slice(1) ?? ''}${hash ?? ''}`).replace(/^#/u, '')
    return room === '' ? undefined : room
  } catch {
    throw bad(text, 'the room is not written as a link')
  }
}

function readFingerprint(text: string, user: string): string {
  const fingerprint = plainFingerprint(user)
  if (bytesOfBase32(fingerprint)?.length !== FINGERPRINT_BYTES)
    throw bad(text, 'the fingerprint before @ has 16 letters and digits (a-z, 2-7)')
  return fingerprint
}

/** The fingerprint of a relay's key: 16 letters and digits. */
export function relayFingerprint(relayKey: Uint8Array): string {
  const digest = createHash('sha512').update(FINGERPRINT_LABEL).update(relayKey).digest()
  return base32Of(digest.subarray(0, FINGERPRINT_BYTES))
}

/** A fingerprint in groups, as it is read aloud. */
export function groupedFingerprint(fingerprint: string): string {
  return (fingerprint.match(new RegExp(`.{1,${FINGERPRINT_GROUP}}`, 'gu')) ?? []).join('-')
}

function plainFingerprint(text: string): string {
  return text.replace(/[- ]/gu, '').toLowerCase()
}
