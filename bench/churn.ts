/**
 * Links that come and go: `npx tsx bench/churn.ts [--links 1000000]`. What is left of them in the relay's heap
 * and among its descriptors. Of ten, seven close at once or break off, one says `hello` and goes, one sends
 * what is no frame, and one opens a session, joins a room and leaves.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { identityOfSeed, systemEntropy } from '../src/node/primitives.ts'
import { RelayServer } from '../src/node/relay-server.ts'
import { ephemeralStore } from '../src/node/store.ts'
import { tcpTransport } from '../src/transport/tcp.ts'
import { readOptions, wholeNumber } from '../tools/options.ts'
import { sessionOver } from './session-over.ts'

const AT_ONCE = 64
/** People that come again and again: what a relay remembers of names is not what is looked for. */
const PEOPLE = AT_ONCE
/** Loopback addresses that links come from, so that ports do not run out. */
const SOURCES = 200
const WARM = 20_000
const REPORTS = 10
const SETTLE_MS = 3000
const MANY = 1_000_000_000

const values = readOptions('npx tsx bench/churn.ts [--links 1000000]', {
  links: { type: 'string', default: '1000000' },
  port: { type: 'string' },
})
const count = wholeNumber(values.links, 'links', WARM)
const identities = Array.from({ length: PEOPLE }, () => identityOfSeed(systemEntropy(32)))

/** Opens a session, joins and leaves on `socket`; it closes then. */
function talk(socket: Socket, who: number): void {
  const identity = identities[who] as (typeof identities)[number]
  const about = { name: `c${who}`, identity, clientId: identity.publicKey.slice(0, 8) }
  sessionOver(socket, about, (event, session) => {
    if (event.kind === 'ready') session.request({ type: 'join', room: `r${who}`, options: 0 })
    else if (event.kind === 'joined') session.close()
  })
}

function visit(port: number, index: number, who: number, onGone: () => void): void {
  const localAddress = `127.0.0.${1 + (index % SOURCES)}`
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
  socket.on('error', () => {})
  socket.on('close', onGone)
  const kind = index % 10
  if (kind === 0) return talk(socket, who)
  socket.resume()
  socket.on('connect', () => {
    if (kind === 1) socket.write(Buffer.from('0000000795010a0b0c0d0e0f', 'hex'), () => socket.destroy())
    else if (kind === 2) socket.write('GET / HTTP/1.1\r\n\r\n')
    else if (kind < 6) socket.end()
    else socket.resetAndDestroy()
  })
}

/** The process that visits; tells after each part of all visits. */
function crowd(port: number): void {
  let begun = 0
  let gone = 0
  const next = (who: number): void => {
    if (begun === count + WARM) return
    visit(port, begun++, who, () => {
      gone += 1
      const isPart = gone === WARM || (gone - WARM) % Math.floor(count / REPORTS) === 0
      if (gone >= WARM && isPart) process.send?.(gone - WARM)
      next(who)
    })
  }
  for (let who = 0; who < AT_ONCE; who++) next(who)
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Held {
  readonly heap: number
  readonly descriptors: number
}

function held(): Held {
  collect()
  return { heap: process.memoryUsage().heapUsed, descriptors: readdirSync('/proc/self/fd').length }
}

function show(what: string, { heap, descriptors }: Held): void {
  const resident = (process.memoryUsage().rss / 2 ** 20).toFixed(0)
  console.log(
    `${what}: heap ${(heap / 2 ** 20).toFixed(2)} MiB, ${descriptors} descriptors, RSS ${resident} MiB`,
  )
}

async function main(): Promise<void> {
  const rate = { handshakes: MANY, joinsPerSecond: MANY, joinsBurst: MANY, linksPerAddress: MANY }
  const relay = { name: 'churn', limits: rate, isExemptHost: () => true }
  const server = new RelayServer({ store: ephemeralStore(), relay })
  const { port } = await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })
  const startedAt = performance.now()
  const args = ['--links', String(count), '--port', String(port)]
  const child: ChildProcess = fork(import.meta.filename, args, { execArgv: process.execArgv })
  for (let done = -1; done < count; ) {
    done = ((await once(child, 'message')) as number[])[0] as number
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
    show(done === 0 ? `after ${WARM} to warm up` : `after ${done} more, ${seconds} s`, held())
  }
  child.kill()
  await new Promise((done) => setTimeout(done, SETTLE_MS))
  show('at rest', held())
  process.exit(0)
}

if (values.port === undefined) await main()
else crowd(wholeNumber(values.port, 'port', 1))
