import { BULK_LANE } from '../base/index.ts'
import { writeCredit, writeLaneCredit } from './frame.ts'
import { type LaneSink, ReceiveLane } from './receive-lane.ts'
import type { SentPacket } from './recovery.ts'

/** What became of a LANE frame. */
export type LaneOutcome = 'taken' | 'dropped' | 'beyond_credit'

const CREDIT_FRAME_BYTES_MAX = 1 + 2 + 8

/** All lanes of the receiving direction, and the credit given to the peer. */
export class LaneReceiver {
  readonly #lanes: (ReceiveLane | undefined)[] = []
  readonly #sink: LaneSink
  readonly #windowBytes: number
  readonly #laneWindowBytes: number
  #credit: number
  #highestTotal = 0
  #deliveredTotal = 0
  #isPaused = false
  #isCreditDue = false
  readonly #lanesDue: number[] = []

  constructor(sink: LaneSink, windowBytes: number, laneWindowBytes: number) {
    this.#sink = sink
    this.#windowBytes = windowBytes
    this.#laneWindowBytes = laneWindowBytes
    this.#credit = windowBytes
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Whether `writeCredits` has something to write. */
  get hasCreditDue(): boolean {
    return this.#isCreditDue || this.#lanesDue.length > 0
  }

  /** Memory held for pieces ahead of gaps. */
  get heldBytes(): number {
    let held = 0
    for (const lane of this.#lanes) held += lane?.heldBytes ?? 0
    return held
  }

  receive(index: number, offset: number, bytes: Uint8Array): LaneOutcome {
    let lane = this.#lanes[index]
    if (lane === undefined) {
      lane = new ReceiveLane(index, this.#laneWindowBytes)
      this.#lanes[index] = lane
    }
    const end = offset + bytes.length
    const growth = end - lane.highest
    //= PAL-UDP-054
    if (end > lane.credit || this.#highestTotal + growth > this.#credit) return 'beyond_credit'
    const highest = lane.highest
    const delivered = lane.next
    if (!lane.receive(offset, bytes, this.#sink)) return 'dropped'
    //= PAL-UDP-082
    this.#highestTotal += lane.highest - highest
    this.#deliveredTotal += lane.next - delivered
    if (!this.#isPaused && lane.next > delivered) this.#renew(index, lane)
    return 'taken'
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (let i = 0; i < this.#lanes.length; i++) {
      const lane = this.#lanes[i]
      if (lane !== undefined) this.#renew(i, lane)
    }
  }

  /** Writes the credit frames owed, as far as they fit, and records them in `packet`. */
  writeCredits(into: Uint8Array, at: number, end: number, packet: SentPacket): number {
    let offset = at
    if (this.#isCreditDue && end - offset >= CREDIT_FRAME_BYTES_MAX) {
      if (!this.#isPaused) this.#credit = this.#deliveredTotal + this.#windowBytes
      offset = writeCredit(into, offset, this.#credit)
      packet.hasCredit = true
      this.#isCreditDue = false
    }
    while (this.#lanesDue.length > 0 && end - offset >= CREDIT_FRAME_BYTES_MAX) {
      const index = this.#lanesDue.pop() as number
      const lane = this.#lanes[index] as ReceiveLane
      if (!this.#isPaused) lane.credit = lane.next + this.#windowOf(index)
      lane.isCreditDue = false
      offset = writeLaneCredit(into, offset, index, lane.credit)
      packet.laneCredits.push(index)
    }
    return offset
  }

  /** Credit frames of a lost packet are owed again, with the totals of then. */
  //= PAL-UDP-038
  onLost(packet: SentPacket): void {
    if (packet.hasCredit) this.#isCreditDue = true
    for (const index of packet.laneCredits) this.#markLane(index, this.#lanes[index] as ReceiveLane)
  }

  clear(): void {
    this.#lanes.length = 0
    this.#lanesDue.length = 0
    this.#isCreditDue = false
  }

  //= PAL-UDP-056
  #renew(index: number, lane: ReceiveLane): void {
    if (lane.credit - lane.next <= this.#windowOf(index) / 2) this.#markLane(index, lane)
    if (this.#credit - this.#deliveredTotal <= this.#windowBytes / 2) this.#isCreditDue = true
  }

  /** The bulk lane may use the whole connection: a file fills a long path, and holds up nobody else. */
  #windowOf(index: number): number {
    return index === BULK_LANE ? this.#windowBytes : this.#laneWindowBytes
  }

  #markLane(index: number, lane: ReceiveLane): void {
    if (lane.isCreditDue) return
    lane.isCreditDue = true
    this.#lanesDue.push(index)
  }
}
