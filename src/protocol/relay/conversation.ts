/**
 * A conversation: a room or the two ends of a direct one. Entries of one tick are written once into one
 * batch; each member's link gets a reference to the same bytes (spec chapter 7).
 */
import { EMPTY_BYTES } from '../../base/bytes.ts'
import { laneOf } from '../../base/lanes.ts'
import type { LaneBytes } from '../../base/machine.ts'
import { writeFrame } from '../../codec/frame.ts'
import { writeMessage } from '../../codec/generated/hot.ts'
import type { CONVERSATION_KINDS, EventFrame } from '../../codec/generated/registry.ts'
import type { ByteWriter } from '../../codec/writer.ts'
import type { RelayLink } from './link.ts'
import type { Session } from './session.ts'

/** One session in one conversation. */
export interface Membership<Owner> {
  readonly conversation: Conversation<Owner>
  readonly session: Session<Owner>
  readonly alias: number
  role: number
  /** The ref accepted last; the next one must be one more. */
  ref: number
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
      /** Both identities, in the order of their aliases 1 and 2. */
      readonly ends: readonly [DirectEnd, DirectEnd]
    }

/** One of the two identities of a direct conversation. */
export interface DirectEnd {
  readonly key: Uint8Array
  readonly keyHex: string
  readonly name: string
}

/** What one member alone gets between two entries of a batch: an answer in its place in the log. */
export interface Interjection {
  /** Where in the open batch it belongs, in bytes. */
  readonly offset: number
  readonly bytes: Uint8Array
}

export class Conversation<Owner> {
  readonly number: number
  readonly lane: number
  readonly nature: ConversationNature
  /** In the order of the aliases. */
  readonly members: Membership<Owner>[] = []
  /** By key in hexadecimal; rooms only. */
  readonly bans: Map<string, RoomBan> = new Map()
  seq = 0
  topic = ''
  locked = false
  memberLimit: number
  #aliases = 0
  #batch: ByteWriter | undefined
  #interjections: Map<RelayLink<Owner>, Interjection[]> | undefined

  constructor(number: number, nature: ConversationNature, memberLimit: number) {
    this.number = number
    this.lane = laneOf(number)
    this.nature = nature
    this.memberLimit = memberLimit
  }

  /** The batch that is being written, if one is open. */
  get batch(): ByteWriter | undefined {
    return this.#batch
  }

  /** Opens a batch in `writer`, which is empty and the conversation's until `sealBatch`. */
  openBatch(writer: ByteWriter): void {
    this.#batch = writer
  }

  /** Ends the open batch: the bytes to send, in memory of their own. The writer can be used for another. */
  sealBatch(): LaneBytes {
    const bytes = this.#batch?.take() ?? EMPTY_BYTES
    this.#batch = undefined
    return { lane: this.lane, bytes }
  }

  /** Keeps an answer for one member, in its place behind the entries so far. A batch is open. */
  interject(link: RelayLink<Owner>, bytes: Uint8Array): void {
    this.#interjections ??= new Map()
    const own = this.#interjections.get(link)
    const interjection: Interjection = { offset: (this.#batch as ByteWriter).length, bytes }
    if (own) own.push(interjection)
    else this.#interjections.set(link, [interjection])
  }

  /** The answers that belong into the batch being sealed, by link; undefined when there are none. */
  takeInterjections(): ReadonlyMap<RelayLink<Owner>, readonly Interjection[]> | undefined {
    const taken = this.#interjections
    this.#interjections = undefined
    return taken
  }

  nextAlias(): number {
    //= PAL-ROM-005, PAL-ROM-006
    this.#aliases += 1
    return this.#aliases
  }

  addMember(membership: Membership<Owner>): void {
    const members = this.members
    let at = members.length
    while (at > 0 && (members[at - 1] as Membership<Owner>).alias > membership.alias) at -= 1
    members.splice(at, 0, membership)
  }

  /** At most `count` members whose alias is above `alias`, in the order of their aliases. */
  membersAfter(alias: number, count: number): Membership<Owner>[] {
    const { members } = this
    let low = 0
    let high = members.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((members[middle] as Membership<Owner>).alias > alias) high = middle
      else low = middle + 1
    }
    return members.slice(low, low + count)
  }

  removeMember(membership: Membership<Owner>): void {
    this.members.splice(this.members.indexOf(membership), 1)
  }

  /** Appends a message to the open batch: the body is [start, end) of `source`. */
  appendMessage(
    membership: Membership<Owner>,
    ref: number,
    kind: number,
    timeMs: number,
    source: Uint8Array,
    start: number,
    end: number,
  ): void {
    //= PAL-ROM-001, PAL-MSG-006, PAL-MSG-007
    this.seq += 1
    const out = this.#batch as ByteWriter
    writeMessage(out, this.number, this.seq, timeMs, membership.alias, ref, kind, source, start, end)
  }

  /** Appends an event to the open batch. */
  appendEvent(detail: EventDetail, timeMs: number): void {
    //= PAL-ROM-001
    this.seq += 1
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
