/**
 * What one who holds the client's ephemeral secret reads on the wire: an implementation of the handshake and
 * of the packets of its own, from the text of spec/13-datagram.md and node:crypto, without src/reliable.
 */
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from 'node:crypto'
import type { LinkPrimitives } from '../../src/base/index.ts'

const TAG_BYTES = 16
const HEADER_BYTES = 13
const ZERO_NONCE = Buffer.alloc(12)

function sha512(...parts: Uint8Array[]): Buffer {
  return createHash('sha512').update(Buffer.concat(parts)).digest()
}

function hkdf(key: Uint8Array, input: Uint8Array): [Buffer, Buffer] {
  const mac = (k: Uint8Array, data: Uint8Array): Buffer => createHmac('sha512', k).update(data).digest()
  const temporary = mac(key, input)
  const first = mac(temporary, Buffer.of(1))
  return [first, mac(temporary, Buffer.concat([first, Buffer.of(2)]))]
}

function x25519(secret: Uint8Array, point: Uint8Array): Buffer {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret])
  const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), point])
  return diffieHellman({
    privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }),
  })
}

function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined
  const decipher = createDecipheriv('chacha20-poly1305', key.subarray(0, 32), nonce, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(aad, { plaintextLength: sealed.length - TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}

/** Primitives that leave every X25519 secret they meet in `log`, by its public key in hexadecimal. */
export function loggedPrimitives(primitives: LinkPrimitives, log: Map<string, Uint8Array>): LinkPrimitives {
  return {
    ...primitives,
    x25519KeyPair: (secret) => {
      const pair = primitives.x25519KeyPair(secret)
      log.set(Buffer.from(pair.public).toString('hex'), secret)
      return pair
    },
  }
}

/** The secrets of both directions that INITIAL and ACCEPT make; undefined when ACCEPT does not fit. */
export function secretsOf(
  initial: Uint8Array,
  accept: Uint8Array,
  secrets: ReadonlyMap<string, Uint8Array>,
): { readonly client: Buffer; readonly relay: Buffer } | undefined {
  const scid = initial.subarray(5, 13)
  const message1 = initial.subarray(14 + (initial[13] as number))
  const ephemeral = message1.subarray(0, 32)
  const secret = secrets.get(Buffer.from(ephemeral).toString('hex'))
  if (secret === undefined) return undefined
  const message2 = accept.subarray(17)
  const relayEphemeral = message2.subarray(0, 32)
  const prologue = Buffer.concat([Buffer.from('palaver datagram'), Buffer.of(0, 0, 0, 1), scid])
  let chain: Buffer = Buffer.concat([Buffer.from('Noise_NX_25519_ChaChaPoly_SHA512'), Buffer.alloc(32)])
  let hash = [prologue, ephemeral, message1.subarray(32), relayEphemeral].reduce<Buffer>(
    (h, part) => sha512(h, part),
    chain,
  )
  let key: Buffer
  ;[chain, key] = hkdf(chain, x25519(secret, relayEphemeral))
  const relayStatic = open(key, ZERO_NONCE, hash, message2.subarray(32, 80))
  if (relayStatic === undefined) return undefined
  hash = sha512(hash, message2.subarray(32, 80))
  ;[chain, key] = hkdf(chain, x25519(secret, relayStatic))
  if (open(key, ZERO_NONCE, hash, message2.subarray(80)) === undefined) return undefined
  const [client, relay] = hkdf(chain, Buffer.alloc(0))
  return { client, relay }
}

/** Opens the packets of one direction, of whichever key phase. */
export class WireReader {
  readonly #secrets: Buffer[]
  #newest = 0

  constructor(secret: Buffer) {
    this.#secrets = [secret]
  }

  /** The frames of a DATA packet with that number, or undefined. */
  open(packet: Uint8Array, number: number): Buffer | undefined {
    const phase = ((packet[0] as number) >> 2) & 1
    // What is under way may be several updates old by the time it arrives, so all are tried.
    for (let generation = this.#newest + 1; generation >= 0; generation--) {
      if (generation % 2 !== phase) continue
      const plain = this.#openAs(this.#secretOf(generation), packet, number)
      if (plain === undefined) continue
      this.#newest = Math.max(this.#newest, generation)
      return plain
    }
    return undefined
  }

  /** Generation 0 is that of the handshake. */
  #secretOf(generation: number): Buffer {
    while (this.#secrets.length <= generation) {
      const rest = (this.#secrets.at(-1) as Buffer).subarray(44)
      this.#secrets.push(createHmac('sha512', rest).update('palaver key update').digest())
    }
    return this.#secrets[generation] as Buffer
  }

  #openAs(secret: Buffer, packet: Uint8Array, number: number): Buffer | undefined {
    const nonce = Buffer.from(secret.subarray(32, 44))
    const low = nonce.readBigUInt64BE(4)
    nonce.writeBigUInt64BE(low ^ BigInt(number), 4)
    return open(secret, nonce, packet.subarray(0, HEADER_BYTES), packet.subarray(HEADER_BYTES))
  }
}

/** A frame as the observer reads it. Fields that a frame has not are 0 or empty. */
export interface SeenFrame {
  readonly type: number
  readonly lane: number
  readonly offset: number
  readonly length: number
  readonly total: number
  readonly ranges: readonly (readonly [number, number])[]
  readonly data: Buffer
}

const NO_FIELDS: Omit<SeenFrame, 'type'> = {
  lane: 0,
  offset: 0,
  length: 0,
  total: 0,
  ranges: [],
  data: Buffer.alloc(0),
}

/** The frames of a packet, PADDING included once for a run. Throws where the text calls them malformed. */
export function seenFrames(plain: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = []
  let at = 0
  const number = (): number => {
    const size = 1 << ((plain[at] as number) >> 6)
    if (at + size > plain.length) throw new Error('varint runs past the end')
    let value = BigInt((plain[at] as number) & 0x3f)
    for (let i = 1; i < size; i++) value = value * 256n + BigInt(plain[at + i] as number)
    at += size
    const least = [0n, 0x40n, 0x4000n, 0x40000000n][Math.log2(size)] as bigint
    if (value < least || value > 2n ** 53n - 1n) throw new Error('varint not in its shortest form')
    return Number(value)
  }
  const take = (length: number): Buffer => {
    if (at + length > plain.length) throw new Error('frame runs past the end')
    at += length
    return plain.subarray(at - length, at)
  }
  while (at < plain.length) {
    const type = plain[at++] as number
    const add = (fields: Partial<SeenFrame>): unknown => frames.push({ ...NO_FIELDS, ...fields, type })
    if (type === 0x00) {
      while (plain[at] === 0) at++
      add({})
    } else if (type === 0x01) {
      add({})
    } else if (type === 0x02) {
      add({ ranges: ackRanges(number) })
    } else if (type === 0x03) {
      add({ total: number(), data: take(number()) })
    } else if (type === 0x04) {
      add({ total: number() })
    } else if (type === 0x05) {
      add({ lane: number(), total: number() })
    } else if (type === 0x06 || type === 0x07) {
      add({ data: take(8) })
    } else if (type === 0x10 || type === 0x11) {
      const lane = number()
      const offset = number()
      const data = take(type === 0x10 ? number() : plain.length - at)
      add({ lane, offset, length: data.length, data })
    } else if (type === 0x08) {
      add({ total: number(), data: take(24) })
    } else if (type === 0x09) {
      add({ total: number() })
    } else if (type === 0x0a) {
      add({ data: take(number()) })
    } else if (type === 0x12) {
      add({ lane: number(), data: take(number()) })
    } else {
      throw new Error(`unknown frame ${type}`)
    }
  }
  return frames
}

function ackRanges(number: () => number): [number, number][] {
  const largest = number()
  number()
  let pairs = number()
  let lowest = largest - number()
  const ranges: [number, number][] = [[lowest, largest]]
  for (; pairs > 0; pairs--) {
    const high = lowest - number() - 2
    lowest = high - number()
    ranges.push([lowest, high])
  }
  if (lowest < 0) throw new Error('ACK below 0')
  return ranges
}
