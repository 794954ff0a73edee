/** What a machine wants kept: named records that changed since they were last taken. */

/** A record to keep, or with `undefined` to forget. */
export type RecordChange = readonly [name: string, bytes: Uint8Array | undefined]

/** Collects changes; of several to one record the last counts. */
export class Changes {
  readonly #changes = new Map<string, Uint8Array | undefined>()

  put(name: string, bytes: Uint8Array): void {
    this.#changes.set(name, bytes)
  }

  forget(name: string): void {
    this.#changes.set(name, undefined)
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  /** All changes; afterwards there are none. They belong together: all are kept, or none. */
  take(): RecordChange[] {
    const taken = [...this.#changes]
    this.#changes.clear()
    return taken
  }
}
