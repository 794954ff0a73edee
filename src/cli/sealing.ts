/** What `--e2ee` asks for: the sealed connection of a program, and its store. */
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { SessionEvent } from '../node/client-connection.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { SealedConnection, type SealingNews } from '../node/sealed-connection.ts'
import { openSealedStore, type SealedStore, sealedStorePath } from '../node/sealed-store.ts'
import { CliError, EXIT } from './exit.ts'

/** A connection that seals, before it is attached. */
export function createSealing(
  mode: SealingMode,
  onEvent: (event: SessionEvent) => void,
  onNews: (news: SealingNews) => void,
): SealedConnection {
  return new SealedConnection({ mode, primitives: createNodePrimitives(), onEvent, onNews })
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
