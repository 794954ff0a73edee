/**
 * Which of several addresses is tried when (spec section 4.4). States: racing, won, lost. Pure: dials nothing
 * and knows no clock; the driver dials what `pollStart` names and tells what became of it.
 */
import { type Instant, instantAfter, NEVER } from '../base/time.ts'

/** The head start of each address before the next one (RFC 8305). */
//= PAL-STR-017
export const HEAD_START_MS = 250

type State =
  | {
      readonly kind: 'racing'
      readonly startedCount: number
      readonly failedCount: number
      readonly nextAt: Instant
    }
  | { readonly kind: 'won'; readonly winner: number }
  | { readonly kind: 'lost' }

export class DialRace {
  readonly #count: number
  #state: State

  /** `count` addresses, of which the first is to be tried now. */
  constructor(count: number, now: Instant) {
    this.#count = count
    this.#state =
      count === 0 ? { kind: 'lost' } : { kind: 'racing', startedCount: 0, failedCount: 0, nextAt: now }
  }

  get state(): State['kind'] {
    return this.#state.kind
  }

  /** The address whose link is kept. */
  get winner(): number | undefined {
    return this.#state.kind === 'won' ? this.#state.winner : undefined
  }

  /** The address to try now. */
  pollStart(now: Instant): number | undefined {
    const state = this.#state
    if (state.kind !== 'racing' || state.startedCount === this.#count || state.nextAt > now) return undefined
    this.#state = { ...state, startedCount: state.startedCount + 1, nextAt: instantAfter(now, HEAD_START_MS) }
    return state.startedCount
  }

  /** When `pollStart` has something. */
  pollTimeout(): Instant {
    const state = this.#state
    return state.kind === 'racing' && state.startedCount < this.#count ? state.nextAt : NEVER
  }

  /** An address that was tried does not answer, or refuses. */
  handleFailure(now: Instant): void {
    const state = this.#state
    if (state.kind !== 'racing') return
    const failedCount = state.failedCount + 1
    this.#state = failedCount === this.#count ? { kind: 'lost' } : { ...state, failedCount, nextAt: now }
  }

  /** A link opened; false when it is to be ended because another was first. */
  //= PAL-STR-018
  handleLink(index: number): boolean {
    if (this.#state.kind !== 'racing') return false
    this.#state = { kind: 'won', winner: index }
    return true
  }
}
