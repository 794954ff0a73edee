/** Plays one case against a relay: does its steps, keeps what they bind, fails at the first that fails. */
import { bytesOfHex, equalBytes, hexOf } from '../base/bytes.ts'
import {
  CONVERSATION_KINDS,
  ERRORS,
  EVENTS,
  LIMIT_IDS,
  LIMITS,
  ROLES,
  SIGNAL_KINDS,
} from '../codec/generated/registry.ts'
import type { FieldSpec } from '../codec/spec-types.ts'
import type { Arena } from './arena.ts'
import type { Case, Note } from './case.ts'
import { CHECKS } from './checks.ts'
import { authMessage, type KeyPair, readyMessage, resumeMessage, sign, verify, type Words } from './crypto.ts'
import { evaluate, matches, type Scope } from './expression.ts'
import { CaseFailure, CaseSkipped } from './failure.ts'
import { frameText } from './frames.ts'
import { ANSWER_MS, LOADS, type LoadStage } from './loads.ts'
import { Party, type Received } from './party.ts'
import { parseStep, type Step } from './step.ts'
import { twisted } from './twisted.ts'
import { type Loose, specOf } from './wire.ts'

/** How long a case waits for its links to end. */
const GONE_MS = 1000
const FENCE_FIRST = 1_000_000

/** Whom a case is played with. */
export interface Cast {
  /** The key pair of a party, made when first asked for. */
  pairOf(party: string): KeyPair
  /** A name that nobody had before. */
  nameOf(party: string): string
  roomName(label: string): string
  random(): number
}

interface Member {
  readonly party: Party
  role: number
}

/** One play of a case. */
export class Player implements Scope, LoadStage {
  readonly variables: Map<string, unknown> = new Map()
  readonly parties: Map<string, Party> = new Map()
  readonly notes: Note[] = []
  /** Who is in which conversation, by number and alias. */
  readonly members: Map<number, Map<number, Member>> = new Map()
  /** The aliases given so far in a room. */
  readonly aliasCounts: Map<number, number> = new Map()
  /** Each entry as it came first, by conversation and number. */
  readonly entries: Map<string, Uint8Array> = new Map()
  readonly case: Case
  readonly arena: Arena
  protected readonly cast: Cast
  protected readonly keepsNotes: boolean
  #fence = FENCE_FIRST
  #step = ''

  constructor(arena: Arena, cast: Cast, played: Case, keepsNotes: boolean) {
    this.arena = arena
    this.cast = cast
    this.case = played
    this.keepsNotes = keepsNotes
    this.variables.set('x', cast.nameOf('x').slice(2))
    this.variables.set('y', 'y'.repeat(64 - cast.roomName('r').length))
    const digits = Array.from({ length: 12 }, () => String(2 + Math.floor(cast.random() * 8))).join('')
    this.variables.set('digits', digits)
  }

  /** The step at work. */
  get step(): string {
    return this.#step
  }

  /** Plays all steps and looks whether anything came that no step asked for. Throws CaseFailure. */
  async play(): Promise<void> {
    try {
      for (const line of this.case.steps) {
        this.#step = line
        await this.#run(parseStep(line))
      }
      this.#step = 'nothing else comes'
      for (const party of this.parties.values()) await this.#settle(party)
    } finally {
      for (const party of this.parties.values()) this.#leave(party)
      if (this.case.isAlone) await this.#untilGone()
    }
  }

  /** Cases that count links begin when those of the one before are over. */
  async #untilGone(): Promise<void> {
    await this.arena.until(
      () => [...this.parties.values()].every(({ isEnded, link }) => isEnded || !link),
      GONE_MS,
    )
  }

  #leave(party: Party): void {
    const { link } = party
    if (!link || party.isEnded) return
    link.resume()
    if (party.isOpen && !party.isClosedByFar && !party.isClosedByUs)
      party.send('close', { code: ERRORS.goodbye, text: '', retryMs: 0 })
    link.end()
  }

  // ---- scope ----------------------------------------------------------------------------------

  /** A party whose label ends in digits is another link of the same person. */
  party(label: string): Party {
    const found = this.parties.get(label)
    if (found) return found
    throw new RangeError(`nobody is called ${label}`)
  }

  /** The person behind a label: `alice2` is a second link of alice. */
  personOf(label: string): string {
    return label.replace(/\d+$/u, '')
  }

  nameOf(label: string): string {
    return this.parties.get(label)?.name || this.cast.nameOf(this.personOf(label))
  }

  keyOf(label: string): Uint8Array {
    return this.cast.pairOf(this.personOf(label)).publicKey
  }

  aliasOf(label: string, conversation: number): number {
    for (const [alias, { party }] of this.members.get(conversation) ?? [])
      if (party.label === label) return alias
    const known = this.variables.get(`alias ${label} ${conversation}`)
    if (typeof known === 'number') return known
    throw new RangeError(`${label} is not in conversation ${conversation}`)
  }

  roleOf(label: string, conversation: number): number {
    return this.members.get(conversation)?.get(this.aliasOf(label, conversation))?.role ?? ROLES.member
  }

  /** One installation of a person, which a relay knows again. */
  protected clientOf(party: Party): string {
    return `${this.personOf(party.label)}/${party.clientId}`
  }

  roomName(label: string): string {
    return this.cast.roomName(label)
  }

  limit(name: string): number {
    const id = LIMIT_IDS[name as keyof typeof LIMIT_IDS]
    for (const party of this.parties.values()) {
      const value = party.announced.get(id)
      if (value !== undefined) return value
    }
    return LIMITS[name as keyof typeof LIMITS]
  }

  // ---- steps ----------------------------------------------------------------------------------

  async #run(step: Step): Promise<void> {
    for (let turn = 0; turn < step.times; turn++) await this.runOnce(step)
  }

  protected async runOnce(step: Step): Promise<unknown> {
    const { who, verb, words, fields } = step
    if (who === 'relay') return this.#restart()
    if (verb === 'opens') return this.opens(who)
    if (verb === 'greets') return this.#greets(who)
    if (verb === 'enters') return this.#enters(who, fields)
    if (verb === 'joins') return this.#joins(this.party(who), words[0] as string, fields)
    const party = this.party(who)
    if (verb === '>') party.sentAt = this.arena.now()
    switch (verb) {
      case '>':
        return this.sends(party, words, fields)
      case '<':
        return this.expects(party, words[0] as string, fields)
      case 'closed':
        return this.closed(party, words[0] as string, fields)
      case 'ended':
        return this.#ended(party, fields)
      case 'says':
        return this.#says(party, words[0] as string, words[1] as string)
      case 'quiet':
        if (words[1] === 'ignoring') return this.drains(party, this.numberOf(words[0]))
        return this.fenceOff(party, this.numberOf(words[0]))
      case 'drains':
        return this.drains(party, this.numberOf(words[0]))
      case 'leaves-quietly':
        return party.forget(this.numberOf(words[0]))
      case 'ends':
        return void party.link?.end()
      case 'aborts':
        party.isClosedByUs = true
        return void party.link?.abort()
      case 'pauses':
        return void party.link?.pause()
      case 'resumes':
        return void party.link?.resume()
      case 'checks':
        return this.#checks(party, words)
      default:
        return this.#load(party, step)
    }
  }

  #load(party: Party, step: Step): Promise<void> {
    const load = LOADS[step.verb]
    if (!load) throw new RangeError(`no step is called ${step.verb}`)
    return load(this, party, step)
  }

  async #restart(): Promise<void> {
    if (!this.arena.restart) throw new CaseSkipped('the relay cannot be restarted from here')
    await this.arena.restart(this.case.setup)
  }

  #checks(party: Party, words: readonly string[]): void {
    const check = CHECKS[words[0] ?? '']
    if (!check) throw new RangeError(`no check is called ${words[0]}`)
    check(party, this, words.slice(1))
  }

  async opens(label: string): Promise<Party> {
    const note = this.keepsNotes ? (each: Note): void => void this.notes.push(each) : undefined
    const person = this.personOf(label)
    const party = new Party(label, this.cast.pairOf(person), () => this.arena.poke(), note)
    party.name = this.cast.nameOf(person)
    this.parties.set(label, party)
    party.openedAt = this.arena.now()
    await this.arena.dial(
      this.case.setup,
      (link) => {
        party.link = link
        return party
      },
      this.case.weather && { weather: this.case.weather, random: this.cast.random },
    )
    return party
  }

  // ---- the handshake --------------------------------------------------------------------------

  async #enters(label: string, fields: ReadonlyMap<string, string>): Promise<void> {
    const party = await this.#greets(label)
    await this.sends(party, ['auth'], fields)
    await this.expects(party, 'ready', new Map())
  }

  async #greets(label: string): Promise<Party> {
    await this.opens(label)
    const party = this.party(label)
    await this.sends(party, ['hello'], new Map())
    await this.expects(party, 'challenge', new Map([['version', '1']]))
    return party
  }

  protected defaults(party: Party, type: string): Loose {
    switch (type) {
      case 'hello': {
        const nonce = Uint8Array.from({ length: 32 }, () => Math.floor(this.cast.random() * 256))
        return { versions: [1], capabilities: [], nonce, agent: 'palaver conform' }
      }
      case 'auth':
        return {
          name: party.name,
          key: party.pair.publicKey,
          clientId: party.pair.publicKey.slice(0, 8),
          token: this.case.setup === 'token' ? 'palaver-conformance' : '',
        }
      case 'resume': {
        const person = this.personOf(party.label)
        return {
          session: this.variables.get(`session_${person}`),
          token: this.variables.get(`token_${person}`),
        }
      }
      case 'ping':
        this.#fence += 1
        return { nonce: this.#fence, conversation: 0 }
      case 'signal':
        return { kind: SIGNAL_KINDS.typing, value: 1, body: new Uint8Array(0) }
      case 'close':
        return { code: ERRORS.goodbye, text: '', retryMs: 0 }
      default:
        return { conversation: 0, after: 0, options: 0, seconds: 0, reason: '', kind: 0, text: '' }
    }
  }

  protected wordsOf(party: Party): Words {
    const binding = party.link?.binding ?? new Uint8Array(0)
    return { binding, hello: party.hello, challenge: party.challenge }
  }

  // ---- sending --------------------------------------------------------------------------------

  async sends(party: Party, words: readonly string[], fields: ReadonlyMap<string, string>): Promise<void> {
    const [type = ''] = words
    const hex = words.slice(1).join('')
    const lane = Number(fields.get('lane') ?? 0)
    if (type === 'raw') return party.sendRaw(bytesOfHex(hex) as Uint8Array, lane)
    if (type === 'body') return this.#sendBody(party, bytesOfHex(hex) as Uint8Array, fields)
    if (type === 'cut') return this.#sendCut(party, bytesOfHex(hex) as Uint8Array)
    if (type === 'lone') return party.sendLone(bytesOfHex(hex) as Uint8Array, lane, 'bytes')
    const values = this.valuesOf(party, type, fields)
    if (type === 'signal' && fields.get('by') !== 'lane') return party.sendSignal(values)
    if (type === 'auth') this.sign(party, values, fields)
    if (type === 'resume') this.signResume(party, values, fields)
    const trailing = fields.get('trailing')
    const where = fields.has('lane') ? lane : undefined
    const body = party.send(type, values, where, trailing && bytesOfHex(trailing.slice(4)))
    if (type === 'hello') party.hello = body
    if (type === 'close') party.isClosedByUs = true
  }

  #sendBody(party: Party, body: Uint8Array, fields: ReadonlyMap<string, string>): void {
    party.sendBody(body, Number(fields.get('lane') ?? 0), fields.get('about') ?? 'bytes')
    if (fields.get('as') === 'hello') party.hello = body
  }

  /** Signs a resume of the session that the person had last. */
  protected signResume(
    party: Party,
    values: Record<string, unknown>,
    fields: ReadonlyMap<string, string>,
  ): void {
    const [session, token] = [values['session'] as Uint8Array, values['token'] as Uint8Array]
    party.authSignature = sign(party.pair, resumeMessage(this.wordsOf(party), { session, token }))
    values['signature'] = party.authSignature
    for (const field of specOf('resume').fields) {
      const changed = fields.get(`but_${field.name}`)
      if (changed !== undefined) values[field.name] = evaluate(changed, field, this)
    }
  }

  /** Signs an auth, then changes what the step says is to be changed after that. */
  protected sign(party: Party, values: Record<string, unknown>, fields: ReadonlyMap<string, string>): void {
    party.name = values['name'] as string
    const message = authMessage(this.wordsOf(party), values as unknown as Parameters<typeof authMessage>[1])
    const sound = sign(party.pair, message)
    values['signature'] = sound
    const twist = fields.get('twist')
    if (twist !== undefined) Object.assign(values, twisted(twist, party.pair, message, sound))
    for (const field of specOf('auth').fields) {
      const changed = fields.get(`but_${field.name}`)
      if (changed !== undefined) values[field.name] = evaluate(changed, field, this)
    }
    party.authSignature = values['signature'] as Uint8Array
    party.clientId = hexOf(values['clientId'] as Uint8Array)
    this.variables.set('signature', party.authSignature)
  }

  /** The bytes one by one, as a stream may cut them. */
  #sendCut(party: Party, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) party.sendRaw(bytes.slice(at, at + 1))
  }

  protected valuesOf(
    party: Party,
    type: string,
    fields: ReadonlyMap<string, string>,
  ): Record<string, unknown> {
    const spec = specOf(type)
    const values: Record<string, unknown> = {}
    const defaults = this.defaults(party, type)
    for (const field of spec.fields) {
      const given = fields.get(field.name)
      if (given !== undefined) values[field.name] = evaluate(given, field, this)
      else if (field.name === 'after' && field.kind === 'str') values['after'] = ''
      else values[field.name] = defaults[field.name]
    }
    const conversation = (values['conversation'] as number | undefined) ?? 0
    if (spec.fields.some(({ name }) => name === 'request') && !fields.has('request')) {
      party.request += 1
      values['request'] = party.request
    } else if (fields.has('request')) party.request = values['request'] as number
    if (values['request'] !== undefined)
      party.requestConversation = spec.lane === 'control' ? 0 : conversation
    if (type === 'send' && !fields.has('ref')) {
      const ref = (party.refs.get(conversation) ?? 0) + 1
      party.refs.set(conversation, ref)
      values['ref'] = ref
    }
    return values
  }

  // ---- expecting ------------------------------------------------------------------------------

  async expects(party: Party, type: string, given: ReadonlyMap<string, string>): Promise<void> {
    const fields = new Map(given)
    const within = fields.get('within')
    const after = fields.get('after_ms')
    const by = fields.get('by')
    fields.delete('within')
    fields.delete('after_ms')
    fields.delete('by')
    const began = party.isOpen ? party.sentAt : party.openedAt
    const conversation = this.#conversationOf(party, type, fields)
    const find = (): Received | undefined => takeFirst(party, type, conversation)
    const ms = within === undefined ? ANSWER_MS : this.#ms(within)
    const arrived = await this.arena.until(
      () => party.breaches.length > 0 || hasFor(party, type, conversation) || party.isEnded,
      ms,
    )
    this.checkBreaches(party)
    if (!arrived) throw new CaseFailure(`no ${type} for ${party.label} within ${ms} ms; ${inboxText(party)}`)
    const received = find()
    if (!received)
      throw new CaseFailure(
        hasFor(party, type, conversation)
          ? `${party.label} waited for ${type} and got ${inboxText(party)}`
          : `the link ended; ${party.label} waited for ${type}`,
      )
    if (after !== undefined && this.arena.now() - began < this.#ms(after))
      throw new CaseFailure(`${type} came after ${Math.round(this.arena.now() - began)} ms already`)
    if (type === 'challenge') this.#checkCapabilities(received.frame, fields)
    if (by !== undefined && (by === 'datagram') !== received.isLone)
      throw new CaseFailure(`${type} for ${party.label} did not come by ${by}`)
    this.#compare(party, received, type, fields)
    this.learn(party, received)
  }

  /** A relay need not have the capability that a case is about. */
  #checkCapabilities(challenge: Loose, wanted: ReadonlyMap<string, string>): void {
    const names = /^\[(\d+)\]$/u.exec(wanted.get('capabilities') ?? '')
    const has = challenge['capabilities'] as readonly number[] | undefined
    if (names && !has?.includes(Number(names[1])))
      throw new CaseSkipped(`the relay has no capability ${names[1]}`)
  }

  #ms(text: string): number {
    return evaluate(
      text,
      { kind: 'uint', name: 'ms', summary: '', bits: 53, min: 0, max: 2 ** 53 - 1 },
      this,
    ) as number
  }

  /** The conversation whose frames are looked at; undefined for any. */
  #conversationOf(party: Party, type: string, fields: Map<string, string>): number | undefined {
    const spec = specOf(type)
    if (spec.lane === 'control') return 0
    const field = spec.fields.find(({ name }) => name === 'conversation') as FieldSpec
    const given = fields.get('conversation')
    if (given?.startsWith('?') || given === '*') return undefined
    if (given !== undefined) return evaluate(given, field, this) as number
    if (type === 'joined') return undefined
    return type === 'pong' ? 0 : party.requestConversation
  }

  #compare(party: Party, received: Received, type: string, fields: Map<string, string>): void {
    const { frame } = received
    const shown = frameText(frame)
    if (received.type !== type) throw new CaseFailure(`${party.label} waited for ${type} and got ${shown}`)
    const conversation = (frame['conversation'] as number | undefined) ?? 0
    const spec = specOf(type)
    for (const name of fields.keys())
      if (!spec.fields.some((field) => field.name === name))
        throw new RangeError(`${type} has no field ${name}`)
    for (const field of spec.fields) {
      const pattern = fields.get(field.name) ?? this.implied(party, type, field.name, fields)
      if (pattern === undefined) continue
      const found = frame[field.name]
      if (!matches(pattern, found, field, this, conversation))
        throw new CaseFailure(`${party.label}: ${field.name} is not ${pattern} in ${shown}`)
    }
  }

  /** What a field must be when the step does not say. */
  protected implied(
    party: Party,
    type: string,
    field: string,
    fields: ReadonlyMap<string, string>,
  ): string | undefined {
    if (type === 'event') return EVENT_DEFAULTS[field]
    if (type === 'error' && field === 'ref') return '0'
    if (field === 'conversation' && (type === 'ok' || type === 'error' || type === 'members'))
      return String(party.requestConversation)
    if (field !== 'request') return undefined
    return type === 'error' && fields.has('ref') ? '0' : String(party.request)
  }

  // ---- what frames teach ----------------------------------------------------------------------

  protected learn(party: Party, received: Received): void {
    const { frame, type, bytes } = received
    const conversation = frame['conversation'] as number
    if (type === 'challenge') {
      party.challenge = bytes
      party.challengeFrame = frame
    } else if (type === 'ready') this.#learnReady(party, frame)
    else if (type === 'joined') this.#learnJoined(party, frame)
    else if (type === 'event') this.#learnEvent(frame)
    if (type === 'event' || type === 'message')
      this.#sameForAll(party, conversation, frame['seq'] as number, bytes)
    if (type === 'message' && frame['sender'] === party.aliases.get(conversation))
      this.variables.set(`ref ${this.clientOf(party)} ${conversation}`, frame['ref'])
    if (type === 'message' && frame['sender'] === party.aliases.get(conversation))
      party.refs.set(conversation, Math.max(party.refs.get(conversation) ?? 0, frame['ref'] as number))
  }

  #learnReady(party: Party, frame: Loose): void {
    const message = readyMessage(this.wordsOf(party), {
      authSignature: party.authSignature,
      session: frame['session'] as Uint8Array,
      name: frame['name'] as string,
    })
    const key = party.challengeFrame['relayKey'] as Uint8Array
    if (!verify(key, frame['signature'] as Uint8Array, message))
      throw new CaseFailure('the signature of ready does not verify', ['PAL-HSK-013'])
    party.isOpen = true
    party.name = frame['name'] as string
    this.variables.set(`session_${party.label}`, frame['session'])
    this.variables.set(`token_${party.label}`, frame['token'])
    for (const { id, value } of frame['limits'] as { id: number; value: number }[])
      party.announced.set(id, value)
  }

  #learnJoined(party: Party, frame: Loose): void {
    const conversation = frame['conversation'] as number
    const alias = frame['alias'] as number
    let members = this.members.get(conversation)
    if (!members) {
      members = new Map()
      this.members.set(conversation, members)
    }
    members.set(alias, { party, role: frame['role'] as number })
    this.variables.set(`alias ${party.label} ${conversation}`, alias)
    this.variables.set(`alias ${this.clientOf(party)} ${conversation}`, alias)
    const isRoom = frame['kind'] === CONVERSATION_KINDS.room
    if (isRoom) this.aliasCounts.set(conversation, Math.max(this.aliasCounts.get(conversation) ?? 0, alias))
  }

  #learnEvent(frame: Loose): void {
    const conversation = frame['conversation'] as number
    const kind = frame['kind'] as number
    const members = this.members.get(conversation)
    const member = members?.get(frame['subject'] as number)
    if (!member) return
    if (kind === EVENTS.role) member.role = frame['value'] as number
    if (kind === EVENTS.left || kind === EVENTS.kicked || kind === EVENTS.banned)
      members?.delete(frame['subject'] as number)
  }

  #sameForAll(party: Party, conversation: number, seq: number, bytes: Uint8Array): void {
    const key = `${conversation} ${seq}`
    const before = this.entries.get(key)
    if (before === undefined) this.entries.set(key, bytes)
    else if (!equalBytes(before, bytes))
      throw new CaseFailure(`${party.label} got other bytes of entry ${seq} than others`, ['PAL-ROM-003'])
  }

  // ---- ends -----------------------------------------------------------------------------------

  async closed(party: Party, codes: string, fields: ReadonlyMap<string, string>): Promise<void> {
    await this.expects(party, 'close', new Map([['code', codes], ...fields]))
    if (party.waitingCount > 0)
      throw new CaseFailure(`${party.label} got more after close: ${inboxText(party)}`)
    party.link?.end()
    await this.#ended(party, new Map())
  }

  async #ended(party: Party, fields: ReadonlyMap<string, string>): Promise<void> {
    const within = fields.get('within')
    const ms = within === undefined ? ANSWER_MS : this.#ms(within)
    const over = await this.arena.until(() => party.isEnded, ms)
    if (!over) throw new CaseFailure(`the link of ${party.label} did not end within ${ms} ms`)
    this.checkBreaches(party)
    // Who says goodbye may still get the entry by which its membership ended.
    const isAnswered = [...party.inboxes.values()].flat().some(({ type }) => type === 'close')
    if (party.isClosedByUs && !isAnswered) return
    if (party.waitingCount > 0)
      throw new CaseFailure(`${party.label} got before the end: ${inboxText(party)}`)
  }

  checkBreaches(party: Party): void {
    const breach = party.breaches[0]
    if (breach) throw new CaseFailure(breach.what, breach.requirements)
  }

  /** A fence: nothing but the pong may come in the conversation. */
  protected async fenceOff(party: Party, conversation: number): Promise<void> {
    this.#fence += 1
    const nonce = this.#fence
    party.send('ping', { nonce, conversation })
    const inbox = party.inbox(conversation)
    const arrived = await this.arena.until(
      () => party.breaches.length > 0 || inbox.length > 0 || party.isEnded,
      ANSWER_MS,
    )
    this.checkBreaches(party)
    if (!arrived) throw new CaseFailure(`no pong for ${party.label}`, ['PAL-SES-009'])
    const first = inbox.shift()
    if (
      first?.type !== 'pong' ||
      first.frame['nonce'] !== nonce ||
      first.frame['conversation'] !== conversation
    )
      throw new CaseFailure(
        `${party.label} got ${first ? frameText(first.frame) : 'the end of the link'}, unasked`,
      )
  }

  protected numberOf(word: string | undefined): number {
    return word === undefined ? 0 : (this.variables.get(word.slice(1)) as number)
  }

  /** A fence before which anything may come but an end. */
  protected async drains(party: Party, conversation: number): Promise<void> {
    this.#fence += 1
    const nonce = this.#fence
    party.send('ping', { nonce, conversation })
    const inbox = party.inbox(conversation)
    const isHere = (): boolean => inbox.some(({ type, frame }) => type === 'pong' && frame['nonce'] === nonce)
    const arrived = await this.arena.until(() => isHere() || party.isEnded || party.isClosedByFar, ANSWER_MS)
    this.checkBreaches(party)
    if (!arrived || !isHere()) throw new CaseFailure(`${party.label} got no pong; ${inboxText(party)}`)
    for (const each of party.inboxes.values()) each.length = 0
  }

  /** At the end of a case every open session is asked whether anything else was under way. */
  async #settle(party: Party): Promise<void> {
    this.checkBreaches(party)
    if (!party.isOpen || party.isEnded || party.isClosedByUs || party.isClosedByFar) return
    await this.fenceOff(party, 0)
    for (const conversation of party.seqs.keys()) await this.fenceOff(party, conversation)
    if (party.waitingCount > 0) throw new CaseFailure(`${party.label} got, unasked: ${inboxText(party)}`)
  }

  // ---- what many cases do ---------------------------------------------------------------------

  async #joins(party: Party, label: string, fields: ReadonlyMap<string, string>): Promise<void> {
    const before = this.variables.get(label) as number | undefined
    const others = before === undefined ? new Map<number, Member>() : (this.members.get(before) ?? new Map())
    const count = before === undefined ? 0 : (this.aliasCounts.get(before) ?? 0)
    const alias =
      (this.variables.get(`alias ${this.clientOf(party)} ${before}`) as number | undefined) ?? count + 1
    const ref = this.variables.get(`ref ${this.clientOf(party)} ${before}`) ?? 0
    const role =
      this.personOf(party.label) === 'operator' ? 'relay_operator' : others.size === 0 ? 'operator' : 'member'
    await this.sends(party, ['join'], new Map([['room', `#${label}`], ...fields]))
    const expected = {
      conversation: before === undefined || others.size === 0 ? `?${label}` : `#${label}`,
      kind: 'room',
      name: `#${label}`,
      alias: String(others.size === 0 ? 1 : alias),
      role,
      ref: String(others.size === 0 ? 0 : ref),
      count: String(others.size + 1),
      peers: '[]',
    }
    await this.expects(party, 'joined', new Map(Object.entries(expected)))
    const conversation = this.variables.get(label) as number
    if (fields.get('options') === 'members') await this.#memberLists(party, conversation)
    const entry = {
      conversation: `#${label}`,
      kind: 'joined',
      name: `$${party.label}`,
      key: `$${party.label}`,
    }
    const subject = String(this.aliasOf(party.label, conversation))
    const event = new Map(Object.entries({ ...entry, subject, value: role }))
    for (const { party: each } of [...(this.members.get(conversation)?.values() ?? [])])
      await this.expects(each, 'event', event)
  }

  async #memberLists(party: Party, conversation: number): Promise<void> {
    const aliases = [...(this.members.get(conversation)?.entries() ?? [])].sort(([a], [b]) => a - b)
    const list = aliases.map(([, { party: each }]) => each.label).join(',')
    const fields = { conversation: String(conversation), members: `[${list}]`, more: 'false' }
    await this.expects(party, 'members', new Map(Object.entries(fields)))
  }

  async #says(party: Party, label: string, text: string): Promise<void> {
    const conversation = this.variables.get(label) as number
    await this.sends(
      party,
      ['send'],
      new Map([
        ['conversation', `#${label}`],
        ['body', text],
      ]),
    )
    const ref = String(party.refs.get(conversation))
    const sender = String(this.aliasOf(party.label, conversation))
    const fields = new Map(
      Object.entries({ conversation: `#${label}`, sender, ref, kind: 'text', body: text }),
    )
    for (const { party: each } of [...(this.members.get(conversation)?.values() ?? [])])
      await this.expects(each, 'message', fields)
  }
}

const EVENT_DEFAULTS: Readonly<Record<string, string>> = {
  actor: '0',
  subject: '0',
  name: '""',
  key: '""',
  value: '0',
  text: '""',
}

function hasFor(party: Party, type: string, conversation: number | undefined): boolean {
  if (conversation !== undefined) return party.inbox(conversation).length > 0
  for (const inbox of party.inboxes.values()) if (inbox[0]?.type === type) return true
  return false
}

function takeFirst(party: Party, type: string, conversation: number | undefined): Received | undefined {
  if (conversation !== undefined) return party.inbox(conversation).shift()
  for (const inbox of party.inboxes.values()) if (inbox[0]?.type === type) return inbox.shift()
  return undefined
}

function inboxText(party: Party): string {
  const waiting = [...party.inboxes.values()].flat().map(({ frame }) => frameText(frame))
  return waiting.length === 0 ? 'nothing came' : `got ${waiting.slice(0, 4).join('; ')}`
}
