/** Messages as scripts and people read them. */
import { strictUtf8Text, utf8Text } from '../base/bytes.ts'
import { CONTENT_KINDS, CONVERSATION_KINDS, GAP_REASONS } from '../codec/generated/registry.ts'
import { sealOf } from '../node/seals.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { clockText, isoText, sizeText } from './output.ts'
import { printableLines } from './printable.ts'

const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CONTENT_KINDS).map(([name, value]) => [value, name]),
)
const INDENT = ' '.repeat(9)

/** The name of a content kind, or its number when this edition does not know it. */
export function contentKindName(kind: number): string {
  return KIND_NAMES.get(kind) ?? String(kind)
}

/** Who sent a message. */
export function senderOf(message: ReceivedMessage): string {
  return message.senderName ?? `member-${message.sender}`
}

/** `#room`, or the name of the other one. */
export function placeOf({ conversation }: ReceivedMessage): string {
  return placeName(conversation)
}

/** The same of a conversation. */
export function placeName(conversation: ClientConversation): string {
  return conversation.kind === CONVERSATION_KINDS.room ? `#${conversation.name}` : conversation.name
}

/** Why entries are missing, in a word. */
export function gapReason(reason: number): string {
  return reason === GAP_REASONS.corrupt ? 'corrupt' : 'retention'
}

/** The fields of a message in JSON. */
export function messageFields(message: ReceivedMessage): Record<string, unknown> {
  const { conversation, seq, timeMs, contentKind, body } = message
  const isRoom = conversation.kind === CONVERSATION_KINDS.room
  const where = isRoom ? { room: placeOf(message) } : { direct: conversation.name }
  const text = strictUtf8Text(body)
  const content = text === undefined ? { body_b64: Buffer.from(body).toString('base64') } : { text }
  const kind = contentKindName(contentKind)
  return {
    ...where,
    seq: String(seq),
    at: isoText(timeMs),
    from: senderOf(message),
    kind,
    ...content,
    ...sealOf(message),
  }
}

/** The message for people: `12:00:09 bob: hello`. */
export function messageLine(message: ReceivedMessage, withPlace: boolean): string {
  const { timeMs, contentKind, body } = message
  const place = withPlace ? `${placeOf(message)} ` : ''
  const start = `${clockText(timeMs)} ${place}`
  const from = senderOf(message)
  if (contentKind === CONTENT_KINDS.text) return `${start}${from}: ${bodyText(body, INDENT)}`
  if (contentKind === CONTENT_KINDS.action) return `${start}* ${from} ${bodyText(body, INDENT)}`
  if (contentKind === CONTENT_KINDS.bytes) return `${start}${from}: (${sizeText(body.length)} of bytes)`
  //= PAL-MSG-012
  return `${start}${from}: (unknown content, kind ${contentKind}, ${sizeText(body.length)})`
}

/** Text that can do nothing to a terminal; further lines are indented. */
export function bodyText(body: Uint8Array, indent: string): string {
  return printableLines(utf8Text(body), indent)
}
