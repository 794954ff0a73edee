/** The load generator as the driver sees it: the process of engine.c, and a wire for each of its sockets. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const COMMAND = { open: 1, write: 2, spec: 3, run: 4, close: 5 } as const
const REPORT = { connected: 1, data: 2, closed: 3, result: 4 } as const
const FLAG = { meter: 1, publisher: 2, reply: 4 } as const
const NO_OFFSET = 0xffffffff
const RESULT_BYTES = 80

/** What a client of the generator sends and counts. */
export interface Spec {
  /** Counts markers; others count bytes only. */
  readonly meter: boolean
  readonly publisher: boolean
  /** Messages that may be sent for each one received. */
  readonly gain: number
  /** Messages under way at the start. */
  readonly window: number
  readonly message: Uint8Array
  /** A big-endian counter in the message. */
  readonly counter?: { readonly at: number; readonly bytes: number; readonly from: number } | undefined
  /** Where 16 hexadecimal digits of time go. */
  readonly stampAt?: number | undefined
  /** What a received message is known by. */
  readonly marker: Uint8Array
  /** Whether the marker stands in an answer, which holds no time of its own. */
  readonly isReply: boolean
}

export interface RunOptions {
  /** Messages a second over all publishers; 0 saturates. */
  readonly rate: number
  readonly warmMs: number
  readonly measureMs: number
  readonly pid: number
  /** Sleeps between messages at a pace: who shares the cores with the server leaves it some. */
  readonly naps?: boolean
}

export interface RunResult {
  readonly wallSeconds: number
  readonly serverCpuSeconds: number
  readonly ownCpuSeconds: number
  readonly bytes: number
  readonly meterBytes: number
  readonly meterMessages: number
  readonly sent: number
  /** Times that nothing moved and the windows were given anew: the server lost messages. */
  readonly stalls: number
  readonly lostConnections: number
  /** Nanoseconds, sorted. */
  readonly latencies: Uint32Array
  /** Nanoseconds by which the messages of a pace were sent late, sorted. */
  readonly lags: Uint32Array
}

/** One socket of the generator while it is set up. */
export class Wire {
  readonly id: number
  readonly #engine: Engine
  #held: Buffer = Buffer.alloc(0)
  #wake: (() => void) | undefined
  #isClosed = false

  constructor(id: number, engine: Engine) {
    this.id = id
    this.#engine = engine
  }

  write(bytes: Uint8Array | string): void {
    this.#engine.send(COMMAND.write, this.id, typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  }

  /** Resolves with the next bytes. */
  async read(): Promise<Buffer> {
    while (this.#held.length === 0) {
      if (this.#isClosed) throw new Error('the server closed a connection')
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
    const bytes = this.#held
    this.#held = Buffer.alloc(0)
    return bytes
  }

  /** Reads until what came matches; resolves with all of it. */
  async until(pattern: RegExp): Promise<string> {
    let text = ''
    while (!pattern.test(text)) text += (await this.read()).toString('latin1')
    return text
  }

  spec(spec: Spec): void {
    this.#engine.spec(this.id, spec)
  }

  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    this.#wake?.()
  }

  closed(): void {
    this.#isClosed = true
    this.#wake?.()
  }
}

let program: string | undefined

/** Why the generator cannot be had here, or undefined. */
export function engineProblem(): string | undefined {
  if (process.platform !== 'linux') return 'the load generator needs Linux'
  if (compiler() === undefined) return 'the load generator needs a C compiler: apt-get install gcc libc6-dev'
  return undefined
}

function compiler(): string | undefined {
  return ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0)
}

/** Compiles the generator once for each run of the benchmark. */
function engineProgram(): string {
  if (program !== undefined) return program
  const folder = mkdtempSync(join(tmpdir(), 'palaver-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const built = join(folder, 'engine')
  const source = join(import.meta.dirname, 'engine', 'engine.c')
  const { status, stderr } = spawnSync(compiler() ?? 'cc', ['-O2', '-o', built, source], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot compile the load generator: ${stderr}`)
  program = built
  return built
}

export class Engine {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #wires: Wire[] = []
  readonly #connected = new Map<number, () => void>()
  #held: Buffer = Buffer.alloc(0)
  #onResult: ((result: RunResult) => void) | undefined
  #onEnd: ((error: Error) => void) | undefined

  constructor(core: number | undefined) {
    const program = engineProgram()
    const words = core === undefined ? [program] : ['taskset', '-c', String(core), program]
    this.#child = spawn(words[0] as string, words.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.#child.stdin.on('error', () => {})
    this.#child.on('exit', () => this.#onEnd?.(new Error('the load generator ended')))
  }

  /** Opens connections to a port of this machine; resolves when all are open. */
  async open(count: number, port: number): Promise<Wire[]> {
    const first = this.#wires.length
    const opened = Array.from({ length: count }, (_, i) => {
      const wire = new Wire(first + i, this)
      this.#wires.push(wire)
      return new Promise<void>((resolve) => this.#connected.set(wire.id, resolve))
    })
    const rest = Buffer.alloc(2)
    rest.writeUInt16LE(port)
    this.send(COMMAND.open, count, rest)
    await Promise.all(opened)
    return this.#wires.slice(first)
  }

  send(command: number, id: number, rest: Uint8Array): void {
    const head = Buffer.alloc(9)
    head.writeUInt32LE(5 + rest.length, 0)
    head.writeUInt8(command, 4)
    head.writeUInt32LE(id, 5)
    this.#child.stdin.write(Buffer.concat([head, rest]))
  }

  spec(id: number, spec: Spec): void {
    const head = Buffer.alloc(48)
    head.writeUInt32LE(flagsOf(spec), 0)
    head.writeDoubleLE(spec.gain, 4)
    head.writeUInt32LE(spec.window, 12)
    head.writeUInt32LE(spec.counter?.at ?? 0, 16)
    head.writeUInt32LE(spec.counter?.bytes ?? 0, 20)
    head.writeUInt32LE(spec.stampAt ?? NO_OFFSET, 24)
    head.writeBigUInt64LE(BigInt(spec.counter?.from ?? 0), 28)
    head.writeUInt32LE(spec.marker.length, 36)
    head.writeUInt32LE(spec.message.length, 40)
    this.send(COMMAND.spec, id, Buffer.concat([head.subarray(0, 44), spec.marker, spec.message]))
  }

  /** Runs the load; setting up is over. */
  run(options: RunOptions): Promise<RunResult> {
    const bytes = Buffer.alloc(24)
    bytes.writeDoubleLE(options.rate, 0)
    bytes.writeUInt32LE(options.warmMs, 8)
    bytes.writeUInt32LE(options.measureMs, 12)
    bytes.writeUInt32LE(options.pid, 16)
    bytes.writeUInt32LE(options.naps ? 1 : 0, 20)
    return new Promise((resolve, reject) => {
      this.#onResult = resolve
      this.#onEnd = reject
      this.send(COMMAND.run, bytes.readUInt32LE(0), bytes.subarray(4))
    })
  }

  /** Its clients read no more, and say nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  close(): void {
    this.#onEnd = undefined
    this.#child.kill('SIGCONT')
    this.send(COMMAND.close, 0, Buffer.alloc(0))
  }

  #onData(chunk: Buffer): void {
    let held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (held.length >= 4) {
      const size = held.readUInt32LE(0)
      if (held.length < 4 + size) break
      this.#onReport(held.readUInt8(4), held.subarray(5, 4 + size))
      held = held.subarray(4 + size)
    }
    this.#held = held
  }

  #onReport(type: number, bytes: Buffer): void {
    if (type === REPORT.result) return this.#onResult?.(readResult(bytes))
    const id = bytes.readUInt32LE(0)
    if (type === REPORT.connected) this.#connected.get(id)?.()
    if (type === REPORT.data) this.#wires[id]?.push(Buffer.from(bytes.subarray(4)))
    if (type === REPORT.closed) this.#wires[id]?.closed()
  }
}

function flagsOf(spec: Spec): number {
  const { meter, publisher, isReply } = spec
  return (meter ? FLAG.meter : 0) | (publisher ? FLAG.publisher : 0) | (isReply ? FLAG.reply : 0)
}

function readResult(bytes: Buffer): RunResult {
  const whole = (i: number): number => Number(bytes.readBigUInt64LE(24 + 8 * i))
  const latencies = wholes(bytes, RESULT_BYTES, bytes.readUInt32LE(RESULT_BYTES - 8))
  const lags = wholes(bytes, RESULT_BYTES + latencies.byteLength, bytes.readUInt32LE(RESULT_BYTES - 4))
  return {
    wallSeconds: bytes.readDoubleLE(0),
    serverCpuSeconds: bytes.readDoubleLE(8),
    ownCpuSeconds: bytes.readDoubleLE(16),
    bytes: whole(0),
    meterBytes: whole(1),
    meterMessages: whole(2),
    sent: whole(3),
    stalls: whole(4),
    lostConnections: whole(5),
    latencies: latencies.sort(),
    lags: lags.sort(),
  }
}

function wholes(bytes: Buffer, from: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => bytes.readUInt32LE(from + 4 * i))
}
