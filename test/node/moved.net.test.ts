/** A client whose machine gets another address: its link over UDP goes on from there. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Address } from '../../src/base/index.ts'
import {
  ClientConnection,
  ephemeralStore,
  identityOfSeed,
  RelayServer,
  type SessionEvent,
  systemEntropy,
  udpTransport,
} from '../../src/node/index.ts'
import { bindDatagrams, connectDatagrams, type DatagramSocket } from '../../src/transport/dgram.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A way to the relay on which nothing from a host gets through once it is cut off. */
async function wayTo(relay: Address): Promise<{ readonly address: Address; readonly cutOff: Set<string> }> {
  const cutOff = new Set<string>()
  const out = new Map<string, Promise<DatagramSocket>>()
  const near: DatagramSocket = await bindDatagrams({ host: '127.0.0.1', port: 0 }, (bytes, from) => {
    if (cutOff.has(from.host)) return
    const key = `${from.host} ${from.port}`
    const back = (answer: Uint8Array): void => {
      if (!cutOff.has(from.host)) near.send({ to: from, bytes: answer })
    }
    const socket = out.get(key) ?? connectDatagrams(relay, back)
    out.set(key, socket)
    void socket.then((far) => far.send({ to: relay, bytes }))
  })
  closing.push(async () => {
    near.close()
    for (const socket of out.values()) (await socket).close()
  })
  return { address: near.address, cutOff }
}

describe('a machine that gets another address', () => {
  //= PAL-UDP-114
  test('goes on from there with the same link, and nothing that was said is lost or doubled', async () => {
    const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
    closing.push(() => server.close(100))
    const way = await wayTo(await server.listen(udpTransport(), { host: '127.0.0.1', port: 0 }))
    let host = '127.0.0.2'
    const states: string[] = []
    const heard: string[] = []
    const onEvent = (event: SessionEvent): void => {
      if (event.kind === 'status') states.push(event.state)
      if (event.kind === 'message') heard.push(Buffer.from(event.message.body).toString())
    }
    const connection = await ClientConnection.open({
      name: 'alice',
      identity: identityOfSeed(systemEntropy(32)),
      clientId: systemEntropy(8),
      agent: 'test/1',
      transport: udpTransport({ from: () => ({ host, port: 0 }) }),
      address: way.address,
      timeoutMs: 20_000,
      redials: true,
      onEvent,
    })
    closing.push(() => connection.close())
    const { number } = await connection.request({ type: 'join', room: 'lobby', options: 0 })
    await connection.send(number, 0, Buffer.from('1'))
    for (const next of ['127.0.0.3', '127.0.0.4']) {
      way.cutOff.add(host)
      host = next
      await connection.send(number, 0, Buffer.from(next))
    }
    await vi.waitFor(() => expect(heard).toEqual(['1', '127.0.0.3', '127.0.0.4']), { timeout: 20_000 })
    // Another session would have been told.
    expect(states).toEqual(['online'])
    expect(server.core.hub.sessions.size).toBe(1)
  })

  test('is looked for while nothing is answered, and a link whose address stayed keeps it', async () => {
    const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
    closing.push(() => server.close(100))
    const way = await wayTo(await server.listen(udpTransport(), { host: '127.0.0.1', port: 0 }))
    const asked = vi.fn(() => ({ host: '127.0.0.2', port: 0 }))
    const identity = identityOfSeed(systemEntropy(32))
    const about = { name: 'alice', identity, clientId: systemEntropy(8), agent: 'test/1', timeoutMs: 20_000 }
    const connection = await ClientConnection.open({
      ...about,
      transport: udpTransport({ from: asked }),
      address: way.address,
      onEvent: () => {},
    })
    closing.push(() => connection.close())
    const { number } = await connection.request({ type: 'join', room: 'lobby', options: 0 })
    way.cutOff.add('127.0.0.2')
    const sent = connection.send(number, 0, Buffer.from('late'))
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(2), { timeout: 20_000 })
    way.cutOff.clear()
    await sent
    expect([connection.isOnline, server.core.hub.sessions.size]).toEqual([true, 1])
  })
})
