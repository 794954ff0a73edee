import { assert, concatBytes, EMPTY_BYTES, type LinkPrimitives, utf8Bytes } from '../base/index.ts'

/**
 * Noise_NX_25519_ChaChaPoly_SHA512 (Noise Protocol Framework, revision 34): `-> e`, `<- e, ee, s, es`.
 * Knows nothing of packets. Every step returns a new state; a message that does not verify changes nothing.
 */

/** What both sides have after message 2. */
export interface NoiseResult {
  /** The handshake hash h, 64 bytes: the channel binding. */
  readonly hash: Uint8Array
  /** HKDF output for initiator to responder; the Noise key is its first 32 of 64 bytes. */
  readonly initiatorSecret: Uint8Array
  /** HKDF output for responder to initiator. */
  readonly responderSecret: Uint8Array
}

/** The initiator after message 1. */
export interface NoiseInitiator {
  readonly message: Uint8Array
  readonly state: SymmetricState
  readonly ephemeralSecret: Uint8Array
}

/** Chaining key and hash between messages. */
export interface SymmetricState {
  readonly chainingKey: Uint8Array
  readonly hash: Uint8Array
}

const NAME = utf8Bytes('Noise_NX_25519_ChaChaPoly_SHA512')
const KEY_BYTES = 32
const TAG_BYTES = 16
// A key encrypts one message between two MixKey, so the nonce counter is always 0.
const NONCE_ZERO = new Uint8Array(12)
const STATIC_SEALED_BYTES = KEY_BYTES + TAG_BYTES

/** Writes message 1: the ephemeral key, then `payload` in the clear (but part of the hash). */
export function startInitiator(
  primitives: LinkPrimitives,
  prologue: Uint8Array,
  ephemeralSecret: Uint8Array,
  payload: Uint8Array,
): NoiseInitiator {
  const ephemeral = primitives.x25519KeyPair(ephemeralSecret).public
  const state = afterMessage1(primitives, prologue, ephemeral, payload)
  return { message: concatBytes([ephemeral, payload]), state, ephemeralSecret }
}

/** Reads message 2. Undefined when it is short, does not verify or holds a low-order key. */
export function finishInitiator(
  primitives: LinkPrimitives,
  initiator: NoiseInitiator,
  message: Uint8Array,
):
  | { readonly result: NoiseResult; readonly peerStatic: Uint8Array; readonly payload: Uint8Array }
  | undefined {
  if (message.length < KEY_BYTES + STATIC_SEALED_BYTES + TAG_BYTES) return undefined
  const ephemeral = message.subarray(0, KEY_BYTES)
  let state = mixHash(primitives, initiator.state, ephemeral)
  const ee = primitives.x25519(initiator.ephemeralSecret, ephemeral)
  if (ee === undefined) return undefined
  const first = mixKey(primitives, state, ee)
  const sealedStatic = message.subarray(KEY_BYTES, KEY_BYTES + STATIC_SEALED_BYTES)
  const peerStatic = primitives.aeadOpen(first.key, NONCE_ZERO, first.state.hash, sealedStatic)
  if (peerStatic === undefined) return undefined
  state = mixHash(primitives, first.state, sealedStatic)
  const es = primitives.x25519(initiator.ephemeralSecret, peerStatic)
  if (es === undefined) return undefined
  const second = mixKey(primitives, state, es)
  const sealedPayload = message.subarray(KEY_BYTES + STATIC_SEALED_BYTES)
  const payload = primitives.aeadOpen(second.key, NONCE_ZERO, second.state.hash, sealedPayload)
  if (payload === undefined) return undefined
  state = mixHash(primitives, second.state, sealedPayload)
  return { result: split(primitives, state), peerStatic, payload }
}

/** What the responder answers message 1 with. */
export interface NoiseResponse {
  readonly prologue: Uint8Array
  readonly message1: Uint8Array
  readonly staticKeys: { readonly secret: Uint8Array; readonly public: Uint8Array }
  readonly ephemeralSecret: Uint8Array
  readonly payload: Uint8Array
}

/** Reads message 1 and writes message 2. Undefined when message 1 is short or holds a low-order key. */
export function respond(
  primitives: LinkPrimitives,
  response: NoiseResponse,
): { readonly result: NoiseResult; readonly message: Uint8Array } | undefined {
  const { message1, staticKeys, ephemeralSecret } = response
  if (message1.length < KEY_BYTES) return undefined
  const peerEphemeral = message1.subarray(0, KEY_BYTES)
  const ee = primitives.x25519(ephemeralSecret, peerEphemeral)
  const es = ee === undefined ? undefined : primitives.x25519(staticKeys.secret, peerEphemeral)
  if (ee === undefined || es === undefined) return undefined
  let state = afterMessage1(primitives, response.prologue, peerEphemeral, message1.subarray(KEY_BYTES))
  const ephemeral = primitives.x25519KeyPair(ephemeralSecret).public
  state = mixHash(primitives, state, ephemeral)
  const first = mixKey(primitives, state, ee)
  const sealedStatic = primitives.aeadSeal(first.key, NONCE_ZERO, first.state.hash, staticKeys.public)
  state = mixHash(primitives, first.state, sealedStatic)
  const second = mixKey(primitives, state, es)
  const sealedPayload = primitives.aeadSeal(second.key, NONCE_ZERO, second.state.hash, response.payload)
  state = mixHash(primitives, second.state, sealedPayload)
  return {
    result: split(primitives, state),
    message: concatBytes([ephemeral, sealedStatic, sealedPayload]),
  }
}

function afterMessage1(
  primitives: LinkPrimitives,
  prologue: Uint8Array,
  ephemeral: Uint8Array,
  payload: Uint8Array,
): SymmetricState {
  const name = new Uint8Array(64)
  assert(NAME.length <= 64, 'a protocol name longer than a hash is hashed')
  name.set(NAME)
  let state: SymmetricState = { chainingKey: name, hash: name }
  state = mixHash(primitives, state, prologue)
  state = mixHash(primitives, state, ephemeral)
  return mixHash(primitives, state, payload)
}

function mixHash(primitives: LinkPrimitives, state: SymmetricState, data: Uint8Array): SymmetricState {
  return { chainingKey: state.chainingKey, hash: primitives.sha512(state.hash, data) }
}

function mixKey(
  primitives: LinkPrimitives,
  state: SymmetricState,
  secret: Uint8Array,
): { readonly state: SymmetricState; readonly key: Uint8Array } {
  const [chainingKey, key] = hkdf(primitives, state.chainingKey, secret)
  return { state: { chainingKey, hash: state.hash }, key: key.subarray(0, KEY_BYTES) }
}

function split(primitives: LinkPrimitives, state: SymmetricState): NoiseResult {
  const [initiatorSecret, responderSecret] = hkdf(primitives, state.chainingKey, EMPTY_BYTES)
  return { hash: state.hash, initiatorSecret, responderSecret }
}

function hkdf(primitives: LinkPrimitives, key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const temporary = primitives.hmacSha512(key, input)
  const first = primitives.hmacSha512(temporary, Uint8Array.of(1))
  return [first, primitives.hmacSha512(temporary, first, Uint8Array.of(2))]
}
