import { expect } from 'vitest'
import type { Address, Datagram, Instant, LinkPrimitives } from '../../src/base/index.ts'
import type { UdpConnection } from '../../src/reliable/index.ts'
import type { FlyingDatagram, WireObserver } from '../../src/sim/index.ts'
import { testPrimitives } from './primitives.ts'
import { loggedPrimitives, type SeenFrame, secretsOf, seenFrames, WireReader } from './wire-keys.ts'

const FRAME = {
  padding: 0,
  ping: 1,
  ack: 2,
  close: 3,
  credit: 4,
  laneCredit: 5,
  challenge: 6,
  response: 7,
} as const
/** Frames of packets that may leave whatever the window. */
const FREE_OF_WINDOW = new Set<number>([FRAME.padding, FRAME.ack, FRAME.challenge, FRAME.response])
const CONNECTION_CREDIT = 1048576
const LANE_CREDIT = 262144
const PACKET_BYTES = 1200
const PACKET_BYTES_MAX = 1452
const LEAST_ELICITING_BYTES = 43
const FIRST_WINDOW_BYTES = 10 * PACKET_BYTES
const PACKET_THRESHOLD = 3
const TIME_THRESHOLD = 9 / 8
const PROBES = 2
const INITIAL_RTT_MS = 300

interface Flight {
  readonly bytes: number
  readonly at: Instant
  isCounted: boolean
  /** PING and PADDING alone, and longer than any path has to take. */
  readonly isMtuProbe: boolean
}

/** One direction, from its sender's side: what it may do, as far as the wire has told it. */
class Direction {
  readonly reader: WireReader
  readonly flights = new Map<number, Flight>()
  readonly arrived = new Set<number>()
  /** Ranges of arrived numbers already checked, by their lowest. */
  readonly checkedTo = new Map<number, number>()
  readonly highest = new Map<number, number>()
  readonly laneCredit = new Map<number, number>()
  credit = CONNECTION_CREDIT
  largestSent = -1
  largestAcked = -1
  /** Of all that the sender may have measured, the handshake included; and what it takes where it has not. */
  rttMin = INITIAL_RTT_MS
  ackedBytes = 0
  probeTimeouts = 0
  probesAllowed = 0
  /** Longest datagram that was asked for and acknowledged. */
  mtu = PACKET_BYTES
  /** Whose counters the window is read from. */
  machine: UdpConnection | undefined

  constructor(secret: Buffer) {
    this.reader = new WireReader(secret)
  }

  /** The number of a packet near the last one sent. */
  numberOf(packet: Uint8Array): number {
    const low = Buffer.from(packet).readUInt32BE(9)
    const expected = this.largestSent + 1
    const number = expected - (expected % 2 ** 32) + low
    return number - expected > 2 ** 31 ? number - 2 ** 32 : number
  }

  /** Bytes that this sender must count as in flight: not acknowledged, and by no rule lost. */
  inFlight(now: Instant): number {
    let bytes = 0
    for (const [number, flight] of this.flights) {
      const isOvertaken = number <= this.largestAcked - PACKET_THRESHOLD
      const isLate = number < this.largestAcked && now >= flight.at + TIME_THRESHOLD * this.rttMin
      if (flight.isCounted && !isOvertaken && !isLate) bytes += flight.bytes
    }
    return bytes
  }

  onAck(ranges: SeenFrame['ranges'], now: Instant): void {
    const largest = ranges[0]?.[1] as number
    const newest = this.flights.get(largest)
    if (newest !== undefined) this.rttMin = Math.min(this.rttMin, now - newest.at)
    this.largestAcked = Math.max(this.largestAcked, largest)
    for (const [number, flight] of this.flights) {
      if (!ranges.some(([low, high]) => number >= low && number <= high)) continue
      this.flights.delete(number)
      this.ackedBytes += flight.bytes
      if (flight.isMtuProbe) this.mtu = Math.max(this.mtu, flight.bytes)
    }
  }
}

/** A connection; of the two handshake packets whose answers are timed, when each was sent last. */
interface Watched {
  readonly initialAt: Instant
  readonly acceptAt: Instant
  readonly client: Direction
  readonly relay: Direction
}

/** Bytes to and from an address that has not shown that it is there. */
interface Stranger {
  received: number
  sent: number
}

const keyOf = ({ host, port }: Address): string => `${host}|${port}`
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/**
 * Stands on the wire of a simulated world with the client's secrets, opens every packet by a reading of its
 * own, and holds both sides to the rules: numbers rise, nothing goes beyond the credit and the window of
 * which its sender has heard, nothing is acknowledged that did not arrive, and an address that has not
 * answered gets three times what it sent at most. Violations fail the test on the spot.
 */
export class IndependentObserver implements WireObserver {
  readonly primitives: LinkPrimitives
  /** Every datagram sent, to compare runs. */
  readonly wire: string[] = []
  packetCount = 0

  readonly #relay: Address
  readonly #secrets = new Map<string, Uint8Array>()
  readonly #initials = new Map<string, { readonly bytes: Uint8Array; readonly at: Instant }>()
  /** By the connection id that a packet is sent to. */
  readonly #directions = new Map<string, { readonly from: Direction; readonly to: Direction }>()
  readonly #watched: Watched[] = []
  readonly #byRelayCid = new Map<string, Watched>()
  readonly #strangers = new Map<string, Stranger>()
  readonly #validated = new Set<string>()
  readonly #challenges = new Map<string, string>()
  now: Instant = 0 as Instant

  constructor(relay: Address) {
    this.#relay = relay
    this.primitives = loggedPrimitives(testPrimitives(), this.#secrets)
  }

  /** The window of a machine is its own; everything else is read from the wire. */
  attach(near: UdpConnection | undefined, far: UdpConnection | undefined): void {
    const last = this.#watched.at(-1)
    if (last === undefined) return
    last.client.machine = near
    last.relay.machine = far
  }

  readonly onSent = (from: Address, { to, bytes }: Datagram, now: Instant): void => {
    this.now = now
    this.wire.push(Buffer.from(bytes).toString('base64'))
    const isData = ((bytes[0] as number) & 0x80) === 0
    expect(bytes.length).toBeLessThanOrEqual(isData ? PACKET_BYTES_MAX : PACKET_BYTES)
    const isRelay = keyOf(from) === keyOf(this.#relay)
    const scid = hexOf(bytes.subarray(5, 13))
    if (bytes[0] === 0xc0) this.#initials.set(scid, { bytes: new Uint8Array(bytes), at: now })
    if (bytes[0] === 0xc2) this.#onAccept(bytes, now)
    if (isRelay) this.#countToStranger(to, bytes)
    if (isData) this.#onDataSent(to, bytes, now, isRelay)
  }

  readonly onArrived = ({ at, from, to, bytes }: FlyingDatagram): void => {
    this.now = at
    const isToRelay = keyOf(to) === keyOf(this.#relay)
    if (isToRelay) this.#strangerAt(from).received += bytes.length
    if (bytes[0] === 0xc2) this.#timeHandshake(bytes.subarray(9, 17), 'client', at)
    if (((bytes[0] as number) & 0x80) !== 0 || bytes.length < 30) return
    const pair = this.#directions.get(hexOf(bytes.subarray(1, 9)))
    if (pair === undefined) return
    const number = pair.from.numberOf(bytes)
    const plain = pair.from.reader.open(bytes, number)
    if (plain === undefined) return
    const isFirst = isToRelay && pair.from.arrived.size === 0
    if (isFirst) this.#validated.add(keyOf(from))
    if (isFirst) this.#timeHandshake(bytes.subarray(1, 9), 'relay', at)
    pair.from.arrived.add(number)
    for (const frame of seenFrames(plain)) this.#hear(pair.to, frame, from, at)
  }

  /** The answer to a handshake packet of `side` came: that is a round trip that `side` knows of. */
  #timeHandshake(relayCid: Uint8Array, side: 'client' | 'relay', at: Instant): void {
    const one = this.#byRelayCid.get(hexOf(relayCid))
    if (one === undefined) return
    const sentAt = side === 'client' ? one.initialAt : one.acceptAt
    one[side].rttMin = Math.min(one[side].rttMin, at - sentAt)
  }

  #onAccept(bytes: Uint8Array, now: Instant): void {
    const initial = this.#initials.get(hexOf(bytes.subarray(1, 9)))
    const secrets = initial && secretsOf(initial.bytes, bytes, this.#secrets)
    expect(secrets, 'ACCEPT fits the INITIAL it answers').toBeDefined()
    const relayCid = hexOf(bytes.subarray(9, 17))
    if (initial === undefined || secrets === undefined || this.#directions.has(relayCid)) return
    const client = new Direction(secrets.client)
    const relay = new Direction(secrets.relay)
    const watched = { client, relay, initialAt: initial.at, acceptAt: now }
    this.#watched.push(watched)
    this.#byRelayCid.set(relayCid, watched)
    this.#directions.set(relayCid, { from: client, to: relay })
    this.#directions.set(hexOf(bytes.subarray(1, 9)), { from: relay, to: client })
  }

  //= PAL-UDP-031, PAL-UDP-097
  #countToStranger(to: Address, bytes: Uint8Array): void {
    if (this.#validated.has(keyOf(to))) return
    const stranger = this.#strangerAt(to)
    stranger.sent += bytes.length
    const factor = this.#validated.size === 0 ? 1 : 3
    expect(stranger.sent, 'bytes to an address without proof').toBeLessThanOrEqual(factor * stranger.received)
  }

  #strangerAt(address: Address): Stranger {
    const key = keyOf(address)
    const known = this.#strangers.get(key) ?? { received: 0, sent: 0 }
    this.#strangers.set(key, known)
    return known
  }

  #onDataSent(to: Address, bytes: Uint8Array, now: Instant, isRelay: boolean): void {
    const pair = this.#directions.get(hexOf(bytes.subarray(1, 9)))
    expect(pair, 'DATA goes to a connection id that its receiver chose').toBeDefined()
    if (pair === undefined) return
    const { from, to: other } = pair
    const number = from.numberOf(bytes)
    const plain = from.reader.open(bytes, number)
    expect(plain, 'every packet sent can be opened').toBeDefined()
    if (plain === undefined) return
    const frames = seenFrames(plain)
    const isClose = frames.some((frame) => frame.type === FRAME.close)
    // CLOSE is repeated as it is.
    if (!isClose) expect(number, 'numbers rise').toBeGreaterThan(from.largestSent)
    from.largestSent = Math.max(from.largestSent, number)
    this.packetCount++
    for (const frame of frames) {
      if (frame.type === FRAME.challenge && isRelay) this.#challenges.set(keyOf(to), hexOf(frame.data))
      this.#checkFrame(from, other, frame)
    }
    const isEliciting = frames.some(
      ({ type }) => ![FRAME.padding, FRAME.ack, FRAME.close].includes(type as 0),
    )
    if (!isEliciting) return
    expect(bytes.length, 'long enough for RESET').toBeGreaterThanOrEqual(LEAST_ELICITING_BYTES)
    const isChallenge = frames.every(({ type }) => type === FRAME.challenge || type === FRAME.padding)
    const isFree = frames.every(({ type }) => FREE_OF_WINDOW.has(type))
    if (!isFree) this.#checkWindow(from, { bytes: bytes.length, frames }, now)
    const isLong = bytes.length > PACKET_BYTES
    const isMtuProbe = isLong && frames.every(({ type }) => type === FRAME.ping || type === FRAME.padding)
    //= PAL-UDP-119
    if (!isMtuProbe) expect(bytes.length, 'longer than was asked for').toBeLessThanOrEqual(from.mtu)
    from.flights.set(number, { bytes: bytes.length, at: now, isCounted: !isChallenge, isMtuProbe })
  }

  #checkFrame(from: Direction, other: Direction, frame: SeenFrame): void {
    if (frame.type === FRAME.ack) {
      for (const [low, high] of frame.ranges) {
        for (let n = other.checkedTo.get(low) ?? low; n <= high; n++) {
          if (!other.arrived.has(n)) expect.fail(`packet ${n} is acknowledged and never arrived`)
        }
        other.checkedTo.set(low, high)
      }
    }
    if (frame.type !== 0x10 && frame.type !== 0x11) return
    //= PAL-UDP-037, PAL-UDP-082
    const end = frame.offset + frame.length
    expect(end, 'lane credit').toBeLessThanOrEqual(from.laneCredit.get(frame.lane) ?? LANE_CREDIT)
    from.highest.set(frame.lane, Math.max(end, from.highest.get(frame.lane) ?? 0))
    let total = 0
    for (const highest of from.highest.values()) total += highest
    expect(total, 'connection credit').toBeLessThanOrEqual(from.credit)
  }

  //= PAL-UDP-065
  #checkWindow(
    from: Direction,
    { bytes, frames }: { bytes: number; frames: SeenFrame[] },
    now: Instant,
  ): void {
    const stats = from.machine?.stats
    if (stats === undefined) return
    expect(stats.windowBytes, 'a window that was earned').toBeLessThanOrEqual(
      FIRST_WINDOW_BYTES + from.ackedBytes + 1,
    )
    if (stats.probeTimeouts > from.probeTimeouts) from.probesAllowed = PROBES
    from.probeTimeouts = stats.probeTimeouts
    if (from.inFlight(now) + bytes <= stats.windowBytes) return
    const types = frames.map(({ type }) => type).join(' ')
    expect(from.probesAllowed, `beyond the window by no probe: ${types}`).toBeGreaterThan(0)
    from.probesAllowed--
  }

  /** `hearer` learns what `frame`, which has arrived, tells it. */
  #hear(hearer: Direction, frame: SeenFrame, from: Address, now: Instant): void {
    if (frame.type === FRAME.credit) hearer.credit = Math.max(hearer.credit, frame.total)
    if (frame.type === FRAME.laneCredit) {
      const known = hearer.laneCredit.get(frame.lane) ?? LANE_CREDIT
      hearer.laneCredit.set(frame.lane, Math.max(known, frame.total))
    }
    if (frame.type === FRAME.ack) hearer.onAck(frame.ranges, now)
    if (frame.type === FRAME.response && this.#challenges.get(keyOf(from)) === hexOf(frame.data)) {
      this.#validated.add(keyOf(from))
    }
  }
}
