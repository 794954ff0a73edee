/**
 * The library for programs: connect, join, send, and read messages with `for await`.
 *
 *   await using session = await connect('udp://chat.example/', { nick: 'alice', identity })
 *   await using room = await session.join('lobby')
 *   const { seq } = await room.send('hello')
 *   for await (const message of room.messages()) console.log(message.from, message.text())
 */
import { existsSync } from 'node:fs'
import { utf8Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { Queue } from '../base/queue.ts'
import { CONTENT_KINDS, LIMITS, SIGNAL_KINDS } from '../codec/generated/registry.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { ClientConversation, Identity, ReceivedMessage, RelayFacts } from '../protocol/client/index.ts'
import { decodeText } from '../protocol/content.ts'
import type { AbortSignalLike, TransportKind } from '../transport/transport.ts'
import { parseRelayAddress, relayFingerprint } from './address.ts'
import { ClientConnection, type ClosedEvent, type Receipt, type SessionEvent } from './client-connection.ts'
import { openClientStore } from './client-store.ts'
import { LibraryFiles, type OutgoingFile, type PalaverFile } from './library-files.ts'
import { LibraryRoomSealing } from './library-rooms.ts'
import { type PalaverSignal, signalOf } from './library-signals.ts'
import { LibraryTrust } from './library-trust.ts'
import { identityOfSeed, systemEntropy } from './primitives.ts'
import { createNodePrimitives } from './provider-node.ts'
import { addressesOf, reachOf } from './relay-transport.ts'
import { SealedConnection, type SealedConnectionOptions, type SealingNews } from './sealed-connection.ts'
import { isOfSealedFile } from './sealed-file-receiving.ts'
import { type FileSource, sendSealedFile } from './sealed-file-sending.ts'
import { memorySealedStore, openSealedStore, type SealedStore } from './sealed-store.ts'
import { sealOf } from './seals.ts'

const CLIENT_ID_BYTES = 8
const SEED_BYTES = 32
const CONNECT_MS = 10_000
const FILES_BYTES_MAX = 64 * 1024 * 1024

/** What makes this program the same one next time. Keep it secret, and keep it. */
export interface LibraryIdentity {
  /** 32 random bytes: the Ed25519 seed. */
  readonly seed: Uint8Array
  /** 8 random bytes. */
  readonly clientId: Uint8Array
}

export interface ConnectOptions {
  readonly nick: string
  /** A fresh one, and with it a new owner of the nick, when it is left out. */
  readonly identity?: LibraryIdentity
  readonly token?: string
  /** Lets the token cross plain TCP to another machine, where everybody on the way can read it. */
  readonly allowsPlainToken?: boolean
  readonly transport?: 'tcp' | 'udp'
  /** The relay's identity key; any other is refused. A link with a fingerprint is checked without it. */
  readonly relayKey?: Uint8Array
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly agent?: string
  /**
   * A file in which positions and messages without acknowledgement survive the program; one process at a time
   * has it. It belongs to one identity at one relay.
   */
  readonly stateFile?: string
  /** Whether a lost link is followed by another one. Yes, unless it says no. */
  readonly reconnect?: boolean
  /** What becomes of the link. */
  readonly onStatus?: (status: SessionStatus) => void
  /**
   * What others signal: who is typing, what they have read. Without it none come and none can be sent.
   */
  readonly onSignal?: (signal: PalaverSignal) => void
  /**
   * Whether direct conversations are sealed end to end. `prefer`, with everybody who has keys at the relay,
   * unless there is an `identity` and no file to keep its keys in: then off, which `onSealing` is told. Asked
   * for without a file, keys last as long as the program, and others see new ones in its next run.
   */
  readonly e2ee?: SealingMode
  /**
   * A file for what is sealed with, by default beside `stateFile`; it belongs to one identity at one relay,
   * and to one process.
   */
  readonly sealedFile?: string
  /** What happens to keys: people met, changed keys, messages that cannot be read, comparisons. */
  readonly onSealing?: (news: SealingReport) => void
  /** How many bytes the sealed files of one conversation may hold while they come. */
  readonly filesBytesMax?: number
}

/** How sealing begins where there is no file for an identity that lasts. */
export type SealingStart =
  /** Nothing is sealed. */
  | { readonly kind: 'sealing_off'; readonly why: 'no_file' }
  /** Keys are forgotten when the program ends. */
  | { readonly kind: 'keys_in_memory' }

/** What a session does about its link. */
export interface SessionStatus {
  readonly state: 'online' | 'reconnecting' | 'offline'
  /** Why, for people. */
  readonly text: string
}

/** A new identity. */
export function newLibraryIdentity(): LibraryIdentity {
  return { seed: systemEntropy(SEED_BYTES), clientId: systemEntropy(CLIENT_ID_BYTES) }
}

/**
 * Resolves when the session is open. Rejects with PalaverError, TransportError, or UsageError for a bad
 * address.
 */
export async function connect(address: string, options: ConnectOptions): Promise<PalaverSession> {
  const target = parseRelayAddress(address, options.transport)
  const { fingerprint } = target
  const stored = options.identity ?? newLibraryIdentity()
  const identity: Identity = identityOfSeed(stored.seed)
  const rooms = new Rooms(options.filesBytesMax ?? FILES_BYTES_MAX)
  const store = options.stateFile === undefined ? undefined : openClientStore(options.stateFile)
  if (options.stateFile !== undefined && !store)
    throw new UsageError('bad_state', `another process has ${options.stateFile}`)
  const onEvent = (event: SessionEvent): void => {
    if (event.kind === 'status') options.onStatus?.({ state: event.state, text: event.text })
    else if (event.kind === 'signal') options.onSignal?.(signalOf(event))
    else dispatch(rooms, event)
  }
  const onFull = (): void => rooms.shed()
  const sealing = sealingOf(options, { onEvent, onFull })
  const connection = await ClientConnection.open({
    ...(await reachOf(addressesOf(target, undefined))),
    name: options.nick,
    identity,
    clientId: stored.clientId,
    token: options.token,
    takesSignals: options.onSignal !== undefined,
    allowsPlainToken: options.allowsPlainToken,
    relayKey: options.relayKey,
    isRelayKey: (key) => fingerprint === undefined || relayFingerprint(key) === fingerprint,
    agent: options.agent ?? 'palaver-library',
    timeoutMs: options.timeoutMs ?? CONNECT_MS,
    signal: options.signal as AbortSignalLike | undefined,
    store,
    redials: options.reconnect ?? true,
    acknowledges: 'manual',
    holdsSealed: sealing !== undefined,
    onEvent: (event) => (sealing ? sealing.connection.handle(event) : onEvent(event)),
  })
  rooms.connection = connection
  sealing?.connection.attach(connection, { store: sealing.store, accountKey: identity.publicKey })
  const trust = sealing && new LibraryTrust(sealing.connection, sealing.primitives)
  return new PalaverSession(connection, rooms, { trust, sealing: sealing?.connection })
}

interface LibrarySealing {
  readonly connection: SealedConnection
  readonly store: SealedStore
  readonly primitives: Primitives
}

function sealingOf(
  options: ConnectOptions,
  handed: Pick<SealedConnectionOptions, 'onEvent' | 'onFull'>,
): LibrarySealing | undefined {
  const { stateFile, onSealing, e2ee } = options
  const sealedFile = options.sealedFile ?? (stateFile === undefined ? undefined : `${stateFile}.sealed`)
  const isKept = sealedFile !== undefined
  const mode = e2ee ?? (isKept || options.identity === undefined ? 'prefer' : 'off')
  //= PAL-TRU-013
  if (mode === 'off' && !(isKept && existsSync(sealedFile))) {
    if (e2ee === undefined) onSealing?.({ kind: 'sealing_off', why: 'no_file' })
    return undefined
  }
  if (!isKept && options.identity !== undefined) onSealing?.({ kind: 'keys_in_memory' })
  const primitives = createNodePrimitives()
  const store = isKept ? openSealedStore(primitives, sealedFile) : memorySealedStore(primitives)
  if (!store) throw new UsageError('bad_state', `another process has ${sealedFile}`)
  const onNews = (news: SealingNews): void => onSealing?.(news)
  const handlers = { acknowledges: 'manual', ...handed, onNews } as const
  return { connection: new SealedConnection({ mode, primitives, ...handlers }), store, primitives }
}

/** The rooms of a session, by their conversations. */
class Rooms extends Map<ClientConversation, PalaverRoom> {
  readonly filesBytesMax: number
  connection: ClientConnection | undefined

  constructor(filesBytesMax: number) {
    super()
    this.filesBytesMax = filesBytesMax
  }

  /** Nobody who was not asked for may take the place of what is read. */
  shed(): void {
    for (const room of this.values()) if (this.connection) room.shed(this.connection)
  }
}

function dispatch(rooms: Rooms, event: SessionEvent): void {
  if (event.kind === 'message') roomOf(rooms, event.message.conversation).deliver(event.message)
  else if (event.kind === 'event' && event.endsMembership) rooms.get(event.conversation)?.end()
  else if (event.kind === 'ended') rooms.get(event.conversation)?.end()
  else if (event.kind === 'closed') for (const room of rooms.values()) room.end()
}

/**
 * The room of a conversation. It is made when the first message comes, which may be before `join` resolves.
 */
function roomOf(rooms: Rooms, conversation: ClientConversation): PalaverRoom {
  let room = rooms.get(conversation)
  if (!room) {
    const files = new LibraryFiles(rooms.filesBytesMax)
    room = new PalaverRoom(conversation, { files, onLeft: () => rooms.delete(conversation) })
    rooms.set(conversation, room)
  }
  return room
}

/** What a program hears of sealing. */
export type SealingReport = SealingNews | SealingStart

/** An open session. */
export class PalaverSession implements AsyncDisposable {
  readonly #connection: ClientConnection
  readonly #rooms: Rooms

  /** Keys of others, where `e2ee` is not off. */
  readonly trust: LibraryTrust | undefined

  readonly #sealing: SealedConnection | undefined

  constructor(
    connection: ClientConnection,
    rooms: Rooms,
    { trust, sealing }: { trust?: LibraryTrust | undefined; sealing?: SealedConnection | undefined } = {},
  ) {
    this.#sealing = sealing
    this.#connection = connection
    this.#rooms = rooms
    this.trust = trust
  }

  get relay(): RelayFacts {
    return this.#connection.facts
  }

  /** Resolves, and never rejects, when the session is over. */
  get closed(): Promise<ClosedEvent> {
    return this.#connection.closed
  }

  /**
   * Joins a room; the '#' before its name may be left out. Messages come from where this program stopped
   * reading, when it keeps its state and was there before, else from now on; with `since` after that seq.
   */
  async join(room: string, options: { readonly since?: bigint } = {}): Promise<PalaverRoom> {
    const name = room.replace(/^#/u, '')
    const since = options.since === undefined ? undefined : { seq: Number(options.since) }
    return this.#open(await this.#connection.request({ type: 'join', room: name, options: 1 }, since))
  }

  /** Opens the direct conversation with somebody. */
  async direct(nick: string): Promise<PalaverRoom> {
    return this.#open(await this.#connection.request({ type: 'direct', name: nick }))
  }

  #open(conversation: ClientConversation): PalaverRoom {
    const room = roomOf(this.#rooms, conversation)
    room.open(this.#connection, this.#sealing)
    return room
  }

  /** Sealed rooms, where `e2ee` is not off: who can read them, and changing that. */
  sealing(room: PalaverRoom): LibraryRoomSealing | undefined {
    return this.#sealing?.rooms && new LibraryRoomSealing(this.#sealing, room.conversation)
  }

  /** Moves the session to another transport of the relay; nothing is lost and nothing comes twice. */
  async switchTransport(address: string): Promise<void> {
    await this.#connection.switchTransport(await reachOf([parseRelayAddress(address, undefined)]))
  }

  /** How the session is carried now. */
  get transport(): TransportKind {
    return this.#connection.transport
  }

  async close(): Promise<void> {
    await this.#connection.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A message as a program reads it. */
export interface PalaverMessage {
  /** Position in the conversation's log. */
  readonly seq: bigint
  /** When the relay took it, by the relay's clock. */
  readonly at: Date
  /** The sender's name. */
  readonly from: string
  /** Whether this session sent it. */
  readonly own: boolean
  /** Whether it came sealed, and whether its sender was compared with. */
  readonly sealed: boolean
  readonly verified: boolean
  readonly contentKind: number
  readonly body: Uint8Array
  /** A sealed file that came whole, or was refused. */
  readonly file: PalaverFile | undefined
  text(): string
}

/** Where a message ended up. */
export interface SentMessage {
  readonly id: string
  /** 0 when the relay has the message and no longer knows where. */
  readonly seq: bigint
  readonly at: Date
  /** Whether the relay had it from an earlier attempt. */
  readonly isDuplicate: boolean
}

/** A room or direct conversation that the session is in. */
export class PalaverRoom implements AsyncDisposable {
  /** Set once the program asked for the room. */
  #connection: ClientConnection | undefined
  #sealing: SealedConnection | undefined
  readonly #conversation: ClientConversation
  readonly #files: LibraryFiles
  readonly #onLeft: () => void
  readonly #held = new Queue<PalaverMessage>()
  #isEnded = false
  #isPaused = false
  #wake: (() => void) | undefined

  constructor(
    conversation: ClientConversation,
    { files, onLeft }: { readonly files: LibraryFiles; readonly onLeft: () => void },
  ) {
    this.#conversation = conversation
    this.#files = files
    this.#onLeft = onLeft
  }

  /** Called by the session: from now on unread messages pause the link rather than being dropped. */
  open(connection: ClientConnection, sealing?: SealedConnection): void {
    this.#connection = connection
    this.#sealing = sealing
  }

  get name(): string {
    return this.#conversation.name
  }

  /** What the connection knows the room by. */
  get conversation(): ClientConversation {
    return this.#conversation
  }

  get topic(): string {
    return this.#conversation.topic
  }

  /** Names of the members. */
  get members(): string[] {
    return [...this.#conversation.members.values()].map((member) => member.name)
  }

  /**
   * Sends text; resolves when the relay has it in its log. While there is no link it waits; with the same
   * `id` the same message is sent once, however often this is called. Rejects with PalaverError:
   * `outbox_full` when too much waits.
   */
  async send(text: string, options: { readonly id?: string } = {}): Promise<SentMessage> {
    const body = utf8Bytes(text)
    //= PAL-MSG-009
    if (body.length === 0 || body.length > LIMITS.messageTextBytes)
      throw new UsageError('bad_argument', `a text has 1 to ${LIMITS.messageTextBytes} bytes`)
    return sentMessageOf(await this.#opened.send(this.#conversation, CONTENT_KINDS.text, body, options.id))
  }

  /**
   * Tells the others that somebody types here, or no longer; again every three seconds while they go on.
   * False when it did not leave, because of the rate or because there is no link: nothing is tried again.
   */
  typing(isTyping: boolean = true): boolean {
    return this.signal(SIGNAL_KINDS.typing, { value: isTyping ? 1n : 0n })
  }

  /** Tells the others that everything up to `seq` was read here. */
  read(seq: bigint): boolean {
    return this.signal(SIGNAL_KINDS.read, { value: seq })
  }

  /** The same for kinds that applications agree on, from 240; `body` is not sealed: up to 64 bytes. */
  signal(kind: number, what: { readonly value?: bigint; readonly body?: Uint8Array } = {}): boolean {
    const { value = 0n, body } = what
    return this.#opened.signal(this.#conversation, { kind, value: Number(value), ...(body && { body }) })
  }

  /**
   * Sends a file, sealed; resolves when the relay has all of it. Rejects with UsageError where the
   * conversation is plain, and with SealError where the other one has no keys.
   */
  async sendFile({ name, bytes, mime = 'application/octet-stream' }: OutgoingFile): Promise<SentMessage> {
    const connection = this.#opened
    if (!this.#sealing?.maySeal(this.#conversation))
      throw new UsageError('bad_state', 'files go into sealed conversations only')
    const source: FileSource = {
      ...{ name, mime, size: bytes.length },
      read: (start, end) => bytes.subarray(start, end),
      changed: () => new UsageError('bad_state', 'the bytes changed while they were being sent'),
    }
    const { receipt } = await sendSealedFile(connection, this.#conversation, { source })
    return sentMessageOf(receipt)
  }

  /**
   * Messages, one reader at a time; one that the loop was left at comes again in the next run of a program
   * that keeps its state, as does a file that was not whole. Ends when the session or the membership does,
   * and when the loop is left. Beyond `events_held` unread messages the link is paused. Throws the signal's
   * reason.
   */
  async *messages(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<PalaverMessage, void> {
    const { signal } = options
    const wake = (): void => this.#wake?.()
    signal?.addEventListener('abort', wake)
    try {
      for (;;) {
        signal?.throwIfAborted()
        const message = this.#held.shift()
        if (message) {
          this.#resumeIfRoom()
          const shown = isOfFile(message) ? this.#withFile(message) : message
          if (shown) yield shown
          // Who asks for the next one has done with this one.
          const seq = Number(message.seq)
          this.#sealing?.need(this.#conversation, this.#files.needs(seq))
          this.#connection?.applied(this.#conversation, seq)
        } else if (this.#isEnded) return
        else await this.#untilWoken()
      }
    } finally {
      signal?.removeEventListener('abort', wake)
    }
  }

  /** The message that ends a file; undefined while more of it is to come. */
  #withFile(message: PalaverMessage): PalaverMessage | undefined {
    const file = message.own ? undefined : this.#files.take(message.from, message)
    return file && { ...message, sealed: true, file, text: () => file.name }
  }

  #untilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  #resumeIfRoom(): void {
    if (!this.#isPaused || this.#held.length > LIMITS.eventsHeld / 2) return
    this.#isPaused = false
    this.#connection?.resume()
  }

  /** Called by the session for each message of this conversation. */
  deliver(message: ReceivedMessage): void {
    const { seq, timeMs, senderName, contentKind, body, own } = message
    const from = senderName ?? `member ${message.sender}`
    const at = new Date(timeMs)
    const { sealed, verified } = sealOf(message) ?? { sealed: false, verified: false }
    const text = (): string => decodeText(body)
    const file = undefined
    this.#held.push({ seq: BigInt(seq), at, from, own, sealed, verified, contentKind, body, file, text })
    if (this.#held.length >= LIMITS.eventsHeld) this.#onFull()
    this.#wake?.()
  }

  /** A conversation that nobody asked for keeps its latest messages; one that is read holds the link back. */
  #onFull(): void {
    if (!this.#connection) {
      this.#held.shift()
    } else if (!this.#isPaused) {
      this.#isPaused = true
      this.#connection.pause()
    }
  }

  /** Called by the session: gives up what came in a conversation that nobody asked for. */
  shed(connection: ClientConnection): void {
    if (this.#connection) return
    let last: PalaverMessage | undefined
    while (this.#held.length > 0) last = this.#held.shift()
    if (last) connection.applied(this.#conversation, Number(last.seq))
  }

  get #opened(): ClientConnection {
    if (!this.#connection) throw new UsageError('bad_state', 'the conversation was not opened')
    return this.#connection
  }

  /** Called by the session when the membership is over. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
    this.#onLeft()
  }

  async leave(): Promise<void> {
    if (!this.#isEnded) await this.#opened.request({ type: 'leave', conversation: this.#conversation.number })
    this.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave().catch(() => {})
  }
}

function sentMessageOf({ id, seq, timeMs, isDuplicate }: Receipt): SentMessage {
  return { id, seq: BigInt(seq), at: new Date(timeMs), isDuplicate }
}

/** Whether it is part of a sealed file; what describes one has to have come sealed. */
function isOfFile(message: PalaverMessage): boolean {
  const isChunk = message.contentKind === CONTENT_KINDS.sealed
  return (message.sealed || isChunk) && isOfSealedFile(message)
}
