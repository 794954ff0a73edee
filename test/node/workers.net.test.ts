/** Links that workers carry, and workers that end when they should not: real processes, killed by number. */
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Address, TransportError } from '../../src/base/index.ts'
import {
  ClientConnection,
  ephemeralStore,
  identityOfSeed,
  RelayServer,
  type SessionEvent,
  systemEntropy,
  udpTransport,
} from '../../src/node/index.ts'
import { LinkWorkers, type LinkWorkersOptions } from '../../src/node/link-workers.ts'
import { type Link, type Transport, tcpTransport } from '../../src/transport/index.ts'
import { WORKER_PROGRAM } from './worker-program.ts'

const LOOPBACK: Address = { host: '127.0.0.1', port: 0 }
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function startWorkers(options: Partial<LinkWorkersOptions> = {}): LinkWorkers {
  const workers = new LinkWorkers({ count: 2, program: WORKER_PROGRAM, ...options })
  closing.push(() => workers.close())
  return workers
}

/** Turns of the workers after which nothing is expected to change by itself. */
const TURNS = 20

/** Rates that no test of something else meets. */
const FAST = { sendsPerSecond: 1e6, sendsBurst: 1e6 }

async function serve(transport: Transport) {
  const server = new RelayServer({ relay: { name: 'test', limits: FAST }, store: ephemeralStore() })
  closing.push(() => server.close(100))
  return { server, address: await server.listen(transport, LOOPBACK) }
}

/** Bodies of the messages that came, as numbers, with their places in the log. */
interface Heard {
  readonly bodies: number[]
  readonly seqs: number[]
}

async function person(name: string, transport: Transport, address: Address) {
  const heard: Heard = { bodies: [], seqs: [] }
  const onEvent = (event: SessionEvent): void => {
    if (event.kind !== 'message') return
    heard.bodies.push(Number(Buffer.from(event.message.body).toString()))
    heard.seqs.push(event.message.seq)
  }
  const identity = identityOfSeed(systemEntropy(32))
  const about = { name, identity, clientId: systemEntropy(8), agent: 'test/1', timeoutMs: 20_000 }
  const connection = await ClientConnection.open({ ...about, transport, address, redials: true, onEvent })
  closing.push(() => connection.close())
  const { number } = await connection.request({ type: 'join', room: 'lobby', options: 0 })
  return { connection, heard, number }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('a link that a worker carries', () => {
  test('holds its writer back while nobody reads, and loses nothing', async () => {
    const workers = startWorkers()
    let far: Link | undefined
    let writableCount = 0
    const listener = await workers.tcpTransport().listen(LOOPBACK, (link) => {
      far = link
      const onWritable = (): void => {
        writableCount += 1
      }
      return { onBytes() {}, onWritable, onEnd() {}, onClosed() {} }
    })
    closing.push(() => listener.close())
    const near: Socket = connect(listener.address.port, LOOPBACK.host)
    closing.push(() => near.resetAndDestroy())
    near.pause()
    await vi.waitFor(() => expect(far).toBeDefined())
    const link = far as Link
    let written = 0
    for (let turns = 0; turns < TURNS; turns++) {
      for (; link.writable; written += 65_536, turns = 0) link.write(0, new Uint8Array(65_536))
      await workers.report()
    }
    expect(written).toBeLessThan(16 * 1024 * 1024)
    let received = 0
    near.on('data', (chunk) => {
      received += chunk.length
    })
    near.resume()
    await vi.waitFor(() => expect([received, link.writable]).toEqual([written, true]))
    expect(writableCount).toBeGreaterThan(0)
  })

  test('is read no further than the relay handles, however many bytes its peer has', async () => {
    const workers = startWorkers()
    let received = 0
    let far: Link | undefined
    const listener = await workers.tcpTransport().listen(LOOPBACK, (link) => {
      far = link
      const onBytes = (_: number, chunk: Uint8Array): void => {
        received += chunk.length
      }
      return { onBytes, onWritable() {}, onEnd() {}, onClosed() {} }
    })
    closing.push(() => listener.close())
    const near = connect(listener.address.port, LOOPBACK.host)
    closing.push(() => near.resetAndDestroy())
    await vi.waitFor(() => expect(far).toBeDefined())
    ;(far as Link).pause()
    near.write(new Uint8Array(32 * 1024 * 1024))
    for (let turns = 0; turns < TURNS; turns++) await workers.report()
    // What was on its way when the pause was ordered.
    expect(received).toBeLessThan(256 * 1024)
    ;(far as Link).resume()
    await vi.waitFor(() => expect(received).toBe(32 * 1024 * 1024), { timeout: 10_000 })
  })

  test('tells what it counted, over datagrams, once it was asked', async () => {
    const workers = startWorkers()
    const { server, address } = await serve(workers.udpTransport())
    await person('alice', udpTransport(), address)
    const { memoryBytes } = await workers.report()
    const [link] = server.core.hub.links
    expect(link?.owner.stats?.packetsReceived).toBeGreaterThan(1)
    expect(memoryBytes).toBeGreaterThan(20 * 1024 * 1024)
  })

  test.each(['tcp', 'udp'] as const)('an address that is in use is told as ever: %s', async (kind) => {
    const workers = startWorkers()
    const carried = kind === 'tcp' ? workers.tcpTransport() : workers.udpTransport()
    const plain = kind === 'tcp' ? tcpTransport : udpTransport()
    const handler = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} }
    const taken = await plain.listen(LOOPBACK, () => handler)
    closing.push(() => taken.close())
    await expect(carried.listen(taken.address, () => handler)).rejects.toMatchObject({
      name: 'TransportError',
      code: 'address_in_use',
      message: expect.stringMatching(/^\[address_in_use\] cannot listen/u),
    })
  })
})

describe('a worker that ends', () => {
  test('takes its links along and nothing else: clients come back, nothing is lost or doubled', async () => {
    const lost: string[] = []
    const workers = startWorkers({ onWorkerLost: (detail) => lost.push(detail) })
    const { address } = await serve(workers.tcpTransport())
    const alice = await person('alice', tcpTransport, address)
    const bob = await person('bob', tcpTransport, address)
    // Both carry links: connections go to the worker that has the fewest.
    const [first, second] = workers.pids as [number, number]
    const sends: Promise<unknown>[] = []
    const say = (from: number, to: number): void => {
      for (let i = from; i < to; i++)
        sends.push(alice.connection.send(alice.number, 0, Buffer.from(String(i))))
    }
    say(0, 100)
    process.kill(first, 'SIGKILL')
    say(100, 200)
    await vi.waitFor(() => expect(lost).toEqual(['SIGKILL']), { timeout: 15_000 })
    process.kill(second, 'SIGKILL')
    say(200, 300)
    await Promise.all(sends)
    await vi.waitFor(() => expect(bob.heard.bodies.length).toBe(300), { timeout: 10_000 })
    expect(bob.heard.bodies).toEqual(range(300))
    expect(bob.heard.seqs).toEqual(bob.heard.seqs.toSorted((a, b) => a - b))
    expect(lost.length).toBe(2)
    expect(workers.pids).not.toContain(first)
  })

  test('is followed by another also when it does not end but hangs', async () => {
    const lost: string[] = []
    const workers = startWorkers({ watchMs: 500, onWorkerLost: (detail) => lost.push(detail) })
    const { address } = await serve(workers.tcpTransport())
    const alice = await person('alice', tcpTransport, address)
    const bob = await person('bob', tcpTransport, address)
    const [first] = workers.pids as [number, number]
    process.kill(first, 'SIGSTOP')
    const sent = alice.connection.send(alice.number, 0, Buffer.from('1'))
    await vi.waitFor(() => expect(workers.pids).not.toContain(first), { timeout: 20_000 })
    expect(lost).toContain('it did not answer')
    await sent
    await vi.waitFor(() => expect(bob.heard.bodies).toEqual([1]), { timeout: 15_000 })
  })

  test('is followed by another on the same port, over datagrams', async () => {
    const workers = startWorkers()
    const { server, address } = await serve(workers.udpTransport())
    await person('alice', udpTransport(), address)
    for (const pid of workers.pids) process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(server.core.hub.links.size).toBe(0), { timeout: 15_000 })
    const bob = await person('bob', udpTransport(), address)
    await bob.connection.send(bob.number, 0, Buffer.from('1'))
    // Alice comes back too, when her link has noticed.
    expect([...server.core.hub.sessions.values()].map(({ name }) => name)).toContain('bob')
  })

  test('leaves nothing of connections that come and go before the next one hears', async () => {
    const lost: string[] = []
    const workers = startWorkers({ onWorkerLost: (detail) => lost.push(detail) })
    const open = new Set<Link>()
    let opened = 0
    const listener = await workers.tcpTransport().listen(LOOPBACK, (link) => {
      opened += 1
      open.add(link)
      return {
        onBytes() {},
        onWritable() {},
        onEnd: () => link.end(),
        onClosed: () => void open.delete(link),
      }
    })
    for (const pid of workers.pids) process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(lost.length).toBe(2), { timeout: 15_000 })
    for (let i = 0; i < 4; i++) {
      const near = connect(listener.address.port, LOOPBACK.host)
      await new Promise<void>((done) => near.once('connect', done))
      if (i % 2 === 0) near.destroy()
      else near.resetAndDestroy()
    }
    const last = connect(listener.address.port, LOOPBACK.host)
    closing.push(() => last.resetAndDestroy())
    await vi.waitFor(() => expect(open.size).toBe(1), { timeout: 15_000 })
    last.resetAndDestroy()
    await vi.waitFor(() => expect(open.size).toBe(0), { timeout: 15_000 })
    expect(opened).toBeGreaterThanOrEqual(1)
    await listener.close()
  })

  test('again and again ends the relay, with the reason', { timeout: 60_000 }, async () => {
    const errors: TransportError[] = []
    const workers = startWorkers({ onFailed: (error) => errors.push(error) })
    for (let i = 0; i < 6; i++) {
      const pid = workers.pids[0] as number
      process.kill(pid, 'SIGKILL')
      if (i < 5) await vi.waitFor(() => expect(workers.pids[0]).not.toBe(pid), { timeout: 15_000 })
    }
    await vi.waitFor(() => expect(errors.length).toBe(1), { timeout: 15_000 })
    expect(errors[0]).toMatchObject({ code: 'io', message: '[io] 6 workers ended within 60 s: SIGKILL' })
  })
})
