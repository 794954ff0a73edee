import { type Address, writeUint32 } from '../base/index.ts'
import { hostBytes, hostText } from '../base/ip-address.ts'
import { LIMIT, PARAMETER, TIMER } from './generated/constants.ts'

/** What each side says about itself in the handshake (spec/13-datagram.md, section 4). */
export interface Parameters {
  readonly creditBytes: number
  readonly laneCreditBytes: number
  readonly maxAckDelayMs: number
  readonly datagramBytesMax: number
  readonly idleTimeoutMs: number
  readonly resetToken: Uint8Array | undefined
  readonly observedAddress: Address | undefined
  readonly connectionId: Uint8Array | undefined
}

/** What this implementation offers, before the relay's own additions. */
export const DEFAULT_PARAMETERS: Parameters = {
  creditBytes: LIMIT.connectionCreditBytes,
  laneCreditBytes: LIMIT.laneCreditBytes,
  maxAckDelayMs: TIMER.maxAckDelayMs,
  datagramBytesMax: LIMIT.datagramBytesMax,
  idleTimeoutMs: TIMER.idleTimeoutMs,
  resetToken: undefined,
  observedAddress: undefined,
  connectionId: undefined,
}

/** The encoded parameters, without END. */
export function encodeParameters(parameters: Parameters): Uint8Array {
  const bytes = new Uint8Array(128)
  let at = putNumber(bytes, 0, PARAMETER.credit, 4, parameters.creditBytes)
  at = putNumber(bytes, at, PARAMETER.laneCredit, 4, parameters.laneCreditBytes)
  at = putNumber(bytes, at, PARAMETER.maxAckDelay, 1, parameters.maxAckDelayMs)
  at = putNumber(bytes, at, PARAMETER.maxDatagram, 2, parameters.datagramBytesMax)
  at = putNumber(bytes, at, PARAMETER.idleTimeout, 2, Math.round(parameters.idleTimeoutMs / 1000))
  if (parameters.resetToken !== undefined) at = put(bytes, at, PARAMETER.resetToken, parameters.resetToken)
  if (parameters.observedAddress !== undefined) at = putAddress(bytes, at, parameters.observedAddress)
  if (parameters.connectionId !== undefined)
    at = put(bytes, at, PARAMETER.connectionId, parameters.connectionId)
  return bytes.subarray(0, at)
}

/** The parameters in `bytes`, up to END and zeros or up to the end; undefined when they are malformed. */
export function decodeParameters(bytes: Uint8Array): Parameters | undefined {
  const read: { -readonly [key in keyof Parameters]: Parameters[key] } = {
    ...DEFAULT_PARAMETERS,
    creditBytes: 0,
    laneCreditBytes: 0,
    datagramBytesMax: LIMIT.datagramBytes,
  }
  const seen = new Set<number>()
  let at = 0
  while (at < bytes.length) {
    const type = bytes[at] as number
    if (type === PARAMETER.end) return isZeroFrom(bytes, at) ? read : undefined
    const start = at + 2
    const end = start + (bytes[at + 1] ?? 256)
    //= PAL-UDP-022
    if (end > bytes.length || seen.has(type)) return undefined
    seen.add(type)
    if (!assign(read, type, bytes.subarray(start, end))) return undefined
    at = end
  }
  return read
}

function assign(
  read: { -readonly [key in keyof Parameters]: Parameters[key] },
  type: number,
  value: Uint8Array,
): boolean {
  switch (type) {
    case PARAMETER.credit:
      //= PAL-UDP-083
      read.creditBytes = Math.min(numberOf(value, 4), LIMIT.creditBytesMax)
      return read.creditBytes >= 0
    case PARAMETER.laneCredit:
      read.laneCreditBytes = Math.min(numberOf(value, 4), LIMIT.creditBytesMax)
      return read.laneCreditBytes >= 0
    case PARAMETER.maxAckDelay:
      read.maxAckDelayMs = numberOf(value, 1)
      return read.maxAckDelayMs >= 0
    case PARAMETER.maxDatagram:
      read.datagramBytesMax = numberOf(value, 2)
      return read.datagramBytesMax >= LIMIT.datagramBytes
    case PARAMETER.idleTimeout:
      read.idleTimeoutMs = numberOf(value, 2) * 1000
      return read.idleTimeoutMs > 0
    case PARAMETER.resetToken:
      read.resetToken = new Uint8Array(value)
      return value.length === 16
    case PARAMETER.observedAddress:
      read.observedAddress = addressOf(value)
      return read.observedAddress !== undefined
    case PARAMETER.connectionId:
      read.connectionId = new Uint8Array(value)
      return value.length === 8
    //= PAL-UDP-081
    case PARAMETER.features:
      return value.length === 4
    default:
      //= PAL-UDP-021
      return true
  }
}

function numberOf(value: Uint8Array, size: number): number {
  if (value.length !== size) return -1
  let number = 0
  for (const byte of value) number = number * 256 + byte
  return number
}

function addressOf(value: Uint8Array): Address | undefined {
  if (value.length !== 6 && value.length !== 18) return undefined
  const split = value.length - 2
  return { host: hostText(value.subarray(0, split)), port: numberOf(value.subarray(split), 2) }
}

function isZeroFrom(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

function put(into: Uint8Array, at: number, type: number, value: Uint8Array): number {
  into[at] = type
  into[at + 1] = value.length
  into.set(value, at + 2)
  return at + 2 + value.length
}

function putNumber(into: Uint8Array, at: number, type: number, size: number, value: number): number {
  const bytes = new Uint8Array(4)
  writeUint32(bytes, 0, value)
  return put(into, at, type, bytes.subarray(4 - size))
}

function putAddress(into: Uint8Array, at: number, address: Address): number {
  const host = hostBytes(address.host)
  if (host === undefined) return at
  const value = new Uint8Array(host.length + 2)
  value.set(host)
  value[host.length] = address.port >> 8
  value[host.length + 1] = address.port
  return put(into, at, PARAMETER.observedAddress, value)
}
