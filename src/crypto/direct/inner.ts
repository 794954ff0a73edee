/** What a sealed message holds once it is opened: what it is, where it belongs, and what came before it. */
import { concatBytes, copyOf, equalBytes } from '../../base/bytes.ts'
import { label } from '../kdf.ts'
import type { Primitives } from '../primitives.ts'
import { compareBytes } from '../room/operation.ts'

const HASH_BYTES = 16
const INNER_HEAD_BYTES = 1 + 3 * HASH_BYTES
const CONTEXT_LABEL = label('ctx')
const PREVIOUS_LABEL = label('prev')

/** The longest body of one sealed message: sealed and padded it fits into a frame. */
export const SEALED_BODY_BYTES_MAX: number = 57_344 - INNER_HEAD_BYTES

/** Kinds beyond those of content, for what clients tell each other. */
export const INNER_KINDS = {
  /** Nothing: only moves the ratchet on. */
  nudge: 0x40,
  /** A session began anew because the other one was lost. */
  reset: 0x41,
  /** The secret of a room's epoch. */
  roomSecret: 0x42,
  /** A welcome to a room. */
  roomWelcome: 0x43,
  /** The head of a room's epoch. */
  roomHead: 0x44,
  /** A step of the comparison of a short code. */
  comparison: 0x45,
  /** A file's descriptor. */
  file: 0x46,
  /** A member asks somebody for a key package. */
  packageAsk: 0x47,
  /** A key package for a room. */
  package: 0x48,
  /** Who the members of a room are on the relay. */
  roomPeople: 0x49,
} as const

/** The kinds that only rooms have to do with. */
export const ROOM_KINDS: ReadonlySet<number> = new Set([
  INNER_KINDS.roomSecret,
  INNER_KINDS.roomWelcome,
  INNER_KINDS.roomHead,
  INNER_KINDS.packageAsk,
  INNER_KINDS.package,
  INNER_KINDS.roomPeople,
])

/** A message before it is sealed, or after it was opened. */
export interface Inner {
  /** A content kind or one of `INNER_KINDS`. */
  readonly kind: number
  /** 16 bytes that name the message: the same when it is sealed again. */
  readonly id: Uint8Array
  readonly body: Uint8Array
}

/** An opened message. */
export interface OpenedInner extends Inner {
  /** Whether the sender's message before this one has not been seen just before it. */
  readonly isGap: boolean
}

/** The 16 bytes that tie a sealed message to one conversation on one relay. */
export function contextOf(
  primitives: Primitives,
  { relayKey, ownKey, peerKey }: Readonly<Record<'relayKey' | 'ownKey' | 'peerKey', Uint8Array>>,
): Uint8Array {
  const [low, high] = compareBytes(ownKey, peerKey) < 0 ? [ownKey, peerKey] : [peerKey, ownKey]
  //= PAL-SDC-003
  return copyOf(primitives.sha512(CONTEXT_LABEL, relayKey, low, high), 0, HASH_BYTES)
}

/** The same for a sealed room. */
export function roomContextOf(primitives: Primitives, relayKey: Uint8Array, group: Uint8Array): Uint8Array {
  //= PAL-SRM-026
  return copyOf(primitives.sha512(CONTEXT_LABEL, relayKey, group), 0, HASH_BYTES)
}

/** The message as bytes. `previous` is the hash of the sender's message before it, zeros for the first. */
export function encodeInner(inner: Inner, context: Uint8Array, previous: Uint8Array): Uint8Array {
  //= PAL-SDC-002
  return concatBytes([Uint8Array.of(inner.kind), context, inner.id, previous, inner.body])
}

/** The message that opened bytes hold; undefined when they belong to another conversation. */
export function decodeInner(
  bytes: Uint8Array,
  context: Uint8Array,
  previous: Uint8Array,
): OpenedInner | undefined {
  if (bytes.length < INNER_HEAD_BYTES) return undefined
  //= PAL-SDC-004
  if (!equalBytes(bytes.subarray(1, 1 + HASH_BYTES), context)) return undefined
  const before = bytes.subarray(1 + 2 * HASH_BYTES, INNER_HEAD_BYTES)
  return {
    kind: bytes[0] as number,
    id: copyOf(bytes, 1 + HASH_BYTES, 1 + 2 * HASH_BYTES),
    //= PAL-SDC-005
    isGap: !equalBytes(before, previous),
    body: bytes.subarray(INNER_HEAD_BYTES),
  }
}

/** The hash by which the sender's next message names this one. */
export function innerHash(primitives: Primitives, inner: Uint8Array): Uint8Array {
  return copyOf(primitives.sha512(PREVIOUS_LABEL, inner), 0, HASH_BYTES)
}

/** What the first message of somebody names as the one before it. */
export const NO_PREVIOUS: Uint8Array = new Uint8Array(HASH_BYTES)
