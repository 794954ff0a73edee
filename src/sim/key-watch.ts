/**
 * Watches the keys that a world's clients seal with, across restarts and crashes: no box is made twice under
 * one key and nonce, and no message key seals two messages that left. The second is watched apart because
 * the guard in each header hides it from the first: a chain that was set back gives other nonces.
 */
import { hexOf } from '../base/bytes.ts'
import type { Primitives } from '../crypto/primitives.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 24
const TAIL_BYTES = 32

export class KeyWatch {
  /** What was used twice. */
  readonly violations: string[] = []
  /** How many boxes were made. */
  boxCount = 0
  readonly #boxes = new Set<string>()
  /** The message key of each sealed body, by the body's last bytes. */
  readonly #messageKeys = new Map<string, string>()
  readonly #left = new Map<string, string>()
  #derivedFrom: Uint8Array = new Uint8Array(0)
  #derived: Uint8Array = new Uint8Array(0)

  /** The primitives with the watch before them. */
  over(primitives: Primitives): Primitives {
    return {
      ...primitives,
      hmac512: (key, ...parts) => {
        const output = primitives.hmac512(key, ...parts)
        this.#derivedFrom = key.slice()
        this.#derived = output.slice()
        return output
      },
      seal: (key, nonce, plaintext) => {
        const sealed = primitives.seal(key, nonce, plaintext)
        this.#sealed(key, nonce, sealed)
        return sealed
      },
    }
  }

  /** A body goes to the relay. */
  left(body: Uint8Array): void {
    const tail = tailOf(body)
    const messageKey = this.#messageKeys.get(tail)
    if (messageKey === undefined) return
    const before = this.#left.get(messageKey)
    if (before !== undefined && before !== tail) this.violations.push('a message key sealed two messages')
    this.#left.set(messageKey, tail)
  }

  #sealed(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): void {
    this.boxCount += 1
    const box = `${hexOf(key)} ${hexOf(nonce)}`
    if (this.#boxes.has(box)) this.violations.push('two boxes have one key and nonce')
    this.#boxes.add(box)
    const isDerived = hexOf(this.#derived.subarray(0, KEY_BYTES + NONCE_BYTES)) === hexOf(key) + hexOf(nonce)
    if (isDerived) this.#messageKeys.set(tailOf(sealed), hexOf(this.#derivedFrom))
  }
}

function tailOf(bytes: Uint8Array): string {
  return hexOf(bytes.subarray(-TAIL_BYTES))
}
