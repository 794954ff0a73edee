/** Messages from clients into the logs (spec chapter 7): the hot path. */
import type { MessageView, SendView } from '../../codec/generated/hot.ts'
import { CONVERSATION_KINDS, type ErrorName, LIMITS } from '../../codec/generated/registry.ts'
import type { Conversation, Membership } from './conversation.ts'
import { reachPeer } from './directs.ts'
import { visitEntries } from './entries.ts'
import type { Hub } from './hub.ts'
import { DIRECT_MEMBERS } from './requests.ts'
import type { Session } from './session.ts'

/** Bytes of the log that are searched for a message sent before. */
const SEARCH_BYTES_MAX = 256 * 1024

/** Takes a message into the log. The body is a range of `source`, which is not kept. */
export function handleSend<Owner>(
  hub: Hub<Owner>,
  session: Session<Owner>,
  view: SendView,
  source: Uint8Array,
): void {
  const membership = session.memberships.get(view.conversation)
  //= PAL-MSG-003
  if (membership === undefined) return refuseSend(hub, session, view, 'not_a_member')
  const { conversation, participant } = membership
  if (view.ref <= participant.ref) return handleRepeated(hub, membership, view, source)
  if (view.ref !== participant.ref + 1) return refuseSend(hub, session, view, 'ref_gap')
  const bodyBytes = view.bodyEnd - view.bodyStart
  if (bodyBytes > hub.limits.bodyBytes) return refuseSend(hub, session, view, 'body_too_large')
  if (conversation.members.length < DIRECT_MEMBERS) {
    const unreachable = reachPeer(hub, conversation, session.keyHex)
    if (unreachable) return refuseSend(hub, session, view, unreachable)
  }
  //= PAL-ROM-041
  if (hub.archive.isFull(bodyBytes)) return refuseSend(hub, session, view, 'storage_full')
  //= PAL-MSG-005, PAL-MSG-026
  participant.ref = view.ref
  participant.usedMs = hub.steadyMs
  participant.isChanged = true
  hub.openBatch(conversation)
  conversation.changedMs = hub.steadyMs
  conversation.appendMessage(
    participant.alias,
    view.ref,
    view.kind,
    hub.wallMs,
    source,
    view.bodyStart,
    view.bodyEnd,
  )
  if (conversation.nature.kind === CONVERSATION_KINDS.direct)
    hub.mailboxes.noteMessage(conversation, session.keyHex, bodyBytes)
}

function refuseSend<Owner>(hub: Hub<Owner>, session: Session<Owner>, view: SendView, code: ErrorName): void {
  //= PAL-MSG-004
  hub.replyError(session.link, code, { conversation: view.conversation, ref: view.ref })
}

/** A message that was taken before is acknowledged again, if it is the same. */
function handleRepeated<Owner>(
  hub: Hub<Owner>,
  membership: Membership<Owner>,
  view: SendView,
  source: Uint8Array,
): void {
  const { conversation, participant } = membership
  const session = membership.session as Session<Owner>
  hub.sealEarly(conversation)
  const found =
    participant.ref - view.ref < LIMITS.unacknowledgedSends
      ? findMessage(hub, conversation, { ...view, sender: participant.alias }, source)
      : undefined
  //= PAL-MSG-023
  if (found && !found.isSame) return refuseSend(hub, session, view, 'ref_repeated')
  //= PAL-MSG-021, PAL-MSG-022
  const ack = { type: 'ack', conversation: view.conversation, ref: view.ref, seq: found?.seq ?? 0 } as const
  hub.reply(session.link, ack, view.conversation)
}

/** Where the last pieces of the log hold the message of that sender and ref, and whether it is the same. */
function findMessage<Owner>(
  hub: Hub<Owner>,
  conversation: Conversation<Owner>,
  wanted: SendView & { readonly sender: number },
  source: Uint8Array,
): { readonly seq: number; readonly isSame: boolean } | undefined {
  let found: { seq: number; isSame: boolean } | undefined
  const visitor = {
    message(view: MessageView, bytes: Uint8Array): void {
      if (view.sender === wanted.sender && view.ref === wanted.ref)
        found = { seq: view.seq, isSame: isSame(view, bytes, wanted, source) }
    },
    event(): void {},
  }
  let searched = 0
  for (let seq = conversation.sealedSeq; seq >= conversation.firstSeq && searched < SEARCH_BYTES_MAX; ) {
    const piece = conversation.recentWith(seq) ?? hub.archive.storage.read(conversation.number, seq)
    if (!piece) return undefined
    if (!('reason' in piece)) {
      visitEntries(piece.bytes, 0, piece.bytes.length, visitor)
      searched += piece.bytes.length
    }
    if (found) return found
    seq = Math.min(seq, piece.firstSeq) - 1
  }
  return undefined
}

function isSame(message: MessageView, bytes: Uint8Array, sent: SendView, source: Uint8Array): boolean {
  const length = message.bodyEnd - message.bodyStart
  if (message.kind !== sent.kind || length !== sent.bodyEnd - sent.bodyStart) return false
  for (let i = 0; i < length; i++)
    if (bytes[message.bodyStart + i] !== source[sent.bodyStart + i]) return false
  return true
}
