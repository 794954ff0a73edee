/** What programs hear and decide about keys, and rooms that only some of them can read. */
import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import {
  connect,
  newLibraryIdentity,
  type PalaverRoom,
  type PalaverSession,
  type SealingReport,
} from '../../src/node/library.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { ephemeralStore } from '../../src/node/store.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Side {
  readonly address: string
  readonly session: PalaverSession
  readonly news: SealingReport[]
}

/** Waits for news of that kind. */
async function hears(by: Side, kind: SealingReport['kind']): Promise<SealingReport> {
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
      const news: SealingReport[] = []
      const options = { nick, e2ee: 'prefer', onSealing: (each: SealingReport) => news.push(each) } as const
      const address = `tcp://127.0.0.1:${port}`
      const session = await connect(address, options)
      cleanups.push(() => session.close())
      return { address, session, news }
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

test('a file comes whole, or not at all, where it is sealed', async () => {
  const [alice, bob] = (await sides('alice', 'bob')) as [Side, Side]
  const [toBob, toAlice] = [await alice.session.direct('bob'), await bob.session.direct('alice')]
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
  await toBob.sendFile({ name: '../notes.txt', mime: 'text/plain', bytes })
  await toBob.send('after it')
  const got: unknown[] = []
  for await (const { sealed, file, text } of toAlice.messages()) {
    got.push({ sealed, file, text: text() })
    if (got.length === 2) break
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const file = { state: 'complete', name: '../notes.txt', mime: 'text/plain', bytes, sha256 }
  expect(got).toEqual([
    { sealed: true, file, text: '../notes.txt' },
    { sealed: true, file: undefined, text: 'after it' },
  ])
  const lobby = await alice.session.join('lobby')
  await expect(lobby.sendFile({ name: 'x', bytes })).rejects.toThrow('sealed conversations only')
})

test('a file for which there is no room is refused in words', async () => {
  const [alice, bob] = (await sides('alice', 'bob')) as [Side, Side]
  const small = await connect(bob.address, { nick: 'carol', e2ee: 'prefer', filesBytesMax: 1000 })
  cleanups.push(() => small.close())
  const [toCarol, toAlice] = [await alice.session.direct('carol'), await small.direct('alice')]
  await toCarol.sendFile({ name: 'big', bytes: new Uint8Array(2000) })
  for await (const { file } of toAlice.messages()) {
    expect(file).toEqual({ state: 'refused', name: 'big', why: 'no room: 1000 bytes in all' })
    break
  }
})

test('a program with an identity and no file for keys is told what that means', async () => {
  const [alice] = (await sides('alice')) as [Side]
  const told = async (e2ee: 'prefer' | undefined): Promise<unknown[]> => {
    const news: SealingReport[] = []
    const options = {
      nick: 'bob',
      identity: newLibraryIdentity(),
      onSealing: (each: SealingReport) => news.push(each),
    }
    const nick = e2ee ?? 'nobody'
    const session = await connect(alice.address, { ...options, nick, ...(e2ee ? { e2ee } : {}) })
    await session.close()
    return news
  }
  expect(await told(undefined)).toEqual([{ kind: 'sealing_off', why: 'no_file' }])
  expect(await told('prefer')).toEqual([{ kind: 'keys_in_memory' }])
})
