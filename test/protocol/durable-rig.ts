/** A durable client with a disk, an application and a link that a test can lose at any instant. */
import type { Instant } from '../../src/base/index.ts'
import {
  type ClientConversation,
  type ClientRecord,
  DurableClient,
  type DurableEvent,
  Keeping,
  mustReachDisk,
  type Since,
} from '../../src/protocol/index.ts'
import { type ModelLink, ModelRelay } from './model-relay.ts'
import { fakeSignatures, identityOf, seededEntropy } from './world.ts'

type EventOf<Kind extends DurableEvent['kind']> = Extract<DurableEvent, { kind: Kind }>

export interface RigOptions {
  readonly seed?: string
  /** Whether the application acknowledges each entry at once. */
  readonly isPrompt?: boolean
  readonly redials?: 'never' | 'after_first' | 'always'
}

/** What the application did with an entry; it is done when the acknowledgement of it is on the disk. */
interface Effect {
  readonly seq: number
  readonly text: string
}

export class DurableRig {
  readonly relay: ModelRelay
  readonly room: string = 'lobby'
  now: Instant = 1000 as Instant
  client: DurableClient
  /** Records in the order of writing; those before `synced` survive everything. */
  disk: ClientRecord[] = []
  synced = 0
  link: ModelLink | undefined
  readonly oldLinks: ModelLink[] = []
  conversation: ClientConversation | undefined
  /** What the application shows, by entry. */
  effects: Effect[] = []
  readonly events: DurableEvent[] = []
  readonly sentIds: string[] = []
  isPrompt: boolean
  since: Since | undefined
  /** Whether a link that is asked for comes about. */
  isReachable = true
  readonly #options: RigOptions
  #wantsDial = false
  #runs = 0

  constructor(options: RigOptions = {}) {
    this.#options = options
    this.relay = new ModelRelay(options.seed ?? 'rig')
    this.isPrompt = options.isPrompt ?? true
    this.client = this.#start()
  }

  #start(): DurableClient {
    const keeping = new Keeping()
    for (const record of this.disk) keeping.apply(record)
    this.#runs += 1
    const client = new DurableClient({
      name: 'alice',
      identity: identityOf('alice'),
      clientId: new Uint8Array(8).fill(7),
      agent: 'test/1',
      signatures: fakeSignatures,
      entropy: seededEntropy(`${this.#options.seed ?? 'rig'}/${this.#runs}`),
      keeping,
      isKept: true,
      redials: this.#options.redials ?? 'always',
    })
    this.#wantsDial = true
    return client
  }

  /** The process ends at once: what was not synced is lost but for a part of it. */
  crash(unsyncedKept: number): void {
    this.cut()
    this.disk = this.disk.slice(
      0,
      Math.max(this.synced, Math.min(this.disk.length, this.synced + unsyncedKept)),
    )
    this.synced = this.disk.length
    const applied = Math.max(
      0,
      ...this.disk.map((each) => (each.kind === 'applied' || each.kind === 'cursor' ? each.seq : 0)),
    )
    this.effects = this.effects.filter(({ seq }) => seq <= applied)
    this.conversation = undefined
    this.client = this.#start()
  }

  /** Opens the link that is asked for. */
  dial(): void {
    if (!this.#wantsDial) return
    this.#wantsDial = false
    if (!this.isReachable) this.client.dialFailed('nobody listens', this.now)
    else {
      this.link = this.relay.open()
      this.client.openLink(new Uint8Array(0), this.now)
    }
    this.pump()
  }

  /** The link is lost, with what was on its way to the client. */
  cut(): void {
    const { link } = this
    if (!link) return
    link.isCut = true
    this.oldLinks.push(link)
    this.link = undefined
    this.client.handleEnd(this.now)
    this.pump()
  }

  /** The session moves to another link while the old one is there. */
  switchLink(): void {
    const { link } = this
    if (!link || !this.client.isOnline) return
    link.isCut = true
    this.oldLinks.push(link)
    this.link = this.relay.open()
    this.client.openLink(new Uint8Array(0), this.now)
    this.pump()
  }

  up(byteCount: number): void {
    this.link?.moveUp(byteCount)
  }

  down(byteCount: number): void {
    const bytes = this.link?.takeDown(byteCount)
    if (bytes && bytes.length > 0) this.client.handleBytes(0, bytes, this.now)
    this.pump()
  }

  /** Dials if it is time to, and moves what waits, once each way. */
  flow(): void {
    this.sleep(60_000)
    this.dial()
    for (let i = 0; i < 4; i++) {
      this.up(1e9)
      this.down(1e9)
    }
  }

  say(text: string): boolean {
    if (!this.conversation) return false
    const body = new TextEncoder().encode(text)
    const isTaken = this.client.send(this.conversation, { id: text, contentKind: 0, body }, this.now)
    this.pump()
    if (isTaken) this.sentIds.push(text)
    return isTaken
  }

  /** The application has done with all that it has shown. */
  acknowledge(): void {
    const last = this.effects.at(-1)
    if (last && this.conversation) this.client.applied(this.conversation, last.seq, this.now)
    this.pump()
  }

  /** What a driver does after each input: keep, tell, write. */
  pump(): void {
    for (let moved = true; moved; ) {
      moved = this.#keep()
      for (let event = this.client.pollEvent(); event; event = this.client.pollEvent()) {
        moved = true
        this.#handle(event)
      }
    }
    const { link } = this
    if (!link) return
    for (let item = this.client.pollTransmit(this.now); item; item = this.client.pollTransmit(this.now))
      link.write(item.bytes)
    if (this.client.isLinkDone) this.link = undefined
  }

  #keep(): boolean {
    const records = this.client.takeRecords()
    if (records.length === 0) return false
    this.disk.push(...structuredClone(records))
    if (records.some(mustReachDisk)) this.synced = this.disk.length
    this.client.handleKept()
    return true
  }

  #handle(event: DurableEvent): void {
    this.events.push(event)
    if (event.kind === 'dial') this.#wantsDial = true
    if (event.kind === 'ready' && !this.conversation)
      this.client.request({ type: 'join', room: this.room, options: 1 }, this.since)
    if (event.kind === 'joined' && event.conversation.name === this.room)
      this.conversation = event.conversation
    if (event.kind === 'message') {
      const { seq, body } = event.message
      this.#effect(seq, new TextDecoder().decode(body))
    }
    if (event.kind === 'event') this.#effect(event.event.seq, `(${event.event.kind})`)
    if (event.kind === 'gap') this.#effect(event.to, `(gap ${event.from}-${event.to})`)
  }

  #effect(seq: number, text: string): void {
    this.effects.push({ seq, text })
    if (this.isPrompt && this.conversation) this.client.applied(this.conversation, seq, this.now)
  }

  /** Lets time pass up to the next deadline, at most so long. */
  sleep(ms: number): void {
    const next = this.client.pollTimeout()
    this.now = Math.max(this.now, Math.min(next, this.now + ms)) as Instant
    this.client.handleTimeout(this.now)
    this.pump()
  }

  /** Everything works again: dials, moves all bytes and lets time pass until nothing is left to do. */
  heal(rounds = 400): void {
    this.isReachable = true
    for (let round = 0; round < rounds; round++) {
      this.dial()
      this.up(1e9)
      this.down(1e9)
      const isWaiting =
        this.client.conversations.size === 0 || !this.client.isOnline || this.outbox.length > 0
      if (!isWaiting && (this.link?.isQuiet ?? false)) return
      if (this.link?.isQuiet ?? true) this.sleep(60_000)
    }
  }

  /** Ids of the messages that are not acknowledged, as the disk has them. */
  get outbox(): string[] {
    const keeping = new Keeping()
    for (const record of this.disk) keeping.apply(record)
    return [...keeping.places.values()].flatMap(({ outbox }) => [...outbox.keys()])
  }

  eventsOf<Kind extends DurableEvent['kind']>(kind: Kind): EventOf<Kind>[] {
    return this.events.filter((event): event is EventOf<Kind> => event.kind === kind)
  }

  /** The log of the room as the relay has it. */
  get log(): readonly string[] {
    return (this.relay.log(this.room)?.entries ?? []).map((entry) =>
      entry.type === 'message' ? new TextDecoder().decode(entry.body) : '(1)',
    )
  }
}
