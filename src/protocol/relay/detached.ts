/** Memberships whose client lost its link and may come back (spec chapter 6). */
import { DeadlineHeap, type Timed } from '../../base/deadlines.ts'
import { type Instant, NEVER } from '../../base/time.ts'
import type { Membership } from './conversation.ts'

/** What one installation left behind at once. */
interface Group<Owner> extends Timed {
  readonly keyHex: string
  readonly clientHex: string
  /** By the number of the conversation. */
  readonly memberships: Map<number, Membership<Owner>>
}

export class Detached<Owner> {
  readonly #groups = new Map<string, Group<Owner>>()
  readonly #deadlines = new DeadlineHeap<Group<Owner>>()

  get earliest(): Instant {
    return this.#deadlines.earliest
  }

  /** Keeps a membership for an installation until `until`. */
  add(membership: Membership<Owner>, clientHex: string, until: Instant): void {
    const { keyHex } = membership.participant
    let group = this.#groups.get(keyHex)
    if (!group) {
      group = { keyHex, clientHex, memberships: new Map(), heapIndex: -1, armedAt: NEVER }
      this.#groups.set(keyHex, group)
    }
    this.#deadlines.remove(group)
    this.#deadlines.arm(group, until)
    group.memberships.set(membership.conversation.number, membership)
  }

  /** The membership that waits for the installation in a conversation. */
  find(keyHex: string, clientHex: string, conversation: number): Membership<Owner> | undefined {
    const group = this.#groups.get(keyHex)
    return group?.clientHex === clientHex ? group.memberships.get(conversation) : undefined
  }

  /** Those of an identity. */
  of(keyHex: string): Membership<Owner>[] {
    return [...(this.#groups.get(keyHex)?.memberships.values() ?? [])]
  }

  /** Those of an identity that wait for another installation than this. */
  ofOthers(keyHex: string, clientHex: string): Membership<Owner>[] {
    const group = this.#groups.get(keyHex)
    return group && group.clientHex !== clientHex ? [...group.memberships.values()] : []
  }

  /** The membership waits no longer. */
  remove(membership: Membership<Owner>): void {
    const { keyHex } = membership.participant
    const group = this.#groups.get(keyHex)
    if (group?.memberships.get(membership.conversation.number) !== membership) return
    group.memberships.delete(membership.conversation.number)
    if (group.memberships.size > 0) return
    this.#groups.delete(keyHex)
    this.#deadlines.remove(group)
  }

  /** The memberships that have waited until `now`. */
  popDue(now: Instant): Membership<Owner>[] {
    const due: Membership<Owner>[] = []
    for (let group = this.#deadlines.popDue(now); group; group = this.#deadlines.popDue(now)) {
      this.#groups.delete(group.keyHex)
      due.push(...group.memberships.values())
    }
    return due
  }
}
