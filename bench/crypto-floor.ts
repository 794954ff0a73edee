/**
 * The least that a row could cost with the same construction: the calls of primitives that it makes are
 * recorded once, and made again with nothing around them.
 */
import type { Primitives } from '../src/crypto/primitives.ts'

/** Primitives that write down each call while `calls` is set. */
export interface Recorder {
  readonly primitives: Primitives
  /** The calls that `run` makes. */
  readonly record: (run: () => unknown) => readonly (() => unknown)[]
}

/** Records what is asked of `primitives`. Calls within a call count as part of it. */
export function recorderOf(primitives: Primitives): Recorder {
  let calls: (() => unknown)[] | undefined
  const recorded = Object.fromEntries(
    Object.entries(primitives).map(([name, call]: [string, (...args: unknown[]) => unknown]) => [
      name,
      (...args: unknown[]) => {
        calls?.push(() => call(...args))
        return call(...args)
      },
    ]),
  )
  return {
    primitives: recorded as unknown as Primitives,
    record: (run) => {
      const made: (() => unknown)[] = []
      calls = made
      run()
      calls = undefined
      return made
    },
  }
}
