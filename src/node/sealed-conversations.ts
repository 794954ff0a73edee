/**
 * Sealed direct conversations over a connection: joins the sealing machine with its store, the relay and
 * time. The relay needs to know nothing of it: peers give each other their keys through the conversation
 * itself.
 */
import { UsageError } from '../base/errors.ts'
import type { Person, SealingOutput, SealRefusal } from '../crypto/client/outputs.ts'
import { Sealing } from '../crypto/client/sealing.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { Receipt } from './client-connection.ts'
import type { SealedStore } from './sealed-store.ts'

/** How long a peer has to give its keys before a message goes out plainly, where it may, or is refused. */
const KEYS_MS = 5000
const TICK_MS = 60_000

/** A message was not sent, because it could not be sealed as it has to be. */
export class SealError extends Error {
  override readonly name: string = 'SealError'
  readonly code: SealRefusal

  constructor(code: SealRefusal) {
    super(`[${code}] ${REFUSALS[code]}`)
    this.code = code
  }
}

const REFUSALS: Readonly<Record<SealRefusal, string>> = {
  key_changed: 'another identity answers under that name: nothing is sent until you decide',
  no_keys: 'the other one gave no keys to seal with, and nothing plain may be sent',
  sealed_before: 'this conversation was sealed before, and sealing is off',
  bad_keys: 'the keys that came for the other one are not sound',
  too_many: 'too many messages wait for the keys of the other one',
  too_large: 'the message is too long to be sealed',
}

/** What a program hears of sealed conversations. */
export type SealedEvent = Exclude<
  SealingOutput,
  { kind: 'send' | 'refused' | 'fetch_bundle' | 'publish' | 'control' }
>

/** Puts a body into the direct conversation with somebody; resolves when the relay has it. */
export type Carry = (to: Person, contentKind: number, body: Uint8Array) => Promise<Receipt>

export interface SealedConversationsOptions {
  readonly store: SealedStore
  readonly relayKey: Uint8Array
  readonly accountKey: Uint8Array
  readonly mode: SealingMode
  readonly primitives: Primitives
  readonly carry: Carry
  readonly onEvent: (event: SealedEvent) => void
}

/** Where a message ended up, and whether it was sealed. */
export interface SealedReceipt extends Receipt {
  readonly isSealed: boolean
}

interface Waiting {
  readonly resolve: (sent: SealedReceipt) => void
  readonly reject: (error: Error) => void
}

export class SealedConversations {
  readonly sealing: Sealing
  readonly #options: SealedConversationsOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>()
  readonly #tick: ReturnType<typeof setInterval>
  #tag = 0
  #isClosed = false

  constructor(options: SealedConversationsOptions) {
    const { store, relayKey, accountKey, mode, primitives } = options
    this.#options = options
    const { own, records } = store
    this.sealing = new Sealing(primitives, { own, records, relayKey, accountKey, mode })
    this.#tick = setInterval(() => this.do((sealing, now) => sealing.handleTime(now)), TICK_MS)
    this.#tick.unref()
  }

  /** Sends a message; resolves when the relay has it, with whether it was sealed. Rejects with SealError. */
  send(to: Person, kind: number, body: Uint8Array): Promise<SealedReceipt> {
    if (this.#isClosed) throw new UsageError('bad_state', 'the conversations are closed')
    this.#tag += 1
    const tag = this.#tag
    return new Promise((resolve, reject) => {
      this.#waiting.set(tag, { resolve, reject })
      this.do((sealing, now) => sealing.send(to, { tag, kind, body }, now))
    })
  }

  /** Takes a message of somebody else from a direct conversation; what it holds comes as events. */
  take(from: Person, message: { position: number; contentKind: number; body: Uint8Array }): void {
    this.do((sealing, now) => sealing.handleMessage(from, message, now))
  }

  /** Does something with the machine, keeps what changed, and then lets out what follows. */
  do(action: (sealing: Sealing, nowMs: number) => void): void {
    action(this.sealing, Date.now())
    for (;;) {
      const save = this.sealing.takeSave()
      if (save) {
        this.#options.store.write(save.changes)
        this.sealing.handleSaved(save.version)
      }
      const output = this.sealing.pollOutput()
      if (output) this.#carryOut(output)
      else if (!save) return
    }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#tick)
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const { reject } of this.#waiting.values()) reject(new SealError('no_keys'))
    this.#waiting.clear()
  }

  #carryOut(output: SealingOutput): void {
    switch (output.kind) {
      case 'send':
        return this.#send(output)
      case 'refused':
        this.#waiting.get(output.tag)?.reject(new SealError(output.why))
        this.#waiting.delete(output.tag)
        return
      case 'fetch_bundle':
        this.sealing.askLive(output.of)
        return this.#expectKeys(output.of)
      case 'publish':
      case 'control':
        return
      default:
        return this.#options.onEvent(output)
    }
  }

  #send({ to, tag, contentKind, body, isSealed }: SealingOutput & { kind: 'send' }): void {
    const waiting = this.#waiting.get(tag)
    this.#waiting.delete(tag)
    this.#options.carry(to, contentKind, body).then(
      (receipt) => waiting?.resolve({ ...receipt, isSealed }),
      (error: Error) => waiting?.reject(error),
    )
  }

  /** A peer that says nothing has no keys; one that speaks later is heard all the same. */
  #expectKeys(of: Person): void {
    clearTimeout(this.#timers.get(of.folded))
    const timer = setTimeout(() => {
      this.#timers.delete(of.folded)
      this.do((sealing, now) => sealing.giveUpKeys(of, now))
    }, KEYS_MS)
    timer.unref()
    this.#timers.set(of.folded, timer)
  }
}
