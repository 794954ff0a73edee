/** `--e2ee`: sealed direct messages between programs, and refusals with exit code 4. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Home, jsonLines, type Relay } from './process.ts'

let home: Home
let relay: Relay

beforeEach(async () => {
  home = new Home()
  relay = await home.relay()
})

afterEach(() => home.end())

test('a message that has to be sealed comes sealed, and says so', async () => {
  const bob = home.start([
    'recv',
    relay.tcp,
    '-t',
    'me',
    '-n',
    '1',
    '--nick',
    'bob',
    '--json',
    '--e2ee',
    'require',
  ])
  await bob.line((line) => line.includes('listening'))
  const sent = await home.run([
    'send',
    relay.tcp,
    '-t',
    'bob',
    '--nick',
    'alice',
    '--e2ee',
    'require',
    'secret',
  ])
  expect([sent.code, sent.stderr]).toEqual([0, ''])
  const { code, stdout } = await bob.outcome
  expect(code).toBe(0)
  expect(jsonLines(stdout).at(-1)).toMatchObject({
    from: 'alice',
    text: 'secret',
    sealed: true,
    verified: false,
  })
})

test('without keys of the other one nothing is sent: exit code 4', async () => {
  const bob = home.start(['recv', relay.tcp, '-t', 'me', '--nick', 'bob', '--json'])
  await bob.line((line) => line.includes('listening'))
  const sent = await home.run([
    'send',
    relay.tcp,
    '-t',
    'bob',
    '--nick',
    'alice',
    '--e2ee',
    'require',
    'secret',
  ])
  expect(sent.code).toBe(4)
  expect(sent.stderr).toContain('gave no keys')
}, 30_000)
