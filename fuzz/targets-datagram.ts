/** Targets in the datagram binding: strangers' datagrams, and packets of a peer that holds the keys. */
import { createHash } from 'node:crypto'
import { type Address, assert, type Instant, type LinkPrimitives } from '../src/base/index.ts'
import { type UdpConnection, UdpEndpoint } from '../src/reliable/index.ts'
import { seededEntropy } from '../test/protocol/world.ts'

const EXECUTIONS_PER_ENDPOINT = 300
const RELAY: Address = { host: '192.0.2.1', port: 7667 }
const PEER: Address = { host: '198.51.100.7', port: 40_000 }
const STRANGER: Address = { host: '203.0.113.9', port: 40_001 }
const TAG_BYTES = 16

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** Primitives that cost little and protect nothing; `plaintext` stands in for what the peer would seal. */
class FakePrimitives implements LinkPrimitives {
  plaintext: Uint8Array | undefined

  sha512 = sha512
  hmacSha512 = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => sha512(key, ...parts)
  hmacSha256 = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
    sha512(key, ...parts).slice(0, 32)
  x25519KeyPair = (secret: Uint8Array) => ({ secret, public: sha512(secret).slice(0, 32) })

  x25519 = (secret: Uint8Array, publicKey: Uint8Array): Uint8Array => {
    const own = this.x25519KeyPair(secret).public
    return sha512(...[own, publicKey].sort((a, b) => Buffer.compare(a, b))).slice(0, 32)
  }

  aeadSeal = (_key: Uint8Array, _nonce: Uint8Array, _aad: Uint8Array, plaintext: Uint8Array): Uint8Array => {
    const body = this.plaintext ?? plaintext
    const sealed = new Uint8Array(body.length + TAG_BYTES)
    sealed.set(body)
    return sealed
  }

  aeadOpen = (
    _key: Uint8Array,
    _nonce: Uint8Array,
    _aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined => {
    const bodyBytes = sealed.length - TAG_BYTES
    if (bodyBytes < 0 || sealed.subarray(bodyBytes).some((byte) => byte !== 0)) return undefined
    return sealed.slice(0, bodyBytes)
  }
}

class DatagramTarget {
  now = 1000 as Instant
  readonly primitives = new FakePrimitives()
  readonly relay: UdpEndpoint
  readonly peer: UdpEndpoint
  readonly near: UdpConnection
  far: UdpConnection | undefined
  isOver = false
  count = 0

  constructor() {
    const entropy = seededEntropy('datagrams')
    this.relay = new UdpEndpoint({
      primitives: new FakePrimitives(),
      entropy,
      staticSecret: new Uint8Array(32).fill(7),
    })
    this.peer = new UdpEndpoint({ primitives: this.primitives, entropy })
    this.near = this.peer.connect(RELAY, this.now)
    for (let i = 0; i < 20 && !this.far; i++) this.exchange()
    assert(this.far !== undefined, 'the connection opens')
  }

  /** Lets everything cross, both ways, until nothing does. */
  exchange(): void {
    this.now = (this.now + 1) as Instant
    for (let round = 0; round < 50; round++) {
      let moved = this.#cross(this.peer, this.relay, PEER)
      moved = this.#cross(this.relay, this.peer, RELAY) || moved
      this.#drain()
      if (!moved) return
    }
  }

  #cross(from: UdpEndpoint, to: UdpEndpoint, address: Address): boolean {
    let moved = false
    for (let sent = from.pollTransmit(this.now); sent; sent = from.pollTransmit(this.now)) {
      moved = true
      if (sent.to.host !== STRANGER.host) to.handleDatagram(sent.bytes.slice(), address, this.now)
    }
    return moved
  }

  #drain(): void {
    for (let event = this.relay.pollEvent(); event; event = this.relay.pollEvent()) {
      if (event.kind === 'opened') this.far = event.connection
      if (event.kind === 'closed') this.isOver = true
    }
    for (let event = this.peer.pollEvent(); event; event = this.peer.pollEvent())
      if (event.kind === 'closed') this.isOver = true
  }
}

let target = new DatagramTarget()

function fresh(): DatagramTarget {
  target.count += 1
  if (target.count > EXECUTIONS_PER_ENDPOINT || target.isOver) target = new DatagramTarget()
  return target
}

/**
 * Datagrams from a stranger and under the peer's address: the connection lives, and answers do not amplify.
 */
export function fuzzDatagram(bytes: Uint8Array): void {
  const { relay, now } = fresh()
  for (const from of [STRANGER, PEER]) {
    relay.handleDatagram(bytes.slice(), from, now)
    let answered = 0
    for (let sent = relay.pollTransmit(now); sent; sent = relay.pollTransmit(now))
      if (sent.to.host === STRANGER.host) answered += sent.bytes.length
    assert(answered <= bytes.length, 'a stranger gets no more bytes than it sent')
  }
  // A fake tag is easily right, so a datagram under the peer's address may well be the peer's.
  target.exchange()
}

/** Packets of a peer that holds the keys and sends what it likes. */
export function fuzzPayload(bytes: Uint8Array): void {
  const { primitives, near } = fresh()
  primitives.plaintext = bytes.slice(0, 1100)
  near.write(2, Uint8Array.of(1))
  const { peer, relay, now } = target
  const sent = peer.pollTransmit(now)
  primitives.plaintext = undefined
  if (sent) relay.handleDatagram(sent.bytes.slice(), PEER, now)
  target.exchange()
}
