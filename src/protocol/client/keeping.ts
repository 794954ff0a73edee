/**
 * What a client keeps between links and between runs: conversations with the position up to which their
 * entries were applied, messages that the relay has not acknowledged, and what takes the session up again.
 * It changes by records alone, so that a journal of the records is the state.
 */
import { equalBytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import type { ResumeTicket } from './types.ts'

/** Messages that may wait while there is no link, and the bytes of their bodies. */
export const OUTBOX_MESSAGES_MAX = 1024
export const OUTBOX_BYTES_MAX: number = 4 * 1024 * 1024
/** Conversations that are kept; of others only the ones that are in use are known. */
const PLACES_MAX = 4096
/** Messages of a conversation that are known to have been acknowledged, the latest ones. */
const DONE_MAX = 256

/** A change of the state. Positions and refs are those of the conversation's log. */
export type ClientRecord =
  /** A conversation is known from now on, or by another number and log: its refs and positions begin anew. */
  | {
      readonly kind: 'place'
      readonly place: number
      readonly number: number
      readonly log: Uint8Array
      readonly conversationKind: number
      readonly name: string
      /** The key of the other one in a direct conversation; empty for a room. */
      readonly peer: Uint8Array
      readonly applied: number
    }
  | {
      readonly kind: 'message'
      readonly place: number
      readonly id: string
      readonly contentKind: number
      readonly body: Uint8Array
    }
  | { readonly kind: 'ref'; readonly place: number; readonly id: string; readonly ref: number }
  /** The relay took the message: at `seq`, or at a position that nobody knows any more when that is 0. */
  | {
      readonly kind: 'sent'
      readonly place: number
      readonly id: string
      readonly seq: number
      readonly timeMs: number
    }
  /** The message will not be sent: the relay refused it, or the application withdrew it. */
  | { readonly kind: 'dropped'; readonly place: number; readonly id: string }
  | { readonly kind: 'applied'; readonly place: number; readonly seq: number }
  /** The same, and the relay is about to hear of it. */
  | { readonly kind: 'cursor'; readonly place: number; readonly seq: number }
  | { readonly kind: 'forget'; readonly place: number }
  /** An empty token: there is nothing to take up. */
  | ({ readonly kind: 'ticket' } & ResumeTicket)

/**
 * Whether the record must have reached the disk before anything else is sent. Of the others, those that are
 * lost in a power cut make the client ask or apply again what it had.
 */
export function mustReachDisk({ kind }: ClientRecord): boolean {
  return kind !== 'applied' && kind !== 'sent'
}

/** A message that was not acknowledged. */
export interface OutboxMessage {
  readonly id: string
  readonly contentKind: number
  readonly body: Uint8Array
  /** The ref with which it may have been sent, or 0. */
  ref: number
}

/** Where a message ended up in its conversation's log. */
export interface SentAt {
  /** 0 when the relay took it and no longer knows where. */
  readonly seq: number
  readonly timeMs: number
}

/** A conversation as it is kept. */
export interface KeptPlace {
  readonly id: number
  number: number
  log: Uint8Array
  readonly conversationKind: number
  readonly name: string
  readonly peer: Uint8Array
  /** Entries up to here were applied by the application. */
  applied: number
  /** By id, in the order in which they are to be sent. */
  readonly outbox: Map<string, OutboxMessage>
  readonly done: Map<string, SentAt>
}

export class Keeping {
  readonly places: Map<number, KeptPlace> = new Map()
  #ticket: ResumeTicket | undefined
  #lastPlace = 0
  #waitingCount = 0
  #waitingBytes = 0

  /** What takes the session up again. */
  get ticket(): ResumeTicket | undefined {
    return this.#ticket
  }

  /** A number for a conversation that is not kept yet. */
  get nextPlace(): number {
    return this.#lastPlace + 1
  }

  /** Whether another message of that size may wait. */
  hasRoom(bodyBytes: number): boolean {
    if (this.#waitingCount >= OUTBOX_MESSAGES_MAX) return false
    return this.#waitingCount === 0 || this.#waitingBytes + bodyBytes <= OUTBOX_BYTES_MAX
  }

  /** Makes a change. One that does not fit what is known is a damaged journal: it throws UsageError. */
  apply(record: ClientRecord): void {
    if (record.kind === 'place') return this.#applyPlace(record)
    if (record.kind === 'ticket') {
      const { session, token, name } = record
      this.#ticket = token.length > 0 ? { session, token, name } : undefined
      return
    }
    const place = this.places.get(record.place)
    if (!place) throw new UsageError('bad_state', `a record of place ${record.place}, which is not known`)
    switch (record.kind) {
      case 'message':
        // One that is known has another body from here on, and keeps its place.
        if (!place.outbox.has(record.id)) this.#waitingCount += 1
        this.#waitingBytes += record.body.length - (place.outbox.get(record.id)?.body.length ?? 0)
        place.outbox.set(record.id, messageOf(record))
        return
      case 'ref': {
        const message = place.outbox.get(record.id)
        if (message) message.ref = record.ref
        return
      }
      case 'sent':
        remember(place, record.id, { seq: record.seq, timeMs: record.timeMs })
        return this.#take(place, record.id)
      case 'dropped':
        return this.#take(place, record.id)
      case 'applied':
      case 'cursor':
        place.applied = Math.max(place.applied, record.seq)
        return
      case 'forget':
        return this.#forget(place)
      default:
        record satisfies never
    }
  }

  #applyPlace(record: Extract<ClientRecord, { kind: 'place' }>): void {
    const { place: id, number, log, conversationKind, name, peer, applied } = record
    this.#lastPlace = Math.max(this.#lastPlace, id)
    const known = this.places.get(id)
    if (known) {
      known.number = number
      known.applied = applied
      if (equalBytes(known.log, log)) return
      known.log = log
      for (const message of known.outbox.values()) message.ref = 0
      return
    }
    const kept = { id, number, log, conversationKind, name, peer, applied }
    this.places.set(id, { ...kept, outbox: new Map(), done: new Map() })
  }

  #take(place: KeptPlace, id: string): void {
    const message = place.outbox.get(id)
    if (!message) return
    place.outbox.delete(id)
    this.#waitingCount -= 1
    this.#waitingBytes -= message.body.length
  }

  #forget(place: KeptPlace): void {
    for (const message of [...place.outbox.keys()]) this.#take(place, message)
    this.places.delete(place.id)
  }

  /** The place that may go when there are too many: the oldest one that nothing waits in. */
  surplus(isInUse: (place: KeptPlace) => boolean): KeptPlace | undefined {
    if (this.places.size < PLACES_MAX) return undefined
    for (const place of this.places.values()) if (place.outbox.size === 0 && !isInUse(place)) return place
    return undefined
  }

  /** Records that make this state from nothing. */
  snapshot(): ClientRecord[] {
    const records: ClientRecord[] = []
    if (this.#ticket) records.push({ kind: 'ticket', ...this.#ticket })
    for (const place of this.places.values()) records.push(...snapshotOf(place))
    return records
  }
}

function* snapshotOf(place: KeptPlace): Generator<ClientRecord, void> {
  const { id, number, log, conversationKind, name, peer, applied } = place
  yield { kind: 'place', place: id, number, log, conversationKind, name, peer, applied }
  for (const [done, at] of place.done) yield { kind: 'sent', place: id, id: done, ...at }
  for (const { id: message, contentKind, body, ref } of place.outbox.values()) {
    yield { kind: 'message', place: id, id: message, contentKind, body }
    if (ref > 0) yield { kind: 'ref', place: id, id: message, ref }
  }
}

function messageOf({ id, contentKind, body }: Extract<ClientRecord, { kind: 'message' }>): OutboxMessage {
  return { id, contentKind, body, ref: 0 }
}

function remember({ done }: KeptPlace, id: string, at: SentAt): void {
  done.delete(id)
  done.set(id, at)
  if (done.size <= DONE_MAX) return
  for (const oldest of done.keys()) {
    done.delete(oldest)
    return
  }
}
