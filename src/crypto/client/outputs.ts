/**
 * What the sealing machine says and is told. People are known by the identity key that they have on the
 * relay.
 */

import type { Prekey } from '../bundle.ts'
import type { Unreadable } from '../direct/direct.ts'
import type { RecordChange } from '../records.ts'
import type { Pin } from '../trust/pins.ts'
import type { Comparison } from '../trust/short-code.ts'

/** Somebody on the relay: its word for who that is, which pins stand above. */
export interface Person {
  /** The identity key that signs in, 32 bytes. */
  readonly key: Uint8Array
  readonly name: string
  /** The name in folded form: what a pin stands for. */
  readonly folded: string
}

/** Why a message does not go out. */
export type SealRefusal =
  /** Another identity answers under that name: its user has to decide. */
  | 'key_changed'
  /** The relay has no keys of the peer, and nothing plain may be sent. */
  | 'no_keys'
  /** Sealing is off, but this conversation was sealed before. */
  | 'sealed_before'
  /** What the relay gave as the peer's keys is not sound. */
  | 'bad_keys'
  /** Too much waits for the peer's keys already. */
  | 'too_many'
  /** It does not fit into one message. */
  | 'too_large'

/**
 * What the machine wants done or told, in order. Everything comes out only after what it rests on was kept.
 */
export type SealingOutput =
  /** A body for the direct conversation with that person. `tag` is the caller's, 0 for the machine's own. */
  | {
      readonly kind: 'send'
      readonly to: Person
      readonly tag: number
      readonly contentKind: number
      readonly body: Uint8Array
      readonly isSealed: boolean
    }
  | { readonly kind: 'refused'; readonly to: Person; readonly tag: number; readonly why: SealRefusal }
  /** The peer's bundle is wanted: `handleBundle` answers. */
  | { readonly kind: 'fetch_bundle'; readonly of: Person }
  /** For the relay to keep; `handleStock` answers. */
  | {
      readonly kind: 'publish'
      /** A stored bundle without one-time prekey. */
      readonly bundle: Uint8Array
      /** More one-time prekeys. */
      readonly prekeys: readonly Prekey[]
      /** Whether what the relay keeps goes first: its private keys may be gone. */
      readonly replaces: boolean
    }
  | {
      readonly kind: 'message'
      readonly from: Person
      /** What the caller gave with the body. */
      readonly position: number
      readonly contentKind: number
      readonly body: Uint8Array
      readonly isSealed: boolean
      readonly isVerified: boolean
      /** Whether the peer's message before it is missing. */
      readonly isGap: boolean
    }
  /** A message that is not shown: it could not be read, or it came plainly where only sealed ones count. */
  | {
      readonly kind: 'unreadable'
      readonly from: Person
      readonly position: number
      /** `repeated`: its key was used up by an earlier one, and yet it is new. */
      readonly why: Unreadable | 'plain' | 'repeated'
      /** Whether a new session is begun because of it. */
      readonly isHealing: boolean
    }
  /** Another identity under a pinned name. */
  | {
      readonly kind: 'key_changed'
      readonly person: Person
      readonly pin: Pin
      readonly wasVerified: boolean
    }
  /** The first identity under that name. */
  | { readonly kind: 'met'; readonly person: Person; readonly pin: Pin }
  /** Messages to that person go out plainly, because there are no keys of it. Told once in a run. */
  | { readonly kind: 'plain'; readonly person: Person }
  /** Messages of that person from before the next one did not come. */
  | { readonly kind: 'missing'; readonly person: Person }
  /** The peer lost its state and began anew: messages before may be lost. */
  | { readonly kind: 'peer_reset'; readonly person: Person }
  | { readonly kind: 'comparison'; readonly person: Person; readonly comparison: Comparison }
  /** A message between clients that is not for people: rooms. */
  | {
      readonly kind: 'control'
      readonly from: Person
      readonly fid: Uint8Array
      readonly innerKind: number
      readonly body: Uint8Array
    }

/** Changes to keep together; then `handleSaved` with the same number. */
export interface Save {
  readonly version: number
  readonly changes: readonly RecordChange[]
}
