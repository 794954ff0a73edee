/** Earlier entries, as an answer to `fetch` holds them (spec chapter 7): checked like what a link brings. */
import { Deframer, FRAME, MORE } from '../../codec/deframer.ts'
import { isFault } from '../../codec/fault.ts'
import { decodeFrame } from '../../codec/frame.ts'
import { MessageView } from '../../codec/generated/hot.ts'
import { type Frame, type HistoryFrame, LIMITS } from '../../codec/generated/registry.ts'
import { receivedEvent, receivedMessage } from './conversations.ts'
import type { ClientConversation, HistoryEntry } from './types.ts'

type EntryFrame = Extract<Frame, { type: 'message' | 'event' }>

/** The frames of the entries, or undefined when a byte of them is not sound. */
export function historyFrames(frame: HistoryFrame): readonly EntryFrame[] | undefined {
  const deframer = new Deframer(LIMITS.frameBytes)
  const frames: EntryFrame[] = []
  let seq = 0
  deframer.push(frame.entries)
  for (let found = deframer.next(); found !== MORE; found = deframer.next()) {
    if (found !== FRAME) return undefined
    const entry = decodeFrame(deframer.bytes, deframer.start, deframer.end)
    //= PAL-ROM-055
    if (isFault(entry) || (entry.type !== 'message' && entry.type !== 'event')) return undefined
    if (entry.conversation !== frame.conversation || entry.seq <= seq) return undefined
    seq = entry.seq
    frames.push(entry)
  }
  return deframer.heldBytes === 0 ? frames : undefined
}

/** The entries as their reader gets them. They change nothing of what the client knows. */
export function historyEntries(
  conversation: ClientConversation,
  frames: readonly EntryFrame[],
): HistoryEntry[] {
  return frames.map((frame) => {
    if (frame.type === 'event') return { kind: 'event', ...receivedEvent(conversation, frame, false) }
    return { kind: 'message', message: receivedMessage(conversation, viewOf(frame), frame.body) }
  })
}

/** A decoded message as the view that is made of one on the hot path. */
export function viewOf(frame: Extract<Frame, { type: 'message' }>): MessageView {
  const view = new MessageView()
  view.conversation = frame.conversation
  view.seq = frame.seq
  view.time = frame.time
  view.sender = frame.sender
  view.ref = frame.ref
  view.kind = frame.kind
  view.bodyStart = 0
  view.bodyEnd = frame.body.length
  return view
}
