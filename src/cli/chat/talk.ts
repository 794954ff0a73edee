/** A chat: the conversations of one session, what is typed into them and what is shown of them. */
import { utf8Bytes, utf8Text } from '../../base/bytes.ts'
import {
  CONTENT_KINDS,
  CONVERSATION_KINDS,
  JOIN_OPTIONS,
  LIMITS,
  type NoticeFrame,
  ROLES,
} from '../../codec/generated/registry.ts'
import type { SessionEvent } from '../../node/client-connection.ts'
import type { SealingNews } from '../../node/sealed-connection.ts'
import { isOfSealedFile, SealedFileReceiver } from '../../node/sealed-file-receiving.ts'
import { sealOf } from '../../node/seals.ts'
import type { ClientConversation, ReceivedMessage, Since } from '../../protocol/client/index.ts'
import type { Client } from '../connect.ts'
import { messageFields, placeName, senderOf } from '../content.ts'
import { about, failureOf } from '../failure.ts'
import { FileReceiver, type FileSink, folderSink, type PartResult, safeFileName } from '../file-receiving.ts'
import { isoText, sizeText } from '../output.ts'
import { newsWords } from '../sealing-news.ts'
import { eventWords, type RoomEvent } from './event-text.ts'
import { KeptFiles } from './kept-files.ts'
import { type LinkEvent, linkWords } from './link-text.ts'
import { sealSign, signOf } from './seal-sign.ts'
import { Signs } from './signs.ts'
import type { ChatView, Entry, EntryKind } from './view.ts'

/** Messages under way before the input has to wait. */
const UNDER_WAY_MAX = 128
const NAMES_SHOWN = 30
/** Entries at the most that are shown of what happened during an absence. */
const MISSED_MAX = 1000

export interface TalkOptions {
  readonly view: ChatView
  /** Entries shown of a room's history. */
  readonly history: number
  /** Where files are saved as they come; undefined to keep them in memory. */
  readonly saveFolder: string | undefined
}

export class Talk {
  readonly kept: KeptFiles = new KeptFiles()
  readonly view: ChatView
  readonly signs: Signs = new Signs({
    connection: () => this.#client?.connection,
    onChange: () => this.updateStatus(),
  })
  /** In the order of opening. */
  readonly conversations: ClientConversation[] = []
  readonly #files: FileReceiver
  readonly #sealedFiles: SealedFileReceiver
  readonly #history: number
  readonly #unread = new Set<number>()
  #client: Client | undefined
  #current: ClientConversation | undefined
  #underWay = 0
  #isAway = false
  #wake: (() => void) | undefined
  /** Whether a line was refused: a script wants to know. */
  hasFailed = false
  #settleQuit!: () => void
  /** Resolves when the person asked to leave. */
  readonly quit: Promise<void>

  constructor(options: TalkOptions) {
    const { view, history, saveFolder } = options
    this.view = view
    this.#history = history
    const toFolder = saveFolder === undefined ? undefined : folderSink(saveFolder)
    const openSink = (name: string, size: number): FileSink | undefined =>
      toFolder ? toFolder(name) : this.kept.openSink(name, size)
    this.#files = new FileReceiver(openSink)
    this.#sealedFiles = new SealedFileReceiver(openSink, safeFileName)
    this.quit = new Promise((resolve) => {
      this.#settleQuit = resolve
    })
  }

  get client(): Client {
    return this.#client as Client
  }

  get current(): ClientConversation | undefined {
    return this.#current
  }

  leave(): void {
    this.#settleQuit()
  }

  end(): void {
    this.#files.close()
    this.#sealedFiles.close()
    this.signs.end()
  }

  // ---- conversations --------------------------------------------------------------------------

  /** The session is open: says so and joins the rooms. */
  async start(client: Client, rooms: readonly string[]): Promise<void> {
    this.#client = client
    this.info(connectedText(client), ['status', connectedFields(client)])
    for (const room of rooms) await this.join(room)
  }

  async join(room: string): Promise<void> {
    const known = this.named(`#${room}`)
    if (known) return this.switchTo(known)
    const { connection } = this.client
    const joined = await about(
      `#${room}`,
      connection.request({ type: 'join', room, options: JOIN_OPTIONS.members }, this.#since),
    )
    await connection.fence(joined.number)
    this.#open(joined)
    this.switchTo(joined)
    const names = memberNames(joined)
    const topic = joined.topic === '' ? '' : ` · topic: ${joined.topic}`
    const fields = {
      room: placeName(joined),
      members: joined.count,
      limit: joined.limit,
      topic: joined.topic,
    }
    this.info(
      `joined ${placeName(joined)} (${joined.count} of ${joined.limit}): ${namesText(names)}${topic}`,
      ['joined', fields],
    )
  }

  /** What was said during an absence, or the latest entries where that is more. */
  get #since(): Since {
    return { last: this.#history, most: this.#history > 0 ? MISSED_MAX : 0 }
  }

  async openDirect(name: string): Promise<ClientConversation> {
    const conversation = await about(name, this.client.connection.request({ type: 'direct', name }))
    this.#open(conversation)
    return conversation
  }

  async part(conversation: ClientConversation): Promise<void> {
    await this.client.connection.request({ type: 'leave', conversation: conversation.number })
    this.#forget(conversation)
  }

  #open(conversation: ClientConversation): void {
    if (!this.conversations.includes(conversation)) this.conversations.push(conversation)
    if (!this.#current) this.switchTo(conversation)
  }

  #forget(conversation: ClientConversation): void {
    const index = this.conversations.indexOf(conversation)
    if (index >= 0) this.conversations.splice(index, 1)
    this.#unread.delete(conversation.number)
    this.signs.forget(conversation)
    if (this.#current === conversation) this.#current = this.conversations[Math.max(0, index - 1)]
    this.updateStatus()
  }

  switchTo(conversation: ClientConversation): void {
    this.#current = conversation
    this.#unread.delete(conversation.number)
    this.signs.read(conversation)
    this.updateStatus()
  }

  /** To the conversation of that index, or to a neighbour of the current one. */
  switchBy(to: number | 'next' | 'previous'): void {
    const { conversations } = this
    const at = this.#current ? conversations.indexOf(this.#current) : 0
    const step = to === 'next' ? 1 : conversations.length - 1
    const index = typeof to === 'number' ? to : (at + step) % Math.max(1, conversations.length)
    const target = conversations[index]
    if (target && target !== this.#current) this.switchTo(target)
  }

  /** The conversation called `#room`, or by the name of the other one. */
  named(place: string): ClientConversation | undefined {
    const wanted = place.toLowerCase()
    return this.conversations.find((each) => placeName(each).toLowerCase() === wanted)
  }

  updateStatus(): void {
    // What waited at the relay may come before the session is said to be open.
    if (!this.#client) return
    const unread = this.conversations.filter((each) => this.#unread.has(each.number)).map(placeName)
    const place = this.#current && placeName(this.#current)
    const { isOnline } = this.client.connection
    const seal = this.#current && this.client.sealing ? signOf(this.client.sealing, this.#current) : ''
    const doing = this.#current ? this.signs.text(this.#current) : ''
    this.view.setStatus({ nick: this.client.nick, place, isOnline, unread, seal, doing })
  }

  // ---- sending --------------------------------------------------------------------------------

  /** Sends text to a conversation; resolves at once unless too much is under way. */
  async say(conversation: ClientConversation | undefined, text: string, isAction = false): Promise<void> {
    if (!conversation) return this.fail('you are in no room', 'join one with /join ROOM')
    const body = utf8Bytes(text)
    if (body.length > LIMITS.messageTextBytes)
      return this.fail(
        `the text has ${body.length} bytes; a message holds ${LIMITS.messageTextBytes}`,
        'send it as a file: /send FILE',
      )
    const kind = isAction ? CONTENT_KINDS.action : CONTENT_KINDS.text
    const { connection } = this.client
    this.signs.sent()
    this.track(about(placeName(conversation), connection.send(conversation, kind, body)))
    if (!connection.isOnline)
      this.info(`not sent yet, until there is a connection: ${text}`, [
        'pending',
        { in: placeName(conversation), text },
      ])
    while (this.#underWay >= UNDER_WAY_MAX) await this.#settled()
  }

  /** Counts work that must be done before leaving; what goes wrong with it is shown. */
  track(work: Promise<unknown>): void {
    this.#underWay += 1
    work
      .catch((error: unknown) => this.showError(error))
      .finally(() => {
        this.#underWay -= 1
        this.#wake?.()
      })
  }

  #settled(): Promise<void> {
    return new Promise((wake) => {
      this.#wake = wake
    })
  }

  /** Resolves when everything sent was taken or refused. */
  async allDone(): Promise<void> {
    while (this.#underWay > 0) await this.#settled()
  }

  // ---- showing --------------------------------------------------------------------------------

  info(text: string, json?: Entry['json']): void {
    const base = { kind: 'info', at: Date.now(), place: undefined, isCurrent: true, text } as const
    this.view.show({ ...base, json: json ?? ['info', { text }] })
  }

  /** Shows what went wrong and what to do. */
  fail(message: string, hint: string): void {
    this.hasFailed = true
    const text = hint === '' ? message : `${message}\n${hint}`
    const json = ['error', { code: 'usage', message, hint }] as const
    this.view.show({ kind: 'error', at: Date.now(), place: undefined, isCurrent: true, text, json })
  }

  showError(error: unknown): void {
    this.hasFailed = true
    const { message, hint, code, wire, retryable } = failureOf(error)
    const shownCode = wire > 0 ? ` [${code} 0x${wire.toString(16).padStart(4, '0')}]` : ''
    const text = hint === '' ? `${message}${shownCode}` : `${message}${shownCode}\n${hint}`
    const json = ['error', { code, wire, retryable, message, hint }] as const
    this.view.show({ kind: 'error', at: Date.now(), place: undefined, isCurrent: true, text, json })
  }

  /** What there is to know of sealing. */
  tell(news: SealingNews): void {
    const words = newsWords(news, '/')
    if (words) this.#entry(words.isWarning ? 'notice' : 'info', Date.now(), undefined, words.text, words.json)
    this.updateStatus()
  }

  handle(event: SessionEvent): void {
    switch (event.kind) {
      case 'message':
        return this.#handleMessage(event.message)
      case 'event':
        return this.#handleEvent(event)
      case 'joined':
        return this.#open(event.conversation)
      case 'notice':
        return this.#handleNotice(event.frame)
      case 'signal':
        return this.signs.handle(event)
      case 'stock':
      case 'caught_up':
      case 'closed':
        return
      default:
        this.#handleLink(event)
    }
  }

  /** What became of the link, and what follows from that. */
  #handleLink(event: LinkEvent): void {
    const words = linkWords(event, this.#isAway)
    if (event.kind === 'status') this.#isAway = event.state !== 'online'
    if (words) this.info(...words)
    if (event.kind === 'ended') this.#forget(event.conversation)
    if (event.kind === 'status' && this.#client) this.updateStatus()
  }

  #handleNotice({ from, text, time }: NoticeFrame): void {
    const shown = `announcement${from === '' ? '' : ` by ${from}`}: ${text}`
    this.#entry('notice', time, undefined, shown, ['notice', { at: isoText(time), from: from || null, text }])
  }

  #handleMessage(message: ReceivedMessage): void {
    const { conversation, contentKind, timeMs, body, own: isOwn } = message
    this.#open(conversation)
    if (contentKind === CONTENT_KINDS.part || isOfSealedFile(message)) return this.#handlePart(message)
    if (conversation !== this.#current && !isOwn && !this.#unread.has(conversation.number)) {
      this.#unread.add(conversation.number)
      this.updateStatus()
    }
    this.signs.said(message, conversation === this.#current)
    const isDirect = conversation.kind === CONVERSATION_KINDS.direct
    const seal = sealOf(message)
    const isText = contentKind === CONTENT_KINDS.text || contentKind === CONTENT_KINDS.action
    this.view.show({
      kind: contentKind === CONTENT_KINDS.action ? 'action' : 'message',
      at: timeMs,
      place: placeName(conversation),
      isCurrent: conversation === this.#current,
      from: senderOf(message),
      isOwn,
      ...(isDirect ? { to: isOwn ? conversation.name : this.client.nick } : {}),
      text: isText ? utf8Text(body) : `(unknown content, kind ${contentKind}, ${sizeText(body.length)})`,
      seal: seal && sealSign(seal),
      json: ['message', { ...messageFields(message), own: isOwn }],
    })
  }

  #handlePart(message: ReceivedMessage): void {
    if (message.own) return
    const { conversation, sender, timeMs, seq } = message
    const from = senderOf(message)
    const source = `${conversation.number}/${sender}`
    const result = isOfSealedFile(message)
      ? this.#sealedFiles.handle(source, message)
      : this.#files.handlePart(source, message.body)
    const text = partText(from, result)
    if (text === undefined) return
    const { kind, ...facts } = result
    const json = [
      'file',
      { at: isoText(timeMs), seq: String(seq), in: placeName(conversation), from, state: kind, ...facts },
    ] as const
    this.#entry('info', timeMs, conversation, text, json)
  }

  #handleEvent(event: RoomEvent): void {
    const { conversation } = event
    const words = eventWords(event)
    const isOwnArrival = words?.kind === 'came' && event.event.subject === conversation.alias
    // Who came and went during an absence is told by who is there now.
    const isPast = event.event.seq <= conversation.head && (words?.kind === 'came' || words?.kind === 'went')
    if (words && !isOwnArrival && !isPast) {
      const { kind, name, text } = words
      const at = event.event.time
      const fields = {
        room: placeName(conversation),
        at: isoText(at),
        event: name,
        name: event.event.name,
        text,
      }
      this.#entry(kind, at, conversation, text, ['event', fields])
    }
    if (!event.endsMembership) return
    this.#forget(conversation)
  }

  #entry(
    kind: EntryKind,
    at: number,
    conversation: ClientConversation | undefined,
    text: string,
    json: Entry['json'],
  ): void {
    const place = conversation && placeName(conversation)
    this.view.show({
      kind,
      at,
      place,
      isCurrent: !conversation || conversation === this.#current,
      text,
      json,
    })
  }
}

/** The members' names, operators with `@`. */
export function memberNames(conversation: ClientConversation): string[] {
  return [...conversation.members.values()].map(({ name, role }) =>
    role === ROLES.member ? name : `@${name}`,
  )
}

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(' ')
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown
}

function connectedText(client: Client): string {
  const { connection, fingerprint, isFirstContact, nick } = client
  const link = connection.transport === 'udp' ? 'udp, sealed' : `${connection.transport}, not sealed`
  const trust = isFirstContact ? '! first contact with' : '✓ known'
  return `connected to ${connection.facts.relayName} as ${nick} (${link}) ${trust} relay ${fingerprint}`
}

function connectedFields(client: Client): Readonly<Record<string, unknown>> {
  const { connection, fingerprint, isFirstContact, nick } = client
  const { relayName, address } = connection.facts
  const { transport } = connection
  const sealed = transport === 'udp'
  return {
    state: 'connected',
    as: nick,
    relay: relayName,
    transport,
    sealed,
    fingerprint,
    first_contact: isFirstContact,
    address,
  }
}

/** What is told of a part, if anything. */
function partText(from: string, result: PartResult): string | undefined {
  switch (result.kind) {
    case 'started':
      return `${from} is sending ${result.name} (${sizeText(result.size)})`
    case 'complete':
      return `${from} sent ${result.name} (${sizeText(result.size)}, checked): ${savedText(result.where)}`
    case 'no_room':
      return `${from} is sending ${result.name}, but there is no room to keep it; see /files and /save`
    case 'refused':
      return `the file ${result.name} from ${from} was refused: ${result.why}`
    default:
      return undefined
  }
}

function savedText(where: string): string {
  return /[/\\]/u.test(where) ? `saved as ${where}` : `keep it with /save ${where}`
}
