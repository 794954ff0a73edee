/** From where a program wants the entries of a room. */
import type { ClientConnection } from '../node/client-connection.ts'
import type { ClientConversation, HistoryEntry, Since } from '../protocol/client/index.ts'
import { usageError } from './exit.ts'
import { parseDuration } from './units.ts'

/** What `--since` says. */
export type SinceWish =
  | { readonly kind: 'now' | 'last' | 'start' }
  | { readonly kind: 'after'; readonly seq: number }
  | { readonly kind: 'ago'; readonly ms: number }

const OPTION = '--since'

/** `last`, `start`, a number of the log, or a duration. */
export function parseSince(text: string | undefined): SinceWish {
  if (text === undefined) return { kind: 'now' }
  if (text === 'last' || text === 'start') return { kind: text }
  if (!/^\d+$/u.test(text)) return { kind: 'ago', ms: parseDuration(text, OPTION) }
  const seq = Number(text)
  if (!Number.isSafeInteger(seq)) throw usageError(`${OPTION} ${text} is no position in a log`)
  return { kind: 'after', seq }
}

/** What to join with; undefined stands for where this identity stopped reading. */
export function sinceOf(wish: SinceWish): Since | undefined {
  switch (wish.kind) {
    case 'now':
      return { last: 0, most: 0 }
    case 'last':
      return undefined
    case 'start':
      return { seq: 0 }
    case 'after':
      return { seq: wish.seq }
    case 'ago':
      return { isHeld: true }
    default:
      return wish satisfies never
  }
}

/** The position of the last entry before that time, by the relay's clock. Entries are in its order. */
export async function positionBefore(
  connection: ClientConnection,
  conversation: ClientConversation,
  wallMs: number,
): Promise<number> {
  let low = 0
  let high = conversation.head
  while (low < high) {
    const from = Math.floor((low + high) / 2) + 1
    const request = { type: 'fetch', conversation: conversation.number, from, count: 1 } as const
    const [entry] = (await connection.request(request)).entries
    if (!entry || timeOf(entry) >= wallMs) high = from - 1
    else low = Math.max(from, seqOf(entry))
  }
  return low
}

function timeOf(entry: HistoryEntry): number {
  return entry.kind === 'message' ? entry.message.timeMs : entry.event.time
}

function seqOf(entry: HistoryEntry): number {
  return entry.kind === 'message' ? entry.message.seq : entry.event.seq
}
