/**
 * A disk in a simulation: commits take time, may fail, and at a crash the one under way is there whole or not
 * at all; what lies there can be damaged. Everything by chance is a hash of the seed and the number of the
 * commit, so that leaving one out does not change what happens to the others.
 */
import { type Instant, instantAfter, NEVER, UsageError } from '../base/index.ts'
import { MemoryStore } from '../protocol/relay/memory-store.ts'
import type {
  LogExtent,
  LogGap,
  LogPage,
  ParticipantRecord,
  PrekeysRecord,
  RelayStorage,
  StoredState,
  StoreWrite,
} from '../protocol/relay/storage.ts'
import { fraction } from './random.ts'

/** What the disk does to commits. Chances are between 0 and 1. */
export interface DiskConditions {
  readonly commitMs: number
  /** Added to the time of a commit, evenly distributed. */
  readonly jitterMs: number
  /** A commit that takes `stallMs` longer. */
  readonly stall: number
  readonly stallMs: number
  /** A commit that fails: the disk is full, or its input or output fails. */
  readonly failure: number
}

/** A disk without faults that takes no time. */
export const SOUND_DISK: DiskConditions = { commitMs: 0, jitterMs: 0, stall: 0, stallMs: 0, failure: 0 }

/** How a commit ended. */
export type CommitEnd = 'committed' | 'failed'

const FATE = { jitter: 1, stall: 2, failure: 3, keptAfterFailure: 4, keptAfterCrash: 5 } as const

interface UnderWay {
  readonly number: number
  readonly writes: readonly StoreWrite[]
  readonly doneAt: Instant
}

export class SimDisk implements RelayStorage {
  readonly durable = true
  conditions: DiskConditions
  /** Commits that ended well, and those that a crash or a failure took back. */
  committedCount = 0
  lostCount = 0
  readonly #seed: number
  readonly #store = new MemoryStore(true)
  /** Damaged pieces by conversation and the position of their first entry. */
  readonly #damaged = new Set<string>()
  #count = 0
  #underWay: UnderWay | undefined

  constructor(seed: number, conditions: DiskConditions = SOUND_DISK) {
    this.#seed = seed
    this.conditions = conditions
  }

  get state(): StoredState {
    return this.#store.state
  }

  /** Begins a commit. One at a time. */
  begin(writes: readonly StoreWrite[], now: Instant): void {
    if (this.#underWay !== undefined) throw new UsageError('bad_state', 'a commit is under way')
    const number = this.#count++
    const { commitMs, jitterMs, stall, stallMs } = this.conditions
    const stalled = this.#chance(number, FATE.stall) < stall ? stallMs : 0
    const takesMs = commitMs + jitterMs * this.#chance(number, FATE.jitter) + stalled
    this.#underWay = { number, writes, doneAt: instantAfter(now, takesMs) }
  }

  pollTimeout(): Instant {
    return this.#underWay?.doneAt ?? NEVER
  }

  /** How the commit under way ended, or undefined when it has not or there is none. */
  poll(now: Instant): CommitEnd | undefined {
    const underWay = this.#underWay
    if (underWay === undefined || underWay.doneAt > now) return undefined
    this.#underWay = undefined
    if (this.#chance(underWay.number, FATE.failure) >= this.conditions.failure) {
      this.#keep(underWay)
      return 'committed'
    }
    // What a failed write left behind is not known to the one who wrote.
    this.#keepByChance(underWay, FATE.keptAfterFailure)
    return 'failed'
  }

  /** The relay's process or machine stops. What was under way is there as a whole, or is not. */
  crash(): void {
    const underWay = this.#underWay
    this.#underWay = undefined
    if (underWay !== undefined) this.#keepByChance(underWay, FATE.keptAfterCrash)
  }

  /** Flips a bit in the piece that holds the entry: it is told as damaged from now on. False without one. */
  damage(conversation: number, seq: number): boolean {
    const piece = this.#store.read(conversation, seq)
    if (piece === undefined || 'reason' in piece) return false
    this.#damaged.add(`${conversation}:${piece.firstSeq}`)
    return true
  }

  read(conversation: number, seq: number): LogPage | LogGap | undefined {
    const piece = this.#store.read(conversation, seq)
    if (piece === undefined || 'reason' in piece) return piece
    if (!this.#damaged.has(`${conversation}:${piece.firstSeq}`)) return piece
    return { firstSeq: seq, lastSeq: piece.lastSeq, reason: 'corrupt' }
  }

  extent(conversation: number): LogExtent {
    return this.#store.extent(conversation)
  }

  participants(conversation: number): readonly ParticipantRecord[] {
    return this.#store.participants(conversation)
  }

  prekeys(keyHex: string): PrekeysRecord | undefined {
    return this.#store.prekeys(keyHex)
  }

  /** What is on the disk, for checkers. Not to be changed. */
  get kept(): MemoryStore {
    return this.#store
  }

  #keep(underWay: UnderWay): void {
    this.#store.commit(underWay.writes)
    this.committedCount++
  }

  #keepByChance(underWay: UnderWay, fate: number): void {
    if (this.#chance(underWay.number, fate) < 0.5) this.#store.commit(underWay.writes)
    else this.lostCount++
  }

  #chance(number: number, fate: number): number {
    return fraction(this.#seed, 0xd15c + fate, number)
  }
}
