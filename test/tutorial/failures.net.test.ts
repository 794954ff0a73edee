/** What a person sees when the address, the port or the relay is not what it should be. */

import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { endAfterEach, KINDS, onEnd, Person, startRelay, transportOf } from './party.ts'

endAfterEach()

const failure = (promise: Promise<unknown>): Promise<Error & { code: string }> =>
  promise.then(
    () => {
      throw new Error('nothing failed')
    },
    (error) => error,
  )

describe.each(KINDS)('over %s', (kind) => {
  test('a port that is taken', async () => {
    const { address, server } = await startRelay(kind)
    const error = await failure(server.listen(transportOf(kind), address))
    expect(error.code).toBe('address_in_use')
    expect(error.message).toContain(
      `${kind}://127.0.0.1:${address.port}: another program listens there already`,
    )
  })

  test('a port that cannot be, and an address that is not ours', async () => {
    const { server } = await startRelay(kind)
    const port = await failure(server.listen(transportOf(kind), { host: '127.0.0.1', port: 65_536 }))
    expect(port.message).toBe('[bad_address] port 65536 is out of range: use 0 to 65535')
    const host = await failure(server.listen(transportOf(kind), { host: '192.0.2.1', port: 0 }))
    expect(host.code).toBe('address_not_available')
  })

  test('nobody there', async () => {
    const { server, address } = await startRelay(kind)
    await server.close(100)
    const error = await failure(Person.open(kind, address, 'alice', { timeoutMs: 500 }))
    expect(error.name).toBe('TransportError')
    expect(error.code).toBe(kind === 'tcp' ? 'refused' : 'timeout')
    expect(error.message).toContain(`cannot connect to ${kind}://127.0.0.1:${address.port}`)
  })

  test('somebody there who says nothing', async () => {
    const port = await silentPort(kind)
    const start = performance.now()
    const error = await failure(Person.open(kind, { host: '127.0.0.1', port }, 'alice', { timeoutMs: 500 }))
    expect(error.code).toBe('timeout')
    expect(error.message).toContain('no answer within 0.5 s')
    expect(performance.now() - start).toBeLessThan(2000)
  })

  test('giving up while the relay says nothing', async () => {
    const port = await silentPort(kind)
    const controller = new AbortController()
    const { signal } = controller
    const opening = failure(Person.open(kind, { host: '127.0.0.1', port }, 'alice', { signal }))
    setTimeout(() => controller.abort(), 50)
    expect((await opening).code).toBe('closed')
  })

  test('a relay that shuts down says so, and everything that waits is told', async () => {
    const { server, address } = await startRelay(kind)
    const alice = await Person.open(kind, address, 'alice')
    const closing = server.close(500)
    expect(await alice.isClosed()).toMatchObject({ by: 'peer', name: 'going_away' })
    const error = await failure(alice.connection.request({ type: 'list', after: '' }))
    expect(error).toMatchObject({ code: 'going_away', retryable: true })
    await closing
  })
})

async function silentPort(kind: string): Promise<number> {
  if (kind === 'udp') {
    const socket = createSocket('udp4')
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    onEnd(() => socket.close())
    return socket.address().port
  }
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}
