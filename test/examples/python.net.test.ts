/** The second implementation, in Python: the vectors, and conversations with the programs here. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, MAIN, Running } from '../cli/process.ts'

const FOLDER = fileURLToPath(new URL('../../examples/python', import.meta.url))
const PYTHON = spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout ?? ''
const MISSING = !/^Python 3\.(1[0-9]|[2-9][0-9])/u.test(PYTHON)
if (MISSING)
  console.warn('python3 of version 3.10 or later is not here: the tests of examples/python are skipped')

const RUN_MS = 120_000
const KIT_MS = 300_000

let home: Home
let started: Running[]

beforeEach(() => {
  home = new Home()
  started = []
})

afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.map(({ outcome }) => outcome))
  await home.end()
})

function python(...words: string[]): Running {
  const env = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', HOME: home.folder }
  const running = new Running(spawn('python3', ['-m', ...words], { cwd: FOLDER, env }))
  started.push(running)
  return running
}

describe.skipIf(MISSING)('the implementation in Python', { timeout: RUN_MS }, () => {
  it('agrees with every vector', async () => {
    const { code, stdout } = await python('palaver.vectors').outcome
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('fails')])
    const counts = JSON.parse(stdout) as Record<string, number>
    expect(counts['frame']).toBeGreaterThan(3_000)
    expect(counts['handshake']).toBeGreaterThan(50)
  })

  it('keeps what the relay has to keep', async () => {
    const { code, stdout } = await python('palaver.walk').outcome
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('FAILS')])
    expect(stdout.match(/^ok/gmu)?.length).toBeGreaterThan(15)
  })

  it('has a client that keeps every sentence that the kit tests', { timeout: KIT_MS }, async () => {
    const shim = 'python3 -m palaver.shim'
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', HOME: home.folder }
    const kit = new Running(spawn(process.execPath, [MAIN, 'conform', '--stdio', shim], { cwd: FOLDER, env }))
    started.push(kit)
    const { code, stdout } = await kit.outcome
    expect([code, stdout]).toEqual([0, expect.stringMatching(/ stdio: \d+ passed, 0 failed of/u)])
  })

  it('has a client that talks through our relay', async () => {
    const { tcp } = await home.relay()
    const bob = python('palaver.chat', tcp.replace('tcp://', ''), 'lobby', '--name', 'bob')
    await bob.line((line) => line === '* bob joined')
    const sent = await home.run(['send', tcp, '-r', 'lobby', '--nick', 'alice', 'hello from here'])
    expect(sent).toMatchObject({ code: 0 })
    await bob.line((line) => line === 'alice: hello from here')
    bob.child.stdin.end('hello from Python\n')
    await bob.line((line) => line === 'bob: hello from Python')
    expect(await bob.outcome).toMatchObject({ code: 0, stderr: '' })
  })

  it('has a relay that serves our programs', async () => {
    const relay = python('palaver.serve', '--port', '0')
    const address = (await relay.line((line) => line.startsWith('listening'))).split(' ')[2]
    const tcp = `tcp://${address}`
    const bob = python('palaver.chat', `${address}`, 'lobby', '--name', 'bob')
    await bob.line((line) => line === '* bob joined')
    const sent = await home.run(['send', tcp, '-r', 'lobby', '--nick', 'alice', 'hello from here'])
    expect(sent).toMatchObject({ code: 0 })
    await bob.line((line) => line === 'alice: hello from here')
    //= PAL-HSK-060
    const foreign = await home.run(['send', tcp, '-r', 'lobby', '--nick', 'Zo\u00eb', 'hello'])
    expect([foreign.code, foreign.stderr]).toEqual([expect.any(Number), expect.stringContaining('bad_name')])
    const rooms = await home.run(['rooms', tcp, '--json', '--nick', 'carol'])
    expect(rooms.stdout).toContain('"room":"#lobby"')
    const who = await home.run(['who', tcp, '-r', 'lobby', '--json', '--nick', 'carol'])
    expect([who.code, who.stdout]).toEqual([0, expect.stringContaining('"name":"bob"')])
  })
})
