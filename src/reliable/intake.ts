import { type Instant, instantAfter, type LinkPrimitives, readUint32 } from '../base/index.ts'
import { RATIO } from './generated/constants.ts'
import { ReceivedNumbers } from './numbers.ts'
import { CID_BYTES, KEY_PHASE_BIT } from './packet.ts'
import { fullPacketNumber, PacketProtection } from './seal.ts'

/**
 * Opens the DATA packets of a connection (spec/13-datagram.md, section 4): each number once, and nothing of a
 * packet counts before its tag has verified. Knows no frames and no addresses.
 */
export class Intake {
  readonly numbers: ReceivedNumbers = new ReceivedNumbers()
  packetCount = 0
  byteCount = 0
  duplicateCount = 0
  /** Packets that did not verify. */
  badCount = 0
  /** Whether the packet that `take` refused last was a duplicate; otherwise it did not verify. */
  wasDuplicate = false
  /** Number of the packet that `take` opened last. */
  number = -1
  /** Whether it is above all before. */
  isHighest = false

  /** Whether the packet opened last was the first under the peer's next keys. */
  isNewPhase = false

  readonly #primitives: LinkPrimitives
  #protection: PacketProtection | undefined
  #next: PacketProtection | undefined
  /** The keys before, for packets that were overtaken. */
  #before: PacketProtection | undefined
  #beforeUntil: Instant = 0 as Instant
  /** Lowest number opened under the present keys. */
  #phaseStart = 0

  constructor(primitives: LinkPrimitives) {
    this.#primitives = primitives
  }

  /** Phase of the peer's keys. */
  get phase(): number {
    return this.#protection?.phase ?? 0
  }

  get isOpen(): boolean {
    return this.#protection !== undefined
  }

  /** Packets are sealed under `secret`. */
  open(secret: Uint8Array): void {
    this.#protection = new PacketProtection(this.#primitives, secret)
  }

  /** The frames of `packet`; undefined when it is not new or does not verify. */
  take(packet: Uint8Array, ptoMs: number, now: Instant): Uint8Array | undefined {
    const number = fullPacketNumber(this.numbers.largest + 1, readUint32(packet, 1 + CID_BYTES))
    if (number < 0 || this.numbers.isKnown(number)) {
      this.duplicateCount++
      this.wasDuplicate = true
      return undefined
    }
    //= PAL-UDP-025
    const frames = this.#open(packet, number, ptoMs, now)
    if (frames === undefined) {
      this.badCount++
      this.wasDuplicate = false
      return undefined
    }
    this.packetCount++
    this.byteCount += packet.length
    this.number = number
    this.isHighest = number > this.numbers.largest
    return frames
  }

  #open(packet: Uint8Array, number: number, ptoMs: number, now: Instant): Uint8Array | undefined {
    this.isNewPhase = false
    const current = this.#protection
    if (current === undefined) return undefined
    const phase = ((packet[0] as number) & KEY_PHASE_BIT) === 0 ? 0 : 1
    if (phase === current.phase) {
      const frames = current.open(packet, number)
      if (frames !== undefined && number < this.#phaseStart) this.#phaseStart = number
      return frames
    }
    //= PAL-UDP-111
    if (number < this.#phaseStart)
      return now < this.#beforeUntil ? this.#before?.open(packet, number) : undefined
    this.#next ??= current.next()
    const frames = this.#next.open(packet, number)
    if (frames === undefined) return undefined
    this.#before = current
    this.#beforeUntil = instantAfter(now, RATIO.draining * ptoMs)
    this.#protection = this.#next
    this.#next = undefined
    this.#phaseStart = number
    this.isNewPhase = true
    return frames
  }

  /** All frames of the packet opened last were taken. */
  accept(isAckEliciting: boolean, now: Instant): void {
    this.numbers.onReceived(this.number, isAckEliciting, now)
  }
}
