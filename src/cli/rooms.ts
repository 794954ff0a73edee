/** `palaver rooms`: the rooms of a relay. */
import { type Arguments, CLIENT_OPTIONS, type CommandSpec } from './args.ts'
import { close, connect, targetOf } from './connect.ts'
import { usageError } from './exit.ts'
import { interruption } from './interrupt.ts'
import { allRooms, columns } from './listing.ts'
import { writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'rooms',
  summary: 'the rooms of a relay',
  usage: ['palaver rooms ADDRESS [OPTIONS]'],
  examples: [['palaver rooms tcp://127.0.0.1', 'name, members, limit and topic of each']],
  options: CLIENT_OPTIONS,
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const { address, words: rest } = targetOf(args)
  if (rest.length > 0) throw usageError(`rooms takes no "${rest[0]}"`, 'see: palaver rooms --help')
  const interrupted = interruption()
  const { connection } = await Promise.race([connect(args, address, () => {}), interrupted])
  try {
    const rooms = await Promise.race([allRooms(connection), interrupted])
    if (args.has('json'))
      for (const { name, count, limit, topic } of rooms)
        writeJson('room', { room: `#${name}`, count, limit, topic })
    else {
      const rows = rooms.map(({ name, count, limit, topic }) => [
        `#${printable(name)}`,
        `${count}/${limit}`,
        printable(topic),
      ])
      for (const line of columns(rows)) writeLine(line)
    }
  } finally {
    await close(connection)
  }
  return 0
}
