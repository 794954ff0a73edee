/** `palaver conform`: which sentences of the specification an implementation keeps. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../base/bytes.ts'
import {
  type Case,
  clientCases,
  consoleLines,
  countsOf,
  htmlOf,
  jsonOf,
  junitOf,
  keyPairOf,
  OPERATOR_SEED,
  type Profile,
  playAll,
  playClient,
  type Run,
  relayCases,
  SENTENCES,
  SETUP_NAMES,
  type Sentence,
  type Setup,
  socketArena,
  stdioClient,
} from '../conformance/index.ts'
import {
  type NetworkTransport,
  parseRelayAddress,
  type RelayAddress,
  showRelayAddress,
} from '../node/address.ts'
import { fileError } from '../node/private-file.ts'
import { udpTransport } from '../node/udp-transport.ts'
import { tcpTransport } from '../transport/tcp.ts'
import type { Arguments, CommandSpec } from './args.ts'
import { EXIT, usageError } from './exit.ts'
import { writeLine } from './output.ts'
import { parseCount } from './units.ts'

const PARALLEL = 8
const SEED_MAX = 2 ** 32 - 1
const PROFILES: readonly Profile[] = ['core-relay', 'datagram-relay', 'core-client', 'datagram-client']

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'conform',
  summary: 'test an implementation against the specification',
  usage: ['palaver conform ADDRESS [OPTIONS]', 'palaver conform --stdio COMMAND [OPTIONS]'],
  examples: [
    ['palaver conform tcp://127.0.0.1', 'every case that a relay as it comes can be tested with'],
    ['palaver conform udp://127.0.0.1 --case HSK-', 'the cases whose name begins so, over UDP'],
    ['palaver conform --list', 'the cases and the sentences they test'],
    ['palaver conform tcp://127.0.0.1 --html report.html', 'with every exchange, byte by byte'],
  ],
  options: {
    stdio: { value: 'COMMAND', help: 'test a client: the command starts its shim (spec chapter 19)' },
    profile: { value: 'NAME', multiple: true, help: `only ${PROFILES.join(', ')}` },
    case: { value: 'PREFIX', multiple: true, help: 'only cases whose name begins so' },
    list: { help: 'name the cases and do not run them' },
    seed: { value: 'N', help: 'the same numbers in each run (default: another each time)' },
    parallel: { value: 'N', help: `links at work at a time (default ${PARALLEL})` },
    setup: {
      value: 'NAME=ADDRESS',
      multiple: true,
      help: `a relay of the configuration ${SETUP_NAMES.slice(1).join(', ')}`,
    },
    restart: { value: 'COMMAND', help: 'a command that stops the relay and starts it again' },
    'expect-failures': { value: 'FILE', help: 'names of cases, one a line, that are known to fail' },
    junit: { value: 'FILE', help: 'write a JUnit report' },
    html: { value: 'FILE', help: 'write a page with all exchanges' },
    'operator-key': { help: 'print the key that the relay under test has as its operator' },
  },
  notes: [
    'A relay under test keeps the room lobby and has the key of --operator-key as an operator; spec ' +
      'chapter 19 says how the other configurations differ. Never test a relay that people use.',
    'The exit code is 10 when a case fails, or one passes that was expected to fail.',
  ],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  if (args.has('operator-key')) {
    writeLine(hexOf(keyPairOf(OPERATOR_SEED).publicKey))
    return EXIT.done
  }
  const cases = chosenCases(args)
  if (args.has('list')) {
    for (const { id, profile, requirements } of cases)
      writeLine([id, profile, ...requirements.map((each) => `${each}@${SENTENCES[each]}`)].join('  '))
    return EXIT.done
  }
  const shim = args.text('stdio')
  if (shim !== undefined) return report(args, [await runClient(args, shim, cases)])
  const [address] = args.positionals
  if (address === undefined || args.positionals.length > 1)
    throw usageError('conform takes one ADDRESS', 'see: palaver conform --help')
  const made = await runRelay(args, parseRelayAddress(address), cases)
  return report(args, [made])
}

function chosenCases(args: Arguments): Case[] {
  const profiles = args.all('profile').flatMap((text) => text.split(','))
  const wrong = profiles.find((profile) => !PROFILES.includes(profile as Profile))
  if (wrong !== undefined) throw usageError(`--profile ${wrong}: use ${PROFILES.join(', ')}`)
  const prefixes = args.all('case')
  const known = args.has('stdio')
    ? clientCases()
    : [...relayCases(), ...(args.has('list') ? clientCases() : [])]
  const chosen = known.filter(
    ({ id, profile }) =>
      (profiles.length === 0 || profiles.includes(profile)) &&
      (prefixes.length === 0 || prefixes.some((prefix) => id.startsWith(prefix))),
  )
  if (chosen.length === 0) throw usageError('no case is called so', 'see: palaver conform --list')
  return chosen
}

async function runClient(args: Arguments, command: string, cases: readonly Case[]): Promise<Run> {
  const seed = seedOption(args)
  const began = performance.now()
  const client = stdioClient(command)
  try {
    const results = await playClient(() => client, cases, { seed, keepsNotes: true })
    const elapsedMs = performance.now() - began
    const implementation = `--stdio ${JSON.stringify(command)}`
    const expected = expectedFailures(args)
    return { implementation, transport: 'stdio', seed, cases, results, elapsedMs, expected }
  } finally {
    client.stop()
  }
}

function seedOption(args: Arguments): number {
  const seed = args.text('seed')
  return seed === undefined ? randomSeed() : parseCount(seed, '--seed', 0, SEED_MAX)
}

async function runRelay(args: Arguments, address: RelayAddress, chosen: readonly Case[]): Promise<Run> {
  const transport = address.transport === 'tcp' ? tcpTransport : udpTransport()
  const cases = chosen.filter(({ transports }) => !transports || transports.includes(address.transport))
  const seed = seedOption(args)
  const began = performance.now()
  const addresses = { standard: address, ...setupAddresses(args, address.transport) }
  const command = args.text('restart')
  const results = await playAll(cases, {
    seed,
    salt: args.has('seed') ? '' : String(Date.now()),
    parallel: parseCount(args.text('parallel') ?? String(PARALLEL), '--parallel', 1, 1000),
    keepsNotes: true,
    arena: () =>
      socketArena({
        transport: transport as Parameters<typeof socketArena>[0]['transport'],
        addresses,
        restart: command === undefined ? undefined : async (setup) => restart(command, setup),
      }),
  })
  const elapsedMs = performance.now() - began
  const implementation = showRelayAddress(address)
  return {
    implementation,
    transport: address.transport,
    seed,
    cases,
    results,
    elapsedMs,
    expected: expectedFailures(args),
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number
}

function restart(command: string, setup: Setup): void {
  spawnSync(command, { shell: true, stdio: 'inherit', env: { ...process.env, PALAVER_SETUP: setup } })
}

function setupAddresses(args: Arguments, transport: NetworkTransport): Partial<Record<Setup, RelayAddress>> {
  const found: Partial<Record<Setup, RelayAddress>> = {}
  for (const text of args.all('setup')) {
    const [name = '', address = ''] = text.split('=')
    if (!SETUP_NAMES.includes(name as Setup) || address === '')
      throw usageError(`--setup ${text}: write NAME=ADDRESS`, `names: ${SETUP_NAMES.join(', ')}`)
    found[name as Setup] = parseRelayAddress(address, transport)
  }
  return found
}

function expectedFailures(args: Arguments): Set<string> {
  const path = args.text('expect-failures')
  if (path === undefined) return new Set()
  const lines = readText(path)
    .split('\n')
    .map((line) => line.replace(/#.*/u, '').trim())
  return new Set(lines.filter((line) => line !== ''))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw fileError(error, `read ${path}`)
  }
}

function report(args: Arguments, runs: readonly Run[]): number {
  const sentences = readSentences()
  const byId = new Map(sentences.map((each) => [each.id, each]))
  const junit = args.text('junit')
  if (junit !== undefined) writeFileSync(junit, junitOf(runs))
  const html = args.text('html')
  if (html !== undefined) writeFileSync(html, htmlOf(runs, sentences))
  if (args.has('json')) process.stdout.write(jsonOf(runs))
  else for (const made of runs) for (const line of consoleLines(made, byId)) writeLine(line)
  const failures = runs
    .map((made) => countsOf(made))
    .map((counts) => counts.failed + counts['unexpected-pass'])
  return failures.some((count) => count > 0) ? EXIT.nonconformant : EXIT.done
}

function readSentences(): Sentence[] {
  const path = join(import.meta.dirname, '..', '..', 'spec', 'generated', 'requirements.json')
  return (JSON.parse(readText(path)) as { requirements: Sentence[] }).requirements
}
