/** What the tutorials' chat servers and clients do, over real sockets. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import { EVENTS, LEAVE_REASONS } from '../../src/codec/index.ts'
import { identityOfSeed, PalaverError, systemEntropy } from '../../src/node/index.ts'
import { endAfterEach, KINDS, onEnd, Person, startRelay } from './party.ts'

endAfterEach()

describe.each(KINDS)('over %s', (kind) => {
  test('the relay tells you the address it sees you at', async () => {
    const { server, address } = await startRelay(kind)
    const alice = await Person.open(kind, address, 'alice')
    const [link] = [...server.core.hub.links]
    expect(alice.connection.facts.address).toBe(`127.0.0.1:${link?.info.port}`)
    expect(link?.info.port).toBeGreaterThan(1023)
  })

  test('a full relay refuses with a code, and a place that gets free can be taken at once', async () => {
    const { address } = await startRelay(kind, { limits: { sessions: 2 } })
    const alice = await Person.open(kind, address, 'alice')
    await Person.open(kind, address, 'bob')
    const refusal = await Person.open(kind, address, 'carol').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(PalaverError)
    expect(refusal).toMatchObject({ code: 'relay_full', wire: 0x010b, retryable: true })
    await alice.connection.close()
    await Person.open(kind, address, 'carol')
  })

  test('a wrong handshake is refused while the others go on', async () => {
    const { address } = await startRelay(kind, { admission: { token: 'open sesame' } })
    const token = 'open sesame'
    const alice = await Person.open(kind, address, 'alice', { token })
    const bob = await Person.open(kind, address, 'bob', { token })
    const room = await alice.join('lobby')
    await bob.join('lobby')
    const wrong = Person.open(kind, address, 'mallory', { token: 'open barley' })
    await expect(wrong).rejects.toMatchObject({ code: 'not_admitted' })
    await expect(Person.open(kind, address, 'alice', { token })).rejects.toMatchObject({ code: 'name_taken' })
    await alice.say(room, 'are you there?')
    await bob.hears('are you there?')
  })

  test('a message goes to all others, with who said it and when', async () => {
    const { address } = await startRelay(kind)
    const people = await Promise.all(
      ['alice', 'bob', 'carol'].map((name) => Person.open(kind, address, name)),
    )
    const rooms: number[] = []
    for (const person of people) rooms.push(await person.join('lobby'))
    const [alice, ...others] = people as [Person, ...Person[]]
    const before = Date.now()
    const receipt = await alice.say(rooms[0] as number, 'hello everybody')
    for (const other of others) {
      const message = await other.hears('hello everybody')
      expect(message).toMatchObject({
        senderName: 'alice',
        own: false,
        seq: receipt.seq,
        timeMs: receipt.timeMs,
      })
    }
    expect(receipt.timeMs).toBeGreaterThanOrEqual(before - 1000)
    expect(receipt.timeMs).toBeLessThanOrEqual(Date.now() + 1000)
    expect(alice.heard).toEqual([])
  })

  test('everybody sees who comes and who goes', async () => {
    const { address } = await startRelay(kind)
    const alice = await Person.open(kind, address, 'alice')
    await alice.join('lobby')
    const bob = await Person.open(kind, address, 'bob')
    await bob.join('lobby')
    await alice.sees(EVENTS.joined, 'bob')
    await bob.connection.close()
    expect(await alice.sees(EVENTS.left, 'bob')).toMatchObject({ value: LEAVE_REASONS.closed })
  })

  test('also when somebody is killed: the relay notices, and the others are told', async () => {
    const { address } = await startRelay(kind, { limits: { idleMs: 1500, detachedMs: 200 } })
    const alice = await Person.open(kind, address, 'alice')
    await alice.join('lobby')
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'victim.ts'), kind, String(address.port)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    onEnd(() => child.kill('SIGKILL'))
    await alice.sees(EVENTS.joined, 'victim')
    child.kill('SIGKILL')
    expect(await alice.sees(EVENTS.left, 'victim')).toMatchObject({ value: LEAVE_REASONS.lost })
  })

  test('a message by name reaches only that person', async () => {
    const { address } = await startRelay(kind)
    const [alice, bob, carol] = (await Promise.all(
      ['alice', 'bob', 'carol'].map((name) => Person.open(kind, address, name)),
    )) as [Person, Person, Person]
    for (const person of [alice, bob, carol]) await person.join('lobby')
    const direct = await alice.connection.request({ type: 'direct', name: 'Bob' })
    await alice.say(direct.number, 'psst')
    await bob.hears('psst')
    await carol.connection.fence(0)
    await carol.connection.fence(direct.number)
    expect(carol.heard).toEqual([])
    await expect(alice.connection.request({ type: 'direct', name: 'nobody' })).rejects.toMatchObject({
      code: 'no_such_name',
    })
    await bob.connection.close()
    // Whoever is away finds it on coming back.
    await alice.say(direct.number, 'see you later')
  })

  test('an operator announces, limits and kicks', async () => {
    const identity = identityOfSeed(systemEntropy(32))
    const { address } = await startRelay(kind, { operators: new Set([hexOf(identity.publicKey)]) })
    const boss = await Person.open(kind, address, 'boss', { identity })
    const bob = await Person.open(kind, address, 'bob')
    await boss.connection.request({ type: 'announce', text: 'soup is ready' })
    await bob.until((event) => (event.kind === 'notice' && event.frame.text === 'soup is ready') || undefined)
    await boss.connection.request({ type: 'setLimit', conversation: 0, limit: 2 })
    await expect(Person.open(kind, address, 'carol')).rejects.toMatchObject({ code: 'relay_full' })
    await boss.connection.request({ type: 'kick', conversation: 0, name: 'bob', reason: 'too loud' })
    expect(await bob.isClosed()).toMatchObject({ by: 'peer', name: 'kicked', text: 'too loud' })
    await Person.open(kind, address, 'carol')
    await expect(
      boss.connection.request({ type: 'kick', conversation: 0, name: 'bob', reason: '' }),
    ).rejects.toMatchObject({ code: 'no_such_name' })
  })

  test('both sides talk at any moment, and nothing is lost or out of order', async () => {
    const { address } = await startRelay(kind)
    const alice = await Person.open(kind, address, 'alice')
    const bob = await Person.open(kind, address, 'bob')
    const room = await alice.join('lobby')
    await bob.join('lobby')
    const texts = Array.from({ length: 500 }, (_, i) => `message ${i}`)
    await Promise.all(texts.flatMap((text) => [alice.say(room, text), bob.say(room, text)]))
    await Promise.all([alice.connection.fence(room), bob.connection.fence(room)])
    expect(alice.heard).toEqual(texts.map((text) => `bob: ${text}`))
    expect(bob.heard).toEqual(texts.map((text) => `alice: ${text}`))
  })

  test('a message larger than one read, and characters of four bytes, arrive whole', async () => {
    const { address } = await startRelay(kind)
    const alice = await Person.open(kind, address, 'alice')
    const bob = await Person.open(kind, address, 'bob')
    const room = await alice.join('lobby')
    await bob.join('lobby')
    for (let shift = 0; shift < 4; shift++) {
      const text = 'x'.repeat(shift) + '\u{1F372}'.repeat(15_000)
      void alice.say(room, text)
      await bob.hears(text)
    }
  })
})
