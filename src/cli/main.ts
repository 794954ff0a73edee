#!/usr/bin/env node
/** The program: finds the command and loads only that. */
import type { Arguments, CommandSpec } from './args.ts'
import { programVersion } from './version.ts'

/** What the module of a command offers. */
interface Command {
  readonly SPEC: CommandSpec
  /** Resolves with the exit code. */
  readonly run: (args: Arguments) => Promise<number>
}

const NODE_MAJOR_MIN = 20

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: () => import('./serve.ts'),
  chat: () => import('./chat.ts'),
  send: () => import('./send.ts'),
  recv: () => import('./recv.ts'),
  who: () => import('./who.ts'),
  rooms: () => import('./rooms.ts'),
  admin: () => import('./admin.ts'),
  id: () => import('./id.ts'),
  doctor: () => import('./doctor.ts'),
  decode: () => import('./decode.ts'),
  bench: () => import('./bench.ts'),
  conform: () => import('./conform.ts'),
}

async function main(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words
  if (first === '--version' || first === '-V') return print(`palaver ${programVersion()}\n`)
  if (first === '--help' || first === '-h') return print((await import('./help.ts')).programHelp())
  if (first === 'help') return help(rest)
  const command = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (!command) return runUnnamed(words)
  if (rest.includes('--version') || rest.includes('-V')) return print(`palaver ${programVersion()}\n`)
  return runCommand(await command(), rest)
}

async function runCommand({ SPEC, run }: Command, words: readonly string[]): Promise<number> {
  const { parseCommandLine } = await import('./args.ts')
  const args = parseCommandLine(SPEC, words)
  return args.has('help') ? print((await import('./help.ts')).commandHelp(SPEC)) : run(args)
}

/** No command: an address to chat at, or a misspelling. */
async function runUnnamed(words: readonly string[]): Promise<number> {
  const { checkUnnamed } = await import('./unnamed.ts')
  checkUnnamed(words, Object.keys(COMMANDS))
  return runCommand(await import('./chat.ts'), words)
}

async function help(words: readonly string[]): Promise<number> {
  const command = words[0] !== undefined && Object.hasOwn(COMMANDS, words[0]) ? COMMANDS[words[0]] : undefined
  if (command) return runCommand(await command(), ['--help'])
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
