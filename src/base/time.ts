declare const unit: unique symbol

/** Monotonic milliseconds from an origin the driver chose. Only drivers and the simulator make one. */
export type Instant = number & { readonly [unit]: 'instant_ms' }

/** Later than every other instant: a deadline that never comes. */
export const NEVER: Instant = Infinity as Instant

/** The instant `delayMs` milliseconds after `now`. */
export function instantAfter(now: Instant, delayMs: number): Instant {
  return (now + delayMs) as Instant
}

/** The earlier of two instants. */
export function earlierOf(a: Instant, b: Instant): Instant {
  return a < b ? a : b
}
