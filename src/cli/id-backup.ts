/** `palaver id export` and `import`: an identity with what it seals with, under a passphrase. */
import { readFileSync } from 'node:fs'
import { bytesOfHex, hexOf, strictUtf8Text, utf8Bytes } from '../base/bytes.ts'
import { openBackup, sealBackup } from '../crypto/backup.ts'
import { restoredRecords } from '../crypto/client/restoring.ts'
import { parseRelayAddress } from '../node/address.ts'
import { restoreIdentity, type StoredIdentity } from '../node/identity-file.ts'
import { keepRelay, knownRelays, type RelayPlace } from '../node/known-relays.ts'
import { identityOfSeed } from '../node/primitives.ts'
import { createFile, fileError } from '../node/private-file.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import { peekSealedStore, restoreSealedStore, sealedStorePath } from '../node/sealed-store.ts'
import type { Arguments } from './args.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { writeJson, writeLine } from './output.ts'
import { passphraseOf } from './passphrase.ts'

const VERSION = 1

/** What a backup of this program holds. Other programs can use the identity only. */
interface Backup {
  readonly v: typeof VERSION
  readonly label: string
  readonly nick: string
  readonly seed: string
  readonly clientId: string
  readonly relays: readonly {
    readonly place: string
    readonly key: string
    readonly name: string
    readonly since: string
    /** Records by their names, in base64. */
    readonly sealed: Readonly<Record<string, string>>
  }[]
}

/** Writes the identity, the relays it knows and what it seals with there. */
export async function exportIdentity(
  args: Arguments,
  stored: StoredIdentity,
  [path]: readonly string[],
): Promise<void> {
  if (path === undefined) throw usageError('where to?', 'palaver id export FILE')
  const backup = utf8Bytes(JSON.stringify(contentOf(stored)))
  const sealed = sealBackup(createNodePrimitives(), backup, await passphraseOf(args, true))
  if (!createFile(path, sealed)) throw usageError(`${path} is there already; nothing was overwritten`)
  if (args.has('json')) writeJson('exported', { identity: stored.label, path })
  else writeLine(`${stored.label} is in ${path}; whoever has the passphrase too can be you`)
}

function contentOf({ label, nick, identity, clientId }: StoredIdentity): Backup {
  const primitives = createNodePrimitives()
  const relays = [...knownRelays()].map(([place, { key, name, since }]) => {
    const kept = peekSealedStore(primitives, sealedStorePath(identity.publicKey, key))
    const records = restoredRecords(kept?.records ?? new Map())
    const sealed = Object.fromEntries(
      [...records].map(([record, bytes]) => [record, Buffer.from(bytes).toString('base64')]),
    )
    return { place, key: hexOf(key), name, since, sealed }
  })
  return { v: VERSION, label, nick, seed: hexOf(identity.seed), clientId: hexOf(clientId), relays }
}

/** Brings back what `exportIdentity` wrote. Nothing that is there is overwritten. */
export async function importIdentity(args: Arguments, [path]: readonly string[]): Promise<void> {
  if (path === undefined) throw usageError('which file?', 'palaver id import FILE')
  const backup = opened(read(path), await passphraseOf(args, false), path)
  const label = args.text('identity') ?? backup.label
  const seed = bytesOfHex(backup.seed) ?? new Uint8Array(0)
  const clientId = bytesOfHex(backup.clientId) ?? new Uint8Array(0)
  restoreIdentity(label, { seed, clientId, nick: backup.nick })
  const { publicKey } = identityOfSeed(seed)
  for (const relay of backup.relays) restoreRelay(relay, publicKey)
  if (args.has('json')) return writeJson('imported', { identity: label, nick: backup.nick })
  writeLine(
    `${label} is back. Do not use it in its old place too: two programs of one identity disturb each other`,
  )
  writeLine('conversations begin new sessions; to sealed rooms an admin has to add you again')
}

function restoreRelay(relay: Backup['relays'][number], accountKey: Uint8Array): void {
  const key = bytesOfHex(relay.key)
  if (!key) return
  const address: RelayPlace = parseRelayAddress(`tcp://${relay.place}`)
  keepRelay(address, key, relay.name, new Date(relay.since))
  const records = new Map(
    Object.entries(relay.sealed).map(([name, text]) => [name, Uint8Array.from(Buffer.from(text, 'base64'))]),
  )
  if (records.size === 0) return
  const storePath = sealedStorePath(accountKey, key)
  if (!restoreSealedStore(createNodePrimitives(), storePath, records))
    throw usageError(`${storePath} is there already; it was not changed`)
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw fileError(error, `read ${path}`)
  }
}

function opened(bytes: Uint8Array, passphrase: string, path: string): Backup {
  const content = openBackup(createNodePrimitives(), bytes, passphrase)
  if (content === 'passphrase')
    throw new CliError(EXIT.untrusted, 'passphrase', `${path} does not open with that passphrase`)
  const backup = content === 'malformed' ? undefined : parsed(content)
  if (!backup)
    throw new CliError(EXIT.untrusted, 'bad_backup', `${path} is no backup of this program, or is damaged`)
  return backup
}

/** Whoever knew the passphrase wrote it; only its form is looked at. */
function parsed(content: Uint8Array): Backup | undefined {
  try {
    const backup = JSON.parse(strictUtf8Text(content) ?? '') as Backup
    const isWhole = backup.v === VERSION && typeof backup.seed === 'string' && Array.isArray(backup.relays)
    return isWhole ? backup : undefined
  } catch {
    return undefined
  }
}
