import { BULK_LANE, CONTROL_LANE, FIRST_CONVERSATION_LANE, UsageError } from '../base/index.ts'
import { FRAME, LIMIT } from './generated/constants.ts'
import type { SentPacket } from './recovery.ts'
import { SendLane } from './send-lane.ts'
import { varintSize, writeVarint } from './varint.ts'

const QUANTUM_BYTES = LIMIT.datagramBytes
/** Less room than this is left empty rather than filled with a splinter of a longer piece. */
const SPLINTER_BYTES = 24

/** Some bytes of a lane. */
export interface LanePiece {
  readonly lane: number
  readonly offset: number
  readonly length: number
}

/** All lanes of the sending direction: order of service, credit, and what is queued. */
export class LaneSender {
  /** Unsent and unacknowledged bytes of all lanes. */
  queuedBytes = 0
  /** Bytes of all lanes never sent, allowed by credit or not. */
  unsentBytes = 0
  /** Bytes sent again because they were lost, or for a probe. */
  repeatedBytes = 0
  /** Whether the frame just written reaches to the end of its packet. */
  isPacketFull = false

  readonly #lanes: (SendLane | undefined)[] = []
  readonly #ring: number[] = []
  #cursor = 0
  #pieceCount = 0
  #credit = 0
  #laneCredit = 0
  #sentTotal = 0
  #isBlocked = false

  /** Whether a writer has to wait. */
  get isAboveHighWater(): boolean {
    return this.queuedBytes >= LIMIT.queuedBytesHigh || this.#pieceCount >= LIMIT.queuedPiecesHigh
  }

  /** Whether a writer that waited may go on. */
  get isBelowLowWater(): boolean {
    return this.queuedBytes <= LIMIT.queuedBytesLow && this.#pieceCount < LIMIT.queuedPiecesHigh / 4
  }

  write(lane: number, bytes: Uint8Array): void {
    if (!Number.isInteger(lane) || lane < 0 || lane >= LIMIT.lanes) {
      throw new UsageError('bad_argument', `no lane ${lane}`)
    }
    if (bytes.length === 0) return
    const isTooMuch = this.queuedBytes + bytes.length > LIMIT.queuedBytesMax
    if (isTooMuch || this.#pieceCount >= LIMIT.queuedPiecesMax) {
      throw new UsageError(
        'bad_state',
        'write() returned false and more was written than a connection queues',
      )
    }
    const queue = this.#laneAt(lane)
    queue.push(bytes)
    this.queuedBytes += bytes.length
    this.unsentBytes += bytes.length
    this.#pieceCount++
    this.#activate(lane, queue)
  }

  /** The peer's first credits. */
  open(credit: number, laneCredit: number): void {
    this.#credit = credit
    this.#laneCredit = laneCredit
    for (const lane of this.#lanes) if (lane !== undefined) lane.credit = laneCredit
    this.#activateAll()
  }

  onCredit(total: number): void {
    //= PAL-UDP-053
    if (total <= this.#credit) return
    this.#credit = total
    if (this.#isBlocked) this.#activateAll()
  }

  onLaneCredit(lane: number, total: number): void {
    const queue = this.#laneAt(lane)
    if (total <= queue.credit) return
    queue.credit = total
    this.#activate(lane, queue)
  }

  /** Whether a frame could be written now. */
  get hasSendable(): boolean {
    return this.#pick() >= 0
  }

  /**
   * Fills `into` from `at` to at most `end` with LANE frames and records the pieces. Returns the offset
   * after.
   */
  writeFrames(into: Uint8Array, at: number, end: number, packet: SentPacket): number {
    this.isPacketFull = false
    let offset = at
    while (!this.isPacketFull) {
      const lane = this.#pick()
      if (lane < 0) break
      const after = this.#writeFrame(lane, into, offset, end, packet)
      if (after === offset) break
      offset = after
    }
    return offset
  }

  #writeFrame(lane: number, into: Uint8Array, at: number, end: number, packet: SentPacket): number {
    const queue = this.#lanes[lane] as SendLane
    const isRepeat = queue.hasLost
    const start = isRepeat ? queue.lostStart : queue.next
    const available = isRepeat ? queue.lostBytes : Math.min(queue.newBytes, this.#credit - this.#sentTotal)
    const room = end - at - 2 - varintSize(start)
    if (room < available && room < SPLINTER_BYTES) return at
    const sized = varintSize(available) + available <= room
    const length = Math.min(available, room)
    into[at] = sized ? FRAME.laneSized : FRAME.laneRest
    into[at + 1] = lane
    let offset = writeVarint(into, at + 2, start)
    if (sized) offset = writeVarint(into, offset, length)
    else this.isPacketFull = true
    queue.copy(start, length, into, offset)
    queue.onSent(start, length)
    queue.deficit -= length
    //= PAL-UDP-082
    if (isRepeat) {
      this.repeatedBytes += length
    } else {
      this.#sentTotal += length
      this.unsentBytes -= length
    }
    packet.pieces.push(lane, start, length)
    return offset + length
  }

  /** Whether `piece` is on its way, neither acknowledged nor found lost. */
  isOutstanding(piece: LanePiece): boolean {
    return this.#lanes[piece.lane]?.isOutstanding(piece.offset, piece.length) ?? false
  }

  /** Writes `piece`, which is outstanding, once more. Returns `at` when there is no room. */
  writeCopy(into: Uint8Array, at: number, end: number, piece: LanePiece, packet: SentPacket): number {
    const { lane, offset, length } = piece
    if (at + 2 + varintSize(offset) + varintSize(length) + length > end) return at
    into[at] = FRAME.laneSized
    into[at + 1] = lane
    const data = writeVarint(into, writeVarint(into, at + 2, offset), length)
    this.#lanes[lane]?.copy(offset, length, into, data)
    packet.pieces.push(lane, offset, length)
    return data + length
  }

  onAcked(packet: SentPacket): void {
    const pieces = packet.pieces
    for (let i = 0; i < pieces.length; i += 3) {
      const queue = this.#lanes[pieces[i] as number] as SendLane
      const before = queue.pieceCount
      this.queuedBytes -= queue.onAcked(pieces[i + 1] as number, pieces[i + 2] as number)
      this.#pieceCount -= before - queue.pieceCount
    }
  }

  onLost(packet: SentPacket): void {
    const pieces = packet.pieces
    for (let i = 0; i < pieces.length; i += 3) {
      const lane = pieces[i] as number
      const queue = this.#lanes[lane] as SendLane
      queue.onLost(pieces[i + 1] as number, pieces[i + 2] as number)
      this.#activate(lane, queue)
    }
  }

  clear(): void {
    this.#lanes.length = 0
    this.#ring.length = 0
    this.queuedBytes = 0
    this.unsentBytes = 0
    this.#pieceCount = 0
  }

  //= PAL-UDP-052
  #pick(): number {
    if (this.#isSendable(CONTROL_LANE)) return CONTROL_LANE
    const ring = this.#ring
    while (ring.length > 0) {
      if (this.#cursor >= ring.length) this.#cursor = 0
      const lane = ring[this.#cursor] as number
      const queue = this.#lanes[lane] as SendLane
      if (!this.#isSendable(lane)) {
        ring.splice(this.#cursor, 1)
        queue.isInRing = false
        queue.deficit = 0
      } else if (queue.deficit <= 0) {
        queue.deficit += QUANTUM_BYTES
        this.#cursor++
      } else {
        return lane
      }
    }
    return this.#isSendable(BULK_LANE) ? BULK_LANE : -1
  }

  #isSendable(lane: number): boolean {
    const queue = this.#lanes[lane]
    if (queue === undefined) return false
    if (queue.hasLost) return true
    if (queue.newBytes <= 0) return false
    if (this.#credit > this.#sentTotal) return true
    this.#isBlocked = true
    return false
  }

  #activate(lane: number, queue: SendLane): void {
    if (lane < FIRST_CONVERSATION_LANE || queue.isInRing) return
    queue.isInRing = true
    this.#ring.push(lane)
  }

  #activateAll(): void {
    this.#isBlocked = false
    for (let lane = FIRST_CONVERSATION_LANE; lane < this.#lanes.length; lane++) {
      const queue = this.#lanes[lane]
      if (queue !== undefined) this.#activate(lane, queue)
    }
  }

  #laneAt(lane: number): SendLane {
    let queue = this.#lanes[lane]
    if (queue === undefined) {
      queue = new SendLane(this.#laneCredit)
      this.#lanes[lane] = queue
    }
    return queue
  }
}
