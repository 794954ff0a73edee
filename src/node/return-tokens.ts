import type { Address } from '../base/machine.ts'

const RELAYS_MAX = 64

/** Tokens that relays gave for the next connection, one a relay, for as long as the process lives. */
export class ReturnTokens {
  readonly #tokens = new Map<string, Uint8Array>()

  keep(relay: Address, token: Uint8Array): void {
    const key = keyOf(relay)
    this.#tokens.delete(key)
    this.#tokens.set(key, token)
    if (this.#tokens.size <= RELAYS_MAX) return
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest)
      return
    }
  }

  /** The token for `relay`, which serves once, or none. */
  take(relay: Address): Uint8Array | undefined {
    const token = this.#tokens.get(keyOf(relay))
    this.#tokens.delete(keyOf(relay))
    return token
  }
}

function keyOf({ host, port }: Address): string {
  return `${host} ${port}`
}
