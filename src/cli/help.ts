/** The texts of --help. */
import { COMMON_OPTIONS, type CommandSpec, type OptionSpecs } from './args.ts'

const OPTION_COLUMN = 28
const COLUMNS = 100

/** The help of one command: examples first. */
export function commandHelp(spec: CommandSpec): string {
  const lines = [`palaver ${spec.name}: ${spec.summary}`, '', 'Examples']
  for (const [command, effect] of spec.examples) lines.push(`  ${command}`, `      ${effect}`)
  lines.push('', 'Usage', ...spec.usage.map((usage) => `  ${usage}`))
  if (Object.keys(spec.options).length > 0) lines.push('', 'Options', ...optionLines(spec.options))
  lines.push('', 'Everywhere', ...optionLines(COMMON_OPTIONS))
  for (const note of spec.notes ?? []) lines.push('', ...wrapped(note))
  return `${lines.join('\n')}\n`
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line.length + word.length >= COLUMNS) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function optionLines(options: OptionSpecs): string[] {
  return Object.entries(options).map(([name, { short, value, multiple, help }]) => {
    const shortFlag = short === undefined ? '    ' : `-${short}, `
    const flag = `${shortFlag}--${value === undefined ? name : `${name} ${value}`}`
    const again = multiple === true ? ' (may be repeated)' : ''
    return `  ${flag.padEnd(OPTION_COLUMN)} ${help}${again}`
  })
}

const COMMANDS: readonly (readonly [string, string])[] = [
  ['serve', 'run a relay'],
  ['chat', 'talk, on a terminal or through a pipe'],
  ['send', 'send messages or files, and end'],
  ['recv', 'print, save or hand on what arrives'],
  ['who', 'who is there'],
  ['rooms', 'the rooms of a relay'],
  ['admin', 'look into a running relay, moderate it'],
  ['id', 'your identities and the relays you know'],
  ['doctor', 'look at the way to a relay, over each transport'],
  ['decode', 'explain bytes of the protocol'],
  ['bench', 'how fast a relay is'],
]

/** The help of the program. */
export function programHelp(): string {
  return `palaver: chat by an open protocol

Examples
  palaver serve
      a relay on this machine
  palaver chat tcp://127.0.0.1 --nick alice
      talk in the room #lobby
  uname -a | palaver send tcp://127.0.0.1 -r lobby --nick bot
      send what a program prints
  palaver recv tcp://127.0.0.1 -r lobby -n 1 -w 5s --nick ear
      wait for one message, at most five seconds

Usage
  palaver COMMAND [OPTIONS]
  palaver [ADDRESS [ROOM...]]        the same as: palaver chat

Commands
${COMMANDS.map(([name, summary]) => `  ${name.padEnd(8)} ${summary}`).join('\n')}
  each tells more with --help

Addresses
  tcp://host[:7667]                  not encrypted: for this machine, or a network you trust
  udp://host[:7667]                  sealed, and the relay proves its key
  palaver://[fingerprint@]host[:port]/room
  a bare host                        TCP on this machine, UDP elsewhere

Environment
  PALAVER_URL, PALAVER_NICK, PALAVER_ROOM, PALAVER_TOKEN, PALAVER_TOKEN_FILE, PALAVER_TIMEOUT,
  PALAVER_IDENTITY, PALAVER_PLAIN, NO_COLOR, FORCE_COLOR, XDG_CONFIG_HOME, XDG_STATE_HOME

Exit codes
  0 done   1 unexpected   2 usage or configuration   3 unreachable, or the session ended
  4 untrusted key   5 rate limited   6 refused   7 full   8 nothing came in time   9 protocol error
  130, 143 ended by a signal
`
}
