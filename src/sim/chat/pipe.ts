/** One stream in a simulated chat: bytes on ordered lanes, late by chance, cut at any byte. */
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

/** A link as the relay holds it. */
export interface RelayEnd {
  readonly laneCount: number
  readonly binding: Uint8Array
  readonly isOver: boolean
  readonly isWritable: boolean
  write(item: LaneBytes, now: Instant): void
  pause(): void
  resume(now: Instant): void
  /** The relay said everything on it. */
  finish(now: Instant): void
  abort(now: Instant): void
}

/** A link as a person holds it. */
export interface PersonEnd {
  readonly laneCount: number
  readonly isOver: boolean
  readonly isWritable: boolean
  write(item: LaneBytes, now: Instant): void
  /** The person will write nothing more, and reads nothing more. */
  leave(now: Instant): void
  /** The link breaks. */
  abort(now: Instant): void
}

const NO_BINDING = new Uint8Array(0)

export class Pipe implements PersonEnd {
  readonly toRelay: Way
  readonly toClient: Way
  readonly laneCount: number
  readonly relayEnd: RelayEnd
  isOver = false
  isFinished = false
  isPaused = false

  constructor(plan: ChatPlan, number: number) {
    this.toRelay = new Way(plan, number * 2)
    this.toClient = new Way(plan, number * 2 + 1)
    this.laneCount = fraction(plan.seed, 0x1a4e, number) < plan.laned ? 64 : 1
    this.relayEnd = new PipeRelayEnd(this)
  }

  get isWritable(): boolean {
    return this.toRelay.isWritable
  }

  write(item: LaneBytes, now: Instant): void {
    this.toRelay.send(item, now)
  }

  leave(): void {}

  abort(): void {
    this.isOver = true
  }
}

class PipeRelayEnd implements RelayEnd {
  readonly binding: Uint8Array = NO_BINDING
  readonly #pipe: Pipe

  constructor(pipe: Pipe) {
    this.#pipe = pipe
  }

  get laneCount(): number {
    return this.#pipe.laneCount
  }

  get isOver(): boolean {
    return this.#pipe.isOver
  }

  get isWritable(): boolean {
    return this.#pipe.toClient.isWritable
  }

  write(item: LaneBytes, now: Instant): void {
    this.#pipe.toClient.send(item, now)
  }

  pause(): void {
    this.#pipe.isPaused = true
  }

  resume(): void {
    this.#pipe.isPaused = false
  }

  finish(): void {
    this.#pipe.isFinished = true
  }

  abort(): void {
    this.#pipe.isOver = true
  }
}
