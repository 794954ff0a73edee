/** A person's identities on this machine: one file each, readable by their owner only. */
import { existsSync, readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { bytesOfHex, hexOf } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import type { Identity } from '../protocol/client/index.ts'
import { normalizeName } from '../protocol/names.ts'
import { identityOfSeed, systemEntropy } from './primitives.ts'
import { configFolder, createFile, makePrivate, readFileIfAny, replaceFile } from './private-file.ts'

const VERSION = 1
const SEED_BYTES = 32
const CLIENT_ID_BYTES = 8
const SUFFIX = '.json'
/** The identity that is used when neither an identity nor a name is asked for. */
export const DEFAULT_IDENTITY = 'default'

/** An identity as its file holds it. */
export interface StoredIdentity {
  /** The file's name, without folder and suffix. */
  readonly label: string
  readonly path: string
  readonly identity: Identity
  readonly clientId: Uint8Array
  /** The name it went by last. */
  readonly nick: string
  /** Whether this call made it. */
  readonly isNew: boolean
  /** Whether other users could read the file until now. */
  readonly wasExposed: boolean
}

/** What the person asked for; either may be missing. */
export interface IdentityWish {
  readonly identity: string | undefined
  readonly nick: string | undefined
}

function identitiesFolder(): string {
  return join(configFolder(), 'identities')
}

function pathOf(label: string): string {
  return join(identitiesFolder(), `${label}${SUFFIX}`)
}

/**
 * The identity for a wish. A relay gives one session to each identity, so each name other than that of the
 * default identity has an identity of its own, in a file of that name; `identity` names a file outright.
 * Made when missing.
 */
export function openIdentity(wish: IdentityWish): StoredIdentity {
  const nick = wish.nick === undefined ? undefined : checkedNick(wish.nick)
  if (wish.identity !== undefined) return openLabel(checkedLabel(wish.identity), nick)
  if (nick === undefined) return openLabel(DEFAULT_IDENTITY, undefined)
  const standard = readIdentity(DEFAULT_IDENTITY)?.nick ?? loginName()
  return openLabel(fold(standard) === fold(nick) ? DEFAULT_IDENTITY : labelOfNick(nick), nick)
}

function fold(nick: string): string {
  return normalizeName(nick)?.folded ?? nick
}

function labelOfNick(nick: string): string {
  const label = fold(nick)
  return label === DEFAULT_IDENTITY ? `${label}_` : label
}

function openLabel(label: string, nick: string | undefined): StoredIdentity {
  const known = readIdentity(label)
  if (known) return nick === undefined ? known : { ...known, nick }
  const made = JSON.stringify({
    v: VERSION,
    seed: hexOf(systemEntropy(SEED_BYTES)),
    //= PAL-HSK-016
    clientId: hexOf(systemEntropy(CLIENT_ID_BYTES)),
    nick: nick ?? (label === DEFAULT_IDENTITY ? loginName() : label),
  })
  const isNew = createFile(pathOf(label), `${made}\n`)
  const identity = readIdentity(label) as StoredIdentity
  return { ...identity, nick: nick ?? identity.nick, isNew }
}

/** Makes a new identity. Throws UsageError when there is one of that name. */
export function newIdentity(wish: IdentityWish): StoredIdentity {
  const label =
    wish.identity ?? (wish.nick === undefined ? DEFAULT_IDENTITY : labelOfNick(checkedNick(wish.nick)))
  if (existsSync(pathOf(checkedLabel(label))))
    throw new UsageError('bad_argument', `there is an identity "${label}" already: ${pathOf(label)}`)
  return openLabel(label, wish.nick)
}

/** Makes the file of an identity that a backup held. Throws UsageError when there is one of that name. */
export function restoreIdentity(
  label: string,
  parts: { readonly seed: Uint8Array; readonly clientId: Uint8Array; readonly nick: string },
): void {
  const path = pathOf(checkedLabel(label))
  const { seed, clientId, nick } = parts
  if (seed.length !== SEED_BYTES || clientId.length !== CLIENT_ID_BYTES)
    throw new UsageError('bad_argument', 'the backup holds no identity')
  const text = JSON.stringify({
    v: VERSION,
    seed: hexOf(seed),
    clientId: hexOf(clientId),
    nick: checkedNick(nick),
  })
  if (!createFile(path, `${text}\n`))
    throw new UsageError(
      'bad_argument',
      `there is an identity "${label}" already: ${path}; nothing was changed`,
    )
}

/**
 * The identity in the file of that name, or undefined when there is none. Throws UsageError when it is
 * damaged.
 */
export function readIdentity(label: string): StoredIdentity | undefined {
  const path = pathOf(label)
  const text = readFileIfAny(path)
  if (text === undefined) return undefined
  const { seed: seedHex, clientId: clientIdHex, nick } = parsed(text)
  const seed = typeof seedHex === 'string' ? bytesOfHex(seedHex) : undefined
  const clientId = typeof clientIdHex === 'string' ? bytesOfHex(clientIdHex) : undefined
  if (seed?.length !== SEED_BYTES || clientId?.length !== CLIENT_ID_BYTES || typeof nick !== 'string')
    throw new UsageError('bad_argument', `the identity file ${path} is damaged: restore it, or move it away`)
  const wasExposed = makePrivate(path)
  return { label, path, identity: identityOfSeed(seed), clientId, nick, isNew: false, wasExposed }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Keeps the name that a relay gave to the identity, for the next time. */
export function keepNick(stored: StoredIdentity, nick: string): void {
  if (readIdentity(stored.label)?.nick === nick) return
  const { identity, clientId } = stored
  const text = JSON.stringify({ v: VERSION, seed: hexOf(identity.seed), clientId: hexOf(clientId), nick })
  replaceFile(stored.path, `${text}\n`)
}

/** The names of all identity files. */
export function listIdentities(): string[] {
  if (!existsSync(identitiesFolder())) return []
  return readdirSync(identitiesFolder())
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort()
}

function checkedNick(nick: string): string {
  const name = normalizeName(nick)
  if (!name)
    throw new UsageError(
      'bad_argument',
      `"${nick}" cannot be a name: 1 to 32 letters, digits, "-", "_" or "."`,
    )
  return name.text
}

function checkedLabel(label: string): string {
  if (!normalizeName(label))
    throw new UsageError('bad_argument', `"${label}" cannot be the name of an identity`)
  return label
}

/** The login name as far as it can be a name here. */
function loginName(): string {
  const login = process.env['USER'] || process.env['LOGNAME'] || systemLogin()
  return normalizeName(login)?.text ?? 'guest'
}

function systemLogin(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}
