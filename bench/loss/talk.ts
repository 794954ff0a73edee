/** What every process of the measurement shares: the clock, the stamp in each message, and what was seen. */
import { Buffer } from 'node:buffer'

/** Who is measured: ours by its transports, and the peers of `peers/`. */
export type Contestant = 'tcp' | 'tcp-bbr' | 'udp' | PeerName
export type PeerName = 'enet' | 'kcp' | 'udx' | 'quic'

export interface PersonPlan {
  readonly contestant: Contestant
  readonly host: string
  readonly port: number
  readonly name: string
  readonly rooms: number
  readonly bodyBytes: number
}

/** What the measurement tells a process. */
export type Order =
  | { readonly type: 'talk'; readonly perSecond: number; readonly seconds: number; readonly burst?: number }
  | { readonly type: 'bulk'; readonly on: boolean }
  | { readonly type: 'report' }

/** What a process saw since the last report. */
export interface Report {
  /** Milliseconds from `send` in one process to the event in the other; with the time of arrival. */
  readonly latencies: readonly number[]
  readonly arrivedAt: readonly number[]
  /** Messages that came twice, or not in their order. */
  readonly disordered: number
  readonly bulkBytes: number
  /** Our own messages not acknowledged so far. */
  readonly underWay: number
  /** Datagrams of the link so far, where it counts them. */
  readonly packetsSent?: number | undefined
  readonly packetsReceived?: number | undefined
}

/** Milliseconds of the clock that all processes of a machine share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** A body of random bytes with the time and the number of the message in its conversation. */
export function stamp(length: number, number: number): Uint8Array {
  const body = Buffer.alloc(length, 97)
  body.writeDoubleLE(nowMs(), 0)
  body.writeUInt32LE(number, 8)
  return body
}

export function tell(fact: { readonly type: string } & Readonly<Record<string, unknown>>): void {
  process.send?.(fact)
}

/**
 * Calls `each` at random times, as many people who know nothing of each other do (a Poisson process): an even
 * spacing would fall in step with the round trip. Times are absolute: a late turn does not slow it down.
 */
export class Schedule {
  count = 0
  readonly #each: (count: number) => void
  readonly #burst: number
  readonly #until: number
  readonly #meanMs: number
  #next = nowMs()

  constructor(order: Extract<Order, { type: 'talk' }>, each: (count: number) => void) {
    this.#each = each
    this.#burst = order.burst ?? 1
    this.#until = this.#next + order.seconds * 1000
    this.#meanMs = (1000 * this.#burst) / order.perSecond
  }

  run(onDone: () => void): void {
    while (this.#next < this.#until && nowMs() >= this.#next) {
      for (let i = 0; i < this.#burst; i++) this.#each(this.count++)
      this.#next -= Math.log(1 - Math.random()) * this.#meanMs
    }
    if (this.#next >= this.#until) return onDone()
    setTimeout(() => this.run(onDone), Math.max(1, this.#next - nowMs()))
  }
}

/** Checks and times what arrives. */
export class Sightings {
  bulkBytes = 0
  #latencies: number[] = []
  #arrivedAt: number[] = []
  #disordered = 0
  readonly #next = new Map<number, number>()

  see(conversation: number, body: Uint8Array): void {
    const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const now = nowMs()
    const number = view.readUInt32LE(8)
    this.#latencies.push(now - view.readDoubleLE(0))
    this.#arrivedAt.push(now)
    // A new round of talking begins at 0 again.
    if (number !== 0 && number !== this.#next.get(conversation)) this.#disordered += 1
    this.#next.set(conversation, number + 1)
  }

  report(): Omit<Report, 'underWay'> {
    const report = {
      latencies: this.#latencies,
      arrivedAt: this.#arrivedAt,
      disordered: this.#disordered,
      bulkBytes: this.bulkBytes,
    }
    this.#latencies = []
    this.#arrivedAt = []
    this.#disordered = 0
    this.bulkBytes = 0
    return report
  }
}
