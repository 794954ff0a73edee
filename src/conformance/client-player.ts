/**
 * Plays one case against a client: the kit is the relay, the client is behind a shim (spec chapter 19). All
 * time is virtual: what a command causes is in its answer.
 */
import { bytesOfHex, hexOf } from '../base/bytes.ts'
import { LANE_COUNT } from '../base/lanes.ts'
import { CONVERSATION_KINDS, EVENTS, LIMITS } from '../codec/generated/registry.ts'
import type { FieldSpec } from '../codec/spec-types.ts'
import type { Link } from '../transport/transport.ts'
import type { Arena } from './arena.ts'
import type { Case, Note } from './case.ts'
import { authMessage, readyMessage, sign, verify } from './crypto.ts'
import { evaluate, matches } from './expression.ts'
import { CaseFailure } from './failure.ts'
import { Party, type Received } from './party.ts'
import { type Cast, Player } from './player.ts'
import type { Step } from './step.ts'
import { twisted } from './twisted.ts'
import { type Loose, specOf } from './wire.ts'

/** What a shim answers to a command. */
export interface ShimAnswer {
  readonly write: readonly { readonly lane: number; readonly hex: string }[]
  readonly events: readonly Readonly<Record<string, unknown>>[]
  readonly deadline: number | null
  readonly state: string
  readonly refused: boolean
}

/** A client behind a shim. */
export interface ClientUnderTest {
  command(command: Readonly<Record<string, unknown>>): Promise<ShimAnswer> | ShimAnswer
}

const START_MS = 1000
const STEPS_MAX = 1000

/** The kit's end of the link: what is written waits for the next moment in which the client may act. */
class ShimLink implements Link {
  readonly kind = 'mem' as const
  readonly remote = undefined
  readonly laneCount: number
  readonly binding: Uint8Array
  readonly writable = true
  readonly outbox: { readonly lane: number; readonly bytes: Uint8Array }[] = []

  constructor(laneCount: number, binding: Uint8Array) {
    this.laneCount = laneCount
    this.binding = binding
  }

  write(lane: number, bytes: Uint8Array): void {
    this.outbox.push({ lane: this.laneCount === 1 ? 0 : lane, bytes })
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  abort(): void {}
}

/** The player of client cases. */
export class ClientPlayer extends Player {
  readonly #client: ClientUnderTest
  #link: ShimLink | undefined
  #now = START_MS
  #deadline: number | null = null
  #events: Readonly<Record<string, unknown>>[] = []
  #wasRefused = false
  #state = ''
  #conversations = 0

  constructor(client: ClientUnderTest, cast: Cast, played: Case, keepsNotes: boolean) {
    super(shimArena(), cast, played, keepsNotes)
    this.#client = client
    const arena = this.arena as { until: Arena['until']; now: Arena['now'] }
    arena.until = async (isDone) => {
      await this.#flush()
      return isDone()
    }
    arena.now = () => this.#now
  }

  // ---- the shim -------------------------------------------------------------------------------

  async #command(command: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await this.#client.command({ ...command, now: this.#now })
    this.#deadline = answer.deadline
    this.#wasRefused = answer.refused
    this.#state = answer.state
    this.#events.push(...answer.events)
    const party = this.parties.get('client')
    for (const { lane, hex } of answer.write) party?.onBytes(lane, bytesOfHex(hex) as Uint8Array)
  }

  async #flush(): Promise<void> {
    const outbox = this.#link?.outbox ?? []
    for (let item = outbox.shift(); item; item = outbox.shift())
      await this.#command({ do: 'bytes', lane: item.lane, hex: hexOf(item.bytes) })
  }

  // ---- steps ----------------------------------------------------------------------------------

  protected override async runOnce(step: Step): Promise<unknown> {
    const { verb, words, fields } = step
    if (verb === 'starts') return this.#starts(fields)
    if (verb === 'enters') return this.#enters(fields)
    const party = this.party('client')
    switch (verb) {
      case 'asks':
        return this.#asks(words[0] as string, fields)
      case 'talks':
        return this.#talks(fields)
      case 'leaves':
        return this.#command({ do: 'close' })
      case 'loses':
        await this.#flush()
        party.isEnded = true
        return this.#command({ do: 'end' })
      case 'joins':
        return this.#joinsRoom(party, words[0] as string)
      case 'tells':
        return this.#tells(words[0] as string, fields)
      case 'untold':
        await this.#flush()
        if (this.#events.some((each) => each['event'] === words[0]))
          throw new CaseFailure(`the client tells of ${words[0]}`)
        return undefined
      case 'silent':
        return this.#silent()
      case 'refused':
        if (!this.#wasRefused) throw new CaseFailure('the client did what it was asked for')
        return undefined
      case 'waits':
        return this.#waits(words[0] as string)
      case 'is':
        await this.#flush()
        if (this.#state !== words[0]) throw new CaseFailure(`the client is ${this.#state}, not ${words[0]}`)
        if (words[0] === 'closed') party.isEnded = true
        return undefined
      case 'closed':
        return this.#closes(party, words[0] as string)
      case 'gets':
        return this.#gets(words.slice(1).join(''), words[0] as string)
      default:
        return super.runOnce(step)
    }
  }

  async #starts(fields: ReadonlyMap<string, string>): Promise<void> {
    const lanes = fields.get('lanes') === undefined ? 1 : LANE_COUNT
    const binding = lanes === 1 ? new Uint8Array(0) : new Uint8Array(64).fill(0xb1)
    this.#link = new ShimLink(lanes, binding)
    const note = this.keepsNotes ? (each: Note): void => void this.notes.push(each) : undefined
    const party = new Party('client', this.cast.pairOf('client'), () => {}, note, 'client')
    party.link = this.#link
    party.name = this.cast.nameOf('client')
    this.parties.set('client', party)
    const pin = fields.get('pin')
    await this.#command({
      do: 'start',
      name: party.name,
      seed: hexOf(party.pair.seed),
      clientId: hexOf(party.pair.publicKey.subarray(0, 8)),
      token: fields.get('token') ?? '',
      pin: pin === undefined ? '' : hexOf(this.cast.pairOf(pin).publicKey),
      lanes,
      binding: hexOf(binding),
    })
  }

  async #enters(fields: ReadonlyMap<string, string>): Promise<void> {
    await this.#starts(fields)
    const party = this.party('client')
    await this.expects(party, 'hello', new Map([['versions', '[1]']]))
    await this.sends(party, ['challenge'], new Map())
    await this.expects(party, 'auth', new Map())
    await this.sends(party, ['ready'], fields)
    await this.#tells('ready', new Map())
  }

  async #asks(type: string, fields: ReadonlyMap<string, string>): Promise<void> {
    const frame: Record<string, unknown> = { type }
    for (const field of specOf(type).fields) {
      const given = fields.get(field.name)
      if (given === undefined) continue
      const value = evaluate(given, field, this)
      frame[field.name] = value instanceof Uint8Array ? hexOf(value) : value
    }
    await this.#flush()
    await this.#command({ do: 'request', frame })
  }

  async #talks(fields: ReadonlyMap<string, string>): Promise<void> {
    const spec = specOf('send')
    const value = (name: string): unknown =>
      evaluate(fields.get(name) ?? '0', spec.fields.find((field) => field.name === name) as FieldSpec, this)
    await this.#flush()
    const hex = hexOf(value('body') as Uint8Array)
    await this.#command({ do: 'send', conversation: value('conversation'), kind: value('kind'), hex })
  }

  /** A room of which the client becomes the only member. */
  async #joinsRoom(party: Party, label: string): Promise<void> {
    this.#conversations += 1
    this.variables.set(label, this.#conversations)
    await this.#asks(
      'join',
      new Map([
        ['room', `#${label}`],
        ['options', '0'],
      ]),
    )
    await this.expects(
      party,
      'join',
      new Map([
        ['room', `#${label}`],
        ['request', '?joining'],
      ]),
    )
    const conversation = `#${label}`
    await this.sends(
      party,
      ['joined'],
      new Map([
        ['conversation', conversation],
        ['request', '$joining'],
        ['name', conversation],
      ]),
    )
    const entry = { conversation, kind: 'joined', subject: '1', name: '$client', key: '$client', seq: '1' }
    await this.sends(party, ['event'], new Map(Object.entries(entry)))
    await this.#tells('joined', new Map([['conversation', conversation]]))
    await this.#tells(
      'entry',
      new Map([
        ['conversation', conversation],
        ['seq', '1'],
      ]),
    )
  }

  async #waits(text: string): Promise<void> {
    await this.#flush()
    const until = this.#now + (evaluate(text, NUMBER, this) as number)
    for (let turn = 0; this.#deadline !== null && this.#deadline <= until; turn++) {
      if (turn > STEPS_MAX) throw new CaseFailure('the client wants time over and over')
      this.#now = Math.max(this.#now, this.#deadline)
      await this.#command({ do: 'time' })
    }
    // What wants no time is given none.
    this.#now = until
  }

  /** Among the events told is one like this; it and those before it are done with. */
  async #tells(event: string, fields: ReadonlyMap<string, string>): Promise<void> {
    await this.#flush()
    const at = this.#events.findIndex((each) => each['event'] === event && this.#isLike(each, fields))
    const names = this.#events.map((each) => JSON.stringify(each)).join(', ')
    if (at < 0)
      throw new CaseFailure(`the client tells of no such ${event}; it tells of ${names || 'nothing'}`)
    this.#events.splice(0, at + 1)
  }

  #isLike(event: Readonly<Record<string, unknown>>, fields: ReadonlyMap<string, string>): boolean {
    for (const [name, pattern] of fields) {
      const value = event[name]
      const registry = name === 'code' ? 'errors' : 'content_kinds'
      const field = {
        kind: typeof value === 'string' ? 'str' : 'uint',
        name,
        summary: '',
        registry,
      } as FieldSpec
      if (
        value !== pattern &&
        !(typeof value === 'number' && matches(pattern, value, field, this)) &&
        !this.#isText(pattern, value)
      )
        return false
    }
    return true
  }

  #isText(pattern: string, value: unknown): boolean {
    return typeof value === 'string' && pattern === JSON.stringify(value)
  }

  async #silent(): Promise<void> {
    await this.#flush()
    const party = this.party('client')
    this.checkBreaches(party)
    const first = [...party.inboxes.values()].flat()[0]
    if (first) throw new CaseFailure(`the client sent ${first.type}, unasked`)
  }

  /** Bytes of the relay, as they are. */
  async #gets(hex: string, how: string): Promise<void> {
    const bytes = bytesOfHex(hex) as Uint8Array
    const pieces = how === 'cut' ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : [bytes]
    for (const piece of pieces) this.party('client').sendRaw(piece)
    await this.#flush()
  }

  async #closes(party: Party, codes: string): Promise<void> {
    await this.expects(party, 'close', new Map([['code', codes]]))
    await this.#silent()
    await this.#tells('closed', new Map([['by', 'local']]))
    // Nothing moves a session that is over.
    party.send('ping', { nonce: 1, conversation: 0 })
    await this.#silent()
  }

  // ---- the relay's frames ---------------------------------------------------------------------

  protected override defaults(party: Party, type: string): Loose {
    const relay = this.cast.pairOf('relay')
    const random = (count: number): Uint8Array =>
      Uint8Array.from({ length: count }, () => Math.floor(this.cast.random() * 256))
    switch (type) {
      case 'challenge':
        return {
          version: 1,
          capabilities: [],
          relayKey: relay.publicKey,
          nonce: random(32),
          address: 'local',
          relayName: 'kit',
        }
      case 'ready':
        return { session: random(16), name: party.name, role: 0, time: 0, limits: [], token: random(32) }
      case 'joined':
        return { ...JOINED, kind: CONVERSATION_KINDS.room, name: 'room', limit: LIMITS.membersPerRoom }
      case 'event':
        return { ...ENTRY, kind: EVENTS.topic }
      case 'message':
        return { ...ENTRY, sender: 1, kind: 0 }
      case 'signal':
      case 'close':
      case 'ping':
        return super.defaults(party, type)
      default:
        return {
          ...ENTRY,
          request: 0,
          code: 0,
          members: [],
          rooms: [],
          more: false,
          online: true,
          role: 0,
          from: '',
        }
    }
  }

  override async sends(
    party: Party,
    words: readonly string[],
    fields: ReadonlyMap<string, string>,
  ): Promise<void> {
    const [type = ''] = words
    const isKnown = type !== 'raw' && type !== 'body' && type !== 'cut'
    const wantsRequest =
      isKnown && !fields.has('request') && specOf(type).fields.some(({ name }) => name === 'request')
    const given = wantsRequest ? new Map([...fields, ['request', '0']]) : fields
    if (type === 'body') return this.#sendsBody(party, words.slice(1), fields)
    if (type !== 'ready' && type !== 'challenge') return super.sends(party, words, given)
    const values = this.valuesOf(party, type, fields)
    if (type === 'ready') this.#signReady(party, values, fields)
    const trailing = fields.get('trailing')
    const body = party.send(
      type,
      values,
      undefined,
      trailing && (bytesOfHex(trailing.slice(4)) as Uint8Array),
    )
    if (type === 'challenge') party.challenge = body
    else party.isOpen = true
  }

  /** `$relaykey` stands for the relay's key. */
  #sendsBody(party: Party, words: readonly string[], fields: ReadonlyMap<string, string>): void {
    const hex = words.join('').replace('$relaykey', hexOf(this.cast.pairOf('relay').publicKey))
    const body = bytesOfHex(hex) as Uint8Array
    party.sendBody(body, Number(fields.get('lane') ?? 0), fields.get('about') ?? 'bytes')
    if (fields.get('as') === 'challenge') party.challenge = body
  }

  /** Nothing is implied of what a client sends. */
  protected override implied(): string | undefined {
    return undefined
  }

  #signReady(party: Party, values: Record<string, unknown>, fields: ReadonlyMap<string, string>): void {
    const pair = this.cast.pairOf('relay')
    const words = this.wordsOf(party)
    const claims = {
      authSignature: party.authSignature,
      session: values['session'] as Uint8Array,
      name: values['name'] as string,
    }
    const message = readyMessage(words, claims)
    values['signature'] = sign(pair, message)
    const twist = fields.get('twist')
    if (twist !== undefined)
      values['signature'] = twisted(twist, pair, message, values['signature'] as Uint8Array).signature
    const limits = fields.get('announce')
    if (limits !== undefined)
      values['limits'] = limits.split(',').map((each) => {
        const [id = '', value = ''] = each.split(':')
        return { id: Number(id), value: Number(value) }
      })
    for (const field of specOf('ready').fields) {
      const changed = fields.get(`but_${field.name}`)
      if (changed !== undefined) values[field.name] = evaluate(changed, field, this)
    }
  }

  protected override learn(party: Party, received: Received): void {
    const { type, frame, bytes } = received
    if (type === 'hello') party.hello = bytes
    if (type === 'auth') this.#learnAuth(party, frame)
  }

  #learnAuth(party: Party, frame: Loose): void {
    const message = authMessage(this.wordsOf(party), frame as unknown as Parameters<typeof authMessage>[1])
    party.authSignature = frame['signature'] as Uint8Array
    if (hexOf(frame['key'] as Uint8Array) !== hexOf(party.pair.publicKey))
      throw new CaseFailure('auth shows another key', ['PAL-HSK-012'])
    if (!verify(party.pair.publicKey, party.authSignature, message))
      throw new CaseFailure('the signature of auth does not verify', ['PAL-HSK-012'])
  }
}

const NUMBER: FieldSpec = { kind: 'uint', name: 'ms', summary: '', bits: 53, min: 0, max: 2 ** 53 - 1 }
const JOINED = {
  alias: 1,
  role: 0,
  seq: 0,
  ref: 0,
  count: 1,
  locked: false,
  topic: '',
  peers: [],
  head: 0,
  first: 1,
  log: new Uint8Array(8).fill(0x10),
  durability: 0,
  keepMs: 0,
  keepBytes: 0,
}
const ENTRY = {
  conversation: 0,
  ref: 0,
  time: 0,
  actor: 0,
  subject: 0,
  name: '',
  key: new Uint8Array(0),
  value: 0,
  text: '',
  body: new Uint8Array(0),
  from: 0,
  to: 0,
  reason: 0,
  senders: [],
  entries: new Uint8Array(0),
}

function shimArena(): Arena {
  return {
    transport: 'tcp',
    offers: () => true,
    dial: async () => {
      throw new RangeError('a client is not dialled')
    },
    until: async (isDone) => isDone(),
    poke: () => {},
    now: () => 0,
  }
}
