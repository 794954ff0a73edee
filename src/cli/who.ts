/** `palaver who`: who is on a relay or in a room. */
import { hexOf } from '../base/bytes.ts'
import { ROLES } from '../codec/generated/registry.ts'
import { type Arguments, CLIENT_OPTIONS, type CommandSpec } from './args.ts'
import { close, connect, roomName, targetOf } from './connect.ts'
import { usageError } from './exit.ts'
import { interruption } from './interrupt.ts'
import { columns, everybody, visitMembers } from './listing.ts'
import { writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'

const ROLE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ROLES).map(([name, role]) => [role, name]),
)
const KEY_SHOWN = 16

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'who',
  summary: 'who is there',
  usage: ['palaver who ADDRESS [-r ROOM] [OPTIONS]'],
  examples: [
    ['palaver who tcp://127.0.0.1', 'everybody on the relay'],
    ['palaver who tcp://127.0.0.1 -r lobby', 'the members of a room, seen by a short visit'],
  ],
  options: { room: { short: 'r', value: 'ROOM', help: 'only this room' }, ...CLIENT_OPTIONS },
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const { address, words: rest } = targetOf(args)
  if (rest.length > 0) throw usageError(`who takes no "${rest[0]}"`, 'a room is given with -r')
  const room = args.text('room') ?? address.room
  const interrupted = interruption()
  const { connection } = await Promise.race([connect(args, address, () => {}), interrupted])
  try {
    const asking = room === undefined ? everybody(connection) : visitMembers(connection, roomName(room))
    const members = await Promise.race([asking, interrupted])
    const where = room === undefined ? {} : { room: `#${roomName(room)}` }
    if (args.has('json'))
      for (const { name, key, role } of members)
        writeJson('member', { ...where, name, key: hexOf(key), role: ROLE_NAMES.get(role) ?? String(role) })
    else {
      const rows = members.map(({ name, key, role }) => [
        sign(role) + printable(name),
        hexOf(key).slice(0, KEY_SHOWN),
      ])
      for (const line of columns(rows)) writeLine(line)
    }
  } finally {
    await close(connection)
  }
  return 0
}

/** The mark of an operator, as in chat. */
function sign(role: number): string {
  return role === ROLES.member ? ' ' : '@'
}
