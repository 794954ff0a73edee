/** Messages and reads do not coincide: what a raw peer sends in any pieces is understood the same. */
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Deframer, decodeFrame, encodeFrame, FRAME, type Frame, isFault } from '../../src/codec/index.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../../src/node/index.ts'
import { authMessage, transcriptHash } from '../../src/protocol/index.ts'
import { endAfterEach, onEnd, Person, startRelay } from './party.ts'

endAfterEach()

/** A client made by hand on a bare socket. */
class BareClient {
  readonly socket = new Socket()
  readonly frames: Frame[] = []
  readonly #deframer = new Deframer(65_536)
  readonly #hello = encodeFrame({
    type: 'hello',
    versions: [1],
    capabilities: [],
    nonce: systemEntropy(32),
    agent: 'bare hands',
  })
  #onFrame: () => void = () => {}

  async connect(port: number): Promise<void> {
    onEnd(() => this.socket.destroy())
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk: Uint8Array) => this.#take(chunk))
    await new Promise<void>((done) => this.socket.connect(port, '127.0.0.1', done))
    this.socket.write(this.#hello)
    await this.until('ready')
  }

  #take(chunk: Uint8Array): void {
    this.#deframer.push(chunk)
    while (this.#deframer.next() === FRAME) {
      const bytes = this.#deframer.bytes.slice(this.#deframer.start, this.#deframer.end)
      const frame = decodeFrame(bytes)
      if (isFault(frame)) throw new Error('the relay sent a fault')
      if (frame.type === 'challenge') this.#answer(bytes)
      if (frame.type !== 'ignored') this.frames.push(frame)
      this.#onFrame()
    }
  }

  #answer(challenge: Uint8Array): void {
    const identity = identityOfSeed(systemEntropy(32))
    const words = { binding: new Uint8Array(0), hello: this.#hello.subarray(4), challenge }
    const claims = { name: 'bare', key: identity.publicKey, clientId: systemEntropy(8), token: '' }
    const message = authMessage(transcriptHash(nodeSignatures, words), claims)
    const signature = nodeSignatures.sign(identity.seed, message)
    this.socket.write(encodeFrame({ type: 'auth', ...claims, signature }))
  }

  until<Name extends Frame['type']>(type: Name): Promise<Extract<Frame, { type: Name }>> {
    return new Promise((resolve) => {
      this.#onFrame = () => {
        const found = this.frames.find((frame) => frame.type === type)
        if (found) resolve(found as Extract<Frame, { type: Name }>)
      }
      this.#onFrame()
    })
  }

  /** Writes the bytes in the given pieces, each in a segment of its own. */
  async inPieces(bytes: Uint8Array, lengths: readonly number[]): Promise<void> {
    let at = 0
    for (const length of [...lengths, bytes.length]) {
      const piece = bytes.subarray(at, at + length)
      at += piece.length
      if (piece.length === 0) return
      await new Promise((done) => this.socket.write(piece, done))
      await new Promise((done) => setImmediate(done))
    }
  }
}

const JOIN = encodeFrame({ type: 'join', request: 1, room: 'lobby', options: 0 })
const send = (ref: number, text: string): Uint8Array =>
  encodeFrame({ type: 'send', conversation: 1, ref, kind: 0, body: new TextEncoder().encode(text) })

async function both(): Promise<{ bare: BareClient; alice: Person }> {
  const { address } = await startRelay('tcp')
  const alice = await Person.open('tcp', address, 'alice')
  await alice.join('lobby')
  const bare = new BareClient()
  await bare.connect(address.port)
  return { bare, alice }
}

describe('a stream', () => {
  test('two messages in one read are two messages', async () => {
    const { bare, alice } = await both()
    bare.socket.write(Buffer.concat([JOIN, send(1, 'one'), send(2, 'two'), send(3, 'three')]))
    await alice.hears('three')
    expect(alice.heard).toEqual(['bare: one', 'bare: two', 'bare: three'])
  })

  test('one message in many reads is one message, and a character cut in half is whole again', async () => {
    const { bare, alice } = await both()
    await bare.inPieces(JOIN, [1, 1, 1, 1, 1])
    const text = 'soup \u{1F372} soup'
    const bytes = send(1, text)
    const half = Buffer.from(bytes).indexOf(Buffer.from('\u{1F372}')) + 2
    await bare.inPieces(bytes, [half])
    await alice.hears(text)
    await bare.inPieces(send(2, `${text}!`), Array(40).fill(1))
    await alice.hears(`${text}!`)
  })

  test('text that is not UTF-8 is shown with replacements and harms nobody', async () => {
    const { bare, alice } = await both()
    const body = Uint8Array.of(0x61, 0xff, 0xf0, 0x9f, 0x62)
    bare.socket.write(
      Buffer.concat([JOIN, encodeFrame({ type: 'send', conversation: 1, ref: 1, kind: 0, body })]),
    )
    await alice.hears('a\ufffd\ufffdb')
  })

  test('another protocol on the port is answered by a close, and the others go on', async () => {
    const { bare, alice } = await both()
    const stranger = new Socket()
    onEnd(() => stranger.destroy())
    const { remotePort } = bare.socket
    const chunks: Buffer[] = []
    stranger.on('data', (chunk: Buffer) => chunks.push(chunk))
    await new Promise<void>((done) => {
      stranger.on('end', done)
      stranger.connect(remotePort as number, '127.0.0.1', () => stranger.write('GET / HTTP/1.1\r\n\r\n'))
    })
    const answer = decodeFrame(Buffer.concat(chunks), 4)
    expect(answer).toMatchObject({ type: 'close', code: 0x0102 })
    await alice.connection.fence(0)
  })
})
