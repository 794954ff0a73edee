/** One session with a peer, and the same as a record. */
import { concatBytes } from '../../base/bytes.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from '../fields.ts'
import type { Primitives } from '../primitives.ts'
import { decodeRatchet, encodeRatchet, type RatchetState } from '../ratchet-state.ts'

const FORMAT = 1
const ID_BYTES = 16
const KEY_BYTES = 32

/** A session: one ratchet, and how far its start got. */
export interface DirectSession {
  /** 16 bytes; of two that began at once the lower one is used. */
  readonly sessionId: Uint8Array
  readonly ratchet: RatchetState
  /** Goes before every message until the peer answered; undefined on the responder's side. */
  readonly preamble: Uint8Array | undefined
  /** The initiator's ephemeral key, by which a repeated first message is known. */
  readonly ephemeralKey: Uint8Array
  /** Whether the peer proved to have it: it answered, or it began it. */
  readonly isConfirmed: boolean
  readonly usedMs: number
}

/** The session as bytes. */
export function encodeSession(session: DirectSession): Uint8Array {
  const preamble = session.preamble ?? new Uint8Array(0)
  return concatBytes([
    Uint8Array.of(FORMAT, session.isConfirmed ? 1 : 0),
    session.sessionId,
    session.ephemeralKey,
    uint64Bytes(session.usedMs),
    uint16Bytes(preamble.length),
    preamble,
    encodeRatchet(session.ratchet),
  ])
}

/** The session that bytes hold; undefined when they are not whole. */
export function decodeSession(primitives: Primitives, bytes: Uint8Array): DirectSession | undefined {
  const reader = new FieldReader(bytes)
  const format = reader.byte()
  const isConfirmed = reader.byte() === 1
  const sessionId = reader.bytes(ID_BYTES)
  const ephemeralKey = reader.bytes(KEY_BYTES)
  const usedMs = reader.uint64()
  const preamble = reader.short()
  const ratchet = decodeRatchet(primitives, reader.rest())
  if (!reader.isDone || format !== FORMAT || !ratchet) return undefined
  return {
    sessionId,
    ephemeralKey,
    usedMs,
    isConfirmed,
    ratchet,
    preamble: preamble.length === 0 ? undefined : preamble,
  }
}
