/** What a client has to do with each conversation of a relay, and which of them one that opens is. */
import { EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import { CONVERSATION_KINDS, type JoinedFrame } from '../../codec/generated/registry.ts'
import { foldName } from '../names.ts'
import type { Keeping, KeptPlace } from './keeping.ts'
import { Place, type PlaceOwner } from './place.ts'
import type { ClientConversation } from './types.ts'

export class Places {
  readonly #keeping: Keeping
  readonly #owner: PlaceOwner
  readonly #places = new Map<number, Place>()
  readonly #byConversation = new Map<ClientConversation, Place>()

  constructor(keeping: Keeping, owner: PlaceOwner) {
    this.#keeping = keeping
    this.#owner = owner
    for (const kept of keeping.places.values()) this.#add(kept)
  }

  [Symbol.iterator](): IterableIterator<Place> {
    return this.#places.values()
  }

  has({ kept }: Place): boolean {
    return this.#places.has(kept.id)
  }

  of(conversation: ClientConversation | undefined): Place | undefined {
    return conversation && this.#byConversation.get(conversation)
  }

  /** The place of a conversation that was joined; a new one when it was never known. */
  placeFor(conversation: ClientConversation, frame: JoinedFrame): Place {
    const known = this.#byConversation.get(conversation)
    if (known) return known
    const places = [...this]
    const isSame = ({ kept }: Place): boolean =>
      kept.number === frame.conversation && equalBytes(kept.log, frame.log)
    const sameLog = places.find(isSame)
    if (sameLog) return sameLog
    // The relay lost the log, but it is the same room, or the same person.
    const successor = places.find((place) => !place.isLive && isSuccessor(place.kept, frame))
    return successor ?? this.#new(frame)
  }

  /** The place of a room that is open. */
  liveRoom(text: string): Place | undefined {
    const name = foldName(text)
    for (const place of this) {
      const isRoom = place.kept.conversationKind === CONVERSATION_KINDS.room
      if (isRoom && place.isLive && place.lastJoined && foldName(place.kept.name) === name) return place
    }
    return undefined
  }

  bind(place: Place, conversation: ClientConversation): void {
    if (place.conversation && place.conversation !== conversation)
      this.#byConversation.delete(place.conversation)
    this.#byConversation.set(conversation, place)
  }

  forget(place: Place): void {
    this.#owner.note({ kind: 'forget', place: place.kept.id })
    this.#places.delete(place.kept.id)
    if (place.conversation) this.#byConversation.delete(place.conversation)
  }

  #new(frame: JoinedFrame): Place {
    const keeping = this.#keeping
    const surplus = keeping.surplus(({ id }) => this.#places.get(id)?.isWanted === true)
    if (surplus) this.forget(this.#places.get(surplus.id) as Place)
    const { conversation: number, kind: conversationKind, name, seq: applied } = frame
    const place = keeping.nextPlace
    const log = frame.log.slice()
    const peer = peerOf(frame)
    this.#owner.note({ kind: 'place', place, number, log, conversationKind, name, peer, applied })
    return this.#add(keeping.places.get(place) as KeptPlace)
  }

  #add(kept: KeptPlace): Place {
    const place = new Place(kept, this.#owner)
    this.#places.set(kept.id, place)
    return place
  }
}

/** Whether a conversation with another log is what the place was. */
export function isSuccessor(kept: KeptPlace, frame: JoinedFrame): boolean {
  if (kept.conversationKind !== frame.kind) return false
  if (frame.kind === CONVERSATION_KINDS.room) return foldName(kept.name) === foldName(frame.name)
  return frame.peers.some(({ key }) => equalBytes(key, kept.peer))
}

/** The key of the other one in a direct conversation. */
function peerOf({ alias, peers }: JoinedFrame): Uint8Array {
  return peers.find((peer) => peer.alias !== alias)?.key.slice() ?? EMPTY_BYTES
}
