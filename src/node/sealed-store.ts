/**
 * Where a client keeps what it seals with: a file of encrypted batches that only grows, beside the key to it,
 * both readable by their owner only. What `write` was given is on the disk when it returns.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { bytesOfHex, concatBytes, hexOf } from '../base/bytes.ts'
import { TransportError } from '../base/errors.ts'
import type { Save } from '../crypto/client/outputs.ts'
import { restoredRecords } from '../crypto/client/restoring.ts'
import { createIdentity, type OwnIdentity } from '../crypto/identity.ts'
import { applyChanges, readJournal, sealBatch } from '../crypto/journal.ts'
import type { Primitives } from '../crypto/primitives.ts'
import type { RecordChange } from '../crypto/records.ts'
import { createFile, fileError, readFileIfAny, replaceFile, stateFolder } from './private-file.ts'
import { takeProcessLock } from './process-lock.ts'

const KEY_BYTES = 32
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const IDENTITY = 'identity'
/** The file is written anew when it has grown to so many times what it holds, and to so much. */
const GROWTH_FACTOR = 4
const GROWTH_BYTES_MIN = 1024 * 1024

/** What one account seals with, on one relay. One process at a time has it. */
export interface SealedStore {
  /** The identity that others meet; made when the store was. */
  readonly own: OwnIdentity
  /** What was kept when the store was opened. */
  readonly records: ReadonlyMap<string, Uint8Array>
  write(changes: readonly RecordChange[]): void
  close(): void
}

/** A machine that lets nothing out before what it rests on is kept. */
interface KeptMachine<Output> {
  takeSave(): Save | undefined
  handleSaved(version: number): void
  pollOutput(): Output | undefined
}

/** Keeps what changed in a machine, and then lets out what follows, until there is neither. */
export function keepAndLetOut<Output>(
  machine: KeptMachine<Output>,
  store: SealedStore,
  carryOut: (output: Output) => void,
): void {
  for (;;) {
    const save = machine.takeSave()
    if (save) {
      store.write(save.changes)
      machine.handleSaved(save.version)
    }
    const output = machine.pollOutput()
    if (output) carryOut(output)
    else if (!save) return
  }
}

/** Where what an account seals with at a relay is kept. */
export function sealedStorePath(accountKey: Uint8Array, relayKey: Uint8Array): string {
  const name = `${hexOf(accountKey).slice(0, 32)}-${hexOf(relayKey).slice(0, 32)}.sealed`
  return join(stateFolder(), 'clients', name)
}

/**
 * Opens the store at `path`, made when it is not there; undefined when another process has it open. Rejects a
 * damaged one with a TransportError: who begins anew by mistake would meet everybody as a stranger.
 */
export function openSealedStore(primitives: Primitives, path: string): SealedStore | undefined {
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
  const release = takeProcessLock(`${path}.lock`)
  if (!release) return undefined
  try {
    return new FileStore(primitives, path, release)
  } catch (error) {
    release()
    throw fileError(error, `open ${path}`)
  }
}

/** What a store holds, read while another process may have it; undefined when there is none. */
export function peekSealedStore(
  primitives: Primitives,
  path: string,
): Pick<SealedStore, 'own' | 'records'> | undefined {
  const key = bytesOfHex(readFileIfAny(`${path}.key`)?.trim() ?? '')
  if (key?.length !== KEY_BYTES || !existsSync(path)) return undefined
  const journal = readJournal(primitives, key, readFileSync(path))
  if (!journal) throw damaged(path)
  const secrets = journal.records.get(IDENTITY)
  return secrets && { own: identityOf(primitives, secrets), records: journal.records }
}

/** Makes a store of records from a backup. False when there is a store already. */
export function restoreSealedStore(
  primitives: Primitives,
  path: string,
  records: ReadonlyMap<string, Uint8Array>,
): boolean {
  if (existsSync(path)) return false
  const key = keyAt(primitives, `${path}.key`)
  return createFile(path, sealBatch(primitives, key, 0, [...restoredRecords(records)]))
}

/** A store that lasts as long as its program, with an identity of its own. */
export function memorySealedStore(primitives: Primitives): SealedStore {
  const records = new Map<string, Uint8Array>()
  const secrets = concatBytes([primitives.random(KEY_BYTES), primitives.random(KEY_BYTES)])
  return {
    own: identityOf(primitives, secrets),
    records,
    write: (changes) => applyChanges(records, changes),
    close: () => {},
  }
}

class FileStore implements SealedStore {
  readonly own: OwnIdentity
  readonly #primitives: Primitives
  readonly #path: string
  readonly #release: () => void
  readonly #key: Uint8Array
  readonly #records: Map<string, Uint8Array>
  #file: number
  #nextNumber: number
  #bytes: number

  constructor(primitives: Primitives, path: string, release: () => void) {
    this.#primitives = primitives
    this.#path = path
    this.#release = release
    this.#key = keyAt(primitives, `${path}.key`)
    createFile(path, '')
    const journal = readJournal(primitives, this.#key, readFileSync(path))
    if (!journal) throw damaged(path)
    this.#records = journal.records
    this.#nextNumber = journal.nextNumber
    this.#bytes = journal.goodBytes
    this.#file = openSync(path, 'a', FILE_MODE)
    ftruncateSync(this.#file, journal.goodBytes)
    this.own = this.#identity()
  }

  get records(): ReadonlyMap<string, Uint8Array> {
    return this.#records
  }

  write(changes: readonly RecordChange[]): void {
    if (changes.length === 0) return
    applyChanges(this.#records, changes)
    const batch = sealBatch(this.#primitives, this.#key, this.#nextNumber, changes)
    writeSync(this.#file, batch)
    fdatasyncSync(this.#file)
    this.#nextNumber += 1
    this.#bytes += batch.length
    if (this.#bytes > GROWTH_BYTES_MIN) this.#shrink()
  }

  close(): void {
    closeSync(this.#file)
    this.#release()
  }

  #shrink(): void {
    const whole = sealBatch(this.#primitives, this.#key, 0, [...this.#records])
    if (this.#bytes < GROWTH_FACTOR * whole.length) return
    replaceFile(this.#path, whole)
    closeSync(this.#file)
    this.#file = openSync(this.#path, 'a', FILE_MODE)
    this.#nextNumber = 1
    this.#bytes = whole.length
  }

  #identity(): OwnIdentity {
    const kept = this.#records.get(IDENTITY)
    const p = this.#primitives
    const secrets = kept ?? concatBytes([p.random(KEY_BYTES), p.random(KEY_BYTES)])
    if (!kept) this.write([[IDENTITY, secrets]])
    return identityOf(p, secrets)
  }
}

function identityOf(primitives: Primitives, secrets: Uint8Array): OwnIdentity {
  const signing = primitives.signingKeygen(secrets.slice(0, KEY_BYTES))
  return createIdentity(primitives, { signing, dh: primitives.dhImport(secrets.slice(KEY_BYTES)) })
}

function damaged(path: string): TransportError {
  return new TransportError('io', `${path} is damaged, or its key is another one: restore a backup`)
}

function keyAt(primitives: Primitives, path: string): Uint8Array {
  createFile(path, hexOf(primitives.random(KEY_BYTES)))
  const key = bytesOfHex(readFileIfAny(path)?.trim() ?? '')
  if (key?.length !== KEY_BYTES) throw new TransportError('io', `${path} holds no key`)
  return key
}
