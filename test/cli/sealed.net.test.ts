/** Sealed direct messages between programs: without being told to, to those who are away, and refusals. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Home, jsonLines, type Outcome, type Relay, type Running } from './process.ts'

let home: Home
let relay: Relay

beforeEach(async () => {
  home = new Home()
  relay = await home.relay()
})

afterEach(() => home.end())

function recv(nick: string, ...words: string[]): Running {
  return home.start(['recv', relay.tcp, '-t', 'me', '--nick', nick, '--json', ...words])
}

function send(from: string, to: string, text: string, ...words: string[]): Promise<Outcome> {
  return home.run(['send', relay.tcp, '-t', to, '--nick', from, ...words, text])
}

/** Somebody was there once, and has keys at the relay. */
async function wasHere(nick: string, ...words: string[]): Promise<void> {
  const running = recv(nick, ...words)
  await running.line((line) => line.includes('listening'))
  running.child.kill('SIGINT')
  await running.outcome
}

/** The messages that somebody gets now, until nothing comes any more. */
async function waiting(nick: string, ...words: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await recv(nick, '--until-end', ...words).outcome
  return jsonLines(stdout).filter((line) => line['type'] === 'message')
}

//= PAL-TRU-016
test('whoever has keys is written to sealed, without being asked', async () => {
  const bob = recv('bob', '-n', '1')
  await bob.line((line) => line.includes('listening'))
  const sent = await send('alice', 'bob', 'secret')
  expect([sent.code, sent.stderr]).toEqual([0, ''])
  const { code, stdout } = await bob.outcome
  expect(code).toBe(0)
  const [message] = jsonLines(stdout).filter((line) => line['type'] === 'message')
  expect(message).toMatchObject({ from: 'alice', text: 'secret', sealed: true, verified: false })
})

//= PAL-TRU-015
test('whoever has none is written to plainly, and that is said', async () => {
  await wasHere('bob', '--e2ee', 'off')
  const sent = await send('alice', 'bob', 'hello')
  expect(sent.code).toBe(0)
  expect(sent.stderr).toContain('not sealed')
  expect(await waiting('bob', '--e2ee', 'off')).toMatchObject([{ text: 'hello' }])
})

test('without keys of the other one nothing is sent where sealing is required: exit code 4', async () => {
  await wasHere('bob', '--e2ee', 'off')
  const sent = await send('alice', 'bob', 'secret', '--e2ee', 'require')
  expect(sent.code).toBe(4)
  expect(sent.stderr).toContain('gave no keys')
  expect(await waiting('bob', '--e2ee', 'off')).not.toContainEqual(
    expect.objectContaining({ text: 'secret' }),
  )
}, 30_000)

//= PAL-TRU-013
test('what was sealed once is not plain again, whatever is asked for', async () => {
  await wasHere('bob')
  expect((await send('alice', 'bob', 'one')).code).toBe(0)
  const sent = await send('alice', 'bob', 'two', '--e2ee', 'off')
  expect(sent.code).toBe(4)
  expect(sent.stderr).toContain('sealed before')
  expect((await send('alice', 'bob', 'three')).code).toBe(0)
  const got = await waiting('bob')
  expect(got.map(({ text, sealed }) => [text, sealed])).toEqual([
    ['one', true],
    ['three', true],
  ])
})

describe('a relay that keeps things', () => {
  let data: string

  /** The relay is killed, and another one comes with what it kept, at the same address. */
  async function restarted(): Promise<void> {
    relay.running.child.kill('SIGKILL')
    await relay.running.outcome
    relay = await home.relay(['--data', data, '-l', relay.tcp])
  }

  beforeEach(async () => {
    data = join(home.folder, 'relay')
    relay = await home.relay(['--data', data, '-l', 'tcp://127.0.0.1:0'])
  })

  //= PAL-SDC-025
  test('lets a conversation begin while the other one is away, over its own restart', async () => {
    await wasHere('bob')
    await restarted()
    const texts = ['the first of two', 'the second of two']
    for (const text of texts) expect((await send('alice', 'bob', text, '--e2ee', 'require')).code).toBe(0)
    await restarted()
    const got = await waiting('bob')
    expect(got.map(({ text }) => text)).toEqual(texts)
    expect(got.every(({ sealed }) => sealed === true)).toBe(true)
    // What was opened does not come again, and an answer is read by who began.
    expect(await waiting('bob')).toEqual([])
    expect((await send('bob', 'alice', 'an answer to both')).code).toBe(0)
    expect(await waiting('alice')).toMatchObject([{ text: 'an answer to both', sealed: true }])
    const kept = readdirSync(data).map((file) => readFileSync(join(data, file)))
    for (const text of [...texts, 'an answer to both'])
      expect(kept.some((bytes) => bytes.includes(text))).toBe(false)
  }, 60_000)

  test('does not have a message doubled or lost when its reader is killed', async () => {
    await wasHere('bob')
    for (const text of ['one', 'two', 'three']) await send('alice', 'bob', text)
    // The command never ends: what it was given is opened, and not applied.
    const reader = recv('bob', '--exec', 'cat >> seen; exec sleep 20 >&- 2>&-')
    const seen = join(home.folder, 'seen')
    while (!existsSync(seen) || readFileSync(seen, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 50))
    reader.child.kill('SIGKILL')
    await reader.outcome
    expect((await waiting('bob')).map(({ text }) => text)).toEqual(['one', 'two', 'three'])
    expect(await waiting('bob')).toEqual([])
  }, 60_000)

  test('takes a message with an id once, however often it is sent', async () => {
    await wasHere('bob')
    for (let round = 0; round < 3; round++)
      expect((await send('alice', 'bob', 'once', '--id', 'a-1')).code).toBe(0)
    expect((await waiting('bob')).map(({ text }) => text)).toEqual(['once'])
  }, 60_000)
})
