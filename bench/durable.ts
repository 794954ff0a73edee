/**
 * Messages acknowledged per second by a relay that commits before it acknowledges, and how long that takes:
 * 64-byte messages of 128 senders in so many rooms, the load on the same machine. With `--stuck` so many more
 * members of those rooms never read.
 *
 *   npm run build && npx tsx bench/durable.ts [--rate 50000] [--seconds 5] [--rooms 128] [--stuck 0]
 *                                             [--ephemeral] [--profile FOLDER]
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { EMPTY_BYTES } from '../src/base/bytes.ts'
import type { Instant } from '../src/base/time.ts'
import { Deframer, FRAME } from '../src/codec/deframer.ts'
import { MessageView, readMessage, writeSend } from '../src/codec/generated/hot.ts'
import { FRAME_TYPES } from '../src/codec/generated/registry.ts'
import { FrameReader } from '../src/codec/reader.ts'
import { ByteWriter } from '../src/codec/writer.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../src/node/primitives.ts'
import { ClientSession } from '../src/protocol/client/index.ts'
import { profileText, profilingOptions } from './profile.ts'
import { runInNamespace, takePrecedence } from './quiet.ts'
import { Server } from './server.ts'

const SENDERS = 128
const BODY = new Uint8Array(64).fill(120)
const TEXT = 0
const WARM_MS = 2000
const TICK_MS = 1
/** Messages of a sender under way; the relay takes 256. */
const WINDOW = 200
const RATE = '1000000000'
const MAIN = join(import.meta.dirname, '../dist/cli/main.js')

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '5' },
    rooms: { type: 'string', default: '128' },
    stuck: { type: 'string', default: '0' },
    ephemeral: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})

/** A client that measures how long its own messages take to come back. */
class Sender {
  readonly socket: Socket
  readonly #session: ClientSession
  readonly #deframer = new Deframer(65_536)
  readonly #reader = new FrameReader()
  readonly #view = new MessageView()
  readonly #writer = new ByteWriter()
  readonly #sentAt: number[] = []
  #isCounting = false
  #conversation = 0
  #alias = 0
  #ref = 0
  #acknowledged = 0
  /** Milliseconds from sending to acknowledgement, while measured. */
  latencies: number[] | undefined
  received = 0

  constructor(port: number, name: string, room: string, onJoined: () => void) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const identity = identityOfSeed(systemEntropy(32))
    const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: EMPTY_BYTES }
    const clientId = systemEntropy(8)
    this.#session = new ClientSession({ name, identity, clientId, agent: 'bench', ...means }, now())
    this.socket.on('connect', () => this.#pump())
    this.socket.on('data', (chunk: Uint8Array) => {
      if (this.#isCounting) return this.#count(chunk)
      this.#session.handleBytes(0, chunk, now())
      for (let event = this.#session.pollEvent(); event; event = this.#session.pollEvent()) {
        if (event.kind === 'ready') this.#session.request({ type: 'join', room, options: 0 })
        else if (event.kind === 'joined') {
          this.#conversation = event.conversation.number
          this.#alias = event.conversation.alias
          onJoined()
        } else if (event.kind === 'closed') throw new Error(`closed: ${event.name} ${event.text}`)
      }
      this.#pump()
    })
  }

  /** From now on bytes are counted rather than taken in. Call when nothing is under way. */
  startCounting(): void {
    this.#isCounting = true
  }

  send(count: number): number {
    const room = Math.min(count, WINDOW - (this.#ref - this.#acknowledged))
    const at = performance.now()
    for (let i = 0; i < room; i++) {
      this.#ref += 1
      this.#sentAt.push(at)
      writeSend(this.#writer, this.#conversation, this.#ref, TEXT, BODY, 0, BODY.length)
    }
    if (room > 0) this.socket.write(this.#writer.take())
    return room
  }

  #count(chunk: Uint8Array): void {
    const at = performance.now()
    const deframer = this.#deframer
    deframer.push(chunk)
    while (deframer.next() === FRAME) {
      const { bytes, start, end } = deframer
      if (bytes[start + 1] !== FRAME_TYPES.message) continue
      this.received += 1
      this.#reader.reset(bytes, start, end)
      if (!readMessage(this.#reader, this.#view) || this.#view.sender !== this.#alias) continue
      this.latencies?.push(at - (this.#sentAt[this.#acknowledged] as number))
      this.#acknowledged += 1
    }
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  #pump(): void {
    for (let out = this.#session.pollTransmit(now()); out; out = this.#session.pollTransmit(now()))
      this.socket.write(out.bytes)
  }
}

function now(): Instant {
  return performance.now() as Instant
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

function joined(port: number, name: string, room: string): Promise<Sender> {
  return new Promise((resolve) => {
    const sender: Sender = new Sender(port, name, room, () => resolve(sender))
  })
}

/** Keeps to the rate over all senders, as far as their windows allow. */
function keepSending(senders: readonly Sender[], perSecond: number): () => void {
  const startedAt = performance.now()
  let sent = 0
  let next = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000) - sent
    const each = Math.max(1, Math.floor(due / senders.length))
    for (let left = due, tried = 0; left > 0 && tried < senders.length; tried++) {
      left -= (senders[next] as Sender).send(Math.min(each, left))
      next = (next + 1) % senders.length
    }
    sent += due
  }, TICK_MS)
  return () => clearInterval(timer)
}

interface Usage {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

function usageOf(pid: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    rssBytes: Number(fields[21]) * 4096,
  }
}

async function main(): Promise<void> {
  const limits = Object.fromEntries(
    ['SENDS', 'SEND_BYTES', 'JOINS', 'REQUESTS', 'LINKS'].flatMap((name) => [
      [`PALAVER__LIMITS__${name}_PER_SECOND`, RATE],
      [`PALAVER__LIMITS__${name}_BURST`, RATE],
    ]),
  )
  const profiling = values.profile === undefined ? [] : profilingOptions(resolve(values.profile), 'durable')
  const server = await Server.start(({ port, folder }) => {
    const data = values.ephemeral ? ['--ephemeral'] : ['--data', join(folder, 'data')]
    const where = ['-l', `tcp://127.0.0.1:${port}`, '--admin', 'off', '--quiet']
    return { command: process.execPath, args: [...profiling, MAIN, 'serve', ...where, ...data], env: limits }
  }, undefined)
  const rooms = Number(values.rooms)
  const senders: Sender[] = []
  for (let i = 0; i < SENDERS; i++) senders.push(await joined(server.port, `s${i}`, `room${i % rooms}`))
  const before = usageOf(server.pid)
  for (let i = 0; i < Number(values.stuck); i++) {
    const reader = await joined(server.port, `stuck${i}`, `room${i % rooms}`)
    reader.socket.pause()
  }
  await pause(500)
  for (const sender of senders) sender.startCounting()
  const stop = keepSending(senders, Number(values.rate))
  await pause(WARM_MS)
  for (const sender of senders) sender.latencies = []
  const from = performance.now()
  const countBefore = senders.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  const cpuBefore = usageOf(server.pid)
  await pause(Number(values.seconds) * 1000)
  const seconds = (performance.now() - from) / 1000
  const count = senders.reduce((sum, { acknowledged }) => sum + acknowledged, 0) - countBefore
  const after = usageOf(server.pid)
  stop()
  const latencies = Float64Array.from(senders.flatMap((sender) => sender.latencies ?? [])).sort()
  const at = (share: number): string => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2)
  const cpu = after.cpuSeconds - cpuBefore.cpuSeconds
  const perSecond = (count / seconds / 1000).toFixed(1)
  const busy = ((100 * cpu) / seconds).toFixed(0)
  const perMessage = ((cpu / count) * 1e6).toFixed(1)
  const grown = ((after.rssBytes - before.rssBytes) / 2 ** 20).toFixed(0)
  console.log(
    `${perSecond} k acknowledged/s  p50 ${at(0.5)} p99 ${at(0.99)} max ${at(0.99999)} ms  ` +
      `relay ${busy} % of a core, ${perMessage} us a message, ${grown} MiB more than idle`,
  )
  for (const sender of senders) sender.socket.destroy()
  await server.stop()
  if (values.profile !== undefined) console.log(profileText(values.profile))
}

const inside = await runInNamespace()
if (inside === undefined) {
  takePrecedence()
  await main()
  process.exit(0)
} else process.exit(inside)
