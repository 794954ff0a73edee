import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/base/index.ts'
import {
  ByteWriter,
  decodeFrame,
  encodeFrame,
  FRAME_SPECS,
  type Frame,
  FrameReader,
  frameSpecOf,
  isFault,
  LIMITS,
  MessageView,
  readMessage,
  readSend,
  SendView,
  writeFrame,
  writeMessage,
  writeSend,
} from '../../src/codec/index.ts'
import {
  anySoundFrame,
  anyUnsoundFrame,
  frameValues,
  shortestFrame,
  soundFrame,
} from '../../tools/spec/arbitraries.ts'
import { joined } from '../../tools/spec/wire.ts'

const RUNS = { numRuns: 60 }
const NAMES = FRAME_SPECS.map((spec) => spec.name)

describe.each(NAMES)('%s', (name) => {
  //= PAL-FRM-001
  test('comes back as it was', () => {
    fc.assert(
      fc.property(frameValues(name), (values) => {
        const bytes = encodeFrame(values as unknown as Frame)
        expect(decodeFrame(bytes, 4)).toEqual(values)
      }),
      RUNS,
    )
  })

  //= PAL-FRM-002
  test('is written in the shortest encoding, after its length', () => {
    fc.assert(
      fc.property(shortestFrame(name), ({ bytes, frame }) => {
        const encoded = encodeFrame(frame as unknown as Frame)
        expect(Buffer.from(encoded).readUInt32BE(0)).toBe(bytes.length)
        expect(Buffer.from(encoded.subarray(4)).equals(bytes)).toBe(true)
      }),
      RUNS,
    )
  })

  //= PAL-FRM-003
  //= PAL-FRM-008
  test('is read in any width of integers and headers, with elements nobody knows', () => {
    fc.assert(
      fc.property(soundFrame(name), ({ bytes, frame }) => {
        expect(decodeFrame(bytes)).toEqual(frame)
      }),
      RUNS,
    )
  })

  //= PAL-FRM-005
  test('a float of the same value is no integer', () => {
    const fields = frameSpecOf(FRAME_SPECS.find((spec) => spec.name === name)?.type ?? 0)?.fields ?? []
    fields.forEach((field, i) => {
      if (field.kind !== 'uint') return
      const frame = fc.sample(frameValues(name), { numRuns: 1, seed: 7 })[0] as Record<string, unknown>
      const bytes = withElement({ ...frame, [field.name]: field.min }, fields, i, float64(field.min))
      expect(decodeFrame(bytes)).toMatchObject({ fault: 'bad_field', field: field.name })
    })
  })
})

function float64(value: number): Uint8Array {
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xcb
  bytes.writeDoubleBE(value, 1)
  return bytes
}

/** The frame's bytes, with other bytes in place of the element of field `index`. */
function withElement(
  frame: Record<string, unknown>,
  fields: readonly { readonly name: string }[],
  index: number,
  element: Uint8Array,
): Uint8Array {
  const bytes = encodeFrame(frame as unknown as Frame).subarray(4)
  const reader = new FrameReader()
  reader.reset(bytes, 0, bytes.length)
  reader.readArrayHeader()
  for (let i = 0; i <= index; i++) reader.skipValue()
  const start = reader.position
  reader.skipValue()
  expect(fields.length).toBeGreaterThan(index)
  return joined(bytes.subarray(0, start), element, bytes.subarray(reader.position))
}

describe('frames of every type', () => {
  //= PAL-FRM-005
  test('with one fault are refused with bad_frame', () => {
    fc.assert(
      fc.property(anyUnsoundFrame(), ({ bytes, fault }) => {
        const decoded = decodeFrame(bytes)
        expect(isFault(decoded) && decoded.wireError, fault).toBe('bad_frame')
      }),
      { numRuns: 3000 },
    )
  })

  test('cut at any byte are refused with bad_frame', () => {
    fc.assert(
      fc.property(anySoundFrame(), ({ bytes }) => {
        for (let end = 0; end < bytes.length; end++) {
          const decoded = decodeFrame(bytes.subarray(0, end))
          expect(isFault(decoded) && decoded.wireError).toBe('bad_frame')
        }
      }),
      { numRuns: 200 },
    )
  })

  test('with any one byte changed give a frame or a fault, and never read beyond the end', () => {
    fc.assert(
      fc.property(anySoundFrame(), fc.nat(), fc.nat(255), ({ bytes }, at, value) => {
        const changed = bytes.slice()
        changed[at % changed.length] = value
        const alone = decodeFrame(changed)
        const surrounded = joined(Uint8Array.of(0x01, 0xff), changed, new Uint8Array(64).fill(0x61))
        expect(decodeFrame(surrounded, 2, 2 + changed.length)).toEqual(alone)
      }),
      { numRuns: 3000 },
    )
  })

  test('random bytes give a frame or a fault, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(typeof decodeFrame(bytes)).toBe('object')
      }),
      { numRuns: 5000 },
    )
  })
})

describe('frame types', () => {
  //= PAL-FRM-011
  test('that are unknown close or are ignored as their range says', () => {
    for (let type = 0; type < 256; type++) {
      if (frameSpecOf(type)) continue
      const bytes = type < 128 ? Uint8Array.of(0x91, type) : Uint8Array.of(0x91, 0xcc, type)
      const decoded = decodeFrame(bytes)
      if (type >= 64 && type <= 127) expect(decoded).toEqual({ type: 'ignored', number: type })
      else if (type >= 1 && type <= 63) expect(decoded).toMatchObject({ wireError: 'unknown_frame' })
      else expect(decoded).toMatchObject({ wireError: 'bad_frame' })
    }
  })

  test('that are ignored are still scanned', () => {
    expect(decodeFrame(Uint8Array.of(0x92, 0x70, 0xc1))).toMatchObject({ wireError: 'bad_frame' })
    expect(decodeFrame(Uint8Array.of(0x92, 0x70, 0x80))).toMatchObject({ wireError: 'bad_frame' })
  })
})

describe('values outside the registries', () => {
  //= PAL-FRM-010
  test('are no fault', () => {
    const event = {
      type: 'event',
      conversation: 1,
      seq: 1,
      time: 0,
      kind: 200,
      actor: 0,
      subject: 0,
    } as const
    const frame: Frame = { ...event, name: '', key: new Uint8Array(0), value: 0, text: '' }
    expect(decodeFrame(encodeFrame(frame), 4)).toEqual(frame)
    const close: Frame = { type: 'close', code: 0x01fe, text: '', retryMs: 0 }
    expect(decodeFrame(encodeFrame(close), 4)).toEqual(close)
  })
})

describe('encoding', () => {
  //= PAL-FRM-004
  test.each([
    [{ type: 'ping', nonce: -1, conversation: 0 }],
    [{ type: 'ping', nonce: 2 ** 53, conversation: 0 }],
    [{ type: 'ping', nonce: 1.5, conversation: 0 }],
    [{ type: 'ping', nonce: Number.NaN, conversation: 0 }],
    [{ type: 'ping', nonce: '1', conversation: 0 }],
    [{ type: 'ping', nonce: 1 }],
    [{ type: 'list', request: 1, after: 'x'.repeat(LIMITS.roomNameBytes + 1) }],
    [{ type: 'list', request: 1, after: 'é'.repeat(LIMITS.roomNameBytes / 2 + 1) }],
    [{ type: 'list', request: 0, after: '' }],
    [{ type: 'lock', request: 1, conversation: 1, locked: 1 }],
    [{ type: 'join', request: 1, room: '', options: 0 }],
    [{ type: 'members', request: 1, conversation: 1, members: [null], more: false }],
    [{ type: 'members', request: 1, conversation: 1, members: [{ alias: 1 }], more: false }],
    [
      {
        type: 'rooms',
        request: 1,
        rooms: new Array(65).fill({ name: '', count: 0, limit: 0, topic: '' }),
        more: false,
      },
    ],
    [{ type: 'send', conversation: 1, ref: 1, kind: 0, body: 'text' }],
    [{ type: 'send', conversation: 1, ref: 1, kind: 0, body: new Uint8Array(LIMITS.bodyBytes + 1) }],
    [{ type: 'nothing' }],
  ])('refuses %j as a misuse and leaves the writer as it was', (frame) => {
    const out = new ByteWriter()
    writeFrame(out, { type: 'ping', nonce: 1, conversation: 0 })
    const before = Buffer.from(out.view()).toString('hex')
    expect(() => writeFrame(out, frame as unknown as Frame)).toThrow(UsageError)
    expect(Buffer.from(out.view()).toString('hex')).toBe(before)
  })
})

describe('the hot readers and writers', () => {
  const reader = new FrameReader()

  test('send is written like the general writer writes it', () => {
    fc.assert(
      fc.property(shortestFrame('send', { bytesMax: 70_000 }), ({ frame }) => {
        const send = frame as unknown as Extract<Frame, { type: 'send' }>
        const out = new ByteWriter()
        writeSend(out, send.conversation, send.ref, send.kind, send.body, 0, send.body.length)
        expect(Buffer.from(out.take()).equals(encodeFrame(send))).toBe(true)
      }),
    )
  })

  test('message is written like the general writer writes it', () => {
    fc.assert(
      fc.property(shortestFrame('message'), ({ frame }) => {
        const m = frame as unknown as Extract<Frame, { type: 'message' }>
        const padded = joined(Uint8Array.of(1, 2, 3), m.body, Uint8Array.of(4))
        const out = new ByteWriter()
        const end = 3 + m.body.length
        writeMessage(out, m.conversation, m.seq, m.time, m.sender, m.ref, m.kind, padded, 3, end)
        expect(Buffer.from(out.take()).equals(encodeFrame(m))).toBe(true)
      }),
    )
  })

  test('every sound send without further elements is read, with the values of the general reader', () => {
    fc.assert(
      fc.property(soundFrame('send'), ({ bytes, frame }) => {
        const view = new SendView()
        reader.reset(bytes, 0, bytes.length)
        const isHot = readSend(reader, view)
        expect(isHot).toBe(countOf(bytes) === 5)
        if (isHot) expect(asSend(view, bytes)).toEqual(frame)
      }),
    )
  })

  test('every sound message without further elements is read, with the values of the general reader', () => {
    fc.assert(
      fc.property(soundFrame('message'), ({ bytes, frame }) => {
        const view = new MessageView()
        reader.reset(bytes, 0, bytes.length)
        const isHot = readMessage(reader, view)
        expect(isHot).toBe(countOf(bytes) === 8)
        if (isHot) expect(asMessage(view, bytes)).toEqual(frame)
      }),
    )
  })

  //= PAL-FRM-005
  test('what the general reader refuses they refuse', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('send', 'message'),
        fc.nat(),
        fc.nat(255),
        fc.integer(),
        (name, at, value, seed) => {
          const [sample] = fc.sample(soundFrame(name), { numRuns: 1, seed })
          const bytes = sample?.bytes.slice() ?? new Uint8Array(1)
          bytes[at % Math.min(24, bytes.length)] = value
          expectAgreement(bytes)
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('a body that is one byte too long is refused by both', () => {
    const frame = {
      type: 'send',
      conversation: 1,
      ref: 1,
      kind: 0,
      body: new Uint8Array(LIMITS.bodyBytes),
    } as const
    const longest = encodeFrame(frame).subarray(4)
    expectAgreement(longest)
    const tooLong = joined(longest, Uint8Array.of(0))
    tooLong.set([(LIMITS.bodyBytes + 1) >> 8, (LIMITS.bodyBytes + 1) & 0xff], 6)
    expect(decodeFrame(tooLong)).toMatchObject({ fault: 'bad_field', field: 'body' })
    expectAgreement(tooLong)
  })

  function expectAgreement(bytes: Uint8Array): void {
    const decoded = decodeFrame(bytes)
    const send = new SendView()
    reader.reset(bytes, 0, bytes.length)
    if (readSend(reader, send)) expect(asSend(send, bytes)).toEqual(decoded)
    const message = new MessageView()
    reader.reset(bytes, 0, bytes.length)
    if (readMessage(reader, message)) expect(asMessage(message, bytes)).toEqual(decoded)
  }
})

function countOf(bytes: Uint8Array): number {
  const reader = new FrameReader()
  reader.reset(bytes, 0, bytes.length)
  return reader.readArrayHeader()
}

function asSend(view: SendView, bytes: Uint8Array): object {
  const { conversation, ref, kind, bodyStart, bodyEnd } = view
  return { type: 'send', conversation, ref, kind, body: bytes.subarray(bodyStart, bodyEnd) }
}

function asMessage(view: MessageView, bytes: Uint8Array): object {
  const { conversation, seq, time, sender, ref, kind, bodyStart, bodyEnd } = view
  const body = bytes.subarray(bodyStart, bodyEnd)
  return { type: 'message', conversation, seq, time, sender, ref, kind, body }
}
