/** What the talk needs of a screen, a pipe or a file. */

/** How an entry is to be understood, apart from its words. */
export type EntryKind = 'message' | 'action' | 'came' | 'went' | 'changed' | 'notice' | 'info' | 'error'

/** One entry of the timeline. Its texts are as they came from others; a view makes them harmless. */
export interface Entry {
  readonly kind: EntryKind
  /** Wall-clock milliseconds. */
  readonly at: number
  /** `#room` or the name of the other one; undefined for what concerns no conversation. */
  readonly place: string | undefined
  /** Whether the place is the one being talked in. */
  readonly isCurrent: boolean
  /** Who speaks, in messages and actions. */
  readonly from?: string
  readonly isOwn?: boolean
  /** Who it is said to, in a direct conversation. */
  readonly to?: string
  /** How a message came, as a sign. */
  readonly seal?: string | undefined
  readonly text: string
  /** The same for programs: type and fields. */
  readonly json: readonly [string, Readonly<Record<string, unknown>>]
}

/** Shows the talk. */
export interface ChatView {
  show(entry: Entry): void
  /** Name, place or the number of unread messages elsewhere changed. */
  setStatus(status: Status): void
}

/** What the prompt tells. */
export interface Status {
  readonly nick: string
  readonly place: string | undefined
  /** Whether there is a link to the relay. */
  readonly isOnline: boolean
  /** How the place is sealed, as a sign; empty where nothing is. */
  readonly seal?: string
  /** Who is typing there, or has read what was said; empty when nobody. */
  readonly doing?: string
  /** Places with messages that were not seen. */
  readonly unread: readonly string[]
}
