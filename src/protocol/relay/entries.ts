/** Pieces of a log as bytes: whole entries, each a frame with its length prefix (spec chapter 7). */
import { isFault } from '../../codec/fault.ts'
import { decodeFrame } from '../../codec/frame.ts'
import { MessageView, readMessage } from '../../codec/generated/hot.ts'
import { type EventFrame, FRAME_TYPES } from '../../codec/generated/registry.ts'
import { FrameReader } from '../../codec/reader.ts'

const PREFIX_BYTES = 4

/** The offset behind the entry that begins at `offset`. */
export function endOfEntry(bytes: Uint8Array, offset: number): number {
  const length =
    (bytes[offset] as number) * 0x1000000 +
    (((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number))
  return offset + PREFIX_BYTES + length
}

/** The offset of the entry `count` entries behind the one at `offset`. */
export function skipEntries(bytes: Uint8Array, offset: number, count: number): number {
  let at = offset
  for (let i = 0; i < count && at < bytes.length; i++) at = endOfEntry(bytes, at)
  return at
}

/** What is told of each entry of a piece. The view is valid during the call. */
export interface EntryVisitor {
  message(view: MessageView, bytes: Uint8Array): void
  event(frame: EventFrame): void
}

const reader = new FrameReader()
const view = new MessageView()

/** Tells the visitor each entry in [start, end) of `bytes`. They are the relay's own, so they are sound. */
export function visitEntries(bytes: Uint8Array, start: number, end: number, visitor: EntryVisitor): void {
  for (let at = start; at < end; ) {
    const next = endOfEntry(bytes, at)
    const body = at + PREFIX_BYTES
    at = next
    if (bytes[body + 1] === FRAME_TYPES.message) {
      reader.reset(bytes, body, next)
      if (readMessage(reader, view)) visitor.message(view, bytes)
      continue
    }
    const frame = decodeFrame(bytes, body, next)
    if (!isFault(frame) && frame.type === 'event') visitor.event(frame)
  }
}
