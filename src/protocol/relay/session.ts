import type { Conversation, Membership } from './conversation.ts'
import type { RelayLink } from './link.ts'
import type { SessionRates } from './rates.ts'

/** One identity, connected. Lives exactly as long as its link is open. */
export interface Session<Owner> {
  /** Order of opening on this relay; its alias in the list of all sessions. */
  readonly number: number
  readonly id: Uint8Array
  readonly link: RelayLink<Owner>
  readonly name: string
  readonly folded: string
  readonly key: Uint8Array
  readonly keyHex: string
  /** The installation, in hexadecimal. */
  readonly clientHex: string
  readonly role: number
  /** By conversation number. */
  readonly memberships: Map<number, Membership<Owner>>
  readonly rates: SessionRates
  roomCount: number
  directCount: number
  /** Whether it published keys, and so knows what is said of them. */
  hasPublished: boolean
}

/** The membership a session has in a conversation, if any. */
export function membershipIn<Owner>(
  session: Session<Owner>,
  conversation: Conversation<Owner>,
): Membership<Owner> | undefined {
  return session.memberships.get(conversation.number)
}
