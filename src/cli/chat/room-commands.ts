/** `/sealed`: rooms that nobody else can read, the relay included. */

import { hexOf } from '../../base/bytes.ts'
import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import type { RoomSealing } from '../../node/room-sealing.ts'
import type { ClientConversation } from '../../protocol/client/index.ts'
import { placeName } from '../content.ts'
import { usageError } from '../exit.ts'
import { about } from '../failure.ts'
import { memberText } from '../room-news.ts'
import type { Talk } from './talk.ts'
import { sealingOf } from './trust-commands.ts'

const USAGE =
  '/sealed [create | add NICK | remove NICK | admin NICK | member NICK | rekey | leave | close | accept]'

interface At {
  readonly rooms: RoomSealing
  readonly room: ClientConversation
  readonly rest: string
}

const ACTIONS: Readonly<Record<string, (talk: Talk, at: At) => Promise<void> | void>> = {
  create,
  add,
  remove: (talk, at) => change(talk, at, 'remove'),
  admin: (talk, at) => change(talk, at, 'admin'),
  member: (talk, at) => change(talk, at, 'member'),
  rekey: (_, { rooms, room }) => rooms.rekey(room),
  close: (_, { rooms, room }) => rooms.closeRoom(room),
  leave: (_, { rooms, room }) => rooms.leave(room),
  accept,
}

/** Actions on a whole room, which may be named. */
const OF_ROOMS: ReadonlySet<string> = new Set(['create', 'rekey', 'close', 'leave', 'accept'])

/** Shows who can read a room, or changes that. */
export async function sealedRoom(talk: Talk, text: string): Promise<void> {
  const [, word = '', rest = ''] = /^(\S*)\s*(.*)$/su.exec(text) ?? []
  const { rooms } = sealingOf(talk)
  const room = OF_ROOMS.has(word) && rest !== '' ? named(talk, rest) : talk.current
  if (!rooms || !room || room.kind !== CONVERSATION_KINDS.room) throw usageError('that is for rooms', USAGE)
  const at = { rooms, room, rest }
  if (word === '') return show(talk, at)
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
  if (!action) throw usageError(`/sealed cannot ${word}`, USAGE)
  // What others have to answer for may take its time; talking goes on meanwhile.
  talk.track(Promise.resolve(action(talk, at)).then(() => talk.updateStatus()))
}

/** The room that is named, and no other: what is sealed or left by mistake stays so. */
function named(talk: Talk, text: string): ClientConversation {
  const place = `#${text.replace(/^#/u, '')}`
  const room = talk.named(place)
  if (!room) throw usageError(`you are not in ${place}`, `first: /join ${place}`)
  return room
}

function show(talk: Talk, { rooms, room }: At): void {
  const view = rooms.viewOf(room)
  const place = placeName(room)
  if (!view)
    return talk.info(`${place} is not sealed: the relay can read it`, [
      'sealed_room',
      { room: place, state: 'plain' },
    ])
  const members = view.members.map(
    (member) =>
      `${member.role === 'admin' ? '@' : ''}${memberText(member)}${member.isLeaving ? ' (leaving)' : ''}`,
  )
  const state = view.state === 'gone' ? ', but you have no keys of it' : ''
  const number = hexOf(view.group).slice(0, 16)
  const text = `${place} is sealed (room ${number}, epoch ${view.epoch})${state}: ${members.join(' ')}`
  const fields = { room: place, state: view.state, gid: hexOf(view.group), epoch: view.epoch, members }
  talk.info(text, ['sealed_room', fields])
}

function create(talk: Talk, { rooms, room }: At): void {
  if (!rooms.create(room)) throw usageError(`${placeName(room)} is sealed already`, 'see: /sealed')
  talk.info(
    `${placeName(room)} is sealed from now on. Only you can read it yet: /sealed add NICK. ` +
      'Who is in it without being added sees nothing of what is said',
    ['sealed_room', { room: placeName(room), state: 'open', epoch: 0 }],
  )
}

async function add(talk: Talk, { rooms, room, rest }: At): Promise<void> {
  const nick = wanted(rest)
  const person = await about(nick, sealingOf(talk).personNamed(nick))
  talk.info(`asked ${nick} for keys; added when a program of ${nick} answers`)
  await rooms.add(room, person)
}

async function change(
  _: Talk,
  { rooms, room, rest }: At,
  what: 'remove' | 'admin' | 'member',
): Promise<void> {
  await rooms.change(room, what, wanted(rest))
}

function accept(talk: Talk, { rooms, room }: At): void {
  if (!rooms.accept(room)) throw usageError(`nobody added you to a sealed room ${placeName(room)}`)
  talk.info(`you are in the sealed room ${placeName(room)}`, [
    'sealed_room',
    { room: placeName(room), state: 'open' },
  ])
}

function wanted(rest: string): string {
  if (rest === '') throw usageError('NICK is missing', USAGE)
  return rest
}
