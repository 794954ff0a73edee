/** `palaver serve`: a relay. */
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { TransportError } from '../base/errors.ts'
import {
  ADMIN_PORT,
  groupedFingerprint,
  hostPort,
  isLoopback,
  type NetworkTransport,
  parseRelayAddress,
  RELAY_PORT,
  relayFingerprint,
  showRelayAddress,
} from '../node/address.ts'
import { adminToken, listenAdmin } from '../node/admin.ts'
import { ConfigError, isKey, type RelayConfig, readConfig, WORKERS_MAX } from '../node/config.ts'
import type { LinkWorkers } from '../node/link-workers.ts'
import { keepNurserySmall } from '../node/nursery.ts'
import { stateFolder } from '../node/private-file.ts'
import { RelayServer } from '../node/relay-server.ts'
import { ephemeralStore, openStore, type RelayStore } from '../node/store.ts'
import { udpTransport } from '../node/udp-transport.ts'
import { tcpTransport } from '../transport/tcp.ts'
import type { Arguments, CommandSpec } from './args.ts'
import { CliError, EXIT, Interrupted, usageError } from './exit.ts'
import { clockText, warn, writeJson, writeLine } from './output.ts'
import { RelayLog } from './relay-log.ts'
import { readToken } from './token.ts'
import { tracedTransport } from './trace.ts'
import { udpTrace } from './trace-udp.ts'
import { parseCount } from './units.ts'
import { programVersion } from './version.ts'

const DRAIN_MS = 2000
const SESSIONS_MAX = 1_000_000
const STANDARD_ROOM = 'lobby'

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'serve',
  summary: 'run a relay',
  usage: ['palaver serve [-l ADDRESS]... [-c FILE] [OPTIONS]'],
  examples: [
    ['palaver serve', `TCP and UDP on port ${RELAY_PORT} of every IPv4 address`],
    ['palaver serve -l tcp://127.0.0.1', 'TCP, for this machine only'],
    ['palaver serve --limit 100 --name kitchen', 'at most 100 sessions'],
    ['palaver serve -c relay.toml --check-config', 'say whether the configuration is sound'],
  ],
  options: {
    listen: {
      short: 'l',
      value: 'ADDRESS',
      multiple: true,
      help: 'tcp:// or udp://, in place of the standard ones',
    },
    config: { short: 'c', value: 'FILE', help: 'configuration in TOML (PALAVER_CONFIG)' },
    limit: { value: 'N', help: 'sessions at the most' },
    workers: {
      value: 'N',
      help: 'processes that carry the links, for more than one core (default 1: no others)',
    },
    name: { value: 'NAME', help: 'what the relay calls itself (default: the host name)' },
    data: {
      value: 'DIR',
      help: 'where names, bans and keys are kept (default: $XDG_STATE_HOME/palaver/relay)',
    },
    ephemeral: { help: 'keep nothing: fresh keys, no names' },
    'token-file': { value: 'FILE', help: 'admit only who shows the token in this file (also PALAVER_TOKEN)' },
    operator: { value: 'KEY', multiple: true, help: 'a key that may moderate the relay (palaver id show)' },
    admin: {
      value: 'HOST:PORT',
      help: `where the administration listens (default 127.0.0.1:${ADMIN_PORT}), or off`,
    },
    'trace-frames': { help: 'tell every frame on standard error; of bodies only the length' },
    'trace-udp': {
      value: 'FILE',
      help: 'write every packet over UDP there, without contents (qlog, JSON-SEQ)',
    },
    'check-config': { help: 'check the configuration and end' },
  },
  notes: [
    'The configuration knows: name, listen, data_dir, workers; [limits] by the names of the specification; ' +
      '[auth] token_file, allow, operators; [rooms] permanent; [admin] listen. ' +
      'PALAVER__LIMITS__SESSIONS=5 stands for sessions = 5 in [limits]. Options win over the ' +
      'environment, that over the file.',
    'SIGINT or SIGTERM tells everybody goodbye and ends; a second one ends at once.',
  ],
}

/** Runs the command until a signal ends it. */
export async function run(args: Arguments): Promise<number> {
  if (args.positionals.length > 0)
    throw usageError(`serve takes no "${args.positionals[0]}"`, 'see: palaver serve --help')
  const settings = settingsOf(args)
  if (args.has('check-config')) {
    writeLine('the configuration is sound')
    return 0
  }
  const stopped = stopSignals()
  const relay = await startRelay(settings)
  const reason = await Promise.race([stopped.first, relay.failed])
  await stopRelay(relay, settings, stopped.second)
  throw reason
}

// ---- settings ---------------------------------------------------------------------------------

interface Listening {
  readonly transport: NetworkTransport
  readonly host: string
  readonly port: number
}

interface Settings {
  readonly config: RelayConfig
  readonly name: string
  readonly listen: readonly Listening[]
  /** Undefined for a relay that keeps nothing. */
  readonly dataDir: string | undefined
  readonly token: string | undefined
  readonly operators: ReadonlySet<string>
  readonly admin: Listening | undefined
  /** Whether the administration was asked for, rather than being there by default. */
  readonly adminWished: boolean
  readonly adminTokenPath: string
  /** Processes that carry the links; with 1 it is this one. */
  readonly workers: number
  readonly json: boolean
  readonly quiet: boolean
  readonly trace: boolean
  /** Where packets over UDP are written down. */
  readonly traceUdp: string | undefined
}

function settingsOf(args: Arguments): Settings {
  const config = configOf(args)
  const operators = args.all('operator')
  const bad = operators.find((key) => !isKey(key))
  if (bad !== undefined)
    throw usageError(`--operator: "${bad}" is not a key`, 'a key has 64 hexadecimal digits: palaver id show')
  const listen = args.has('listen')
    ? args.all('listen')
    : (config.listen ?? ['tcp://0.0.0.0', 'udp://0.0.0.0'])
  const dataDir = args.text('data') ?? config.dataDir
  const adminWish = args.text('admin') ?? config.admin
  return {
    config: withLimit(config, args.text('limit')),
    name: relayName(args.text('name') ?? config.name),
    listen: listen.map(listeningOf),
    dataDir: args.has('ephemeral') ? undefined : (dataDir ?? join(stateFolder(), 'relay')),
    token: tokenOf(args, config),
    operators: new Set([...config.operators, ...operators.map((key) => key.toLowerCase())]),
    admin: adminWish === 'off' ? undefined : adminAddress(adminWish ?? `127.0.0.1:${ADMIN_PORT}`),
    adminWished: adminWish !== undefined,
    adminTokenPath: join(dataDir ?? stateFolder(), 'admin.token'),
    workers: workersOf(args.text('workers'), config),
    json: args.has('json'),
    quiet: args.has('quiet'),
    trace: args.has('trace-frames'),
    traceUdp: args.text('trace-udp'),
  }
}

function configOf(args: Arguments): RelayConfig {
  try {
    return readConfig(args.text('config') ?? (process.env['PALAVER_CONFIG'] || undefined), process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CliError(
      EXIT.usage,
      'bad_config',
      error.message,
      'check again with: palaver serve -c FILE --check-config',
    )
  }
}

function withLimit(config: RelayConfig, limit: string | undefined): RelayConfig {
  if (limit === undefined) return config
  return { ...config, limits: { ...config.limits, sessions: parseCount(limit, '--limit', 1, SESSIONS_MAX) } }
}

function workersOf(wish: string | undefined, { workers = 1 }: RelayConfig): number {
  return wish === undefined ? workers : parseCount(wish, '--workers', 1, WORKERS_MAX)
}

function relayName(wish: string | undefined): string {
  const name = wish ?? hostname()
  if (name === '' || Buffer.byteLength(name) > 64) throw usageError('the name of a relay has 1 to 64 bytes')
  return name
}

function listeningOf(text: string): Listening {
  const { transport, host, port, room, fingerprint, alternatives } = parseRelayAddress(text)
  if (alternatives.length > 0) throw usageError(`-l ${text}: one address; give -l again for another`)
  if (!/^(tcp|udp):/u.test(text)) throw usageError(`-l ${text}: say tcp:// or udp://`)
  if (room !== undefined || fingerprint !== undefined) throw usageError(`-l ${text}: only a host and a port`)
  return { transport, host, port }
}

function adminAddress(text: string): Listening {
  const { host, port } = parseRelayAddress(`tcp://${text}`)
  if (!isLoopback(host))
    throw usageError(`--admin ${text}: the administration listens on this machine only`, 'use 127.0.0.1:PORT')
  return { transport: 'tcp', host, port }
}

function tokenOf(args: Arguments, config: RelayConfig): string | undefined {
  const file = args.text('token-file') ?? config.tokenFile
  const token = file === undefined ? process.env['PALAVER_TOKEN'] || undefined : readToken(file)
  if (token === '') throw usageError(`the token file ${file} is empty`)
  return token
}

// ---- running ----------------------------------------------------------------------------------

interface Relay {
  readonly server: RelayServer
  readonly log: RelayLog
  readonly admin: { close(): void } | undefined
  readonly workers: LinkWorkers | undefined
  /** Resolves when the store or the workers failed: nobody is served any more. */
  readonly failed: Promise<TransportError>
}

async function startRelay(settings: Settings): Promise<Relay> {
  keepNurserySmall()
  const { config, name, operators, token, dataDir } = settings
  const store = openRelayStore(dataDir)
  for (const record of store.damaged) warn(`the store in ${dataDir} is damaged: left out is ${record}`)
  const log = new RelayLog(settings)
  let fail: (error: TransportError) => void
  const failed = new Promise<TransportError>((resolve) => {
    fail = resolve
  })
  const server = new RelayServer({
    relay: {
      name,
      limits: config.limits,
      admission: { token, keys: config.allow && new Set(config.allow) },
      operators,
      rooms: config.rooms ?? [STANDARD_ROOM],
      isExemptHost: isLoopback,
    },
    store,
    onEvent: (event) => log.tell(event),
    onStorageFailed: (error) => fail(storageFailure(dataDir, error)),
  })
  const workers = await startWorkers(settings.workers, (error) => fail(error))
  try {
    const listening = await listenAll({ server, store, workers }, settings)
    const admin = await startAdmin({ server, workers }, settings, listening)
    announceStart(server, settings, listening, admin?.address)
    return { server, log, admin, workers, failed }
  } catch (error) {
    await server.close(0)
    await workers?.close()
    throw error
  }
}

async function startWorkers(
  count: number,
  fail: (error: TransportError) => void,
): Promise<LinkWorkers | undefined> {
  if (count === 1) return undefined
  const { LinkWorkers } = await import('../node/link-workers.ts')
  const onWorkerLost = (detail: string): void =>
    warn(`a worker ended (${detail}): its links are lost, and another takes its place`)
  return new LinkWorkers({ count, onWorkerLost, onFailed: fail })
}

function openRelayStore(dataDir: string | undefined): RelayStore {
  if (dataDir === undefined) return ephemeralStore()
  try {
    return openStore(dataDir)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new TransportError('io', `cannot open the store in ${dataDir}: ${why}`, error)
  }
}

function storageFailure(dataDir: string | undefined, error: unknown): TransportError {
  const why = error instanceof Error ? error.message : String(error)
  return new TransportError('io', `the store in ${dataDir} failed: ${why}`, error)
}

interface Parts {
  readonly server: RelayServer
  readonly workers: LinkWorkers | undefined
}

async function listenAll(
  { server, store, workers }: Parts & { readonly store: RelayStore },
  settings: Settings,
): Promise<Listening[]> {
  const listening: Listening[] = []
  const { linksPerAddress } = settings.config.limits
  const udpOptions = {
    staticSecret: store.secrets.linkSecret,
    // What the operator wishes for an address holds for either transport; the defaults differ.
    limits: linksPerAddress === undefined ? {} : { connectionsPerPrefix: linksPerAddress },
    onTrace: udpTrace(settings.traceUdp, 'server'),
  }
  const tcp = workers ? workers.tcpTransport() : tcpTransport
  const udp = workers ? workers.udpTransport(udpOptions) : udpTransport(udpOptions)
  for (const { transport: kind, host, port } of settings.listen) {
    const plain = kind === 'tcp' ? tcp : udp
    const traceLine = (line: string): void => {
      process.stderr.write(`${clockText(Date.now())} ${line}\n`)
    }
    const transport = settings.trace ? tracedTransport(plain, traceLine) : plain
    const taken = await server.listen(transport, { host: host === 'localhost' ? '127.0.0.1' : host, port })
    listening.push({ transport: kind, host, port: taken.port })
  }
  return listening
}

type AdminServer = Awaited<ReturnType<typeof listenAdmin>>

/** Another relay on this machine may hold the standard port: that is no reason not to serve. */
async function startAdmin(
  { server, workers }: Parts,
  settings: Settings,
  listening: readonly Listening[],
): Promise<AdminServer | undefined> {
  const { admin, adminWished, adminTokenPath, name } = settings
  if (!admin) return undefined
  const token = adminToken(adminTokenPath)
  const shown = listening.map(showRelayAddress)
  try {
    return await listenAdmin(admin, {
      server,
      workers,
      relayName: name,
      version: programVersion(),
      token,
      listening: shown,
    })
  } catch (error) {
    if (adminWished || !(error instanceof TransportError) || error.code !== 'address_in_use') throw error
    warn(`port ${admin.port} is in use: no administration here; choose a port with --admin 127.0.0.1:PORT`)
    return undefined
  }
}

async function stopRelay(relay: Relay, settings: Settings, second: Promise<never>): Promise<void> {
  if (settings.json) writeJson('stopping', {})
  else if (!settings.quiet) writeLine(`${clockText(Date.now())} stopping: everybody is told goodbye`)
  relay.admin?.close()
  await Promise.race([closeServer(relay), second])
}

async function closeServer({ server, workers }: Relay): Promise<void> {
  await server.close(DRAIN_MS)
  await workers?.close()
}

interface StopSignals {
  readonly first: Promise<Interrupted>
  readonly second: Promise<never>
}

function stopSignals(): StopSignals {
  let count = 0
  let settleFirst: (reason: Interrupted) => void
  const first = new Promise<Interrupted>((resolve) => {
    settleFirst = resolve
  })
  const second = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        count += 1
        const reason = new Interrupted(signal)
        if (count === 1) settleFirst(reason)
        else reject(reason)
      })
  })
  second.catch(() => {})
  return { first, second }
}

// ---- banner -----------------------------------------------------------------------------------

function announceStart(
  server: RelayServer,
  settings: Settings,
  listening: readonly Listening[],
  admin: { readonly host: string; readonly port: number } | undefined,
): void {
  const fingerprint = relayFingerprint(server.relayKey)
  const addresses = listening.map(showRelayAddress)
  if (settings.json) {
    const adminUrl = admin && `http://${hostPort(admin.host, admin.port)}/`
    return writeJson('listening', {
      name: settings.name,
      version: programVersion(),
      fingerprint,
      addresses,
      admin: adminUrl,
    })
  }
  if (settings.quiet) return
  const [room = STANDARD_ROOM] = settings.config.rooms ?? []
  writeLine(`palaver ${programVersion()}  relay "${settings.name}"   ${portsText(listening)}`)
  for (const [what, how] of joinLines(listening, fingerprint, room)) writeLine(`${what.padEnd(24)} ${how}`)
  writeLine(`${'fingerprint'.padEnd(24)} ${groupedFingerprint(fingerprint)}`)
  if (admin) {
    const url = `http://${hostPort(admin.host, admin.port)}/`
    writeLine(
      `${'administration'.padEnd(24)} palaver admin status   (${url}  token in ${settings.adminTokenPath})`,
    )
  }
  if (settings.dataDir === undefined)
    writeLine(`${'ephemeral'.padEnd(24)} keys and names are forgotten at the end`)
}

function portsText(listening: readonly Listening[]): string {
  const byPort = new Map<number, string[]>()
  for (const { transport, port } of listening) byPort.set(port, [...(byPort.get(port) ?? []), transport])
  return [...byPort].map(([port, kinds]) => `${[...new Set(kinds)].join('+')} ${port}`).join('  ')
}

/** What people type to join, from here and from elsewhere. */
function joinLines(listening: readonly Listening[], fingerprint: string, room: string): [string, string][] {
  const lines: [string, string][] = []
  const local = listening.find(
    ({ host, transport }) => transport === 'tcp' && (isAny(host) || isLoopback(host)),
  )
  if (local)
    lines.push(['join from this machine', `palaver chat tcp://127.0.0.1${portSuffix(local.port)} ${room}`])
  const sealed = listening.find(({ host, transport }) => transport === 'udp' && !isLoopback(host))
  const far = sealed ?? listening.find(({ host }) => !isLoopback(host))
  if (!far) return lines
  const host = isAny(far.host) ? outsideHost() : far.host
  if (host === undefined) return lines
  const via = far.transport === 'udp' ? '' : '?via=tcp'
  const place = (host.includes(':') ? `[${host}]` : host) + portSuffix(far.port)
  const link = `palaver://${fingerprint}@${place}/${encodeURIComponent(room)}${via}`
  lines.push(['join from elsewhere', `palaver chat '${link}'`])
  return lines
}

function portSuffix(port: number): string {
  return port === RELAY_PORT ? '' : `:${port}`
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** An address of this machine that others can reach, as far as it knows. */
function outsideHost(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}
