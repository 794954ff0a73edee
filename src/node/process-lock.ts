/** One process at a time: a file that names its owner, and is void when that process is no more. */
import { readFileSync, rmSync } from 'node:fs'
import { createFile, readFileIfAny, systemCode, withFileLock } from './private-file.ts'

/** Position of the start time behind the name of the program in /proc/PID/stat. */
const START_FIELD = 19

/** Takes the lock; undefined when a living process has it. The function returned gives it back. */
export function takeProcessLock(path: string): (() => void) | undefined {
  const own = `${process.pid} ${startOf(process.pid) ?? ''}`
  const isTaken = withFileLock(path, () => {
    const holder = readFileIfAny(path)
    if (holder !== undefined && isAlive(holder)) return false
    rmSync(path, { force: true })
    return createFile(path, own)
  })
  if (!isTaken) return undefined
  return () => {
    if (readFileIfAny(path) === own) rmSync(path, { force: true })
  }
}

/** Numbers of processes are used again: the time of the start, where it can be known, tells them apart. */
function isAlive(holder: string): boolean {
  const [pid = '', start = ''] = holder.trim().split(' ')
  if (!/^\d+$/u.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return false
  }
  const found = startOf(Number(pid))
  return found === undefined || start === '' || found === start
}

function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[START_FIELD]
  } catch {
    return undefined
  }
}
