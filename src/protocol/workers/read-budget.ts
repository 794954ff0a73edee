/**
 * How much a worker reads before the process with the rooms has handled it. Without this limit a busy relay
 * would find in its memory what belongs into the kernel's buffers, and its senders would not feel it.
 */
import { Queue } from '../../base/queue.ts'

/** What the budget keeps with each link. */
export interface Budgeted {
  /** Bytes in bundles of which some was not handled when they were counted. */
  unhandledBytes: number
  /** The last bundle with bytes of the link. */
  lastBundle: number
  /** Whether the link is not read because of its own bytes. */
  isHeld: boolean
}

export interface ReadLimits {
  /** A link that has so much unhandled is not read. */
  readonly linkBytes: number
  /** With so much unhandled in all, no link is read. */
  readonly totalBytes: number
}

export class ReadBudget<L extends Budgeted> {
  readonly #limits: ReadLimits
  #bundle = 1
  #handledBundles = 0
  /** Bytes of the bundles that are not handled, and of the one being made. */
  readonly #bundles = new Queue<number>()
  #openBytes = 0
  #totalBytes = 0
  /** In the order in which they were held. */
  readonly #held = new Queue<L>()

  constructor(limits: ReadLimits) {
    this.#limits = limits
  }

  /** Counts bytes of a link into the bundle being made. True when the link is to be read no further. */
  take(link: L, byteCount: number): boolean {
    if (link.lastBundle <= this.#handledBundles) link.unhandledBytes = 0
    link.unhandledBytes += byteCount
    link.lastBundle = this.#bundle
    this.#openBytes += byteCount
    this.#totalBytes += byteCount
    if (link.isHeld || link.unhandledBytes < this.#limits.linkBytes) return false
    link.isHeld = true
    this.#held.push(link)
    return true
  }

  /** The bundle being made leaves; the next one begins. */
  endBundle(): void {
    this.#bundles.push(this.#openBytes)
    this.#openBytes = 0
    this.#bundle += 1
  }

  /** So many bundles were handled. Returns the links that are held no more. */
  handled(bundleCount: number): L[] {
    for (; this.#handledBundles < bundleCount; this.#handledBundles++)
      this.#totalBytes -= this.#bundles.shift() as number
    const released: L[] = []
    for (let link = this.#held.peek(); link && link.lastBundle <= bundleCount; link = this.#held.peek()) {
      link.isHeld = false
      released.push(link)
      this.#held.shift()
    }
    return released
  }

  /** Whether no link is to be read. */
  get isFull(): boolean {
    return this.#totalBytes >= this.#limits.totalBytes
  }

  /** Whether all links can be read again. */
  get isRelieved(): boolean {
    return this.#totalBytes <= this.#limits.totalBytes / 2
  }
}
