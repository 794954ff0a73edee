import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, newLibraryIdentity } from '../../src/node/library.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { ephemeralStore } from '../../src/node/store.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

describe.each(['tcp', 'udp'] as const)('the library over %s', (kind) => {
  let server: RelayServer
  let address: string

  beforeEach(async () => {
    server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
    const transport = kind === 'tcp' ? tcpTransport : udpTransport()
    const { port } = await server.listen(transport, { host: '127.0.0.1', port: 0 })
    address = `${kind}://127.0.0.1:${port}`
  })

  afterEach(() => server.close(200))

  it('delivers what one sends to the loop of the other', async () => {
    await using alice = await connect(address, { nick: 'alice' })
    await using bob = await connect(address, { nick: 'bob' })
    await using ours = await alice.join('#lobby')
    await using theirs = await bob.join('lobby')
    const { seq } = await ours.send('hello')
    for await (const message of theirs.messages()) {
      expect([message.from, message.text(), message.seq, message.own]).toEqual(['alice', 'hello', seq, false])
      break
    }
    expect(theirs.members).toEqual(['alice', 'bob'])
  })

  it('keeps messages that arrive before the loop starts, in order', async () => {
    await using alice = await connect(address, { nick: 'alice' })
    await using ours = await alice.join('lobby')
    for (let i = 0; i < 50; i++) await ours.send(`message ${i}`)
    const read: string[] = []
    for await (const message of ours.messages()) {
      read.push(message.text())
      if (read.length === 50) break
    }
    expect(read).toEqual(Array.from({ length: 50 }, (_, i) => `message ${i}`))
  })

  it('ends every loop when the session ends, and throws the reason of a signal', async () => {
    await using alice = await connect(address, { nick: 'alice' })
    const ours = await alice.join('lobby')
    const abort = new AbortController()
    const aborted = ours.messages({ signal: abort.signal }).next()
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const loop = ours.messages().next()
    await alice.close()
    expect(await loop).toEqual({ done: true, value: undefined })
    expect((await alice.closed).by).toBe('local')
  })

  it('refuses with a code that programs can read', async () => {
    await using alice = await connect(address, { nick: 'alice', identity: newLibraryIdentity() })
    await expect(alice.direct('nobody')).rejects.toMatchObject({ code: 'no_such_name', retryable: false })
    await expect(connect(address, { nick: 'alice' })).rejects.toMatchObject({ code: 'name_taken' })
    await expect(connect('ftp://x', { nick: 'alice' })).rejects.toMatchObject({ code: 'bad_address' })
  })
})
