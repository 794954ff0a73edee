/** One link in a simulated chat: bytes on ordered lanes, late by chance, cut at any byte. */
import { type Instant, instantAfter, type LaneBytes, NEVER } from '../../base/index.ts'
import { fraction } from '../random.ts'
import type { ChatPlan } from './plan.ts'

interface Chunk extends LaneBytes {
  readonly at: Instant
}

/** One direction of a link. */
export class Way {
  readonly #plan: ChatPlan
  readonly #id: number
  /** Waiting chunks, in the order of their arrival. */
  readonly #chunks: Chunk[] = []
  readonly #laneAt = new Map<number, Instant>()
  #count = 0
  heldBytes = 0

  constructor(plan: ChatPlan, id: number) {
    this.#plan = plan
    this.#id = id
  }

  get isWritable(): boolean {
    return this.heldBytes < this.#plan.linkBytes
  }

  send({ lane, bytes }: LaneBytes, now: Instant): void {
    const { seed, latencyMs, jitterMs } = this.#plan
    const lateMs = latencyMs + jitterMs * fraction(seed, this.#id, this.#count++)
    const at = Math.max(instantAfter(now, lateMs), this.#laneAt.get(lane) ?? 0) as Instant
    this.#laneAt.set(lane, at)
    let place = this.#chunks.length
    while (place > 0 && (this.#chunks[place - 1] as Chunk).at > at) place -= 1
    this.#chunks.splice(place, 0, { lane, bytes, at })
    this.heldBytes += bytes.length
  }

  get nextAt(): Instant {
    return this.#chunks[0]?.at ?? NEVER
  }

  /** The next bytes that have arrived. */
  take(now: Instant): LaneBytes | undefined {
    const first = this.#chunks[0]
    if (first === undefined || first.at > now) return undefined
    this.#chunks.shift()
    this.heldBytes -= first.bytes.length
    return first
  }

  /** A part of what is under way, as much as chance has it, because the link breaks in the midst of it. */
  takePart(): LaneBytes | undefined {
    const first = this.#chunks.shift()
    if (!first) return undefined
    const part = fraction(this.#plan.seed, this.#id, 0x9a47 + this.#count)
    return { lane: first.lane, bytes: first.bytes.subarray(0, Math.floor(first.bytes.length * part)) }
  }
}

export class Pipe {
  readonly toRelay: Way
  readonly toClient: Way
  readonly laneCount: number
  isOver = false
  /** Whether the relay said everything on it. */
  isFinished = false
  isPaused = false

  constructor(plan: ChatPlan, number: number) {
    this.toRelay = new Way(plan, number * 2)
    this.toClient = new Way(plan, number * 2 + 1)
    this.laneCount = fraction(plan.seed, 0x1a4e, number) < plan.laned ? 64 : 1
  }
}
