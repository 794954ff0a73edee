/** Small files that only their owner may read, written so that no reader ever sees half of one. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { TransportError } from '../base/errors.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const OTHERS_BITS = 0o077
const LOCK_WAIT_MS = 20
const LOCK_TRIES = 100
const LOCK_STALE_MS = 5000

/** The folder for what a person sets: identities, relays known. */
export function configFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'palaver')
}

/** The folder for what a program keeps: a relay's store, the administration's token. */
export function stateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'palaver')
}

/** The text of a file, or undefined when there is none. Rejects what cannot be read with a TransportError. */
export function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw fileError(error, `read ${path}`)
  }
}

/** Writes the file in one step: readers see the old text or the new one. */
export function replaceFile(path: string, text: string | Uint8Array): void {
  withTemporary(path, text, (temporary) => renameSync(temporary, path))
}

/** Writes the file only when there is none; of two processes at once exactly one gets true. */
export function createFile(path: string, text: string | Uint8Array): boolean {
  return withTemporary(path, text, (temporary) => {
    try {
      linkSync(temporary, path)
      return true
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false
      throw error
    }
  })
}

function withTemporary<T>(path: string, text: string | Uint8Array, place: (temporary: string) => T): T {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
    //= PAL-SEC-004
    writeFileSync(temporary, text, { mode: FILE_MODE, flag: 'wx' })
    return place(temporary)
  } catch (error) {
    throw fileError(error, `write ${path}`)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Takes away other users' access to the file, if they have any; true when they had. */
export function makePrivate(path: string): boolean {
  const isOpen = (statSync(path).mode & OTHERS_BITS) !== 0
  if (isOpen) chmodSync(path, FILE_MODE)
  return isOpen
}

/** Runs `change` while no other process runs one for the same file. A lock that its owner left is broken. */
export function withFileLock<T>(path: string, change: () => T): T {
  const lock = `${path}.lock`
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
  for (let tries = 0; !takeLock(lock); tries++) {
    if (tries === LOCK_TRIES || isStale(lock)) rmSync(lock, { recursive: true, force: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_WAIT_MS)
  }
  try {
    return change()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw fileError(error, `write ${lock}`)
  }
}

function isStale(lock: string): boolean {
  try {
    return Date.now() - statSync(lock).mtimeMs > LOCK_STALE_MS
  } catch {
    return false
  }
}

/** Node's code of a system error, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
}

/** What a failed file operation means. `doing` continues "cannot": "read /etc/x". */
export function fileError(error: unknown, doing: string): TransportError {
  if (error instanceof TransportError) return error
  const code = systemCode(error) ?? ''
  const why = FILE_REASONS[code] ?? (error instanceof Error ? error.message : String(error))
  return new TransportError(
    code === 'EACCES' || code === 'EPERM' ? 'not_permitted' : 'io',
    `cannot ${doing}: ${why}`,
    error,
  )
}
