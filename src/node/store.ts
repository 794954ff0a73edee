/** What a relay keeps on disk: names, bans and its own keys (LMDB, which survives a kill at any instant). */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { BanRecord, DirectoryRecord, NameRecord } from '../protocol/relay/index.ts'
import { systemEntropy } from './primitives.ts'
import { makePrivate } from './private-file.ts'

const SEED_BYTES = 32
const PRIVATE_FOLDER_MODE = 0o700
const PRIVATE_FILE_MODE = 0o600

/** Secrets that make a relay the same relay after a restart. */
export interface RelaySecrets {
  readonly identitySeed: Uint8Array
  readonly linkSecret: Uint8Array
}

export interface RelayStore {
  readonly secrets: RelaySecrets
  readonly stored: readonly DirectoryRecord[]
  /** Keeps a change. The commit follows within the turn; `close` waits for all of them. */
  save(record: DirectoryRecord): void
  close(): Promise<void>
}

/** A store that forgets: fresh secrets, no names. */
export function ephemeralStore(): RelayStore {
  const secrets = { identitySeed: systemEntropy(SEED_BYTES), linkSecret: systemEntropy(SEED_BYTES) }
  return { secrets, stored: [], save: () => {}, close: async () => {} }
}

/** The store in `folder`, made when it is not there. */
export function openStore(folder: string): RelayStore {
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE })
  const path = join(folder, 'relay.mdb')
  //= PAL-SEC-004
  if (!existsSync(path)) writeFileSync(path, '', { mode: PRIVATE_FILE_MODE })
  makePrivate(path)
  const root = open({ path, maxDbs: 4, encoding: 'json' })
  const names = root.openDB<NameRecord, string>({ name: 'names', encoding: 'json' })
  const bans = root.openDB<BanRecord, string>({ name: 'bans', encoding: 'json' })
  const stored: DirectoryRecord[] = [
    ...[...names.getRange()].map(({ value }): DirectoryRecord => ({ kind: 'name', record: value })),
    ...[...bans.getRange()].map(({ value }): DirectoryRecord => ({ kind: 'ban', record: value })),
  ]
  return {
    secrets: readSecrets(root),
    stored,
    save(change) {
      //= PAL-HSK-026
      if (change.kind === 'name') void names.put(change.record.folded, change.record)
      //= PAL-MOD-012
      else if (change.kind === 'ban') void bans.put(change.record.keyHex, change.record)
      else void bans.remove(change.keyHex)
    },
    async close() {
      await root.flushed
      await root.close()
    },
  }
}

function readSecrets(root: RootDatabase): RelaySecrets {
  const secrets = root.openDB<Uint8Array, string>({ name: 'secrets', encoding: 'binary' })
  const secret = (name: string): Uint8Array => {
    const known = secrets.get(name)
    if (known) return Uint8Array.from(known)
    const made = systemEntropy(SEED_BYTES)
    secrets.putSync(name, made)
    return made
  }
  return { identitySeed: secret('identity'), linkSecret: secret('link') }
}
