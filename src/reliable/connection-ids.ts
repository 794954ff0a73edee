import { EMPTY_BYTES, equalBytes } from '../base/index.ts'
import { writeNewCid, writeRetireCid } from './frame.ts'
import { LIMIT } from './generated/constants.ts'
import { CID_BYTES } from './packet.ts'
import type { SentPacket } from './recovery.ts'

/** A connection id that one side gave the other. */
export interface GivenCid {
  /** 0 is that of the handshake. */
  readonly sequence: number
  readonly cid: Uint8Array
  /** What a RESET that names the id carries; zeros where the giver is a client. */
  readonly token: Uint8Array
}

/** Makes ids and lets packets under them find their way, until they are dropped. */
export interface CidSource {
  giveCid(): { readonly cid: Uint8Array; readonly token: Uint8Array }
  dropCid(cid: Uint8Array): void
}

interface OwnCid extends GivenCid {
  /** NEW_CID has to be sent. */
  isOwed: boolean
}

/** Type, a sequence of 8 bytes, id and token. */
const NEW_CID_BYTES_MAX = 1 + 8 + CID_BYTES + 16
const RETIRE_CID_BYTES_MAX = 1 + 8

/**
 * The ids that the peer sends to (spec/13-datagram.md, section 11): as many as are allowed are in force at
 * any time, and one that is retired is replaced.
 */
export class OwnCids {
  readonly #source: CidSource
  readonly #inForce: OwnCid[]
  #nextSequence = 1
  #isOpen = false
  #isOwing = false

  /** `first` is the id of the handshake, which the source knows already. */
  constructor(source: CidSource, first: Uint8Array) {
    this.#source = source
    this.#inForce = [{ sequence: 0, cid: first, token: EMPTY_BYTES, isOwed: false }]
  }

  /** The sequence of the id at `at` in `bytes`, or -1 when it is none of these. */
  sequenceAt(bytes: Uint8Array, at: number): number {
    for (const { cid, sequence } of this.#inForce) if (isAt(cid, bytes, at)) return sequence
    return -1
  }

  /** The handshake is done: the peer may have more ids. */
  open(): void {
    this.#isOpen = true
    this.#fill()
  }

  /** The peer retires an id in a packet that came under the id `underSequence`. False when it must not. */
  //= PAL-UDP-126
  onRetire(sequence: number, underSequence: number): boolean {
    if (sequence >= this.#nextSequence || sequence === underSequence) return false
    const index = this.#inForce.findIndex((one) => one.sequence === sequence)
    if (index < 0) return true
    const [retired] = this.#inForce.splice(index, 1)
    if (retired !== undefined) this.#source.dropCid(retired.cid)
    this.#fill()
    return true
  }

  /** Writes what is owed and fits, and notes it in `packet`. Returns the offset after it. */
  write(into: Uint8Array, at: number, end: number, packet: SentPacket): number {
    let offset = at
    if (!this.#isOwing || offset + NEW_CID_BYTES_MAX > end) return at
    this.#isOwing = false
    for (const one of this.#inForce) {
      if (!one.isOwed) continue
      if (offset + NEW_CID_BYTES_MAX > end) {
        this.#isOwing = true
        break
      }
      offset = writeNewCid(into, offset, one)
      packet.newCids.push(one.sequence)
      one.isOwed = false
    }
    return offset
  }

  //= PAL-UDP-129
  onLost(packet: SentPacket): void {
    for (const one of this.#inForce) {
      if (!packet.newCids.includes(one.sequence)) continue
      one.isOwed = true
      this.#isOwing = true
    }
  }

  /** The connection is over. */
  clear(): void {
    for (const { cid } of this.#inForce) this.#source.dropCid(cid)
    this.#inForce.length = 0
    this.#isOpen = false
  }

  //= PAL-UDP-124
  #fill(): void {
    while (this.#isOpen && this.#inForce.length < LIMIT.cidsMax) {
      const { cid, token } = this.#source.giveCid()
      this.#inForce.push({ sequence: this.#nextSequence++, cid, token, isOwed: true })
      this.#isOwing = true
    }
  }
}

/** The ids that packets to the peer go under: one at a time, and the next on another path. */
export class PeerCids {
  #current: GivenCid = { sequence: 0, cid: EMPTY_BYTES, token: EMPTY_BYTES }
  /** Not used yet. */
  readonly #spare: GivenCid[] = []
  /** Set aside for an address that has not answered yet. */
  #reserved: GivenCid | undefined
  /** All sequences below are retired; of those from there on, the ones in the list. */
  #retiredBelow = 0
  readonly #retired: number[] = []
  /** Retired, and the peer has not acknowledged that; each with whether RETIRE_CID has to be sent. */
  readonly #unconfirmed: Map<number, boolean> = new Map()

  get current(): GivenCid {
    return this.#current
  }

  /** The id of the handshake. */
  open(cid: Uint8Array, token: Uint8Array): void {
    this.#current = { sequence: 0, cid, token }
  }

  /** Takes the ids of a NEW_CID, which are copied. False when it is malformed. */
  //= PAL-UDP-125
  onNew(sequence: number, cid: Uint8Array, token: Uint8Array): boolean {
    if (sequence >= this.#retiredCount + LIMIT.cidsMax) return false
    const same = this.#held().find((one) => one.sequence === sequence || equalBytes(one.cid, cid))
    if (same !== undefined) return same.sequence === sequence && equalBytes(same.cid, cid)
    if (sequence < this.#retiredBelow || this.#retired.includes(sequence)) return true
    this.#spare.push({ sequence, cid: new Uint8Array(cid), token: new Uint8Array(token) })
    return true
  }

  /** Goes on to an id that nobody has seen, if there is one. True when it did. */
  advance(): boolean {
    const next = this.#takeSpare()
    if (next === undefined) return false
    this.#use(next)
    return true
  }

  /** Sets an id aside for another path, if there is one; the one set aside before goes. */
  reserve(): GivenCid | undefined {
    if (this.#reserved !== undefined) this.#retire(this.#reserved)
    this.#reserved = this.#takeSpare()
    return this.#reserved
  }

  /** The other path is the one from here on. */
  useReserved(): void {
    if (this.#reserved !== undefined) this.#use(this.#reserved)
    this.#reserved = undefined
  }

  /** Writes what is owed and fits, and notes it in `packet`. Returns the offset after it. */
  write(into: Uint8Array, at: number, end: number, packet: SentPacket): number {
    if (this.#unconfirmed.size === 0) return at
    let offset = at
    for (const [sequence, isOwed] of this.#unconfirmed) {
      if (!isOwed || offset + RETIRE_CID_BYTES_MAX > end) continue
      offset = writeRetireCid(into, offset, sequence)
      packet.retiredCids.push(sequence)
      this.#unconfirmed.set(sequence, false)
    }
    return offset
  }

  onAcked(packet: SentPacket): void {
    for (const sequence of packet.retiredCids) this.#unconfirmed.delete(sequence)
  }

  //= PAL-UDP-129
  onLost(packet: SentPacket): void {
    for (const sequence of packet.retiredCids) {
      if (this.#unconfirmed.has(sequence)) this.#unconfirmed.set(sequence, true)
    }
  }

  clear(): void {
    this.#spare.length = 0
    this.#reserved = undefined
    this.#unconfirmed.clear()
  }

  /** A peer that confirms nothing gets no more to confirm. */
  #takeSpare(): GivenCid | undefined {
    return this.#unconfirmed.size < LIMIT.cidsMax ? this.#spare.shift() : undefined
  }

  #use(next: GivenCid): void {
    const before = this.#current
    this.#current = next
    this.#retire(before)
  }

  #retire({ sequence }: GivenCid): void {
    this.#unconfirmed.set(sequence, true)
    this.#retired.push(sequence)
    for (let at = this.#retired.indexOf(this.#retiredBelow); at >= 0; ) {
      this.#retired.splice(at, 1)
      at = this.#retired.indexOf(++this.#retiredBelow)
    }
  }

  get #retiredCount(): number {
    return this.#retiredBelow + this.#retired.length
  }

  #held(): GivenCid[] {
    const held = [this.#current, ...this.#spare]
    return this.#reserved === undefined ? held : [...held, this.#reserved]
  }
}

function isAt(cid: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < CID_BYTES; i++) if (cid[i] !== bytes[at + i]) return false
  return true
}
