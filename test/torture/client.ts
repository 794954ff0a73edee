/**
 * Clients under torture, several in a process of their own. Each composes messages into one room, keeps what
 * is unacknowledged and what it read in a journal, and comes back after every kill of the relay or itself.
 * Arguments: folder, host, port, number of the first client, how many.
 */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { bytesOfHex, EMPTY_BYTES, hexOf, type Instant, utf8Bytes, utf8Text } from '../../src/base/index.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../../src/node/primitives.ts'
import { type ClientEvent, ClientSession } from '../../src/protocol/client/index.ts'
import { Journal } from './journal.ts'

const REDIAL_MS = 20
/** Composed and not acknowledged. */
const WAITING_MAX = 64
const COMPOSE_MS = 2
const TEXT = 0
/** Silence after which the link is given up: a relay that was stopped, or a connection half open. */
const SILENCE_MS = 10_000

class TorturedClient {
  readonly name: string
  readonly #host: string
  readonly #port: number
  readonly #room: string
  readonly #journal: Journal
  readonly #seed: Uint8Array
  readonly #clientId: Uint8Array
  #session: ClientSession | undefined
  #socket: Socket | undefined
  #isLive = false
  /** The last message handed to the session that is open now. */
  #sent = 0
  isComposing = true

  constructor(options: {
    readonly folder: string
    readonly host: string
    readonly port: number
    readonly index: number
  }) {
    this.name = `client-${options.index}`
    this.#host = options.host
    this.#port = options.port
    this.#room = `room${options.index % 2}`
    this.#seed = new Uint8Array(32).fill(options.index + 1)
    this.#clientId = new Uint8Array(8).fill(options.index + 1)
    this.#journal = new Journal(join(options.folder, `${this.name}.journal`))
    this.#dial()
  }

  get isSettled(): boolean {
    const { composed, acknowledged } = this.#journal.known
    return this.#isLive && acknowledged === composed
  }

  get seq(): number {
    return this.#journal.known.seq
  }

  compose(): void {
    const { composed, acknowledged } = this.#journal.known
    if (!this.isComposing || composed - acknowledged >= WAITING_MAX) return
    this.#journal.note(`C ${composed + 1} .`)
    this.#journal.flush()
    this.#send()
  }

  #dial(): void {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true })
    const session = new ClientSession(
      {
        name: this.name,
        identity: identityOfSeed(this.#seed),
        clientId: this.#clientId,
        agent: 'torture',
        signatures: nodeSignatures,
        entropy: systemEntropy,
        binding: EMPTY_BYTES,
      },
      now(),
    )
    this.#session = session
    this.#socket = socket
    this.#isLive = false
    socket.setTimeout(SILENCE_MS, () => socket.destroy())
    socket.on('connect', () => this.#pump())
    socket.on('data', (chunk: Uint8Array) => {
      session.handleBytes(0, chunk, now())
      this.#handleEvents()
      this.#pump()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#session = undefined
      this.#isLive = false
      setTimeout(() => this.#dial(), REDIAL_MS)
    })
  }

  tick(): void {
    this.#session?.handleTimeout(now())
    this.#handleEvents()
    this.#pump()
  }

  #pump(): void {
    const session = this.#session
    if (!session || !this.#socket?.writable) return
    for (let out = session.pollTransmit(now()); out; out = session.pollTransmit(now()))
      this.#socket.write(out.bytes)
  }

  #handleEvents(): void {
    const session = this.#session
    if (!session) return
    for (let event = session.pollEvent(); event; event = session.pollEvent()) this.#handle(event)
    // What was read is written down before anything that follows from it leaves.
    this.#journal.flush()
    this.#send()
  }

  #handle(event: ClientEvent): void {
    const { known } = this.#journal
    switch (event.kind) {
      case 'ready':
        return this.#enter()
      case 'joined': {
        const { conversation, frame } = event
        if (frame.conversation !== known.conversation || hexOf(frame.log) !== known.log)
          this.#journal.note(`J ${frame.conversation} ${hexOf(frame.log)} ${frame.seq} .`)
        this.#isLive = true
        this.#sent = conversation.ref
        if (conversation.ref > known.acknowledged) this.#journal.note(`A ${conversation.ref} .`)
        return
      }
      case 'message': {
        const { seq, body, own, ref } = event.message
        this.#journal.note(`M ${seq} ${utf8Text(body)} .`)
        if (own) this.#journal.note(`A ${ref} .`)
        return
      }
      case 'event':
        if (event.event.seq > 0) this.#journal.note(`E ${event.event.seq} .`)
        return
      case 'ack':
        this.#journal.note(`A ${event.ref} .`)
        return
      case 'gap':
        throw new Error(`${this.name}: entries ${event.from} to ${event.to} are gone`)
      case 'error':
        throw new Error(`${this.name}: refused with ${event.name} ${event.frame.text}`)
      case 'closed':
        this.#socket?.destroy()
        return
      default:
    }
  }

  #enter(): void {
    const { conversation, log, seq } = this.#journal.known
    if (conversation === 0) this.#session?.request({ type: 'join', room: this.#room, options: 0 })
    else {
      const bytes = bytesOfHex(log) as Uint8Array
      this.#session?.request({ type: 'follow', conversation, log: bytes, seq })
    }
  }

  /** Sends what is composed; the n-th message of a client has ref n, across all its lives. */
  #send(): void {
    const { conversation, composed } = this.#journal.known
    while (this.#isLive && this.#session?.state === 'open' && this.#sent < composed) {
      const body = utf8Bytes(`${this.name}:${this.#sent + 1}`)
      if (this.#session.send(conversation, TEXT, body) === undefined) break
      this.#sent += 1
    }
    this.#pump()
  }
}

function now(): Instant {
  return performance.now() as Instant
}

const [folder = '', host = '', port = '0', first = '0', count = '1'] = process.argv.slice(2)
const clients = Array.from({ length: Number(count) }, (_, i) => {
  return new TorturedClient({ folder, host, port: Number(port), index: Number(first) + i })
})
setInterval(() => {
  for (const client of clients) client.compose()
}, COMPOSE_MS)
setInterval(() => {
  for (const client of clients) client.tick()
}, 200)
process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message === 'stop') for (const client of clients) client.isComposing = false
  const isSettled = clients.every((client) => client.isSettled)
  const seqs = Object.fromEntries(clients.map((client) => [client.name, client.seq]))
  process.send?.({ isSettled, seqs })
})
