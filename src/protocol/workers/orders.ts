/**
 * What the process with the rooms orders a worker to do with the links that the worker carries: bytes to
 * write, reading to stop. All orders of one turn are one bundle. Bytes that go to many links stand in it
 * once, and the other links refer to them. Both ends are ours: a bundle that cannot be read is a bug.
 */
import { assert } from '../../base/assert.ts'
import { copyOf } from '../../base/bytes.ts'
import { Deframer, FRAME } from '../../codec/deframer.ts'
import { FrameReader } from '../../codec/reader.ts'
import { ByteWriter } from '../../codec/writer.ts'

/** What follows is for this link. */
const TO = 0
/** Writes bytes, which get the next number in this bundle; or those of a number. */
const FRESH = 1
const AGAIN = 2
const PAUSE = 3
const RESUME = 4
const END = 5
const ABORT = 6
/** How many bundles of news were handled so far. */
const HANDLED = 7
/** Bytes that may be lost or overtaken, as with FRESH and AGAIN. */
const FRESH_EPHEMERAL = 8
const AGAIN_EPHEMERAL = 9

const NO_LINK = -1
/** A piece that is at most this part of its bundle is copied out: a slow reader must not keep the rest. */
const COPIED_PART = 4

/** Makes bundles of orders. */
export class OrderWriter {
  readonly #out = new ByteWriter()
  readonly #pieces = new Map<Uint8Array, number>()
  #link = NO_LINK
  #start = 0

  /** Bytes of the bundle so far. */
  get byteCount(): number {
    return this.#out.length
  }

  /** The same array of bytes is written once for each bundle: it must not change before `take`. */
  write(link: number, lane: number, bytes: Uint8Array): void {
    this.#write(link, lane, bytes, { fresh: FRESH, again: AGAIN })
  }

  /** The same for bytes that are of use soon or never. */
  writeEphemeral(link: number, lane: number, bytes: Uint8Array): void {
    this.#write(link, lane, bytes, { fresh: FRESH_EPHEMERAL, again: AGAIN_EPHEMERAL })
  }

  #write(
    link: number,
    lane: number,
    bytes: Uint8Array,
    orders: { readonly fresh: number; readonly again: number },
  ): void {
    this.#address(link)
    const out = this.#out
    const known = this.#pieces.get(bytes)
    out.writeUint(known === undefined ? orders.fresh : orders.again)
    out.writeUint(lane)
    if (known !== undefined) return out.writeUint(known)
    this.#pieces.set(bytes, this.#pieces.size)
    out.writeBin(bytes)
  }

  pause(link: number): void {
    this.#order(link, PAUSE)
  }

  resume(link: number): void {
    this.#order(link, RESUME)
  }

  /** Ends the link when everything written was taken. */
  end(link: number): void {
    this.#order(link, END)
  }

  abort(link: number): void {
    this.#order(link, ABORT)
  }

  /** Tells how many bundles of news were handled so far. */
  handled(bundleCount: number): void {
    this.#open()
    this.#out.writeUint(HANDLED)
    this.#out.writeUint(bundleCount)
  }

  /** The bundle, in memory that the caller owns. The next order begins another. */
  take(): Uint8Array {
    this.#out.endFrame(this.#start)
    this.#pieces.clear()
    this.#link = NO_LINK
    return this.#out.take()
  }

  #order(link: number, order: number): void {
    this.#address(link)
    this.#out.writeUint(order)
  }

  #address(link: number): void {
    this.#open()
    if (link === this.#link) return
    this.#link = link
    this.#out.writeUint(TO)
    this.#out.writeUint(link)
  }

  #open(): void {
    if (this.#out.length === 0) this.#start = this.#out.beginFrame()
  }
}

/** Who carries orders out. */
export interface OrderHandler {
  /** The bytes are the handler's; `isMore` when others for this link follow at once. */
  write(link: number, lane: number, bytes: Uint8Array, isMore: boolean): void
  writeEphemeral(link: number, lane: number, bytes: Uint8Array): void
  pause(link: number): void
  resume(link: number): void
  end(link: number): void
  abort(link: number): void
  handled(bundleCount: number): void
}

/** Reads bundles of orders from a stream of bytes, however it is cut. */
export class OrderReader {
  readonly #deframer = new Deframer(Infinity)
  readonly #reader = new FrameReader()
  #pieces: Uint8Array[] = []

  /** Hands the orders that are complete to the handler. The chunk must not change afterwards. */
  push(chunk: Uint8Array, handler: OrderHandler): void {
    this.#deframer.push(chunk)
    while (this.#deframer.next() === FRAME) {
      const { bytes, start, end } = this.#deframer
      this.#reader.reset(bytes, start, end)
      this.#readBundle(bytes, end - start, handler)
      this.#pieces = []
    }
  }

  #readBundle(bundle: Uint8Array, byteCount: number, handler: OrderHandler): void {
    const reader = this.#reader
    let link = NO_LINK
    while (!reader.atEnd) {
      const order = reader.readUint()
      if (order === TO) link = reader.readUint()
      else if (order === FRESH || order === AGAIN) {
        const lane = reader.readUint()
        const piece = order === FRESH ? this.#freshPiece(bundle, byteCount) : this.#knownPiece()
        const next = reader.atEnd ? TO : bundle[reader.position]
        handler.write(link, lane, piece, next === FRESH || next === AGAIN)
      } else if (order === FRESH_EPHEMERAL || order === AGAIN_EPHEMERAL) {
        const lane = reader.readUint()
        const isFresh = order === FRESH_EPHEMERAL
        handler.writeEphemeral(link, lane, isFresh ? this.#freshPiece(bundle, byteCount) : this.#knownPiece())
      } else if (order === PAUSE) handler.pause(link)
      else if (order === RESUME) handler.resume(link)
      else if (order === END) handler.end(link)
      else if (order === ABORT) handler.abort(link)
      else {
        assert(order === HANDLED, 'an order is one of those above')
        handler.handled(reader.readUint())
      }
    }
  }

  #freshPiece(bundle: Uint8Array, byteCount: number): Uint8Array {
    const reader = this.#reader
    assert(reader.readBin(), 'bytes follow the order to write them')
    const { binStart, position } = reader
    const isSmall = (position - binStart) * COPIED_PART <= byteCount
    const piece = isSmall ? copyOf(bundle, binStart, position) : bundle.subarray(binStart, position)
    this.#pieces.push(piece)
    return piece
  }

  #knownPiece(): Uint8Array {
    const piece = this.#pieces[this.#reader.readUint()]
    assert(piece !== undefined, 'bytes that are written again were written before')
    return piece
  }
}
