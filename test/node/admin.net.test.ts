/** What the administration has answered is kept, whatever becomes of the relay. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listenAdmin } from '../../src/node/admin.ts'
import {
  ClientConnection,
  identityOfSeed,
  openStore,
  RelayServer,
  type RelayStore,
  systemEntropy,
} from '../../src/node/index.ts'
import { memTransport } from '../../src/transport/index.ts'

let folder: string
let ends: (() => unknown)[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-admin-'))
  ends = [() => rmSync(folder, { recursive: true, force: true })]
})
afterEach(async () => {
  for (const end of ends.reverse()) await end()
})

/** A store whose commits wait for `gate`. */
function gated(kept: RelayStore): RelayStore & { gate: Promise<void>; readonly written: string[] } {
  const written: string[] = []
  return {
    gate: Promise.resolve(),
    written,
    secrets: kept.secrets,
    storage: kept.storage,
    damaged: kept.damaged,
    async commit(writes): Promise<void> {
      await this.gate
      await kept.commit(writes)
      for (const { kind } of writes) written.push(kind)
    },
    close: () => kept.close(),
  }
}

/** A relay that knows mallory, and a way to give an order about them. */
async function served() {
  const store = gated(openStore(folder))
  const server = new RelayServer({ relay: { name: 'kept' }, store })
  ends.push(() => server.close(100))
  const transport = memTransport()
  const address = await server.listen(transport, { host: 'mem', port: 0 })
  await ClientConnection.open({
    transport,
    address,
    name: 'mallory',
    identity: identityOfSeed(systemEntropy(32)),
    clientId: systemEntropy(8),
    agent: 'test/1',
    timeoutMs: 3000,
    onEvent: () => {},
  })
  const admin = await listenAdmin(
    { host: '127.0.0.1', port: 0 },
    { server, relayName: 'kept', version: '0', token: 'secret', listening: [] },
  )
  ends.push(() => admin.close())
  const request = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${admin.address.port}/v1/${path}`, {
      method,
      headers: { authorization: 'Bearer secret' },
      ...(body && { body: JSON.stringify(body) }),
    })
  return { store, server, request }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setImmediate(done))
}

//= PAL-MOD-012
test('an order is answered when it is on the disk, and not before', async () => {
  const { store, server, request } = await served()
  let open = (): void => {}
  store.gate = new Promise((resolve) => {
    open = resolve
  })
  let isAnswered = false
  const answer = request('POST', 'ban', { name: 'mallory' }).finally(() => {
    isAnswered = true
  })
  await until(() => [...server.core.hub.directory.bans].length === 1)
  expect((await request('GET', 'status')).status).toBe(200)
  expect(isAnswered).toBe(false)
  open()
  expect((await answer).status).toBe(200)
  expect(store.written).toContain('ban')
})

test('an order that could not be kept is answered with storage_failed', async () => {
  const { store, request } = await served()
  store.gate = Promise.reject(new Error('the disk is full'))
  store.gate.catch(() => {})
  const answer = await request('POST', 'ban', { name: 'mallory' })
  expect(answer.status).toBe(409)
  expect(await answer.json()).toMatchObject({ error: { code: 'storage_failed' } })
  expect((await request('POST', 'unban', { name: 'mallory' })).status).toBe(409)
})
