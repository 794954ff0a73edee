/** What there is to tell of sealed rooms, in words and for programs. */
import type { RoomMember } from '../crypto/client/room-outputs.ts'
import { fingerprintOf } from '../crypto/trust/fingerprint.ts'
import type { RoomNews } from '../node/room-sealing.ts'
import type { NewsWords, Orders } from './sealing-news.ts'

const UNREADABLE: Readonly<Record<Extract<RoomNews, { kind: 'room_unreadable' }>['why'], string>> = {
  keys: 'no key of this room opens it',
  context: 'it belongs to another room',
  plain: 'it was not sealed, and only sealed ones count here',
  not_in_room: 'it is sealed, and you have no keys of this room: a member who is admin has to add you',
  too_many: 'too much waits for the keys of a new epoch',
}

/** A member for people: its name, or its key where the name is not known. */
export function memberText({ person, fid }: RoomMember): string {
  return person?.name ?? fingerprintOf(fid).slice(0, 9)
}

/** The news of a room. */
export function roomWords(news: RoomNews, orders: Orders): NewsWords {
  const place = `#${news.room}`
  switch (news.kind) {
    case 'room_invited': {
      const { name } = news.by
      const how = orders === '/' ? `/sealed accept ${place}` : `join ${place}`
      const text = `${name} added you to the sealed room ${place}; to enter it: ${how}`
      return { text, isWarning: true, json: ['room_invited', { room: place, by: name }] }
    }
    case 'room_changed':
      return changed(news, place)
    case 'room_leaving': {
      const name = memberText(news.actor)
      const text = `${name} asked to leave ${place}, and can read until a member removed it`
      return { text, isWarning: false, json: ['room_leaving', { room: place, nick: name }] }
    }
    case 'room_swapped': {
      const { name } = news.by
      const text = `! ${name} gave keys of another room under the name ${place}; they are not used`
      return { text, isWarning: true, json: ['room_swapped', { room: place, by: name }] }
    }
    case 'room_split': {
      const { name } = news.by
      const text =
        `! ${place} is split: ${name} and you were shown different histories. The relay does ` +
        'that, or somebody who restored a backup. Talk about it in another way'
      return { text, isWarning: true, json: ['room_split', { room: place, by: name }] }
    }
    case 'room_unreadable': {
      const { position, why } = news
      const text = `a message in ${place} is not shown: ${UNREADABLE[why]}`
      const fields = { room: place, seq: String(position), why }
      return { text, isWarning: true, json: ['unreadable', fields] }
    }
    case 'room_unsent': {
      const text = `a message to ${place} was not sent: you have no keys of that sealed room any more`
      return { text, isWarning: true, json: ['unsent', { room: place, id: news.id, code: news.why }] }
    }
    default:
      return news satisfies never
  }
}

function changed(news: RoomNews & { kind: 'room_changed' }, place: string): NewsWords {
  const { change, state, epoch, actor, subjects } = news
  const by = memberText(actor)
  const whom = subjects.map(memberText)
  const fields = { room: place, change, by, members: whom, state, epoch }
  const text = changedText(news, { by, whom: whom.join(', '), place })
  return { text, isWarning: state === 'removed' || state === 'closed', json: ['room_changed', fields] }
}

function changedText(
  { change, state }: RoomNews & { kind: 'room_changed' },
  { by, whom, place }: Readonly<Record<'by' | 'whom' | 'place', string>>,
): string {
  if (state === 'removed')
    return `${by} removed you from the sealed room ${place}: you read nothing of it any more`
  switch (change) {
    case 'create':
    case 'add':
      return `${by} added ${whom} to the sealed room ${place}`
    case 'remove':
      return `${by} removed ${whom} from the sealed room ${place}`
    case 'role':
      return `${by} changed what ${whom} may do in the sealed room ${place}`
    case 'rekey':
      return `${by} gave the sealed room ${place} new keys`
    case 'close':
      return `${by} closed the sealed room ${place}`
    case 'leave':
      return `${by} left the sealed room ${place}`
    default:
      return change satisfies never
  }
}
