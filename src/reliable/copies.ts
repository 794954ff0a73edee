import { BULK_LANE, type Instant, instantAfter, NEVER } from '../base/index.ts'
import { LIMIT, RATIO, TIMER } from './generated/constants.ts'
import type { LaneSender } from './lane-sender.ts'
import type { SentPacket } from './recovery.ts'

/** A small piece of a lane that may be sent once more before anything is known about it. */
interface Candidate {
  lane: number
  offset: number
  length: number
  firstSentAt: Instant
  /** When it goes alone, unless a packet has taken it along. */
  dueAt: Instant
  copiesLeft: number
}

/** Weight of one packet in the average loss. */
const LOSS_WEIGHT = 1 / 256

/**
 * Copies for thin flows (spec/13-datagram.md, section 7): behind a lost packet of a thin flow comes nothing
 * that would show the loss soon, so while packets are being lost, small pieces travel again with the packet
 * after. Idle while nothing is lost. Knows no window: the transmitter asks only for what may leave.
 */
export class Copies {
  /** Pieces sent once more. */
  sentCount = 0

  readonly #candidates: Candidate[] = []
  readonly #pool: Candidate[] = []
  /** The first packet number that carries no copies any more. */
  #untilNumber = 0
  #lossAverage = 0

  /** Part of the packets lost, each packet counting 1/256. */
  get lossAverage(): number {
    return this.#lossAverage
  }

  /** Whether there is anything to copy. */
  get isWaiting(): boolean {
    return this.#candidates.length > 0
  }

  onAcked(): void {
    this.#lossAverage -= this.#lossAverage * LOSS_WEIGHT
  }

  /** A packet was found lost; `nextNumber` is the first not yet used. */
  onLost(nextNumber: number): void {
    this.#lossAverage += (1 - this.#lossAverage) * LOSS_WEIGHT
    this.#untilNumber = nextNumber + LIMIT.copyPackets
  }

  //= PAL-UDP-089
  /** When a copy leaves alone. */
  get dueAt(): Instant {
    let dueAt = NEVER
    for (const { dueAt: one } of this.#candidates) if (one < dueAt) dueAt = one
    return dueAt
  }

  /** Lets go of what was to leave by now: it may not, or is of no use any more. */
  dropDue(now: Instant): void {
    for (let i = this.#candidates.length - 1; i >= 0; i--) {
      if ((this.#candidates[i] as Candidate).dueAt <= now) this.#drop(i)
    }
  }

  /** Whether a copy of something that is still wanted is due. Lets go of what is not. */
  isDue(lanes: LaneSender, rttMs: number, now: Instant): boolean {
    if (this.#candidates.length === 0 || this.dueAt > now) return false
    this.#prune(lanes, rttMs, now)
    return this.dueAt <= now
  }

  /** Writes copies into the room that is left, oldest first, and records them. Returns the offset after. */
  write(
    into: Uint8Array,
    room: { readonly at: number; readonly end: number },
    packet: SentPacket,
    means: { readonly lanes: LaneSender; readonly rttMs: number; readonly now: Instant },
  ): number {
    this.#prune(means.lanes, means.rttMs, means.now)
    let offset = room.at
    for (let i = 0; i < this.#candidates.length; ) {
      const one = this.#candidates[i] as Candidate
      const after = means.lanes.writeCopy(into, offset, room.end, one, packet)
      if (after === offset) {
        i++
        continue
      }
      offset = after
      this.sentCount++
      one.dueAt = instantAfter(means.now, TIMER.copyDelayMs)
      if (--one.copiesLeft > 0) i++
      else this.#drop(i)
    }
    return offset
  }

  /** Notes the first `count` entries of the pieces of a packet that leaves as number `number`. */
  note(pieces: readonly number[], count: number, number: number, now: Instant): void {
    //= PAL-UDP-087
    if (number >= this.#untilNumber) return
    //= PAL-UDP-090
    const copiesLeft = this.#lossAverage >= RATIO.copyTwiceLoss ? LIMIT.copiesMax : 1
    for (let i = 0; i < count; i += 3) {
      const lane = pieces[i] as number
      const length = pieces[i + 2] as number
      if (length > LIMIT.copyBytesMax || lane === BULK_LANE) continue
      if (this.#candidates.length >= LIMIT.copyPiecesMax) this.#drop(0)
      const one = this.#pool.pop() ?? newCandidate()
      one.lane = lane
      one.offset = pieces[i + 1] as number
      one.length = length
      one.firstSentAt = now
      one.dueAt = instantAfter(now, TIMER.copyDelayMs)
      one.copiesLeft = copiesLeft
      this.#candidates.push(one)
    }
  }

  /** What is in `pieces` is to be sent again in any case. */
  forget(pieces: readonly number[]): void {
    for (let i = this.#candidates.length - 1; i >= 0; i--) {
      const one = this.#candidates[i] as Candidate
      for (let k = 0; k < pieces.length; k += 3) {
        if (pieces[k] !== one.lane || pieces[k + 1] !== one.offset) continue
        this.#drop(i)
        break
      }
    }
  }

  clear(): void {
    this.#candidates.length = 0
  }

  #prune(lanes: LaneSender, rttMs: number, now: Instant): void {
    for (let i = this.#candidates.length - 1; i >= 0; i--) {
      const one = this.#candidates[i] as Candidate
      if (now - one.firstSentAt > rttMs || !lanes.isOutstanding(one)) this.#drop(i)
    }
  }

  #drop(index: number): void {
    const [one] = this.#candidates.splice(index, 1)
    if (one !== undefined && this.#pool.length < LIMIT.copyPiecesMax) this.#pool.push(one)
  }
}

function newCandidate(): Candidate {
  return { lane: 0, offset: 0, length: 0, firstSentAt: NEVER, dueAt: NEVER, copiesLeft: 0 }
}
