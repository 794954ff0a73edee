/**
 * One epoch of a sealed room: the keys that follow from its secret, and one sending chain for each member.
 * The secret itself is forgotten at once.
 */
import { concatBytes, copyOf, readUint32, uint32Bytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { FieldReader, uint16Bytes } from '../fields.ts'
import { label } from '../kdf.ts'
import { pad, paddedLength, unpad } from '../padding.ts'
import type { Primitives, SigningKey } from '../primitives.ts'
import type { Roster } from './operation.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 24
const TAG_BYTES = 16
const SIGNATURE_BYTES = 64
const GUARD_BYTES = 8
const HEADER_BYTES = 4 + 2 + 4 + GUARD_BYTES
const SEALED_HEADER_BYTES = HEADER_BYTES + TAG_BYTES
const BODY_AT = 1 + SEALED_HEADER_BYTES
const CHAIN_STEP = Uint8Array.of(1)
const HEADER_LABEL = label('hdr')
const CONTROL_LABEL = label('ctl')
const NEXT_LABEL = label('next')
const SENDER_LABEL = label('snd')
const MESSAGE_LABEL = label('gmsg')
const ENDED = 0xffffffff

/** The first byte of a room message. */
export const ROOM_MESSAGE = 0x22

/** The longest plaintext of one room message. */
export const ROOM_PLAINTEXT_BYTES_MAX = 57_344

/** The most messages of one sender that one message may be ahead of those before it. */
export const ROOM_SKIP_MAX = 1000

/** The most keys of missing messages that an epoch keeps. */
export const ROOM_SKIPPED_MAX = 2000

const MESSAGE_BYTES_MIN = BODY_AT + TAG_BYTES + SIGNATURE_BYTES + paddedLength(0)
const MESSAGE_BYTES_MAX = BODY_AT + TAG_BYTES + SIGNATURE_BYTES + paddedLength(ROOM_PLAINTEXT_BYTES_MAX)

/** One member's chain: the key of its next message, and of those that have not come. */
interface Chain {
  key: Uint8Array
  count: number
  readonly skipped: Map<number, Uint8Array>
}

/** What is known of an epoch before its secret is. */
export interface EpochFacts {
  readonly group: Uint8Array
  readonly epoch: number
  readonly head: Uint8Array
  readonly roster: Roster
}

/** A header that opened under an epoch's key. */
export interface RoomHeader {
  readonly bytes: Uint8Array
  readonly sender: number
  readonly sequence: number
}

/** What became of a message of this epoch. */
export type OpenedInEpoch =
  | { readonly result: 'ok'; readonly plaintext: Uint8Array }
  | { readonly result: 'duplicate' }
  | { readonly result: 'undecryptable' }

/** The keys and chains of an epoch. Chains move on only when a message proved authentic. */
export class Epoch {
  readonly facts: EpochFacts
  /** Under which operations and other notices of this epoch travel. */
  readonly controlKey: Uint8Array
  /** From which the secret of the next epoch follows when members are only added. */
  readonly nextKey: Uint8Array
  readonly #primitives: Primitives
  readonly #headerKey: Uint8Array
  readonly #chains: Chain[]
  readonly #binding: Uint8Array
  #skippedCount = 0

  private constructor(
    primitives: Primitives,
    facts: EpochFacts,
    keys: { headerKey: Uint8Array; controlKey: Uint8Array; nextKey: Uint8Array; chains: Chain[] },
  ) {
    this.#primitives = primitives
    this.facts = facts
    this.#headerKey = keys.headerKey
    this.controlKey = keys.controlKey
    this.nextKey = keys.nextKey
    this.#chains = keys.chains
    for (const chain of keys.chains) this.#skippedCount += chain.skipped.size
    this.#binding = concatBytes([MESSAGE_LABEL, facts.group, facts.head])
  }

  static begin(primitives: Primitives, facts: EpochFacts, secret: Uint8Array): Epoch {
    //= PAL-SRM-013
    const derive = (use: Uint8Array, fid?: Uint8Array): Uint8Array =>
      copyOf(fid ? primitives.hmac512(secret, use, fid) : primitives.hmac512(secret, use), 0, KEY_BYTES)
    return new Epoch(primitives, facts, {
      headerKey: derive(HEADER_LABEL),
      controlKey: derive(CONTROL_LABEL),
      nextKey: derive(NEXT_LABEL),
      chains: facts.roster.map((entry) => ({
        key: derive(SENDER_LABEL, entry.package.fid),
        count: 0,
        skipped: new Map(),
      })),
    })
  }

  /** How many messages all members sent, as far as this member knows. */
  get messageCount(): number {
    let count = 0
    for (const chain of this.#chains) count += chain.count
    return count
  }

  /** Seals one message of member `sender`, who is this member. The chain is stored before it is sent. */
  seal(sender: number, key: SigningKey, plaintext: Uint8Array): Uint8Array {
    if (plaintext.length > ROOM_PLAINTEXT_BYTES_MAX)
      throw new UsageError('bad_argument', `a room message has at most ${ROOM_PLAINTEXT_BYTES_MAX} bytes`)
    const chain = this.#chains[sender] as Chain
    if (chain.count === ENDED) throw new UsageError('bad_state', 'the sending chain is used up')
    const step = this.#primitives.hmac512(chain.key, CHAIN_STEP)
    //= PAL-SRM-014
    const header = concatBytes([
      uint32Bytes(this.facts.epoch),
      uint16Bytes(sender),
      uint32Bytes(chain.count),
      this.#primitives.random(GUARD_BYTES),
    ])
    const bound = this.#bound(sender, header)
    const output = this.#primitives.hmac512(step.subarray(KEY_BYTES), bound)
    //= PAL-SRM-015
    const signature = this.#primitives.sign(key, concatBytes([bound, plaintext]))
    const body = this.#primitives.seal(
      output.subarray(0, KEY_BYTES),
      output.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
      concatBytes([signature, pad(plaintext)]),
    )
    const sealedHeader = this.#primitives.seal(this.#headerKey, body.subarray(0, NONCE_BYTES), header)
    chain.key = copyOf(step, 0, KEY_BYTES)
    chain.count += 1
    return concatBytes([Uint8Array.of(ROOM_MESSAGE), sealedHeader, body])
  }

  /** The header of a message of this epoch; undefined when it is of another one, or not of a member. */
  header(message: Uint8Array): RoomHeader | undefined {
    if (message.length < MESSAGE_BYTES_MIN || message.length > MESSAGE_BYTES_MAX) return undefined
    if (message[0] !== ROOM_MESSAGE) return undefined
    const nonce = message.subarray(BODY_AT, BODY_AT + NONCE_BYTES)
    const bytes = this.#primitives.open(this.#headerKey, nonce, message.subarray(1, BODY_AT))
    if (!bytes || bytes.length !== HEADER_BYTES || readUint32(bytes, 0) !== this.facts.epoch) return undefined
    const sender = ((bytes[4] as number) << 8) | (bytes[5] as number)
    return sender < this.#chains.length ? { bytes, sender, sequence: readUint32(bytes, 6) } : undefined
  }

  /** Opens a message whose header opened. Nothing is kept of one that is not authentic. */
  open(header: RoomHeader, message: Uint8Array): OpenedInEpoch {
    const { sender, sequence } = header
    const chain = this.#chains[sender] as Chain
    const stored = chain.skipped.get(sequence)
    //= PAL-SRM-016
    if (!stored && sequence < chain.count) return { result: 'duplicate' }
    const ahead = stored ? undefined : this.#ahead(chain, sequence)
    if (!stored && !ahead) return { result: 'undecryptable' }
    const messageKey = stored ?? (ahead as Ahead).messageKey
    const plaintext = this.#authentic(header, message, messageKey)
    //= PAL-SRM-017
    if (!plaintext) return { result: 'undecryptable' }
    if (stored) {
      chain.skipped.delete(sequence)
      this.#skippedCount -= 1
    } else this.#moveOn(chain, ahead as Ahead, sequence)
    return { result: 'ok', plaintext }
  }

  #authentic(header: RoomHeader, message: Uint8Array, messageKey: Uint8Array): Uint8Array | undefined {
    const bound = this.#bound(header.sender, header.bytes)
    const output = this.#primitives.hmac512(messageKey, bound)
    const opened = this.#primitives.open(
      output.subarray(0, KEY_BYTES),
      output.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
      message.subarray(BODY_AT),
    )
    const plaintext = opened && unpad(opened.subarray(SIGNATURE_BYTES))
    if (!opened || !plaintext) return undefined
    const key = this.facts.roster[header.sender]?.package.roomKey
    const signature = opened.subarray(0, SIGNATURE_BYTES)
    const isAuthentic =
      key !== undefined && this.#primitives.verify(key, signature, concatBytes([bound, plaintext]))
    return isAuthentic ? plaintext : undefined
  }

  #bound(sender: number, header: Uint8Array): Uint8Array {
    const fid = this.facts.roster[sender]?.package.fid
    if (!fid) throw new UsageError('bad_argument', 'there is no such member')
    return concatBytes([this.#binding, fid, header])
  }

  #ahead(chain: Chain, sequence: number): Ahead | undefined {
    //= PAL-SRM-018
    if (sequence - chain.count > ROOM_SKIP_MAX) return undefined
    let { key } = chain
    const skipped: Uint8Array[] = []
    for (let at = chain.count; ; at++) {
      const step = this.#primitives.hmac512(key, CHAIN_STEP)
      key = copyOf(step, 0, KEY_BYTES)
      const messageKey = copyOf(step, KEY_BYTES)
      if (at === sequence) return { key, messageKey, skipped }
      skipped.push(messageKey)
    }
  }

  #moveOn(chain: Chain, { key, skipped }: Ahead, sequence: number): void {
    for (const [i, messageKey] of skipped.entries()) chain.skipped.set(chain.count + i, messageKey)
    this.#skippedCount += skipped.length
    chain.key = key
    chain.count = sequence + 1
    //= PAL-SRM-018
    while (this.#skippedCount > ROOM_SKIPPED_MAX) this.#dropOldest(chain)
  }

  /** The fullest chain loses its oldest key, so that one sender cannot take the others' room. */
  #dropOldest(latest: Chain): void {
    let fullest = latest
    for (const chain of this.#chains) if (chain.skipped.size > fullest.skipped.size) fullest = chain
    const [oldest] = fullest.skipped.keys()
    if (oldest === undefined) return
    fullest.skipped.delete(oldest)
    this.#skippedCount -= 1
  }

  /** The chain of one member as bytes, to be kept. */
  encodeChain(sender: number): Uint8Array {
    const chain = this.#chains[sender] as Chain
    const parts = [chain.key, uint32Bytes(chain.count), uint16Bytes(chain.skipped.size)]
    for (const [sequence, key] of chain.skipped) parts.push(uint32Bytes(sequence), key)
    return concatBytes(parts)
  }

  /** The keys of the epoch as bytes, without the chains. */
  encodeKeys(): Uint8Array {
    return concatBytes([this.#headerKey, this.controlKey, this.nextKey])
  }

  /** An epoch that was kept; undefined when the bytes are not whole. */
  static restore(
    primitives: Primitives,
    facts: EpochFacts,
    keys: Uint8Array,
    chainBytes: readonly Uint8Array[],
  ): Epoch | undefined {
    const reader = new FieldReader(keys)
    const headerKey = reader.bytes(KEY_BYTES)
    const controlKey = reader.bytes(KEY_BYTES)
    const nextKey = reader.bytes(KEY_BYTES)
    if (!reader.isDone || chainBytes.length !== facts.roster.length) return undefined
    const chains: Chain[] = []
    for (const bytes of chainBytes) {
      const chain = readChain(bytes)
      if (!chain) return undefined
      chains.push(chain)
    }
    return new Epoch(primitives, facts, { headerKey, controlKey, nextKey, chains })
  }
}

interface Ahead {
  readonly key: Uint8Array
  readonly messageKey: Uint8Array
  readonly skipped: readonly Uint8Array[]
}

function readChain(bytes: Uint8Array): Chain | undefined {
  const reader = new FieldReader(bytes)
  const key = reader.bytes(KEY_BYTES)
  const count = reader.uint32()
  const skippedCount = reader.uint16()
  if (skippedCount > ROOM_SKIPPED_MAX) return undefined
  const skipped = new Map<number, Uint8Array>()
  for (let i = 0; i < skippedCount && !reader.hasFailed; i++) {
    const sequence = reader.uint32()
    skipped.set(sequence, reader.bytes(KEY_BYTES))
  }
  return reader.isDone ? { key, count, skipped } : undefined
}
