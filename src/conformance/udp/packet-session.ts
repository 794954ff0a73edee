/** A session over packets that the kit writes itself: for cases about what carries much. */
import { concatBytes, readUint32 } from '../../base/bytes.ts'
import { isFault } from '../../codec/fault.ts'
import { decodeFrame } from '../../codec/frame.ts'
import { authMessage, sign } from '../crypto.ts'
import type { Cast } from '../player.ts'
import { bodyOf, withLength } from '../wire.ts'
import { longHello } from './packets.ts'

const HELLO_BYTES = 45
const LENGTH_BYTES = 4
const CLIENT_ID_BYTES = 8
/** As long as a nonce can be. */
const NONCE_FIRST = 2 ** 52

/** What came on lane 0 of one connection, and what follows from it. */
export class PacketSession {
  readonly #pieces = new Map<number, Uint8Array>()
  /** Bytes in order, and frames cut from them. */
  #bytes: Uint8Array = new Uint8Array(0)
  #cut = 0
  readonly frames: { readonly type: string; readonly bytes: Uint8Array }[] = []
  /** Bytes that came though they had come before. */
  repeatedBytes = 0
  /** Bytes written to lane 0. */
  written = 0

  take(offset: number, piece: Uint8Array): void {
    this.repeatedBytes += Math.max(0, Math.min(piece.length, this.#bytes.length - offset))
    this.#pieces.set(offset, piece)
    for (const [from, bytes] of this.#pieces) {
      const known = this.#bytes.length - from
      if (known < 0 || known >= bytes.length) continue
      this.#bytes = concatBytes([this.#bytes, bytes.subarray(known)])
    }
    this.#cutFrames()
  }

  #cutFrames(): void {
    for (;;) {
      const waiting = this.#bytes.subarray(this.#cut)
      if (waiting.length < LENGTH_BYTES) return
      const end = LENGTH_BYTES + readUint32(waiting, 0)
      if (waiting.length < end) return
      this.#cut += end
      const bytes = waiting.slice(LENGTH_BYTES, end)
      const frame = decodeFrame(bytes)
      if (!isFault(frame)) this.frames.push({ type: frame.type, bytes })
    }
  }

  /** The first frame, with its length. */
  hello(): Uint8Array {
    return longHello(HELLO_BYTES)
  }

  /** The second one, once `challenge` has come. */
  auth(cast: Cast, label: string, binding: Uint8Array): Uint8Array {
    const pair = cast.pairOf(label)
    const challenge = this.frames.find(({ type }) => type === 'challenge')?.bytes as Uint8Array
    const [key, clientId] = [pair.publicKey, pair.publicKey.slice(0, CLIENT_ID_BYTES)]
    const fields = { name: cast.nameOf(label), key, clientId, token: '' }
    const words = { binding, hello: this.hello().slice(LENGTH_BYTES), challenge }
    return withLength(bodyOf('auth', { ...fields, signature: sign(pair, authMessage(words, fields)) }))
  }

  /** So many pings. */
  pings(count: number): Uint8Array {
    return concatBytes(
      Array.from({ length: count }, (_, at) =>
        withLength(bodyOf('ping', { nonce: NONCE_FIRST + at, conversation: 0 })),
      ),
    )
  }
}
