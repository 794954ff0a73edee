/** Signs of life in a chat: who is typing, and how far somebody alone with us has read (spec chapter 20). */
import { CONVERSATION_KINDS, LIMITS, SIGNAL_KINDS } from '../../codec/generated/registry.ts'
import type { ClientConnection, SessionEvent } from '../../node/client-connection.ts'
import type { ClientConversation, ReceivedMessage } from '../../protocol/client/index.ts'

/** Those typing in one conversation that are remembered. */
const TYPISTS_MAX = 16
const NAMED_MAX = 3

type SignalEvent = Extract<SessionEvent, { kind: 'signal' }>

interface Typist {
  readonly name: string
  readonly until: number
}

export interface SignsOptions {
  readonly connection: () => Pick<ClientConnection, 'position' | 'signal'> | undefined
  /** What is to be shown may have changed. */
  readonly onChange: () => void
  readonly now?: () => number
}

export class Signs {
  /** Whether others are told that somebody types here, and what was read. */
  isTelling = false
  readonly #options: SignsOptions
  readonly #now: () => number
  readonly #typists = new Map<ClientConversation, Map<number, Typist>>()
  /** The place of our own last message in direct conversations. */
  readonly #own = new Map<ClientConversation, number>()
  /** Where others were told that somebody types here, and when. */
  #told: { readonly conversation: ClientConversation; readonly at: number } | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: SignsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  // ---- what others do -------------------------------------------------------------------------

  handle({ conversation, sender, senderName, signal }: SignalEvent): void {
    if (signal.kind === SIGNAL_KINDS.typing && senderName !== undefined) {
      //= PAL-SIG-015
      if (signal.value === 0) this.#typists.get(conversation)?.delete(sender)
      else this.#types(conversation, sender, senderName)
    }
    this.#options.onChange()
    this.#arm()
  }

  #types(conversation: ClientConversation, alias: number, name: string): void {
    let typists = this.#typists.get(conversation)
    if (!typists) {
      typists = new Map()
      this.#typists.set(conversation, typists)
    }
    if (typists.size >= TYPISTS_MAX && !typists.has(alias)) return
    typists.set(alias, { name, until: this.#now() + LIMITS.typingShownMs })
  }

  /** A message came: who wrote it types no longer. */
  said({ conversation, sender, seq, own }: ReceivedMessage, isShown: boolean): void {
    const isDirect = conversation.kind === CONVERSATION_KINDS.direct
    if (own && isDirect) this.#own.set(conversation, seq)
    if (this.#typists.get(conversation)?.delete(sender) || own) this.#options.onChange()
    if (!own && isShown) this.read(conversation, seq)
  }

  /** What there is to show of a conversation; empty when nothing. */
  text(conversation: ClientConversation): string {
    const now = this.#now()
    const typists = [...(this.#typists.get(conversation)?.values() ?? [])]
    const names = typists.filter(({ until }) => until > now).map(({ name }) => name)
    if (names.length > NAMED_MAX) return 'several people are typing…'
    if (names.length > 0) return `${listed(names)} ${names.length === 1 ? 'is' : 'are'} typing…`
    const own = this.#own.get(conversation) ?? 0
    const hasRead = [...conversation.members.values()].some(({ read }) => read !== undefined && read >= own)
    return own > 0 && hasRead ? `${conversation.name} has read it` : ''
  }

  forget(conversation: ClientConversation): void {
    this.#typists.delete(conversation)
    this.#own.delete(conversation)
    if (this.#told?.conversation === conversation) this.#told = undefined
  }

  /** Looks again when the first of those shown has fallen silent. */
  #arm(): void {
    clearTimeout(this.#timer)
    const now = this.#now()
    let earliest = Infinity
    for (const [conversation, typists] of this.#typists) {
      for (const [alias, { until }] of typists)
        if (until <= now) typists.delete(alias)
        else earliest = Math.min(earliest, until)
      if (typists.size === 0) this.#typists.delete(conversation)
    }
    if (earliest === Infinity) return
    this.#timer = setTimeout(() => {
      this.#options.onChange()
      this.#arm()
    }, earliest - now)
    this.#timer.unref()
  }

  // ---- what is done here ----------------------------------------------------------------------

  /** The line being typed changed. */
  typed(conversation: ClientConversation | undefined, line: string): void {
    const isText = line !== '' && (!line.startsWith('/') || line.startsWith('//'))
    const told = this.#told
    //= PAL-SIG-017
    if (!conversation || !this.isTelling) return
    //= PAL-SIG-014
    if (told && (!isText || told.conversation !== conversation)) this.#stop(told.conversation)
    if (!isText) return
    const isDue = told?.conversation !== conversation || this.#now() - told.at >= LIMITS.typingMs
    if (isDue && this.#signal(conversation, SIGNAL_KINDS.typing, 1))
      this.#told = { conversation, at: this.#now() }
  }

  #stop(conversation: ClientConversation): void {
    this.#told = undefined
    this.#signal(conversation, SIGNAL_KINDS.typing, 0)
  }

  /** The line was sent: the message says that it is done. */
  sent(): void {
    this.#told = undefined
  }

  /** A direct conversation was read up to an entry, by default the last one that came. */
  read(conversation: ClientConversation, seq?: number): void {
    if (!this.isTelling || conversation.kind !== CONVERSATION_KINDS.direct) return
    const value = seq ?? this.#options.connection()?.position(conversation) ?? 0
    if (value > 0) this.#signal(conversation, SIGNAL_KINDS.read, value)
  }

  #signal(conversation: ClientConversation, kind: number, value: number): boolean {
    return this.#options.connection()?.signal(conversation, { kind, value }) === true
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? (names[0] as string) : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
