import { concatBytes, readUint32, uint32Bytes } from '../base/index.ts'
import { DATAGRAM_VERSION, LIMIT, PACKET } from './generated/constants.ts'

/** Bytes of a connection id. */
export const CID_BYTES = 8
/** Bytes of the header of a DATA packet: first byte, connection id, packet number. */
export const DATA_HEADER_BYTES = 13
/** The key phase in the first byte of a DATA packet. */
export const KEY_PHASE_BIT = 0x04
/** Bytes of an AEAD tag. */
export const TAG_BYTES = 16
const ACCEPT_NOISE_BYTES_MIN = 32 + 48 + TAG_BYTES
const EPHEMERAL_BYTES = 32

/** Why a datagram was not taken as a packet. The receiver stays silent. */
export type PacketFault = 'too_short' | 'too_long' | 'bad_first_byte' | 'bad_length'

/**
 * A handshake packet; the byte fields are views of the datagram. DATA is read in place, see `isDataHeader`.
 */
export type HandshakePacket =
  | {
      readonly kind: 'initial'
      readonly version: number
      readonly scid: Uint8Array
      readonly token: Uint8Array
      readonly noise: Uint8Array
    }
  | {
      readonly kind: 'retry'
      readonly version: number
      readonly dcid: Uint8Array
      readonly token: Uint8Array
    }
  | {
      readonly kind: 'accept'
      readonly dcid: Uint8Array
      readonly scid: Uint8Array
      readonly noise: Uint8Array
    }
  | {
      readonly kind: 'refuse'
      readonly dcid: Uint8Array
      readonly code: number
      readonly versions: readonly number[]
    }
  | { readonly kind: 'reset'; readonly dcid: Uint8Array; readonly token: Uint8Array }

/** Whether `bytes` can be a DATA packet: its length, and a first byte without reserved bits. */
//= PAL-UDP-005
export function isDataHeader(bytes: Uint8Array): boolean {
  return (
    ((bytes[0] as number) & ~KEY_PHASE_BIT) === PACKET.data &&
    bytes.length > LIMIT.dataOverheadBytes &&
    bytes.length <= LIMIT.datagramBytesMax
  )
}

/**
 * A connection id as a number for table look-ups: 52 of its bits, so the id itself has to be compared as
 * well. No text and no BigInt is made per packet.
 */
export function cidKey(bytes: Uint8Array, at: number): number {
  return (readUint32(bytes, at) & 0xfffff) * 0x100000000 + readUint32(bytes, at + 4)
}

/** Reads a packet whose first byte has bit 7 set. */
//= PAL-UDP-002
export function decodeHandshakePacket(bytes: Uint8Array): HandshakePacket | PacketFault {
  if (bytes.length < 1 + CID_BYTES) return 'too_short'
  //= PAL-UDP-003
  if (bytes.length > LIMIT.datagramBytesMax) return 'too_long'
  switch (bytes[0]) {
    case PACKET.initial:
      return decodeInitial(bytes)
    case PACKET.retry:
      return decodeRetry(bytes)
    case PACKET.accept:
      if (bytes.length < 17 + ACCEPT_NOISE_BYTES_MIN) return 'too_short'
      return {
        kind: 'accept',
        dcid: bytes.subarray(1, 9),
        scid: bytes.subarray(9, 17),
        noise: bytes.subarray(17),
      }
    case PACKET.refuse:
      return decodeRefuse(bytes)
    case PACKET.reset:
      if (bytes.length !== 25) return 'bad_length'
      return { kind: 'reset', dcid: bytes.subarray(1, 9), token: bytes.subarray(9) }
    default:
      return 'bad_first_byte'
  }
}

function decodeInitial(bytes: Uint8Array): HandshakePacket | PacketFault {
  //= PAL-UDP-010
  if (bytes.length < LIMIT.initialBytesMin) return 'too_short'
  const version = readUint32(bytes, 1)
  const scid = bytes.subarray(5, 13)
  //= PAL-UDP-080
  // The layout behind the scid belongs to the version.
  if (version !== DATAGRAM_VERSION) {
    return { kind: 'initial', version, scid, token: bytes.subarray(13, 13), noise: bytes.subarray(13, 13) }
  }
  const noiseAt = 14 + (bytes[13] as number)
  if (noiseAt - 14 > LIMIT.tokenBytesMax || noiseAt + EPHEMERAL_BYTES > bytes.length) return 'bad_length'
  return {
    kind: 'initial',
    version,
    scid,
    token: bytes.subarray(14, noiseAt),
    noise: bytes.subarray(noiseAt),
  }
}

function decodeRetry(bytes: Uint8Array): HandshakePacket | PacketFault {
  if (bytes.length < 14) return 'too_short'
  const length = bytes[13] as number
  if (length < 1 || length > LIMIT.tokenBytesMax || bytes.length !== 14 + length) return 'bad_length'
  return {
    kind: 'retry',
    version: readUint32(bytes, 1),
    dcid: bytes.subarray(5, 13),
    token: bytes.subarray(14),
  }
}

function decodeRefuse(bytes: Uint8Array): HandshakePacket | PacketFault {
  if (bytes.length < 11) return 'too_short'
  const count = bytes[10] as number
  if (count > LIMIT.refuseVersionsMax || bytes.length !== 11 + 4 * count) return 'bad_length'
  const versions: number[] = []
  for (let i = 0; i < count; i++) versions.push(readUint32(bytes, 11 + 4 * i))
  return { kind: 'refuse', dcid: bytes.subarray(1, 9), code: bytes[9] as number, versions }
}

/** Bytes in front of the Noise message in an INITIAL. */
export function initialHeaderBytes(token: Uint8Array): number {
  return 14 + token.length
}

/** INITIAL; the caller makes `noise` long enough for 1200 bytes in all. */
export function encodeInitial(scid: Uint8Array, token: Uint8Array, noise: Uint8Array): Uint8Array {
  return concatBytes([
    Uint8Array.of(PACKET.initial),
    uint32Bytes(DATAGRAM_VERSION),
    scid,
    Uint8Array.of(token.length),
    token,
    noise,
  ])
}

/** RETRY. */
export function encodeRetry(dcid: Uint8Array, token: Uint8Array): Uint8Array {
  return concatBytes([
    Uint8Array.of(PACKET.retry),
    uint32Bytes(DATAGRAM_VERSION),
    dcid,
    Uint8Array.of(token.length),
    token,
  ])
}

/** ACCEPT. */
export function encodeAccept(dcid: Uint8Array, scid: Uint8Array, noise: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(PACKET.accept), dcid, scid, noise])
}

/** REFUSE, naming the only version spoken here. */
export function encodeRefuse(dcid: Uint8Array, code: number): Uint8Array {
  return concatBytes([
    Uint8Array.of(PACKET.refuse),
    dcid,
    Uint8Array.of(code, 1),
    uint32Bytes(DATAGRAM_VERSION),
  ])
}

/** RESET, answering a packet sent to `dcid`. */
export function encodeReset(dcid: Uint8Array, token: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(PACKET.reset), dcid, token])
}
