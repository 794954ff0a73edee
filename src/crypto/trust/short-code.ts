/**
 * The comparison of a short code (spec chapter 18). Who asks commits to a random number before it sees the
 * other's, so that nobody between can try numbers until both codes look alike. Steps are values; what to send
 * travels inside the sealed session of the two identities.
 *
 * States: `expect_answer` (asked), `expect_reveal` (was asked), `compare` (people look), `verified`,
 * `failed`.
 */
import { concatBytes, copyOf, equalSecrets } from '../../base/bytes.ts'
import { label } from '../kdf.ts'
import type { Primitives } from '../primitives.ts'
import { compareBytes } from '../room/operation.ts'
import { EMOJI } from './emoji.ts'

const NONCE_BYTES = 32
const HASH_BYTES = 32
const COMMIT_LABEL = label('sas-commit')
const CODE_LABEL = label('sas')
const CODE_BYTES = 11
const ASK = 1
const ANSWER = 2
const REVEAL = 3
const MATCH = 4
const CANCEL = 5

/** How long a comparison may take. */
export const COMPARISON_MS = 600_000

/** The two IDs of a comparison. */
export interface Compared {
  readonly own: Uint8Array
  readonly peer: Uint8Array
}

/** Why a comparison ended without a result. */
export type ComparisonFailure = 'mismatch' | 'cancelled' | 'commitment' | 'out_of_turn' | 'timeout'

/** Where a comparison stands. */
export type Comparison =
  | { readonly state: 'expect_answer'; readonly startedMs: number; readonly nonce: Uint8Array }
  | {
      readonly state: 'expect_reveal'
      readonly startedMs: number
      readonly nonce: Uint8Array
      readonly commitment: Uint8Array
    }
  | {
      readonly state: 'compare'
      readonly startedMs: number
      readonly code: ShortCode
      /** Who said already that the codes are alike. */
      readonly confirmed: 'nobody' | 'own' | 'peer'
    }
  | { readonly state: 'verified' }
  | { readonly state: 'failed'; readonly reason: ComparisonFailure }

/** The code as people see it; both forms say the same. */
export interface ShortCode {
  /** Seven of 64 pictures with their words. */
  readonly emoji: readonly { readonly symbol: string; readonly word: string }[]
  /** Three numbers of four digits. */
  readonly digits: readonly string[]
}

/** A step: where the comparison stands now, and what the peer is to be told. */
export interface ComparisonStep {
  readonly comparison: Comparison
  readonly send: Uint8Array | undefined
}

/** Asks the peer. */
export function askComparison(primitives: Primitives, nowMs: number): ComparisonStep {
  const nonce = primitives.random(NONCE_BYTES)
  return {
    comparison: { state: 'expect_answer', startedMs: nowMs, nonce },
    send: concatBytes([Uint8Array.of(ASK), commitmentTo(primitives, nonce)]),
  }
}

/** The person says whether the codes are alike. */
export function confirmComparison(comparison: Comparison, isAlike: boolean): ComparisonStep {
  if (comparison.state !== 'compare' || comparison.confirmed === 'own') return { comparison, send: undefined }
  //= PAL-TRU-008
  if (!isAlike) return failed('mismatch')
  const isBoth = comparison.confirmed === 'peer'
  return {
    comparison: isBoth ? { state: 'verified' } : { ...comparison, confirmed: 'own' },
    send: Uint8Array.of(MATCH),
  }
}

/** Ends a comparison. */
export function cancelComparison(): ComparisonStep {
  return failed('cancelled')
}

/** Takes what the peer sent inside the session. `comparison` is undefined when none is under way. */
export function handleComparison(
  primitives: Primitives,
  comparison: Comparison | undefined,
  message: Uint8Array,
  { compared, nowMs }: { readonly compared: Compared; readonly nowMs: number },
): ComparisonStep {
  const [type] = message
  const rest = message.subarray(1)
  const current = comparison && withinTime(comparison, nowMs)
  const isUnderWay = current !== undefined && current.state !== 'verified' && current.state !== 'failed'
  if (type === CANCEL) return isUnderWay ? { ...failed('cancelled'), send: undefined } : idle(current)
  if (type === ASK && rest.length === HASH_BYTES) {
    //= PAL-TRU-007
    if (current?.state === 'expect_answer' && compareBytes(compared.own, compared.peer) < 0)
      return { comparison: current, send: undefined }
    if (!isUnderWay || current?.state === 'expect_answer') return answer(primitives, rest, nowMs)
  }
  if (!isUnderWay) return idle(current)
  if (type === ANSWER && current.state === 'expect_answer' && rest.length === NONCE_BYTES) {
    const ids = { asker: compared.own, answerer: compared.peer }
    const code = codeOf(primitives, ids, { asker: current.nonce, answerer: rest })
    return {
      comparison: { state: 'compare', startedMs: current.startedMs, code, confirmed: 'nobody' },
      send: concatBytes([Uint8Array.of(REVEAL), current.nonce]),
    }
  }
  if (type === REVEAL && current.state === 'expect_reveal' && rest.length === NONCE_BYTES)
    return revealed(primitives, current, rest, compared)
  if (type === MATCH && rest.length === 0 && current.state === 'compare') {
    if (current.confirmed === 'own') return { comparison: { state: 'verified' }, send: undefined }
    return { comparison: { ...current, confirmed: 'peer' }, send: undefined }
  }
  return failed('out_of_turn')
}

function idle(comparison: Comparison | undefined): ComparisonStep {
  return { comparison: comparison ?? { state: 'failed', reason: 'out_of_turn' }, send: undefined }
}

function answer(primitives: Primitives, commitment: Uint8Array, nowMs: number): ComparisonStep {
  const nonce = primitives.random(NONCE_BYTES)
  return {
    comparison: { state: 'expect_reveal', startedMs: nowMs, nonce, commitment: copyOf(commitment) },
    send: concatBytes([Uint8Array.of(ANSWER), nonce]),
  }
}

function revealed(
  primitives: Primitives,
  current: Comparison & { state: 'expect_reveal' },
  nonce: Uint8Array,
  compared: Compared,
): ComparisonStep {
  //= PAL-TRU-005
  if (!equalSecrets(commitmentTo(primitives, nonce), current.commitment)) return failed('commitment')
  const ids = { asker: compared.peer, answerer: compared.own }
  const code = codeOf(primitives, ids, { asker: nonce, answerer: current.nonce })
  return {
    comparison: { state: 'compare', startedMs: current.startedMs, code, confirmed: 'nobody' },
    send: undefined,
  }
}

function failed(reason: ComparisonFailure): ComparisonStep {
  return { comparison: { state: 'failed', reason }, send: Uint8Array.of(CANCEL) }
}

function withinTime(comparison: Comparison, nowMs: number): Comparison {
  if (comparison.state === 'verified' || comparison.state === 'failed') return comparison
  const isLate = nowMs - comparison.startedMs >= COMPARISON_MS
  //= PAL-TRU-009
  return isLate ? { state: 'failed', reason: 'timeout' } : comparison
}

function commitmentTo(primitives: Primitives, nonce: Uint8Array): Uint8Array {
  //= PAL-TRU-004
  return copyOf(primitives.sha512(COMMIT_LABEL, nonce), 0, HASH_BYTES)
}

type Both = { readonly asker: Uint8Array; readonly answerer: Uint8Array }

function codeOf(primitives: Primitives, ids: Both, nonces: Both): ShortCode {
  //= PAL-TRU-006
  const hash = primitives.sha512(CODE_LABEL, ids.asker, ids.answerer, nonces.asker, nonces.answerer)
  return shortCodeOf(hash.subarray(0, CODE_BYTES))
}

/** The pictures of the first 42 bits and the numbers of the 39 bits after the sixth byte. */
export function shortCodeOf(bytes: Uint8Array): ShortCode {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const emoji = Array.from({ length: 7 }, (_, i) => {
    const entry = EMOJI[Number.parseInt(bits.slice(i * 6, i * 6 + 6), 2)] as readonly [string, string]
    return { symbol: entry[0], word: entry[1] }
  })
  const digits = Array.from({ length: 3 }, (_, i) =>
    String(1000 + Number.parseInt(bits.slice(48 + i * 13, 48 + i * 13 + 13), 2)),
  )
  return { emoji, digits }
}
