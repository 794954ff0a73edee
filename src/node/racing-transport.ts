/** Dials several addresses of one relay as a race and keeps the link that opens first. */
import { TransportError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import type { DialOptions, Link, LinkHandler, Transport, TransportKind } from '../transport/transport.ts'
import { Alarm, monotonicNow } from './clock.ts'
import { DialRace } from './dial-race.ts'

/** One way to the relay. */
export interface Entrant {
  readonly transport: Transport
  readonly address: Address
}

/** What became of a race that was won: the entrant, and those that were tried as well. */
export interface RaceResult {
  readonly winner: number
  readonly tried: readonly number[]
}

/**
 * A transport that dials all of these, in their order, whatever address it is asked for. `kind` is that of
 * the last winner, at first that of the first entrant.
 */
export function racingTransport(
  entrants: readonly Entrant[],
  onWon: (result: RaceResult) => void = () => {},
): Transport {
  let kind: TransportKind = entrants[0]?.transport.kind ?? 'tcp'
  return {
    get kind(): TransportKind {
      return kind
    },
    listen: () => Promise.reject(new TransportError('not_permitted', 'nobody listens by a race')),
    async dial(_to, onLink, options) {
      const result = await new Race(entrants, onLink, options).run()
      kind = (entrants[result.winner] as Entrant).transport.kind
      onWon(result)
    },
  }
}

interface Settle {
  resolve(result: RaceResult): void
  reject(error: unknown): void
}

class Race {
  readonly #entrants: readonly Entrant[]
  readonly #onLink: (link: Link) => LinkHandler
  readonly #options: DialOptions
  readonly #machine: DialRace
  readonly #alarm: Alarm
  readonly #startedAt = monotonicNow()
  readonly #dials: AbortController[] = []
  readonly #errors: unknown[] = []
  #settle: Settle | undefined

  constructor(entrants: readonly Entrant[], onLink: (link: Link) => LinkHandler, options: DialOptions) {
    this.#entrants = entrants
    this.#onLink = onLink
    this.#options = options
    this.#machine = new DialRace(entrants.length, this.#startedAt)
    this.#alarm = new Alarm(
      () => this.#machine.pollTimeout(),
      () => this.#turn(),
    )
  }

  run(): Promise<RaceResult> {
    const { signal } = this.#options
    return new Promise<RaceResult>((resolve, reject) => {
      const onAbort = (): void => this.#end(new TransportError('closed', 'cannot reach the relay: given up'))
      this.#settle = {
        resolve: (result) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(result)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      this.#turn()
    })
  }

  #turn(): void {
    if (!this.#settle) return
    const next = (): number | undefined => this.#machine.pollStart(monotonicNow())
    for (let index = next(); index !== undefined; index = next()) this.#dial(index)
    if (this.#machine.state === 'lost') this.#end(allFailed(this.#errors))
    else this.#alarm.arm()
  }

  #dial(index: number): void {
    const { transport, address } = this.#entrants[index] as Entrant
    const dial = new AbortController()
    this.#dials.push(dial)
    const timeoutMs = Math.max(1, this.#options.timeoutMs - (monotonicNow() - this.#startedAt))
    const onLink = (link: Link): LinkHandler => this.#opened(index, link)
    transport.dial(address, onLink, { timeoutMs, signal: dial.signal }).then(
      () => this.#won(index),
      (error: unknown) => this.#failed(index, error),
    )
  }

  #opened(index: number, link: Link): LinkHandler {
    if (this.#settle && this.#machine.handleLink(index)) return this.#onLink(link)
    // Both opened in one turn: the second is not wanted.
    link.abort()
    return { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} }
  }

  #won(index: number): void {
    if (this.#machine.winner !== index) return
    this.#finish(index)?.resolve({ winner: index, tried: this.#dials.map((_, i) => i) })
  }

  #failed(index: number, error: unknown): void {
    if (this.#machine.winner === index) return this.#end(error)
    this.#errors.push(error)
    this.#machine.handleFailure(monotonicNow())
    this.#turn()
  }

  #end(error: unknown): void {
    this.#finish(-1)?.reject(error)
  }

  /** Gives up every dial but that of the winner. */
  #finish(winner: number): Settle | undefined {
    const settle = this.#settle
    this.#settle = undefined
    this.#alarm.stop()
    this.#dials.forEach((dial, i) => {
      if (i !== winner) dial.abort()
    })
    return settle
  }
}

function allFailed(errors: readonly unknown[]): unknown {
  const [first] = errors
  if (errors.length === 1 || !(first instanceof TransportError)) return first
  const texts = errors.map((each) => (each as Error).message.replace(/^\[\w+\] (cannot )?/u, ''))
  return new TransportError(first.code, `cannot ${[...new Set(texts)].join('; cannot ')}`, first)
}
