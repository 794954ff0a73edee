/**
 * Links that never shake hands: `npx tsx bench/half-open.ts [--links 5000]`. How long the relay keeps them,
 * what each costs it, and what somebody honest notices meanwhile.
 */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { ClientConnection, identityOfSeed, systemEntropy } from '../src/node/index.ts'
import { tcpTransport } from '../src/transport/index.ts'
import { readOptions, wholeNumber } from '../tools/options.ts'
import { Server } from './server.ts'

const MAIN = join(import.meta.dirname, '../dist/cli/main.js')
const MESSAGE_MS = 5
const QUIET_MS = 5000
const LIMITS = { PALAVER__LIMITS__HANDSHAKES: '100000', PALAVER__LIMITS__SENDS_PER_SECOND: '1000000' }
/** Connections that are being opened at the same time. */
const AT_ONCE = 256

const values = readOptions('npx tsx bench/half-open.ts [--links 5000]', {
  links: { type: 'string', default: '5000' },
  crowd: { type: 'string' },
})
const count = wholeNumber(values.links, 'links', 1)

/** The process that opens links; tells when all are open and when the relay has closed the last of them. */
function crowd(port: number): void {
  let opened = 0
  let closed = 0
  const next = (): void => {
    if (opened === count) return
    opened += 1
    const socket: Socket = connect(port, '127.0.0.1', next)
    socket.resume()
    socket.on('error', () => {})
    socket.on('close', () => {
      closed += 1
      if (closed === count) process.send?.('closed', () => process.exit(0))
    })
  }
  for (let i = 0; i < AT_ONCE; i++) next()
}

function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
}

/** Talks to itself until told to stop; the round trips in milliseconds, sorted. */
async function talk(client: ClientConnection, isOver: () => boolean): Promise<number[]> {
  const room = await client.request({ type: 'join', room: `r${performance.now()}`, options: 0 })
  const times: number[] = []
  while (!isOver()) {
    const sentAt = performance.now()
    await client.send(room, 0, new Uint8Array(64))
    times.push(performance.now() - sentAt)
    await new Promise((done) => setTimeout(done, MESSAGE_MS))
  }
  return times.sort((a, b) => a - b)
}

async function main(): Promise<void> {
  const server = await Server.start(
    ({ port }) => ({
      command: process.execPath,
      args: [MAIN, 'serve', '-l', `tcp://127.0.0.1:${port}`, '--admin', 'off', '--quiet', '--ephemeral'],
      env: LIMITS,
    }),
    undefined,
  )
  const client = await ClientConnection.open({
    transport: tcpTransport,
    address: { host: '127.0.0.1', port: server.port },
    name: 'honest',
    identity: identityOfSeed(systemEntropy(32)),
    clientId: systemEntropy(8),
    agent: 'bench/1',
    timeoutMs: 5000,
    onEvent: () => {},
  })
  const until = performance.now() + QUIET_MS
  const quiet = await talk(client, () => performance.now() > until)
  const before = residentBytes(server.pid)
  let most = before
  let endedAt: number | undefined
  const startedAt = performance.now()
  const child = fork(import.meta.filename, ['--links', String(count), '--crowd', String(server.port)])
  child.on('message', () => {
    endedAt = performance.now()
  })
  const busy = await talk(client, () => {
    most = Math.max(most, residentBytes(server.pid))
    return endedAt !== undefined
  })
  console.log(`honest alone: p50 ${at(quiet, 0.5)} p99 ${at(quiet, 0.99)} ms`)
  console.log(`beside ${count} links that say nothing: p50 ${at(busy, 0.5)} p99 ${at(busy, 0.99)} ms`)
  const seconds = (((endedAt as number) - startedAt) / 1000).toFixed(1)
  console.log(`gone ${seconds} s after the first came; ${Math.round((most - before) / count)} bytes each`)
  client.close()
  await server.stop()
}

if (values.crowd === undefined) await main()
else crowd(wholeNumber(values.crowd, 'crowd', 1))
