#!/usr/bin/env node
/** The program: finds the command and loads only that. */
import { programVersion } from './version.ts'

/** What every command gets. */
export type RunCommand = (words: readonly string[]) => Promise<number>

const NODE_MAJOR_MIN = 20

const COMMANDS: Readonly<Record<string, () => Promise<{ readonly run: RunCommand }>>> = {
  serve: () => import('./serve.ts'),
  chat: () => import('./chat.ts'),
  send: () => import('./send.ts'),
  recv: () => import('./recv.ts'),
  who: () => import('./who.ts'),
  rooms: () => import('./rooms.ts'),
  admin: () => import('./admin.ts'),
  id: () => import('./id.ts'),
  decode: () => import('./decode.ts'),
}

async function main(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words
  if (first === '--version' || first === '-V') return print(`palaver ${programVersion()}\n`)
  if (first === '--help' || first === '-h') return print((await import('./help.ts')).programHelp())
  if (first === 'help') return help(rest)
  const command = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (!command) return runUnnamed(words)
  if (rest.includes('--version') || rest.includes('-V')) return print(`palaver ${programVersion()}\n`)
  return (await command()).run(rest)
}

/** No command: an address to chat at, or a misspelling. */
async function runUnnamed(words: readonly string[]): Promise<number> {
  const { checkUnnamed } = await import('./unnamed.ts')
  checkUnnamed(words, Object.keys(COMMANDS))
  return (await import('./chat.ts')).run(words)
}

async function help(words: readonly string[]): Promise<number> {
  const command = words[0] !== undefined && Object.hasOwn(COMMANDS, words[0]) ? COMMANDS[words[0]] : undefined
  if (command) return (await command()).run(['--help'])
  return print((await import('./help.ts')).programHelp())
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

async function fail(error: unknown, words: readonly string[]): Promise<number> {
  const { failureJson, failureOf, failureText } = await import('./failure.ts')
  const failure = failureOf(error)
  if (failure.code === 'interrupted') return failure.exit
  process.stderr.write(words.includes('--json') ? failureJson(failure) : failureText(failure))
  if (process.env['PALAVER_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return failure.exit
}

async function start(): Promise<void> {
  const words = process.argv.slice(2)
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
    process.stderr.write(
      `error: palaver needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}\n`,
    )
    process.exit(2)
  }
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that went away, as `head` does, is no failure.
      process.exit(error.code === 'EPIPE' ? 0 : 1)
    })
  process.on('uncaughtException', (error) => {
    fail(error, words).then((code) => process.exit(code))
  })
  const code = await main(words).catch((error: unknown) => fail(error, words))
  process.exit(code)
}

await start()
