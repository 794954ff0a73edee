/** Peers that do not play along: none of them may keep a socket, a promise or the process. */
import { createServer, Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { utf8Bytes } from '../../src/base/index.ts'
import { LIMITS } from '../../src/codec/index.ts'
import {
  ClientConnection,
  ephemeralStore,
  identityOfSeed,
  type OpenOptions,
  RelayServer,
  type RelayServerOptions,
  systemEntropy,
} from '../../src/node/index.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import {
  type Link,
  type LinkHandler,
  memTransport,
  type Transport,
  tcpTransport,
} from '../../src/transport/index.ts'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Rates that no test of something else meets. */
const FAST = { sendsPerSecond: 1e6, sendsBurst: 1e6 }

async function serve(transport: Transport, relay: Partial<RelayServerOptions['relay']> = {}) {
  const server = new RelayServer({
    relay: { name: 'test', limits: FAST, ...relay },
    store: ephemeralStore(),
  })
  closing.push(() => server.close(100))
  return { server, address: await server.listen(transport, { host: '127.0.0.1', port: 0 }) }
}

function open(options: Pick<OpenOptions, 'transport' | 'address' | 'name'> & Partial<OpenOptions>) {
  return ClientConnection.open({
    identity: identityOfSeed(systemEntropy(32)),
    clientId: systemEntropy(8),
    agent: 'test/1',
    timeoutMs: 5000,
    onEvent: () => {},
    ...options,
  })
}

const tcpSockets = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length

/** Something that others can wait for. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/**
 * A TCP proxy that can stop carrying bytes to the client, and end its side of the connection to the relay.
 */
async function proxyTo(port: number) {
  const ends: { readonly near: Socket; readonly far: Socket }[] = []
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = new Socket({ allowHalfOpen: true })
    far.connect(port, '127.0.0.1')
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', (bytes) => near.write(bytes))
    near.on('error', () => {})
    far.on('error', () => {})
    ends.push({ near, far })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => {
    for (const { near, far } of ends) {
      near.destroy()
      far.destroy()
    }
    server.close()
  })
  return { port: (server.address() as { port: number }).port, ends }
}

describe('a reader that stops and then ends its side', () => {
  test('is cut when it had its time to take the rest, and its socket is free', async () => {
    const limits = { lingerMs: 300, outboundBytes: 64 * 1024 * 1024 }
    const { server, address } = await serve(tcpTransport, { limits })
    const proxy = await proxyTo(address.port)
    const transport = tcpTransport
    const bob = await open({ transport, address: { host: '127.0.0.1', port: proxy.port }, name: 'bob' })
    await bob.request({ type: 'join', room: 'lobby', options: 0 })
    const alice = await open({ transport, address, name: 'alice' })
    const room = await alice.request({ type: 'join', room: 'lobby', options: 0 })
    const { far } = proxy.ends[0] as { readonly far: Socket }
    far.pause()
    const [stuck] = [...server.core.hub.links].filter((link) => link.session?.name === 'bob')
    while ((stuck?.queuedBytes ?? 0) < 1_000_000) await alice.send(room.number, 0, new Uint8Array(60_000))
    const before = tcpSockets()
    far.end()
    await vi.waitFor(() => expect(server.core.hub.sessions.size).toBe(1), { timeout: 3000 })
    await vi.waitFor(() => expect(server.core.hub.links.size).toBe(1), { timeout: 3000 })
    await vi.waitFor(() => expect(tcpSockets()).toBeLessThan(before), { timeout: 3000 })
  })
})

describe('a client', () => {
  test('that says goodbye to a relay that hangs is done after its time to linger', async () => {
    const { address } = await serve(tcpTransport)
    const proxy = await proxyTo(address.port)
    const alice = await open({
      transport: tcpTransport,
      address: { host: '127.0.0.1', port: proxy.port },
      name: 'alice',
    })
    const { near } = proxy.ends[0] as { readonly near: Socket }
    near.pause()
    const start = performance.now()
    await alice.close()
    expect(performance.now() - start).toBeLessThan(LIMITS.lingerMs + 1500)
  })

  test('rejects what is too large at once, also while others wait, and goes on', async () => {
    const transport = memTransport()
    const { address } = await serve(transport)
    const alice = await open({ transport, address, name: 'alice' })
    const { number } = await alice.request({ type: 'join', room: 'lobby', options: 0 })
    const sends = Array.from({ length: 600 }, (_, i) => alice.send(number, 0, Uint8Array.of(i & 255)))
    const tooLarge = alice.send(number, 0, new Uint8Array(LIMITS.bodyBytes + 1))
    const later = alice.send(number, 0, new Uint8Array(1))
    await expect(tooLarge).rejects.toThrow('[bad_argument]')
    const receipts = await Promise.all([...sends, later])
    expect(receipts.map((receipt) => receipt.seq)).toEqual(Array.from({ length: 601 }, (_, i) => i + 2))
  })

  test('that waits in one conversation is not held up in another', async () => {
    const transport = memTransport()
    const { address } = await serve(transport)
    const alice = await open({ transport, address, name: 'alice' })
    const one = await alice.request({ type: 'join', room: 'one', options: 0 })
    const two = await alice.request({ type: 'join', room: 'two', options: 0 })
    const order: string[] = []
    const many = Array.from({ length: 5000 }, () => alice.send(one.number, 0, new Uint8Array(1)))
    const last = many.at(-1)?.then(() => order.push('the last of many'))
    await alice.send(two.number, 0, new Uint8Array(1)).then(() => order.push('the only one'))
    await last
    expect(order).toEqual(['the only one', 'the last of many'])
  })

  test('that is cut off rejects everything that waits, once, with the reason', async () => {
    const transport = memTransport()
    const { server, address } = await serve(transport)
    const alice = await open({ transport, address, name: 'alice' })
    const { number } = await alice.request({ type: 'join', room: 'lobby', options: 0 })
    const waiting = [
      ...Array.from({ length: 300 }, () => alice.send(number, 0, new Uint8Array(1))),
      alice.request({ type: 'list', after: '' }),
      alice.fence(number),
    ].map((promise) => promise.catch((error: { code: string }) => error.code))
    for (const link of server.core.hub.links) link.owner.abort()
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['link_lost']))
    expect((await alice.closed).by).toBe('link')
    await expect(alice.send(number, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'link_lost' })
    await alice.close()
  })

  test('whose listener throws tells its program, and not the relay', async () => {
    const transport = memTransport()
    const { server, address } = await serve(transport)
    const bob = await open({ transport, address, name: 'bob' })
    const room = await bob.request({ type: 'join', room: 'lobby', options: 0 })
    expect(server.core.hub.sessions.size).toBe(1)
    await bob.send(room.number, 0, new Uint8Array(1))
    await expect(bob.request({ type: 'whois', name: 'nobody' })).rejects.toMatchObject({
      name: 'PalaverError',
      code: 'no_such_name',
      wire: 0x0207,
      message: expect.stringMatching(/^\[no_such_name\] /u),
    })
  })
})

test('a session stays where it was moved to when a link that was asked for before comes late', async () => {
  const { server, address } = await serve(tcpTransport)
  const memory = memTransport()
  const other = await server.listen(memory, { host: 'memory', port: 0 })
  const [asked, late, settled] = [gate(), gate(), gate()]
  const links: Link[] = []
  const note = (onLink: (link: Link) => LinkHandler) => (link: Link) => {
    links.push(link)
    return onLink(link)
  }
  const slow: Transport = {
    ...tcpTransport,
    dial: async (to, onLink, options) => {
      if (links.length === 0) return tcpTransport.dial(to, note(onLink), options)
      asked.open()
      await late.opened
      return tcpTransport.dial(to, note(onLink), options).finally(settled.open)
    },
  }
  const client = await open({ transport: slow, address, name: 'alice', redials: true })
  closing.push(() => client.close())
  links[0]?.abort()
  await asked.opened
  await client.switchTransport({ transport: memory, address: other })
  late.open()
  await settled.opened
  expect([links.length, client.transport]).toEqual([1, 'mem'])
})

test('a fence of everything waits for conversations that come behind it', async () => {
  const { address } = await serve(udpTransport())
  const identity = identityOfSeed(systemEntropy(32))
  const alice = await open({ transport: udpTransport(), address, name: 'alice', identity })
  await alice.close()
  const bob = await open({ transport: udpTransport(), address, name: 'bob' })
  closing.push(() => bob.close())
  const direct = await bob.request({ type: 'direct', name: 'alice' })
  await bob.send(direct, 0, utf8Bytes('while you were away'))
  let isFenced = false
  const back = await open({
    transport: laterConversations(udpTransport(), () => isFenced),
    address,
    name: 'alice',
    identity,
  })
  closing.push(() => back.close())
  isFenced = true
  await back.fenceAll()
  expect([...back.conversations.values()].map(({ name }) => name)).toEqual(['bob'])
})

/** What conversations carry arrives after the next bytes of the session's own lane. */
function laterConversations(transport: Transport, isWaiting: () => boolean): Transport {
  const late = (handler: LinkHandler): LinkHandler => {
    const held: (() => void)[] = []
    let isReleased = false
    const release = (): void => {
      isReleased = true
      for (const deliver of held.splice(0)) deliver()
    }
    return {
      onBytes(lane, bytes) {
        if (lane === 0 || isReleased) handler.onBytes(lane, bytes)
        else {
          const copy = bytes.slice()
          held.push(() => handler.onBytes(lane, copy))
        }
        if (lane === 0 && isWaiting()) setImmediate(release)
      },
      onWritable: () => handler.onWritable(),
      onEnd: () => handler.onEnd(),
      onClosed: (detail) => handler.onClosed(detail),
    }
  }
  return {
    ...transport,
    dial: (to, onLink, options) => transport.dial(to, (link) => late(onLink(link)), options),
  }
}
