/** What the specification asks of whole programs: what they keep, whom they trust, what they never do. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, newLibraryIdentity } from '../../src/node/library.ts'
import { Home, jsonLines, type Running } from './process.ts'

let home: Home
beforeEach(() => {
  home = new Home()
})
afterEach(() => home.end())

interface Served {
  readonly running: Running
  readonly address: string
  readonly admin: string
  readonly fingerprint: string
}

/** A relay that keeps its store in the home. */
async function serve(): Promise<Served> {
  const words = ['--data', join(home.folder, 'data'), '-l', 'tcp://127.0.0.1:0', '--admin', '127.0.0.1:0']
  const running = home.start(['serve', '--json', ...words])
  const [listening] = jsonLines(await running.line((line) => line.includes('"listening"')))
  const { addresses, admin, fingerprint } = listening as unknown as Served & { addresses: string[] }
  return { running, address: addresses[0] as string, admin, fingerprint }
}

function rooms(address: string, nick: string, identity: string): Promise<{ readonly code: number | null }> {
  return home.run(['rooms', address, '--nick', nick, '--identity', identity])
}

describe('a relay that is killed', () => {
  //= PAL-HSK-026
  //= PAL-MOD-012
  //= PAL-SEC-004
  test('knows its names, its bans and its key again, and nobody else can read them', async () => {
    const data = join(home.folder, 'data')
    const first = await serve()
    expect((await rooms(first.address, 'alice', 'first')).code).toBe(0)
    expect((await rooms(first.address, 'bob', 'second')).code).toBe(0)
    expect((await rooms(first.address, 'carol', 'third')).code).toBe(0)
    for (const words of [
      ['ban', 'bob=2h'],
      ['ban', 'carol'],
      ['unban', 'carol'],
    ])
      expect(await home.run(['admin', ...words, '--url', first.admin, '--data', data])).toMatchObject({
        code: 0,
      })
    first.running.child.kill('SIGKILL')
    await first.running.outcome

    const second = await serve()
    expect(second.fingerprint).toBe(first.fingerprint)
    const taken = await home.run(['rooms', second.address, '--nick', 'Alice', '--identity', 'other'])
    expect(taken.stderr).toContain('name_taken')
    const banned = await home.run(['rooms', second.address, '--nick', 'bobby', '--identity', 'second'])
    expect(banned.stderr).toContain('banned')
    expect((await rooms(second.address, 'alice', 'first')).code).toBe(0)
    expect((await rooms(second.address, 'carol', 'third')).code).toBe(0)
    const { mode } = statSync(join(home.folder, 'data', 'relay.mdb'))
    expect(mode & 0o077).toBe(0)
  })
})

describe('a client', () => {
  const pins = (): string => readFileSync(join(home.folder, 'config/palaver/known-relays.json'), 'utf8')

  //= PAL-HSK-017
  //= PAL-SEC-003
  test('keeps the key of a relay it met, and no other relay changes that', async () => {
    const first = await home.relay()
    expect(existsSync(join(home.folder, 'config/palaver/known-relays.json'))).toBe(false)
    expect((await home.run(['rooms', first.tcp])).code).toBe(0)
    const kept = pins()
    expect(Object.keys((JSON.parse(kept) as { relays: object }).relays)).toEqual([
      first.tcp.slice('tcp://'.length),
    ])
    first.running.child.kill('SIGKILL')
    await first.running.outcome
    const second = await home.relay(['-l', first.tcp])
    for (let i = 0; i < 2; i++) expect((await home.run(['rooms', second.tcp])).code).toBe(4)
    expect(pins()).toBe(kept)
  })

  //= PAL-MSG-009
  test('sends no text that is empty or too long', async () => {
    const { tcp } = await home.relay()
    await using session = await connect(tcp, { nick: 'alice', identity: newLibraryIdentity() })
    await using room = await session.join('lobby')
    for (const text of ['', 'x'.repeat(16_385), '\u00e9'.repeat(8193)])
      await expect(room.send(text)).rejects.toMatchObject({ code: 'bad_argument' })
    expect((await room.send('x'.repeat(16_384))).seq).toBe(2n)
    expect((await home.run(['send', tcp, '-r', 'x', '-'], { input: '' })).code).toBe(2)
    expect((await home.run(['send', tcp, '-r', 'x', '-'], { input: 'x'.repeat(16_385) })).code).toBe(2)
  })

  //= PAL-SEC-006
  //= PAL-SEC-007
  test('shows what came as harmless text, and runs none of it', async () => {
    const { tcp } = await home.relay()
    const ear = home.start(['recv', tcp, '-r', 'lobby', '--nick', 'ear', '-n', '2', '-v'])
    while (!ear.stderr.includes('listening')) await new Promise((done) => ear.child.stderr.once('data', done))
    const bomb = '$(touch pwned)`touch pwned`; touch pwned\x1b]0;owned\x07\x1b[2J\u202etxt.exe'
    const session = await connect(tcp, { nick: 'mallory', identity: newLibraryIdentity() })
    const room = await session.join('lobby')
    await room.send(bomb)
    await room.send(`second ${bomb}`)
    const { stdout, stderr } = await ear.outcome
    expect(stdout.replaceAll('\n', '') + stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(stdout).toContain('second $(touch pwned)')
    const script = 'name; touch pwned.sh'
    writeFileSync(join(home.folder, script), '#!/bin/sh\ntouch pwned\n', { mode: 0o755 })
    const box = home.start(['recv', tcp, '--json', '-t', 'me', '--nick', 'box', '-n', '1', '--save', 'inbox'])
    await box.line((line) => line.includes('"listening"'))
    expect((await home.run(['send', tcp, '-t', 'box', '--nick', 'eve', '--file', script])).code).toBe(0)
    expect((await box.outcome).code).toBe(0)
    const saved = join(home.folder, 'inbox', script)
    expect(statSync(saved).mode & 0o111).toBe(0)
    expect(existsSync(join(home.folder, 'pwned'))).toBe(false)
    expect(existsSync(join(home.folder, 'inbox', 'pwned'))).toBe(false)
    await session.close()
  })
})
