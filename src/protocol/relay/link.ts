import type { Timed } from '../../base/deadlines.ts'
import type { LaneBytes } from '../../base/machine.ts'
import { Queue } from '../../base/queue.ts'
import { type Instant, NEVER } from '../../base/time.ts'
import { Deframer } from '../../codec/deframer.ts'
import { LIMITS, type RelayState } from '../../codec/generated/registry.ts'
import type { Membership } from './conversation.ts'
import type { Session } from './session.ts'

/** Bytes for a link that wait for the commit of a turn. */
export interface QueuedBytes extends LaneBytes {
  readonly turn: number
  /** Whether they are for this link alone; entries are not. */
  readonly isOwn: boolean
}

/** What the driver tells of a link when it opens one. */
export interface LinkInfo {
  /** Host and port of the peer, or undefined where there is none (in memory, unix socket). */
  readonly host: string | undefined
  readonly port: number
  readonly transport: string
  /** 1 for a stream, LANE_COUNT for datagrams. */
  readonly laneCount: number
  /** The link's channel binding; empty on a plain stream. */
  readonly binding: Uint8Array
}

/** A link that is faster than its rates allow. */
export interface Delay {
  /** The lanes on which a frame waits. */
  readonly lanes: Set<number>
  /** When the tokens for it are there. */
  until: Instant
}

/**
 * One attachment to the relay: its state, its unfinished frames and what waits to be written. `owner` is the
 * driver's; the core never looks at it.
 */
export class RelayLink<Owner> implements Timed {
  readonly owner: Owner
  readonly info: LinkInfo
  state: RelayState = 'expect_hello'
  session: Session<Owner> | undefined
  /** Whether the handshake ended with a session, so that the link no longer counts as unfinished. */
  admitted = false
  /** Whether a frame came since the session opened here. */
  confirmed = false
  /** The frames of the handshake, kept only while it lasts. */
  hello: Uint8Array | undefined
  challenge: Uint8Array | undefined
  capabilities: readonly number[] = []
  /** When the last whole frame came. */
  heardAt: Instant
  /** The deadline in force. The heap may look at the link earlier. */
  deadline: Instant = NEVER
  heapIndex = -1
  armedAt: Instant = NEVER
  /** Whether the link is in one of the relay's lists of links with something to write. */
  ready = false
  /** Whether its next bytes wait for a commit. */
  waiting = false
  /** Whether it was found to read too slowly and is about to be closed. */
  slow = false
  queuedBytes = 0
  /** Whether something else is queued than what its own client has sent. */
  hasNews = false
  /** Those of them that are for this link alone. */
  ownBytes = 0
  /** When it last took something, or last had nothing to take. */
  progressAt: Instant
  /** Memberships that are fed from the log, because the link did not keep up or came back. */
  readonly behind: Membership<Owner>[] = []
  /** What is read no further until a token is there; undefined when nothing waits. */
  delay: Delay | undefined
  /** Bytes of answers that wait for the end of the turn or of a batch, or for entries from the log. */
  answerBytes = 0
  readonly #queue = new Queue<QueuedBytes>()
  //= PAL-STR-004
  readonly #first: Deframer = new Deframer(LIMITS.handshakeFrameBytes)
  #lanes: (Deframer | undefined)[] | undefined
  #frameBytesMax: number = LIMITS.handshakeFrameBytes

  constructor(owner: Owner, info: LinkInfo, now: Instant) {
    this.owner = owner
    this.info = info
    this.heardAt = now
    this.progressAt = now
  }

  /** The deframer of a lane; lanes beyond the first are made when first used. */
  deframer(lane: number): Deframer {
    if (lane === 0) return this.#first
    this.#lanes ??= new Array(this.info.laneCount).fill(undefined)
    let deframer = this.#lanes[lane]
    if (!deframer) {
      deframer = new Deframer(this.#frameBytesMax)
      this.#lanes[lane] = deframer
    }
    return deframer
  }

  /** Sets the longest frame accepted from now on, on every lane. */
  acceptFrames(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax
    this.#first.frameBytesMax = frameBytesMax
    for (const deframer of this.#lanes ?? []) if (deframer) deframer.frameBytesMax = frameBytesMax
  }

  /** The turn that the next bytes wait for; undefined when there are none. */
  get nextTurn(): number | undefined {
    return this.#queue.peek()?.turn
  }

  /** Bytes that wait for the link, in its queue or for their places. */
  get waitingBytes(): number {
    return this.queuedBytes + this.answerBytes
  }

  enqueue(item: QueuedBytes): void {
    this.#queue.push(item)
    this.queuedBytes += item.bytes.length
    if (item.isOwn) this.ownBytes += item.bytes.length
  }

  dequeue(): LaneBytes | undefined {
    const item = this.#queue.shift()
    if (!item) return undefined
    this.queuedBytes -= item.bytes.length
    if (item.isOwn) this.ownBytes -= item.bytes.length
    if (this.queuedBytes === 0) this.hasNews = false
    return item
  }

  /** Forgets what waits to be written. */
  discard(): void {
    this.#queue.clear()
    this.queuedBytes = 0
    this.ownBytes = 0
  }
}

/** The address as it is shown: "host:port", IPv6 in brackets, "local" where there is none. */
export function addressText(info: LinkInfo): string {
  if (info.host === undefined) return 'local'
  //= PAL-HSK-009
  return info.host.includes(':') ? `[${info.host}]:${info.port}` : `${info.host}:${info.port}`
}
