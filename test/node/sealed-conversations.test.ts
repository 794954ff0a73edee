/** What a client does when the relay keeps keys, does not, or is not there. */
import { afterEach, expect, test, vi } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.ts'
import { INNER_KINDS } from '../../src/crypto/direct/inner.ts'
import { PalaverError } from '../../src/node/palaver-error.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import type { PublishedKeys } from '../../src/node/relay-keys.ts'
import { SealedConversations, type SealedEvent } from '../../src/node/sealed-conversations.ts'
import { memorySealedStore, type SealedStore } from '../../src/node/sealed-store.ts'

const p = createNodePrimitives()
const RELAY_KEY = new Uint8Array(32).fill(9)
const SEALED = 4

interface Sent {
  readonly kind: number
  readonly body: Uint8Array
  readonly id: string | undefined
}

/** Somebody at a relay that is played. */
class Somebody {
  readonly person
  readonly sent: Sent[] = []
  readonly events: SealedEvent[] = []
  readonly published: PublishedKeys[] = []
  readonly conversations: SealedConversations
  claims = 0
  answer: () => Promise<Uint8Array | undefined> = async () => undefined

  constructor(
    name: string,
    {
      mode = 'prefer',
      isThere = true,
      store = memorySealedStore(p),
    }: { mode?: 'prefer' | 'require' | 'off'; isThere?: boolean; store?: SealedStore } = {},
  ) {
    this.person = { key: new Uint8Array(32).fill(name.charCodeAt(0)), name, folded: name }
    this.conversations = new SealedConversations({
      store,
      relayKey: RELAY_KEY,
      accountKey: this.person.key,
      mode,
      primitives: p,
      carry: async (_to, kind, body, id) => {
        this.sent.push({ kind, body, id })
        return { id: id ?? '', seq: this.sent.length, timeMs: 1, isDuplicate: false }
      },
      keys: {
        isThere,
        publish: async (keys) => {
          this.published.push(keys)
          return 100
        },
        claim: async () => {
          this.claims += 1
          return this.answer()
        },
      },
      onEvent: (event) => this.events.push(event),
    })
    people.push(this)
  }

  get bundle(): Uint8Array {
    this.conversations.connected()
    return this.published.at(-1)!.bundle
  }

  say(to: Somebody, text: string, id?: string) {
    return this.conversations.send(to.person, 0, utf8Bytes(text), id)
  }
}

const people: Somebody[] = []
afterEach(() => {
  for (const each of people.splice(0)) each.conversations.close()
  vi.useRealTimers()
})

//= PAL-SDC-037
test('a relay that does not say that it keeps keys is not asked for them', async () => {
  const [alice, bob] = [new Somebody('alice', { isThere: false }), new Somebody('bob')]
  alice.conversations.connected()
  await alice.say(bob, 'hello')
  expect([alice.claims, alice.published.length]).toEqual([0, 0])
  expect(alice.sent).toMatchObject([{ kind: 0 }])
})

test('nothing becomes plain because the relay did not answer: it waits for the next link', async () => {
  const [alice, bob] = [new Somebody('alice'), new Somebody('bob')]
  alice.answer = async () => {
    throw new PalaverError('link_lost', 0, 'no link')
  }
  const sent = alice.say(bob, 'hello')
  await new Promise(setImmediate)
  expect(alice.sent).toEqual([])
  alice.answer = async () => bob.bundle
  alice.conversations.connected()
  expect(await sent).toMatchObject({ isSealed: true })
  expect(alice.sent).toMatchObject([{ kind: SEALED }])
})

test('a relay that was asked too often is asked again', async () => {
  vi.useFakeTimers()
  const [alice, bob] = [new Somebody('alice'), new Somebody('bob')]
  alice.answer = async () => {
    throw new PalaverError('rate_limited', 773, 'too often')
  }
  const sent = alice.say(bob, 'hello')
  await vi.advanceTimersByTimeAsync(4999)
  expect([alice.claims, alice.sent.length]).toEqual([1, 0])
  alice.answer = async () => bob.bundle
  await vi.advanceTimersByTimeAsync(1)
  expect(await sent).toMatchObject({ isSealed: true })
})

test('a peer who sealed before is asked itself when the relay has lost its keys', async () => {
  vi.useFakeTimers()
  const store = memorySealedStore(p)
  const [alice, bob] = [new Somebody('alice', { store }), new Somebody('bob')]
  alice.answer = async () => bob.bundle
  await alice.say(bob, 'hello')
  // The sessions are gone, the pin is not.
  const kept = new Map([...store.records].filter(([name]) => !name.startsWith('direct/')))
  const again = new Somebody('alice', { store: { ...store, records: kept } })
  const refused = expect(again.say(bob, 'more')).rejects.toMatchObject({ code: 'no_keys' })
  await vi.advanceTimersByTimeAsync(0)
  expect(again.sent.map(({ kind, body }) => [kind, body[0]])).toEqual([[SEALED, 0x13]])
  await vi.advanceTimersByTimeAsync(5000)
  await refused
  expect(again.sent).toHaveLength(1)
})

test('an id stands for one message, as long as it is under way', async () => {
  const [alice, bob] = [new Somebody('alice'), new Somebody('bob')]
  alice.answer = async () => bob.bundle
  const [one, two] = await Promise.all([alice.say(bob, 'hello', 'a'), alice.say(bob, 'hello', 'a')])
  expect(one).toBe(two)
  expect(alice.sent.map(({ id }) => id)).toEqual(['a'])
})

test('what was opened comes again until it was applied, and is opened once', async () => {
  const store = memorySealedStore(p)
  const [alice, bob] = [new Somebody('alice'), new Somebody('bob', { store })]
  alice.answer = async () => bob.bundle
  for (const text of ['one', 'two', 'three']) await alice.say(bob, text)
  const messages = alice.sent.map(({ kind, body }, i) => ({ position: i + 1, contentKind: kind, body }))
  const given = (to: Somebody): string[] => {
    for (const message of messages) to.conversations.take(alice.person, message)
    return to.events.splice(0).flatMap((event) => (event.kind === 'message' ? [text(event.body)] : []))
  }
  const text = (body: Uint8Array): string => new TextDecoder().decode(body)
  expect(given(bob)).toEqual(['one', 'two', 'three'])
  bob.conversations.applied(alice.person, 1)
  bob.conversations.close()
  const next = new Somebody('bob', { store })
  expect(given(next)).toEqual(['two', 'three'])
  next.conversations.applied(alice.person, 3)
  next.conversations.close()
  expect(given(new Somebody('bob', { store }))).toEqual([])
  expect([...store.records.keys()].filter((name) => name.startsWith('open/'))).toEqual([])
  // Another body at an old position is no old message.
  await alice.say(bob, 'four')
  const last = new Somebody('bob', { store })
  last.conversations.take(alice.person, { position: 2, contentKind: SEALED, body: alice.sent.at(-1)!.body })
  expect(last.events.flatMap((event) => (event.kind === 'message' ? [text(event.body)] : []))).toEqual([
    'four',
  ])
  expect(last.events.some((event) => event.kind === 'message' && event.contentKind > INNER_KINDS.reset)).toBe(
    false,
  )
})
