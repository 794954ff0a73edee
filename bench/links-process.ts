/**
 * The load generator for our own links: UDP clients must speak the protocol down to the packets. They shake
 * hands like any client, and then only look for markers in what comes.
 */
import { performance } from 'node:perf_hooks'
import { laneOf } from '../src/base/lanes.ts'
import type { Instant } from '../src/base/time.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../src/node/primitives.ts'
import { udpTransport } from '../src/node/udp-transport.ts'
import { type ClientEvent, type ClientRequest, ClientSession } from '../src/protocol/client/index.ts'
import type { Link, LinkHandler } from '../src/transport/transport.ts'
import { sendTemplate } from './adapters/palaver.ts'
import type { LinksPlan } from './links.ts'
import { awaitedMarker, bodyOf, MARKER_BYTES, ownMarker, type Party, STAMP_DIGITS } from './peer.ts'
import { cpuSecondsOf } from './server.ts'

const AT_ONCE = 20
const SETTLE_MS = 300
const PACE_MS = 1
const DIAL_MS = 10_000
/** Messages are lost with a connection only: nothing else makes the windows stall. */
const NO_STALLS = 0

class LinkClient implements LinkHandler {
  readonly party: Party
  received = 0
  sent = 0
  onReceived: (() => void) | undefined
  readonly #totals: Totals
  #link: Link | undefined
  #session: ClientSession | undefined
  #conversation = 0
  #template: { message: Uint8Array; at: number; stampAt: number } | undefined
  #ref = 0
  #isCounting = false
  #awaited = ''
  #held: Buffer = Buffer.alloc(0)
  #wake: (() => void) | undefined

  constructor(party: Party, totals: Totals) {
    this.party = party
    this.#totals = totals
  }

  attach(link: Link): LinkHandler {
    const identity = identityOfSeed(systemEntropy(32))
    const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: link.binding }
    const about = { name: this.party.name, identity, clientId: systemEntropy(8), agent: 'bench' }
    this.#link = link
    this.#session = new ClientSession({ ...about, ...means }, now())
    return this
  }

  async login(port: number): Promise<void> {
    await udpTransport().dial({ host: '127.0.0.1', port }, (link) => this.attach(link), {
      timeoutMs: DIAL_MS,
    })
    this.#pump()
    await this.#event('ready')
  }

  async join(): Promise<void> {
    const { room, partner } = this.party
    const request: ClientRequest =
      room === undefined ? { type: 'direct', name: partner as string } : { type: 'join', room, options: 0 }
    this.#session?.request(request)
    this.#pump()
    const event = await this.#event('joined')
    if (event.kind === 'joined') this.#conversation = event.conversation.number
  }

  /** From now on bytes are looked through and not read. */
  count(index: number, bodyBytes: number): void {
    this.#isCounting = true
    this.#awaited = awaitedMarker(this.party, index)
    const own = ownMarker(this.party, index)
    this.#ref = this.#session?.conversations.get(this.#conversation)?.ref ?? 0
    const { message, counter } = sendTemplate(this.#conversation, this.#ref, bodyOf(own, bodyBytes))
    const stampAt = Buffer.from(message).indexOf(own) + MARKER_BYTES
    this.#template = { message, at: counter?.at ?? 0, stampAt }
  }

  /** Writes `count` messages at once. */
  publish(count: number, isTimed: boolean): void {
    const { message, at, stampAt } = this.#template as { message: Uint8Array; at: number; stampAt: number }
    const out = Buffer.alloc(message.length * count)
    for (let i = 0; i < count; i++) {
      const start = i * message.length
      out.set(message, start)
      this.#ref += 1
      out.writeUInt32BE(this.#ref, start + at)
      if (isTimed) out.write(stampNow(), start + stampAt, 'latin1')
    }
    this.sent += count
    this.#totals.sent += count
    this.#link?.write(laneOf(this.#conversation), out)
  }

  onBytes(lane: number, chunk: Uint8Array): void {
    if (this.#isCounting) return this.#count(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#session?.handleBytes(lane, chunk, now())
    this.#wake?.()
    this.#pump()
  }

  onWritable(): void {}
  onEnd(): void {}
  onClosed(): void {
    this.#totals.lostConnections += 1
  }

  #count(chunk: Buffer): void {
    const { isTimed, latencies } = this.#totals
    const marker = this.#awaited
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const whole = MARKER_BYTES + (isTimed ? STAMP_DIGITS : 0)
    let found = 0
    let from = 0
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, from)) {
      if (bytes.length - at < whole) break
      from = at + whole
      found += 1
      if (isTimed)
        latencies.push(nanoseconds() - Number.parseInt(bytes.toString('latin1', at + MARKER_BYTES, from), 16))
    }
    this.#held = Buffer.from(bytes.subarray(Math.max(from, bytes.length - whole + 1)))
    this.received += found
    this.#totals.meterMessages += found
    this.#totals.bytes += chunk.length
    if (found > 0) this.onReceived?.()
  }

  async #event(kind: ClientEvent['kind']): Promise<ClientEvent> {
    for (;;) {
      for (let event = this.#session?.pollEvent(); event; event = this.#session?.pollEvent()) {
        if (event.kind === kind) return event
        if (event.kind === 'closed') throw new Error(`closed: ${event.text}`)
      }
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
  }

  #pump(): void {
    const session = this.#session
    for (let item = session?.pollTransmit(now()); item; item = session?.pollTransmit(now()))
      this.#link?.write(item.lane, item.bytes)
  }
}

interface Totals {
  sent: number
  bytes: number
  meterMessages: number
  lostConnections: number
  readonly isTimed: boolean
  /** In nanoseconds. */
  latencies: number[]
}

function now(): Instant {
  return performance.now() as Instant
}

function nanoseconds(): number {
  return Math.round(performance.now() * 1e6)
}

function stampNow(): string {
  return nanoseconds().toString(16).padStart(STAMP_DIGITS, '0')
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

async function openAll(plan: LinksPlan, totals: Totals): Promise<LinkClient[]> {
  const clients = plan.parties.map((party) => new LinkClient(party, totals))
  for (let from = 0; from < clients.length; from += AT_ONCE)
    await Promise.all(clients.slice(from, from + AT_ONCE).map((client) => client.login(plan.port)))
  for (let from = 0; from < clients.length; from += AT_ONCE)
    await Promise.all(clients.slice(from, from + AT_ONCE).map((client) => client.join()))
  return clients
}

/** Keeps the window of each publisher under way. */
function saturate(publishers: readonly LinkClient[], { gain, window }: LinksPlan): void {
  for (const client of publishers) {
    client.onReceived = () => {
      const allowed = window + Math.floor(client.received * gain) - client.sent
      if (allowed > 0) client.publish(allowed, false)
    }
    client.publish(window, false)
  }
}

/** Publishers take turns. */
function pace(publishers: readonly LinkClient[], rate: number): void {
  const startedAt = performance.now()
  let sent = 0
  setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1000)
    for (; sent < due; sent++) publishers[sent % publishers.length]?.publish(1, true)
  }, PACE_MS)
}

async function main(plan: LinksPlan): Promise<void> {
  const { isTimed, run } = plan
  const totals: Totals = { sent: 0, bytes: 0, meterMessages: 0, lostConnections: 0, isTimed, latencies: [] }
  const clients = await openAll(plan, totals)
  await pause(SETTLE_MS)
  for (const [index, client] of clients.entries()) client.count(index, plan.bodyBytes)
  const publishers = clients.slice(0, plan.publishers)
  if (run.rate > 0) pace(publishers, run.rate)
  else saturate(publishers, plan)
  await pause(run.warmMs)
  Object.assign(totals, { sent: 0, bytes: 0, meterMessages: 0, latencies: [] })
  const cpuBefore = cpuSecondsOf(run.pid)
  const ownBefore = process.cpuUsage()
  const startedAt = performance.now()
  await pause(run.measureMs)
  const wallSeconds = (performance.now() - startedAt) / 1000
  const own = process.cpuUsage(ownBefore)
  process.send?.({
    wallSeconds,
    serverCpuSeconds: cpuSecondsOf(run.pid) - cpuBefore,
    ownCpuSeconds: (own.user + own.system) / 1e6,
    bytes: totals.bytes,
    meterBytes: totals.bytes,
    meterMessages: totals.meterMessages,
    sent: totals.sent,
    stalls: NO_STALLS,
    lostConnections: totals.lostConnections,
    latencies: Uint32Array.from(totals.latencies).sort(),
    lags: new Uint32Array(0),
  })
  process.disconnect()
  process.exit(0)
}

await main(JSON.parse(process.argv[2] as string) as LinksPlan)
