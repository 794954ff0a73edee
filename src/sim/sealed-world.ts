/**
 * People who write to each other through a relay that is against them (spec chapters 14 to 18). It may lose,
 * repeat, reorder, change and exchange everything; it has an account and an identity of its own. Watched is
 * that nobody is shown a text that its author did not seal for just this conversation, none twice, and that
 * no text ever passes the relay readably.
 */
import { utf8Bytes, utf8Text } from '../base/bytes.ts'
import { CONTENT_KINDS } from '../codec/generated/registry.ts'
import type { Person, SealingOutput } from '../crypto/client/outputs.ts'
import { Sealing, type SealingOptions } from '../crypto/client/sealing.ts'
import { createIdentity, type OwnIdentity } from '../crypto/identity.ts'
import { applyChanges } from '../crypto/journal.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { KeyWatch } from './key-watch.ts'
import { hash32 } from './random.ts'
import { misboundBundle } from './sealed-attacks.ts'

/** What every text begins with: the relay must never hold it. */
const CANARY = 'CANARY-'
const HOUR_MS = 3_600_000
/** Where messages are damaged: among so many bytes at their ends. */
const DAMAGED_BYTES = 128

/** One message as the relay has it. */
interface Held {
  readonly from: number
  readonly to: number
  readonly contentKind: number
  readonly body: Uint8Array
}

/** Ways in which a client can be wrong on purpose, to see that the watch notices. */
export interface Weakness {
  /** Its cryptographic functions. */
  readonly primitives?: (primitives: Primitives) => Primitives
  readonly mode?: SealingOptions['mode']
  /** What of its records survives a restart. */
  readonly keeps?: (name: string) => boolean
  /** Whether it says yes to every changed key. */
  readonly trustsAll?: boolean
  /** Whether it knows people by nothing: all are one account to it. */
  readonly isBlindToAccounts?: boolean
  /** Whether it starts again from an old state: it goes on before the newer one is kept. */
  readonly isHasty?: boolean
  /** Whether it keeps the state after a message before it checked the message. */
  readonly keepsUnchecked?: boolean
}

/** Where a client's program is killed: before the state is kept, after that, or before something goes out. */
const CRASH_POINTS = ['keep', 'kept', 'out'] as const
type CrashPoint = (typeof CRASH_POINTS)[number]

class Client {
  readonly index: number
  readonly own: OwnIdentity
  readonly person: Person
  readonly records: Map<string, Uint8Array> = new Map()
  sealing: Sealing
  /** Where its program is killed next. */
  crash: CrashPoint | undefined
  readonly #world: SealedWorld

  constructor(world: SealedWorld, index: number) {
    this.#world = world
    this.index = index
    const p = world.primitives
    this.own = createIdentity(p, { signing: p.signingKeygen(), dh: p.dhKeygen() })
    const name = `person${index}`
    this.person = { key: new Uint8Array(32).fill(index + 1), name, folded: name }
    this.sealing = this.#started()
  }

  restart(): void {
    const { keeps } = this.#world.weakness
    if (keeps) for (const name of [...this.records.keys()]) if (!keeps(name)) this.records.delete(name)
    this.sealing = this.#started()
  }

  /** So that the next message begins a session. */
  forgetPeers(): void {
    for (const name of [...this.records.keys()]) if (!name.startsWith('prekeys/')) this.records.delete(name)
    this.sealing = this.#started()
  }

  /** Another program in the same state. */
  copy(): Sealing {
    return this.#started()
  }

  #started(): Sealing {
    const { weakness, primitives } = this.#world
    return new Sealing(primitives, {
      own: this.own,
      relayKey: new Uint8Array(32),
      accountKey: weakness.isBlindToAccounts ? new Uint8Array(32) : this.person.key,
      mode: weakness.mode ?? 'require',
      records: new Map(this.records),
    })
  }
}

/** A world of a few people. The last of them is the relay's own account. */
export class SealedWorld {
  readonly primitives: Primitives
  readonly weakness: Weakness
  readonly clients: Client[]
  /** Everything that went through the relay. */
  readonly held: Held[] = []
  readonly bundles: Map<number, { bundle: Uint8Array; oneTime: Uint8Array[] }> = new Map()
  /** What went wrong. */
  readonly violations: string[] = []
  readonly keys: KeyWatch = new KeyWatch()
  nowMs: number = 1_800_000_000_000
  isHostile = true
  saidCount = 0
  shownCount = 0
  crashCount = 0
  readonly #seed: number
  #draws = 0
  #delivered = 0
  readonly #said = new Map<string, { from: number; to: number }>()
  readonly #shown = new Set<string>()
  /** Accounts of the relay's own that show somebody's keys as theirs: whose. */
  readonly #impostors = new Map<string, number>()

  constructor(primitives: Primitives, seed: number, count: number, weakness: Weakness = {}) {
    this.primitives = this.keys.over(weakness.primitives?.(primitives) ?? primitives)
    this.weakness = weakness
    this.#seed = seed
    this.clients = Array.from({ length: count + 1 }, (_, i) => new Client(this, i))
    for (const client of this.clients) this.#afterSigningIn(client)
  }

  /** Everybody knows everybody's fid from outside. */
  introduceAll(): void {
    this.isHostile = false
    for (const a of this.clients)
      for (const b of this.clients)
        if (a !== b) {
          this.say(a.index, b.index)
          a.sealing.trust(this.#personFor(b), b.own.fid, this.nowMs)
          this.drain(a)
        }
    this.deliverAll()
    this.isHostile = true
  }

  /** Everybody decides for the identities that they know, whatever was claimed meanwhile. */
  reassureAll(): void {
    this.isHostile = false
    for (const a of this.clients)
      for (const b of this.clients) {
        if (a !== b) a.sealing.trust(this.#personFor(b), b.own.fid, this.nowMs)
        this.drain(a)
      }
  }

  /** Somebody writes to somebody. */
  say(from: number, to: number): void {
    const text = `${CANARY}${from}-${to}-${this.saidCount++}`
    this.#said.set(text, { from, to })
    const message = { tag: this.saidCount, kind: CONTENT_KINDS.text, body: utf8Bytes(text) }
    const client = this.#client(from)
    client.sealing.send(this.#personFor(this.#client(to)), message, this.nowMs)
    this.drain(client)
  }

  /** One turn of the relay. */
  turn(): void {
    this.nowMs += this.#below(600_000)
    const held = this.held[this.#below(Math.max(this.held.length, 1))]
    const some = this.#below(this.clients.length - 1)
    const kind = this.isHostile ? this.#below(16) : 0
    if (kind === 12 || kind === 13) this.#killNext(this.#client(some))
    else if (kind === 14) this.#misbind(some)
    else if (kind === 15 && held) this.#damage(held)
    else if (kind === 1) this.#client(some).sealing.handleTime(this.nowMs)
    else if (kind === 2) this.#client(some).restart()
    else if (!held) return
    else if (kind <= 5) this.#deliver(held)
    else if (kind === 6) this.#deliver({ ...held, body: this.#changed(held.body) })
    else if (kind === 7) this.#deliver({ ...held, from: this.#below(this.clients.length) })
    else if (kind === 8) this.#deliver({ ...held, to: some })
    else if (kind === 9) this.#deliver({ ...held, from: held.to, to: held.from })
    else if (kind === 10) this.#strip(held)
    else this.#impersonate(some)
  }

  /** Hands on everything that was not, in order: what an honest relay does. */
  deliverAll(): void {
    while (this.#delivered < this.held.length) this.#deliver(this.held[this.#delivered++] as Held)
  }

  /** Moves time on by a day, so that sessions may begin anew. */
  nextDay(): void {
    this.nowMs += 24 * HOUR_MS
    this.#delivered = this.held.length
  }

  /** What of the texts went from one to the other. */
  wasShown(from: number, to: number): boolean {
    return this.#shown.has(`${to} ${CANARY}${from}-${to}-${this.saidCount - 1}`)
  }

  /** Carries out what a client wants. */
  drain(client: Client): void {
    for (;;) {
      const save = client.sealing.takeSave()
      if (save) {
        if (this.#isKilled(client, 'keep')) return
        if (!this.weakness.isHasty || !this.isHostile) applyChanges(client.records, save.changes)
        if (this.#isKilled(client, 'kept')) return
        client.sealing.handleSaved(save.version)
      }
      const output = client.sealing.pollOutput()
      if (output && this.#isKilled(client, 'out')) return
      if (output) this.#carryOut(client, output)
      else if (!save) return
    }
  }

  #killNext(client: Client): void {
    client.crash = CRASH_POINTS[this.#below(CRASH_POINTS.length)]
  }

  /** Whether the program ends here; it starts again from what was kept. */
  #isKilled(client: Client, at: CrashPoint): boolean {
    if (client.crash !== at || !this.isHostile) return false
    client.crash = undefined
    this.crashCount += 1
    client.restart()
    return true
  }

  #carryOut(client: Client, output: SealingOutput): void {
    switch (output.kind) {
      case 'send': {
        const to = this.clients.findIndex((each) => each.person.folded === output.to.folded)
        const { contentKind, body } = output
        if (utf8Text(body).includes(CANARY)) this.violations.push('a text passed the relay readably')
        this.keys.left(body)
        const as = this.#impostors.get(output.to.folded)
        // What is for the impostor goes to whose keys it shows.
        if (as !== undefined) this.#deliver({ from: client.index, to: as, contentKind, body })
        else this.held.push({ from: client.index, to, contentKind, body })
        return
      }
      case 'fetch_bundle': {
        const of = this.clients.findIndex((each) => each.person.folded === output.of.folded)
        const as = this.#impostors.get(output.of.folded)
        const bundle = as === undefined ? this.#bundle(of) : this.#misbound(as)
        client.sealing.handleBundle(output.of, bundle, this.nowMs)
        return
      }
      case 'publish': {
        const oneTime = output.prekeys.map(({ id, publicKey }) =>
          Uint8Array.of(1, id >>> 24, id >>> 16, id >>> 8, id, ...publicKey),
        )
        const kept = output.replaces ? undefined : this.bundles.get(client.index)
        const before = kept?.oneTime ?? []
        this.bundles.set(client.index, { bundle: output.bundle, oneTime: [...before, ...oneTime] })
        client.sealing.handleStock(before.length + oneTime.length, this.nowMs)
        return
      }
      case 'message':
        this.#watch(client, output)
        return
      case 'key_changed':
        if (this.weakness.trustsAll) client.sealing.trust(output.person, undefined, this.nowMs)
        return
      case 'met':
      case 'plain':
      case 'missing':
      case 'refused':
      case 'unreadable':
      case 'peer_reset':
      case 'comparison':
      case 'control':
        return
      default:
        return output satisfies never
    }
  }

  /** Nobody is shown what its author did not seal for just this conversation, and nothing twice. */
  #watch(client: Client, output: SealingOutput & { kind: 'message' }): void {
    const text = utf8Text(output.body)
    const said = this.#said.get(text)
    const from = this.clients.findIndex((each) => each.person.folded === output.from.folded)
    // The relay's own account may say what it likes in its own name.
    if (from === this.clients.length - 1) return
    this.shownCount += 1
    if (!said || said.from !== from || said.to !== client.index)
      this.violations.push(`${client.index} was shown ${text} as of ${from}`)
    const shown = `${client.index} ${text}`
    if (this.#shown.has(shown)) this.violations.push(`${client.index} was shown ${text} twice`)
    this.#shown.add(shown)
  }

  #deliver({ from, to, contentKind, body }: Held): void {
    if (from === to || (to === this.clients.length - 1 && this.isHostile)) return
    const client = this.#client(to)
    const message = { position: 1, contentKind, body }
    client.sealing.handleMessage(this.#personFor(this.#client(from)), message, this.nowMs)
    this.drain(client)
  }

  /** A plain text of the relay's own under somebody's name. */
  #strip({ from, to }: Held): void {
    const body = utf8Bytes(`the relay says so ${this.#below(1000)}`)
    this.#deliver({ from, to, contentKind: CONTENT_KINDS.text, body })
  }

  /** The relay's own account writes to somebody, and the relay says it was somebody else. */
  #impersonate(to: number): void {
    const mallory = this.clients.length - 1
    this.#client(mallory).forgetPeers()
    const before = this.held.length
    this.say(mallory, to)
    const from = this.#below(mallory)
    for (const held of this.held.slice(before)) this.#deliver({ ...held, from })
  }

  /**
   * An account of the relay's own shows somebody's keys as its own: who writes to it talks to them, and they
   * believe that it was meant for them.
   */
  #misbind(as: number): void {
    const victim = this.#client((as + 1) % (this.clients.length - 1))
    const name = `impostor${this.#impostors.size}`
    this.#impostors.set(name, as)
    const text = `${CANARY}${victim.index}-${name}-${this.saidCount++}`
    this.#said.set(text, { from: victim.index, to: -1 })
    const person = { key: new Uint8Array(32).fill(100 + this.#impostors.size), name, folded: name }
    const message = { tag: this.saidCount, kind: CONTENT_KINDS.text, body: utf8Bytes(text) }
    victim.sealing.send(person, message, this.nowMs)
    this.drain(victim)
  }

  #misbound(as: number): Uint8Array | undefined {
    const { bundle, oneTime } = this.bundles.get(as) ?? {}
    const given = bundle && Uint8Array.from(bundle)
    const prekey = oneTime?.[0]
    if (given && prekey) given.set(prekey, given.length - prekey.length)
    return given && misboundBundle(this.primitives, (this.clients.at(-1) as Client).own, given)
  }

  /** A message comes damaged first: that does nothing to the whole one that comes after it. */
  #damage(held: Held): void {
    const client = this.#client(held.to)
    if (held.from === held.to || held.to === this.clients.length - 1 || held.body.length === 0) return
    const person = this.#personFor(this.#client(held.from))
    const whole = { position: 1, contentKind: held.contentKind, body: held.body }
    const isShown = (sealing: Sealing): boolean => {
      sealing.handleMessage(person, whole, this.nowMs)
      return showsOne(sealing)
    }
    if (!isShown(client.copy())) return
    const at = held.body.length - 1 - this.#below(Math.min(held.body.length, DAMAGED_BYTES))
    const damaged = { ...whole, body: held.body.with(at, (held.body[at] as number) ^ 1) }
    const state = client.copy()
    if (this.weakness.keepsUnchecked) isShown(state)
    state.handleMessage(person, damaged, this.nowMs)
    if (showsOne(state)) this.violations.push('a damaged message was shown')
    if (!isShown(state)) this.violations.push('a damaged message spoiled the whole one')
  }

  /** A bundle: a hostile relay gives none, an exchanged one, a changed one, or one prekey several times. */
  #bundle(of: number): Uint8Array | undefined {
    const lie = this.isHostile ? this.#below(8) : 7
    if (lie === 0) return undefined
    const given = lie === 1 ? this.#below(this.clients.length) : of
    const kept = this.bundles.get(given)
    if (!kept) return undefined
    const bytes = Uint8Array.from(kept.bundle)
    const oneTime = lie === 2 ? kept.oneTime[0] : kept.oneTime.shift()
    if (oneTime && lie !== 3) bytes.set(oneTime, bytes.length - oneTime.length)
    return lie === 4 ? this.#changed(bytes) : bytes
  }

  #changed(bytes: Uint8Array): Uint8Array {
    const changed = Uint8Array.from(bytes)
    const at = this.#below(Math.max(changed.length, 1))
    changed[at] = (changed[at] ?? 0) ^ (1 << this.#below(8))
    return this.#below(4) === 0 ? changed.subarray(0, at) : changed
  }

  #afterSigningIn(client: Client): void {
    client.sealing.connected(this.nowMs)
    this.drain(client)
  }

  #personFor({ person }: Client): Person {
    return this.weakness.isBlindToAccounts ? { ...person, key: new Uint8Array(32) } : person
  }

  #client(index: number): Client {
    return this.clients[index] as Client
  }

  #below(count: number): number {
    return hash32(this.#seed, this.#draws++, 0x5ea1) % count
  }
}

/** Whether a machine shows a message; what else it says is dropped. */
function showsOne(sealing: Sealing): boolean {
  let isShown = false
  for (;;) {
    const save = sealing.takeSave()
    if (save) sealing.handleSaved(save.version)
    const output = sealing.pollOutput()
    if (output?.kind === 'message') isShown = true
    if (!output && !save) return isShown
  }
}
