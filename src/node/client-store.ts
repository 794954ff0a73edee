/**
 * What a client keeps on disk, for one identity at one relay: a journal of records, one line each with its
 * sum, only ever appended to and now and then written anew. LMDB would do, but takes longer to load than a
 * small journal takes to read, and every start of a program waits for it.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { bytesOfHex, hexOf, utf8Bytes, utf8Text } from '../base/bytes.ts'
import { crc32c } from '../base/crc32c.ts'
import { type ClientRecord, Keeping, mustReachDisk } from '../protocol/client/index.ts'
import { fileError, makePrivate, stateFolder } from './private-file.ts'
import { takeProcessLock } from './process-lock.ts'

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const SUM_DIGITS = 8
/** A journal is written anew when it has grown by so much, and to so many times what it stands for. */
const GROWTH_BYTES_MIN = 256 * 1024
const GROWTH_FACTOR = 4

/** A client's state on disk. One process at a time has it. */
export interface ClientStore {
  keeping: Keeping
  /** Whether there was nothing before. */
  readonly isNew: boolean
  /** What was wrong with the journal, for people; undefined when nothing was. */
  readonly damage: string | undefined
  /** Keeps this state from now on, in place of what there was. */
  begin(keeping: Keeping): void
  /** Keeps the records; those that must have reached the disk when it returns. */
  append(records: readonly ClientRecord[]): void
  close(): void
}

/**
 * Where the state of an identity at a relay is kept.
 * @public
 */
export function clientStorePath(identity: Uint8Array, relayKey: Uint8Array): string {
  return join(
    stateFolder(),
    'clients',
    `${hexOf(identity).slice(0, 32)}-${hexOf(relayKey).slice(0, 32)}.journal`,
  )
}

/**
 * Opens the store at `path`, made when it is not there; undefined when another process has it open.
 * @public
 */
export function openClientStore(path: string): ClientStore | undefined {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
    const unlock = takeProcessLock(`${path}.owner`)
    return unlock && new Journal(path, unlock)
  } catch (error) {
    throw fileError(error, `open ${path}`)
  }
}

class Journal implements ClientStore {
  keeping: Keeping = new Keeping()
  readonly isNew: boolean
  readonly damage: string | undefined
  readonly #path: string
  readonly #unlock: () => void
  #file: number
  /** Bytes of the file, and of what it stood for when it was written anew. */
  #bytes = 0
  #freshBytes = 0

  constructor(path: string, unlock: () => void) {
    this.#path = path
    this.#unlock = unlock
    this.isNew = !existsSync(path)
    //= PAL-SEC-004
    this.#file = openSync(path, 'a+', FILE_MODE)
    makePrivate(path)
    this.damage = this.#load()
    this.#freshBytes = this.#bytes
    if (this.#bytes > GROWTH_BYTES_MIN) this.#writeAnew()
  }

  /** Reads what is sound. The end may be torn; anything else that is not sound is told and put aside. */
  #load(): string | undefined {
    const bytes = readFileSync(this.#path)
    let at = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, at)) {
      if (!this.#applyLine(bytes.subarray(at, end))) return this.#putAside(bytes, at, end + 1)
      at = end + 1
    }
    if (at < bytes.length) ftruncateSync(this.#file, at)
    this.#bytes = at
    return undefined
  }

  #applyLine(line: Uint8Array): boolean {
    const record = recordOfLine(line)
    if (!record) return false
    try {
      this.keeping.apply(record)
      return true
    } catch {
      return false
    }
  }

  /** A line that was never finished is the end of what was written; with others behind it, it is damage. */
  #putAside(bytes: Uint8Array, at: number, next: number): string | undefined {
    this.#bytes = at
    if (next >= bytes.length) {
      ftruncateSync(this.#file, at)
      return undefined
    }
    const aside = `${this.#path}.damaged`
    renameSync(this.#path, aside)
    this.#writeAnew()
    return `the state kept for this relay is damaged behind byte ${at}: what came later is in ${aside}`
  }

  begin(keeping: Keeping): void {
    this.keeping = keeping
    this.#writeAnew()
  }

  append(records: readonly ClientRecord[]): void {
    try {
      const text = records.map(lineOf).join('')
      this.#bytes += writeSync(this.#file, text)
      if (records.some(mustReachDisk)) fdatasyncSync(this.#file)
      if (this.#bytes > GROWTH_BYTES_MIN + GROWTH_FACTOR * this.#freshBytes) this.#writeAnew()
    } catch (error) {
      throw fileError(error, `write ${this.#path}`)
    }
  }

  /** Readers see the old journal or the new one. */
  #writeAnew(): void {
    const temporary = `${this.#path}.new`
    rmSync(temporary, { force: true })
    const file = openSync(temporary, 'ax', FILE_MODE)
    const text = this.keeping.snapshot().map(lineOf).join('')
    this.#bytes = writeSync(file, text)
    this.#freshBytes = this.#bytes
    fsyncSync(file)
    renameSync(temporary, this.#path)
    syncFolder(dirname(this.#path))
    closeSync(this.#file)
    this.#file = file
  }

  close(): void {
    closeSync(this.#file)
    this.#unlock()
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

const BINARY_FIELDS: ReadonlySet<string> = new Set(['log', 'peer', 'body', 'session', 'token'])

/** The sum in hexadecimal, a blank, the record as JSON, a line end. */
function lineOf(record: ClientRecord): string {
  const fields = Object.entries(record).map(([name, value]) =>
    value instanceof Uint8Array ? [name, Buffer.from(value).toString('base64')] : [name, value],
  )
  const text = JSON.stringify(Object.fromEntries(fields))
  return `${sumOf(utf8Bytes(text))} ${text}\n`
}

function sumOf(bytes: Uint8Array): string {
  return crc32c(bytes).toString(16).padStart(SUM_DIGITS, '0')
}

function recordOfLine(line: Uint8Array): ClientRecord | undefined {
  const text = line.subarray(SUM_DIGITS + 1)
  if (!bytesOfHex(utf8Text(line.subarray(0, SUM_DIGITS)))) return undefined
  if (utf8Text(line.subarray(0, SUM_DIGITS)) !== sumOf(text)) return undefined
  const record = JSON.parse(utf8Text(text)) as Record<string, unknown>
  for (const name of BINARY_FIELDS) {
    const value = record[name]
    if (typeof value === 'string') record[name] = new Uint8Array(Buffer.from(value, 'base64'))
  }
  return record as unknown as ClientRecord
}
