/** Whose key it is: the first meeting, changed keys, and the ways in which two people compare. */
import type { OpenedInner } from '../direct/inner.ts'
import type { Identity, OwnIdentity } from '../identity.ts'
import type { Primitives } from '../primitives.ts'
import { meet, verifiedBy } from '../trust/pins.ts'
import { isQrOf } from '../trust/qr.ts'
import { isSafetyNumber } from '../trust/safety-number.ts'
import {
  askComparison,
  type ComparisonStep,
  confirmComparison,
  handleComparison,
} from '../trust/short-code.ts'
import type { Person, SealingOutput } from './outputs.ts'
import type { Peer, Peers } from './peers.ts'

export interface PeerTrustParts {
  readonly own: OwnIdentity
  readonly peers: Peers
  readonly put: (output: SealingOutput) => void
  /** Sends a step of a comparison. */
  readonly tell: (to: Person, body: Uint8Array, nowMs: number) => void
}

export class PeerTrust {
  readonly #primitives: Primitives
  readonly #own: OwnIdentity
  readonly #peers: Peers
  readonly #put: PeerTrustParts['put']
  readonly #tell: PeerTrustParts['tell']

  constructor(primitives: Primitives, { own, peers, put, tell }: PeerTrustParts) {
    this.#primitives = primitives
    this.#own = own
    this.#peers = peers
    this.#put = put
    this.#tell = tell
  }

  /** Asks a peer to compare a short code. */
  compare(person: Person, nowMs: number): void {
    this.#step(this.#peers.of(person), askComparison(this.#primitives, nowMs), nowMs)
  }

  /** The user says whether the codes are alike. */
  confirm(person: Person, isAlike: boolean, nowMs: number): void {
    const peer = this.#peers.of(person)
    if (peer.comparison) this.#step(peer, confirmComparison(peer.comparison, isAlike), nowMs)
  }

  /** A QR code that the peer showed. True when it is the right one. */
  scan(person: Person, text: string): boolean {
    const peer = this.#peers.of(person)
    if (!peer.pin || !isQrOf(text, this.#own.fid, peer.pin.fid)) return false
    this.#peers.keepPin(peer, verifiedBy(peer.pin, 'qr'))
    return true
  }

  /** The safety number as the peer reads it out. True when it is that of both. */
  compareNumber(person: Person, digits: string): boolean {
    const peer = this.#peers.of(person)
    if (!peer.pin || !isSafetyNumber(this.#primitives, digits, this.#own.id, peer.pin.id)) return false
    this.#peers.keepPin(peer, verifiedBy(peer.pin, 'number'))
    return true
  }

  /** What a peer said of a comparison. */
  compared(peer: Peer, inner: OpenedInner, nowMs: number): void {
    if (!peer.pin) return
    const compared = { own: this.#own.id, peer: peer.pin.id }
    this.#step(
      peer,
      handleComparison(this.#primitives, peer.comparison, inner.body, { compared, nowMs }),
      nowMs,
    )
  }

  #step(peer: Peer, { comparison, send }: ComparisonStep, nowMs: number): void {
    const before = peer.comparison
    peer.comparison = comparison
    if (send) this.#tell(peer.person, send, nowMs)
    if (comparison.state === 'verified' && before?.state !== 'verified' && peer.pin)
      this.#peers.keepPin(peer, verifiedBy(peer.pin, 'sas'))
    if (comparison !== before) this.#put({ kind: 'comparison', person: peer.person, comparison })
  }

  /** Whether an identity is the pinned one; the first one is pinned, another one is told. */
  meets(peer: Peer, identity: Identity, nowMs: number): boolean {
    const { name } = peer.person
    const meeting = meet(peer.pin, { identity, name, nowMs })
    switch (meeting.kind) {
      case 'first':
        this.#peers.keepPin(peer, meeting.pin)
        this.#put({ kind: 'met', person: peer.person, pin: meeting.pin })
        return true
      case 'same':
        return true
      case 'suite':
        return false
      case 'changed':
        this.#peers.keepPin(peer, meeting.pin)
        this.#put({
          kind: 'key_changed',
          person: peer.person,
          pin: meeting.pin,
          wasVerified: meeting.wasVerified,
        })
        return false
      default:
        return meeting satisfies never
    }
  }
}
