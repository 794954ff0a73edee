/** What counts as applied where sealing stands between a connection and a program. */
import { expect, test } from 'vitest'
import { utf8Bytes, utf8Text } from '../../src/base/bytes.ts'
import { CONTENT_KINDS, CONVERSATION_KINDS } from '../../src/codec/generated/registry.ts'
import type { ClientConnection, SessionEvent } from '../../src/node/client-connection.ts'
import { createNodePrimitives } from '../../src/node/provider-node.ts'
import { SealedConnection } from '../../src/node/sealed-connection.ts'
import { memorySealedStore, type SealedStore } from '../../src/node/sealed-store.ts'
import type { ClientConversation } from '../../src/protocol/client/index.ts'

const primitives = createNodePrimitives()

/** A connection that notes what is applied, and a message of bob that comes in it. */
function played() {
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
    ...{ mode: 'prefer', primitives, acknowledges: 'auto', onEvent },
    onNews: ({ kind }) => steps.push(kind),
  })
  return { steps, connection, message, sealing }
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
