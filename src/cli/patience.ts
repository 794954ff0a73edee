/** How long a program waits for a link that was lost. */
import { PalaverError, type SessionEvent } from '../node/client-connection.ts'
import type { Arguments } from './args.ts'
import { warn } from './output.ts'
import { parseDuration } from './units.ts'

const PATIENCE_DEFAULT = '30s'

export class Patience {
  /** Rejects when the link was away for too long. */
  readonly over: Promise<never>
  readonly #patienceMs: number
  readonly #isTalkative: boolean
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAway = false
  #reject!: (error: PalaverError) => void

  /** `isEndless` is for somebody who watches and can leave. */
  constructor(args: Arguments, isEndless: boolean, isTalkative: boolean) {
    const given = args.text('patience')
    if (given === undefined && isEndless) this.#patienceMs = Infinity
    else if (given !== undefined && /^0m?s?$/u.test(given)) this.#patienceMs = 0
    else this.#patienceMs = parseDuration(given ?? PATIENCE_DEFAULT, '--patience')
    this.#isTalkative = isTalkative
    this.over = new Promise((_resolve, reject) => {
      this.#reject = reject
    })
    this.over.catch(() => {})
  }

  /** Whether a lost link is worth another one. */
  get redials(): boolean {
    return this.#patienceMs > 0
  }

  handle(event: SessionEvent): void {
    if (event.kind === 'closed') return this.stop()
    if (event.kind !== 'status') return
    if (event.state === 'reconnecting') this.#lost()
    else if (event.state === 'online') this.#back()
  }

  #lost(): void {
    if (this.#isAway) return
    this.#isAway = true
    if (this.#isTalkative) warn('the connection to the relay was lost: trying again')
    if (this.#patienceMs === Infinity) return
    const seconds = this.#patienceMs / 1000
    const text = `the connection to the relay was lost and did not come back within ${seconds} s`
    this.#timer = setTimeout(() => this.#reject(new PalaverError('link_lost', 0, text)), this.#patienceMs)
  }

  #back(): void {
    if (this.#isAway && this.#isTalkative) warn('connected again')
    this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#isAway = false
  }
}
