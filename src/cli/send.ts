/** `palaver send`: messages and files from the command line or from a pipe. */
import { utf8Bytes } from '../base/bytes.ts'
import { CONTENT_KINDS, LIMITS } from '../codec/generated/registry.ts'
import type { Receipt, SessionEvent } from '../node/client-connection.ts'
import { newMessageId } from '../node/message-id.ts'
import type { SealingNews } from '../node/sealed-connection.ts'
import type { ClientConversation, Since } from '../protocol/client/index.ts'
import { type Arguments, CLIENT_OPTIONS, type CommandSpec, LASTING_OPTIONS } from './args.ts'
import { type Client, close, connect, roomName, roomNames, targetOf, untilClosed } from './connect.ts'
import { usageError } from './exit.ts'
import { about } from './failure.ts'
import { interruption } from './interrupt.ts'
import { forEachLine, readAll } from './lines.ts'
import { isoText, warn, warnLines, writeJson, writeLine } from './output.ts'
import { Patience } from './patience.ts'
import { newsWords } from './sealing-news.ts'

const UNDER_WAY_MAX = 128
const ID_CHARS_MAX = 128
const NOTHING_OLD: Since = { last: 0, most: 0 }

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'send',
  summary: 'send messages or files, and end',
  usage: ['palaver send ADDRESS (-r ROOM | -t NICK) [TEXT... | -] [OPTIONS]'],
  examples: [
    ['palaver send tcp://127.0.0.1 -r lobby --nick bot "the build is done"', 'one message'],
    [
      'uname -a | palaver send tcp://127.0.0.1 -r lobby --nick bot --json',
      'what a program prints, as one message',
    ],
    ['tail -f log | palaver send tcp://127.0.0.1 -r ops --nick bot --lines', 'each line a message'],
    ['palaver send tcp://127.0.0.1 -t alice --nick bot --file photo.jpg', 'a file, to one person'],
  ],
  options: {
    room: { short: 'r', value: 'ROOM', help: 'the room (PALAVER_ROOM); made when there is none' },
    to: { short: 't', value: 'NICK', help: 'one person instead of a room' },
    lines: { help: 'each line of standard input is a message; empty lines are left out' },
    file: { value: 'PATH', help: 'send a file, in parts, with its SHA-256' },
    ack: { value: 'none|relay', help: 'what to wait for (default relay: it is in the log of the room)' },
    id: { value: 'ID', help: 'a name for the message: the same again is not sent twice' },
    ...CLIENT_OPTIONS,
    ...LASTING_OPTIONS,
  },
  notes: [
    'When the link is lost, send waits for the next one and sends what the relay does not have, once. ' +
      'What was not acknowledged when it gives up is taken back, unless it has an --id: then it goes out ' +
      'with the next command of this identity, and repeating the command is safe. The same holds for ' +
      'whatever a crash left.',
    'Each nick has an identity of its own on this machine. A session of the same identity that is ' +
      'open elsewhere is taken over: send with another --nick than your chat.',
  ],
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const plan = planOf(args)
  const interrupted = interruption()
  const patience = new Patience(args, false, !plan.quiet && !plan.json)
  const left = new Leftovers(plan.json)
  // What others say meanwhile is not shown, so it stays unread.
  const lasting = { patience, acknowledges: 'manual' } as const
  const client = await Promise.race([
    connect(
      args,
      plan.address,
      (event) => left.handle(event),
      lasting,
      (news) => left.tell(news),
    ),
    interrupted,
  ])
  const sending = new Sending(client, plan)
  try {
    await Promise.race([sending.run(), untilClosed(client.connection, patience), interrupted])
  } finally {
    patience.stop()
    sending.giveUp()
    await close(client.connection)
  }
  return 0
}

/** Messages of earlier runs that go out now. */
class Leftovers {
  readonly #json: boolean

  constructor(json: boolean) {
    this.#json = json
  }

  tell(news: SealingNews): void {
    const words = newsWords(news, 'palaver id ')
    if (!words?.isWarning) return
    if (this.#json) writeJson(...words.json)
    else warnLines(words.text)
  }

  handle(event: SessionEvent): void {
    if (event.kind === 'unkept') return warn(event.error.message)
    if (event.kind === 'unsent') return warn(`a message of an earlier run was refused: ${event.refusal.text}`)
    if (event.kind !== 'sent') return
    const { id, at, isDuplicate } = event
    const fields = { id, seq: String(at.seq), duplicate: isDuplicate, leftover: true }
    if (this.#json) writeJson('sent', fields)
    else warn(`a message of an earlier run was sent now`)
  }
}

interface Plan {
  readonly address: Client['address']
  readonly room: string | undefined
  readonly to: string | undefined
  readonly text: string | undefined
  readonly lines: boolean
  readonly file: string | undefined
  readonly ack: 'none' | 'relay'
  readonly id: string | undefined
  readonly json: boolean
  readonly quiet: boolean
}

function planOf(args: Arguments): Plan {
  const { address, words } = targetOf(args)
  const to = args.text('to')
  const rooms = to === undefined ? roomNames(args.all('room'), address) : []
  if (to !== undefined && args.has('room')) throw usageError('-r and -t exclude each other')
  if (rooms.length > 1) throw usageError('send goes to one room at a time')
  if (to === undefined && rooms.length === 0) throw usageError('where to? give -r ROOM or -t NICK')
  const file = args.text('file')
  const lines = args.has('lines')
  const text = words.length > 0 && words.join(' ') !== '-' ? words.join(' ') : undefined
  if ([text, file].filter((each) => each !== undefined).length + Number(lines) > 1)
    throw usageError('TEXT, --lines and --file exclude each other')
  const ack = args.text('ack') ?? 'relay'
  if (ack === 'delivered')
    throw usageError('--ack delivered: the relay does not tell when somebody reads', 'use --ack relay')
  if (ack !== 'none' && ack !== 'relay') throw usageError(`--ack ${ack}: use none or relay`)
  const id = checkedId(args.text('id'), lines || file !== undefined)
  const [room] = rooms
  const json = args.has('json')
  return { address, room, to, text, lines, file, ack, id, json, quiet: args.has('quiet') }
}

function checkedId(id: string | undefined, isSeveral: boolean): string | undefined {
  if (id === undefined) return undefined
  if (isSeveral) throw usageError('--id names one message: not with --lines or --file')
  if (id === '' || id.length > ID_CHARS_MAX) throw usageError(`--id has 1 to ${ID_CHARS_MAX} characters`)
  return id
}

class Sending {
  readonly #client: Client
  readonly #plan: Plan
  readonly #unacknowledged = new Set<string>()
  #conversation: ClientConversation | undefined
  #underWay = 0
  #failure: unknown
  #wake: (() => void) | undefined

  constructor(client: Client, plan: Plan) {
    this.#client = client
    this.#plan = plan
  }

  get #target(): string {
    return this.#plan.to ?? `#${roomName(this.#plan.room as string)}`
  }

  async run(): Promise<void> {
    const { connection } = this.#client
    const { to, room, file, lines, text } = this.#plan
    const request =
      to === undefined ? ({ type: 'join', room: room as string, options: 0 } as const) : undefined
    const joining = request
      ? connection.request(request, NOTHING_OLD)
      : connection.request({ type: 'direct', name: to as string }, NOTHING_OLD)
    this.#conversation = await about(this.#target, joining)
    if (file !== undefined) await this.#sendFile(file)
    else if (lines) await forEachLine(process.stdin, LIMITS.messageTextBytes, (line) => this.#sendLine(line))
    else await this.#sendText(text ?? (await standardInput()))
    while (this.#underWay > 0 && this.#failure === undefined) await this.#settled()
    if (this.#failure !== undefined) throw this.#failure
    if (this.#plan.ack === 'none') await connection.fence(this.#opened.number)
  }

  #sendLine(line: string): Promise<void> | undefined {
    return line === '' ? undefined : this.#sendText(line)
  }

  /** Resolves when another message may follow; a refusal is kept until then. */
  async #sendText(text: string): Promise<void> {
    const body = utf8Bytes(text)
    if (body.length === 0) throw usageError('there is nothing to send')
    //= PAL-MSG-009
    if (body.length > LIMITS.messageTextBytes) {
      const hint = 'send it as a file, with --file, or line by line, with --lines'
      throw usageError(`the text has ${body.length} bytes; a message holds ${LIMITS.messageTextBytes}`, hint)
    }
    this.#send(CONTENT_KINDS.text, body)
    while (this.#underWay >= UNDER_WAY_MAX && this.#failure === undefined) await this.#settled()
    if (this.#failure !== undefined) throw this.#failure
  }

  get #opened(): ClientConversation {
    return this.#conversation as ClientConversation
  }

  #send(kind: number, body: Uint8Array): void {
    const id = this.#plan.id ?? newMessageId(Date.now())
    const sent = this.#client.connection.send(this.#opened, kind, body, id)
    this.#unacknowledged.add(id)
    this.#underWay += 1
    about(this.#target, sent).then(
      (receipt) => {
        this.#unacknowledged.delete(id)
        this.#report(receipt)
        this.#settle(undefined)
      },
      (error: unknown) => this.#settle(error),
    )
  }

  /** What was not acknowledged is taken back: whoever started the command will do it again. */
  giveUp(): void {
    if (this.#plan.id !== undefined || !this.#conversation) return
    for (const id of this.#unacknowledged) this.#client.connection.withdraw(this.#conversation, id)
  }

  #settle(failure: unknown): void {
    this.#underWay -= 1
    if (failure !== undefined) this.#failure ??= failure
    this.#wake?.()
  }

  #settled(): Promise<void> {
    return new Promise((wake) => {
      this.#wake = wake
    })
  }

  #report(receipt: Receipt): void {
    const { ack, json } = this.#plan
    if (ack === 'none' || !json) return
    writeJson('sent', { id: receipt.id, ...this.#where(), ...placeInLog(receipt) })
  }

  #where(): Readonly<Record<string, string>> {
    return this.#plan.to === undefined ? { room: this.#target } : { to: this.#target }
  }

  async #sendFile(path: string): Promise<void> {
    const { sendFile } = await import('./file-sending.ts')
    const { connection, sealing } = this.#client
    const progress = await import('./progress.ts')
    const meter = progress.meter(!this.#plan.quiet && !this.#plan.json && process.stderr.isTTY)
    const sent = await about(
      this.#target,
      sendFile({ connection, sealing, conversation: this.#opened, path, onProgress: meter.show }),
    ).finally(() => meter.end())
    const { name, size, sha256, receipt } = sent
    if (this.#plan.json)
      writeJson('sent', {
        id: receipt.id,
        ...this.#where(),
        ...placeInLog(receipt),
        file: name,
        size,
        sha256,
      })
    else if (!this.#plan.quiet) writeLine(`${sha256}  ${name}`)
  }
}

/** Position and time, as far as the relay still knew them. */
function placeInLog({ seq, timeMs, isDuplicate }: Receipt): Readonly<Record<string, unknown>> {
  return { seq: String(seq), at: timeMs > 0 ? isoText(timeMs) : null, duplicate: isDuplicate }
}

/** Standard input as one message, without its last line end. */
async function standardInput(): Promise<string> {
  if (process.stdin.isTTY) throw usageError('there is no TEXT', 'give one, or pipe one in')
  const bytes = await readAll(process.stdin, LIMITS.messageTextBytes + 2)
  return new TextDecoder().decode(bytes).replace(/\r?\n$/u, '')
}
