/**
 * X3DH: from a bundle of a peer to keys that only both know. The initiator's first message carries what the
 * responder needs. Which identity may start a session, which prekeys are left and what was seen before is for
 * the caller to know.
 */
import { assert } from '../base/assert.ts'
import { concatBytes, copyOf, readUint32 } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { type Bundle, type OwnPrekey, type Prekey, prekeyIdBytes } from './bundle.ts'
import {
  type CryptoFault,
  type Identity,
  type OwnIdentity,
  RECORD_BYTES,
  readIdentityRecord,
} from './identity.ts'
import { hkdf, label, SUITE } from './kdf.ts'
import type { Primitives } from './primitives.ts'

const KEY_BYTES = 32
const SESSION_ID_BYTES = 16
const OUTPUT_BYTES = 3 * KEY_BYTES + SESSION_ID_BYTES
/** The first byte of a message that begins a session. */
export const PREKEY_MESSAGE = 0x11

/** What goes before the ratchet message. */
export const PREAMBLE_BYTES: number = 2 + RECORD_BYTES + KEY_BYTES + 4 + 1 + 4

/** What both sides derive. The ratchet takes it over. */
export interface SessionSecrets {
  readonly rootKey: Uint8Array
  readonly initiatorHeaderKey: Uint8Array
  readonly responderHeaderKey: Uint8Array
  /** Names the session, 16 bytes. Of two that start at once, the lower one is used for sending. */
  readonly sessionId: Uint8Array
  /** Binds every message to both identities and all keys of the start, 64 bytes. */
  readonly associatedData: Uint8Array
}

/** A session from the initiator's side. */
export interface InitiatedSession {
  readonly secrets: SessionSecrets
  /** Goes before each ratchet message until the first reply was opened. */
  readonly preamble: Uint8Array
  /** Ratchets first against this key. */
  readonly peerPrekey: Uint8Array
}

/** What a prekey message says. Nothing of it but the identity's signature is checked yet. */
export interface PrekeyMessage {
  readonly initiator: Identity
  readonly ephemeralKey: Uint8Array
  readonly signedPrekeyId: number
  readonly oneTimePrekeyId: number | undefined
  /** A view of the ratchet message in the bytes that were read. */
  readonly ratchetMessage: Uint8Array
}

/** The private keys that a prekey message names. */
export interface ResponderKeys {
  readonly own: OwnIdentity
  readonly signedPrekey: OwnPrekey
  readonly oneTimePrekey?: OwnPrekey | undefined
}

/** Starts a session with the owner of a bundle. */
export function initiateSession(
  primitives: Primitives,
  own: OwnIdentity,
  bundle: Bundle,
): InitiatedSession | CryptoFault {
  const { identity, signedPrekey, oneTimePrekey } = bundle
  const ephemeral = primitives.dhKeygen()
  //= PAL-ENC-011
  const shared = [
    primitives.dh(own.dh, signedPrekey.publicKey),
    primitives.dh(ephemeral, identity.dhPublic),
    primitives.dh(ephemeral, signedPrekey.publicKey),
  ]
  if (oneTimePrekey) shared.push(primitives.dh(ephemeral, oneTimePrekey.publicKey))
  const start = {
    initiator: own,
    responder: identity,
    ephemeralKey: ephemeral.publicKey,
    signedPrekey,
    oneTimePrekey,
  }
  const secrets = deriveSecrets(primitives, start, shared)
  if (!secrets) return 'low_order'
  return { secrets, preamble: preambleOf(own, start), peerPrekey: signedPrekey.publicKey }
}

/** A copy of the ephemeral key in a prekey message or its preamble, which has at least `PREAMBLE_BYTES`. */
export function prekeyMessageKey(bytes: Uint8Array): Uint8Array {
  return copyOf(bytes, 2 + RECORD_BYTES, 2 + RECORD_BYTES + KEY_BYTES)
}

/** Takes a prekey message apart, or says why it is refused. Costs one signature check and no more. */
export function readPrekeyMessage(primitives: Primitives, bytes: Uint8Array): PrekeyMessage | CryptoFault {
  //= PAL-ENC-004
  if (bytes.length < PREAMBLE_BYTES || bytes[0] !== PREKEY_MESSAGE) return 'malformed'
  //= PAL-ENC-001
  if (bytes[1] !== SUITE) return 'suite'
  let at = 2 + RECORD_BYTES
  const ephemeralKey = copyOf(bytes, at, at + KEY_BYTES)
  at += KEY_BYTES
  const signedPrekeyId = readUint32(bytes, at)
  const has = bytes[at + 4] as number
  const oneTimeId = readUint32(bytes, at + 5)
  //= PAL-ENC-010
  if (has > 1 || (has === 0 && oneTimeId !== 0)) return 'malformed'
  const initiator = readIdentityRecord(primitives, bytes.subarray(2, 2 + RECORD_BYTES))
  if (typeof initiator === 'string') return initiator
  const oneTimePrekeyId = has === 1 ? oneTimeId : undefined
  const ratchetMessage = bytes.subarray(PREAMBLE_BYTES)
  return { initiator, ephemeralKey, signedPrekeyId, oneTimePrekeyId, ratchetMessage }
}

/**
 * The responder's side. The caller has compared the initiator with its pin, found the named keys, and deletes
 * the one-time prekey once the first message was opened.
 */
export function acceptSession(
  primitives: Primitives,
  keys: ResponderKeys,
  message: PrekeyMessage,
): SessionSecrets | CryptoFault {
  const { own, signedPrekey, oneTimePrekey } = keys
  if (signedPrekey.id !== message.signedPrekeyId || oneTimePrekey?.id !== message.oneTimePrekeyId)
    throw new UsageError('bad_argument', 'these are not the prekeys that the message names')
  const { initiator, ephemeralKey } = message
  const shared = [
    primitives.dh(signedPrekey.key, initiator.dhPublic),
    primitives.dh(own.dh, ephemeralKey),
    primitives.dh(signedPrekey.key, ephemeralKey),
  ]
  if (oneTimePrekey) shared.push(primitives.dh(oneTimePrekey.key, ephemeralKey))
  const start = {
    initiator,
    responder: own,
    ephemeralKey,
    signedPrekey: publicHalf(signedPrekey),
    oneTimePrekey: oneTimePrekey && publicHalf(oneTimePrekey),
  }
  return deriveSecrets(primitives, start, shared) ?? 'low_order'
}

interface Start {
  readonly initiator: Identity
  readonly responder: Identity
  readonly ephemeralKey: Uint8Array
  readonly signedPrekey: Prekey
  readonly oneTimePrekey: Prekey | undefined
}

function deriveSecrets(
  primitives: Primitives,
  start: Start,
  shared: readonly (Uint8Array | undefined)[],
): SessionSecrets | undefined {
  const parts: Uint8Array[] = [new Uint8Array(KEY_BYTES).fill(0xff)]
  for (const part of shared) {
    //= PAL-ENC-002
    if (!part) return undefined
    parts.push(part)
  }
  const transcript = transcriptOf(start)
  //= PAL-ENC-012
  const output = hkdf(primitives, {
    salt: new Uint8Array(64),
    inputKey: concatBytes(parts),
    info: concatBytes([label('x3dh'), primitives.sha512(transcript)]),
    byteCount: OUTPUT_BYTES,
  })
  assert(output.length === OUTPUT_BYTES, 'HKDF gives what was asked')
  return {
    rootKey: copyOf(output, 0, 32),
    initiatorHeaderKey: copyOf(output, 32, 64),
    responderHeaderKey: copyOf(output, 64, 96),
    sessionId: copyOf(output, 96, OUTPUT_BYTES),
    associatedData: copyOf(primitives.sha512(label('ad'), transcript)),
  }
}

function transcriptOf(start: Start): Uint8Array {
  const { initiator, responder, signedPrekey, oneTimePrekey, ephemeralKey } = start
  return concatBytes([
    Uint8Array.of(SUITE),
    initiator.id,
    responder.id,
    prekeyIdBytes(signedPrekey.id),
    signedPrekey.publicKey,
    Uint8Array.of(oneTimePrekey ? 1 : 0),
    prekeyIdBytes(oneTimePrekey?.id ?? 0),
    oneTimePrekey?.publicKey ?? new Uint8Array(KEY_BYTES),
    ephemeralKey,
  ])
}

function preambleOf(own: OwnIdentity, start: Start): Uint8Array {
  const { ephemeralKey, signedPrekey, oneTimePrekey } = start
  return concatBytes([
    Uint8Array.of(PREKEY_MESSAGE, SUITE),
    own.record,
    ephemeralKey,
    prekeyIdBytes(signedPrekey.id),
    Uint8Array.of(oneTimePrekey ? 1 : 0),
    prekeyIdBytes(oneTimePrekey?.id ?? 0),
  ])
}

function publicHalf(prekey: OwnPrekey): Prekey {
  return { id: prekey.id, publicKey: prekey.key.publicKey }
}
