import { type Instant, instantAfter } from '../base/index.ts'
import { LIMIT, TIMER } from './generated/constants.ts'

/** What is asked for, one after the other. */
const STEPS = [LIMIT.mtuLowBytes, LIMIT.mtuMiddleBytes, LIMIT.datagramBytesMax] as const

/**
 * How long a datagram may be in one direction (spec/13-datagram.md, section 12). States of a search: waiting
 * for its time; asking, with one probe under way at most; done. Loss of long packets alone shows a path that
 * has become narrower. Knows no packets and no clock, and believes no ICMP.
 */
export class PathMtu {
  /** The longest datagram that may leave. */
  datagramBytes: number = LIMIT.datagramBytes
  /** The shortest that was lost each time it was tried; 0 when none was. */
  refusedBytes = 0

  #bytesMax: number = LIMIT.datagramBytes
  #triesLeft: number = LIMIT.mtuTriesMax
  /** The probe under way, or -1. */
  #probeNumber = -1
  #isPathKnown = false
  #searchAt: Instant = 0 as Instant
  /** Long packets lost since one was acknowledged or a shorter one was lost. */
  #lostRun = 0
  #lostFirst = -1

  /** What the peer takes. */
  open(bytesMax: number): void {
    this.#bytesMax = Math.min(bytesMax, LIMIT.datagramBytesMax)
  }

  /** The path is another one. */
  //= PAL-UDP-123
  restart(): void {
    this.datagramBytes = LIMIT.datagramBytes
    this.#isPathKnown = false
    this.#beginAt(0 as Instant)
  }

  /** Length of the probe to send now, or 0. */
  //= PAL-UDP-117, PAL-UDP-118
  probeBytes(now: Instant): number {
    if (this.#probeNumber >= 0 || !this.#isPathKnown || now < this.#searchAt) return 0
    if (this.#triesLeft === 0) this.#beginAt(now)
    return this.#nextStep
  }

  onProbeSent(number: number): void {
    this.#probeNumber = number
    this.#triesLeft--
  }

  //= PAL-UDP-119
  onProbeAcked(number: number, bytes: number): void {
    // A probe of the path before this one, or of before it shrank, says nothing.
    if (number !== this.#probeNumber) return
    this.#probeNumber = -1
    this.datagramBytes = bytes
    this.#triesLeft = LIMIT.mtuTriesMax
  }

  onProbeLost(number: number, now: Instant): void {
    if (number !== this.#probeNumber) return
    this.#probeNumber = -1
    if (this.#triesLeft > 0) return
    this.refusedBytes = this.#nextStep
    this.#searchAt = instantAfter(now, TIMER.mtuSearchMs)
  }

  /** Another packet arrived. */
  onAcked(number: number, bytes: number): void {
    this.#isPathKnown = true
    if (bytes > LIMIT.datagramBytes && number > this.#lostFirst) this.#lostRun = 0
  }

  /** Another packet was lost; of those that one ACK shows, the lowest number first. */
  onLost(number: number, bytes: number): void {
    if (bytes <= LIMIT.datagramBytes) {
      if (number > this.#lostFirst) this.#lostRun = 0
      return
    }
    if (this.#lostRun++ === 0) this.#lostFirst = number
  }

  /** Everything that an ACK or a timeout tells has been told. True when the path is narrower than it was. */
  //= PAL-UDP-121
  hasShrunk(now: Instant): boolean {
    if (this.#lostRun < LIMIT.blackHolePackets) return false
    this.#lostRun = 0
    if (this.datagramBytes === LIMIT.datagramBytes) return false
    this.datagramBytes = LIMIT.datagramBytes
    this.#beginAt(instantAfter(now, TIMER.mtuSearchMs))
    return true
  }

  #beginAt(at: Instant): void {
    this.#probeNumber = -1
    this.#searchAt = at
    this.#triesLeft = LIMIT.mtuTriesMax
    this.refusedBytes = 0
  }

  /** The next size to ask for, or 0 when there is none. */
  get #nextStep(): number {
    for (const bytes of STEPS) if (bytes > this.datagramBytes) return bytes <= this.#bytesMax ? bytes : 0
    return 0
  }
}
