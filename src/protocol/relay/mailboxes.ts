/** The direct conversations of each identity, and how much waits there for it (spec chapter 7). */
import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import type { Archive } from './archive.ts'
import type { Conversation, DirectEnd } from './conversation.ts'

/** What waits for one identity over all its direct conversations. */
interface Mailbox {
  entries: number
  /** An estimate: entries in a log count as equally long. */
  bytes: number
}

export class Mailboxes<Owner> {
  readonly #archive: Archive<Owner>
  readonly #directs = new Map<string, Set<Conversation<Owner>>>()
  readonly #boxes = new Map<string, Mailbox>()

  constructor(archive: Archive<Owner>) {
    this.#archive = archive
  }

  add(conversation: Conversation<Owner>, ends: readonly DirectEnd[]): void {
    for (const { keyHex } of ends) {
      const directs = this.#directs.get(keyHex)
      if (directs) directs.add(conversation)
      else this.#directs.set(keyHex, new Set([conversation]))
    }
  }

  remove(conversation: Conversation<Owner>, ends: readonly DirectEnd[]): void {
    for (const { keyHex } of ends) {
      const directs = this.#directs.get(keyHex)
      directs?.delete(conversation)
      this.#boxes.delete(keyHex)
      if (directs?.size === 0) this.#directs.delete(keyHex)
    }
  }

  /** What waits for an identity. */
  waitingFor(keyHex: string): Readonly<Mailbox> {
    return this.#box(keyHex)
  }

  #box(keyHex: string): Mailbox {
    let box = this.#boxes.get(keyHex)
    if (box) return box
    box = { entries: 0, bytes: 0 }
    for (const conversation of this.#directs.get(keyHex) ?? []) {
      this.#archive.load(conversation)
      const end = endOf(conversation, keyHex)
      const waiting = end ? conversation.seq - end.cursor : 0
      box.entries += waiting
      box.bytes += bytesOf(conversation, waiting)
    }
    this.#boxes.set(keyHex, box)
    return box
  }

  /** A message was taken: it waits for both ends, but for a sender for whom nothing waited before. */
  //= PAL-ROM-072
  noteMessage(conversation: Conversation<Owner>, senderHex: string, bodyBytes: number): void {
    if (conversation.nature.kind !== CONVERSATION_KINDS.direct) return
    for (const end of conversation.nature.ends)
      if (end.keyHex === senderHex && end.cursor === conversation.seq - 1) end.cursor = conversation.seq
      else {
        const box = this.#boxes.get(end.keyHex)
        if (box) box.entries += 1
        if (box) box.bytes += bodyBytes
      }
  }

  /** Moves an identity's cursor forward; whether it moved. */
  //= PAL-ROM-056
  moveCursor(conversation: Conversation<Owner>, keyHex: string, seq: number): boolean {
    const end = endOf(conversation, keyHex)
    const target = Math.min(seq, conversation.seq)
    if (!end || target <= end.cursor) return false
    const box = this.#boxes.get(keyHex)
    if (box) {
      const moved = target - end.cursor
      box.entries = Math.max(0, box.entries - moved)
      box.bytes = box.entries === 0 ? 0 : Math.max(0, box.bytes - bytesOf(conversation, moved))
    }
    end.cursor = target
    return true
  }

  /** The conversations in which something waits for the identity, newest first, at most `count`. */
  unread(keyHex: string, count: number): Conversation<Owner>[] {
    const unread: Conversation<Owner>[] = []
    for (const conversation of this.#directs.get(keyHex) ?? []) {
      this.#archive.load(conversation)
      if (conversation.seq > (endOf(conversation, keyHex)?.cursor ?? 0)) unread.push(conversation)
    }
    return unread.sort((a, b) => b.changedMs - a.changedMs).slice(0, count)
  }
}

/** The end of a direct conversation that is the identity's. */
export function endOf<Owner>({ nature }: Conversation<Owner>, keyHex: string): DirectEnd | undefined {
  return nature.kind === CONVERSATION_KINDS.direct
    ? nature.ends.find((end) => end.keyHex === keyHex)
    : undefined
}

/** What that many entries of the log hold, about. */
function bytesOf<Owner>({ seq, firstSeq, logBytes }: Conversation<Owner>, entries: number): number {
  const kept = seq - firstSeq + 1
  return kept > 0 ? Math.ceil((logBytes * Math.min(entries, kept)) / kept) : 0
}
