/** A client behind a shim in a process of its own (spec chapter 19). */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { ClientUnderTest, ShimAnswer } from './client-player.ts'
import { CaseFailure } from './failure.ts'

const ANSWER_MS = 10_000

/** A shim that was started. */
export interface StdioClient extends ClientUnderTest {
  stop(): void
}

/**
 * Starts a shim by a command line of the shell. One command is under way at a time. A shim that ended is
 * started again at the next `start`, which forgets everything anyway.
 */
export function stdioClient(command: string): StdioClient {
  let shim = startShim(command)
  return {
    async command(what) {
      if (what['do'] === 'start' && shim.isOver()) shim = startShim(command)
      return answerOf(await shim.ask(`${JSON.stringify(what)}\n`))
    },
    stop: () => shim.stop(),
  }
}

interface Shim {
  /** The line that it answers; undefined when none comes. */
  ask(line: string): Promise<string | undefined>
  isOver(): boolean
  stop(): void
}

function startShim(command: string): Shim {
  const child: ChildProcess = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] })
  let answer: ((line: string | undefined) => void) | undefined
  let isOver = false
  const settle = (line: string | undefined): void => {
    const waiting = answer
    answer = undefined
    waiting?.(line)
  }
  const end = (): void => {
    isOver = true
    settle(undefined)
  }
  if (child.stdout) createInterface({ input: child.stdout }).on('line', settle).on('close', end)
  child.on('error', end)
  // A shim that has ended takes no more commands; that shows as an answer that does not come.
  child.stdin?.on('error', () => {})
  return {
    ask(line) {
      if (isOver) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const timer = setTimeout(() => settle(undefined), ANSWER_MS)
        answer = (text) => {
          clearTimeout(timer)
          resolve(text)
        }
        child.stdin?.write(line)
      })
    },
    isOver: () => isOver,
    stop: () => void child.kill(),
  }
}

function answerOf(line: string | undefined): ShimAnswer {
  if (line === undefined) throw new CaseFailure('the shim does not answer', ['PAL-CNF-001'])
  try {
    const found = JSON.parse(line) as ShimAnswer
    if (Array.isArray(found.write) && Array.isArray(found.events)) return found
  } catch {
    // Not JSON: told below.
  }
  throw new CaseFailure(`the shim answers ${line.slice(0, 200)}`, ['PAL-CNF-004'])
}
