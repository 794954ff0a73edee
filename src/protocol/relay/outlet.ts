/**
 * Everything that leaves a relay: the queue of each link, the turns whose commit output waits for, answers in
 * their places in the logs, and readers that do not keep up and are fed from the logs. Knows no request.
 *
 * Each piece queued carries the turn in which it was made, and leaves when that turn and all before are
 * committed. So nobody sees what a crash could take back, and each link keeps its order (PAL-ROM-038).
 */
import { CONTROL_LANE, laneOf } from '../../base/lanes.ts'
import type { LaneBytes } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import type { Instant } from '../../base/time.ts'
import { encodeFrame } from '../../codec/frame.ts'
import type { Frame } from '../../codec/generated/registry.ts'
import type { Batch, Conversation, Interjection, Membership } from './conversation.ts'
import { Feeder } from './feeder.ts'
import type { RelayLimits } from './hub.ts'
import type { QueuedBytes, RelayLink } from './link.ts'
import type { LogReader } from './storage.ts'

/** Committed already: waits for nothing. */
const COMMITTED = 0

export class Outlet<Owner> {
  readonly #limits: RelayLimits
  readonly #feeder: Feeder<Owner>
  /** The turn being made, and the last one that is committed. */
  #turn = 1
  #committedTurn = 0
  /** Bytes that wait for all links: those queued, and answers that wait for their places. */
  #waitingBytes = 0
  readonly #trailing: { link: RelayLink<Owner>; item: QueuedBytes }[] = []
  readonly #slow: RelayLink<Owner>[] = []
  readonly #hungry: RelayLink<Owner>[] = []
  readonly #readyLinks = new Queue<RelayLink<Owner>>()
  /** Links whose next bytes wait for a commit. */
  #waitingLinks: RelayLink<Owner>[] = []

  constructor(limits: RelayLimits, reader: LogReader) {
    this.#limits = limits
    this.#feeder = new Feeder(
      reader,
      (link, item) => this.#enqueue(link, item),
      (link, item) => this.#enqueueAnswer(link, item),
    )
  }

  get turn(): number {
    return this.#turn
  }

  // ---- what is to be sent ---------------------------------------------------------------------

  /** Queues a frame behind everything that is queued for the link so far, on the lane of `conversation`. */
  sendNow(link: RelayLink<Owner>, frame: Frame, conversation = 0): void {
    this.sendEncoded(link, encodeFrame(frame), laneOf(conversation))
  }

  sendEncoded(link: RelayLink<Owner>, bytes: Uint8Array, lane: number = CONTROL_LANE): void {
    this.#enqueue(link, { lane, bytes, turn: this.#turn, isOwn: true })
  }

  /** Queues what is of use soon or never and waits for no commit; false where too much waits already. */
  sendEphemeral(link: RelayLink<Owner>, bytes: Uint8Array, lane: number): boolean {
    //= PAL-SIG-006
    if (link.slow || link.queuedBytes > this.#limits.signalBacklogBytes) return false
    this.#enqueue(link, { lane, bytes, turn: COMMITTED, isOwn: false, isEphemeral: true })
    return true
  }

  /**
   * Queues an answer. In a conversation it keeps its place among the entries made before and after it; for
   * the session it follows everything of this turn.
   */
  reply(link: RelayLink<Owner>, frame: Frame, conversation = 0): void {
    //= PAL-SES-017
    if (link.state === 'closed') return
    const item = { lane: laneOf(conversation), bytes: encodeFrame(frame), turn: this.#turn, isOwn: true }
    // What a link asked for in one turn counts before the turn ends, so that asking much costs little memory.
    const waiting = link.ownBytes + link.answerBytes + item.bytes.length
    //= PAL-SES-025, PAL-LIM-008
    if (waiting > this.#limits.outboundBytes) this.cutOff(link)
    if (link.slow) return
    if (conversation === 0) this.trail(link, item)
    else this.#replyInPlace(link, item, conversation)
  }

  /** Queues something behind everything of this turn. */
  trail(link: RelayLink<Owner>, item: LaneBytes): void {
    this.#keepAnswer(link, item.bytes.length)
    this.#trailing.push({ link, item: { lane: item.lane, bytes: item.bytes, turn: this.#turn, isOwn: true } })
  }

  //= PAL-ROM-033
  #replyInPlace(link: RelayLink<Owner>, item: QueuedBytes, number: number): void {
    const member = link.session?.memberships.get(number)
    if (member && !member.live) {
      //= PAL-SES-035
      this.#keepAnswer(link, item.bytes.length)
      member.answers.push({ seq: member.conversation.seq, bytes: item.bytes })
      this.#hungry.push(link)
    } else if (member?.conversation.batch) {
      this.#keepAnswer(link, item.bytes.length)
      member.conversation.interject(link, item.bytes)
    } else this.#enqueue(link, item)
  }

  /** Hands a batch to the members. */
  deliver(conversation: Conversation<Owner>, batch: Batch): void {
    const interjections = conversation.takeInterjections()
    const highWater = this.#limits.outboundBytes / 2
    //= PAL-ROM-002
    for (const member of conversation.members) {
      const link = member.session?.link
      if (link === undefined) continue
      if (!member.live) {
        if (link.queuedBytes === 0) this.#hungry.push(link)
        continue
      }
      const own = interjections?.get(link)
      //= PAL-SES-026, PAL-SES-033
      if (link.queuedBytes > 0 && link.queuedBytes + batch.bytes.length > highWater)
        this.#fallBehind(member, link, batch, own)
      else if (own === undefined) this.#enqueue(link, batch, batch.sender !== member.participant.alias)
      else this.#enqueueAround(link, batch, own)
    }
  }

  #fallBehind(
    member: Membership<Owner>,
    link: RelayLink<Owner>,
    batch: Batch,
    own: readonly Interjection[] | undefined,
  ): void {
    this.follow(member, link, batch.firstSeq - 1)
    if (own) member.answers.push(...own)
  }

  /** From here on the member is fed from the log, beginning after `seq`. */
  follow(member: Membership<Owner>, link: RelayLink<Owner>, seq: number): void {
    member.cursor = seq
    if (member.live || !link.behind.includes(member)) {
      member.live = false
      member.conversation.behindCount += 1
      link.behind.push(member)
    }
    this.#hungry.push(link)
  }

  /** A member that is behind goes: of what it lacks it gets the last entry at the most. */
  skip(member: Membership<Owner>, link: RelayLink<Owner>, withLast: boolean): void {
    if (!member.live) this.#feeder.skip(link, member, withLast, this.#turn)
  }

  /** The member gets nothing more. */
  unfollow(member: Membership<Owner>, link: RelayLink<Owner>): void {
    const at = link.behind.indexOf(member)
    if (at < 0) return
    link.behind.splice(at, 1)
    member.conversation.behindCount -= 1
  }

  /** Answers that wait for entries which will not be sent are of no use. */
  dropAnswers(member: Membership<Owner>, link: RelayLink<Owner>): void {
    for (const { bytes } of member.answers) this.#keepAnswer(link, -bytes.length)
    member.answers.length = 0
  }

  /** So many bytes of answers begin, or with a minus cease, to wait for their places. */
  #keepAnswer(link: RelayLink<Owner>, bytes: number): void {
    link.answerBytes += bytes
    this.#waitingBytes += bytes
  }

  /** The batch in pieces, with a member's own answers in their places. */
  #enqueueAround(link: RelayLink<Owner>, batch: Batch, own: readonly Interjection[]): void {
    const { lane, bytes, turn } = batch
    let from = 0
    for (const { offset, bytes: answer } of own) {
      if (offset > from)
        this.#enqueue(link, { lane, bytes: bytes.subarray(from, offset), turn, isOwn: false })
      this.#enqueueAnswer(link, { lane, bytes: answer, turn, isOwn: true })
      from = offset
    }
    if (bytes.length > from) this.#enqueue(link, { lane, bytes: bytes.subarray(from), turn, isOwn: false })
  }

  /** Queues an answer that waited for the end of the turn, or of a batch. */
  #enqueueAnswer(link: RelayLink<Owner>, item: QueuedBytes): void {
    this.#keepAnswer(link, -item.bytes.length)
    this.#enqueue(link, item)
  }

  #enqueue(link: RelayLink<Owner>, item: QueuedBytes, isNews: boolean = true): void {
    if (link.slow && link.state !== 'closed') return
    link.enqueue(item)
    if (isNews) link.hasNews = true
    this.#waitingBytes += item.bytes.length
    if (link.ready) return
    link.ready = true
    if (item.turn <= this.#committedTurn) this.#readyLinks.push(link)
    else this.#wait(link)
  }

  /** The link's next bytes wait for a commit. */
  #wait(link: RelayLink<Owner>): void {
    if (link.waiting) return
    link.waiting = true
    this.#waitingLinks.push(link)
  }

  // ---- slow links -----------------------------------------------------------------------------

  /** The link takes too little: it is closed when the turn ends. */
  cutOff(link: RelayLink<Owner>): void {
    if (link.slow || link.state === 'closed') return
    link.slow = true
    this.#slow.push(link)
  }

  /** Links to close as too slow, each told once. */
  takeSlow(): RelayLink<Owner>[] {
    return this.#slow.splice(0)
  }

  /** Whether more waits for all links together than may. */
  get isOverfull(): boolean {
    return this.#waitingBytes > this.#limits.outboundTotalBytes
  }

  /** Forgets what is queued for a link. */
  discard(link: RelayLink<Owner>): void {
    this.#waitingBytes -= link.queuedBytes
    link.discard()
  }

  // ---- turns ----------------------------------------------------------------------------------

  /** Whether something waits for the end of the turn. */
  get hasTrailing(): boolean {
    return this.#trailing.length + this.#slow.length + this.#hungry.length > 0
  }

  /** Queues what follows everything of the turn, and feeds those who wait for entries. */
  endTurn(): void {
    for (const link of this.#hungry.splice(0)) this.#feed(link)
    //= PAL-SES-010
    for (const { link, item } of this.#trailing.splice(0)) this.#enqueueAnswer(link, item)
  }

  /** What was made so far waits for a commit; returns its turn. */
  nextTurn(): number {
    this.#turn += 1
    return this.#turn - 1
  }

  /** The turn and all before it are committed. */
  release(turn: number): void {
    this.#committedTurn = turn
    const waiting = this.#waitingLinks
    this.#waitingLinks = []
    for (const link of waiting) {
      link.waiting = false
      if ((link.nextTurn ?? COMMITTED) <= turn) this.#readyLinks.push(link)
      else this.#wait(link)
    }
  }

  /** Nothing was made that has to be committed: what waits for no earlier commit may leave. */
  releaseAll(): void {
    if (this.#committedTurn !== this.#turn - 1) return
    this.release(this.#turn)
    this.#turn += 1
  }

  /** What waits for a commit will never be committed; what is made from now on waits for none. */
  abandon(): void {
    this.release(this.#turn)
  }

  pollReadyLink(): RelayLink<Owner> | undefined {
    return this.#readyLinks.shift()
  }

  pollTransmit(link: RelayLink<Owner>, now: Instant): LaneBytes | undefined {
    const turn = link.nextTurn
    if (turn === undefined) {
      link.ready = false
      return undefined
    }
    //= PAL-ROM-038
    if (turn > this.#committedTurn) {
      this.#wait(link)
      return undefined
    }
    const item = link.dequeue() as QueuedBytes
    this.#waitingBytes -= item.bytes.length
    link.progressAt = now
    if (link.behind.length > 0 && link.queuedBytes === 0) this.#feed(link)
    return item
  }

  #feed(link: RelayLink<Owner>): void {
    if (link.state === 'open' && !link.slow)
      this.#feeder.feed(link, this.#limits.outboundBytes / 2, this.#turn)
  }
}
