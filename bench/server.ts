/** Servers under test: started with settings of their own, pinned to a core, stopped by their process id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_MS = 15_000
const STOP_MS = 3000
const DIAL_PAUSE_MS = 30
const TEXT_KEPT = 4000

/** Which cores the two sides are kept on; undefined where there is no taskset, or just one core. */
export interface Cores {
  readonly server: number | undefined
  readonly engine: number | undefined
}

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A folder and a port for one server. */
export interface Place {
  readonly port: number
  readonly folder: string
  /** Writes a file into the folder and returns its path. */
  file(name: string, text: string): string
}

export class Server {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string
  #text = ''
  #ended = false

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child
    this.port = port
    this.#folder = folder
    const keep = (chunk: Buffer): void => {
      this.#text = (this.#text + chunk.toString()).slice(-TEXT_KEPT)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('exit', () => {
      this.#ended = true
    })
  }

  /** Starts what `launch` says and waits until its port accepts. */
  static async start(launch: (place: Place) => Launch, core: number | undefined): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), 'palaver-bench-'))
    const port = await freePort()
    const file = (name: string, text: string): string => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    }
    const { command, args, env } = launch({ port, folder, file })
    const words = core === undefined ? [command, ...args] : ['taskset', '-c', String(core), command, ...args]
    const child = spawn(words[0] as string, words.slice(1), {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const server = new Server(child, port, folder)
    await server.#untilAccepting()
    return server
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  /** What it printed last. */
  get text(): string {
    return this.#text
  }

  /** Bytes of memory in use, by all its processes. */
  memoryBytes(): number {
    return [this.pid, ...this.helpers()].reduce((sum, pid) => sum + memoryBytesOf(pid), 0)
  }

  /** Seconds that its threads have run, those that ended not counted. */
  cpuSeconds(): number {
    return [this.pid, ...this.helpers()].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  }

  /** The processes that it started. */
  helpers(): number[] {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim()
    return children === '' ? [] : children.split(' ').map(Number)
  }

  async stop(): Promise<void> {
    if (!this.#ended) {
      const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
      this.#child.kill('SIGTERM')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #untilAccepting(): Promise<void> {
    const until = Date.now() + START_MS
    while (!(await accepts(this.port))) {
      if (this.#ended || Date.now() > until) {
        await this.stop()
        throw new Error(`the server did not start: ${this.#text}`)
      }
      await new Promise((done) => setTimeout(done, DIAL_PAUSE_MS))
    }
  }
}

/** The same for any process. */
export function cpuSecondsOf(pid: number): number {
  const folder = `/proc/${pid}/task`
  const nanoseconds = readdirSync(folder).map((task) => {
    try {
      return Number(readFileSync(join(folder, task, 'schedstat'), 'utf8').split(' ')[0])
    } catch {
      // The thread has just ended.
      return 0
    }
  })
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9
}

function memoryBytesOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0) * 1024
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Whether a program can be found. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}
