import { performance } from 'node:perf_hooks'
import { type Instant, NEVER } from '../base/time.ts'

/** The monotonic clock of this process. */
export function monotonicNow(): Instant {
  return performance.now() as Instant
}

/** Wall-clock milliseconds at the monotonic origin. */
export function wallOffset(): number {
  return Date.now() - performance.now()
}

const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * One timer that a driver sets anew after every turn. Moving it to a later time costs nothing until it fires.
 */
export class Alarm {
  readonly #wake: () => void
  readonly #read: () => Instant
  #timer: ReturnType<typeof setTimeout> | undefined
  #at: Instant = NEVER

  /** Calls `wake` when the instant that `read` gave at the last `arm` has come. */
  constructor(read: () => Instant, wake: () => void) {
    this.#read = read
    this.#wake = wake
  }

  arm(): void {
    const at = this.#read()
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    const delayMs = Math.min(Math.max(0, Math.ceil(at - monotonicNow())), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#fire(), delayMs)
  }

  #fire(): void {
    this.#at = NEVER
    this.#timer = undefined
    if (this.#read() <= monotonicNow()) this.#wake()
    this.arm()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#at = -Infinity as Instant
  }
}
