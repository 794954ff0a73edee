/**
 * Entries that a program never sees, because they are for the sealing alone: they count as applied once the
 * program applied everything that it was given before them.
 */
import type { ClientConversation } from '../protocol/client/index.ts'

interface Place {
  /** The last entry that the program was given, applied, and was not given. */
  handed: number
  applied: number
  silent: number
}

export class Trailing {
  readonly #places = new WeakMap<ClientConversation, Place>()

  /** The program was given an entry. */
  handed(conversation: ClientConversation, seq: number): void {
    const place = this.#place(conversation)
    place.handed = Math.max(place.handed, seq)
  }

  /** The program applied everything up to `seq`; up to where that reaches. */
  applied(conversation: ClientConversation, seq: number): number {
    const place = this.#place(conversation)
    place.applied = Math.max(place.applied, seq)
    return place.applied >= place.handed ? Math.max(seq, place.silent) : seq
  }

  /** An entry that the program is not given; whether it is applied now. */
  passed(conversation: ClientConversation, seq: number): boolean {
    const place = this.#place(conversation)
    place.silent = Math.max(place.silent, seq)
    return place.applied >= place.handed
  }

  /** Positions begin anew. */
  forget(conversation: ClientConversation): void {
    this.#places.delete(conversation)
  }

  #place(conversation: ClientConversation): Place {
    let place = this.#places.get(conversation)
    if (!place) {
      place = { handed: 0, applied: 0, silent: 0 }
      this.#places.set(conversation, place)
    }
    return place
  }
}
