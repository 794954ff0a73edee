/**
 * A conversation of a client that survives links (spec chapter 7): which entries the application has, which
 * of its messages the relay has, and what follows from each answer. Knows no other conversation.
 */
import { equalBytes } from '../../base/bytes.ts'
import { type Instant, NEVER } from '../../base/time.ts'
import {
  CONTENT_KINDS,
  CONVERSATION_KINDS,
  type ErrorName,
  type JoinedFrame,
} from '../../codec/generated/registry.ts'
import type { ClientRecord, KeptPlace, OutboxMessage, SentAt } from './keeping.ts'
import type { ClientSession } from './session.ts'
import type { ClientConversation, ReceivedMessage } from './types.ts'

/** What a place tells its owner. */
export interface PlaceOwner {
  /** Whether sealed messages of rooms wait on each link until they are released. */
  readonly holdsSealed: boolean
  note(record: ClientRecord): void
  sent(place: Place, id: string, at: SentAt, isDuplicate: boolean): void
}

/** A message that was refused for good. */
export interface Refusal {
  readonly code: number
  readonly name: ErrorName | undefined
  readonly text: string
}

export class Place {
  readonly kept: KeptPlace
  /** Undefined until it was joined in this run. */
  conversation: ClientConversation | undefined
  /** What the relay said last of the membership. */
  lastJoined: JoinedFrame | undefined
  /** The last entry that came on this link, wanted or not. */
  seen = 0
  /** The last entry that the application was given. */
  delivered: number
  /** Whether the application wants to be in it. */
  isWanted = false
  /** Whether the application has yet to say from where it wants the entries. */
  isHeld = false
  /** The `follow` that will bring the entries after `delivered`; until then all others are left out. */
  followed = 0
  /** The relay was told that entries up to here are kept. */
  cursorSent = 0
  /** Nothing is sent before, because the relay said that it is too much; NEVER when it did not. */
  pausedUntil: Instant = NEVER
  /** Whether sealed messages wait: what they are sealed with may be out of date. */
  isHoldingSealed = false
  /** Whether the application knows that it has the log as of `joined`. */
  isCaughtUp = false
  readonly #owner: PlaceOwner
  readonly #underWay = new Map<number, OutboxMessage>()
  /** Taken by the relay on an earlier link; their entries may be on the way. */
  readonly #accepted = new Map<number, OutboxMessage>()
  /** The messages that are neither, in their order, from `#next` on. */
  #unsent: OutboxMessage[]
  #next = 0

  constructor(kept: KeptPlace, owner: PlaceOwner) {
    this.kept = kept
    this.delivered = kept.applied
    this.#owner = owner
    this.#unsent = [...kept.outbox.values()]
    this.holdSealed()
  }

  /** Sealed messages wait for `release`, which follows once the log was read. */
  holdSealed(): void {
    this.isCaughtUp = false
    this.isHoldingSealed = this.#owner.holdsSealed && this.kept.conversationKind === CONVERSATION_KINDS.room
  }

  /** Whether the log was read to the end as of `joined`; true once. */
  catchesUp(): boolean {
    if (this.isCaughtUp || !this.isHoldingSealed || !this.isLive) return false
    if (this.followed > 0 || this.isHeld || this.seen < (this.lastJoined?.head ?? Infinity)) return false
    this.isCaughtUp = true
    return true
  }

  /** Whether the client is a member on the link it has now. */
  get isLive(): boolean {
    return this.conversation?.isLive === true
  }

  /** The link is gone: what was under way will be sent again. */
  detach(): void {
    this.#underWay.clear()
    this.#accepted.clear()
    this.#collect()
    this.followed = 0
    this.cursorSent = 0
    this.holdSealed()
  }

  /**
   * The membership begins, or begins again. Returns the position after which entries have to be asked for, or
   * undefined when those that come are the right ones.
   */
  joined(
    conversation: ClientConversation,
    frame: JoinedFrame,
    since: number | undefined,
  ): number | undefined {
    const { kept } = this
    const isSameLog = equalBytes(kept.log, frame.log)
    if (!isSameLog || kept.number !== frame.conversation) this.#renumber(frame)
    this.conversation = conversation
    this.seen = frame.seq
    this.lastJoined = { ...frame, log: kept.log, peers: [] }
    // A log cannot be shorter than it was; where it is, what follows its end is new.
    this.delivered = Math.min(since ?? (isSameLog ? this.delivered : 0), frame.head)
    this.#sortOut(frame.ref)
    return this.delivered < frame.seq ? this.delivered : undefined
  }

  #renumber(frame: JoinedFrame): void {
    const { id: place, conversationKind, name, peer, applied: before, log: known } = this.kept
    const { conversation: number } = frame
    const applied = equalBytes(known, frame.log) ? before : 0
    const log = frame.log.slice()
    this.#owner.note({ kind: 'place', place, number, log, conversationKind, name, peer, applied })
    this.#underWay.clear()
  }

  /** Which messages the relay has: those sent with a ref up to `ref` to this log. */
  #sortOut(ref: number): void {
    this.#accepted.clear()
    for (const message of this.kept.outbox.values()) {
      //= PAL-MSG-025
      if (message.ref > 0 && message.ref <= ref) {
        this.#accepted.set(message.ref, message)
        this.#underWay.delete(message.ref)
      }
    }
    this.#collect()
  }

  /** Finds out what is to be sent. */
  #collect(): void {
    const isBegun = (message: OutboxMessage): boolean =>
      this.#underWay.get(message.ref) === message || this.#accepted.get(message.ref) === message
    this.#unsent = [...this.kept.outbox.values()].filter((message) => !isBegun(message))
    this.#next = 0
  }

  /** Whether the entries from `from` to `to` are the next ones for the application. */
  deliver(from: number, to: number): boolean {
    this.seen = to
    if (this.followed > 0 || this.isHeld || from !== this.delivered + 1 || to < from) return false
    this.delivered = to
    return true
  }

  /** The relay does not give what is missing: what comes now is the next. */
  giveUpFollowing(): void {
    this.delivered = this.conversation?.seq ?? this.delivered
  }

  /** Whether something could be sent. */
  get hasUnsent(): boolean {
    return this.#next < this.#unsent.length
  }

  // ---- sending --------------------------------------------------------------------------------

  /** The outbox has another message. */
  add(id: string): void {
    const message = this.kept.outbox.get(id)
    if (message) this.#unsent.push(message)
  }

  /** Sends what there is room for. */
  send(session: ClientSession, now: Instant): void {
    const { conversation } = this
    if (!conversation?.isLive || (this.pausedUntil !== NEVER && now < this.pausedUntil)) return
    this.pausedUntil = NEVER
    for (let message = this.#unsent[this.#next]; message; message = this.#unsent[++this.#next]) {
      if (!this.kept.outbox.has(message.id)) continue
      if (this.isHoldingSealed && message.contentKind === CONTENT_KINDS.sealed) return
      //= PAL-MSG-024
      const ref = session.send(conversation.number, message.contentKind, message.body)
      if (ref === undefined) return
      this.#underWay.set(ref, message)
      // The ref is kept before the message leaves: after a crash `joined.ref` tells whether it arrived.
      if (message.ref !== ref) this.#owner.note({ kind: 'ref', place: this.kept.id, id: message.id, ref })
    }
    this.#unsent.length = 0
    this.#next = 0
  }

  /** Ids of messages that the relay is not known to have and that are not on their way on this link. */
  waiting(): Set<string> {
    const waiting = this.#unsent.slice(this.#next).filter(({ id }) => this.kept.outbox.has(id))
    return new Set(waiting.map(({ id }) => id))
  }

  /** Gives a message that waits another body; false when it does not wait. */
  replace(id: string, body: Uint8Array): boolean {
    const message = this.kept.outbox.get(id)
    if (!message || !this.waiting().has(id)) return false
    const { contentKind } = message
    this.#owner.note({ kind: 'message', place: this.kept.id, id, contentKind, body })
    this.#collect()
    return true
  }

  /** One of the client's own messages came out of the log: that acknowledges it. */
  echoed({ ref, seq, timeMs }: ReceivedMessage): void {
    this.#settle(ref, { seq, timeMs })
  }

  /** The relay had taken the message before. */
  acknowledged(ref: number, seq: number): void {
    this.#settle(ref, { seq, timeMs: 0 })
  }

  #settle(ref: number, at: SentAt): void {
    const accepted = this.#accepted.get(ref)
    const message = this.#underWay.get(ref) ?? accepted
    if (!message) return
    const isDuplicate = accepted !== undefined || at.timeMs === 0
    this.#end(message, { kind: 'sent', place: this.kept.id, id: message.id, ...at })
    this.#owner.sent(this, message.id, at, isDuplicate)
  }

  /** The log was read to the end as of `joined`: accepted messages that were not in it are there no more. */
  settleAccepted(): void {
    if (this.#accepted.size === 0 || this.followed > 0) return
    if (this.seen < (this.lastJoined?.head ?? Infinity)) return
    for (const ref of [...this.#accepted.keys()]) this.#settle(ref, { seq: 0, timeMs: 0 })
  }

  /** A message was refused; gives it when it is for the application to know. */
  refused(ref: number, name: ErrorName | undefined): OutboxMessage | undefined {
    const message = this.#underWay.get(ref)
    if (!message) return undefined
    this.#underWay.delete(ref)
    // It goes again: with another ref, because one before it was refused, or later.
    this.#collect()
    if (name === 'ref_gap' || name === 'rate_limited') return undefined
    this.#end(message, { kind: 'dropped', place: this.kept.id, id: message.id })
    return message
  }

  /** Takes a message out of the outbox; false when it is not there. */
  withdraw(id: string): boolean {
    const message = this.kept.outbox.get(id)
    if (message) this.#end(message, { kind: 'dropped', place: this.kept.id, id })
    return message !== undefined
  }

  #end(message: OutboxMessage, record: ClientRecord): void {
    if (this.#underWay.get(message.ref) === message) this.#underWay.delete(message.ref)
    if (this.#accepted.get(message.ref) === message) this.#accepted.delete(message.ref)
    this.#owner.note(record)
  }
}
