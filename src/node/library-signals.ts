/** Signals as a program gets them: who is typing, what was read. */
import { SIGNAL_KINDS } from '../codec/generated/registry.ts'
import type { SessionEvent } from './client-connection.ts'

const KINDS: Readonly<Record<number, 'typing' | 'read'>> = {
  [SIGNAL_KINDS.typing]: 'typing',
  [SIGNAL_KINDS.read]: 'read',
}

/** What somebody tells the others of a conversation and nobody keeps; it may get lost. */
export interface PalaverSignal {
  /** The room's name, or that of the other one. */
  readonly room: string
  /** The name of whom it is of. */
  readonly from: string
  /** `other` for numbers that applications agreed on. */
  readonly kind: 'typing' | 'read' | 'other'
  readonly number: number
  /** Typing: 1, or 0 no longer. Read: the seq of the last message. */
  readonly value: bigint
  readonly body: Uint8Array
}

/** The signal of an event. */
export function signalOf({
  conversation,
  sender,
  senderName,
  signal,
}: Extract<SessionEvent, { kind: 'signal' }>): PalaverSignal {
  return {
    room: conversation.name,
    from: senderName ?? `member ${sender}`,
    kind: KINDS[signal.kind] ?? 'other',
    number: signal.kind,
    value: BigInt(signal.value),
    body: signal.body,
  }
}
