import { FRAME, LIMIT } from './generated/constants.ts'
import type { RangeSet } from './ranges.ts'
import { readVarint, VARINT_TRUNCATED, varintSize, writeVarint } from './varint.ts'

/** Why the frames of a packet were refused. */
export type FrameFault = 'truncated' | 'bad_number' | 'unknown_type' | 'bad_ack' | 'bad_lane' | 'bad_length'

/** `FrameReader.next()`: no frame is left. */
export const FRAMES_END = -1
/** `FrameReader.next()`: the packet is malformed, see `fault`. */
export const FRAMES_FAULT = -2

/** Random bytes in PATH_CHALLENGE and PATH_RESPONSE. */
const PATH_DATA_BYTES = 8
const CID_BYTES = 8
const RESET_TOKEN_BYTES = 16

/**
 * Reads the frames of one packet (spec/13-datagram.md, section 5) without allocating: `next()` gives the type
 * and leaves the fields in the reader, valid until the following call. Refuses, never throws.
 */
export class FrameReader {
  fault: FrameFault = 'truncated'
  /** LANE_*, LANE_CREDIT, DATAGRAM. */
  lane = 0
  /** LANE_*: position of the first byte in the lane. */
  offset = 0
  /**
   * LANE_*, CLOSE, PATH_*, TOKEN, DATAGRAM, NEW_CID (id and token): the bytes are
   * `bytes.subarray(dataStart, dataEnd)`.
   */
  dataStart = 0
  dataEnd = 0
  /** CREDIT and LANE_CREDIT: the total. CLOSE: the code. NEW_CID and RETIRE_CID: the sequence. */
  value = 0
  /** ACK: delay in the wire's unit. */
  ackDelay = 0
  /** ACK: the number of ranges, highest first. */
  rangeCount = 0
  /** ACK: lowest and highest packet number of range i at 2i and 2i + 1. */
  readonly ranges: Float64Array = new Float64Array(2 * (LIMIT.ackPairsMax + 1))

  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  /** Starts on `bytes`, the opened content of a packet. */
  start(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
    this.#end = bytes.length
  }

  /** The type of the next frame other than PADDING, FRAMES_END or FRAMES_FAULT. */
  next(): number {
    while (this.#at < this.#end && this.#bytes[this.#at] === FRAME.padding) this.#at++
    if (this.#at >= this.#end) return FRAMES_END
    const type = this.#bytes[this.#at++] as number
    switch (type) {
      case FRAME.ping:
        return type
      case FRAME.ack:
        return this.#readAck() ? type : FRAMES_FAULT
      case FRAME.close:
        return this.#readClose() ? type : FRAMES_FAULT
      case FRAME.pathChallenge:
      case FRAME.pathResponse:
        return this.#take(PATH_DATA_BYTES, 0, PATH_DATA_BYTES) ? type : FRAMES_FAULT
      case FRAME.credit:
        this.value = this.#number()
        return this.value < 0 ? FRAMES_FAULT : type
      case FRAME.laneCredit:
        return this.#readLane() && this.#readValue() ? type : FRAMES_FAULT
      case FRAME.laneSized:
      case FRAME.laneRest:
        return this.#readLaneBytes(type) ? type : FRAMES_FAULT
      case FRAME.datagram:
        return this.#readLane() && this.#readSized(1, LIMIT.datagramBytesMax) ? type : FRAMES_FAULT
      case FRAME.newCid:
        return this.#readNewCid() ? type : FRAMES_FAULT
      case FRAME.retireCid:
        return this.#readValue() ? type : FRAMES_FAULT
      case FRAME.token:
        return this.#readSized(1, LIMIT.tokenBytesMax) ? type : FRAMES_FAULT
      default:
        //= PAL-UDP-044
        this.fault = 'unknown_type'
        return FRAMES_FAULT
    }
  }

  #number(): number {
    const value = readVarint(this.#bytes, this.#at, this.#end)
    if (value < 0) this.fault = value === VARINT_TRUNCATED ? 'truncated' : 'bad_number'
    else this.#at += varintSize(value)
    return value
  }

  #readValue(): boolean {
    this.value = this.#number()
    return this.value >= 0
  }

  //= PAL-UDP-048
  #readLane(): boolean {
    this.lane = this.#number()
    if (this.lane < LIMIT.lanes) return this.lane >= 0
    this.fault = 'bad_lane'
    return false
  }

  #readLaneBytes(type: number): boolean {
    if (!this.#readLane()) return false
    this.offset = this.#number()
    if (this.offset < 0) return false
    let length = this.#end - this.#at
    if (type === FRAME.laneSized) {
      length = this.#number()
      if (length < 0) return false
    }
    return this.#take(length, 1, LIMIT.numberMax - this.offset)
  }

  #readClose(): boolean {
    return this.#readValue() && this.#readSized(0, LIMIT.closeReasonBytesMax)
  }

  #readNewCid(): boolean {
    const length = CID_BYTES + RESET_TOKEN_BYTES
    return this.#readValue() && this.#take(length, length, length)
  }

  /** A length and so many bytes. */
  #readSized(min: number, max: number): boolean {
    const length = this.#number()
    return length >= 0 && this.#take(length, min, max)
  }

  #take(length: number, min: number, max: number): boolean {
    //= PAL-UDP-046, PAL-UDP-047
    if (length < min || length > max) {
      this.fault = 'bad_length'
      return false
    }
    //= PAL-UDP-041
    if (length > this.#end - this.#at) {
      this.fault = 'truncated'
      return false
    }
    this.dataStart = this.#at
    this.dataEnd = this.#at + length
    this.#at = this.dataEnd
    return true
  }

  //= PAL-UDP-041, PAL-UDP-045
  #readAck(): boolean {
    const largest = this.#number()
    if (largest < 0) return false
    this.ackDelay = this.#number()
    if (this.ackDelay < 0) return false
    const pairs = this.#number()
    if (pairs < 0) return false
    const first = this.#number()
    if (first < 0) return false
    this.fault = 'bad_ack'
    if (pairs > LIMIT.ackPairsMax || first > largest) return false
    this.ranges[0] = largest - first
    this.ranges[1] = largest
    this.rangeCount = 1
    let lowest = largest - first
    for (let i = 1; i <= pairs; i++) {
      const gap = this.#number()
      const length = gap < 0 ? gap : this.#number()
      if (length < 0) return false
      this.fault = 'bad_ack'
      const high = lowest - gap - 2
      lowest = high - length
      if (lowest < 0) return false
      this.ranges[2 * i] = lowest
      this.ranges[2 * i + 1] = high
      this.rangeCount = i + 1
    }
    return true
  }
}

/** Writes an ACK of the highest ranges of `received` that fit before `end`; returns the offset after it. */
export function writeAck(
  into: Uint8Array,
  at: number,
  end: number,
  received: RangeSet,
  delayUnits: number,
): number {
  const top = received.count - 1
  const largest = received.endOf(top) - 1
  const first = largest - received.startOf(top)
  let pairs = Math.min(top, LIMIT.ackRangesSentMax - 1)
  // A pair of varints is at most 16 bytes; the head at most 1 + 8 + 8 + 1 + 8.
  pairs = Math.max(0, Math.min(pairs, Math.floor((end - at - 26) / 16)))
  into[at] = FRAME.ack
  let offset = writeVarint(into, at + 1, largest)
  offset = writeVarint(into, offset, delayUnits)
  offset = writeVarint(into, offset, pairs)
  offset = writeVarint(into, offset, first)
  for (let i = 1; i <= pairs; i++) {
    const index = top - i
    const gap = received.startOf(index + 1) - received.endOf(index) - 1
    offset = writeVarint(into, offset, gap)
    offset = writeVarint(into, offset, received.endOf(index) - 1 - received.startOf(index))
  }
  return offset
}

/** Writes CLOSE; `reason` is at most 128 bytes. Returns the offset after it. */
export function writeClose(into: Uint8Array, at: number, code: number, reason: Uint8Array): number {
  into[at] = FRAME.close
  let offset = writeVarint(into, at + 1, code)
  offset = writeVarint(into, offset, reason.length)
  into.set(reason, offset)
  return offset + reason.length
}

/** Writes CREDIT. Returns the offset after it. */
export function writeCredit(into: Uint8Array, at: number, total: number): number {
  into[at] = FRAME.credit
  return writeVarint(into, at + 1, total)
}

/** Writes LANE_CREDIT. Returns the offset after it. */
export function writeLaneCredit(into: Uint8Array, at: number, lane: number, total: number): number {
  into[at] = FRAME.laneCredit
  return writeVarint(into, writeVarint(into, at + 1, lane), total)
}

/** Writes PATH_CHALLENGE or PATH_RESPONSE with its 8 bytes. Returns the offset after it. */
export function writePath(into: Uint8Array, at: number, type: number, data: Uint8Array): number {
  into[at] = type
  into.set(data, at + 1)
  return at + 1 + PATH_DATA_BYTES
}

/** Writes TOKEN; `token` has at most 64 bytes. Returns the offset after it. */
export function writeToken(into: Uint8Array, at: number, token: Uint8Array): number {
  into[at] = FRAME.token
  const start = writeVarint(into, at + 1, token.length)
  into.set(token, start)
  return start + token.length
}

/** Writes DATAGRAM. Returns the offset after it. */
export function writeDatagram(into: Uint8Array, at: number, lane: number, bytes: Uint8Array): number {
  into[at] = FRAME.datagram
  const start = writeVarint(into, writeVarint(into, at + 1, lane), bytes.length)
  into.set(bytes, start)
  return start + bytes.length
}

/** Writes NEW_CID. Returns the offset after it. */
export function writeNewCid(
  into: Uint8Array,
  at: number,
  given: { readonly sequence: number; readonly cid: Uint8Array; readonly token: Uint8Array },
): number {
  into[at] = FRAME.newCid
  const start = writeVarint(into, at + 1, given.sequence)
  into.set(given.cid, start)
  into.set(given.token, start + CID_BYTES)
  return start + CID_BYTES + RESET_TOKEN_BYTES
}

/** Writes RETIRE_CID. Returns the offset after it. */
export function writeRetireCid(into: Uint8Array, at: number, sequence: number): number {
  into[at] = FRAME.retireCid
  return writeVarint(into, at + 1, sequence)
}
