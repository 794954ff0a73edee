/** Sessions that outlive their links, over real sockets. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  connect,
  newLibraryIdentity,
  type PalaverMessage,
  type PalaverRoom,
  type SessionStatus,
} from '../../src/node/library.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { ephemeralStore, openStore, type RelayStore } from '../../src/node/store.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

/** Rates that no test of something else meets. */
const FAST = {
  sendsPerSecond: 1e6,
  sendsBurst: 1e6,
  requestsPerSecond: 1e6,
  requestsBurst: 1e6,
  joinsPerSecond: 1e6,
  linksPerSecond: 1e6,
  linksBurst: 1e6,
}
const HOST = '127.0.0.1'

describe('a session of the library', { timeout: 60_000 }, () => {
  let folder: string
  let server: RelayServer
  let tcp: string
  let udp: string

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palaver-durable-'))
    await serve(openStore(join(folder, 'relay')), 0)
  })

  afterEach(async () => {
    await server.close(100)
    rmSync(folder, { recursive: true, force: true })
  })

  async function serve(store: RelayStore, port: number): Promise<void> {
    server = new RelayServer({ relay: { name: 'test', limits: FAST }, store })
    const at = await server.listen(tcpTransport, { host: HOST, port })
    tcp = `tcp://${HOST}:${at.port}`
    udp = `udp://${HOST}:${(await server.listen(udpTransport(), { host: HOST, port: 0 })).port}`
  }

  /** The relay ends, and begins again at the same place with what it has on disk. */
  async function restart(): Promise<void> {
    const port = Number(tcp.split(':').at(-1))
    await server.close(100)
    await serve(openStore(join(folder, 'relay')), port)
  }

  async function read(room: PalaverRoom, count: number): Promise<PalaverMessage[]> {
    const messages: PalaverMessage[] = []
    for await (const message of room.messages()) {
      messages.push(message)
      if (messages.length === count) break
    }
    return messages
  }

  test('moves from TCP to UDP and back amid messages, and none is lost or doubled', async () => {
    await using alice = await connect(tcp, { nick: 'alice' })
    await using bob = await connect(tcp, { nick: 'bob' })
    const ours = await alice.join('lobby')
    const theirs = await bob.join('lobby')
    const texts = Array.from({ length: 300 }, (_, i) => `${i}`)
    const sends = texts.map((text) => ours.send(text))
    const moving = (async () => {
      for (const to of [udp, tcp, udp]) {
        await alice.switchTransport(to)
        await bob.switchTransport(to)
      }
    })()
    const messages = await read(theirs, texts.length)
    await moving
    expect(messages.map((message) => message.text())).toEqual(texts)
    const seqs = (await Promise.all(sends)).map(({ seq }) => seq)
    expect(seqs).toEqual(messages.map(({ seq }) => seq))
    expect([alice.transport, bob.transport]).toEqual(['udp', 'udp'])
    const last = await ours.send('by udp')
    expect(await read(theirs, 1)).toMatchObject([{ seq: last.seq, from: 'alice' }])
  })

  test('comes back when the relay does, sends what waited, and says what happens', async () => {
    const states: SessionStatus['state'][] = []
    const onStatus = ({ state }: SessionStatus): unknown => states.push(state)
    await using alice = await connect(tcp, { nick: 'alice', onStatus })
    const ours = await alice.join('lobby')
    await ours.send('before')
    const reading = read(ours, 2)
    const port = Number(tcp.split(':').at(-1))
    await server.close(100)
    const waiting = ours.send('meanwhile', { id: 'the same' })
    await serve(openStore(join(folder, 'relay')), port)
    expect(await waiting).toMatchObject({ id: 'the same', isDuplicate: false })
    expect(await ours.send('meanwhile', { id: 'the same' })).toMatchObject({ isDuplicate: true })
    expect((await reading).map((message) => message.text())).toEqual(['before', 'meanwhile'])
    expect([...new Set(states)]).toEqual(['online', 'reconnecting'])
  })

  test('that keeps its state goes on in the next run where the loop was left', async () => {
    const identity = newLibraryIdentity()
    const stateFile = join(folder, 'alice.journal')
    await using bob = await connect(tcp, { nick: 'bob' })
    const theirs = await bob.join('lobby')
    {
      await using alice = await connect(tcp, { nick: 'alice', identity, stateFile })
      const ours = await alice.join('lobby')
      for (const text of ['one', 'two', 'three']) await theirs.send(text)
      // The loop is left at the third: it was not done with.
      expect((await read(ours, 3)).map((message) => message.text())).toEqual(['one', 'two', 'three'])
      await expect(connect(tcp, { nick: 'alice', identity, stateFile })).rejects.toThrow('another process')
    }
    await theirs.send('four')
    await restart()
    await using again = await connect(tcp, { nick: 'alice', identity, stateFile })
    const room = await again.join('lobby')
    expect((await read(room, 2)).map((message) => message.text())).toEqual(['three', 'four'])
  })
})

test('a thousand sessions of the library leave nothing behind', { timeout: 120_000 }, async () => {
  const server = new RelayServer({ relay: { name: 'test', limits: FAST }, store: ephemeralStore() })
  const { port } = await server.listen(tcpTransport, { host: HOST, port: 0 })
  const identity = newLibraryIdentity()
  const open = async (): Promise<void> => {
    await using session = await connect(`tcp://${HOST}:${port}`, { nick: 'alice', identity })
    const loop = (await session.join('lobby')).messages().next()
    await session.close()
    expect((await loop).done).toBe(true)
  }
  for (let i = 0; i < 20; i++) await open()
  const before = process.getActiveResourcesInfo().length
  for (let i = 0; i < 980; i++) await open()
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before + 4)
  await server.close(100)
})

test('a session that does not reconnect ends with its link', async () => {
  const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
  const { port } = await server.listen(tcpTransport, { host: HOST, port: 0 })
  const alice = await connect(`tcp://${HOST}:${port}`, { nick: 'alice', reconnect: false })
  await server.close(100)
  expect(await alice.closed).toMatchObject({ by: 'peer', name: 'going_away' })
})
