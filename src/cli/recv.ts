/** `palaver recv`: what arrives, printed, saved or handed to a command. */
import { spawn } from 'node:child_process'
import { CONTENT_KINDS, CONVERSATION_KINDS, EVENTS, GAP_REASONS } from '../codec/generated/registry.ts'
import type { SessionEvent } from '../node/client-connection.ts'
import type { SealingNews } from '../node/sealed-connection.ts'
import { isOfSealedFile, SealedFileReceiver } from '../node/sealed-file-receiving.ts'
import type { ClientConversation, ReceivedMessage } from '../protocol/client/index.ts'
import { Acknowledging } from './acknowledging.ts'
import { type Arguments, CLIENT_OPTIONS, type CommandSpec, LASTING_OPTIONS } from './args.ts'
import { type Client, close, connect, roomNames, targetOf, untilClosed } from './connect.ts'
import {
  contentKindName,
  gapReason,
  messageFields,
  messageLine,
  placeName,
  placeOf,
  senderOf,
} from './content.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { about } from './failure.ts'
import { FileReceiver, type FileSink, folderSink, type PartResult, safeFileName } from './file-receiving.ts'
import { interruption } from './interrupt.ts'
import { clockText, isoText, sizeText, warn, warnLines, writeJson, writeLine } from './output.ts'
import { Patience } from './patience.ts'
import { printable } from './printable.ts'
import { newsWords } from './sealing-news.ts'
import { parseSince, positionBefore, type SinceWish, sinceOf } from './since.ts'
import { parseCount, parseDuration } from './units.ts'

type RoomEvent = Extract<SessionEvent, { kind: 'event' }>
type GapEvent = Extract<SessionEvent, { kind: 'gap' }>

/** Messages that wait for a command before reading pauses. */
const WAITING_MAX = 64
const COUNT_MAX = 2 ** 31

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'recv',
  summary: 'print, save or hand on what arrives',
  usage: ['palaver recv ADDRESS (-r ROOM... | -t me) [OPTIONS]'],
  examples: [
    ['palaver recv tcp://127.0.0.1 -r lobby --nick ear', 'every message from now on'],
    [
      'palaver recv tcp://127.0.0.1 -r lobby -n 1 -w 5s --nick ear',
      'one message, at most five seconds; else exit 8',
    ],
    [
      'palaver recv tcp://127.0.0.1 -t me --nick box --save inbox',
      'files sent to box, into the folder inbox',
    ],
    ['palaver recv tcp://127.0.0.1 -r ops --nick hook --exec ./on-message.sh', 'each message to a command'],
    [
      'palaver recv tcp://127.0.0.1 -r ops --nick log --since 1h --until-end',
      'what was said in the last hour',
    ],
  ],
  options: {
    room: {
      short: 'r',
      value: 'ROOM',
      multiple: true,
      help: 'a room (PALAVER_ROOM); made when there is none',
    },
    to: { short: 't', value: 'me', help: 'only direct messages' },
    count: { short: 'n', value: 'COUNT', help: 'end after so many messages' },
    wait: {
      short: 'w',
      value: 'DURATION',
      help: 'end when nothing comes for so long (exit 8 if too few came)',
    },
    since: {
      value: 'WHEN',
      help: 'what was said before: a duration (10m), last (where this identity stopped), start, or a seq',
    },
    'until-end': { help: 'end when everything was received that was there at the start' },
    raw: { help: 'only the bodies, each followed by a line end' },
    exec: {
      value: 'COMMAND',
      help: 'run it for each message: body on standard input, PALAVER_FROM and others set',
    },
    save: { value: 'DIR', help: 'save files there; none is overwritten, each is checked' },
    ...CLIENT_OPTIONS,
    ...LASTING_OPTIONS,
  },
  notes: [
    'Direct messages wait at the relay until they were printed, or until the command given with --exec has ' +
      'ended. What cannot be given because the relay keeps it no longer is told on standard error.',
    'A command given with --exec sees PALAVER_FROM, PALAVER_ROOM or PALAVER_DIRECT, PALAVER_SEQ, ' +
      'PALAVER_AT and PALAVER_KIND. Commands run one after the other. A file counts as one message.',
  ],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const plan = planOf(args)
  const interrupted = interruption()
  const receiving = new Receiving(plan)
  const patience = new Patience(args, false, !args.has('quiet') && !plan.json)
  const lasting = { patience, acknowledges: 'manual' } as const
  const client = await Promise.race([
    connect(
      args,
      plan.address,
      (event) => receiving.handle(event),
      lasting,
      (news) => receiving.tell(news),
    ),
    interrupted,
  ])
  try {
    const work = receiving.run(client)
    await Promise.race([work, untilClosed(client.connection, patience), interrupted])
  } finally {
    patience.stop()
    receiving.end()
    await close(client.connection)
  }
  return 0
}

interface Plan {
  readonly address: Client['address']
  readonly rooms: readonly string[]
  readonly count: number
  readonly waitMs: number | undefined
  readonly since: SinceWish
  readonly untilEnd: boolean
  readonly raw: boolean
  readonly exec: string | undefined
  readonly save: string | undefined
  readonly json: boolean
  readonly isTalkative: boolean
}

function planOf(args: Arguments): Plan {
  const { address, words } = targetOf(args)
  if (words.length > 0) throw usageError(`recv takes no "${words[0]}"`, 'rooms are given with -r')
  const to = args.text('to')
  if (to !== undefined && to !== 'me')
    throw usageError(`-t ${to}: recv can only receive what is for you`, 'use: -t me')
  if (to !== undefined && args.has('room')) throw usageError('-r and -t exclude each other')
  const rooms = to === undefined ? roomNames(args.all('room'), address) : []
  if (to === undefined && rooms.length === 0) throw usageError('from where? give -r ROOM or -t me')
  const count = args.text('count')
  const wait = args.text('wait')
  const since = parseSince(args.text('since'))
  if (rooms.length === 0 && args.has('since'))
    throw usageError('--since is for rooms', 'direct messages wait at the relay until they are read')
  const json = args.has('json')
  const raw = args.has('raw')
  if (json && raw) throw usageError('--json and --raw exclude each other')
  return {
    address,
    rooms,
    count: count === undefined ? Infinity : parseCount(count, '-n', 1, COUNT_MAX),
    waitMs: wait === undefined ? undefined : parseDuration(wait, '-w'),
    since,
    untilEnd: args.has('until-end'),
    raw,
    exec: args.text('exec'),
    save: args.text('save'),
    json,
    isTalkative: args.has('verbose') || (process.stderr.isTTY === true && !args.has('quiet')),
  }
}

/** Receives until the count is reached or nothing comes any more. */
class Receiving {
  readonly #plan: Plan
  readonly #files: FileReceiver
  readonly #sealedFiles: SealedFileReceiver
  readonly #commands: ReceivedMessage[] = []
  /** Where each conversation ended when it was joined, once that is known for all. */
  readonly #ends = new Map<ClientConversation, number>()
  #knowsEnds = false
  /** Messages that came before the session was said to be open. */
  readonly #early: SessionEvent[] = []
  #client: Client | undefined
  #acknowledging: Acknowledging | undefined
  #received = 0
  #isRunning = false
  #isOver = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #resolve!: () => void
  #reject!: (error: unknown) => void
  readonly #over: Promise<void>

  constructor(plan: Plan) {
    this.#plan = plan
    const openSink = (name: string): FileSink | undefined =>
      plan.save === undefined ? undefined : folderSink(plan.save)(name)
    this.#files = new FileReceiver(openSink)
    this.#sealedFiles = new SealedFileReceiver(openSink, safeFileName)
    this.#over = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#over.catch(() => {})
  }

  async run(client: Client): Promise<void> {
    this.#client = client
    this.#acknowledging = new Acknowledging(client.connection)
    for (const event of this.#early.splice(0)) this.handle(event)
    const { rooms, json } = this.#plan
    for (const room of rooms) await this.#join(client, room)
    if (rooms.length === 0 && json) writeJson('listening', { direct: true, as: client.nick })
    if (this.#plan.untilEnd) await this.#learnEnds(client)
    this.#arm()
    return this.#over
  }

  async #join(client: Client, room: string): Promise<void> {
    const { connection, nick } = client
    const { since, json, isTalkative } = this.#plan
    const joining = connection.request({ type: 'join', room, options: 1 }, sinceOf(since))
    const joined = await about(`#${room}`, joining)
    this.#ends.set(joined, joined.head)
    if (json) writeJson('joined', { room: `#${joined.name}`, as: nick, members: joined.count })
    else if (isTalkative) process.stderr.write(`listening in #${joined.name} as ${nick}\n`)
    if (since.kind !== 'ago') return
    const wallMs = connection.facts.timeMs + client.connection.elapsedMs - since.ms
    connection.reposition(joined, await positionBefore(connection, joined, wallMs))
  }

  /** Messages that waited are announced behind the opening of the session. */
  async #learnEnds({ connection }: Client): Promise<void> {
    if (this.#plan.rooms.length === 0) {
      await connection.fenceAll()
      for (const each of connection.conversations.values())
        if (each.kind === CONVERSATION_KINDS.direct) this.#ends.set(each, each.head)
    }
    this.#knowsEnds = true
    this.#checkEnd()
  }

  #checkEnd(): void {
    const connection = this.#client?.connection
    if (!connection || !this.#knowsEnds || this.#isRunning || this.#commands.length > 0) return
    for (const [conversation, end] of this.#ends) if (connection.position(conversation) < end) return
    this.#finish(undefined)
  }

  handle(event: SessionEvent): void {
    if (!this.#client) {
      this.#early.push(event)
      return
    }
    try {
      if (event.kind === 'message') this.#handleMessage(event.message)
      else if (event.kind === 'notice') this.#showNotice(event.frame)
      else if (event.kind === 'event') this.#handleEvent(event)
      else if (event.kind === 'gap') this.#showGap(event)
      else if (event.kind === 'unkept') warn(event.error.message)
      this.#checkEnd()
    } catch (error) {
      this.#finish(error)
    }
  }

  /** What there is to know of sealing. */
  tell(news: SealingNews): void {
    const { json, isTalkative } = this.#plan
    const words = newsWords(news, 'palaver id ')
    if (!words) return
    if (json) writeJson(...words.json)
    else if (words.isWarning) warnLines(words.text)
    else if (isTalkative) process.stderr.write(`${printable(words.text)}\n`)
  }

  /** Never silently less. */
  #showGap({ conversation, from, to, reason }: GapEvent): void {
    const place = placeName(conversation)
    const why = reason === GAP_REASONS.corrupt ? 'damaged at the relay' : 'older than the relay keeps'
    if (this.#plan.json)
      writeJson('gap', { in: place, from: String(from), to: String(to), reason: gapReason(reason) })
    else warn(`${place}: entries ${from} to ${to} are missing: ${why}`)
    this.#acknowledging?.done(conversation, to)
  }

  /** What this program is told that is no message. */
  #showNotice(frame: { readonly time: number; readonly from: string; readonly text: string }): void {
    const { time, from, text } = frame
    if (this.#plan.json) return writeJson('notice', { at: isoText(time), from: from || null, text })
    if (!this.#plan.raw) process.stderr.write(`${clockText(time)} announcement: ${printable(text)}\n`)
  }

  /** A session that ends says so itself; only operators take a member out of one room. */
  #handleEvent({ conversation, event, endsMembership }: RoomEvent): void {
    this.#acknowledge(conversation, event.seq)
    if (!endsMembership || (event.kind !== EVENTS.kicked && event.kind !== EVENTS.banned)) return
    const why = event.text === '' ? '' : `: ${printable(event.text)}`
    const hint = 'ask an operator of the room'
    throw new CliError(
      EXIT.refused,
      'removed',
      `removed from #${conversation.name} by an operator${why}`,
      hint,
    )
  }

  #handleMessage(message: ReceivedMessage): void {
    const isRoom = message.conversation.kind === CONVERSATION_KINDS.room
    if (this.#isOver || isRoom !== this.#plan.rooms.length > 0) return
    if (message.own) return this.#acknowledge(message.conversation, message.seq)
    this.#arm()
    const isFile = message.contentKind === CONTENT_KINDS.part || isOfSealedFile(message)
    if (isFile) return this.#handlePart(message)
    const { exec, json, raw, rooms } = this.#plan
    if (exec !== undefined) return this.#queueCommand(message)
    if (raw) {
      process.stdout.write(message.body)
      process.stdout.write('\n')
    } else if (json) writeJson('message', messageFields(message))
    else writeLine(messageLine(message, rooms.length > 1))
    this.#acknowledge(message.conversation, message.seq)
    this.#count()
  }

  /** A command that runs or waits has yet to be done with what came before. */
  #acknowledge(conversation: ClientConversation, seq: number): void {
    if (this.#isRunning || this.#commands.length > 0) return
    this.#acknowledging?.done(conversation, seq)
  }

  #handlePart(message: ReceivedMessage): void {
    const { json, save, isTalkative } = this.#plan
    const source = `${message.conversation.number}/${message.sender}`
    if (save === undefined) return this.#acknowledge(message.conversation, message.seq)
    const result = isOfSealedFile(message)
      ? this.#sealedFiles.handle(source, message)
      : this.#files.handlePart(source, message.body)
    if (result.kind === 'started') this.#acknowledging?.begin(source, message.conversation, message.seq)
    else if (result.kind !== 'more' && result.kind !== 'ignored') this.#acknowledging?.end(source)
    if (result.kind === 'started' && isTalkative)
      process.stderr.write(`${senderOf(message)} sends ${result.name} (${sizeText(result.size)})\n`)
    if (result.kind === 'refused' && result.why.startsWith('its'))
      throw new CliError(
        EXIT.untrusted,
        'bad_file',
        `the file ${result.name} from ${senderOf(message)}: ${result.why}`,
      )
    if (result.kind === 'no_room')
      warn(`the file ${result.name} from ${senderOf(message)} is left out: too many at once`)
    if (result.kind === 'refused')
      warn(`the file ${result.name} from ${senderOf(message)} is left out: ${result.why}`)
    if (result.kind === 'complete') {
      if (json) writeJson('file', fileFields(message, result))
      else writeLine(`${result.sha256}  ${result.where}`)
    }
    this.#acknowledge(message.conversation, message.seq)
    if (result.kind === 'complete') this.#count()
  }

  #count(): void {
    this.#received += 1
    if (this.#received >= this.#plan.count) this.#finish(undefined)
  }

  // ---- commands -------------------------------------------------------------------------------

  #queueCommand(message: ReceivedMessage): void {
    this.#commands.push(message)
    if (this.#commands.length >= WAITING_MAX) this.#client?.connection.pause()
    if (!this.#isRunning) this.#runNext()
  }

  #runNext(): void {
    const message = this.#commands.shift()
    if (!message || this.#isOver) return
    this.#isRunning = true
    if (this.#commands.length === WAITING_MAX - 1) this.#client?.connection.resume()
    runCommand(this.#plan.exec as string, message).then(
      (code) => {
        this.#isRunning = false
        if (code !== 0) warn(`the command ended with ${code}`)
        this.#acknowledging?.done(message.conversation, message.seq)
        this.#count()
        this.#runNext()
        this.#checkEnd()
      },
      (error: unknown) => this.#finish(error),
    )
  }

  // ---- end ------------------------------------------------------------------------------------

  #arm(): void {
    clearTimeout(this.#timer)
    const { waitMs, count } = this.#plan
    if (waitMs === undefined) return
    this.#timer = setTimeout(() => {
      if (this.#isRunning) return this.#arm()
      const isEnough = count === Infinity && this.#received > 0
      this.#finish(isEnough ? undefined : nothingCame(waitMs, this.#received, count))
    }, waitMs)
  }

  #finish(error: unknown): void {
    this.#isOver = true
    if (error === undefined) this.#resolve()
    else this.#reject(error)
  }

  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#files.close()
    this.#sealedFiles.close()
  }
}

function fileFields(
  message: ReceivedMessage,
  file: Extract<PartResult, { kind: 'complete' }>,
): Record<string, unknown> {
  const { name, size, sha256, where } = file
  const from = senderOf(message)
  return {
    in: placeOf(message),
    seq: String(message.seq),
    at: isoText(message.timeMs),
    from,
    name,
    size,
    sha256,
    saved: where,
  }
}

function nothingCame(waitMs: number, received: number, count: number): CliError {
  const wanted = count === Infinity ? '' : `: ${received} of ${count} messages`
  return new CliError(EXIT.nothing, 'nothing_came', `nothing came for ${waitMs / 1000} s${wanted}`)
}

/** Runs a shell command with the body on its standard input; resolves with its exit code. */
function runCommand(command: string, message: ReceivedMessage): Promise<number> {
  const { conversation, seq, timeMs, contentKind, body } = message
  const isRoom = conversation.kind === CONVERSATION_KINDS.room
  const env = {
    ...process.env,
    [isRoom ? 'PALAVER_ROOM' : 'PALAVER_DIRECT']: placeOf(message),
    PALAVER_FROM: senderOf(message),
    PALAVER_SEQ: String(seq),
    PALAVER_AT: isoText(timeMs),
    PALAVER_KIND: contentKindName(contentKind),
  }
  return new Promise((resolve, reject) => {
    //= PAL-SEC-007
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['pipe', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? (signal ? 128 : 0)))
    // A command need not read what it is given.
    child.stdin.on('error', () => {})
    child.stdin.end(body)
  })
}
