/** The state of a client that lasts: opened for one identity at one relay. */
import { existsSync } from 'node:fs'
import { type ClientStore, clientStorePath, openClientStore } from '../node/client-store.ts'
import type { StoredIdentity } from '../node/identity-file.ts'
import { warn } from './output.ts'

type Who = Pick<StoredIdentity, 'identity' | 'nick'>

/** Opens the state; undefined, and said so, when another program has it. */
export function openState(stored: Who, relayKey: Uint8Array): ClientStore | undefined {
  const store = openClientStore(clientStorePath(stored.identity.publicKey, relayKey))
  if (!store)
    warn(
      `another palaver runs as ${stored.nick} at this relay: ` +
        'this one does not keep what is typed without a connection',
    )
  else if (store.damage !== undefined) warn(store.damage)
  return store
}

/** Whether there is a state already. */
export function hasState(stored: Who, relayKey: Uint8Array): boolean {
  return existsSync(clientStorePath(stored.identity.publicKey, relayKey))
}
