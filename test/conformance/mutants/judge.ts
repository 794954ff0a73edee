/** A process of its own that judges mutants: a faulty machine may hang or end it. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Mutant } from './catalogue.ts'
import { CASES } from './trials.ts'
import type { Verdict } from './world.ts'

/** Processor time that a case may take. */
const HANG_MS = 20_000
const WATCH_MS = 1000
const TICK_MS = 10

/** What the process tells: the case it begins, or what became of the mutant. */
export type Message = { readonly at: string } | { readonly verdict: Verdict }

/** One process that judges mutants one after the other; replaced when it hangs. */
export class Judge {
  readonly #program: string
  #process: ChildProcess
  /** What the process had used, in milliseconds, when it was heard last. */
  #usedThen = 0
  #at = ''
  #busyWith: Mutant | undefined
  #resolve: (verdict: Verdict) => void = () => {}

  /** `program` takes indices of mutants as messages when it is started with `--child`. */
  constructor(program: string) {
    this.#program = program
    this.#process = this.#start()
    setInterval(() => this.#watch(), WATCH_MS).unref()
  }

  #start(): ChildProcess {
    const made = fork(this.#program, ['--child'], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    made.on('message', (message: Message) => {
      this.#usedThen = usedMs(made)
      if ('at' in message) this.#at = message.at
      else this.#finish(message.verdict)
    })
    made.on('exit', () => {
      if (made !== this.#process || !this.#busyWith) return
      this.#process = this.#start()
      this.#finish(this.#verdict('the program ended'))
    })
    return made
  }

  #verdict(what: string): Verdict {
    const broken = this.#busyWith?.requirements ?? []
    const played = CASES.find((trial) => trial.played.id === this.#at)?.played
    const cites = broken.some((id) => played?.requirements.includes(id))
    const mutant = this.#busyWith?.id ?? ''
    return { mutant, outcome: 'killed', by: `${this.#at} (${what})`, cites, reached: 0 }
  }

  #watch(): void {
    // Before the first case the process is loading, which takes as long as the machine is busy.
    if (!this.#busyWith || this.#at === '' || usedMs(this.#process) - this.#usedThen < HANG_MS) return
    const hung = this.#process
    this.#process = this.#start()
    hung.kill('SIGKILL')
    this.#finish(this.#verdict('it hangs'))
  }

  #finish(verdict: Verdict): void {
    this.#busyWith = undefined
    this.#resolve(verdict)
  }

  judge(mutant: Mutant, index: number): Promise<Verdict> {
    this.#busyWith = mutant
    this.#at = ''
    this.#process.send(index)
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  stop(): void {
    this.#process.kill()
  }
}

/** The processor time of a process where the system tells it; elsewhere time as it passes. */
function usedMs({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /u, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return performance.now()
  }
}
