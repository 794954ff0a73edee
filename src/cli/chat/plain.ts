/** Chat through pipes: each line of standard input is a message, each entry one line of standard output. */
import { LIMITS } from '../../codec/generated/registry.ts'
import type { Arguments } from '../args.ts'
import { type Client, close, connect, roomNames, targetOf, untilClosed } from '../connect.ts'
import { EXIT } from '../exit.ts'
import { interruption } from '../interrupt.ts'
import { forEachLine } from '../lines.ts'
import { Patience } from '../patience.ts'
import { handleLine } from './commands.ts'
import { historyOption } from './history.ts'
import { plainView } from './plain-view.ts'
import { Talk } from './talk.ts'

const STANDARD_ROOM = 'lobby'

/** Runs until the input ends and all of it was taken; resolves with the exit code. */
export async function runPlain(args: Arguments): Promise<number> {
  const { address, words } = targetOf(args)
  const rooms = roomNames(words, address)
  const isTyped = process.stdin.isTTY === true
  const view = plainView({ json: args.has('json'), quiet: args.has('quiet'), hidesOwn: isTyped })
  const history = historyOption(args, isTyped)
  const talk = new Talk({ view, history, saveFolder: args.text('save') })
  const patience = new Patience(args, isTyped, false)
  const lasting = { patience, acknowledges: 'auto' } as const
  const interrupted = interruption()
  const client = await Promise.race([
    connect(
      args,
      address,
      (event) => talk.handle(event),
      lasting,
      (news) => talk.tell(news),
    ),
    interrupted,
  ])
  try {
    const talking = talkThrough(talk, client, rooms.length > 0 ? rooms : [STANDARD_ROOM])
    await Promise.race([talking, talk.quit, untilClosed(client.connection, patience), interrupted])
  } finally {
    patience.stop()
    talk.end()
    await close(client.connection)
  }
  return talk.hasFailed && !isTyped ? EXIT.usage : EXIT.done
}

async function talkThrough(talk: Talk, client: Client, rooms: readonly string[]): Promise<void> {
  await talk.start(client, rooms)
  await forEachLine(process.stdin, LIMITS.messageTextBytes, (line) => handleLine(talk, line))
  await talk.allDone()
  for (const { number } of talk.conversations) await client.connection.fence(number)
}
