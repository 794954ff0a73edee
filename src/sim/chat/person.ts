/** Somebody in a simulated chat: a durable client, its disk, and an application that acts on what it gets. */
import {
  assert,
  hexOf,
  type Instant,
  type SignaturePrimitives,
  utf8Bytes,
  utf8Text,
} from '../../base/index.ts'
import {
  type ClientConversation,
  type ClientRecord,
  DurableClient,
  type DurableEvent,
  Keeping,
  mustReachDisk,
  type Since,
} from '../../protocol/client/index.ts'
import { seededEntropy } from '../random.ts'
import type { PersonEnd } from './pipe.ts'

/** An entry that the application acted on. */
export interface Effect {
  readonly log: string
  readonly seq: number
  readonly text: string
}

/** A signal that was sent or received, and the log it belongs to. */
export interface SignalNote {
  readonly log: string
  /** Another one for each signal of anybody. */
  readonly value: number
}

/** What the application was told of a message of its own. */
export interface Acknowledged {
  readonly log: string
  readonly number: number
  readonly seq: number
}

export interface PersonOptions {
  readonly seed: number
  readonly name: string
  readonly rooms: readonly string[]
  /** Whom the person talks to alone. */
  readonly peers: readonly string[]
  readonly identity: { readonly seed: Uint8Array; readonly publicKey: Uint8Array }
  readonly signatures: SignaturePrimitives
  /** Faults of the program that checkers must find. */
  readonly forgets?: 'refs' | 'outbox' | 'applied'
}

/** A kind that nobody else uses, and a text that no log may hold. */
const SIGNAL_KIND = 240
export const SIGNAL_TEXT = 'only a signal'
const MARK: Uint8Array = utf8Bytes(SIGNAL_TEXT)

/** Every entry there is. */
const ALL: Since = { last: 0, most: Number.MAX_SAFE_INTEGER }

export class Person {
  readonly name: string
  client: DurableClient
  end: PersonEnd | undefined
  wantsDial = true
  /** Whether the process stands still. */
  isPaused = false
  isGone = false
  readonly conversations: Map<string, ClientConversation> = new Map()
  /** What survives: effects are kept together with the position up to which they were applied. */
  effects: Effect[] = []
  readonly acknowledged: Map<string, Acknowledged> = new Map()
  /** Messages taken by the client and on its disk, by id. */
  readonly promised: Set<string> = new Set()
  readonly refused: Set<string> = new Set()
  readonly signalled: SignalNote[] = []
  readonly heard: (SignalNote & { readonly from: string | undefined })[] = []
  readonly #options: PersonOptions
  #disk: ClientRecord[] = []
  #synced = 0
  #runs = 0
  #said = 0

  constructor(options: PersonOptions) {
    this.#options = options
    this.name = options.name
    this.client = this.#start()
  }

  #start(): DurableClient {
    const { forgets, name, identity, signatures, seed } = this.#options
    const keeping = new Keeping()
    for (const record of this.#disk) {
      if (forgets === 'refs' && record.kind === 'ref') continue
      if (forgets === 'outbox' && record.kind === 'message') continue
      if (forgets === 'applied' && (record.kind === 'applied' || record.kind === 'cursor')) continue
      keeping.apply(record)
    }
    this.#runs += 1
    this.wantsDial = true
    this.isGone = false
    return new DurableClient({
      name,
      identity,
      clientId: identity.seed.subarray(0, 8),
      agent: 'sim/1',
      takesSignals: true,
      signatures,
      entropy: seededEntropy(seed + this.#runs * 7919),
      keeping,
      isKept: true,
      redials: 'always',
    })
  }

  /** The process ends at once: of what was not synced, `keptShare` survives. */
  crash(keptShare: number): void {
    const kept = Math.floor((this.#disk.length - this.#synced) * keptShare)
    this.#disk = this.#disk.slice(0, this.#synced + kept)
    this.#synced = this.#disk.length
    const keeping = new Keeping()
    for (const record of this.#disk) keeping.apply(record)
    const applied = new Map([...keeping.places.values()].map((place) => [hexOf(place.log), place.applied]))
    this.effects = this.effects.filter(({ log, seq }) => seq <= (applied.get(log) ?? 0))
    this.conversations.clear()
    this.client = this.#start()
  }

  /** Says something in a room, or to somebody alone, if there is such a conversation. */
  say(to: string, now: Instant, size: number): void {
    const conversation = this.conversations.get(to)
    if (!conversation) return this.#open(to)
    const id = `${this.name}/${++this.#said}`
    const body = utf8Bytes(id.padEnd(size, '.'))
    if (this.client.send(conversation, { id, contentKind: 0, body }, now)) this.promised.add(id)
    this.pump(now)
  }

  /** Signals something that nobody signalled before. */
  signal(to: string, value: number, now: Instant): void {
    const conversation = this.conversations.get(to)
    if (!conversation || !this.client.signal(conversation, { kind: SIGNAL_KIND, value, body: MARK }, now))
      return
    this.signalled.push({ log: hexOf(conversation.log), value })
    this.pump(now)
  }

  /** Takes a conversation up, where somebody of that name was ever seen. */
  #open(name: string): void {
    if (!this.client.isOnline) return
    const isRoom = this.#options.rooms.includes(name)
    this.client.request(isRoom ? { type: 'join', room: name, options: 1 } : { type: 'direct', name }, ALL)
  }

  /** A link is open: the session begins on it, or moves to it. */
  attach(end: PersonEnd, binding: Uint8Array, now: Instant): void {
    const before = this.end
    this.end = end
    this.client.openLink(binding, now)
    before?.leave(now)
    this.pump(now)
  }

  /** What a driver does after each input: keep, tell, write. */
  pump(now: Instant): void {
    for (let moved = true; moved; ) {
      moved = this.#keep()
      for (let event = this.client.pollEvent(); event; event = this.client.pollEvent()) {
        moved = true
        this.#handle(event, now)
      }
    }
    const { end } = this
    if (!end || end.isOver) return
    while (end.isWritable) {
      const item = this.client.pollTransmit(now)
      if (!item) break
      end.write(end.laneCount === 1 ? { ...item, lane: 0 } : item, now)
    }
    if (!this.client.isLinkDone) return
    end.leave(now)
    this.end = undefined
  }

  #keep(): boolean {
    const records = this.client.takeRecords()
    if (records.length === 0) return false
    this.#disk.push(...records)
    if (records.some(mustReachDisk)) this.#synced = this.#disk.length
    this.client.handleKept()
    return true
  }

  #handle(event: DurableEvent, now: Instant): void {
    switch (event.kind) {
      case 'dial':
        this.wantsDial = true
        return
      case 'ready':
        for (const room of [...this.#options.rooms, ...this.#options.peers])
          if (!this.conversations.has(room)) this.#open(room)
        return
      case 'joined':
        this.conversations.set(event.conversation.name, event.conversation)
        return
      case 'message':
        return this.#act(event.message.conversation, event.message.seq, utf8Text(event.message.body), now)
      case 'signal': {
        const { conversation, senderName: from, signal } = event
        this.heard.push({ log: hexOf(conversation.log), value: signal.value, from })
        return
      }
      case 'event':
        return this.#act(event.conversation, event.event.seq, `(${event.event.kind})`, now)
      case 'gap':
        return this.#act(event.conversation, event.to, `(gap from ${event.from})`, now)
      case 'sent':
        return this.#noteSent(event)
      case 'unsent':
        this.refused.add(event.id)
        return
      case 'closed':
        assert(event.name !== 'bad_frame', `${this.name} did not understand the relay: ${event.text}`)
        this.isGone = true
        return
      default:
    }
  }

  #act(conversation: ClientConversation, seq: number, text: string, now: Instant): void {
    const log = hexOf(conversation.log)
    this.effects.push({ log, seq, text: text.replace(/\.+$/, '') })
    this.client.applied(conversation, seq, now)
  }

  #noteSent(event: Extract<DurableEvent, { kind: 'sent' }>): void {
    const { conversation, id, at } = event
    if (!conversation) return
    this.acknowledged.set(id, { log: hexOf(conversation.log), number: conversation.number, seq: at.seq })
  }

  /** Whether nothing waits to be sent. */
  get isSettled(): boolean {
    return this.client.isOnline && this.unsent.length === 0
  }

  /** The messages that are not acknowledged, as the disk has them. */
  get unsent(): string[] {
    const keeping = new Keeping()
    for (const record of this.#disk) keeping.apply(record)
    return [...keeping.places.values()].flatMap(({ outbox }) =>
      [...outbox.values()].map(({ id, ref }) => `${id} (${ref})`),
    )
  }
}
