/** A relay that is busy: what waits there for company arrives all the same. */
import { afterEach, expect, test } from 'vitest'
import {
  ClientConnection,
  ephemeralStore,
  identityOfSeed,
  RelayServer,
  type SessionEvent,
  systemEntropy,
} from '../../src/node/index.ts'
import { memTransport, type Transport } from '../../src/transport/index.ts'

const PAIRS = 24
const ROUNDS = 20
const FAST = { sendsPerSecond: 1e6, sendsBurst: 1e6, joinsPerSecond: 1e6, joinsBurst: 1e6 }
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Somebody who answers each of the first messages that they hear. */
async function person(name: string, transport: Transport, port: number) {
  const heard: string[] = []
  const receipts: Promise<unknown>[] = []
  let onAll: () => void = () => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  const say = (to: number): void => {
    if (receipts.length < ROUNDS)
      receipts.push(connection.send(to, 0, Buffer.from(`${name} ${receipts.length}`)))
  }
  const onEvent = (event: SessionEvent): void => {
    if (event.kind !== 'message' || event.message.own) return
    heard.push(Buffer.from(event.message.body).toString())
    if (heard.length === ROUNDS) onAll()
    say(event.message.conversation.number)
  }
  const identity = identityOfSeed(systemEntropy(32))
  const about = { name, identity, clientId: systemEntropy(8), agent: 'test/1', timeoutMs: 20_000 }
  const address = { host: '127.0.0.1', port }
  const connection = await ClientConnection.open({ ...about, transport, address, onEvent })
  closing.push(() => connection.close())
  return { connection, heard, receipts, all, say }
}

test('in pairs that answer each other all is heard in order, and acknowledged', async () => {
  const transport = memTransport()
  const server = new RelayServer({
    relay: { name: 'test', limits: FAST, isExemptHost: () => true },
    store: ephemeralStore(),
  })
  closing.push(() => server.close(100))
  const { port } = await server.listen(transport, { host: '127.0.0.1', port: 0 })
  const names = Array.from({ length: PAIRS * 2 }, (_, i) => `p${i}`)
  const people = await Promise.all(names.map((name) => person(name, transport, port)))
  const numbers = await Promise.all(
    people.map(async ({ connection }, i) => {
      const { number } = await connection.request({ type: 'direct', name: names[i ^ 1] as string })
      return number
    }),
  )
  for (const [i, { say }] of people.entries()) say(numbers[i] as number)
  await Promise.all(people.map(({ all }) => all))
  await Promise.all(people.flatMap(({ receipts }) => receipts))
  for (const [i, { heard }] of people.entries())
    expect(heard).toEqual(Array.from({ length: ROUNDS }, (_, round) => `p${i ^ 1} ${round}`))
})
