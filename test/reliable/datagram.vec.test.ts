import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ClientHandshake, prologueOf } from '../../src/reliable/client-handshake.ts'
import { FRAMES_END, FRAMES_FAULT, FrameReader } from '../../src/reliable/frame.ts'
import { FRAME } from '../../src/reliable/index.ts'
import { respond } from '../../src/reliable/noise.ts'
import { decodeHandshakePacket, encodeAccept, isDataHeader } from '../../src/reliable/packet.ts'
import { decodeParameters } from '../../src/reliable/parameters.ts'
import { fullPacketNumber, PacketProtection } from '../../src/reliable/seal.ts'
import { testPrimitives } from './primitives.ts'
import { at } from './world.ts'

interface Vector {
  readonly name: string
  readonly kind: string
  readonly hex: string
  readonly valid?: boolean
  readonly [key: string]: unknown
}

const all = JSON.parse(
  readFileSync(new URL('../../spec/vectors/datagram.json', import.meta.url), 'utf8'),
) as Vector[]
const ofKind = (kind: string): Vector[] => all.filter((vector) => vector.kind === kind)
const primitives = testPrimitives()

function bytesOf(text: unknown): Uint8Array {
  const parts = String(text)
    .split(' ')
    .map((token) => {
      const [hex = '', count = '1'] = token.split('*')
      return Buffer.from(hex.repeat(Number(count)), 'hex')
    })
  return new Uint8Array(Buffer.concat(parts))
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

it('three vectors in five are invalid', () => {
  const judged = all.filter((vector) => vector.valid !== undefined)
  expect(judged.filter((vector) => vector.valid === false).length / judged.length).toBeGreaterThan(0.6)
})

describe('packets', () => {
  //= PAL-UDP-002, PAL-UDP-003
  it.each(ofKind('packet'))('$name', (vector) => {
    const packet = decodeHandshakePacket(bytesOf(vector.hex))
    expect(typeof packet !== 'string').toBe(vector.valid)
    if (typeof packet === 'string') return
    const expected = vector['packet'] as Record<string, unknown>
    const read = packet as unknown as Record<string, unknown>
    expect(packet.kind).toBe(expected['type'])
    for (const [name, value] of Object.entries(expected)) {
      if (name === 'type') continue
      const got = read[name]
      if (got instanceof Uint8Array) expect(hexOf(got)).toBe(hexOf(bytesOf(value)))
      else expect(got).toEqual(value)
    }
  })
})

describe('DATA packets', () => {
  //= PAL-UDP-005, PAL-UDP-025, PAL-UDP-026
  it.each(ofKind('data'))('$name', (vector) => {
    const packet = bytesOf(vector.hex)
    const opened = open(vector, packet)
    expect(opened !== undefined).toBe(vector.valid)
    if (opened === undefined) return
    expect(hexOf(opened)).toBe(vector['frames'])
    const protection = protectionOf(vector)
    const again = protection.seal(bytesOf(vector['dcid']), Number(vector['number']), opened)
    expect(hexOf(again)).toBe(vector.hex)
  })

  function open(vector: Vector, packet: Uint8Array): Uint8Array | undefined {
    if (!isDataHeader(packet) || hexOf(packet.subarray(1, 9)) !== vector['dcid']) return undefined
    const number = fullPacketNumber(Number(vector['expected']), Buffer.from(packet).readUInt32BE(9))
    if (vector.valid === true) expect(number).toBe(Number(vector['number']))
    const protection = protectionOf(vector)
    const phase = ((packet[0] as number) >> 2) & 1
    return phase === protection.phase ? protection.open(packet, number) : undefined
  }

  //= PAL-UDP-108
  function protectionOf(vector: Vector): PacketProtection {
    const before = vector['secret_before']
    if (before === undefined) return new PacketProtection(primitives, bytesOf(vector['secret']))
    return new PacketProtection(primitives, bytesOf(before)).next()
  }
})

describe('frames', () => {
  //= PAL-UDP-040, PAL-UDP-041, PAL-UDP-042, PAL-UDP-044, PAL-UDP-045, PAL-UDP-046, PAL-UDP-047, PAL-UDP-048
  it.each(ofKind('frames'))('$name', (vector) => {
    const reader = new FrameReader()
    const bytes = bytesOf(vector.hex)
    reader.start(bytes)
    const frames: unknown[] = []
    let type = reader.next()
    for (; type >= 0; type = reader.next()) frames.push(frameOf(reader, type, bytes))
    const isFault = type === FRAMES_FAULT || frames.length === 0
    expect(isFault).toBe(!vector.valid)
    if (isFault) {
      const isUnknown = type === FRAMES_FAULT && reader.fault === 'unknown_type'
      expect(isUnknown ? 'unknown_frame' : 'frame_encoding').toBe(vector['code'])
    } else {
      expect(type).toBe(FRAMES_END)
      expect(frames).toEqual(vector['frames'])
    }
  })

  function frameOf(reader: FrameReader, type: number, bytes: Uint8Array): object {
    const data = hexOf(bytes.subarray(reader.dataStart, reader.dataEnd))
    switch (type) {
      case FRAME.ping:
        return { type: 'ping' }
      case FRAME.pathChallenge:
        return { type: 'path_challenge', data }
      case FRAME.pathResponse:
        return { type: 'path_response', data }
      case FRAME.newCid:
        return {
          type: 'new_cid',
          sequence: String(reader.value),
          cid: data.slice(0, 16),
          token: data.slice(16),
        }
      case FRAME.retireCid:
        return { type: 'retire_cid', sequence: String(reader.value) }
      case FRAME.token:
        return { type: 'token', token: data }
      case FRAME.datagram:
        return { type: 'datagram', lane: reader.lane, bytes: data }
      case FRAME.credit:
        return { type: 'credit', total: String(reader.value) }
      case FRAME.laneCredit:
        return { type: 'lane_credit', lane: reader.lane, total: String(reader.value) }
      case FRAME.close:
        return { type: 'close', code: String(reader.value), reason: data }
      case FRAME.ack: {
        const ranges = Array.from({ length: reader.rangeCount }, (_, i) => [
          String(reader.ranges[2 * i]),
          String(reader.ranges[2 * i + 1]),
        ])
        return { type: 'ack', delay: String(reader.ackDelay), ranges }
      }
      default:
        return { type: 'lane', lane: reader.lane, offset: String(reader.offset), bytes: data }
    }
  }
})

describe('parameters', () => {
  //= PAL-UDP-021, PAL-UDP-022
  it.each(ofKind('parameters'))('$name', (vector) => {
    const read = decodeParameters(bytesOf(vector.hex))
    expect(read !== undefined).toBe(vector.valid)
    if (read === undefined) return
    const named = {
      credit: read.creditBytes,
      lane_credit: read.laneCreditBytes,
      max_ack_delay: read.maxAckDelayMs,
      observed_address: [read.observedAddress?.host, read.observedAddress?.port],
    }
    expect(named).toMatchObject(vector['parameters'] as object)
  })
})

describe('packet numbers', () => {
  //= PAL-UDP-027
  it.each(ofKind('number'))('$name', (vector) => {
    expect(fullPacketNumber(Number(vector['expected']), Number(vector['low']))).toBe(Number(vector['number']))
  })
})

describe('handshake', () => {
  //= PAL-UDP-018, PAL-UDP-019, PAL-UDP-035
  it.each(ofKind('handshake'))('$name', (vector) => {
    const secret = bytesOf(vector['client_ephemeral_secret'])
    const cid = bytesOf(vector['client_cid'])
    const entropy = (count: number): Uint8Array => (count === 32 ? secret : new Uint8Array(count))
    const client = new ClientHandshake({ primitives, entropy }, cid, new Uint8Array(0), at(0))
    client.onRetry(bytesOf(vector['token']), at(0))
    const initial = client.poll(at(0)) as Uint8Array
    expect(hexOf(initial)).toBe(hexOf(bytesOf(vector['initial'])))
    const packet = decodeHandshakePacket(initial)
    if (typeof packet === 'string' || packet.kind !== 'initial') throw new Error('not an INITIAL')
    const relayCid = bytesOf(vector['relay_cid'])
    const answer = respond(primitives, {
      prologue: prologueOf(cid),
      message1: packet.noise,
      staticKeys: primitives.x25519KeyPair(bytesOf(vector['relay_static_secret'])),
      ephemeralSecret: bytesOf(vector['relay_ephemeral_secret']),
      payload: bytesOf(vector['relay_parameters']),
    })
    const accept = encodeAccept(cid, relayCid, answer?.message ?? new Uint8Array(0))
    expect(hexOf(accept)).toBe(vector['accept'])
    const done = client.onAccept(relayCid, accept.subarray(17), at(50))
    if (typeof done === 'string') throw new Error(done)
    expect(hexOf(done.noise.hash)).toBe(vector['hash'])
    expect(hexOf(done.noise.initiatorSecret)).toBe(vector['initiator_secret'])
    expect(hexOf(done.noise.responderSecret)).toBe(vector['responder_secret'])
    expect(done.rttMs).toBe(50)
  })
})
