/**
 * Two floods against the datagram endpoint of a relay, in memory, with the real primitives and the process's
 * own clock for costs only: spoofed INITIALs, and DATA with a right connection id and a wrong tag. By hand:
 * npx tsx fuzz/flood-datagram.ts [--packets N]. Prints the figures; fails when a promise is broken.
 */
import { performance } from 'node:perf_hooks'
import { type Address, assert, type Instant, instantAfter, type LinkPrimitives } from '../src/base/index.ts'
import { nodeLinkPrimitives } from '../src/node/primitives.ts'
import { type UdpConnection, UdpEndpoint } from '../src/reliable/index.ts'
import { seededEntropy } from '../test/protocol/world.ts'
import { readOptions, wholeNumber } from '../tools/options.ts'

const RELAY: Address = { host: '192.0.2.1', port: 7667 }
const CLIENT: Address = { host: '198.51.100.7', port: 40_000 }
const PACKETS_PER_MS = 20
const HONEST_EVERY = 100_000
const INITIAL_BYTES = 1200

interface Flood {
  readonly relay: UdpEndpoint
  readonly counts: { x25519: number; open: number }
  now: Instant
}

function newFlood(): Flood {
  const counts = { x25519: 0, open: 0 }
  const primitives: LinkPrimitives = {
    ...nodeLinkPrimitives,
    x25519: (secret, point) => {
      counts.x25519++
      return nodeLinkPrimitives.x25519(secret, point)
    },
    aeadOpen: (key, nonce, aad, sealed) => {
      counts.open++
      return nodeLinkPrimitives.aeadOpen(key, nonce, aad, sealed)
    },
  }
  const entropy = seededEntropy('flood')
  const relay = new UdpEndpoint({ primitives, entropy, staticSecret: new Uint8Array(32).fill(7) })
  return { relay, counts, now: 1000 as Instant }
}

/** An honest client connects through the flood; returns both ends of the connection. */
function connect(flood: Flood, from: Address): { readonly near: UdpConnection; readonly far: UdpConnection } {
  const client = new UdpEndpoint({ primitives: nodeLinkPrimitives, entropy: seededEntropy(from.host) })
  const near = client.connect(RELAY, flood.now)
  let far: UdpConnection | undefined
  for (let round = 0; round < 10 && far === undefined; round++) {
    for (let d = client.pollTransmit(flood.now); d; d = client.pollTransmit(flood.now)) {
      flood.relay.handleDatagram(d.bytes, from, flood.now)
    }
    for (let d = flood.relay.pollTransmit(flood.now); d; d = flood.relay.pollTransmit(flood.now)) {
      if (d.to.host === from.host) client.handleDatagram(d.bytes, RELAY, flood.now)
    }
    for (let e = flood.relay.pollEvent(); e; e = flood.relay.pollEvent())
      if (e.kind === 'opened') far = e.connection
    flood.now = instantAfter(flood.now, 1)
  }
  assert(far !== undefined, 'an honest handshake gets through')
  return { near, far }
}

/** Every address is another one, every INITIAL different, and none has a token that is good. */
function floodInitials(count: number): void {
  const flood = newFlood()
  const { relay, counts } = flood
  const packet = new Uint8Array(INITIAL_BYTES)
  packet.set([0xc0, 0, 0, 0, 1])
  packet[13] = 21
  const view = new DataView(packet.buffer)
  let bytesOut = 0
  let honest = 0
  let honestCpu = 0
  const begin = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    view.setUint32(5, i)
    view.setUint32(40, i)
    const host = `203.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
    relay.handleDatagram(packet, { host, port: 1024 + (i % 60_000) }, flood.now)
    for (let d = relay.pollTransmit(flood.now); d; d = relay.pollTransmit(flood.now))
      bytesOut += d.bytes.length
    if (i % PACKETS_PER_MS === 0) flood.now = instantAfter(flood.now, 1)
    if (i % HONEST_EVERY !== HONEST_EVERY - 1) continue
    // A moment later some RETRYs may leave again.
    flood.now = instantAfter(flood.now, 5)
    const before = performance.now()
    connect(flood, { host: `198.51.100.${honest++}`, port: 40_000 })
    honestCpu += performance.now() - before
  }
  const cpu = process.cpuUsage(begin)
  const ms = (cpu.user + cpu.system) / 1000 - honestCpu
  const bytesIn = count * INITIAL_BYTES
  assert(bytesOut <= 0.1 * bytesIn, 'strangers get a tenth of what they send at most')
  assert(counts.x25519 === 2 * honest, 'no public-key operation but those of honest handshakes')
  assert(relay.connectionCount === honest, 'no state but that of honest clients')
  console.log(
    `${count} spoofed INITIALs: ${((1000 * ms) / count).toFixed(1)} us each, bytes out / in ` +
      `${(bytesOut / bytesIn).toFixed(4)}, X25519 ${counts.x25519 - 2 * honest}, connections ` +
      `${relay.connectionCount - honest}, honest handshakes through: ${honest}`,
  )
}

/** The attacker knows the client's address and the connection id, not the keys. */
function floodData(count: number): void {
  const flood = newFlood()
  const { relay, counts } = flood
  const { far } = connect(flood, CLIENT)
  for (let d = relay.pollTransmit(flood.now); d; d = relay.pollTransmit(flood.now)) {}
  const packet = new Uint8Array(100)
  packet[0] = 0x40
  packet.set(Buffer.from(far.id, 'hex'), 1)
  const view = new DataView(packet.buffer)
  const before = { ...far.stats }
  const deadline = relay.pollTimeout()
  const opened = counts.open
  let answers = 0
  const begin = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    view.setUint32(9, i)
    view.setUint32(60, i)
    relay.handleDatagram(packet, CLIENT, flood.now)
    if (relay.pollTransmit(flood.now) !== undefined) answers++
  }
  const cpu = process.cpuUsage(begin)
  const after = far.stats
  const moved = Object.keys(after).filter(
    (key) => !Object.is(Reflect.get(before, key), Reflect.get(after, key)),
  )
  assert(
    moved.every((key) => key === 'packetsBad' || key === 'packetsDuplicate'),
    `only counters: ${moved}`,
  )
  assert(answers === 0 && relay.pollEvent() === undefined, 'nothing is answered and nothing happens')
  assert(relay.pollTimeout() === deadline, 'no timer moves')
  console.log(
    `${count} packets with a wrong tag: ${((cpu.user + cpu.system) / count).toFixed(1)} us each, ` +
      `opened ${counts.open - opened}, bad ${after.packetsBad}, too old or known ` +
      `${after.packetsDuplicate - before.packetsDuplicate}, moved: ${moved.join(', ')}`,
  )
}

const values = readOptions('npx tsx fuzz/flood-datagram.ts [--packets 1000000]', {
  packets: { type: 'string', default: '1000000' },
})
const packets = wholeNumber(values.packets, 'packets', 1)
floodInitials(packets)
floodData(packets)
