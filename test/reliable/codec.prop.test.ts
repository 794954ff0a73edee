import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostBytes, hostText } from '../../src/base/ip-address.ts'
import {
  FRAMES_END,
  FRAMES_FAULT,
  FrameReader,
  writeAck,
  writeClose,
  writeCredit,
  writeLaneCredit,
} from '../../src/reliable/frame.ts'
import { FRAME, LIMIT } from '../../src/reliable/index.ts'
import { decodeHandshakePacket, encodeInitial, encodeRetry, isDataHeader } from '../../src/reliable/packet.ts'
import { DEFAULT_PARAMETERS, decodeParameters, encodeParameters } from '../../src/reliable/parameters.ts'
import { RangeSet } from '../../src/reliable/ranges.ts'
import { fullPacketNumber } from '../../src/reliable/seal.ts'
import { readVarint, varintSize, writeVarint } from '../../src/reliable/varint.ts'

const value = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(70),
  fc.nat(0x5000),
  fc.constantFrom(0x3f, 0x40, 0x3fff, 0x4000, 0x3fffffff, 0x40000000, Number.MAX_SAFE_INTEGER),
)

describe('a varint', () => {
  //= PAL-UDP-040
  it('is read back, in its shortest form, and cut short it is truncated', () => {
    fc.assert(
      fc.property(value, fc.nat(5), (number, at) => {
        const bytes = new Uint8Array(20)
        const end = writeVarint(bytes, at, number)
        expect(end - at).toBe(varintSize(number))
        expect(readVarint(bytes, at, end)).toBe(number)
        for (let cut = at; cut < end; cut++) expect(readVarint(bytes, at, cut)).toBe(-1)
      }),
    )
  })

  it('is either the shortest form of its value or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
        const number = readVarint(bytes, 0, 8)
        if (number < 0) return
        const again = new Uint8Array(8)
        const end = writeVarint(again, 0, number)
        expect(bytes.subarray(0, end)).toEqual(again.subarray(0, end))
      }),
    )
  })
})

describe('frames', () => {
  const lane = fc.record({
    kind: fc.constant('lane' as const),
    lane: fc.nat(63),
    offset: fc.nat(2 ** 40),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  })
  const frame = fc.oneof(
    lane,
    fc.record({ kind: fc.constant('ping' as const) }),
    fc.record({ kind: fc.constant('credit' as const), total: value }),
    fc.record({ kind: fc.constant('laneCredit' as const), lane: fc.nat(63), total: value }),
    fc.record({
      kind: fc.constant('close' as const),
      code: value,
      reason: fc.uint8Array({ maxLength: 128 }),
    }),
    fc.record({
      kind: fc.constant('ack' as const),
      ranges: fc.array(fc.tuple(fc.nat(900), fc.integer({ min: 1, max: 9 })), {
        minLength: 1,
        maxLength: 40,
      }),
      delay: value,
    }),
  )
  type Frame = typeof frame extends fc.Arbitrary<infer T> ? T : never

  function setOf(ranges: readonly (readonly [number, number])[]): RangeSet {
    const set = new RangeSet()
    for (const [start, length] of ranges) set.add(start, start + length)
    return set
  }

  function write(into: Uint8Array, at: number, one: Frame): number {
    switch (one.kind) {
      case 'ping':
        into[at] = FRAME.ping
        return at + 1
      case 'credit':
        return writeCredit(into, at, one.total)
      case 'laneCredit':
        return writeLaneCredit(into, at, one.lane, one.total)
      case 'close':
        return writeClose(into, at, one.code, one.reason)
      case 'ack':
        return writeAck(into, at, into.length, setOf(one.ranges), one.delay)
      default: {
        into[at] = FRAME.laneSized
        let end = writeVarint(into, at + 1, one.lane)
        end = writeVarint(into, end, one.offset)
        end = writeVarint(into, end, one.bytes.length)
        into.set(one.bytes, end)
        return end + one.bytes.length
      }
    }
  }

  function check(reader: FrameReader, bytes: Uint8Array, one: Frame): void {
    if (one.kind === 'credit' || one.kind === 'laneCredit') expect(reader.value).toBe(one.total)
    if (one.kind === 'laneCredit' || one.kind === 'lane') expect(reader.lane).toBe(one.lane)
    if (one.kind === 'lane') {
      expect(reader.offset).toBe(one.offset)
      expect(bytes.subarray(reader.dataStart, reader.dataEnd)).toEqual(one.bytes)
    }
    if (one.kind === 'close') {
      expect(reader.value).toBe(one.code)
      expect(bytes.subarray(reader.dataStart, reader.dataEnd)).toEqual(one.reason)
    }
    if (one.kind !== 'ack') return
    const set = setOf(one.ranges)
    expect(reader.ackDelay).toBe(one.delay)
    expect(reader.rangeCount).toBe(Math.min(set.count, LIMIT.ackRangesSentMax))
    for (let i = 0; i < reader.rangeCount; i++) {
      expect(reader.ranges[2 * i]).toBe(set.startOf(set.count - 1 - i))
      expect(reader.ranges[2 * i + 1]).toBe(set.endOf(set.count - 1 - i) - 1)
    }
  }

  it('are read back in order, whatever PADDING is between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(frame, fc.nat(2)), { maxLength: 6 }), (frames) => {
        const bytes = new Uint8Array(6000)
        let end = 0
        for (const [one, padding] of frames) end = write(bytes, end, one) + padding
        const reader = new FrameReader()
        reader.start(bytes.subarray(0, end))
        for (const [one] of frames) {
          expect(reader.next()).toBeGreaterThan(0)
          check(reader, bytes, one)
        }
        expect(reader.next()).toBe(FRAMES_END)
      }),
    )
  })

  it('cut at any byte give fewer frames or a fault, never an exception', () => {
    fc.assert(
      fc.property(frame, (one) => {
        const bytes = new Uint8Array(1200)
        const end = write(bytes, 0, one)
        const reader = new FrameReader()
        for (let cut = 1; cut < end; cut++) {
          reader.start(bytes.subarray(0, cut))
          expect(reader.next()).toBe(FRAMES_FAULT)
        }
      }),
    )
  })

  it('of random bytes end in finitely many frames or a fault, with every field in bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reader = new FrameReader()
        reader.start(bytes)
        for (let i = 0; i <= bytes.length; i++) {
          const type = reader.next()
          if (type < 0) return
          if (type === FRAME.laneSized || type === FRAME.laneRest) {
            expect(reader.lane).toBeLessThan(64)
            expect(reader.dataEnd).toBeLessThanOrEqual(bytes.length)
            expect(reader.offset + reader.dataEnd - reader.dataStart).toBeLessThanOrEqual(LIMIT.numberMax)
          }
          if (type === FRAME.ack) expect(reader.ranges[0]).toBeGreaterThanOrEqual(0)
        }
        expect.unreachable('more frames than bytes')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('handshake packets', () => {
  //= PAL-UDP-002
  it('of random bytes are a packet or a fault, never an exception', () => {
    const first = fc.constantFrom(0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xff, 0x80)
    fc.assert(
      fc.property(first, fc.uint8Array({ maxLength: 1500, size: 'max' }), (byte, rest) => {
        const packet = decodeHandshakePacket(Uint8Array.of(byte, ...rest))
        if (typeof packet === 'string') return
        if (packet.kind === 'initial') expect(packet.token.length).toBeLessThanOrEqual(64)
        if (packet.kind === 'refuse') expect(packet.versions.length).toBeLessThanOrEqual(7)
      }),
    )
  })

  it('are read back', () => {
    const cid = fc.uint8Array({ minLength: 8, maxLength: 8 })
    const token = fc.uint8Array({ minLength: 1, maxLength: 64 })
    fc.assert(
      fc.property(cid, token, (id, bytes) => {
        expect(decodeHandshakePacket(encodeRetry(id, bytes))).toMatchObject({ dcid: id, token: bytes })
        const noise = new Uint8Array(1200 - 14 - bytes.length)
        expect(decodeHandshakePacket(encodeInitial(id, bytes, noise))).toMatchObject({
          scid: id,
          token: bytes,
          noise,
        })
      }),
    )
  })
})

//= PAL-UDP-005
it('a DATA packet has first byte 0x40 or 0x44 and at least one byte of frames', () => {
  for (let first = 0; first < 256; first++) {
    expect(isDataHeader(Uint8Array.of(first, ...new Uint8Array(40)))).toBe(first === 0x40 || first === 0x44)
  }
  expect(isDataHeader(Uint8Array.of(0x40, ...new Uint8Array(28)))).toBe(false)
  expect(isDataHeader(Uint8Array.of(0x40, ...new Uint8Array(29)))).toBe(true)
  expect(isDataHeader(Uint8Array.of(0x40, ...new Uint8Array(1452)))).toBe(false)
})

describe('parameters', () => {
  it('are read back', () => {
    const parameters = {
      ...DEFAULT_PARAMETERS,
      resetToken: new Uint8Array(16).fill(1),
      connectionId: new Uint8Array(8).fill(2),
      observedAddress: { host: '192.0.2.33', port: 4711 },
    }
    expect(decodeParameters(encodeParameters(parameters))).toEqual(parameters)
    expect(decodeParameters(Uint8Array.of(...encodeParameters(parameters), 0, 0, 0))).toEqual(parameters)
  })

  //= PAL-UDP-021
  it('of an unknown type are passed over', () => {
    expect(decodeParameters(Uint8Array.of(0x7f, 2, 1, 1, 4, 1, 9))?.maxAckDelayMs).toBe(9)
  })

  //= PAL-UDP-022
  it.each([
    ['named twice', [4, 1, 9, 4, 1, 9]],
    ['longer than the message', [4, 2, 9]],
    ['of the wrong length', [4, 2, 9, 9]],
    ['followed by END and something', [4, 1, 9, 0, 1]],
    ['without a length', [4]],
    ['allowing datagrams below 1200', [5, 2, 4, 175]],
  ])('%s are refused', (_, bytes) => {
    expect(decodeParameters(Uint8Array.from(bytes))).toBeUndefined()
  })

  it('of random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeParameters(bytes)))
  })
})

//= PAL-UDP-027
it('a packet number is the one nearest to the expected, across the wrap of its 32 bits', () => {
  const expected = fc.oneof(
    fc.nat(2 ** 31),
    fc.integer({ min: 2 ** 32 - 1000, max: 2 ** 32 + 1000 }),
    fc.nat(2 ** 50),
  )
  fc.assert(
    fc.property(expected, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (next, distance) => {
      const number = next + distance
      if (number < 0) return
      expect(fullPacketNumber(next, number % 2 ** 32)).toBe(number)
    }),
  )
  expect(fullPacketNumber(2 ** 32 - 1, 0)).toBe(2 ** 32)
  expect(fullPacketNumber(2 ** 32 + 1, 2 ** 32 - 1)).toBe(2 ** 32 - 1)
  expect(fullPacketNumber(0, 2 ** 32 - 1)).toBe(2 ** 32 - 1)
})

it('a host text is read into bytes and back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (host) => {
      const bytes = hostBytes(host)
      expect(bytes).toBeDefined()
      if (bytes !== undefined) expect(hostBytes(hostText(bytes))).toEqual(bytes)
    }),
  )
  expect(hostBytes('::ffff:192.0.2.1')).toEqual(Uint8Array.of(192, 0, 2, 1))
  expect(hostBytes('fe80::1%eth0')?.[15]).toBe(1)
  for (const bad of ['', 'example', '1.2.3', '1.2.3.256', '1::2::3', ':::', '12345::', '1:2:3:4:5:6:7:8:9']) {
    expect(hostBytes(bad)).toBeUndefined()
  }
})
