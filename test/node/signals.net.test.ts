/** Signals over real links: sockets, workers, and the library above them. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SIGNAL_KINDS } from '../../src/codec/index.ts'
import {
  ClientConnection,
  connect,
  ephemeralStore,
  identityOfSeed,
  type PalaverSignal,
  RelayServer,
  type SessionEvent,
  systemEntropy,
  udpTransport,
} from '../../src/node/index.ts'
import { LinkWorkers } from '../../src/node/link-workers.ts'
import { type Link, type LinkHandler, type Transport, tcpTransport } from '../../src/transport/index.ts'
import { WORKER_PROGRAM } from './worker-program.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const AGAIN_MS = 30
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(transport: Transport) {
  const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
  closing.push(() => server.close(100))
  return { server, address: await server.listen(transport, LOOPBACK) }
}

/** The same transport, which notes what comes outside the lanes. */
function watched(inner: Transport, lone: Uint8Array[]): Transport {
  const watch = (handler: LinkHandler): LinkHandler => ({
    onBytes: (lane, bytes) => handler.onBytes(lane, bytes),
    onUnreliable(lane, bytes) {
      lone.push(bytes)
      handler.onUnreliable?.(lane, bytes)
    },
    onWritable: () => handler.onWritable(),
    onEnd: () => handler.onEnd(),
    onClosed: (detail) => handler.onClosed(detail),
  })
  const onLinkOf = (onLink: (link: Link) => LinkHandler) => (link: Link) => watch(onLink(link))
  return { ...inner, dial: (to, onLink, options) => inner.dial(to, onLinkOf(onLink), options) }
}

async function person(name: string, transport: Transport, address: { host: string; port: number }) {
  const signals: string[] = []
  const onEvent = (event: SessionEvent): void => {
    if (event.kind === 'signal')
      signals.push(`${event.senderName}: ${event.signal.kind} ${event.signal.value}`)
  }
  const identity = identityOfSeed(systemEntropy(32))
  const about = { name, identity, clientId: systemEntropy(8), agent: 'test/1', timeoutMs: 20_000 }
  const connection = await ClientConnection.open({
    ...about,
    transport,
    address,
    takesSignals: true,
    onEvent,
  })
  closing.push(() => connection.close())
  const conversation = await connection.request({ type: 'join', room: 'lobby', options: 1 })
  return { connection, conversation, signals }
}

/** Does something again and again, because signals get lost, until the condition holds. */
async function until(isDone: () => boolean, again: () => void): Promise<void> {
  again()
  const timer = setInterval(again, AGAIN_MS)
  try {
    await vi.waitFor(() => expect(isDone()).toBe(true), { timeout: 20_000 })
  } finally {
    clearInterval(timer)
  }
}

describe.each(['tcp', 'udp', 'tcp by workers', 'udp by workers'])('over %s', (way) => {
  //= PAL-SIG-011
  test('a signal reaches the others, outside the lanes where the link has any', async () => {
    const [kind] = way.split(' ')
    const near = kind === 'tcp' ? tcpTransport : udpTransport()
    let far = near
    if (way.endsWith('workers')) {
      const workers = new LinkWorkers({ count: 2, program: WORKER_PROGRAM })
      closing.push(() => workers.close())
      far = kind === 'tcp' ? workers.tcpTransport() : workers.udpTransport()
    }
    const { server, address } = await serve(far)
    const lone: Uint8Array[] = []
    const alice = await person('alice', near, address)
    const bob = await person('bob', watched(near, lone), address)
    const say = (): void => {
      alice.connection.signal(alice.conversation, { kind: SIGNAL_KINDS.typing, value: 1 })
    }
    await until(() => bob.signals.length > 0, say)
    expect(new Set(bob.signals)).toEqual(new Set(['alice: 1 1']))
    expect(lone.length).toBe(kind === 'udp' ? bob.signals.length : 0)
    expect(alice.signals).toEqual([])
    expect(server.core.hub.signals.dropped).toBe(0)
  })
})

describe('the library', () => {
  test('tells programs what others signal, and signals for them', async () => {
    const { address } = await serve(tcpTransport)
    const heard: PalaverSignal[] = []
    const url = `tcp://127.0.0.1:${address.port}`
    await using alice = await connect(url, { nick: 'alice', e2ee: 'off', onSignal: () => {} })
    await using bob = await connect(url, { nick: 'bob', e2ee: 'off', onSignal: (each) => heard.push(each) })
    await using carol = await connect(url, { nick: 'carol' })
    await using ours = await alice.join('lobby')
    await using _theirs = await bob.join('lobby')
    await using silent = await carol.join('lobby')
    expect([ours.typing(), ours.read(3n), ours.signal(240, { body: Uint8Array.of(7) })]).toEqual([
      true,
      true,
      true,
    ])
    expect(silent.typing()).toBe(false)
    await vi.waitFor(() => expect(heard.length).toBe(3))
    expect(heard.map(({ from, room, kind, value }) => [from, room, kind, value])).toEqual([
      ['alice', 'lobby', 'typing', 1n],
      ['alice', 'lobby', 'read', 3n],
      ['alice', 'lobby', 'other', 0n],
    ])
    expect(heard[2]?.body).toEqual(Uint8Array.of(7))
  })

  //= PAL-SIG-018
  test('puts nothing into signals of a conversation that it seals', async () => {
    const { address } = await serve(tcpTransport)
    const url = `tcp://127.0.0.1:${address.port}`
    await using alice = await connect(url, { nick: 'alice', onSignal: () => {} })
    await using bob = await connect(url, { nick: 'bob' })
    const room = await alice.direct('bob')
    expect(room.typing()).toBe(true)
    expect(() => room.signal(240, { body: Uint8Array.of(7) })).toThrow(/not sealed/u)
    void bob
  })
})
