import { LIMIT } from './generated/constants.ts'
import { RangeSet } from './ranges.ts'

const BLOCK_BYTES = 4096

/** Whom a lane hands its bytes to, in order. The array is the receiver's to keep and not to change. */
export interface LaneSink {
  onLaneBytes(lane: number, bytes: Uint8Array): void
}

/**
 * The receiving half of a lane. Bytes in order pass through without a copy; pieces ahead of a gap wait in
 * blocks of 4 KiB, so what a lane holds is bounded by its credit however the pieces are cut. Where pieces
 * overlap, the byte that came first stays.
 */
export class ReceiveLane {
  /** Total credit advertised. */
  credit: number
  /** Whether a LANE_CREDIT is owed. */
  isCreditDue = false
  /** Position of the next byte to deliver. */
  next = 0
  /** End of the furthest piece. */
  highest = 0

  readonly #lane: number
  #held: RangeSet | undefined
  #blocks: Map<number, Uint8Array> | undefined

  constructor(lane: number, credit: number) {
    this.#lane = lane
    this.credit = credit
  }

  /** Separate pieces waiting for a gap to close. */
  get gapCount(): number {
    return this.#held?.count ?? 0
  }

  /** Bytes allocated for pieces that wait. */
  get heldBytes(): number {
    return (this.#blocks?.size ?? 0) * BLOCK_BYTES
  }

  /** Takes a piece. False when too many gaps are open: the packet must not be acknowledged. */
  //= PAL-UDP-050, PAL-UDP-055
  receive(offset: number, bytes: Uint8Array, sink: LaneSink): boolean {
    const end = offset + bytes.length
    if (end <= this.next) return true
    const held = this.#held
    const isClear = held === undefined || held.count === 0 || end <= held.startOf(0)
    if (offset <= this.next && isClear) {
      const start = this.next
      this.#advance(end)
      sink.onLaneBytes(this.#lane, start === offset ? bytes : bytes.subarray(start - offset))
    } else if (!this.#hold(Math.max(offset, this.next), end, offset, bytes)) {
      return false
    }
    if (this.#held !== undefined && this.#held.count > 0) this.#drain(this.#held, sink)
    return true
  }

  #advance(end: number): void {
    this.next = end
    if (end > this.highest) this.highest = end
  }

  #hold(start: number, end: number, offset: number, bytes: Uint8Array): boolean {
    this.#held ??= new RangeSet()
    const held = this.#held
    const count = held.countAfterAdd(start, end)
    //= PAL-UDP-084
    if (count > LIMIT.laneGapsMax && count > held.count) return false
    //= PAL-UDP-049 Only the parts not yet held are stored.
    let from = start
    for (let i = held.firstEndingAfter(start); i < held.count && held.startOf(i) < end; i++) {
      if (held.startOf(i) > from) this.#store(from, held.startOf(i), offset, bytes)
      from = Math.max(from, held.endOf(i))
    }
    if (from < end) this.#store(from, end, offset, bytes)
    held.add(start, end)
    if (end > this.highest) this.highest = end
    return true
  }

  #store(start: number, end: number, offset: number, bytes: Uint8Array): void {
    this.#blocks ??= new Map()
    let at = start
    while (at < end) {
      const index = Math.floor(at / BLOCK_BYTES)
      let block = this.#blocks.get(index)
      if (block === undefined) {
        block = new Uint8Array(BLOCK_BYTES)
        this.#blocks.set(index, block)
      }
      const stop = Math.min(end, (index + 1) * BLOCK_BYTES)
      block.set(bytes.subarray(at - offset, stop - offset), at - index * BLOCK_BYTES)
      at = stop
    }
  }

  #drain(held: RangeSet, sink: LaneSink): void {
    if (held.startOf(0) > this.next) return
    const end = held.endOf(0)
    held.dropLowest()
    while (this.next < end) {
      const index = Math.floor(this.next / BLOCK_BYTES)
      const blockStart = index * BLOCK_BYTES
      const block = this.#blocks?.get(index) as Uint8Array
      const from = this.next - blockStart
      const stop = Math.min(end, blockStart + BLOCK_BYTES)
      this.next = stop
      sink.onLaneBytes(this.#lane, block.subarray(from, stop - blockStart))
      if (held.count === 0 || held.startOf(0) >= blockStart + BLOCK_BYTES) this.#blocks?.delete(index)
    }
  }
}
