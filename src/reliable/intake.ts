import { type Instant, type LinkPrimitives, readUint32 } from '../base/index.ts'
import { ReceivedNumbers } from './numbers.ts'
import { CID_BYTES } from './packet.ts'
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

  readonly #primitives: LinkPrimitives
  #protection: PacketProtection | undefined

  constructor(primitives: LinkPrimitives) {
    this.#primitives = primitives
  }

  get isOpen(): boolean {
    return this.#protection !== undefined
  }

  /** Packets are sealed under `secret`. */
  open(secret: Uint8Array): void {
    this.#protection = new PacketProtection(this.#primitives, secret)
  }

  /** The frames of `packet`; undefined when it is not new or does not verify. */
  take(packet: Uint8Array): Uint8Array | undefined {
    const number = fullPacketNumber(this.numbers.largest + 1, readUint32(packet, 1 + CID_BYTES))
    if (number < 0 || this.numbers.isKnown(number)) {
      this.duplicateCount++
      this.wasDuplicate = true
      return undefined
    }
    //= PAL-UDP-025
    const frames = this.#protection?.open(packet, number)
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

  /** All frames of the packet opened last were taken. */
  accept(isAckEliciting: boolean, now: Instant): void {
    this.numbers.onReceived(this.number, isAckEliciting, now)
  }
}
