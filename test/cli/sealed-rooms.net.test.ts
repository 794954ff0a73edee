/** Sealed rooms with real programs, over a relay whose every byte is looked at. */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, connect as dial } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Home, jsonLines, type Relay, type Running } from './process.ts'

let home: Home
let relay: Relay
const cleanups: (() => unknown)[] = []

beforeEach(async () => {
  home = new Home()
  relay = await home.relay()
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  await home.end()
})

function chat(nick: string, address = relay.tcp): Running {
  return home.start(['chat', address, 'ops', '--nick', nick, '--json'])
}

function type(to: Running, line: string): void {
  to.child.stdin.write(`${line}\n`)
}

/** Waits for a line that holds all of the parts. */
function shows(by: Running, ...parts: string[]): Promise<string> {
  return by.line((line) => parts.every((part) => line.includes(part)))
}

/** Three in a sealed room, of which alice is admin. */
async function threeIn(room: (nick: string) => Running): Promise<[Running, Running, Running]> {
  const all = [room('alice'), room('bob'), room('carol')] as const
  for (const each of all) await shows(each, '"joined"', '#ops')
  const [alice, bob, carol] = all
  type(alice, '/sealed create #elsewhere')
  type(alice, '/sealed create #ops')
  await shows(alice, '"sealed_room"', '#ops')
  expect(alice.stderr + alice.stdout).toContain('you are not in #elsewhere')
  for (const [nick, each] of [
    ['bob', bob],
    ['carol', carol],
  ] as const) {
    type(alice, `/sealed add ${nick}`)
    await shows(each, '"room_invited"', '"by":"alice"')
    type(each, '/sealed accept')
    await shows(each, '"sealed_room"', '"open"')
  }
  // What bob says before he has heard of it is sealed for those who were there.
  await shows(bob, '"room_changed"', '"epoch":2')
  return [alice, bob, carol]
}

/** What passes on the way to the relay, both ways. */
async function tap(): Promise<{ address: string; seen: () => string }> {
  const seen: Buffer[] = []
  const port = Number(relay.tcp.split(':').at(-1))
  const server = createServer((socket) => {
    const onward = dial(port, '127.0.0.1')
    socket.on('data', (bytes) => seen.push(bytes)).pipe(onward)
    onward.on('data', (bytes) => seen.push(bytes)).pipe(socket)
    for (const each of [socket, onward]) each.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  const address = `tcp://127.0.0.1:${(server.address() as { port: number }).port}`
  return { address, seen: () => Buffer.concat(seen).toString('latin1') }
}

test('three talk, one is removed, and it reads no more even with all that the relay has', async () => {
  const way = await tap()
  const [alice, bob, carol] = await threeIn((nick) => chat(nick, way.address))
  type(bob, 'CANARY-one for all three')
  for (const each of [alice, carol]) await shows(each, 'CANARY-one', '"from":"bob"', '"sealed":true')
  type(alice, '/sealed remove carol')
  await shows(carol, '"room_changed"', '"removed"')
  await shows(bob, '"room_changed"', '"remove"', '"open"')
  type(bob, 'CANARY-two for two')
  await shows(alice, 'CANARY-two')
  // The relay gives carol every entry of the room, from the first to the last.
  await shows(carol, '"unreadable"', '"not_in_room"')
  type(carol, '/quit')
  await carol.outcome
  const again = await home.run([
    ...['recv', way.address, '-r', 'ops', '--nick', 'carol', '--json'],
    ...['--since', 'start', '--until-end'],
  ])
  expect(carol.stdout + again.stdout).not.toContain('CANARY-two')
  expect(way.seen()).not.toContain('CANARY')
  expect(way.seen().length).toBeGreaterThan(1000)
  const kept = join(home.folder, 'state', 'palaver', 'clients')
  const files = readdirSync(kept).map((file) => readFileSync(join(kept, file), 'latin1'))
  expect(files.join('')).not.toContain('CANARY')
}, 60_000)

test('nothing plain counts in a sealed room, whoever sends it', async () => {
  const [alice, bob] = await threeIn(chat)
  const sent = await home.run(['send', relay.tcp, '-r', 'ops', '--nick', 'dave', 'CANARY of a stranger'])
  expect(sent.code).toBe(0)
  for (const each of [alice, bob]) await shows(each, '"unreadable"', '"plain"')
  expect(alice.stdout).not.toContain('CANARY')
  const refused = await home.run([
    'send',
    relay.tcp,
    '-r',
    'other',
    '--nick',
    'dave',
    '--e2ee',
    'require',
    'x',
  ])
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('not sealed') })
}, 60_000)

test('send and recv use the room, also after both programs were away', async () => {
  const all = await threeIn(chat)
  for (const each of all) {
    type(each, '/quit')
    await each.outcome
  }
  const send = (nick: string, text: string) =>
    home.run(['send', relay.tcp, '-r', 'ops', '--nick', nick, '--json', text])
  expect(await send('alice', 'first')).toMatchObject({ code: 0 })
  expect(await send('alice', 'second')).toMatchObject({ code: 0 })
  expect(await send('bob', 'third')).toMatchObject({ code: 0 })
  const recv = (nick: string) =>
    home.run(['recv', relay.tcp, '-r', 'ops', '--nick', nick, '--json', '--since', 'last', '--until-end'])
  const texts = (stdout: string): unknown[] =>
    jsonLines(stdout).flatMap((each) => (each['type'] === 'message' ? [each['text']] : []))
  expect(texts((await recv('carol')).stdout)).toEqual(['first', 'second', 'third'])
  expect(texts((await recv('bob')).stdout)).toEqual(['first', 'second'])
  expect(texts((await recv('carol')).stdout)).toEqual([])
}, 60_000)

test('who is away is added by what its program left at the relay, and reads from then on', async () => {
  const carol = chat('carol')
  await shows(carol, '"joined"', '#ops')
  type(carol, '/quit')
  await carol.outcome
  const alice = chat('alice')
  await shows(alice, '"joined"', '#ops')
  type(alice, '/sealed create #ops')
  await shows(alice, '"sealed_room"', '#ops')
  type(alice, '/sealed add carol')
  await shows(alice, '"room_changed"', '"add"', 'carol')
  type(alice, 'before you came')
  type(alice, '/quit')
  await alice.outcome
  // Neither of them runs now.
  const back = chat('carol')
  await shows(back, '"room_invited"', '"by":"alice"')
  type(back, '/sealed accept')
  await shows(back, 'before you came', '"from":"alice"', '"sealed":true')
  type(back, 'thank you')
  type(back, '/quit')
  await back.outcome
  const read = await home.run([
    ...['recv', relay.tcp, '-r', 'ops', '--nick', 'alice', '--json'],
    ...['--since', 'last', '--until-end'],
  ])
  expect(read.stdout).toContain('thank you')
}, 60_000)

test('members leave, are made admin, and get new keys', async () => {
  const [alice, bob, carol] = await threeIn(chat)
  type(alice, '/sealed admin bob')
  await shows(bob, '"room_changed"', '"role"')
  type(carol, '/sealed leave')
  await shows(alice, '"room_leaving"')
  await shows(carol, '"room_changed"', '"removed"')
  type(bob, '/sealed rekey')
  await shows(alice, '"room_changed"', '"rekey"')
  type(bob, '/sealed remove alice')
  await shows(alice, '"room_changed"', '"removed"', '"by":"bob"')
}, 60_000)
