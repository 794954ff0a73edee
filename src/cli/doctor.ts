/** `palaver doctor`: the way to a relay over each transport, as a client sees it. */
import { hexOf } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import {
  groupedFingerprint,
  isLoopback,
  type NetworkTransport,
  type RelayAddress,
  relayFingerprint,
  showRelayAddress,
} from '../node/address.ts'
import { ClientConnection } from '../node/client-connection.ts'
import { monotonicNow } from '../node/clock.ts'
import { openIdentity, type StoredIdentity } from '../node/identity-file.ts'
import { knownRelay } from '../node/known-relays.ts'
import { addressesOf, reachOf } from '../node/relay-transport.ts'
import type { LinkStats } from '../transport/transport.ts'
import { type Arguments, CLIENT_OPTIONS, type CommandSpec } from './args.ts'
import { close, TIMEOUT_DEFAULT, targetOf, tokenOf } from './connect.ts'
import { EXIT, usageError } from './exit.ts'
import { type Failure, failureOf } from './failure.ts'
import { interruption } from './interrupt.ts'
import { columns } from './listing.ts'
import { writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'
import { udpTrace } from './trace-udp.ts'
import { parseCount, parseDuration } from './units.ts'
import { programVersion } from './version.ts'

/** Apart from the person's own identities: a second session of one of those would end the first. */
const IDENTITY = 'doctor'
const NICK_DIGITS = 8
const PINGS_DEFAULT = '30'
const PINGS_MAX = 1000
const PING_INTERVAL_MS = 30
/** IPv4 and UDP heads around a datagram. */
const UDP_HEADS_BYTES = 28
/** A clock that is off by more makes times of messages doubtful. */
const CLOCK_DOUBTFUL_MS = 5000

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'doctor',
  summary: 'look at the way to a relay, over each transport',
  usage: ['palaver doctor ADDRESS [OPTIONS]'],
  examples: [
    ['palaver doctor 127.0.0.1', 'UDP and TCP at the standard port'],
    ['palaver doctor udp://chat.example:99,tcp://chat.example', 'these two'],
    ["palaver doctor 'palaver://k7q2...@chat.example' --json", 'one JSON object per transport'],
  ],
  options: {
    count: { short: 'n', value: 'COUNT', help: `pings over each transport (default ${PINGS_DEFAULT})` },
    ...CLIENT_OPTIONS,
  },
  notes: [
    'An address with a transport is looked at over that one only; any other over UDP and TCP. The ' +
      'session is opened with an identity of its own, so that no chat is disturbed, and no key is ' +
      'kept or changed. The loss is that of packets on the way to the relay, over UDP only.',
    'Exit code 0 when one transport at least is in order; 4 when a relay showed another key than ' +
      'expected; otherwise the code of the first failure, 3 when nobody answers.',
  ],
}

/** What was found over one transport. */
interface Finding {
  readonly address: RelayAddress
  /** From the first packet to the open link and session. */
  readonly openMs: number
  readonly pingsMs: readonly number[]
  readonly stats: LinkStats | undefined
  readonly seenAs: string
  readonly relayName: string
  readonly fingerprint: string
  readonly trust: 'known' | 'new' | 'changed'
  /** The relay's clock minus ours. */
  readonly clockMs: number
}

type Outcome = Finding | { readonly address: RelayAddress; readonly failure: Failure }

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const { address: target, words } = targetOf(args)
  if (words.length > 0) throw usageError(`doctor takes no "${words[0]}"`)
  const interrupted = interruption()
  const examination = new Examination(args, target)
  const outcomes: Outcome[] = []
  for (const address of placesOf(args, target)) {
    const outcome = await Promise.race([examination.look(address), interrupted])
    outcomes.push(outcome)
    if (args.has('json')) writeJson('transport', fieldsOf(outcome))
    else for (const line of linesOf(outcome)) writeLine(line)
  }
  return exitOf(outcomes)
}

/** The addresses to look at: those given, or where no transport is named the place over all transports. */
function placesOf(args: Arguments, target: RelayAddress): RelayAddress[] {
  const given = args.positionals[0] ?? ''
  const named = /^(?:tcp|udp):|[?&]via=/u.test(given) || given.includes(',') || args.has('transport')
  const transports: readonly NetworkTransport[] = ['udp', 'tcp']
  return named ? addressesOf(target, undefined) : transports.map((transport) => ({ ...target, transport }))
}

class Examination {
  readonly #args: Arguments
  readonly #target: RelayAddress
  readonly #stored: StoredIdentity
  readonly #timeoutMs: number
  readonly #count: number
  readonly #onTrace: ReturnType<typeof udpTrace>

  constructor(args: Arguments, target: RelayAddress) {
    this.#args = args
    this.#target = target
    const identity = args.text('identity') ?? IDENTITY
    this.#stored = openIdentity({ identity, nick: args.text('nick') })
    const timeout = args.text('timeout') ?? process.env['PALAVER_TIMEOUT'] ?? TIMEOUT_DEFAULT
    this.#timeoutMs = parseDuration(timeout, '--timeout')
    this.#count = parseCount(args.text('count') ?? PINGS_DEFAULT, '-n', 1, PINGS_MAX)
    this.#onTrace = udpTrace(args.text('trace-udp'), 'client')
  }

  async look(address: RelayAddress): Promise<Outcome> {
    let connection: ClientConnection | undefined
    let key: Uint8Array | undefined
    const startedAt = monotonicNow()
    try {
      connection = await this.#open(address, (shown) => {
        key = shown
      })
      const openMs = monotonicNow() - startedAt
      const openedAt = Date.now()
      const pingsMs = await this.#ping(connection)
      const { address: seenAs, relayName, relayKey, timeMs } = connection.facts
      const fingerprint = relayFingerprint(relayKey)
      const clockMs = timeMs + median(pingsMs) / 2 - openedAt
      const { linkStats: stats } = connection
      const trust = this.#trust(address, fingerprint)
      return { address, openMs, pingsMs, stats, seenAs, relayName, fingerprint, trust, clockMs }
    } catch (error) {
      if (error instanceof UsageError) throw error
      const failure = failureOf(error)
      const shown = key === undefined ? '' : ` (relay ${groupedFingerprint(relayFingerprint(key))})`
      return { address, failure: { ...failure, message: failure.message + shown } }
    } finally {
      if (connection) await close(connection)
    }
  }

  async #open(address: RelayAddress, onKey: (key: Uint8Array) => void): Promise<ClientConnection> {
    const { identity, clientId, nick, label } = this.#stored
    const isOwn = label === IDENTITY && this.#args.text('nick') === undefined
    const isReadable = address.transport === 'tcp' && !isLoopback(address.host) && !this.#args.has('insecure')
    return ClientConnection.open({
      ...(await reachOf([address], { onTrace: this.#onTrace })),
      name: isOwn ? `${IDENTITY}-${hexOf(identity.publicKey).slice(0, NICK_DIGITS)}` : nick,
      identity,
      clientId,
      agent: `palaver-doctor/${programVersion()}`,
      //= PAL-SEC-002
      token: isReadable ? undefined : tokenOf(this.#args),
      allowsPlainToken: this.#args.has('insecure'),
      isRelayKey(key) {
        onKey(key)
        return true
      },
      timeoutMs: this.#timeoutMs,
      onEvent() {},
    })
  }

  async #ping(connection: ClientConnection): Promise<number[]> {
    const times: number[] = []
    const pings: Promise<void>[] = []
    for (let i = 0; i < this.#count; i++) {
      const sentAt = monotonicNow()
      const answered = connection.fence(0).then(() => void times.push(monotonicNow() - sentAt))
      answered.catch(() => {})
      pings.push(answered)
      await new Promise((done) => setTimeout(done, PING_INTERVAL_MS))
    }
    await Promise.race([Promise.all(pings), connection.closed])
    await Promise.all(pings.map((ping) => ping.catch(() => {})))
    return times.sort((a, b) => a - b)
  }

  #trust(address: RelayAddress, fingerprint: string): Finding['trust'] {
    const known = knownRelay(address)
    const expected = this.#target.fingerprint ?? (known && relayFingerprint(known.key))
    if (expected === undefined) return 'new'
    return expected === fingerprint ? 'known' : 'changed'
  }
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function exitOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some((each) => !('failure' in each) && each.trust === 'changed')) return EXIT.untrusted
  const [first] = outcomes
  if (outcomes.some((each) => !('failure' in each)) || first === undefined) return EXIT.done
  return 'failure' in first ? first.failure.exit : EXIT.done
}

// ---- showing ----------------------------------------------------------------------------------

function fieldsOf(outcome: Outcome): Readonly<Record<string, unknown>> {
  const address = showRelayAddress(outcome.address)
  const { transport } = outcome.address
  if ('failure' in outcome) {
    const { code, message } = outcome.failure
    return { transport, address, reachable: false, code, message }
  }
  const { openMs, pingsMs, stats, seenAs, relayName, fingerprint, trust, clockMs } = outcome
  return {
    transport,
    address,
    reachable: true,
    sealed: transport === 'udp',
    openMs: round(openMs),
    pings: pingsMs.length,
    rttMs: round(median(pingsMs)),
    rttMsMin: round(pingsMs[0] ?? Number.NaN),
    rttMsMax: round(pingsMs.at(-1) ?? Number.NaN),
    packetsSent: stats?.packetsSent,
    packetsLost: stats?.packetsLost,
    mtuBytes: stats && stats.datagramBytes + UDP_HEADS_BYTES,
    mtuBytesBelow: stats?.datagramBytesRefused ? stats.datagramBytesRefused + UDP_HEADS_BYTES : undefined,
    seenAs,
    relay: relayName,
    fingerprint,
    trust,
    clockMs: Math.round(clockMs),
  }
}

const TRUST_WORDS: Readonly<Record<Finding['trust'], string>> = {
  known: 'the one expected ✓',
  new: 'not met before',
  changed: 'NOT the one expected !',
}

function linesOf(outcome: Outcome): string[] {
  const head = showRelayAddress(outcome.address)
  if ('failure' in outcome) {
    const { message, hint } = outcome.failure
    return [`${head}  ! ${message}`, ...(hint === '' ? [] : [`  ${hint}`])]
  }
  const { openMs, pingsMs, stats, relayName, fingerprint, trust, seenAs, address } = outcome
  const [least = Number.NaN] = pingsMs
  const range = `${least.toFixed(1)} to ${(pingsMs.at(-1) ?? Number.NaN).toFixed(1)}, ${pingsMs.length} pings`
  const rows = [
    ['session opened in', `${openMs.toFixed(0)} ms`],
    ['round trip', `${median(pingsMs).toFixed(1)} ms  (${range})`],
    ['loss', lossText(stats)],
    ['MTU', mtuText(stats)],
    ['you appear as', printable(seenAs)],
    ['relay', `"${printable(relayName)}"  ${groupedFingerprint(fingerprint)}  ${TRUST_WORDS[trust]}`],
    ['clock', clockText(outcome.clockMs)],
    ['sealed', address.transport === 'udp' ? 'yes' : 'no: everybody on the way can read it'],
  ]
  return [`${head}  ✓`, ...columns(rows).map((line) => `  ${line}`)]
}

function lossText(stats: LinkStats | undefined): string {
  if (!stats) return 'repaired by the kernel, which does not tell'
  return `${stats.packetsLost} of ${stats.packetsSent} packets`
}

function mtuText(stats: LinkStats | undefined): string {
  if (!stats) return 'found by the kernel'
  const { datagramBytes, datagramBytesRefused } = stats
  const below = datagramBytesRefused > 0 ? `, less than ${datagramBytesRefused + UDP_HEADS_BYTES}` : ''
  return `${datagramBytes + UDP_HEADS_BYTES} bytes at least${below} (datagrams of ${datagramBytes})`
}

function clockText(clockMs: number): string {
  const off = Math.abs(Math.round(clockMs))
  const doubt = off > CLOCK_DOUBTFUL_MS ? '  ! times of messages will look wrong' : ''
  return `${off} ms ${clockMs >= 0 ? 'ahead of' : 'behind'} ours${doubt}`
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
