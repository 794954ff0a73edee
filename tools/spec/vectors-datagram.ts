/**
 * spec/vectors/datagram.json: packets, frames, parameters and a handshake in bytes, from node:crypto and RFCs
 * alone.
 */
import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import { compactHex } from './vectors.ts'

type Part = number | readonly number[] | Uint8Array | string

/** Concatenates bytes; text is hexadecimal. */
function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.of(part)
      return typeof part === 'string' ? Buffer.from(part, 'hex') : Buffer.from(part)
    }),
  )
}

function bigEndian(value: number | bigint, size: number): Buffer {
  return Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  )
}

/** A varint of `size` bytes, the shortest unless given. */
function varint(value: number | bigint, size?: 1 | 2 | 4 | 8): Buffer {
  const v = BigInt(value)
  const length = size ?? (v < 0x40n ? 1 : v < 0x4000n ? 2 : v < 0x40000000n ? 4 : 8)
  const out = bigEndian(v, length)
  out[0] = (out[0] as number) | ({ 1: 0, 2: 0x40, 4: 0x80, 8: 0xc0 }[length] as number)
  return out
}

function counting(first: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => first + i))
}

const CLIENT_CID = counting(0x10, 8)
const RELAY_CID = counting(0x20, 8)
const TOKEN = counting(0x40, 21)
const MAX = 2n ** 53n - 1n

/** All vectors. */
export function datagramVectors(): object[] {
  return [
    handshakeVector(),
    ...packetVectors(),
    ...dataVectors(),
    ...frameVectors(),
    ...parameterVectors(),
    ...numberVectors(),
  ]
}

// ---- handshake ---------------------------------------------------------------------------------

function x25519Private(secret: Buffer): KeyObject {
  const der = bytes('302e020100300506032b656e04220420', secret)
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function x25519(secret: Buffer, peer: Buffer): Buffer {
  const der = bytes('302a300506032b656e032100', peer)
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return diffieHellman({ privateKey: x25519Private(secret), publicKey })
}

function publicOf(secret: Buffer): Buffer {
  return x25519(secret, bytes(9, Buffer.alloc(31)))
}

function sha512(...parts: Buffer[]): Buffer {
  return createHash('sha512').update(Buffer.concat(parts)).digest()
}

function hkdf(key: Buffer, input: Buffer): [Buffer, Buffer] {
  const mac = (k: Buffer, data: Buffer): Buffer => createHmac('sha512', k).update(data).digest()
  const temporary = mac(key, input)
  const first = mac(temporary, Buffer.of(1))
  return [first, mac(temporary, bytes(first, 2))]
}

function seal(key: Buffer, nonce: Buffer, aad: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key.subarray(0, 32), nonce, { authTagLength: 16 })
  cipher.setAAD(aad, { plaintextLength: plain.length })
  const body = cipher.update(plain)
  cipher.final()
  return Buffer.concat([body, cipher.getAuthTag()])
}

function handshakeVector(): object {
  const clientSecret = counting(0x60, 32)
  const relaySecret = counting(0x80, 32)
  const staticSecret = counting(0xa0, 32)
  const clientParameters = bytes([2, 4, 0, 16, 0, 0, 3, 4, 0, 4, 0, 0, 4, 1, 10, 5, 2, 5, 172, 6, 2, 0, 60])
  const relayParameters = bytes(
    clientParameters,
    [7, 16],
    counting(0xd0, 16),
    [8, 6, 192, 0, 2, 7, 0x1f, 0x90],
    [9, 8],
    RELAY_CID,
  )
  const prologue = bytes(Buffer.from('palaver datagram'), bigEndian(1, 4), CLIENT_CID)
  const header = bytes(0xc0, bigEndian(1, 4), CLIENT_CID, TOKEN.length, TOKEN)
  const payload = bytes(clientParameters, Buffer.alloc(1200 - header.length - 32 - clientParameters.length))
  const zero = Buffer.alloc(12)
  let chain = bytes(Buffer.from('Noise_NX_25519_ChaChaPoly_SHA512'), Buffer.alloc(32))
  let hash = [prologue, publicOf(clientSecret), payload, publicOf(relaySecret)].reduce(
    (h, part) => sha512(h, part),
    chain,
  )
  let key: Buffer
  ;[chain, key] = hkdf(chain, x25519(relaySecret, publicOf(clientSecret)))
  const sealedStatic = seal(key, zero, hash, publicOf(staticSecret))
  hash = sha512(hash, sealedStatic)
  ;[chain, key] = hkdf(chain, x25519(staticSecret, publicOf(clientSecret)))
  const sealedPayload = seal(key, zero, hash, relayParameters)
  hash = sha512(hash, sealedPayload)
  const [initiator, responder] = hkdf(chain, Buffer.alloc(0))
  return {
    name: 'INITIAL with a token, and ACCEPT',
    kind: 'handshake',
    client_cid: hex(CLIENT_CID),
    relay_cid: hex(RELAY_CID),
    token: hex(TOKEN),
    client_ephemeral_secret: hex(clientSecret),
    relay_ephemeral_secret: hex(relaySecret),
    relay_static_secret: hex(staticSecret),
    client_parameters: hex(clientParameters),
    relay_parameters: hex(relayParameters),
    initial: compactHex(bytes(header, publicOf(clientSecret), payload)),
    accept: hex(bytes(0xc2, CLIENT_CID, RELAY_CID, publicOf(relaySecret), sealedStatic, sealedPayload)),
    hash: hex(hash),
    initiator_secret: hex(initiator),
    responder_secret: hex(responder),
  }
}

function hex(data: Buffer): string {
  return data.toString('hex')
}

// ---- packets -----------------------------------------------------------------------------------

function packetVectors(): object[] {
  const version = bigEndian(1, 4)
  const initial = bytes(0xc0, version, CLIENT_CID, 21, TOKEN, counting(1, 32), Buffer.alloc(1200 - 67))
  const retry = bytes(0xc1, version, CLIENT_CID, 21, TOKEN)
  const accept = bytes(0xc2, CLIENT_CID, RELAY_CID, Buffer.alloc(96, 0xab))
  const refuse = bytes(0xc3, CLIENT_CID, 1, 2, version, bigEndian(9, 4))
  const reset = bytes(0xc4, RELAY_CID, counting(0xd0, 16))
  const cid = hex(CLIENT_CID)
  const good = (name: string, data: Buffer, packet: object): object => ({
    name,
    kind: 'packet',
    hex: compactHex(data),
    valid: true,
    packet,
  })
  const bad = (name: string, data: Buffer): object => ({
    name,
    kind: 'packet',
    hex: compactHex(data),
    valid: false,
  })
  const token = hex(TOKEN)
  return [
    good('INITIAL', initial, {
      type: 'initial',
      version: 1,
      scid: cid,
      token,
      noise: compactHex(initial.subarray(35)),
    }),
    good('INITIAL of another version', bytes(0xc0, bigEndian(2, 4), CLIENT_CID, Buffer.alloc(1187, 0xff)), {
      type: 'initial',
      version: 2,
      scid: cid,
    }),
    bad('INITIAL of 1199 bytes', initial.subarray(0, 1199)),
    bad('INITIAL of 1453 bytes', bytes(initial, Buffer.alloc(253))),
    bad('INITIAL with a token of 65 bytes', bytes(initial.subarray(0, 13), 65, initial.subarray(14))),
    bad('INITIAL of no bytes but the first', initial.subarray(0, 1)),
    good('RETRY', retry, { type: 'retry', version: 1, dcid: cid, token }),
    bad('RETRY without token', bytes(0xc1, version, CLIENT_CID, 0)),
    bad('RETRY cut short', retry.subarray(0, -1)),
    bad('RETRY with a byte too many', bytes(retry, 0)),
    bad('RETRY with a token of 65 bytes', bytes(0xc1, version, CLIENT_CID, 65, Buffer.alloc(65))),
    good('ACCEPT of the smallest size', accept, {
      type: 'accept',
      dcid: cid,
      scid: hex(RELAY_CID),
      noise: compactHex(accept.subarray(17)),
    }),
    bad('ACCEPT too short for its tags', accept.subarray(0, -1)),
    bad('ACCEPT without Noise message', accept.subarray(0, 17)),
    good('REFUSE with two versions', refuse, { type: 'refuse', dcid: cid, code: 1, versions: [1, 9] }),
    good('REFUSE without versions', bytes(0xc3, CLIENT_CID, 2, 0), {
      type: 'refuse',
      dcid: cid,
      code: 2,
      versions: [],
    }),
    bad('REFUSE cut within a version', refuse.subarray(0, -1)),
    bad('REFUSE with fewer versions than counted', bytes(0xc3, CLIENT_CID, 1, 2, version)),
    bad('REFUSE with eight versions', bytes(0xc3, CLIENT_CID, 1, 8, Buffer.alloc(32))),
    good('RESET', reset, { type: 'reset', dcid: hex(RELAY_CID), token: hex(counting(0xd0, 16)) }),
    bad('RESET cut short', reset.subarray(0, -1)),
    bad('RESET with a byte too many', bytes(reset, 0)),
    bad('an unassigned first byte', bytes(0xc5, Buffer.alloc(40))),
    bad('a handshake packet without bit 6', bytes(0x80, initial.subarray(1))),
  ]
}

function dataVectors(): object[] {
  const secret = counting(0, 64)
  const next = createHmac('sha512', secret.subarray(44)).update('palaver key update').digest()
  const packet = (number: bigint, frames: Buffer, first = 0x40, under = secret): Buffer => {
    const header = bytes(first, RELAY_CID, bigEndian(number & 0xffffffffn, 4))
    const nonce = Buffer.from(under.subarray(32, 44))
    const wide = bigEndian(number, 8)
    for (let i = 0; i < 8; i++) nonce[4 + i] = (nonce[4 + i] as number) ^ (wide[i] as number)
    return bytes(header, seal(under, nonce, header, frames))
  }
  const frames = bytes(0x10, 2, 0, 5, Buffer.from('hello'), 1, Buffer.alloc(4))
  const base = { kind: 'data', secret: hex(secret), dcid: hex(RELAY_CID) }
  const good = (name: string, expected: bigint, number: bigint): object => ({
    name,
    ...base,
    expected: String(expected),
    hex: hex(packet(number, frames)),
    valid: true,
    number: String(number),
    frames: hex(frames),
  })
  const bad = (name: string, data: Buffer): object => ({
    name,
    ...base,
    expected: '5',
    hex: hex(data),
    valid: false,
  })
  const whole = packet(5n, frames)
  const changed = (index: number): Buffer => {
    const copy = Buffer.from(whole)
    copy[index] = (copy[index] as number) ^ 1
    return copy
  }
  return [
    good('DATA number 0', 0n, 0n),
    good('DATA number 5', 5n, 5n),
    good('DATA beyond 32 bits', 2n ** 32n + 6n, 2n ** 32n + 5n),
    bad('DATA with a flipped tag bit', changed(whole.length - 1)),
    bad('DATA with a flipped frame bit', changed(13)),
    bad('DATA with a flipped number bit', changed(12)),
    bad('DATA for another connection id', changed(3)),
    {
      name: 'DATA after a change of keys',
      ...base,
      secret: hex(next),
      phase: 1,
      secret_before: hex(secret),
      expected: '6',
      hex: hex(packet(6n, frames, 0x44, next)),
      valid: true,
      number: '6',
      frames: hex(frames),
    },
    bad('DATA with the key phase set, under the keys before', packet(5n, frames, 0x44)),
    bad('DATA with two reserved bits set', packet(5n, frames, 0x58)),
    bad('DATA with a reserved bit set', packet(5n, frames, 0x41)),
    bad('DATA without bit 6', packet(5n, frames, 0x00)),
    bad(
      'DATA sealed as another number',
      bytes(whole.subarray(0, 9), bigEndian(6, 4), packet(7n, frames).subarray(13)),
    ),
    bad('DATA without frames', packet(5n, Buffer.alloc(0))),
    bad('DATA cut short', whole.subarray(0, -1)),
    bad('DATA of a header only', whole.subarray(0, 13)),
  ]
}

// ---- frames ------------------------------------------------------------------------------------

const good = (name: string, data: Buffer, ...frames: object[]): object => ({
  name,
  kind: 'frames',
  hex: compactHex(data),
  valid: true,
  frames,
})
const bad = (name: string, data: Buffer, code = 'frame_encoding'): object => ({
  name,
  kind: 'frames',
  hex: compactHex(data),
  valid: false,
  code,
})

function frameVectors(): object[] {
  const text = Buffer.from('hi')
  return [
    good('PING', bytes(1), { type: 'ping' }),
    good('PATH_CHALLENGE', bytes(6, 1, 2, 3, 4, 5, 6, 7, 8), {
      type: 'path_challenge',
      data: '0102030405060708',
    }),
    good('PATH_RESPONSE', bytes(7, 8, 7, 6, 5, 4, 3, 2, 1), {
      type: 'path_response',
      data: '0807060504030201',
    }),
    ...cidVectors(),
    good('TOKEN', bytes(0x0a, 3, 1, 2, 3), { type: 'token', token: '010203' }),
    good(
      'DATAGRAM then PING',
      bytes(0x12, 5, 2, text, 1),
      { type: 'datagram', lane: 5, bytes: hex(text) },
      { type: 'ping' },
    ),
    bad('TOKEN of no bytes', bytes(0x0a, 0, 1), 'frame_encoding'),
    bad('TOKEN of 65 bytes', bytes(0x0a, varint(65), Buffer.alloc(65, 1)), 'frame_encoding'),
    bad('TOKEN past the end', bytes(0x0a, 4, 1, 2, 3), 'frame_encoding'),
    bad('DATAGRAM of no bytes', bytes(0x12, 5, 0), 'frame_encoding'),
    bad('DATAGRAM past the end', bytes(0x12, 5, 3, text), 'frame_encoding'),
    bad('DATAGRAM in lane 64', bytes(0x12, varint(64), 2, text), 'frame_encoding'),
    bad('PATH_CHALLENGE of 7 bytes', bytes(6, Buffer.alloc(7)), 'frame_encoding'),
    bad('PATH_RESPONSE of 7 bytes', bytes(7, Buffer.alloc(7)), 'frame_encoding'),
    good('PING between PADDING', bytes(0, 0, 1, 0), { type: 'ping' }),
    good(
      'LANE_SIZED then PING',
      bytes(0x10, 2, varint(70), 2, text, 1),
      { type: 'lane', lane: 2, offset: '70', bytes: hex(text) },
      { type: 'ping' },
    ),
    good('LANE_REST takes everything, PING bytes too', bytes(0x11, 63, 0, text, 1), {
      type: 'lane',
      lane: 63,
      offset: '0',
      bytes: `${hex(text)}01`,
    }),
    good('LANE_SIZED that ends at the last position', bytes(0x10, 2, varint(MAX - 2n), 2, text), {
      type: 'lane',
      lane: 2,
      offset: String(MAX - 2n),
      bytes: hex(text),
    }),
    good('CREDIT', bytes(4, varint(1048576)), { type: 'credit', total: '1048576' }),
    good('CREDIT of the largest number', bytes(4, varint(MAX)), { type: 'credit', total: String(MAX) }),
    good('LANE_CREDIT', bytes(5, 7, varint(300000)), { type: 'lane_credit', lane: 7, total: '300000' }),
    good('CLOSE', bytes(3, varint(300), 3, Buffer.from('bye')), {
      type: 'close',
      code: '300',
      reason: hex(Buffer.from('bye')),
    }),
    good('CLOSE without reason', bytes(3, 0, 0), { type: 'close', code: '0', reason: '' }),
    good('ACK of one packet', bytes(2, 0, 0, 0, 0), { type: 'ack', delay: '0', ranges: [['0', '0']] }),
    good('ACK with two gaps', bytes(2, varint(100), varint(125), 2, 4, 0, 1, 9, 0), {
      type: 'ack',
      delay: '125',
      ranges: [
        ['96', '100'],
        ['93', '94'],
        ['82', '82'],
      ],
    }),
    ...badFrameVectors(text),
  ]
}

function cidVectors(): object[] {
  return [
    good('NEW_CID', bytes(0x08, 3, CLIENT_CID, counting(0xd0, 16)), {
      type: 'new_cid',
      sequence: '3',
      cid: hex(CLIENT_CID),
      token: hex(counting(0xd0, 16)),
    }),
    good('RETIRE_CID', bytes(0x09, 0x41, 0), { type: 'retire_cid', sequence: '256' }),
    bad('NEW_CID past the end', bytes(0x08, 1, CLIENT_CID, counting(0xd0, 15)), 'frame_encoding'),
    bad('RETIRE_CID without a sequence', bytes(0x09), 'frame_encoding'),
  ]
}

function badFrameVectors(text: Buffer): object[] {
  const ack = (...fields: (number | bigint)[]): Buffer => bytes(2, ...fields.map((field) => varint(field)))
  const reserved = [0x0b, 0x0f, 0x13, 0x3f, 0x40, 0xff]
  return [
    bad('no frame at all but PADDING', Buffer.alloc(20)),
    ...reserved.map((type) =>
      bad(`type 0x${type.toString(16)}`, bytes(type, Buffer.alloc(20)), 'unknown_frame'),
    ),
    bad('a fault behind a good frame', bytes(1, 0x3f), 'unknown_frame'),
    bad('LANE_SIZED without bytes', bytes(0x10, 2, 0, 0)),
    bad('LANE_REST without bytes', bytes(0x11, 2, 0)),
    bad('LANE_SIZED longer than the packet', bytes(0x10, 2, 0, 3, text)),
    bad('LANE_SIZED cut before its length', bytes(0x10, 2, 0)),
    bad('LANE_SIZED cut before its offset', bytes(0x10, 2)),
    bad('LANE_SIZED cut before its lane', bytes(0x10)),
    bad('LANE_SIZED on lane 64', bytes(0x10, varint(64), 0, 2, text)),
    bad('LANE_REST on lane 64', bytes(0x11, varint(64), 0, text)),
    bad('LANE_SIZED one byte beyond the last position', bytes(0x10, 2, varint(MAX - 1n), 2, text)),
    bad('LANE_SIZED at 2^62 - 1', bytes(0x10, 2, varint(2n ** 62n - 1n), 2, text)),
    bad('LANE_SIZED with its lane in two bytes', bytes(0x10, varint(2, 2), 0, 2, text)),
    bad('LANE_SIZED with its offset in eight bytes', bytes(0x10, 2, varint(1, 8), 2, text)),
    bad('CREDIT without total', bytes(4)),
    bad('CREDIT of 2^53', bytes(4, varint(MAX + 1n))),
    bad('CREDIT of 2^62 - 1', bytes(4, varint(2n ** 62n - 1n))),
    bad('CREDIT of 63 in two bytes', bytes(4, varint(63, 2))),
    bad('CREDIT of 16383 in four bytes', bytes(4, varint(16383, 4))),
    bad('CREDIT of 2^30 - 1 in eight bytes', bytes(4, varint(2 ** 30 - 1, 8))),
    bad('LANE_CREDIT on lane 64', bytes(5, varint(64), 1)),
    bad('LANE_CREDIT without total', bytes(5, 2)),
    bad('CLOSE with a reason of 129 bytes', bytes(3, 0, varint(129), Buffer.alloc(129, 0x41))),
    bad('CLOSE with a reason cut short', bytes(3, 0, 4, Buffer.from('bye'))),
    bad('CLOSE without a length', bytes(3, 0)),
    bad('ACK cut before its first range', bytes(2, 0, 0, 0)),
    bad('ACK whose first range falls below 0', ack(0, 0, 0, 1)),
    bad('ACK whose gap falls below 0', ack(3, 0, 1, 1, 2, 0)),
    bad('ACK whose gap just falls below 0', ack(3, 0, 1, 2, 0, 0)),
    bad('ACK whose second range falls below 0', ack(10, 0, 1, 0, 0, 9)),
    bad('ACK with 33 pairs', bytes(ack(200, 0, 33, 0), Buffer.alloc(66))),
    bad('ACK with fewer pairs than counted', ack(9, 0, 2, 0, 0, 0)),
    bad('ACK of 2^53', ack(MAX + 1n, 0, 0, 0)),
  ]
}

// ---- parameters and numbers --------------------------------------------------------------------

function parameterVectors(): object[] {
  const make = (name: string, data: Buffer, parameters?: object): object => ({
    name,
    kind: 'parameters',
    hex: hex(data),
    valid: parameters !== undefined,
    ...(parameters === undefined ? {} : { parameters }),
  })
  return [
    make('no parameters', Buffer.alloc(0), {}),
    make('END and zeros', bytes(4, 1, 7, Buffer.alloc(5)), { max_ack_delay: 7 }),
    make('credits', bytes([2, 4, 0, 16, 0, 0], [3, 4, 0, 4, 0, 0]), { credit: 1048576, lane_credit: 262144 }),
    make('an unknown type', bytes([0x7f, 2, 1, 2], [4, 1, 7]), { max_ack_delay: 7 }),
    make('lanes, reserved, of any length', bytes([1, 3, 9, 9, 9], [4, 1, 7]), { max_ack_delay: 7 }),
    make('feature bits that nobody defined', bytes([10, 4, 255, 255, 255, 255], [4, 1, 7]), {
      max_ack_delay: 7,
    }),
    make('an IPv6 address', bytes([8, 18], '20010db8000000000000000000000001', [0x1d, 0xf3]), {
      observed_address: ['2001:db8:0:0:0:0:0:1', 7667],
    }),
    make('a type twice', bytes([4, 1, 7], [4, 1, 7])),
    make('an unknown type twice', bytes([0x7f, 0], [0x7f, 0])),
    make('a type without length', bytes(4)),
    make('a value cut short', bytes(2, 4, 0, 16)),
    make('a credit of three bytes', bytes(2, 3, 0, 16, 0)),
    make('max_datagram below 1200', bytes(5, 2, 4, 0xaf)),
    make('idle_timeout of 0', bytes(6, 2, 0, 0)),
    make('reset_token of 15 bytes', bytes(7, 15, Buffer.alloc(15))),
    make('an address of 5 bytes', bytes(8, 5, Buffer.alloc(5))),
    make('connection_id of 7 bytes', bytes(9, 7, Buffer.alloc(7))),
    make('features of 3 bytes', bytes(10, 3, Buffer.alloc(3))),
    make('something behind END', bytes([4, 1, 7], 0, 1)),
  ]
}

function numberVectors(): object[] {
  const make = (name: string, expected: bigint, number: bigint): object => ({
    name,
    kind: 'number',
    expected: String(expected),
    low: Number(number & 0xffffffffn),
    number: String(number),
  })
  return [
    make('the next one', 5n, 5n),
    make('one before the wrap, after it', 2n ** 32n + 1n, 2n ** 32n - 1n),
    make('one after the wrap, before it', 2n ** 32n - 1n, 2n ** 32n),
    make('2^31 - 1 ahead', 100n, 100n + 2n ** 31n - 1n),
    make('2^31 - 1 behind', 2n ** 33n, 2n ** 33n - 2n ** 31n + 1n),
    make('2^31 ahead, as near as 2^31 behind', 2n ** 33n, 2n ** 33n + 2n ** 31n),
    make('not below 0, however far ahead', 5n, 2n ** 32n - 1n),
  ]
}
