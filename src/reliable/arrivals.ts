import { type Address, type Instant, utf8Text } from '../base/index.ts'
import type { OwnCids, PeerCids } from './connection-ids.ts'
import { FRAMES_END, FRAMES_FAULT, type FrameReader } from './frame.ts'
import { CLOSE, FRAME } from './generated/constants.ts'
import type { Intake } from './intake.ts'
import type { LaneReceiver } from './lane-receiver.ts'
import { CID_BYTES } from './packet.ts'
import type { Transmitter } from './transmitter.ts'

/** What frames do to the connection as a whole. */
export interface ArrivalSink {
  /** Whether frames still count: one of them may have ended that. */
  readonly isUp: boolean
  /** The peer broke a rule. */
  fail(code: number, detail: string, now: Instant): void
  /** Something was acknowledged. */
  onAcked(now: Instant): void
  onPathResponse(data: Uint8Array, from: Address, now: Instant): void
  onToken(token: Uint8Array, now: Instant): void
  /** Called once for each DATAGRAM, however often its packet comes. */
  onDatagram(lane: number, bytes: Uint8Array): void
  onPeerClose(code: number, detail: string, now: Instant): void
}

interface ArrivalParts {
  readonly reader: FrameReader
  readonly intake: Intake
  readonly receiver: LaneReceiver
  readonly transmitter: Transmitter
  readonly ownCids: OwnCids
  readonly peerCids: PeerCids
}

/** A packet that was opened, and where it came from. */
export interface Arrival {
  readonly frames: Uint8Array
  readonly from: Address
  /** Sequence of our id that it names. */
  readonly sequence: number
}

/** Acts on the frames of packets that were opened (spec/13-datagram.md, section 5). Knows no states. */
export class Arrivals {
  readonly #sink: ArrivalSink
  readonly #parts: ArrivalParts
  /** What the DATAGRAMs of the packet at hand carry. */
  readonly #datagrams: { readonly lane: number; readonly bytes: Uint8Array }[] = []

  constructor(sink: ArrivalSink, parts: ArrivalParts) {
    this.#sink = sink
    this.#parts = parts
  }

  apply(arrival: Arrival, now: Instant): void {
    const { reader, intake } = this.#parts
    reader.start(arrival.frames)
    this.#datagrams.length = 0
    let isEliciting = false
    let isKept = true
    for (let count = 0; ; count++) {
      const type = reader.next()
      if (type === FRAMES_END && count > 0) break
      //= PAL-UDP-042
      if (type === FRAMES_END) return this.#sink.fail(CLOSE.frameEncoding, 'no frame', now)
      if (type === FRAMES_FAULT) {
        const code = reader.fault === 'unknown_type' ? CLOSE.unknownFrame : CLOSE.frameEncoding
        return this.#sink.fail(code, reader.fault, now)
      }
      if (type !== FRAME.ack && type !== FRAME.close) isEliciting = true
      if (!this.#applyFrame(type, arrival, now)) isKept = false
      if (!this.#sink.isUp) return
    }
    //= PAL-UDP-055
    if (!isKept) return
    intake.accept(isEliciting, now)
    // Of a packet that was thrown away the number is free: it may come again.
    //= PAL-UDP-112
    for (const { lane, bytes } of this.#datagrams) this.#sink.onDatagram(lane, bytes)
  }

  /** False when the frame was thrown away and its packet must not be acknowledged. */
  #applyFrame(type: number, { frames, from, sequence }: Arrival, now: Instant): boolean {
    const { reader, transmitter } = this.#parts
    switch (type) {
      case FRAME.ack:
        this.#applyAck(now)
        return true
      case FRAME.pathChallenge:
        transmitter.owePathAnswer(frames.subarray(reader.dataStart, reader.dataEnd))
        return true
      case FRAME.pathResponse:
        this.#sink.onPathResponse(frames.subarray(reader.dataStart, reader.dataEnd), from, now)
        return true
      case FRAME.credit:
        transmitter.lanes.onCredit(reader.value)
        return true
      case FRAME.laneCredit:
        transmitter.lanes.onLaneCredit(reader.lane, reader.value)
        return true
      case FRAME.laneSized:
      case FRAME.laneRest:
        return this.#applyLane(frames.subarray(reader.dataStart, reader.dataEnd), now)
      case FRAME.datagram:
        this.#datagrams.push({
          lane: reader.lane,
          bytes: frames.subarray(reader.dataStart, reader.dataEnd),
        })
        return true
      case FRAME.newCid:
      case FRAME.retireCid:
        this.#applyCid(type, frames.subarray(reader.dataStart, reader.dataEnd), { sequence, now })
        return true
      case FRAME.token:
        this.#sink.onToken(new Uint8Array(frames.subarray(reader.dataStart, reader.dataEnd)), now)
        return true
      case FRAME.close:
        this.#sink.onPeerClose(reader.value, utf8Text(frames.subarray(reader.dataStart, reader.dataEnd)), now)
        return true
      default:
        return true
    }
  }

  #applyAck(now: Instant): void {
    const { transmitter, reader } = this.#parts
    if (transmitter.onAck(reader, now)) this.#sink.onAcked(now)
    else this.#sink.fail(CLOSE.falseAck, 'a packet that was not sent', now)
  }

  #applyCid(
    type: number,
    bytes: Uint8Array,
    { sequence: under, now }: { readonly sequence: number; readonly now: Instant },
  ): void {
    const { reader, ownCids, peerCids } = this.#parts
    const { value: sequence } = reader
    const isSound =
      type === FRAME.newCid
        ? peerCids.onNew(sequence, bytes.subarray(0, CID_BYTES), bytes.subarray(CID_BYTES))
        : ownCids.onRetire(sequence, under)
    if (!isSound) this.#sink.fail(CLOSE.frameEncoding, `connection id ${sequence}`, now)
  }

  #applyLane(bytes: Uint8Array, now: Instant): boolean {
    const { reader, receiver } = this.#parts
    const outcome = receiver.receive(reader.lane, reader.offset, bytes)
    if (outcome === 'beyond_credit') this.#sink.fail(CLOSE.flowControl, `lane ${reader.lane}`, now)
    return outcome === 'taken'
  }
}
