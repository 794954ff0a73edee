/**
 * Entries that a program never sees, because they are for the sealing alone: they count as applied once the
 * program applied everything that it was given before them. What a program needs again after a restart does
 * not, nor does anything behind it.
 */
import type { ClientConversation } from '../protocol/client/index.ts'

interface Place {
  /** The last entry that the program was given, applied, and was not given. */
  handed: number
  applied: number
  silent: number
  needs: readonly number[]
}

const NONE: readonly number[] = []

export class Trailing {
  readonly #places = new WeakMap<ClientConversation, Place>()
  readonly #behind = new Set<ClientConversation>()

  /** Whether the program was given something that it has not applied. */
  get isBehind(): boolean {
    return this.#behind.size > 0
  }

  /** The program was given an entry. */
  handed(conversation: ClientConversation, seq: number): void {
    const place = this.#place(conversation)
    place.handed = Math.max(place.handed, seq)
    if (place.applied < place.handed) this.#behind.add(conversation)
  }

  /** The program applied everything up to `seq`; up to where that reaches. */
  applied(conversation: ClientConversation, seq: number): number {
    const place = this.#place(conversation)
    place.applied = Math.max(place.applied, seq)
    if (place.applied >= place.handed) this.#behind.delete(conversation)
    return place.applied >= place.handed ? Math.max(seq, place.silent) : seq
  }

  /** An entry that the program is not given; whether it is applied now. */
  passed(conversation: ClientConversation, seq: number): boolean {
    const place = this.#place(conversation)
    place.silent = Math.max(place.silent, seq)
    return place.applied >= place.handed
  }

  /** The entries, of those applied, that the program needs again if it ends now. */
  need(conversation: ClientConversation, needs: readonly number[]): void {
    if (needs.length > 0 || this.#places.has(conversation)) this.#place(conversation).needs = needs
  }

  needsOf(conversation: ClientConversation): readonly number[] {
    return this.#places.get(conversation)?.needs ?? NONE
  }

  /** Positions begin anew. */
  forget(conversation: ClientConversation): void {
    this.#places.delete(conversation)
    this.#behind.delete(conversation)
  }

  #place(conversation: ClientConversation): Place {
    let place = this.#places.get(conversation)
    if (!place) {
      place = { handed: 0, applied: 0, silent: 0, needs: NONE }
      this.#places.set(conversation, place)
    }
    return place
  }
}
