/**
 * A conversation: a room or the two ends of a direct one. Entries of one turn are written once into one
 * batch; each member's link gets a reference to the same bytes (spec chapter 7).
 */
import { EMPTY_BYTES } from '../../base/bytes.ts'
import { laneOf } from '../../base/lanes.ts'
import { writeFrame } from '../../codec/frame.ts'
import { writeMessage } from '../../codec/generated/hot.ts'
import { CONVERSATION_KINDS, type EventFrame } from '../../codec/generated/registry.ts'
import type { ByteWriter } from '../../codec/writer.ts'
import type { RelayLink } from './link.ts'
import type { Participant, Participants } from './participants.ts'
import type { Session } from './session.ts'

/** One identity in one conversation: with a session, or waiting for one after a lost link. */
export interface Membership<Owner> {
  readonly conversation: Conversation<Owner>
  readonly participant: Participant
  /** Undefined while the membership is detached. */
  session: Session<Owner> | undefined
  role: number
  /** Whether it gets batches as they are made; if not, and it has a session, it is fed from the log. */
  live: boolean
  /** Position of the last entry queued for its link; kept only while it is not live. */
  cursor: number
  /** Answers that wait until the cursor reaches their position. */
  readonly answers: WaitingAnswer[]
  /** Up to here, senders are named before their messages. */
  head: number
  named: Set<number> | undefined
}

/** An answer and the position in the log that it follows. */
export interface WaitingAnswer {
  readonly seq: number
  readonly bytes: Uint8Array
}

/** A ban from a room. */
export interface RoomBan {
  readonly name: string
  readonly key: Uint8Array
  /** Wall-clock milliseconds, or Infinity. */
  readonly untilMs: number
}

/** The fields of an event that vary; the rest are 0 or empty. */
export interface EventDetail {
  readonly kind: number
  readonly actor?: number
  readonly subject?: number
  readonly name?: string
  readonly key?: Uint8Array
  readonly value?: number
  readonly text?: string
}

/** What kind of conversation it is, with the data that only this kind has. */
export type ConversationNature =
  | {
      readonly kind: typeof CONVERSATION_KINDS.room
      readonly name: string
      readonly folded: string
      readonly looks: readonly string[]
      readonly permanent: boolean
    }
  | {
      readonly kind: typeof CONVERSATION_KINDS.direct
      readonly pair: string
      /** Both identities, the lower key first. */
      readonly ends: readonly [DirectEnd, DirectEnd]
    }

/** One of the two identities of a direct conversation. */
export interface DirectEnd {
  readonly key: Uint8Array
  readonly keyHex: string
  readonly name: string
  /** Position up to which this identity keeps the entries itself. */
  cursor: number
}

/** What one member alone gets between two entries of a batch: an answer in its place in the log. */
export interface Interjection extends WaitingAnswer {
  /** Where in the open batch it belongs, in bytes. */
  readonly offset: number
}

/** Entries as they go out, and which they are. */
export interface Batch {
  readonly isOwn: false
  readonly lane: number
  readonly bytes: Uint8Array
  /** The turn whose commit it waits for. */
  readonly turn: number
  readonly firstSeq: number
  readonly lastSeq: number
  /** Who sent all of it; NOBODY where it is of several, or holds events. */
  readonly sender: number
}

/** No alias. */
export const NOBODY = 0

/** What a conversation is made with. */
export interface ConversationSettings {
  readonly number: number
  readonly nature: ConversationNature
  readonly memberLimit: number
  /** Number of its log: 8 bytes. */
  readonly log: Uint8Array
}

export class Conversation<Owner> {
  readonly number: number
  readonly lane: number
  readonly nature: ConversationNature
  readonly log: Uint8Array
  /** In the order of the aliases. */
  readonly members: Membership<Owner>[] = []
  /** By key in hexadecimal; rooms only. */
  readonly bans: Map<string, RoomBan> = new Map()
  /** Roles other than `member`, by key in hexadecimal; rooms only. */
  readonly roles: Map<string, number> = new Map()
  /** Who was ever here, as far as it is remembered; undefined until the conversation is loaded. */
  participants: Participants | undefined
  /** Position of the last entry, of the last one in a sealed batch, and of the oldest one kept. */
  seq = 0
  sealedSeq = 0
  firstSeq = 1
  /** Bytes of the entries kept. */
  logBytes = 0
  /** Participants were last stored as of this position. */
  checkpoint = 0
  hasMessage = false
  /**
   * What the age of its entries counts from: milliseconds to add to an instant; undefined until it is known.
   */
  clockOffsetMs: number | undefined
  /** When the last message was taken. */
  changedMs = 0
  /** Whether the record differs from the one stored, and whether a participant has none yet. */
  isChanged = true
  hasNewParticipant = false
  /** The aliases given next, until the participants are loaded. */
  nextAliases: readonly number[]
  topic = ''
  locked = false
  memberLimit: number
  /** Members that are fed from the log. */
  behindCount = 0
  /** Batches that are not committed yet, or that members who are behind may still want. */
  readonly recent: Batch[] = []
  #batch: ByteWriter | undefined
  /** Who sent the messages of the open batch, as in `Batch`. */
  #batchSender = NOBODY
  #interjections: Map<RelayLink<Owner>, Interjection[]> | undefined

  constructor(settings: ConversationSettings) {
    this.number = settings.number
    this.lane = laneOf(settings.number)
    this.nature = settings.nature
    this.memberLimit = settings.memberLimit
    this.log = settings.log
    this.nextAliases = settings.nature.kind === CONVERSATION_KINDS.room ? [1] : [1, 2]
  }

  /** The batch that is being written, if one is open. */
  get batch(): ByteWriter | undefined {
    return this.#batch
  }

  /** Opens a batch in `writer`, which is empty and the conversation's until `sealBatch`. */
  openBatch(writer: ByteWriter): void {
    this.#batch = writer
  }

  /** Ends the open batch, in memory of its own. The writer can be used for another. */
  sealBatch(turn: number): Batch {
    const bytes = this.#batch?.take() ?? EMPTY_BYTES
    this.#batch = undefined
    const firstSeq = this.sealedSeq + 1
    this.sealedSeq = this.seq
    this.logBytes += bytes.length
    const sender = this.#batchSender
    return { isOwn: false, lane: this.lane, bytes, turn, firstSeq, lastSeq: this.seq, sender }
  }

  /** Keeps an answer for one member, in its place behind the entries so far. A batch is open. */
  interject(link: RelayLink<Owner>, bytes: Uint8Array): void {
    this.#interjections ??= new Map()
    const own = this.#interjections.get(link)
    const offset = (this.#batch as ByteWriter).length
    const interjection: Interjection = { offset, seq: this.seq, bytes }
    if (own) own.push(interjection)
    else this.#interjections.set(link, [interjection])
  }

  /** The answers that belong into the batch being sealed, by link; undefined when there are none. */
  takeInterjections(): ReadonlyMap<RelayLink<Owner>, readonly Interjection[]> | undefined {
    const taken = this.#interjections
    this.#interjections = undefined
    return taken
  }

  /** The batch at hand that holds entry `seq`, if one does. */
  recentWith(seq: number): Batch | undefined {
    for (let i = this.recent.length - 1; i >= 0; i--) {
      const batch = this.recent[i] as Batch
      if (batch.firstSeq <= seq) return seq <= batch.lastSeq ? batch : undefined
    }
    return undefined
  }

  addMember(membership: Membership<Owner>): void {
    const members = this.members
    let at = members.length
    while (at > 0 && aliasOf(members[at - 1] as Membership<Owner>) > aliasOf(membership)) at -= 1
    members.splice(at, 0, membership)
  }

  /** At most `count` members whose alias is above `alias`, in the order of their aliases. */
  membersAfter(alias: number, count: number): Membership<Owner>[] {
    const { members } = this
    let low = 0
    let high = members.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (aliasOf(members[middle] as Membership<Owner>) > alias) high = middle
      else low = middle + 1
    }
    return members.slice(low, low + count)
  }

  removeMember(membership: Membership<Owner>): void {
    this.members.splice(this.members.indexOf(membership), 1)
  }

  /** Appends a message to the open batch: the body is [start, end) of `source`. */
  appendMessage(
    sender: number,
    ref: number,
    kind: number,
    timeMs: number,
    source: Uint8Array,
    start: number,
    end: number,
  ): void {
    //= PAL-ROM-001, PAL-MSG-006, PAL-MSG-007
    this.seq += 1
    this.hasMessage = true
    const out = this.#batch as ByteWriter
    if (out.length === 0) this.#batchSender = sender
    else if (this.#batchSender !== sender) this.#batchSender = NOBODY
    writeMessage(out, this.number, this.seq, timeMs, sender, ref, kind, source, start, end)
  }

  /** Appends an event to the open batch. */
  appendEvent(detail: EventDetail, timeMs: number): void {
    //= PAL-ROM-001
    this.seq += 1
    this.#batchSender = NOBODY
    const frame: EventFrame = {
      type: 'event',
      conversation: this.number,
      seq: this.seq,
      time: timeMs,
      kind: detail.kind,
      actor: detail.actor ?? 0,
      subject: detail.subject ?? 0,
      name: detail.name ?? '',
      key: detail.key ?? EMPTY_BYTES,
      value: detail.value ?? 0,
      text: detail.text ?? '',
    }
    writeFrame(this.#batch as ByteWriter, frame)
  }
}

function aliasOf<Owner>(membership: Membership<Owner>): number {
  return membership.participant.alias
}
