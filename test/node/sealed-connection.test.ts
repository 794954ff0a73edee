/** What counts as applied where sealing stands between a connection and a program. */
import { expect, test } from 'vitest'
import { concatBytes, uint32Bytes, utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import { CONTENT_KINDS, CONVERSATION_KINDS } from '../../src/codec/generated/registry.ts'
import type { ClientConnection, SessionEvent } from '../../src/node/client-connection.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { SealedConnection } from '../../src/node/sealed-connection.ts'
import { memorySealedStore, type SealedStore } from '../../src/node/sealed-store.ts'
import type { ClientConversation } from '../../src/protocol/client/index.ts'

const primitives = createNodePrimitives()

/** A connection that notes what is applied, and a message of bob that comes in it. */
function played(acknowledges: 'auto' | 'manual' = 'auto', onFull?: () => void) {
  const steps: string[] = []
  const member = (alias: number, name: string) => ({ alias, name, key: new Uint8Array(32).fill(alias) })
  const conversation = {
    kind: CONVERSATION_KINDS.direct,
    alias: 1,
    number: 7,
    name: 'bob',
    members: new Map([
      [1, member(1, 'alice')],
      [2, member(2, 'bob')],
    ]),
  } as unknown as ClientConversation
  const connection = {
    facts: { relayKey: new Uint8Array(32), name: 'alice', limits: new Map() },
    conversations: new Map([[7, conversation]]),
    closed: new Promise(() => {}),
    isIn: () => true,
    send: async () => ({ id: '', seq: 1, timeMs: 1, isDuplicate: false }),
    request: async () => conversation,
    withdraw: () => true,
    signal: () => true,
    applied: (_: unknown, seq: number) => steps.push(`applied ${seq}`),
    pause: () => steps.push('paused'),
    resume: () => steps.push('resumed'),
  } as unknown as ClientConnection
  const message = (seq: number, contentKind: number, body: Uint8Array): SessionEvent => ({
    kind: 'message',
    message: {
      ...{ conversation, seq, timeMs: 1, sender: 2, senderName: 'bob', ref: 1 },
      ...{ contentKind, body, own: false },
    },
  })
  const onEvent = (event: SessionEvent): void => {
    if (event.kind === 'message') steps.push(`shown ${utf8Text(event.message.body)}`)
  }
  const sealing = new SealedConnection({
    ...{ mode: 'prefer', primitives, acknowledges, onEvent },
    onNews: ({ kind }) => steps.push(kind),
    ...(onFull && { onFull }),
  })
  return { steps, connection, message, sealing, conversation }
}

/** A store that says when it is written. */
function noting(steps: string[]): SealedStore {
  const store = memorySealedStore(primitives)
  return {
    ...store,
    write(changes) {
      if (changes.length > 0) steps.push('kept')
      store.write(changes)
    },
  }
}

test('what comes before the store is open is not applied before it was opened and kept', () => {
  const { steps, connection, message, sealing } = played()
  sealing.handle(message(1, CONTENT_KINDS.text, utf8Bytes('plain')))
  sealing.handle(message(2, CONTENT_KINDS.sealed, Uint8Array.of(0x13, ...new Uint8Array(16))))
  expect(steps).toEqual([])
  sealing.attach(connection, { store: noting(steps), accountKey: new Uint8Array(32).fill(1) })
  expect(steps.slice(0, 2)).toEqual(['shown plain', 'applied 1'])
  // The answer to the second one uses up a prekey: that is kept before the question counts as read.
  expect(steps.indexOf('kept')).toBeGreaterThan(0)
  expect(steps.indexOf('applied 2')).toBeGreaterThan(steps.indexOf('kept'))
})

test('where nothing is sealed an entry is applied when the program had it', () => {
  const { steps, connection, message, sealing } = played()
  sealing.handle(message(1, CONTENT_KINDS.text, utf8Bytes('early')))
  sealing.pass(connection)
  sealing.handle(message(2, CONTENT_KINDS.text, utf8Bytes('late')))
  expect(steps).toEqual(['shown early', 'applied 1', 'shown late', 'applied 2'])
})

const ASK = Uint8Array.of(0x13, ...new Uint8Array(16))

/** A store in which all that may be kept of opened messages is one that bob sent at position 1. */
function full(): { readonly store: SealedStore; readonly sealed: Uint8Array } {
  const sealed = Uint8Array.of(0x12, 1, 2, 3)
  const body = new Uint8Array(64 * 1024 * 1024)
  const hash = primitives.sha512(sealed).slice(0, 16)
  const record = concatBytes([Uint8Array.of(1, 0), uint32Bytes(0), hash, uint32Bytes(body.length), body])
  const records = new Map([[`open/bob/${'02'.repeat(32)}/1`, record]])
  return { store: { ...memorySealedStore(primitives), records }, sealed }
}

test('who does not apply what was opened is given no more, and nothing is applied in its place', () => {
  let fullCount = 0
  const { steps, connection, message, sealing, conversation } = played('manual', () => {
    fullCount += 1
  })
  const { store, sealed } = full()
  sealing.attach(connection, { store, accountKey: new Uint8Array(32).fill(1) })
  // What was opened in an earlier run takes no more room.
  sealing.handle(message(1, CONTENT_KINDS.sealed, sealed))
  expect(steps.map((step) => step.slice(0, 5))).toEqual(['shown'])
  sealing.handle(message(2, CONTENT_KINDS.sealed, ASK))
  sealing.handle(message(3, CONTENT_KINDS.text, utf8Bytes('after it')))
  connection.resume()
  expect(steps.slice(1)).toEqual(['paused'])
  expect(fullCount).toBe(1)
  connection.applied(conversation, 1)
  // The second is for the sealing alone: with the first it is done with.
  expect(steps.slice(2)).toEqual(['applied 1', 'applied 2', 'shown after it', 'resumed'])
})

test('where everything was applied, what is kept for no reason holds nothing up', () => {
  const { steps, connection, message, sealing } = played('manual')
  sealing.attach(connection, { store: full().store, accountKey: new Uint8Array(32).fill(1) })
  sealing.handle(message(2, CONTENT_KINDS.sealed, ASK))
  expect(steps).toEqual(['applied 2'])
})

test('what a program needs again is not applied, nor anything behind it', () => {
  const { steps, connection, message, sealing, conversation } = played('manual')
  const { store, sealed } = full()
  sealing.attach(connection, { store, accountKey: new Uint8Array(32).fill(1) })
  sealing.handle(message(1, CONTENT_KINDS.sealed, sealed))
  sealing.handle(message(2, CONTENT_KINDS.text, utf8Bytes('two')))
  steps.splice(0)
  sealing.need(conversation, [1])
  connection.applied(conversation, 2)
  expect(steps).toEqual(['applied 0'])
  // It is still kept: the relay gives it again, and it is shown.
  sealing.handle(message(1, CONTENT_KINDS.sealed, sealed))
  expect(steps[1]?.slice(0, 5)).toBe('shown')
  sealing.need(conversation, [])
  connection.applied(conversation, 2)
  expect(steps.at(-1)).toBe('applied 2')
})
