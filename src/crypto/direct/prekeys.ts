/**
 * A client's own prekeys: what it offers, what it still answers to, and what was used. A one-time prekey is
 * forgotten when a session began with it; without one, the initiator's ephemeral key is remembered for as
 * long as the signed prekey can be used, so that no first message counts twice.
 */
import { assert } from '../../base/assert.ts'
import { bytesOfHex, concatBytes, equalBytes, hexOf, uint32Bytes } from '../../base/bytes.ts'
import { createStoredBundle, type OwnPrekey, type Prekey } from '../bundle.ts'
import { FieldReader, uint16Bytes, uint64Bytes } from '../fields.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { Changes, type RecordChange } from '../records.ts'
import {
  createKeyPackage,
  decodeOwnPackage,
  encodeOwnPackage,
  type OwnKeyPackage,
} from '../room/key-package.ts'

const FORMAT = 1
const KEY_BYTES = 32
const PERIOD_MS = 7 * 86_400_000
const SEEN_MAX = 1000
const ONE_TIME_MAX = 1000
const PACKAGE = 'package/'
/** How long somebody can be added by a published package, and how many are kept: a welcome may come later. */
const PACKAGE_MS = 2 * PERIOD_MS
const PACKAGES_MAX = 8

/** How many one-time prekeys a client keeps at the relay. */
export const PREKEYS_STOCK = 100

/** Below how many it sends new ones. */
const PREKEYS_LOW = 20

interface SignedPrekey {
  readonly prekey: OwnPrekey
  readonly madeMs: number
  /** Ephemeral keys of sessions that began without a one-time prekey, in hexadecimal. */
  readonly seen: Set<string>
}

/** The prekeys of one identity. */
export class OwnPrekeys {
  readonly #primitives: Primitives
  readonly #own: OwnIdentity
  readonly #changes = new Changes()
  readonly #oneTime = new Map<number, OwnPrekey>()
  /** Latest first, at most two. */
  #signed: SignedPrekey[] = []
  #nextId = 1
  /** Latest first. */
  #packages: OwnKeyPackage[] = []

  constructor(primitives: Primitives, own: OwnIdentity, records?: ReadonlyMap<string, Uint8Array>) {
    this.#primitives = primitives
    this.#own = own
    if (records) this.#restore(records)
  }

  /** Makes a new signed prekey when the last one is a week old. True when the bundle has to be sent again. */
  rotate(nowMs: number): boolean {
    const [latest] = this.#signed
    if (latest && nowMs - latest.madeMs < PERIOD_MS) return false
    //= PAL-SDC-012
    const kept = this.#signed.filter((each) => nowMs - each.madeMs < 2 * PERIOD_MS)
    const prekey = { id: this.#nextId++, key: this.#primitives.dhKeygen() }
    this.#signed = [{ prekey, madeMs: nowMs, seen: new Set() }, ...kept.slice(0, 1)]
    this.#makePackage(nowMs)
    this.#keep()
    return true
  }

  /** A package that is published with the bundle, kept for as long as somebody may add this one by it. */
  #makePackage(nowMs: number): void {
    const made = createKeyPackage(this.#primitives, this.#own, nowMs + PACKAGE_MS)
    this.#packages = [made, ...this.#packages]
    this.#changes.put(PACKAGE + hexOf(made.packageId), encodeOwnPackage(made))
    for (const { packageId } of this.#packages.splice(PACKAGES_MAX))
      this.#changes.forget(PACKAGE + hexOf(packageId))
  }

  /** The published package of that number, if it is one of the latest. */
  package(packageId: Uint8Array): OwnKeyPackage | undefined {
    return this.#packages.find((each) => equalBytes(each.packageId, packageId))
  }

  /** The bundle for the relay, without a one-time prekey. `rotate` came before. */
  bundle(): Uint8Array | undefined {
    const [latest] = this.#signed
    if (!latest) return undefined
    const expiresMs = latest.madeMs + 2 * PERIOD_MS
    const keyPackage = this.#packages[0]?.bytes
    const parts = { signedPrekey: latest.prekey, expiresMs, keyPackage }
    return createStoredBundle(this.#primitives, this.#own, parts)
  }

  /** New one-time prekeys when the relay's stock is low, so that it is full again. */
  refill(atRelay: number): Prekey[] {
    const made: Prekey[] = []
    if (atRelay >= PREKEYS_LOW) return made
    while (atRelay + made.length < PREKEYS_STOCK) {
      const { id, key } = this.#newOneTime()
      made.push({ id, publicKey: key.publicKey })
    }
    this.#dropOldest()
    if (made.length > 0) this.#keep()
    return made
  }

  /** Prekeys for a live bundle: the signed one and a new one-time prekey. */
  live(nowMs: number): { readonly signedPrekey: OwnPrekey; readonly oneTimePrekey: OwnPrekey } {
    this.rotate(nowMs)
    const [latest] = this.#signed
    assert(latest !== undefined, 'there is a signed prekey after its rotation')
    const oneTimePrekey = this.#newOneTime()
    this.#dropOldest()
    this.#keep()
    return { signedPrekey: latest.prekey, oneTimePrekey }
  }

  #newOneTime(): OwnPrekey {
    const prekey = { id: this.#nextId++, key: this.#primitives.dhKeygen() }
    this.#oneTime.set(prekey.id, prekey)
    this.#changes.put(`one/${prekey.id}`, prekey.key.secret)
    return prekey
  }

  /** The signed prekey that a peer names, if it can still be used. */
  signed(id: number, nowMs: number): OwnPrekey | undefined {
    const found = this.#signed.find((each) => each.prekey.id === id)
    return found && nowMs - found.madeMs < 2 * PERIOD_MS ? found.prekey : undefined
  }

  /** The one-time prekey that a peer names, if nobody used it. */
  oneTime(id: number): OwnPrekey | undefined {
    return this.#oneTime.get(id)
  }

  /** Whether a session that began without a one-time prekey has been seen, or too many were. */
  isSeen(signedId: number, ephemeralKey: Uint8Array): boolean {
    const seen = this.#signed.find((each) => each.prekey.id === signedId)?.seen
    //= PAL-SDC-011
    return !seen || seen.size >= SEEN_MAX || seen.has(hexOf(ephemeralKey))
  }

  /** A session began: what it used is used up. */
  used(signedId: number, oneTimeId: number | undefined, ephemeralKey: Uint8Array): void {
    if (oneTimeId !== undefined) {
      //= PAL-SDC-010
      this.#oneTime.delete(oneTimeId)
      this.#changes.forget(`one/${oneTimeId}`)
      return
    }
    this.#signed.find((each) => each.prekey.id === signedId)?.seen.add(hexOf(ephemeralKey))
    this.#keep()
  }

  /** What has to be kept, before anything is sent. */
  takeChanges(): RecordChange[] {
    return this.#changes.take()
  }

  #dropOldest(): void {
    for (const id of this.#oneTime.keys()) {
      if (this.#oneTime.size <= ONE_TIME_MAX) return
      this.#oneTime.delete(id)
      this.#changes.forget(`one/${id}`)
    }
  }

  #keep(): void {
    const parts = [Uint8Array.of(FORMAT), uint32Bytes(this.#nextId), Uint8Array.of(this.#signed.length)]
    for (const { prekey, madeMs, seen } of this.#signed) {
      parts.push(uint32Bytes(prekey.id), prekey.key.secret, uint64Bytes(madeMs), uint16Bytes(seen.size))
      for (const key of seen) parts.push(bytesOfHex(key) ?? new Uint8Array(KEY_BYTES))
    }
    this.#changes.put('core', concatBytes(parts))
  }

  #restore(records: ReadonlyMap<string, Uint8Array>): void {
    const reader = new FieldReader(records.get('core') ?? new Uint8Array(0))
    if (reader.byte() !== FORMAT) return
    const nextId = reader.uint32()
    const signed: SignedPrekey[] = []
    for (let left = Math.min(reader.byte(), 2); left > 0; left--) {
      const prekey = { id: reader.uint32(), key: this.#primitives.dhImport(reader.bytes(KEY_BYTES)) }
      const madeMs = reader.uint64()
      const seen = new Set<string>()
      for (let count = Math.min(reader.uint16(), SEEN_MAX); count > 0; count--)
        seen.add(hexOf(reader.bytes(KEY_BYTES)))
      signed.push({ prekey, madeMs, seen })
    }
    if (!reader.isDone) return
    this.#signed = signed
    this.#nextId = nextId
    for (const [name, record] of records) {
      const kept = name.startsWith(PACKAGE) ? decodeOwnPackage(this.#primitives, record) : undefined
      if (kept) this.#packages = [kept, ...this.#packages]
    }
    for (const [name, secret] of records) {
      const id = /^one\/(\d+)$/u.exec(name)?.[1]
      if (id === undefined || secret.length !== KEY_BYTES) continue
      this.#oneTime.set(Number(id), { id: Number(id), key: this.#primitives.dhImport(secret) })
    }
  }
}
