/** Sealed conversations that outlive links, relays and programs, and heal when a state is lost. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  connect,
  newLibraryIdentity,
  type PalaverRoom,
  type PalaverSession,
  type SealingReport,
} from '../../src/node/library.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { openSealedStore, restoreSealedStore } from '../../src/node/sealed-store.ts'
import { openStore, type RelayStore } from '../../src/node/store.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

let folder: string
let relay: TestRelay
const sessions: PalaverSession[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-lasting-'))
  relay = new TestRelay()
  await relay.start()
})

afterEach(async () => {
  for (const each of sessions.splice(0)) await each.close()
  await relay.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A relay at the same addresses each time it starts. */
class TestRelay {
  tcp = 0
  udp = 0
  #server: RelayServer | undefined
  #store: RelayStore | undefined

  async start(): Promise<void> {
    this.#store = openStore(join(folder, 'relay'))
    this.#server = new RelayServer({ relay: { name: 'test' }, store: this.#store })
    this.tcp = (await this.#server.listen(tcpTransport, { host: '127.0.0.1', port: this.tcp })).port
    this.udp = (await this.#server.listen(udpTransport(), { host: '127.0.0.1', port: 0 })).port
  }

  async stop(): Promise<void> {
    await this.#server?.close(100)
    await this.#store?.close()
  }
}

/** Somebody whose program can end and come back. */
class Somebody {
  readonly nick: string
  readonly news: SealingReport[] = []
  readonly #identity = newLibraryIdentity()
  session!: PalaverSession

  constructor(nick: string) {
    this.nick = nick
  }

  get file(): string {
    return join(folder, `${this.nick}.sealed`)
  }

  async start(): Promise<this> {
    this.session = await connect(`tcp://127.0.0.1:${relay.tcp}`, {
      nick: this.nick,
      identity: this.#identity,
      stateFile: join(folder, this.nick),
      sealedFile: this.file,
      onSealing: (news) => this.news.push(news),
    })
    sessions.push(this.session)
    return this
  }

  async stop(): Promise<void> {
    await this.session.close()
  }

  async say(to: Somebody, text: string): Promise<void> {
    const room = await this.session.direct(to.nick)
    await room.send(text)
  }

  /** The next texts of somebody, that many of them. */
  async hear(from: Somebody, count: number): Promise<string[]> {
    return texts(await this.session.direct(from.nick), count)
  }

  told(kind: SealingReport['kind']): SealingReport[] {
    return this.news.filter((each) => each.kind === kind)
  }
}

/** Reads, and is done with all that it read. */
async function texts(room: PalaverRoom, count: number): Promise<string[]> {
  const heard: string[] = []
  const abort = new AbortController()
  const messages = room.messages({ signal: abort.signal })
  while (heard.length < count) {
    const { value, done } = await messages.next()
    if (done) break
    if (value.own) continue
    expect(value.sealed).toBe(true)
    heard.push(value.text())
  }
  const beyond = messages.next()
  abort.abort()
  await beyond.catch(() => {})
  return heard
}

async function couple(): Promise<[Somebody, Somebody]> {
  const [alice, bob] = [await new Somebody('alice').start(), await new Somebody('bob').start()]
  await alice.say(bob, 'hello')
  expect(await bob.hear(alice, 1)).toEqual(['hello'])
  await bob.say(alice, 'hi')
  expect(await alice.hear(bob, 1)).toEqual(['hi'])
  return [alice, bob]
}

test('messages come once, in order, whatever transport, relay and program do meanwhile', async () => {
  const [alice, bob] = await couple()
  const room = await alice.session.direct('bob')
  const sent: Promise<unknown>[] = []
  const expected: string[] = []
  const send = (count: number): void => {
    for (let left = count; left > 0; left--) {
      expected.push(`message ${expected.length}`)
      sent.push(room.send(expected.at(-1) as string))
    }
  }
  const heard = bob.hear(alice, 40)
  send(10)
  await alice.session.switchTransport(`udp://127.0.0.1:${relay.udp}`)
  send(10)
  await alice.session.switchTransport(`tcp://127.0.0.1:${relay.tcp}`)
  send(5)
  await relay.stop()
  send(5)
  await relay.start()
  send(10)
  await Promise.all(sent)
  expect(await heard).toEqual(expected)
  await bob.stop()
  await alice.say(bob, 'while you were away')
  await bob.start()
  expect(await bob.hear(alice, 1)).toEqual(['while you were away'])
  for (const each of [alice, bob])
    for (const kind of ['unreadable', 'missing'] as const) expect(each.told(kind)).toEqual([])
}, 60_000)

/** Bytes of which no more than `first` can be read a second time before `open` is called. */
function gated(
  whole: Uint8Array,
  first: number,
): { bytes: Uint8Array; reached: Promise<void>; open: () => void } {
  let open = (): void => {}
  let reach = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  let read = 0
  const subarray = async (start: number, end: number): Promise<Uint8Array> => {
    read += end - start
    if (read > whole.length + first) reach()
    if (read > whole.length + first) await gate
    return whole.subarray(start, end)
  }
  return { bytes: { length: whole.length, subarray } as unknown as Uint8Array, reached, open }
}

test('a program that ended amid a file gets it whole in its next run, and nothing else again', async () => {
  const [alice, bob] = await couple()
  const whole = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253)
  const { bytes, reached, open } = gated(whole, 150_000)
  const toBob = await alice.session.direct('bob')
  const sent = toBob.sendFile({ name: 'notes', bytes })
  await reached
  await alice.say(bob, 'in the middle of it')
  expect(await bob.hear(alice, 1)).toEqual(['in the middle of it'])
  await bob.stop()
  await bob.start()
  open()
  await sent
  await alice.say(bob, 'after it')
  for await (const { own, file, text } of (await bob.session.direct('alice')).messages()) {
    if (own) continue
    expect(text()).toBe('notes')
    expect(file).toMatchObject({ state: 'complete', bytes: whole })
    break
  }
  await bob.stop()
  await bob.start()
  expect(await bob.hear(alice, 2)).toEqual(['notes', 'after it'])
  for (const kind of ['unreadable', 'missing'] as const) expect(bob.told(kind)).toEqual([])
}, 60_000)

describe('a state that was lost', () => {
  /** The store of somebody as it is now, to come back to. */
  function snapshot(of: Somebody): () => void {
    const copies = ['', '.key'].map((end) => [`${of.file}${end}`, `${of.file}${end}.copy`] as const)
    for (const [from, to] of copies) copyFileSync(from, to)
    return () => {
      for (const [from, to] of copies) copyFileSync(to, from)
    }
  }

  /** What is kept of the sessions goes, identity and pins stay. */
  function loseSessions(of: Somebody): void {
    const primitives = createNodePrimitives()
    const store = openSealedStore(primitives, of.file)
    if (!store) throw new Error('the store is in use')
    const records = new Map([...store.records].filter(([name]) => !name.startsWith('direct/')))
    store.close()
    for (const end of ['', '.key', '.lock']) rmSync(`${of.file}${end}`, { force: true })
    expect(restoreSealedStore(primitives, of.file, records)).toBe(true)
  }

  test('heals by itself: its owner hears of the lost message, the other one that it began anew', async () => {
    const [alice, bob] = await couple()
    await bob.stop()
    loseSessions(bob)
    await alice.say(bob, 'lost')
    await bob.start()
    await vi.waitFor(() => expect(bob.told('unreadable')).toHaveLength(1), 5000)
    expect(bob.told('unreadable')).toMatchObject([{ why: 'no_session', isHealing: true }])
    await vi.waitFor(() => expect(alice.told('peer_reset')).toHaveLength(1), 5000)
    await alice.say(bob, 'again')
    expect(await bob.hear(alice, 1)).toEqual(['again'])
    await bob.say(alice, 'and back')
    expect(await alice.hear(bob, 1)).toEqual(['and back'])
    expect([...alice.told('key_changed'), ...bob.told('key_changed')]).toEqual([])
  }, 30_000)

  test('comes back from a backup: nothing is sealed in old sessions, and both go on', async () => {
    const [alice, bob] = await couple()
    const primitives = createNodePrimitives()
    await bob.stop()
    const store = openSealedStore(primitives, bob.file)
    const backup = new Map(store?.records)
    store?.close()
    await bob.start()
    await bob.say(alice, 'after the backup')
    expect(await alice.hear(bob, 1)).toEqual(['after the backup'])
    await bob.stop()
    for (const end of ['', '.key', '.lock']) rmSync(`${bob.file}${end}`, { force: true })
    expect(restoreSealedStore(primitives, bob.file, backup)).toBe(true)
    await alice.say(bob, 'meanwhile')
    await bob.start()
    await bob.say(alice, 'from the backup')
    expect(await alice.hear(bob, 1)).toEqual(['from the backup'])
    await alice.say(bob, 'welcome back')
    expect(await bob.hear(alice, 2)).toEqual(['meanwhile', 'welcome back'])
    expect([...alice.told('unreadable'), ...bob.told('unreadable')]).toEqual([])
  }, 30_000)

  test('was set back unseen: what is sealed twice is told, not shown, and a new session begins', async () => {
    const [alice, bob] = await couple()
    await bob.stop()
    const setBack = snapshot(bob)
    await bob.start()
    await bob.say(alice, 'first')
    expect(await alice.hear(bob, 1)).toEqual(['first'])
    await bob.stop()
    setBack()
    await bob.start()
    await bob.say(alice, 'in its place')
    await vi.waitFor(() => expect(alice.told('unreadable')).toHaveLength(1), 5000)
    expect(alice.told('unreadable')).toMatchObject([{ why: 'repeated', isHealing: true }])
    await vi.waitFor(() => expect(bob.told('peer_reset')).toHaveLength(1), 5000)
    await bob.say(alice, 'once more')
    expect(await alice.hear(bob, 1)).toEqual(['once more'])
  }, 30_000)
})
