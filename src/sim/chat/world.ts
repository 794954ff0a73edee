/**
 * A relay, its disk, people and the links between them under one seed and a virtual clock: a time in which
 * they talk and things go wrong, then one in which everything heals and must come to rest.
 */
import { type Instant, instantAfter, NEVER } from '../../base/index.ts'
import { LIMITS } from '../../codec/index.ts'
import { SimDisk, SOUND_DISK } from '../disk.ts'
import { fraction, hash32 } from '../random.ts'
import { toyIdentity, toySignatures } from '../toy-primitives.ts'
import { Breach, checkAcknowledged, checkEffects, checkHealed, checkSignals, logsOf } from './checks.ts'
import { type DatagramHost, Datagrams } from './datagrams.ts'
import { Person } from './person.ts'
import { type PersonEnd, Pipe, type RelayEnd } from './pipe.ts'
import { type ChatPlan, FAULTS, type Fault } from './plan.ts'
import { RelayNode } from './relay-node.ts'

const HEAL_MS = 300_000
/** How often somebody who talks also signals. */
const SIGNAL_SHARE = 0.1
const STEPS_MAX = 400_000
/** Whether all came to rest is looked at when nothing happens for so long, and every so many steps. */
const QUIET_MS = 1000
const CHECK_STEPS = 32
const TIGHT = { outboundBytes: 8192, stallMs: 5000, detachedMs: 1000, idleMs: 8000 }
/** Rates are left to their own tests: here as much as possible happens. */
const UNHURRIED = {
  sendsPerSecond: 1e9,
  sendsBurst: 1e9,
  sendBytesPerSecond: 1e12,
  sendBytesBurst: 1e12,
  requestsPerSecond: 1e9,
  requestsBurst: 1e9,
  joinsPerSecond: 1e9,
  joinsBurst: 1e9,
  linksPerSecond: 1e9,
  linksBurst: 1e9,
  signalsPerSecond: 1e9,
  signalsBurst: 1e9,
}

/** Mistakes of the programs that the checks must find. */
export const PLANTED = [
  'acknowledges_before_commit',
  'forgets_refs',
  'forgets_outbox',
  'forgets_applied',
  'repeats_bytes',
  'drops_bytes',
  'swaps_entries',
  'old_disk',
  'repeats_signals',
] as const
export type Planted = (typeof PLANTED)[number]

export interface ChatResult {
  readonly messages: number
  /** Signals that reached somebody. */
  readonly signals: number
  readonly virtualMs: number
  readonly steps: number
  readonly faults: Readonly<Record<Fault, number>>
  /** A hash of everything that crossed the links: equal for equal seeds. */
  readonly trace: number
}

export class ChatWorld implements DatagramHost<Person> {
  readonly #plan: ChatPlan
  readonly #planted: Planted | undefined
  readonly #people: Person[]
  #disk: SimDisk
  #relay: RelayNode | undefined
  #relayBackAt: Instant = NEVER
  #relayRuns = 0
  #now: Instant = 1000 as Instant
  readonly #pipes = new Map<Pipe, Person>()
  #linkCount = 0
  #signalCount = 0
  readonly #datagrams: Datagrams<Person>
  #wallMs = 1_700_000_000_000
  #heals = false
  #steps = 0
  #trace = 0
  readonly #faults: Record<Fault, number> = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<
    Fault,
    number
  >
  readonly #nextFault = new Map<Fault, Instant>()
  readonly #nextDoing: Instant[]
  readonly #doings: number[]
  readonly #pausedUntil: Instant[]
  #refusesUntil: Instant = 0 as Instant

  constructor(plan: ChatPlan, planted?: Planted) {
    this.#plan = plan
    this.#planted = planted
    this.#disk = new SimDisk(plan.seed, plan.disk)
    const rooms = Array.from({ length: plan.rooms }, (_, i) => `room${i}`)
    this.#people = Array.from({ length: plan.people }, (_, i) => {
      const name = `person${i}`
      const forgets = planted?.startsWith('forgets_')
        ? (planted.slice('forgets_'.length) as 'refs' | 'outbox' | 'applied')
        : undefined
      return new Person({
        seed: hash32(plan.seed, 0x9e50, i),
        name,
        rooms,
        peers: peersOf(i, plan),
        identity: toyIdentity(i + 1),
        signatures: toySignatures,
        ...(forgets && { forgets }),
      })
    })
    this.#nextDoing = this.#people.map(() => this.#now)
    this.#doings = this.#people.map(() => 0)
    this.#pausedUntil = this.#people.map(() => 0 as Instant)
    this.#datagrams = new Datagrams(plan, this)
    for (const fault of FAULTS) this.#planFault(fault)
    this.#startRelay()
  }

  /** Runs to the end. Throws Breach when something does not hold. */
  run(): ChatResult {
    const { busyMs } = this.#plan
    this.#until(instantAfter(this.#now, busyMs))
    this.#heal()
    this.#until(instantAfter(this.#now, HEAL_MS), () => this.#isAtRest())
    if (!this.#isAtRest()) throw new Breach(`not at rest: ${this.#whoIsNot()}`)
    const logs = logsOf(this.#disk.kept)
    checkAcknowledged(this.#people, logs)
    checkEffects(this.#people, logs)
    checkHealed(this.#people, logs)
    const signals = checkSignals(this.#people, logs)
    const messages = [...logs.values()].reduce((sum, { headSeq }) => sum + headSeq, 0)
    return {
      messages,
      signals,
      virtualMs: this.#now,
      steps: this.#steps,
      faults: this.#faults,
      trace: this.#trace >>> 0,
    }
  }

  // ---- time -----------------------------------------------------------------------------------

  #until(end: Instant, isDone: () => boolean = () => false): void {
    let next = this.#nextAt()
    for (let check = 0; this.#now < end; ) {
      const isQuiet = next - this.#now > QUIET_MS
      if ((isQuiet || ++check % CHECK_STEPS === 0) && isDone()) return
      this.#now = Math.max(this.#now, Math.min(next, end)) as Instant
      this.#step()
      this.#steps += 1
      if (this.#steps > STEPS_MAX) throw new Breach('it never comes to rest')
      next = this.#nextAt()
      if (next === NEVER) return
    }
  }

  #nextAt(): Instant {
    let at = Math.min(this.#relay?.pollTimeout() ?? NEVER, this.#relayBackAt, this.#datagrams.pollTimeout())
    for (const [pipe, person] of this.#pipes) at = Math.min(at, this.#nextOn(pipe, person))
    this.#people.forEach((person, i) => {
      if (person.isGone) return
      const paused = this.#pausedUntil[i] as Instant
      const own = Math.max(
        paused,
        Math.min(person.client.pollTimeout(), person.wantsDial ? this.#now : NEVER),
      )
      at = Math.min(at, own, this.#heals ? NEVER : Math.max(paused, this.#nextDoing[i] as number))
    })
    if (!this.#heals) for (const faultAt of this.#nextFault.values()) at = Math.min(at, faultAt)
    return at as Instant
  }

  /** When something moves on a link. Nothing is read by a process that stands still. */
  #nextOn(pipe: Pipe, person: Person): Instant {
    if (pipe.isOver) return NEVER
    const readAt = Math.max(pipe.toClient.nextAt, this.#pausedUntil[this.#people.indexOf(person)] as Instant)
    return Math.min(pipe.isPaused ? NEVER : pipe.toRelay.nextAt, readAt) as Instant
  }

  #step(): void {
    if (!this.#heals) this.#makeFaults()
    if (this.#relayBackAt <= this.#now) this.#startRelay()
    for (const [pipe, person] of this.#pipes) this.#moveBytes(pipe, person)
    this.#datagrams.run(this.#now)
    this.#relay?.handleTimeout(this.#now)
    for (const [i, person] of this.#people.entries()) this.#letAct(person, i)
    this.#relay?.flush(this.#now)
    this.#datagrams.run(this.#now)
    if (this.#relay?.isFailed) this.#crashRelay(500)
    for (const [pipe, person] of this.#pipes) this.#endPipe(pipe, person)
    this.#checkMemory()
  }

  // ---- links ----------------------------------------------------------------------------------

  #moveBytes(pipe: Pipe, person: Person): void {
    if (pipe.isOver) return
    let hasMoved = false
    if (!pipe.isPaused)
      for (let item = pipe.toRelay.take(this.#now); item; item = pipe.toRelay.take(this.#now)) {
        hasMoved = true
        this.#note(item.bytes)
        this.#relay?.handleBytes(pipe.relayEnd, item.lane, item.bytes, this.#now)
      }
    // Nobody reads from a link that was left.
    if (person.end !== pipe) while (pipe.toClient.take(this.#now));
    if (person.isPaused || person.end !== pipe) return
    for (let item = pipe.toClient.take(this.#now); item; item = pipe.toClient.take(this.#now)) {
      hasMoved = true
      this.#note(item.bytes)
      const bytes = this.#spoil(item.bytes)
      if (bytes) person.client.handleBytes(item.lane, bytes, this.#now)
    }
    if (!hasMoved) return
    person.pump(this.#now)
    this.#relay?.pump(pipe.relayEnd, this.#now)
  }

  #note(bytes: Uint8Array): void {
    this.#trace = hash32(this.#trace, bytes.length, (bytes[bytes.length - 1] ?? 0) + ((bytes[4] ?? 0) << 8))
  }

  /** Mistakes that a link, or a relay's feeding of it, could make. */
  #spoil(bytes: Uint8Array): Uint8Array | undefined {
    const chance = fraction(this.#plan.seed, 0x5b01, this.#steps)
    if (this.#planted === 'drops_bytes' && chance < 0.01) return undefined
    if (this.#planted === 'repeats_bytes' && chance < 0.01) {
      const twice = new Uint8Array(bytes.length * 2)
      twice.set(bytes)
      twice.set(bytes, bytes.length)
      return twice
    }
    if (this.#planted === 'swaps_entries' && chance < 0.05) return swapped(bytes)
    return bytes
  }

  /** A link that is over is over for both. */
  #endPipe(pipe: Pipe, person: Person): void {
    const isDrained = pipe.isFinished && pipe.toClient.nextAt === NEVER
    const isLeft = person.end !== pipe && pipe.toRelay.nextAt === NEVER
    if (!pipe.isOver && !isDrained && !isLeft) return
    this.#pipes.delete(pipe)
    pipe.isOver = true
    this.#relay?.close(pipe.relayEnd, this.#now)
    if (person.end === pipe) this.#lose(person)
  }

  #cut(person: Person): void {
    const { end } = person
    if (end instanceof Pipe) return this.#cutPipe(end, person)
    if (!end) return
    end.abort(this.#now)
    this.#lose(person)
  }

  #cutPipe(pipe: Pipe, person: Person): void {
    const part = pipe.toRelay.takePart()
    if (part) this.#relay?.handleBytes(pipe.relayEnd, part.lane, part.bytes, this.#now)
    const back = pipe.toClient.takePart()
    if (back && person.end === pipe) person.client.handleBytes(back.lane, back.bytes, this.#now)
    pipe.isOver = true
  }

  #dial(person: Person): void {
    person.wantsDial = false
    const number = ++this.#linkCount
    if (fraction(this.#plan.seed, 0x0d9, number) < this.#plan.udp) {
      if (!this.#datagrams.isDialling(person)) this.#datagrams.dial(person, this.#now)
      return
    }
    if (!this.#relay || this.#now < this.#refusesUntil) return this.#failDial(person)
    const pipe = new Pipe(this.#plan, number)
    this.#pipes.set(pipe, person)
    this.#relay.open(pipe.relayEnd, this.#now)
    this.personOpened(person, pipe, NO_BINDING)
  }

  /** A session that has a link does not need the one that did not come about. */
  #failDial(person: Person): void {
    if (!person.end) person.client.dialFailed('nobody answers', this.#now)
    person.pump(this.#now)
  }

  /** Part of `DatagramHost`. */
  relayOpened(end: RelayEnd): void {
    if (this.#now < this.#refusesUntil) end.abort(this.#now)
    else this.#relay?.open(end, this.#now)
  }

  /** Part of `DatagramHost`. */
  relayBytes(end: RelayEnd, lane: number, bytes: Uint8Array): void {
    this.#note(bytes)
    this.#relay?.handleBytes(end, lane, bytes, this.#now)
  }

  /** Part of `DatagramHost`. */
  relayLone(end: RelayEnd, bytes: Uint8Array): void {
    this.#note(bytes)
    this.#relay?.handleLoneBytes(end, bytes, this.#now)
  }

  /** Part of `DatagramHost`. */
  personLone(person: Person, end: PersonEnd, bytes: Uint8Array): void {
    this.#note(bytes)
    if (person.end !== end) return
    const times = this.#planted === 'repeats_signals' ? 2 : 1
    for (let i = 0; i < times; i++) person.client.handleLoneBytes(bytes, this.#now)
    person.pump(this.#now)
  }

  /** Part of `DatagramHost`. */
  relayWritable(end: RelayEnd): void {
    this.#relay?.pump(end, this.#now)
  }

  /** Part of `DatagramHost`. */
  relayClosed(end: RelayEnd): void {
    this.#relay?.close(end, this.#now)
  }

  /** Part of `DatagramHost`. */
  personOpened(person: Person, end: PersonEnd, binding: Uint8Array): void {
    // A link that comes after this one would take the session back to where it was.
    this.#datagrams.abandonDials(person)
    if (person.isGone) end.leave(this.#now)
    else person.attach(end, binding, this.#now)
  }

  /** Part of `DatagramHost`. */
  personBytes(person: Person, end: PersonEnd, lane: number, arrived: Uint8Array): void {
    this.#note(arrived)
    const bytes = person.end === end ? this.#spoil(arrived) : undefined
    if (!bytes) return
    person.client.handleBytes(lane, bytes, this.#now)
    person.pump(this.#now)
  }

  /** Part of `DatagramHost`. */
  personWritable(person: Person): void {
    person.pump(this.#now)
  }

  /** Part of `DatagramHost`. */
  personClosed(person: Person, end: PersonEnd | undefined): void {
    if (!end) return this.#failDial(person)
    if (person.end === end) this.#lose(person)
  }

  /** The person's link is over. */
  #lose(person: Person): void {
    person.end = undefined
    person.client.handleEnd(this.#now)
    person.pump(this.#now)
  }

  // ---- people ---------------------------------------------------------------------------------

  #letAct(person: Person, i: number): void {
    const isPaused = this.#now < (this.#pausedUntil[i] as Instant)
    const hasChanged = isPaused !== person.isPaused
    if (hasChanged) this.#datagrams.pause(person, isPaused, this.#now)
    person.isPaused = isPaused
    if (person.isPaused || person.isGone) return
    const isDue = person.client.pollTimeout() <= this.#now
    const talks = !this.#heals && (this.#nextDoing[i] as Instant) <= this.#now
    if (!hasChanged && !isDue && !talks && !person.wantsDial) return
    if (isDue) person.client.handleTimeout(this.#now)
    if (person.wantsDial) this.#dial(person)
    if (talks) this.#talk(person, i)
    person.pump(this.#now)
  }

  #talk(person: Person, i: number): void {
    const { seed, rooms, pauseMs } = this.#plan
    const doing = (this.#doings[i] as number) + 1
    this.#doings[i] = doing
    const draw = (what: number): number => fraction(seed, 0x7a1c + i * 64 + what, doing)
    const count = draw(1) < 0.1 ? 20 : 1
    const size = draw(2) < 0.05 ? 3000 : 20
    const peers = peersOf(i, this.#plan)
    const choice = Math.floor(draw(3) * (rooms + peers.length))
    const to = peers[choice - rooms] ?? `room${choice}`
    for (let n = 0; n < count; n++) person.say(to, this.#now, size)
    if (draw(5) < SIGNAL_SHARE) person.signal(to, ++this.#signalCount, this.#now)
    this.#nextDoing[i] = instantAfter(this.#now, 1 + pauseMs * 2 * draw(4))
  }

  // ---- faults ---------------------------------------------------------------------------------

  #planFault(fault: Fault): void {
    const mean = this.#plan.faultMs[fault]
    const index = FAULTS.indexOf(fault)
    const lateMs = mean * 2 * fraction(this.#plan.seed, 0xfa17 + index, this.#faults[fault])
    if (mean < Number.POSITIVE_INFINITY) this.#nextFault.set(fault, instantAfter(this.#now, 1 + lateMs))
  }

  #makeFaults(): void {
    for (const [fault, at] of this.#nextFault) {
      if (at > this.#now) continue
      this.#faults[fault] += 1
      this.#make(fault, fraction(this.#plan.seed, 0xfa77 + FAULTS.indexOf(fault), this.#faults[fault]))
      this.#planFault(fault)
    }
  }

  #make(fault: Fault, chance: number): void {
    const who = Math.floor(chance * this.#people.length)
    const person = this.#people[who] as Person
    const share = (chance * 977) % 1
    if (fault === 'cut') this.#cut(person)
    else if (fault === 'refuse') this.#refusesUntil = instantAfter(this.#now, 2000 * share)
    else if (fault === 'relay_crash') this.#crashRelay(2000 * share)
    else if (fault === 'client_crash') {
      if (person.end instanceof Pipe) this.#cutPipe(person.end, person)
      this.#datagrams.drop(person)
      person.end = undefined
      person.crash(share)
    } else if (fault === 'clock_jump') {
      // Ten years: more than a relay is believed to have been off.
      this.#wallMs += (share < 0.5 ? -1 : 1) * 10 * 365 * 86_400_000
      this.#relay?.core.setWallOffset(this.#wallMs)
    } else if (fault === 'pause') this.#pausedUntil[who] = instantAfter(this.#now, 20_000 * share)
    else if (fault === 'rebind') this.#datagrams.rebind(person)
    else if (fault === 'blackout') this.#datagrams.blackOut(person, instantAfter(this.#now, 40_000 * share))
    else if (person.end) this.#dial(person)
  }

  #crashRelay(backMs: number): void {
    if (!this.#relay) return
    this.#relay = undefined
    this.#relayBackAt = instantAfter(this.#now, backMs)
    for (const pipe of this.#pipes.keys()) pipe.isOver = true
    this.#datagrams.stopRelay()
    if (this.#planted === 'old_disk' && this.#relayRuns % 2 === 0) this.#disk = new SimDisk(this.#plan.seed)
    else this.#disk.crash()
    checkAcknowledged(this.#people, logsOf(this.#disk.kept))
  }

  #startRelay(): void {
    this.#relayBackAt = NEVER
    this.#relayRuns += 1
    this.#datagrams.startRelay(this.#relayRuns)
    const { seed, isTight } = this.#plan
    this.#relay = new RelayNode({
      seed: hash32(seed, 0x4e1a, this.#relayRuns),
      identity: toyIdentity(0),
      signatures: toySignatures,
      disk: this.#disk,
      limits: { ...UNHURRIED, ...(isTight && TIGHT) },
      wallMs: this.#wallMs,
      lies: this.#planted === 'acknowledges_before_commit',
    })
  }

  #heal(): void {
    this.#heals = true
    this.#disk.conditions = SOUND_DISK
    this.#refusesUntil = this.#now
    this.#pausedUntil.fill(this.#now)
    for (const person of this.#people) {
      person.isPaused = false
      this.#datagrams.pause(person, false, this.#now)
    }
    this.#datagrams.heal()
  }

  // ---- what must hold -------------------------------------------------------------------------

  /** No reader costs more than it may: (I6). */
  #checkMemory(): void {
    const most = (this.#plan.isTight ? TIGHT.outboundBytes : LIMITS.outboundBytes) + 140_000
    for (const link of this.#relay?.links ?? [])
      if (link.queuedBytes > most) throw new Breach(`${link.queuedBytes} bytes wait for one link`)
  }

  #isAtRest(): boolean {
    if (!this.#relay || this.#disk.pollTimeout() !== NEVER) return false
    const isMoving = [...this.#pipes].some(([pipe, person]) => this.#nextOn(pipe, person) !== NEVER)
    return !isMoving && this.#datagrams.isQuiet && this.#people.every((person) => person.isSettled)
  }

  #whoIsNot(): string {
    const unsettled = this.#people.filter((person) => !person.isSettled)
    const words = unsettled.map(
      ({ name, client, unsent }) =>
        `${name} ${client.isOnline ? 'on' : 'off'}line with ${unsent.slice(0, 3)}`,
    )
    return words.join('; ') || 'the links'
  }
}

/** The names of those whom somebody talks to alone. */
function peersOf(i: number, { people, directs }: ChatPlan): string[] {
  const others = Array.from({ length: people - 1 }, (_, n) => (i + 1 + n) % people)
  return others.slice(0, directs).map((other) => `person${other}`)
}

const NO_BINDING = new Uint8Array(0)

/** The first two frames of a piece in the other order, if there are two. */
function swapped(bytes: Uint8Array): Uint8Array {
  const lengthAt = (at: number): number => ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0) + 4
  const first = lengthAt(0)
  const second = first < bytes.length ? lengthAt(first) : 0
  if (second === 0 || first + second > bytes.length) return bytes
  const out = bytes.slice()
  out.set(bytes.subarray(first, first + second), 0)
  out.set(bytes.subarray(0, first), second)
  return out
}
