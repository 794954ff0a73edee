/**
 * Load with as little work per delivery as possible: a real handshake and join, then only the length prefixes
 * of what comes in are looked at.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { EMPTY_BYTES } from '../src/base/bytes.ts'
import type { Instant } from '../src/base/time.ts'
import { writeSend } from '../src/codec/generated/hot.ts'
import { FRAME_TYPES } from '../src/codec/generated/registry.ts'
import { ByteWriter } from '../src/codec/writer.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../src/node/primitives.ts'
import { type ClientEvent, type ClientRequest, ClientSession } from '../src/protocol/client/index.ts'

/** CPU microseconds and bytes of memory of the relay's process. */
export interface Usage {
  readonly cpu: { readonly user: number; readonly system: number }
  readonly rss: number
}

/** The relay's process. */
export class RelayProcess {
  readonly #child: ChildProcess
  readonly tcpPort: number

  private constructor(child: ChildProcess, tcpPort: number) {
    this.#child = child
    this.tcpPort = tcpPort
  }

  static async start(): Promise<RelayProcess> {
    const child = fork(join(import.meta.dirname, 'relay-process.ts'), { execArgv: ['--import', 'tsx'] })
    const ports = await once<{ tcp: number; udp: number }>(child)
    pin(child.pid as number, 0)
    pin(process.pid, 1)
    return new RelayProcess(child, ports.tcp)
  }

  async usage(): Promise<Usage> {
    this.#child.send('usage')
    return await once<Usage>(this.#child)
  }

  stop(): void {
    this.#child.send('stop')
  }
}

function once<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T))
    child.once('exit', () => reject(new Error('the relay process ended')))
  })
}

function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
}

/** One client: shakes hands and joins like any other, and then counts. */
export class LoadClient {
  /** Message frames received since the last reset. */
  received = 0
  onReceived: () => void = () => {}
  onTimes: ((at: number) => void) | undefined
  readonly socket: Socket
  readonly #session: ClientSession
  readonly #writer = new ByteWriter()
  readonly #body: Uint8Array
  #isCounting = false
  #conversation = 0
  #ref = 0
  /** Bytes of the current frame that are still to come, and its prefix where that was cut. */
  #left = 0
  #prefix = 0
  #prefixBytes = 0
  #waiting: { until: (event: ClientEvent) => boolean; resolve: (event: ClientEvent) => void } | undefined

  constructor(port: number, name: string, bodyBytes: number) {
    this.#body = new Uint8Array(bodyBytes).fill(120)
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const identity = identityOfSeed(systemEntropy(32))
    const now = performance.now() as Instant
    const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: EMPTY_BYTES }
    const clientId = systemEntropy(8)
    this.#session = new ClientSession({ name, identity, clientId, agent: 'bench', ...means }, now)
    this.socket.on('connect', () => this.#pump())
    this.socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    this.socket.on('error', (error) => {
      throw error
    })
  }

  /** Resolves with the first event that `until` accepts. */
  event(until: (event: ClientEvent) => boolean): Promise<ClientEvent> {
    return new Promise((resolve) => {
      this.#waiting = { until, resolve }
    })
  }

  request(request: ClientRequest): void {
    this.#session.request(request)
    this.#pump()
  }

  /** From now on frames are counted and not read. Call when nothing is under way. */
  count(conversation: number): void {
    this.#isCounting = true
    this.#conversation = conversation
    this.#ref = this.#session.conversations.get(conversation)?.ref ?? 0
  }

  /** Sends `count` messages in one write. */
  sendBurst(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#ref += 1
      writeSend(this.#writer, this.#conversation, this.#ref, 0, this.#body, 0, this.#body.length)
    }
    this.socket.write(this.#writer.take())
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isCounting) return this.#countFrames(chunk)
    this.#session.handleBytes(0, chunk, performance.now() as Instant)
    for (let event = this.#session.pollEvent(); event; event = this.#session.pollEvent()) {
      if (event.kind === 'closed') throw new Error(`closed: ${event.text}`)
      if (!this.#waiting?.until(event)) continue
      const { resolve } = this.#waiting
      this.#waiting = undefined
      resolve(event)
    }
    this.#pump()
  }

  #countFrames(chunk: Uint8Array): void {
    const before = this.received
    const end = chunk.length
    let at = 0
    while (at < end) {
      if (this.#left === 0) {
        if (this.#prefixBytes === 0 && end - at >= 6) {
          const length =
            ((chunk[at + 1] as number) << 16) | ((chunk[at + 2] as number) << 8) | (chunk[at + 3] as number)
          if (chunk[at + 5] === FRAME_TYPES.message) this.received += 1
          at += 4
          this.#left = length
        } else {
          this.#prefix = (this.#prefix << 8) | (chunk[at++] as number)
          this.#prefixBytes += 1
          if (this.#prefixBytes < 4) continue
          this.#left = this.#prefix
          this.#prefix = 0
          this.#prefixBytes = 0
          this.received += 1
        }
      }
      const step = Math.min(this.#left, end - at)
      at += step
      this.#left -= step
    }
    if (this.received > before) this.onReceived()
  }

  #pump(): void {
    const now = performance.now() as Instant
    for (let item = this.#session.pollTransmit(now); item; item = this.#session.pollTransmit(now))
      this.socket.write(item.bytes)
  }
}

/** Opens clients a few at a time. */
export async function openClients(port: number, count: number, bodyBytes: number): Promise<LoadClient[]> {
  const clients: LoadClient[] = []
  while (clients.length < count) {
    const batch = Array.from(
      { length: Math.min(20, count - clients.length) },
      (_, i) => new LoadClient(port, `c${clients.length + i}`, bodyBytes),
    )
    await Promise.all(batch.map((client) => client.event((event) => event.kind === 'ready')))
    clients.push(...batch)
  }
  return clients
}

/** Joins a room and returns its conversation number. */
export async function joinRoom(client: LoadClient, room: string): Promise<number> {
  const joined = client.event((event) => event.kind === 'joined')
  client.request({ type: 'join', room, options: 0 })
  const event = await joined
  return event.kind === 'joined' ? event.conversation.number : 0
}
