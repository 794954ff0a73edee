import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, jsonLines, MAIN } from './process.ts'

let home: Home

beforeEach(() => {
  home = new Home()
})

afterEach(() => home.end())

/** Every module and package that a built file loads, statically; with `all` what it can load later too. */
function loadedBy(file: string, all: boolean): Set<string> {
  const seen = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const text = readFileSync(path, 'utf8')
    const patterns = [
      /(?:from|import)\s+["']([^"']+)["']/gu,
      ...(all ? [/import\(["']([^"']+)["']\)/gu] : []),
    ]
    for (const pattern of patterns)
      for (const [, name = ''] of text.matchAll(pattern))
        if (name.startsWith('.')) visit(resolve(dirname(path), name))
        else seen.add(name)
  }
  visit(resolve(dirname(MAIN), file))
  return seen
}

describe('the programs', () => {
  it('load almost nothing before they know the command', () => {
    expect([...loadedBy('main.js', false)].map((path) => path.split('/').at(-1))).toEqual([
      'main.js',
      'version.js',
      'node:fs',
    ])
  })

  it('load neither the store nor the relay for a client', () => {
    for (const file of ['chat.js', 'send.js', 'recv.js', 'who.js', 'rooms.js', 'bench.js']) {
      const loaded = [...loadedBy(file, true)]
      expect(loaded.filter((path) => /lmdb|confusables|smol-toml|protocol\/relay/u.test(path))).toEqual([])
    }
  })

  it('begin every help with examples', async () => {
    const clients = ['chat', 'send', 'recv', 'who', 'rooms', 'doctor', 'bench']
    const commands = ['serve', 'admin', 'id', 'decode', ...clients]
    for (const command of commands) {
      const { code, stdout } = await home.run([command, '--help'])
      expect([code, stdout.split('\n')[2]]).toEqual([0, 'Examples'])
    }
    expect((await home.run(['--help'])).stdout.split('\n')[2]).toBe('Examples')
  })

  it('tell their version', async () => {
    expect((await home.run(['--version'])).stdout).toMatch(/^palaver \d+\.\d+\.\d+\n$/u)
    expect((await home.run(['send', '-V'])).stdout).toMatch(/^palaver \d/u)
  })

  it('warn of a link that is not encrypted', async () => {
    const { stderr } = await home.run(['rooms', 'tcp://192.0.2.1', '--timeout', '50ms'])
    expect(stderr).toContain('warning: tcp://192.0.2.1:7667 is not encrypted')
  })

  it('take the address from PALAVER_URL', async () => {
    const { tcp } = await home.relay()
    const env = { PALAVER_URL: tcp, PALAVER_ROOM: 'lobby', PALAVER_NICK: 'bot' }
    const { code, stdout } = await home.run(['send', 'two', 'words', '--json'], { env })
    expect([code, jsonLines(stdout)]).toEqual([0, [expect.objectContaining({ room: '#lobby' })]])
  })
})

describe('identities', () => {
  it('are made once, however many programs start at once, and only their owner can read them', async () => {
    const runs = await Promise.all(
      Array.from({ length: 5 }, () => home.run(['id', 'show', '--nick', 'bob', '--json'])),
    )
    const shown = runs.flatMap(({ stdout }) => jsonLines(stdout))
    expect(new Set(shown.map(({ key }) => key)).size).toBe(1)
    expect(shown.filter((each) => each['new'] === true)).toHaveLength(1)
    expect(statSync(shown[0]?.['path'] as string).mode & 0o777).toBe(0o600)
  })

  it('differ by nick, so that two programs of one user do not take over from each other', async () => {
    const keys: unknown[] = []
    for (const words of [
      ['--nick', 'alice'],
      ['--nick', 'bob'],
      [],
      ['--nick', 'tester'],
      ['--nick', 'ALICE'],
    ])
      keys.push(jsonLines((await home.run(['id', 'show', '--json', ...words])).stdout)[0]?.['key'])
    const [alice, bob, standard, tester, alias] = keys
    expect(new Set([alice, bob, standard]).size).toBe(3)
    expect([tester, alias]).toEqual([standard, alice])
  })

  it('that are damaged are not replaced', async () => {
    const [made] = jsonLines((await home.run(['id', 'show', '--nick', 'bob', '--json'])).stdout)
    writeFileSync(made?.['path'] as string, '{"seed":"00"}')
    const { code, stderr } = await home.run(['id', 'show', '--nick', 'bob'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('is damaged: restore it, or move it away')])
  })

  it('cannot be named so that their file is elsewhere', async () => {
    for (const name of ['../x', '.x', 'a/b', ''])
      expect((await home.run(['id', 'show', '--identity', name])).code).toBe(2)
  })
})

describe('serve', () => {
  it('tells people how to join', async () => {
    const running = home.start([
      'serve',
      '--ephemeral',
      '--admin',
      'off',
      '--name',
      'kitchen',
      '-l',
      'tcp://127.0.0.1:0',
    ])
    const first = await running.line((line) => line.startsWith('palaver '))
    const join1 = await running.line((line) => line.startsWith('join from this machine'))
    expect(first).toMatch(/^palaver \d+\.\d+\.\d+ {2}relay "kitchen" {3}tcp \d+$/u)
    const [, address = ''] = /palaver chat (tcp:\S+) lobby$/u.exec(join1) ?? []
    expect((await home.run(['rooms', address])).stdout).toBe('#lobby  0/2000\n')
    running.child.kill('SIGTERM')
    expect((await running.outcome).code).toBe(143)
  })

  it('is the same relay after a restart, and knows its names', async () => {
    const data = join(home.folder, 'data')
    const words = ['serve', '--json', '--admin', 'off', '--data', data, '-l', 'tcp://127.0.0.1:0']
    const prints: unknown[] = []
    for (let i = 0; i < 2; i++) {
      const running = home.start(words)
      const [listening] = jsonLines(await running.line((line) => line.includes('"listening"')))
      prints.push(listening?.['fingerprint'])
      const [address = ''] = (listening?.['addresses'] ?? []) as string[]
      const { code } = await home.run([
        'rooms',
        address,
        '--nick',
        'alice',
        '--identity',
        i === 0 ? 'first' : 'other',
      ])
      expect(code).toBe(i === 0 ? 0 : 6)
      running.child.kill('SIGINT')
      expect((await running.outcome).code).toBe(130)
    }
    expect(prints[0]).toBe(prints[1])
  })

  it('refuses a wrong configuration with its line', async () => {
    const path = join(home.folder, 'relay.toml')
    writeFileSync(path, '[limits]\nsesions = 5\n')
    const { code, stderr } = await home.run(['serve', '-c', path, '--check-config'])
    expect([code, stderr.split('\n')[0]]).toEqual([
      2,
      `error: ${path}:2: unknown key limits.sesions; did you mean limits.sessions?`,
    ])
    writeFileSync(path, '[limits]\nsessions = 5\n')
    expect((await home.run(['serve', '-c', path, '--check-config'])).code).toBe(0)
  })

  it('says when the port is taken', async () => {
    const { tcp } = await home.relay()
    const { code, stderr } = await home.run(['serve', '--ephemeral', '--admin', 'off', '-l', tcp])
    expect([code, stderr]).toEqual([3, expect.stringContaining('another program listens there already')])
  })

  it('traces frames without what people say or what they show to get in', async () => {
    const relay = await home.relay(['--trace-frames'])
    await home.run(['send', relay.udp, '-r', 'lobby', 'a secret text'], {
      env: { PALAVER_TOKEN: 'swordfish' },
    })
    relay.running.child.kill('SIGTERM')
    const { stderr } = await relay.running.outcome
    expect(stderr).toMatch(
      /udp 127\.0\.0\.1:\d+ > lane \d+ send conversation=1 ref=1 kind=0 body=\(13 bytes\)/u,
    )
    expect(stderr).toContain('token=(9 characters)')
    expect(stderr).not.toMatch(/secret|swordfish|FAULT/u)
  })
})
