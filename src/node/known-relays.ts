/** Keys of relays met before, by host and port: a relay that shows another key later is refused. */
import { join } from 'node:path'
import { bytesOfHex, hexOf } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { hostPort } from './address.ts'
import { configFolder, readFileIfAny, replaceFile, withFileLock } from './private-file.ts'

const VERSION = 1
const KEY_BYTES = 32
const RELAYS_MAX = 10_000
const WINNER_KEPT_MS = 3_600_000

/** A relay met before. */
export interface KnownRelay {
  readonly key: Uint8Array
  /** What it called itself. */
  readonly name: string
  /** When it was first met, ISO 8601. */
  readonly since: string
  /** The address among several that succeeded lately. */
  readonly winner: string | undefined
}

/** A relay's place: the same key is expected over every transport. */
export interface RelayPlace {
  readonly host: string
  readonly port: number
}

interface StoredRelay {
  key: string
  name: string
  since: string
  winner?: string
  wonAt?: string
}

/** The file's path. */
export function knownRelaysPath(): string {
  return join(configFolder(), 'known-relays.json')
}

/** What is known of the relay there. */
export function knownRelay(place: RelayPlace): KnownRelay | undefined {
  const stored = read().get(hostPort(place.host, place.port))
  const key = stored && bytesOfHex(stored.key)
  return stored && key?.length === KEY_BYTES ? known(stored, key) : undefined
}

function known({ name, since, winner, wonAt }: StoredRelay, key: Uint8Array): KnownRelay {
  //= PAL-STR-020
  const isRecent = wonAt !== undefined && Math.abs(Date.now() - Date.parse(wonAt)) < WINNER_KEPT_MS
  return { key, name, since, winner: isRecent ? winner : undefined }
}

/** All relays known, by host and port. */
export function knownRelays(): ReadonlyMap<string, KnownRelay> {
  const relays = new Map<string, KnownRelay>()
  for (const [place, stored] of read()) relays.set(place, known(stored, bytesOfHex(stored.key) as Uint8Array))
  return relays
}

/**
 * Keeps the key of a relay met for the first time. One that is known already, perhaps since a moment ago from
 * another process, keeps its key until it is forgotten.
 */
export function keepRelay(place: RelayPlace, key: Uint8Array, name: string, since: Date): void {
  change((relays) => {
    //= PAL-SEC-003
    if (relays.has(hostPort(place.host, place.port))) return
    if (relays.size >= RELAYS_MAX) relays.delete(relays.keys().next().value as string)
    relays.set(hostPort(place.host, place.port), { key: hexOf(key), name, since: since.toISOString() })
  })
}

/** Remembers which of several addresses of a known relay succeeded. */
export function keepWinner(place: RelayPlace, winner: string, at: Date): void {
  change((relays) => {
    const stored = relays.get(hostPort(place.host, place.port))
    if (stored) Object.assign(stored, { winner, wonAt: at.toISOString() })
  })
}

/** Forgets the relay there; false when it was not known. */
export function forgetRelay(place: RelayPlace): boolean {
  return change((relays) => relays.delete(hostPort(place.host, place.port)))
}

function change<T>(edit: (relays: Map<string, StoredRelay>) => T): T {
  const path = knownRelaysPath()
  return withFileLock(path, () => {
    const relays = read()
    const result = edit(relays)
    replaceFile(path, `${JSON.stringify({ v: VERSION, relays: Object.fromEntries(relays) }, undefined, 2)}\n`)
    return result
  })
}

function read(): Map<string, StoredRelay> {
  const text = readFileIfAny(knownRelaysPath())
  if (text === undefined) return new Map()
  try {
    const { relays } = JSON.parse(text) as { relays: Record<string, StoredRelay> }
    const entries = Object.entries(relays)
    if (entries.every(([, { key }]) => bytesOfHex(key)?.length === KEY_BYTES)) return new Map(entries)
  } catch {
    // Not what this program writes: said below.
  }
  throw new UsageError('bad_argument', `the file ${knownRelaysPath()} is damaged: repair it, or move it away`)
}
