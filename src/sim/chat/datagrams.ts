/**
 * Links by datagrams in a simulated chat: the relay's endpoint, one for each link of a person, and a network
 * between them that loses, doubles, spoils and overtakes.
 */
import { type Address, equalBytes, type Instant, type LaneBytes, NEVER, Queue } from '../../base/index.ts'
import { LANE_COUNT } from '../../base/lanes.ts'
import { type UdpConnection, UdpEndpoint, type UdpEvent } from '../../reliable/index.ts'
import { type DatagramNode, DatagramWorld } from '../datagram-world.ts'
import { CLEAR_LINK, type LinkConditions } from '../link.ts'
import { hash32, seededEntropy } from '../random.ts'
import { toyLinkPrimitives } from '../toy-primitives.ts'
import type { PersonEnd, RelayEnd } from './pipe.ts'
import type { ChatPlan } from './plan.ts'

const RELAY: Address = { host: '192.0.2.1', port: 7667 }
const STATIC_SECRET = new Uint8Array(32).fill(7)
/** What waits in the socket of a process that stands still. */
const SOCKET_DATAGRAMS = 64
const DONE = 0
const ABORTED = 1
const UNLIMITED = { connectionsPerPrefix: Infinity, acceptsPerSecond: Infinity, retriesPerSecond: Infinity }
const BLACK: Partial<LinkConditions> = { loss: 1 }

/** What the world makes of what happens to links. */
export interface DatagramHost<Person> {
  relayOpened(end: RelayEnd, now: Instant): void
  relayBytes(end: RelayEnd, lane: number, bytes: Uint8Array, now: Instant): void
  /** Bytes outside the lanes. */
  relayLone(end: RelayEnd, bytes: Uint8Array, now: Instant): void
  relayWritable(end: RelayEnd, now: Instant): void
  relayClosed(end: RelayEnd, now: Instant): void
  personOpened(person: Person, end: PersonEnd, binding: Uint8Array, now: Instant): void
  personBytes(person: Person, end: PersonEnd, lane: number, bytes: Uint8Array, now: Instant): void
  personLone(person: Person, end: PersonEnd, bytes: Uint8Array, now: Instant): void
  personWritable(person: Person, now: Instant): void
  /** `end` is absent where the link did not come about. */
  personClosed(person: Person, end: PersonEnd | undefined, now: Instant): void
}

/** A link of a person, from the first packet to the last. */
interface Call<Person> {
  readonly person: Person
  readonly node: Socket
  address: Address
  end: End | undefined
}

export class Datagrams<Person> {
  readonly #plan: ChatPlan
  readonly #host: DatagramHost<Person>
  readonly #world: DatagramWorld<UdpEvent>
  readonly #relayEnds = new Map<UdpConnection, End>()
  readonly #calls = new Set<Call<Person>>()
  readonly #tokens = new Map<Person, Uint8Array>()
  readonly #blackUntil = new Map<Person, Instant>()
  readonly #doings: Doings = { areNew: true }
  #callCount = 0
  #isSound = false

  constructor(plan: ChatPlan, host: DatagramHost<Person>) {
    this.#plan = plan
    this.#host = host
    this.#world = new DatagramWorld(plan.seed, { ...CLEAR_LINK, ...plan.datagrams })
  }

  pollTimeout(): Instant {
    let at: Instant = this.#world.pollTimeout()
    for (const until of this.#blackUntil.values()) if (until < at) at = until
    return at
  }

  /** Whether everything that was written has arrived, and nobody believes in a link that is gone. */
  get isQuiet(): boolean {
    for (const end of this.#relayEnds.values()) if (end.queuedBytes > 0) return false
    for (const { end } of this.#calls) if (end && !end.isOver && !this.#isWhole(end)) return false
    return true
  }

  #isWhole(end: End): boolean {
    if (end.queuedBytes > 0) return false
    for (const other of this.#relayEnds.values()) if (equalBytes(other.binding, end.binding)) return true
    return false
  }

  // ---- the relay ------------------------------------------------------------------------------

  startRelay(run: number): void {
    const endpoint = this.#newEndpoint(0x4e1b + run, STATIC_SECRET)
    this.#world.add(RELAY, endpoint, (event, now) => this.#handleAtRelay(event, now))
  }

  /** The relay's process is gone: nobody is told. */
  stopRelay(): void {
    this.#world.remove(RELAY)
    this.#relayEnds.clear()
  }

  #newEndpoint(number: number, staticSecret?: Uint8Array): UdpEndpoint {
    return new UdpEndpoint({
      primitives: toyLinkPrimitives,
      entropy: seededEntropy(hash32(this.#plan.seed, 0xd6a1, number)),
      limits: UNLIMITED,
      keyUpdatePackets: this.#plan.isTight ? 50 : 100_000,
      ...(staticSecret && { staticSecret }),
    })
  }

  #handleAtRelay(event: UdpEvent, now: Instant): void {
    const { connection } = event
    if (event.kind === 'opened') {
      const end = new End(connection, this.#doings)
      this.#relayEnds.set(connection, end)
      return this.#host.relayOpened(end, now)
    }
    const end = this.#relayEnds.get(connection)
    if (!end) return
    if (event.kind === 'lane_bytes') this.#host.relayBytes(end, event.lane, event.bytes, now)
    else if (event.kind === 'datagram') this.#host.relayLone(end, event.bytes, now)
    else if (event.kind === 'writable') {
      end.isWritable = true
      this.#host.relayWritable(end, now)
    } else if (event.kind === 'closed') {
      this.#relayEnds.delete(connection)
      end.isOver = true
      this.#host.relayClosed(end, now)
    }
  }

  // ---- people ---------------------------------------------------------------------------------

  dial(person: Person, now: Instant): void {
    const number = ++this.#callCount
    const endpoint = this.#newEndpoint(number)
    const address = this.#newAddress()
    const call: Call<Person> = { person, node: new Socket(endpoint), address, end: undefined }
    this.#calls.add(call)
    this.#world.add(address, call.node, (event, at) => this.#handleAtPerson(call, event, at))
    this.#shade(call)
    const token = this.#tokens.get(person)
    this.#tokens.delete(person)
    endpoint.connect(RELAY, now, token)
    this.#doings.areNew = true
  }

  /** Whether a link is being opened. */
  isDialling(person: Person): boolean {
    for (const call of this.#calls) if (call.person === person && !call.end) return true
    return false
  }

  /** Gives up links that are not open yet. */
  abandonDials(person: Person): void {
    for (const call of this.#calls) if (call.person === person && !call.end) this.#forget(call)
  }

  /** The person's process is gone, with its sockets. */
  drop(person: Person): void {
    for (const call of this.#calls) if (call.person === person) this.#forget(call)
  }

  pause(person: Person, isPaused: boolean, now: Instant): void {
    for (const { person: owner, node } of this.#calls)
      if (owner === person && node.isPaused !== isPaused) node.pause(isPaused, now)
    this.#doings.areNew = true
  }

  /** Somebody on the way gives the person's links other addresses. */
  rebind(person: Person): void {
    for (const call of this.#calls) {
      if (call.person !== person) continue
      const address = this.#newAddress()
      this.#world.move(call.address, address)
      call.address = address
      this.#shade(call)
    }
  }

  /** Nothing gets from the person to the relay or back. */
  blackOut(person: Person, until: Instant): void {
    this.#blackUntil.set(person, until)
    for (const call of this.#calls) if (call.person === person) this.#shade(call)
  }

  /** From now on everything arrives. */
  heal(): void {
    this.#isSound = true
    this.#blackUntil.clear()
    this.#world.changeLinks({ loss: 0, duplication: 0, corruption: 0, detour: 0 })
  }

  #newAddress(): Address {
    return { host: '198.51.100.7', port: ++this.#ports }
  }
  #ports = 1024

  #shade({ person, address }: Call<Person>): void {
    const { loss } = this.#isSound ? CLEAR_LINK : this.#plan.datagrams
    const conditions = this.#blackUntil.has(person) ? BLACK : { loss }
    for (const link of [this.#world.link(address, RELAY), this.#world.link(RELAY, address)])
      link.conditions = { ...link.conditions, ...conditions }
  }

  #forget(call: Call<Person>): void {
    this.#world.remove(call.address)
    this.#calls.delete(call)
    if (call.end) call.end.isOver = true
  }

  #handleAtPerson(call: Call<Person>, event: UdpEvent, now: Instant): void {
    const { connection } = event
    const { person } = call
    if (event.kind === 'opened') {
      const end = new End(connection, this.#doings)
      call.end = end
      this.#host.personOpened(person, end, connection.handshakeHash, now)
    } else if (event.kind === 'token') this.#tokens.set(person, event.token)
    else if (event.kind === 'closed') {
      if (call.end) call.end.isOver = true
      else this.#calls.delete(call)
      this.#host.personClosed(person, call.end, now)
    } else if (!call.end) return
    else if (event.kind === 'lane_bytes')
      this.#host.personBytes(person, call.end, event.lane, event.bytes, now)
    else if (event.kind === 'datagram') this.#host.personLone(person, call.end, event.bytes, now)
    else if (event.kind === 'writable') {
      call.end.isWritable = true
      this.#host.personWritable(person, now)
    }
  }

  // ---- time -----------------------------------------------------------------------------------

  /** Everything that is due happens, and what may leave leaves. */
  run(now: Instant): void {
    for (const [person, until] of this.#blackUntil)
      if (until <= now) {
        this.#blackUntil.delete(person)
        for (const call of this.#calls) if (call.person === person) this.#shade(call)
      }
    this.#world.now = now
    if (!this.#doings.areNew && this.#world.pollTimeout() > now) return
    this.#doings.areNew = false
    if (this.#plan.udp > 0) this.#world.run(now)
    for (const call of this.#calls) if (call.end?.isOver && call.node.isForgotten) this.#forget(call)
  }
}

/** Whether something was done at an end since the packets last ran. */
interface Doings {
  areNew: boolean
}

/** One end of a link by datagrams. */
class End implements RelayEnd, PersonEnd {
  readonly laneCount = LANE_COUNT
  isOver = false
  isWritable = true
  readonly #connection: UdpConnection
  readonly #doings: Doings

  constructor(connection: UdpConnection, doings: Doings) {
    this.#connection = connection
    this.#doings = doings
  }

  get binding(): Uint8Array {
    return this.#connection.handshakeHash
  }

  get queuedBytes(): number {
    return this.isOver ? 0 : this.#connection.queuedBytes
  }

  write({ lane, bytes, isEphemeral }: LaneBytes, now: Instant): void {
    this.#doings.areNew = true
    if (isEphemeral) return this.#connection.sendDatagram(lane, bytes, now)
    this.isWritable = this.#connection.write(lane, bytes)
  }

  pause(): void {
    this.#doings.areNew = true
    this.#connection.pause()
  }

  resume(now: Instant): void {
    this.#doings.areNew = true
    this.#connection.resume(now)
  }

  finish(now: Instant): void {
    this.#doings.areNew = true
    this.#connection.close(DONE, '', now)
  }

  leave(now: Instant): void {
    this.#doings.areNew = true
    this.#connection.close(DONE, '', now)
  }

  abort(now: Instant): void {
    this.#doings.areNew = true
    this.#connection.abort(ABORTED, '', now)
  }
}

/** An endpoint in a process that may stand still: its socket takes what it can hold. */
class Socket implements DatagramNode<UdpEvent> {
  isPaused = false
  readonly #endpoint: UdpEndpoint
  readonly #waiting: Queue<{ readonly bytes: Uint8Array; readonly from: Address }> = new Queue()

  constructor(endpoint: UdpEndpoint) {
    this.#endpoint = endpoint
  }

  /** Whether nothing is left to be done. */
  get isForgotten(): boolean {
    return this.#endpoint.connectionCount === 0
  }

  pause(isPaused: boolean, now: Instant): void {
    this.isPaused = isPaused
    if (isPaused) return
    for (let item = this.#waiting.shift(); item; item = this.#waiting.shift())
      this.#endpoint.handleDatagram(item.bytes, item.from, now)
  }

  handleDatagram(bytes: Uint8Array, from: Address, now: Instant): void {
    if (!this.isPaused) this.#endpoint.handleDatagram(bytes, from, now)
    else if (this.#waiting.length < SOCKET_DATAGRAMS) this.#waiting.push({ bytes, from })
  }

  handleTimeout(now: Instant): void {
    this.#endpoint.handleTimeout(now)
  }

  pollTimeout(): Instant {
    return this.isPaused ? NEVER : this.#endpoint.pollTimeout()
  }

  pollEvent(): UdpEvent | undefined {
    return this.isPaused ? undefined : this.#endpoint.pollEvent()
  }

  pollTransmit(now: Instant): ReturnType<UdpEndpoint['pollTransmit']> {
    return this.isPaused ? undefined : this.#endpoint.pollTransmit(now)
  }
}
