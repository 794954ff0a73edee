/** What programs hear and decide about keys, and rooms that only some of them can read. */
import { afterEach, expect, test } from 'vitest'
import { connect, type PalaverRoom, type PalaverSession } from '../../src/node/library.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import type { SealingNews } from '../../src/node/sealed-connection.ts'
import { ephemeralStore } from '../../src/node/store.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Side {
  readonly session: PalaverSession
  readonly news: SealingNews[]
}

/** Waits for news of that kind. */
async function hears(by: Side, kind: SealingNews['kind']): Promise<SealingNews> {
  for (;;) {
    const found = by.news.find((each) => each.kind === kind)
    if (found) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function sides(...nicks: string[]): Promise<Side[]> {
  const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
  cleanups.push(() => server.close(200))
  const { port } = await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })
  return Promise.all(
    nicks.map(async (nick) => {
      const news: SealingNews[] = []
      const options = { nick, e2ee: 'prefer', onSealing: (each: SealingNews) => news.push(each) } as const
      const session = await connect(`tcp://127.0.0.1:${port}`, options)
      cleanups.push(() => session.close())
      return { session, news }
    }),
  )
}

async function next(room: PalaverRoom): Promise<unknown> {
  for await (const message of room.messages()) {
    if (message.own) continue
    const { from, sealed, verified } = message
    return { from, sealed, verified, text: message.text() }
  }
  return undefined
}

test('a program knows whose key it is, and says when it was compared', async () => {
  const [alice, bob] = (await sides('alice', 'bob')) as [Side, Side]
  const [toBob, toAlice] = [await alice.session.direct('bob'), await bob.session.direct('alice')]
  await toBob.send('hello')
  expect(await next(toAlice)).toEqual({ from: 'alice', sealed: true, verified: false, text: 'hello' })
  expect(await hears(bob, 'met')).toMatchObject({ person: { name: 'alice' } })
  const known = await bob.session.trust?.person('alice')
  expect(known).toMatchObject({
    state: 'tofu',
    fingerprint: alice.session.trust?.fingerprint,
    keyChanged: false,
  })
  expect(await alice.session.trust?.verify('bob', known?.safetyNumber ?? '')).toBe(true)
  expect(await alice.session.trust?.verify('bob', '12345')).toBe(false)
  expect(await bob.session.trust?.trust('alice', alice.session.trust?.fingerprint)).toBe(true)
  await toBob.send('verified')
  expect(await next(toAlice)).toMatchObject({ text: 'verified', verified: true })
})

test('who is added to a room stays in the plain one of its name until it accepts', async () => {
  const [alice, bob] = (await sides('alice', 'bob')) as [Side, Side]
  const sealing = alice.session.sealing(await alice.session.join('lobby'))
  sealing?.create()
  await sealing?.add('bob')
  await hears(bob, 'room_invited')
  const lobby = await bob.session.join('lobby')
  expect(bob.session.sealing(lobby)?.facts).toBeUndefined()
  await lobby.send('in the plain room')
  expect(bob.session.sealing(lobby)?.accept()).toBe(true)
  expect(bob.session.sealing(lobby)?.facts?.state).toBe('open')
})

test('a program seals a room, adds and removes', async () => {
  const [alice, bob] = (await sides('alice', 'bob')) as [Side, Side]
  const [mine, theirs] = [await alice.session.join('plans'), await bob.session.join('plans')]
  const sealing = alice.session.sealing(mine)
  expect([sealing?.facts, sealing?.create(), sealing?.create()]).toEqual([undefined, true, false])
  await sealing?.add('bob')
  await hears(bob, 'room_invited')
  expect(bob.session.sealing(theirs)?.accept()).toBe(true)
  await mine.send('only for two')
  expect(await next(theirs)).toEqual({ from: 'alice', sealed: true, verified: false, text: 'only for two' })
  expect(bob.session.sealing(theirs)?.facts?.gid).toBe(sealing?.facts?.gid)
  await sealing?.remove('bob')
  expect(sealing?.facts?.members).toEqual([{ nick: 'alice', isAdmin: true }])
  await expect(bob.session.sealing(theirs)?.add('carol')).rejects.toThrow()
})
