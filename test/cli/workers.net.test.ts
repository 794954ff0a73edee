/** `palaver serve --workers`: the processes, as a terminal and a supervisor treat them. */
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Home, jsonLines, type Relay } from './process.ts'

/** Linux tells the children of a process. */
function workersOf(relay: Relay): number[] {
  const { pid } = relay.running.child
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('serve --workers', () => {
  let home: Home

  beforeEach(() => {
    home = new Home()
  })

  afterEach(() => home.end())

  it('starts as many workers as are wished, and none by default', async () => {
    expect(workersOf(await home.relay(['--workers', '3'])).length).toBe(3)
    expect(workersOf(await home.relay())).toEqual([0])
    expect((await home.run(['serve', '--workers', '0'])).stderr).toContain('--workers')
  })

  it('says goodbye also when the terminal interrupts the workers first', async () => {
    const relay = await home.relay(['--workers', '2'])
    const near = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'bob', '--json'])
    const far = home.start(['recv', relay.udp, '-r', 'lobby', '--nick', 'carol', '--json'])
    for (const recv of [near, far]) await recv.line((line) => line.includes('"joined"'))
    const workers = workersOf(relay)
    for (const pid of workers) process.kill(pid, 'SIGINT')
    relay.running.child.kill('SIGINT')
    const { stdout } = await relay.running.outcome
    const closed = jsonLines(stdout).filter(({ type }) => type === 'session_closed')
    expect(closed.map(({ code }) => code)).toEqual(['going_away', 'going_away'])
    expect(workers.filter(isAlive)).toEqual([])
  })

  it('leaves no worker behind when it is killed', async () => {
    const relay = await home.relay(['--workers', '2'])
    const workers = workersOf(relay)
    expect(workers.filter(isAlive)).toEqual(workers)
    relay.running.child.kill('SIGKILL')
    await vi.waitFor(() => expect(workers.filter(isAlive)).toEqual([]), { timeout: 5000 })
  })

  it('shows the frames that its workers carry', async () => {
    const relay = await home.relay(['--workers', '2', '--trace-frames'])
    const text = ['send', relay.udp, '-r', 'lobby', '--nick', 'alice', 'hello']
    expect((await home.run(text)).code).toBe(0)
    await vi.waitFor(() => expect(relay.running.stderr).toMatch(/udp .* > .*send conversation=/u))
  })
})
