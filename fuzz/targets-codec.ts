/**
 * Targets in the codec: whatever the bytes, a value or a fault; and what was read can be written and read
 * again.
 */
import { assert, equalBytes } from '../src/base/index.ts'
import {
  Deframer,
  decodeFrame,
  decodeValue,
  EMPTY,
  encodeFrame,
  FRAME,
  type Frame,
  FrameReader,
  isFault,
  MessageView,
  MORE,
  readMessage,
  readSend,
  SendView,
  scanValue,
  VALUE_SCAN,
} from '../src/codec/index.ts'
import { decodePart, decodeText, encodePart } from '../src/protocol/content.ts'
import { normalizeName, normalizeRoomName } from '../src/protocol/names.ts'
import { looksOf } from '../src/protocol/skeleton.ts'

const FRAME_BYTES_MAX = 4096
const reader = new FrameReader()

/** One frame: read, written, read again; the hot readers agree with the general one. */
export function fuzzFrame(bytes: Uint8Array): void {
  const frame = decodeFrame(bytes)
  if (isFault(frame)) {
    assert(frame.offset <= bytes.length, 'a fault lies within the bytes')
  } else if (frame.type !== 'ignored') {
    const encoded = encodeFrame(frame)
    const again = decodeFrame(encoded, 4)
    assert(!isFault(again) && again.type === frame.type, 'what was read can be written and read')
    assert(equalBytes(encodeFrame(again as Frame), encoded), 'the shortest encoding is one')
  }
  reader.reset(bytes, 0, bytes.length)
  const isSend = readSend(reader, new SendView())
  reader.reset(bytes, 0, bytes.length)
  const isMessage = readMessage(reader, new MessageView())
  const type = isFault(frame) ? undefined : frame.type
  assert(!isSend || type === 'send', 'the hot reader of send agrees')
  assert(!isMessage || type === 'message', 'the hot reader of message agrees')
}

/** A scan, alone and within other bytes. */
export function fuzzScan(bytes: Uint8Array): void {
  const alone = scanValue(bytes, 0, bytes.length)
  const within = new Uint8Array(bytes.length + 8).fill(0x91)
  within.set(bytes, 3)
  const shifted = scanValue(within, 3, 3 + bytes.length)
  assert(alone?.fault === shifted?.fault && alone?.offset === shifted?.offset, 'a scan sees its range only')
  if (!alone)
    assert(scanValue(bytes, 0, bytes.length, VALUE_SCAN) === undefined, 'a sound frame is a sound value')
}

/** A body: values, parts and text. */
export function fuzzValue(bytes: Uint8Array): void {
  const decoded = decodeValue(bytes)
  const isSound = scanValue(bytes, 0, bytes.length, VALUE_SCAN) === undefined
  assert(isSound || isFault(decoded), 'what is not sound is not decoded')
  const part = decodePart(bytes)
  if (part) assert(decodePart(encodePart(part)) !== undefined, 'a part that was read can be written and read')
  decodeText(bytes)
}

/** A name. */
export function fuzzName(bytes: Uint8Array): void {
  const text = decodeText(bytes)
  for (const name of [normalizeName(text), normalizeRoomName(text)]) {
    if (!name) continue
    assert(
      looksOf(name).every((looks) => !looks.endsWith(' ')),
      'a name looks like something',
    )
    const again = normalizeRoomName(name.text)
    assert(
      again?.text === name.text && again.folded === name.folded,
      'the normal form is its own normal form',
    )
  }
}

/** A stream in pieces, whose lengths are its own first bytes. */
export function fuzzDeframer(bytes: Uint8Array): void {
  const lengths = bytes.subarray(0, 8)
  const stream = bytes.subarray(8)
  const cut: Uint8Array[] = []
  for (let at = 0, i = 0; at < stream.length; i++) {
    const length = 1 + (lengths[i % 8] as number)
    cut.push(stream.subarray(at, at + length))
    at += length
  }
  const whole = deframed([stream])
  const pieces = deframed(cut)
  assert(whole.end === pieces.end && whole.frames.length === pieces.frames.length, 'cuts do not matter')
  whole.frames.forEach((frame, i) => {
    assert(equalBytes(frame, pieces.frames[i] as Uint8Array), 'cuts do not change frames')
  })
}

function deframed(chunks: readonly Uint8Array[]): { frames: Uint8Array[]; end: number } {
  const deframer = new Deframer(FRAME_BYTES_MAX)
  const frames: Uint8Array[] = []
  for (const chunk of chunks) {
    deframer.push(chunk)
    let step = deframer.next()
    for (; step === FRAME; step = deframer.next())
      frames.push(deframer.bytes.slice(deframer.start, deframer.end))
    assert(deframer.heldBytes <= FRAME_BYTES_MAX + 4, 'a deframer holds one frame at the most')
    if (step !== MORE) return { frames, end: step === EMPTY ? EMPTY : step }
  }
  return { frames, end: MORE }
}
