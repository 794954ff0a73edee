/** What `--e2ee` asks for: the sealed connection of a program, and its store. */
import { existsSync } from 'node:fs'
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { ClientConnection, SessionEvent } from '../node/client-connection.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { SealedConnection, type SealingNews } from '../node/sealed-connection.ts'
import { openSealedStore, type SealedStore, sealedStorePath } from '../node/sealed-store.ts'
import { CliError, EXIT } from './exit.ts'

const TRIES = 60
const TRY_MS = 50

/** A connection that seals, before it is attached. */
export function createSealing(
  mode: SealingMode,
  acknowledges: 'auto' | 'manual',
  onEvent: (event: SessionEvent) => void,
  onNews: (news: SealingNews) => void,
): SealedConnection {
  return new SealedConnection({ mode, primitives: createNodePrimitives(), acknowledges, onEvent, onNews })
}

/**
 * Attaches it with the store of the account at that relay. Where sealing is off it is attached only when
 * there is a store: with whom a conversation was sealed before, nothing goes out plainly.
 */
export async function attachSealing(
  sealing: SealedConnection,
  mode: SealingMode,
  connection: ClientConnection,
  accountKey: Uint8Array,
): Promise<void> {
  const { relayKey } = connection.facts
  //= PAL-TRU-013
  if (mode === 'off' && !existsSync(sealedStorePath(accountKey, relayKey))) return sealing.pass(connection)
  sealing.attach(connection, { store: await storeAt(accountKey, relayKey), accountKey })
}

/** The program whose session this one took over ends by itself. */
async function storeAt(accountKey: Uint8Array, relayKey: Uint8Array): Promise<SealedStore> {
  const path = sealedStorePath(accountKey, relayKey)
  for (let left = TRIES; left > 0; left--) {
    const store = openSealedStore(createNodePrimitives(), path)
    if (store) return store
    await new Promise((resolve) => setTimeout(resolve, TRY_MS))
  }
  return sealedStoreOf(accountKey, relayKey)
}

/** The store of an account at a relay, which one program has at a time. */
export function sealedStoreOf(accountKey: Uint8Array, relayKey: Uint8Array): SealedStore {
  const store = openSealedStore(createNodePrimitives(), sealedStorePath(accountKey, relayKey))
  if (store) return store
  throw new CliError(
    EXIT.usage,
    'sealed_store_in_use',
    'another program of this identity seals with this relay',
    'end it, or use another --nick; in a chat that runs, use /verify and /trust',
  )
}
