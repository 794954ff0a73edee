// Written by tools/spec/generate.ts from spec/registry. Do not edit.

import type { FrameReader } from '../reader.ts'
import type { ByteWriter } from '../writer.ts'

/** The fields of a send frame; the body stays where it is, in the bytes that were read. */
export class SendView {
  conversation: number = 0
  ref: number = 0
  kind: number = 0
  bodyStart: number = 0
  bodyEnd: number = 0
}

/**
 * Reads the fields of a send frame that has exactly the 4 fields known here.
 * False for
 * anything else: the general decoder then decides whether it is valid.
 */
export function readSend(reader: FrameReader, view: SendView): boolean {
  if (reader.readArrayHeader() !== 5) return false
  if (reader.readUint() !== 32) return false
  const conversation = reader.readUint()
  if (conversation < 1 || conversation > 4294967295) return false
  view.conversation = conversation
  const ref = reader.readUint()
  if (ref < 1 || ref > 9007199254740991) return false
  view.ref = ref
  const kind = reader.readUint()
  if (kind < 0 || kind > 255) return false
  view.kind = kind
  if (!reader.readBin() || reader.position - reader.binStart > 61440) return false
  view.bodyStart = reader.binStart
  view.bodyEnd = reader.position
  return reader.atEnd
}

/** Appends a send frame with its length prefix; the body is the given range of `source`. */
export function writeSend(
  out: ByteWriter,
  conversation: number,
  ref: number,
  kind: number,
  source: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = out.beginFrame()
  out.writeArrayHeader(5)
  out.writeUint(32)
  out.writeUint(conversation)
  out.writeUint(ref)
  out.writeUint(kind)
  out.writeBin(source, bodyStart, bodyEnd)
  out.endFrame(start)
}

/** The fields of a message frame; the body stays where it is, in the bytes that were read. */
export class MessageView {
  conversation: number = 0
  seq: number = 0
  time: number = 0
  sender: number = 0
  ref: number = 0
  kind: number = 0
  bodyStart: number = 0
  bodyEnd: number = 0
}

/**
 * Reads the fields of a message frame that has exactly the 7 fields known here.
 * False for
 * anything else: the general decoder then decides whether it is valid.
 */
export function readMessage(reader: FrameReader, view: MessageView): boolean {
  if (reader.readArrayHeader() !== 8) return false
  if (reader.readUint() !== 33) return false
  const conversation = reader.readUint()
  if (conversation < 1 || conversation > 4294967295) return false
  view.conversation = conversation
  const seq = reader.readUint()
  if (seq < 1 || seq > 9007199254740991) return false
  view.seq = seq
  const time = reader.readUint()
  if (time < 0 || time > 9007199254740991) return false
  view.time = time
  const sender = reader.readUint()
  if (sender < 1 || sender > 4294967295) return false
  view.sender = sender
  const ref = reader.readUint()
  if (ref < 1 || ref > 9007199254740991) return false
  view.ref = ref
  const kind = reader.readUint()
  if (kind < 0 || kind > 255) return false
  view.kind = kind
  if (!reader.readBin() || reader.position - reader.binStart > 61440) return false
  view.bodyStart = reader.binStart
  view.bodyEnd = reader.position
  return reader.atEnd
}

/** Appends a message frame with its length prefix; the body is the given range of `source`. */
export function writeMessage(
  out: ByteWriter,
  conversation: number,
  seq: number,
  time: number,
  sender: number,
  ref: number,
  kind: number,
  source: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = out.beginFrame()
  out.writeArrayHeader(8)
  out.writeUint(33)
  out.writeUint(conversation)
  out.writeUint(seq)
  out.writeUint(time)
  out.writeUint(sender)
  out.writeUint(ref)
  out.writeUint(kind)
  out.writeBin(source, bodyStart, bodyEnd)
  out.endFrame(start)
}
