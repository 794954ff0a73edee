/**
 * Who owns which name, and who is banned from the relay. Lives in memory; what must outlive the relay is
 * reported as records, which the driver stores and hands back at the next start.
 */
import { bytesOfHex, hexOf } from '../../base/bytes.ts'
import type { ErrorName } from '../../codec/generated/registry.ts'
import type { NormalName } from '../names.ts'
import { looksOf } from '../skeleton.ts'

/** A name bound to a key. */
export interface NameRecord {
  readonly name: string
  readonly folded: string
  readonly keyHex: string
}

/** A ban from the relay. */
export interface BanRecord {
  readonly name: string
  readonly keyHex: string
  /** Wall-clock milliseconds, or undefined without end. */
  readonly untilMs: number | undefined
  readonly reason: string
}

/** One change to keep. */
export type DirectoryRecord =
  | { readonly kind: 'name'; readonly record: NameRecord }
  | { readonly kind: 'ban'; readonly record: BanRecord }
  | { readonly kind: 'unban'; readonly keyHex: string }

/** The identity a name stands for. */
export interface KnownName {
  readonly name: string
  readonly keyHex: string
  readonly key: Uint8Array
}

/** How many names there may be. */
export interface DirectoryLimits {
  readonly names: number
  readonly namesPerKey: number
}

export class Directory {
  readonly #names = new Map<string, NameRecord>()
  /** By what names look like; the first owner of a look keeps it. */
  readonly #looks = new Map<string, NameRecord>()
  readonly #namesOfKey = new Map<string, number>()
  readonly #bans = new Map<string, BanRecord>()
  readonly #limits: DirectoryLimits

  constructor(stored: Iterable<DirectoryRecord>, limits: DirectoryLimits) {
    this.#limits = limits
    for (const change of stored) this.#apply(change)
  }

  get bans(): Iterable<BanRecord> {
    return this.#bans.values()
  }

  lookUp(folded: string): KnownName | undefined {
    const record = this.#names.get(folded)
    if (!record) return undefined
    return { name: record.name, keyHex: record.keyHex, key: bytesOfHex(record.keyHex) as Uint8Array }
  }

  /** Why the key may not go by the name, or undefined when it may. Changes nothing. */
  refusal(name: NormalName, keyHex: string): ErrorName | undefined {
    const owner = this.#names.get(name.folded)
    //= PAL-HSK-027
    if (owner) return owner.keyHex === keyHex ? undefined : 'name_taken'
    for (const look of looksOf(name)) {
      const lookalike = this.#looks.get(look)
      if (lookalike && lookalike.keyHex !== keyHex) return 'name_taken'
    }
    //= PAL-HSK-028
    if ((this.#namesOfKey.get(keyHex) ?? 0) >= this.#limits.namesPerKey) return 'name_taken'
    //= PAL-HSK-038
    return this.#names.size >= this.#limits.names ? 'relay_full' : undefined
  }

  /** Binds the name to the key; the record to keep, or undefined when it was bound already. */
  bind(name: NormalName, key: Uint8Array): DirectoryRecord | undefined {
    if (this.#names.has(name.folded)) return undefined
    return this.#apply({ kind: 'name', record: { name: name.text, folded: name.folded, keyHex: hexOf(key) } })
  }

  ban(record: BanRecord): DirectoryRecord {
    return this.#apply({ kind: 'ban', record })
  }

  unban(keyHex: string): DirectoryRecord | undefined {
    return this.#bans.has(keyHex) ? this.#apply({ kind: 'unban', keyHex }) : undefined
  }

  isBanned(keyHex: string, wallMs: number): boolean {
    const ban = this.#bans.get(keyHex)
    return ban !== undefined && (ban.untilMs === undefined || ban.untilMs > wallMs)
  }

  #apply(change: DirectoryRecord): DirectoryRecord {
    switch (change.kind) {
      case 'name': {
        const { record } = change
        this.#names.set(record.folded, record)
        for (const look of looksOf({ text: record.name, folded: record.folded }))
          if (!this.#looks.has(look)) this.#looks.set(look, record)
        this.#namesOfKey.set(record.keyHex, (this.#namesOfKey.get(record.keyHex) ?? 0) + 1)
        break
      }
      case 'ban':
        this.#bans.set(change.record.keyHex, change.record)
        break
      case 'unban':
        this.#bans.delete(change.keyHex)
        break
      default:
        change satisfies never
    }
    return change
  }
}
