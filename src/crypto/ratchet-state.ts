/**
 * What a double ratchet remembers, and the same as bytes. States are values: an operation gives the next one
 * and leaves the old one as it is.
 */
import { concatBytes, uint32Bytes } from '../base/bytes.ts'
import { FieldReader, uint64Bytes } from './fields.ts'
import type { DhKey, Primitives } from './primitives.ts'

/** The most messages that one message may be ahead of those before it. */
export const SKIP_MAX = 1000
/** The most keys of missing messages that a session keeps. */
export const SKIPPED_KEYS_MAX = 2000
/** The most receiving chains kept after their successor began. */
export const OLD_CHAINS_MAX = 5
/** How long the key of a missing message is kept: 7 days, in milliseconds. */
export const SKIPPED_KEY_MS: number = 7 * 86_400_000

const FORMAT = 1
const KEY_BYTES = 32
const AD_BYTES = 64

/** The key of a message that has not come. */
export interface SkippedKey {
  readonly messageKey: Uint8Array
  /** Milliseconds since 1970, as the caller told. */
  readonly storedMs: number
}

/** Keys of missing messages by their number, oldest first. */
export type SkippedKeys = ReadonlyMap<number, SkippedKey>

/** The chain that the peer sends on. */
export interface ReceivingChain {
  readonly headerKey: Uint8Array
  readonly chainKey: Uint8Array
  /** The number of the next message. */
  readonly count: number
  readonly skipped: SkippedKeys
}

/** A chain that the peer no longer sends on. */
export interface OldChain {
  readonly headerKey: Uint8Array
  /** How many messages it had. */
  readonly count: number
  readonly skipped: SkippedKeys
}

/**
 * The sending half: a responder awaits its first message; after a new key of the peer the next message begins
 * a chain; an open chain goes on.
 */
export type SendingHalf =
  | { readonly state: 'expect_message'; readonly ownKey: DhKey; readonly nextHeaderKey: Uint8Array }
  | {
      readonly state: 'due'
      readonly peerKey: Uint8Array
      readonly nextHeaderKey: Uint8Array
      readonly previousCount: number
    }
  | {
      readonly state: 'open'
      readonly ownKey: DhKey
      readonly headerKey: Uint8Array
      readonly nextHeaderKey: Uint8Array
      readonly chainKey: Uint8Array
      readonly count: number
      readonly previousCount: number
    }

/** One side of a session. */
export interface RatchetState {
  readonly associatedData: Uint8Array
  readonly rootKey: Uint8Array
  readonly sending: SendingHalf
  readonly receiving: ReceivingChain | undefined
  /** Under which the peer's next chain announces itself. */
  readonly nextReceivingHeaderKey: Uint8Array
  /** Latest last. */
  readonly old: readonly OldChain[]
}

const SENDING_STATES = ['expect_message', 'due', 'open'] as const

/** The state as bytes, secrets included: they belong where nobody else reads. */
export function encodeRatchet(state: RatchetState): Uint8Array {
  const parts = [
    Uint8Array.of(FORMAT),
    state.associatedData,
    state.rootKey,
    state.nextReceivingHeaderKey,
    Uint8Array.of(SENDING_STATES.indexOf(state.sending.state)),
    ...sendingParts(state.sending),
    Uint8Array.of(state.receiving ? 1 : 0),
  ]
  if (state.receiving) {
    const { headerKey, chainKey, count, skipped } = state.receiving
    parts.push(headerKey, chainKey, uint32Bytes(count), ...skippedParts(skipped))
  }
  parts.push(Uint8Array.of(state.old.length))
  for (const { headerKey, count, skipped } of state.old)
    parts.push(headerKey, uint32Bytes(count), ...skippedParts(skipped))
  return concatBytes(parts)
}

function sendingParts(sending: SendingHalf): Uint8Array[] {
  switch (sending.state) {
    case 'expect_message':
      return [sending.ownKey.secret, sending.nextHeaderKey]
    case 'due':
      return [sending.peerKey, sending.nextHeaderKey, uint32Bytes(sending.previousCount)]
    case 'open':
      return [
        sending.ownKey.secret,
        sending.headerKey,
        sending.nextHeaderKey,
        sending.chainKey,
        uint32Bytes(sending.count),
        uint32Bytes(sending.previousCount),
      ]
    default:
      return sending satisfies never
  }
}

function skippedParts(skipped: SkippedKeys): Uint8Array[] {
  const parts = [uint32Bytes(skipped.size)]
  for (const [number, { messageKey, storedMs }] of skipped)
    parts.push(uint32Bytes(number), messageKey, uint64Bytes(storedMs))
  return parts
}

/** The state that bytes hold; undefined when they are not such bytes, whole and within the limits. */
export function decodeRatchet(primitives: Primitives, bytes: Uint8Array): RatchetState | undefined {
  const reader = new FieldReader(bytes)
  if (reader.byte() !== FORMAT) return undefined
  const associatedData = reader.bytes(AD_BYTES)
  const rootKey = reader.bytes(KEY_BYTES)
  const nextReceivingHeaderKey = reader.bytes(KEY_BYTES)
  const sending = readSending(primitives, reader)
  const receiving = readReceiving(reader)
  const old: OldChain[] = []
  const oldCount = reader.byte()
  if (oldCount > OLD_CHAINS_MAX) return undefined
  for (let i = 0; i < oldCount; i++)
    old.push({ headerKey: reader.bytes(KEY_BYTES), count: reader.uint32(), skipped: readSkipped(reader) })
  if (!sending || receiving === 'malformed' || !reader.isDone) return undefined
  let keyCount = receiving?.skipped.size ?? 0
  for (const chain of old) keyCount += chain.skipped.size
  if (keyCount > SKIPPED_KEYS_MAX) return undefined
  return { associatedData, rootKey, sending, receiving, nextReceivingHeaderKey, old }
}

function readSending(primitives: Primitives, reader: FieldReader): SendingHalf | undefined {
  const state = SENDING_STATES[reader.byte()]
  switch (state) {
    case 'expect_message':
      return {
        state,
        ownKey: primitives.dhImport(reader.bytes(KEY_BYTES)),
        nextHeaderKey: reader.bytes(KEY_BYTES),
      }
    case 'due':
      return {
        state,
        peerKey: reader.bytes(KEY_BYTES),
        nextHeaderKey: reader.bytes(KEY_BYTES),
        previousCount: reader.uint32(),
      }
    case 'open':
      return {
        state,
        ownKey: primitives.dhImport(reader.bytes(KEY_BYTES)),
        headerKey: reader.bytes(KEY_BYTES),
        nextHeaderKey: reader.bytes(KEY_BYTES),
        chainKey: reader.bytes(KEY_BYTES),
        count: reader.uint32(),
        previousCount: reader.uint32(),
      }
    default:
      return undefined
  }
}

function readReceiving(reader: FieldReader): ReceivingChain | undefined | 'malformed' {
  const has = reader.byte()
  if (has > 1) return 'malformed'
  if (has === 0) return undefined
  return {
    headerKey: reader.bytes(KEY_BYTES),
    chainKey: reader.bytes(KEY_BYTES),
    count: reader.uint32(),
    skipped: readSkipped(reader),
  }
}

function readSkipped(reader: FieldReader): SkippedKeys {
  const skipped = new Map<number, SkippedKey>()
  const count = reader.uint32()
  if (count > SKIPPED_KEYS_MAX) reader.fail()
  for (let i = 0; i < count && !reader.hasFailed; i++) {
    const number = reader.uint32()
    const messageKey = reader.bytes(KEY_BYTES)
    skipped.set(number, { messageKey, storedMs: reader.uint64() })
  }
  if (skipped.size !== count) reader.fail()
  return skipped
}
