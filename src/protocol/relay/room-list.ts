/** The rooms of a relay in the order in which they are listed. */
import { assert } from '../../base/assert.ts'
import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import { compareCodePoints } from '../names.ts'
import type { Conversation } from './conversation.ts'

/** The name of a room; empty for a direct conversation. */
export function roomName<Owner>(room: Conversation<Owner>): string {
  return room.nature.kind === CONVERSATION_KINDS.room ? room.nature.name : ''
}

/**
 * Rooms in code point order of their names. Kept in order, so that making a room and listing costs no
 * sorting.
 */
export class RoomList<Owner> {
  readonly #sorted: Conversation<Owner>[] = []

  /** Adds a room whose name no other has. */
  add(room: Conversation<Owner>): void {
    this.#sorted.splice(this.#firstAfter(roomName(room)), 0, room)
  }

  remove(room: Conversation<Owner>): void {
    const index = this.#firstAfter(roomName(room)) - 1
    assert(this.#sorted[index] === room, 'a room is where its name puts it')
    this.#sorted.splice(index, 1)
  }

  /** At most `count` rooms whose names come after `name`, and whether there are others beyond. */
  page(
    name: string,
    count: number,
  ): { readonly rooms: readonly Conversation<Owner>[]; readonly more: boolean } {
    const from = name === '' ? 0 : this.#firstAfter(name)
    return { rooms: this.#sorted.slice(from, from + count), more: from + count < this.#sorted.length }
  }

  /** The index of the first room whose name comes after `name`, by bisection. */
  #firstAfter(name: string): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareCodePoints(roomName(this.#sorted[middle] as Conversation<Owner>), name) > 0) high = middle
      else low = middle + 1
    }
    return low
  }
}
