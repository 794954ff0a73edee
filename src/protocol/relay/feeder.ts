/** Feeds members who are behind from the log, with their answers in their places (spec chapters 6 and 7). */
import { assert } from '../../base/assert.ts'
import { copyOf } from '../../base/bytes.ts'
import { encodeFrame } from '../../codec/frame.ts'
import { GAP_REASONS, type MemberRecord, ROLES } from '../../codec/generated/registry.ts'
import type { Conversation, Membership, WaitingAnswer } from './conversation.ts'
import { type EntryVisitor, skipEntries, visitEntries } from './entries.ts'
import type { QueuedBytes, RelayLink } from './link.ts'
import type { LogGap, LogPage, LogReader } from './storage.ts'

/** Queues bytes for a link; they wait for the commit of their turn. */
type Enqueue<Owner> = (link: RelayLink<Owner>, item: QueuedBytes) => void

/** Committed already. */
const COMMITTED = 0

/** Whole entries, and the turn whose commit they wait for. */
interface Piece extends Pick<LogPage, 'firstSeq' | 'lastSeq' | 'bytes'> {
  readonly turn: number
}

export class Feeder<Owner> {
  readonly #reader: LogReader
  readonly #enqueueItem: Enqueue<Owner>
  readonly #enqueueAnswer: Enqueue<Owner>

  constructor(reader: LogReader, enqueue: Enqueue<Owner>, enqueueAnswer: Enqueue<Owner>) {
    this.#reader = reader
    this.#enqueueItem = enqueue
    this.#enqueueAnswer = enqueueAnswer
  }

  #enqueue(link: RelayLink<Owner>, lane: number, bytes: Uint8Array, turn: number): void {
    this.#enqueueItem(link, { lane, bytes, turn, isOwn: false })
  }

  /**
   * Queues for the link what its members lack, until `highWater` bytes wait for it or nobody lacks anything.
   */
  feed(link: RelayLink<Owner>, highWater: number, turn: number): void {
    const { behind } = link
    let idle = 0
    while (idle < behind.length && link.queuedBytes < highWater) {
      const member = behind.shift() as Membership<Owner>
      if (this.#hasCaughtUp(link, member, turn)) {
        member.live = true
        member.named = undefined
        member.conversation.behindCount -= 1
        idle = 0
        continue
      }
      behind.push(member)
      if (member.cursor >= member.conversation.sealedSeq) idle += 1
      else {
        this.#feedPiece(link, member)
        idle = 0
      }
    }
  }

  /** Queues the answers that are due, and tells whether the member lacks nothing. */
  #hasCaughtUp(link: RelayLink<Owner>, member: Membership<Owner>, turn: number): boolean {
    const { answers, conversation } = member
    while (answers.length > 0 && (answers[0] as WaitingAnswer).seq <= member.cursor) {
      const { bytes } = answers.shift() as WaitingAnswer
      this.#enqueueAnswer(link, { lane: conversation.lane, bytes, turn, isOwn: true })
    }
    return answers.length === 0 && member.cursor >= conversation.sealedSeq
  }

  /** The membership ends: a gap stands for all that was not sent but, if wanted, the last entry. */
  skip(link: RelayLink<Owner>, member: Membership<Owner>, withLast: boolean, turn: number): void {
    const { conversation, cursor } = member
    const lastSeq = conversation.sealedSeq
    const gapTo = withLast ? lastSeq - 1 : lastSeq
    //= PAL-ROM-062
    if (gapTo > cursor) {
      const gap = { type: 'gap', conversation: conversation.number, from: cursor + 1, to: gapTo } as const
      const bytes = encodeFrame({ ...gap, reason: GAP_REASONS.skipped })
      this.#enqueue(link, conversation.lane, bytes, turn)
      member.cursor = gapTo
    }
    if (withLast && member.cursor < lastSeq) this.#feedPiece(link, member)
    member.cursor = Math.max(lastSeq, cursor)
    this.#hasCaughtUp(link, member, turn)
  }

  #feedPiece(link: RelayLink<Owner>, member: Membership<Owner>): void {
    const { conversation, cursor } = member
    const recent = conversation.recentWith(cursor + 1)
    const found = recent ?? this.#reader.read(conversation.number, cursor + 1)
    assert(found !== undefined, 'what is sealed is at hand or in the log')
    if ('reason' in found) this.#feedGap(link, member, found)
    else this.#feedEntries(link, member, { ...found, turn: recent?.turn ?? COMMITTED })
  }

  //= PAL-ROM-042, PAL-ROM-043
  #feedGap(link: RelayLink<Owner>, member: Membership<Owner>, gap: LogGap): void {
    const { conversation } = member
    const frame = {
      type: 'gap',
      conversation: conversation.number,
      from: member.cursor + 1,
      to: gap.lastSeq,
      reason: GAP_REASONS[gap.reason],
    } as const
    this.#enqueue(link, conversation.lane, encodeFrame(frame), COMMITTED)
    member.cursor = gap.lastSeq
  }

  #feedEntries(link: RelayLink<Owner>, member: Membership<Owner>, piece: Piece): void {
    const { conversation, cursor, answers } = member
    const start = skipEntries(piece.bytes, 0, cursor + 1 - piece.firstSeq)
    // The next answer cuts the piece at its place.
    const lastSeq = Math.min(piece.lastSeq, answers[0]?.seq ?? piece.lastSeq)
    const end =
      lastSeq === piece.lastSeq ? piece.bytes.length : skipEntries(piece.bytes, start, lastSeq - cursor)
    if (cursor < member.head) this.#nameSenders(link, member, piece, start, end)
    const whole = start === 0 && end === piece.bytes.length
    const bytes = whole ? piece.bytes : piece.bytes.subarray(start, end)
    this.#enqueue(link, conversation.lane, bytes, piece.turn)
    member.cursor = lastSeq
  }

  //= PAL-ROM-050
  #nameSenders(
    link: RelayLink<Owner>,
    member: Membership<Owner>,
    piece: Piece,
    start: number,
    end: number,
  ): void {
    const { conversation } = member
    member.named ??= new Set()
    const senders = sendersIn(conversation, piece.bytes, start, end, member.named)
    for (let from = 0; from < senders.length; from += SENDERS_PER_FRAME) {
      const page = senders.slice(from, from + SENDERS_PER_FRAME)
      const bytes = encodeFrame({ type: 'senders', conversation: conversation.number, senders: page })
      this.#enqueue(link, conversation.lane, bytes, piece.turn)
    }
  }
}

/** As many as a `senders` or `history` frame holds. */
export const SENDERS_PER_FRAME = 128

/** The senders of the messages in [start, end) that are not in `named` yet; adds them to it. */
export function sendersIn<Owner>(
  conversation: Conversation<Owner>,
  bytes: Uint8Array,
  start: number,
  end: number,
  named: Set<number>,
): MemberRecord[] {
  const senders: MemberRecord[] = []
  const visitor: EntryVisitor = {
    message({ sender }) {
      if (named.has(sender)) return
      named.add(sender)
      const participant = conversation.participants?.withAlias(sender)
      if (!participant) return
      const { alias, name, key, keyHex } = participant
      senders.push({ alias, name, key: copyOf(key), role: conversation.roles.get(keyHex) ?? ROLES.member })
    },
    event() {},
  }
  visitEntries(bytes, start, end, visitor)
  return senders
}
