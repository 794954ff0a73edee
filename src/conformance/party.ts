/**
 * One end of a link, as the kit plays it: cuts lanes into frames, keeps them by conversation, and watches
 * what holds for every frame whatever the case is about.
 */
import { concatBytes, copyOf, equalBytes, hexOf, readUint32 } from '../base/bytes.ts'
import { laneOf } from '../base/lanes.ts'
import { isFault } from '../codec/fault.ts'
import { decodeFrame } from '../codec/frame.ts'
import { ERROR_INFO, ERRORS, EVENTS, FRAME_TYPES, LIMITS } from '../codec/generated/registry.ts'
import type { FrameSpec } from '../codec/spec-types.ts'
import { type Link, type LinkHandler, writeEphemeral } from '../transport/transport.ts'
import type { Note } from './case.ts'
import type { KeyPair } from './crypto.ts'
import { frameText } from './frames.ts'
import { bodyOf, type Loose, specOf, withLength } from './wire.ts'

const ENDS: readonly number[] = [EVENTS.left, EVENTS.kicked, EVENTS.banned]

/** A frame that came, and its bytes. */
export interface Received {
  readonly type: string
  readonly frame: Readonly<Record<string, unknown>>
  readonly bytes: Uint8Array
  /** Whether it came outside the lanes. */
  readonly isLone: boolean
}

/** Something that is wrong with any frame, whoever asked for it. */
export interface Breach {
  readonly requirements: readonly string[]
  readonly what: string
}

/** Bytes of a frame that are kept for reports. */
const HEX_BYTES_MAX = 512

const INFO_OF: ReadonlyMap<unknown, (typeof ERROR_INFO)[keyof typeof ERROR_INFO]> = new Map(
  Object.values(ERROR_INFO).map((info) => [info.code, info]),
)

function textOf(about: Loose | string): string {
  return typeof about === 'string' ? about : frameText(about)
}

function shownHex(bytes: Uint8Array): string {
  if (bytes.length <= HEX_BYTES_MAX) return hexOf(bytes)
  return `${hexOf(bytes.subarray(0, HEX_BYTES_MAX))}…`
}

/** What the kit knows of one side of a session. */
export class Party implements LinkHandler {
  readonly label: string
  readonly onInput: () => void
  /** Told of everything that crosses the link, where somebody wants to know. */
  readonly note: ((note: Note) => void) | undefined
  name = ''
  clientId = ''
  pair: KeyPair
  link: Link | undefined
  /** Whether the far end sends the frames of a relay. */
  readonly farSide: 'relay' | 'client'
  readonly inboxes: Map<number, Received[]> = new Map()
  readonly breaches: Breach[] = []
  /** Limits that the far end announced, by number. */
  readonly announced: Map<number, number> = new Map()
  isEnded = false
  openedAt = 0
  sentAt = 0
  isClosedByFar = false
  isClosedByUs = false
  isOpen = false
  /** Frames of a conversation that this side may expect, by number: the seq of the last entry. */
  readonly seqs: Map<number, number> = new Map()
  readonly refs: Map<number, number> = new Map()
  /** Its own alias in each conversation it is in. */
  readonly aliases: Map<number, number> = new Map()
  hello: Uint8Array = new Uint8Array(0)
  challenge: Uint8Array = new Uint8Array(0)
  challengeFrame: Loose = {}
  authSignature: Uint8Array = new Uint8Array(0)
  request = 0
  requestConversation = 0
  readonly #lanes = new Map<number, Uint8Array>()
  #greased = 0
  #others = 0

  constructor(
    label: string,
    pair: KeyPair,
    onInput: () => void,
    note: ((note: Note) => void) | undefined,
    farSide: 'relay' | 'client' = 'relay',
  ) {
    this.label = label
    this.pair = pair
    this.onInput = onInput
    this.note = note
    this.farSide = farSide
  }

  /** The frames of a conversation that wait to be looked at. */
  inbox(conversation: number): Received[] {
    let inbox = this.inboxes.get(conversation)
    if (!inbox) {
      inbox = []
      this.inboxes.set(conversation, inbox)
    }
    return inbox
  }

  get waitingCount(): number {
    let count = 0
    for (const inbox of this.inboxes.values()) count += inbox.length
    return count
  }

  // ---- out ------------------------------------------------------------------------------------

  /** Sends a frame on its lane, or the one named. */
  send(type: string, values: Loose, lane?: number, trailing?: Uint8Array | ''): Uint8Array {
    const body = bodyOf(type, values)
    if (trailing) return this.#sendLonger(body, trailing, lane ?? 0, type)
    const conversation = specOf(type).lane === 'control' ? 0 : (values['conversation'] as number)
    this.sendBody(body, lane ?? laneOf(conversation), { type, ...values })
    return body
  }

  /** A frame with one more element than it has fields. */
  #sendLonger(body: Uint8Array, trailing: Uint8Array, lane: number, type: string): Uint8Array {
    const longer = concatBytes([body, trailing])
    longer[0] = (longer[0] as number) + 1
    this.sendBody(longer, lane, `${type} and one element more`)
    return longer
  }

  /** `about` is the frame as it is shown, or a word for what is none. */
  sendBody(body: Uint8Array, lane: number, about: Loose | string): void {
    this.note?.({ who: this.label, direction: '>', lane, hex: shownHex(body), text: textOf(about) })
    this.link?.write(lane, withLength(body))
  }

  /** Sends a signal as the link carries them best. */
  sendSignal(values: Loose): void {
    const body = bodyOf('signal', values)
    this.sendLone(withLength(body), laneOf(values['conversation'] as number), { type: 'signal', ...values })
  }

  /** Bytes outside the lanes, where the link has lanes. */
  sendLone(bytes: Uint8Array, lane: number, about: Loose | string): void {
    const [who, direction] = [this.label, '>'] as const
    this.note?.({ who, direction, lane, hex: shownHex(bytes), text: `${textOf(about)} (datagram)` })
    if (this.link) writeEphemeral(this.link, lane, bytes)
  }

  sendRaw(bytes: Uint8Array, lane = 0): void {
    this.note?.({ who: this.label, direction: '>', lane, hex: shownHex(bytes), text: 'bytes' })
    this.link?.write(lane, bytes)
  }

  // ---- in -------------------------------------------------------------------------------------

  onBytes(lane: number, chunk: Uint8Array): void {
    const before = this.#lanes.get(lane)
    let bytes = before && before.length > 0 ? concatBytes([before, chunk]) : chunk
    while (bytes.length >= 4) {
      const length = readUint32(bytes, 0)
      if (length > LIMITS.frameBytes) {
        this.breach(['PAL-LIM-007', 'PAL-STR-006'], `a length of ${length} bytes`)
        break
      }
      if (bytes.length < 4 + length) break
      this.#takeFrame(lane, copyOf(bytes, 4, 4 + length))
      bytes = bytes.subarray(4 + length)
    }
    this.#lanes.set(lane, copyOf(bytes))
    this.onInput()
  }

  onUnreliable(lane: number, bytes: Uint8Array): void {
    const isWhole = bytes.length >= 4 && readUint32(bytes, 0) === bytes.length - 4
    const isSignal = isWhole && bytes[5] === FRAME_TYPES.signalled
    if (!isSignal) return this.breach(['PAL-SIG-011'], `a datagram that is no signal: ${shownHex(bytes)}`)
    this.#takeFrame(lane, copyOf(bytes, 4), true)
    this.onInput()
  }

  #takeFrame(lane: number, bytes: Uint8Array, isLone = false): void {
    const frame = decodeFrame(bytes)
    if (isFault(frame)) {
      this.note?.({
        who: this.label,
        direction: '<',
        lane,
        hex: shownHex(bytes),
        text: `not a frame: ${frame.fault}`,
      })
      return this.breach(
        ['PAL-FRM-001', 'PAL-FRM-004'],
        `a frame that is ${frame.fault} ${frame.field ?? ''}`,
      )
    }
    const shown = frame.type === 'ignored' ? `grease ${frame.number}` : (frame as unknown as Loose)
    this.note?.({ who: this.label, direction: '<', lane, hex: shownHex(bytes), text: textOf(shown) })
    // On a link with several lanes a close can overtake frames on others.
    if (this.isClosedByFar && lane === 0) this.breach(['PAL-SES-017'], `${frame.type} after close`)
    if (frame.type === 'ignored') return this.#takeGrease(frame.number)
    this.#others += 1
    const spec = specOf(frame.type)
    const loose = frame as unknown as Loose
    this.#watch(spec, loose, bytes, lane)
    if (frame.type === 'close') this.isClosedByFar = true
    const conversation = spec.lane === 'control' ? 0 : ((loose['conversation'] as number | undefined) ?? 0)
    this.inbox(conversation).push({ type: frame.type, frame: loose, bytes, isLone })
  }

  #takeGrease(type: number): void {
    this.#greased += 1
    if (type < 112) this.breach(['PAL-EXT-001'], `a frame of type ${type} without a capability`)
    if (this.#greased > 1 + Math.floor(this.#others / 16)) this.breach(['PAL-EXT-009'], 'too much grease')
  }

  /** What holds for every frame. */
  #watch(spec: FrameSpec, frame: Loose, bytes: Uint8Array, lane: number): void {
    const again = bodyOf(spec.name, frame)
    if (!equalBytes(again, bytes.subarray(0, again.length)) && !this.#hasTrailers(again, bytes))
      this.breach(['PAL-FRM-002', 'PAL-FRM-001'], `${spec.name} is not in its shortest form`)
    if (spec.from !== 'both' && spec.from !== this.farSide)
      this.breach(['PAL-SES-001'], `${spec.name} is not for the ${this.farSide} to send`)
    if (!this.isOpen && bytes.length > LIMITS.handshakeFrameBytes)
      this.breach(['PAL-STR-006'], `${spec.name} of ${bytes.length} bytes in the handshake`)
    const conversation = spec.lane === 'control' ? 0 : (frame['conversation'] as number)
    if (this.link?.laneCount === 1 && lane !== 0) this.breach(['PAL-STR-012'], `${spec.name} on lane ${lane}`)
    if (this.link && this.link.laneCount > 1 && lane !== laneOf(conversation))
      this.breach([conversation === 0 ? 'PAL-STR-010' : 'PAL-STR-011'], `${spec.name} on lane ${lane}`)
    const info = INFO_OF.get(frame['code'])
    const isSession = info?.scope === 'session'
    if (info && spec.name === 'close' && !isSession) this.breach(['PAL-ERR-003'], `close with ${info.name}`)
    if (info && spec.name === 'error' && isSession) this.breach(['PAL-ERR-003'], `error with ${info.name}`)
    if (spec.name === 'close' && info?.code === ERRORS.internal)
      this.breach(['PAL-ERR-001'], 'close with internal')
    this.#watchSeq(spec, frame)
  }

  /** Elements after the fields make the array's header another one. */
  #hasTrailers(again: Uint8Array, bytes: Uint8Array): boolean {
    return bytes.length > again.length && bytes[0] !== again[0]
  }

  #watchSeq(spec: FrameSpec, frame: Loose): void {
    const conversation = frame['conversation'] as number
    if (spec.name === 'gap') this.#watchGap(conversation, frame)
    if (spec.name === 'joined' && (frame['kind'] === 0 || !this.seqs.has(conversation))) {
      this.seqs.set(conversation, frame['seq'] as number)
      this.refs.set(conversation, frame['ref'] as number)
    }
    if (spec.name === 'joined') this.aliases.set(conversation, frame['alias'] as number)
    if (spec.name !== 'message' && spec.name !== 'event') return
    const last = this.seqs.get(conversation)
    if (last === undefined)
      this.breach(['PAL-ROM-018', 'PAL-ROM-028'], `an entry of ${conversation}, not joined`)
    else if (frame['seq'] !== last + 1)
      this.breach(['PAL-ROM-001', 'PAL-ROM-002'], `seq ${String(frame['seq'])} after ${last}`)
    this.seqs.set(conversation, frame['seq'] as number)
    const isEnd = spec.name === 'event' && ENDS.includes(frame['kind'] as number)
    if (isEnd && frame['subject'] === this.aliases.get(conversation)) this.forget(conversation)
  }

  /** A gap stands in the place of entries: it begins at the next one and holds at least that. */
  #watchGap(conversation: number, frame: Loose): void {
    const [from, to] = [frame['from'] as number, frame['to'] as number]
    const last = this.seqs.get(conversation)
    if (last !== undefined && (from !== last + 1 || to < from))
      this.breach(['PAL-ROM-042', 'PAL-ROM-062'], `a gap from ${from} to ${to} after ${last}`)
    this.seqs.set(conversation, to)
  }

  /** Its membership is over: nothing more of the conversation may come. */
  forget(conversation: number): void {
    this.seqs.delete(conversation)
    this.aliases.delete(conversation)
  }

  breach(requirements: readonly string[], what: string): void {
    this.breaches.push({ requirements, what: `${this.label} received ${what}` })
  }

  onWritable(): void {}

  onEnd(): void {
    this.#end('the link was ended')
  }

  onClosed(detail: string): void {
    this.#end(detail)
  }

  #end(text: string): void {
    if (!this.isEnded) this.note?.({ who: this.label, direction: '-', lane: 0, hex: '', text })
    this.isEnded = true
    this.onInput()
  }
}
