/** Whose key it is: what people see, compare and decide, with real programs. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Home, jsonLines, type Outcome, type Relay, type Running } from './process.ts'

let home: Home
let relay: Relay

beforeEach(async () => {
  home = new Home()
  relay = await home.relay()
})

afterEach(() => home.end())

function listening(nick: string, count: number): Running {
  const n = String(count)
  return home.start(['recv', relay.tcp, '-t', 'me', '-n', n, '--nick', nick, '--json', '--e2ee', 'require'])
}

async function send(from: string, to: string, text: string): Promise<Outcome> {
  return home.run(['send', relay.tcp, '-t', to, '--nick', from, '--e2ee', 'require', text])
}

/** alice and bob know each other, and nobody runs. */
async function met(): Promise<void> {
  const bob = listening('bob', 1)
  await bob.line((line) => line.includes('listening'))
  expect(await send('alice', 'bob', 'hello')).toMatchObject({ code: 0 })
  expect((await bob.outcome).code).toBe(0)
}

/** What `id` says of somebody, for programs. */
async function id(nick: string, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await home.run(['id', ...words, '--nick', nick, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return jsonLines(stdout).at(-1) ?? {}
}

/** The keys of somebody are gone, and new ones are made at the next start. */
async function loseKeys(nick: string): Promise<void> {
  const { stdout } = await home.run(['id', 'show', '--nick', nick, '--json'])
  const account = String(jsonLines(stdout)[0]?.['key']).slice(0, 32)
  const folder = join(home.folder, 'state', 'palaver', 'clients')
  for (const file of readdirSync(folder)) if (file.startsWith(account)) rmSync(join(folder, file))
}

test('both see the same safety number, and who types it is sure of the other one', async () => {
  await met()
  const [alice, bob] = [await id('alice', 'verify', 'bob'), await id('bob', 'verify', 'alice')]
  expect(alice['safety_number']).toMatch(/^(\d{5} ){11}\d{5}$/u)
  expect(alice['safety_number']).toBe(bob['safety_number'])
  expect(alice).toMatchObject({ state: 'tofu', verified: false, sealed: true, key_changed: false })
  const number = String(bob['safety_number'])
  const wrong = number.replace(/^\d/u, (digit) => String((Number(digit) + 1) % 10))
  const refused = await home.run(['id', 'verify', 'bob', wrong, '--nick', 'alice'])
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('the keys differ') })
  expect(await id('alice', 'verify', 'bob', number)).toMatchObject({ state: 'number', verified: true })
  expect(await id('bob', 'verify', 'alice', String(alice['qr']))).toMatchObject({
    state: 'qr',
    verified: true,
  })
  const ear = listening('alice', 1)
  await ear.line((line) => line.includes('listening'))
  await send('bob', 'alice', 'so it is you')
  expect(jsonLines((await ear.outcome).stdout).at(-1)).toMatchObject({
    text: 'so it is you',
    sealed: true,
    verified: true,
    key_changed: false,
  })
})

test('a fingerprint is shown by its owner and trusted by its reader; another one is not', async () => {
  await met()
  const own = await id('bob', 'show')
  expect(own).toMatchObject({
    type: 'sealing',
    fingerprint: expect.stringMatching(/^([a-z2-7]{4}-){12}[a-z2-7]{4}$/u),
  })
  const foreign = await id('alice', 'show')
  const refused = await home.run(['id', 'trust', 'bob', String(foreign['fingerprint']), '--nick', 'alice'])
  expect(refused.code).toBe(4)
  const typed = String(own['fingerprint']).replaceAll('-', ' ').toUpperCase()
  expect(await id('alice', 'trust', 'bob', typed)).toMatchObject({ state: 'fingerprint', verified: true })
  const { stdout } = await home.run(['id', 'list'])
  expect(stdout).toContain('✓ verified by fingerprint')
})

test('a changed key stops sending with exit code 4, until its user takes it', async () => {
  await met()
  const before = await id('alice', 'verify', 'bob')
  await loseKeys('bob')
  const ear = home.start(['recv', relay.tcp, '-t', 'me', '--nick', 'alice', '--json', '--e2ee', 'require'])
  await ear.line((line) => line.includes('listening'))
  await send('bob', 'alice', 'a new telephone')
  const told = JSON.parse(await ear.line((line) => line.includes('"key_changed"'))) as Record<string, unknown>
  expect(told).toMatchObject({ nick: 'bob', fingerprint: before['fingerprint'], was_verified: false })
  expect(ear.stdout).not.toContain('a new telephone')
  ear.child.kill('SIGTERM')
  await ear.outcome
  const stopped = await send('alice', 'bob', 'secret')
  expect(stopped).toMatchObject({ code: 4, stderr: expect.stringContaining('palaver id trust NICK') })
  const trusted = await id('alice', 'trust', 'bob')
  expect(trusted).toMatchObject({ fingerprint: told['claimed'], state: 'tofu', key_changed: false })
  const bob = listening('bob', 1)
  await bob.line((line) => line.includes('listening'))
  expect(await send('alice', 'bob', 'to the new one')).toMatchObject({ code: 0 })
  expect(jsonLines((await bob.outcome).stdout).at(-1)).toMatchObject({ text: 'to the new one', sealed: true })
}, 30_000)

test('a verified key gives way to a typed fingerprint only', async () => {
  await met()
  const { fingerprint } = await id('bob', 'show')
  await id('alice', 'trust', 'bob', String(fingerprint))
  await loseKeys('bob')
  const ear = home.start(['recv', relay.tcp, '-t', 'me', '--nick', 'alice', '--json', '--e2ee', 'require'])
  await ear.line((line) => line.includes('listening'))
  await send('bob', 'alice', 'a new telephone')
  await ear.line((line) => line.includes('"was_verified":true'))
  ear.child.kill('SIGTERM')
  await ear.outcome
  expect(await home.run(['id', 'trust', 'bob', '--nick', 'alice'])).toMatchObject({ code: 4 })
  const { fingerprint: fresh } = await id('bob', 'show')
  expect(await id('alice', 'trust', 'bob', String(fresh))).toMatchObject({
    verified: true,
    fingerprint: fresh,
  })
}, 30_000)

test('a backup comes back under its passphrase, and begins new sessions', async () => {
  await met()
  const before = await id('alice', 'show')
  writeFileSync(join(home.folder, 'pass'), 'a long passphrase\n')
  const words = ['--nick', 'alice', '--passphrase-file', 'pass']
  expect(await home.run(['id', 'export', 'alice.backup', ...words])).toMatchObject({ code: 0 })
  const backup = readFileSync(join(home.folder, 'alice.backup'))
  expect(backup.subarray(0, 7).toString()).toBe('PALAVER')
  await send('alice', 'bob', 'after the backup')
  expect(await home.run(['id', 'import', 'alice.backup', ...words])).toMatchObject({ code: 2 })
  const identities = join(home.folder, 'config', 'palaver', 'identities')
  await loseKeys('alice')
  rmSync(join(identities, 'alice.json'))
  writeFileSync(join(home.folder, 'wrong'), 'another passphrase')
  const wrong = await home.run(['id', 'import', 'alice.backup', '--passphrase-file', 'wrong'])
  expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining('does not open') })
  expect(await home.run(['id', 'import', 'alice.backup', '--passphrase-file', 'pass'])).toMatchObject({
    code: 0,
  })
  expect((await id('alice', 'show'))['fingerprint']).toBe(before['fingerprint'])
  const bob = listening('bob', 2)
  await bob.line((line) => line.includes('after the backup'))
  expect(await send('alice', 'bob', 'from the backup')).toMatchObject({ code: 0 })
  expect(jsonLines((await bob.outcome).stdout).at(-1)).toMatchObject({
    text: 'from the backup',
    sealed: true,
  })
}, 60_000)

test('two chats compare pictures, and both are sure after both said yes', async () => {
  const chat = (nick: string): Running =>
    home.start(['chat', relay.tcp, 'lobby', '--nick', nick, '--json', '--e2ee', 'prefer'])
  const [alice, bob] = [chat('alice'), chat('bob')]
  const type = (to: Running, line: string): boolean => to.child.stdin.write(`${line}\n`)
  for (const each of [alice, bob]) await each.line((line) => line.includes('"joined"'))
  type(alice, '/msg bob hello')
  await bob.line((line) => line.includes('"hello"') && line.includes('"sealed":true'))
  type(alice, '/verify bob')
  const words = await Promise.all(
    [alice, bob].map(async (each) => JSON.parse(await each.line((line) => line.includes('"words"')))),
  )
  expect(words[0].words).toHaveLength(7)
  expect(words[0].words).toEqual(words[1].words)
  expect(words[0].digits).toEqual(words[1].digits)
  type(alice, '/verify bob yes')
  await bob.line((line) => line.includes('"confirmed":"peer"'))
  type(bob, '/verify alice yes')
  for (const each of [alice, bob]) await each.line((line) => line.includes('"state":"verified"'))
  type(alice, '/msg bob sure')
  await bob.line((line) => line.includes('"sure"') && line.includes('"verified":true'))
  type(bob, '/key alice')
  await bob.line((line) => line.includes('"state":"sas"'))
}, 30_000)

test('nobody whom one never met is verified or trusted', async () => {
  await met()
  for (const action of ['verify', 'trust'])
    expect(await home.run(['id', action, 'carol', '--nick', 'alice'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('never met carol'),
    })
})
