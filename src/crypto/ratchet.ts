/**
 * The double ratchet with encrypted headers: every message has a key of its own, and each change of direction
 * mixes in a new Diffie-Hellman secret. Opening works on values: a message that does not authenticate leaves
 * no trace. Who the peer is, and when states are stored, is for the caller: a state is stored before what it
 * sealed is sent, and with what it opened.
 */
import { assert } from '../base/assert.ts'
import { copyOf, readUint32, writeUint32 } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { hkdfExpand, label } from './kdf.ts'
import { pad, paddedLength, unpad } from './padding.ts'
import type { DhKey, Primitives } from './primitives.ts'
import {
  OLD_CHAINS_MAX,
  type OldChain,
  type RatchetState,
  type ReceivingChain,
  type SendingHalf,
  SKIP_MAX,
  SKIPPED_KEY_MS,
  SKIPPED_KEYS_MAX,
  type SkippedKey,
  type SkippedKeys,
} from './ratchet-state.ts'
import type { SessionSecrets } from './session-start.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 24
const TAG_BYTES = 16
const GUARD_BYTES = 8
const HEADER_BYTES = KEY_BYTES + 4 + 4 + GUARD_BYTES
const SEALED_HEADER_BYTES = HEADER_BYTES + TAG_BYTES
const RATCHET_MESSAGE = 0x12
const BODY_AT = 1 + SEALED_HEADER_BYTES
const COUNT_MAX = 0xffffffff
const CHAIN_STEP: Uint8Array = Uint8Array.of(1)
const ROOT_LABEL = label('rk')
const MESSAGE_LABEL = label('msg')

/** The longest plaintext of one message. */
export const PLAINTEXT_BYTES_MAX = 65_536

const MESSAGE_BYTES_MIN = BODY_AT + TAG_BYTES + paddedLength(0)
const MESSAGE_BYTES_MAX = BODY_AT + TAG_BYTES + paddedLength(PLAINTEXT_BYTES_MAX)

/** A sealed message and the state after it. */
export interface Sealed {
  readonly message: Uint8Array
  readonly next: RatchetState
}

/** What became of a message. Towards the network the last two are the same. */
export type Opened =
  | { readonly result: 'ok'; readonly plaintext: Uint8Array; readonly next: RatchetState }
  | { readonly result: 'duplicate' }
  | { readonly result: 'undecryptable' }

const DUPLICATE: Opened = { result: 'duplicate' }
const UNDECRYPTABLE: Opened = { result: 'undecryptable' }

/** The state of who starts the session. It can seal at once. */
export function initiatorRatchet(secrets: SessionSecrets, peerPrekey: Uint8Array): RatchetState {
  return {
    associatedData: secrets.associatedData,
    rootKey: secrets.rootKey,
    sending: {
      state: 'due',
      peerKey: peerPrekey,
      nextHeaderKey: secrets.initiatorHeaderKey,
      previousCount: 0,
    },
    receiving: undefined,
    nextReceivingHeaderKey: secrets.responderHeaderKey,
    old: [],
  }
}

/** The state of who is asked. It cannot seal before it opened a message. */
export function responderRatchet(secrets: SessionSecrets, ownPrekey: DhKey): RatchetState {
  return {
    associatedData: secrets.associatedData,
    rootKey: secrets.rootKey,
    sending: { state: 'expect_message', ownKey: ownPrekey, nextHeaderKey: secrets.responderHeaderKey },
    receiving: undefined,
    nextReceivingHeaderKey: secrets.initiatorHeaderKey,
    old: [],
  }
}

/** Seals one message. The next state is stored before the message is sent. */
export function sealMessage(primitives: Primitives, state: RatchetState, plaintext: Uint8Array): Sealed {
  if (plaintext.length > PLAINTEXT_BYTES_MAX)
    throw new UsageError('bad_argument', `a message has at most ${PLAINTEXT_BYTES_MAX} bytes`)
  const { rootKey, sending } = openSending(primitives, state)
  if (sending.count === COUNT_MAX) throw new UsageError('bad_state', 'the sending chain is used up')
  const { chainKey, messageKey } = nextChainKey(primitives, sending.chainKey)
  const bound = boundBytes(state.associatedData)
  //= PAL-ENC-014
  const header = bound.subarray(bound.length - HEADER_BYTES)
  header.set(sending.ownKey.publicKey)
  writeUint32(header, KEY_BYTES, sending.previousCount)
  writeUint32(header, KEY_BYTES + 4, sending.count)
  header.set(primitives.random(GUARD_BYTES), KEY_BYTES + 8)
  const { key, nonce } = bodyKey(primitives, messageKey, bound)
  const body = primitives.seal(key, nonce, pad(plaintext))
  const message = new Uint8Array(BODY_AT + body.length)
  message[0] = RATCHET_MESSAGE
  message.set(primitives.seal(sending.headerKey, body.subarray(0, NONCE_BYTES), header), 1)
  message.set(body, BODY_AT)
  const { ownKey, headerKey, nextHeaderKey, previousCount } = sending
  const count = sending.count + 1
  return {
    message,
    next: {
      associatedData: state.associatedData,
      rootKey,
      sending: { state: 'open', ownKey, headerKey, nextHeaderKey, chainKey, count, previousCount },
      receiving: state.receiving,
      nextReceivingHeaderKey: state.nextReceivingHeaderKey,
      old: state.old,
    },
  }
}

/** The sending chain, begun with a new key when the peer's latest has not been answered. */
function openSending(
  primitives: Primitives,
  state: RatchetState,
): { rootKey: Uint8Array; sending: SendingHalf & { state: 'open' } } {
  const { sending } = state
  switch (sending.state) {
    case 'open':
      return { rootKey: state.rootKey, sending }
    case 'expect_message':
      throw new UsageError('bad_state', 'a responder opens a message before it seals one')
    case 'due': {
      const ownKey = primitives.dhKeygen()
      const shared = primitives.dh(ownKey, sending.peerKey)
      assert(shared !== undefined, 'a point of small order is refused when it comes in')
      const { rootKey, chainKey, headerKey } = nextRootKey(primitives, state.rootKey, shared)
      return {
        rootKey,
        sending: {
          state: 'open',
          ownKey,
          headerKey: sending.nextHeaderKey,
          nextHeaderKey: headerKey,
          chainKey,
          count: 0,
          previousCount: sending.previousCount,
        },
      }
    }
    default:
      return sending satisfies never
  }
}

/**
 * Opens one message. `nowMs` is milliseconds since 1970 in UTC. The plaintext is the caller's; the next state
 * is stored together with it.
 */
export function openMessage(
  primitives: Primitives,
  state: RatchetState,
  message: Uint8Array,
  nowMs: number,
): Opened {
  //= PAL-ENC-004
  if (message.length < MESSAGE_BYTES_MIN || message.length > MESSAGE_BYTES_MAX) return UNDECRYPTABLE
  if (message[0] !== RATCHET_MESSAGE) return UNDECRYPTABLE
  const sealedHeader = message.subarray(1, BODY_AT)
  const body = message.subarray(BODY_AT)
  const open = (key: Uint8Array): Uint8Array | undefined =>
    primitives.open(key, body.subarray(0, NONCE_BYTES), sealedHeader)
  const current = withoutExpired(state, nowMs)
  const { receiving } = current
  //= PAL-ENC-015
  const header = receiving && open(receiving.headerKey)
  if (receiving && header) return openOnChain(primitives, { state: current, receiving, header, body, nowMs })
  for (let i = current.old.length - 1; i >= 0; i--) {
    const oldHeader = open((current.old[i] as OldChain).headerKey)
    if (oldHeader) return openOnOldChain(primitives, current, i, { header: oldHeader, body })
  }
  // Before our key went out nobody can have answered it.
  if (current.sending.state === 'due') return UNDECRYPTABLE
  const nextHeader = open(current.nextReceivingHeaderKey)
  if (!nextHeader) return UNDECRYPTABLE
  const turned = turn(primitives, current, nextHeader, nowMs)
  return turned ? openOnChain(primitives, { ...turned, header: nextHeader, body, nowMs }) : UNDECRYPTABLE
}

interface Incoming {
  readonly state: RatchetState
  readonly receiving: ReceivingChain
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly nowMs: number
}

function openOnChain(primitives: Primitives, incoming: Incoming): Opened {
  const { state, receiving, header, body, nowMs } = incoming
  const number = readUint32(header, KEY_BYTES + 4)
  const stored = receiving.skipped.get(number)
  if (stored) {
    const plaintext = openBody(primitives, state, stored.messageKey, header, body)
    const next = { ...receiving, skipped: without(receiving.skipped, number) }
    return plaintext ? { result: 'ok', plaintext, next: { ...state, receiving: next } } : UNDECRYPTABLE
  }
  //= PAL-ENC-018
  if (number < receiving.count) return DUPLICATE
  const ahead = skipTo(primitives, receiving, number, nowMs)
  if (!ahead) return UNDECRYPTABLE
  const { chainKey, messageKey } = nextChainKey(primitives, ahead.chainKey)
  const plaintext = openBody(primitives, state, messageKey, header, body)
  //= PAL-ENC-016
  if (!plaintext) return UNDECRYPTABLE
  const next = { ...state, receiving: { ...ahead, chainKey, count: number + 1 } }
  return { result: 'ok', plaintext, next: withinKeyLimit(next) }
}

function openOnOldChain(
  primitives: Primitives,
  state: RatchetState,
  index: number,
  { header, body }: { readonly header: Uint8Array; readonly body: Uint8Array },
): Opened {
  const chain = state.old[index] as OldChain
  const number = readUint32(header, KEY_BYTES + 4)
  if (number >= chain.count) return UNDECRYPTABLE
  const stored = chain.skipped.get(number)
  //= PAL-ENC-018
  if (!stored) return DUPLICATE
  const plaintext = openBody(primitives, state, stored.messageKey, header, body)
  if (!plaintext) return UNDECRYPTABLE
  const old = state.old.with(index, { ...chain, skipped: without(chain.skipped, number) })
  return { result: 'ok', plaintext, next: { ...state, old } }
}

/** The state once the peer's new key is mixed in; undefined when the header asks for too much. */
function turn(
  primitives: Primitives,
  state: RatchetState,
  header: Uint8Array,
  nowMs: number,
): { state: RatchetState; receiving: ReceivingChain } | undefined {
  const { sending, receiving, old } = state
  assert(sending.state !== 'due', 'the peer answers a key that was sent')
  const previousCount = readUint32(header, KEY_BYTES)
  const skipCount = Math.max(previousCount - (receiving?.count ?? 0), 0)
  //= PAL-ENC-017
  if (skipCount + readUint32(header, KEY_BYTES + 4) > SKIP_MAX) return undefined
  const peerKey = copyOf(header, 0, KEY_BYTES)
  const shared = primitives.dh(sending.ownKey, peerKey)
  if (!shared) return undefined
  const finished = receiving && skipTo(primitives, receiving, previousCount, nowMs)
  const { rootKey, chainKey, headerKey } = nextRootKey(primitives, state.rootKey, shared)
  return {
    state: {
      ...state,
      rootKey,
      sending: {
        state: 'due',
        peerKey,
        nextHeaderKey: sending.nextHeaderKey,
        previousCount: sending.state === 'open' ? sending.count : 0,
      },
      nextReceivingHeaderKey: headerKey,
      old: finished ? [...old, closed(finished)].slice(-OLD_CHAINS_MAX) : old,
    },
    receiving: { headerKey: state.nextReceivingHeaderKey, chainKey, count: 0, skipped: new Map() },
  }
}

function closed({ headerKey, count, skipped }: ReceivingChain): OldChain {
  return { headerKey, count, skipped }
}

/** The chain with the keys before `number` put aside; undefined when they are too many. */
function skipTo(
  primitives: Primitives,
  chain: ReceivingChain,
  number: number,
  nowMs: number,
): ReceivingChain | undefined {
  if (number <= chain.count) return chain
  //= PAL-ENC-017
  if (number - chain.count > SKIP_MAX) return undefined
  const skipped = new Map(chain.skipped)
  let { chainKey } = chain
  for (let i = chain.count; i < number; i++) {
    const step = nextChainKey(primitives, chainKey)
    skipped.set(i, { messageKey: step.messageKey, storedMs: nowMs })
    chainKey = step.chainKey
  }
  return { ...chain, chainKey, count: number, skipped }
}

/** The oldest keys make room. */
function withinKeyLimit(state: RatchetState): RatchetState {
  const { old, receiving } = state
  let excess = (receiving?.skipped.size ?? 0) - SKIPPED_KEYS_MAX
  for (const chain of old) excess += chain.skipped.size
  //= PAL-ENC-019
  if (excess <= 0) return state
  const trim = <T extends { readonly skipped: SkippedKeys }>(chain: T): T => {
    const dropped = Math.min(Math.max(excess, 0), chain.skipped.size)
    excess -= dropped
    return dropped === 0 ? chain : { ...chain, skipped: new Map([...chain.skipped].slice(dropped)) }
  }
  return { ...state, old: old.map(trim), receiving: receiving && trim(receiving) }
}

function withoutExpired(state: RatchetState, nowMs: number): RatchetState {
  const { old, receiving } = state
  const chains = receiving ? [...old, receiving] : old
  //= PAL-ENC-019
  if (!chains.some((chain) => hasExpired(chain.skipped.values().next().value, nowMs))) return state
  const trim = <T extends { readonly skipped: SkippedKeys }>(chain: T): T => ({
    ...chain,
    skipped: new Map([...chain.skipped].filter(([, key]) => !hasExpired(key, nowMs))),
  })
  return { ...state, old: old.map(trim), receiving: receiving && trim(receiving) }
}

function hasExpired(key: SkippedKey | undefined, nowMs: number): boolean {
  return key !== undefined && nowMs - key.storedMs >= SKIPPED_KEY_MS
}

function without(skipped: SkippedKeys, number: number): SkippedKeys {
  const rest = new Map(skipped)
  rest.delete(number)
  return rest
}

function openBody(
  primitives: Primitives,
  state: RatchetState,
  messageKey: Uint8Array,
  header: Uint8Array,
  body: Uint8Array,
): Uint8Array | undefined {
  const bound = boundBytes(state.associatedData)
  bound.set(header, bound.length - HEADER_BYTES)
  const { key, nonce } = bodyKey(primitives, messageKey, bound)
  const padded = primitives.open(key, nonce, body)
  //= PAL-ENC-020
  return padded && unpad(padded)
}

function bodyKey(
  primitives: Primitives,
  messageKey: Uint8Array,
  bound: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  //= PAL-ENC-013
  const output = primitives.hmac512(messageKey, bound)
  return { key: output.subarray(0, KEY_BYTES), nonce: output.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES) }
}

/** What a message's key is bound to, its last bytes to be the header. One array: a part costs a call. */
function boundBytes(associatedData: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_LABEL.length + associatedData.length + HEADER_BYTES)
  bytes.set(MESSAGE_LABEL)
  bytes.set(associatedData, MESSAGE_LABEL.length)
  return bytes
}

function nextChainKey(
  primitives: Primitives,
  chainKey: Uint8Array,
): { chainKey: Uint8Array; messageKey: Uint8Array } {
  //= PAL-ENC-013
  const output = primitives.hmac512(chainKey, CHAIN_STEP)
  return { chainKey: copyOf(output, 0, KEY_BYTES), messageKey: copyOf(output, KEY_BYTES) }
}

function nextRootKey(
  primitives: Primitives,
  rootKey: Uint8Array,
  shared: Uint8Array,
): { rootKey: Uint8Array; chainKey: Uint8Array; headerKey: Uint8Array } {
  //= PAL-ENC-013
  const output = hkdfExpand(primitives, primitives.hmac512(rootKey, shared), ROOT_LABEL, 3 * KEY_BYTES)
  return {
    rootKey: copyOf(output, 0, KEY_BYTES),
    chainKey: copyOf(output, KEY_BYTES, 2 * KEY_BYTES),
    headerKey: copyOf(output, 2 * KEY_BYTES),
  }
}
