/**
 * Sealed direct conversations over a connection: joins the sealing machine with its store, the relay and
 * time. Keys come from the relay, so that a conversation begins while the other one is away; where it has
 * none and nothing plain may be sent, the peer itself is asked, through the conversation.
 */
import { UsageError } from '../base/errors.ts'
import { type Bundle, readStoredBundle } from '../crypto/bundle.ts'
import type { Person, SealingOutput, SealRefusal } from '../crypto/client/outputs.ts'
import type { RoomRefusal } from '../crypto/client/room-outputs.ts'
import { Sealing } from '../crypto/client/sealing.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { Receipt } from './client-connection.ts'
import { PalaverError } from './palaver-error.ts'
import type { PublishedKeys, RelayKeys } from './relay-keys.ts'
import { keepAndLetOut, type SealedStore } from './sealed-store.ts'

/** How long a peer has to give its keys before a message goes out plainly, where it may, or is refused. */
const KEYS_MS = 5000
const TICK_MS = 60_000
/** When a relay that was asked too often is asked again. */
const AGAIN_MS = 5000

/** A message was not sent, because it could not be sealed as it has to be. */
export class SealError extends Error {
  override readonly name: string = 'SealError'
  readonly code: SealRefusal | RoomRefusal

  constructor(code: SealRefusal | RoomRefusal) {
    super(`[${code}] ${REFUSALS[code]}`)
    this.code = code
  }
}

const REFUSALS: Readonly<Record<SealRefusal | RoomRefusal, string>> = {
  key_changed: 'another identity answers under that name: nothing is sent until you decide',
  no_keys: 'the other one gave no keys to seal with, and nothing plain may be sent',
  sealed_before: 'this conversation was sealed before, and sealing is off',
  bad_keys: 'the keys that came for the other one are not sound',
  too_many: 'too many messages wait for the keys of the other one',
  too_large: 'the message is too long to be sealed',
  not_sealed: 'the room is not sealed, and nothing plain may be sent',
  not_in_room: 'you have no keys of this sealed room: a member who is admin has to add you',
  not_permitted: 'only admins of the sealed room may do that, and only to members',
}

/** What a program hears of sealed conversations. */
export type SealedEvent = Exclude<
  SealingOutput,
  { kind: 'send' | 'refused' | 'fetch_bundle' | 'publish' | 'control' }
>

/** Puts a body into the direct conversation with somebody; resolves when the relay has it. */
export type Carry = (to: Person, contentKind: number, body: Uint8Array, id?: string) => Promise<Receipt>

export interface SealedConversationsOptions {
  readonly store: SealedStore
  readonly relayKey: Uint8Array
  readonly accountKey: Uint8Array
  readonly mode: SealingMode
  readonly primitives: Primitives
  readonly carry: Carry
  readonly keys: RelayKeys
  readonly onEvent: (event: SealedEvent) => void
  /** What members of sealed rooms say to each other's programs. */
  readonly onControl?: (control: SealingOutput & { kind: 'control' }) => void
}

/** Where a message ended up, and whether it was sealed. */
export interface SealedReceipt extends Receipt {
  readonly isSealed: boolean
}

interface Waiting {
  readonly id: string | undefined
  readonly resolve: (sent: SealedReceipt) => void
  readonly reject: (error: Error) => void
}

export class SealedConversations {
  readonly sealing: Sealing
  readonly #options: SealedConversationsOptions
  readonly #waiting = new Map<number, Waiting>()
  /** Messages under way, by the id that their program gave them. */
  readonly #underWay = new Map<string, Promise<SealedReceipt>>()
  /** Whose keys the relay is to be asked for when there is a link again. */
  readonly #unclaimed = new Map<string, Person>()
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>()
  readonly #tick: ReturnType<typeof setInterval>
  #tag = 0
  /** Whether the relay lacks what was to be published. */
  #isUnpublished = false
  #isClosed = false

  constructor(options: SealedConversationsOptions) {
    const { store, relayKey, accountKey, mode, primitives } = options
    this.#options = options
    const { own, records } = store
    this.sealing = new Sealing(primitives, { own, records, relayKey, accountKey, mode, keepsOpened: true })
    this.#tick = setInterval(() => this.#handleTick(), TICK_MS)
    this.#tick.unref()
  }

  /**
   * Sends a message; resolves when the relay has it, with whether it was sealed. Rejects with SealError. One
   * with the id of a message that is under way is that message; with `fid` it is for that identity only.
   */
  send(to: Person, kind: number, body: Uint8Array, id?: string, fid?: Uint8Array): Promise<SealedReceipt> {
    if (this.#isClosed) throw new UsageError('bad_state', 'the conversations are closed')
    const before = id === undefined ? undefined : this.#underWay.get(id)
    if (before) return before
    this.#tag += 1
    const tag = this.#tag
    const sent = new Promise<SealedReceipt>((resolve, reject) => {
      this.#waiting.set(tag, { id, resolve, reject })
      this.do((sealing, now) => sealing.send(to, { tag, kind, body, fid }, now))
    })
    if (id === undefined) return sent
    const isOver = (): boolean => this.#underWay.delete(id)
    this.#underWay.set(id, sent)
    sent.then(isOver, isOver)
    return sent
  }

  /** What the relay keeps of somebody, read; undefined where it is nothing, or not sound. */
  async bundleOf(of: Person): Promise<Bundle | undefined> {
    const { keys, primitives } = this.#options
    if (!keys.isThere) return undefined
    const bytes = await keys.claim(of.key).catch(() => undefined)
    const bundle = bytes && readStoredBundle(primitives, bytes, Date.now())
    return typeof bundle === 'string' ? undefined : bundle
  }

  /** There is a session: the relay gets this client's keys, and is asked for those that are wanted. */
  connected(): void {
    if (this.#isClosed || this.#options.mode === 'off') return
    this.#isUnpublished = false
    if (this.#options.keys.isThere) this.do((sealing, now) => sealing.connected(now))
    for (const [folded, of] of this.#unclaimed) {
      this.#unclaimed.delete(folded)
      this.#claim(of)
    }
  }

  /** The relay says how many one-time prekeys it has left. */
  handleStock(count: number): void {
    if (!this.#isClosed && this.#options.mode !== 'off')
      this.do((sealing, now) => sealing.handleStock(count, now))
  }

  /** The program has done with what it was given of that conversation. Kept with the next change. */
  applied(from: Person, position: number, needs?: readonly number[]): void {
    this.sealing.applied(from, position, needs)
  }

  /** Takes a message of somebody else from a direct conversation; what it holds comes as events. */
  take(from: Person, message: { position: number; contentKind: number; body: Uint8Array }): void {
    this.do((sealing, now) => sealing.handleMessage(from, message, now))
  }

  /** Does something with the machine, keeps what changed, and then lets out what follows. */
  do(action: (sealing: Sealing, nowMs: number) => void): void {
    action(this.sealing, Date.now())
    keepAndLetOut(this.sealing, this.#options.store, (output) => this.#carryOut(output))
  }

  close(): void {
    if (this.#isClosed) return
    this.do(() => {})
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
        return this.#claim(output.of)
      case 'publish':
        return this.#publish(output)
      case 'control':
        return this.#options.onControl?.(output)
      default:
        return this.#options.onEvent(output)
    }
  }

  #send({ to, tag, contentKind, body, isSealed }: SealingOutput & { kind: 'send' }): void {
    const waiting = this.#waiting.get(tag)
    this.#waiting.delete(tag)
    this.#options.carry(to, contentKind, body, waiting?.id).then(
      (receipt) => waiting?.resolve({ ...receipt, isSealed }),
      (error: Error) => waiting?.reject(error),
    )
  }

  #publish(keys: PublishedKeys): void {
    this.#options.keys.publish(keys).then(
      (count) => this.handleStock(count),
      () => {
        this.#isUnpublished = true
      },
    )
  }

  #claim(of: Person): void {
    if (!this.#options.keys.isThere) return this.#handleClaimed(of, undefined)
    this.#options.keys.claim(of.key).then(
      (bundle) => this.#handleClaimed(of, bundle),
      (error: unknown) => this.#handleUnclaimed(of, error),
    )
  }

  #handleClaimed(of: Person, bundle: Uint8Array | undefined): void {
    if (this.#isClosed) return
    if (bundle || !this.sealing.mustSeal(of))
      return this.do((sealing, now) => sealing.handleBundle(of, bundle, now))
    this.#expectKeys(of)
    this.do((sealing) => sealing.askLive(of))
  }

  /** What waits for the keys goes on waiting: nothing becomes plain because the relay did not answer. */
  #handleUnclaimed(of: Person, error: unknown): void {
    if (this.#isClosed) return
    const isRefused = error instanceof PalaverError && error.code === 'rate_limited'
    if (!isRefused) this.#unclaimed.set(of.folded, of)
    else this.#later(of, AGAIN_MS, () => this.#claim(of))
  }

  #handleTick(): void {
    this.do((sealing, now) => sealing.handleTime(now))
    if (this.#isUnpublished) this.connected()
  }

  /** A peer that says nothing has no keys; one that speaks later is heard all the same. */
  #expectKeys(of: Person): void {
    this.#later(of, KEYS_MS, () => this.do((sealing, now) => sealing.giveUpKeys(of, now)))
  }

  #later(of: Person, ms: number, action: () => void): void {
    clearTimeout(this.#timers.get(of.folded))
    const timer = setTimeout(() => {
      this.#timers.delete(of.folded)
      action()
    }, ms)
    timer.unref()
    this.#timers.set(of.folded, timer)
  }
}
