/** Several addresses of one relay: a race, its memory, and whom it may reach. */
import { createSocket, type Socket } from 'node:dgram'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/node/library.ts'
import { Home } from './process.ts'

let home: Home
const sockets: Socket[] = []

beforeEach(() => {
  home = new Home()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  await home.end()
})

/** A port where datagrams vanish, as behind a firewall that drops them. */
async function blockedUdp(): Promise<string> {
  const socket = createSocket('udp4')
  sockets.push(socket)
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
  return `udp://127.0.0.1:${socket.address().port}`
}

function winner(): unknown {
  const text = readFileSync(join(home.folder, 'config/palaver/known-relays.json'), 'utf8')
  const { relays } = JSON.parse(text) as { relays: Record<string, { winner?: string }> }
  return Object.values(relays)[0]?.winner
}

describe('a client with several addresses of a relay', () => {
  test('comes in over TCP where UDP is blocked, says so, and begins there the next time', async () => {
    //= PAL-STR-019
    const relay = await home.relay()
    const addresses = `${await blockedUdp()},${relay.tcp}`
    const first = await home.run(['rooms', addresses])
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('UDP may be blocked') })
    expect(first.stderr).toContain(`connected by ${relay.tcp}`)
    expect(winner()).toBe(relay.tcp)
    expect(await home.run(['rooms', addresses])).toMatchObject({ code: 0, stderr: '' })
  })

  test('forgets after an hour which address succeeded', async () => {
    //= PAL-STR-020
    const relay = await home.relay()
    const addresses = `${await blockedUdp()},${relay.tcp}`
    await home.run(['rooms', addresses])
    const path = join(home.folder, 'config/palaver/known-relays.json')
    const old = new Date(Date.now() - 3_700_000).toISOString()
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"wonAt": "[^"]*"/u, `"wonAt": "${old}"`))
    expect((await home.run(['rooms', addresses])).stderr).toContain('UDP may be blocked')
  })

  test('takes UDP where that answers, and tells nothing', async () => {
    const relay = await home.relay()
    const outcome = await home.run(['rooms', `tcp://127.0.0.1:1,${relay.udp}`])
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(winner()).toBe(relay.udp)
  })

  test('expects the same key at each of them', async () => {
    //= PAL-STR-021
    const known = await home.relay()
    const other = await home.relay()
    expect((await home.run(['rooms', known.tcp])).code).toBe(0)
    known.running.child.kill('SIGKILL')
    await known.running.outcome
    const outcome = await home.run(['rooms', `${known.tcp},${other.udp}`])
    expect(outcome).toMatchObject({ code: 4, stderr: expect.stringContaining('not the relay expected') })
    expect((await home.run(['rooms', other.udp])).code).toBe(0)
    const both = await home.run(['rooms', `${known.tcp},${other.tcp}`])
    expect(both.code).toBe(4)
  })

  test('names every address where none answers', async () => {
    const outcome = await home.run(['rooms', `tcp://127.0.0.1:1,${await blockedUdp()}`, '--timeout', '1s'])
    expect(outcome.code).toBe(3)
    expect(outcome.stderr).toContain('tcp://127.0.0.1:1')
    expect(outcome.stderr).toContain('udp://127.0.0.1:')
  })

  test('keeps its token off plain TCP to another machine, also when UDP is blocked there', async () => {
    const words = ['rooms', 'udp://198.51.100.1:9,tcp://198.51.100.1:9', '--timeout', '500ms']
    const outcome = await home.run(words, { env: { PALAVER_TOKEN: 'secret' } })
    expect(outcome.code).toBe(3)
    expect(outcome.stderr).not.toContain('tcp://')
  })

  test('is a race in the library too', async () => {
    const relay = await home.relay()
    const session = await connect(`${await blockedUdp()},${relay.tcp}`, { nick: 'alice' })
    expect(session.relay.address).toContain('127.0.0.1')
    await session.close()
  })

  test('and a relay does not listen on a list', async () => {
    const outcome = await home.run(['serve', '-l', 'tcp://127.0.0.1:0,udp://127.0.0.1:0'])
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining('give -l again') })
  })
})
