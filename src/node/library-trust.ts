/** Trust for programs: whose key a conversation is sealed for, and what its user decides about it. */

import type { Primitives } from '../crypto/primitives.ts'
import { fingerprintOf, readFingerprint } from '../crypto/trust/fingerprint.ts'
import { isVerified, type Sureness } from '../crypto/trust/pins.ts'
import { safetyNumber } from '../crypto/trust/safety-number.ts'
import type { SealedConnection } from './sealed-connection.ts'

/** What is known of somebody. */
export interface KnownPerson {
  readonly nick: string
  /** What people compare: 13 groups of four characters. */
  readonly fingerprint: string
  readonly state: Sureness
  readonly verified: boolean
  /** Whether anything was ever sealed: then nothing plain is sent or shown. */
  readonly sealed: boolean
  /** Whether another key claims to be this person: nothing is sent until `trust` decides. */
  readonly keyChanged: boolean
  /** 60 digits that both see alike. */
  readonly safetyNumber: string
}

export class LibraryTrust {
  readonly #sealing: SealedConnection
  readonly #primitives: Primitives

  constructor(sealing: SealedConnection, primitives: Primitives) {
    this.#sealing = sealing
    this.#primitives = primitives
  }

  /** The own key, as others compare it. */
  get fingerprint(): string {
    return fingerprintOf(this.#machine.own.fid)
  }

  /** Who goes by that name; undefined before anything was sealed. */
  async person(nick: string): Promise<KnownPerson | undefined> {
    const pin = this.#machine.pinOf(await this.#sealing.personNamed(nick))
    return (
      pin && {
        nick: pin.name,
        fingerprint: fingerprintOf(pin.fid),
        state: pin.sureness,
        verified: isVerified(pin),
        sealed: pin.isSealed,
        keyChanged: pin.claim !== undefined,
        safetyNumber: safetyNumber(this.#primitives, this.#machine.own.id, pin.id),
      }
    )
  }

  /** Takes a changed key, or with its fingerprint any that was shown. False when that is not enough. */
  async trust(nick: string, fingerprint?: string): Promise<boolean> {
    const fid = fingerprint === undefined ? undefined : readFingerprint(fingerprint)
    if (fingerprint !== undefined && !fid) return false
    const person = await this.#sealing.personNamed(nick)
    return this.#did((machine, now) => machine.trust(person, fid, now))
  }

  /** What the other one reads out or shows: safety number or text of a QR code. False when it differs. */
  async verify(nick: string, shown: string): Promise<boolean> {
    const person = await this.#sealing.personNamed(nick)
    return this.#did((machine) => machine.scan(person, shown) || machine.compareNumber(person, shown))
  }

  /** Asks somebody who is there to compare pictures; they come as `comparison` events. */
  async compare(nick: string): Promise<void> {
    const person = await this.#sealing.personNamed(nick)
    this.#sealing.conversations.do((machine, now) => machine.compare(person, now))
  }

  /** The user says whether the pictures are alike. */
  async confirm(nick: string, isAlike: boolean): Promise<void> {
    const person = await this.#sealing.personNamed(nick)
    this.#sealing.conversations.do((machine, now) => machine.confirm(person, isAlike, now))
  }

  get #machine(): SealedConnection['conversations']['sealing'] {
    return this.#sealing.conversations.sealing
  }

  #did(action: (machine: SealedConnection['conversations']['sealing'], nowMs: number) => boolean): boolean {
    let isDone = false
    this.#sealing.conversations.do((machine, now) => {
      isDone = action(machine, now)
    })
    return isDone
  }
}
