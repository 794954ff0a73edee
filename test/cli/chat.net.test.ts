import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, jsonLines, type Relay, type Running } from './process.ts'

describe('chat through a pipe', () => {
  let home: Home
  let relay: Relay

  beforeEach(async () => {
    home = new Home()
    relay = await home.relay()
  })

  afterEach(() => home.end())

  async function listening(words: readonly string[], address: string = relay.tcp): Promise<Running> {
    const running = home.start(['recv', address, '--json', ...words])
    await running.line((line) => /"(joined|listening)"/u.test(line))
    return running
  }

  it('writes a transcript without one escape byte, even when the colours are forced', async () => {
    const env = { FORCE_COLOR: '1', TERM: 'xterm-256color' }
    const input = 'hello\n/me waves\n//slash\n/msg nobody hi\n'
    const { code, stdout, stderr } = await home.run(['chat', relay.tcp, '--nick', 'alice'], { input, env })
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/u)
    const lines = stdout
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /u, '').replace(/[a-z2-7-]{19}$/u, 'FP'))
    expect(lines.slice(2)).toEqual(['alice: hello', '* alice waves', 'alice: /slash', ''])
    expect(stderr).toContain('nobody: ')
    expect(code).toBe(2)
  })

  it('shows controls of others as signs', async () => {
    const ear = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'ear', '-n', '1', '-v'])
    while (!ear.stderr.includes('listening')) await new Promise((done) => ear.child.stderr.once('data', done))
    await home.run(['send', relay.udp, '-r', 'lobby', '--nick', 'evil'], {
      input: 'a\x1b[2J\n12:00:00 bob: fake\u202e',
    })
    const { stdout } = await ear.outcome
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d evil: a␛\[2J\n {9}12:00:00 bob: fake<202E>\n$/u)
  })

  it('never sends an unknown command, and says so in its exit code', async () => {
    const ear = await listening(['-r', 'lobby', '--nick', 'ear', '-n', '1'])
    const { code, stderr } = await home.run(['chat', relay.tcp, '--nick', 'alice'], {
      input: '/jion x\nthe end\n',
    })
    expect([code, stderr]).toEqual([
      2,
      'error: there is no command /jion; nothing was sent\n  did you mean /join?\n',
    ])
    expect(jsonLines((await ear.outcome).stdout).at(-1)).toMatchObject({ type: 'message', text: 'the end' })
  })

  it('leaves only when everything was acknowledged', async () => {
    const ear = await listening(['-r', 'lobby', '--nick', 'ear', '-n', '600'])
    const input = Array.from({ length: 600 }, (_, i) => `line ${i}\n`).join('')
    expect((await home.run(['chat', relay.udp, '--nick', 'alice'], { input })).code).toBe(0)
    const texts = jsonLines((await ear.outcome).stdout)
      .filter(({ type }) => type === 'message')
      .map(({ text }) => text)
    expect(texts).toEqual(Array.from({ length: 600 }, (_, i) => `line ${i}`))
  })

  it('speaks JSON in which every line has v and type first', async () => {
    const talk = home.start(['chat', relay.tcp, '--nick', 'alice', '--json'])
    await talk.line((line) => line.includes('"joined"'))
    await home.run(['send', relay.tcp, '-r', 'lobby', '--nick', 'bob', 'hello'])
    await talk.line((line) => line.includes('left the relay'))
    talk.child.stdin.end('/nosuch\nbye\n')
    const { stdout, stderr } = await talk.outcome
    for (const line of [...stdout.split('\n'), ...stderr.split('\n')].filter((each) => each !== ''))
      expect(line).toMatch(/^\{"v":1,"type":"[a-z]+"/u)
    expect(jsonLines(stdout).map(({ type, event, own }) => event ?? own ?? type)).toEqual([
      'status',
      'joined',
      'joined',
      false,
      'left',
      true,
    ])
    expect(jsonLines(stderr)).toMatchObject([{ type: 'error', code: 'usage' }])
  })

  it('brings direct messages to one person only', async () => {
    const box = await listening(['-t', 'me', '--nick', 'box', '-n', '1'])
    const ear = await listening(['-r', 'lobby', '--nick', 'ear', '-w', '400ms'])
    expect((await home.run(['send', relay.udp, '-t', 'box', '--nick', 'alice', 'psst'])).code).toBe(0)
    expect(jsonLines((await box.outcome).stdout).at(-1)).toMatchObject({
      direct: 'alice',
      from: 'alice',
      text: 'psst',
    })
    expect((await ear.outcome).code).toBe(8)
  })

  it('hands each message to a command', async () => {
    const command = 'printf "%s %s %s %s" "$PALAVER_FROM" "$PALAVER_ROOM" "$PALAVER_KIND" "$(cat)"; echo'
    const hook = home.start([
      'recv',
      relay.tcp,
      '-r',
      'lobby',
      '--nick',
      'hook',
      '-n',
      '2',
      '-v',
      '--exec',
      command,
    ])
    while (!hook.stderr.includes('listening'))
      await new Promise((done) => hook.child.stderr.once('data', done))
    await home.run(['send', relay.tcp, '-r', 'lobby', '--nick', 'bot', '--lines'], { input: '$(id)\ntwo\n' })
    expect(await hook.outcome).toMatchObject({
      code: 0,
      stdout: 'bot #lobby text $(id)\nbot #lobby text two\n',
    })
  })

  it('carries a file of many parts whole, twice, and overwrites nothing', async () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 3)
    writeFileSync(join(home.folder, 'photo.jpg'), bytes)
    const box = await listening(['-t', 'me', '--nick', 'box', '-n', '2', '--save', 'inbox'])
    for (let i = 0; i < 2; i++) {
      const sent = await home.run([
        'send',
        relay.udp,
        '-t',
        'box',
        '--nick',
        'alice',
        '--file',
        'photo.jpg',
        '--json',
      ])
      expect(jsonLines(sent.stdout)).toMatchObject([{ type: 'sent', file: 'photo.jpg', size: 200_000 }])
    }
    const files = jsonLines((await box.outcome).stdout).filter((line) => line['type'] === 'file')
    expect(files.map(({ saved }) => saved)).toEqual(['inbox/photo.jpg', 'inbox/photo-2.jpg'])
    for (const { saved } of files)
      expect(readFileSync(join(home.folder, saved as string)).equals(bytes)).toBe(true)
  })

  it('refuses a text that is too long and says how to send it', async () => {
    const { code, stderr } = await home.run(['send', relay.tcp, '-r', 'lobby'], { input: 'x'.repeat(16_385) })
    expect([code, stderr]).toEqual([2, expect.stringContaining('--file')])
  })

  it('gives raw bodies byte for byte', async () => {
    const ear = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'ear', '-n', '1', '--raw', '-v'])
    while (!ear.stderr.includes('listening')) await new Promise((done) => ear.child.stderr.once('data', done))
    await home.run(['send', relay.tcp, '-r', 'lobby', '--nick', 'bot'], { input: 'a\x1b\nb\n' })
    expect((await ear.outcome).stdout).toBe('a\x1b\nb\n')
  })
})
