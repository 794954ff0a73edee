/** Key packages that were given out, each to one member for one room, and serve once. */
import { concatBytes, equalBytes, hexOf } from '../../base/bytes.ts'
import { FieldReader, uint64Bytes } from '../fields.ts'
import { FID_BYTES, type OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'
import {
  createKeyPackage,
  KEY_PACKAGE_BYTES,
  type OwnKeyPackage,
  PACKAGE_ID_BYTES,
} from '../room/key-package.ts'
import { GROUP_BYTES, placeOf } from '../room/operation.ts'
import type { Welcome } from '../room/welcome.ts'

const PREFIX = 'package/'
const SEED_BYTES = 32
const LIFE_MS = 28 * 86_400_000
const GIVEN_MAX = 256
const PER_MINUTE = 10
const MINUTE_MS = 60_000

interface Given extends OwnKeyPackage {
  readonly to: Uint8Array
  readonly group: Uint8Array
  readonly givenMs: number
}

export class GivenPackages {
  readonly #primitives: Primitives
  readonly #own: OwnIdentity
  readonly #changes: Changes
  readonly #given = new Map<string, Given>()
  readonly #published: (packageId: Uint8Array) => OwnKeyPackage | undefined
  #asks: { readonly by: string; readonly atMs: number }[] = []

  constructor(
    primitives: Primitives,
    {
      own,
      changes,
      records,
      published = () => undefined,
    }: {
      own: OwnIdentity
      changes: Changes
      records: ReadonlyMap<string, Uint8Array>
      /** The package of that number that is at the relay: it serves whoever takes it there. */
      published?: ((packageId: Uint8Array) => OwnKeyPackage | undefined) | undefined
    },
  ) {
    this.#published = published
    this.#primitives = primitives
    this.#own = own
    this.#changes = changes
    for (const [name, bytes] of records) {
      const given = name.startsWith(PREFIX) ? decode(primitives, bytes) : undefined
      if (given) this.#given.set(hexOf(given.packageId), given)
    }
  }

  /** A package for whoever asked; undefined when that is too often. */
  give(to: Uint8Array, group: Uint8Array, nowMs: number): Uint8Array | undefined {
    const by = hexOf(to)
    this.#asks = this.#asks.filter(({ atMs }) => nowMs - atMs < MINUTE_MS)
    //= PAL-SRM-028
    if (this.#asks.filter((each) => each.by === by).length >= PER_MINUTE) return undefined
    this.#asks.push({ by, atMs: nowMs })
    const made = createKeyPackage(this.#primitives, this.#own, nowMs + LIFE_MS)
    const given: Given = { ...made, to, group, givenMs: nowMs }
    this.#given.set(hexOf(made.packageId), given)
    this.#changes.put(PREFIX + hexOf(made.packageId), encode(given))
    for (const [id, { givenMs }] of this.#given)
      if (this.#given.size > GIVEN_MAX || nowMs - givenMs > LIFE_MS) this.#forget(id)
    return made.bytes
  }

  /**
   * The package that a welcome from `from` names; undefined when it is none of these. One that was given is
   * used up by it.
   */
  take(welcome: Welcome, from: Uint8Array): OwnKeyPackage | undefined {
    const entry = welcome.roster[placeOf(welcome.roster, this.#own.fid)]
    const id = entry && hexOf(entry.package.packageId)
    const published = entry && this.#published(entry.package.packageId)
    if (published) return published
    const given = id === undefined ? undefined : this.#given.get(id)
    //= PAL-SRM-029
    if (!given || !equalBytes(given.to, from) || !equalBytes(given.group, welcome.operation.group))
      return undefined
    this.#forget(id as string)
    return given
  }

  #forget(id: string): void {
    this.#given.delete(id)
    this.#changes.forget(PREFIX + id)
  }
}

function encode({ to, group, bytes, roomKey, givenMs }: Given): Uint8Array {
  return concatBytes([to, group, bytes, roomKey.seed, uint64Bytes(givenMs)])
}

function decode(primitives: Primitives, record: Uint8Array): Given | undefined {
  const reader = new FieldReader(record)
  const to = reader.bytes(FID_BYTES)
  const group = reader.bytes(GROUP_BYTES)
  const bytes = reader.bytes(KEY_PACKAGE_BYTES)
  const seed = reader.bytes(SEED_BYTES)
  const givenMs = reader.uint64()
  if (!reader.isDone) return undefined
  const at = KEY_PACKAGE_BYTES - 64 - 8 - PACKAGE_ID_BYTES
  const packageId = bytes.slice(at, at + PACKAGE_ID_BYTES)
  return { to, group, bytes, packageId, roomKey: primitives.signingKeygen(seed), givenMs }
}
