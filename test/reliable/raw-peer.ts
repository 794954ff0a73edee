import type { Address, Instant } from '../../src/base/index.ts'
import { prologueOf } from '../../src/reliable/client-handshake.ts'
import type { UdpEndpoint } from '../../src/reliable/index.ts'
import { finishInitiator, type NoiseInitiator, startInitiator } from '../../src/reliable/noise.ts'
import { decodeHandshakePacket, encodeInitial, initialHeaderBytes } from '../../src/reliable/packet.ts'
import { DEFAULT_PARAMETERS, encodeParameters } from '../../src/reliable/parameters.ts'
import { PacketProtection } from '../../src/reliable/seal.ts'
import { hash32 } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { CLIENT, drain } from './world.ts'

const primitives = testPrimitives()

function secretOf(seed: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => hash32(seed, i, 99) & 0xff)
}

/** A client made by hand: it has the keys and may send whatever it likes. */
export class RawPeer {
  readonly from: Address
  readonly scid: Uint8Array
  readonly relay: UdpEndpoint
  readonly secret: Uint8Array
  noise: NoiseInitiator | undefined
  relayCid: Uint8Array = new Uint8Array(0)
  resetToken: Uint8Array | undefined
  number = 0
  #seal: PacketProtection | undefined
  #open: PacketProtection | undefined

  constructor(relay: UdpEndpoint, seed = 1, from: Address = CLIENT) {
    this.relay = relay
    this.from = from
    this.scid = secretOf(seed + 1000).slice(0, 8)
    this.secret = secretOf(seed)
  }

  /** An INITIAL with `token`. */
  initial(
    token: Uint8Array = new Uint8Array(0),
    parameters: Uint8Array = encodeParameters(DEFAULT_PARAMETERS),
  ) {
    const payload = new Uint8Array(1200 - initialHeaderBytes(token) - 32)
    payload.set(parameters)
    this.noise = startInitiator(primitives, prologueOf(this.scid), this.secret, payload)
    return encodeInitial(this.scid, token, this.noise.message)
  }

  /** Asks for a token and returns it. */
  token(now: Instant): Uint8Array {
    this.relay.handleDatagram(this.initial(), this.from, now)
    const answer = drain(this.relay, now)[0]?.bytes ?? new Uint8Array(0)
    const packet = decodeHandshakePacket(answer)
    if (typeof packet === 'string' || packet.kind !== 'retry') throw new Error('no RETRY')
    return packet.token
  }

  /** Connects and confirms with a PING, `rttMs` after the ACCEPT. */
  connect(now: Instant, rttMs = 0): this {
    const token = this.token(now)
    this.relay.handleDatagram(this.initial(token), this.from, now)
    this.takeAccept(drain(this.relay, now)[0]?.bytes ?? new Uint8Array(0))
    this.send(Uint8Array.of(1), (now + rttMs) as Instant)
    return this
  }

  takeAccept(bytes: Uint8Array): void {
    const packet = decodeHandshakePacket(bytes)
    if (typeof packet === 'string' || packet.kind !== 'accept' || this.noise === undefined) {
      throw new Error('no ACCEPT')
    }
    const done = finishInitiator(primitives, this.noise, packet.noise)
    if (done === undefined) throw new Error('ACCEPT does not verify')
    this.relayCid = packet.scid.slice()
    this.#seal = new PacketProtection(primitives, done.result.initiatorSecret)
    this.#open = new PacketProtection(primitives, done.result.responderSecret)
  }

  /** Goes on to its next keys; and to the relay's, where `ofRelay`. */
  updateKeys(ofRelay: boolean): void {
    this.#seal = this.#seal?.next()
    if (ofRelay) this.#open = this.#open?.next()
  }

  /** A sealed packet. */
  packet(frames: Uint8Array, number = this.number++): Uint8Array {
    if (this.#seal === undefined) throw new Error('not connected')
    return this.#seal.seal(this.relayCid, number, frames)
  }

  send(frames: Uint8Array, now: Instant, number = this.number++): void {
    this.relay.handleDatagram(this.packet(frames, number), this.from, now)
  }

  /** The frames of every DATA packet that the relay sends now. */
  receive(now: Instant): { readonly number: number; readonly frames: Uint8Array }[] {
    const out: { number: number; frames: Uint8Array }[] = []
    for (const datagram of drain(this.relay, now)) {
      if (((datagram.bytes[0] as number) & 0xfb) !== 0x40) continue
      const number = Buffer.from(datagram.bytes).readUInt32BE(9)
      out.push({ number, frames: this.framesOf(datagram.bytes) })
    }
    return out
  }

  /** The frames of a DATA packet of the relay. */
  framesOf(packet: Uint8Array): Uint8Array {
    const frames = this.#open?.open(packet, Buffer.from(packet).readUInt32BE(9))
    if (frames === undefined) throw new Error('relay packet does not verify')
    return frames
  }
}

/** Concatenates numbers (as bytes) and byte arrays. */
export function bytesOf(...parts: (number | Uint8Array | readonly number[])[]): Uint8Array {
  const all: number[] = []
  for (const part of parts) {
    if (typeof part === 'number') all.push(part)
    else all.push(...part)
  }
  return Uint8Array.from(all)
}

/** A variable-length integer. */
export function varint(value: number | bigint): Uint8Array {
  const v = BigInt(value)
  if (v < 0x40n) return Uint8Array.of(Number(v))
  const size = v < 0x4000n ? 2 : v < 0x40000000n ? 4 : 8
  const out = new Uint8Array(size)
  for (let i = 0, rest = v; i < size; i++, rest >>= 8n) out[size - 1 - i] = Number(rest & 0xffn)
  out[0] = (out[0] as number) | ({ 2: 0x40, 4: 0x80, 8: 0xc0 }[size] as number)
  return out
}

/** LANE_SIZED. */
export function lane(index: number, offset: number | bigint, bytes: Uint8Array): Uint8Array {
  return bytesOf(0x10, varint(index), varint(offset), varint(bytes.length), bytes)
}
