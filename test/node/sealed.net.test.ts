/** Two people over a real relay: what passes its port and what it keeps, plainly and sealed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import { ClientConnection } from '../../src/node/client-connection.ts'
import { identityOfSeed, systemEntropy } from '../../src/node/primitives.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { relayKeysOver } from '../../src/node/relay-keys.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { SealedConversations, type SealedEvent } from '../../src/node/sealed-conversations.ts'
import { openSealedStore } from '../../src/node/sealed-store.ts'
import { openStore } from '../../src/node/store.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const CANARY = 'CANARY-the-text-of-two-people'
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A relay with a store on disk, and a tap on the way to it. */
async function tapped() {
  const folder = mkdtempSync(join(tmpdir(), 'palaver-sealed-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const store = openStore(join(folder, 'relay'))
  const server = new RelayServer({ relay: { name: 'test' }, store })
  const { port } = await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })
  cleanups.push(() => server.close(200))
  const seen: Buffer[] = []
  const tap = createServer((socket) => {
    const onward = dial(port, '127.0.0.1')
    socket.on('data', (bytes) => seen.push(bytes)).pipe(onward)
    onward.on('data', (bytes) => seen.push(bytes)).pipe(socket)
    for (const each of [socket, onward]) each.on('error', () => {})
  })
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => tap.close())
  const address = { host: '127.0.0.1', port: (tap.address() as { port: number }).port }
  const kept = (): Buffer =>
    Buffer.concat(
      readdirSync(join(folder, 'relay'), { recursive: true, withFileTypes: true })
        .filter((each) => each.isFile())
        .map((each) => readFileSync(join(each.parentPath, each.name))),
    )
  return { address, folder, seen: () => Buffer.concat(seen), kept }
}

async function person(world: Awaited<ReturnType<typeof tapped>>, name: string, mode: 'require' | 'off') {
  const identity = identityOfSeed(systemEntropy(32))
  const clientId = systemEntropy(8)
  const events: SealedEvent[] = []
  let sealed: SealedConversations | undefined
  const connection = await ClientConnection.open({
    name,
    identity,
    clientId,
    agent: 'test',
    transport: tcpTransport,
    address: world.address,
    timeoutMs: 5000,
    onEvent: (event) => {
      if (event.kind !== 'message' || event.message.own) return
      const { conversation, sender, contentKind, body, seq } = event.message
      const member = conversation.members.get(sender)
      if (!member) return
      const from = { key: member.key, name: member.name, folded: member.name }
      sealed?.take(from, { position: seq, contentKind, body })
    },
  })
  cleanups.push(() => connection.close())
  const primitives = createNodePrimitives()
  const store = openSealedStore(primitives, join(world.folder, `${name}.sealed`))
  if (!store) throw new Error('the store is in use')
  cleanups.push(() => store.close())
  const { relayKey } = connection.facts
  sealed = new SealedConversations({
    store,
    relayKey,
    accountKey: identity.publicKey,
    mode,
    primitives,
    carry: async (to, kind, body) => {
      const conversation = await connection.request({ type: 'direct', name: to.name })
      return connection.send(conversation, kind, body)
    },
    keys: relayKeysOver(connection),
    onEvent: (event) => events.push(event),
  })
  cleanups.push(() => sealed?.close())
  return { sealed, events, person: { key: identity.publicKey, name, folded: name } }
}

async function conversation(mode: 'require' | 'off') {
  const world = await tapped()
  const [alice, bob] = [await person(world, 'alice', mode), await person(world, 'bob', mode)]
  const heard = (by: typeof alice): string[] =>
    by.events.flatMap((each) => (each.kind === 'message' ? [utf8Text(each.body)] : []))
  const { isSealed } = await alice.sealed.send(bob.person, 0, utf8Bytes(CANARY))
  await vi.waitFor(() => expect(heard(bob)).toEqual([CANARY]), 5000)
  await bob.sealed.send(alice.person, 0, utf8Bytes(`${CANARY} too`))
  await vi.waitFor(() => expect(heard(alice)).toEqual([`${CANARY} too`]), 5000)
  return { world, alice, bob, isSealed }
}

describe('a conversation over a relay', () => {
  test('is readable on the way and in the store when it is plain', async () => {
    const { world, isSealed } = await conversation('off')
    expect(isSealed).toBe(false)
    expect(world.seen().includes(CANARY)).toBe(true)
    expect(world.kept().includes(CANARY)).toBe(true)
  })

  test('is readable nowhere when it is sealed', async () => {
    const { world, alice, bob, isSealed } = await conversation('require')
    expect(isSealed).toBe(true)
    expect(world.seen().length).toBeGreaterThan(1000)
    expect(world.kept().length).toBeGreaterThan(1000)
    expect(world.seen().includes(CANARY)).toBe(false)
    expect(world.kept().includes(CANARY)).toBe(false)
    const shown = bob.events.find((each) => each.kind === 'message')
    expect(shown).toMatchObject({ isSealed: true, isVerified: false })
    expect(alice.sealed.sealing.pinOf(bob.person)?.isSealed).toBe(true)
  })

  test('shows both the same short code, and verifies when both say so', async () => {
    const { alice, bob } = await conversation('require')
    const state = (by: typeof alice) => {
      const last = by.events.filter((each) => each.kind === 'comparison').at(-1)
      return last?.comparison
    }
    alice.sealed.do((sealing, now) => sealing.compare(bob.person, now))
    await vi.waitFor(() => expect(state(bob)?.state).toBe('compare'), 5000)
    await vi.waitFor(() => expect(state(alice)?.state).toBe('compare'), 5000)
    expect((state(alice) as { code: unknown }).code).toEqual((state(bob) as { code: unknown }).code)
    alice.sealed.do((sealing, now) => sealing.confirm(bob.person, true, now))
    bob.sealed.do((sealing, now) => sealing.confirm(alice.person, true, now))
    for (const [by, of] of [
      [alice, bob],
      [bob, alice],
    ] as const)
      await vi.waitFor(() => expect(by.sealed.sealing.pinOf(of.person)?.sureness).toBe('sas'), 5000)
  })
})
