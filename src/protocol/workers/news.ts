/**
 * What a worker tells the process with the rooms of the links that it carries: opened, bytes, ended. All news
 * of one turn are one bundle. Both ends are ours: a bundle that cannot be read is a bug.
 */
import { assert } from '../../base/assert.ts'
import { copyOf, utf8Bytes, utf8Text } from '../../base/bytes.ts'
import type { Address } from '../../base/machine.ts'
import { Deframer, FRAME } from '../../codec/deframer.ts'
import { FrameReader } from '../../codec/reader.ts'
import { ByteWriter } from '../../codec/writer.ts'

/** What follows is about this link. */
const FROM = 0
const OPENED = 1
const BYTES = 2
const ENDED = 3
const CLOSED = 4
/** The link takes no more bytes for now, and takes them again. */
const FULL = 5
const FREE = 6
/** Bytes that may have been lost or overtaken. */
const UNRELIABLE = 7

const NO_LINK = -1

/** A link that opened, and where. */
export interface OpenedLink {
  /** Number of the listener that it came to. */
  readonly listener: number
  readonly remote: Address | undefined
  readonly laneCount: number
  readonly binding: Uint8Array
}

/** Makes bundles of news. */
export class NewsWriter {
  readonly #out = new ByteWriter()
  #link = NO_LINK
  #start = 0

  /** Bytes of the bundle so far. */
  get byteCount(): number {
    return this.#out.length
  }

  opened(link: number, { listener, remote, laneCount, binding }: OpenedLink): void {
    this.#tell(link, OPENED)
    const out = this.#out
    out.writeUint(listener)
    out.writeBool(remote !== undefined)
    out.writeStr(utf8Bytes(remote?.host ?? ''))
    out.writeUint(remote?.port ?? 0)
    out.writeUint(laneCount)
    out.writeBin(binding)
  }

  bytes(link: number, lane: number, chunk: Uint8Array): void {
    this.#tell(link, BYTES)
    this.#out.writeUint(lane)
    this.#out.writeBin(chunk)
  }

  /** Bytes that belong to no stream. */
  unreliable(link: number, lane: number, bytes: Uint8Array): void {
    this.#tell(link, UNRELIABLE)
    this.#out.writeUint(lane)
    this.#out.writeBin(bytes)
  }

  /** The peer will send nothing more. */
  ended(link: number): void {
    this.#tell(link, ENDED)
  }

  /** The link is over; nothing follows about it. */
  closed(link: number, detail: string): void {
    this.#tell(link, CLOSED)
    this.#out.writeStr(utf8Bytes(detail))
  }

  full(link: number): void {
    this.#tell(link, FULL)
  }

  free(link: number): void {
    this.#tell(link, FREE)
  }

  /** The bundle, in memory that the caller owns. The next news begins another. */
  take(): Uint8Array {
    this.#out.endFrame(this.#start)
    this.#link = NO_LINK
    return this.#out.take()
  }

  #tell(link: number, news: number): void {
    const out = this.#out
    if (out.length === 0) this.#start = out.beginFrame()
    if (link !== this.#link) {
      this.#link = link
      out.writeUint(FROM)
      out.writeUint(link)
    }
    out.writeUint(news)
  }
}

/** Who hears the news. */
export interface NewsHandler {
  opened(link: number, opened: OpenedLink): void
  /** The chunk is the handler's. */
  bytes(link: number, lane: number, chunk: Uint8Array): void
  /** The bytes are the handler's. */
  unreliable(link: number, lane: number, bytes: Uint8Array): void
  ended(link: number): void
  closed(link: number, detail: string): void
  full(link: number): void
  free(link: number): void
}

/** Reads bundles of news from a stream of bytes, however it is cut. */
export class NewsReader {
  /** Bundles that were read to their end. */
  bundleCount: number = 0
  readonly #deframer = new Deframer(Infinity)
  readonly #reader = new FrameReader()

  /** Hands the news that are complete to the handler. The chunk must not change afterwards. */
  push(chunk: Uint8Array, handler: NewsHandler): void {
    this.#deframer.push(chunk)
    while (this.#deframer.next() === FRAME) {
      const { bytes, start, end } = this.#deframer
      this.#reader.reset(bytes, start, end)
      this.#readBundle(bytes, handler)
      this.bundleCount += 1
    }
  }

  #readBundle(bundle: Uint8Array, handler: NewsHandler): void {
    const reader = this.#reader
    let link = NO_LINK
    while (!reader.atEnd) {
      const news = reader.readUint()
      if (news === FROM) link = reader.readUint()
      else if (news === BYTES) {
        const lane = reader.readUint()
        handler.bytes(link, lane, this.#readBytes(bundle))
      } else if (news === UNRELIABLE) {
        const lane = reader.readUint()
        handler.unreliable(link, lane, this.#readBytes(bundle))
      } else if (news === OPENED) handler.opened(link, this.#readOpened(bundle))
      else if (news === ENDED) handler.ended(link)
      else if (news === CLOSED) handler.closed(link, this.#readText(bundle))
      else if (news === FULL) handler.full(link)
      else {
        assert(news === FREE, 'a piece of news is one of those above')
        handler.free(link)
      }
    }
  }

  #readBytes(bundle: Uint8Array): Uint8Array {
    assert(this.#reader.readBin(), 'bytes follow the news that they came')
    return bundle.subarray(this.#reader.binStart, this.#reader.position)
  }

  #readOpened(bundle: Uint8Array): OpenedLink {
    const reader = this.#reader
    const listener = reader.readUint()
    const hasRemote = reader.readBool()
    const host = this.#readText(bundle)
    const port = reader.readUint()
    const laneCount = reader.readUint()
    assert(reader.readBin(), 'the binding follows the lanes')
    const binding = copyOf(bundle, reader.binStart, reader.position)
    return { listener, remote: hasRemote ? { host, port } : undefined, laneCount, binding }
  }

  #readText(bundle: Uint8Array): string {
    assert(this.#reader.readStr(), 'a text follows')
    return utf8Text(bundle.subarray(this.#reader.binStart, this.#reader.position))
  }
}
