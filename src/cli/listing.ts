/** Lists that a relay gives in pages. */
import { JOIN_OPTIONS, type MemberRecord, type RoomRecord } from '../codec/generated/registry.ts'
import type { ClientConnection } from '../node/client-connection.ts'
import { about } from './failure.ts'

/** Rows and columns kept, whatever a relay sends. */
const ROWS_MAX = 200_000

/** Everybody on the relay. */
export function everybody(connection: ClientConnection): Promise<MemberRecord[]> {
  return membersOf(connection, 0)
}

/** The members of a conversation, or with 0 everybody. */
export async function membersOf(connection: ClientConnection, conversation: number): Promise<MemberRecord[]> {
  const all: MemberRecord[] = []
  for (let after = 0, more = true; more && all.length < ROWS_MAX; ) {
    const frame = await connection.request({ type: 'who', conversation, after })
    all.push(...frame.members)
    const last = frame.members.at(-1)?.alias ?? after
    more = frame.more && last > after
    after = last
  }
  return all
}

/** The members of a room that exists, seen by a short visit. */
export async function visitMembers(connection: ClientConnection, room: string): Promise<MemberRecord[]> {
  const joined = await about(
    `#${room}`,
    connection.request({ type: 'join', room, options: JOIN_OPTIONS.existing }),
  )
  const members = await membersOf(connection, joined.number)
  await connection.request({ type: 'leave', conversation: joined.number })
  return members.filter((member) => member.alias !== joined.alias)
}

/** All rooms, in the order of their names. */
export async function allRooms(connection: ClientConnection): Promise<RoomRecord[]> {
  const all: RoomRecord[] = []
  for (let after = '', more = true; more && all.length < ROWS_MAX; ) {
    const frame = await connection.request({ type: 'list', after })
    all.push(...frame.rooms)
    const last = frame.rooms.at(-1)?.name ?? after
    more = frame.more && last !== after
    after = last
  }
  return all
}

/** Rows in columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
