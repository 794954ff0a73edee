import type { Address, Entropy } from '../base/index.ts'
import { earlierOf, type Instant, instantAfter, NEVER, sameAddress } from '../base/index.ts'
import type { GivenCid, PeerCids } from './connection-ids.ts'
import { LIMIT, RATIO, TIMER } from './generated/constants.ts'

const CHALLENGE_BYTES = 8

/** What to ask, where, and under which id of the client. */
export interface Challenge {
  readonly to: Address
  readonly cid: Uint8Array
  readonly data: Uint8Array
}

/** An address that a client's packets came from and that has not answered yet. */
interface Candidate {
  readonly address: Address
  readonly data: Uint8Array
  readonly until: Instant
  /** Of the client, for this address; undefined where the one in use serves. */
  readonly reserved: GivenCid | undefined
  sendAt: Instant
  waitMs: number
  receivedBytes: number
  sentBytes: number
}

/**
 * Whether a client whose packets come from another address can be reached there (spec/13-datagram.md,
 * section 11): one address at a time is asked, with no more than three times the bytes that came from it.
 * Nothing else goes there before it has answered; so whoever repeats a client's packets gains nothing.
 */
export class PathCheck {
  readonly #cids: PeerCids
  #candidate: Candidate | undefined
  #nextAt: Instant = 0 as Instant

  constructor(cids: PeerCids) {
    this.#cids = cids
  }

  /** When there is something to send, or to give up. */
  get deadline(): Instant {
    const one = this.#candidate
    return one === undefined ? NEVER : earlierOf(one.sendAt, one.until)
  }

  /**
   * A verified packet came from `from`, which is not the connection's address; under another id of ours than
   * those before when the client has moved on purpose.
   */
  //= PAL-UDP-094
  onElsewhere(
    from: Address,
    packet: { readonly bytes: number; readonly isHighest: boolean; readonly isOtherCid: boolean },
    means: { readonly entropy: Entropy; readonly ptoMs: number; readonly now: Instant },
  ): void {
    const { now } = means
    this.giveUp(now)
    if (this.#candidate !== undefined) {
      if (sameAddress(this.#candidate.address, from)) this.#candidate.receivedBytes += packet.bytes
      return
    }
    if (!packet.isHighest || now < this.#nextAt) return
    this.#nextAt = instantAfter(now, TIMER.pathCheckIntervalMs)
    this.#candidate = {
      address: from,
      data: means.entropy(CHALLENGE_BYTES),
      // The other path may be far longer than the one that the PTO is known of.
      until: instantAfter(now, Math.max(RATIO.pathCheck * means.ptoMs, TIMER.pathCheckMinMs)),
      //= PAL-UDP-128
      reserved: packet.isOtherCid ? this.#cids.reserve() : undefined,
      sendAt: now,
      waitMs: means.ptoMs,
      receivedBytes: packet.bytes,
      sentBytes: 0,
    }
  }

  /** Whether `data`, which came from `from`, answers what was asked there; that ends the check. */
  //= PAL-UDP-096
  isAnswered(data: Uint8Array, from: Address, now: Instant): boolean {
    this.giveUp(now)
    const one = this.#candidate
    if (one === undefined || !sameAddress(one.address, from)) return false
    if (!one.data.every((byte, i) => byte === data[i])) return false
    this.#candidate = undefined
    //= PAL-UDP-128
    if (one.reserved !== undefined) this.#cids.useReserved()
    return true
  }

  /** Lets go of an address that has not answered in time. */
  //= PAL-UDP-098
  giveUp(now: Instant): void {
    if (this.#candidate !== undefined && now >= this.#candidate.until) this.#candidate = undefined
  }

  /** The challenge to send now, and where to. Its packet has the least size of one that is ack-eliciting. */
  poll(now: Instant): Challenge | undefined {
    this.giveUp(now)
    const one = this.#candidate
    if (one === undefined || now < one.sendAt) return undefined
    one.sendAt = instantAfter(now, one.waitMs)
    one.waitMs *= 2
    const bytes = one.sentBytes + LIMIT.resettableBytesMin
    //= PAL-UDP-097
    if (bytes > RATIO.amplification * one.receivedBytes) return undefined
    one.sentBytes = bytes
    return { to: one.address, cid: (one.reserved ?? this.#cids.current).cid, data: one.data }
  }

  clear(): void {
    this.#candidate = undefined
  }
}
