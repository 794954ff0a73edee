/**
 * The attackers, in a process of their own: garbage on TCP connections and in datagrams, from strangers and
 * from peers that finished a handshake. Arguments: port of TCP, port of UDP, number of inputs, seed.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { Socket } from 'node:net'
import { Deframer, decodeFrame, encodeFrame, FRAME, type Frame, isFault } from '../src/codec/index.ts'
import { identityOfSeed, nodeSignatures, systemEntropy, udpTransport } from '../src/node/index.ts'
import { authMessage, type Identity, transcriptHash } from '../src/protocol/index.ts'
import { type Corpus, readCorpus } from './corpus.ts'
import { mutated } from './mutate.ts'
import { Random } from './random.ts'

/** What the crowd did. */
export interface CrowdReport {
  readonly tcp: number
  readonly tcpInSession: number
  readonly udp: number
  readonly udpInSession: number
  readonly bytes: number
}

const HOST = '127.0.0.1'
const CONNECTIONS_AT_ONCE = 64
const DATAGRAMS_PER_TURN = 32
const IDENTITIES = 16
const EMPTY = new Uint8Array(0)

const [tcpPort = 0, udpPort = 0, inputs = 0, seed = 0] = process.argv.slice(2).map(Number)
const random = new Random(seed)
const corpus: Corpus = readCorpus()
const identities: readonly Identity[] = Array.from({ length: IDENTITIES }, () =>
  identityOfSeed(systemEntropy(32)),
)
const count = { tcp: 0, tcpInSession: 0, udp: 0, udpInSession: 0, bytes: 0 }

/** A length and what is to follow it, which never comes. */
function lengthBomb(): Uint8Array {
  const length = random.pick([0, 1, 1023, 1024, 1025, 65_536, 0x7fffffff, 0xffffffff])
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, ...random.bytes(random.below(40)))
}

/** A frame of the greatest length that holds nothing but arrays in arrays. */
function deepNesting(): Uint8Array {
  const length = random.pick([8, 9, 64, 1000, 1024])
  return Uint8Array.of(
    0,
    0,
    length >> 8,
    length & 0xff,
    ...new Uint8Array(length).fill(random.pick([0x91, 0x81, 0xdd])),
  )
}

function otherProtocol(): Uint8Array {
  const text = random.pick([
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'SSH-2.0-x\r\n',
    '\x16\x03\x01\x02\x00\x01\x00',
    'NICK x\r\n',
  ])
  return new TextEncoder().encode(text)
}

function hostileStream(): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return random.bytes(1 + random.below(2000))
    case 1:
      return lengthBomb()
    case 2:
      return deepNesting()
    case 3:
      return otherProtocol()
    case 4: {
      const whole = random.pick(corpus.streams)
      return whole.slice(0, random.below(whole.length))
    }
    default:
      return mutated(random, corpus.streams)
  }
}

function hostileDatagram(): Uint8Array {
  const bytes =
    random.below(4) === 0 ? random.bytes(1 + random.below(1400)) : mutated(random, corpus.datagrams)
  if (bytes.length === 0) return Uint8Array.of(0x40)
  if (random.below(3) > 0) return bytes.slice(0, 1400)
  // An INITIAL of the right length costs the relay more than any other.
  const initial = new Uint8Array(1200)
  initial.set(bytes.subarray(0, 1200))
  initial.set([0xc0, 0, 0, 0, 1])
  return initial
}

/**
 * One connection with one input, as a stranger or after a handshake; resolves when the relay has ended it.
 */
function attackOverTcp(): Promise<void> {
  return new Promise((resolve) => {
    const socket = new Socket()
    const isStranger = random.below(10) > 0
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.connect(tcpPort, HOST, () => {
      count.tcp += 1
      if (isStranger) give(socket, hostileStream())
      else shakeHands(socket)
    })
  })
}

function give(socket: Socket, bytes: Uint8Array): void {
  count.bytes += bytes.length
  const cut = random.below(bytes.length + 1)
  socket.write(bytes.subarray(0, cut))
  // Some wait to be thrown out, some reset the connection, most end their side.
  const manner = random.below(100)
  socket.write(bytes.subarray(cut), () => {
    if (manner < 10) socket.resetAndDestroy()
    else if (manner < 98) socket.end()
  })
  socket.resume()
}

function shakeHands(socket: Socket): void {
  const deframer = new Deframer(65_536)
  const identity = random.pick(identities)
  const hello = encodeFrame({
    type: 'hello',
    versions: [1],
    capabilities: [],
    nonce: random.bytes(32),
    agent: '',
  })
  socket.write(hello)
  socket.on('data', (chunk: Uint8Array) => {
    deframer.push(chunk)
    while (deframer.next() === FRAME) {
      const bytes = deframer.bytes.slice(deframer.start, deframer.end)
      const frame = decodeFrame(bytes)
      if (isFault(frame)) throw new Error('the relay sent a fault')
      if (frame.type === 'challenge') socket.write(authFor(identity, hello.subarray(4), bytes))
      if (frame.type !== 'ready') continue
      count.tcpInSession += 1
      give(socket, hostileStream())
    }
  })
}

function authFor(identity: Identity, hello: Uint8Array, challenge: Uint8Array): Uint8Array {
  const transcript = transcriptHash(nodeSignatures, { binding: EMPTY, hello, challenge })
  const name = `crowd${identities.indexOf(identity)}`
  const claims = { name, key: identity.publicKey, clientId: new Uint8Array(8), token: '' }
  const signature = nodeSignatures.sign(identity.seed, authMessage(transcript, claims))
  const auth: Frame = { type: 'auth', ...claims, signature }
  return encodeFrame(auth)
}

/** A sealed link whose lanes carry garbage. */
async function attackInUdpSession(): Promise<void> {
  const transport = udpTransport()
  await new Promise<void>((resolve) => {
    const handler = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed: () => resolve() }
    transport
      .dial(
        { host: HOST, port: udpPort },
        (link) => {
          count.udpInSession += 1
          for (let i = random.below(4); i >= 0; i--) link.write(random.below(64), hostileStream())
          setTimeout(() => link.abort(), 20)
          return handler
        },
        { timeoutMs: 3000 },
      )
      .catch(() => resolve())
  })
}

async function tcpWorker(total: number): Promise<void> {
  while (count.tcp < total) await attackOverTcp()
}

async function udpWorker(sockets: readonly DatagramSocket[], total: number): Promise<void> {
  while (count.udp < total) {
    for (let i = 0; i < DATAGRAMS_PER_TURN; i++) {
      const bytes = hostileDatagram()
      count.udp += 1
      count.bytes += bytes.length
      random.pick(sockets).send(bytes, udpPort, HOST)
    }
    await new Promise((done) => setImmediate(done))
    if (count.udp % 128 === 0) await attackInUdpSession()
    // No faster than the other half, so that both last the whole time.
    while (count.udp > count.tcp + 2000) await new Promise((done) => setTimeout(done, 1))
  }
}

async function main(): Promise<void> {
  const sockets = Array.from({ length: 8 }, () => createSocket('udp4'))
  for (const socket of sockets) socket.on('error', () => {})
  const half = Math.ceil(inputs / 2)
  await Promise.all([
    udpWorker(sockets, half),
    ...Array.from({ length: CONNECTIONS_AT_ONCE }, () => tcpWorker(half)),
  ])
  process.send?.(count satisfies CrowdReport, () => process.exit(0))
}

await main()
