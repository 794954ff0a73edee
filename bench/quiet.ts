/**
 * Conditions that make figures comparable: Reno on a loopback of our own, and precedence over other programs.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

const CONGESTION = '/proc/sys/net/ipv4/tcp_congestion_control'
const INSIDE = 'PALAVER_BENCH_INSIDE'
const PRIORITY = -15
const IN_NAMESPACE = `ip link set lo up && echo reno > ${CONGESTION} && exec "$@"`

/**
 * Runs this program again in a network namespace whose congestion control is Reno: BBR paces on loopback too.
 * Resolves with its exit code, or with undefined when it is to run as it is.
 */
export async function runInNamespace(): Promise<number | undefined> {
  if (process.getuid?.() !== 0 || process.env[INSIDE] !== undefined) return undefined
  if (spawnSync('unshare', ['-n', 'sh', '-c', IN_NAMESPACE, 'sh', 'true']).status !== 0) return undefined
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  // A session of its own, so that its precedence is its own too.
  const child = spawn('unshare', ['-n', 'sh', '-c', IN_NAMESPACE, 'sh', ...again], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, [INSIDE]: '1' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.kill(-(child.pid as number), signal))
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

/** Goes before other programs where that is allowed; servers and the generator inherit it. */
export function takePrecedence(): void {
  if (process.env[INSIDE] === undefined) return
  try {
    setPriority(PRIORITY)
    writeFileSync('/proc/self/autogroup', String(PRIORITY))
  } catch {
    // The figures are as good as the machine is idle.
  }
}

export function congestionControl(): string {
  try {
    return readFileSync(CONGESTION, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
