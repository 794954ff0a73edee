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

/** Starts a shim by a command line of the shell. One command is under way at a time. */
export function stdioClient(command: string): StdioClient {
  const child: ChildProcess = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] })
  let answer: ((line: string | undefined) => void) | undefined
  const settle = (line: string | undefined): void => {
    const waiting = answer
    answer = undefined
    waiting?.(line)
  }
  if (child.stdout) createInterface({ input: child.stdout }).on('line', settle)
  child.on('error', () => settle(undefined))
  child.on('exit', () => settle(undefined))
  // A shim that has ended takes no more commands; that shows as an answer that does not come.
  child.stdin?.on('error', () => {})
  return {
    async command(what) {
      const line = await new Promise<string | undefined>((resolve) => {
        const timer = setTimeout(() => settle(undefined), ANSWER_MS)
        answer = (text) => {
          clearTimeout(timer)
          resolve(text)
        }
        child.stdin?.write(`${JSON.stringify(what)}\n`)
      })
      return answerOf(line)
    },
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
