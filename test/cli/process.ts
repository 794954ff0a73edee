/** Runs the built programs as people do: real processes, a home of their own, a relay on a free port. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder for configuration, state and files, and the processes that use it. */
export class Home {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'palaver-cli-'))
  readonly #processes = new Set<Running>()

  get env(): Record<string, string> {
    const { PATH = '' } = process.env
    return {
      PATH,
      HOME: this.folder,
      USER: 'tester',
      TZ: 'UTC',
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      XDG_STATE_HOME: join(this.folder, 'state'),
    }
  }

  start(words: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const child = spawn(process.execPath, [MAIN, ...words], {
      env: { ...this.env, ...env },
      cwd: this.folder,
    })
    const running = new Running(child)
    this.#processes.add(running)
    return running
  }

  /** Runs to the end. */
  run(
    words: readonly string[],
    options: { input?: string | Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Outcome> {
    const running = this.start(words, options.env)
    running.child.stdin.end(options.input ?? '')
    return running.outcome
  }

  /** A relay on a free port; resolves when it listens. */
  async relay(words: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Relay> {
    const listen = words.includes('-l') ? [] : ['-l', 'tcp://127.0.0.1:0', '-l', 'udp://127.0.0.1:0']
    const admin = words.includes('--admin') ? [] : ['--admin', 'off']
    const keeps = words.includes('--data') ? [] : ['--ephemeral']
    const running = this.start(['serve', '--json', ...keeps, ...listen, ...admin, ...words], env)
    const line = await running.line((text) => text.includes('"listening"'))
    const { addresses, fingerprint, admin: adminUrl } = JSON.parse(line) as Listening
    const [tcp = '', udp = ''] = addresses
    return { running, tcp, udp, fingerprint, adminUrl }
  }

  async end(): Promise<void> {
    for (const running of this.#processes) running.child.kill('SIGKILL')
    await Promise.all([...this.#processes].map(({ outcome }) => outcome))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

interface Listening {
  readonly addresses: string[]
  readonly fingerprint: string
  readonly admin: string
}

export interface Relay {
  readonly running: Running
  readonly tcp: string
  readonly udp: string
  readonly fingerprint: string
  readonly adminUrl: string
}

export class Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly outcome: Promise<Outcome>
  stdout = ''
  stderr = ''
  readonly #waiting: (() => void)[] = []

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#more('stdout', text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#more('stderr', text))
    child.stdin.on('error', () => {})
    this.outcome = new Promise((resolve) => {
      child.on('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr })
        this.#wake()
      })
    })
  }

  #more(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /**
   * The first line of standard output for which `matches` holds; rejects when the process ends without it.
   */
  async line(matches: (line: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.stdout.split('\n').find(matches)
      if (found !== undefined) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`ended without the line: ${this.stdout}${this.stderr}`)
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }
}

/** Lines of NDJSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
