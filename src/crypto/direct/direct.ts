/**
 * A sealed direct conversation from one side (spec chapter 15): up to four sessions with one peer, of which
 * one is used for sending. Bodies come in the order of the conversation's log; what a relay does to them can
 * only make them unreadable. The caller keeps what `takeChanges` gives before it sends what `seal` gave.
 */
import { concatBytes, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import type { Bundle } from '../bundle.ts'
import { FieldReader, uint64Bytes } from '../fields.ts'
import type { CryptoFault, Identity, OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { initiatorRatchet, openMessage, responderRatchet, sealMessage } from '../ratchet.ts'
import { Changes, type RecordChange } from '../records.ts'
import { compareBytes } from '../room/operation.ts'
import {
  acceptSession,
  initiateSession,
  PREAMBLE_BYTES,
  PREKEY_MESSAGE,
  type PrekeyMessage,
  prekeyMessageKey,
  readPrekeyMessage,
} from '../session-start.ts'
import {
  decodeInner,
  encodeInner,
  INNER_KINDS,
  type Inner,
  innerHash,
  NO_PREVIOUS,
  type OpenedInner,
  SEALED_BODY_BYTES_MAX,
} from './inner.ts'
import type { OwnPrekeys } from './prekeys.ts'
import { type DirectSession, decodeSession, encodeSession } from './session-record.ts'

const FORMAT = 1
const SESSIONS_MAX = 4
const RESET_MS = 3_600_000
const STARTS_PER_MINUTE = 10
const MINUTE_MS = 60_000
const NUDGE_MESSAGES = 100
const NUDGE_MS = 3_600_000
const HASH_BYTES = 16

/** Why a message could not be read. For its own user only: nothing of it goes to the network. */
export type Unreadable =
  /** No session fits: this side or the other lost its state. */
  | 'no_session'
  /** The prekey that it names is used up or too old. */
  | 'prekey'
  /** Another identity than the pinned one, or this one's own. */
  | 'identity'
  /** Sessions begin too often. */
  | 'rate'
  /** It belongs to another conversation. */
  | 'context'
  | 'malformed'

/** What became of a body. */
export type DirectResult =
  | { readonly result: 'ok'; readonly inner: OpenedInner; readonly isNewSession: boolean }
  | { readonly result: 'duplicate' }
  | { readonly result: 'undecryptable'; readonly why: Unreadable }

/** What a conversation needs to know besides the body. */
export interface Opening {
  readonly nowMs: number
  /** Whether the identity that begins a session is the one this conversation is pinned to. */
  readonly isPeer: (identity: Identity) => boolean
}

/** The sessions of one direct conversation. */
export class SealedDirect {
  readonly #primitives: Primitives
  readonly #own: OwnIdentity
  readonly #prekeys: OwnPrekeys
  readonly #context: Uint8Array
  readonly #changes = new Changes()
  #sessions: DirectSession[] = []
  #sendingId: string | undefined
  #lastSent: Uint8Array = NO_PREVIOUS
  #lastReceived: Uint8Array = NO_PREVIOUS
  #resetAskedMs = 0
  #resetTakenMs = 0
  #unanswered = 0
  #unansweredSinceMs = 0
  #starts: number[] = []

  constructor(
    primitives: Primitives,
    own: OwnIdentity,
    parts: {
      readonly prekeys: OwnPrekeys
      /** See `contextOf`. */
      readonly context: Uint8Array
      readonly records?: ReadonlyMap<string, Uint8Array> | undefined
    },
  ) {
    this.#primitives = primitives
    this.#own = own
    this.#prekeys = parts.prekeys
    this.#context = parts.context
    if (parts.records) this.#restore(parts.records)
  }

  /** Whether a message can be sealed now; otherwise a bundle of the peer is needed. */
  get canSeal(): boolean {
    return this.#sendingId !== undefined
  }

  /** Whether the peer proved to have the session that is used for sending. */
  get isConfirmed(): boolean {
    return this.#sending()?.isConfirmed === true
  }

  /** Begins a session with the owner of a checked bundle of the pinned identity. */
  start(bundle: Bundle, nowMs: number): CryptoFault | undefined {
    if (equalBytes(bundle.identity.fid, this.#own.fid)) return 'key'
    const started = initiateSession(this.#primitives, this.#own, bundle)
    if (typeof started === 'string') return started
    const { secrets, preamble, peerPrekey } = started
    this.#add({
      sessionId: secrets.sessionId,
      ratchet: initiatorRatchet(secrets, peerPrekey),
      preamble,
      ephemeralKey: prekeyMessageKey(preamble),
      isConfirmed: false,
      usedMs: nowMs,
    })
    this.#sendingId = hexOf(secrets.sessionId)
    this.#keepCore()
    return undefined
  }

  /** Seals a message. What changed is kept before the result is sent. */
  seal(inner: Inner, nowMs: number): Uint8Array {
    const session = this.#sending()
    if (!session) throw new UsageError('bad_state', 'there is no session to seal in')
    if (inner.body.length > SEALED_BODY_BYTES_MAX)
      throw new UsageError('bad_argument', `a sealed message has at most ${SEALED_BODY_BYTES_MAX} bytes`)
    const plaintext = encodeInner(inner, this.#context, this.#lastSent)
    const { message, next } = sealMessage(this.#primitives, session.ratchet, plaintext)
    this.#replace(session, { ...session, ratchet: next, usedMs: nowMs })
    this.#lastSent = innerHash(this.#primitives, plaintext)
    this.#unanswered = 0
    this.#keepCore()
    //= PAL-SDC-006
    return session.preamble ? concatBytes([session.preamble, message]) : message
  }

  /** Opens a body. What changed is kept together with what was opened. */
  open(body: Uint8Array, opening: Opening): DirectResult {
    if (body[0] !== PREKEY_MESSAGE) return this.#openIn(this.#ordered(), body, opening.nowMs)
    if (body.length < PREAMBLE_BYTES) return unreadable('malformed')
    const ephemeralKey = prekeyMessageKey(body)
    const known = this.#sessions.find(
      (each) => each.preamble === undefined && equalBytes(each.ephemeralKey, ephemeralKey),
    )
    if (known) return this.#openIn([known], body.subarray(PREAMBLE_BYTES), opening.nowMs)
    return this.#openFirst(body, opening)
  }

  /** Whether a new session shall be begun because messages cannot be read: at most once an hour. */
  mayReset(nowMs: number): boolean {
    //= PAL-SDC-015
    return isPast(this.#resetAskedMs, nowMs)
  }

  /** Counts a reset that is about to be begun. */
  askReset(nowMs: number): void {
    this.#resetAskedMs = nowMs
    this.#keepCore()
  }

  /** Whether an empty message is due, so that the peer's ratchet turns. */
  needsNudge(nowMs: number): boolean {
    if (!this.canSeal || this.#unanswered === 0) return false
    //= PAL-SDC-014
    return this.#unanswered >= NUDGE_MESSAGES || nowMs - this.#unansweredSinceMs >= NUDGE_MS
  }

  /** After a backup was restored: nothing is sealed in a session that may have gone on elsewhere. */
  stopSending(): void {
    //= PAL-SDC-017
    this.#sendingId = undefined
    this.#keepCore()
  }

  /** Forgets all sessions: the peer has another identity now. */
  forget(): void {
    for (const session of this.#sessions) this.#changes.forget(recordName(session))
    this.#sessions = []
    this.#sendingId = undefined
    this.#lastSent = NO_PREVIOUS
    this.#lastReceived = NO_PREVIOUS
    this.#keepCore()
  }

  /** What has to be kept, before anything is sent. */
  takeChanges(): RecordChange[] {
    return this.#changes.take()
  }

  #openIn(sessions: readonly DirectSession[], message: Uint8Array, nowMs: number): DirectResult {
    let isDuplicate = false
    for (const session of sessions) {
      const opened = openMessage(this.#primitives, session.ratchet, message, nowMs)
      if (opened.result === 'duplicate') isDuplicate = true
      if (opened.result !== 'ok') continue
      const inner = decodeInner(opened.plaintext, this.#context, this.#lastReceived)
      if (!inner) return unreadable('context')
      const next = { ...session, ratchet: opened.next, preamble: undefined, isConfirmed: true, usedMs: nowMs }
      this.#replace(session, next)
      this.#received(opened.plaintext, inner, nowMs)
      return { result: 'ok', inner, isNewSession: false }
    }
    return isDuplicate ? { result: 'duplicate' } : unreadable('no_session')
  }

  /** The first message of a session that somebody else began. */
  #openFirst(body: Uint8Array, { nowMs, isPeer }: Opening): DirectResult {
    const sending = this.#sending()
    //= PAL-SDC-009
    if (!this.#mayStart(nowMs)) return unreadable('rate')
    //= PAL-SDC-016
    if (sending?.isConfirmed && !isPast(this.#resetTakenMs, nowMs)) return unreadable('rate')
    const message = readPrekeyMessage(this.#primitives, body)
    if (typeof message === 'string') return unreadable('malformed')
    //= PAL-SDC-008
    if (equalBytes(message.initiator.fid, this.#own.fid) || !isPeer(message.initiator))
      return unreadable('identity')
    const session = this.#accept(message, nowMs)
    if (!session) return unreadable('prekey')
    const opened = openMessage(this.#primitives, session.ratchet, message.ratchetMessage, nowMs)
    if (opened.result !== 'ok') return unreadable('no_session')
    const inner = decodeInner(opened.plaintext, this.#context, this.#lastReceived)
    if (!inner) return unreadable('context')
    const { signedPrekeyId, oneTimePrekeyId, ephemeralKey } = message
    this.#prekeys.used(signedPrekeyId, oneTimePrekeyId, ephemeralKey)
    const added = { ...session, ratchet: opened.next }
    this.#add(added)
    this.#choose(added, sending, { isReset: inner.kind === INNER_KINDS.reset, nowMs })
    this.#received(opened.plaintext, inner, nowMs)
    return { result: 'ok', inner, isNewSession: true }
  }

  #accept(message: PrekeyMessage, nowMs: number): DirectSession | undefined {
    const { signedPrekeyId, oneTimePrekeyId, ephemeralKey } = message
    const signedPrekey = this.#prekeys.signed(signedPrekeyId, nowMs)
    const oneTimePrekey = oneTimePrekeyId === undefined ? undefined : this.#prekeys.oneTime(oneTimePrekeyId)
    if (!signedPrekey || (oneTimePrekeyId !== undefined && !oneTimePrekey)) return undefined
    if (!oneTimePrekey && this.#prekeys.isSeen(signedPrekeyId, ephemeralKey)) return undefined
    const keys = { own: this.#own, signedPrekey, oneTimePrekey }
    const secrets = acceptSession(this.#primitives, keys, message)
    if (typeof secrets === 'string') return undefined
    return {
      sessionId: secrets.sessionId,
      ratchet: responderRatchet(secrets, signedPrekey.key),
      preamble: undefined,
      ephemeralKey,
      isConfirmed: true,
      usedMs: nowMs,
    }
  }

  /** Which session is used for sending after `added` came in. What a reset answers was not readable. */
  #choose(
    added: DirectSession,
    sending: DirectSession | undefined,
    { isReset, nowMs }: { readonly isReset: boolean; readonly nowMs: number },
  ): void {
    if (sending && !sending.isConfirmed && !isReset) {
      //= PAL-SDC-007
      if (compareBytes(added.sessionId, sending.sessionId) > 0) return
    } else if (sending) this.#resetTakenMs = nowMs
    this.#sendingId = hexOf(added.sessionId)
  }

  #mayStart(nowMs: number): boolean {
    this.#starts = this.#starts.filter((each) => nowMs - each < MINUTE_MS)
    if (this.#starts.length >= STARTS_PER_MINUTE) return false
    this.#starts.push(nowMs)
    return true
  }

  #received(plaintext: Uint8Array, inner: OpenedInner, nowMs: number): void {
    this.#lastReceived = innerHash(this.#primitives, plaintext)
    // A nudge needs no answer: two clients would nudge each other for ever.
    if (inner.kind !== INNER_KINDS.nudge) {
      if (this.#unanswered === 0) this.#unansweredSinceMs = nowMs
      this.#unanswered += 1
    }
    this.#keepCore()
  }

  #sending(): DirectSession | undefined {
    return this.#sessions.find((each) => hexOf(each.sessionId) === this.#sendingId)
  }

  /** The sessions to try: the one in use first. */
  #ordered(): readonly DirectSession[] {
    const sending = this.#sending()
    return sending ? [sending, ...this.#sessions.filter((each) => each !== sending)] : this.#sessions
  }

  #add(session: DirectSession): void {
    this.#sessions = [session, ...this.#sessions]
    this.#changes.put(recordName(session), encodeSession(session))
    while (this.#sessions.length > SESSIONS_MAX) this.#dropLeastUsed(session)
  }

  #dropLeastUsed(added: DirectSession): void {
    const sending = this.#sending()
    const others = this.#sessions.filter((each) => each !== added && each !== sending)
    const [first] = others
    if (!first) return
    const least = others.reduce((a, b) => (b.usedMs <= a.usedMs ? b : a), first)
    //= PAL-SDC-018
    this.#sessions = this.#sessions.filter((each) => each !== least)
    this.#changes.forget(recordName(least))
  }

  #replace(old: DirectSession, session: DirectSession): void {
    this.#sessions = this.#sessions.with(this.#sessions.indexOf(old), session)
    this.#changes.put(recordName(session), encodeSession(session))
  }

  #keepCore(): void {
    const sending = this.#sending()
    this.#changes.put(
      'core',
      concatBytes([
        Uint8Array.of(FORMAT, sending ? 1 : 0),
        sending?.sessionId ?? new Uint8Array(HASH_BYTES),
        this.#lastSent,
        this.#lastReceived,
        uint64Bytes(this.#resetAskedMs),
        uint64Bytes(this.#resetTakenMs),
        uint32Bytes(this.#unanswered),
        uint64Bytes(this.#unansweredSinceMs),
      ]),
    )
  }

  #restore(records: ReadonlyMap<string, Uint8Array>): void {
    for (const [name, bytes] of records) {
      const session = name.startsWith('session/') ? decodeSession(this.#primitives, bytes) : undefined
      if (session) this.#sessions.push(session)
    }
    this.#sessions = this.#sessions.sort((a, b) => b.usedMs - a.usedMs).slice(0, SESSIONS_MAX)
    const reader = new FieldReader(records.get('core') ?? new Uint8Array(0))
    if (reader.byte() !== FORMAT) return
    const hasSending = reader.byte() === 1
    const sendingId = hexOf(reader.bytes(HASH_BYTES))
    this.#sendingId = hasSending ? sendingId : undefined
    if (!this.#sending()) this.#sendingId = undefined
    this.#lastSent = reader.bytes(HASH_BYTES)
    this.#lastReceived = reader.bytes(HASH_BYTES)
    this.#resetAskedMs = reader.uint64()
    this.#resetTakenMs = reader.uint64()
    this.#unanswered = reader.uint32()
    this.#unansweredSinceMs = reader.uint64()
  }
}

function recordName(session: DirectSession): string {
  return `session/${hexOf(session.sessionId)}`
}

function unreadable(why: Unreadable): DirectResult {
  return { result: 'undecryptable', why }
}

/** Whether an hour has gone since a reset; 0 is never. */
function isPast(resetMs: number, nowMs: number): boolean {
  return resetMs === 0 || nowMs - resetMs >= RESET_MS
}
