import { type Address, type Datagram, type Instant, type Machine, NEVER } from '../base/index.ts'
import { CLEAR_LINK, type FlyingDatagram, type LinkConditions, SimLink } from './link.ts'

/** A machine that speaks datagrams. */
export interface DatagramNode<Event> extends Machine<Event> {
  handleDatagram(bytes: Uint8Array, from: Address, now: Instant): void
  pollTransmit(now: Instant): Datagram | undefined
}

/** Sees each datagram as it is sent, and each as it arrives. */
export interface WireObserver {
  onSent?(from: Address, datagram: Datagram, now: Instant): void
  onArrived?(datagram: FlyingDatagram): void
}

interface Place<Event> {
  readonly address: Address
  readonly node: DatagramNode<Event>
  readonly onEvent: (event: Event, now: Instant) => void
}

/** Datagram machines at addresses, joined by simulated links, under one seed and one virtual clock. */
export class DatagramWorld<Event> {
  now: Instant = 0 as Instant
  readonly #seed: number
  #conditions: LinkConditions
  readonly #places: Place<Event>[] = []
  readonly #links: Map<string, SimLink> = new Map()
  readonly #flying: FlyingDatagram[] = []
  readonly #observer: WireObserver
  #scheduled: { readonly at: Instant; readonly act: (now: Instant) => void }[] = []
  #sentScratch: FlyingDatagram[] = []

  constructor(seed: number, conditions: LinkConditions = CLEAR_LINK, observer: WireObserver = {}) {
    this.#seed = seed
    this.#conditions = conditions
    this.#observer = observer
  }

  add(
    address: Address,
    node: DatagramNode<Event>,
    onEvent: (event: Event, now: Instant) => void = () => undefined,
  ): void {
    this.#places.push({ address, node, onEvent })
  }

  /** Takes the node at `address` out of the world: what is sent there is lost. */
  remove(address: Address): void {
    const index = this.#places.findIndex((place) => keyOf(place.address) === keyOf(address))
    if (index >= 0) this.#places.splice(index, 1)
  }

  /** The node at `from` is at `to` from now on; what is under way to its old address is lost. */
  move(from: Address, to: Address): void {
    const index = this.#places.findIndex((place) => keyOf(place.address) === keyOf(from))
    if (index >= 0) this.#places[index] = { ...(this.#places[index] as Place<Event>), address: to }
  }

  /** The link from one address to another; made when first asked for. */
  link(from: Address, to: Address): SimLink {
    const key = `${keyOf(from)}>${keyOf(to)}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = new SimLink(this.#seed, this.#links.size, this.#conditions)
      this.#links.set(key, link)
    }
    return link
  }

  /** Sends what goes from `other` to `to` over the link from `from`: they share its bottleneck. */
  shareLink(from: Address, to: Address, other: Address): void {
    this.#links.set(`${keyOf(other)}>${keyOf(to)}`, this.link(from, to))
  }

  /** Changes the conditions of all links, those made later included. */
  changeLinks(conditions: Partial<LinkConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions }
    for (const link of this.#links.values()) link.conditions = { ...link.conditions, ...conditions }
  }

  /** Puts a datagram on the wire as anybody could: with any source address. */
  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#push({ at: this.now, order: 0, from, to, bytes: new Uint8Array(bytes) })
  }

  /** Calls `act` at `at`, or at once if that has passed. */
  at(at: Instant, act: (now: Instant) => void): void {
    this.#scheduled.push({ at, act })
    this.#scheduled.sort((a, b) => a.at - b.at)
  }

  /** Runs until `until`, or until `isDone` says so. True when it did. */
  run(until: Instant, isDone: () => boolean = () => false): boolean {
    this.#settle()
    for (;;) {
      if (isDone()) return true
      const next = this.pollTimeout()
      if (next > until) {
        this.now = until
        return isDone()
      }
      if (next > this.now) this.now = next
      this.#step()
      this.#settle()
    }
  }

  /** When something happens next; `run` up to then makes it happen. */
  pollTimeout(): Instant {
    let next = this.#flying[0]?.at ?? NEVER
    const scheduled = this.#scheduled[0]?.at ?? NEVER
    if (scheduled < next) next = scheduled
    for (const place of this.#places) {
      const deadline = place.node.pollTimeout()
      if (deadline < next) next = deadline
    }
    return next
  }

  #step(): void {
    while (this.#scheduled.length > 0 && (this.#scheduled[0]?.at as Instant) <= this.now) {
      this.#scheduled.shift()?.act(this.now)
    }
    while (this.#flying.length > 0 && (this.#flying[0] as FlyingDatagram).at <= this.now) {
      const arrived = this.#pop()
      this.#observer.onArrived?.(arrived)
      const place = this.#placeAt(arrived.to)
      place?.node.handleDatagram(arrived.bytes, arrived.from, this.now)
    }
    for (const place of this.#places) {
      if (place.node.pollTimeout() <= this.now) place.node.handleTimeout(this.now)
    }
  }

  /** Polls every node until it has nothing more to say. */
  #settle(): void {
    let isBusy = true
    while (isBusy) {
      isBusy = false
      for (const place of this.#places.slice()) {
        for (let event = place.node.pollEvent(); event !== undefined; event = place.node.pollEvent()) {
          place.onEvent(event, this.now)
          isBusy = true
        }
        for (let out = place.node.pollTransmit(this.now); out !== undefined; ) {
          this.#send(place.address, out)
          out = place.node.pollTransmit(this.now)
        }
      }
    }
  }

  #send(from: Address, datagram: Datagram): void {
    this.#observer.onSent?.(from, datagram, this.now)
    const sent = this.#sentScratch
    sent.length = 0
    this.link(from, datagram.to).send(from, datagram.to, datagram.bytes, this.now, sent)
    for (const one of sent) this.#push(one)
  }

  #placeAt(address: Address): Place<Event> | undefined {
    const key = keyOf(address)
    return this.#places.find((place) => keyOf(place.address) === key)
  }

  #push(datagram: FlyingDatagram): void {
    const heap = this.#flying
    let index = heap.push(datagram) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      if ((heap[above] as FlyingDatagram).at <= datagram.at) break
      heap[index] = heap[above] as FlyingDatagram
      index = above
    }
    heap[index] = datagram
  }

  #pop(): FlyingDatagram {
    const heap = this.#flying
    const first = heap[0] as FlyingDatagram
    const last = heap.pop() as FlyingDatagram
    if (heap.length === 0) return first
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      if (below >= heap.length) break
      if (
        below + 1 < heap.length &&
        (heap[below + 1] as FlyingDatagram).at < (heap[below] as FlyingDatagram).at
      ) {
        below++
      }
      if ((heap[below] as FlyingDatagram).at >= last.at) break
      heap[index] = heap[below] as FlyingDatagram
      index = below
    }
    heap[index] = last
    return first
  }
}

function keyOf(address: Address): string {
  return `${address.host}|${address.port}`
}
