/** The keys by which others begin sessions with this account: at the relay, or given to who asks. */
import { createLiveBundle, type Prekey } from '../bundle.ts'
import { OwnPrekeys } from '../direct/prekeys.ts'
import type { OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import type { Changes } from '../records.ts'
import type { SealingOutput } from './outputs.ts'
import { note, recordsOf } from './peers.ts'

const PREKEYS = 'prekeys/'
const PUBLISHED = 'published'

export interface OwnKeysOptions {
  readonly own: OwnIdentity
  readonly records: ReadonlyMap<string, Uint8Array>
  /** Whether the records come from a backup. */
  readonly isRestored?: boolean
  /** Where goes what has to be kept. */
  readonly changes: Changes
  readonly put: (output: SealingOutput) => void
}

export class OwnKeys {
  readonly prekeys: OwnPrekeys
  readonly #primitives: Primitives
  readonly #options: OwnKeysOptions
  /** Whether the relay is known to keep prekeys of this state, and no others. */
  #isPublished: boolean

  constructor(primitives: Primitives, options: OwnKeysOptions) {
    const { own, records, isRestored } = options
    this.#primitives = primitives
    this.#options = options
    this.prekeys = new OwnPrekeys(primitives, own, recordsOf(records, PREKEYS))
    this.#isPublished = records.has(PUBLISHED) && !isRestored
  }

  /** A session opened: the relay gets the bundle, and all prekeys anew where it may hold others. */
  connected(nowMs: number): void {
    this.prekeys.rotate(nowMs)
    this.#publish(this.#isPublished ? [] : this.prekeys.refill(0))
  }

  /** The relay keeps so many one-time prekeys: few are made more. */
  handleStock(count: number, nowMs: number): void {
    if (!this.#isPublished) this.#options.changes.put(PUBLISHED, Uint8Array.of(1))
    this.#isPublished = true
    this.prekeys.rotate(nowMs)
    const prekeys = this.prekeys.refill(count)
    //= PAL-SDC-026
    if (prekeys.length > 0) this.#publish(prekeys)
  }

  /** A new signed prekey, when one is due. */
  handleTime(nowMs: number): void {
    if (this.#isPublished && this.prekeys.rotate(nowMs)) this.#publish([])
  }

  /** A bundle for who asked with that nonce. */
  live(nonce: Uint8Array, nowMs: number): Uint8Array {
    const parts = this.prekeys.live(nowMs)
    return createLiveBundle(this.#primitives, this.#options.own, { ...parts, nonce })
  }

  /** Notes what has to be kept of them. */
  gather(): void {
    for (const [name, bytes] of this.prekeys.takeChanges())
      note(this.#options.changes, [PREKEYS + name, bytes])
  }

  //= PAL-SDC-025, PAL-SDC-027
  #publish(prekeys: readonly Prekey[]): void {
    const bundle = this.prekeys.bundle()
    if (bundle) this.#options.put({ kind: 'publish', bundle, prekeys, replaces: !this.#isPublished })
  }
}
