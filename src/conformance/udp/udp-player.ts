/** Plays a case at the level of datagrams: packets that no library would send, and what comes back. */
import { concatBytes, equalBytes, hexOf, readUint32, uint32Bytes } from '../../base/bytes.ts'
import { FRAME_TYPES } from '../../codec/generated/registry.ts'
import type { Arena, DatagramPlace, Packets } from '../arena.ts'
import type { Case, Note } from '../case.ts'
import { CaseFailure, CaseSkipped } from '../failure.ts'
import type { Cast } from '../player.ts'
import type { Step } from '../step.ts'
import { parseStep } from '../step.ts'
import { type Direction, type Established, Initiator, nextDirection, nonceOf, open, seal } from './noise.ts'
import { PacketSession } from './packet-session.ts'
import {
  ackOf,
  CID_BYTES,
  frameOf,
  framesOf,
  initialHead,
  laneFrame,
  longHello,
  PACKET,
  type PacketFrame,
  PHASE_BIT,
  payloadRoom,
  prologueOf,
  varint,
} from './packets.ts'

/** Less than `handshake_ms`, at which a relay speaks without having been asked. */
const ANSWER_MS = 4000
/** Then what was sent last is sent again: a datagram may be lost, and one that comes twice counts once. */
const AGAIN_MS = 1000
const INITIAL_BYTES = 1200
const HEADER_BYTES = 13
const DATAGRAM_BYTES = 1200
const MINIMUM_BYTES = 43
/** Credits of 1 MiB and 256 KiB. */
const PARAMETERS = Uint8Array.of(2, 4, 0, 16, 0, 0, 3, 4, 0, 4, 0, 0)

const TRIES_MAX = 20
const GAP_TURNS_MAX = 200
/** Packets wanted behind a number left out. */
const BEHIND_GAP = 20
const PIECES_PER_PACKET = 100
const BYTES_SHOWN = 256
/** Pings that a case sends at once, and how many of them a packet takes. */
const PINGS = 200
const PINGS_PER_PACKET = 50
const AGAIN_BYTES = 1000
const UNKNOWN_PARAMETER = 0x63
/** Where a frame of the session has its type: behind the length and the head of its array. */
const TYPE_AT = 5
/** A `hello` with its length, as it stands on lane 0. */
const HELLO = longHello(45)

/** One socket, and the connection on it. */
class Peer {
  readonly label: string
  socket: Packets | undefined
  place = 1
  readonly arrived: Uint8Array[] = []
  scid: Uint8Array
  noise: Initiator | undefined
  token: Uint8Array = new Uint8Array(0)
  /** What TOKEN gave it for a later connection. */
  given: Uint8Array | undefined
  established: Established | undefined
  /** The keys before the last change, as it sends. */
  before: Direction | undefined
  dcid: Uint8Array = new Uint8Array(CID_BYTES)
  resetToken: Uint8Array = new Uint8Array(0)
  lastInitial: Uint8Array = new Uint8Array(0)
  lastPacket: Uint8Array = new Uint8Array(0)
  accept: Uint8Array = new Uint8Array(0)
  number = 0
  sentBytes = 0
  receivedBytes = 0
  /** Bytes that the relay may send on a lane. */
  laneCredit = Number.POSITIVE_INFINITY
  /** Where the bytes of each lane end that came. */
  readonly laneEnds: Map<number, number> = new Map()
  /** What holds of every packet and did not. */
  breach: CaseFailure | undefined
  /** The id of ours that the last packet came under. */
  heardUnder: Uint8Array = new Uint8Array(0)
  /** What the relay gave it to send to, by sequence. */
  readonly ids = new Map<number, Uint8Array>()
  readonly frames: PacketFrame[] = []
  readonly session: PacketSession = new PacketSession()
  readonly numbers: number[] = []

  constructor(label: string, scid: Uint8Array) {
    this.label = label
    this.scid = scid
  }
}

/** One play of a datagram case. */
export class UdpPlayer {
  readonly case: Case
  readonly notes: Note[] = []
  step = ''
  readonly #arena: Arena
  readonly #place: DatagramPlace
  readonly #cast: Cast
  readonly #keepsNotes: boolean
  readonly #peers = new Map<string, Peer>()

  constructor(arena: Arena, place: DatagramPlace, cast: Cast, played: Case, keepsNotes: boolean) {
    this.#arena = arena
    this.#place = place
    this.#cast = cast
    this.#keepsNotes = keepsNotes
    this.case = played
  }

  /** Plays all steps. Throws CaseFailure. */
  async play(): Promise<void> {
    try {
      for (const line of this.case.steps) {
        this.step = line
        const step = parseStep(line)
        for (let turn = 0; turn < step.times; turn++) await this.#run(step)
        for (const { breach } of this.#peers.values()) if (breach) throw breach
      }
    } finally {
      for (const peer of this.#peers.values()) this.#leave(peer)
    }
  }

  #leave(peer: Peer): void {
    if (peer.established) this.#sendData(peer, frameOf('close=0'))
    peer.socket?.close()
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.#cast.random() * 256))
  }

  async #peer(label: string): Promise<Peer> {
    const known = this.#peers.get(label)
    if (known) return known
    const peer = new Peer(label, this.#bytes(CID_BYTES))
    this.#peers.set(label, peer)
    await this.#connectTo(peer)
    return peer
  }

  async #connectTo(peer: Peer): Promise<void> {
    peer.socket?.close()
    peer.socket = await this.#place.connect(peer.place, (bytes) => this.#take(peer, new Uint8Array(bytes)))
    if (!peer.socket) throw new CaseSkipped('the kit has no other address to send from')
  }

  // ---- in -------------------------------------------------------------------------------------

  #take(peer: Peer, bytes: Uint8Array): void {
    peer.receivedBytes += bytes.length
    if (bytes.length > DATAGRAM_BYTES)
      peer.breach ??= new CaseFailure(`a datagram of ${bytes.length} bytes came`, ['PAL-UDP-001'])
    this.#note(peer, '<', bytes)
    const isData = ((bytes[0] as number) & ~PHASE_BIT) === PACKET.data && peer.established
    const frames = isData ? this.#openData(peer, bytes) : undefined
    if (frames) peer.frames.push(...frames)
    else peer.arrived.push(bytes)
    this.#arena.poke()
  }

  #openData(peer: Peer, bytes: Uint8Array): PacketFrame[] | undefined {
    const established = peer.established as Established
    const phase = ((bytes[0] as number) & PHASE_BIT) === 0 ? 0 : 1
    const direction = phase === established.in.phase ? established.in : nextDirection(established.in)
    // A case has far fewer packets than the 32 bits of the header count.
    const number = readUint32(bytes, 9)
    const head = bytes.subarray(0, HEADER_BYTES)
    const plain = open(direction.key, nonceOf(direction.iv, number), head, bytes.subarray(HEADER_BYTES))
    if (!plain) return undefined
    established.in = direction
    peer.numbers.push(number)
    const frames = framesOf(plain)?.map((frame) => ({ ...frame, phase }))
    peer.heardUnder = bytes.slice(1, 1 + CID_BYTES)
    for (const { name, values, bytes: given } of frames ?? [])
      if (name === 'new_cid') peer.ids.set(values[0] as number, given.slice(0, CID_BYTES))
    const token = frames?.find(({ name }) => name === 'token')
    if (token) peer.given = token.bytes
    const isEliciting = frames?.some(({ name }) => name !== 'ack' && name !== 'close')
    if (isEliciting && bytes.length < MINIMUM_BYTES)
      peer.breach ??= new CaseFailure(`an ack-eliciting packet of ${bytes.length} bytes`, ['PAL-UDP-028'])
    for (const { name, values, bytes: piece } of frames ?? [])
      if (name === 'lane' && values[0] === 0) peer.session.take(values[1] as number, piece)
    for (const { name, values, bytes: piece } of frames ?? [])
      if (name === 'lane' && (values[1] as number) + piece.length > peer.laneCredit)
        peer.breach ??= new CaseFailure('bytes of a lane beyond its credit came', ['PAL-UDP-037'])
    return frames?.map((frame) => ({ ...frame, isRepeat: isRepeat(peer, frame) }))
  }

  // ---- out ------------------------------------------------------------------------------------

  #send(peer: Peer, bytes: Uint8Array): void {
    peer.sentBytes += bytes.length
    this.#note(peer, '>', bytes)
    peer.socket?.send(bytes)
  }

  #note({ label: who }: Peer, direction: '>' | '<', bytes: Uint8Array): void {
    if (!this.#keepsNotes) return
    const hex = hexOf(bytes.subarray(0, BYTES_SHOWN))
    this.notes.push({ who, direction, lane: 0, hex, text: kindOf(bytes) })
  }

  #sendData(
    peer: Peer,
    plain: Uint8Array,
    options: { number?: number; flip?: boolean; first?: number; isOld?: boolean } = {},
  ): void {
    const out = options.isOld ? (peer.before as Direction) : (peer.established as Established).out
    const number = options.number ?? peer.number
    if (options.number === undefined) peer.number += 1
    const head = concatBytes([
      Uint8Array.of(options.first ?? PACKET.data + PHASE_BIT * out.phase),
      peer.dcid,
      uint32Bytes(number % 2 ** 32),
    ])
    const packet = concatBytes([head, seal(out.key, nonceOf(out.iv, number), head, plain)])
    if (options.flip) packet[packet.length - 1] = (packet[packet.length - 1] as number) ^ 1
    peer.lastPacket = packet
    this.#send(peer, packet)
  }

  // ---- steps ----------------------------------------------------------------------------------

  async #run({ who, verb, words, fields }: Step): Promise<unknown> {
    const peer = await this.#peer(who)
    switch (verb) {
      case 'initial':
        return this.#initial(peer, fields)
      case 'again':
        return this.#send(peer, peer.lastInitial)
      case 'retry':
        return this.#retry(peer)
      case 'accept':
        return this.#accept(peer)
      case 'same-accept':
        return this.#sameAccept(peer)
      case 'refuse':
        return this.#refuse(peer, Number(words[0]))
      case 'reset':
        return this.#reset(peer, fields)
      case 'hears-nothing':
        return this.#fence(peer, words[1])
      case 'connects':
        return this.#connects(peer, fields)
      case 'data':
        return this.#data(peer, words, fields)
      case 'packet':
        return this.#send(peer, frameOf(words.join('')))
      case 'gets':
        return this.#gets(peer, words, fields)
      case 'gets-none':
        return this.#getsNone(peer, words[0] as string)
      case 'is':
        peer.scid = frameOf(words[0] as string)
        return undefined
      case 'grants':
        return this.#grants(peer, Number(words[0]))
      case 'answers-challenge':
        return this.#answersChallenge(peer, fields)
      case 'moves':
        return this.#moves(peer)
      case 'at':
        peer.place = Number(words[0])
        return this.#connectTo(peer)
      case 'updates':
        return this.#updates(peer)
      case 'acks':
        return this.#acks(peer, words, fields)
      case 'acks-the-next':
        return this.#acksTheNext(peer)
      case 'learns-a-gap':
        return this.#learnsAGap(peer)
      case 'pieces':
        return this.#pieces(peer, words)
      case 'scatters':
        return this.#scatters(peer, Number(words[0]))
      case 'sends-to':
        return this.#sendsTo(peer, Number(words[0]))
      case 'heard-under':
        return this.#heardUnder(peer, words[0] as string)
      case 'heard-under-first':
        return this.#heardUnder(peer, hexOf(peer.scid))
      case 'takes-token':
        return this.#takesToken(peer)
      default:
        return this.#runInSession(peer, verb)
    }
  }

  #runInSession(peer: Peer, verb: string): Promise<void> {
    switch (verb) {
      case 'enters':
        return this.#enters(peer)
      case 'asks-much':
        return this.#asksMuch(peer)
      case 'hears-again':
        return this.#hearsAgain(peer)
      default:
        throw new RangeError(`no step is called ${verb}`)
    }
  }

  /** Sends an INITIAL; the token is that of the last RETRY, or another: `$alice` is what she was given. */
  #initial(peer: Peer, fields: ReadonlyMap<string, string>): void {
    const size = Number(fields.get('size') ?? INITIAL_BYTES)
    const version = Number(fields.get('version') ?? 1)
    const given = fields.get('token')
    const from = given?.startsWith('$') ? this.#peers.get(given.slice(1)) : undefined
    const token = (from?.given ?? (given === undefined ? peer.token : frameOf(given))).slice()
    const twist = fields.get('twist')
    if (twist !== undefined) token[Number(twist)] = (token[Number(twist)] as number) ^ 1
    if (fields.get('key') !== 'same') peer.noise = undefined
    const secret = peer.noise?.secret ?? this.#bytes(32)
    peer.noise = new Initiator(secret, prologueOf(version, peer.scid))
    const wanted = fields.get('parameters')
    const payload = new Uint8Array(Math.max(0, payloadRoom(size, token)))
    const parameters =
      wanted === 'to-the-end' ? filled(payload.length) : wanted ? frameOf(wanted) : PARAMETERS
    payload.set(parameters.subarray(0, payload.length))
    const message = peer.noise.message1(payload)
    const shown = fields.get('key') === 'zero' ? concatBytes([new Uint8Array(32), payload]) : message
    peer.lastInitial = concatBytes([initialHead({ version, scid: peer.scid, token }), shown]).subarray(
      0,
      size,
    )
    this.#send(peer, peer.lastInitial)
  }

  async #next(peer: Peer, what: string, first: number): Promise<Uint8Array> {
    await this.#arena.until(() => peer.arrived.length > 0, ANSWER_MS)
    const packet = peer.arrived.shift()
    if (!packet) throw new CaseFailure(`no ${what} for ${peer.label}`)
    if (packet[0] !== first)
      throw new CaseFailure(`${peer.label} waited for ${what} and got ${kindOf(packet)}`)
    return packet
  }

  #checkId(peer: Peer, packet: Uint8Array, at: number, what: string): void {
    if (!equalBytes(packet.subarray(at, at + CID_BYTES), peer.scid))
      throw new CaseFailure(`${what} names another connection id`)
  }

  async #retry(peer: Peer): Promise<void> {
    const packet = await this.#next(peer, 'RETRY', PACKET.retry)
    this.#checkId(peer, packet, 5, 'RETRY')
    const length = packet[13] as number
    if (length < 1 || length > 64 || packet.length !== 14 + length)
      throw new CaseFailure('the RETRY is malformed')
    if (peer.receivedBytes > peer.sentBytes)
      throw new CaseFailure('more bytes came than were sent', ['PAL-UDP-031'])
    peer.token = packet.slice(14)
  }

  async #accept(peer: Peer): Promise<void> {
    const packet = await this.#next(peer, 'ACCEPT', PACKET.accept)
    this.#checkId(peer, packet, 1, 'ACCEPT')
    const established = peer.noise?.message2(packet.slice(17))
    if (!established) throw new CaseFailure('the ACCEPT does not verify', ['PAL-UDP-018'])
    peer.accept = packet
    peer.established = established
    peer.dcid = packet.slice(9, 17)
    const parameters = parametersOf(established.parameters)
    const id = parameters.get(9)
    const token = parameters.get(7)
    if (!id || !equalBytes(id, peer.dcid) || token?.length !== 16)
      throw new CaseFailure('connection_id or reset_token is missing or another one', ['PAL-UDP-035'])
    peer.resetToken = token
  }

  async #sameAccept(peer: Peer): Promise<void> {
    const packet = await this.#next(peer, 'ACCEPT', PACKET.accept)
    if (!equalBytes(packet, peer.accept)) throw new CaseFailure('another ACCEPT came')
  }

  async #refuse(peer: Peer, code: number): Promise<void> {
    const packet = await this.#next(peer, 'REFUSE', PACKET.refuse)
    this.#checkId(peer, packet, 1, 'REFUSE')
    if (packet[9] !== code) throw new CaseFailure(`the REFUSE has code ${packet[9]}`)
    const count = packet[10] as number
    if (packet.length !== 11 + 4 * count) throw new CaseFailure('the REFUSE is malformed')
    const versions = Array.from({ length: count }, (_, at) => readUint32(packet, 11 + 4 * at))
    if (!versions.includes(1)) throw new CaseFailure(`the REFUSE names the versions ${versions.join(', ')}`)
  }

  /** DATA for a connection that the relay does not know. */
  async #reset(peer: Peer, fields: ReadonlyMap<string, string>): Promise<void> {
    const packet = concatBytes([
      Uint8Array.of(PACKET.data),
      this.#bytes(CID_BYTES),
      this.#bytes(Number(fields.get('size') ?? 60) - 9),
    ])
    this.#send(peer, packet)
    if (fields.get('answer') === 'none') return
    // What somebody else of this address left behind may just have had the one RESET of an interval.
    for (let waitedMs = 0; waitedMs < ANSWER_MS; waitedMs += AGAIN_MS) {
      if (await this.#arena.until(() => peer.arrived.length > 0, AGAIN_MS)) break
      this.#send(peer, packet)
    }
    const answer = await this.#next(peer, 'RESET', PACKET.reset)
    if (answer.length !== 25 || !equalBytes(answer.subarray(1, 9), packet.subarray(1, 9)))
      throw new CaseFailure('the RESET is malformed or names another connection id')
  }

  /** What was sent before is not answered, `but` for such frames: the RETRY to another INITIAL is next. */
  async #fence(peer: Peer, but?: string): Promise<void> {
    const heard = (): number => peer.frames.filter(({ name }) => name !== but).length
    const before = heard()
    const other = new Peer(`${peer.label}-fence`, this.#bytes(CID_BYTES))
    other.socket = peer.socket
    this.#initial(other, new Map([['token', '']]))
    const packet = await this.#next(peer, 'RETRY', PACKET.retry)
    if (!equalBytes(packet.subarray(5, 13), other.scid)) throw new CaseFailure('an answer came')
    if (heard() > before) throw new CaseFailure('a packet of the connection came')
  }

  async #connects(peer: Peer, fields: ReadonlyMap<string, string>): Promise<void> {
    if (fields.has('limit')) peer.laneCredit = Number(fields.get('limit'))
    this.#initial(peer, fields)
    await this.#retry(peer)
    this.#initial(peer, new Map([...fields, ['key', 'same']]))
    await this.#accept(peer)
    await this.#data(peer, ['ping'], new Map())
    await this.#gets(peer, ['ack'])
  }

  async #data(peer: Peer, words: readonly string[], fields: ReadonlyMap<string, string>): Promise<void> {
    const frames = words.map((word) => frameOf(word))
    for (const [name, value] of fields)
      if (['ack', 'close', 'credit', 'lane', 'rest', 'challenge'].includes(name))
        frames.push(frameOf(`${name}=${value}`))
    let plain = concatBytes(frames)
    const room = MINIMUM_BYTES - HEADER_BYTES - 16 - plain.length
    if (room > 0 && fields.get('pad') !== 'none') plain = concatBytes([plain, new Uint8Array(room)])
    this.#sendData(peer, plain, {
      ...(fields.has('number') ? { number: Number(fields.get('number')) } : {}),
      ...(fields.has('first') ? { first: Number(fields.get('first')) } : {}),
      flip: fields.has('flip'),
      isOld: fields.has('old'),
    })
  }

  /** Whether such a frame comes in time. */
  async #comes(peer: Peer, isIt: (frame: PacketFrame) => boolean): Promise<boolean> {
    const hasCome = (): boolean => peer.frames.some(isIt)
    for (let waitedMs = 0; waitedMs < ANSWER_MS; waitedMs += AGAIN_MS) {
      if (await this.#arena.until(hasCome, AGAIN_MS)) return true
      if (peer.lastPacket.length > 0) this.#send(peer, peer.lastPacket)
    }
    return false
  }

  /** A frame of that name comes, with these values first. */
  async #gets(
    peer: Peer,
    words: readonly string[],
    fields: ReadonlyMap<string, string> = new Map(),
  ): Promise<void> {
    const [name = '', ...values] = words
    const phase = fields.get('phase')
    const type = fields.get('type')
    const isIt = (frame: PacketFrame): boolean =>
      frame.name === name &&
      (phase === undefined || Number(phase) === frame.phase) &&
      (type === undefined || FRAME_TYPES[type as keyof typeof FRAME_TYPES] === frame.bytes[TYPE_AT]) &&
      frame.bytes.length >= Number(fields.get('bytes') ?? 0) &&
      values.every(
        (value, at) => value === '*' || Number(value) === frame.values[at] || value === hexOf(frame.bytes),
      )
    const found = await this.#comes(peer, isIt)
    const seen = peer.frames.map((frame) => `${frame.name} ${frame.values.join(' ')}`).join('; ')
    if (!found)
      throw new CaseFailure(`${peer.label} waited for ${words.join(' ')}; ${seen || 'nothing'} came`)
    peer.frames.splice(0, peer.frames.findIndex(isIt) + 1)
  }

  /** No such frame came before the acknowledgement of another packet; bytes that were sent again may. */
  async #getsNone(peer: Peer, name: string): Promise<void> {
    const number = peer.number
    this.#sendData(peer, concatBytes([frameOf('ping'), new Uint8Array(16)]))
    const isAcked = (frame: PacketFrame): boolean =>
      frame.name === 'ack' && (frame.values[0] as number) >= number
    if (!(await this.#comes(peer, isAcked)))
      throw new CaseFailure(`packet ${number} of ${peer.label} was not acknowledged`)
    const found = peer.frames.find((frame) => frame.name === name && !frame.isRepeat)
    if (found) throw new CaseFailure(`${peer.label} got ${name} ${found.values.join(' ')}`)
    peer.frames.length = 0
  }

  /** Acknowledges ranges, the highest first: `max`, `gap-1..gap-3`; without words the highest number. */
  #acks(peer: Peer, words: readonly string[], fields: ReadonlyMap<string, string>): Promise<void> {
    const ranges = (words.length === 0 ? ['max'] : words).map((word) => {
      const [high = '', low = high] = word.split('..')
      return { high: numberOf(peer, high), low: numberOf(peer, low) }
    })
    return this.#data(peer, [hexOf(ackOf(ranges))], fields)
  }

  /** Acknowledges the number after the highest that came, again and again as that may just have been used. */
  async #acksTheNext(peer: Peer): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const next = Math.max(...peer.numbers) + 1
      const number = peer.number
      await this.#data(peer, ['ping', hexOf(ackOf([{ high: next, low: next }]))], new Map())
      const isIt = ({ name, values }: PacketFrame): boolean =>
        name === 'close' || (name === 'ack' && (values[0] as number) >= number)
      await this.#arena.until(() => peer.frames.some(isIt), ANSWER_MS)
      if (peer.frames.some(({ name }) => name === 'close')) return
    }
    throw new CaseFailure(`${peer.label} acknowledged what was not sent ${TRIES_MAX} times`)
  }

  /** Has the relay send packets until it has left out a number and used enough behind that. */
  async #learnsAGap(peer: Peer): Promise<void> {
    for (let turn = 0; turn < GAP_TURNS_MAX; turn++) {
      const gap = gapOf(peer)
      if (gap >= 0 && Math.max(...peer.numbers) >= gap + BEHIND_GAP) return
      // A number that does not follow the one before is acknowledged at once.
      peer.number += 1
      const number = String(peer.number)
      await this.#data(peer, ['ping'], new Map())
      await this.#gets(peer, ['ack', number])
    }
    throw new CaseSkipped('the relay has left out no packet number')
  }

  /** Bytes of one `hello` on lane 0, each piece in a packet; `10-30!20-30` has the second part wrong. */
  async #pieces(peer: Peer, words: readonly string[]): Promise<void> {
    for (const word of words) {
      const [range = '', wrong = ''] = word.split('!')
      const [start = 0, end = HELLO.length] = range.split('-').map(Number)
      const [wrongStart = 0, wrongEnd = 0] = wrong.split('-').map(Number)
      const piece = HELLO.map((byte, at) => (at >= wrongStart && at < wrongEnd ? byte ^ 0xff : byte))
      await this.#data(
        peer,
        [hexOf(laneFrame(start, piece.slice(start, Math.min(end, HELLO.length))))],
        new Map(),
      )
    }
  }

  /** Every other byte of a long `hello`, so many of them, and then those between. */
  async #scatters(peer: Peer, count: number): Promise<void> {
    const long = longHello(2 * count + 1)
    const send = async (from: number, step: number, to: number): Promise<void> => {
      for (let at = from; at < to; ) {
        const frames: Uint8Array[] = []
        for (; at < to && frames.length < PIECES_PER_PACKET; at += step)
          frames.push(laneFrame(at, long.slice(at, at + 1)))
        const number = peer.number
        await this.#data(peer, [hexOf(concatBytes(frames))], new Map([['number', String(number)]]))
        peer.number += 1
        await this.#data(peer, ['ping'], new Map())
        const isIt = ({ name, values }: PacketFrame): boolean =>
          name === 'ack' && (values[0] as number) > number
        await this.#arena.until(() => peer.frames.some(isIt), ANSWER_MS)
      }
    }
    await send(1, 2, 2 * count)
    await send(0, 2, 2 * count)
    await this.#data(peer, [hexOf(laneFrame(2 * count, long.slice(2 * count)))], new Map())
  }

  /** What follows goes to another of the ids that the relay has given. */
  async #sendsTo(peer: Peer, sequence: number): Promise<void> {
    if (!peer.ids.has(0)) peer.ids.set(0, peer.dcid)
    if (!(await this.#arena.until(() => peer.ids.has(sequence), ANSWER_MS)))
      throw new CaseSkipped(`the relay has not given the id ${sequence}`)
    peer.dcid = peer.ids.get(sequence) as Uint8Array
  }

  #heardUnder(peer: Peer, hex: string): void {
    if (hexOf(peer.heardUnder) !== hex)
      throw new CaseFailure(`the last packet came under ${hexOf(peer.heardUnder)}`)
  }

  /** So many bytes more on lane 0. */
  #grants(peer: Peer, more: number): void {
    peer.laneCredit += more
    this.#sendData(
      peer,
      concatBytes([Uint8Array.of(5), varint(0), varint(peer.laneCredit), new Uint8Array(16)]),
    )
  }

  async #answersChallenge(peer: Peer, fields: ReadonlyMap<string, string>): Promise<void> {
    const isIt = ({ name }: PacketFrame): boolean => name === 'path_challenge'
    if (!(await this.#comes(peer, isIt))) throw new CaseFailure('no PATH_CHALLENGE came')
    const challenge = peer.frames.find(isIt) as PacketFrame
    peer.frames.length = 0
    await this.#data(peer, [hexOf(concatBytes([Uint8Array.of(7), challenge.bytes]))], fields)
  }

  /** The keys of the next phase seal what follows. */
  #updates(peer: Peer): void {
    const established = peer.established as Established
    peer.before = established.out
    established.out = nextDirection(established.out)
  }

  /** A token for a later connection, which a relay may give and need not; it rides on what it has to say. */
  async #takesToken(peer: Peer): Promise<void> {
    await this.#data(peer, ['lane=0,0,00000000'], new Map())
    await this.#gets(peer, ['lane', '0'])
    if (!peer.given) throw new CaseSkipped('the relay gives no tokens')
  }

  /** Opens a session on lane 0. */
  async #enters(peer: Peer): Promise<void> {
    const { session } = peer
    await this.#writes(peer, session.hello())
    await this.#getsFrame(peer, 'challenge', 1)
    await this.#writes(peer, session.auth(this.#cast, peer.label, (peer.established as Established).hash))
    await this.#getsFrame(peer, 'ready', 1)
  }

  /** Pings of whose answers several datagrams can be full. */
  async #asksMuch(peer: Peer): Promise<void> {
    for (let sent = 0; sent < PINGS; sent += PINGS_PER_PACKET)
      await this.#writes(peer, peer.session.pings(PINGS_PER_PACKET))
    await this.#getsFrame(peer, 'pong', PINGS)
  }

  /** What nobody acknowledged comes again: more than a small packet of it. */
  async #hearsAgain(peer: Peer): Promise<void> {
    const { session } = peer
    if (!(await this.#arena.until(() => session.repeatedBytes >= AGAIN_BYTES, ANSWER_MS)))
      throw new CaseFailure(`${session.repeatedBytes} bytes came again for ${peer.label}`, ['PAL-UDP-064'])
  }

  async #writes(peer: Peer, bytes: Uint8Array): Promise<void> {
    await this.#data(peer, [hexOf(laneFrame(peer.session.written, bytes))], new Map())
    peer.session.written += bytes.length
  }

  /** So many frames of that type came, whatever else did. */
  async #getsFrame(peer: Peer, name: string, count: number): Promise<void> {
    const found = (): number => peer.session.frames.filter(({ type }) => type === name).length
    if (!(await this.#arena.until(() => found() >= count, ANSWER_MS)))
      throw new CaseFailure(`${peer.label} got ${found()} of ${count} frames ${name}`)
  }

  /** The same connection from another port. */
  async #moves(peer: Peer): Promise<void> {
    await this.#connectTo(peer)
  }
}

/** The number left out first, or -1. */
function gapOf(peer: Peer): number {
  const came = new Set(peer.numbers)
  const most = Math.max(...peer.numbers)
  for (let number = Math.min(...peer.numbers); number < most; number++) if (!came.has(number)) return number
  return -1
}

/** Takes in where the bytes of a lane end; whether all of them came before, as after a loss. */
function isRepeat({ laneEnds }: Peer, { name, values, bytes }: PacketFrame): boolean {
  if (name !== 'lane') return false
  const [lane = 0, start = 0] = values
  const before = laneEnds.get(lane) ?? 0
  const end = start + bytes.length
  laneEnds.set(lane, Math.max(before, end))
  return end <= before
}

/** `max`, `gap+1`, or a plain number. */
function numberOf(peer: Peer, word: string): number {
  const [, name = '', more = '0'] = /^(max|gap)([+-]\d+)?$/u.exec(word) ?? []
  if (name === '') return Number(word)
  return (name === 'max' ? Math.max(...peer.numbers) : gapOf(peer)) + Number(more)
}

/** Parameters up to the last byte, without an end. */
function filled(byteCount: number): Uint8Array {
  const parts = [PARAMETERS]
  let left = byteCount - PARAMETERS.length
  for (let type = UNKNOWN_PARAMETER; left > 0; type++) {
    // None is left with a single byte, which would be no parameter.
    const length = Math.min(left - 2, left - 2 === 254 ? 200 : 253)
    parts.push(Uint8Array.of(type, length), new Uint8Array(length))
    left -= 2 + length
  }
  return concatBytes(parts)
}

function kindOf(packet: Uint8Array): string {
  const found = Object.entries(PACKET).find(([, first]) => first === packet[0])
  return `${found?.[0].toUpperCase() ?? 'a packet'} of ${packet.length} bytes`
}

function parametersOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>()
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const length = bytes[at + 1] as number
    found.set(bytes[at] as number, bytes.slice(at + 2, at + 2 + length))
    at += 2 + length
  }
  return found
}
