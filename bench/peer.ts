/** What the benchmark asks of a server: how to start it, and how its clients log in, join and publish. */
import type { Wire } from './engine.ts'
import type { Launch, Place } from './server.ts'

/** Stand at the front of every body, before the time: of one end of a pair the first, of the other the second. */
const MARKERS = ['PALAVER!', 'PALAVER?'] as const
export const MARKER_BYTES = 8
export const STAMP_DIGITS = 16

/** One client of a workload. */
export interface Party {
  readonly name: string
  /** The room it is in. */
  readonly room: string | undefined
  /** Whom it talks to instead of a room. */
  readonly partner: string | undefined
}

/** How a client's messages look on the wire. */
export interface Publication {
  /** The whole message; holds the body as it is. */
  readonly message: Uint8Array
  readonly counter?: { readonly at: number; readonly bytes: number; readonly from: number }
  /** What an acknowledgement is known by, when the message itself does not come back. */
  readonly replyMarker?: Uint8Array
}

/** The client side of one server's protocol, for one connection. */
export interface Client {
  login(): Promise<void>
  /** Joins the room, or makes ready to talk to the partner. All have logged in. */
  join(): Promise<void>
  publication(body: Uint8Array): Publication
}

export interface Peer {
  readonly name: string
  /** Which modes it can take part in, beyond those of every peer. */
  readonly isDurable: boolean
  /** Whether a sender gets its own messages in a room. */
  readonly hasEcho: boolean
  /** Whether its load comes from links-process.ts. */
  readonly usesLinks?: boolean
  /** What to install, or undefined when it is there. */
  missing(): string | undefined
  launch(place: Place): Launch
  client(party: Party, wire: Wire): Client
  /** Once, before clients log in: what the server must be told first. */
  readonly prepare?: (wire: Wire) => Promise<void>
}

/** What the messages of a client begin with, who is at this place in the list. */
export function ownMarker(party: Party, index: number): string {
  return party.partner === undefined ? MARKERS[0] : (MARKERS[index % 2] as string)
}

/** What the messages begin with that a client waits for: not its own ones, when it talks to one other. */
export function awaitedMarker(party: Party, index: number): string {
  return ownMarker(party, index + 1)
}

/** A body: marker, room for the time, and filling. */
export function bodyOf(marker: string, bytes: number): Uint8Array {
  return Buffer.from(`${marker}${'0'.repeat(STAMP_DIGITS)}`.padEnd(bytes, 'x'))
}
