/** Signals that end a command in good order. */
import { Interrupted } from './exit.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Rejects with Interrupted at the first signal; the second one ends the process at once. */
export function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    let count = 0
    for (const signal of SIGNALS)
      process.on(signal, () => {
        count += 1
        const reason = new Interrupted(signal)
        if (count > 1) process.exit(reason.exit)
        reject(reason)
      })
  })
  interrupted.catch(() => {})
  return interrupted
}
