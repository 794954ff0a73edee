/** What a relay keeps on disk survives it, also when it is killed. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import {
  ClientConnection,
  identityOfSeed,
  openStore,
  RelayServer,
  systemEntropy,
} from '../../src/node/index.ts'
import { memTransport } from '../../src/transport/index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-store-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const alice = identityOfSeed(systemEntropy(32))
const boss = identityOfSeed(systemEntropy(32))
const mallory = identityOfSeed(systemEntropy(32))

async function serve() {
  const transport = memTransport()
  const server = new RelayServer({
    relay: { name: 'kept', operators: new Set([hexOf(boss.publicKey)]) },
    store: openStore(folder),
  })
  const address = await server.listen(transport, { host: 'mem', port: 0 })
  const open = (name: string, identity = alice) =>
    ClientConnection.open({
      transport,
      address,
      name,
      identity,
      clientId: systemEntropy(8),
      agent: 'test/1',
      timeoutMs: 3000,
      onEvent: () => {},
    })
  return { server, open }
}

//= PAL-HSK-026
//= PAL-MOD-012
test('names, bans and the relay key outlive the relay', async () => {
  const first = await serve()
  await first.open('alice')
  await first.open('mallory', mallory)
  const operator = await first.open('boss', boss)
  await operator.request({ type: 'ban', conversation: 0, name: 'mallory', seconds: 0, reason: 'rude' })
  await first.server.close(200)

  const second = await serve()
  expect(second.server.relayKey).toEqual(first.server.relayKey)
  await expect(second.open('Alice', boss)).rejects.toMatchObject({ code: 'name_taken' })
  await expect(second.open('mallet', mallory)).rejects.toMatchObject({ code: 'banned' })
  const back = await second.open('boss', boss)
  await back.request({ type: 'unban', conversation: 0, name: 'mallory' })
  await second.open('mallory', mallory)
  await second.server.close(200)

  const third = await serve()
  await third.open('mallory', mallory)
  await third.open('alice')
  await third.server.close(200)
})

//= PAL-SEC-004
test('nobody else can read it', async () => {
  const { server } = await serve()
  for (const name of ['relay.mdb', 'relay.journal']) expect(statSync(join(folder, name)).mode & 0o077).toBe(0)
  await server.close(100)
})
