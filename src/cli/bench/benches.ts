/** What `palaver bench` can measure. */
import { performance } from 'node:perf_hooks'
import { CONTENT_KINDS } from '../../codec/generated/registry.ts'
import type { ClientConnection, SessionEvent } from '../../node/client-connection.ts'
import { Tally } from './tally.ts'

export interface BenchSettings {
  readonly clients: number
  /** Messages a second over all clients, or 0 for as fast as it goes. */
  readonly rate: number
  readonly durationMs: number
  readonly sizeBytes: number
  readonly room: string
  open(index: number, onEvent: (event: SessionEvent) => void): Promise<ClientConnection>
}

/** For a program the fields, for a person the lines. */
export interface BenchResult {
  readonly fields: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
}

export interface Bench {
  readonly clientsMin: number
  readonly clientsStandard: number
  readonly rateStandard: number
  run(settings: BenchSettings): Promise<BenchResult>
}

export type BenchName = 'pub' | 'fanout' | 'latency' | 'churn'

export const BENCHES: Readonly<Record<BenchName, Bench>> = {
  pub: { clientsMin: 1, clientsStandard: 1, rateStandard: 0, run: runPub },
  fanout: { clientsMin: 2, clientsStandard: 10, rateStandard: 0, run: runFanout },
  latency: { clientsMin: 2, clientsStandard: 2, rateStandard: 100, run: runFanout },
  churn: { clientsMin: 1, clientsStandard: 4, rateStandard: 0, run: runChurn },
}

export function isBench(name: string): name is BenchName {
  return Object.hasOwn(BENCHES, name)
}

/** Messages of each sender under way when there is no rate. */
const WINDOW = 64
/** How many clients open at once. */
const OPENING = 16
const PACE_MS = 1

/** A client in its room. */
interface Seat {
  readonly connection: ClientConnection
  readonly conversation: number
}

/** What one run counts. */
class Run {
  readonly settings: BenchSettings
  readonly tally: Tally = new Tally()
  readonly seats: Seat[] = []
  sent = 0
  #until = 0
  #startedAt = 0
  #elapsedMs = 0
  readonly #body: Uint8Array

  constructor(settings: BenchSettings) {
    this.settings = settings
    this.#body = new Uint8Array(settings.sizeBytes)
  }

  /** Opens the clients, each in the room that `roomOf` names, a few at a time. */
  async open(
    roomOf: (index: number) => string,
    onEvent: (index: number, event: SessionEvent) => void,
  ): Promise<void> {
    const { clients } = this.settings
    for (let from = 0; from < clients; from += OPENING) {
      const indices = Array.from({ length: Math.min(OPENING, clients - from) }, (_, i) => from + i)
      const opened = indices.map(async (index) => {
        const connection = await this.settings.open(index, (event) => onEvent(index, event))
        const { number } = await connection.request({ type: 'join', room: roomOf(index), options: 0 })
        return { connection, conversation: number }
      })
      this.seats.push(...(await Promise.all(opened)))
    }
  }

  /** Sends from these seats until the time is over; resolves when the relay has answered everything. */
  async send(seats: readonly Seat[], onReceipt: (sentAt: number) => void): Promise<void> {
    this.#startedAt = performance.now()
    this.#until = this.#startedAt + this.settings.durationMs
    const { rate } = this.settings
    if (rate > 0) await this.#sendAtPace(seats, rate, onReceipt)
    else await Promise.all(seats.map((seat) => this.#sendInWindow(seat, onReceipt)))
    this.#elapsedMs = performance.now() - this.#startedAt
  }

  get isOver(): boolean {
    return performance.now() >= this.#until
  }

  perSecond(count: number): number {
    return Math.round(count / (this.#elapsedMs / 1000))
  }

  async #sendOne({ connection, conversation }: Seat, onReceipt: (sentAt: number) => void): Promise<void> {
    const sentAt = performance.now()
    const body = this.#body.slice()
    new DataView(body.buffer).setFloat64(0, sentAt)
    this.sent += 1
    await connection.send(conversation, CONTENT_KINDS.bytes, body)
    onReceipt(sentAt)
  }

  async #sendInWindow(seat: Seat, onReceipt: (sentAt: number) => void): Promise<void> {
    const lane = async (): Promise<void> => {
      while (!this.isOver) await this.#sendOne(seat, onReceipt)
    }
    await Promise.all(Array.from({ length: WINDOW }, lane))
  }

  /** Senders take turns. */
  async #sendAtPace(
    seats: readonly Seat[],
    rate: number,
    onReceipt: (sentAt: number) => void,
  ): Promise<void> {
    const underWay = new Set<Promise<void>>()
    let failure: unknown
    while (!this.isOver && failure === undefined) {
      const due = Math.floor(((performance.now() - this.#startedAt) * rate) / 1000)
      while (this.sent < due) {
        const sending = this.#sendOne(seats[this.sent % seats.length] as Seat, onReceipt)
        underWay.add(sending)
        sending.catch((error: unknown) => {
          failure = error
        })
        sending.finally(() => underWay.delete(sending)).catch(() => {})
      }
      await new Promise((done) => setTimeout(done, PACE_MS))
    }
    await Promise.all(underWay)
    if (failure !== undefined) throw failure
  }

  async close(): Promise<void> {
    await Promise.all(this.seats.map(({ connection }) => connection.close()))
  }
}

/** Each client in a room of its own: what the relay takes and acknowledges. */
async function runPub(settings: BenchSettings): Promise<BenchResult> {
  const run = new Run(settings)
  await run.open(
    (index) => `${settings.room}-${index}`,
    () => {},
  )
  await run.send(run.seats, (sentAt) => run.tally.add(performance.now() - sentAt))
  await run.close()
  const acknowledged = run.perSecond(run.tally.count)
  return {
    fields: { messages: run.sent, messages_per_second: acknowledged, latency_ms: run.tally.summary },
    lines: [`${perSecondText(acknowledged, 'messages')} acknowledged`, `until then ${run.tally.text}`],
  }
}

/**
 * All clients in one room. As fast as it goes only the first one sends; at a pace all take turns. Counts what
 * reaches the others.
 */
async function runFanout(settings: BenchSettings): Promise<BenchResult> {
  const run = new Run(settings)
  await run.open(
    () => settings.room,
    (_, event) => {
      if (event.kind !== 'message' || event.message.own) return
      const { buffer, byteOffset } = event.message.body
      run.tally.add(performance.now() - new DataView(buffer, byteOffset).getFloat64(0))
    },
  )
  const senders = settings.rate > 0 ? run.seats : run.seats.slice(0, 1)
  await run.send(senders, () => {})
  await Promise.all(run.seats.map(({ connection, conversation }) => connection.fence(conversation)))
  await run.close()
  const expected = run.sent * (settings.clients - 1)
  const missing = expected - run.tally.count
  const deliveries = run.perSecond(run.tally.count)
  return {
    fields: {
      messages: run.sent,
      messages_per_second: run.perSecond(run.sent),
      deliveries: run.tally.count,
      deliveries_per_second: deliveries,
      missing,
      latency_ms: run.tally.summary,
    },
    lines: [
      `${perSecondText(run.perSecond(run.sent), 'messages')}, ${perSecondText(deliveries, 'deliveries')}`,
      `${missing} missing; until delivered ${run.tally.text}`,
    ],
  }
}

/** Sessions opened, a room joined, and ended again, over and over. */
async function runChurn(settings: BenchSettings): Promise<BenchResult> {
  const tally = new Tally()
  const startedAt = performance.now()
  const until = startedAt + settings.durationMs
  let index = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = performance.now()
      const connection = await settings.open(index++, () => {})
      await connection.request({ type: 'join', room: settings.room, options: 0 })
      tally.add(performance.now() - from)
      await connection.close()
    }
  }
  await Promise.all(Array.from({ length: settings.clients }, worker))
  const perSecond = Math.round(tally.count / ((performance.now() - startedAt) / 1000))
  return {
    fields: { sessions: tally.count, sessions_per_second: perSecond, latency_ms: tally.summary },
    lines: [perSecondText(perSecond, 'sessions'), `until joined ${tally.text}`],
  }
}

function perSecondText(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}/s`
}
