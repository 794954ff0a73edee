/** What the machine of sealed rooms says. Rooms are known by the folded form of their name on the relay. */

import type { Change } from '../room/operation.ts'
import type { RoomState } from '../room/room.ts'
import type { Person } from './outputs.ts'

/** A member as far as it is known here. */
export interface RoomMember {
  readonly fid: Uint8Array
  /** Undefined until somebody tells, or for one who was never met. */
  readonly person: Person | undefined
  readonly role: 'member' | 'admin'
  /** Whether it asked to leave and can still read. */
  readonly isLeaving: boolean
}

/** Why something does not happen in a sealed room. */
export type RoomRefusal =
  | 'not_sealed'
  /** Removed, closed, or its keys are lost. */
  | 'not_in_room'
  /** The table of operations does not let this member do it. */
  | 'not_permitted'
  | 'too_many'
  | 'too_large'

/** Why an entry of a room's log is not shown. */
export type RoomUnreadable = 'keys' | 'context' | 'plain' | 'not_in_room' | 'too_many'

/** What the machine wants done or told, in order, after what it rests on was kept. */
export type RoomsOutput =
  /** A body for the room. One of an operation goes out after all that was to be told before it. */
  | {
      readonly kind: 'room_send'
      readonly room: string
      readonly tag: number
      /** Names a message; undefined for an operation. */
      readonly id: string | undefined
      readonly body: Uint8Array
      readonly isOperation: boolean
      /** Whether it takes the place of what was sealed before under that id. */
      readonly isAgain: boolean
    }
  /** What waits for the relay under that id is not to be sent. */
  | { readonly kind: 'room_withdraw'; readonly room: string; readonly id: string }
  /** All that waits for the relay is sealed in the present epoch: it may go. */
  | { readonly kind: 'room_current'; readonly room: string }
  /** A message of an earlier run will not be sent. */
  | { readonly kind: 'room_unsent'; readonly room: string; readonly id: string; readonly why: RoomRefusal }
  /** For the direct conversation with one identity. */
  | {
      readonly kind: 'tell'
      readonly room: string
      readonly to: Person
      readonly fid: Uint8Array
      readonly innerKind: number
      readonly body: Uint8Array
    }
  | { readonly kind: 'room_refused'; readonly room: string; readonly tag: number; readonly why: RoomRefusal }
  /** What was asked for is in the log, and counts. */
  | { readonly kind: 'room_done'; readonly room: string; readonly tag: number }
  | {
      readonly kind: 'room_message'
      readonly room: string
      readonly position: number
      readonly from: RoomMember
      readonly contentKind: number
      readonly body: Uint8Array
      /** Whether the sender's message before it is missing. */
      readonly isGap: boolean
    }
  | {
      readonly kind: 'room_unreadable'
      readonly room: string
      readonly position: number
      readonly why: RoomUnreadable
    }
  | {
      readonly kind: 'room_changed'
      readonly room: string
      readonly change: Change['kind']
      readonly actor: RoomMember
      /** Whom it is about. */
      readonly subjects: readonly RoomMember[]
      readonly state: RoomState
      readonly epoch: number
    }
  /** A member asked to leave: it can read until it is removed. */
  | { readonly kind: 'room_leaving'; readonly room: string; readonly actor: RoomMember }
  /** Somebody added this member to a room: `accept` binds its name. */
  | { readonly kind: 'room_invited'; readonly room: string; readonly name: string; readonly by: Person }
  /** The room of a welcome, or of a log, is not the one that the name is pinned to. */
  | { readonly kind: 'room_swapped'; readonly room: string; readonly by: Person }
  /** The relay shows members different histories. */
  | { readonly kind: 'room_split'; readonly room: string; readonly by: Person }
