/** Counts and times of a benchmark. */
const BUCKETS_PER_OCTAVE = 32
const OCTAVES = 40
/** The finest time told apart, in milliseconds. */
const FINEST_MS = 1e-4

/** Times in buckets of about two percent each: as many as there are cost no memory. */
export class Tally {
  count = 0
  #maxMs = 0
  readonly #buckets = new Float64Array(BUCKETS_PER_OCTAVE * OCTAVES)

  add(ms: number): void {
    this.count += 1
    if (ms > this.#maxMs) this.#maxMs = ms
    const index = Math.floor(Math.log2(Math.max(ms, FINEST_MS) / FINEST_MS) * BUCKETS_PER_OCTAVE)
    this.#buckets[Math.min(index, this.#buckets.length - 1)]! += 1
  }

  /** The time that the share `q` of all did not exceed; 0 when there are none. */
  quantile(q: number): number {
    let left = Math.ceil(q * this.count)
    for (const [index, count] of this.#buckets.entries()) {
      left -= count
      if (left <= 0 && count > 0)
        return Math.min(FINEST_MS * 2 ** ((index + 1) / BUCKETS_PER_OCTAVE), this.#maxMs)
    }
    return this.#maxMs
  }

  /** p50 to the maximum, in milliseconds with three digits. */
  get summary(): { p50: number; p99: number; p999: number; max: number } {
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => digits(this.quantile(q))) as [
      number,
      number,
      number,
    ]
    return { p50, p99, p999, max: digits(this.#maxMs) }
  }

  get text(): string {
    const { p50, p99, p999, max } = this.summary
    return `p50 ${p50} ms  p99 ${p99} ms  p99.9 ${p999} ms  max ${max} ms`
  }
}

function digits(ms: number): number {
  return Number(ms.toPrecision(3))
}
