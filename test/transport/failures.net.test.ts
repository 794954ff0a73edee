/** What goes wrong with addresses and peers, as an error with a code and a clear sentence. */

import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { TransportError, UsageError } from '../../src/base/index.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import {
  type LinkHandler,
  type Listener,
  memTransport,
  showAddress,
  type Transport,
  tcpTransport,
  transportErrorOf,
} from '../../src/transport/index.ts'

const NOTHING: LinkHandler = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} }
const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => {
      throw new Error('nothing failed')
    },
    (error: Error) => error,
  )
}

async function listening(transport: Transport, port = 0, host = '127.0.0.1'): Promise<Listener> {
  const listener = await transport.listen({ host, port }, () => NOTHING)
  closing.push(() => listener.close())
  return listener
}

const dial = (
  transport: Transport,
  port: number,
  timeoutMs = 400,
  signal?: AbortSignal,
  host = '127.0.0.1',
) => transport.dial({ host, port }, () => NOTHING, { timeoutMs, ...(signal ? { signal } : {}) })

/** A TCP port that nobody listens on. */
async function freePort(): Promise<number> {
  const { address, close } = await listening(tcpTransport)
  closing.pop()
  await close()
  return address.port
}

describe.each<[string, Transport]>([
  ['tcp', tcpTransport],
  ['udp', udpTransport()],
])('%s', (kind, transport) => {
  test('a port that is taken', async () => {
    const { address } = await listening(transport)
    const error = await failure(listening(transport, address.port))
    expect(error).toBeInstanceOf(TransportError)
    expect(error.code).toBe('address_in_use')
    const where = `${kind}://127.0.0.1:${address.port}`
    expect(error.message).toBe(
      `[address_in_use] cannot listen on ${where}: another program listens there already`,
    )
  })

  test('an address that is not ours', async () => {
    const error = await failure(listening(transport, 0, '192.0.2.1'))
    expect(error.code).toBe('address_not_available')
    expect(error.message).toContain('that address is not one of this machine')
  })

  test.each([-1, 65536, 70_000, 1.5, Number.NaN])('a port out of range, to listen: %d', async (port) => {
    const error = await failure(listening(transport, port))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toMatch(/^\[bad_address\] .*port/u)
  })

  test.each([-1, 0, 65536, 70_000, 1.5, Number.NaN])('a port out of range, to dial: %d', async (port) => {
    const error = await failure(dial(transport, port))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toMatch(/^\[bad_address\] .*port/u)
  })

  test('a host that does not exist', async () => {
    const error = await failure(dial(transport, 7667, 5000, undefined, 'no-such-host.invalid'))
    expect(error).toBeInstanceOf(TransportError)
    expect(error.code).toBe('not_found')
  })

  test('giving up before it began', async () => {
    const error = await failure(dial(transport, await freePort(), 60_000, AbortSignal.abort()))
    expect(error.code).toBe('closed')
  })

  test('giving up on the way', async () => {
    const controller = new AbortController()
    const silent = await silentPeer(kind)
    const waiting = failure(dial(transport, silent, 60_000, controller.signal))
    setImmediate(() => controller.abort())
    const error = await waiting
    expect([error.code, error.message]).toEqual(['closed', expect.stringContaining('given up')])
  })

  test('an empty host', async () => {
    const error = await failure(dial(transport, 7667, 400, undefined, ''))
    expect(error.message).toMatch(/^\[bad_address\]/u)
  })
})

/** A port behind which somebody says nothing. TCP: the backlog takes the connection, nobody answers. */
async function silentPeer(kind: string): Promise<number> {
  if (kind === 'udp') {
    const socket = createSocket('udp4')
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    closing.push(async () => socket.close())
    return socket.address().port
  }
  const server: Server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(async () => server.close())
  return (server.address() as { port: number }).port
}

test('nobody listens: TCP is refused at once', async () => {
  const port = await freePort()
  const error = await failure(dial(tcpTransport, port, 10_000))
  expect(error.code).toBe('refused')
  expect(error.message).toBe(`[refused] cannot connect to tcp://127.0.0.1:${port}: nothing listens there`)
})

test('nobody answers: UDP gives up when the time is over and says so', async () => {
  const error = await failure(dial(udpTransport(), await silentPeer('udp'), 300))
  expect(error.code).toBe('timeout')
  expect(error.message).toContain('no answer within 0.3 s')
})

test('UDP to where the system sends nothing is refused at once with its reason', async () => {
  const broadcast = { host: '255.255.255.255', port: 7667 }
  const open = udpTransport().dial(broadcast, () => neverCalled, { timeoutMs: 5000 })
  const error = await failure(open)
  expect(error).toBeInstanceOf(TransportError)
  expect(error.code).toBe('not_permitted')
})

test('nobody listens in memory', async () => {
  const transport = memTransport()
  expect((await failure(dial(transport, 5))).code).toBe('refused')
  await listening(transport, 5)
  expect((await failure(listening(transport, 5))).code).toBe('address_in_use')
})

test('addresses are shown as people write them', () => {
  expect(showAddress({ host: '::1', port: 5 })).toBe('[::1]:5')
  expect(showAddress({ host: 'relay.example', port: 5 })).toBe('relay.example:5')
})

const neverCalled = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} }

test.each([
  ['ECONNRESET', 'reset'],
  ['EACCES', 'not_permitted'],
  ['ENETUNREACH', 'unreachable'],
  ['EMFILE', 'io'],
  ['ESOMETHING', 'io'],
])('the system error %s is %s', (system, code) => {
  const cause = Object.assign(new Error('why'), { code: system })
  expect(transportErrorOf(cause, 'go on')).toMatchObject({ code, cause })
})
