/**
 * Two network namespaces joined by the emulated lossy link of `emulator.c`. Needs root, /dev/net/tun, nsenter
 * and a C compiler; `whyNoNetwork` tells what is missing.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Settings of the link; those of one direction end in the direction. All are off at the start. */
export interface LinkSettings {
  readonly 'delay-ms'?: number
  readonly 'jitter-ms'?: number
  /** Percent of the packets from A to B, and from B to A. */
  readonly 'loss-ab'?: number
  readonly 'loss-ba'?: number
  readonly duplicate?: number
  readonly reorder?: number
  readonly 'reorder-ms'?: number
  readonly 'good-ms'?: number
  readonly 'bad-ms'?: number
  readonly 'rate-kbit'?: number
  readonly 'queue-bytes'?: number
  /** Packets larger than that vanish. */
  readonly 'hole-bytes'?: number
  /** 1: nothing gets through. */
  readonly outage?: 0 | 1
  /** 1: side A is behind a NAT. */
  readonly nat?: 0 | 1
  /** 1: no UDP gets through. */
  readonly 'block-udp'?: 0 | 1
  readonly seed?: number
}

/** Packets towards one side. */
export interface DirectionCount {
  readonly in: number
  readonly out: number
  readonly lost: number
  readonly queueDropped: number
  readonly outageDropped: number
  readonly bytes: number
}

export type CongestionControlName = 'cubic' | 'bbr' | 'reno'

const ALLOWED = '/proc/sys/net/ipv4/tcp_allowed_congestion_control'
const TUN = '/dev/net/tun'
/** Of the block that RFC 2544 sets aside for measuring networks. */
const ADDRESS_A = '198.18.77.1'
const ADDRESS_B = '198.18.77.2'

/** Why there can be no such network here; undefined when there can. */
export function whyNoNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK)
  } catch {
    return `needs ${TUN}`
  }
  for (const program of ['cc', 'nsenter'])
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' })
    } catch {
      return `needs the program ${program}`
    }
  return undefined
}

/** One side of the link. */
export interface Side {
  readonly address: string
  /** What the kernel said when asked which congestion control its TCP uses there. */
  readonly congestionControl: string
  /** Starts a program in the namespace. */
  spawn(command: string, words: readonly string[], options?: SpawnOptions): ChildProcess
}

export class LossyNetwork {
  readonly a: Side
  readonly b: Side
  readonly #emulator: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(emulator: ChildProcess, lines: AsyncIterator<string>, sides: readonly [Side, Side]) {
    this.#emulator = emulator
    this.#lines = lines
    this.a = sides[0]
    this.b = sides[1]
  }

  /** Builds the emulator, starts it and makes both namespaces. */
  static async open(congestionControl: CongestionControlName = 'cubic'): Promise<LossyNetwork> {
    allow(congestionControl)
    const folder = mkdtempSync(join(tmpdir(), 'palaver-lossy-'))
    const program = join(folder, 'emulator')
    execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'emulator.c'), '-lm'])
    const emulator = spawn(program, [ADDRESS_A, ADDRESS_B, congestionControl], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: emulator.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    const first = await lines.next()
    rmSync(folder, { recursive: true })
    if (first.done || !first.value.startsWith('ready ')) throw new Error('the emulator did not start')
    const [, pid, spaceA, spaceB, ccA = '', ccB = ''] = first.value.split(' ')
    const side = (space: string | undefined, address: string, control: string): Side => ({
      address,
      congestionControl: control,
      spawn: (command, words, options = {}) =>
        spawn('nsenter', [`--net=/proc/${pid}/fd/${space}`, '--', command, ...words], options),
    })
    return new LossyNetwork(emulator, lines, [side(spaceA, ADDRESS_A, ccA), side(spaceB, ADDRESS_B, ccB)])
  }

  get pid(): number {
    return this.#emulator.pid as number
  }

  /** Changes settings of the running link. */
  async set(settings: LinkSettings): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await this.#ask(`${name} ${value}`)
  }

  /** The NAT forgets every mapping: what A sends next comes from another port. */
  async rebind(): Promise<void> {
    await this.#ask('forget')
  }

  async counters(): Promise<{ readonly ab: DirectionCount; readonly ba: DirectionCount }> {
    return JSON.parse(await this.#ask('counters')) as { ab: DirectionCount; ba: DirectionCount }
  }

  async #ask(line: string): Promise<string> {
    this.#emulator.stdin?.write(`${line}\n`)
    const { value, done } = await this.#lines.next()
    if (done || value === 'unknown setting') throw new Error(`the emulator refused "${line}"`)
    return value
  }

  /** Ends the emulator; the namespaces go with the last process in them. */
  async close(): Promise<void> {
    const ended = new Promise((done) => this.#emulator.once('exit', done))
    this.#emulator.stdin?.end()
    await ended
    if (--networkCount === 0) restoreAllowed()
  }
}

/** What the machine allowed before the first network, while there is one that changed it. */
let allowedBefore: string | undefined
let networkCount = 0

/** Without this a namespace silently keeps the congestion control of the machine. */
function allow(congestionControl: string): void {
  const before = readFileSync(ALLOWED, 'utf8').trim()
  networkCount++
  if (before.split(' ').includes(congestionControl)) return
  if (allowedBefore === undefined) process.once('exit', restoreAllowed)
  allowedBefore ??= before
  writeFileSync(ALLOWED, `${before} ${congestionControl}`)
}

/** Leaves the machine as it was once the last network is gone. */
function restoreAllowed(): void {
  if (allowedBefore !== undefined) writeFileSync(ALLOWED, allowedBefore)
  allowedBefore = undefined
  process.off('exit', restoreAllowed)
}
