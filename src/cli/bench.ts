/** `palaver bench`: how fast a relay is, seen from here. */
import { randomBytes } from 'node:crypto'
import { showRelayAddress } from '../node/address.ts'
import { type Arguments, CLIENT_OPTIONS, type CommandSpec } from './args.ts'
import { BENCHES, type Bench, type BenchSettings, isBench } from './bench/benches.ts'
import { openStranger, targetOf } from './connect.ts'
import { usageError } from './exit.ts'
import { interruption } from './interrupt.ts'
import { writeJson, writeLine } from './output.ts'
import { parseCount, parseDuration } from './units.ts'

const CLIENTS_MAX = 10_000
const RATE_MAX = 1_000_000
const SIZE_MIN = 8
const SIZE_MAX = 61_440

const { nick: _nick, identity: _identity, ...REACHING } = CLIENT_OPTIONS

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'bench',
  summary: 'how fast a relay is',
  usage: ['palaver bench pub|fanout|latency|churn ADDRESS [OPTIONS]'],
  examples: [
    ['palaver bench pub tcp://127.0.0.1', 'messages that the relay takes each second'],
    ['palaver bench fanout tcp://127.0.0.1 --clients 100', 'deliveries to a room of 100'],
    ['palaver bench latency udp://192.0.2.7 --rate 50', 'from one member to another, 50 times a second'],
    ['palaver bench churn tcp://127.0.0.1 --clients 8', 'sessions opened, joined and ended each second'],
  ],
  options: {
    clients: { value: 'N', help: 'how many (pub 1, fanout 10, latency 2, churn 4)' },
    rate: { value: 'R', help: 'messages each second in all (latency 100; otherwise as fast as it goes)' },
    duration: { value: 'DURATION', help: 'how long to measure (default 5s)' },
    size: { value: 'BYTES', help: 'of each message (default 64)' },
    ...REACHING,
  },
  notes: [
    'Every client has a fresh identity and a name beginning with "bench", in rooms that end with it. ' +
      'A relay slows down each client that exceeds its rates. One that is started for a benchmark can lift ' +
      'them: PALAVER__LIMITS__SENDS_PER_SECOND=1000000, and the same for SENDS_BURST.',
    'All clients run in one process, which may be slower than the relay: with many of them the figures say ' +
      'how fast both are together.',
  ],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const [what, ...positionals] = args.positionals
  if (what === undefined || !isBench(what))
    throw usageError(`bench what: ${Object.keys(BENCHES).join(', ')}`, 'see: palaver bench --help')
  const { address, words } = targetOf(args, positionals)
  if (words.length > 0) throw usageError(`bench takes no "${words[0]}"`, 'see: palaver bench --help')
  const bench: Bench = BENCHES[what]
  const mark = randomBytes(4).toString('hex')
  const settings: BenchSettings = {
    ...settingsOf(args, bench),
    room: `bench-${mark}`,
    open: (index, onEvent) => openStranger(args, address, `bench-${mark}-${index}`, onEvent),
  }
  const result = await Promise.race([bench.run(settings), interruption()])
  const { clients, sizeBytes } = settings
  const shown = { what, address: showRelayAddress(address), clients, size: sizeBytes, ...result.fields }
  if (args.has('json')) writeJson('bench', shown)
  else {
    writeLine(`${what}: ${clients} clients, ${sizeBytes} bytes, ${shown.address}`)
    for (const line of result.lines) writeLine(`  ${line}`)
  }
  return 0
}

function settingsOf(args: Arguments, bench: Bench): Omit<BenchSettings, 'room' | 'open'> {
  const { clientsMin, clientsStandard, rateStandard } = bench
  const [clients, rate] = [args.text('clients'), args.text('rate')]
  return {
    clients:
      clients === undefined ? clientsStandard : parseCount(clients, '--clients', clientsMin, CLIENTS_MAX),
    rate: rate === undefined ? rateStandard : parseCount(rate, '--rate', 1, RATE_MAX),
    durationMs: parseDuration(args.text('duration') ?? '5s', '--duration'),
    sizeBytes: parseCount(args.text('size') ?? '64', '--size', SIZE_MIN, SIZE_MAX),
  }
}
