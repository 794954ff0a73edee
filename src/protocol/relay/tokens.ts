/**
 * Resume tokens: which sessions can be taken up again (spec chapter 5). A token is good once. The one before
 * the last stays good until the client was heard on the link that got the last one, because that link may
 * have been lost before the client learned it.
 */
import { equalSecrets, hexOf, utf8Bytes } from '../../base/bytes.ts'
import type { SignaturePrimitives } from '../../base/primitives.ts'
import type { SessionRecord, StoreWrite } from './storage.ts'

const HASH_BYTES = 32
const LABEL = utf8Bytes('palaver/1/resume-token\0')
/** Hashes of used tokens that are told from foreign ones. */
const USED_MAX = 8

interface TokenState {
  record: SessionRecord
  /** Hashes used up, newest last. */
  readonly used: string[]
}

/** What a token is good for. */
export type TokenVerdict = 'good' | 'used' | 'unknown'

export class Tokens {
  readonly #sha512: SignaturePrimitives['sha512']
  /** The one used longest ago first. */
  readonly #sessions = new Map<string, TokenState>()
  readonly #sessionsMax: number
  /** The session number of each installation of each identity: one each. */
  readonly #byInstallation = new Map<string, string>()

  constructor(signatures: SignaturePrimitives, stored: Iterable<SessionRecord>, sessionsMax: number) {
    this.#sha512 = signatures.sha512
    this.#sessionsMax = sessionsMax
    for (const record of stored) this.#keep(record)
  }

  get size(): number {
    return this.#sessions.size
  }

  /** The session of that number, if it can be resumed at `wallMs`. */
  find(idHex: string, wallMs: number, resumeMs: number): SessionRecord | undefined {
    const record = this.#sessions.get(idHex)?.record
    //= PAL-HSK-041
    return record && wallMs - record.usedMs <= resumeMs ? record : undefined
  }

  /** The session number that an installation has, if any. */
  sessionOf(keyHex: string, clientHex: string): string | undefined {
    return this.#byInstallation.get(keyHex + clientHex)
  }

  judge(idHex: string, token: Uint8Array): TokenVerdict {
    const state = this.#sessions.get(idHex)
    if (!state) return 'unknown'
    const hashHex = this.#hash(token)
    const { tokenHex, previousHex } = state.record
    if (same(hashHex, tokenHex) || same(hashHex, previousHex)) return 'good'
    return state.used.some((used) => same(used, hashHex)) ? 'used' : 'unknown'
  }

  /** A new token was given out for a session; returns what to store. */
  give(
    session: Pick<SessionRecord, 'idHex' | 'keyHex' | 'clientHex' | 'name'>,
    token: Uint8Array,
    spent: Uint8Array | undefined,
    wallMs: number,
  ): StoreWrite[] {
    const writes = this.#replace(session)
    //= PAL-LIM-008
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined && this.#sessions.size >= this.#sessionsMax) writes.push(...this.forget(oldest))
    const previousHex = spent ? this.#hash(spent) : ''
    const { idHex, keyHex, clientHex, name } = session
    //= PAL-HSK-040
    const tokenHex = this.#hash(token)
    const record = { idHex, keyHex, clientHex, name, tokenHex, previousHex, usedMs: wallMs }
    this.#keep(record)
    return [...writes, { kind: 'session', record }]
  }

  /** An installation has one session that can be resumed. */
  #replace({
    idHex,
    keyHex,
    clientHex,
  }: Pick<SessionRecord, 'idHex' | 'keyHex' | 'clientHex'>): StoreWrite[] {
    const older = this.#byInstallation.get(keyHex + clientHex)
    return older !== undefined && older !== idHex ? this.forget(older) : []
  }

  /** The client was heard on the link that got the last token: the one before is used up. */
  confirm(idHex: string): StoreWrite | undefined {
    const state = this.#sessions.get(idHex)
    if (!state || state.record.previousHex === '') return undefined
    state.used.push(state.record.previousHex)
    if (state.used.length > USED_MAX) state.used.shift()
    state.record = { ...state.record, previousHex: '' }
    return { kind: 'session', record: state.record }
  }

  /** The session cannot be resumed any more. */
  forget(idHex: string): StoreWrite[] {
    const record = this.#sessions.get(idHex)?.record
    if (!record) return []
    this.#sessions.delete(idHex)
    const installation = record.keyHex + record.clientHex
    if (this.#byInstallation.get(installation) === idHex) this.#byInstallation.delete(installation)
    return [{ kind: 'forget_session', idHex }]
  }

  /** Forgets up to `count` sessions that were last used too long ago. */
  expire(wallMs: number, resumeMs: number, count: number): StoreWrite[] {
    const writes: StoreWrite[] = []
    for (const [idHex, { record }] of this.#sessions) {
      if (writes.length >= count) break
      if (wallMs - record.usedMs > resumeMs) writes.push(...this.forget(idHex))
    }
    return writes
  }

  #keep(record: SessionRecord): void {
    const state = this.#sessions.get(record.idHex)
    this.#sessions.delete(record.idHex)
    this.#sessions.set(record.idHex, { record, used: state?.used ?? [] })
    this.#byInstallation.set(record.keyHex + record.clientHex, record.idHex)
  }

  #hash(token: Uint8Array): string {
    return hexOf(this.#sha512(LABEL, token).subarray(0, HASH_BYTES))
  }
}

/** Hashes of secrets are compared in a time that tells nothing. */
function same(a: string, b: string): boolean {
  return equalSecrets(utf8Bytes(a), utf8Bytes(b))
}
