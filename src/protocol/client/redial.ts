/** When a client that lost its link tries again (spec chapter 6). */
import type { Entropy } from '../../base/entropy.ts'
import { type Instant, instantAfter } from '../../base/time.ts'
import { ERROR_INFO, type ErrorName } from '../../codec/generated/registry.ts'

const DELAY_MS_MIN = 250
const DELAY_MS_MAX = 30_000
/** A session that was open for so long ended for a new reason. */
const SETTLED_MS = 10_000

/** Why a link ended or did not come about. */
export interface LinkLoss {
  readonly by: 'local' | 'peer' | 'link'
  readonly name: ErrorName | undefined
  readonly retryMs: number
}

/** People decided these: to come back at once would be to argue with them. */
const DECIDED: ReadonlySet<ErrorName> = new Set(['kicked', 'banned'])

/** Whether a client may try again by itself. */
export function mayRedial({ by, name }: LinkLoss): boolean {
  //= PAL-ERR-005  an unknown code of `close` may be tried later
  if (by === 'link' || name === undefined) return true
  //= PAL-SES-022
  return ERROR_INFO[name].retry !== 'never' && !DECIDED.has(name)
}

export class Redial {
  readonly #entropy: Entropy
  #failures = 0
  #openedAt: Instant | undefined

  constructor(entropy: Entropy) {
    this.#entropy = entropy
  }

  /** Attempts since the last session that lasted. */
  get failures(): number {
    return this.#failures
  }

  opened(now: Instant): void {
    this.#openedAt = now
  }

  /** When to dial again after a link that ended now. */
  next(loss: LinkLoss, now: Instant): Instant {
    if (this.#openedAt !== undefined && now - this.#openedAt >= SETTLED_MS) this.#failures = 0
    this.#openedAt = undefined
    const ceilingMs = Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(this.#failures, 16))
    this.#failures += 1
    //= PAL-SES-024  half of it by chance, so that those who lost a relay together do not return together
    const delayMs = Math.ceil(ceilingMs * (0.5 + this.#random() / 2))
    //= PAL-SES-023
    return instantAfter(now, Math.max(delayMs, loss.retryMs))
  }

  /** From 0 to 1. */
  #random(): number {
    const bytes = this.#entropy(2)
    return ((bytes[0] as number) * 256 + (bytes[1] as number)) / 65_535
  }
}
