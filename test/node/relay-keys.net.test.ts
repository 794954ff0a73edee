/** Attacks on the keys that a real relay keeps on its disk, and on those who claim them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hexOf } from '../../src/base/bytes.ts'
import { connect, type PalaverRoom, type PalaverSession, type SealingReport } from '../../src/node/library.ts'
import { identityOfSeed, systemEntropy } from '../../src/node/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { openSealedStore, restoreSealedStore } from '../../src/node/sealed-store.ts'
import { openStore, type RelayStore } from '../../src/node/store.ts'
import type { PrekeysRecord } from '../../src/protocol/relay/storage.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

let folder: string
let server: RelayServer
let store: RelayStore
let port = 0
const sessions: PalaverSession[] = []

async function startRelay(): Promise<void> {
  store = openStore(join(folder, 'relay'))
  const limits = { keyRequestsBurst: 1000 }
  server = new RelayServer({ relay: { name: 'test', limits }, store })
  port = (await server.listen(tcpTransport, { host: '127.0.0.1', port })).port
}

async function stopRelay(): Promise<void> {
  await server.close(100)
  await store.close()
}

/** The relay does to what it keeps what it likes. */
async function meanwhile(change: (kept: RelayStore) => Promise<void>): Promise<void> {
  await stopRelay()
  store = openStore(join(folder, 'relay'))
  await change(store)
  await store.close()
  await startRelay()
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'palaver-keys-'))
  port = 0
  await startRelay()
})

afterEach(async () => {
  for (const each of sessions.splice(0)) await each.close()
  await stopRelay()
  rmSync(folder, { recursive: true, force: true })
})

class Somebody {
  readonly nick: string
  readonly seed: Uint8Array = systemEntropy(32)
  readonly clientId: Uint8Array = systemEntropy(8)
  readonly news: SealingReport[] = []
  session!: PalaverSession

  constructor(nick: string) {
    this.nick = nick
  }

  get keyHex(): string {
    return hexOf(identityOfSeed(this.seed).publicKey)
  }

  get kept(): PrekeysRecord | undefined {
    return store.storage.prekeys(this.keyHex)
  }

  async start(): Promise<this> {
    this.session = await connect(`tcp://127.0.0.1:${port}`, {
      nick: this.nick,
      identity: { seed: this.seed, clientId: this.clientId },
      stateFile: join(folder, this.nick),
      onSealing: (news) => this.news.push(news),
    })
    sessions.push(this.session)
    await vi.waitFor(() => expect(this.kept?.prekeys).toBeDefined(), 5000)
    return this
  }

  told(kind: SealingReport['kind']): SealingReport[] {
    return this.news.filter((each) => each.kind === kind)
  }

  async say(to: Somebody, text: string): Promise<void> {
    await (await this.session.direct(to.nick)).send(text)
  }
}

async function next(room: PalaverRoom): Promise<{ text: string; sealed: boolean }> {
  for await (const message of room.messages())
    if (!message.own) return { text: message.text(), sealed: message.sealed }
  throw new Error('nothing came')
}

async function hear(by: Somebody, from: Somebody): Promise<{ text: string; sealed: boolean }> {
  return next(await by.session.direct(from.nick))
}

describe('keys on the disk of a relay', () => {
  test('one-time prekey exhaustion: each is given once, and the stock is filled up', async () => {
    const [bob, mallory] = [await new Somebody('bob').start(), await new Somebody('mallory').start()]
    expect(bob.kept?.prekeys).toHaveLength(100)
    await bob.session.close()
    const claimed: number[] = []
    const claim = server.core.hub.prekeys
    for (let i = 0; i < 100; i++) {
      const at = { keyHex: bob.keyHex, wallMs: Date.now(), turn: server.core.hub.outlet.turn }
      claimed.push(claim.claim(at)?.prekeys[0]?.number ?? -1)
    }
    expect(new Set(claimed).size).toBe(100)
    expect(claimed).not.toContain(-1)
    // A session begins without one, while bob is away, and is read when he is back.
    const alice = await new Somebody('alice').start()
    await alice.say(bob, 'none is left')
    expect(bob.kept?.prekeys).toEqual([])
    await bob.start()
    expect(await hear(bob, alice)).toEqual({ text: 'none is left', sealed: true })
    await vi.waitFor(() => expect(bob.kept?.prekeys).toHaveLength(100), 5000)
    expect(Math.min(...(bob.kept?.prekeys ?? []).map(([number]) => number))).toBeGreaterThan(
      Math.max(...claimed),
    )
    expect(mallory.told('key_changed')).toEqual([])
  }, 30_000)

  test('bundle swap: keys of another one under a known name stop the conversation', async () => {
    const [alice, bob] = [await new Somebody('alice').start(), await new Somebody('bob').start()]
    const mallory = await new Somebody('mallory').start()
    await alice.say(bob, 'hello')
    await hear(bob, alice)
    await alice.session.close()
    await meanwhile(async (kept) => {
      const record = kept.storage.prekeys(mallory.keyHex) as PrekeysRecord
      await kept.commit([{ kind: 'prekeys', record: { ...record, keyHex: bob.keyHex } }])
    })
    // Alice lost her sessions, not her pins: she has to ask for keys.
    const primitives = createNodePrimitives()
    const file = join(folder, 'alice.sealed')
    const opened = openSealedStore(primitives, file)
    const records = new Map([...(opened?.records ?? [])].filter(([name]) => !name.startsWith('direct/')))
    opened?.close()
    for (const end of ['', '.key', '.lock']) rmSync(file + end, { force: true })
    restoreSealedStore(primitives, file, records)
    await bob.session.close()
    await alice.start()
    await expect(alice.say(bob, 'secret')).rejects.toMatchObject({ code: 'key_changed' })
    expect(alice.told('key_changed')).toMatchObject([{ wasVerified: false }])
  }, 30_000)

  //= PAL-SDC-007
  test('bundle splice: one-time prekeys of another one open nothing, and both sides heal', async () => {
    const [bob, mallory] = [await new Somebody('bob').start(), await new Somebody('mallory').start()]
    await bob.session.close()
    await mallory.session.close()
    await meanwhile(async (kept) => {
      const own = kept.storage.prekeys(bob.keyHex) as PrekeysRecord
      const { prekeys } = kept.storage.prekeys(mallory.keyHex) as PrekeysRecord
      // Under numbers that bob knows, so that it is not the number that tells.
      const spliced = own.prekeys.map(([number], i) => [number, prekeys[i]?.[1] ?? ''] as const)
      await kept.commit([{ kind: 'prekeys', record: { ...own, prekeys: spliced } }])
    })
    const alice = await new Somebody('alice').start()
    await alice.say(bob, 'to nobody')
    await bob.start()
    await vi.waitFor(() => expect(bob.told('unreadable')).toHaveLength(1), 5000)
    expect(bob.told('key_changed')).toEqual([])
    await bob.say(alice, 'anew')
    expect(await hear(alice, bob)).toEqual({ text: 'anew', sealed: true })
    await alice.say(bob, 'and back')
    expect(await hear(bob, alice)).toEqual({ text: 'and back', sealed: true })
  }, 30_000)

  test('withheld keys: who sealed before is sent nothing plainly', async () => {
    const [alice, bob] = [await new Somebody('alice').start(), await new Somebody('bob').start()]
    await alice.say(bob, 'hello')
    await hear(bob, alice)
    await meanwhile((kept) => kept.commit([{ kind: 'forget_prekeys', keyHex: bob.keyHex }]))
    await vi.waitFor(() => expect(bob.kept?.prekeys.length).toBeGreaterThan(0), 15_000)
    // Alice comes back by herself, too, but not at the same moment.
    await vi.waitFor(() => alice.session.direct('bob'), 15_000)
    await alice.say(bob, 'still sealed')
    expect(await hear(bob, alice)).toEqual({ text: 'still sealed', sealed: true })
  }, 60_000)
})
