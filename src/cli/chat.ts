/** `palaver chat`: talking, on a terminal or through a pipe. */
import { type Arguments, CLIENT_OPTIONS, type CommandSpec, LASTING_OPTIONS } from './args.ts'
import { usageError } from './exit.ts'

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'chat',
  summary: 'talk, on a terminal or through a pipe',
  usage: ['palaver chat ADDRESS [ROOM...] [OPTIONS]'],
  examples: [
    ['palaver chat tcp://127.0.0.1 --nick alice', 'in #lobby of a relay on this machine'],
    ["palaver chat 'palaver://k7q2...@chat.example/garden'", 'by a link that somebody gave you'],
    ['palaver chat udp://10.0.0.9 ops lobby', 'two rooms, sealed'],
    [
      'printf "hello\\n" | palaver chat tcp://127.0.0.1 --nick bot',
      'each line a message; ends with the input',
    ],
  ],
  options: {
    plain: { help: 'lines without any escape sequence (PALAVER_PLAIN=1; so in a pipe)' },
    save: { value: 'DIR', help: 'save files that others send there, as they come' },
    history: { value: 'N', help: 'entries shown of what was said before (default 20; in a pipe 0)' },
    'no-typing': { help: 'tell nobody that you are typing, or what you have read (/typing off)' },
    ...CLIENT_OPTIONS,
    ...LASTING_OPTIONS,
  },
  notes: [
    'When the connection is lost, chat tries again until it is back; what is typed meanwhile goes ' +
      'out then, once, also when the program ended before.',
    'Keys: Tab completes, Up and Down recall, Alt-1 to Alt-9 and Alt-Left, Alt-Right change the ' +
      'room, Ctrl-L clears the screen, Ctrl-C clears the line and then leaves. /help lists the ' +
      'commands; //x sends /x.',
    'Each nick has an identity of its own on this machine, so that two chats with two names can ' +
      'run side by side. The same name a second time takes the session over from the first.',
  ],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  return isPlain(args)
    ? (await import('./chat/plain.ts')).runPlain(args)
    : (await import('./chat/terminal.ts')).runTerminal(args)
}

function isPlain(args: Arguments): boolean {
  const { env } = process
  if (args.has('plain') || args.has('json') || env['TERM'] === 'dumb') return true
  if (env['PALAVER_PLAIN'] && env['PALAVER_PLAIN'] !== '0') return true
  if (args.has('quiet') && process.stdout.isTTY === true) throw usageError('-q needs --plain')
  return process.stdin.isTTY !== true || process.stdout.isTTY !== true
}
